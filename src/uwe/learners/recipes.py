"""Training recipes: optimizer, learning rate over time, and loss; torch loads at first use."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from uwe.data import Preparation
from uwe.errors import InputError, require_known

if TYPE_CHECKING:
    import torch

__all__ = ["RECIPES", "Recipe", "Training", "optimizer_of", "recipe_for"]


@dataclass(frozen=True)
class Training:
    """A training recipe.

    Attributes:
        epochs: passes over the labelled rows.
        batch: rows in a batch.
        optimizer: ``sgd`` (Nesterov momentum), ``adam``, or ``adamw``, which spares biases and
            norms the weight decay.
        learning_rate: the largest.
        momentum: of ``sgd``.
        weight_decay: of ``sgd`` and ``adamw``.
        schedule: ``halved`` at shares of the epochs, or ``one_cycle``: up and down to zero.
        halve_at: of ``halved``: shares of the epochs after which the rate is halved.
        warm_up: of ``one_cycle``: share of the steps in which the rate rises.
        smoothing: share of a label that is spread over all classes.
        crop: share of the data set's padding from which training crops are taken.
        clip: the largest norm that the gradient of a step may have; None: any.
    """

    epochs: int = 100
    batch: int = 256
    optimizer: str = "sgd"
    learning_rate: float = 0.02
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: str = "halved"
    halve_at: tuple[float, ...] = (0.6, 0.8)
    warm_up: float = 0.0
    smoothing: float = 0.0
    crop: float = 1.0
    clip: float | None = None

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise InputError(f"epochs are {self.epochs}; at least 1 is needed")
        require_known(self.schedule, _SCHEDULES, "schedule")

    def rate(self, epoch: float) -> float:
        """Learning rate when ``epoch`` epochs have passed, fractions of one included.

        >>> [Training(epochs=100).rate(epoch) for epoch in (0, 59.9, 60, 80)]
        [0.02, 0.02, 0.01, 0.005]
        """
        return self.learning_rate * _SCHEDULES[self.schedule](self, epoch)

    def prepared(self, preparation: Preparation) -> Preparation:
        """The preparation of a data set as this recipe trains on it.

        >>> Training(crop=0.5).prepared(Preparation((0.5,), (0.5,), crop_padding=4)).crop_padding
        2
        """
        return replace(preparation, crop_padding=math.ceil(self.crop * preparation.crop_padding))


@dataclass(frozen=True)
class Recipe:
    """A named recipe.

    Attributes:
        epochs: default number of epochs.
        training: the recipe for a model's name, a number of epochs and a batch.
    """

    epochs: int
    training: Callable[[str, int, int], Training]


def recipe_for(model: str, *, epochs: int, batch: int, recipe: str = "paper") -> Training:
    """The recipe of that name for a model.

    ``paper``: SGD at 0.02, halved twice; Adam at 5e-5 for ``vit``. ``fast``: SGD with smaller
    batches, a larger rate that rises and falls to zero, smoothed labels, and crops that move half
    as far: in few epochs, crops that move further lower the accuracy. A network of your own trains
    as a ResNet does.

    Raises:
        InputError: the recipe is unknown, or not made for the model.

    >>> recipe_for("small", epochs=30, batch=256, recipe="fast").schedule
    'one_cycle'
    """
    require_known(recipe, RECIPES, "recipe")
    return RECIPES[recipe].training(model, epochs, batch)


def optimizer_of(training: Training, model: torch.nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimizer over the weights that are trained.

    Gradients and SGD's momenta exist from the start, as zeros. If they were made when they are
    first needed, they would split the memory that the maps of the next batch need as one block.
    """
    import torch

    weights = [weight for weight in model.parameters() if weight.requires_grad]
    for weight in weights:
        weight.grad = torch.zeros_like(weight)
    return _OPTIMIZERS[training.optimizer](weights, training)


def _halved(training: Training, epoch: float) -> float:
    """A rate is the same for a whole epoch."""
    return 0.5 ** sum(int(epoch) >= share * training.epochs for share in training.halve_at)


def _one_cycle(training: Training, epoch: float) -> float:
    done = epoch / training.epochs
    rising = done / training.warm_up if training.warm_up else 1.0
    return min(_LOWEST + (1 - _LOWEST) * rising, (1 - done) / (1 - training.warm_up))


def _paper(model: str, epochs: int, batch: int) -> Training:
    if model == "vit":
        return Training(epochs, batch, "adam", learning_rate=5e-5, momentum=0.0, weight_decay=0.0)
    return Training(epochs, batch)


def _fast(model: str, epochs: int, batch: int) -> Training:
    if model == "vit":
        raise InputError("recipe 'fast' is not made for model 'vit'; choose --recipe paper")
    return Training(
        epochs,
        min(batch, _FAST_BATCH),
        learning_rate=0.05,
        schedule="one_cycle",
        warm_up=0.2,
        smoothing=0.1,
        crop=0.5,
    )


def _sgd(weights: list[torch.nn.Parameter], training: Training) -> torch.optim.Optimizer:
    import torch

    optimizer = torch.optim.SGD(
        weights,
        lr=training.learning_rate,
        momentum=training.momentum,
        nesterov=True,
        weight_decay=training.weight_decay,
    )
    for weight in weights:
        optimizer.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
    return optimizer


def _adam(weights: list[torch.nn.Parameter], training: Training) -> torch.optim.Optimizer:
    import torch

    return torch.optim.Adam(weights, lr=training.learning_rate, weight_decay=training.weight_decay)


def _adamw(weights: list[torch.nn.Parameter], training: Training) -> torch.optim.Optimizer:
    import torch

    matrices = [weight for weight in weights if weight.ndim > 1]
    others = [weight for weight in weights if weight.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": training.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([each for each in groups if each["params"]], lr=training.learning_rate)


_LOWEST = 0.1
_FAST_BATCH = 64

_SCHEDULES: dict[str, Callable[[Training, float], float]] = {
    "halved": _halved,
    "one_cycle": _one_cycle,
}

_OPTIMIZERS: dict[str, Callable[[list[torch.nn.Parameter], Training], torch.optim.Optimizer]] = {
    "sgd": _sgd,
    "adam": _adam,
    "adamw": _adamw,
}

RECIPES: dict[str, Recipe] = {"paper": Recipe(100, _paper), "fast": Recipe(25, _fast)}
"""The recipes by name."""
