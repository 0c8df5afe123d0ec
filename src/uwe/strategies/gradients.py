"""Strategies on the gradients of the last layer."""

from __future__ import annotations

from uwe.strategies._compose import spread
from uwe.strategies._strategy import Strategy
from uwe.strategies._table import strategy_factory

__all__ = ["badge"]


@strategy_factory
def badge() -> Strategy:
    """D² sampling (k-means++) on the gradients of the last layer.

    Source: Ash, Zhang, Krishnamurthy, Langford, Agarwal, "Deep Batch Active Learning by Diverse,
    Uncertain Gradient Lower Bounds", ICLR 2020.
    """
    return spread("gradient", "k_means_pp")
