"""Any object with fit and predict as a learner."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from uwe._json import json_value
from uwe._types import Labels, Progress
from uwe.data import ImageRows, row_count
from uwe.errors import InputError
from uwe.learners.protocol import Learner
from uwe.learners.sklearn import SklearnLearner, is_estimator
from uwe.predictions import Predictions

__all__ = ["as_learner"]

_PAIR = 2
_AXES = 2
_OUTPUTS = ("logits", "features")


def as_learner(value: Any) -> Learner:
    """A `Learner` from any object with ``fit`` and ``predict``.

    The object has ``fit(x, y, *, classes, seed) -> model`` and ``predict(model, x)``, which returns
    `Predictions` or a pair (logits ``[n, c]``, features ``[n, d]``). Optional are ``name``,
    ``settings`` (a mapping for the record), the keyword ``progress`` of both methods, the keywords
    ``mc_passes`` and ``seed`` of ``predict`` (for stochastic passes), and the methods
    ``save(model, path)`` and ``load(path)``. A classifier of scikit-learn becomes a
    `SklearnLearner`. An object that is a `Learner` already, with ``model`` among its settings, is
    returned unchanged.

    Raises:
        InputError: a method is missing.

    >>> class Constant:
    ...     def fit(self, x, y, *, classes, seed):
    ...         return np.bincount(y, minlength=classes)
    ...     def predict(self, model, x):
    ...         return np.tile(model, (len(x), 1)), x
    >>> learner = as_learner(Constant())
    >>> learner.name, learner.settings
    ('Constant', {'model': 'Constant'})
    """
    if _is_full(value):
        full: Learner = value
        return full
    if is_estimator(value):
        return SklearnLearner(value)
    for method in ("fit", "predict"):
        if not callable(getattr(value, method, None)):
            raise InputError(
                f"{_name_of(value)} has no method {method}; a learner has "
                "fit(x, y, *, classes, seed) and predict(model, x)"
            )
    _require_keywords(value)
    if not isinstance(getattr(value, "settings", {}), Mapping):
        raise InputError(f"settings of {_name_of(value)} must be a mapping")
    keeps = all(callable(getattr(value, method, None)) for method in ("save", "load"))
    return _KINDS[keeps, _takes(value.predict, "mc_passes")](value)


@dataclass(frozen=True)
class _Plain:
    """An object with fit and predict."""

    own: Any

    @property
    def name(self) -> str:
        """The object's name, or that of its type."""
        return _name_of(self.own)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The name and the object's own settings."""
        own: Mapping[str, Any] = getattr(self.own, "settings", {})
        return {
            "model": self.name,
            **{f"learner's {key}": json_value(value) for key, value in own.items()},
        }

    def fit(
        self, x: Any, y: Labels, *, classes: int, seed: int, progress: Progress | None = None
    ) -> Any:
        """Train on ``x``, whose images are read into memory, and ``y``."""
        x = x[:] if isinstance(x, ImageRows) else x
        return self.own.fit(
            x, y, classes=classes, seed=seed, **_progress_for(self.own.fit, progress)
        )

    def predict(self, model: Any, x: Any, *, progress: Progress | None = None) -> Predictions:
        """Logits and features in float32 on the CPU."""
        out = self.own.predict(model, x, **_progress_for(self.own.predict, progress))
        return _as_predictions(out, row_count(x), self.name)


@dataclass(frozen=True)
class _Stochastic(_Plain):
    """An object whose ``predict`` takes ``mc_passes``."""

    def predict_passes(
        self, model: Any, x: Any, *, passes: int, seed: int, progress: Progress | None = None
    ) -> Predictions:
        """As `predict`, with the logits of stochastic passes."""
        more = {"seed": seed} if _takes(self.own.predict, "seed") else {}
        more.update(_progress_for(self.own.predict, progress))
        out = self.own.predict(model, x, mc_passes=passes, **more)
        predictions = _as_predictions(out, row_count(x), self.name)
        found = 0 if predictions.mc_logits is None else len(predictions.mc_logits)
        if found != passes:
            raise InputError(
                f"predict() of {self.name} returned {found} stochastic passes instead of {passes}; "
                "it returns Predictions with mc_logits [passes, rows, classes]"
            )
        return predictions

    def check_passes(self, passes: int) -> None:
        """Every number of passes is possible."""

    def describe_passes(self, model: Any, passes: int) -> str | None:
        """Nothing needs an explanation."""
        del model, passes
        return None


