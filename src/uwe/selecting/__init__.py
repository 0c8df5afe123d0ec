"""Select from a pool of your own: arrays in, picks and the reasons for them out."""

from typing import TYPE_CHECKING

from uwe._lazy import lazily
from uwe.strategies import Picks

if TYPE_CHECKING:
    from uwe.selecting.arrays import select
    from uwe.selecting.estimator import query

__all__ = ["Picks", "Selection", "query", "select"]

Selection = Picks
"""The name that `Picks` had in earlier versions."""

__getattr__, __dir__ = lazily(__name__, {"arrays": ["select"], "estimator": ["query"]})
