"""Training a network from scratch, and one pass over rows that says all that is needed of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch.nn import functional

from uwe._random import generator
from uwe._types import Images, Labels, Rows
from uwe.data import Preparation
from uwe.errors import InputError
from uwe.models import Classifier, ModelSpec, build_model
from uwe.predictions import Predictions
from uwe.task import training_loss

__all__ = ["Epoch", "Learner", "TorchLearner", "Training", "recipe_for", "resolve_device"]


_IMAGE_AXES = 4


@dataclass(frozen=True)
class Training:
    """A training recipe.

    Attributes:
        epochs: passes over the labelled rows.
        batch: rows in a batch.
        optimizer: ``sgd`` (Nesterov momentum) or ``adam``.
        learning_rate: at the start.
        momentum: of ``sgd``.
        weight_decay: of ``sgd``.
        halve_at: shares of the epochs after which the rate is halved.
    """

    epochs: int = 100
    batch: int = 256
    optimizer: str = "sgd"
    learning_rate: float = 0.02
    momentum: float = 0.9
    weight_decay: float = 5e-4
    halve_at: tuple[float, ...] = (0.6, 0.8)

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise InputError(f"epochs are {self.epochs}; at least 1 is needed")

    def rate(self, epoch: int) -> float:
        """Learning rate in ``epoch``, counted from 0.

        >>> [Training(epochs=100).rate(epoch) for epoch in (0, 59, 60, 80)]
        [0.02, 0.02, 0.01, 0.005]
        """
        halvings = sum(epoch >= share * self.epochs for share in self.halve_at)
        return self.learning_rate * 0.5**halvings


@dataclass(frozen=True)
class Epoch:
    """How an epoch of training went: its number from 1, mean loss and accuracy, and the model."""

    number: int
    loss: float
    accuracy: float
    model: Classifier


class Learner(Protocol):
    """Whatever can be trained on labelled rows and asked about others."""

    def fit(
        self,
        x: Images,
        y: Labels,
        *,
        classes: int,
        seed: int,
        start: Classifier | None = None,
        progress: Callable[[Epoch], None] | None = None,
    ) -> Classifier:
        """Train on ``x`` and ``y`` and return the model."""
        ...

    def predict(
        self,
        model: Classifier,
        x: Images,
        *,
        mc_passes: int = 0,
        seed: int = 0,
        progress: Callable[[int], None] | None = None,
    ) -> Predictions:
        """What ``model`` says of every row of ``x``."""
        ...


@dataclass(frozen=True)
class TorchLearner:
    """Trains one of the built-in networks.

    Attributes:
        spec: the network.
        training: the recipe.
        preparation: how images become its input.
        device: where it runs.
        inference_batch: rows in a batch of `predict`.
    """

    spec: ModelSpec
    training: Training
    preparation: Preparation
    device: torch.device
    inference_batch: int = 256

    def fresh(self, *, seed: int) -> Classifier:
        """A network with the weights it has before training."""
        with _seeded(seed, self.device):
            model = build_model(self.spec).to(self.device)
        for parameter in model.parameters():
            if parameter.ndim == _IMAGE_AXES:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        return model

    def fit(
        self,
        x: Images,
        y: Labels,
        *,
        classes: int,
        seed: int,
        start: Classifier | None = None,
        progress: Callable[[Epoch], None] | None = None,
    ) -> Classifier:
        """Train from ``start``, or from scratch, and return the model.

        Args:
            x: uint8 ``[n, h, w, channels]``.
            y: class numbers ``[n]``.
            classes: how many there are; some may be absent from ``y``.
            seed: of weights, order, augmentation and dropout.
            start: weights to start from; they are changed in place.
            progress: called after every epoch.
        """
        if classes != self.spec.classes:
            raise InputError(f"the model tells {self.spec.classes} classes apart, not {classes}")
        model = start if start is not None else self.fresh(seed=seed)
        optimizer = _optimizer(self.training, model)
        rng = generator(seed)
        with _seeded(seed, self.device), _deterministic(self.device):
            for epoch in range(self.training.epochs):
                for group in optimizer.param_groups:
                    group["lr"] = self.training.rate(epoch)
                loss, accuracy = self._train_epoch(model, optimizer, x, y, rng)
                if progress is not None:
                    progress(Epoch(epoch + 1, loss, accuracy, model))
        return model

    def predict(
        self,
        model: Classifier,
        x: Images,
        *,
        mc_passes: int = 0,
        seed: int = 0,
        progress: Callable[[int], None] | None = None,
    ) -> Predictions:
        """What ``model`` says of every row of ``x``, in one pass, on the CPU.

        Args:
            model: from `fit`.
            x: uint8 ``[n, h, w, channels]``.
            mc_passes: how many dropout passes to add.
            seed: of the dropout passes.
            progress: called with the number of rows done.
        """
        rng = generator(seed)
        was_training = model.training
        model.eval()
        parts = []
        with torch.inference_mode(), _deterministic(self.device):
            for start in range(0, len(x), self.inference_batch):
                batch = self._normalised(x[start : start + self.inference_batch])
                out = model.predict(batch, passes=mc_passes, rng=rng)
                parts.append([part.float().cpu() for part in out])
                if progress is not None:
                    progress(start + len(batch))
        model.train(was_training)
        logits, features, passes = zip(*parts, strict=True)
        return Predictions(
            torch.cat(logits), torch.cat(features), torch.cat(passes, 1) if mc_passes else None
        )

    def restore(self, state: dict[str, torch.Tensor]) -> Classifier:
        """The model whose ``state_dict`` was saved."""
        model = self.fresh(seed=0)
        model.load_state_dict(state)
        return model

    def _train_epoch(
        self,
        model: Classifier,
        optimizer: torch.optim.Optimizer,
        x: Images,
        y: Labels,
        rng: torch.Generator,
    ) -> tuple[float, float]:
        model.train()
        loss_sum = torch.zeros((), device=self.device)
        right = torch.zeros((), dtype=torch.int64, device=self.device)
        for rows in _batches(len(y), self.training.batch, rng):
            images = self._augmented(self._normalised(x[rows]), rng)
            labels = torch.from_numpy(y[rows]).to(self.device)
            logits, _ = model(images)
            loss = training_loss(logits, labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            loss_sum += loss.detach() * len(rows)
            right += (logits.detach().argmax(1) == labels).sum()
        return float(loss_sum) / _rows_trained(len(y)), int(right) / _rows_trained(len(y))

    def _normalised(self, x: Images) -> torch.Tensor:
        pixels = torch.from_numpy(np.array(x)).to(self.device).permute(0, 3, 1, 2)
        mean = torch.tensor(self.preparation.mean, device=self.device)[:, None, None]
        std = torch.tensor(self.preparation.std, device=self.device)[:, None, None]
        return (pixels.float() / 255 - mean) / std

    def _augmented(self, images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        if self.preparation.crop_padding:
            images = _cropped(images, self.preparation.crop_padding, rng)
        return _flipped(images, rng) if self.preparation.flip else images


def recipe_for(model: str, *, epochs: int, batch: int) -> Training:
    """The paper's recipe for a model: SGD at 0.02, halved twice; Adam at 5e-5 for ``vit``."""
    if model == "vit":
        return Training(epochs, batch, "adam", learning_rate=5e-5, momentum=0.0, weight_decay=0.0)
    return Training(epochs, batch)


