"""What the given arrays say of each row, as the outputs and passes of a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from uwe._arrays import rows_at_once
from uwe.errors import InputError
from uwe.tasks import Task, as_task

__all__ = ["AXES", "BLOCK", "Said", "first_row", "said", "task_of"]

AXES: dict[str, tuple[str, ...]] = {
    "features": ("n", "d"),
    "probs": ("n", "c"),
    "logits": ("n", "c"),
    "mc_probs": ("t", "n", "c"),
    "mean": ("n",),
    "variance": ("n",),
    "std": ("n",),
    "mc_mean": ("t", "n"),
    "mc_variance": ("t", "n"),
    "uncertainty": ("n",),
}
"""The axes of each array that can be given."""

BLOCK = 16_384
"""Rows that are looked at or converted at once, at most."""

_OF_CLASSES = ("probs", "logits", "mc_probs")
_OF_NUMBERS = ("mean", "variance", "std", "mc_mean", "mc_variance")
_USED = {"logits": _OF_CLASSES, "binary_logits": _OF_CLASSES, "mean": _OF_NUMBERS}
_SUM_TOLERANCE = {2: 1e-2}  # by bytes of a number; wider ones below
_WIDE_TOLERANCE = 1e-3
_ROUNDING = {2: 1e-3}  # how far below 0 or above 1 rounding puts a probability, as above
_WIDE_ROUNDING = 1e-6
_CANCELLED = 1e-9  # of the largest variance: what a difference of squares may leave below 0
_FLOAT64 = 8  # bytes

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Said:
    """Outputs and stochastic passes by the output's name."""

    outputs: Tensors = field(default_factory=dict)
    passes: Tensors = field(default_factory=dict)


def task_of(task: str | Task | None, tensors: Tensors, options: Mapping[str, object]) -> Task:
    """The task, with as many classes as the arrays have columns.

    Args:
        task: a name, a value, or None: regression if numbers are given, else classification.
        tensors: what is given, by name.
        options: of a task that is given by name.

    Raises:
        InputError: the name or an option is unknown, the task does not use what is given, or the
            columns are not those of its classes.

    >>> task_of("multilabel", {"probs": torch.rand(4, 3)}, {}).width
    3
    """
    if task is None:
        task = "regression" if any(name in tensors for name in _OF_NUMBERS) else "classification"
    found = as_task(task, (), **options)
    output = next(iter(found.outputs))
    if output not in _USED:
        known = "classification, multilabel or regression"
        raise InputError(f"task {found.name} needs {output}, which arrays cannot say; give {known}")
    wrong = [name for name in (*_OF_CLASSES, *_OF_NUMBERS) if name in tensors]
    wrong = [name for name in wrong if name not in _USED[output]]
    if wrong:
        raise InputError(
            f"task {found.name} does not use {wrong[0]}; it uses {', '.join(_USED[output])}"
        )
    columns = {name: _columns(tensors[name], output) for name in _OF_CLASSES if name in tensors}
    _require_one_width(columns, found)
    if not columns or found.classes or not isinstance(task, str):
        return found
    return as_task(task, next(iter(columns.values())), **options)


def said(task: Task, tensors: Tensors) -> Said:
    """Outputs and passes of a task, from checked arrays.

    Raises:
        InputError: a probability or a variance cannot be one.
    """
    return _READERS[next(iter(task.outputs))](tensors)


def first_row(
    name: str, tensor: torch.Tensor, broken: Callable[[torch.Tensor], torch.Tensor]
) -> int | None:
    """The first row of which any entry is broken; the rows of passes are the second axis."""
    by_row = tensor.transpose(0, 1) if AXES[name][0] == "t" else tensor
    block = rows_at_once(by_row[:1].numel(), most=BLOCK)
    for start in range(0, len(by_row), block):
        wrong = broken(by_row[start : start + block])
        rows = wrong.reshape(len(wrong), -1).any(1).nonzero()
        if len(rows):
            return start + int(rows[0, 0])
    return None


def _columns(tensor: torch.Tensor, output: str) -> int:
    width = tensor.shape[-1]
    return 2 if width == 1 and output == "logits" else width


