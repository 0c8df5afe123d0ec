"""The record of a run: what it was made with; and the lock of who is working on it."""

from __future__ import annotations

import errno
import json
import logging
import os
import platform
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from filelock import FileLock, Timeout

from uwe._files import make_folder, write_json, write_text
from uwe.errors import RunError

__all__ = [
    "OTHER_FOLDER",
    "OTHER_TAG",
    "fix_anew",
    "fixed_number",
    "held",
    "logged_to",
    "open_record",
    "recorded_setting",
    "require_same_settings",
    "waited_for",
]

OTHER_FOLDER = "choose another --results folder"
OTHER_TAG = f"{OTHER_FOLDER} or a --method-tag"

_FORMAT = 1
_PACKAGES = ("uwe", "torch", "numpy", "safetensors", "datasets", "transformers", "scikit-learn")
_POLL_SECONDS = 0.2

log = logging.getLogger("uwe")


def open_record(
    path: Path,
    settings: Mapping[str, Any],
    *,
    experiment: Mapping[str, Any],
    fixed: Mapping[str, Any],
    remedy: str = OTHER_FOLDER,
) -> dict[str, Any]:
    """The record of a run: made now, or read and compared with ``settings``.

    What can change a bit but is no setting (``fixed``: threads, inference batch) is noted when the
    record is made, and taken from it later. ``remedy`` is what to do where the settings differ.

    Raises:
        RunError: a run with other settings has that name, or the record cannot be read.
    """
    if path.exists():
        return _read_same(path, settings, remedy=remedy, fixed=fixed)
    record = {
        "format": _FORMAT,
        "settings": dict(settings),
        "fixed": dict(fixed),
        "experiment": dict(experiment),
        "environment": _environment(),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(path, record)
    return record


def require_same_settings(
    path: Path, journal: Path, settings: Mapping[str, Any], *, remedy: str = OTHER_FOLDER
) -> None:
    """Refuse a run whose record says other settings, or whose journal has no record.

    Raises:
        RunError: as `open_record`.
    """
    if path.exists():
        _read_same(path, settings, remedy=remedy)
    elif journal.exists():
        raise RunError(
            f"{journal} has lost its record {path.name}, so its settings cannot be compared; "
            f"put the record back, or {remedy}"
        )


def recorded_setting(path: Path, name: str) -> object:
    """A setting in the record of a run; None if there is no record."""
    return _read(path)["settings"].get(name) if path.exists() else None


def fixed_number(path: Path, name: str) -> int:
    """What the record of a run says of threads or inference batch."""
    return int(_read(path)["fixed"][name])


def fix_anew(path: Path, **changes: int) -> None:
    """Note that a run goes on with other threads or another inference batch."""
    record = _read(path)
    write_json(path, {**record, "fixed": {**record["fixed"], **changes}})


@contextmanager
def held(lock: Path, what: str) -> Iterator[None]:
    """Hold the lock of a run.

    Raises:
        RunError: another process holds it; its number is named.
    """
    make_folder(lock.parent)
    handle = FileLock(lock)
    try:
        handle.acquire(timeout=0)
    except Timeout as error:
        raise RunError(
            f"{what} is being worked on by {_owner(lock)}; wait for it or end it"
        ) from error
    except OSError as error:
        raise RunError(f"cannot lock {lock}: {error.strerror or error}") from error
    try:
        _owner_file(lock).unlink(missing_ok=True)  # of a process that was killed
        write_text(_owner_file(lock), f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        _owner_file(lock).unlink(missing_ok=True)
        handle.release()


@contextmanager
def waited_for(lock: Path, what: str, *, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock, waiting for whoever has it, and say so once."""
    with ExitStack() as stack:
        told = False
        while not _try_to_hold(stack, lock, what):
            if not told:
                tell(f"waiting for {what}, which {_owner(lock)} is making")
                told = True
            time.sleep(_POLL_SECONDS)
        yield


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """What the library logs goes to ``path``, too; the file is added to, never wiped."""
    make_folder(path.parent)
    try:
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
                f"cannot write {self.baseFilename}: {reason}; mend that and give the same "
                "command again"
            ) from error

    def close(self) -> None:
        # What could not be written has been reported; closing tries to write it once more.
        with suppress(OSError):
            super().close()


def _try_to_hold(stack: ExitStack, lock: Path, what: str) -> bool:
    try:
        stack.enter_context(held(lock, what))
    except RunError as error:
        if isinstance(error.__cause__, Timeout):
            return False
        raise
    return True


def _owner_file(lock: Path) -> Path:
    return lock.with_suffix(".owner")


def _owner(lock: Path) -> str:
    """Who holds the lock; whoever has just taken it may not have signed yet."""
    for _ in range(10):
        try:
            return _owner_file(lock).read_text(encoding="utf-8")
        except OSError:
            time.sleep(_POLL_SECONDS / 2)
    return "another process"


def _read_same(
    path: Path,
    settings: Mapping[str, Any],
    *,
    remedy: str,
    fixed: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    record = _read(path)
    _compare(path, record["settings"], settings, remedy)
    if lacking := [name for name in fixed if not isinstance(record["fixed"].get(name), int)]:
        raise RunError(f"{path} is not the record of a run: it lacks {lacking[0]!r}; {remedy}")
    return record


def _read(path: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = record["format"]
        {**record["settings"], **record["fixed"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise RunError(
            f"{path} is not the record of a run: {what}; put it back, or {OTHER_FOLDER}"
        ) from error
    if found != _FORMAT:
        raise RunError(
            f"{path} has format {found}, and this version reads {_FORMAT}; "
            "use the version of uwe that wrote it"
        )
    return record


def _compare(path: Path, there: Mapping[str, Any], here: Mapping[str, Any], remedy: str) -> None:
    differing = [key for key in {**there, **here} if there.get(key) != here.get(key)]
    if differing:
        shown = "; ".join(
            f"{key} is {there.get(key)!r} there and {here.get(key)!r} here" for key in differing
        )
        raise RunError(f"a run of that name has other settings ({path}): {shown}; {remedy}")


def _environment() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def _processor() -> str:
    """The processor's name, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
