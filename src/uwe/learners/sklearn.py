"""Classifiers of scikit-learn as learners: their probabilities and their features."""

from __future__ import annotations

import logging
import re
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from uwe._json import json_value
from uwe._optional import optional
from uwe._types import FloatArray, Labels, Progress
from uwe.data import ImageRows
from uwe.errors import InputError, RunError, UweError
from uwe.learners.estimators import PREFIX, PURPOSE, Search, make_estimator
from uwe.predictions import Predictions

__all__ = [
    "PREFIX",
    "SklearnLearner",
    "class_probabilities",
    "features_of",
    "is_estimator",
    "sklearn_learner",
]

_COMPONENTS = 256
_SVD_SEED = 0
_LEAST = float(np.finfo(np.float32).tiny)
_KEPT = 4  # the pool and the test rows, and two more
_FOLDS = 5

log = logging.getLogger("uwe")


@dataclass(frozen=True)
class _Trained:
    """A fitted classifier.

    Attributes:
        estimator: the fitted estimator itself, whose steps give the features.
        probabilities: rows to probabilities ``[n, len(seen)]``.
        seen: classes that were labelled, rising.
        classes: number of classes.
    """

    estimator: Any
    probabilities: Callable[[Any], FloatArray]
    seen: Labels
    classes: int


class _Reduced:
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

    def __reduce__(self) -> tuple[type[_Reduced], tuple[()]]:
        return _Reduced, ()


