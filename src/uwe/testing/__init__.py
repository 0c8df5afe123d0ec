"""Contract suites for authors of other packages: run them on what you write: a strategy, a
learner or a task.

A class of tests, one pytest test a claim::

    from uwe.testing import LearnerContract, StrategyContract, TaskContract

    class TestMine(StrategyContract):
        strategy = "mine"

    class TestMyLearner(LearnerContract):
        learner = MyLearner()

    class TestMyTask(TaskContract):
        task = "mine"

For a strategy or a task one call does it, too: ``check_strategy("mine")``, ``check_task("mine")``.
"""

from uwe.testing.learners import LearnerContract
from uwe.testing.pools import POOLS
from uwe.testing.strategies import StrategyContract, check_strategy
from uwe.testing.tasks import TaskContract, check_task

__all__ = [
    "POOLS",
    "LearnerContract",
    "StrategyContract",
    "TaskContract",
    "check_strategy",
    "check_task",
]
