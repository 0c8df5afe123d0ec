"""The lines of a journal as a chain: ids rise by one, and each line holds the sum of the last."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from uwe.errors import RunError
from uwe.journal.events import Event
from uwe.journal.lines import FORMER, decode, decode_former, read_header, sum_of, summed

__all__ = ["Chain"]


class Chain:
    """Reads the whole lines of a journal in order, some at a time.

    Args:
        path: of the journal, for errors.
        first: its first line, without the newline.
        run: what the files of the run are called, where the journal must be of that run.

    Attributes:
        last: id of the last event that was read; 0 before the first.
        line: the last line that was read.

    Raises:
        RunError: the first line is of no journal, of a newer format, or of another run.
    """

    def __init__(self, path: Path, first: bytes, run: str = "") -> None:
        head = read_header(path, first)
        if head.run and run and head.run != run:
            raise RunError(
                f"{path} is the journal of another run ({head.run}); restore the file from a copy"
            )
        self.last = 0
        self.line = first
        self._path = path
        self._former = head.format == FORMER
        self._linked = False

    def read(self, lines: Iterable[bytes]) -> list[Event]:
        """The events of the lines that come next, without their newlines.

        Raises:
            RunError: a line is damaged, or does not follow the line before it; it is named.
        """
        return [self._next(line) for line in lines]

    def _next(self, line: bytes) -> Event:
        number = self.last + 2
        event, after = self._decoded(number, line)
        self._linked = self._linked or after is not None
        if event.id != self.last + 1:
            raise RunError(
                f"line {number} of {self._path} has the id {event.id}, but {self.last + 1} comes "
                "next; a line was removed or doubled; restore the file from a copy"
            )
        if self._linked and after != sum_of(self.line):
            raise RunError(
                f"line {number} of {self._path} does not follow the line before it; lines were "
                "moved, removed or changed; restore the file from a copy"
            )
        self.last, self.line = event.id, line
        return event

    def _decoded(self, number: int, line: bytes) -> tuple[Event, str | None]:
        self._former = self._former and not summed(line)
        if self._former:
            return decode_former(self._path, number, line), None
        return decode(self._path, number, line)
