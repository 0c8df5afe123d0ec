"""Estimators of scikit-learn as learners: what they predict, and their features."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from uwe._json import json_value
from uwe._optional import optional
from uwe._types import FloatArray, Progress
from uwe.data import ImageRows
from uwe.errors import InputError, from_user, place_in_user_code, told_of
from uwe.learners.estimated import has_probabilities, takes_several_labels
from uwe.learners.estimators import PREFIX, PURPOSE, Search, make_estimator, require_kind
from uwe.learners.fitted import (
    OfClasses,
    OfLabels,
    OfNumbers,
    classes_of,
    of_several_labels,
    softmax_of_decisions,
    wants_columns,
)
from uwe.learners.inside import fitted_inside, has_inner_steps
from uwe.learners.protocol import Targets
from uwe.learners.row_features import COMPONENTS, SVD_SEED, Reduced, features_of
from uwe.predictions import Predictions
from uwe.tasks import Task

__all__ = [
    "PREFIX",
    "SklearnLearner",
    "is_estimator",
    "sklearn_learner",
]

_FOLDS = 5

log = logging.getLogger("uwe")


@dataclass(frozen=True)
class _Trained:
    """A fitted estimator.

    Attributes:
        estimator: the fitted estimator itself, whose steps give the features.
        outputs: rows to the task's outputs.
        is_fitted: False where all labels were equal, and nothing was fitted.
    """

    estimator: Any
    outputs: Callable[[Any], Mapping[str, FloatArray]]
    is_fitted: bool = True


@dataclass(frozen=True)
class SklearnLearner:
    """A classifier or regressor of scikit-learn, trained anew in every cycle.

    Features are the rows themselves, or the output of a pipeline's last step but one. Sparse
    features are reduced by a truncated SVD of 256 components with a fixed seed.

    Classification: if all labels are of one class, the model predicts that class. A classifier
    without ``predict_proba`` is calibrated: a sigmoid is fitted to its decisions in
    cross-validation on the labelled rows, of 5 folds or as many as the smallest class has rows. If
    a class has one row only, the probabilities are the softmax of the decisions.

    Multi-label: a classifier that takes several labels a row is fitted on them; any other one is
    wrapped in ``OneVsRestClassifier``. A label that is the same in all rows is predicted as it is.
    Without ``predict_proba`` the logits are the decisions.

    Regression: the variance is what ``predict(x, return_std=True)`` gives, or that of an
    ensemble's members; otherwise it is not known.

    Attributes:
        estimator: a classifier, a regressor, or a pipeline. It is cloned, never fitted itself; its
            random states follow the run's seed.
        name: name for files and records; by default that of the class.
        search: a parameter that is chosen at each training, or None.
        task: what is learnt; None is classification, or regression for a regressor. `fit` is told
            the task anyway; this one is for the settings.

    Raises:
        InputError: the estimator is neither a classifier nor a regressor, does not serve the task,
            or has no probabilities and no decisions.

    >>> from sklearn.naive_bayes import GaussianNB
    >>> from uwe.tasks import classification
    >>> learner, task = SklearnLearner(GaussianNB()), classification(2)
    >>> x, y = np.array([[0.0], [1.0], [5.0], [6.0]]), np.array([0, 0, 1, 1])
    >>> learner.predict(learner.fit(x, y, task=task, seed=1), x).predicted().tolist()
    [0, 0, 1, 1]
    """

    estimator: Any
    name: str = ""
    search: Search | None = None
    task: Task | None = None
    _reduced: Reduced = field(default_factory=Reduced, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", type(self.estimator).__name__)
        require_kind(self.estimator, self.name, None if self.task is None else self.task.name)
        if not self._is_regressor and not has_probabilities(self.estimator):
            _require_decisions(self.estimator)

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that can change a prediction, as it stands in records."""
        name = "classification" if self.task is None else self.task.name
        kind = "regression" if self._is_regressor else name
        own = {
            **_described(self.estimator),
            "features": _source_of_features(self.estimator),
            **_OWN_SETTINGS.get(kind, _no_settings)(self),
        }
        return {"model": self.name, **{f"learner's {key}": value for key, value in own.items()}}

    def fit(
        self, x: Any, y: Targets, *, task: Task, seed: int, progress: Progress | None = None
    ) -> _Trained:
        """Train a clone on ``x`` and ``y``.

        Raises:
            InputError: the estimator does not serve the task.
            RunError: scikit-learn cannot train on these rows.
        """
        del progress
        x = x[:] if isinstance(x, ImageRows) else x
        require_kind(self.estimator, self.name, task.name)
        output = next(iter(task.outputs))
        if output not in _FITS:
            raise InputError(
                f"{self.name} gives {', '.join(_FITS)}; task {task.name} needs {output}"
            )
        with (
            _one_line(f"{self.name} cannot be trained on {len(y)} labelled rows"),
            _logged_convergence(self.name),
        ):
            return _FITS[output](self, x, y, task, seed)

    def predict(self, model: _Trained, x: Any, *, progress: Progress | None = None) -> Predictions:
        """The task's outputs, and the features; None where the rows are no finite numbers.

        Float64 stays float64.

        Raises:
            RunError: scikit-learn cannot predict these rows, or gives no numbers.
        """
        del progress
        with _one_line(f"{self.name} cannot predict {x.shape[0]} rows"):
            found = model.outputs(x)
        outputs = {name: torch.from_numpy(values) for name, values in found.items()}
        return Predictions(outputs=outputs, features=self._features(model, x))

    def _features(self, model: _Trained, x: Any) -> torch.Tensor | None:
        """The features; None, with a word in the log, where there are none."""
        try:
            if model.is_fitted and _is_composed(model.estimator):
                with _one_line(f"{self.name} cannot transform {x.shape[0]} rows"):
                    return features_of(model.estimator, x)[0]
            return self._reduced.of(x)
        except InputError as error:
            log.warning("%s gives no features: %s", self.name, error)
            return None

    @property
    def _is_regressor(self) -> bool:
        return bool(optional("sklearn.base", PURPOSE).is_regressor(self.estimator))

    def _fit_classes(self, x: Any, y: Targets, task: Task, seed: int) -> _Trained:
        seen = np.unique(y)
        if len(seen) == 1:
            log.warning("all %d labels are of one class; the model predicts that class", len(y))
            only = OfClasses(lambda rows: np.ones((rows.shape[0], 1)), seen, task.width, self.name)
            return _Trained(self.estimator, only, is_fitted=False)
        estimator = self._seeded(x, y, seed)
        if has_probabilities(estimator):
            fitted = estimator.fit(x, y)
            classes = classes_of(fitted, seen)
            return _Trained(fitted, OfClasses(fitted.predict_proba, classes, task.width, self.name))
        return self._calibrated(estimator, x, y, classes=task.width, seed=seed)

    def _fit_labels(self, x: Any, y: Targets, task: Task, seed: int) -> _Trained:
        del task
        constant = np.asarray(y.mean(0), dtype=np.float64)
        varied = np.flatnonzero((constant > 0) & (constant < 1))
        if len(varied) < y.shape[1]:
            log.info("%d labels are the same in all %d rows", y.shape[1] - len(varied), len(y))
        if not len(varied):
            return _Trained(self.estimator, OfLabels(None, varied, constant), is_fitted=False)
        own = self.estimator
        if self._fixed:
            own = optional("sklearn.base", PURPOSE).clone(own).set_params(**self._fixed)
        several = replace(self, estimator=of_several_labels(own), search=None, task=None)
        estimator = several._seeded(x, y, seed)
        flags = np.asarray(y[:, varied], dtype=np.int64)
        fitted = estimator.fit(x, flags if wants_columns(estimator, len(varied)) else flags[:, 0])
        return _Trained(fitted, OfLabels(fitted, varied, constant))

    @property
    def _fixed(self) -> dict[str, Any]:
        """The searched parameter with several labels a row, of which no class can be left out."""
        return {} if self.search is None else {self.search.parameter: self.search.otherwise}

    def _fit_numbers(self, x: Any, y: Targets, task: Task, seed: int) -> _Trained:
        del task
        fitted = self._seeded(x, y, seed).fit(x, y)
        return _Trained(fitted, OfNumbers(fitted))

    def _seeded(self, x: Any, y: Targets, seed: int) -> Any:
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
        self, estimator: Any, x: Any, y: Targets, *, classes: int, seed: int
    ) -> _Trained:
        seen, counts = np.unique(y, return_counts=True)
        if counts.min() == 1:
            log.warning(
                "%s: class %d has one labelled row, so the probabilities are not calibrated; they "
                "are the softmax of the decisions",
                self.name, seen[counts.argmin()],
            )  # fmt: skip
            fitted = estimator.fit(x, y)
            return _Trained(
                fitted,
                OfClasses(
                    lambda rows: softmax_of_decisions(fitted, rows),
                    classes_of(fitted, seen), classes, self.name,
                ),
            )  # fmt: skip
        folds = optional("sklearn.model_selection", PURPOSE).StratifiedKFold(
            min(_FOLDS, int(counts.min())), shuffle=True, random_state=seed % 2**32
        )
        calibration = optional("sklearn.calibration", PURPOSE)
        calibrated = calibration.CalibratedClassifierCV(estimator, ensemble=False, cv=folds)
        calibrated.fit(x, y)
        fitted = calibrated.calibrated_classifiers_[0].estimator
        return _Trained(fitted, OfClasses(calibrated.predict_proba, seen, classes, self.name))


