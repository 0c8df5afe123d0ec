"""Running experiments: finished work is reused, and only what is missing is computed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uwe._types import FloatArray, IntArray, Progress
from uwe.data import Dataset
from uwe.errors import InputError, RunError
from uwe.experiment.initial import draw_rows, initial_rows, initial_rows_path
from uwe.experiment.opening import Opening, open_run
from uwe.experiment.parallel import do_jobs
from uwe.experiment.plan import make_plan, require_disk_space, supervised_plan
from uwe.experiment.prepared import Prepared, prepare, require_distinct
from uwe.experiment.settings import Experiment
from uwe.journal import Answered, Event, Queried, Trained
from uwe.runs import has_own_cycle0
from uwe.runs.cycles import cycle_rows
from uwe.runs.digests import digest_of
from uwe.runs.lock import held, waited_for
from uwe.runs.log_file import logged_to
from uwe.tasks import Metric

__all__ = ["Result", "initialize", "run", "run_cycle0", "supervise"]

log = logging.getLogger("uwe")


@dataclass(frozen=True)
class Result:
    """A finished run.

    Attributes:
        experiment: what was run.
        table: its CSV, one row a cycle.
        rows: the content of that CSV.
        metric: the headline metric of the task: its column, unit and direction.
    """

    experiment: Experiment
    table: Path
    rows: list[dict[str, Any]]
    metric: Metric

    @property
    def labels(self) -> IntArray:
        """Labelled rows after each cycle."""
        return np.array([row["n_labeled"] for row in self.rows], dtype=np.int64)

    @property
    def values(self) -> FloatArray:
        """The headline metric on the test rows after each cycle, as stored: shares in 0..1."""
        return np.array([row[self.metric.test_column] for row in self.rows], dtype=np.float64)

    @property
    def accuracy(self) -> FloatArray:
        """Test accuracy after each cycle, 0..1.

        Raises:
            InputError: the task has another metric, which `values` gives.
        """
        if self.metric.name != "accuracy":
            raise InputError(
                f"the metric of this run is {self.metric.name}, not accuracy; read result.values"
            )
        return self.values


def run(
    experiments: Experiment | Prepared | Sequence[Experiment | Prepared],
    *,
    jobs: int = 1,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
) -> list[Result]:
    """Run experiments, each from where it stands, one after another or several at once.

    The initial rows and the cycle-0 model are made once for each seed and shared by all
    strategies. Kill the process at any moment and call again: the files end up the same.

    Args:
        experiments: one, or several; or what `prepare` returned for them.
        jobs: number of runs at once, each in a process of its own; the results are the same.
        dataset: data set to use instead of the one that the experiments name.
        progress: callback.

    Returns:
        One `Result` for each experiment, in their order.

    Raises:
        InputError: a setting does not fit; nothing has been written.
        DataError: the data set is missing or broken; nothing has been written.
        RunError: a run is held by another process, has other settings, or cannot go on.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> [result] = run(Experiment("digits", strategy="bvsb", budgets=(20, 30), model="small",
    ...                           epochs=1, pool_size=100, test_size=50, results=folder))
    >>> result.labels.tolist()
    [20, 30]
    """
    if isinstance(jobs, bool) or not isinstance(jobs, int):
        raise InputError(f"jobs must be a whole number, not {jobs!r}")
    prepared = _prepared(experiments, dataset, progress)
    require_disk_space(make_plan(prepared))
    _require_trainable(prepared)
    if jobs != 1:
        do_jobs(prepared, jobs=jobs, progress=progress)
    return [run_one(each, progress) for each in prepared]


def run_cycle0(
    experiment: Experiment | Prepared,
    *,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
) -> Result:
    """Make the initial rows and the cycle-0 model that all strategies of a seed share."""
    [prepared] = _prepared(experiment, dataset, progress)
    require_disk_space(make_plan([prepared])[:1])
    events = ensure_cycle0(prepared, progress)
    return Result(
        prepared.experiment,
        prepared.cycle0_files.table,
        cycle_rows(events),
        prepared.dataset.task.headline,
    )


def initialize(
    experiment: Experiment | Prepared,
    *,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
) -> Path:
    """Draw the initial rows, and return the file that holds them."""
    [prepared] = _prepared(experiment, dataset, progress)
    with _cycle0_held(prepared):
        initial_rows(prepared)
    return initial_rows_path(prepared)


def supervise(
    experiment: Experiment | Prepared,
    *,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
) -> Result:
    """Train on every label of the pool: the upper bound. Strategy and budgets are not used."""
    [prepared] = _prepared(experiment, dataset, progress)
    require_disk_space(supervised_plan([prepared]))
    files = prepared.supervised_files
    name = f"supervised, seed {prepared.experiment.seed}"
    n = len(prepared.dataset.train)
    with held(files.lock, name), logged_to(files.log):
        opening = Opening(name, prepared.run.supervised(), (n,), prepared.first_settings(n))
        opened = open_run(prepared, opening, initial=np.arange(n), progress=progress)
        events = opened.finish(opened.events(()), (n,))
    return Result(
        prepared.experiment, files.table, cycle_rows(events), prepared.dataset.task.headline
    )


def run_one(prepared: Prepared, progress: Progress | None = None) -> Result:
    """Run one experiment from where it stands."""
    files, labels = prepared.files, prepared.experiment.labels
    cycles = prepared.experiment.run.cycles
    stop = None if cycles is None else cycles + 1
    opening = Opening(prepared.name, prepared.run, labels, prepared.settings(), prepared.strategy)
    with held(files.lock, f"the run {prepared.name}"):
        own = has_own_cycle0(files)
        cycle0 = [] if own else ensure_cycle0(prepared, progress)
        base = None if own else prepared.cycle0_files
        with logged_to(files.log):
            opened = open_run(
                prepared, opening, initial=draw_rows(prepared), base=base, progress=progress
            )
            events = opened.events(cycle0)
            if not own:
                _check_same_cycle0(events, cycle0, prepared)
            events = opened.finish(events, labels[:stop])
    return Result(
        prepared.experiment, files.table, cycle_rows(events), prepared.dataset.task.headline
    )


def ensure_cycle0(prepared: Prepared, progress: Progress | None = None) -> list[Event]:
    """The events of the cycle-0 run of the seed, which is finished now if it is not yet."""
    experiment = prepared.experiment
    first = experiment.labels[:1]
    opening = Opening(
        f"seed {experiment.seed}", prepared.run.cycle0(), first, prepared.first_settings(first[0])
    )
    with _cycle0_held(prepared), logged_to(prepared.cycle0_files.log):
        initial = initial_rows(prepared)
        opened = open_run(prepared, opening, initial=initial, progress=progress)
        return opened.finish(opened.events(()), first)


def _require_trainable(prepared: Sequence[Prepared]) -> None:
    """Train estimators with parameters once on the rows of cycle 0, before a file is written.

    scikit-learn looks at some parameters in training alone, and the record of a run with a wrong
    one would stand in the way of the right one.

    Raises:
        RunError: the estimator cannot be trained.
    """
    from uwe.learners import SklearnLearner

    first = {id(each.learner): each for each in reversed(prepared)}
    for each in first.values():
        learner, data = each.learner, each.dataset
        named = each.experiment.learner
        is_plain = isinstance(named.model, str) and not named.model_options
        if is_plain or not isinstance(learner, SklearnLearner):
            continue
        if each.cycle0_files.journal.exists() or has_own_cycle0(each.files):
            continue
        rows = draw_rows(each)
        log.disabled, former = True, log.disabled  # what it has to say follows in cycle 0
        try:
            learner.fit(
                data.train.x[rows], data.train.y[rows], task=data.task, seed=each.experiment.seed
            )
        finally:
            log.disabled = former


def _iterable(given: Any) -> Iterable[Any]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(f"an Experiment or a list of them is needed, not {given!r}")
    return given


def _prepared(
    given: Experiment | Prepared | Sequence[Experiment | Prepared],
    dataset: Dataset | None,
    progress: Progress | None,
) -> list[Prepared]:
    """The experiments checked; those that have been checked already stay as they are."""
    several = [given] if isinstance(given, Experiment | Prepared) else list(_iterable(given))
    for each in several:
        if not isinstance(each, Experiment | Prepared):
            raise InputError(f"an Experiment is needed, not {each!r} of type {type(each).__name__}")
    plain = [each for each in several if not isinstance(each, Prepared)]
    done = [each for each in several if isinstance(each, Prepared)]
    if done and dataset is not None:
        raise InputError("prepared experiments have their data set; leave dataset out")
    checked = iter(prepare(plain, dataset=dataset, progress=progress) if plain or not done else [])
    found = [each if isinstance(each, Prepared) else next(checked) for each in several]
    require_distinct(found)
    return found


@contextmanager
def _cycle0_held(prepared: Prepared) -> Iterator[None]:
    what = f"cycle 0 of seed {prepared.experiment.seed}"
    lock = prepared.cycle0_files.lock
    with waited_for(lock, what, tell=lambda message: log.warning("%s", message)):
        yield


def _check_same_cycle0(
    events: Sequence[Event], cycle0: Sequence[Event], prepared: Prepared
) -> None:
    """The run must have begun from the cycle-0 model that is there now, whole."""
    began, there = (_cycle0_digest(each) for each in (events, cycle0))
    path = prepared.cycle0_files.model(0)
    if began != there:
        raise RunError(
            f"the run {prepared.name} uses a cycle-0 model that was trained again later "
            f"({path}); choose another --results folder"
        )
    if _first_query(events) != _first_query(cycle0):
        raise RunError(
            f"the run {prepared.name} began with other rows or labels than "
            f"{prepared.cycle0_files.journal}; restore the two journals from a copy, or choose "
            "another --results folder"
        )
    if not path.exists() or digest_of(path) != there:
        raise RunError(
            f"{path} does not match the model recorded in its journal; remove the files of cycle 0 "
            "and its runs, or choose another --results folder"
        )


def _first_query(events: Sequence[Event]) -> tuple[tuple[int, ...], dict[int, Any]]:
    """The rows of cycle 0, and what was first answered about each."""
    rows = next((event.rows for event in events if isinstance(event, Queried)), ())
    answers: dict[int, Any] = {}
    for event in events:
        if isinstance(event, Answered):
            for row, value in zip(event.rows, event.values, strict=True):
                answers.setdefault(row, value)
    return rows, {row: answers.get(row) for row in rows}


def _cycle0_digest(events: Sequence[Event]) -> str | None:
    trained = [event for event in events if isinstance(event, Trained)]
    return trained[0].facts.get("model_digest") if trained else None
