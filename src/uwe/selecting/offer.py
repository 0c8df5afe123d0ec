"""What a caller hands over, checked once: a pool without a framework."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch

from uwe._types import Rows, Scores
from uwe.errors import InputError
from uwe.pool import Pool
from uwe.predictions import Predictions

__all__ = ["ArrayLike", "Offer", "marked_rows", "offered"]

ArrayLike: TypeAlias = Any  # an array, a tensor, a memory map, a data frame, nested lists

_ROWS_AT_ONCE = 16_384
_SUM_TOLERANCE = {2: 1e-2}  # by bytes of a number; wider ones below
_WIDE_TOLERANCE = 1e-3
_EXACT_IN_FLOAT32 = 2  # bytes of an integer that float32 holds exactly, at most


@dataclass(frozen=True)
class Offer:
    """A pool as its owner knows it; what is not known is None.

    Attributes:
        n: rows.
        pool: which of them are labelled.
        features: ``[n, d]`` of a floating type, where they lie.
        logits: float32 ``[n, c]``; logarithms where probabilities were given.
        mc_logits: float32 ``[t, n, c]``, likewise.
        uncertainty: float64 ``[n]`` of the owner's own.
        excluded: rows that may not be picked, besides the labelled ones.
    """

    n: int
    pool: Pool
    features: torch.Tensor | None
    logits: torch.Tensor | None
    mc_logits: torch.Tensor | None
    uncertainty: Scores | None
    excluded: Rows | None = None

    @property
    def candidates(self) -> Rows:
        """Rows that may be picked, rising."""
        rows = self.pool.unlabelled
        return rows if self.excluded is None else np.setdiff1d(rows, self.excluded)

    def predictions(self) -> Predictions:
        """All that is known; a column of zeros, without memory, where nothing is."""
        zeros = torch.zeros(1, 1)
        classes = 2 if self.mc_logits is None else self.mc_logits.shape[2]
        return Predictions(
            zeros.expand(self.n, classes) if self.logits is None else self.logits,
            zeros.expand(self.n, 1) if self.features is None else self.features,
            self.mc_logits,
        )

    def known(self) -> frozenset[str]:
        """Names of the fields of `Predictions` that are known."""
        names = ("features", "logits", "mc_logits")
        return frozenset(name for name in names if getattr(self, name) is not None)


def offered(
    features: ArrayLike | None,
    *,
    probs: ArrayLike | None,
    logits: ArrayLike | None,
    mc_probs: ArrayLike | None,
    uncertainty: ArrayLike | None,
    labelled: ArrayLike | None,
    exclude: ArrayLike | None = None,
) -> Offer:
    """Check the arrays, and view them as tensors; nothing large is copied.

    Raises:
        InputError: lengths disagree, a type or a shape does not fit, a number is NaN or infinite,
            probabilities are negative or do not sum to one.
    """
    if probs is not None and logits is not None:
        raise InputError("both probs and logits are given; they say the same, so leave one out")
    given = {
        "features": features,
        "probs": probs,
        "logits": logits,
        "mc_probs": mc_probs,
        "uncertainty": uncertainty,
    }
    tensors = {
        name: _of_two_classes(name, _as_tensor(name, value, _AXES[name]))
        for name, value in given.items()
        if value is not None
    }
    marks = {
        name: _as_array(name, value)
        for name, value in (("labelled", labelled), ("exclude", exclude))
        if value is not None
    }
    n = _length(tensors, marks)
    for name, tensor in tensors.items():
        _require_finite(name, tensor)
    return Offer(
        n=n,
        pool=_pool(n, marks.get("labelled")),
        features=tensors.get("features"),
        logits=tensors["logits"].float() if "logits" in tensors else _logs("probs", tensors),
        mc_logits=_logs("mc_probs", tensors),
        uncertainty=tensors["uncertainty"].double() if "uncertainty" in tensors else None,
        excluded=marked_rows("exclude", n, marks["exclude"]) if "exclude" in marks else None,
    )


_AXES: dict[str, tuple[str, ...]] = {
    "features": ("n", "d"),
    "probs": ("n", "c"),
    "logits": ("n", "c"),
    "mc_probs": ("t", "n", "c"),
    "uncertainty": ("n",),
}


def _as_array(name: str, value: ArrayLike) -> np.ndarray[Any, Any]:
    try:
        array = np.asarray(value)
    except ValueError as error:  # nested lists of differing lengths
        raise InputError(f"{name} is no array: its rows differ in length ({error})") from error
    if array.dtype.kind not in "biuf":
        raise InputError(
            f"{name} holds {_KINDS.get(array.dtype.kind, array.dtype.name)}, not numbers alone; "
            "give an array of one numeric type"
        )
    return array


_KINDS = {"O": "objects or mixed types", "U": "text", "S": "bytes", "c": "complex numbers"}


def _as_tensor(name: str, value: ArrayLike, axes: Sequence[str]) -> torch.Tensor:
    tensor = value.detach().cpu() if isinstance(value, torch.Tensor) else _viewed(name, value)
    if axes[-1] == "c" and tensor.ndim == len(axes) - 1:  # one output a row
        tensor = tensor[..., None]
    if tensor.ndim != len(axes):
        raise InputError(f"{name} must be [{', '.join(axes)}], not of shape {tuple(tensor.shape)}")
    if 0 in tensor.shape:
        raise InputError(f"{name} is empty, of shape {tuple(tensor.shape)}")
    return tensor if tensor.is_floating_point() else _floating(tensor)


def _of_two_classes(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Outputs ``[..., c]``; one output a row, which a sigmoid turns into a probability, as two.

    Formula: a logit z becomes ``(0, z)``, whose softmax is ``(1 - sigmoid z, sigmoid z)``; a
    probability p becomes ``(1 - p, p)``.
    """
    if _AXES[name][-1] != "c" or tensor.shape[-1] > 1:
        return tensor
    if name == "logits":
        return torch.cat([torch.zeros_like(tensor), tensor], -1)
    row = _first_row(name, tensor, lambda block: (block < 0) | (block > 1))
    if row is not None:
        value = float(tensor.reshape(-1, *tensor.shape[-2:])[:, row].flatten()[0])
        raise InputError(
            f"{name}: row {row} is {value:.6g} (the first such row); one probability a row must be "
            "from 0 to 1. Is this a logit?"
        )
    return torch.cat([1 - tensor.double(), tensor.double()], -1)


