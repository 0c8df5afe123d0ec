"""A labelling project: ask for rows, tell the answers, train; over days, by several people."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from uwe import journal
from uwe._files import make_folder, write_bytes, write_text
from uwe._json import json_value
from uwe._random import derive_seed
from uwe._types import Progress
from uwe.errors import InputError, RunError
from uwe.journal import Event, Queried, Settled, Skipped, Withdrawn
from uwe.learners import Learner, make_learner, model_name
from uwe.pool import Pool
from uwe.project.answers import Answer, Told, events_of
from uwe.project.embedding import embedded
from uwe.project.files import ProjectFiles
from uwe.project.ids import Ids
from uwe.project.items import Items, handed_over, open_items
from uwe.project.manifest import (
    Change,
    Manifest,
    compared,
    read_manifest,
    taken_in,
    write_manifest,
)
from uwe.project.settings import ProjectSettings, read_settings, write_settings
from uwe.project.training import (
    Trainer,
    dataset_of,
    is_stale,
    last_training,
    read_predictions,
)
from uwe.runs.lock import held, is_held
from uwe.selecting.reasons import explained
from uwe.selecting.sheet import contact_sheet
from uwe.selecting.tables import pick_rows, picks_csv
from uwe.selection import uniform
from uwe.strategies import Picks, Question, Strategy, as_strategy
from uwe.tasks import Flags, Task, find_task, is_missing
from uwe.tasks.targets import names_in

__all__ = ["Project", "State"]

log = logging.getLogger("uwe")

_PERSON = "annotator"
_IMPORT = "import"
_TRIES = 5


@dataclass(frozen=True)
class State:
    """Where a project stands.

    Attributes:
        rows: items in the pool.
        labelled: rows whose label counts.
        outstanding: rows that were given out and are not answered.
        skipped: rows that were skipped.
        unasked: of the labelled rows, those that nobody asked about.
        disagreements: rows about which people differ.
        batches: how many batches were given out.
        by_person: rows that each person answered.
        by_class: labelled rows of each class; empty where there are no classes.
        trained_on: labels that the last model was trained on; None without a model.
        is_stale: whether labels changed since.
    """

    rows: int
    labelled: int
    outstanding: int
    skipped: int
    unasked: int
    disagreements: int
    batches: int
    by_person: Mapping[str, int]
    by_class: Mapping[str, int]
    trained_on: int | None
    is_stale: bool


class Project:
    """A pool that people label in rounds, in a folder that any process may open.

    The folder's journal is the state: several processes may tell answers at once, and a process may
    be killed at any moment. `ask` and `tell` never wait for answers or for a training.

    Args:
        folder: of the project; it is made if it does not exist.
        pool: rows of numbers ``[n, d]``, a list of texts, a `Dataset`, or the path of a folder of
            images, a table, or a pool with embeddings.
        learner: the name of a model, a classifier or regressor of scikit-learn, a function that
            makes a network, or an object with fit and predict.
        strategy: a name or a value.
        task: a name or a value.
        classes: names of the classes, for a task that is given by name.
        labels: what is labelled already: a mapping from id to label, or `Answer`; by default the
            column of labels of a table.
        seed: of every draw, at least 1.
        answers_per_row: how many people must answer a row before its label counts.
        more: further fields of `ProjectSettings`: ``label``, ``text``, ``embed``, ``image_size``,
            ``model_options``, ``network``, ``options``, ``task_options``.

    Raises:
        InputError: a setting does not fit, or the folder holds another project.
        DataError: the pool cannot be read, or has lost or changed rows since the project was made.

    >>> import tempfile
    >>> x = np.random.default_rng(0).normal(size=(40, 2))
    >>> project = Project(Path(tempfile.mkdtemp()) / "mine.uwe", x, "sklearn:logistic",
    ...                   classes=["left", "right"])
    >>> rows = project.ask(4)
    >>> told = project.tell(rows, ["right" if x[row, 0] > 0 else "left" for row in rows], by="ann")
    >>> project.train()
    True
    >>> len(project.ask(3)), project.state().labelled
    (3, 4)
    """

    def __init__(
        self,
        folder: str | Path,
        pool: Any,
        learner: Any = "sklearn:logistic",
        *,
        strategy: str | Strategy = "uwe",
        task: str | Task = "classification",
        classes: Sequence[str] = (),
        labels: Mapping[str, Any] | Sequence[Answer] | None = None,
        seed: int = 1,
        answers_per_row: int = 1,
        progress: Progress | None = None,
        **more: Any,
    ) -> None:
        files = ProjectFiles(Path(folder).expanduser())
        is_path = isinstance(pool, str | Path)
        settings = ProjectSettings(
            source=str(Path(pool).expanduser().resolve()) if is_path else "",
            task=task if isinstance(task, str) else task.name,
            classes=tuple(classes) if isinstance(task, str) else task.classes,
            task_options=more.pop("task_options", {}) if isinstance(task, str) else task.options,
            model=model_name(learner),
            strategy=strategy if isinstance(strategy, str) else strategy.name,
            seed=seed,
            answers=answers_per_row,
            **more,
        )
        is_new = not files.settings.is_file()
        items = _opened(settings) if is_path else handed_over(pool)
        if is_new:
            initial = _initial(items, labels)
            settings = _with_classes(settings, initial)
            made = settings.make_task() if isinstance(task, str) else task
            settings = replace(settings, rule=made.targets.rule)
        else:
            _require_same(files, settings)
            initial, settings = [], read_settings(files.settings)
            made = settings.make_task() if isinstance(task, str) else task
        self._begin(files, settings, items, made, learner, strategy, progress)
        if is_new:
            self._make(initial)

    @classmethod
    def open(
        cls, folder: str | Path, learner: Any = None, *, progress: Progress | None = None
    ) -> Project:
        """Open a project by its folder alone.

        Args:
            folder: of the project.
            learner: the model, where it was a value of Python when the project was made.
            progress: callback.

        Raises:
            InputError: the folder holds no project, or its pool was handed over from Python.
            DataError: the source has lost or changed rows.
        """
        files = ProjectFiles(Path(folder).expanduser())
        files.require()
        settings = read_settings(files.settings)
        if not settings.source:
            raise InputError(
                f"the pool of {folder} was handed over from Python; open it with uwe.Project("
                "folder, pool, learner)"
            )
        project = cls.__new__(cls)
        project._begin(files, settings, _opened(settings), settings.make_task(),
                       settings.model if learner is None else learner, settings.strategy,
                       progress)  # fmt: skip
        return project

    def _begin(
        self,
        files: ProjectFiles,
        settings: ProjectSettings,
        items: Items,
        task: Task,
        learner: Any,
        strategy: str | Strategy,
        progress: Progress | None,
    ) -> None:
        self.files = files
        self.settings = settings
        self.task = task
        self._learner = learner
        self._strategy = as_strategy(
            strategy, settings.options if isinstance(strategy, str) else None
        ).for_task(task)
        self._progress = progress
        self._source = items
        self.change: Change | None = self._compared()

    def _compared(self) -> Change | None:
        """How the source differs from the rows of the project; None for a new project."""
        if not self.files.settings.is_file():
            return None
        change = compared(read_manifest(self.files.rows), self._source)
        change.refuse_losses(self.settings.source or "the pool")
        return change

    def _make(self, initial: Sequence[Answer]) -> None:
        """Write a new project: its rows, the labels that there are, and its settings last."""
        self._source.check()
        if self.settings.embed is None:  # otherwise features are computed when they are needed
            _ = self._learner_for(self._source.learn(self.files.cache, self._progress))
        manifest = taken_in(self._source)
        events, told = events_of(initial, [], ids=manifest.ids, task=self.task, strict=False)
        if told.problems:
            raise InputError(told.problems[0])
        make_folder(self.files.folder)
        with FileLock(self.files.tell_lock):
            if self.files.settings.is_file():
                raise InputError(f"{self.files.folder} holds another project; name another folder")
            self.files.journal.unlink(missing_ok=True)  # of a process that was killed before
            write_manifest(self.files.rows, manifest)
            journal.create(self.files.journal, events)
            write_settings(self.files.settings, self.settings)
        self.change = Change((), (), (), manifest)

    def __repr__(self) -> str:
        state = self.state()
        return (
            f"Project({str(self.files.folder)!r}, {self.task.name}: {state.rows:,} rows, "
            f"{state.labelled:,} labelled, {state.outstanding:,} given out)"
        )

    @property
    def manifest(self) -> Manifest:
        """The rows of the project."""
        assert self.change is not None
        return self.change.manifest

    @property
    def ids(self) -> Ids:
        """What people call the rows."""
        return self.manifest.ids

    @property
    def items(self) -> Items:
        """The pool, in the order of the project's rows."""
        return self._source.only(self.ids)

    def events(self) -> list[Event]:
        """The events of the journal so far."""
        return journal.read(self.files.journal)

    def pool(self, events: Sequence[Event] | None = None) -> Pool:
        """Which rows were asked about, labelled and skipped."""
        settle = self.task.targets.settle
        known = self.events() if events is None else events
        return journal.replay(known, len(self.ids), settle=settle, answers=self.settings.answers)

    def ask(self, k: int, *, more: bool = False) -> Picks:
        """The rows to label next, with a reason for each.

        While a batch is not answered, its open rows are given again. Of a new batch the first rows
        are drawn at random; as soon as there are labels, a model is trained on them if it is not
        up to date, and the strategy picks. If another process is training, the last model decides.
        The picks and a contact sheet are in the project's folder before the journal vouches for
        them.

        Args:
            k: how many rows.
            more: give k further rows although a batch is not answered.

        Raises:
            InputError: k is not a whole number of at least 1, or no row is left.
        """
        _require_count(k)
        with _waiting(self.files.ask_lock):
            events = self.events()
            pool = self.pool(events)
            if len(pool.outstanding) and not more:
                return self._given_out(events, pool)
            self._require_left(pool)
            if is_stale(events) and len(pool.labelled) and not is_held(self.files.trainer_lock):
                self.train()
            return self._queried(k)

    def tell(
        self,
        rows: Sequence[int] | Sequence[str] | Picks,
        answers: Sequence[Any],
        *,
        by: str = _PERSON,
        seconds: Sequence[float] | None = None,
    ) -> Told:
        """Record what a person answered; several processes may tell at once.

        Args:
            rows: row numbers or ids.
            answers: a label for each: the name of a class, names of classes, or a number.
            by: who answered.
            seconds: how long each answer took.

        Raises:
            InputError: an answer is not understood; nothing is recorded.
        """
        ids = self._ids_of(rows)
        if len(ids) != len(answers):
            raise InputError(f"{len(ids)} rows, but {len(answers)} answers; give one for each row")
        given = [
            Answer(name, label, by, seconds=None if seconds is None else seconds[at])
            for at, (name, label) in enumerate(zip(ids, answers, strict=True))
        ]
        return self.take(given, whole=True)

    def take(self, answers: Sequence[Answer], *, strict: bool = False, whole: bool = False) -> Told:
        """Record answers; those that are not understood are named, and the others are kept.

        Args:
            answers: by any number of people.
            strict: do not take answers about items that nobody asked about.
            whole: record nothing if one answer is not understood.

        Raises:
            InputError: ``whole``, and an answer is not understood.
        """
        with self._telling() as events:
            new, told = events_of(answers, events, ids=self.ids, task=self.task, strict=strict)
            if whole and told.problems:
                raise InputError(told.problems[0])
            journal.append(self.files.journal, *new)
        return told

    def skip(
        self, rows: Sequence[int] | Sequence[str], reason: str = "", *, by: str = _PERSON
    ) -> None:
        """Never give ``rows`` out again; they do not count as labelled."""
        self._append(Skipped(self._rows_of(rows), by, reason))

    def withdraw(self, rows: Sequence[int] | Sequence[str], *, by: str = _PERSON) -> None:
        """Take back what a person said about ``rows``."""
        self._append(Withdrawn(self._rows_of(rows), by))

    def settle(
        self, rows: Sequence[int] | Sequence[str], answers: Sequence[Any], *, by: str = _PERSON
    ) -> None:
        """Decide the labels of ``rows``, whatever people answered.

        Raises:
            InputError: an answer is not a label of the task.
        """
        values = tuple(self.task.targets.encode(answer) for answer in answers)
        self._append(Settled(self._rows_of(rows), values, "decided by a person", by))

    def train(self) -> bool:
        """Train on the labels so far, and predict every row; False if nothing has changed.

        Raises:
            InputError: no row is labelled.
            RunError: another process is training.
        """
        with held(self.files.trainer_lock, f"the training of {self.files.folder}"):
            events = self.events()
            if not is_stale(events) and last_training(events) is not None:
                return False
            pool = self.pool(events)
            if not len(pool.labelled):
                raise InputError("no row is labelled, so nothing can be trained; tell some answers")
            trainer = self._trainer()
            event = trainer.train(events, pool)
            self._append(event)
            trainer.forget(event.cycle)
        log.info("trained on %d labels in %.1f s", event.facts["n_labeled"],
                 event.facts["train_seconds"])  # fmt: skip
        return True

    def state(self) -> State:
        """Where the project stands."""
        events = self.events()
        pool = self.pool(events)
        answers = journal.answers_by_row(events)
        last = last_training(events)
        return State(
            rows=len(self.ids),
            labelled=len(pool.labelled),
            outstanding=len(pool.outstanding),
            skipped=len(pool.skipped),
            unasked=len(pool.unasked),
            disagreements=sum(_differ(list(told.values())) for told in answers.values()),
            batches=sum(isinstance(event, Queried) for event in events),
            by_person=journal.answer_counts(events),
            by_class=_by_class(pool, self.task),
            trained_on=None if last is None else last.facts["n_labeled"],
            is_stale=is_stale(events),
        )

    def labels(self) -> dict[str, Any]:
        """The labels that count, by id, as people write them."""
        pool = self.pool()
        decode = self.task.targets.decode
        named = zip(pool.labelled.tolist(), pool.values, strict=True)
        return {self.ids[row]: decode(value) for row, value in named}

    def add_classes(self, names: Sequence[str]) -> None:
        """Add classes behind those that there are; labels keep their meaning.

        Raises:
            InputError: the task has no classes, or one is named twice.
        """
        if not self.task.classes:
            raise InputError(f"{self.task.name} has no classes, so none can be added")
        new = [name for name in names if name not in self.task.classes]
        with FileLock(self.files.tell_lock):
            settings = read_settings(self.files.settings)
            settings = replace(settings, classes=(*settings.classes, *new))
            task = settings.make_task()
            write_settings(self.files.settings, settings)
        self.settings, self.task = settings, task

    def update(self) -> tuple[str, ...]:
        """Take in the rows that the source has gained; returns their ids."""
        assert self.change is not None
        added = self.change.added
        if added:
            known = self.ids
            fresh = taken_in(self._source)
            manifest = _extended(self.manifest, fresh, known)
            write_manifest(self.files.rows, manifest)
            self.change = Change((), (), (), manifest)
        return added

    def _queried(self, k: int) -> Picks:
        """Pick rows, write them, and record them; again if a pick was labelled meanwhile."""
        for _ in range(_TRIES):
            events = self.events()
            pool = self.pool(events)
            number = sum(isinstance(event, Queried) for event in events)
            start = time.perf_counter()
            picks = self._picked(events, pool, min(k, len(pool.unlabelled)), number)
            facts = {"strategy": picks.strategy, "query_time": time.perf_counter() - start}
            self._write_picks(number + 1, picks)
            query = Queried(number, tuple(picks.rows.tolist()), json_value(facts))
            with self._telling() as now:
                left = set(picks.rows.tolist()).isdisjoint(_touched(self.pool(now)))
                if left:
                    journal.append(self.files.journal, query)
                    return picks
        raise RunError(f"the picks were labelled by others {_TRIES} times over; ask again")

    def _picked(self, events: Sequence[Event], pool: Pool, k: int, number: int) -> Picks:
        """Picks of the strategy by the last model; drawn at random before there is one."""
        last = last_training(events)
        seed = derive_seed(self.settings.seed, number, "query")
        if last is None:
            left = pool.unlabelled
            return Picks(left[uniform(len(left), k, seed=seed)], "random")
        predictions = read_predictions(self.files.predictions(last.cycle))
        question = Question(predictions, pool, seed, self._progress, task=self.task)
        picks = self._strategy.query(question, k)
        return explained(picks, self._strategy, question, progress=self._progress)

    def _write_picks(self, batch: int, picks: Picks) -> None:
        rows = pick_rows(picks, self.ids)
        items = self.items
        shown = {self.ids[row]: items.preview(row) for row in picks}
        write_text(self.files.picks(batch), picks_csv([{**row, "label": None} for row in rows]))
        write_bytes(self.files.sheet(batch), contact_sheet(rows, picks, shown).encode())

    def _given_out(self, events: Sequence[Event], pool: Pool) -> Picks:
        """The open rows of the batches, in the order in which they were given out."""
        left = set(pool.outstanding.tolist())
        asked = [event for event in events if isinstance(event, Queried)]
        rows = [row for event in asked for row in event.rows if row in left]
        named = {event.facts.get("strategy", "") for event in asked if left & set(event.rows)}
        strategy = named.pop() if len(named) == 1 else self._strategy.name
        return Picks(np.array(rows, dtype=np.int64), strategy)

    def _require_left(self, pool: Pool) -> None:
        used = len(pool.asked) + len(pool.unasked)
        if used + len(np.setdiff1d(pool.skipped, pool.asked)) >= len(self.ids):
            raise InputError(
                f"no row is left: all {len(self.ids):,} rows were given out, labelled or skipped"
            )

    def _trainer(self) -> Trainer:
        items = self.items
        learner = self._learner_for(items.learn(self.files.cache, self._progress))
        return Trainer(self.files, items, self.task, learner, self._strategy, self.settings.seed,
                       self._progress)  # fmt: skip

    def _learner_for(self, x: Any) -> Learner:
        name = Path(self.settings.source).stem or self.files.folder.stem
        source = self._source if self.change is None else self.items
        return make_learner(
            self._learner,
            dataset_of(name, x, source, self.task),
            options=self.settings.model_options,
            network=self.settings.network,
        )

    @contextmanager
    def _telling(self) -> Iterator[list[Event]]:
        """The events so far, while no other process of the project appends."""
        make_folder(self.files.folder)
        with FileLock(self.files.tell_lock, poll_interval=0.005):
            yield self.events()

    def _append(self, event: Event) -> None:
        with self._telling():
            journal.append(self.files.journal, event)

    def _ids_of(self, rows: Any) -> list[str]:
        named = list(rows)
        return [name if isinstance(name, str) else self.ids[int(name)] for name in named]

    def _rows_of(self, rows: Any) -> tuple[int, ...]:
        found = []
        for name in self._ids_of(rows):
            row = self.ids.row_of(name)
            if row is None:
                raise InputError(f"there is no item {name!r} in the pool; {self.ids.hint(name)}")
            found.append(row)
        return tuple(found)


