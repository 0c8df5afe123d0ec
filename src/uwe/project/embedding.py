"""Items whose features come from a pretrained model, computed once and kept in the project."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from uwe._files import make_folder
from uwe._types import Progress, Rows
from uwe.data import UNPREPARED
from uwe.data.images import decode_image
from uwe.embedder import is_factory, side_of
from uwe.errors import DataError, InputError
from uwe.pool_files import open_pool
from uwe.project.images import check_images, unreadable
from uwe.project.items import Items
from uwe.project.settings import ProjectSettings
from uwe.project.shapes import has_shapes
from uwe.project.sources import open_items
from uwe.tasks import find_task

__all__ = ["embedded", "items_of"]

_KINDS = ("images", "texts")
_STAND_IN = 8  # numbers a row; whether a model takes rows of numbers does not depend on it


def items_of(settings: ProjectSettings) -> Items:
    """The items of a project's source, as its settings say.

    Raises:
        InputError: an option does not fit the source.
        DataError: the source cannot be read.
    """
    source, text, size = Path(settings.source), settings.text, settings.image_size
    encoding = settings.encoding
    items = open_items(
        source,
        label=settings.label,
        text=text,
        image_size=size,
        encoding=encoding,
        is_whole=has_shapes(find_task(settings.task, (), **settings.task_options)),
    )
    if settings.embed is None:
        return items.read_by(settings.model)
    return embedded(items, source, settings.embed, text=text, image_size=size, encoding=encoding)


def embedded(
    items: Items,
    source: Path,
    model: str,
    *,
    text: str | None,
    image_size: int | None,
    encoding: str | None = None,
) -> Items:
    """The items with features of ``model`` as what is learnt from.

    Images that cannot be read are rows of zeros, which `Items.broken` names.

    Args:
        items: images or texts.
        source: where they are.
        model: a name of `uwe.embedder.BACKBONES`, a model of transformers, or ``module:factory``,
            as in ``uwe embed``.
        text: the column of texts.
        image_size: side of the square images that the model gets.
        encoding: of a text table; None: recognised.

    Raises:
        InputError: the items are neither images nor texts.
    """
    if items.kind not in _KINDS:
        raise InputError(
            f"--embed makes features of images and texts, and {source} holds {items.kind}; leave "
            "it out"
        )
    size = image_size or (side_of(model) if items.kind == "images" else None)
    name = f"embedding-{_key(items, model, size)}.safetensors"

    def learn(cache: Path, progress: Progress | None) -> Any:
        path = cache / name
        if not path.is_file():
            _embed(path, source, model, text, size, encoding, progress)
        return _features(path, items)

    found = replace(
        items,
        learn=learn,
        preparation=UNPREPARED,
        sample=lambda: np.zeros((1, _STAND_IN), dtype=np.float32),
    )
    if items.kind != "images":
        return found
    return replace(
        found,
        check=lambda: _check(items, source, equal=size is None and is_factory(model)),
        broken=lambda cache: _broken(items, source, cache / name),
    )


def _features(path: Path, items: Items) -> Any:
    """The features of each row, zeros where the embedding left an item out."""
    pool = open_pool(path)
    x = pool.read("features").numpy()
    at = _places(pool.ids(len(x)), items)
    found = x[at]
    found[at < 0] = 0
    return found


def _check(items: Items, source: Path, *, equal: bool) -> None:
    """Check by the headers that some images can be read, and have one size if they must.

    Raises:
        DataError: none can be read, or two differ in size.
    """
    broken = unreadable(source, items.ids)
    if len(broken) == len(items):
        raise DataError(f"none of the {len(items):,} images can be read: {broken[0]}")
    if equal:
        check_images([source / each for row, each in enumerate(items.ids) if row not in broken],
                     None)  # fmt: skip


def _broken(items: Items, source: Path, path: Path) -> Mapping[int, str]:
    """Why images cannot be read: by their headers, or once they are embedded by all of them."""
    if not path.is_file():
        return unreadable(source, items.ids)
    pool = open_pool(path)
    at = _places(pool.container.read_ids(pool.found["ids"]), items)
    return {int(row): _why(source, items.ids[int(row)]) for row in np.flatnonzero(at < 0)}


def _why(source: Path, name: str) -> str:
    try:
        decode_image(source / name, "RGB", name)
    except DataError as error:
        return str(error)
    return f"the image {name} could not be read when the features were computed"


def _embed(
    path: Path,
    source: Path,
    model: str,
    text: str | None,
    image_size: int | None,
    encoding: str | None,
    progress: Progress | None,
) -> None:
    from uwe.embedder import embed, load_encoder, open_source
    from uwe.learners import resolve_device

    make_folder(path.parent)
    given = open_source(str(source), text=text, image_size=image_size, encoding=encoding)
    encoder = load_encoder(model, given.kind, device=resolve_device("auto"))
    is_folder = given.check is not None
    embed(replace(given, notes=()), encoder, path, skip_broken=is_folder, progress=progress)
    for other in path.parent.glob("embedding-*.safetensors"):
        if other != path:
            other.unlink(missing_ok=True)


def _places(names: Sequence[str], items: Items) -> Rows:
    """Where the rows of the items are in the embedding, which names its own; -1: left out."""
    at = {name: row for row, name in enumerate(names)}
    return np.array([at.get(name, -1) for name in items.ids], dtype=np.int64)


def _key(items: Items, model: str, image_size: int | None) -> str:
    key = json.dumps([model, image_size, sorted(items.stamps.items())]).encode()
    return hashlib.blake2b(key, digest_size=8).hexdigest()
