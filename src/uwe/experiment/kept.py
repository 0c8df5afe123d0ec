"""What a run keeps of a pass over the pool: logits, features, and the uncertainty of each row."""

from __future__ import annotations

from dataclasses import dataclass

from uwe._files import write_tensors
from uwe.predictions import Predictions
from uwe.runs import RunFiles
from uwe.strategies import Strategy
from uwe.uncertainty import entropy

__all__ = ["KeptPredictions"]


@dataclass(frozen=True)
class KeptPredictions:
    """The files in which a run keeps the predictions that decided each query.

    Attributes:
        files: of the run.
        strategy: its measure is written; None for a cycle-0 run, which writes the entropy.
        all_features: whether features of earlier cycles stay.
    """

    files: RunFiles
    strategy: Strategy | None
    all_features: bool = False

    @property
    def measure_name(self) -> str:
        """Name of the uncertainty that is written."""
        return "entropy" if self.strategy is None else self.strategy.measure_name

    def write(self, cycle: int, predictions: Predictions) -> None:
        """Write the predictions that decided the query of ``cycle``."""
        measure = entropy if self.strategy is None else self.strategy.measure
        scores = measure(predictions)
        write_tensors(self.files.pool_logits(cycle), {"logits": predictions.logits})
        if predictions.features is not None:
            write_tensors(self.files.features(cycle), {"features": predictions.features})
        write_tensors(self.files.uncertainty(cycle, self.measure_name), {"uncertainty": scores})
        if not self.all_features:
            for earlier in range(cycle):
                self.files.features(earlier).unlink(missing_ok=True)
