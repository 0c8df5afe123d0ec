"""The models inside of scikit-learn's searches, wrappers and pipelines."""

from __future__ import annotations

from typing import Any

from uwe._optional import optional
from uwe.learners.estimators import PURPOSE

__all__ = ["fitted_inside", "has_inner_steps", "searched"]

_BEST = "best_estimator_"


def searched(estimator: Any) -> Any:
    """The fitted model that a search predicts with; any other estimator as it is.

    >>> from sklearn.naive_bayes import GaussianNB
    >>> searched(GaussianNB())
    GaussianNB()
    """
    while hasattr(estimator, _BEST):
        estimator = getattr(estimator, _BEST)
    return estimator


def fitted_inside(estimator: Any) -> tuple[Any, str]:
    """The fitted model of a search, a calibration or a transformed target, and words on which.

    >>> from sklearn.naive_bayes import GaussianNB
    >>> fitted_inside(GaussianNB())
    (GaussianNB(), '')
    """
    words = ""
    while True:
        inner = searched(estimator)
        calibrated = getattr(inner, "calibrated_classifiers_", None)
        if calibrated:
            inner = calibrated[0].estimator
            if len(calibrated) > 1:
                words = f" of the first of {len(calibrated)} calibrated models"
        inner = getattr(inner, "regressor_", inner)
        if inner is estimator:
            return inner, words
        estimator = inner


def has_inner_steps(estimator: Any) -> bool:
    """Whether an estimator holds a pipeline below its own level, whose steps make features.

    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn.svm import SVC
    >>> has_inner_steps(make_pipeline(StandardScaler(), SVC()))
    False
    """
    steps = getattr(estimator, "steps", None)
    inner = _given_inside(estimator if steps is None else steps[-1][1])
    if inner is None:
        return steps is not None and hasattr(steps[-1][1], "steps")
    return hasattr(inner, "steps") or has_inner_steps(inner)


def _given_inside(estimator: Any) -> Any:
    """What a search, a calibration or a transformed target was given, or None."""
    search = optional("sklearn.model_selection._search", PURPOSE).BaseSearchCV
    calibration = optional("sklearn.calibration", PURPOSE).CalibratedClassifierCV
    target = optional("sklearn.compose", PURPOSE).TransformedTargetRegressor
    if isinstance(estimator, search | calibration):
        return estimator.estimator
    return estimator.regressor if isinstance(estimator, target) else None