def _opened(settings: ProjectSettings) -> Items:
    source = Path(settings.source)
    items = open_items(
        source, label=settings.label, text=settings.text, image_size=settings.image_size
    )
    if settings.embed is None:
        return items
    return embedded(
        items, source, settings.embed, text=settings.text, image_size=settings.image_size
    )


def _initial(items: Items, labels: Mapping[str, Any] | Sequence[Answer] | None) -> list[Answer]:
    """The labels that there are when a project is made."""
    if labels is None:
        own = items.labels()
        labels = {} if own is None else dict(zip(items.ids, own, strict=True))
    if isinstance(labels, Mapping):
        return [
            Answer(name, label, _IMPORT, where=f"item {name!r}") for name, label in labels.items()
        ]
    return list(labels)


def _with_classes(settings: ProjectSettings, initial: Sequence[Answer]) -> ProjectSettings:
    """The settings with the classes that occur among the labels, where none are given.

    Raises:
        InputError: the task has classes, and there are none.
    """
    task = find_task(settings.task, (), **settings.task_options)
    if settings.classes or "c" not in " ".join(task.outputs.values()).split():
        return settings
    if isinstance(task.targets, Flags):
        found = {name for answer in initial for name in names_in(answer.label) or ()}
    else:
        labels = (answer.label for answer in initial)
        found = {str(label).strip() for label in labels if not is_missing(label)}
    if not found:
        raise InputError(
            "no item has a label yet, so the classes are not known; name them, such as --classes "
            "crow,rook"
        )
    return replace(settings, classes=tuple(sorted(found)))


