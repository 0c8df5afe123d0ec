"""What an object's own ``predict`` returns, as `Predictions` of a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from uwe._arrays import as_tensor
from uwe.errors import InputError
from uwe.predictions import Predictions, fits_axes
from uwe.tasks import Task

__all__ = ["as_predictions", "first_output"]

_PAIR = 2
_CLASS_NUMBERS = "predicted"  # of pixels
_SHOWN = 5
_WORDS = {
    "logits": "logits [n, c]",
    "binary_logits": "logits of the labels [n, c]",
    "mean": "means [n] or (means, variances)",
}


def first_output(task: Task | None) -> str:
    """The name of what a model gives for each row; without a task, logits."""
    return "logits" if task is None else next(iter(task.outputs))


def as_predictions(out: Any, n: int, *, name: str, task: Task | None) -> Predictions:
    """Predictions on the CPU, of what ``predict()`` of learner ``name`` returned.

    Float64 stays float64; any other numbers become float32.

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
            f"predict() of {name} returned {_described(out)}; it returns Predictions, or "
            f"a pair ({_WORDS.get(first, first)}, features [n, d] or None)"
        )
    outputs, features = out
    if second is not None and isinstance(outputs, tuple) and len(outputs) == _PAIR:
        mean, variance = outputs
        return {first: mean, **({} if variance is None else {second: variance})}, features
    return {first: outputs}, features


def _described(out: Any) -> str:
    """What was returned, in words that follow "returned"."""
    if isinstance(out, tuple | list):
        return f"a {type(out).__name__} of {len(out)}"
    if isinstance(out, Mapping):
        keys = ", ".join(repr(key) for key in list(out)[:_SHOWN])
        return f"a {type(out).__name__}{f' with the keys {keys}' if keys else ''}"
    return "None" if out is None else f"a {type(out).__name__}"


def _second_output(task: Task | None) -> str | None:
    names = [] if task is None else list(task.outputs)
    return names[1] if len(names) == _PAIR else None


def _is_array(value: Any) -> bool:
    """Whether it is one array: no pair, no text, no mapping."""
    if isinstance(value, list) and len(value) != _PAIR:
        return not any(hasattr(each, "__array__") for each in value)
    return isinstance(value, np.ndarray | torch.Tensor) or hasattr(value, "__array__")


def _shaped(
    name: str, output: str, values: Any, n: int, task: Task | None, passes: int = 0
) -> torch.Tensor:
    """An output in the axes that the task says, behind as many axes of passes."""
    tensor = _tensor(name, output, values)
    if tensor.ndim > passes:
        _require_rows(name, tensor.shape[passes], n)
    if task is not None and not passes and task.outputs.get(output, "n c") not in _USUAL:
        return _of_places(name, output, tensor, task)
    flat = task is not None and task.outputs.get(output, "n c") == "n"
    shaped = _flat(tensor, passes) if flat else _in_columns(tensor, passes, output, task)
    columns = [] if flat else ["c" if task is None else task.width]
    axes: list[str | int] = [*(["passes"] if passes else []), "n", *columns]
    fits = shaped.ndim == len(axes) and (task is None or flat or shaped.shape[-1] == task.width)
    if not fits:
        classes = "" if task is None or flat else f" and {task.width} classes"
        raise InputError(
            f"predict() of {name} returned {output} of shape {list(tensor.shape)} for {n} items"
            f"{classes}; expected is [{', '.join(map(str, axes))}]"
            + (_why_classes_lack(output, shaped, task) if shaped.ndim == len(axes) else "")
        )
    return shaped


def _of_places(name: str, output: str, tensor: torch.Tensor, task: Task) -> torch.Tensor:
    """An output of places, in the axes that the task says; class numbers are whole numbers."""
    axes = task.outputs[output]
    if not fits_axes(tensor.shape, axes, task.width):
        raise InputError(
            f"predict() of {name} returned {output} of shape {list(tensor.shape)}; its axes are "
            f"[{axes.replace(' ', ', ')}]"
        )
    return tensor


_USUAL = ("n", "n c")


def _why_classes_lack(output: str, shaped: torch.Tensor, task: Task | None) -> str:
    found, wanted = shaped.shape[-1], 0 if task is None else task.width
    if not 1 < found < wanted:
        return ""
    return (
        f". These are {output} of {found} classes, but there are {wanted}: fit() may see labels of "
        f"some classes only, so give each of the {wanted} classes its column"
    )


def _flat(tensor: torch.Tensor, passes: int) -> torch.Tensor:
    """``[n]``, also of a single column."""
    is_column = tensor.ndim == passes + _PAIR and tensor.shape[-1] == 1
    return tensor[..., 0] if is_column else tensor


def _in_columns(tensor: torch.Tensor, passes: int, output: str, task: Task | None) -> torch.Tensor:
    """``[n, c]``; a single logit of two classes becomes two columns."""
    columns = tensor[..., None] if tensor.ndim == passes + 1 else tensor
    is_single = columns.ndim == passes + _PAIR and columns.shape[-1] == 1 and output == "logits"
    return _of_two_classes(columns) if is_single and _is_binary(task) else columns


def _is_binary(task: Task | None) -> bool:
    return task is None or task.width == _PAIR


def _of_two_classes(logits: torch.Tensor) -> torch.Tensor:
    """``(0, z)``, whose softmax is ``(1 - sigmoid z, sigmoid z)``."""
    return torch.cat([torch.zeros_like(logits), logits], -1)


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
    """Float64 and class numbers of 8 bits as they are; any other numbers in float32."""
    try:
        tensor = as_tensor(what, values)
    except InputError as error:
        raise InputError(
            f"predict() of {name} returned {what} that are no numbers [n, ...]: {error}"
        ) from error
    if what == _CLASS_NUMBERS:
        return _class_numbers(name, tensor)
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def _class_numbers(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """The classes of pixels in 8 bits."""
    numbers = tensor.to(torch.uint8)
    if not torch.equal(numbers.to(tensor.dtype), tensor):
        raise InputError(
            f"predict() of {name} returned {_CLASS_NUMBERS} that are no class numbers; they are "
            "whole numbers from 0 to 255"
        )
    return numbers
