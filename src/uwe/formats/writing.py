"""Writes what a project says, whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from uwe._files import LONGEST_NAME, make_folder, write_bytes, write_json
from uwe.errors import InputError, RunError
from uwe.formats._format import Format
from uwe.formats.export import Export

__all__ = ["require_name", "require_replaceable", "write"]

_MARK = ".uwe-export.json"
"""Lists the files of an export in its folder, so that no other file is ever replaced."""


def write(export: Export, format: Format, path: Path, *, force: bool = False) -> Export:
    """Write what a project says.

    Args:
        export: what it says.
        format: of the file or folder.
        path: of it.
        force: whether an earlier export may be replaced.

    Returns:
        What was written: of a format without people, the rows whose label counts.

    Raises:
        InputError: there is nothing to write, the format does not hold it, or something is there.
        DataError: an image is gone.
        RunError: it cannot be written.

    >>> import tempfile
    >>> from uwe.formats import Entry, find_format
    >>> from uwe.tasks import classification
    >>> export = Export("birds", classification(["crow"]), (Entry(0, "a", "crow"),))
    >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
    >>> _ = write(export, find_format("csv"), path)
    >>> path.read_text().splitlines()[0]
    'id,label,by,seconds,note,skip,settled,flagged,at,batch'
    """
    export = _fitted(export, format)
    require_name(format, path)
    if format.encode is not None:
        if path.exists() and not force:
            raise InputError(f"{path} exists; choose another name, or force overwrites it")
        write_bytes(path, format.encode(export))
    else:
        require_replaceable(format, path, force=force)
        _write_folder(export, format, path)
    return export


def _fitted(export: Export, format: Format) -> Export:
    """What the format holds of an export: without people, the rows whose label counts.

    Raises:
        InputError: the format cannot hold it, or nothing is left.
    """
    task = export.task
    if task.widget not in format.widgets:
        raise InputError(
            f"{format.name} cannot hold the labels of {task.name}; choose csv, jsonl or parquet"
        )
    if format.kinds and export.kind not in format.kinds:
        raise InputError(
            f"{format.name} is for {' or '.join(sorted(format.kinds))}, and {export.name} is about "
            f"{export.kind}; choose csv, jsonl or parquet"
        )
    if not format.holds_people and not export.everything:
        export = replace(export, entries=tuple(export.labelled))
    if not export.entries and export.to_label:
        raise InputError(
            f"nothing of {export.name} waits for a label; 'uwe next' gives out further rows"
        )
    if not export.entries:
        raise InputError(
            f"{export.name} has no label{' and no skipped row' if format.holds_people else ''}, so "
            "there is nothing to export; 'uwe tell' records labels, and --all exports the rows "
            "without them"
        )
    return export


def require_name(format: Format, path: Path) -> None:
    """Refuse a file whose suffix is that of another format, and a format that is only read.

    Raises:
        InputError: it is.
    """
    if format.encode is None and format.fill is None:
        raise InputError(f"{format.name} is read, and not written; choose coco or cvat")
    if format.encode is not None and path.suffix.lower() not in format.suffixes:
        raise InputError(
            f"{format.name} is written as {' or '.join(format.suffixes)}, so {path} must end in "
            f"{format.suffixes[0]}"
        )
    if format.encode is None and path.suffix and not path.is_dir():
        raise InputError(
            f"{format.name} is a folder, and {path} has the name of a file; leave {path.suffix} out"
        )


def require_replaceable(format: Format, path: Path, *, force: bool) -> None:
    """Refuse a folder that is there, unless it is empty or an earlier export to be replaced.

    Raises:
        InputError: it is not.
    """
    if not path.exists() and not path.is_symlink():
        return
    if path.is_symlink() or not path.is_dir():
        raise InputError(f"{path} is no folder, and {format.name} is one; choose another name")
    files = _files_below(path)
    written = _written_before(path)
    foreign = next((name for name in files if name not in written), None)
    if foreign is not None:
        raise InputError(
            f"{path} holds {foreign}, which no earlier export wrote; choose another folder"
        )
    if files and not force:
        raise InputError(f"{path} exists; choose another name, or --force replaces it")


def _files_below(folder: Path) -> list[str]:
    """The files in a folder and below; links are not followed."""
    found = (each for each in folder.rglob("*") if each.is_symlink() or not each.is_dir())
    return sorted(each.relative_to(folder).as_posix() for each in found)


def _written_before(folder: Path) -> frozenset[str]:
    """The files of the export that wrote a folder; none where no export did."""
    try:
        listed = json.loads((folder / _MARK).read_bytes())["files"]
        return frozenset({_MARK, *listed})
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return frozenset()


def _write_folder(export: Export, format: Format, path: Path) -> None:
    """Fill a folder beside ``path``, then give it the name of ``path``."""
    assert format.fill is not None
    make_folder(path.parent)
    beside = _beside(path)
    try:
        beside.mkdir()
        format.fill(export, beside)
        write_json(beside / _MARK, {"format": format.name, "files": _files_below(beside)})
        _replace(beside, path)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _replace(new: Path, path: Path) -> None:
    """Give a folder the name of another; what had the name comes back if that fails."""
    if not path.exists():
        new.rename(path)
        return
    former = _beside(path)
    path.rename(former)
    try:
        new.rename(path)
    except OSError:
        with suppress(OSError):
            former.rename(path)
        raise
    shutil.rmtree(former, ignore_errors=True)


def _beside(path: Path) -> Path:
    """A hidden name that no other folder has."""
    end = f".{secrets.token_hex(8)}.part"
    name = path.name[: (LONGEST_NAME - len(end) - 1) // 4] if _is_long(path) else path.name
    return path.with_name(f".{name}{end}")


def _is_long(path: Path) -> bool:
    return len(os.fsencode(path.name)) + 32 > LONGEST_NAME