def _require_same(files: ProjectFiles, settings: ProjectSettings) -> None:
    there = read_settings(files.settings)
    here = replace(settings, classes=there.classes) if settings.classes else settings
    here = replace(here, source=there.source) if not settings.source else here
    known = json_value(vars(there))
    for name, value in json_value(vars(here)).items():
        if value != known[name]:
            raise InputError(
                f"{files.folder} holds another project: its {name} is {known[name]!r}, not "
                f"{value!r}; choose another folder"
            )


def _extended(known: Manifest, fresh: Manifest, ids: Ids) -> Manifest:
    """The known rows, and the new ones of ``fresh`` behind them."""
    if len(fresh.digests) != len(fresh.ids):  # blocks of numbered rows
        return fresh
    order = [*ids, *(name for name in fresh.ids if ids.row_of(name) is None)]
    at = [fresh.ids.row_of(name) for name in order]
    digests = tuple(fresh.digests[row] for row in at if row is not None)
    kind: Any = type(fresh.ids)
    return replace(known, ids=kind(tuple(order)), digests=digests, stamps=fresh.stamps)


@contextmanager
def _waiting(lock: Path) -> Iterator[None]:
    make_folder(lock.parent)
    with FileLock(lock, poll_interval=0.05):
        yield


def _touched(pool: Pool) -> set[int]:
    return {*pool.asked.tolist(), *pool.labelled.tolist(), *pool.skipped.tolist()}


def _require_count(k: int) -> None:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InputError(f"the number of rows must be a whole number of at least 1, not {k!r}")


def _differ(answers: Sequence[Any]) -> bool:
    return any(answer != answers[0] for answer in answers[1:])


def _by_class(pool: Pool, task: Task) -> dict[str, int]:
    if not task.classes:
        return {}
    numbers = [each for value in pool.values for each in np.atleast_1d(value).tolist()]
    counts = Counter(numbers)
    return {name: counts[at] for at, name in enumerate(task.classes)}
