"""Files that are whole or not there: written beside, synced, renamed; or appended and synced.

An unfinished file is called ``.NAME.TOKEN.part``, where NAME is the file that it will be and TOKEN
is drawn anew for each, so that nobody foresees the name. It is made with O_EXCL and never opened by
its name again, so that no link is followed.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO

from uwe._unicode import is_unicode
from uwe.errors import InputError, RunError

__all__ = [
    "LONGEST_NAME",
    "append_bytes",
    "expanded",
    "file_digest",
    "guarded",
    "make_folder",
    "nearest_existing",
    "remove_unfinished",
    "remove_unfinished_of",
    "require_own",
    "target_of",
    "write_bytes",
    "write_json",
    "write_private",
    "write_text",
    "write_whole",
]


LONGEST_NAME = 255
"""Bytes of a file's name, on every file system in use."""

_USUAL, _PRIVATE = 0o666, 0o600
_TOKEN_BYTES = 8
_UNFINISHED = re.compile(rf"\.(.+)\.(?:[0-9a-f]{{{2 * _TOKEN_BYTES}}}|[0-9]+)\.part", re.DOTALL)
"""The name of an unfinished file; earlier versions had the number of the process as the token."""


_CHECKS: ContextVar[tuple[Callable[[], None], ...]] = ContextVar("checks", default=())


@contextmanager
def guarded(check: Callable[[], None]) -> Iterator[None]:
    """Call ``check`` before a file is renamed into place, appended to, or its folder is made.

    A process that holds the lock of some files passes a check that the lock is still its own.

    Args:
        check: raises an error where nothing more may be written.
    """
    token = _CHECKS.set((*_CHECKS.get(), check))
    try:
        yield
    finally:
        _CHECKS.reset(token)


def require_own() -> None:
    """Call the checks of `guarded`, innermost first."""
    for check in reversed(_CHECKS.get()):
        check()


def write_whole(
    path: Path, write: Callable[[BinaryIO], None], *, permissions: int = _USUAL
) -> None:
    """Let ``write`` fill a file beside ``path``, then sync it and rename it into place.

    In any case, ``path`` holds its old content or the whole new one. A link is written through if
    it leads to a file of the same folder.

    Args:
        path: of the file.
        write: is handed the file, open for writing.
        permissions: of a new file, of which the process's umask takes some away.

    Raises:
        RunError: the disk is full, the folder cannot be written, or ``path`` is a folder, a device
            or a link to another folder.
    """
    path = target_of(path)
    try:
        make_folder(path.parent)
        with _unfinished(path, permissions) as (beside, file):
            write(file)
            file.flush()
            os.fsync(file.fileno())
            file.close()
            require_own()
            beside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _as_run_error(error, path) from error


@contextmanager
def _unfinished(path: Path, permissions: int) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file beside ``path``, which goes away unless it is renamed."""
    beside = path.with_name(_unfinished_name(path.name))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(beside, flags, permissions)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield beside, file
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _unfinished_name(name: str) -> str:
    """A name that no other file has; of a long ``name``, its digest."""
    end = f".{secrets.token_hex(_TOKEN_BYTES)}.part"
    if len(os.fsencode(name)) + len(end) + 1 > LONGEST_NAME:
        name = hashlib.blake2b(os.fsencode(name), digest_size=16).hexdigest()
    return f".{name}{end}"


def target_of(path: Path) -> Path:
    """The file that is written if ``path`` is: itself, or what it links to in the same folder.

    Raises:
        RunError: it is a folder, a FIFO or a device, or a link to another folder.
    """
    try:
        target = path.resolve() if path.is_symlink() else path
        if target != path and target.parent != path.parent.resolve():
            raise RunError(
                f"{path} is a link to {target}, which is in another folder and would be "
                "overwritten; remove the link or choose another name"
            )
        mode = target.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return target
    except ValueError as error:  # a NUL
        raise RunError(f"cannot write {str(path)!r}: {error}; choose another name") from error
    except RuntimeError as error:
        if isinstance(error, RunError):
            raise
        raise RunError(f"cannot write {path}: its links lead in a circle; remove it") from error
    except OSError as error:
        raise _as_run_error(error, path) from error
    if not stat.S_ISREG(mode):
        kind = next((what for test, what in _KINDS.items() if test(mode)), "no regular file")
        raise RunError(f"cannot write {path}: it is {kind}; choose another name")
    return target


_KINDS: Mapping[Callable[[int], bool], str] = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a FIFO",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISSOCK: "a socket",
}


def expanded(path: str | os.PathLike[str]) -> Path:
    """``path`` with the home folder for a leading ``~/``; any other ``~`` belongs to the name.

    Raises:
        InputError: it is no path, or no home folder is known.

    >>> expanded("~picks.csv")
    PosixPath('~picks.csv')
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(
            f"a path must be text or a Path, not {path!r} of type {type(path).__name__}"
        )
    text = os.fspath(path)
    if text != "~" and not text.startswith(("~/", f"~{os.sep}")):
        return Path(path)
    home = os.path.expanduser("~")  # noqa: PTH111  # does not raise
    if home == "~":
        raise InputError(f"no home folder is known for {text}; write the whole path, or set HOME")
    return Path(home + text[1:])


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content``, whole or not at all."""
    write_whole(path, lambda file: _fill(file, content))


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all.

    Raises:
        RunError: as `write_whole`, or ``text`` holds half a character.
    """
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        at = text[max(0, error.start - 20) : error.end + 20]
        raise RunError(f"cannot write {path}: {at!r} is not Unicode; rename it") from error
    write_bytes(path, content)


