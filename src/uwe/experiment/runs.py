"""Running experiments: whatever is missing is done, whatever is there is kept."""

from __future__ import annotations

import csv
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from uwe._files import remove_unfinished, write_text
from uwe._random import derive_seed
from uwe._types import IntArray, Progress, Rows
from uwe.data import Dataset
from uwe.errors import RunError
from uwe.experiment.opening import as_json, open_journal, open_work
from uwe.experiment.parallel import do_tasks
from uwe.experiment.plan import make_plan, require_disk_space, supervised_plan
from uwe.experiment.prepare import Prepared, cycle0_files_of, files_of, prepare, supervised_files_of
from uwe.experiment.settings import Experiment
from uwe.experiment.steps import digest_of, finish
from uwe.experiment.tasks import lent, tasks_of
from uwe.journal import Event, Trained
from uwe.runs import RunFiles, initial_rows_file
from uwe.runs.cycles import csv_text, cycle_rows
from uwe.runs.record import held, logged_to, open_record, waited_for
from uwe.selection import uniform

__all__ = [
    "Result",
    "initialize",
    "run",
    "run_cycle0",
    "supervise",
]

log = logging.getLogger("uwe")

_INITIAL_COLUMNS = ("rank", "idx", "label", "id")


@dataclass(frozen=True)
class Result:
    """A finished run.

    Attributes:
        experiment: what was run.
        table: its CSV, one row a cycle.
        rows: the content of that CSV.
    """

    experiment: Experiment
    table: Path
    rows: list[dict[str, Any]]

    @property
    def labels(self) -> IntArray:
        """Labelled rows after each cycle."""
        return np.array([row["n_labeled"] for row in self.rows], dtype=np.int64)

    @property
    def accuracy(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Test accuracy after each cycle, 0..1."""
        return np.array([row["te_accuracy"] for row in self.rows], dtype=np.float64)


def run(
    experiments: Experiment | Sequence[Experiment],
    *,
    jobs: int = 1,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
) -> list[Result]:
    """Run experiments from wherever each of them stands, one after another or several at once.

    The initial rows and the cycle-0 model are made once for each seed and shared by all
    strategies. Killing the process at any moment and calling again ends in the same files.

    Args:
        experiments: one, or several.
        jobs: how many run at once, each in a process of its own; the results are the same.
        dataset: instead of the one that the experiments name.
        progress: is told how it goes.

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
    several = [experiments] if isinstance(experiments, Experiment) else list(experiments)
    prepared = prepare(several, dataset=dataset, progress=progress)
    require_disk_space(make_plan(prepared))
    if jobs != 1:
        with lent(dataset) as shared:
            do_tasks(tasks_of(prepared), jobs=jobs, dataset=shared, progress=progress)
    return [_run_one(each, progress) for each in prepared]


def run_cycle0(
    experiment: Experiment, *, dataset: Dataset | None = None, progress: Progress | None = None
) -> Result:
    """Make the initial rows and the cycle-0 model that all strategies of a seed share."""
    [prepared] = prepare([experiment], dataset=dataset, progress=progress)
    require_disk_space(make_plan([prepared])[:1])
    files, events = _ensure_cycle0(prepared, progress)
    return Result(experiment, files.table, cycle_rows(events))


def initialize(
    experiment: Experiment, *, dataset: Dataset | None = None, progress: Progress | None = None
) -> Path:
    """Draw the initial rows, and return the file that holds them."""
    [prepared] = prepare([experiment], dataset=dataset, progress=progress)
    with _cycle0_held(prepared):
        _initial_rows(prepared)
    return _initial_file(prepared)


def supervise(
    experiment: Experiment, *, dataset: Dataset | None = None, progress: Progress | None = None
) -> Result:
    """Train on every label of the pool: the upper bound. Strategy and budgets are not used."""
    [prepared] = prepare([experiment], dataset=dataset, progress=progress)
    require_disk_space(supervised_plan([prepared]))
    files = supervised_files_of(prepared)
    name = f"supervised, seed {experiment.seed}"
    n = len(prepared.dataset.train)
    with held(files.lock, name), logged_to(files.log):
        settings = prepared.first_settings(n)
        work = open_work(prepared, files, name, settings, progress, initial=np.arange(n))
        events = finish(replace(work, budgets=(n,)), open_journal(work, ()))
    return Result(experiment, files.table, cycle_rows(events))


def _run_one(prepared: Prepared, progress: Progress | None) -> Result:
    experiment, files = prepared.experiment, files_of(prepared)
    settings = prepared.settings()
    with held(files.lock, f"the run {prepared.name}"):
        base, cycle0 = _ensure_cycle0(prepared, progress)
        with logged_to(files.log):
            work = open_work(prepared, files, prepared.name, settings, progress, base=base)
            events = open_journal(work, cycle0)
            _check_same_cycle0(events, cycle0, prepared)
            stop = None if experiment.cycles is None else experiment.cycles + 1
            events = finish(replace(work, budgets=experiment.labels[:stop]), events)
    return Result(experiment, files.table, cycle_rows(events))


def _ensure_cycle0(prepared: Prepared, progress: Progress | None) -> tuple[RunFiles, list[Event]]:
    """The cycle-0 run of this seed, finished; made now if it is not there."""
    files = cycle0_files_of(prepared)
    experiment = prepared.experiment
    name = f"seed {experiment.seed}"
    settings = prepared.first_settings(experiment.labels[0])
    with _cycle0_held(prepared), logged_to(files.log):
        initial = _initial_rows(prepared)
        work = open_work(prepared, files, name, settings, progress, initial=initial)
        return files, finish(replace(work, budgets=experiment.labels[:1]), open_journal(work, ()))


@contextmanager
def _cycle0_held(prepared: Prepared) -> Iterator[None]:
    lock = cycle0_files_of(prepared).lock
    what = f"cycle 0 of seed {prepared.experiment.seed}"
    with waited_for(lock, what, tell=lambda message: log.warning("%s", message)):
        yield


def _initial_rows(prepared: Prepared) -> Rows:
    """The rows of cycle 0: drawn and written, or read and compared."""
    experiment, dataset = prepared.experiment, prepared.dataset
    path = _initial_file(prepared)
    settings = {
        "dataset": dataset.name,
        "pool size": len(dataset.train),
        "data fingerprint": dataset.fingerprint,
        "seed": experiment.seed,
        "rows of cycle 0": experiment.labels[0],
    }
    record = path.with_suffix(".json")
    remove_unfinished(path.parent, path.stem)
    open_record(record, settings, experiment=as_json(experiment), fixed={})
    if path.exists():
        return _read_initial(path, experiment.labels[0], len(dataset.train))
    rows = uniform(
        len(dataset.train),
        experiment.labels[0],
        seed=derive_seed(experiment.seed, 0, "initial rows"),
    )
    lines = ((i, row, int(dataset.train.y[row]), dataset.ids[row]) for i, row in enumerate(rows))
    write_text(path, csv_text(_INITIAL_COLUMNS, lines))
    return rows


def _read_initial(path: Path, k: int, n: int) -> Rows:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [int(line["idx"]) for line in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} is not a file of initial rows: {error}") from error
    if len(rows) != k:
        raise RunError(f"{path} holds {len(rows)} rows, but cycle 0 has {k}; was it edited?")
    times = Counter(rows)
    wrong = [row for row in rows if not 0 <= row < n or times[row] > 1]
    if wrong:
        raise RunError(
            f"{path} names row {wrong[0]}, which is outside the pool of {n} rows or there twice; "
            "was it edited?"
        )
    return np.array(rows, dtype=np.int64)


def _initial_file(prepared: Prepared) -> Path:
    experiment = prepared.experiment
    return initial_rows_file(
        experiment.results,
        experiment.dataset,
        seed=experiment.seed,
        budget_id=prepared.budget_id,
    )


def _check_same_cycle0(
    events: Sequence[Event], cycle0: Sequence[Event], prepared: Prepared
) -> None:
    """The run must have begun from the cycle-0 model that is there now, whole."""
    began, there = (_cycle0_digest(each) for each in (events, cycle0))
    path = cycle0_files_of(prepared).model(0)
    if began != there:
        raise RunError(
            f"the run {prepared.name} began from a cycle-0 model that has been made anew since "
            f"({path}); choose another --results folder"
        )
    if not path.exists() or digest_of(path) != there:
        raise RunError(
            f"{path} is not the model that its journal speaks of; remove the files of cycle 0 "
            "and its runs, or choose another --results folder"
        )


def _cycle0_digest(events: Sequence[Event]) -> str | None:
    trained = [event for event in events if isinstance(event, Trained)]
    return trained[0].facts.get("model_digest") if trained else None
