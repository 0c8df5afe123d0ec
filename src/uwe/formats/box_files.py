"""Boxes in a file for each image: the text files of YOLO, and the XML of Pascal VOC."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from uwe.data.dense.layout import files_below
from uwe.data.dense.voc import parse_voc
from uwe.data.dense.yolo import names_in_yaml, parse_yolo
from uwe.errors import DataError
from uwe.formats._format import IMAGES, Format
from uwe.formats.peek import Peek
from uwe.formats.reading import Destination, Found, Unreadable, rows_of
from uwe.project.outlines import Outlines, Shape
from uwe.tables import LabelRows, shown_id

__all__ = ["VOC", "YOLO"]

_NAMES = "classes.txt"
_YAML = ("data.yaml", "data.yml", "dataset.yaml")
_LABELS = "labels"
_BOXES = frozenset({"boxes"})
_NO_LABELS = ("classes.txt", "train.txt", "test.txt", "val.txt", "valid.txt", "notes.txt")


def _is_yolo(peek: Peek) -> bool:
    """Whether a folder holds text files beside names of classes, or in a folder ``labels``."""
    if not peek.is_folder or not peek.names & {_NAMES, _LABELS, *_YAML}:
        return False
    return bool(_label_files(peek.path))


def _is_voc(peek: Peek) -> bool:
    """Whether it is a file of Pascal VOC, or a folder of such files."""
    if not peek.is_folder:
        return peek.head.startswith(b"<") and b"<annotation>" in peek.head
    files = [name for name in peek.names if name.lower().endswith(".xml")]
    return bool(files) and "annotations.xml" not in files


def _label_files(path: Path) -> list[Path]:
    folder = path / _LABELS if (path / _LABELS).is_dir() else path
    return [each for each in files_below(folder, ".txt") if each.name.lower() not in _NO_LABELS]


def _read_yolo(path: Path, into: Destination) -> LabelRows:
    """The boxes of a folder of YOLO; an empty file says that the image has no object.

    Raises:
        DataError: it is no folder, or the names of its classes cannot be read.
    """
    if not path.is_dir():
        raise DataError(f"{path} is no folder; give the folder with the .txt files of YOLO")
    names = _class_names(path)
    if not names:
        raise DataError(
            f"nothing names the classes of {path}; write {_NAMES} into it, a name a line in the "
            f"order of the numbers, such as {', '.join(into.task.classes)}"
        )

    def read(file: Path) -> Outlines:
        classes, boxes = parse_yolo(_text(file), file.name)
        wrong = [number for number in classes if number >= len(names)]
        if wrong:
            raise Unreadable(
                f"{file.name} has the class {wrong[0]}, and there are {len(names)} (0 to "
                f"{len(names) - 1})"
            )
        shapes = []
        for number, (x, y, width, height) in zip(classes, boxes.tolist(), strict=True):
            left, top = x - width / 2, y - height / 2
            shapes.append(Shape(names[number], (left, top, left + width, top + height)))
        return Outlines(tuple(shapes), (1, 1), is_stretched=True)

    return _rows(path, into, _label_files(path), read)


def _read_voc(path: Path, into: Destination) -> LabelRows:
    """The boxes of a file of Pascal VOC, or of a folder of them."""

    def read(file: Path) -> Outlines:
        found = parse_voc(file.read_bytes(), file.name)
        corners = found.corners.tolist()
        shapes = (
            Shape(name, (left, top, right, bottom))
            for name, (left, top, right, bottom) in zip(found.names, corners, strict=True)
        )
        return Outlines(tuple(shapes), found.size)

    return _rows(path, into, files_below(path, ".xml") if path.is_dir() else [path], read)


def _rows(
    path: Path, into: Destination, files: Sequence[Path], read: Callable[[Path], Outlines]
) -> LabelRows:
    """The boxes of files, each of the image of the same name with another suffix."""
    by_stem: dict[str, list[str]] = {}
    for name in into.ids:
        of = PurePosixPath(name)
        for stem in dict.fromkeys([of.with_suffix("").as_posix(), of.stem]):
            by_stem.setdefault(stem, []).append(name)

    def found(file: Path) -> Iterator[Found]:
        yield Found((_image_of(path, file, by_stem),), read(file))

    return rows_of(path, into, enumerate(files, start=1), found, unit="file")


def _image_of(path: Path, file: Path, by_stem: Mapping[str, Sequence[str]]) -> str:
    inside = file.relative_to(path) if path.is_dir() else Path(file.name)
    parts = inside.with_suffix("").parts
    for start in range(len(parts)):
        names = by_stem.get("/".join(parts[start:]), ())
        if len(names) == 1:
            return names[0]
        if names:
            raise Unreadable(
                f"{file.name} may be of {shown_id(names[0])} or {shown_id(names[1])}; put it into "
                "the folders of its image"
            )
    raise Unreadable(f"there is no image of the name {shown_id(parts[-1])} for {file.name}")


def _class_names(path: Path) -> Sequence[str] | None:
    """The names that the folder, or one of the two above it, gives; None without any."""
    for folder in (path, *path.absolute().parents[:2]):
        if (folder / _NAMES).is_file():
            return [line.strip() for line in _text(folder / _NAMES).splitlines() if line.strip()]
        for name in _YAML:
            if (folder / name).is_file():
                return names_in_yaml(folder / name)
    return None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeError as error:
        raise DataError(f"{file} is not UTF-8; save it as UTF-8") from error


YOLO = Format(
    "yolo",
    "a folder of YOLO, a .txt with boxes for each image; read, not written",
    _is_yolo,
    _read_yolo,
    widgets=_BOXES,
    kinds=IMAGES,
    holds_people=False,
)
VOC = Format(
    "voc",
    "XML of Pascal VOC with boxes, a file for each image; read, not written",
    _is_voc,
    _read_voc,
    widgets=_BOXES,
    kinds=IMAGES,
    holds_people=False,
)