def _require_one_width(columns: Mapping[str, int], task: Task) -> None:
    expected = {f"task {task.name}": task.width} if task.classes else {}
    (first, width), *others = [*expected.items(), *columns.items()] or [("", 0)]
    for name, other in others:
        if other != width:
            raise InputError(f"{first} has {width} classes, but {name} has {other}")


def _classes(tensors: Tensors) -> Said:
    """Softmax: logits ``[n, c]``, logarithms where probabilities are given."""
    wide = {name: _of_two_classes(name, tensors[name]) for name in _OF_CLASSES if name in tensors}
    outputs, passes = {}, {}
    if "mc_probs" in wide:
        passes["logits"] = _logs("mc_probs", wide["mc_probs"])
    if "logits" in wide:
        outputs["logits"] = _precise(wide["logits"])
    elif "probs" in wide:
        outputs["logits"] = _logs("probs", wide["probs"])
    elif "mc_probs" in wide:
        outputs["logits"] = _blockwise(wide["mc_probs"].mean(0, dtype=torch.float64), _log)
    return Said(outputs, passes)


def _labels(tensors: Tensors) -> Said:
    """A sigmoid for each label: logits ``[n, c]``, ``log p - log(1 - p)`` of probabilities."""
    outputs, passes = {}, {}
    for name in ("probs", "mc_probs"):
        if name in tensors:
            _require_unit_interval(name, tensors[name], "the probability of a label")
    if "mc_probs" in tensors:
        passes["binary_logits"] = _blockwise(tensors["mc_probs"], _log_odds)
    if "logits" in tensors:
        outputs["binary_logits"] = _precise(tensors["logits"])
    elif "probs" in tensors:
        outputs["binary_logits"] = _blockwise(tensors["probs"], _log_odds)
    elif "mc_probs" in tensors:
        mean = tensors["mc_probs"].mean(0, dtype=torch.float64)
        outputs["binary_logits"] = _blockwise(mean, _log_odds)
    return Said(outputs, passes)


def _numbers(tensors: Tensors) -> Said:
    """Mean and variance ``[n]`` in float64; of passes alone, by the law of total variance."""
    if "variance" in tensors and "std" in tensors:
        raise InputError("both variance and std are given; they say the same, so leave one out")
    if "mc_variance" in tensors and "mc_mean" not in tensors:
        raise InputError("mc_variance is given without mc_mean; give the means of the passes, too")
    for name in ("variance", "std", "mc_variance"):
        if name in tensors:
            _require_not_negative(name, tensors[name])
    outputs = {name: tensors[name].double() for name in ("mean", "variance") if name in tensors}
    if "variance" in outputs:
        outputs["variance"] = outputs["variance"].clamp_min(0)
    if "std" in tensors:
        outputs["variance"] = tensors["std"].double().square()
        _require_no_overflow("std", outputs["variance"], tensors["std"])
    if "mc_mean" not in tensors:
        return Said(outputs)
    means = tensors["mc_mean"].double()
    within: torch.Tensor | float = 0.0
    if "mc_variance" in tensors:
        within = tensors["mc_variance"].double().clamp_min(0).mean(0)
    derived = {"mean": means.mean(0), "variance": means.var(0, correction=0) + within}
    for value in derived.values():
        _require_no_overflow("mc_mean", value, means.abs().amax(0))
    return Said({**derived, **outputs}, {"mean": means})


def _require_no_overflow(name: str, computed: torch.Tensor, given: torch.Tensor) -> None:
    """Refuse numbers that are finite, and whose squares or sums are not."""
    broken = (~computed.isfinite()).nonzero()
    if len(broken):
        row = int(broken[0, 0])
        raise InputError(
            f"{name}: row {row} is too large ({float(given[row]):.6g}, the first such row): its "
            "variance is beyond float64; scale the numbers down"
        )


_READERS: dict[str, Callable[[Tensors], Said]] = {
    "logits": _classes,
    "binary_logits": _labels,
    "mean": _numbers,
}
"""How arrays are read, by the first output of the task."""