@dataclass(frozen=True)
class _Keeping(_Plain):
    """An object with ``save`` and ``load``."""

    def save(self, model: Any, path: Path) -> None:
        """Let the object write its model."""
        self.own.save(model, path)

    def load(self, path: Path) -> Any:
        """Let the object read its model."""
        return self.own.load(path)


@dataclass(frozen=True)
class _KeepingStochastic(_Keeping, _Stochastic):
    """An object with ``save``, ``load`` and stochastic passes."""


_KINDS: dict[tuple[bool, bool], type[_Plain]] = {
    (False, False): _Plain,
    (False, True): _Stochastic,
    (True, False): _Keeping,
    (True, True): _KeepingStochastic,
}
"""Adapters by the object's abilities: keeps its models, makes stochastic passes."""


def _is_full(value: Any) -> bool:
    """Whether ``value`` has everything that `Learner` asks for."""
    settings = getattr(value, "settings", None)
    if isinstance(value, type) or not isinstance(settings, Mapping) or "model" not in settings:
        return False
    methods = [getattr(value, method, None) for method in ("fit", "predict")]
    return isinstance(getattr(value, "name", None), str) and all(
        callable(method) and _takes(method, "progress") for method in methods
    )


def _require_keywords(value: Any) -> None:
    """``fit`` takes the number of classes and the seed."""
    try:
        inspect.signature(value.fit).bind(None, None, classes=2, seed=1)
    except TypeError as error:
        raise InputError(
            f"fit of {_name_of(value)} cannot be called as fit(x, y, classes=..., seed=...): "
            f"{error}"
        ) from error
    except ValueError:  # some built-in functions have no signature
        return


def _name_of(value: Any) -> str:
    return str(getattr(value, "name", type(value).__name__))


def _takes(method: Any, keyword: str) -> bool:
    try:
        parameters = inspect.signature(method).parameters
    except (TypeError, ValueError):
        return False
    return keyword in parameters


def _progress_for(method: Any, progress: Progress | None) -> dict[str, Any]:
    """The callback as a keyword, if the method takes it."""
    return {"progress": progress} if _takes(method, "progress") else {}


def _as_predictions(out: Any, n: int, name: str) -> Predictions:
    if not isinstance(out, Predictions):
        if not isinstance(out, tuple | list) or len(out) != _PAIR:
            raise InputError(
                f"predict() of {name} returned a {type(out).__name__}; it returns Predictions, or "
                "a pair (logits [n, c], features [n, d])"
            )
        logits, features = (
            _matrix(name, what, values) for what, values in zip(_OUTPUTS, out, strict=True)
        )
        if len(logits) != n:
            raise InputError(f"predict() of {name} returned {len(logits)} rows for {n} items")
        out = Predictions(logits, features)
    if len(out) != n:
        raise InputError(f"predict() of {name} returned {len(out)} rows for {n} items")
    passes = None if out.mc_logits is None else _tensor(out.mc_logits)
    return Predictions(_tensor(out.logits), _tensor(out.features), passes)


def _matrix(name: str, what: str, values: Any) -> torch.Tensor:
    """One of the two outputs of ``predict()``, float32 ``[n, ...]`` in two axes."""
    try:
        tensor = _tensor(values)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"predict() of {name} returned {what} that are no numbers [n, ...]: {error}"
        ) from error
    if tensor.ndim != _AXES:
        shape = list(tensor.shape)
        raise InputError(f"predict() of {name} returned {what} of shape {shape}, not [n, ...]")
    return tensor


def _tensor(values: Any) -> torch.Tensor:
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().float()
    return torch.from_numpy(np.asarray(values, dtype=np.float32))
