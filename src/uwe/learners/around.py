"""What learners share that hand training and saving on to the learner of a network."""

from __future__ import annotations

from pathlib import Path

from uwe.learners.protocol import Footprint
from uwe.learners.torch import TorchLearner
from uwe.models import Network

__all__ = ["AroundNetwork"]


class AroundNetwork:
    """A learner around a `TorchLearner`, whose models are that learner's.

    Attributes:
        network: trains, saves and loads the models.
    """

    network: TorchLearner

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.network.name

    @property
    def epochs(self) -> int:
        """Epochs of every training."""
        return self.network.training.epochs

    def check_passes(self, passes: int) -> None:
        """Every number of passes is possible."""

    def describe_passes(self, model: Network, passes: int) -> str | None:
        """A sentence for the log if the model was trained without dropout."""
        return self.network.describe_passes(model, passes)

    def save(self, model: Network, path: Path) -> None:
        """Write the weights as safetensors."""
        self.network.save(model, path)

    def load(self, path: Path) -> Network:
        """Read the model that `save` wrote."""
        return self.network.load(path)

    @property
    def footprint(self) -> Footprint:
        """Expected size of models and features."""
        return self.network.footprint

    def peak_memory_mb(self) -> float:
        """Peak of the memory so far, in MiB."""
        return self.network.peak_memory_mb()
