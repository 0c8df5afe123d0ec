"""Contract suites for authors of other packages: run them on a strategy or a learner of your own.

A class of tests, one pytest test a claim::

    from uwe.testing import LearnerContract, StrategyContract

    class TestMine(StrategyContract):
        strategy = "mine"

    class TestMyLearner(LearnerContract):
        learner = MyLearner()

For a strategy one call does it, too: ``check_strategy("mine")``.
"""

from uwe.testing.learners import LearnerContract
from uwe.testing.pools import POOLS
from uwe.testing.strategies import StrategyContract, check_strategy

__all__ = ["POOLS", "LearnerContract", "StrategyContract", "check_strategy"]