def _of_two_classes(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Outputs ``[..., c]``; one output a row, which a sigmoid turns into a probability, as two.

    Formula: a logit z becomes ``(0, z)``, whose softmax is ``(1 - sigmoid z, sigmoid z)``; a
    probability p becomes ``(1 - p, p)``.
    """
    if tensor.shape[-1] > 1:
        return tensor
    if name == "logits":
        return torch.cat([torch.zeros_like(tensor), tensor], -1)
    _require_unit_interval(name, tensor, "one probability a row")
    yes = tensor.double().clamp(0.0, 1.0)
    return torch.cat([1 - yes, yes], -1)


def _precise(logits: torch.Tensor) -> torch.Tensor:
    """Logits in float32; in float64 where they are given in it."""
    return logits if logits.element_size() == _FLOAT64 else logits.float()


def _logs(name: str, probs: torch.Tensor) -> torch.Tensor:
    """Logarithms of probabilities; that of 0 is the logarithm of the type's least number."""
    _require_probabilities(name, probs)
    return _blockwise(probs, _log)


def _log(probs: torch.Tensor, least: float) -> torch.Tensor:
    return probs.double().clamp(least, 1.0).log()


def _log_odds(probs: torch.Tensor, least: float) -> torch.Tensor:
    yes = probs.double().clamp(0.0, 1.0)
    return yes.clamp_min(least).log() - (1 - yes).clamp_min(least).log()


def _blockwise(
    tensor: torch.Tensor, convert: Callable[[torch.Tensor, float], torch.Tensor]
) -> torch.Tensor:
    """``[..., n, c]`` converted in float64, some rows at a time, and kept as `_precise` says."""
    kind = torch.float64 if tensor.element_size() == _FLOAT64 else torch.float32
    converted = torch.empty(tensor.shape, dtype=kind)
    least = torch.finfo(kind).tiny
    block = rows_at_once(tensor.transpose(0, -2)[:1].numel(), most=BLOCK)
    for start in range(0, tensor.shape[-2], block):
        span = (..., slice(start, start + block), slice(None))
        converted[span] = convert(tensor[span], least)
    return converted


def _rounding(tensor: torch.Tensor) -> float:
    return _ROUNDING.get(tensor.element_size(), _WIDE_ROUNDING)


def _require_unit_interval(name: str, tensor: torch.Tensor, what: str) -> None:
    most = _rounding(tensor)
    row = first_row(name, tensor, lambda block: (block < -most) | (block > 1 + most))
    if row is not None:
        values = tensor[..., row, :].flatten()
        value = float(values[(values < -most) | (values > 1 + most)][0])
        raise InputError(
            f"{name}: row {row} is {value:.6g} (the first such row); {what} must be from 0 to 1, "
            f"within {most:g}. Is this a logit?"
        )


def _require_not_negative(name: str, tensor: torch.Tensor) -> None:
    """Refuse what is below 0 by more than the rounding of the largest of the variances."""
    most = 0.0 if name == "std" else _CANCELLED * float(tensor.abs().max())
    row = first_row(name, tensor, lambda block: block < -most)
    if row is not None:
        value = float(tensor[..., row].min())
        raise InputError(
            f"{name}: row {row} is {value:.6g} (the first such row); it must be at least 0"
        )


def _require_probabilities(name: str, probs: torch.Tensor) -> None:
    most = _rounding(probs)
    row = first_row(name, probs, lambda block: block < -most)
    if row is not None:
        value = float(probs[..., row, :].min())
        raise InputError(
            f"{name}: row {row} holds a negative number, {value:.6g} (the first such row); "
            f"probabilities are at least 0, within {most:g}. Are these logits?"
        )
    tolerance = _SUM_TOLERANCE.get(probs.element_size(), _WIDE_TOLERANCE)
    row = first_row(name, probs, lambda block: (block.double().sum(-1) - 1).abs() > tolerance)
    if row is not None:
        worst = probs[..., row, :].double().sum(-1).flatten()
        total = float(worst[(worst - 1).abs().argmax()])
        labels = first_row(name, probs, lambda block: block > 1) is None
        raise InputError(
            f"{name}: row {row} sums to {total:.6g}, not to 1 within {tolerance:g} (the first such "
            "row); give probabilities, or logits as logits"
            + ("; if each label has its own probability, take task multilabel" if labels else "")
        )
