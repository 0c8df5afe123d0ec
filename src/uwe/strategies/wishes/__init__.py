"""Wishes: what the picks of any strategy must keep to, and what weighs more.

`Wishes` says which rows may be picked, how far apart they must be, how the picks are balanced over
groups, what weighs more, and how many are drawn at random. `wished` puts them on a strategy. The
docstring of `wished` says in which order they act.
"""

from __future__ import annotations

from uwe.strategies.wishes._quota import PREDICTED, Quota
from uwe.strategies.wishes._wished import wished
from uwe.strategies.wishes._wishes import Wishes

__all__ = ["PREDICTED", "Quota", "Wishes", "wished"]
