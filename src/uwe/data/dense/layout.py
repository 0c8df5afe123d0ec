"""Where the images of a folder are, and which file of labels belongs to which image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from uwe._unicode import composed
from uwe.data.image_files import find_images, image_id, images_beside
from uwe.data.table import train_and_test
from uwe.errors import DataError

__all__ = ["Place", "class_names", "files_below", "find_places", "image_of_each"]

_SPLITS = ("train", "test", "val", "valid", "validation")
_IMAGES = "images"
_CLASSES = "classes.txt"


@dataclass(frozen=True)
class Place:
    """The images of one split.

    Attributes:
        root: the folder of the data set.
        base: the folder in which folders of labels are.
        split: name of the folder of the split in these folders; empty where they have none.
        images: the folder of the images.
        files: the images, sorted.
        notes: what is left out of it.
    """

    root: Path
    base: Path
    split: str
    images: Path
    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """What a person would call each image: its path below the root."""
        return tuple(image_id(file, self.root) for file in self.files)

    def folder(self, kind: str) -> Path:
        """The folder of labels of a kind, such as ``masks``."""
        return self.base / kind / self.split

    def shown(self, path: Path) -> str:
        """A path below the root, for errors and names."""
        return path.relative_to(self.root).as_posix()


def find_places(root: Path) -> tuple[list[Place], tuple[str, ...]]:
    """The pool and, if there is one, the test split; and what is left out.

    ``DIR/images``, ``DIR/train/images`` and ``DIR/test/images``, or ``DIR/images/train`` and
    ``DIR/images/test``; a folder without ``images`` holds the images itself.

    Raises:
        DataError: there are no images, or some splits without the others.
    """
    inside = _split_folders(root / _IMAGES)
    beside = _split_folders(root)
    if inside:
        chosen, notes = _chosen(inside, root)
        return [_place(root, root, path.name, path) for path in chosen], notes
    if beside:
        chosen, notes = _chosen(beside, root)
        return [_place(root, path, "", _images_in(path)) for path in chosen], notes
    return [_place(root, root, "", _images_in(root))], ()


def _split_folders(folder: Path) -> dict[str, Path]:
    there = {name: folder / name for name in _SPLITS if (folder / name).is_dir()}
    return there if "train" in there else {}


def _chosen(there: Mapping[str, Path], root: Path) -> tuple[list[Path], tuple[str, ...]]:
    train, test, notes = train_and_test(there, str(root))
    return [path for path in (train, test) if path is not None], notes


def _images_in(folder: Path) -> Path:
    return folder / _IMAGES if (folder / _IMAGES).is_dir() else folder


def _place(root: Path, base: Path, split: str, images: Path) -> Place:
    search = find_images if images.name == _IMAGES or split else images_beside
    found = search(images).required(images)
    labels = {".txt", ".xml", ".json"}
    others = {
        kind: kept
        for kind, paths in found.left_out.items()
        if (kept := [path for path in paths if path.suffix.lower() not in labels])
    }
    notes = type(found)(found.files, others).notes(images)
    return Place(root, base, split, images, tuple(found.files), notes)


def files_below(folder: Path, suffix: str) -> list[Path]:
    """The files of a suffix in a folder and below, sorted; none where there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() == suffix and path.is_file() and not path.name.startswith(".")
    )


def image_of_each(place: Place, labels: Sequence[Path], folder: Path, what: str) -> dict[Path, int]:
    """Which image each file of labels belongs to: both have one name, apart from the suffix.

    Args:
        place: has the images.
        labels: files in ``folder``.
        folder: the folder of the labels.
        what: what a file is called, such as ``mask``.

    Raises:
        DataError: a file belongs to no image, or two images or files have one name.
    """
    at: dict[str, int] = {}
    for row, file in enumerate(place.files):
        stem = _stem(file, place.images)
        if stem in at:
            raise DataError(
                f"{place.shown(place.files[at[stem]])} and {place.shown(file)} would have one "
                f"{what}; rename one of them"
            )
        at[stem] = row
    stray = [path for path in labels if _stem(path, folder) not in at]
    if stray:
        count = f"; {len(stray):,} {what} files have none" if len(stray) > 1 else ""
        raise DataError(
            f"{place.shown(stray[0])} belongs to no image: there is no "
            f"{_stem(stray[0], folder)} in {place.images}{count}; add the image or remove the file"
        )
    _require_distinct(place, labels, folder, what)
    return {path: at[_stem(path, folder)] for path in labels}


def _require_distinct(place: Place, labels: Iterable[Path], folder: Path, what: str) -> None:
    seen: dict[str, Path] = {}
    for path in labels:
        first = seen.setdefault(_stem(path, folder), path)
        if first is not path:
            raise DataError(
                f"{place.shown(first)} and {place.shown(path)} are both the {what} of one image; "
                "remove one of them"
            )


def _stem(path: Path, folder: Path) -> str:
    return composed(path.relative_to(folder).with_suffix("").as_posix())


def class_names(places: Sequence[Place]) -> tuple[Path, tuple[str, ...]] | None:
    """The names in ``classes.txt``, one a line, and the file; None where there is none.

    Raises:
        DataError: it is not UTF-8, or a name repeats.
    """
    place = places[0]
    folders = (place.base, place.root, place.folder("labels"), place.base / "labels", place.images)
    file = next((path / _CLASSES for path in folders if (path / _CLASSES).is_file()), None)
    if file is None:
        return None
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeError as error:
        raise DataError(f"{file} is not UTF-8; save it as UTF-8") from error
    names = tuple(name for line in lines if (name := composed(line.strip())))
    repeated = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if repeated is not None or not names:
        what = "names no class" if not names else f"names the class {repeated!r} twice"
        raise DataError(f"{file} {what}; it has one name a line")
    return file, names
