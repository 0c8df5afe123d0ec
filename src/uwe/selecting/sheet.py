"""A contact sheet: one HTML file with every pick, the item itself and the reasons for it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path, PurePosixPath
from string import Template
from typing import TYPE_CHECKING, Any, TypeAlias

from uwe._unicode import composed
from uwe.data.image_files import find_images
from uwe.data.images import as_image, decode_image
from uwe.errors import DataError
from uwe.selecting.items import Image, Item, Text, Values, item_html, value_text
from uwe.strategies import Picks
from uwe.tables import PICK_COLUMNS

if TYPE_CHECKING:
    from uwe.selecting.overlays import Drawn

__all__ = [
    "Draws",
    "Image",
    "Item",
    "Text",
    "Values",
    "as_address",
    "contact_sheet",
    "thumbnail",
    "thumbnails",
]

Draws: TypeAlias = "Callable[[str, tuple[int, int]], Drawn | None]"
"""What is drawn over the image of an id, whose width and height are given; None for nothing."""

_SIDE = 360  # pixels of a thumbnail's longer side, at most
_QUALITY = 85
_NEAREST = 0  # as Pillow numbers its filters
_DRAWN = {"random": "at random", "audit": "at random from the whole pool, for the audit"}
"""By the column how: what is said of a pick."""


def contact_sheet(
    rows: Sequence[Mapping[str, Any]], picks: Picks, items: Mapping[str, Item] | None = None
) -> str:
    """One HTML file that loads nothing from elsewhere.

    Args:
        rows: of `pick_rows`; further columns are shown after the reasons.
        picks: with the reasons.
        items: by id, what is shown of an item; an item that is not there has its reasons alone.

    >>> import numpy as np
    >>> from uwe.selecting.tables import pick_rows
    >>> picks = Picks(np.array([1]), "random")
    >>> page = contact_sheet(pick_rows(picks, ["a", "b"]), picks, {"b": Text("a long story")})
    >>> "a long story" in page
    True
    """
    page = Template(resources.files("uwe.selecting").joinpath("sheet.html").read_text("utf-8"))
    ranks = {row["idx"]: row["rank"] for row in rows}
    title = f"{len(rows)} {'row' if len(rows) == 1 else 'rows'} picked by {picks.strategy}"
    return page.substitute(
        title=escape(title),
        about=escape(_about(picks)),
        legend=_legend((items or {}).values()),
        cards="\n".join(_card(row, ranks, (items or {}).get(row["id"])) for row in rows),
    )


def thumbnails(
    rows: Sequence[Mapping[str, Any]], folder: Path, draws: Draws | None = None
) -> dict[str, Image]:
    """The images that the picks' ids name, small, as data URLs.

    An id is a path below ``folder``, with its suffix or without, or the number that is the name of
    a file.

    Args:
        rows: of `pick_rows`.
        folder: of the images.
        draws: gives the boxes or the mask that is drawn over an image.

    Raises:
        DataError: an id leads out of the folder, or an image is missing or cannot be decoded.
    """
    paths = {row["id"]: _at(row["id"], folder) for row in rows}
    by_name = _by_name(folder) if None in paths.values() else {}
    return {
        name: _small(name, path or _found(name, folder, by_name), draws)
        for name, path in paths.items()
    }


def _small(name: str, path: Path, draws: Draws | None) -> Image:
    small, size = _shrunk(path)
    drawn = None if draws is None else draws(name, size)
    if drawn is None:
        return Image(as_address(small))
    from uwe.selecting.overlays import classes_drawn, overlaid

    return Image(as_address(overlaid(_enlarged(small), drawn), subsampling=0), classes_drawn(drawn))


def _enlarged(image: Any) -> Any:
    """The image, if it is small several times as large, so that lines and letters fit on it."""
    times = max(1, _SIDE // max(image.size))
    return image.resize((image.width * times, image.height * times), _NEAREST)


def _about(picks: Picks) -> str:
    apart = "" if picks.distance is None else " Distances are Euclidean in the given features."
    why = f"Why: {picks.reason}. " if picks.reason else ""
    return why + _measure(picks.measure) + apart


def _measure(measure: str | None) -> str:
    if measure is None:
        return "No uncertainty is known."
    own = {"uncertainty": "Uncertainty: the pool's own."}
    return own.get(measure, f"Uncertainty: {measure.replace('_', ' ')}.")


def _at(name: str, folder: Path) -> Path | None:
    """The file whose path below the folder is the id; links in the folder may lead elsewhere."""
    inside = PurePosixPath(name)
    if inside.is_absolute() or ".." in inside.parts:
        raise DataError(
            f"the id {name!r} leads out of {folder}; an id must be a file's path there, without .."
        )
    path = folder / inside
    try:
        return path if path.is_file() else None
    except (OSError, ValueError):  # longer than a name may be, or with a null character
        return None


def _by_name(folder: Path) -> dict[str, list[Path]]:
    """The images by what people see of their ids, with the suffix and without.

    An image whose name is a number is also found by the number, as ``000012.jpg`` of COCO by 12.
    """
    found: dict[str, list[Path]] = {}
    numbered: dict[str, list[Path]] = {}
    for file in find_images(folder).files:
        name = file.relative_to(folder)
        for each in dict.fromkeys([name.as_posix(), name.with_suffix("").as_posix()]):
            found.setdefault(composed(each), []).append(file)
        if file.stem.isascii() and file.stem.isdigit():
            numbered.setdefault(str(int(file.stem)), []).append(file)
    return numbered | found


def _found(name: str, folder: Path, by_name: Mapping[str, Sequence[Path]]) -> Path:
    files = by_name.get(composed(name), ())
    if not files:
        raise DataError(
            f"there is no image of id {name!r} in {folder}; an id must be a file's path there, "
            "with its suffix or without"
        )
    if len(files) > 1:
        raise DataError(
            f"the id {name!r} may be {files[0].name} or {files[1].name} in {folder}; use ids with "
            "suffixes"
        )
    return files[0]


def thumbnail(path: Path) -> str:
    """A small copy of an image as a data URL.

    Raises:
        DataError: it cannot be decoded.
    """
    return as_address(_shrunk(path)[0])


def _shrunk(path: Path) -> tuple[Any, tuple[int, int]]:
    """A small copy of an image, and its own width and height."""
    image = as_image(decode_image(path, "RGB", str(path)))
    size = image.size
    image.thumbnail((_SIDE, _SIDE))
    return image, size


def as_address(image: Any, **options: int) -> str:
    """An image of Pillow as a data URL of a JPEG.

    Args:
        image: in RGB or grey.
        options: of Pillow's JPEG writer, such as ``subsampling=0``, which keeps thin lines sharp.
    """
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=_QUALITY, **options)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.getvalue()).decode()


def _legend(items: Iterable[Item]) -> str:
    """The colours of all classes that are drawn over the images."""
    classes: dict[int, str] = {}
    for each in items:
        classes |= each.classes if isinstance(each, Image) else {}
    if not classes:
        return ""
    from uwe.selecting.overlays import legend_of

    keys = "".join(
        f'<li><i style="background:{colour}"></i>{escape(name)}</li>'
        for name, colour in legend_of(classes)
    )
    return f'<ul class="legend" aria-label="Classes">{keys}</ul>'


def _card(row: Mapping[str, Any], ranks: Mapping[int, int], item: Item | None) -> str:
    number = row["rank"] + 1
    shown = "" if item is None else item_html(item, row["id"])
    order = " ".join(
        f'data-{name}="{-1 if row[column] is None else row[column]}"'
        for name, column in (("rank", "rank"), ("sure", "uncertainty"), ("apart", "distance"),
                             ("many", "stands_for"))
    )  # fmt: skip
    reasons = "".join([*_reasons(row, ranks), *_further(row)])
    return (
        f'<li class="card" id="pick-{number}" {order}>{shown}'
        f'<div class="text"><h2><span class="rank">{number}</span> '
        f'<span class="id">{escape(row["id"])}</span></h2><dl>{reasons}</dl></div></li>'
    )


def _reasons(row: Mapping[str, Any], ranks: Mapping[int, int]) -> list[str]:
    told = []
    if row["uncertainty"] is not None:
        told.append(_reason("uncertain", _uncertain(row)))
    if row["distance"] is not None:
        told.append(_reason("apart", f"{row['distance']:.4g} from {_neighbour(row, ranks)}"))
    elif row["stands_for"] is not None:
        told.append(_reason("apart", "the first; nothing comes before it"))
    if row["stands_for"] is not None:
        many = row["stands_for"]
        told.append(_reason("stands for", f"{many:,} {'row' if many == 1 else 'rows'}"))
    if row["how"] in _DRAWN:
        told.append(_reason("drawn", _DRAWN[row["how"]]))
    return told


def _further(row: Mapping[str, Any]) -> list[str]:
    return [
        _reason(escape(name), escape(value_text(value)))
        for name, value in row.items()
        if name not in PICK_COLUMNS
    ]


def _reason(name: str, text: str) -> str:
    return f"<div><dt>{name}</dt><dd>{text}</dd></div>"


def _uncertain(row: Mapping[str, Any]) -> str:
    percent = row["percentile"]
    return (
        f'<span class="bar" role="img" aria-label="percentile {percent:.1f}">'
        f'<i style="width:{percent:.1f}%"></i></span>'
        f'<span class="number">{row["uncertainty"]:.4g}</span>'
        f"<small> at least as uncertain as {percent:.3g} % of the unlabelled</small>"
    )


def _neighbour(row: Mapping[str, Any], ranks: Mapping[int, int]) -> str:
    if row["nearest_idx"] in ranks:
        number = ranks[row["nearest_idx"]] + 1
        return f'<a href="#pick-{number}">pick {number}</a>'
    return f'labelled <span class="id">{escape(row["nearest_id"])}</span>'
