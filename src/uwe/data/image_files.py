"""Finds the images in a folder and below, and says what else is there."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from uwe._unicode import is_one_line, is_unicode
from uwe.data.images import is_image, kind_of
from uwe.errors import DataError

__all__ = [
    "SUFFIXES",
    "FoundImages",
    "all_of",
    "find_images",
    "image_id",
    "images_beside",
    "leads_up",
]

SUFFIXES = frozenset(
    [".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm",
     ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"]
)  # fmt: skip
"""Endings of the files that are read as images; files without an ending are looked into."""

_BY_THE_SYSTEM = frozenset(["thumbs.db", "desktop.ini", "icon\r"])  # beside what begins with a dot
_SHOWN = 3


@dataclass(frozen=True)
class FoundImages:
    """The images in a folder and below.

    Attributes:
        files: sorted by path.
        left_out: what else is there, by what it is and why it is not read.
    """

    files: list[Path]
    left_out: Mapping[tuple[str, str], Sequence[Path]]

    def notes(self, folder: Path) -> tuple[str, ...]:
        """What was left out of ``folder``, a sentence for each reason."""
        return tuple(_note(folder, *kind, of) for kind, of in self.left_out.items())

    def required(self, folder: Path) -> FoundImages:
        """Itself, if there are any images.

        Raises:
            DataError: there are none.
        """
        if self.files:
            return self
        also = "".join(f"; {note}" for note in self.notes(folder))
        raise DataError(
            f"there are no images below {folder}; read are {', '.join(sorted(SUFFIXES))}{also}"
        )


def find_images(folder: Path) -> FoundImages:
    """The images in a folder and below it, those behind links too.

    A file is an image by its suffix, or by its first bytes where it has no suffix. Hidden files and
    folders, which begin with a dot, are left out. A link to a folder is followed once, unless it
    leads to a folder above or to one that is read already. Pipes, sockets and devices are not
    opened.

    Raises:
        DataError: a folder cannot be read.
    """
    walk = _Walk(folder)
    walk.read(folder)
    while walk.links:  # after all that is there itself, which keeps its own names
        walk.follow(walk.links.pop(0))
    return FoundImages(sorted(walk.files), walk.left_out)


def images_beside(folder: Path) -> FoundImages:
    """The images in a folder, without those of the folders in it."""
    walk = _Walk(folder)
    walk.enter(folder)
    return FoundImages(sorted(walk.files), walk.left_out)


def all_of(found: Sequence[FoundImages]) -> FoundImages:
    """What was found in several folders, as one."""
    left_out: dict[tuple[str, str], list[Path]] = {}
    for each in found:
        for kind, paths in each.left_out.items():
            left_out.setdefault(kind, []).extend(paths)
    return FoundImages([file for each in found for file in each.files], left_out)


def leads_up(folder: Path, root: Path) -> bool:
    """Whether a folder is a link to ``root`` or to a folder above it."""
    return root.resolve().is_relative_to(folder.resolve())


def image_id(file: Path, root: Path) -> str:
    """The id of an image: its path below the folder, with slashes.

    Raises:
        DataError: the name is not UTF-8 or holds a line break, which no list of ids can hold.
    """
    name = file.relative_to(root).as_posix()
    if not is_unicode(name):
        raise DataError(f"the file name {name!a} is not UTF-8; rename it")
    if not is_one_line(name):
        raise DataError(f"the file name {name!a} holds a line break; rename it")
    return name


@dataclass
class _Walk:
    """The state of one walk through folders."""

    root: Path
    files: list[Path] = field(default_factory=list)
    links: list[Path] = field(default_factory=list)
    left_out: dict[tuple[str, str], list[Path]] = field(default_factory=dict)
    visited: set[str] = field(default_factory=set)

    def read(self, start: Path) -> None:
        """Read a folder and the folders in it; links to other folders are kept for later."""
        waiting = [start]
        while waiting:
            folder = waiting.pop()
            real = os.path.realpath(folder)
            if real in self.visited:
                self._leave_out("folder", folder, "read already")
            else:
                self.visited.add(real)
                waiting += self.enter(folder)

    def follow(self, link: Path) -> None:
        """Read the folder behind a link."""
        if leads_up(link, self.root):
            self._leave_out("link", link, "to a folder above")
        elif os.path.realpath(link) in self.visited:
            self._leave_out("link", link, "to a folder that is read already")
        else:
            self.read(link)

    def enter(self, folder: Path) -> list[Path]:
        """Sort what is in one folder; its folders are returned."""
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(
                f"cannot read the folder {folder}: {error.strerror}; correct its path or its "
                "permissions"
            ) from error
        folders = []
        for entry in found:
            if entry.name.startswith(".") or entry.name.lower() in _BY_THE_SYSTEM:
                continue
            path = folder / entry.name
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
            else:
                self._file(path, entry)
        return folders

    def _file(self, path: Path, entry: os.DirEntry[str]) -> None:
        try:
            state = entry.stat()
        except OSError:
            self._leave_out("broken link" if entry.is_symlink() else "unreadable file", path)
            return
        if stat.S_ISDIR(state.st_mode):
            self.links.append(path)
        elif not stat.S_ISREG(state.st_mode):
            self._leave_out(kind_of(state).removeprefix("a "), path)
        elif path.suffix.lower() in SUFFIXES or (not path.suffix and is_image(path)):
            self.files.append(path)
        else:
            self._leave_out("file", path)

    def _leave_out(self, noun: str, path: Path, reason: str = "") -> None:
        self.left_out.setdefault((noun, reason), []).append(path)


def _note(folder: Path, noun: str, reason: str, paths: Sequence[Path]) -> str:
    many = f"1 {noun} was" if len(paths) == 1 else f"{len(paths):,} {noun}s were"
    why = f" ({reason})" if reason else ""
    names = sorted(path.relative_to(folder).as_posix() for path in paths)
    shown = ", ".join(_printable(name) for name in names[:_SHOWN])
    return f"{many} left out of {folder}{why}: {shown}{', …' if len(names) > _SHOWN else ''}"


def _printable(name: str) -> str:
    """A name that any terminal and any table can hold."""
    return name if name.isprintable() else ascii(name)[1:-1]
