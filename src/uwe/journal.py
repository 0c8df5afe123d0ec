"""The journal of a run: what happened, one line each, in order. It is the run's state.

The first line says the format; every other line is one event as JSON. A line counts once it ends
with a newline: a last line without one is what a killed process left, and is cut off before the
next line is written. `replay` turns events into the `Pool`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from uwe._files import append_line, dump_line, write_bytes, write_text
from uwe._types import Rows
from uwe.errors import RunError
from uwe.pool import Pool

__all__ = [
    "Event",
    "Labelled",
    "Queried",
    "Trained",
    "append",
    "create",
    "mend",
    "read",
    "replay",
]

FORMAT = 1


@dataclass(frozen=True)
class Queried:
    """Rows were chosen in a cycle; ``facts`` says how long it took and from what."""

    cycle: int
    indices: tuple[int, ...]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Labelled:
    """Labels came in for some of the rows that were queried, ``by`` somebody."""

    indices: tuple[int, ...]
    labels: tuple[int, ...]
    by: str


@dataclass(frozen=True)
class Trained:
    """The model of a cycle is there; ``facts`` are its measurements."""

    cycle: int
    facts: dict[str, Any] = field(default_factory=dict)


Event: TypeAlias = Queried | Labelled | Trained

_KINDS: dict[str, type[Event]] = {
    kind.__name__.lower(): kind for kind in (Queried, Labelled, Trained)
}


def create(path: Path, events: Iterable[Event] = ()) -> None:
    """Write a new journal that holds ``events``, whole or not at all."""
    lines = [dump_line({"uwe_journal": FORMAT}), *map(_encode, events)]
    write_text(path, "".join(line + "\n" for line in lines))


def append(path: Path, event: Event) -> None:
    """Append ``event`` and wait until it is on the disk."""
    append_line(path, _encode(event))


def read(path: Path) -> list[Event]:
    """The events of a journal; none if it is not there. A torn last line does not count.

    Raises:
        RunError: the file is no journal, of a newer format, or broken before its last line.
    """
    if not path.exists():
        return []
    first, *lines = _whole_lines(path) or [""]
    _check_format(path, first)
    return [_decode(path, number, line) for number, line in enumerate(lines, start=2)]


def mend(path: Path) -> None:
    """Cut off what a killed process left of a last line."""
    content = path.read_bytes()
    if not content.endswith(b"\n"):
        whole = content[: content.rfind(b"\n") + 1]
        write_bytes(path, whole)


def replay(events: Sequence[Event], n: int) -> Pool:
    """The pool of ``n`` rows after ``events``.

    >>> replay([Queried(0, (3,)), Labelled((3,), (1,), "oracle")], 5).labelled.tolist()
    [3]
    """
    pool = Pool.untouched(n)
    for event in events:
        if isinstance(event, Queried):
            pool = pool.buy(_rows(event.indices), cycle=event.cycle)
        elif isinstance(event, Labelled):
            pool = pool.answer(_rows(event.indices), _rows(event.labels))
    return pool


def _rows(numbers: tuple[int, ...]) -> Rows:
    return np.asarray(numbers, dtype=np.int64)


def _encode(event: Event) -> str:
    return dump_line({"event": type(event).__name__.lower(), **vars(event)})


def _decode(path: Path, number: int, line: str) -> Event:
    try:
        record = json.loads(line)
        kind = _KINDS[record.pop("event")]
        known = {f.name for f in fields(kind)}
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in record.items()
            if key in known
        }
        return kind(**values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"line {number} of {path} is not an event this version knows: {line[:60]!r}; "
            "was it edited, or written by a newer uwe?"
        ) from error


def _whole_lines(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
        return content[: content.rfind(b"\n") + 1].decode("utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"cannot read the journal {path}: {error}") from error


def _check_format(path: Path, line: str) -> None:
    try:
        found = json.loads(line)["uwe_journal"]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is not a journal of uwe: it begins with {line[:40]!r}") from error
    if found != FORMAT:
        raise RunError(
            f"{path} has journal format {found}, and this version reads {FORMAT}; "
            "use the version of uwe that wrote it"
        )