def _source_of_features(estimator: Any) -> str:
    reduced = f"sparse: truncated SVD, {COMPONENTS} components, seed {SVD_SEED}"
    return f"of the pipeline inside; {reduced}" if has_inner_steps(estimator) else reduced


def _is_composed(estimator: Any) -> bool:
    """Whether its features are not the rows themselves: a pipeline, or one in a search."""
    return hasattr(fitted_inside(estimator)[0], "steps")


def is_estimator(value: Any) -> bool:
    """Whether ``value`` is an estimator of scikit-learn; scikit-learn is not imported."""
    return not isinstance(value, type) and all(
        callable(getattr(value, method, None)) for method in ("fit", "get_params", "set_params")
    )


def sklearn_learner(
    model: str, x: Any, options: Mapping[str, Any] | None = None, *, task: Task | None = None
) -> SklearnLearner:
    """The learner of that name for rows like ``x``.

    Args:
        model: a name as in `make_estimator`.
        x: the rows; they may be sparse.
        options: parameters of the class.
        task: what is learnt; None is classification.

    Raises:
        InputError: the name or a parameter is not known, the class does not serve the task, or it
            takes no sparse rows.

    >>> sklearn_learner("sklearn:logistic", np.ones((2, 3))).name
    'sklearn:logistic'
    """
    sparse = hasattr(x, "tocsr")
    kind = "classification" if task is None else task.name
    estimator, search = make_estimator(model, options or {}, sparse=sparse, task=kind)
    if sparse and not _takes_sparse_rows(estimator):
        other = "forest" if kind == "regression" else "logistic"
        raise InputError(
            f"{model} takes no sparse rows, which texts become; choose another model, such as "
            f"{PREFIX}{other}"
        )
    return SklearnLearner(estimator, model, search, task)


