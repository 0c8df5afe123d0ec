"""The file of a journal: made, read, and appended to, by several processes at once if need be.

The first line names the format; every other line is one event as JSON with a check sum. A line
counts once it ends with a newline: a last line without one is what a killed process left, and is
cut off before the next line is written. A journal of format 1, whose lines have no check sums, goes
on in place: new lines are of format 2.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from uwe import _locks
from uwe._files import append_bytes, remove_unfinished_of, write_bytes
from uwe.errors import RunError
from uwe.journal.events import Event
from uwe.journal.lines import FORMER, decode, decode_former, encode, format_of, header, summed

__all__ = ["append", "create", "read"]

_BLOCK = 1 << 16
_POLL_SECONDS = 0.002
_PATIENCE_SECONDS = 60


def create(path: Path, events: Iterable[Event] = ()) -> list[Event]:
    """Write a new journal that holds ``events``, whole or not at all.

    Returns:
        The events with their ids in this journal. Events of another journal keep their times.

    Raises:
        RunError: there is a journal already, or it cannot be written.
    """
    with _locked(path):
        if path.exists():
            raise RunError(f"{path} is there already; append to it, or choose another folder")
        return _created(path, events)


def append(path: Path, *events: Event) -> list[Event]:
    """Append ``events`` in one write, and wait until they are on the disk.

    Several processes may append at once: each waits for a short lock. A journal that is not there
    is made.

    Returns:
        The events with their ids and times.

    Raises:
        RunError: the file is no journal, its last line is damaged, or it cannot be written.
    """
    if not events:
        return []
    with _locked(path):
        if not path.exists():
            return _created(path, events)
        end, last = _end_of(path)
        stamped = _stamped(events, after=last)
        append_bytes(path, _lines(stamped), at=end)
    return stamped


def read(path: Path) -> list[Event]:
    """The events of a journal; none if it is not there. A torn last line does not count.

    Raises:
        RunError: the file is no journal, of a newer format, or damaged before its last line.
    """
    if not path.exists():
        return []
    first, *lines = _whole_lines(path) or [b""]
    former = format_of(path, first) == FORMER
    events: list[Event] = []
    for number, line in enumerate(lines, start=2):
        former = former and not summed(line)
        event = (decode_former if former else decode)(path, number, line)
        if event.id != number - 1:
            raise RunError(
                f"line {number} of {path} has the id {event.id}, but {number - 1} comes next; "
                "a line was removed or doubled; restore the file from a copy"
            )
        events.append(event)
    return events


def _created(path: Path, events: Iterable[Event]) -> list[Event]:
    stamped = _stamped(list(events), after=0)
    remove_unfinished_of(path)
    write_bytes(path, header() + b"\n" + _lines(stamped))
    return stamped


def _stamped(events: Sequence[Event], *, after: int) -> list[Event]:
    """The events with ids from ``after + 1``, and the time now if they are new."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return [
        replace(event, id=number, at=event.at if event.id else event.at or now)
        for number, event in enumerate(events, start=after + 1)
    ]


def _lines(events: Iterable[Event]) -> bytes:
    return b"".join(encode(event) + b"\n" for event in events)


def _whole_lines(path: Path) -> list[bytes]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    return content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]


def _end_of(path: Path) -> tuple[int, int]:
    """Where the last whole line ends, and the id of its event; 0 if there is none."""
    try:
        with path.open("rb") as file:
            first = file.readline()
            end, line = _last_line(file)
    except OSError as error:
        raise _unreadable(path, error) from error
    format_of(path, first if first.endswith(b"\n") else b"")
    if end == len(first):
        return end, 0
    with suppress(RunError):
        return end, decode(path, 0, line).id
    return end, len(read(path))  # of format 1; or the damaged line is named


def _last_line(file: BinaryIO) -> tuple[int, bytes]:
    """Where the last whole line of a file ends, and that line."""
    size = file.seek(0, os.SEEK_END)
    block = _BLOCK
    while True:
        start = max(size - block, 0)
        file.seek(start)
        content = file.read(size - start)
        end = content.rfind(b"\n")
        begin = content.rfind(b"\n", 0, max(end, 0)) + 1
        if begin or not start:
            return start + end + 1, content[begin : max(end, 0)]
        block *= 8


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a journal for one append.

    Raises:
        RunError: another process does not let go of it, or it cannot be made.
    """
    file = path.with_name(f".{path.name}.lock")
    try:
        lock = _locks.acquire(file, patience=_PATIENCE_SECONDS, poll_seconds=_POLL_SECONDS)
    except _locks.Busy as error:
        raise _locks.Busy(
            f"another process has held {file} for {_PATIENCE_SECONDS} seconds; end it and try again"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _unreadable(path: Path, error: OSError) -> RunError:
    return RunError(f"cannot read the journal {path}: {error.strerror or error}")
