"""A labelling project: ask for rows, tell the answers, train; over days, by several people."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uwe import journal
from uwe._files import expanded
from uwe._types import Progress
from uwe.errors import InputError, require_known
from uwe.journal import Event, Settled, Skipped, Withdrawn
from uwe.learners import model_name, whole_name
from uwe.pool import Pool
from uwe.project.answers import NAMELESS, Answer, Told, events_of, person
from uwe.project.embedding import items_of
from uwe.project.estimates import Estimates, read_estimates
from uwe.project.files import ProjectFiles
from uwe.project.ids import Ids
from uwe.project.items import Items
from uwe.project.ledger import Ledger
from uwe.project.locks import waited
from uwe.project.making import (
    create,
    given_answers,
    initial_answers,
    own_answers,
    require_same,
    with_classes,
)
from uwe.project.models import Models
from uwe.project.outputs import LEAST_SCORE, HowRead, OwnOutputs, last_outputs, read_own_outputs
from uwe.project.picking import (
    Batch,
    Picker,
    again_without,
    new_batch,
    require_count,
    require_wishes,
    still_open,
)
from uwe.project.settings import NO_MODEL, ProjectSettings, read_settings
from uwe.project.shapes import has_shapes
from uwe.project.sources import handed_over
from uwe.project.state import State, labels_in, state_of
from uwe.strategies import Picks, Strategy, Wishes, as_strategy
from uwe.tasks import Task, as_task
from uwe.tasks._names import named

if TYPE_CHECKING:
    from uwe.project.predicting import Predicted

__all__ = ["Project"]

log = logging.getLogger("uwe")

_DEFAULT = "auto"  # strategy of a new project
_MODEL = "sklearn:logistic"  # of a new project, unless its labels are boxes or masks
_AUDIT = 0.1  # of a new project whose model can be judged
_MORE = ("label", "text", "embed", "image_size", "encoding", "model_options", "network", "options",
         "task_options")  # fmt: skip
"""The fields of the settings that are given by keyword alone."""


class Project:
    """A pool that people label in rounds, in a folder that any process may open.

    The folder's journal is the state: several processes may tell answers at once, and a process may
    be killed at any moment. `ask` and `tell` never wait for answers or for a training.

    Args:
        folder: of the project; it is made if it does not exist.
        pool: rows of numbers ``[n, d]``, a list of texts, a `Dataset`, or the path of a folder of
            images, a table, or a pool with embeddings.
        learner: the name of a model, a classifier or regressor of scikit-learn, a function that
            makes a network, or an object with fit and predict; ``none`` trains no model, and
            `batch` picks by outputs that are given. By default ``sklearn:logistic``, and ``none``
            where boxes or masks are drawn.
        strategy: a name or a value; None: that of the project that is there, or ``auto``.
        task: a name or a value.
        classes: names of the classes, for a task that is given by name.
        labels: what is labelled already: a mapping from id to label, or `Answer`; by default the
            column of labels of a table.
        seed: of every draw, from 1 to 2³² - 1.
        answers_per_row: how many people must answer a row before its label counts.
        audit: share of each batch that is a random sample of the pool, from which the accuracy of
            the model is estimated; None: that of the project that is there, or 0.1; 0 without a
            model, and for boxes and masks.
        more: further fields of `ProjectSettings`: ``label``, ``text``, ``embed``, ``image_size``,
            ``encoding``, ``model_options``, ``network``, ``options``, ``task_options``.

    Raises:
        InputError: a setting does not fit, or the folder holds another project.
        DataError: the pool cannot be read, or has lost or changed rows since the project was made.

    >>> import tempfile
    >>> import numpy as np
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
        learner: Any = None,
        *,
        strategy: str | Strategy | None = None,
        task: str | Task = "classification",
        classes: Sequence[str] = (),
        labels: Mapping[str, Any] | Sequence[Answer] | None = None,
        seed: int = 1,
        answers_per_row: int = 1,
        audit: float | None = None,
        progress: Progress | None = None,
        **more: Any,
    ) -> None:
        for name in more:
            require_known(name, _MORE, "setting of Project")
        files = ProjectFiles(expanded(folder))
        is_path = isinstance(pool, str | Path)
        task = task if isinstance(task, str) else as_task(task)
        options = more.pop("options", {})
        if strategy is None:
            strategy, options = _recorded(files, options)
        strategy = strategy if isinstance(strategy, str) else as_strategy(strategy)
        is_of_shapes = has_shapes(as_task(task))
        if learner is None:
            learner = NO_MODEL if is_of_shapes else _MODEL
        learner = whole_name(learner)
        is_judged = not is_of_shapes and learner != NO_MODEL
        settings = ProjectSettings(
            source=str(expanded(pool).resolve()) if is_path else "",
            task=task if isinstance(task, str) else task.name,
            classes=named(classes) if isinstance(task, str) else task.classes,
            task_options=more.pop("task_options", {}) if isinstance(task, str) else task.options,
            model=model_name(learner),
            strategy=strategy if isinstance(strategy, str) else strategy.name,
            options=_options_of(strategy, options),
            seed=seed,
            answers=answers_per_row,
            audit=_audit_of(files, is_judged=is_judged) if audit is None else audit,
            **more,
        )
        items = items_of(settings) if is_path else handed_over(pool).read_by(settings.model)
        initial = []
        is_new = not files.settings.is_file()
        if is_new:
            for note in items.notes:
                log.info("%s", note, extra={"screen": True})
            initial = initial_answers(items, labels)
            settings = with_classes(settings, initial)
        else:
            settings = require_same(files, settings)
        made = settings.make_task() if isinstance(task, str) else task
        settings = replace(settings, rule=made.targets.rule)
        if is_of_shapes and items.kind != "images":
            raise InputError(f"{made.name} is of images, and the pool holds {items.kind}")
        if is_new:
            passes = _strategy_of(strategy, settings, made).needs.passes
            create(files, settings, items, made, learner, passes=passes, initial=initial,
                   progress=progress)  # fmt: skip
        self._begin(Ledger(files, settings, made, items), learner, strategy, progress)
        if not is_new and labels is not None:
            self._require_known(given_answers(labels))

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
        files = ProjectFiles(expanded(folder))
        files.require()
        settings = read_settings(files.settings)
        if not settings.source:
            raise InputError(
                f"the pool of {folder} was handed over from Python; open it with uwe.Project("
                "folder, pool, learner)"
            )
        project = cls.__new__(cls)
        model = settings.model if learner is None else learner
        ledger = Ledger(files, settings, settings.make_task(), items_of(settings))
        project._begin(ledger, model, settings.strategy, progress)
        return project

    def _begin(
        self,
        ledger: Ledger,
        learner: Any,
        strategy: str | Strategy,
        progress: Progress | None,
    ) -> None:
        self._ledger = ledger
        self._learner = learner
        self._given_strategy = strategy
        self._progress = progress

    def _require_known(self, answers: Sequence[Answer]) -> None:
        """Refuse labels that the project did not get when it was made."""
        new, told = events_of(
            answers,
            self.events(),
            ids=self.ids,
            task=self.task,
            strict=False,
            prepare=self.prepared,
        )
        if new or told.problems:
            raise InputError(
                f"{self.files.folder} is a project already, and labels are given that it does not "
                "hold; record them with 'uwe tell' or Project.tell"
            )

    def __repr__(self) -> str:
        state = self.state()
        return (
            f"Project({str(self.files.folder)!r}, {self.task.name}: {state.rows:,} rows, "
            f"{state.labelled:,} labelled, {state.outstanding:,} given out)"
        )

    @property
    def files(self) -> ProjectFiles:
        """The files of the project."""
        return self._ledger.files

    @property
    def settings(self) -> ProjectSettings:
        """What the project is."""
        return self._ledger.settings

    @property
    def task(self) -> Task:
        """What is labelled."""
        return self._ledger.task

    @property
    def ids(self) -> Ids:
        """What people call the rows."""
        return self._ledger.ids

    @property
    def items(self) -> Items:
        """The pool, in the order of the project's rows."""
        return self._ledger.items

    @property
    def gained(self) -> int:
        """How many rows the source has gained, which `update` would take in."""
        return self._ledger.gained

    def events(self) -> list[Event]:
        """The events of the journal so far.

        Raises:
            RunError: another process has taken in further rows since the project was opened.
        """
        return self._ledger.events()

    def pool(self, events: Sequence[Event] | None = None) -> Pool:
        """Which rows were asked about, labelled and skipped; after some events, or now."""
        return self._ledger.pool(events)

    def refresh(self) -> None:
        """Take over the classes that another process has added since the project was opened.

        Raises:
            InputError: the project is no longer there.
            RunError: another process has taken in further rows.
        """
        self._ledger.refresh()

    def ask(self, k: int, *, more: bool = False, wishes: Wishes | None = None) -> Picks:
        """The rows to label next, with a reason for each.

        While a batch is not answered, its open rows are given again. The first rows are drawn at
        random. As soon as there are labels, a model is trained on them if it is not up to date, and
        the strategy picks. A project without a model picks by the outputs that `batch` got last. If
        another process is training, the last model decides. A share of each batch, the audit, is a
        random sample of the pool; it pauses for wishes.
        The picks and a contact sheet are in the project's folder before the journal vouches for
        them.

        Args:
            k: how many rows; if fewer are left, those.
            more: give k further rows although a batch is not answered.
            wishes: for the picks of this batch; they are not kept for later ones. They are refused
                where the open rows of an earlier batch, which were picked without them, would be
                given again.

        Raises:
            InputError: k is not a whole number of at least 1, no row is left, or a wish cannot be
                met; nothing is written then.
        """
        return self.batch(k, more=more, wishes=wishes).picks

    def batch(
        self,
        k: int,
        *,
        more: bool = False,
        wishes: Wishes | None = None,
        outputs: str | Path | None = None,
        images: str | Path | None = None,
        places: Mapping[str, Any] | None = None,
        least_score: float = LEAST_SCORE,
    ) -> Batch:
        """As `ask`, with the files that show the rows, and whether the rows are new.

        Args:
            k: how many rows, as in `ask`.
            more: as in `ask`.
            wishes: as in `ask`.
            outputs: results of COCO, a folder of maps, or a pool with ids: the outputs of a model
                of yours, by which the rows are picked. Rows without outputs are not picked. They
                are refused while an earlier batch is open. A project without a model picks by the
                outputs that it got last, while their file is as it was.
            images: annotations of COCO or a list of ids, which say which images a detector has
                seen; those without an object are known by it.
            places: how maps and detections become rows: options of `uwe.dense.Reduction`, such as
                ``{"given": "logits"}``.
            least_score: the smallest score of a box of these outputs that people see.

        Raises:
            InputError: as `ask`; or the outputs are not of this project's rows.
            DataError: the outputs cannot be read.
        """
        require_count(k)
        require_wishes(wishes)
        if not 0 <= least_score <= 1:
            raise InputError(f"the least score must be from 0 to 1, not {least_score!r}")
        if (again := self._still_open(more)) is not None:
            return again_without(wishes, again, outputs=outputs)
        picker = self._picker() if wishes is None else replace(self._picker(), wishes=wishes)
        picker = replace(picker, own=self._own(outputs, images, places), least=least_score)
        if wishes is not None:
            picker.require_possible(self.pool(), k)
        if picker.own is None:
            self._models.bring_up_to_date()  # without the lock: others who ask need not wait
        with waited(self.files.ask_lock):
            again = self._still_open(more)
            if again is not None:
                return again_without(wishes, again, outputs=outputs)
            return new_batch(self._ledger, picker, k)

    def tell(
        self,
        rows: Sequence[int] | Sequence[str] | Picks,
        answers: Sequence[Any],
        *,
        by: str = NAMELESS,
        seconds: Sequence[float] | None = None,
    ) -> Told:
        """Record what a person answered; several processes may tell at once.

        Args:
            rows: row numbers or ids.
            answers: a label for each: the name of a class, names of classes, a number, boxes
                (`uwe.tasks.Boxes`, or a list of them as JSON has it) or a mask (class numbers ``[h,
                w]``, or the path of a PNG file); None where there is no label. The index of a
                pandas Series must be the ids, or 0, 1, 2 …
            by: who answered.
            seconds: how long each answer took.

        Raises:
            InputError: an answer is not understood; nothing is recorded.
        """
        ids = self.ids.named(rows)
        _require_aligned(ids, answers)
        if len(ids) != len(answers):
            raise InputError(f"{len(ids)} rows, but {len(answers)} answers; give one for each row")
        if seconds is not None and len(seconds) != len(ids):
            raise InputError(f"{len(ids)} rows, but {len(seconds)} seconds; give one for each row")
        times = [None] * len(ids) if seconds is None else [_seconds(each) for each in seconds]
        given = [
            Answer(name, label, by, seconds=time)
            for name, label, time in zip(ids, answers, times, strict=True)
        ]
        return self.take(given, whole=True)

    def take(self, answers: Sequence[Answer], *, strict: bool = False, whole: bool = False) -> Told:
        """Record answers; those that are not understood are named, and the others are kept.

        Args:
            answers: by any number of people.
            strict: do not take answers about items that were never given out.
            whole: record nothing if one answer is not understood.

        Raises:
            InputError: ``whole``, and an answer is not understood.
        """
        with self._ledger.telling() as events:
            new, told = events_of(
                answers,
                events,
                ids=self.ids,
                task=self.task,
                strict=strict,
                prepare=self.prepared,
            )
            if whole and told.problems:
                raise InputError(told.problems[0])
            journal.append(self.files.journal, *new)
        return told

    def prepared(self, row: int, label: Any) -> Any:
        """The label of a row as the task's targets take it; the pixels of a mask are written.

        Raises:
            InputError: a box or a mask does not fit the image.
        """
        return self._ledger.shapes.prepared(row, label)

    def skip(
        self, rows: Sequence[int] | Sequence[str], reason: str = "", *, by: str = NAMELESS
    ) -> None:
        """Never give ``rows`` out again; they do not count as labelled.

        Raises:
            InputError: there is no such row, or ``by`` is empty.
        """
        self._ledger.append(Skipped(self._ledger.rows_of(rows), person(by), reason))

    def withdraw(self, rows: Sequence[int] | Sequence[str], *, by: str = NAMELESS) -> None:
        """Take back what a person said about ``rows``.

        Raises:
            InputError: there is no such row, or ``by`` is empty.
        """
        self._ledger.append(Withdrawn(self._ledger.rows_of(rows), person(by)))

    def settle(
        self, rows: Sequence[int] | Sequence[str], answers: Sequence[Any], *, by: str = NAMELESS
    ) -> None:
        """Decide the labels of ``rows``; answers and skips no longer count for them.

        Raises:
            InputError: an answer is not a label of the task.
        """
        settled = self._ledger.rows_of(rows)
        _require_aligned(self.ids.named(rows), answers)
        with self._ledger.telling():
            given = map(self.prepared, settled, answers)
            values = tuple(self.task.targets.encode(answer) for answer in given)
            if None in values:
                raise InputError(
                    f"item {self.ids[settled[values.index(None)]]!r} has no label; give one"
                )
            event = Settled(settled, values, "decided by a person", by)
            journal.append(self.files.journal, event)

    def train(self) -> bool:
        """Train on the labels so far, and predict every row; False if nothing has changed.

        Raises:
            InputError: no row is labelled.
            RunError: another process is training.
        """
        return self._models.train()

    def predict(self) -> Predicted:
        """What the last model says of every row; it is trained first if labels have changed.

        Raises:
            InputError: no row is labelled.
            RunError: another process is training, or the model's outputs cannot be read.
        """
        self.train()
        return self._models.predicted()

    def judge(self) -> Estimates:
        """Estimate the accuracy from the audit, however long it takes; train first if need be.

        Raises:
            InputError: the project has no audit, or no row is labelled.
            RunError: another process is training.
        """
        if not self.settings.audit:
            raise InputError(f"{self.files.folder} has no audit, so nothing can be estimated")
        return self._models.judge()

    def estimates(self) -> Estimates | None:
        """What the audit said of the last model that was judged; None if none was."""
        return read_estimates(self.files.estimates) if self.settings.audit else None

    def state(self) -> State:
        """Where the project stands."""
        events = self.events()
        is_stale = self._models.is_stale(events)
        return state_of(events, self.pool(events), self.task, is_stale=is_stale)

    def labels(self) -> dict[str, Any]:
        """The labels that count, by id, as people write them."""
        return labels_in(self.pool(), self.ids, self.task)

    def add_classes(self, names: Sequence[str]) -> None:
        """Add classes behind those that there are; labels keep their meaning.

        Raises:
            InputError: the task has no classes, or a name is empty.
        """
        self._ledger.add_classes(names)

    def update(self) -> tuple[str, ...]:
        """Take in the rows and the labels that the source has gained; returns the rows' ids."""
        added = self._ledger.update()
        self.take(own_answers(self.items))
        return added

    @property
    def _strategy(self) -> Strategy:
        return _strategy_of(self._given_strategy, self.settings, self.task)

    @property
    def _models(self) -> Models:
        return Models(self._ledger, self._learner, self._strategy, self._progress)

    def _still_open(self, more: bool) -> Batch | None:
        if more:
            return None
        events = self.events()
        return still_open(self.files, events, self.pool(events), self._strategy.name)

    def _own(
        self,
        outputs: str | Path | None,
        images: str | Path | None,
        places: Mapping[str, Any] | None,
    ) -> OwnOutputs | None:
        """The outputs that are given; without any, the last ones of a project without a model."""
        if outputs is not None:
            seen = None if images is None else expanded(images).resolve()
            return self._opened(expanded(outputs), HowRead(seen, dict(places or {})))
        known = None if self.settings.has_model else last_outputs(self.events())
        if known is None:
            return None
        if not known.path.exists():
            log.warning("%s is gone: the rows are drawn at random", known.path)
            return None
        own = self._opened(known.path, known.how)
        if own.digest != known.digest:
            raise InputError(
                f"{known.path} was changed since the last batch was picked by it; give --outputs "
                f"{known.path} to pick by what it says now"
            )
        return own

    def _opened(self, path: Path, how: HowRead) -> OwnOutputs:
        return read_own_outputs(
            path,
            self.ids,
            self.task,
            self._strategy,
            how=how,
            size=self.items.size,
            progress=self._progress,
        )

    def _picker(self) -> Picker:
        return Picker(self.files, self.items, self.task, self._strategy, self.settings.seed,
                      self._progress, audit=self.settings.audit)  # fmt: skip


