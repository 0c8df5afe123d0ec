"""Strategies: which rows to label next, as values that answer a `Question` with `Picks`.

`auto`, `badge`, `bait`, `bald`, `bvsb`, `coreset`, `entropy`, `least_confident`, `margin`,
`maxherding`, `probcover`, `random`, `typiclust`, `uherding` and `uwe` make the built-in strategies.
`ranked`, `spread`, `covered` and `drawn` compose others; `prefilter`, `mix`, `switch` and
`per_class` combine strategies; `wished` puts `Wishes` on any. Names and values are accepted alike.
torch is imported when a strategy is asked, not before.
"""

from __future__ import annotations

from uwe.strategies._compose import Given, needs_of, ranked, spread
from uwe.strategies._covered import covered
from uwe.strategies._drawn import drawn
from uwe.strategies._kernels import Kernel
from uwe.strategies._picks import Picks
from uwe.strategies._question import Needs, Question
from uwe.strategies._strategy import Strategy
from uwe.strategies._table import (
    StrategyFactory,
    as_strategy,
    describe_strategy,
    find_strategy,
    shared_options,
    strategy_factory,
    strategy_names,
    strategy_options,
)
from uwe.strategies.auto import auto
from uwe.strategies.baseline import random
from uwe.strategies.combine import mix, per_class, prefilter, switch
from uwe.strategies.coverage import maxherding, probcover, uherding
from uwe.strategies.covering import coreset, uwe, weighed_by
from uwe.strategies.fisher import bait
from uwe.strategies.gradients import badge
from uwe.strategies.information import bald
from uwe.strategies.radius import RADIUS_RULES, Radius, coverage_radius
from uwe.strategies.typicality import typiclust
from uwe.strategies.uncertainty import bvsb, entropy, least_confident, margin
from uwe.strategies.wishes import Quota, Wishes, wished

__all__ = [
    "RADIUS_RULES",
    "Given",
    "Kernel",
    "Needs",
    "Picks",
    "Question",
    "Quota",
    "Radius",
    "Strategy",
    "StrategyFactory",
    "Wishes",
    "as_strategy",
    "auto",
    "badge",
    "bait",
    "bald",
    "bvsb",
    "coreset",
    "coverage_radius",
    "covered",
    "describe_strategy",
    "drawn",
    "entropy",
    "find_strategy",
    "least_confident",
    "margin",
    "maxherding",
    "mix",
    "needs_of",
    "per_class",
    "prefilter",
    "probcover",
    "random",
    "ranked",
    "shared_options",
    "spread",
    "strategy_factory",
    "strategy_names",
    "strategy_options",
    "switch",
    "typiclust",
    "uherding",
    "uwe",
    "weighed_by",
    "wished",
]
