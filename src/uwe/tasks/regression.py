"""Regression: a number a row."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from uwe import uncertainty
from uwe._types import FloatArray
from uwe.errors import InputError
from uwe.tasks._names import named
from uwe.tasks._task import Array, Metric, Task
from uwe.tasks.targets import Reals

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from uwe.predictions import Predictions

__all__ = ["mae", "mean_squared_error", "r2", "regression", "rmse"]


def regression(classes: Sequence[str] | int = (), *, unit: str = "") -> Task:
    """A number a row: mean and variance, squared error, RMSE.

    Args:
        classes: none; regression has no classes.
        unit: of the numbers, for tables and pictures.

    Raises:
        InputError: classes are given, or the unit is no text.

    >>> regression(unit="mm").headline.axis
    'RMSE, mm (lower is better)'
    """
    if named(classes):
        raise InputError(f"regression has no classes, but {len(named(classes))} are given")
    if not isinstance(unit, str):
        raise InputError(f"the unit must be text, such as 'mm', not {unit!r}")
    endless = (0.0, float("inf"))
    return Task(
        name="regression",
        classes=(),
        targets=Reals(unit),
        outputs={"mean": "n", "variance": "n"},
        metrics=(
            Metric("rmse", "RMSE", _of(rmse), unit, higher_is_better=False, bounds=endless),
            Metric("mae", "MAE", _of(mae), unit, higher_is_better=False, bounds=endless),
            Metric("r2", "R²", _of(r2), "", bounds=(float("-inf"), 1.0)),
        ),
        measures={"standard_deviation": uncertainty.standard_deviation},
        mean_loss=_of(mean_squared_error),
        predicted=_predicted,
        disagreement=uncertainty.spread_of_means,
        loss=_training_loss,
        gradient=None,
        widget="number",
        options={"unit": unit} if unit else {},
    )


def rmse(mean: FloatArray, y: Array) -> float | None:
    """Root of the mean squared error; None without rows.

    >>> rmse(np.array([1.0, 5.0]), np.array([1.0, 3.0]))
    1.4142135623730951
    """
    return float(np.sqrt(np.mean((mean - y) ** 2))) if len(y) else None


def mae(mean: FloatArray, y: Array) -> float | None:
    """Mean absolute error; None without rows.

    >>> mae(np.array([1.0, 5.0]), np.array([1.0, 3.0]))
    1.0
    """
    return float(np.mean(np.abs(mean - y))) if len(y) else None


def r2(mean: FloatArray, y: Array) -> float | None:
    """Coefficient of determination; None where all targets are equal.

    Formula: ``1 - Σ (y_i - m_i)² / Σ (y_i - ȳ)²``.

    >>> r2(np.array([1.0, 5.0]), np.array([1.0, 3.0]))
    -1.0
    """
    if not len(y) or np.ptp(y) == 0:
        return None
    return 1.0 - float(np.sum((y - mean) ** 2)) / float(np.sum((y - np.mean(y)) ** 2))


def mean_squared_error(mean: FloatArray, y: Array) -> float | None:
    """Mean squared error; None without rows.

    >>> mean_squared_error(np.array([1.0, 5.0]), np.array([1.0, 3.0]))
    2.0
    """
    return float(np.mean((mean - y) ** 2)) if len(y) else None


def _training_loss(
    outputs: torch.Tensor, targets: torch.Tensor, *, smoothing: float = 0.0
) -> torch.Tensor:
    """Mean squared error of a batch; there is nothing to smooth."""
    from torch.nn import functional

    del smoothing
    return functional.mse_loss(outputs.float().squeeze(-1), targets.float())


def _predicted(predictions: Predictions) -> Array:
    mean: Array = predictions.field("mean").double().cpu().numpy()
    return mean


def _apply(metric: Any, predictions: Predictions, y: Array) -> float | None:
    found: float | None = metric(_predicted(predictions), np.asarray(y, dtype=np.float64))
    return found


def _of(metric: Any) -> Any:
    """A metric of means as one of predictions."""
    return partial(_apply, metric)
