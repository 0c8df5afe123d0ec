"""What a project says about its items, as a value that formats write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uwe import journal
from uwe.errors import DataError, InputError
from uwe.journal import Answered, Event, Queried, Settled, Skipped, Withdrawn
from uwe.tasks import Task

if TYPE_CHECKING:
    from uwe.project import Items, Project, ProjectFiles, ProjectSettings
    from uwe.project.ids import Ids
    from uwe.project.shapes import GivenShapes

__all__ = ["Entry", "Export", "Said", "export_of", "recorded_export"]


@dataclass(frozen=True)
class Said:
    """What one person said about an item, and still stands; or how its label was settled.

    Attributes:
        by: who; empty where a rule settled the label.
        label: as people write it: a name, names or a number; None of a skip.
        seconds: how long it took, or None.
        note: a remark; of a skip, the reason.
        skip: whether the item was skipped.
        settled: how the label was decided over the answers; None for an answer or a skip.
        at: time in UTC, ISO 8601; empty where it is not known.
        flagged: whether the person flagged the item.
    """

    by: str
    label: Any
    seconds: float | None = None
    note: str = ""
    skip: bool = False
    settled: str | None = None
    at: str = ""
    flagged: bool = False


@dataclass(frozen=True)
class Entry:
    """One item, and everything that was said about it.

    Attributes:
        row: of the pool.
        id: of the item.
        label: that counts, as people write it; None where there is none.
        said: in the order of answering; a settled label last.
        batch: number of the batch in which the item was given out, from 1; None if it was not.
        given: the boxes or the mask that a model gave it, where it is to be labelled; or None.
    """

    row: int
    id: str
    label: Any
    said: tuple[Said, ...] = ()
    batch: int | None = None
    given: GivenShapes | None = None


@dataclass(frozen=True)
class Export:
    """What a project says about its items.

    Attributes:
        name: of the project.
        task: what is labelled.
        entries: in the order of the pool: the items about which anything was said, or all.
        source: the folder or file of the items; None where Python handed them over.
        items: the pool, in the order of its rows; None where only the labels are at hand.
        everything: whether the items about which nothing was said are there, too.
        copies: whether folders hold the images themselves, and not links to them.
        to_label: whether it is about the items that wait for a label, in the order of picking.
    """

    name: str
    task: Task
    entries: tuple[Entry, ...]
    source: Path | None = None
    items: Items | None = field(default=None, repr=False)
    everything: bool = False
    copies: bool = False
    to_label: bool = False

    @property
    def labelled(self) -> list[Entry]:
        """The items whose label counts."""
        return [entry for entry in self.entries if entry.label is not None]

    @property
    def people(self) -> list[str]:
        """Who said something, in the order of their first words."""
        return list(dict.fromkeys(each.by for entry in self.entries for each in entry.said))

    @property
    def kind(self) -> str:
        """What the items are: ``images``, ``texts``, ``rows`` or ``vectors``."""
        return self.pool.kind

    def content(self, entry: Entry) -> dict[str, str]:
        """An item as other tools hold it: ``image``, the path of its file; or ``text``."""
        if self.kind == "images":
            return {"image": str(self.image(entry))}
        return {"text": self.text(entry)}

    def image(self, entry: Entry) -> Path:
        """The file of an image.

        Raises:
            DataError: it is gone.
        """
        path = Path(self.source or "") / entry.id
        if not path.is_file():
            raise DataError(f"the image {path} is gone; restore it, or write the format csv")
        return path

    def text(self, entry: Entry) -> str:
        """The text of an item; of a row of numbers, names and values in lines."""
        from uwe.selecting.items import Text, Values

        item = self.pool.preview(entry.row)
        if isinstance(item, Text):
            return item.text
        if isinstance(item, Values):
            return "\n".join(f"{name}: {value}" for name, value in item.values.items())
        return entry.id

    def values(self, entry: Entry) -> Mapping[str, Any]:
        """The values of a row by the name of the column; of an embedding, its numbers."""
        from uwe.selecting.items import Values

        if self.kind == "vectors":
            return {"features": self._vectors[entry.row].ravel().tolist()}
        item = self.pool.preview(entry.row)
        return item.values if isinstance(item, Values) else {}

    @property
    def pool(self) -> Items:
        """The items.

        Raises:
            InputError: only the labels are at hand.
        """
        if self.items is None:
            raise InputError(
                f"the items of {self.name} are not at hand, so only their labels can be written; "
                "choose the format csv, jsonl or parquet"
            )
        return self.items

    @cached_property
    def _vectors(self) -> Any:
        return self.pool.learn(Path(), None)


def export_of(project: Project, *, everything: bool = False, to_label: bool = False) -> Export:
    """What a project says about its items.

    Args:
        project: that is open.
        everything: also the items about which nothing was said.
        to_label: the items that were given out and have no label, and nothing else; with the boxes
            or masks of a model.

    >>> import tempfile
    >>> import numpy as np
    >>> from uwe.project import Project
    >>> project = Project(Path(tempfile.mkdtemp()) / "p.uwe", np.eye(3), classes=["crow", "rook"])
    >>> _ = project.tell(["2", "0"], ["rook", "crow"], by="ann")
    >>> [(entry.id, entry.label, entry.said[0].by) for entry in export_of(project).entries]
    [('0', 'crow', 'ann'), ('2', 'rook', 'ann')]
    """
    events = project.events()
    if to_label:
        return _waiting(project, events)
    return _exported(project.files, project.settings, project.task, project.ids, events,
                     project.items, everything=everything)  # fmt: skip


def _waiting(project: Project, events: Sequence[Event]) -> Export:
    """The items that wait for a label, in the order of picking."""
    from uwe.project.given import given_in

    left = set(project.pool(events).outstanding.tolist())
    asked = [
        (row, event.cycle + 1)
        for event in events
        if isinstance(event, Queried)
        for row in event.rows
        if row in left
    ]
    given = given_in(project.files, sorted({batch for _, batch in asked}), project.task)
    entries = (
        Entry(row, project.ids[row], None, batch=batch, given=given.get(row))
        for row, batch in asked
    )
    settings = project.settings
    source = Path(settings.source) if settings.source else None
    return Export(project.files.folder.stem, project.task, tuple(entries), source, project.items,
                  everything=True, to_label=True)  # fmt: skip


def recorded_export(files: ProjectFiles, *, everything: bool = False) -> Export:
    """As `export_of`, from the files of a project alone: the source may be gone.

    Raises:
        RunError: a file of the project is missing or damaged.
    """
    from uwe.project.manifest import read_manifest
    from uwe.project.settings import read_settings
    from uwe.project.shapes import with_masks

    settings, ids = read_settings(files.settings), read_manifest(files.rows).ids
    events = journal.read(files.journal)
    task = with_masks(settings.make_task(), files.masks)
    return _exported(files, settings, task, ids, events, None,
                     everything=everything)  # fmt: skip


def _exported(
    files: ProjectFiles,
    settings: ProjectSettings,
    task: Task,
    ids: Ids,
    events: Sequence[Event],
    items: Items | None,
    *,
    everything: bool,
) -> Export:
    pool = journal.replay(events, len(ids), settle=task.targets.settle, answers=settings.answers)
    labels = dict(zip(pool.labelled.tolist(), pool.values, strict=True))
    said = _said(events, task)
    batches = {
        row: event.cycle + 1 for event in events if isinstance(event, Queried) for row in event.rows
    }
    rows: Iterable[int] = range(len(ids)) if everything else sorted(said)
    entries = (
        Entry(
            row,
            ids[row],
            task.targets.decode(labels[row]) if row in labels else None,
            tuple(said.get(row, {}).values()),
            batches.get(row),
        )
        for row in rows
    )
    source = Path(settings.source) if settings.source else None
    return Export(files.folder.stem, task, tuple(entries), source, items, everything)


_SETTLED = ""
"""The key of a settled label, which is no person's: nobody has an empty name."""


