"""The table of formats: names, and which of them a file is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from uwe.errors import DataError, InputError, require_known
from uwe.formats import argilla, hub_datasets, image_folder, image_lists, prodigy, tables
from uwe.formats._format import IMAGES, NAMED_CLASSES, Format
from uwe.formats.label_studio import documents as label_studio
from uwe.formats.peek import Peek, require_there

__all__ = ["FORMATS", "find_format", "format_of_suffix", "recognised"]

_TABLES = (
    Format(
        "csv",
        "a table as text, a row for each answer",
        tables.is_csv,
        tables.read_table,
        encode=tables.csv_bytes,
        suffixes=(".csv",),
        shows_items=False,
    ),
    Format(
        "jsonl",
        "JSON lines, a line for each answer",
        tables.is_json_lines,
        tables.read_table,
        encode=tables.jsonl_bytes,
        suffixes=(".jsonl", ".ndjson"),
        shows_items=False,
    ),
    Format(
        "parquet",
        "a typed table, a row for each answer",
        tables.is_parquet,
        tables.read_table,
        encode=tables.parquet_bytes,
        suffixes=(".parquet",),
        shows_items=False,
    ),
)

_OF_TOOLS = (
    Format(
        "prodigy",
        "JSON lines of Prodigy, a task for each answer",
        prodigy.is_prodigy,
        prodigy.read_prodigy,
        encode=prodigy.prodigy_bytes,
        suffixes=(".jsonl",),
    ),
    Format(
        "argilla",
        "records of Argilla 2 in JSON, with everybody's responses",
        argilla.is_argilla,
        argilla.read_argilla,
        encode=argilla.argilla_bytes,
        suffixes=(".json",),
    ),
    Format(
        "imagefolder",
        "a folder of images with metadata.jsonl, as Hugging Face reads it",
        image_folder.is_image_folder,
        image_folder.read_image_folder,
        fill=image_folder.fill_image_folder,
        kinds=IMAGES,
        holds_people=False,
    ),
    Format(
        "datasets",
        "a folder that datasets.load_from_disk reads",
        hub_datasets.is_dataset,
        hub_datasets.read_dataset,
        fill=hub_datasets.fill_dataset,
        holds_people=False,
    ),
    Format(
        "coco",
        "JSON of COCO, each class a box around the whole image",
        image_lists.is_coco,
        image_lists.read_coco,
        encode=image_lists.coco_bytes,
        suffixes=(".json",),
        widgets=NAMED_CLASSES,
        kinds=IMAGES,
        holds_people=False,
    ),
    Format(
        "cvat",
        'XML of "CVAT for images 1.1", each class a tag of the image',
        image_lists.is_cvat,
        image_lists.read_cvat,
        encode=image_lists.cvat_bytes,
        suffixes=(".xml",),
        widgets=NAMED_CLASSES,
        kinds=IMAGES,
        holds_people=False,
    ),
    Format(
        "label-studio",
        "tasks and annotations of Label Studio, as its JSON and JSON_MIN",
        label_studio.is_label_studio,
        label_studio.read,
        encode=label_studio.encode,
        suffixes=(".json",),
    ),
)
"""Formats of other tools, which are recognised by their content."""

FORMATS: Mapping[str, Format] = {each.name: each for each in (*_TABLES, *_OF_TOOLS)}
"""Every format by its name."""


def find_format(name: str) -> Format:
    """The format of that name.

    Raises:
        InputError: there is none.

    >>> find_format("csv").suffixes
    ('.csv',)
    """
    return FORMATS[require_known(name, FORMATS, "format")]


def format_of_suffix(path: Path) -> Format:
    """The table that the name of a file to be written stands for.

    Raises:
        InputError: the suffix is none of a table's.

    >>> format_of_suffix(Path("labels.parquet")).name
    'parquet'
    """
    for each in _TABLES:
        if path.suffix.lower() in each.suffixes:
            return each
    raise InputError(f"{path} does not say its format; give --format, one of {', '.join(FORMATS)}")


def recognised(path: Path) -> Format:
    """The format that a file or folder is of: by its content, and of tables by the suffix.

    Raises:
        DataError: there is nothing, or it is damaged.
        InputError: it is of no format, or of several.
    """
    require_there(path)
    peek = Peek(path)
    try:
        claims = [each for each in _OF_TOOLS if each.recognises(peek)]
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if len(claims) > 1:
        names = " or ".join(each.name for each in claims)
        raise InputError(f"{path} may be {names}; say which with --format {claims[0].name}")
    claims = claims or [each for each in _TABLES if each.recognises(peek)]
    if not claims:
        raise InputError(
            f"the format of {path} is not known; if it is one of {', '.join(FORMATS)}, say so with "
            "--format"
        )
    return claims[0]