def _strategy_of(given: str | Strategy, settings: ProjectSettings, task: Task) -> Strategy:
    options = settings.options if isinstance(given, str) else None
    return as_strategy(given, options).for_task(task)


def _recorded(files: ProjectFiles, options: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The strategy of the project that is there, with its options unless others are given."""
    if not files.settings.is_file():
        return _DEFAULT, options
    there = read_settings(files.settings)
    return there.strategy, options or there.options


def _audit_of(files: ProjectFiles, *, is_judged: bool) -> float:
    """The share of the audit of the project that is there, or that of a new one."""
    if files.settings.is_file():
        return read_settings(files.settings).audit
    return _AUDIT if is_judged else 0.0


def _options_of(strategy: str | Strategy, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options that are recorded: those given, or those of a value that differ from none."""
    if isinstance(strategy, str):
        return options
    return {name: value for name, value in strategy.options.items() if value is not None}


def _seconds(value: Any) -> float:
    """A time in seconds.

    Raises:
        InputError: it is none.
    """
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise InputError(f"seconds must be a number of at least 0, not {value!r}")
    return seconds


def _require_aligned(ids: Sequence[str], answers: Any) -> None:
    """Refuse answers that are about other rows, or whose order says nothing.

    Raises:
        InputError: they are a mapping or a set, or a Series whose index is neither that of
            positions nor the ids in their order.
    """
    if isinstance(answers, Mapping | Set | str):
        raise InputError(
            f"answers must be a list in the order of the rows, not a {type(answers).__name__}"
        )
    index = getattr(answers, "index", None)
    if index is None or callable(index):  # lists have a method of that name
        return
    names = [str(name) for name in index]
    by_position = names == [str(at) for at in range(len(ids))] and set(names) != set(ids)
    if names != list(ids) and not by_position:
        at = next((at for at, name in enumerate(names) if name != ids[at]), 0)
        raise InputError(
            f"the index of the answers has {names[at]!r} in place {at}, where the rows have "
            f"{ids[at]!r}; sort the answers like the rows, or give answers.to_numpy()"
        )