def _said(events: Iterable[Event], task: Task) -> dict[int, dict[str, Said]]:
    """What stands about each row, by person; a settled label last."""
    standing: dict[int, dict[str, Said]] = {}
    settled: dict[int, Said] = {}
    for event in events:
        if isinstance(event, Settled):
            settled |= _settled_in(event, task)
        elif isinstance(event, Answered | Skipped):
            for row, words in _words_in(event, task):
                of = standing.setdefault(row, {})
                of.pop(event.by, None)  # what replaces earlier words is the latest of the row
                of[event.by] = words
        elif isinstance(event, Withdrawn):
            for row in event.rows:
                standing.get(row, {}).pop(event.by, None)
                if row in settled and settled[row].by in ("", event.by):
                    del settled[row]
    for row, words in settled.items():
        standing.setdefault(row, {})[_SETTLED] = words
    return {row: of for row, of in standing.items() if of}


def _settled_in(event: Settled, task: Task) -> dict[int, Said]:
    return {
        row: Said(
            event.by, task.targets.decode(value), settled=event.rule or "settled", at=event.at
        )
        for row, value in zip(event.rows, event.values, strict=True)
    }


def _words_in(event: Answered | Skipped, task: Task) -> Iterator[tuple[int, Said]]:
    """What a person said about each row in one event."""
    notes = event.facts.get("notes")
    notes = notes if isinstance(notes, Mapping) else {}
    flags = event.facts.get("flags")
    flagged = set(flags) if isinstance(flags, list) else set()
    for at, row in enumerate(event.rows):
        skip = isinstance(event, Skipped)
        yield (
            row,
            Said(
                event.by,
                None if isinstance(event, Skipped) else task.targets.decode(event.values[at]),
                None if isinstance(event, Skipped) else _seconds(event, at),
                event.reason if isinstance(event, Skipped) else str(notes.get(str(row), "")),
                skip=skip,
                at=event.at,
                flagged=row in flagged,
            ),
        )


def _seconds(event: Answered, at: int) -> float | None:
    """The seconds of one answer; its share, where they were measured for all together."""
    if isinstance(event.seconds, tuple):
        return event.seconds[at]
    return None if event.seconds is None else event.seconds / len(event.rows)
