"""How networks of dense tasks are trained: AdamW, whose rate rises and falls to zero."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from uwe._types import is_integral, is_real
from uwe.errors import InputError

if TYPE_CHECKING:
    import torch

__all__ = [
    "TRAINING_OPTIONS",
    "DenseTraining",
    "dense_training",
    "optimizer_of",
    "rows_of_epoch",
    "split_options",
]


@dataclass(frozen=True)
class DenseTraining:
    """A training recipe of dense networks.

    Attributes:
        epochs: passes over the labelled rows.
        batch: images in a batch.
        learning_rate: the largest.
        weight_decay: of AdamW.
        warm_up: share of the steps in which the rate rises.
        least_steps: an epoch has the labelled rows several times until the whole training has at
            least so many steps: with few rows, the epochs alone are too short a training.
        zoom: least and largest factor by which an image is enlarged.
        balance: of masks: how far the loss makes up for rare classes, from 0 (pixels count alike)
            to 1 (classes do).
        colour: how far brightness and contrast vary, in standard deviations.
    """

    epochs: int
    batch: int = 8
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warm_up: float = 0.1
    least_steps: int = 200
    zoom: tuple[float, float] = (0.8, 1.4)
    balance: float = 0.5
    colour: float = 0.2

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "least_steps"):
            value = getattr(self, name)
            if not is_integral(value) or value < 1:
                raise InputError(f"{name} must be a whole number of at least 1, not {value!r}")
        if not is_real(self.learning_rate) or not 0 < self.learning_rate < math.inf:
            raise InputError(f"learning_rate must be a number above 0, not {self.learning_rate!r}")

        if not is_real(self.balance) or not 0 <= self.balance <= 1:
            raise InputError(f"balance must be a number from 0 to 1, not {self.balance!r}")

    def rate(self, epoch: float) -> float:
        """Learning rate when ``epoch`` epochs have passed, fractions of one included.

        >>> training = DenseTraining(epochs=10, learning_rate=1.0)
        >>> [round(training.rate(epoch), 3) for epoch in (0, 0.5, 1, 5.5, 9.9)]
        [0.0, 0.5, 1.0, 0.5, 0.0]
        """
        done = epoch / self.epochs
        if done < self.warm_up:
            return self.learning_rate * done / self.warm_up
        falling = (done - self.warm_up) / (1 - self.warm_up)
        return self.learning_rate * (1 + math.cos(math.pi * falling)) / 2


_RATES: Mapping[str, float] = {"segformer": 6e-4, "yolos": 1e-4}
_OF_PRETRAINED: Mapping[str, float] = {"segformer": 1e-4, "yolos": 5e-5}
_RECIPES: Mapping[str, Mapping[str, float]] = {
    "paper": {"rate": 1.0},
    "fast": {"rate": 1.5},
}
TRAINING_OPTIONS = ("balance", "batch", "learning_rate", "least_steps")
"""Fields of `DenseTraining` that a user may set."""


def dense_training(
    model: str,
    *,
    epochs: int,
    recipe: str = "paper",
    pretrained: bool = False,
    options: Mapping[str, Any] | None = None,
) -> DenseTraining:
    """The recipe of a model.

    Args:
        model: its name.
        epochs: passes over the labelled rows.
        recipe: ``paper``, or ``fast``, whose rate is larger by half.
        pretrained: whether the network begins with pretrained weights.
        options: those of `TRAINING_OPTIONS` that are set.

    >>> dense_training("unet", epochs=5, options={"batch": 4}).batch
    4
    """
    known = _OF_PRETRAINED if pretrained else _RATES
    made = DenseTraining(epochs)
    rate = known.get(model, made.learning_rate) * _RECIPES[recipe]["rate"]
    return replace(made, **{"learning_rate": rate, **(options or {})})


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the training, and those of the network.

    >>> split_options({"batch": 4, "width": 16})
    ({'batch': 4}, {'width': 16})
    """
    return (
        {name: value for name, value in options.items() if name in TRAINING_OPTIONS},
        {name: value for name, value in options.items() if name not in TRAINING_OPTIONS},
    )


def rows_of_epoch(n: int, training: DenseTraining) -> int:
    """How often an epoch has each of n rows.

    >>> rows_of_epoch(20, DenseTraining(epochs=10, batch=8, least_steps=200))
    7
    """
    steps = training.epochs * math.ceil(n / training.batch)
    return math.ceil(training.least_steps / steps)


def optimizer_of(training: DenseTraining, model: torch.nn.Module) -> torch.optim.Optimizer:
    """AdamW over the weights that are trained; vectors, such as biases, do not decay."""
    import torch

    weights = [each for each in model.parameters() if each.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [each for each in weights if each.ndim > 1]},
        {"params": [each for each in weights if each.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=training.learning_rate, weight_decay=training.weight_decay)
