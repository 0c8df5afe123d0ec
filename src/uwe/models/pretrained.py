"""Checkpoints of Hugging Face ``transformers``: where they are, and loading them quietly."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["file_of", "is_pooler", "load_weights", "place_of", "quiet"]


def place_of(name: str, folder: str = "") -> dict[str, Any]:
    """The keywords that say where ``from_pretrained`` finds a model; its code is never run.

    Args:
        name: of the hub, or a local folder.
        folder: of the model below it.

    >>> place_of("distilbert-base-uncased")["trust_remote_code"]
    False
    """
    if Path(name).is_dir():
        where = {"pretrained_model_name_or_path": str(Path(name) / folder)}
    else:
        where = {"pretrained_model_name_or_path": name, **({"subfolder": folder} if folder else {})}
    return {**where, "trust_remote_code": False}


def file_of(transformers: Any, name: str, path: str) -> Path | None:
    """A file of a local folder, or of the hub; None where there is none."""
    if Path(name).is_dir():
        local = Path(name) / path
        return local if local.is_file() else None
    found = transformers.utils.cached_file(
        name,
        path,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return None if found is None else Path(found)


def load_weights(
    transformers: Any, kind: str, place: Mapping[str, Any]
) -> tuple[Any, frozenset[str]]:
    """A model, and the names of the weights that its checkpoint lacks or has in another shape."""
    model, info = getattr(transformers, kind).from_pretrained(
        **place, output_loading_info=True, ignore_mismatched_sizes=True
    )
    other = {each if isinstance(each, str) else each[0] for each in info["mismatched_keys"]}
    return model, frozenset(info["missing_keys"]) | other


def is_pooler(key: str) -> bool:
    """Whether a weight belongs to a pooler, which many checkpoints lack."""
    return any(part.startswith("pooler") for part in key.split("."))


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """Leave out bars and tables of missing weights; what matters of them is said in a line."""
    log = transformers.utils.logging.get_logger("transformers")
    level = log.level
    log.setLevel(logging.CRITICAL)
    shows_bars = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        yield
    finally:
        log.setLevel(level)
        if shows_bars:
            transformers.utils.logging.enable_progress_bar()
