"""A lock of a project that is held for a short time: other processes wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from uwe._files import make_folder
from uwe.errors import RunError

__all__ = ["waited"]

_POLL_SECONDS = 0.005


@contextmanager
def waited(lock: Path) -> Iterator[None]:
    """Hold the lock, as soon as no other process does.

    Raises:
        RunError: it cannot be made.
    """
    make_folder(lock.parent)
    handle = FileLock(lock)
    try:
        handle.acquire(poll_interval=_POLL_SECONDS)
    except OSError as error:
        raise RunError(f"cannot lock {lock}: {error.strerror or error}") from error
    try:
        yield
    finally:
        handle.release()
