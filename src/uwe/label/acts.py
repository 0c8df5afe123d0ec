"""What each person said about each row, in layers, so that an act can be taken back.

Every event of a person puts a layer on the rows that it names, and an undo takes it off again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from uwe.journal import Answered, Event, Settled, Skipped, Withdrawn

__all__ = ["ONCE", "PAGE", "UNDO", "Acts", "Layer", "Said"]

PAGE, UNDO, ONCE = "page", "undo", "once"
"""Names in the facts of an event: it was made at the page; the event that it takes back; the name
of the request that did so."""

_RECENT = 50


@dataclass(frozen=True)
class Said:
    """What a person says about a row.

    Attributes:
        event: id of the event that says it.
        at: when.
        value: in JSON; None of a skip.
        reason: for a skip; None of an answer.
        note: a remark.
        flagged: whether the person flagged the row.
    """

    event: int
    at: str
    value: Any = None
    reason: str | None = None
    note: str = ""
    flagged: bool = False


@dataclass(frozen=True)
class Layer:
    """What one event of a person changed about a row.

    Attributes:
        event: its id.
        before: what the person said before it; None where nothing.
        below: the layer before it.
        settles: whether the event settled the row.
    """

    event: int
    before: Said | None
    below: Layer | None
    settles: bool = False


class Acts:
    """What people said at the page and elsewhere, and what of it can be taken back.

    Attributes:
        said: by row and person, what stands.
        last: by row and person, the last event, also where it took something back.
        undone: by person and name of the request, a row that an undo gave back.
    """

    def __init__(self) -> None:
        self.said: dict[tuple[int, str], Said] = {}
        self.last: dict[tuple[int, str], Event] = {}
        self.undone: dict[tuple[str, str], int] = {}
        self._top: dict[tuple[int, str], Layer | None] = {}
        self._made: dict[str, list[tuple[int, tuple[int, ...]]]] = {}
        self._seconds: dict[str, deque[float]] = {}

    def apply(self, event: Event) -> None:
        """Take an event into account, which comes after all earlier ones."""
        if not isinstance(event, Answered | Skipped | Withdrawn | Settled) or not event.by:
            return
        undone, once = event.facts.get(UNDO), event.facts.get(ONCE)
        if undone is not None and isinstance(once, str):
            self.undone.setdefault((event.by, once), event.rows[0])
        for row in event.rows:
            self._put_layer(event, (row, event.by), undone)
        if not isinstance(event, Settled):  # a person who settles a row does not answer it
            for row, now in _said_in(event):
                if now is None:
                    self.said.pop((row, event.by), None)
                else:
                    self.said[row, event.by] = now
        if undone is None and event.facts.get(PAGE):
            self._made.setdefault(event.by, []).append((event.id, event.rows))
            self._time(event)

    def _put_layer(self, event: Event, key: tuple[int, str], undone: Any) -> None:
        """Put the layer of an event on a row; or take off that of the event that it undoes."""
        top = self._top.get(key)
        if undone is None:
            settles = isinstance(event, Settled)
            self._top[key] = Layer(event.id, self.said.get(key), top, settles)
        elif top is not None and top.event == undone:
            self._top[key] = top.below
        self.last[key] = event

    def basis(self, row: int, by: str) -> int:
        """The id of a person's last event about a row; 0 without any."""
        last = self.last.get((row, by))
        return 0 if last is None else last.id

    def undoable(self, by: str) -> tuple[int, dict[int, Layer]] | None:
        """The last act of a person at the page that stands, and its layers by row; or None."""
        made = self._made.get(by, [])
        while made:
            event, rows = made[-1]
            if layers := self._standing(by, event, rows):
                return event, layers
            made.pop()
        return None

    def recent(self, by: str) -> Iterator[tuple[int, Said]]:
        """What a person said at the page and still says, by row, the last first."""
        for event, rows in reversed(self._made.get(by, [])):
            for row in self._standing(by, event, rows):
                if (said := self.said.get((row, by))) is not None:
                    yield row, said

    def seconds_an_item(self, by: str) -> float | None:
        """Median time of a person's last answers at the page, or None."""
        times = self._seconds.get(by)
        return median(times) if times else None

    def _standing(self, by: str, event: int, rows: Sequence[int]) -> dict[int, Layer]:
        """The layers of an act on which nothing was put since."""
        tops = {row: self._top.get((row, by)) for row in rows}
        return {row: top for row, top in tops.items() if top is not None and top.event == event}

    def _time(self, event: Event) -> None:
        seconds = getattr(event, "seconds", None)
        if isinstance(event, Answered) and isinstance(seconds, int | float):
            each = seconds / max(len(event.rows), 1)
            self._seconds.setdefault(event.by, deque(maxlen=_RECENT)).append(each)


def _said_in(event: Answered | Skipped | Withdrawn) -> Iterator[tuple[int, Said | None]]:
    """What an event makes its person say, by row; None where it takes back what they said."""
    if isinstance(event, Withdrawn):
        yield from dict.fromkeys(event.rows).items()
        return
    notes, flags = _remarks(event)
    if isinstance(event, Skipped):
        values, reason = (None,) * len(event.rows), event.reason
    else:
        values, reason = event.values, None
    for row, value in zip(event.rows, values, strict=True):
        note = str(notes.get(str(row), ""))
        yield row, Said(event.id, event.at, value, reason, note, row in flags)


def _remarks(event: Answered | Skipped) -> tuple[Mapping[str, Any], frozenset[int]]:
    """The notes by row, and the flagged rows; facts that were edited are not believed."""
    notes, flags = event.facts.get("notes"), event.facts.get("flags")
    return (
        notes if isinstance(notes, Mapping) else {},
        frozenset(each for each in flags if isinstance(each, int))
        if isinstance(flags, list | tuple)
        else frozenset(),
    )
