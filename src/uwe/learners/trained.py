"""Which learners train a network, so that the options of networks apply to them."""

from __future__ import annotations

from uwe.learners.dense.learner import DenseLearner
from uwe.learners.frozen import FrozenLearner
from uwe.learners.texts.learner import TextLearner
from uwe.learners.torch import TorchLearner

__all__ = ["trains_network"]

_NETWORKS = (TorchLearner, DenseLearner, TextLearner, FrozenLearner)


def trains_network(learner: object) -> bool:
    """Whether the options of networks apply; a factory may also make another learner."""
    return isinstance(learner, _NETWORKS)