def write_private(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all, into a file that its owner alone may read."""
    write_whole(path, lambda file: _fill(file, text.encode()), permissions=_PRIVATE)


def _fill(file: BinaryIO, content: bytes) -> None:
    file.write(content)


def write_json(path: Path, value: object) -> None:
    """Write ``value`` as indented JSON, whole or not at all."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if not is_unicode(text):  # of a file name that is not UTF-8
        text = json.dumps(value, indent=2)
    write_text(path, text + "\n")


def append_bytes(path: Path, content: bytes, *, at: int) -> None:
    """Cut the file at byte ``at``, write ``content`` there, and wait until it is on the disk.

    If that fails, the file ends at ``at``.

    Raises:
        RunError: the disk is full or the file cannot be written.
    """
    require_own()
    try:
        descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
        try:
            os.ftruncate(descriptor, at)
            os.lseek(descriptor, at, os.SEEK_SET)
            _write_from(descriptor, at, content)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _as_run_error(error, path) from error


def _write_from(descriptor: int, at: int, content: bytes) -> None:
    try:
        left = memoryview(content)
        while left:  # one write, unless the system takes less
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, at)
        raise


def file_digest(path: Path) -> str:
    """A fingerprint of a file's content: BLAKE2b, 32 hexadecimal digits.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def make_folder(folder: Path) -> None:
    """Make ``folder`` and its parents.

    Raises:
        RunError: it cannot be made.
    """
    require_own()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _as_run_error(error, folder) from error


def nearest_existing(folder: Path) -> Path:
    """``folder`` if it is there, else the nearest folder above it that is."""
    return next(each for each in (folder, *folder.absolute().parents) if each.exists())


def remove_unfinished(folder: Path, owns: Callable[[str], bool]) -> None:
    """Remove what killed processes left, in ``folder`` and below it.

    Args:
        folder: of the files.
        owns: whether the caller writes the file of this name; no other process may be writing it.
    """
    for path in folder.rglob(".*.part"):
        name = _UNFINISHED.fullmatch(path.name)
        if name is not None and owns(name[1]):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def remove_unfinished_of(*paths: Path) -> None:
    """Remove what killed processes left of these files; no other process may be writing them."""
    for path in paths:
        for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
            name = _UNFINISHED.fullmatch(left.name)
            if name is not None and name[1] == path.name:
                with suppress(OSError):
                    left.unlink(missing_ok=True)


_NO_SYNC = {
    getattr(errno, name)
    for name in ("EINVAL", "EBADF", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EACCES", "EPERM", "EISDIR")
    if hasattr(errno, name)
}


def _sync_folder(folder: Path) -> None:
    """Wait until the name of a new file is on the disk, where the file system can do that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def _as_run_error(error: OSError, path: Path) -> RunError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunError(
            f"the disk is full: {path} was not written; free some space and give the same "
            "command again"
        )
    if error.errno == errno.ENAMETOOLONG:
        return RunError(f"cannot write {path}: its name is too long; choose a shorter one")
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return RunError(f"cannot write {path}: a folder of it is a file; choose another name")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        reason = f"{error.strerror}; choose a folder that you may write to"
        return RunError(f"cannot write {path}: {reason}")
    return RunError(f"cannot write {path}: {error.strerror or error}")


def dump_line(record: Mapping[str, Any]) -> str:
    """Give ``record`` as one line of JSON."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))