def _takes_sparse_rows(estimator: Any) -> bool:
    """What the estimator's tags say; scikit-learn has them since version 1.6."""
    get_tags = getattr(optional("sklearn.utils", PURPOSE), "get_tags", None)
    return get_tags is None or bool(get_tags(estimator).input_tags.sparse)


def _no_settings(learner: SklearnLearner) -> dict[str, Any]:
    del learner
    return {}


def _settings_of_classes(learner: SklearnLearner) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if not has_probabilities(learner.estimator):
        more["probabilities"] = (
            f"sigmoid of the decisions, fitted in {_FOLDS}-fold cross-validation; softmax of "
            "the decisions if a class has one row"
        )
    if learner.search is not None:
        more.update(learner.search.settings)
    return more


def _settings_of_labels(learner: SklearnLearner) -> dict[str, Any]:
    more: dict[str, Any] = {"labels": "as they are"}
    if not takes_several_labels(learner.estimator):
        more["labels"] = "OneVsRestClassifier: one classifier for each label"
    if not has_probabilities(of_several_labels(learner.estimator)):
        more["probabilities"] = "sigmoid of the decisions"
    return {**more, **learner._fixed}


_OWN_SETTINGS: dict[str, Callable[[SklearnLearner], dict[str, Any]]] = {
    "classification": _settings_of_classes,
    "multilabel": _settings_of_labels,
}
_FITS: dict[str, Callable[[SklearnLearner, Any, Targets, Task, int], _Trained]] = {
    "logits": SklearnLearner._fit_classes,
    "binary_logits": SklearnLearner._fit_labels,
    "mean": SklearnLearner._fit_numbers,
}
"""How an estimator is trained, by the first output of the task."""


def _require_decisions(estimator: Any) -> None:
    if not hasattr(estimator, "decision_function"):
        raise InputError(
            f"{type(estimator).__name__} has neither predict_proba nor decision_function, so its "
            "uncertainty is not known; choose another classifier"
        )


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


def _one_line(what: str) -> from_user:
    """Turn errors about the rows into one line."""
    return from_user(what, tell=_told)


def _told(error: BaseException) -> str:
    """The text of what an estimator says about rows; of another error also its type and place."""
    of_rows = type(error) is ValueError and place_in_user_code(error) is None
    text = " ".join(str(error).split()) if of_rows else ""
    return f": {text or told_of(error)}"


@contextmanager
def _logged_convergence(name: str) -> Iterator[None]:
    """Log that an optimiser did not converge; other warnings are passed on."""
    category = optional("sklearn.exceptions", PURPOSE).ConvergenceWarning
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", category)
        yield
    stopped = [each for each in caught if issubclass(each.category, category)]
    if stopped:
        first = " ".join(str(stopped[0].message).split())
        log.warning("%s did not converge; warnings: %d, the first: %s", name, len(stopped), first)
    for each in caught:
        if not issubclass(each.category, category):
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
