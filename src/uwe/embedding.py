"""What the distances between rows are taken on: Predictions -> Points.

Each embedding takes the predictions of all rows and the candidates among them. What has to be
fitted is fitted on the candidates alone, and clipped elsewhere. torch is imported when an embedding
is computed, so that strategies can be composed without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from uwe._arrays import as_tensor, rows_at_once
from uwe._types import FloatArray, Rows, Scores, is_real
from uwe.errors import InputError, require_known
from uwe.uncertainty import measured

if TYPE_CHECKING:
    import torch

    from uwe.points import Points
    from uwe.predictions import Predictions

__all__ = [
    "NORMALISATIONS",
    "WEIGHTINGS",
    "Embedding",
    "Normalised",
    "Weighted",
    "binary_gradient",
    "features",
    "gradient",
    "normalised",
    "weighted",
    "written_out",
]

_MULTIPLIED_OUT = 2**27  # numbers, at most: half a gigabyte in float32
_BYTES = 4  # of a float32; shorter numbers would round the product

Embedding: TypeAlias = "Callable[[Predictions, Rows], Points]"


def features(predictions: Predictions, candidates: Rows) -> Points:  # noqa: ARG001 (an Embedding)
    """The network's features as they are, ``[n, d]``.

    Source: Sener, Savarese (2018), Active learning for convolutional neural networks: a core-set
    approach.
    """
    from uwe.points import Dense

    return Dense(predictions.field("features"))


def gradient(predictions: Predictions, candidates: Rows) -> Points:  # noqa: ARG001 (an Embedding)
    """Gradient of the loss by the classifier's weights, were the predicted class the true one.

    Formula: ``(p - onehot(argmax p)) ⊗ features``, ``[n, c·d]`` in factors ``[n, c]``, ``[n, d]``.

    Source: Ash, Zhang, Krishnamurthy, Langford, Agarwal (2020), Deep batch active learning by
    diverse, uncertain gradient lower bounds.
    """
    import torch

    from uwe.points import Product

    logits = predictions.logits
    residual = torch.empty_like(logits, memory_format=torch.contiguous_format)
    rows = rows_at_once(logits.shape[1])
    for start in range(0, len(logits), rows):
        residual[start : start + rows] = _residual(logits[start : start + rows])
    return Product(residual, predictions.field("features"))


def _residual(logits: torch.Tensor) -> torch.Tensor:
    """``p - onehot(argmax p)``, which sums to 0."""
    import torch

    shifted = logits - logits.amax(1, keepdim=True)
    residual = shifted.softmax(1)
    at = torch.arange(len(residual), device=residual.device)
    best = shifted.argmax(1)
    residual[at, best] = 0.0
    residual[at, best] = -residual.sum(1)
    return residual


def binary_gradient(predictions: Predictions, candidates: Rows) -> Points:  # noqa: ARG001 (an Embedding)
    """Gradient of the binary cross-entropy by the last layer's weights, at the predicted labels.

    Formula: ``(p - [p > 1/2]) ⊗ features`` with ``p = sigmoid(z)``, ``[n, c·d]`` in factors.

    Source: as `gradient`; with a sigmoid for each label on its own.
    """
    import torch

    from uwe.points import Product

    logits = predictions.field("binary_logits")
    error = (-logits.abs()).sigmoid()  # 1 - p where p > 1/2, otherwise p
    return Product(torch.where(logits > 0, -error, error), predictions.field("features"))


@dataclass(frozen=True)
class Weighted:
    """The rows of an embedding, each times its uncertainty; made by `weighted`.

    Attributes:
        measure: gives the uncertainty of each row.
        of: the embedding whose rows they are.
        weighting: ``scaled`` or ``rank``.
        power: of the weight.
    """

    measure: Callable[[Predictions], Scores]
    of: Embedding = features
    weighting: str = "scaled"
    power: float = 1.0

    def __call__(self, predictions: Predictions, candidates: Rows) -> Points:
        """The points of all rows; the weights are fitted on the candidates."""
        from uwe.points import Dense, Product, as_points

        points = as_points(self.of(predictions, candidates))
        scores = measured(self.measure, predictions)
        _require_finite(scores, candidates)
        weights = _WEIGHTINGS[self.weighting](scores, candidates)[:, None] ** self.power
        if isinstance(points, Product):
            return _times(points, weights)
        given = as_tensor("features", _matrix(points, "weighting"))
        weights = weights.to(given.device)
        if given.numel() > _MULTIPLIED_OUT or given.element_size() < _BYTES:
            return Product(weights, given)
        return Dense(weights.to(given.dtype) * given)


def weighted(
    measure: Callable[[Predictions], Scores],
    *,
    of: Embedding = features,
    weighting: str = "scaled",
    power: float = 1.0,
) -> Weighted:
    """The uncertainty-weighted embedding of UWE.

    Formula: ``w_i^power · x_i``. ``scaled``: ``w = (u - min u) / (max u - min u)``, minimum and
    maximum over the candidates. ``rank``: ``w_i = b_i / max b``, ``b_i`` being how many candidates
    are less uncertain than row i. Every weight is one where all candidates are equally uncertain.
    What is too large, or too short a type, to be multiplied out stays a product of two factors.

    Args:
        measure: gives the uncertainty u of each row.
        of: gives the rows x; the features if it is left out.
        weighting: ``scaled`` or ``rank``.
        power: at least 0; 0 is no weight at all.

    Raises:
        InputError: ``weighting`` is unknown, or ``power`` is below 0 or not finite.

    Source: He, Cai, Liao, Foo (2024), Hybrid active learning with uncertainty-weighted embeddings;
    ranks and powers are ours.

    >>> import numpy as np, torch
    >>> from uwe import Predictions
    >>> given = Predictions(torch.zeros(3, 2), torch.tensor([[2.0], [2.0], [2.0]]))
    >>> def doubt(predictions):
    ...     return torch.tensor([1.0, 7.0, 2.0])
    >>> for weighting in WEIGHTINGS:
    ...     made = weighted(doubt, weighting=weighting, power=2.0)(given, np.arange(3))
    ...     print(weighting, [round(x, 3) for x in made.x[:, 0].tolist()])
    scaled [0.0, 2.0, 0.056]
    rank [0.0, 2.0, 0.5]
    """
    require_known(weighting, _WEIGHTINGS, "weighting")
    if not is_real(power) or not 0 <= power < math.inf:
        raise InputError(f"the power of a weight must be a number of at least 0, not {power!r}")
    return Weighted(measure, of, weighting, float(power))


@dataclass(frozen=True)
class Normalised:
    """Another embedding, its rows brought to one length or its columns to one scale.

    Attributes:
        how: ``none``, ``unit`` or ``standard``.
        of: the embedding whose rows they are.
    """

    how: str
    of: Embedding

    @property
    def __name__(self) -> str:
        """The name of the embedding, and what is done to it."""
        return f"{getattr(self.of, '__name__', type(self.of).__name__)}-{self.how}"

    def __call__(self, predictions: Predictions, candidates: Rows) -> Points:
        """The points of all rows; what is fitted is fitted on the candidates."""
        from uwe.points import as_points

        points = as_points(self.of(predictions, candidates))
        return _NORMALISED[self.how](points, candidates)


def normalised(how: str, of: Embedding = features) -> Embedding:
    """An embedding with its rows brought to unit length, or its columns standardised.

    Formula: ``unit``: ``x_i / ‖x_i‖``, rows of zeros staying zero; ``standard``:
    ``(x_ij - m_j) / s_j`` with the mean and the standard deviation of column j over the
    candidates, ``s_j = 1`` where the column is constant there; ``none``: ``x_i``.

    ``unit`` copies nothing of a large pool or of one in 16 bits: its rows become products of
    ``1 / ‖x_i‖`` and ``x_i``. ``standard`` copies the rows, in float32 or wider.

    Args:
        how: ``none``, ``unit`` or ``standard``.
        of: gives the rows.

    Raises:
        InputError: ``how`` is unknown; when it is computed, ``standard`` of an embedding whose
            rows are products.

    >>> import numpy as np, torch
    >>> from uwe import Predictions
    >>> given = Predictions(torch.zeros(2, 2), torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    >>> normalised("unit")(given, np.arange(2)).exact(slice(0, 2)).sqnorms().round(6).tolist()
    [1.0, 0.0]
    """
    require_known(how, _NORMALISED, "normalisation")
    return of if how == "none" else Normalised(how, of)


def written_out(points: Points) -> FloatArray:
    """All rows as one float32 array ``[n, d]`` on the host, shifted and scaled as a whole.

    Args:
        points: a matrix, or its rows times one factor each.

    Raises:
        InputError: the rows are products of wider factors, which are never written out.

    >>> import torch
    >>> from uwe.points import Product
    >>> written_out(Product(torch.tensor([[2.0]]), torch.tensor([[3.0, 4.0]]))).tolist()
    [[6.0, 8.0]]
    """
    import torch

    tile: Any = points.tile(slice(0, len(points)), points.frame())
    rows = getattr(tile, "x", None)
    if rows is None and getattr(tile, "a", None) is not None and tile.a.shape[1] == 1:
        rows = tile.a * tile.b
    if rows is None:
        raise InputError(
            f"clusters need rows that are a matrix [n, d]; the embedding gave "
            f"{type(points).__name__} points"
        )
    written: FloatArray = torch.as_tensor(rows).cpu().numpy()
    return written


def _unit(points: Points, candidates: Rows) -> Points:  # noqa: ARG001 (a normalisation)
    import torch

    rows = rows_at_once(points.width)
    squares = torch.cat(
        [
            torch.from_numpy(points.exact(slice(at, min(at + rows, len(points)))).sqnorms())
            for at in range(0, len(points), rows)
        ]
    )
    squares[squares.isinf()] = torch.nan  # a row that cannot be brought to a length is no zero row
    return _times(points, torch.where(squares == 0, 0.0, squares.rsqrt())[:, None])


def _times(points: Points, factors: torch.Tensor) -> Points:
    """Each row times its factor ``[n, 1]``; multiplied out where that is short."""
    from uwe.points import Dense, Product

    if isinstance(points, Product):
        a = as_tensor("factors", points.a)
        return Product(factors.to(a.device) * a, points.b, device=points.device)
    x = as_tensor("features", _matrix(points, "unit"))
    factors = factors.to(x.device)
    if x.numel() > _MULTIPLIED_OUT or x.element_size() < _BYTES:
        return Product(factors, x, device=points.device)
    return Dense((factors * x).to(x.dtype), device=points.device)


def _standard(points: Points, candidates: Rows) -> Points:
    import torch

    from uwe.points import Dense

    x = as_tensor("features", _matrix(points, "standard"))
    mean, deviation = _moments(x, candidates)
    made = torch.empty(x.shape, dtype=torch.promote_types(x.dtype, torch.float32), device=x.device)
    rows = rows_at_once(x.shape[1])
    for at in range(0, len(x), rows):
        made[at : at + rows] = (x[at : at + rows].double() - mean) / deviation
    return Dense(made, device=points.device)


def _moments(x: torch.Tensor, among: Rows) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each column over some rows, float64; 1 for 0."""
    import torch

    at, rows = torch.as_tensor(among, device=x.device), rows_at_once(x.shape[1])
    count = max(1, len(at))
    mean = torch.zeros(x.shape[1], dtype=torch.float64, device=x.device)
    low, high = mean + torch.inf, mean - torch.inf
    parts = [at[start : start + rows] for start in range(0, len(at), rows)]
    for part in parts:
        block = x[part].double()
        mean += block.sum(0) / count
        low, high = torch.minimum(low, block.amin(0)), torch.maximum(high, block.amax(0))
    exponents = torch.maximum(high - mean, mean - low).frexp().exponent - 1
    # in units of a power of two no square vanishes or overflows, and no digit changes
    unit = torch.ldexp(torch.ones_like(mean), exponents)
    variance = torch.zeros_like(mean)
    for part in parts:
        variance += ((x[part].double() - mean) / unit).square().sum(0) / count
    return mean, torch.where(high > low, variance.sqrt() * unit, 1.0)


def _matrix(points: Points, how: str) -> Any:
    from uwe.points import Dense

    if not isinstance(points, Dense):
        raise InputError(
            f"{how} needs rows that are a matrix [n, d]; the embedding gave "
            f"{type(points).__name__} points"
        )
    return points.x


_NORMALISED: dict[str, Callable[[Points, Rows], Points]] = {
    "none": lambda points, candidates: points,  # noqa: ARG005 (a normalisation)
    "unit": _unit,
    "standard": _standard,
}
NORMALISATIONS = tuple(_NORMALISED)
"""The ways in which `normalised` treats the rows, by name."""


def _require_finite(scores: Scores, candidates: Rows) -> None:
    import torch

    broken = (~scores[torch.as_tensor(candidates, device=scores.device)].isfinite()).nonzero()
    if len(broken):
        row = candidates[int(broken[0, 0])]
        raise InputError(
            f"the uncertainty of row {row} is NaN or infinite; nothing can be weighted"
        )


def _scaled(scores: Scores, candidates: Rows) -> Scores:
    """From 0 for the least uncertain candidate to 1 for the most uncertain one."""
    import torch

    fitted = scores[torch.as_tensor(candidates, device=scores.device)]
    low, high = fitted.min(), fitted.max()
    if high <= low:
        return torch.ones_like(scores)
    return ((scores - low) / (high - low)).clamp(0, 1)


def _ranked(scores: Scores, candidates: Rows) -> Scores:
    """The share of candidates that are less uncertain, its largest value being 1."""
    import torch

    fitted = scores[torch.as_tensor(candidates, device=scores.device)].sort().values
    below = torch.searchsorted(fitted, scores.contiguous()).double()
    most = torch.searchsorted(fitted, fitted[-1:]).double()
    return (below / most).clamp(max=1) if most > 0 else torch.ones_like(below)


_WEIGHTINGS: dict[str, Callable[[Scores, Rows], Scores]] = {"scaled": _scaled, "rank": _ranked}
WEIGHTINGS = tuple(_WEIGHTINGS)
"""How an uncertainty becomes a weight from 0 to 1."""
