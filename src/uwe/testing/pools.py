"""Pools that a real run can come to, as predictions of any number of rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from uwe.predictions import Predictions

__all__ = ["POOLS"]

_CLASSES = 5
_WIDTH = 6


def generic(n: int, *, seed: int = 0) -> Predictions:
    """Random logits and features."""
    rng = torch.Generator().manual_seed(seed)
    return Predictions(
        torch.randn(n, _CLASSES, generator=rng), torch.randn(n, _WIDTH, generator=rng)
    )


def certain(n: int) -> Predictions:
    """Every probability is 0 or 1 in float32."""
    logits = torch.full((n, _CLASSES), -1e4)
    logits[torch.arange(n), torch.arange(n) % _CLASSES] = 1e4
    return generic(n).having(logits=logits)


def duplicates(n: int) -> Predictions:
    """A few distinct rows, and many copies of the first."""
    first = np.zeros(n, dtype=np.int64)
    first[: n // 8] = np.arange(n // 8)
    return generic(n).take(first)


def constant(n: int) -> Predictions:
    """All rows equally uncertain."""
    return generic(n).having(logits=torch.zeros(n, _CLASSES))


def class_absent(n: int) -> Predictions:
    """One class is never predicted."""
    plain = generic(n)
    logits = plain.logits.clone()
    logits[:, 0] = -50.0
    return plain.having(logits=logits)


def without_features(n: int) -> Predictions:
    """All rows at one place."""
    return generic(n).having(features=torch.zeros(n, _WIDTH))


def far_away(n: int) -> Predictions:
    """Features far from the origin, beside which their differences are small."""
    plain = generic(n)
    return plain.having(features=plain.field("features") + 1000.0)


POOLS: dict[str, Callable[[int], Predictions]] = {
    "generic": generic,
    "probabilities of 0 and 1": certain,
    "duplicates": duplicates,
    "constant uncertainty": constant,
    "one class absent": class_absent,
    "equal features": without_features,
    "far from the origin": far_away,
}
"""Pools that a real run can come to, by name."""