@dataclass(frozen=True)
class SklearnLearner:
    """A classifier of scikit-learn, trained anew in every cycle.

    Features are the rows themselves, or the output of a pipeline's last step but one. Sparse
    features are reduced by a truncated SVD of 256 components with a fixed seed. If all labels are
    of one class, the model predicts that class. A classifier without ``predict_proba`` is
    calibrated: a sigmoid is fitted to its decisions in cross-validation on the labelled rows, of 5
    folds or as many as the smallest class has rows. If a class has one row only, the
    probabilities are the softmax of the decisions.

    Attributes:
        estimator: a classifier or pipeline. It is cloned, never fitted itself; its random states
            follow the run's seed.
        name: name for files and records; by default that of the class.
        search: a parameter that is chosen at each training, or None.

    Raises:
        InputError: the estimator is no classifier, or has no probabilities and no decisions.

    >>> from sklearn.naive_bayes import GaussianNB
    >>> learner = SklearnLearner(GaussianNB())
    >>> x, y = np.array([[0.0], [1.0], [5.0], [6.0]]), np.array([0, 0, 1, 1])
    >>> learner.predict(learner.fit(x, y, classes=2, seed=1), x).predicted().tolist()
    [0, 0, 1, 1]
    """

    estimator: Any
    name: str = ""
    search: Search | None = None
    _reduced: _Reduced = field(default_factory=_Reduced, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", type(self.estimator).__name__)
        if not optional("sklearn.base", PURPOSE).is_classifier(self.estimator):
            raise InputError(
                f"{type(self.estimator).__name__} is not a classifier of scikit-learn; choose a "
                "class such as sklearn.svm.SVC"
            )
        if not _has_probabilities(self.estimator):
            _require_decisions(self.estimator)

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that can change a prediction, as it stands in records."""
        more: dict[str, Any] = {}
        if not _has_probabilities(self.estimator):
            more["probabilities"] = (
                f"sigmoid of the decisions, fitted in {_FOLDS}-fold cross-validation; softmax of "
                "the decisions if a class has one row"
            )
        if self.search is not None:
            more.update(self.search.settings)
        own = {
            **_described(self.estimator),
            "features": f"sparse: truncated SVD, {_COMPONENTS} components, seed {_SVD_SEED}",
            **more,
        }
        return {"model": self.name, **{f"learner's {key}": value for key, value in own.items()}}

    def fit(
        self, x: Any, y: Labels, *, classes: int, seed: int, progress: Progress | None = None
    ) -> _Trained:
        """Train a clone on ``x`` and ``y``.

        Raises:
            RunError: scikit-learn cannot train on these rows.
        """
        del progress
        x = x[:] if isinstance(x, ImageRows) else x
        seen = np.unique(y)
        if len(seen) == 1:
            log.warning("all %d labels are of one class; the model predicts that class", len(y))
            return _Trained(self.estimator, lambda rows: np.ones((rows.shape[0], 1)), seen, classes)
        with _one_line(f"{self.name} cannot be trained on {len(y)} labelled rows"):
            estimator = self._seeded(x, y, seed)
            if _has_probabilities(estimator):
                fitted = estimator.fit(x, y)
                return _Trained(fitted, fitted.predict_proba, seen, classes)
            return self._calibrated(estimator, x, y, classes=classes, seed=seed)

    def predict(self, model: _Trained, x: Any, *, progress: Progress | None = None) -> Predictions:
        """Logarithms of the class probabilities, and the features.

        Raises:
            RunError: scikit-learn cannot predict these rows.
        """
        del progress
        probs = np.full((x.shape[0], model.classes), 0.0)
        with _one_line(f"{self.name} cannot predict {x.shape[0]} rows"):
            probs[:, model.seen] = model.probabilities(x)
        logits = torch.from_numpy(np.log(np.maximum(probs, _LEAST))).float()
        if len(model.seen) > 1 and hasattr(model.estimator, "steps"):
            features, _ = features_of(model.estimator, x)
        else:
            features = self._reduced.of(x)
        return Predictions(logits, features)

    def _seeded(self, x: Any, y: Labels, seed: int) -> Any:
        """A clone whose random states follow ``seed``, with the searched parameter set."""
        estimator = optional("sklearn.base", PURPOSE).clone(self.estimator)
        random = {
            name: seed % 2**32
            for name in estimator.get_params()
            if name.rpartition("__")[2] == "random_state"
        }
        estimator.set_params(**random)
        if self.search is not None:
            value = self.search.chosen(estimator, x, y, seed=seed % 2**32)
            estimator.set_params(**{self.search.parameter: value})
            log.info("%s: %s is %g", self.name, self.search.parameter, value)
        return estimator

    def _calibrated(
        self, estimator: Any, x: Any, y: Labels, *, classes: int, seed: int
    ) -> _Trained:
        seen, counts = np.unique(y, return_counts=True)
        if counts.min() == 1:
            log.warning(
                "%s: class %d has one labelled row, so the probabilities are not calibrated; they "
                "are the softmax of the decisions",
                self.name, seen[counts.argmin()],
            )  # fmt: skip
            fitted = estimator.fit(x, y)
            return _Trained(fitted, lambda rows: _softmax_of_decisions(fitted, rows), seen, classes)
        folds = optional("sklearn.model_selection", PURPOSE).StratifiedKFold(
            min(_FOLDS, int(counts.min())), shuffle=True, random_state=seed % 2**32
        )
        calibration = optional("sklearn.calibration", PURPOSE)
        calibrated = calibration.CalibratedClassifierCV(estimator, ensemble=False, cv=folds)
        calibrated.fit(x, y)
        fitted = calibrated.calibrated_classifiers_[0].estimator
        return _Trained(fitted, calibrated.predict_proba, seen, classes)


def is_estimator(value: Any) -> bool:
    """Whether ``value`` is an estimator of scikit-learn; scikit-learn is not imported."""
    return not isinstance(value, type) and all(
        callable(getattr(value, method, None)) for method in ("fit", "get_params", "set_params")
    )


def class_probabilities(estimator: Any, x: Any) -> Any:
    """``predict_proba``, or an error that says what to do.

    Raises:
        InputError: the estimator has none, or is not fitted.
    """
    if not _has_probabilities(estimator):
        raise InputError(
            f"{type(estimator).__name__} has no predict_proba; wrap it in scikit-learn's "
            "CalibratedClassifierCV, or choose a strategy that needs no probabilities"
        )
    try:
        return estimator.predict_proba(x)
    except optional("sklearn.exceptions", PURPOSE).NotFittedError as error:
        raise InputError(f"{type(estimator).__name__} is not fitted; call its fit first") from error


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


def sklearn_learner(model: str, x: Any, options: Mapping[str, Any] | None = None) -> SklearnLearner:
    """The learner of that name for rows like ``x``.

    Args:
        model: a name as in `make_estimator`.
        x: the rows; they may be sparse.
        options: parameters of the class.

    Raises:
        InputError: the name or a parameter is not known, or the class takes no sparse rows.

    >>> sklearn_learner("sklearn:logistic", np.ones((2, 3))).name
    'sklearn:logistic'
    """
    sparse = hasattr(x, "tocsr")
    estimator, search = make_estimator(model, options or {}, sparse=sparse)
    if sparse and not _takes_sparse_rows(estimator):
        raise InputError(
            f"{model} takes no sparse rows, which texts become; choose another classifier, such as "
            "sklearn:logistic"
        )
    return SklearnLearner(estimator, model, search)


def _takes_sparse_rows(estimator: Any) -> bool:
    """What the estimator's tags say; scikit-learn has them since version 1.6."""
    get_tags = getattr(optional("sklearn.utils", PURPOSE), "get_tags", None)
    return get_tags is None or bool(get_tags(estimator).input_tags.sparse)


def _has_probabilities(estimator: Any) -> bool:
    return hasattr(estimator, "predict_proba")


def _require_decisions(estimator: Any) -> None:
    if not hasattr(estimator, "decision_function"):
        raise InputError(
            f"{type(estimator).__name__} has neither predict_proba nor decision_function, so its "
            "uncertainty is not known; choose another classifier"
        )


def _softmax_of_decisions(estimator: Any, x: Any) -> FloatArray:
    decisions = np.asarray(estimator.decision_function(x), dtype=np.float64)
    if decisions.ndim == 1:
        decisions = np.column_stack([np.zeros_like(decisions), decisions])
    odds = np.exp(decisions - decisions.max(1, keepdims=True))
    probs: FloatArray = odds / odds.sum(1, keepdims=True)
    return probs


def _described(estimator: Any) -> dict[str, Any]:
    """An estimator in a record: as it is printed, and its parameters where that leaves some out."""
    shown = " ".join(repr(estimator).split())
    plain = re.sub(r" at 0x[0-9a-f]+", "", shown)
    if "..." not in shown and plain == shown:
        return {"estimator": shown}
    return {"estimator": plain, "parameters": json_value(_parameters_of(estimator))}


def _parameters_of(estimator: Any) -> dict[str, Any]:
    """All parameters, those of inner estimators by their own keys."""
    found = estimator.get_params(deep=True).items()
    return {name: value for name, value in found if not hasattr(value, "get_params")}


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    """Turn errors about the rows into one line."""
    try:
        yield
    except UweError:
        raise
    except Exception as error:  # estimators raise errors of many kinds about rows
        raise RunError(f"{what}: {' '.join(str(error).split())}") from error


def _dense(x: Any) -> tuple[torch.Tensor, str]:
    """Rows as a tensor; sparse ones are reduced."""
    if not hasattr(x, "tocsr"):
        return _as_features(np.asarray(x)), ""
    components = min(_COMPONENTS, min(x.shape) - 1)
    if components < 1:
        return _as_features(x.toarray()), ""
    svd = optional("sklearn.decomposition", PURPOSE).TruncatedSVD(
        components, random_state=_SVD_SEED
    )
    how = f", truncated SVD of {components} components, seed {_SVD_SEED}"
    return _as_features(svd.fit_transform(x)), how


def _as_features(array: np.ndarray[Any, Any]) -> torch.Tensor:
    if array.dtype.kind not in "biuf" or array.ndim != 2:
        raise InputError(
            f"the estimator's rows are {array.dtype} {array.shape}, not numbers [n, d]; put it "
            "into a pipeline behind a step that turns them into numbers"
        )
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
