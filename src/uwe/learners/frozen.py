"""A learner whose body is frozen: its features are computed once, and a linear head learns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from uwe._types import Progress, Rows, Stage
from uwe.data import Preparation, row_count
from uwe.errors import InputError
from uwe.learners.around import AroundNetwork
from uwe.learners.batches import normalised, steps_in
from uwe.learners.protocol import Targets
from uwe.learners.texts.learner import require_rows_of_text
from uwe.learners.texts.tokens import Tokens, padded
from uwe.learners.torch import TorchLearner
from uwe.models import Network
from uwe.models.tuned import ImageSpec, Standardised, TextSpec
from uwe.predictions import Predictions
from uwe.tasks import Task

__all__ = ["FrozenBody", "FrozenLearner", "ImageReader", "TextReader"]

_STEP = 16  # tokens


class Reader(Protocol):
    """Reads items in batches as the input of a body."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that can change the input, for the record."""
        ...

    def keys(self, x: Any) -> list[bytes]:
        """What tells one item from another."""
        ...

    def batches(self, x: Any, rows: Rows, size: int) -> Iterator[tuple[Rows, torch.Tensor]]:
        """Some rows of ``x`` in batches: places in ``rows``, and the input of the body.

        A batch always has ``size`` items, of which those after the places only fill it up, and the
        shape of an item does not depend on the others. So an item has the same features to the last
        bit in every batch, and a run that is resumed those of one that was not interrupted.
        """
        ...


@dataclass(frozen=True)
class TextReader:
    """Reads texts as tokens.

    Attributes:
        name: of the model, for errors.
        tokens: of texts.
    """

    name: str
    tokens: Tokens

    @property
    def settings(self) -> Mapping[str, Any]:
        """Length and tokenizer."""
        return {
            "max_length": self.tokens.limit,
            "tokenizer": self.tokens.identity,
        }

    def keys(self, x: Any) -> list[bytes]:
        """Digests of the texts."""
        texts = require_rows_of_text(self.name, x)
        return [_digest(text.encode("utf-8", "surrogatepass")) for text in texts]

    def batches(self, x: Any, rows: Rows, size: int) -> Iterator[tuple[Rows, torch.Tensor]]:
        """Batches of texts whose lengths round up to the same multiple of 16."""
        tokens = self.tokens.of(require_rows_of_text(self.name, x[rows]))
        lengths = np.array([min(-len(each) // -_STEP * _STEP, self.tokens.limit)
                            for each in tokens])  # fmt: skip
        for length in np.unique(lengths).tolist():
            same = np.flatnonzero(lengths == length)
            for part in steps_in(len(same), size):
                at = same[part]
                filled = np.concatenate([at, np.repeat(at[:1], size - len(at))]).tolist()
                yield at, padded([tokens[each] for each in filled], self.tokens.padding, length)


@dataclass(frozen=True)
class ImageReader:
    """Reads images in 0..1.

    Attributes:
        preparation: how they become the input of the body.
    """

    preparation: Preparation

    @property
    def settings(self) -> Mapping[str, Any]:
        """None: the body has its own."""
        return {}

    def keys(self, x: Any) -> list[bytes]:
        """Digests of the pixels; images are read one batch after another."""
        parts = (np.ascontiguousarray(x[rows]) for rows in steps_in(row_count(x), 64))
        return [_digest(image.tobytes()) for part in parts for image in part]

    def batches(self, x: Any, rows: Rows, size: int) -> Iterator[tuple[Rows, torch.Tensor]]:
        """Batches in order; the last is filled up with its first image."""
        for at in steps_in(len(rows), size):
            filled = np.concatenate([at, np.repeat(at[:1], size - len(at))])
            images = torch.from_numpy(np.array(x[rows[filled]]))
            yield at, normalised(images, self.preparation)


class FrozenBody:
    """Features of items by a body that does not change; each item is computed once.

    Args:
        spec: the network whose body it is.
        reader: of the items.
        device: where the body computes.
        precision: ``fp32`` or ``bf16``.
    """

    def __init__(
        self, spec: TextSpec | ImageSpec, reader: Reader, device: torch.device, precision: str
    ) -> None:
        self.spec, self.reader, self.device, self.precision = spec, reader, device, precision
        self._body: nn.Module | None = None
        self._known: dict[bytes, torch.Tensor] = {}

    def __reduce__(self) -> tuple[type[FrozenBody], tuple[Any, ...]]:
        return FrozenBody, (self.spec, self.reader, self.device, self.precision)

    def features(self, x: Any, batch: int, progress: Progress | None = None) -> torch.Tensor:
        """Features of every item, float32 ``[n, d]`` on the CPU."""
        keys = self.reader.keys(x)
        first: dict[bytes, int] = {}
        for row, key in enumerate(keys):
            if key not in self._known:
                first.setdefault(key, row)
        rows, done = np.array(list(first.values()), dtype=np.int64), 0
        for at, given in self.reader.batches(x, rows, batch) if len(rows) else ():
            for place, features in zip(at.tolist(), self._computed(given), strict=False):
                self._known[keys[int(rows[place])]] = features
            done += len(at)
            if progress is not None:
                progress(Stage("", 0, "pass", done, len(rows)))
        return torch.stack([self._known[key] for key in keys])

    def _computed(self, given: torch.Tensor) -> torch.Tensor:
        if self._body is None:
            self._body = self.spec.build().body.to(self.device).eval()
        kind, half = self.device.type, self.precision == "bf16"
        with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=half):
            found: torch.Tensor = self._body(given.to(self.device))
        return found.float().cpu().clone()


