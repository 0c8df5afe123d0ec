"""What the processes of a project share: its settings, its rows and its journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from uwe import journal
from uwe.errors import InputError, RunError
from uwe.journal import Event, Queried, Trained
from uwe.pool import Pool
from uwe.project.files import ProjectFiles
from uwe.project.ids import Ids
from uwe.project.items import Items
from uwe.project.locks import waited
from uwe.project.manifest import (
    Change,
    Manifest,
    compared,
    extended,
    read_manifest,
    write_manifest,
)
from uwe.project.settings import ProjectSettings, read_settings, write_settings
from uwe.project.shapes import MaskFiles, Shapes, with_masks
from uwe.tasks import Task, are_labels

__all__ = ["Ledger"]


class Ledger:
    """The settings, rows and journal of a project that exists; other processes may change them.

    Args:
        files: of the project.
        settings: of the project.
        task: what is labelled.
        source: the items that are there now.

    Attributes:
        files: of the project.
        settings: of the project; classes that another process adds are taken over.
        task: what is labelled.
        change: how the source differs from the rows of the project.

    Raises:
        DataError: the source has lost or changed rows.
    """

    def __init__(
        self, files: ProjectFiles, settings: ProjectSettings, task: Task, source: Items
    ) -> None:
        self.files = files
        self.settings = settings
        self.task = with_masks(task, files.masks)
        self._source = source
        self._seen: dict[Path, tuple[int, int]] = {}
        self.change = self._compared()

    @property
    def manifest(self) -> Manifest:
        """The rows of the project."""
        return self.change.manifest

    @property
    def ids(self) -> Ids:
        """What people call the rows."""
        return self.manifest.ids

    @property
    def items(self) -> Items:
        """The pool, in the order of the project's rows."""
        return self._source.only(self.ids)

    @property
    def gained(self) -> int:
        """How many rows the source has gained since the project took in its rows."""
        return len(self._source.ids) - len(self.ids)

    def events(self) -> list[Event]:
        """The events of the journal so far.

        Raises:
            RunError: the journal is missing or damaged, or another process has taken in further
                rows since the project was opened.
        """
        self.refresh()
        if not self.files.journal.is_file():
            raise RunError(
                f"{self.files.journal} is missing, and with it the answers; restore it from a copy"
            )
        events = journal.read(self.files.journal)
        is_label = partial(are_labels, self.task.targets)
        journal.require_fitting(self.files.journal, events, len(self.ids), is_label=is_label)
        _require_rounds(self.files.journal, events)
        return events

    def pool(self, events: Sequence[Event] | None = None) -> Pool:
        """Which rows were asked about, labelled and skipped."""
        settle = self.task.targets.settle
        known = self.events() if events is None else events
        return journal.replay(known, len(self.ids), settle=settle, answers=self.settings.answers)

    @property
    def shapes(self) -> Shapes:
        """Looks at boxes and masks before they become answers."""
        return Shapes(self.task, self.items, MaskFiles(self.files.masks))

    @contextmanager
    def telling(self) -> Iterator[list[Event]]:
        """The events so far, while no other process of the project appends."""
        self.files.require()
        with waited(self.files.tell_lock):
            yield self.events()

    def append(self, event: Event) -> None:
        """Append an event."""
        with self.telling():
            journal.append(self.files.journal, event)

    def rows_of(self, rows: Any) -> tuple[int, ...]:
        """The row numbers of rows that are given by number or id.

        Raises:
            InputError: there is no such row.
        """
        return tuple(self.ids.require(name) for name in self.ids.named(rows))

    def add_classes(self, names: Sequence[str]) -> None:
        """Add classes behind those that there are; labels keep their meaning.

        Raises:
            InputError: the task has no classes, or a name is empty.
        """
        if not self.task.classes:
            raise InputError(f"{self.task.name} has no classes, so none can be added")
        if isinstance(names, str) or not all(isinstance(name, str) for name in names):
            raise InputError(f"classes to add must be a list of names, not {names!r}")
        if not all(name.strip() for name in names):
            raise InputError("the name of a class is empty; give a name")
        if joined := [name for name in names if "," in name]:
            raise InputError(
                f"the class {joined[0]!r} holds a comma; give each class by itself, without one"
            )
        with waited(self.files.tell_lock):
            there = read_settings(self.files.settings)
            new = dict.fromkeys(name.strip() for name in names)
            classes = (*there.classes, *(name for name in new if name not in there.classes))
            settings = replace(there, classes=classes)
            _ = settings.make_task()
            if settings != there:
                write_settings(self.files.settings, settings)
        self.refresh()

    def update(self) -> tuple[str, ...]:
        """Take in the rows that the source has gained; returns their ids."""
        self.refresh()
        with waited(self.files.tell_lock):
            change = compared(read_manifest(self.files.rows), self._source)
            change.refuse_losses(self.settings.source or "the pool")
            if change.added:
                manifest = extended(change.manifest, self._source)
                write_manifest(self.files.rows, manifest)
                self.change = Change((), (), (), manifest)
                self._note(self.files.rows)
        return change.added

    def _compared(self) -> Change:
        """How the source differs from the rows of the project; losses are refused."""
        self._note(self.files.settings, self.files.rows)
        known = read_manifest(self.files.rows)
        change = compared(known, self._source)
        change.refuse_losses(self.settings.source or "the pool")
        if change.manifest != known and not change.added:  # copied: do not read it all each time
            with suppress(RunError), waited(self.files.tell_lock):
                if read_manifest(self.files.rows) == known:
                    write_manifest(self.files.rows, change.manifest)
            self._note(self.files.rows)
        return change

    def _note(self, *paths: Path) -> None:
        """Note that the content of files is known."""
        for path in paths:
            self._seen[path] = _stamp(path)

    def refresh(self) -> None:
        """Take over the classes that another process has added.

        Raises:
            InputError: the project is no longer there.
            RunError: another process has taken in further rows.
        """
        self.files.require()
        if self._seen[self.files.settings] != _stamp(self.files.settings):
            self._note(self.files.settings)
            self.settings = read_settings(self.files.settings)
            if self.settings.classes != self.task.classes:
                self.task = with_masks(self.settings.make_task(), self.files.masks)
        if self._seen[self.files.rows] != _stamp(self.files.rows):
            if len(read_manifest(self.files.rows).ids) != len(self.ids):
                raise RunError(
                    f"another process has taken in further rows of {self.files.folder}; open the "
                    "project again"
                )
            self._note(self.files.rows)


def _require_rounds(path: Path, events: Sequence[Event]) -> None:
    """Refuse a journal whose batches or trainings are not numbered one after another.

    Raises:
        RunError: they are not.
    """
    queries, trainings = 0, 0
    for event in events:
        if isinstance(event, Queried) and event.cycle != queries:
            raise RunError(
                f"event {event.id} of {path} is of batch {event.cycle + 1}, but {queries + 1} "
                "comes next; the journal was damaged or edited; restore it from a copy"
            )
        if isinstance(event, Trained) and event.cycle != trainings + 1:
            raise RunError(
                f"event {event.id} of {path} is training {event.cycle}, but {trainings + 1} comes "
                "next; the journal was damaged or edited; restore it from a copy"
            )
        queries += isinstance(event, Queried)
        trainings += isinstance(event, Trained)


def _stamp(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_mtime_ns, state.st_ino
