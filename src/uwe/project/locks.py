"""A lock of a project that is held for a short time: other processes wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uwe import _locks
from uwe._files import guarded

__all__ = ["waited"]

_POLL_SECONDS = 0.005


@contextmanager
def waited(lock: Path) -> Iterator[None]:
    """Hold the lock, as soon as no other process does.

    Raises:
        RunError: it cannot be made.
    """
    with (
        _locks.held(lock, patience=None, poll_seconds=_POLL_SECONDS) as handle,
        guarded(handle.require_ours),
    ):
        yield