@dataclass(frozen=True)
class FrozenLearner(AroundNetwork):
    """Trains a linear head on the features of a frozen body.

    It is a `Learner` with the abilities `Keeps`, `WarmStarts`, `Stochastic` and `Measured`. Models
    on disk hold the head alone.

    Attributes:
        network: trains the head on rows of features.
        body: gives the features.
        batch: items in a batch of the body.
    """

    network: TorchLearner
    body: FrozenBody = field(repr=False)
    batch: int = 32

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that can change a prediction."""
        return {
            **self.network.settings,
            **self.body.reader.settings,
            "precision": self.body.precision,
        }

    def fit(
        self, x: Any, y: Targets, *, task: Task, seed: int, progress: Progress | None = None
    ) -> Network:
        """Train the head from scratch; as `Learner.fit`."""
        self.network.check_task(task)
        features = self._features(x)
        model = self.network.fresh(seed=seed)
        assert isinstance(model.body, Standardised)
        model.body.measure(features)
        with _one_thread():
            return self.network.trained(model, features.numpy(), y, task, seed, progress)

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
        """Train on from the head ``start``, shrunk and perturbed; as `fit`."""
        features = self._features(x).numpy()
        with _one_thread():
            return self.network.fit_from(
                start, features, y, task=task, seed=seed, perturb_seed=perturb_seed,
                progress=progress,
            )  # fmt: skip

    def predict(self, model: Network, x: Any, *, progress: Progress | None = None) -> Predictions:
        """The output and the body's features of every item."""
        features = self._features(x, progress)
        return _with_features(self.network.predict(model, features.numpy()), features)

    def predict_passes(
        self, model: Network, x: Any, *, passes: int, seed: int, progress: Progress | None = None
    ) -> Predictions:
        """As `predict`, with the output of ``passes`` passes with dropout before the head."""
        features = self._features(x, progress)
        found = self.network.predict_passes(model, features.numpy(), passes=passes, seed=seed)
        return _with_features(found, features)

    @property
    def device_name(self) -> str:
        """Name of the device of the body."""
        return str(self.body.device)

    @property
    def inference_batch(self) -> int:
        """Items in a batch of the body."""
        return self.batch

    def fitted_batch(self) -> int:
        """The batch of the body, which is small enough for any memory."""
        return self.batch

    def with_batch(self, rows: int) -> FrozenLearner:
        """The same learner with another batch of the body."""
        return replace(self, batch=rows)

    def describe(self) -> str:
        """Network, device, precision and batches, for the log."""
        return (
            f"{self.name}, frozen, device {self.body.device}, precision {self.body.precision}, "
            f"batches of {self.network.training.batch} for the head and {self.batch} for the body"
        )

    def advise(self, error: Exception) -> str | None:
        """Nothing that would help."""
        del error
        return None

    def _features(self, x: Any, progress: Progress | None = None) -> torch.Tensor:
        features = self.body.features(x, self.batch, progress)
        if not bool(features.isfinite().all()):
            row = int((~features.isfinite().all(1)).nonzero()[0, 0])
            raise InputError(
                f"the features of row {row} by {self.name} are NaN or infinite; try --precision "
                "fp32, or another model"
            )
        return features


@contextmanager
def _one_thread() -> Iterator[None]:
    """Train on one thread: several would wait for each other at each of thousands of steps."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _with_features(predictions: Predictions, features: torch.Tensor) -> Predictions:
    """The body's own features in the place of the standardised ones."""
    return Predictions(
        outputs=predictions.outputs, features=features, passes=predictions.passes or None
    )


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
