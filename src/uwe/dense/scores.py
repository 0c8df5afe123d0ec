"""Outputs of a model at places as probabilities of classes or as scores, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from uwe.errors import DataError

if TYPE_CHECKING:
    import torch

__all__ = [
    "CONVERSIONS",
    "GIVEN",
    "looks_like_probabilities",
    "place_told",
    "require_finite",
    "wide",
]

GIVEN = ("probs", "logits")
_FEW_BITS = 2  # bytes of float16 and bfloat16
_SUM_OFF, _SUM_OFF_IN_16_BITS = 1e-3, 1e-2
_MAP = 3  # axes of a map
_OTHER_AXES = ("chw", "hwc")
"""The axes that were meant where the first or the second axis of a map holds the classes."""
_OUTSIDE, _OUTSIDE_IN_16_BITS = 1e-6, 1e-3


def _probs_of_classes(name: str, given: torch.Tensor) -> torch.Tensor:
    """Probabilities that sum to 1; one alone is that of the second of two classes."""
    scores = _probs_of_each(name, given)
    if scores.shape[-1] == 1:
        return _of_two(scores)
    sums = scores @ scores.new_ones(scores.shape[-1])  # faster than a sum over few numbers
    off = sums.sub_(1).abs_()
    if not float(off.amax()) <= _sum_off(given):
        off = off > _sum_off(given)
        at = tuple(off.nonzero()[0].tolist())
        total = float(scores[at].double().sum())
        raise DataError(
            f"{name} is given as probabilities, but {place_told(at)} sums to {total:.4g}, not 1; "
            f"{_advice(scores, _sum_off(given))}"
        )
    return scores


def _advice(scores: torch.Tensor, off: float) -> str:
    """What to do about scores ``[..., c]`` whose last axis does not sum to 1."""
    for axis, axes in enumerate(_OTHER_AXES if scores.ndim == _MAP else ()):
        if bool(((scores.sum(axis) - 1).abs() <= off).all()):
            return f"its {scores.shape[axis]} numbers of another axis do, so say axes={axes}"
    return (
        "say given=logits for outputs before the softmax, or measure=objectness for scores of "
        "classes that do not exclude each other"
    )


def _probs_of_each(name: str, given: torch.Tensor) -> torch.Tensor:
    """Scores, each from 0 to 1."""
    low, high = (float(each) for each in given.aminmax()) if given.numel() else (0.0, 0.0)
    slack = _OUTSIDE_IN_16_BITS if given.element_size() <= _FEW_BITS else _OUTSIDE
    if not (low >= -slack and high <= 1 + slack):
        require_finite(name, given)
        raise DataError(
            f"{name} is given as probabilities, but holds {low if low < -slack else high:.4g}; say "
            "given=logits for outputs before the softmax"
        )
    floats = wide(given)
    return floats.clamp(0, 1) if low < 0 or high > 1 else floats


def _softmax(name: str, given: torch.Tensor) -> torch.Tensor:
    """Formula: ``exp(x - max x) / Σ exp(x - max x)``, faster than torch's over few classes."""
    floats = wide(given)
    if not bool(floats.sum().isfinite()):
        require_finite(name, floats)
    if floats.shape[-1] == 1:
        return _of_two(floats.sigmoid())
    powers = (floats - floats.amax(-1, keepdim=True)).exp_()
    sums = powers @ powers.new_ones(powers.shape[-1])
    return powers.div_(sums[..., None])


def _sigmoid(name: str, given: torch.Tensor) -> torch.Tensor:
    floats = wide(given)
    require_finite(name, floats)
    return floats.sigmoid()


CONVERSIONS: Mapping[tuple[str, str], Callable[[str, torch.Tensor], torch.Tensor]] = {
    ("probs", "classes"): _probs_of_classes,
    ("logits", "classes"): _softmax,
    ("probs", "each"): _probs_of_each,
    ("logits", "each"): _sigmoid,
}
"""From what is given to probabilities of classes that exclude each other, or to scores of each."""


def looks_like_probabilities(given: torch.Tensor) -> bool:
    """Whether logits ``[..., c]`` are all from 0 to 1 and sum to 1, as no model's logits do."""
    if given.shape[-1] < 2 or not given.numel():
        return False
    low, high = (float(each) for each in given.aminmax())
    if not 0 <= low <= high <= 1:
        return False
    return bool(((wide(given).sum(-1) - 1).abs() <= _sum_off(given)).all())


def require_finite(name: str, values: torch.Tensor) -> None:
    """Refuse NaN and infinity.

    Raises:
        DataError: there is one; its place is named.
    """
    finite = values.isfinite()
    if not bool(finite.all()):
        *at, _ = (~finite).nonzero()[0].tolist()
        raise DataError(f"{name} holds NaN or infinity at {place_told(tuple(at))}")


def place_told(at: tuple[int, ...]) -> str:
    """What people call a place.

    >>> place_told((3, 5)), place_told((2,))
    ('row 3, column 5', 'object 2')
    """
    return f"row {at[0]}, column {at[1]}" if len(at) == 2 else f"object {at[0]}"


def _of_two(second: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.cat([1 - second, second], -1)


def wide(given: torch.Tensor) -> torch.Tensor:
    """Floating numbers of 16 bits in float32; others as they are."""
    return given.float() if given.element_size() <= _FEW_BITS else given


def _sum_off(given: torch.Tensor) -> float:
    return _SUM_OFF_IN_16_BITS if given.element_size() <= _FEW_BITS else _SUM_OFF
