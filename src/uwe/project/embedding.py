"""Items whose features come from a pretrained model, computed once and kept in the project."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from uwe._files import make_folder
from uwe._types import Progress, Rows
from uwe.data import UNPREPARED
from uwe.errors import InputError
from uwe.pool_files import open_pool
from uwe.project.items import Items
from uwe.project.settings import ProjectSettings
from uwe.project.sources import open_items

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
    items = open_items(source, label=settings.label, text=text, image_size=size, encoding=encoding)
    if settings.embed is None:
        return items
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

    Args:
        items: images or texts.
        source: where they are.
        model: a model of transformers, or ``module:factory``, as in ``uwe embed``.
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

    def learn(cache: Path, progress: Progress | None) -> Any:
        path = cache / f"embedding-{_key(items, model, image_size)}.safetensors"
        if not path.is_file():
            _embed(path, source, model, text, image_size, encoding, progress)
        pool = open_pool(path)
        x = pool.read("features").numpy()
        return x[_places(pool.ids(len(x)), items)]

    return replace(
        items,
        learn=learn,
        preparation=UNPREPARED,
        sample=lambda: np.zeros((1, _STAND_IN), dtype=np.float32),
    )


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
    embed(replace(given, notes=()), encoder, path, progress=progress)
    for other in path.parent.glob("embedding-*.safetensors"):
        if other != path:
            other.unlink(missing_ok=True)


def _places(names: Sequence[str], items: Items) -> Rows:
    """Where the rows of the items are in the embedding, which names its own rows."""
    at = {name: row for row, name in enumerate(names)}
    return np.array([at[name] for name in items.ids], dtype=np.int64)


def _key(items: Items, model: str, image_size: int | None) -> str:
    key = json.dumps([model, image_size, sorted(items.stamps.items())]).encode()
    return hashlib.blake2b(key, digest_size=8).hexdigest()
