"""A learner that trains one of the built-in networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import torch

from uwe._random import generator
from uwe._types import Images, Labels
from uwe.data import ImageRows, Preparation
from uwe.errors import InputError
from uwe.learners.batches import (
    augmented,
    batches,
    normalised,
    shuffled,
    steps_in,
    trained_rows,
)
from uwe.learners.hardware import deterministic, seeded
from uwe.learners.recipes import Training, optimizer_of
from uwe.models import Classifier, ModelSpec, build_model, folded
from uwe.predictions import Predictions
from uwe.task import training_loss

__all__ = ["Epoch", "Learner", "TorchLearner"]

_IMAGE_AXES = 4


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
        x: Images | ImageRows,
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
        x: Images | ImageRows,
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
        precision: ``fp32``, or ``bf16``: what the network's body computes in.
        compiled: whether ``torch.compile`` is let loose on the body.
    """

    spec: ModelSpec
    training: Training
    preparation: Preparation
    device: torch.device
    inference_batch: int = 256
    precision: str = "fp32"
    compiled: bool = False

    def with_batch(self, rows: int) -> TorchLearner:
        """The same with another batch of `predict`."""
        return replace(self, inference_batch=rows)

    def fresh(self, *, seed: int) -> Classifier:
        """A network with the weights it has before training."""
        with seeded(seed, self.device):
            model = build_model(self.spec).to(self.device)
        for parameter in model.parameters():
            if parameter.ndim == _IMAGE_AXES:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        if self.compiled:
            model.body.compile()
        return model

    def fit(
        self,
        x: Images | ImageRows,
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
        optimizer = optimizer_of(self.training, model)
        rng = generator(seed)
        with seeded(seed, self.device), deterministic(self.device):
            for epoch in range(self.training.epochs):
                loss, accuracy = self._train_epoch(epoch, model, optimizer, x, y, rng)
                if progress is not None:
                    progress(Epoch(epoch + 1, loss, accuracy, model))
        return model

    def predict(
        self,
        model: Classifier,
        x: Images | ImageRows,
        *,
        mc_passes: int = 0,
        seed: int = 0,
        progress: Callable[[int], None] | None = None,
    ) -> Predictions:
        """What ``model`` says of every row of ``x``, in one pass, on the CPU.

        Args:
            model: from `fit`; it is left as it is.
            x: uint8 ``[n, h, w, channels]``.
            mc_passes: how many dropout passes to add.
            seed: of the dropout passes.
            progress: called with the number of rows done.
        """
        rng = generator(seed)
        said = _Outputs(len(x), self.device)
        with _for_a_pass(model, folds=not self.compiled) as network, deterministic(self.device):
            index = steps_in(len(x), self.inference_batch)
            for images in batches(x, index, self.device):
                with self._autocast():
                    out = network.predict(
                        normalised(images, self.preparation), passes=mc_passes, rng=rng
                    )
                said.add(*out)
                if progress is not None:
                    progress(said.rows)
        return said.predictions()

    def restore(self, state: dict[str, torch.Tensor]) -> Classifier:
        """The model whose ``state_dict`` was saved."""
        model = self.fresh(seed=0)
        model.load_state_dict(state)
        return model

    def _train_epoch(
        self,
        epoch: int,
        model: Classifier,
        optimizer: torch.optim.Optimizer,
        x: Images | ImageRows,
        y: Labels,
        rng: torch.Generator,
    ) -> tuple[float, float]:
        model.train()
        loss_sum = torch.zeros((), device=self.device)
        right = torch.zeros((), dtype=torch.int64, device=self.device)
        index = shuffled(len(y), self.training.batch, rng)
        preparation = self.training.prepared(self.preparation)
        for step, (rows, images) in enumerate(
            zip(index, batches(x, index, self.device), strict=True)
        ):
            for group in optimizer.param_groups:
                group["lr"] = self.training.rate(epoch + step / len(index))
            labels = torch.from_numpy(y[rows]).to(self.device)
            prepared = augmented(normalised(images, preparation), preparation, rng)
            loss, logits = self._step(model, optimizer, prepared, labels)
            loss_sum += loss * len(rows)
            right += (logits.argmax(1) == labels).sum()
        return float(loss_sum) / trained_rows(len(y)), int(right) / trained_rows(len(y))

    def _step(
        self,
        model: Classifier,
        optimizer: torch.optim.Optimizer,
        images: torch.Tensor,
        labels: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        with self._autocast():
            logits, _ = model(images)
        loss = training_loss(logits, labels, smoothing=self.training.smoothing)
        optimizer.zero_grad(set_to_none=False)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.detach(), logits.detach()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")


class _Outputs:
    """The outputs of a pass, batch by batch, in memory that is there once."""

    def __init__(self, n: int, device: torch.device) -> None:
        self.n = n
        self.device = device
        self.rows = 0
        self._whole: list[torch.Tensor] = []

    def add(self, logits: torch.Tensor, features: torch.Tensor, mc_logits: torch.Tensor) -> None:
        """Keep what was said of the next rows."""
        parts = (logits, features, mc_logits.transpose(0, 1))
        if not self._whole:
            self._whole = [self._space(part.shape[1:]) for part in parts]
        end = self.rows + len(logits)
        for whole, part in zip(self._whole, parts, strict=True):
            whole[self.rows : end].copy_(part, non_blocking=True)
        self.rows = end

    def predictions(self) -> Predictions:
        """What was said of all rows."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        logits, features, mc_logits = self._whole
        return Predictions(
            logits, features, mc_logits.transpose(0, 1).contiguous() if mc_logits.shape[1] else None
        )

    def _space(self, shape: torch.Size) -> torch.Tensor:
        with torch.inference_mode(mode=False):
            return torch.empty(self.n, *shape, pin_memory=self.device.type == "cuda")


@contextmanager
def _for_a_pass(model: Classifier, *, folds: bool) -> Iterator[Classifier]:
    """The network that makes a pass over rows; ``model`` keeps its mode."""
    was_training = model.training
    try:
        with torch.inference_mode():
            yield folded(model) if folds else model.eval()
    finally:
        model.train(was_training)
