"""Locks between processes: one holds a file, and the system lets go of it when the process ends.

This is the only module that knows filelock. A folder without locks is refused in a line that names
the file, as two processes would otherwise write to one run.
"""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uwe._files import make_folder
from uwe.errors import RunError

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["Busy", "Lock", "acquire", "held", "is_held"]

_POLL_SECONDS = 0.05
_WITHOUT_LOCKS = {
    getattr(errno, name)
    for name in ("ENOLCK", "ENOSYS", "EOPNOTSUPP", "ENOTSUP", "EINVAL")
    if hasattr(errno, name)
}


class Busy(RunError):
    """Another process holds the lock."""


class Lock:
    """A lock that this process holds, in all its threads, until `release`.

    Attributes:
        path: of the file that is locked.
    """

    def __init__(self, path: Path, handle: BaseFileLock) -> None:
        self.path = path
        self._handle = handle

    def is_ours(self) -> bool:
        """Whether the path still names the file that is held.

        It does not after the file was removed or its folder: then another process can hold
        a new file of that name, and this process must not write any more.
        """
        descriptor = self._handle._context.lock_file_fd
        if descriptor is None:
            return False
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except OSError:
            return False

    def require_ours(self) -> None:
        """Refuse to write where the path no longer names the file that is held.

        Raises:
            RunError: it does not.
        """
        if not self.is_ours():
            raise RunError(
                f"{self.path} was removed or replaced while this process held it, so another "
                "process may work on the same files; this one stops and writes nothing more. Give "
                "the same command again"
            )

    def release(self) -> None:
        """Let go of the lock; the file stays."""
        self._handle.release()


def acquire(
    path: Path, *, patience: float | None = 0.0, poll_seconds: float = _POLL_SECONDS
) -> Lock:
    """Lock a file, which is made if it is not there.

    Args:
        path: of the file.
        patience: seconds to wait for another process; None waits until it lets go.
        poll_seconds: between two tries.

    Raises:
        Busy: another process holds the lock.
        RunError: the file cannot be made, or its file system has no locks.
    """
    make_folder(path.parent)
    handle = _handle_of(path)
    try:
        handle.acquire(timeout=-1 if patience is None else patience, poll_interval=poll_seconds)
    except _filelock().Timeout as error:
        raise Busy(f"another process holds {path}; wait for it or end it") from error
    except (OSError, NotImplementedError) as error:
        raise _not_locked(path, error) from error
    return Lock(path, handle)


@contextmanager
def held(
    path: Path, *, patience: float | None = 0.0, poll_seconds: float = _POLL_SECONDS
) -> Iterator[Lock]:
    """Hold a lock for the time of a ``with``; the arguments and errors are those of `acquire`."""
    lock = acquire(path, patience=patience, poll_seconds=poll_seconds)
    try:
        yield lock
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Whether a process holds the lock at this moment."""
    if not path.exists():
        return False
    try:
        acquire(path).release()
    except RunError:
        return True
    return False


@cache
def _filelock() -> Any:
    """Filelock, without its warning where Python has no module fcntl; `acquire` says that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import filelock
        from filelock import FileLock  # noqa: F401  # is made, and may warn, when it is first named
    return filelock


def _handle_of(path: Path) -> BaseFileLock:
    """A lock of the system; one that is only a file would stay after a kill."""
    module = _filelock()
    if issubclass(module.FileLock, module.SoftFileLock):
        raise RunError(
            f"cannot lock {path}: this Python has no module fcntl; use a Python that has it"
        )
    handle: BaseFileLock
    try:
        handle = module.FileLock(path, thread_local=False, fallback_to_soft=False)
    except TypeError:  # of an earlier filelock, which never falls back
        handle = module.FileLock(path, thread_local=False)
    return handle


def _not_locked(path: Path, error: Exception) -> RunError:
    number = error.errno if isinstance(error, OSError) else errno.ENOSYS
    if number in _WITHOUT_LOCKS:
        return RunError(
            f"cannot lock {path}: its file system has no locks ({_reason(error)}); choose a folder "
            "on a local disk"
        )
    if path.is_symlink():
        return RunError(f"cannot lock {path}: it is a link; remove it")
    return RunError(f"cannot lock {path}: {_reason(error)}; choose a folder that you may write to")


def _reason(error: Exception) -> str:
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__
