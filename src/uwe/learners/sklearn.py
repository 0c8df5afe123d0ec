"""Classifiers of scikit-learn as learners, and what their predictions and features are."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from uwe._optional import optional
from uwe._types import Labels
from uwe.errors import InputError, require_known
from uwe.predictions import Predictions

__all__ = [
    "PREFIX",
    "SklearnLearner",
    "class_probabilities",
    "features_of",
    "sklearn_learner",
]

PREFIX = "sklearn:"
_PURPOSE = "a classifier of scikit-learn"
_COMPONENTS = 256
_SVD_SEED = 0
_LEAST = float(np.finfo(np.float32).tiny)
_KEPT = 4  # reductions of sparse matrices that are remembered: pool and test rows, and to spare

log = logging.getLogger("uwe")


@dataclass(frozen=True)
class _Trained:
    estimator: Any
    classes: int


@dataclass(frozen=True)
class SklearnLearner:
    """A classifier of scikit-learn with ``predict_proba``, trained anew in every cycle.

    Features are the rows themselves, or what a pipeline's last step but one gives; sparse ones go
    through a truncated SVD of 256 components with a fixed seed. A model of labels that are all of
    one class says that class.

    Attributes:
        estimator: is cloned, never fitted itself; its random states follow the run's seed.
        name: for file names.

    >>> from sklearn.naive_bayes import GaussianNB
    >>> learner = SklearnLearner(GaussianNB())
    >>> x, y = np.array([[0.0], [1.0], [5.0], [6.0]]), np.array([0, 0, 1, 1])
    >>> learner.predict(learner.fit(x, y, classes=2, seed=1), x).predicted().tolist()
    [0, 0, 1, 1]
    """

    estimator: Any
    name: str = ""
    reduced: dict[int, tuple[Any, Any]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", type(self.estimator).__name__)

    @property
    def settings(self) -> Mapping[str, Any]:
        """What can change a prediction, for the record."""
        return {
            "estimator": " ".join(repr(self.estimator).split()),
            "features": f"sparse: truncated SVD, {_COMPONENTS} components, seed {_SVD_SEED}",
        }

    def fit(self, x: Any, y: Labels, *, classes: int, seed: int) -> _Trained:
        """Train a clone on ``x`` and ``y``."""
        base = optional("sklearn.base", _PURPOSE)
        if len(np.unique(y)) == 1:
            log.warning("all %d labels are of one class; the model says nothing else", len(y))
            dummy = optional("sklearn.dummy", _PURPOSE).DummyClassifier(strategy="prior")
            return _Trained(dummy.fit(np.zeros((len(y), 1)), y), classes)
        estimator = base.clone(self.estimator)
        random = {
            name: seed % 2**32
            for name in estimator.get_params()
            if name.rpartition("__")[2] == "random_state"
        }
        return _Trained(estimator.set_params(**random).fit(x, y), classes)

    def predict(self, model: _Trained, x: Any) -> Predictions:
        """Logarithms of the class probabilities, and the features."""
        probs = np.full((x.shape[0], model.classes), 0.0)
        probs[:, model.estimator.classes_.astype(np.int64)] = _probabilities(model.estimator, x)
        logits = torch.from_numpy(np.log(np.maximum(probs, _LEAST))).float()
        if hasattr(model.estimator, "steps"):
            features, _ = features_of(model.estimator, x)
        else:
            features = self._once(x)
        return Predictions(logits, features)

    def _once(self, x: Any) -> torch.Tensor:
        """The features of rows that no step changes: reduced at the first call only."""
        there = self.reduced.get(id(x))
        if there is None or there[0] is not x:
            if len(self.reduced) >= _KEPT:
                self.reduced.clear()
            there = self.reduced[id(x)] = (x, _dense(x)[0])
        features: torch.Tensor = there[1]
        return features


def _probabilities(estimator: Any, x: Any) -> Any:
    """A dummy looks at the number of rows alone."""
    dummy = type(estimator).__name__ == "DummyClassifier"
    return estimator.predict_proba(np.zeros((x.shape[0], 1)) if dummy else x)


def class_probabilities(estimator: Any, x: Any) -> Any:
    """``predict_proba``, or an error that says what to do.

    Raises:
        InputError: the estimator has none, or is not fitted.
    """
    if not hasattr(estimator, "predict_proba"):
        raise InputError(
            f"{type(estimator).__name__} has no predict_proba; wrap it in scikit-learn's "
            "CalibratedClassifierCV, or choose a strategy that needs no probabilities"
        )
    try:
        return estimator.predict_proba(x)
    except optional("sklearn.exceptions", _PURPOSE).NotFittedError as error:
        raise InputError(f"{type(estimator).__name__} is not fitted; call its fit first") from error


def features_of(estimator: Any, x: Any) -> tuple[torch.Tensor, str]:
    """Features of the rows ``x`` in float, and a word on where they come from.

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
    """Rows as a tensor; sparse ones reduced."""
    if not hasattr(x, "tocsr"):
        return _as_features(np.asarray(x)), ""
    components = min(_COMPONENTS, min(x.shape) - 1)
    if components < 1:
        return _as_features(x.toarray()), ""
    svd = optional("sklearn.decomposition", _PURPOSE).TruncatedSVD(
        components, random_state=_SVD_SEED
    )
    how = f", truncated SVD of {components} components, seed {_SVD_SEED}"
    return _as_features(svd.fit_transform(x)), how


def _as_features(array: np.ndarray[Any, Any]) -> torch.Tensor:
    if array.dtype.kind not in "biuf" or array.ndim != 2:
        raise InputError(
            f"the estimator's rows are {array.dtype} {array.shape}, not numbers [n, d]; put it "
            "into a pipeline behind a step that makes numbers of them"
        )
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def sklearn_learner(model: str, x: Any) -> SklearnLearner:
    """The learner of that name for rows like ``x``.

    Raises:
        InputError: the name is not known.

    >>> sklearn_learner("sklearn:logistic", np.ones((2, 3))).name
    'sklearn:logistic'
    """
    name = require_known(model.removeprefix(PREFIX), ESTIMATORS, "model of scikit-learn")
    return SklearnLearner(ESTIMATORS[name](hasattr(x, "tocsr")), name=f"{PREFIX}{name}")


def _logistic(sparse: bool) -> Any:
    linear = optional("sklearn.linear_model", _PURPOSE).LogisticRegression(max_iter=1000)
    return linear if sparse else _scaled(linear)


def _forest(sparse: bool) -> Any:
    del sparse
    return optional("sklearn.ensemble", _PURPOSE).RandomForestClassifier(300)


def _scaled(estimator: Any) -> Any:
    scaler = optional("sklearn.preprocessing", _PURPOSE).StandardScaler()
    return optional("sklearn.pipeline", _PURPOSE).make_pipeline(scaler, estimator)


ESTIMATORS: dict[str, Callable[[bool], Any]] = {"logistic": _logistic, "forest": _forest}
"""What can be trained by name, for sparse or dense rows."""
