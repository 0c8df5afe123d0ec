"""A learner that fine-tunes an encoder of texts with a linear head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from uwe._random import generator
from uwe._types import Progress, Stage
from uwe.errors import InputError
from uwe.learners.around import AroundNetwork
from uwe.learners.devices import deterministic, seeded
from uwe.learners.memory import is_out_of_memory
from uwe.learners.pass_outputs import PassOutputs
from uwe.learners.protocol import Epoch, Targets
from uwe.learners.scale import in_unit, scale_of, scaled_labels
from uwe.learners.texts.order import longest_first, shuffled_by_length
from uwe.learners.texts.tokens import Tokens, padded
from uwe.learners.torch import TorchLearner, right_of
from uwe.learners.warm_start import shrink_and_perturb
from uwe.models import Network
from uwe.predictions import Predictions
from uwe.tasks import Task

__all__ = ["TextLearner", "require_rows_of_text"]

_LARGEST = {"cpu": 64}
_LARGEST_ELSEWHERE = 512


@dataclass(frozen=True)
class TextLearner(AroundNetwork):
    """Fine-tunes an encoder of texts, and predicts with it.

    It is a `Learner` with the abilities `Keeps`, `WarmStarts`, `Stochastic` and `Measured`. Passes
    with dropout evaluate the body once and the dropout before the head anew, as those of the
    built-in networks do.

    Attributes:
        network: what holds the network, its recipe, device and precision; it trains and predicts
            one batch at a time.
        tokens: of texts.
    """

    network: TorchLearner
    tokens: Tokens

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that can change a prediction."""
        return {
            **self.network.settings,
            "max_length": self.tokens.limit,
            "tokenizer": self.tokens.identity,
        }

    def fit(
        self, x: Any, y: Targets, *, task: Task, seed: int, progress: Progress | None = None
    ) -> Network:
        """Train from the pretrained weights; as `Learner.fit`, on texts ``[n]``."""
        self.network.check_task(task)
        return self._trained(self.network.fresh(seed=seed), x, y, task, seed, progress)

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
        """Train on from ``start``, whose head is shrunk and perturbed; as `fit`."""
        self.network.check_task(task)
        model = self.network.restore(start.state_dict())
        shrink_and_perturb(model.drawn, seed=perturb_seed)
        return self._trained(model, x, y, task, seed, progress)

    def predict(self, model: Network, x: Any, *, progress: Progress | None = None) -> Predictions:
        """The output and the pooled features of every text, in one pass."""
        return self._pass(model, x, 0, 0, progress)

    def predict_passes(
        self, model: Network, x: Any, *, passes: int, seed: int, progress: Progress | None = None
    ) -> Predictions:
        """As `predict`, with the output of ``passes`` passes with dropout."""
        return self._pass(model, x, passes, seed, progress)

    @property
    def device_name(self) -> str:
        """Name of the device."""
        return self.network.device_name

    @property
    def inference_batch(self) -> int:
        """Texts in a batch of `predict`."""
        return self.network.inference_batch

    def fitted_batch(self) -> int:
        """The batch of a pass that is fast and fits the memory of the device."""
        device = self.network.device.type
        return min(self.network.fitted_batch(), _LARGEST.get(device, _LARGEST_ELSEWHERE))

    def with_batch(self, rows: int) -> TextLearner:
        """The same learner with another batch of `predict`."""
        return replace(self, network=self.network.with_batch(rows))

    def describe(self) -> str:
        """Network, device, precision, batches and length of texts, for the log."""
        return f"{self.network.describe()}, at most {self.tokens.limit} tokens of a text"

    def advise(self, error: Exception) -> str | None:
        """What to do about a training that ran out of memory; None for any other error."""
        if not is_out_of_memory(error):
            return None
        return (
            f"training batches of {self.network.training.batch} texts of {self.tokens.limit} "
            f"tokens do not fit the memory of {self.network.device}; give --model-option batch=4 "
            "or a smaller max_length, or fewer --jobs"
        )

    def _trained(
        self, model: Network, x: Any, y: Targets, task: Task, seed: int, progress: Progress | None
    ) -> Network:
        network, tokens = self.network, self.tokens.of(require_rows_of_text(self.name, x))
        model.scale = scale_of(y)
        optimizer = network.optimizer(model)
        rng = generator(seed)
        with seeded(seed, network.device), deterministic(network.device):
            for epoch in range(self.epochs):
                loss, accuracy = self._train_epoch(epoch, model, optimizer, tokens, y, task, rng)
                if progress is not None:
                    progress(Epoch("", 0, "train", epoch + 1, self.epochs, loss, accuracy, model))
        return model

    def _train_epoch(
        self,
        epoch: int,
        model: Network,
        optimizer: torch.optim.Optimizer,
        tokens: list[Any],
        y: Targets,
        task: Task,
        rng: torch.Generator,
    ) -> tuple[float, float | None]:
        model.train()
        network, training = self.network, self.network.training
        loss_sum, right, hits = 0.0, 0, right_of(network.output)
        batches = shuffled_by_length([len(each) for each in tokens], training.batch, rng)
        for step, rows in enumerate(batches):
            for group in optimizer.param_groups:
                group["lr"] = training.rate(epoch + step / len(batches))
            labels = scaled_labels(y[rows], model.scale).to(network.device)
            loss, out = network.step(model, optimizer, self._batch(tokens, rows), labels, task)
            loss_sum += float(in_unit(loss, out, labels, model.scale, task)) * len(rows)
            right += 0 if hits is None else int(hits(out, labels))
        return loss_sum / len(y), None if hits is None else right / len(y)

    def _pass(
        self, model: Network, x: Any, passes: int, seed: int, progress: Progress | None
    ) -> Predictions:
        network, tokens = self.network, self.tokens.of(require_rows_of_text(self.name, x))
        rng = generator(seed)
        n, done = len(tokens), 0
        outputs = PassOutputs(n, network.device)
        batches = longest_first([len(each) for each in tokens], network.inference_batch)
        was_training = model.training
        model.eval()
        with torch.inference_mode(), deterministic(network.device):
            for rows in batches:
                with network.autocast():
                    out = model.predict(self._batch(tokens, rows), passes=passes, rng=rng)
                outputs.add(*out, at=torch.from_numpy(rows))
                done += len(rows)
                if progress is not None:
                    progress(Stage("", 0, "pass", done, n))
        model.train(was_training)
        return outputs.predictions(network.output, model.scale)

    def _batch(self, tokens: list[Any], rows: Any) -> torch.Tensor:
        batch = padded([tokens[row] for row in rows.tolist()], self.tokens.padding)
        return batch.to(self.network.device)


def require_rows_of_text(model: str, x: Any) -> list[str]:
    """The rows as texts.

    Raises:
        InputError: they are something else.
    """
    if getattr(getattr(x, "dtype", None), "kind", "") != "O" or x.ndim != 1:
        shape = list(getattr(x, "shape", []))
        raise InputError(
            f"model {model} reads texts, and the rows are {getattr(x, 'dtype', type(x).__name__)} "
            f"{shape}; name the column of texts with --text"
        )
    texts = x.tolist()
    odd = next((row for row, text in enumerate(texts) if not isinstance(text, str)), None)
    if odd is not None:
        raise InputError(
            f"model {model} reads texts, and row {odd} is {texts[odd]!r:.60} of type "
            f"{type(texts[odd]).__name__}; make it text or remove it"
        )
    return list(texts)
