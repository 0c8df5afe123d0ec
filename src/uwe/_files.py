"""Files that are whole or not there: written beside, synced, renamed; or appended and synced."""

from __future__ import annotations

import errno
import glob
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uwe.errors import RunError

if TYPE_CHECKING:
    import torch

__all__ = [
    "append_bytes",
    "guarded",
    "make_folder",
    "nearest_existing",
    "read_tensors",
    "remove_unfinished",
    "require_own",
    "write_bytes",
    "write_json",
    "write_tensors",
    "write_text",
    "write_whole",
]


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


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a file beside ``path``, then sync it and rename it into place.

    Whatever happens, ``path`` holds its old content or the whole new one.

    Raises:
        RunError: the disk is full or the folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        make_folder(path.parent)
        write(beside)
        _sync(beside)
        require_own()
        beside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _as_run_error(error, path) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content``, whole or not at all."""

    def write(beside: Path) -> None:
        beside.write_bytes(content)

    write_whole(path, write)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """Write ``value`` as indented JSON, whole or not at all."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # of a file name that is not UTF-8
        text = json.dumps(value, indent=2)
    write_text(path, text + "\n")


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write named tensors as safetensors, whole or not at all."""
    from safetensors.torch import save  # with torch, which the command line's errors do not need

    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # safetensors' own writer would not tell a full disk from anything else
    write_bytes(path, save(on_cpu))


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors that ``write_tensors`` wrote.

    Raises:
        RunError: the file is not there or is no safetensors file.
    """
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except Exception as error:  # safetensors raises errors of its own besides OSError
        raise RunError(f"cannot read {path}: {error}") from error


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


def remove_unfinished(folder: Path, stem: str) -> None:
    """Remove what a killed process was about to rename to names that begin with ``stem``."""
    for path in folder.rglob(f".*{glob.escape(stem)}*.part"):
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _as_run_error(error: OSError, path: Path) -> RunError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunError(
            f"the disk is full: {path} was not written; free some space and give the same "
            "command again"
        )
    return RunError(f"cannot write {path}: {error.strerror or error}")


def dump_line(record: Mapping[str, Any]) -> str:
    """Give ``record`` as one line of JSON."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))
