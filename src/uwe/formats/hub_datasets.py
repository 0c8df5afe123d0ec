"""Folders of `datasets`, the package of Hugging Face, as ``save_to_disk`` writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from uwe._optional import optional
from uwe.errors import DataError, InputError, text_of
from uwe.formats._format import Format
from uwe.formats.export import Entry, Export
from uwe.formats.peek import Peek
from uwe.formats.reading import Destination, Found, as_text, rows_of
from uwe.tables import ID_NAMES, LABEL_NAMES, LabelRows, shown_id
from uwe.tasks import is_missing

__all__ = ["FORMAT"]

_PURPOSE = "the format datasets"
_NO_CLASS = -1


def _fill(export: Export, folder: Path) -> None:
    """Write the items with their labels; classes are ``ClassLabel`` with their names."""
    datasets = optional("datasets", _PURPOSE)
    columns: dict[str, list[Any]] = {"id": [entry.id for entry in export.entries]}
    features: dict[str, Any] = {"id": datasets.Value("string")}
    for name, (values, feature) in _items(datasets, export).items():
        columns[name], features[name] = values, feature
    columns["label"] = [entry.label for entry in export.entries]
    features["label"] = _feature(datasets, export)
    made = datasets.Dataset.from_dict(columns, datasets.Features(features))
    with _quiet(datasets):
        made.save_to_disk(str(folder))


def _is_dataset(peek: Peek) -> bool:
    """Whether a folder is that of a data set, or of several splits."""
    return bool(peek.names & {"state.json", "dataset_dict.json"})


def _read(path: Path, into: Destination) -> LabelRows:
    """The labels of a data set; of several splits, those of all.

    Raises:
        DataError: it cannot be read, or has no column of labels.
    """
    datasets = optional("datasets", _PURPOSE)
    try:
        with _quiet(datasets):
            loaded = datasets.load_from_disk(str(path))
    except Exception as error:
        raise DataError(f"cannot read {path}: {text_of(error, longest=200)}") from error
    parts = list(loaded.values()) if isinstance(loaded, dict) else [loaded]
    records = (record for part in parts for record in _records(datasets, path, part))
    return rows_of(path, into, enumerate(records), lambda found: [found], unit="row")


def _items(datasets: Any, export: Export) -> dict[str, tuple[list[Any], Any]]:
    """The columns of the items: an image, a text, a vector, or the columns of the table."""
    if export.kind == "images":
        images = [_image(export, entry) for entry in export.entries]
        return {"image": (images, datasets.Image())}
    if export.kind == "texts":
        texts = [export.text(entry) for entry in export.entries]
        return {"text": (texts, datasets.Value("string"))}
    rows = [export.values(entry) for entry in export.entries]
    names = dict.fromkeys(name for row in rows for name in row)
    return {
        name: _column(datasets, [row.get(name) for row in rows])
        for name in names
        if name not in ("id", "label")  # columns of their own
    }


def _image(export: Export, entry: Entry) -> dict[str, Any]:
    path = export.image(entry)
    return {"path": str(path), "bytes": path.read_bytes() if export.copies else None}


def _column(datasets: Any, values: list[Any]) -> tuple[list[Any], Any]:
    """Values, and the type that all of them have; text where they have several."""
    value = datasets.Value
    known = [each for each in values if each is not None]
    if known and all(isinstance(each, list) for each in known):
        return values, datasets.Sequence(value("float32"))
    if all(isinstance(each, bool) for each in known):
        return values, value("bool")
    if all(isinstance(each, int) and -(2**63) <= each < 2**63 for each in known):
        return values, value("int64")
    if all(isinstance(each, int | float) and not isinstance(each, bool) for each in known):
        return values, value("float64")
    return [None if each is None else str(each) for each in values], value("string")


def _feature(datasets: Any, export: Export) -> Any:
    classes = list(export.task.classes)
    made: Mapping[str, Any] = {
        "choice": lambda: datasets.ClassLabel(names=classes),
        "choices": lambda: datasets.Sequence(datasets.ClassLabel(names=classes)),
        "number": lambda: datasets.Value("float64"),
    }
    return made[export.task.widget]()


def _records(datasets: Any, path: Path, part: Any) -> Iterator[Found]:
    features = dict(part.features)
    label = _label_column(datasets, path, features)
    named = next((name for name in ID_NAMES if name in features), None)
    image = next((n for n, of in features.items() if isinstance(of, datasets.Image)), None)
    text = "text" if "text" in features else None
    kept = [name for name in (label, named, image, text) if name is not None]
    if named is None and image is None and text is None:
        raise DataError(f"{path} has no column id, image or text, by which rows could be found")
    part = part.select_columns(kept)
    if image is not None:
        part = part.cast_column(image, datasets.Image(decode=False))
    names = _class_names(datasets, features[label])
    for record in part:
        ids = [as_text(record[named], named)] if named is not None else []
        ids += [(record[image] or {}).get("path")] if image is not None else []
        yield Found(
            tuple(each for each in ids if each),
            _label(record[label], names),
            text=record[text] if text is not None and isinstance(record[text], str) else None,
        )


def _label_column(datasets: Any, path: Path, features: Mapping[str, Any]) -> str:
    """The column of labels: by its name, or the only one of classes.

    Raises:
        InputError: it cannot be told.
    """
    found = [name for name in LABEL_NAMES if name in features]
    found = found or [
        name for name, of in features.items() if _class_names(datasets, of) is not None
    ]
    if len(found) != 1:
        listed = ", ".join(shown_id(name) for name in list(features)[:20])
        raise InputError(
            f"{path} has {'no column' if not found else 'several columns'} of labels; its columns "
            f"are {listed}; call that of the labels 'label'"
        )
    return found[0]


def _class_names(datasets: Any, feature: Any) -> list[str] | None:
    """The names of classes of a column of class numbers, or of lists of them."""
    inner = getattr(feature, "feature", feature)
    return list(inner.names) if isinstance(inner, datasets.ClassLabel) else None


def _label(value: Any, names: list[str] | None) -> Any:
    if isinstance(value, list):
        return [_label(each, names) for each in value]
    if is_missing(value) or (names is not None and value == _NO_CLASS):
        return None
    return value if names is None else names[value]


@contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """Without the progress bars of `datasets`."""
    was_disabled = datasets.utils.are_progress_bars_disabled()
    datasets.utils.disable_progress_bars()
    try:
        yield
    finally:
        if not was_disabled:
            datasets.utils.enable_progress_bars()


FORMAT = Format(
    "datasets",
    "a folder that datasets.load_from_disk reads",
    _is_dataset,
    _read,
    fill=_fill,
    holds_people=False,
)
