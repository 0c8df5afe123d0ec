"""What a run keeps of a pass over the pool: logits, features, and the uncertainty of each row."""

from __future__ import annotations

from dataclasses import dataclass

from uwe._tensors import write_tensors
from uwe._types import Scores
from uwe.predictions import Predictions
from uwe.runs import RunFiles
from uwe.runs.digests import digest_of
from uwe.strategies import Strategy, needs_of
from uwe.tasks import Task
from uwe.uncertainty import measured

__all__ = ["KeptPredictions"]


@dataclass(frozen=True)
class KeptPredictions:
    """The files in which a run keeps the predictions that decided each query.

    Attributes:
        files: of the run.
        strategy: its measure is written; None for a cycle-0 run, which writes the task's first.
        task: what is learnt.
        all_features: whether features of earlier cycles stay.
    """

    files: RunFiles
    strategy: Strategy | None
    task: Task
    all_features: bool = False

    @property
    def measure_name(self) -> str:
        """Name of the uncertainty that is written."""
        strategy = self.strategy
        return self.task.default_measure if strategy is None else strategy.measure_name

    def _scores(self, predictions: Predictions) -> Scores | None:
        """The uncertainty of each row; None where the model does not give what it is made of."""
        strategy, task = self.strategy, self.task
        measure = task.measures[task.default_measure] if strategy is None else strategy.measure
        if not needs_of(measure, task).fields <= predictions.fields:
            return None
        return measured(measure, predictions)

    def write(self, cycle: int, predictions: Predictions) -> dict[str, str]:
        """Write the predictions that decided the query of ``cycle``; returns the files' digests."""
        written = {"pool_logits": self.files.pool_logits(cycle)}
        write_tensors(written["pool_logits"], predictions.outputs)
        if predictions.features is not None:
            written["features"] = self.files.features(cycle)
            write_tensors(written["features"], {"features": predictions.features})
        if (scores := self._scores(predictions)) is not None:
            written["uncertainty"] = self.files.uncertainty(cycle, self.measure_name)
            write_tensors(written["uncertainty"], {"uncertainty": scores})
        if not self.all_features:
            for earlier in range(cycle):
                self.files.features(earlier).unlink(missing_ok=True)
        return {what: digest_of(path) for what, path in written.items()}
