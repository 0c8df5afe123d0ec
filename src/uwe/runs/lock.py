"""The lock of a run: one process at a time works on it, and the others learn which."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from uwe import _locks
from uwe._files import guarded, remove_unfinished_of, write_text
from uwe._locks import Busy, is_held

__all__ = ["held", "is_held", "waited_for"]

_POLL_SECONDS = 0.2


@contextmanager
def held(lock: Path, what: str) -> Iterator[None]:
    """Hold the lock of a run; nothing is written once the file of the lock is no longer ours.

    Raises:
        Busy: another process holds it; its number is named.
        RunError: it cannot be made.
    """
    try:
        handle = _locks.acquire(lock)
    except Busy as error:
        raise Busy(f"{what} is being worked on by {_owner(lock)}; wait for it or end it") from error
    try:
        with guarded(handle.require_ours):
            _owner_file(lock).unlink(missing_ok=True)  # of a process that was killed
            remove_unfinished_of(_owner_file(lock))
            write_text(_owner_file(lock), f"process {os.getpid()} on {socket.gethostname()}")
            yield
    finally:
        if handle.is_ours():  # else the file is that of another process
            _owner_file(lock).unlink(missing_ok=True)
        handle.release()


@contextmanager
def waited_for(lock: Path, what: str, *, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock; while another process holds it, say so once and wait."""
    with ExitStack() as stack:
        told = False
        while not _try_to_hold(stack, lock, what):
            if not told:
                tell(f"waiting for {what}; {_owner(lock)} is working on it")
                told = True
            time.sleep(_POLL_SECONDS)
        yield


def _try_to_hold(stack: ExitStack, lock: Path, what: str) -> bool:
    try:
        stack.enter_context(held(lock, what))
    except Busy:
        return False
    return True


def _owner_file(lock: Path) -> Path:
    return lock.with_suffix(".owner")


def _owner(lock: Path) -> str:
    """The process that holds the lock; one that has just taken it may not have signed yet."""
    for _ in range(10):
        try:
            return _owner_file(lock).read_text(encoding="utf-8")
        except OSError:
            time.sleep(_POLL_SECONDS / 2)
    return "another process"
