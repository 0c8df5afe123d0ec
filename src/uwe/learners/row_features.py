"""Features of rows for scikit-learn: the rows, what a pipeline makes of them, or a reduction."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import torch

from uwe._optional import optional
from uwe.errors import InputError
from uwe.learners.estimators import PURPOSE

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
    """Features of the rows ``x`` in float32, and a few words on their source.

    >>> from sklearn.naive_bayes import GaussianNB
    >>> features_of(GaussianNB(), np.ones((2, 3)))[1]
    'the rows'
    """
    source = "the rows"
    steps = getattr(estimator, "steps", None)
    if steps is not None and len(steps) > 1:
        x = estimator[:-1].transform(x)
        source = f"step {steps[-2][0]!r}"
    features, how = _dense(x)
    return features, source + how


def _dense(x: Any) -> tuple[torch.Tensor, str]:
    """Rows as a tensor; sparse ones are reduced."""
    if not hasattr(x, "tocsr"):
        return _as_features(np.asarray(x)), ""
    components = min(COMPONENTS, min(x.shape) - 1)
    if components < 1:
        return _as_features(x.toarray()), ""
    svd = optional("sklearn.decomposition", PURPOSE).TruncatedSVD(components, random_state=SVD_SEED)
    how = f", truncated SVD of {components} components, seed {SVD_SEED}"
    return _as_features(svd.fit_transform(x)), how


def _as_features(array: np.ndarray[Any, Any]) -> torch.Tensor:
    if array.dtype.kind not in "biuf" or array.ndim != 2:
        raise InputError(
            f"the estimator's rows are {array.dtype} {array.shape}, not numbers [n, d]; put it "
            "into a pipeline behind a step that turns them into numbers"
        )
    return torch.from_numpy(np.require(array, np.float32, ["C", "W"]))
