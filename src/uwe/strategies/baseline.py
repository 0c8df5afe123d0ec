"""The baseline: rows drawn uniformly."""

from __future__ import annotations

from uwe.strategies._drawn import drawn
from uwe.strategies._strategy import Strategy
from uwe.strategies._table import strategy_factory

__all__ = ["random"]


@strategy_factory
def random() -> Strategy:
    """Rows drawn uniformly: the baseline that every other strategy has to beat.

    Source: no paper; the plain baseline.
    """
    return drawn()
