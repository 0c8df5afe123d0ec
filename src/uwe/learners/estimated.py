"""What fitted estimators of scikit-learn give: probabilities, logits of labels, mean and variance.

A classifier gives probabilities of classes, a multi-output one a logit for each label, a regressor
a mean and, where it can say so, a variance.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from uwe._optional import optional
from uwe._types import FloatArray
from uwe.errors import InputError, UweError, reason_of
from uwe.learners.estimators import PURPOSE
from uwe.learners.inside import searched

__all__ = [
    "class_probabilities",
    "fits_several_labels",
    "has_probabilities",
    "label_logits",
    "logits_of_probabilities",
    "mean_and_variance",
    "numbers_a_row",
    "one_line",
    "takes_several_labels",
]

_LEAST = float(np.finfo(np.float32).tiny)
_AXES = 2


def has_probabilities(estimator: Any) -> bool:
    """Whether it has ``predict_proba``."""
    return hasattr(estimator, "predict_proba")


def class_probabilities(estimator: Any, x: Any) -> Any:
    """``predict_proba``, or an error that says what to do.

    Raises:
        InputError: the estimator has none, or is not fitted.
    """
    if not has_probabilities(estimator):
        raise InputError(
            f"{type(estimator).__name__} has no predict_proba; wrap it in scikit-learn's "
            "CalibratedClassifierCV, or choose a strategy that needs no probabilities"
        )
    with one_line(estimator):
        return estimator.predict_proba(x)


def numbers_a_row(estimator: Any, x: Any) -> int:
    """How many labels or numbers a fitted estimator predicts for a row; 0 for one without axis.

    Raises:
        InputError: the estimator is not fitted.

    >>> from sklearn.dummy import DummyRegressor
    >>> numbers_a_row(DummyRegressor().fit([[0.0]], [1.0]), [[0.0]])
    0
    """
    with one_line(estimator):
        first = estimator.predict(x[:1])
    return int(first.shape[1]) if len(np.shape(first)) == _AXES or hasattr(first, "tocsr") else 0


def takes_several_labels(estimator: Any) -> bool:
    """Whether a classifier is fitted on flags ``[n, c]`` as it is, by its tags or as a wrapper."""
    multiclass = optional("sklearn.multiclass", PURPOSE)
    multioutput = optional("sklearn.multioutput", PURPOSE)
    wrappers = (
        multiclass.OneVsRestClassifier,
        multioutput.MultiOutputClassifier,
        multioutput.ClassifierChain,
    )
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    return isinstance(last, wrappers) or fits_several_labels(last)


def fits_several_labels(estimator: Any) -> bool:
    """Whether the tags say so; scikit-learn has them since version 1.6."""
    get_tags = getattr(optional("sklearn.utils", PURPOSE), "get_tags", None)
    tags = None if get_tags is None else get_tags(estimator).classifier_tags
    return bool(tags is not None and tags.multi_label)


def label_logits(estimator: Any, x: Any) -> FloatArray:
    """Logits of each label before a sigmoid, float64 ``[n, c]``.

    Formula: ``log p - log(1 - p)``, finite: no probability counts as less than float32's least
    normal number. Of a classifier without ``predict_proba``, the decisions themselves.

    Raises:
        InputError: an output of the estimator is no flag, or it has neither of the two.

    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> x, y = [[0.0], [1.0]], np.array([[0, 1], [1, 1]])
    >>> label_logits(KNeighborsClassifier(1).fit(x, y), x).round(1).tolist()
    [[-87.3, 87.3], [87.3, 87.3]]
    """
    if has_probabilities(estimator):
        probs = class_probabilities(estimator, x)
        if isinstance(probs, list):
            columns = zip(probs, estimator.classes_, strict=True)
            pairs = [_pair(each, values, at) for at, (each, values) in enumerate(columns)]
            return np.column_stack([logits_of_probabilities(*pair) for pair in pairs])
        flat = np.asarray(probs, dtype=np.float64)
        return logits_of_probabilities(1 - flat, flat)
    if not hasattr(estimator, "decision_function"):
        raise InputError(
            f"{type(estimator).__name__} has neither predict_proba nor decision_function, so its "
            "uncertainty is not known; choose another classifier"
        )
    with one_line(estimator):
        return np.asarray(estimator.decision_function(x), dtype=np.float64)


def logits_of_probabilities(no: FloatArray, yes: FloatArray) -> FloatArray:
    """``log yes - log no`` in float64, finite also where one of the two is 0."""
    logits: FloatArray = np.log(np.maximum(yes, _LEAST)) - np.log(np.maximum(no, _LEAST))
    return logits


def mean_and_variance(estimator: Any, x: Any) -> tuple[FloatArray, FloatArray | None]:
    """What a fitted regressor predicts, float64 ``[n]``, and the variance if it is known.

    The variance is the square of what ``predict(x, return_std=True)`` gives (Gaussian processes,
    Bayesian ridge and ARD regression), or the population variance of the members' predictions
    (forests, bagging, voting).

    Raises:
        InputError: the regressor predicts several numbers a row, or is not fitted.

    >>> from sklearn.ensemble import RandomForestRegressor
    >>> x, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0.0, 1.0, 2.0, 3.0])
    >>> mean, variance = mean_and_variance(RandomForestRegressor(9, random_state=0).fit(x, y), x)
    >>> mean.shape, bool((variance > 0).all())
    ((4,), True)
    """
    with one_line(estimator):
        return _mean_and_variance(searched(estimator), x)


def _mean_and_variance(estimator: Any, x: Any) -> tuple[FloatArray, FloatArray | None]:
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    if _takes_return_std(last):
        with warnings.catch_warnings():  # such a variance is 0 then, which is what is known
            warnings.filterwarnings("ignore", "Predicted variances smaller than 0")
            mean, std = estimator.predict(x, return_std=True)
        return _numbers(mean, estimator), _numbers(std, estimator) ** 2
    mean = _numbers(estimator.predict(x), estimator)
    members = _members(last)
    if not members:
        return mean, None
    if last is not estimator and len(estimator.steps) > 1:
        x = estimator[:-1].transform(x)
    return mean, _spread(_each_prediction(last, members, x))


def _takes_return_std(estimator: Any) -> bool:
    return "return_std" in inspect.signature(estimator.predict).parameters


def _members(estimator: Any) -> list[Any]:
    """The members of an ensemble whose mean is the prediction: forests, bagging, equal votes."""
    ensemble = optional("sklearn.ensemble", PURPOSE)
    kinds = (
        ensemble.BaggingRegressor,
        ensemble.RandomForestRegressor,
        ensemble.ExtraTreesRegressor,
    )
    is_vote = isinstance(estimator, ensemble.VotingRegressor) and estimator.weights is None
    if not isinstance(estimator, kinds) and not is_vote:
        return []
    members = getattr(estimator, "estimators_", None)
    is_regressor = optional("sklearn.base", PURPOSE).is_regressor
    found = isinstance(members, list) and all(map(is_regressor, members))
    return list(members) if found and members is not None else []


def _each_prediction(ensemble: Any, members: list[Any], x: Any) -> Iterable[FloatArray]:
    subsets = getattr(ensemble, "estimators_features_", None)
    for at, member in enumerate(members):
        rows = x if hasattr(x, "tocsr") or hasattr(member, "feature_names_in_") else np.asarray(x)
        taken = rows if subsets is None else rows[:, subsets[at]]
        yield np.asarray(member.predict(taken), dtype=np.float64).reshape(-1)


def _spread(predictions: Iterable[FloatArray]) -> FloatArray:
    """Population variance over the members, one member after another (Welford's update)."""
    count, mean, squares = 0, np.zeros(1), np.zeros(1)
    for each in predictions:
        count += 1
        change = each - mean
        mean = mean + change / count
        squares = squares + change * (each - mean)
    return squares / max(count, 1)


def _numbers(values: Any, estimator: Any) -> FloatArray:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim == _AXES and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1:
        raise InputError(
            f"{type(estimator).__name__} predicts {found.shape[1]} numbers a row, and regression "
            "is about one; fit it on one column"
        )
    return found


def _pair(probs: Any, values: Any, label: int) -> tuple[FloatArray, FloatArray]:
    """Probabilities that a label does not apply and that it does, of the values that were seen."""
    seen = [int(value) for value in values]
    if not set(seen) <= {0, 1}:
        raise InputError(
            f"output {label} of the classifier has the classes {list(values)}; labels of several "
            "classes are 0 and 1"
        )
    columns = np.asarray(probs, dtype=np.float64)
    both = np.zeros((len(columns), 2))
    both[:, seen] = columns
    return both[:, 0], both[:, 1]


@contextmanager
def one_line(estimator: Any) -> Iterator[None]:
    """Turn what an estimator raises about itself or the rows into one line.

    Raises:
        InputError: it is not fitted, or cannot take the rows.
    """
    not_fitted = optional("sklearn.exceptions", PURPOSE).NotFittedError
    try:
        yield
    except UweError:
        raise
    except not_fitted as error:
        raise InputError(f"{type(estimator).__name__} is not fitted; call its fit first") from error
    except MemoryError:
        raise
    except Exception as error:  # estimators raise errors of many kinds about rows
        raise InputError(
            f"{type(estimator).__name__} cannot predict the rows: {reason_of(error)}"
        ) from error
