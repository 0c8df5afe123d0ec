"""What a run asks of whatever it trains; and a learner of anybody's own as such."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from uwe._types import Labels
from uwe.data import ImageRows
from uwe.errors import InputError
from uwe.learners import Training
from uwe.predictions import Predictions

__all__ = ["OwnLearner", "RunLearner", "learner_name"]


class RunLearner(Protocol):
    """Whatever trains and predicts in a run, and can give a trained model back after a restart."""

    @property
    def training(self) -> Training:
        """The recipe."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    @property
    def spec(self) -> Any:
        """What is trained; it has a ``name``."""
        ...

    @property
    def precision(self) -> str:
        """What it computes in."""
        ...

    @property
    def inference_batch(self) -> int:
        """Rows in a batch of `predict`."""
        ...

    def with_batch(self, rows: int) -> RunLearner:
        """The same with another batch of `predict`."""
        ...

    def fit(
        self,
        x: Any,
        y: Labels,
        *,
        classes: int,
        seed: int,
        start: Any = None,
        progress: Callable[[Any], None] | None = None,
    ) -> Any:
        """Train on ``x`` and ``y`` and return the model, which has a ``state_dict``."""
        ...

    def predict(
        self,
        model: Any,
        x: Any,
        *,
        mc_passes: int = 0,
        seed: int = 0,
        progress: Callable[[int], None] | None = None,
    ) -> Predictions:
        """What ``model`` says of every row of ``x``."""
        ...

    def restore(self, state: dict[str, torch.Tensor]) -> Any:
        """The model whose ``state_dict`` was saved."""
        ...


@dataclass(frozen=True)
class _Passes:
    p: float = 1.0  # passes through a model of somebody's own are its own business


@dataclass(frozen=True)
class _Fitted:
    """A model of somebody's own, and how many labels it was trained on."""

    model: Any
    labels: int
    dropout: _Passes = _Passes()

    def state_dict(self) -> dict[str, torch.Tensor]:
        """What tells the model among those of a run."""
        return {"labels": torch.tensor([self.labels])}


@dataclass(frozen=True)
class _Named:
    name: str


@dataclass(frozen=True)
class OwnLearner:
    """Anybody's object with ``fit`` and ``predict`` as a run's learner.

    Its models are not written to disk, for nothing is known of them and nothing is unpickled: after
    a restart the last one is trained again, on the same rows with the same seed.

    Attributes:
        own: ``fit(x, y, *, classes, seed) -> model`` and ``predict(model, x)``, which gives
            `Predictions` or a pair (logits ``[n, c]``, features ``[n, d]``).
        refit: trains the model of that many labels again.
    """

    own: Any
    refit: Callable[[int], Any]
    last: dict[str, _Fitted] = field(default_factory=dict)

    @property
    def training(self) -> Training:
        """One epoch, as far as a run can see."""
        return Training(epochs=1)

    @property
    def device(self) -> torch.device:
        """Its own business; memory is measured on the processor."""
        return torch.device("cpu")

    @property
    def precision(self) -> str:
        """Its own business."""
        return "fp32"

    @property
    def inference_batch(self) -> int:
        """Its own business."""
        return 1

    def with_batch(self, rows: int) -> OwnLearner:
        """Itself: its batches are its own business."""
        del rows
        return self

    @property
    def spec(self) -> _Named:
        """Its name."""
        return _Named(learner_name(self.own))

    def fit(
        self,
        x: Any,
        y: Labels,
        *,
        classes: int,
        seed: int,
        start: None = None,
        progress: Callable[[Any], None] | None = None,
    ) -> _Fitted:
        """Train, and remember the model until the next is trained."""
        del progress, start
        x = x[:] if isinstance(x, ImageRows) else x
        fitted = _Fitted(self.own.fit(x, y, classes=classes, seed=seed), len(y))
        self.last["model"] = fitted
        return fitted

    def predict(
        self,
        model: _Fitted,
        x: Any,
        *,
        mc_passes: int = 0,
        seed: int = 0,
        progress: Callable[[int], None] | None = None,
    ) -> Predictions:
        """What the model says, in float32."""
        del progress
        passes = {"mc_passes": mc_passes, "seed": seed} if mc_passes else {}
        said = self.own.predict(model.model, x, **passes)
        return _as_predictions(said, x.shape[0], learner_name(self.own))

    def restore(self, state: dict[str, torch.Tensor]) -> _Fitted:
        """The model that was trained on that many labels: remembered, or trained again."""
        labels = int(state["labels"][0])
        last = self.last.get("model")
        if last is not None and last.labels == labels:
            return last
        return _Fitted(self.refit(labels), labels)


def learner_name(learner: Any) -> str:
    """Its ``name``, or that of its type."""
    return str(getattr(learner, "name", type(learner).__name__))


def require_learner(learner: Any, mc_passes: int) -> None:
    """Check that it can be trained and asked.

    Raises:
        InputError: it lacks a method, or cannot make the passes that the strategy needs.
    """
    for method in ("fit", "predict"):
        if not callable(getattr(learner, method, None)):
            raise InputError(
                f"{learner_name(learner)} has no method {method}; a learner has "
                "fit(x, y, *, classes, seed) and predict(model, x)"
            )
    if mc_passes and "mc_passes" not in inspect.signature(learner.predict).parameters:
        raise InputError(
            f"the strategy needs {mc_passes} stochastic passes, but predict of "
            f"{learner_name(learner)} takes no mc_passes"
        )


def _as_predictions(said: Any, n: int, name: str) -> Predictions:
    if isinstance(said, Predictions):
        predictions = said
    else:
        logits, features = said
        predictions = Predictions(_tensor(logits), _tensor(features))
    if len(predictions) != n:
        raise InputError(f"{name} was asked about {n} rows and spoke of {len(predictions)}")
    return predictions


def _tensor(values: Any) -> torch.Tensor:
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().float()
    return torch.from_numpy(np.asarray(values, dtype=np.float32))
