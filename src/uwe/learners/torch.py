"""A learner that trains a network: a built-in one, or your own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from uwe._random import generator
from uwe._tensors import read_tensors, write_tensors
from uwe._types import Progress, Rows, Stage
from uwe.data import UNPREPARED, Preparation, row_count
from uwe.errors import InputError, RunError, text_of
from uwe.learners.batches import (
    augmented,
    batches,
    normalised,
    row_batches,
    shuffled,
    steps_in,
    trained_rows,
)
from uwe.learners.devices import deterministic, seeded
from uwe.learners.memory import is_out_of_memory
from uwe.learners.on_device import OnDevice, listed
from uwe.learners.pass_outputs import PassOutputs
from uwe.learners.protocol import Epoch, Targets
from uwe.learners.recipes import Training, optimizer_of
from uwe.learners.scale import Scale, in_unit, scale_of, scaled_labels
from uwe.learners.warm_start import shrink_and_perturb
from uwe.models import FALLBACK_RATE, Classifier, Network, NetworkSpec, folded
from uwe.predictions import Predictions
from uwe.tasks import Task

__all__ = ["TorchLearner", "right_of"]

_IMAGE_AXES = 4
_SCALE = "scale of the labels"
_RIGHT: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "logits": lambda logits, labels: (logits.argmax(1) == labels).sum(),
}
"""How many rows of a batch are predicted right, by output; of other outputs it is not measured."""


@dataclass(frozen=True)
class TorchLearner(OnDevice):
    """Trains a network.

    It is a `Learner` that also keeps its models, starts from the model of the cycle before, makes
    passes with dropout, and knows its memory (`Keeps`, `WarmStarts`, `Stochastic`, `Measured`).

    Attributes:
        spec: the network.
        training: the recipe.
        preparation: how images become its input; `UNPREPARED` for rows of numbers.
        device: device of trainings and passes.
        inference_batch: rows in a batch of `predict`.
        precision: ``fp32``, or ``bf16``: precision of the network's body.
        compiled: whether ``torch.compile`` compiles the body.
        output: name of what the network gives: ``logits``, ``binary_logits``, ``mean``; the first
            output of the task.
    """

    spec: NetworkSpec
    training: Training
    preparation: Preparation
    device: torch.device
    inference_batch: int = 256
    precision: str = "fp32"
    compiled: bool = False
    output: str = "logits"

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that can change a prediction, as it stands in records."""
        return {
            **self.spec.record(self.size),
            "epochs": self.training.epochs,
            "recipe": listed(_told(asdict(self.training))),
            "preparation": listed(asdict(self.preparation)),
            "precision": self.precision,
            "compiled": self.compiled,
            "kind of device": self.device.type,
            **({} if self.output == "logits" else {"output": self.output}),
        }

    def fresh(self, *, seed: int) -> Network:
        """A network with the weights it has before training."""
        with seeded(seed, self.device):
            model = self.spec.build().to(self.device)
        if isinstance(model, Classifier):
            _put_channels_last(model)
        if self.compiled:
            model.body.compile()
        return model

    def fit(
        self,
        x: Any,
        y: Targets,
        *,
        task: Task,
        seed: int,
        progress: Progress | None = None,
    ) -> Network:
        """Train from scratch and return the model.

        Args:
            x: images uint8 ``[n, h, w, channels]``, or rows of numbers ``[n, ...]``.
            y: labels, as in `Learner.fit`.
            task: what is learnt; its loss is the training loss.
            seed: seed of weights, order, augmentation and dropout.
            progress: callback that receives an `Epoch` after every epoch.
        """
        self.check_task(task)
        return self.trained(self.fresh(seed=seed), x, y, task, seed, progress)

    def fit_from(
        self,
        start: Network,
        x: Any,
        y: Targets,
        *,
        task: Task,
        seed: int,
        perturb_seed: int,
        progress: Progress | None = None,
    ) -> Network:
        """Train on from the weights of ``start``, shrunk and perturbed; as `fit`."""
        self.check_task(task)
        model = self.restore(start.state_dict())
        shrink_and_perturb(model.drawn, seed=perturb_seed)
        return self.trained(model, x, y, task, seed, progress)

    def predict(self, model: Network, x: Any, *, progress: Progress | None = None) -> Predictions:
        """The output and the features of every row of ``x``, in one pass, on the CPU.

        Args:
            model: a model from `fit`; it does not change.
            x: as in `fit`.
            progress: callback that receives the number of rows after each batch.
        """
        return self._pass(model, x, 0, 0, progress)

    def predict_passes(
        self, model: Network, x: Any, *, passes: int, seed: int, progress: Progress | None = None
    ) -> Predictions:
        """As `predict`, with the output of ``passes`` passes with dropout."""
        return self._pass(model, x, passes, seed, progress)

    def check_passes(self, passes: int) -> None:
        """Refuse passes through a network without dropout."""
        if passes and not self.size.dropout:
            raise InputError(
                f"the strategy needs {passes} passes with dropout, but model {self.name} has no "
                "dropout layer with a rate above 0; add one, or choose another strategy"
            )

    def describe_passes(self, model: Network, passes: int) -> str | None:
        """A sentence for the log if the model was trained without dropout."""
        if not isinstance(model, Classifier) or model.dropout.p:
            return None
        return (
            f"the model has no dropout; its {passes} passes use a rate of {FALLBACK_RATE:g} behind "
            "the features, and change nothing else"
        )

    def save(self, model: Network, path: Path) -> None:
        """Write the weights as safetensors; for numbers, the scale of the labels beside them."""
        scale = {} if model.scale == (0.0, 1.0) else {_SCALE: _as_tensor(model.scale)}
        write_tensors(path, {**_unshared(model.state_dict()), **scale})

    def load(self, path: Path) -> Network:
        """Read the model that `save` wrote.

        Raises:
            RunError: the file is missing or broken, or its weights do not fit the network.
        """
        state = dict(read_tensors(path))
        scale = state.pop(_SCALE, None)
        try:
            model = self.restore(state)
        except RuntimeError as error:
            raise RunError(f"{path} does not fit model {self.name}: {text_of(error)}") from error
        if scale is not None:
            model.scale = (float(scale[0]), float(scale[1]))
        return model

    def restore(self, state: Mapping[str, torch.Tensor]) -> Network:
        """The model with the weights ``state``."""
        model = self.fresh(seed=0)
        model.load_state_dict(dict(state))
        return model

    def with_batch(self, rows: int) -> TorchLearner:
        """The same learner with another batch of `predict`."""
        return replace(self, inference_batch=rows)

    def advise(self, error: Exception) -> str | None:
        """What to do about a training that ran out of memory; None for any other error."""
        if not is_out_of_memory(error):
            return None
        return (
            f"training batches of {self.training.batch} images do not fit the memory of "
            f"{self.device}; choose a smaller --model or --image-size, or fewer --jobs"
        )

    def check_task(self, task: Task) -> None:
        """Refuse a task that the network does not learn.

        Raises:
            InputError: it has no loss, or other outputs or classes than the network.
        """
        if task.loss is None:
            raise InputError(
                f"task {task.name} has no training loss, so networks do not train for it; choose a "
                "learner of your own"
            )
        if self.output not in task.outputs:
            raise InputError(
                f"model {self.name} gives {self.output}, and task {task.name} is learnt by "
                f"{next(iter(task.outputs))}; make the learner for the task"
            )
        if task.width != self.spec.classes:
            raise InputError(
                f"model {self.name} has {self.spec.classes} classes, but the data has {task.width}"
            )

    def trained(
        self, model: Network, x: Any, y: Targets, task: Task, seed: int, progress: Progress | None
    ) -> Network:
        """Train ``model`` itself, from the weights that it has, and return it; as `fit`."""
        model.scale = scale_of(y)
        optimizer = self.optimizer(model)
        rng = generator(seed)
        epochs = self.training.epochs
        with seeded(seed, self.device), deterministic(self.device):
            for epoch in range(epochs):
                loss, accuracy = self._train_epoch(epoch, model, optimizer, x, y, task, rng)
                if progress is not None:
                    progress(Epoch("", 0, "train", epoch + 1, epochs, loss, accuracy, model))
        return model

    def _train_epoch(
        self,
        epoch: int,
        model: Network,
        optimizer: torch.optim.Optimizer,
        x: Any,
        y: Targets,
        task: Task,
        rng: torch.Generator,
    ) -> tuple[float, float | None]:
        model.train()
        loss_sum = torch.zeros((), device=self.device)
        right = torch.zeros((), dtype=torch.int64, device=self.device)
        hits = right_of(self.output)
        index = shuffled(len(y), self.training.batch, rng)
        for step, (rows, batch) in enumerate(zip(index, self._batches(x, index), strict=True)):
            for group in optimizer.param_groups:
                group["lr"] = self.training.rate(epoch + step / len(index))
            labels = scaled_labels(y[rows], model.scale).to(self.device)
            loss, out = self.step(model, optimizer, self._augmented(batch, rng), labels, task)
            loss_sum += in_unit(loss, out, labels, model.scale, task) * len(rows)
            right += 0 if hits is None else hits(out, labels)
        n = trained_rows(len(y))
        return float(loss_sum) / n, None if hits is None else int(right) / n

    def optimizer(self, model: Network) -> torch.optim.Optimizer:
        """The recipe's optimizer over the weights that are trained."""
        return optimizer_of(self.training, model)

    def step(
        self,
        model: Network,
        optimizer: torch.optim.Optimizer,
        batch: torch.Tensor,
        labels: torch.Tensor,
        task: Task,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One step of the optimizer; the loss and the outputs of the batch."""
        assert task.loss is not None
        with self.autocast():
            logits, _ = model(batch)
        loss = task.loss(logits, labels, smoothing=self.training.smoothing)
        optimizer.zero_grad(set_to_none=False)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.training.clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), self.training.clip)
        optimizer.step()
        return loss.detach(), logits.detach()

    def _pass(
        self, model: Network, x: Any, passes: int, seed: int, progress: Progress | None
    ) -> Predictions:
        rng = generator(seed)
        n = row_count(x)
        outputs = PassOutputs(n, self.device)
        with _for_a_pass(model, folds=not self.compiled) as network, deterministic(self.device):
            for batch in self._batches(x, steps_in(n, self.inference_batch)):
                with self.autocast():
                    out = network.predict(self._normalised(batch), passes=passes, rng=rng)
                outputs.add(*out)
                if progress is not None:
                    progress(Stage("", 0, "pass", outputs.rows, n))
        return outputs.predictions(self.output, model.scale)

    @property
    def _takes_images(self) -> bool:
        return self.preparation != UNPREPARED

    def _batches(self, x: Any, index: Iterable[Rows]) -> Iterator[torch.Tensor]:
        read = batches if self._takes_images else row_batches
        return read(x, index, self.device)

    def _normalised(self, batch: torch.Tensor) -> torch.Tensor:
        return normalised(batch, self.preparation) if self._takes_images else batch

    def _augmented(self, batch: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        if not self._takes_images:
            return batch
        preparation = self.training.prepared(self.preparation)
        return augmented(normalised(batch, preparation), preparation, rng)


def right_of(output: str) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None:
    """Counts the rows of a batch that are predicted right; None where that is not measured."""
    return _RIGHT.get(output)


@contextmanager
def _for_a_pass(model: Network, *, folds: bool) -> Iterator[Network]:
    """The network that makes a pass over rows; ``model`` keeps its mode."""
    was_training = model.training
    try:
        with torch.inference_mode():
            yield folded(model) if folds and isinstance(model, Classifier) else model.eval()
    finally:
        model.train(was_training)


def _as_tensor(scale: Scale) -> torch.Tensor:
    return torch.tensor(scale, dtype=torch.float64)


def _put_channels_last(model: Network) -> None:
    for parameter in model.parameters():
        if parameter.ndim == _IMAGE_AXES:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def _unshared(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors that do not share memory, as safetensors needs; tied weights are written twice."""
    seen: set[int] = set()
    result = {}
    for name, value in state.items():
        place = value.untyped_storage().data_ptr()
        result[name] = value.detach().clone() if place in seen else value
        seen.add(place)
    return result


def _told(recipe: dict[str, Any]) -> dict[str, Any]:
    """A recipe without what is None, as records from before such a field existed have it."""
    return {name: value for name, value in recipe.items() if value is not None}
