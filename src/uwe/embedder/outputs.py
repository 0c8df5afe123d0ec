"""What a model gives for a batch: looked at, and made a pair of tensors."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from uwe.dense import Reduction
from uwe.errors import (
    InputError,
    RunError,
    UweError,
    place_in_user_code,
    reason_of,
    text_of,
    told_of,
)

__all__ = ["Encoded", "checked", "failure"]

_WANTED = (
    "(logits or None, features), or a dict with features and, if it classifies, logits; or with "
    "maps or scores"
)


class Encoded(NamedTuple):
    """A batch in rows, float32 on the CPU.

    Attributes:
        logits: ``[b, c]``, or None where there are none.
        features: ``[b, d]``.
        uncertainty: ``[b, 1]`` of a model of places, which weighs its features already; else None.
        places: how many places of each item count, ``[b, 1]`` of a model of places; else None.
    """

    logits: torch.Tensor | None
    features: torch.Tensor
    uncertainty: torch.Tensor | None = None
    places: torch.Tensor | None = None


def checked(name: str, said: Any, n: int, places: Mapping[str, Any] | None = None) -> Encoded:
    """What a model gives for a batch, as rows.

    Args:
        name: of the model, for an error.
        said: a pair or a dict of tensors, arrays or lists. A dict with ``maps`` (logits
            ``[n, c, h, w]``; features ``[n, d, h', w']``), or with ``scores`` of the objects in
            each item (a list of ``[m, c]``; features a list of ``[m, d]``), is reduced to rows;
            it may hold ``given`` and ``measure`` of `uwe.dense.Reduction`.
        n: items of the batch.
        places: options of the reduction that were asked for.

    Raises:
        InputError: it is anything else, or has another number of rows; or options of the reduction
            are asked for, and there are no places.
        DataError: a place has no probabilities that sum to 1.
    """
    kind = next((each for each in _PLACES if isinstance(said, Mapping) and each in said), None)
    if kind is not None:
        return _reduced(name, kind, said, n, places or {})
    if places:
        raise InputError(
            f"model {name} gives features of whole items, so {', '.join(places)} of places are not "
            "used; leave them out"
        )
    logits, features = _pair(name, said)
    return Encoded(
        None if logits is None else _matrix(name, "logits", logits, n),
        _matrix(name, "features", features, n),
    )


_PLACES: Mapping[str, Mapping[str, Any]] = {
    "maps": {"given": "logits", "axes": "chw"},
    "scores": {"given": "probs"},
}
"""The options of the reduction that each kind of outputs has by itself."""


def _reduced(
    name: str, kind: str, said: Mapping[str, Any], n: int, places: Mapping[str, Any]
) -> Encoded:
    """The row of each item, of its places."""
    own = {key: said[key] for key in ("given", "measure") if key in said}
    reduction = Reduction(**{**_PLACES[kind], **own, **places})
    outputs, features = said[kind], said.get("features")
    for what, each in ((kind, outputs), ("features", features)):
        if each is not None and len(each) != n:
            raise InputError(f"model {name} gives {what} of {len(each)} items for {n} items")
    rows = [
        reduction.of(
            f"{kind} of item {at} of a batch of {name}",
            outputs[at],
            None if features is None else features[at],
        )
        for at in range(n)
    ]
    widths = {len(row.features) for row in rows if row.features is not None}
    if len(widths) != 1:
        found = " and ".join(map(str, sorted(widths))) or "no"
        raise InputError(
            f"model {name} gives {kind} from which {found} features an item follow; all items "
            "need the same, so give empty scores as [0, classes]"
        )
    embedded = np.zeros((n, *widths))
    for at, row in enumerate(rows):
        if row.features is not None:
            embedded[at] = row.features
    return Encoded(
        None,
        _matrix(name, "features", embedded, n),
        torch.tensor([[row.uncertainty] for row in rows]),
        torch.tensor([[float(row.count)] for row in rows]),
    )


def failure(name: str, error: Exception | SystemExit, n: int) -> UweError:
    """What a model raised for a batch of ``n`` items, as one line."""
    if isinstance(error, UweError):
        return error
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return RunError(f"model {name} is out of memory with {n} items at once; lower --batch")
    if place_in_user_code(error) is not None or isinstance(error, SystemExit):
        return InputError(f"model {name} failed: {told_of(error)}")
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return InputError(f"model {name} failed: {reason_of(error)[:300]}{where}")


def _pair(name: str, said: Any) -> tuple[Any, Any]:
    if isinstance(said, Mapping) and said.get("features") is not None:
        return said.get("logits"), said["features"]
    if isinstance(said, tuple) and len(said) == 2 and said[1] is not None:
        return said[0], said[1]
    raise InputError(f"model {name} must give {_WANTED}, not {_shown(said)}")


def _shown(said: Any) -> str:
    if isinstance(said, Mapping):
        return f"a {type(said).__name__} with {', '.join(map(str, said)) or 'nothing'}"
    if isinstance(said, tuple):
        return f"a tuple of {', '.join(type(each).__name__ for each in said) or 'nothing'}"
    return type(said).__name__


def _matrix(name: str, what: str, value: Any, n: int) -> torch.Tensor:
    tensor = _tensor(name, what, value)
    if tensor.ndim != 2 or len(tensor) != n or not tensor.shape[1]:
        raise InputError(
            f"model {name} gives {what} of shape {tuple(tensor.shape)} for {n} items, not [{n}, …]"
        )
    floats = tensor.float().cpu()
    if tensor.dtype == torch.float64:
        large = (tensor.cpu().isfinite() & ~floats.isfinite()).nonzero()
        if len(large):
            row, column = large[0].tolist()
            raise InputError(
                f"model {name} gives {what} of up to {float(tensor[row, column]):g}, which float32 "
                "does not hold; scale them"
            )
    return floats


def _tensor(name: str, what: str, value: Any) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided or value.is_complex():
            kind = "complex" if value.is_complex() else "sparse"
            raise InputError(f"model {name} gives {kind} {what}; give a dense tensor of floats")
        return value.detach()
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise ValueError(f"an array of {array.dtype}")
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(
            f"model {name} gives {type(value).__name__} as {what}, which is no array of numbers: "
            f"{text_of(error, longest=200)}"
        ) from error
    return torch.from_numpy(array.astype(np.float32 if array.dtype.itemsize < 4 else np.float64))
