"""The log file of a run: what happened, for people."""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from uwe._files import make_folder, write_bytes
from uwe.errors import RunError

__all__ = ["logged_to"]

log = logging.getLogger("uwe")


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Append what the library logs to ``path``, too.

    Raises:
        RunError: the file cannot be written.
    """
    make_folder(path.parent)
    try:
        if path.is_file() and path.stat().st_nlink > 1:  # a snapshot has the same file
            write_bytes(path, path.read_bytes())
        handler = _LogFile(path, encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    handler.setLevel(logging.INFO)
    before = log.level
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)
        handler.close()


class _LogFile(logging.FileHandler):
    """A log file that stops the work when it cannot be written, as every other file does."""

    def handleError(self, record: logging.LogRecord) -> None:
        del record
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
            raise RunError(
                f"cannot write {self.baseFilename}: {reason}; make room or change its permissions, "
                "then give the same command again"
            ) from error

    def close(self) -> None:
        # What could not be written has been reported; closing tries to write it once more.
        with suppress(OSError):
            super().close()
