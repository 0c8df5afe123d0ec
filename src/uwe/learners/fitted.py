"""Fitted estimators of scikit-learn as functions from rows to the outputs of a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from uwe._optional import optional
from uwe._types import FloatArray, IntArray, Labels
from uwe.learners.estimated import (
    label_logits,
    logits_of_probabilities,
    mean_and_variance,
    takes_several_labels,
)
from uwe.learners.estimators import PURPOSE

__all__ = [
    "OfClasses",
    "OfLabels",
    "OfNumbers",
    "of_several_labels",
    "softmax_of_decisions",
    "wants_columns",
]

_LEAST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class OfClasses:
    """Probabilities of classes, with a column for each class.

    Attributes:
        probabilities: rows to probabilities ``[n, len(seen)]``.
        seen: classes that were labelled, rising.
        classes: number of classes.
    """

    probabilities: Callable[[Any], FloatArray]
    seen: Labels
    classes: int

    def __call__(self, x: Any) -> Mapping[str, FloatArray]:
        """Logarithms of the probabilities, ``logits`` ``[n, c]``."""
        probs = np.full((x.shape[0], self.classes), 0.0)
        probs[:, self.seen] = self.probabilities(x)
        np.maximum(probs, _LEAST, out=probs)  # in place: classes may be many thousands
        return {"logits": np.log(probs, out=probs)}


@dataclass(frozen=True)
class OfLabels:
    """Logits of labels; those that applied to all labelled rows, or to none, are constant.

    Attributes:
        estimator: fitted on the other labels, or None where there are none.
        varied: numbers of the other labels, rising.
        constant: float64 ``[c]``, what each label was where it was the same in all rows.
    """

    estimator: Any
    varied: IntArray
    constant: FloatArray

    def __call__(self, x: Any) -> Mapping[str, FloatArray]:
        """``binary_logits`` ``[n, c]``."""
        always = logits_of_probabilities(1 - self.constant, self.constant)
        logits = np.tile(always, (x.shape[0], 1))
        if len(self.varied):
            found = label_logits(self.estimator, x)
            if found.ndim == 1 or found.shape[1] != len(self.varied):  # one label: two classes
                found = found.reshape(len(found), -1)[:, -1:]
            logits[:, self.varied] = found
        return {"binary_logits": logits}


@dataclass(frozen=True)
class OfNumbers:
    """Mean and, where it is known, variance."""

    estimator: Any

    def __call__(self, x: Any) -> Mapping[str, FloatArray]:
        """``mean`` ``[n]``, and ``variance`` ``[n]`` where it is known."""
        mean, variance = mean_and_variance(self.estimator, x)
        return {"mean": mean} if variance is None else {"mean": mean, "variance": variance}


def of_several_labels(estimator: Any) -> Any:
    """The estimator, or with ``OneVsRestClassifier`` around it: around the last step of a pipeline.

    The steps before stay outside, so that they are fitted once and give the features.
    """
    if takes_several_labels(estimator):
        return estimator
    wrap = optional("sklearn.multiclass", PURPOSE).OneVsRestClassifier
    if not hasattr(estimator, "steps"):
        return wrap(estimator)
    *before, (name, last) = estimator.steps
    copied = optional("sklearn.base", PURPOSE).clone(estimator)
    return copied.set_params(steps=[*before, (name, wrap(last))])


def wants_columns(estimator: Any, labels: int) -> bool:
    """Whether it is fitted on flags ``[n, c]``; a single label is two classes ``[n]``."""
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    multioutput = optional("sklearn.multioutput", PURPOSE)
    needs = (multioutput.MultiOutputClassifier, multioutput.ClassifierChain)
    return labels > 1 or isinstance(last, needs)


def softmax_of_decisions(estimator: Any, x: Any) -> FloatArray:
    """Probabilities ``[n, c]`` of a classifier that gives decisions alone."""
    decisions = np.asarray(estimator.decision_function(x), dtype=np.float64)
    if decisions.ndim == 1:
        decisions = np.column_stack([np.zeros_like(decisions), decisions])
    odds = np.exp(decisions - decisions.max(1, keepdims=True))
    probs: FloatArray = odds / odds.sum(1, keepdims=True)
    return probs
