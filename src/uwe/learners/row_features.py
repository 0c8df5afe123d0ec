"""Features of rows for scikit-learn: the rows, what a pipeline makes of them, or a reduction."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import torch

from uwe._arrays import as_floating, as_tensor, odd_value
from uwe._optional import optional
from uwe.errors import InputError
from uwe.learners.estimators import PURPOSE
from uwe.learners.inside import fitted_inside

__all__ = ["COMPONENTS", "SVD_SEED", "Reduced", "features_of"]

COMPONENTS = 256
"""Components to which sparse rows are reduced, at most."""

SVD_SEED = 0
"""Seed of that reduction."""

_KEPT = 4  # the pool and the test rows, and two more


class Reduced:
    """Features of the last few row objects, found by identity; a copy of it is empty."""

    def __init__(self) -> None:
        self._kept: list[tuple[weakref.ref[Any], torch.Tensor]] = []

    def of(self, x: Any) -> torch.Tensor:
        """Features of ``x``; the reduction of a sparse matrix is computed once."""
        for place, features in self._kept:
            if place() is x:
                return features
        features = _dense(x)[0]
        alive = [each for each in self._kept if each[0]() is not None]
        self._kept = [*alive[-_KEPT + 1 :], (weakref.ref(x), features)]
        return features

    def __reduce__(self) -> tuple[type[Reduced], tuple[()]]:
        return Reduced, ()


def features_of(estimator: Any, x: Any) -> tuple[torch.Tensor, str]:
    """Features of the rows ``x``, and a few words on their source.

    They are the rows, or what the steps of fitted pipelines before the last one give; a search and
    a calibrated or a target-transforming model stand for the fitted model inside. Float64 stays.

    Raises:
        InputError: they are no numbers, or one of them is NaN or infinite.

    >>> from sklearn.naive_bayes import GaussianNB
    >>> features_of(GaussianNB(), np.ones((2, 3)))[1]
    'the rows'
    """
    words: list[str] = []
    inner, more = fitted_inside(estimator)
    while getattr(inner, "steps", None) is not None:
        steps = inner.steps
        if len(steps) > 1:
            x = inner[:-1].transform(x)
            words = [f"step {steps[-2][0]!r}{more}"]
        inner, more = fitted_inside(steps[-1][1])
    features, how = _dense(x)
    return features, "".join([*(words or ["the rows"]), how])


def _dense(x: Any) -> tuple[torch.Tensor, str]:
    """Rows as a tensor; sparse ones are reduced."""
    if not hasattr(x, "tocsr"):
        return _as_features(x), ""
    components = min(COMPONENTS, min(x.shape) - 1)
    if components < 1:
        return _as_features(x.toarray()), ""
    svd = optional("sklearn.decomposition", PURPOSE).TruncatedSVD(components, random_state=SVD_SEED)
    how = f", truncated SVD of {components} components, seed {SVD_SEED}"
    return _as_features(svd.fit_transform(x)), how


def _as_features(given: Any) -> torch.Tensor:
    shape = np.shape(given)
    if len(shape) != _AXES:
        raise InputError(
            f"the estimator's rows are of shape {shape}, not numbers [n, d]; {_BEHIND}"
        )
    try:
        name = "the array of the estimator's rows"
        features = as_floating(name, as_tensor(name, given))
    except InputError as error:
        raise InputError(f"{error}; {_BEHIND}") from error
    odd = (~features.isfinite()).nonzero()
    if len(odd):
        row, column = odd[0].tolist()
        what = odd_value(float(features[row, column]))
        raise InputError(
            f"the estimator's rows are no features: row {row} holds {what} (the first such row); "
            "put the estimator into a pipeline behind a step that fills it, such as SimpleImputer, "
            "or choose a strategy that needs no features"
        )
    return features.contiguous()


_AXES = 2
_BEHIND = "put it into a pipeline behind a step that turns them into numbers"
