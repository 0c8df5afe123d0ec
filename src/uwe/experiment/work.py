"""One run in progress: all that its next action depends on beside its journal."""

from __future__ import annotations

from dataclasses import dataclass

from uwe._types import Progress, Rows, Stage
from uwe.data import Dataset
from uwe.experiment.run_learner import RunLearner
from uwe.oracle import Oracle
from uwe.runs import RunFiles
from uwe.strategies import Strategy

__all__ = ["Work"]


@dataclass(frozen=True)
class Work:
    """All that a run's next action depends on beside its journal.

    Attributes:
        name: of the run, for people.
        dataset: pool and test rows.
        learner: trains and predicts.
        oracle: answers queries.
        files: of this run.
        seed: everything random follows from it.
        budgets: labelled rows after each cycle.
        initial: the rows of cycle 0.
        strategy: chooses the rows of later cycles; None for a run of cycle 0 alone.
        base: files of the cycle-0 run that this run goes on from; None for such a run itself.
        keep_all: keep the features of every cycle.
        full_train: measure on the test rows after every epoch.
        start: where a training begins, ``scratch`` or ``warm``.
        threads: of the processor.
        progress: is told how it goes.
    """

    name: str
    dataset: Dataset
    learner: RunLearner
    oracle: Oracle
    files: RunFiles
    seed: int
    budgets: tuple[int, ...]
    initial: Rows
    strategy: Strategy | None
    base: RunFiles | None
    keep_all: bool
    full_train: bool
    start: str
    threads: int
    progress: Progress | None

    def tell(self, cycle: int, stage: str, done: int, total: int) -> None:
        """Report progress."""
        if self.progress is not None:
            self.progress(Stage(self.name, cycle, stage, done, total))
