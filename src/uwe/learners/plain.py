"""Any object with fit and predict as a learner."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from uwe._json import json_value, require_recordable
from uwe._types import Progress
from uwe.data import ImageRows, row_count
from uwe.errors import InputError, from_user
from uwe.learners.protocol import Learner, Targets
from uwe.learners.returned import as_predictions, first_output
from uwe.learners.sklearn import SklearnLearner, is_estimator
from uwe.predictions import Predictions
from uwe.tasks import Task

__all__ = ["as_learner", "is_plain"]

_PASSES_OF = {
    "logits": "mc_logits [passes, rows, classes]",
    "binary_logits": "passes={'binary_logits': ...} of shape [passes, rows, classes]",
    "mean": "passes={'mean': ...} of shape [passes, rows]",
}


def as_learner(value: Any, *, task: Task | None = None) -> Learner:
    """A `Learner` from any object with ``fit`` and ``predict``.

    The object has ``fit(x, y, *, task, seed) -> model`` or ``fit(x, y, *, classes, seed)``, where
    ``classes`` is the number of classes. Its ``predict(model, x)`` returns `Predictions` or a pair
    (outputs, features), where features ``[n, d]`` may be None, or outputs alone. By the task,
    outputs are logits ``[n, c]`` (of two classes also ``[n]``, before a sigmoid), logits of the
    labels ``[n, c]``, a mean ``[n]``, or a pair (mean, variance) in the place of the outputs.
    Optional are ``name``, ``settings`` (a mapping for the record), the keyword ``progress`` of both
    methods, the keywords ``mc_passes`` and ``seed`` of ``predict`` (for stochastic passes), and the
    methods ``save(model, path)`` and ``load(path)``. A classifier or regressor of scikit-learn
    becomes a `SklearnLearner`. An object that is a `Learner` already, with ``model`` among its
    settings, is returned unchanged.

    Args:
        value: the object.
        task: what is learnt, where it is known: what the adapter needs to read the predictions of
            a model that it loads.

    Raises:
        InputError: a method is missing, or the estimator does not serve the task.

    >>> import numpy as np
    >>> class Constant:
    ...     def fit(self, x, y, *, classes, seed):
    ...         return np.bincount(y, minlength=classes)
    ...     def predict(self, model, x):
    ...         return np.tile(model, (len(x), 1)), x
    >>> learner = as_learner(Constant())
    >>> learner.name, learner.settings
    ('Constant', {'model': 'Constant'})
    """
    if isinstance(value, _Plain | SklearnLearner):
        return value if task is None else replace(value, task=task)
    if _is_full(value):
        full: Learner = value
        return full
    if is_estimator(value):
        return SklearnLearner(value, task=task)
    for method in ("fit", "predict"):
        if not callable(getattr(value, method, None)):
            raise InputError(
                f"{_name_of(value)} has no method {method}; a learner has "
                "fit(x, y, *, task, seed) and predict(model, x)"
            )
    _require_keywords(value)
    if not isinstance(getattr(value, "settings", {}), Mapping):
        raise InputError(f"settings of {_name_of(value)} must be a mapping")
    keeps = all(callable(getattr(value, method, None)) for method in ("save", "load"))
    return _KINDS[keeps, _takes(value.predict, "mc_passes")](value, task)


@dataclass(frozen=True)
class _Fitted:
    """A model of the object's own, and the task that it was trained for."""

    own: Any
    task: Task | None


@dataclass(frozen=True)
class _Plain:
    """An object with fit and predict."""

    own: Any
    task: Task | None = None

    @property
    def name(self) -> str:
        """The object's name, or that of its type."""
        return _name_of(self.own)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The name and the object's own settings."""
        own: Mapping[str, Any] = getattr(self.own, "settings", {})
        require_recordable(own, f"settings of {self.name}")
        return {
            "model": self.name,
            **{f"learner's {key}": json_value(value) for key, value in own.items()},
        }

    def fit(
        self, x: Any, y: Targets, *, task: Task, seed: int, progress: Progress | None = None
    ) -> _Fitted:
        """Train on ``x``, whose images are read into memory, and ``y``.

        Raises:
            RunError: the object's own fit() raises an error that is not of `uwe.errors`.
        """
        x = x[:] if isinstance(x, ImageRows) else x
        fit = self.own.fit
        what = {"task": task} if _takes(fit, "task") else {"classes": len(task.classes)}
        with from_user(f"fit() of {self.name}"):
            return _Fitted(fit(x, y, **what, seed=seed, **_progress_for(fit, progress)), task)

    def predict(self, model: _Fitted, x: Any, *, progress: Progress | None = None) -> Predictions:
        """The outputs and the features on the CPU, in float32, or in float64 if they are so.

        Raises:
            InputError: what predict() returns does not fit.
            RunError: the object's own predict() raises an error that is not of `uwe.errors`.
        """
        with from_user(f"predict() of {self.name}"):
            out = self.own.predict(model.own, x, **_progress_for(self.own.predict, progress))
        return as_predictions(out, row_count(x), name=self.name, task=model.task)


@dataclass(frozen=True)
class _Stochastic(_Plain):
    """An object whose ``predict`` takes ``mc_passes``."""

    def predict_passes(
        self, model: _Fitted, x: Any, *, passes: int, seed: int, progress: Progress | None = None
    ) -> Predictions:
        """As `predict`, with stochastic passes of the task's first output."""
        more = {"seed": seed} if _takes(self.own.predict, "seed") else {}
        more.update(_progress_for(self.own.predict, progress))
        with from_user(f"predict() of {self.name}"):
            out = self.own.predict(model.own, x, mc_passes=passes, **more)
        predictions = as_predictions(out, row_count(x), name=self.name, task=model.task)
        output = first_output(model.task)
        found = len(predictions.passes.get(output, ()))
        if found != passes:
            raise InputError(
                f"predict() of {self.name} returned {found} stochastic passes instead of {passes}; "
                f"it returns Predictions with {_PASSES_OF.get(output, f'passes of {output}')}"
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

    def save(self, model: _Fitted, path: Path) -> None:
        """Let the object write its model."""
        with from_user(f"save() of {self.name}"):
            self.own.save(model.own, path)

    def load(self, path: Path) -> _Fitted:
        """Let the object read its model."""
        with from_user(f"load() of {self.name}"):
            return _Fitted(self.own.load(path), self.task)


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


def is_plain(learner: object) -> bool:
    """Whether it is an adapter that `as_learner` made of an object with fit and predict."""
    return isinstance(learner, _Plain)


def _is_full(value: Any) -> bool:
    """Whether ``value`` has everything that `Learner` asks for."""
    settings = getattr(value, "settings", None)
    if isinstance(value, type) or not isinstance(settings, Mapping) or "model" not in settings:
        return False
    methods = [getattr(value, method, None) for method in ("fit", "predict")]
    return (
        isinstance(getattr(value, "name", None), str)
        and all(callable(method) and _takes(method, "progress") for method in methods)
        and _takes(value.fit, "task")
    )


def _require_keywords(value: Any) -> None:
    """``fit`` takes the seed, and the task or the number of classes."""
    what = "task" if _takes(value.fit, "task") else "classes"
    try:
        inspect.signature(value.fit).bind(None, None, **{what: None}, seed=1)
    except TypeError as error:
        raise InputError(
            f"fit of {_name_of(value)} cannot be called as fit(x, y, {what}=..., seed=...): {error}"
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
