"""What can fail after the work is checked before it: names, folders and formats of output files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from uwe._files import LONGEST_NAME, expanded, nearest_existing, target_of
from uwe._unicode import is_unicode
from uwe.errors import InputError, RunError

__all__ = ["check_output", "require_distinct"]

_NO_IMAGES = (".csv", ".jsonl", ".parquet", ".txt", ".safetensors", ".html")


def check_output(
    path: Path,
    *,
    force: bool,
    sources: Mapping[str, Path | None] | Mapping[str, Path] | None = None,
    images: Path | None = None,
    advice: str = "choose another name, or --force overwrites it",
) -> Path:
    """Refuse an output file that could not be written, or that must not be.

    Args:
        path: of the file.
        force: whether a file that is there may be overwritten.
        sources: what the command reads, by what it is; files and folders. None of them is
            overwritten, even with ``force``.
        images: a folder of images that is read; tables and pages in it are no source.
        advice: what to do about a file that exists.

    Returns:
        The path with the home folder for a leading ``~/``.

    Raises:
        InputError: the file exists, is a source, or its name or format does not fit.
        RunError: its folder cannot be written.
    """
    path = expanded(path)
    _check_name(path)
    target = target_of(path)
    read = {**(sources or {})}
    if images is not None and not _is_apart(target, expanded(images)):
        read["the folder of images"] = images
    for what, source in read.items():
        if source is not None and _is_of(target, expanded(source)):
            of = f"a file of {what} {source}" if expanded(source).is_dir() else what
            raise InputError(f"{path} is {of} and would be lost; choose another name")
    if (path.exists() or path.is_symlink()) and not force:
        raise InputError(f"{path} exists; {advice}")
    _check_folder(target)
    return path


def check_made(path: Path, *, sources: Sequence[Path], force: bool) -> None:
    """Refuse to overwrite a file of another origin; a report or a picture of uwe is written anew.

    Args:
        path: of the report, table or picture.
        sources: results folders and files that are read.
        force: whether a file of another origin may be overwritten.

    Raises:
        InputError: the file is of another origin, or is one of the runs' own files.
        RunError: it cannot be written.
    """
    from uwe.report import is_own_file

    target = target_of(expanded(path))
    is_own = target.is_file() and is_own_file(target)
    is_of_runs = _has_other_names(target) or not (
        target.suffix in _MADE or target.name in _MADE_NAMES
    )
    check_output(
        path,
        force=force or is_own,
        sources={
            f"the source {at}": each
            for at, each in enumerate(sources, start=1)
            if not expanded(each).is_dir() or (is_of_runs and not is_own)
        },
        advice="it is no report, table or picture of uwe; choose another place, or --force "
        "overwrites it",
    )


_MADE = (".html", ".md", ".svg")
_MADE_NAMES = ("curves.csv", "report.json")
"""Suffixes and names of what is made of runs, and of none of their own files."""


def require_distinct(outputs: Mapping[str, Path | None]) -> None:
    """Refuse two outputs that are one file, also by links or by names that differ in case alone.

    Raises:
        InputError: two are.
    """
    given = [(flag, path) for flag, path in outputs.items() if path is not None]
    for at, (flag, path) in enumerate(given):
        for other_flag, other in given[:at]:
            if _is_same(expanded(path), expanded(other)):
                raise InputError(
                    f"{other_flag} {other} and {flag} {path} are one file; name two files"
                )


def _is_same(first: Path, second: Path) -> bool:
    if _are_one(first, second):
        return True
    names = [os.path.abspath(target_of(each)).casefold() for each in (first, second)]  # noqa: PTH100
    return names[0] == names[1]


def _is_of(target: Path, source: Path) -> bool:
    """Whether a file is a source, or one of the files of a source that is a folder."""
    if not target.exists() or not source.exists():
        return False
    if not source.is_dir():
        return target.samefile(source)
    if source.resolve() in target.resolve().parents:
        return True
    if not _has_other_names(target):
        return False
    return any(_are_one(target, each) for each in _files_of(source))


def _is_apart(target: Path, images: Path) -> bool:
    """Whether a file is a table or a page, by its one name, and so none of the images."""
    is_other = target.suffix.lower() in _NO_IMAGES and not _has_other_names(target)
    return images.is_dir() and is_other


def _has_other_names(target: Path) -> bool:
    return target.exists() and target.stat().st_nlink > 1


def _are_one(target: Path, other: Path) -> bool:
    with suppress(OSError):
        return target.samefile(other)
    return False


def _files_of(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)


def _check_name(path: Path) -> None:
    """The name can be a file's name, on this machine and in what is said of it."""
    for part in path.parts:
        if not is_unicode(part):
            raise InputError(f"the name {part!r} is not Unicode; choose another name")
        if (length := len(part.encode())) > LONGEST_NAME:
            raise InputError(
                f"the name {part[:40]}… has {length} bytes; {LONGEST_NAME} is the limit; choose a "
                "shorter one"
            )
        if "\0" in part:
            raise InputError(f"the name {part!r} holds a NUL; choose another name")


def _check_folder(path: Path) -> None:
    """The folder can be written, or made."""
    try:
        folder = nearest_existing(path.parent)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error
    if not folder.is_dir():
        raise InputError(f"cannot write {path}: {folder} is a file, no folder; choose another name")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RunError(
            f"cannot write {path}: the folder {folder} cannot be written; choose another one"
        )
