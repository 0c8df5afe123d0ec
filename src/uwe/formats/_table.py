"""The table of formats: names, and which of them a file is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from uwe.errors import DataError, InputError, require_known
from uwe.formats import argilla, box_files, hub_datasets, image_folder, image_lists, prodigy, tables
from uwe.formats._format import Format
from uwe.formats.label_studio import documents as label_studio
from uwe.formats.peek import Peek, require_there

__all__ = ["FORMATS", "find_format", "format_of_suffix", "recognised"]

_TABLES = (tables.CSV, tables.JSON_LINES, tables.PARQUET)

_OF_TOOLS = (
    prodigy.FORMAT,
    argilla.FORMAT,
    image_folder.FORMAT,
    hub_datasets.FORMAT,
    image_lists.COCO,
    image_lists.CVAT,
    label_studio.FORMAT,
    box_files.YOLO,
    box_files.VOC,
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


def recognised(path: Path, widget: str | None = None) -> Format:
    """The format that a file or folder is of: by its content, and of tables by the suffix.

    Args:
        path: of the file or folder.
        widget: of the task whose labels are wanted; of several formats, those that hold them count.

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
    if len(claims) > 1 and widget is not None:
        claims = [each for each in claims if widget in each.widgets] or claims
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
