"""What a caller hands over, checked once: a pool without a framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch

from uwe._arrays import as_array, as_floating, as_tensor, marked_rows, odd_value
from uwe._types import Rows, Scores
from uwe.errors import InputError
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.selecting.labels import labelled_pool, listed_labels
from uwe.selecting.outputs import AXES, BLOCK, Said, first_row, said, task_of
from uwe.tasks import Task

__all__ = ["ArrayLike", "Offer", "features_of_pool", "offered"]

ArrayLike: TypeAlias = Any  # an array, a tensor, a memory map, a data frame, nested lists

_NUMBERS = frozenset({"mean", "variance", "std", "mc_mean", "mc_variance"})
_LARGEST, _LEAST = 1e150, 1e-150
"""Sizes of numbers between which float64 can square and add them."""
_FLOAT64 = 8
_REDUCED = ", or give uwe.query the estimator and the sparse rows, which it reduces"


@dataclass(frozen=True)
class Offer:
    """A pool as its owner knows it; it holds only what is known.

    Attributes:
        n: rows.
        pool: which of them are labelled.
        task: what is learnt.
        features: ``[n, d]`` of a floating type, in the memory where they are; or None.
        said: outputs and passes of the task.
        uncertainty: float64 ``[n]`` of the owner's own, or None.
        excluded: rows that may not be picked, besides the labelled ones.
        has_labels: whether the pool's values are the labels of the labelled rows.
        from_labels: whether the labels alone say which rows are labelled.
    """

    n: int
    pool: Pool
    task: Task
    features: torch.Tensor | None
    said: Said
    uncertainty: Scores | None
    excluded: Rows | None = None
    has_labels: bool = False
    from_labels: bool = False

    @property
    def candidates(self) -> Rows:
        """Rows that may be picked, rising."""
        rows = self.pool.unlabelled
        return rows if self.excluded is None else np.setdiff1d(rows, self.excluded)

    def predictions(self) -> Predictions:
        """All that is known."""
        return Predictions(
            outputs=self.said.outputs,
            features=self.features,
            passes=self.said.passes,
            rows=self.n,
        )

    def known(self) -> frozenset[str]:
        """Names of the fields of `Predictions` that are known."""
        return frozenset(self.predictions().fields)


def offered(
    features: ArrayLike | None,
    *,
    arrays: Mapping[str, ArrayLike | None],
    uncertainty: ArrayLike | None,
    labelled: ArrayLike | None,
    labels: ArrayLike | None = None,
    classes: Sequence[Any] | None = None,
    exclude: ArrayLike | None = None,
    task: str | Task | None = None,
    options: Mapping[str, object] | None = None,
    rows: int | None = None,
) -> Offer:
    """Check the arrays, and view them as tensors; nothing large is copied.

    Args:
        features: ``[n, d]``, or None.
        arrays: what models say of the rows, by the names of `AXES`.
        uncertainty: ``[n]``, or None.
        labelled: a mask or row numbers; None: the rows that have a label, if any.
        labels: ``[n]``, or None.
        classes: of the model, in the order of its outputs, where they are known.
        task: what is learnt, as in `task_of`.
        options: of the task.
        rows: number of rows, where it is known.

    Raises:
        InputError: lengths disagree, a type or a shape does not fit, a number is NaN or infinite,
            probabilities are negative or do not sum to one, the task does not use an array.
    """
    if arrays.get("probs") is not None and arrays.get("logits") is not None:
        raise InputError("both probs and logits are given; they say the same, so leave one out")
    given = {"features": features, **arrays, "uncertainty": uncertainty}
    tensors = {
        name: _as_tensor(name, value, AXES[name])
        for name, value in given.items()
        if value is not None
    }
    marks = {
        name: as_array(name, value)
        for name, value in (("labelled", labelled), ("exclude", exclude))
        if value is not None
    }
    if rows is None and labels is not None and not tensors and not marks:
        rows = len(labels)
    n = _length(tensors, marks, rows)
    for name, tensor in tensors.items():
        _require_finite(name, tensor)
    if "features" in tensors:
        _require_squares("features", tensors["features"])
    found = task_of(task, tensors, options or {})
    mask = marks.get("labelled")
    pool, has_labels = labelled_pool(
        n,
        None if labels is None else listed_labels(labels, found),
        None if mask is None else marked_rows("labelled", n, mask),
        found,
        classes,
    )
    return Offer(
        n=n,
        pool=pool,
        task=found,
        features=tensors.get("features"),
        said=said(found, tensors),
        uncertainty=tensors["uncertainty"].double() if "uncertainty" in tensors else None,
        excluded=marked_rows("exclude", n, marks["exclude"]) if "exclude" in marks else None,
        has_labels=has_labels,
        from_labels=labels is not None and mask is None,
    )


def features_of_pool(features: ArrayLike) -> torch.Tensor:
    """Features ``[n, d]`` of a floating type, in the memory where they are.

    Raises:
        InputError: they are not.
    """
    return _as_tensor("features", features, AXES["features"])


def _as_tensor(name: str, value: ArrayLike, axes: Sequence[str]) -> torch.Tensor:
    tensor = as_tensor(name, value, instead=_REDUCED if name == "features" else "")
    if axes[-1] == "c" and tensor.ndim == len(axes) - 1:  # one output a row
        tensor = tensor[..., None]
    if name in _NUMBERS and tensor.ndim == len(axes) + 1 and tensor.shape[-1] == 1:
        tensor = tensor[..., 0]
    if tensor.ndim != len(axes):
        single = (
            f"; give one column as [{axes[0]}, 1]" if (len(axes), tensor.ndim) == (2, 1) else ""
        )
        raise InputError(
            f"{name} must be [{', '.join(axes)}], not of shape {tuple(tensor.shape)}{single}"
        )
    if 0 in tensor.shape:
        raise InputError(f"{name} is empty, of shape {tuple(tensor.shape)}")
    return as_floating(name, tensor)


def _length(
    tensors: Mapping[str, torch.Tensor],
    marks: Mapping[str, np.ndarray[Any, Any]],
    rows: int | None,
) -> int:
    lengths = {} if rows is None else {"the pool": rows}
    lengths |= {
        name: tensor.shape[1] if AXES[name][0] == "t" else len(tensor)
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
    row = first_row(name, tensor, lambda block: ~block.isfinite())
    if row is not None:
        values = tensor.select(AXES[name].index("n"), row).flatten()
        what = odd_value(float(values[~values.isfinite()][0]))
        raise InputError(f"{name}: row {row} holds {what} (the first such row)")


def _require_squares(name: str, tensor: torch.Tensor) -> None:
    """Refuse what float64 cannot square: distances would be infinite, or all of them 0."""
    row = first_row(name, tensor, lambda block: block.abs() > _LARGEST)
    if row is not None:
        value = float(tensor[row][tensor[row].abs().argmax()])
        raise InputError(
            f"{name}: row {row} is too large ({value:.6g}, the first such row); distances are "
            f"computed up to {_LARGEST:g}, so scale {name} down"
        )
    if tensor.element_size() < _FLOAT64:
        return  # its least number can be squared
    largest = max(float(block.abs().max()) for block in torch.split(tensor, BLOCK))
    if 0 < largest < _LEAST:
        raise InputError(
            f"{name} is too small: its largest number is {largest:.6g}, whose square is 0 in "
            f"float64; scale {name} up"
        )