def resolve_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is CUDA, MPS or the CPU, the first there is.

    Raises:
        InputError: it is unknown, or not there.

    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu"
    kind, _, number = name.partition(":")
    there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(_has_mps())}
    if kind not in there or (number and not number.isdecimal()):
        raise InputError(f"unknown device {name!r}; choose auto, cpu, cuda, cuda:N or mps")
    if int(number or 0) >= there[kind]:
        raise InputError(
            f"device {name!r} is not there (devices of that kind: {there[kind]}); "
            "--device auto takes what there is"
        )
    return torch.device(name)


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


def _batches(n: int, batch: int, rng: torch.Generator) -> Iterator[Rows]:
    """Rows in random order, in batches; a last batch of one row joins the one before.

    BatchNorm cannot train on a single row, so a single labelled row stands twice in its batch.
    """
    order = torch.randperm(n, generator=rng).numpy()
    if n == 1:
        order = order.repeat(2)
    starts = list(range(0, len(order), batch))
    if len(starts) > 1 and len(order) - starts[-1] == 1:
        starts.pop()
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        yield order[start:end]


def _rows_trained(n: int) -> int:
    return max(n, 2)


def _cropped(images: torch.Tensor, padding: int, rng: torch.Generator) -> torch.Tensor:
    """A crop of the images' own size at a random place of the padded image."""
    b, _, height, width = images.shape
    padded = functional.pad(images, (padding, padding, padding, padding))
    places = padded.unfold(2, height, 1).unfold(3, width, 1)  # [b, channels, dy, dx, h, w]
    at = torch.randint(2 * padding + 1, (2, b), generator=rng).to(images.device)
    rows = torch.arange(b, device=images.device)
    cropped = places[rows, :, at[0], at[1]]
    return cropped.contiguous(memory_format=torch.channels_last)


def _flipped(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Every image mirrored or not, with probability 1/2."""
    mirror = torch.rand(len(images), generator=rng).to(images.device) < 0.5
    return torch.where(mirror[:, None, None, None], images.flip(3), images)


def _optimizer(training: Training, model: Classifier) -> torch.optim.Optimizer:
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    return _OPTIMIZERS[training.optimizer](weights, training)


def _sgd(weights: list[torch.nn.Parameter], training: Training) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        weights,
        lr=training.learning_rate,
        momentum=training.momentum,
        nesterov=True,
        weight_decay=training.weight_decay,
    )


def _adam(weights: list[torch.nn.Parameter], training: Training) -> torch.optim.Optimizer:
    return torch.optim.Adam(weights, lr=training.learning_rate, weight_decay=training.weight_decay)


_OPTIMIZERS: dict[str, Callable[[list[torch.nn.Parameter], Training], torch.optim.Optimizer]] = {
    "sgd": _sgd,
    "adam": _adam,
}


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's own generators seeded within, and as they were afterwards."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield


@contextmanager
def _deterministic(device: torch.device) -> Iterator[None]:
    """On CUDA, kernels that give the same bits every time."""
    if device.type != "cuda":
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    cudnn = torch.backends.cudnn
    before = (cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32)
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = True, False, False
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = before
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)
