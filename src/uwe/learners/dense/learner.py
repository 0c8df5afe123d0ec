"""A learner that trains a network of a dense task: masks or boxes of images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from uwe._random import generator
from uwe._tensors import read_tensors, write_tensors
from uwe._types import Progress, Stage
from uwe.data import Preparation, row_count
from uwe.errors import InputError, RunError, text_of
from uwe.learners.batches import batches, normalised, shuffled, steps_in
from uwe.learners.dense.augment import drawn_moves, moved_images, tinted
from uwe.learners.dense.kinds import KINDS, DenseKind
from uwe.learners.dense.reading import Outputs
from uwe.learners.dense.recipes import DenseTraining, optimizer_of, rows_of_epoch
from uwe.learners.devices import deterministic, seeded
from uwe.learners.memory import is_out_of_memory
from uwe.learners.on_device import OnDevice, listed
from uwe.learners.protocol import Epoch, Targets
from uwe.learners.warm_start import shrink_and_perturb
from uwe.models.dense_spec import DenseSpec, OwnDenseSpec
from uwe.predictions import Predictions
from uwe.tasks import Task

__all__ = ["DenseLearner"]

_COSTLY = frozenset({"gradient"})
"""Outputs that are made only where they are asked for."""


@dataclass(frozen=True)
class DenseLearner(OnDevice):
    """Trains a network with outputs for each place of an image.

    A pass reduces the outputs batch by batch, so that the maps of a pool are never in
    memory together. It is a `Learner` that also keeps its models, starts from the model of the
    cycle before, gives what is asked for, and knows its memory (`Keeps`, `WarmStarts`, `Chooses`,
    `Measured`).

    Attributes:
        spec: the network.
        training: the recipe.
        preparation: how images become its input.
        device: device of trainings and passes.
        inference_batch: images in a batch of `predict`.
        precision: ``fp32``, or ``bf16``: precision of the network's body.
        outputs: names of the task's outputs.
    """

    spec: DenseSpec | OwnDenseSpec
    training: DenseTraining
    preparation: Preparation
    device: torch.device
    inference_batch: int = 16
    precision: str = "fp32"
    outputs: tuple[str, ...] = ()

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that can change a prediction, as it stands in records."""
        return {
            **self.spec.record(self.size),
            "epochs": self.training.epochs,
            "recipe": listed(asdict(self.training)),
            "preparation": listed(asdict(self.preparation)),
            "precision": self.precision,
            "kind of device": self.device.type,
        }

    def fresh(self, *, seed: int) -> nn.Module:
        """A network with the weights it has before training."""
        with seeded(seed, self.device):
            model: Any = self.spec.build().to(self.device)
        placed: nn.Module = model.to(memory_format=torch.channels_last)  # torch has no type of it
        return placed

    def fit(
        self,
        x: Any,
        y: Targets,
        *,
        task: Task,
        seed: int,
        progress: Progress | None = None,
    ) -> nn.Module:
        """Train from scratch and return the model.

        Args:
            x: images uint8 ``[n, h, w, channels]``.
            y: `Mask` or `Boxes` of each image.
            task: what is learnt.
            seed: seed of weights, order and augmentation.
            progress: callback that receives an `Epoch` after every epoch.

        Raises:
            InputError: the network is for another task or other classes, or a mask has another size
                than its image.
        """
        self._check_task(task)
        return self._trained(self.fresh(seed=seed), x, y, task, seed, progress)

    def fit_from(
        self,
        start: nn.Module,
        x: Any,
        y: Targets,
        *,
        task: Task,
        seed: int,
        perturb_seed: int,
        progress: Progress | None = None,
    ) -> nn.Module:
        """Train on from the weights of ``start``, shrunk and perturbed; as `fit`."""
        self._check_task(task)
        model = self.restore(start.state_dict())
        shrink_and_perturb(model, seed=perturb_seed)
        return self._trained(model, x, y, task, seed, progress)

    def predict(self, model: nn.Module, x: Any, *, progress: Progress | None = None) -> Predictions:
        """The outputs for every image, reduced over its places, in one pass; on the CPU.

        Args:
            model: a model from `fit`; it does not change.
            x: as in `fit`.
            progress: callback that receives the number of images after each batch.
        """
        return self.predict_wanted(model, x, wanted=frozenset(), progress=progress)

    def predict_wanted(
        self,
        model: nn.Module,
        x: Any,
        *,
        wanted: Set[str],
        progress: Progress | None = None,
    ) -> Predictions:
        """As `predict`, with ``gradient`` where ``wanted`` names it."""
        n, kept = row_count(x), _Kept(row_count(x))
        names = (set(self.outputs) - _COSTLY) | {"features"} | (_COSTLY & set(wanted))
        with _for_a_pass(model), deterministic(self.device):
            for batch in self._batches(x, steps_in(n, self.inference_batch)):
                images = normalised(batch, self.preparation)
                with self.autocast():
                    said = self._kind.said(model, images)
                made = self._kind.reduced(said, images, wanted)
                kept.add({name: each for name, each in made.items() if name in names})
                if progress is not None:
                    progress(Stage("", 0, "pass", kept.rows, n))
        features = kept.whole.pop("features", None)
        ordered = [name for name in self.outputs if name in kept.whole]
        outputs = {name: kept.whole[name] for name in ordered}
        return Predictions(features=features, outputs=outputs, rows=n)

    def save(self, model: nn.Module, path: Path) -> None:
        """Write the weights as safetensors."""
        state = {name: value.detach().clone() for name, value in model.state_dict().items()}
        write_tensors(path, {name: value.contiguous() for name, value in state.items()})

    def load(self, path: Path) -> nn.Module:
        """Read the model that `save` wrote.

        Raises:
            RunError: the file is missing or broken, or its weights do not fit the network.
        """
        try:
            return self.restore(read_tensors(path))
        except RuntimeError as error:
            raise RunError(f"{path} does not fit model {self.name}: {text_of(error)}") from error

    def restore(self, state: Mapping[str, torch.Tensor]) -> nn.Module:
        """The model with the weights ``state``."""
        model = self.fresh(seed=0)
        model.load_state_dict(dict(state))
        return model

    def with_batch(self, rows: int) -> DenseLearner:
        """The same learner with another batch of `predict`."""
        return replace(self, inference_batch=rows)

    def advise(self, error: Exception) -> str | None:
        """What to do about a training that ran out of memory; None for any other error."""
        if not is_out_of_memory(error):
            return None
        return (
            f"training batches of {self.training.batch} images do not fit the memory of "
            f"{self.device}; give --model-option batch=N, a smaller --image-size, or fewer --jobs"
        )

    @property
    def _kind(self) -> DenseKind:
        return KINDS[self.spec.task]

    def _check_task(self, task: Task) -> None:
        if task.name != self.spec.task:
            raise InputError(
                f"model {self.name} serves {self.spec.task}, and the task is {task.name}; make the "
                "learner for the task"
            )
        if task.width != self.spec.classes:
            raise InputError(
                f"model {self.name} has {self.spec.classes} classes, but the data has {task.width}"
            )

    def _trained(
        self, model: nn.Module, x: Any, y: Targets, task: Task, seed: int, progress: Progress | None
    ) -> nn.Module:
        size, balance = self.spec.shape[:2], self.training.balance
        targets = self._kind.targets(y, task, size, balance)
        optimizer = optimizer_of(self.training, model)
        rng = generator(seed)
        with seeded(seed, self.device), deterministic(self.device):
            for epoch in range(self.training.epochs):
                loss = self._train_epoch(epoch, model, optimizer, x, targets, rng)
                if progress is not None:
                    done, epochs = epoch + 1, self.training.epochs
                    progress(Epoch("", 0, "train", done, epochs, loss, None, model))
        return model

    def _train_epoch(
        self,
        epoch: int,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        x: Any,
        targets: Any,
        rng: torch.Generator,
    ) -> float:
        model.train()
        lost = torch.zeros((), device=self.device)
        n = len(x)
        index = [
            rows
            for _ in range(rows_of_epoch(n, self.training))
            for rows in shuffled(n, self.training.batch, rng)
        ]
        for step, (rows, images) in enumerate(zip(index, self._batches(x, index), strict=True)):
            for group in optimizer.param_groups:
                group["lr"] = self.training.rate(epoch + step / len(index))
            batch = self._augmented(images, self._kind.taken(targets, rows, self.device), rng)
            lost += self._step(model, optimizer, *batch) * len(rows)
        return float(lost) / sum(map(len, index))

    def _step(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        images: torch.Tensor,
        targets: Any,
    ) -> torch.Tensor:
        with self.autocast():
            loss = self._kind.loss(model, images, targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), _LARGEST_GRADIENT)
        optimizer.step()
        return loss.detach()

    def _augmented(
        self, images: torch.Tensor, targets: Any, rng: torch.Generator
    ) -> tuple[torch.Tensor, Any]:
        pixels = tinted(normalised(images, self.preparation), self.training.colour, rng)
        move = drawn_moves(len(pixels), self.training.zoom, rng, pixels.device)
        height, width = pixels.shape[2:]
        return moved_images(pixels, move), self._kind.moved(targets, move, height, width)

    def _batches(self, x: Any, index: Any) -> Iterator[torch.Tensor]:
        return batches(x, index, self.device)


_LARGEST_GRADIENT = 5.0


class _Kept:
    """The outputs of a pass, batch by batch, in memory that is allocated once."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.rows = 0
        self.whole: dict[str, torch.Tensor] = {}

    def add(self, made: Outputs) -> None:
        """Keep the outputs of the next rows."""
        end = self.rows
        for name, part in made.items():
            if name not in self.whole:
                with torch.inference_mode(mode=False):
                    self.whole[name] = torch.empty(self.n, *part.shape[1:], dtype=part.dtype)
            end = self.rows + len(part)
            self.whole[name][self.rows : end].copy_(part)
        self.rows = end


@contextmanager
def _for_a_pass(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; ``model`` keeps its mode."""
    was_training = model.training
    try:
        model.eval()
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)
