"""Following a journal that other processes append to: each look reads only what is new."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import BinaryIO

from uwe.errors import RunError
from uwe.journal.chain import Chain
from uwe.journal.events import Event

__all__ = ["Follower"]


class Follower:
    """Reads the events that were appended to a journal since the last look.

    A last line without a newline waits for the next look: a process is writing it, or was stopped
    while it wrote.

    Args:
        path: of the journal.
        run: what the files of the run are called, where the journal must be of that run.

    >>> import tempfile
    >>> from uwe.journal import Skipped, append
    >>> path = Path(tempfile.mkdtemp()) / "journal.jsonl"
    >>> follower = Follower(path)
    >>> _ = append(path, Skipped((3,), "ann", "dark"))
    >>> [event.rows for event in follower.look()], follower.look()
    ([(3,)], [])
    """

    def __init__(self, path: Path, run: str = "") -> None:
        self.path = path
        self._run = run
        self._chain: Chain | None = None
        self._end = 0
        self._sum = 0
        self._file = (0, 0)

    def look(self) -> list[Event]:
        """The events that are new since the last look; none of a journal that is not there yet.

        Raises:
            RunError: the file is no journal, is damaged, or is another one than at the last look.
        """
        try:
            with self.path.open("rb") as file:
                self._require_same(file)
                new = file.read()
        except FileNotFoundError:
            if self._chain is None:
                return []
            raise self._replaced("was removed") from None
        except OSError as error:
            raise RunError(
                f"cannot read the journal {self.path}: {error.strerror or error}"
            ) from error
        whole = new[: new.rfind(b"\n") + 1]
        if not whole:
            return []
        lines = whole.split(b"\n")[:-1]
        if self._chain is None:
            self._chain = Chain(self.path, lines.pop(0), self._run)
        events = self._chain.read(lines)
        self._end += len(whole)
        self._sum = zlib.crc32(whole, self._sum)
        return events

    def _require_same(self, file: BinaryIO) -> None:
        """Refuse a file that does not begin with what was read; the file is left where that ends.

        A journal with hard links is copied before it is appended to, so that another file can be
        the same journal: its beginning is read again.
        """
        state = os.fstat(file.fileno())
        one = (state.st_dev, state.st_ino)
        if self._chain is not None:
            begin = self._end - len(self._chain.line) - 1 if one == self._file else 0
            file.seek(begin)
            known = file.read(self._end - begin)
            is_same = known == self._chain.line + b"\n" if begin else zlib.crc32(known) == self._sum
            if len(known) < self._end - begin or not is_same:
                raise self._replaced("was changed by something else than an append")
        self._file = one

    def _replaced(self, what: str) -> RunError:
        return RunError(
            f"{self.path} {what} while this process worked on it; restore it, and give the same "
            "command again"
        )
