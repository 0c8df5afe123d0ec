"""The file of a journal: made, read, and appended to, by several processes at once if need be.

The first line names the format; every other line is one event as JSON with a check sum. A line
counts once it ends with a newline: a last line without one is what a killed process left, and is
cut off before the next line is written. A journal of format 1, whose lines have no check sums, goes
on in place: new lines are of format 2.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import BinaryIO

from uwe import _locks
from uwe._files import append_bytes, guarded, remove_unfinished_of, write_bytes
from uwe.errors import RunError
from uwe.journal.chain import Chain
from uwe.journal.events import Event
from uwe.journal.lines import FORMER, decode, encode, header, is_whole, read_header, summed

__all__ = ["append", "create", "read", "require_last"]

log = logging.getLogger("uwe")

_BLOCK = 1 << 16
_POLL_SECONDS = 0.002
_PATIENCE_SECONDS = 60
_WRITE_SECONDS = 0.05


def create(path: Path, events: Iterable[Event] = (), *, run: str = "") -> list[Event]:
    """Write a new journal that holds ``events``, whole or not at all.

    Args:
        path: of the journal.
        events: what it begins with.
        run: what the files of the run are called; the first line holds it.

    Returns:
        The events with their ids in this journal. Events of another journal keep their times.

    Raises:
        RunError: there is a journal already, or it cannot be written.
    """
    with _locked(path):
        if path.exists():
            raise RunError(f"{path} is there already; append to it, or choose another folder")
        return _created(path, events, run)


def append(path: Path, *events: Event) -> list[Event]:
    """Append ``events`` in one write, and wait until they are on the disk.

    Several processes may append at once: each waits for a short lock. A journal that is not there
    is made. A journal that has further names (hard links), as a snapshot has, is copied first: the
    other names keep what they had.

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
        end = _end_of(path)
        stamped = _stamped(events, after=end.last)
        lines = _lines(stamped, after=end.line)
        _make_its_own(path)
        append_bytes(path, lines, at=end.at)
    return stamped


def read(path: Path, *, run: str = "") -> list[Event]:
    """The events of a journal; none if it is not there. A torn last line does not count.

    Args:
        path: of the journal.
        run: what the files of the run are called, where the journal must be of that run.

    Raises:
        RunError: the file is no journal, of a newer format, of another run, or damaged before its
            last line.
    """
    if not path.exists():
        return []
    first, *lines = _whole_lines(path) or [b""]
    return Chain(path, first, run).read(lines)


def require_last(path: Path, known: Sequence[Event]) -> None:
    """Refuse a journal that does not end with the last event that this process knows.

    Raises:
        RunError: it was removed, replaced, or another process has written to it.
    """
    last = _last_event(path) if path.exists() else None
    expected = known[-1] if known else None
    if _mark(last) != _mark(expected):
        there = "was removed" if not path.exists() else "was changed by another process"
        raise RunError(
            f"{path} {there} while this process worked on it; nothing more is written. Give the "
            "same command again"
        )


def _mark(event: Event | None) -> tuple[object, ...] | None:
    """What tells the last event of a journal from that of another."""
    return None if event is None else (type(event), event.id, event.at)


def _created(path: Path, events: Iterable[Event], run: str = "") -> list[Event]:
    stamped = _stamped(list(events), after=0)
    remove_unfinished_of(path)
    first = header(run)
    write_bytes(path, first + b"\n" + _lines(stamped, after=first))
    return stamped


def _stamped(events: Sequence[Event], *, after: int) -> list[Event]:
    """The events with ids from ``after + 1``, and the time now if they are new."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return [
        replace(event, id=number, at=event.at if event.id else event.at or now)
        for number, event in enumerate(events, start=after + 1)
    ]


def _lines(events: Iterable[Event], *, after: bytes) -> bytes:
    lines = []
    for event in events:
        lines.append(after := encode(event, after))
    return b"".join(line + b"\n" for line in lines)


def _make_its_own(path: Path) -> None:
    """Give a journal a file of its own, where a hard link shares the file with a snapshot."""
    if path.stat().st_nlink > 1:
        write_bytes(path, path.read_bytes())


def _whole_lines(path: Path) -> list[bytes]:
    content = _content(path)
    end = content.rfind(b"\n") + 1
    if end < len(content):
        _require_torn(path, content[:end].count(b"\n") + 1, content[end:])
        time.sleep(_WRITE_SECONDS)  # another process may be writing that line
        if _content(path) == content:
            _say_torn(path, end)
    return content[:end].split(b"\n")[:-1]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _require_torn(path: Path, number: int, line: bytes) -> None:
    """Refuse a last line that is whole but does not end as lines do: it was damaged."""
    if is_whole(line[:-1]):
        raise RunError(
            f"line {number} of {path} ends with {line[-1:]!r} and not with a newline; it was "
            "damaged or edited; restore the file from a copy"
        )


@cache
def _say_torn(path: Path, end: int) -> None:
    """Say once that a line does not count."""
    log.warning(
        "%s ends in an unfinished line (from byte %d), which a process left that was stopped while "
        "it wrote; the line does not count", path, end,
    )  # fmt: skip


@dataclass(frozen=True)
class _End:
    """The end of a journal.

    Attributes:
        at: where the last whole line ends.
        line: that line.
        last: the id of its event; 0 if there is none.
    """

    at: int
    line: bytes
    last: int


def _end_of(path: Path) -> _End:
    try:
        with path.open("rb") as file:
            first = file.readline()
            end, line, torn = _last_line(file)
    except OSError as error:
        raise _unreadable(path, error) from error
    head = read_header(path, first.removesuffix(b"\n") if first.endswith(b"\n") else b"")
    if torn:
        _require_torn(path, _count_lines(path) + 1, torn)
        _say_torn(path, end)
    if end == len(first):
        return _End(end, line, 0)
    if head.format == FORMER and not summed(line):
        return _End(end, line, len(read(path)))
    try:
        event, _ = decode(path, 0, line)
    except RunError:
        return _End(end, line, len(read(path)))  # the damaged line is named
    return _End(end, line, event.id)


def _last_event(path: Path) -> Event | None:
    """The last event of a journal, read without the others where its line has a check sum."""
    try:
        with path.open("rb") as file:
            first = file.readline()
            end, line, _ = _last_line(file)
    except OSError as error:
        raise _unreadable(path, error) from error
    if end == len(first):
        return None
    return decode(path, 0, line)[0] if summed(line) else read(path)[-1]


def _count_lines(path: Path) -> int:
    return _content(path).count(b"\n")


def _last_line(file: BinaryIO) -> tuple[int, bytes, bytes]:
    """Where the last whole line of a file ends, that line, and what stands behind it."""
    size = file.seek(0, os.SEEK_END)
    block = _BLOCK
    while True:
        start = max(size - block, 0)
        file.seek(start)
        content = file.read(size - start)
        end = content.rfind(b"\n")
        begin = content.rfind(b"\n", 0, max(end, 0)) + 1
        if begin or not start:
            return start + end + 1, content[begin : max(end, 0)], content[end + 1 :]
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
        with guarded(lock.require_ours):
            yield
    finally:
        lock.release()


def _unreadable(path: Path, error: OSError) -> RunError:
    return RunError(f"cannot read the journal {path}: {error.strerror or error}")
