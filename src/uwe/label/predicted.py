"""What the last model says of an item, read from its file row by row, without torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from uwe._types import FloatArray
from uwe.journal import Trained
from uwe.label.cards import Prediction
from uwe.project.files import ProjectFiles
from uwe.project.training import scope_of
from uwe.tasks import Task

__all__ = ["Model", "log_softmax", "mapped_tensors"]

_TYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16}
_LONGEST_HEADER = 2**24
_HALF = 0.5
_FEATURES = "features"


class Model:
    """The predictions of one training, mapped from its file.

    Args:
        files: of the project.
        training: the event that vouches for the file.
        task: what is learnt.
        rows: of the pool; predictions of another pool or of other classes are of no use.
    """

    def __init__(self, files: ProjectFiles, training: Trained, task: Task, rows: int) -> None:
        scope = scope_of(rows, task)
        is_of_use = all(training.facts.get(name) == value for name, value in scope.items())
        found = mapped_tensors(files.predictions(training.cycle)) if is_of_use else {}
        self.classes = task.classes
        self._tensors = {name: each for name, each in found.items() if len(each) == rows}
        self._task = task

    def value(self, row: int) -> Any:
        """The most probable label of a row in JSON; None where it is not known."""
        parts = self._parts(row)
        return None if parts is None else parts[0]

    def prediction(self, row: int) -> Prediction | None:
        """What the model says of a row; None where it is not known."""
        parts = self._parts(row)
        if parts is None:
            return None
        value, confidence, of_classes = parts
        ranked = sorted(of_classes, key=lambda each: -each[1])
        return Prediction(self._task.targets.decode(value), confidence, tuple(ranked))

    def features(self, rows: Sequence[int]) -> FloatArray | None:
        """The features of some rows, float64 ``[r, d]``; None without any."""
        every = self._tensors.get(_FEATURES)
        return None if every is None else np.asarray(every[list(rows)], dtype=np.float64)

    def probabilities(self, rows: Sequence[int]) -> FloatArray | None:
        """Probabilities of the classes of some rows, float64 ``[r, c]``; None without classes."""
        logits = self._tensors.get("logits")
        return None if logits is None else np.exp(log_softmax(logits[list(rows)]))

    def _parts(self, row: int) -> _Parts | None:
        """What `_BY_OUTPUT` gives for a row; None where the output is not known."""
        name = next(iter(self._task.outputs))
        read, outputs = _BY_OUTPUT.get(name), self._tensors.get(name)
        if read is None or outputs is None:
            return None
        output = np.asarray(outputs[row], dtype=np.float64)
        return read(output, self.classes) if np.isfinite(output).all() else None


def mapped_tensors(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The tensors of a file of safetensors, mapped; none where it is not there or damaged."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > min(size, _LONGEST_HEADER):
                return {}
            header = json.loads(file.read(length))
        return {
            name: np.memmap(
                path,
                dtype=_TYPES[told["dtype"]],
                mode="r",
                offset=8 + length + told["data_offsets"][0],
                shape=tuple(told["shape"]),
            )
            for name, told in header.items()
            if name != "__metadata__" and told["dtype"] in _TYPES
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return {}


def log_softmax(logits: Any) -> FloatArray:
    """Logarithms of the softmax over the last axis, in float64.

    >>> np.exp(log_softmax([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    z = np.asarray(logits, dtype=np.float64)
    z = z - z.max(-1, keepdims=True)
    found: FloatArray = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return found


_Parts: TypeAlias = tuple[Any, float | None, list[tuple[str, float]]]


def _one_class(logits: FloatArray, classes: Sequence[str]) -> _Parts:
    p = np.exp(log_softmax(logits))
    best = int(p.argmax())
    return best, float(p[best]), list(zip(classes, p.tolist(), strict=True))


def _several_classes(logits: FloatArray, classes: Sequence[str]) -> _Parts:
    p = np.exp(-np.logaddexp(0.0, -logits))  # a sigmoid that does not overflow
    value = np.flatnonzero(p > _HALF).tolist()
    sure = float(np.maximum(p, 1 - p).min(initial=1.0))
    return value, sure, list(zip(classes, p.tolist(), strict=True))


def _number(mean: FloatArray, classes: Sequence[str]) -> _Parts:
    del classes
    return float(mean), None, []


_BY_OUTPUT: Mapping[str, Callable[[FloatArray, Sequence[str]], _Parts]] = {
    "logits": _one_class,
    "binary_logits": _several_classes,
    "mean": _number,
}
"""By the name of a task's first output: label, confidence, and probabilities of the classes."""
