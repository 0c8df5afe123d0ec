"""From the outputs at the places of an image to one row: an embedding and an uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from uwe._arrays import as_floating, as_tensor
from uwe._types import FloatArray, is_integral, is_real
from uwe.dense.cells import cell_means
from uwe.dense.measures import PLACE_MEASURES, objectness_uncertainty, place_uncertainty
from uwe.dense.scores import (
    CONVERSIONS,
    GIVEN,
    looks_like_probabilities,
    require_finite,
    wide,
)
from uwe.dense.weights import REDUCTIONS
from uwe.errors import InputError, require_known

if TYPE_CHECKING:
    import torch

__all__ = ["AXES", "MEASURES", "Reduced", "Reduction"]

AXES = ("hwc", "chw")
"""The orders of the axes of maps; the first is the default."""
_BLOCK = 2**16  # places whose products are summed in the type of the features
_FAR_FEWER = 4  # times
_MAP, _OBJECTS, _SCORES = 3, 2, 1  # axes of a map, of the scores of objects, of one score each


@dataclass(frozen=True)
class _Measure:
    """What an uncertainty of a place is computed of.

    Attributes:
        kind: ``classes`` that exclude each other, or ``each`` by itself; see `CONVERSIONS`.
        of: uncertainty ``[...]`` of probabilities ``[..., c]``.
    """

    kind: str
    of: Callable[[torch.Tensor], torch.Tensor]


_MEASURES: Mapping[str, _Measure] = {
    **{
        name: _Measure("classes", partial(place_uncertainty, measure=name))
        for name in PLACE_MEASURES
    },
    "objectness": _Measure("each", objectness_uncertainty),
}
MEASURES = tuple(_MEASURES)
"""The measures of `Reduction`, by name; the first is the default."""


@dataclass(frozen=True)
class Reduced:
    """What stands for an image.

    Attributes:
        features: the weighted embedding, float64 ``[d]``; None where its width is unknown.
        uncertainty: of the image.
        count: places that count.
        classes: columns of the outputs; None where unknown.
        is_odd: whether the outputs are given as logits and look like probabilities.
        is_turned: whether a map has the shape of one whose axes are in another order: far fewer
            rows than columns and classes, or far fewer columns than rows and classes.
    """

    features: FloatArray | None
    uncertainty: float
    count: int
    classes: int | None
    is_odd: bool = False
    is_turned: bool = False


@dataclass(frozen=True)
class Reduction:
    """How the places of an image become one row of a pool.

    Formula: ``z = Σ w_p u_p f_p`` and ``u = Σ w_p u_p`` over the P places, ``u_p`` being the
    uncertainty of a place, from 0 to 1, and ``f_p`` its features, or its probabilities where no
    features are given. The weights are, by ``reduce``:

    - ``mean``: ``w_p = 1 / P``;
    - ``top``: ``1 / k`` for the ``k = ⌈top · P⌉`` places of largest ``u_p``, else 0;
    - ``max``: 1 for the place of largest ``u_p``, else 0; of equal ones the first;
    - ``sum``: 1;
    - ``class_mean``: ``1 / (n_c K)``, ``n_c`` being the number of places of the same predicted
      class and K the number of classes that occur.

    Where features of a map come at another resolution, the places are the cells of the features,
    and ``u_p`` is the mean of the map's uncertainty over the cell (`cell_means`).

    Args:
        given: ``probs``, or ``logits`` before the softmax (before a sigmoid for ``objectness``, and
            where there is a single column).
        measure: ``entropy``, ``margin`` or ``least_confident`` of `place_uncertainty`, or
            ``objectness`` of `objectness_uncertainty`.
        reduce: as above.
        top: share of the places for ``reduce="top"``, above 0 and at most 1.
        axes: of maps: ``hwc`` or ``chw``; of their features, too.
        background: number of a class; places where it is predicted do not count.
        empty: uncertainty of an image without a place that counts; its features are 0.

    Raises:
        InputError: a name is unknown, or a number does not fit.

    Source: the form for dense outputs of uncertainty-weighted embeddings, as uwe states it.

    >>> import torch
    >>> pixels = torch.tensor([[[0.5, 0.5], [1.0, 0.0]]])
    >>> row = Reduction().of("a map", pixels)
    >>> row.features.tolist(), row.uncertainty, row.count
    ([0.25, 0.25], 0.5, 2)
    """

    given: str = "probs"
    measure: str = "entropy"
    reduce: str = "mean"
    top: float = 0.1
    axes: str = "hwc"
    background: int | None = None
    empty: float = 0.0

    def __post_init__(self) -> None:
        require_known(self.given, GIVEN, "form of outputs")
        require_known(self.measure, _MEASURES, "measure")
        require_known(self.reduce, REDUCTIONS, "reduction")
        require_known(self.axes, AXES, "order of axes")
        if not is_real(self.top) or not 0 < self.top <= 1:
            raise InputError(f"top must be above 0 and at most 1, not {self.top!r}")
        if not is_real(self.empty) or not 0 <= self.empty < float("inf"):
            raise InputError(f"empty must be at least 0, not {self.empty!r}")
        if self.background is not None and (
            not is_integral(self.background) or self.background < 0
        ):
            raise InputError(f"background must be the number of a class, not {self.background!r}")

    def of(self, name: str, outputs: Any, features: Any = None, predicted: Any = None) -> Reduced:
        """The row of one image.

        Args:
            name: what an error calls the outputs.
            outputs: a map ``[h, w, c]``, or scores of objects ``[m, c]`` or ``[m]``. A single
                column is the probability of the second of two classes.
            features: ``[h', w', d]`` or ``[m, d]``, or None.
            predicted: numbers of the classes of objects ``[m]``, where the scores do not tell them.

        Raises:
            InputError: a shape does not fit, or there are no numbers.
            DataError: a number is NaN or infinite, or no probability.
        """
        scores = self._ordered(name, _floats(name, outputs))
        if scores.ndim == _SCORES:
            scores = scores[:, None] if len(scores) else scores.reshape(0, 0)
        beside = None if features is None else _floats(f"the features of {name}", features)
        if 0 in scores.shape[:-1]:
            return self._empty(scores, beside)
        if not scores.shape[-1]:
            raise InputError(f"{name} has the shape {tuple(scores.shape)}, without a class")
        if predicted is None:
            self._require_background(name, scores.shape[-1])
        if beside is not None:
            beside = self._beside(name, beside, scores)
        return self._reduced(name, scores, beside, predicted)

    def _empty(
        self, scores: torch.Tensor, beside: torch.Tensor | None, *, is_odd: bool = False
    ) -> Reduced:
        """What stands for an image without a place: zeros, as many as other images have."""
        classes = scores.shape[-1]
        width = self._columns(classes)
        if beside is not None:
            width = beside.shape[-1] if beside.ndim > _SCORES else 0
        return Reduced(np.zeros(width) if width else None, self.empty, 0, classes or None, is_odd)

    def _reduced(
        self, name: str, scores: torch.Tensor, beside: torch.Tensor | None, classes: Any
    ) -> Reduced:
        import torch

        measure = _MEASURES[self.measure]
        probs = CONVERSIONS[self.given, measure.kind](name, scores)
        u = measure.of(probs).clamp_(0, 1)
        f = probs if beside is None else beside
        if scores.ndim == _MAP:
            grid = (f.shape[0], f.shape[1])
            u = cell_means(u, grid)
            probs = cell_means(probs, grid) if self._reads_classes else probs
        u, f = u.flatten(), f.flatten(0, -2)
        predicted = u
        if self._reads_classes:
            predicted = probs.argmax(-1).flatten() if classes is None else torch.as_tensor(classes)
        if self.background is not None:
            counts = predicted != self.background
            u, f, predicted = u[counts], f[counts], predicted[counts]
        odd = self.given == "logits" and looks_like_probabilities(scores)
        if not len(u):
            return self._empty(scores, beside, is_odd=odd)
        weighted = u * REDUCTIONS[self.reduce](u, predicted, self.top)
        total = float(weighted.double().sum())
        return Reduced(
            _summed(weighted, f), total, len(u), scores.shape[-1], odd, _is_turned(scores)
        )

    @property
    def _reads_classes(self) -> bool:
        return self.background is not None or self.reduce == "class_mean"

    def _ordered(self, name: str, outputs: torch.Tensor) -> torch.Tensor:
        """The outputs with the classes last."""
        if outputs.ndim not in (_MAP, _OBJECTS, _SCORES):
            raise InputError(
                f"{name} has the shape {tuple(outputs.shape)}; a map has three axes, and scores of "
                "objects have two"
            )
        if outputs.ndim == _MAP and self.axes == "chw":
            return outputs.permute(1, 2, 0).contiguous()
        return outputs

    def _beside(self, name: str, features: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if features.ndim != scores.ndim or not features.shape[-1]:
            axes = "three axes" if scores.ndim == _MAP else "two axes [objects, d]"
            raise InputError(
                f"the features of {name} have the shape {tuple(features.shape)}; beside outputs of "
                f"shape {tuple(scores.shape)} they need {axes}"
            )
        features = self._ordered(name, features)
        if scores.ndim == _OBJECTS and len(features) != len(scores):
            raise InputError(
                f"{name} has {len(scores)} objects, but features of {len(features)} objects"
            )
        if not features.numel():
            raise InputError(f"the features of {name} have no cells: {tuple(features.shape)}")
        if not bool(features.sum().isfinite()):
            require_finite(f"the features of {name}", features)
        return features

    def _columns(self, given: int) -> int:
        """Number of classes that so many columns stand for."""
        return 2 if given == 1 and _MEASURES[self.measure].kind == "classes" else given

    def _require_background(self, name: str, classes: int) -> None:
        columns = self._columns(classes)
        if self.background is not None and self.background >= columns:
            raise InputError(
                f"background is class {self.background}, but {name} has {columns} classes "
                f"(0 to {columns - 1})"
            )


def _is_turned(scores: torch.Tensor) -> bool:
    if scores.ndim != _MAP:
        return False
    few, many = sorted(scores.shape[:2])
    return few * _FAR_FEWER <= min(many, scores.shape[-1])


def _summed(weights: torch.Tensor, features: torch.Tensor) -> FloatArray:
    """``Σ w_p f_p``: products of blocks in the type of the features, their sum in float64.

    Features of 16 bits are widened: the weight of a place of a large map would be 0 in them.
    """
    import torch

    weights = weights.to(wide(features[:0]))
    blocks = [slice(start, start + _BLOCK) for start in range(0, len(weights), _BLOCK)]
    total = torch.stack([weights[rows] @ wide(features[rows]) for rows in blocks]).double().sum(0)
    return np.array(total.cpu().numpy())  # a small tensor that stays leaves holes in the memory


def _floats(name: str, values: Any) -> torch.Tensor:
    import torch

    if isinstance(values, torch.Tensor) and values.is_cuda and values.is_floating_point():
        return values.detach()  # reduced where it is
    return as_floating(name, as_tensor(name, values))
