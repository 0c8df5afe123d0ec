"""What somebody's own ``predict`` returns, as `Predictions` of a task."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from uwe.errors import InputError
from uwe.predictions import Predictions
from uwe.tasks import Task

__all__ = ["as_predictions", "first_output"]

_PAIR = 2
_WORDS = {
    "logits": "logits [n, c]",
    "binary_logits": "logits of the labels [n, c]",
    "mean": "means [n] or (means, variances)",
}


def first_output(task: Task | None) -> str:
    """The name of what a model gives for each row; without a task, logits."""
    return "logits" if task is None else next(iter(task.outputs))


def as_predictions(out: Any, n: int, *, name: str, task: Task | None) -> Predictions:
    """Predictions in float32 on the CPU, of what ``predict()`` of learner ``name`` returned.

    Args:
        out: `Predictions`, a pair (outputs, features) of which the features may be None, or outputs
            alone. Outputs are ``[n, c]``; a single logit of two classes, a mean and a variance are
            ``[n]`` or ``[n, 1]``; a mean and a variance are a pair of their own.
        n: number of rows that were asked for.
        name: of the learner, for messages.
        task: what was learnt; None is classification with any number of classes.

    Raises:
        InputError: a shape does not fit; both are named.
    """
    if isinstance(out, Predictions):
        _require_rows(name, len(out), n)
        outputs = {key: _shaped(name, key, value, n, task) for key, value in out.outputs.items()}
        passes = {key: _shaped(name, key, value, n, task, 1) for key, value in out.passes.items()}
        return _made(name, outputs, out.features, passes, n, task)
    given, features = _parts(out, name, task)
    outputs = {key: _shaped(name, key, value, n, task) for key, value in given.items()}
    return _made(name, outputs, features, {}, n, task)


def _made(
    name: str,
    outputs: dict[str, torch.Tensor],
    features: Any,
    passes: dict[str, torch.Tensor],
    n: int,
    task: Task | None,
) -> Predictions:
    needed = first_output(task)
    if needed not in outputs and needed not in passes:
        known = ", ".join([*outputs, *passes]) or "none"
        raise InputError(
            f"predict() of {name} returned no {needed}, which the task needs; its outputs: {known}"
        )
    return Predictions(
        outputs=outputs,
        features=None if features is None else _features(name, features, n, task),
        passes=passes,
        rows=n,
    )


def _parts(out: Any, name: str, task: Task | None) -> tuple[dict[str, Any], Any]:
    """Outputs by name, and features or None."""
    first, second = first_output(task), _second_output(task)
    if _is_array(out):
        return {first: out}, None
    if not isinstance(out, tuple | list) or len(out) != _PAIR:
        raise InputError(
            f"predict() of {name} returned a {type(out).__name__}; it returns Predictions, or "
            f"a pair ({_WORDS.get(first, first)}, features [n, d] or None)"
        )
    outputs, features = out
    if second is not None and isinstance(outputs, tuple) and len(outputs) == _PAIR:
        mean, variance = outputs
        return {first: mean, **({} if variance is None else {second: variance})}, features
    return {first: outputs}, features


def _second_output(task: Task | None) -> str | None:
    names = [] if task is None else list(task.outputs)
    return names[1] if len(names) == _PAIR else None


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray | torch.Tensor)


def _shaped(
    name: str, output: str, values: Any, n: int, task: Task | None, passes: int = 0
) -> torch.Tensor:
    """An output in the axes that the task says, behind as many axes of passes."""
    tensor = _tensor(name, output, values)
    axes = _axes(output, task)
    found = list(tensor.shape)
    classes = tensor.shape[-1] if task is None else task.width
    flat = tensor.ndim == passes + 1
    if tensor.ndim > passes:
        _require_rows(name, tensor.shape[passes], n)
    if axes == "n":
        if tensor.ndim == passes + _PAIR and tensor.shape[-1] == 1:
            tensor, flat = tensor[..., 0], True
        if not flat:
            raise InputError(
                f"predict() of {name} returned {output} of shape {found} for {n} items; it is "
                f"{'[passes, n]' if passes else '[n]'}"
            )
        return tensor
    columns = tensor[..., None] if flat else tensor
    if columns.ndim == passes + _PAIR and columns.shape[-1] == 1 and output == "logits":
        columns = _of_two_classes(columns) if task is None or classes == _PAIR else columns
    if columns.ndim != passes + _PAIR or (task is not None and columns.shape[-1] != classes):
        known = "[n, c]" if task is None else f"[n, {classes}]"
        raise InputError(
            f"predict() of {name} returned {output} of shape {found} for {n} items"
            f"{'' if task is None else f' and {classes} classes'}; they are "
            f"{known.replace('[', '[passes, ') if passes else known}"
        )
    return columns


def _of_two_classes(logits: torch.Tensor) -> torch.Tensor:
    """``(0, z)``, whose softmax is ``(1 - sigmoid z, sigmoid z)``."""
    return torch.cat([torch.zeros_like(logits), logits], -1)


def _axes(output: str, task: Task | None) -> str:
    return "n c" if task is None else task.outputs.get(output, "n c")


def _features(name: str, values: Any, n: int, task: Task | None) -> torch.Tensor:
    tensor = _tensor(name, "features", values)
    if tensor.ndim != _PAIR:
        shape = list(tensor.shape)
        pair = "; a mean and a variance are ((mean, variance), features)"
        raise InputError(
            f"predict() of {name} returned features of shape {shape}; they are [n, d]"
            + (pair if _second_output(task) and tensor.ndim == 1 else "")
        )
    if len(tensor) != n:
        raise InputError(f"{first_output(task)} of {n} rows, but features of {len(tensor)}")
    return tensor


def _require_rows(name: str, rows: int, n: int) -> None:
    if rows != n:
        raise InputError(f"predict() of {name} returned {rows} rows for {n} items")


def _tensor(name: str, what: str, values: Any) -> torch.Tensor:
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().float()
    try:
        return torch.from_numpy(np.asarray(values, dtype=np.float32))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"predict() of {name} returned {what} that are no numbers [n, ...]: {error}"
        ) from error
