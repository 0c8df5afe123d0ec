"""What `uwe select` writes: picks, a contact sheet and an assignment, checked before the work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uwe._files import expanded, write_bytes
from uwe.cli.outputs import check_output, require_distinct
from uwe.cli.terminals import require_standard_output, write_utf8
from uwe.errors import InputError
from uwe.selecting.column_files import check_columns_suffix
from uwe.selecting.sheet import Draws, Item, Text, Values, contact_sheet, thumbnails
from uwe.selecting.tables import check_suffix, encoded_picks, picks_csv
from uwe.strategies import Picks

if TYPE_CHECKING:
    from uwe.dense import Reduction
    from uwe.pool_files import PoolFile

__all__ = [
    "STANDARD_OUTPUT",
    "check_outputs",
    "check_shown",
    "drawn_over",
    "shown_items",
    "write_picks",
]

STANDARD_OUTPUT = Path("-")
"""The name of standard output as a file."""


def shown_items(
    rows: Sequence[Mapping[str, Any]],
    source: PoolFile,
    images: Path | None,
    texts: Sequence[Any] | None,
    draws: Draws | None,
) -> Mapping[str, Item]:
    """What the contact sheet shows of each pick."""
    if images is not None:
        return thumbnails(rows, expanded(images), draws)
    if texts is not None:
        return {row["id"]: Text(_as_text(texts[row["idx"]])) for row in rows}
    values = source.plain_rows([row["idx"] for row in rows])
    return {row["id"]: Values(of) for row, of in zip(rows, values, strict=False) if of}


def drawn_over(
    pool: Path, image_list: Path | None, reduction: Reduction | None, classes: str | None
) -> Draws | None:
    """What is drawn over the images of a pool that places became."""
    from uwe.selecting.drawing import draws_of

    names = [] if classes is None else [name.strip() for name in classes.split(",")]
    listed = None if image_list is None else expanded(image_list)
    return draws_of(pool, images=listed, reduction=reduction, classes=names)


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)


def check_outputs(
    outputs: Mapping[str, Path | None],
    sources: Mapping[str, Path],
    images: Path | None,
    *,
    force: bool,
) -> None:
    """Refuse before the work what could not be written after it."""
    output, assign = outputs["-o"], outputs["--assign"]
    if output == STANDARD_OUTPUT:
        require_standard_output()
    elif output is not None:
        check_suffix(output)
    if assign is not None:
        check_columns_suffix(assign, "--assign writes")
    files = {name: path for name, path in outputs.items() if path != STANDARD_OUTPUT}
    require_distinct(files)
    for path in files.values():
        if path is not None:
            check_output(path, force=force, sources=sources, images=images)


def check_shown(
    html: Path | None, images: Path | None, text: str | None, classes: str | None
) -> None:
    """Refuse what the contact sheet cannot show."""
    for flag, value in (("--images", images), ("--text", text)):
        if value is not None and html is None:
            raise InputError(f"{flag} {value} is for the contact sheet; give --html FILE, too")
    if images is not None and text is not None:
        raise InputError(
            f"the contact sheet shows images or texts, but --images {images} and --text {text} are "
            "given; leave one out"
        )
    if classes is not None and images is None:
        raise InputError(
            f"--classes {classes} names what is drawn over images; give --images FOLDER, too"
        )
    if images is not None and not expanded(images).is_dir():
        raise InputError(f"there is no folder {images}; --images must name one")


def write_picks(
    output: Path,
    html: Path | None,
    rows: list[dict[str, Any]],
    picks: Picks,
    *,
    items: Mapping[str, Item] | None,
    table: tuple[Path, bytes] | None,
) -> None:
    """Make the content of every file before the first is written.

    Args:
        output: file of the picks, or `STANDARD_OUTPUT`.
        html: file of the contact sheet, or None.
        rows: of the table of picks.
        picks: which rows, and why.
        items: what the sheet shows of each pick.
        table: file of the assignment and its content, or None.
    """
    contents: dict[Path, bytes] = {}
    if output != STANDARD_OUTPUT:
        contents[expanded(output)] = encoded_picks(output, rows)
    if html is not None:
        contents[expanded(html)] = contact_sheet(rows, picks, items).encode()
    if table is not None:
        contents[expanded(table[0])] = table[1]
    for path, content in contents.items():
        write_bytes(path, content)
    if output == STANDARD_OUTPUT:
        write_utf8(picks_csv(rows))
    elif contents:
        why = picks.reason or picks.told
        told = f" ({why})" if why else ""
        written = ", ".join(map(str, contents))
        many = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
        print(f"{many} by {picks.strategy}{told}. Written: {written}")