def _viewed(name: str, value: ArrayLike) -> torch.Tensor:
    """A tensor on the array's own memory, wherever torch can have one."""
    array = _as_array(name, value)
    if array.dtype.itemsize > 8 or not array.dtype.isnative:
        array = array.astype(np.float64)
    if any(stride < 0 for stride in array.strides):
        array = np.ascontiguousarray(array)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the memory is read-only; nothing is written to it
        return torch.from_numpy(array)


def _floating(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.element_size() <= _EXACT_IN_FLOAT32 else tensor.double()


def _length(tensors: Mapping[str, torch.Tensor], marks: Mapping[str, np.ndarray[Any, Any]]) -> int:
    lengths = {
        name: len(tensor) if name != "mc_probs" else tensor.shape[1]
        for name, tensor in tensors.items()
    }
    for name, mark in marks.items():
        if mark.dtype.kind == "b":
            lengths[name] = len(mark) if mark.ndim else 0
    if not lengths:
        raise InputError("nothing is given that tells how many rows there are; give features")
    (first, n), *others = lengths.items()
    for name, length in others:
        if length != n:
            raise InputError(f"{first} has {n} rows, but {name} has {length}; they must be equal")
    return n


def _require_finite(name: str, tensor: torch.Tensor) -> None:
    row = _first_row(name, tensor, lambda block: ~block.isfinite())
    if row is not None:
        raise InputError(f"{name}: row {row} holds NaN or infinity (the first such row)")


def _first_row(
    name: str, tensor: torch.Tensor, broken: Callable[[torch.Tensor], torch.Tensor]
) -> int | None:
    """The first row of which any entry is broken; the rows of passes are the second axis."""
    by_row = tensor.transpose(0, 1) if _AXES[name][0] == "t" else tensor
    for start in range(0, len(by_row), _ROWS_AT_ONCE):
        wrong = broken(by_row[start : start + _ROWS_AT_ONCE])
        rows = wrong.reshape(len(wrong), -1).any(1).nonzero()
        if len(rows):
            return start + int(rows[0, 0])
    return None


def _logs(name: str, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor | None:
    """Logarithms of probabilities in float32; that of 0 is the least float32 can have."""
    if name not in tensors:
        return None
    probs = tensors[name]
    _require_probabilities(name, probs)
    logs = torch.empty(probs.shape)
    least = torch.finfo(torch.float32).tiny
    for start in range(0, probs.shape[-2], _ROWS_AT_ONCE):
        span = (..., slice(start, start + _ROWS_AT_ONCE), slice(None))
        logs[span] = probs[span].double().clamp_min(least).log()
    return logs


def _require_probabilities(name: str, probs: torch.Tensor) -> None:
    row = _first_row(name, probs, lambda block: block < 0)
    if row is not None:
        raise InputError(
            f"{name}: row {row} holds a negative number (the first such row); probabilities are "
            "at least 0. Are these logits?"
        )
    tolerance = _SUM_TOLERANCE.get(probs.element_size(), _WIDE_TOLERANCE)
    row = _first_row(name, probs, lambda block: (block.double().sum(-1) - 1).abs() > tolerance)
    if row is not None:
        worst = probs[..., row, :].double().sum(-1).flatten()
        total = float(worst[(worst - 1).abs().argmax()])
        raise InputError(
            f"{name}: row {row} sums to {total:.6g}, not to 1 within {tolerance:g} (the first such "
            "row); give probabilities, or logits as logits"
        )


def _pool(n: int, mask: np.ndarray[Any, Any] | None) -> Pool:
    pool = Pool.untouched(n)
    rows = np.zeros(0, dtype=np.int64) if mask is None else marked_rows("labelled", n, mask)
    return pool.answer_unasked(rows, np.zeros_like(rows))


def marked_rows(name: str, n: int, marks: np.ndarray[Any, Any]) -> Rows:
    """Rows from a mask or from row numbers; the type tells which.

    Args:
        name: what an error calls the marks.
        n: rows of the pool.
        marks: booleans ``[n]``, or distinct row numbers.

    Raises:
        InputError: they are neither.
    """
    if marks.ndim != 1:
        raise InputError(f"{name} must be a mask [n] or row numbers, not {marks.shape}")
    if marks.dtype.kind == "b":
        return np.flatnonzero(marks)
    if marks.size and marks.dtype.kind == "f":
        raise InputError(f"{name} must be a mask of booleans or row numbers, not floating numbers")
    rows: Rows = marks.astype(np.int64)
    outside = rows[(rows < 0) | (rows >= n)]
    if len(outside):
        raise InputError(f"{name} names row {outside[0]}, but there are {n} rows (0 to {n - 1})")
    found, counts = np.unique(rows, return_counts=True)
    if len(found) < len(rows):
        raise InputError(
            f"{name} names row {found[counts > 1][0]} twice; a mask must be of booleans"
        )
    return rows
