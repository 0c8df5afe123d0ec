"""The interface that a learner offers to a run, and the abilities that not every learner has."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np

from uwe._types import Progress, Stage
from uwe.errors import InputError
from uwe.tasks import Task

if TYPE_CHECKING:
    from uwe.predictions import Predictions  # loads torch

__all__ = [
    "Chooses",
    "Epoch",
    "Footprint",
    "Keeps",
    "Learner",
    "Measured",
    "Stochastic",
    "Targets",
    "WarmStarts",
    "require_passes",
]

Targets: TypeAlias = np.ndarray[Any, Any]
"""Labels as ``task.targets`` stores them, such as int64 ``[n]``, int8 ``[n, c]`` or objects."""


class Learner(Protocol):
    """Trains models on labelled rows, and predicts with them.

    `uwe.learners.as_learner` makes one of any object that has ``fit`` and ``predict``.
    """

    @property
    def name(self) -> str:
        """Name of the model, for file names and records."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that can change a prediction, as JSON values; two runs are compared by it.

        ``model`` is the name of the model.
        """
        ...

    def fit(
        self,
        x: Any,
        y: Targets,
        *,
        task: Task,
        seed: int,
        progress: Progress | None = None,
    ) -> Any:
        """Train on rows ``x`` and their labels ``y``, and return the model.

        Args:
            x: rows ``[n, ...]``.
            y: labels as ``task.targets`` stores them, none missing: class numbers int64 ``[n]``,
                flags int8 ``[n, c]`` or numbers float64 ``[n]``; some classes may be absent.
            task: what is learnt.
            seed: seed of everything random, below 2³².
            progress: callback; a learner that trains in epochs reports an `Epoch` after each.
        """
        ...

    def predict(self, model: Any, x: Any, *, progress: Progress | None = None) -> Predictions:
        """The task's outputs for every row of ``x``, in the rows' order, and features or None."""
        ...


@dataclass(frozen=True)
class Epoch(Stage):
    """The state of a training after an epoch.

    Attributes:
        loss: mean training loss of the epoch.
        accuracy: share of training rows predicted right during the epoch; None where a row has
            not exactly one class.
        model: the model as it is now.
    """

    loss: float
    accuracy: float | None
    model: Any


@dataclass(frozen=True)
class Footprint:
    """Expected size of what a learner produces.

    Attributes:
        model_bytes: size of a saved model.
        features: width of the features.
    """

    model_bytes: int
    features: int


@runtime_checkable
class Keeps(Protocol):
    """Ability: models are saved and loaded. Without it, the last model is trained again."""

    def save(self, model: Any, path: Path) -> None:
        """Write ``model`` to ``path``, whole or not at all."""
        ...

    def load(self, path: Path) -> Any:
        """Read the model that `save` wrote."""
        ...


@runtime_checkable
class WarmStarts(Protocol):
    """Ability: a training can begin from the model of the cycle before."""

    def fit_from(
        self,
        start: Any,
        x: Any,
        y: Targets,
        *,
        task: Task,
        seed: int,
        perturb_seed: int,
        progress: Progress | None = None,
    ) -> Any:
        """Train on from ``start``, shrunk and perturbed with ``perturb_seed``; as `Learner.fit`.

        ``start`` itself does not change.
        """
        ...


@runtime_checkable
class Stochastic(Protocol):
    """Ability: several passes that differ at random, such as passes with dropout."""

    def predict_passes(
        self, model: Any, x: Any, *, passes: int, seed: int, progress: Progress | None = None
    ) -> Predictions:
        """`Learner.predict`, with that many passes of the task's first output."""
        ...

    def check_passes(self, passes: int) -> None:
        """Raise an `InputError` if the passes would not differ; asked before the work starts."""
        ...

    def describe_passes(self, model: Any, passes: int) -> str | None:
        """A sentence for the log if the passes need an explanation, otherwise None."""
        ...


@runtime_checkable
class Chooses(Protocol):
    """Ability: outputs that cost time or memory are made only where they are asked for."""

    def predict_wanted(
        self,
        model: Any,
        x: Any,
        *,
        wanted: Set[str],
        progress: Progress | None = None,
    ) -> Predictions:
        """As `Learner.predict`, with the fields that ``wanted`` names and predict leaves out."""
        ...


@runtime_checkable
class Measured(Protocol):
    """Ability: device, memory and batch are known, and the batch of a pass can be halved."""

    @property
    def device_name(self) -> str:
        """Name of the device, such as ``cpu`` or ``cuda:0``."""
        ...

    @property
    def inference_batch(self) -> int:
        """Rows in a batch of `Learner.predict`."""
        ...

    @property
    def footprint(self) -> Footprint:
        """Expected size of models and features."""
        ...

    def fitted_batch(self) -> int:
        """The batch of a pass that is fast and fits the memory of the device."""
        ...

    def with_batch(self, rows: int) -> Self:
        """The same learner with another batch of `Learner.predict`."""
        ...

    def peak_memory_mb(self) -> float:
        """Peak of the memory so far, in MiB."""
        ...

    def describe(self) -> str:
        """Network, device, precision and batches, for the log."""
        ...

    def advise(self, error: Exception) -> str | None:
        """What to do about a training that ran out of memory; None for any other error."""
        ...


def require_passes(learner: Learner, passes: int) -> None:
    """Check that ``learner`` can make that many stochastic passes.

    Raises:
        InputError: it cannot, and ``passes`` is not 0.
    """
    if not passes:
        return
    if not isinstance(learner, Stochastic):
        raise InputError(
            f"the strategy needs {passes} stochastic passes, which {learner.name} does "
            "not have; choose another strategy"
        )
    learner.check_passes(passes)
