"""The table of data sets, and the one door to them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from uwe._files import expanded
from uwe._plugins import PlugIn, loaded, plugins
from uwe._types import Progress
from uwe.data.dataset import Dataset
from uwe.data.dense import load_dense_folder, load_dense_hub
from uwe.data.hub import HUB_PREFIX, load_hub
from uwe.data.labelled_rows import check_table, is_table, load_labelled_rows
from uwe.data.request import Request
from uwe.errors import DataError, InputError, require_known
from uwe.tables import is_table as file_is_table
from uwe.tasks import find_task

__all__ = ["check_dataset", "dataset_lines", "dataset_names", "load_dataset"]

_GROUP, _OWN = "uwe.datasets", "uwe.data"
_HUB = f"{HUB_PREFIX}NAME"


def dataset_names() -> tuple[str, ...]:
    """Names for ``load_dataset``; ``hub:NAME`` stands for any data set of the hub."""
    return (*plugins(_GROUP, _OWN), _HUB)


def dataset_lines() -> dict[str, str]:
    """One line of text on each data set: the first line of its loader's docstring."""
    lines = {name: _line(plugin) for name, plugin in plugins(_GROUP, _OWN).items()}
    return {**lines, _HUB: _first_line(load_hub)}


def load_dataset(
    name: str,
    *,
    data_dir: str | Path | None = None,
    label: str | None = None,
    text: str | None = None,
    labels: str | Path | None = None,
    task: str | None = None,
    task_options: Mapping[str, Any] | None = None,
    image_size: int | None = None,
    test_fraction: float | None = None,
    pool_size: int | None = None,
    test_size: int | None = None,
    progress: Progress | None = None,
    encoding: str | None = None,
    text_rows: str = "tf-idf",
    boxes: str | None = None,
) -> Dataset:
    """Load a data set. Images are decoded at the first call and memory-mapped later.

    Args:
        name: one of ``dataset_names()``, or a table of `uwe.tables.open_table`, a folder of its
            shards, or ``sklearn:digits``, ``:breast_cancer``, ``:wine``, ``:iris``.
        data_dir: folder of the files; they are looked for in ``data_dir/name``, then in
            ``data_dir``.
        label: column of labels of a table; ``label`` if it is None.
        text: column of texts of a table.
        labels: a file of ids and labels, for a table with ids or a folder of images.
        task: ``classification``, ``multilabel`` or ``regression``, for tables; ``segmentation`` or
            ``detection`` for ``folder`` and ``hub:NAME``; None: guessed where the labels of a table
            leave no doubt, otherwise classification.
        task_options: options of the task.
        image_size: resize the shorter side to this many pixels and crop the centre square; of
            masks and boxes, the whole image is kept.
        test_fraction: share of each class held out for testing, for a source with one split; 0.2
            if it is None.
        pool_size: keep only the first rows of the pool; others are not decoded.
        test_size: keep only the first test rows, likewise.
        progress: callback while images are decoded.
        encoding: of text tables, such as ``cp1252``; None: recognised.
        text_rows: what a column of texts becomes: ``tf-idf`` features, or ``texts`` as they are,
            for a model that reads them.
        boxes: what four numbers of a box mean in COCO files and columns: ``xywh`` (left, top,
            width, height) or ``xyxy`` (left, top, right, bottom); None: ``xywh``.

    Returns:
        The data set; images are uint8.

    Raises:
        InputError: a name or an option does not fit.
        DataError: the data set is missing, broken or inconsistent.
        UweError: the cache cannot be written.

    >>> load_dataset("digits").image_shape
    (8, 8, 1)
    """
    request = Request(
        name=name,
        data_dir=None if data_dir is None else expanded(data_dir),
        image_size=image_size,
        test_fraction=test_fraction,
        pool_size=pool_size,
        test_size=test_size,
        progress=progress,
        labels=None if labels is None else expanded(labels),
        encoding=encoding,
        task=task,
        task_options=dict(task_options or {}),
        boxes=boxes,
    )
    load = _resolved(request, label, text, task, task_options, encoding, text_rows)
    try:
        return load().limited(pool_size, test_size)
    except OSError as error:
        raise DataError(f"cannot read {error.filename}: {error.strerror or error}") from error


def check_dataset(
    name: str,
    *,
    data_dir: Path | None = None,
    label: str | None = None,
    text: str | None = None,
    labels: Path | None = None,
    task: str | None = None,
    task_options: Mapping[str, Any] | None = None,
    image_size: int | None = None,
    test_fraction: float | None = None,
    encoding: str | None = None,
    boxes: str | None = None,
) -> None:
    """Check the name and the options of a data set without loading it.

    Args:
        name: as in `load_dataset`, like the other arguments.
        data_dir: folder of the files.
        label: column of labels of a table.
        text: column of texts of a table.
        labels: a file of ids and labels.
        task: name of the task.
        task_options: options of the task.
        image_size: side of the images.
        test_fraction: share of each class held out for testing.
        encoding: of text tables.
        boxes: what four numbers of a box mean.

    Raises:
        InputError: a name or an option does not fit.
        DataError: a table or a folder is missing.
    """
    request = Request(
        name=name,
        data_dir=data_dir,
        image_size=image_size,
        test_fraction=test_fraction,
        labels=labels,
        encoding=encoding,
        task=task,
        task_options=dict(task_options or {}),
        boxes=boxes,
    )
    _resolved(request, label, text, task, task_options, encoding)


def _refuse_folder_without_tables(name: str, data_dir: Path | None) -> None:
    """Say how images are named, where a folder stands in the place of a table."""
    folder = expanded(name) if data_dir is None else data_dir / expanded(name)
    if not folder.is_dir() or any(map(file_is_table, folder.rglob("*"))):
        return
    raise DataError(
        f"{folder} is a folder without tables; a folder of images is the data set 'folder' with "
        f"--data-dir {folder}"
    )


def _resolved(
    request: Request,
    label: str | None,
    text: str | None,
    task: str | None,
    task_options: Mapping[str, Any] | None,
    encoding: str | None,
    text_rows: str = "tf-idf",
) -> Callable[[], Dataset]:
    """What loads the data set; its name and options are checked."""
    name = request.name
    require_known(request.boxes or _BOX_FORMS[0], _BOX_FORMS, "form of boxes")
    if request.boxes is not None and task != "detection":
        raise InputError(
            f"--boxes {request.boxes} is for --task detection; leave it out, or give the task"
        )
    if task in _DENSE_TASKS:
        return _resolved_dense(request, label, text)
    known = name in plugins(_GROUP, _OWN) or name.startswith(HUB_PREFIX)
    if not known and (label is not None or text is not None or is_table(name, request.data_dir)):
        _refuse_folder_without_tables(name, request.data_dir)
        if request.image_size is not None:
            raise InputError(f"{name} is a table, so image size {request.image_size} is not used")
        check_table(name, request.data_dir)
        return partial(
            load_labelled_rows,
            name,
            data_dir=request.data_dir,
            label=label,
            text=text,
            test_fraction=request.test_fraction,
            labels=request.labels,
            task=task,
            task_options=task_options,
            encoding=encoding,
            text_rows=text_rows,
        )
    if encoding is not None and request.labels is None:
        raise InputError(
            f"--encoding {encoding} is for text tables, and {name} is none; leave it out"
        )
    if request.labels is not None and name != "folder":
        raise InputError(
            f"--labels {request.labels} is for tables, texts and a folder of images, and {name} "
            "knows its labels; leave it out"
        )
    if task not in (None, "classification"):
        raise InputError(f"the task of {name} is classification, not {task}; leave --task out")
    if task_options:
        raise InputError(
            f"the task of {name} is classification, which has no option {next(iter(task_options))}"
            "; leave it out, or give the task: ignore is an option of --task segmentation"
        )
    for option, value in (("label", label), ("text", text)):
        if value is not None:
            raise InputError(
                f"--{option} {value} is for tables and texts, and {name} is a data set of images; "
                "leave it out"
            )
    return partial(_loader(name), request)


def _resolved_dense(request: Request, label: str | None, text: str | None) -> Callable[[], Dataset]:
    """What loads images with masks or boxes."""
    name, task = request.name, request.task
    load = load_dense_hub if name.startswith(HUB_PREFIX) else _DENSE_LOADERS.get(name)
    if load is None:
        raise InputError(
            f"--task {task} is for the data sets {', '.join(_DENSE_LOADERS)} and {_HUB}; {name} "
            "has no masks or boxes"
        )
    if "read" in request.task_options:
        raise InputError(
            f"the masks of {name} are read from the data set; leave the option read out"
        )
    if task is not None:
        find_task(task, (), **request.task_options)
    options = {"label": label, "text": text, "labels": request.labels, "encoding": request.encoding}
    for option, value in options.items():
        if value is not None:
            raise InputError(f"--{option} {value} is not used by --task {task}; leave it out")
    return partial(load, request)


_BOX_FORMS = ("xywh", "xyxy")
_DENSE_TASKS = ("segmentation", "detection")
_DENSE_LOADERS: Mapping[str, Callable[[Request], Dataset]] = {"folder": load_dense_folder}


def _loader(name: str) -> Callable[[Request], Dataset]:
    if name.startswith(HUB_PREFIX):
        return load_hub
    known = plugins(_GROUP, _OWN)
    try:
        plugin = known[require_known(name, dataset_names(), "data set")]
    except InputError as error:
        raise InputError(
            f"{error} ({_HUB} is for an image data set of the Hugging Face hub or a folder of "
            "Parquet files; a table is a file .csv, .tsv, .txt, .jsonl, .parquet, .feather "
            "or .arrow, or a folder of its shards)"
        ) from None
    loader: Callable[[Request], Dataset] = loaded(plugin)
    return loader


def _line(plugin: PlugIn) -> str:
    """What a list shows; a package that is broken does not hide the others."""
    try:
        return _first_line(loaded(plugin))
    except InputError as error:
        return str(error)


def _first_line(loader: object) -> str:
    return (inspect.getdoc(loader) or "").partition("\n")[0]
