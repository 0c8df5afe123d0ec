"""Estimators of scikit-learn by name, with parameters from text; torch is not imported."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from uwe._optional import optional
from uwe._settings import value_of
from uwe._types import Labels
from uwe.errors import InputError, require_known

__all__ = [
    "PREFIX",
    "PURPOSE",
    "Search",
    "check_estimator_name",
    "estimator_names",
    "make_estimator",
    "require_kind",
]

PREFIX = "sklearn:"
PURPOSE = "a model of scikit-learn"
_DEPRECATED = "deprecated"


@dataclass(frozen=True)
class Search:
    """A parameter that is chosen anew at each training, by cross-validation of the log loss.

    Classes with a single labelled row take no part in the choice.

    Attributes:
        parameter: name of the parameter.
        values: candidates, rising.
        folds: number of folds; fewer if the smallest class has fewer rows.
        otherwise: value if fewer than two classes have two rows.
    """

    parameter: str
    values: tuple[float, ...]
    folds: int
    otherwise: float

    @property
    def settings(self) -> Mapping[str, Any]:
        """The search for the record of a run."""
        values = ", ".join(f"{value:g}" for value in self.values)
        return {
            self.parameter: f"one of {values} by {self.folds}-fold cross-validation of the log "
            f"loss on the labelled rows; {self.otherwise:g} if these are too few"
        }

    def chosen(self, estimator: Any, x: Any, y: Labels, *, seed: int) -> float:
        """The value with the smallest log loss; the folds follow ``seed``."""
        counts = np.bincount(y)
        kept = np.flatnonzero(counts[y] > 1)
        folds = int(min(self.folds, *counts[counts > 1])) if len(kept) else 0
        if len(np.unique(y[kept])) < 2:
            return self.otherwise
        selection = optional("sklearn.model_selection", PURPOSE)
        search = selection.GridSearchCV(
            estimator,
            {self.parameter: list(self.values)},
            scoring="neg_log_loss",
            cv=selection.StratifiedKFold(folds, shuffle=True, random_state=seed),
            refit=False,
        )
        best: float = search.fit(x[kept], y[kept]).best_params_[self.parameter]
        return best


@dataclass(frozen=True)
class _Short:
    """What a short name stands for, in some tasks.

    Attributes:
        path: module and class below ``sklearn``.
        parameters: parameters that differ from scikit-learn's defaults.
        scaled: whether dense rows are scaled first.
        search: a parameter that is chosen for sparse rows, unless the user gives it.
    """

    path: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    scaled: bool = False
    search: Search | None = None


_TREES = {"n_estimators": 300}
_LOGISTIC = _Short(
    "linear_model.LogisticRegression",
    {"max_iter": 1000},
    scaled=True,
    search=Search("C", (1, 3, 10, 30, 100, 300, 1000), folds=3, otherwise=100),
)
_SHORT: dict[str, Mapping[str, _Short]] = {
    "logistic": {"classifier": _LOGISTIC},
    "forest": {
        "classifier": _Short("ensemble.RandomForestClassifier", _TREES),
        "regressor": _Short("ensemble.RandomForestRegressor", _TREES),
    },
    "ridge": {"regressor": _Short("linear_model.BayesianRidge", scaled=True)},
}
"""Short names: what they stand for, by the kind of estimator."""

_LINES = {
    "logistic": "logistic regression; for texts its C is chosen by cross-validation",
    "forest": "random forest of 300 trees, of classes or numbers",
    "ridge": "Bayesian ridge regression of scaled rows, for numbers",
}
_ANY_CLASS = "svm.SVC"
_WITHOUT_ESTIMATORS = {"conftest", "datasets", "experimental", "externals", "tests", "utils"}
_REGRESSION = "regression"
_KINDS = {"classifier": "ClassifierMixin", "regressor": "RegressorMixin"}
_CHOICES = {
    "classifier": f"{PREFIX}logistic or {PREFIX}forest",
    "regressor": f"{PREFIX}forest or {PREFIX}ridge",
}


def estimator_names() -> dict[str, str]:
    """Names for ``--model`` and a line about each.

    >>> list(estimator_names())
    ['sklearn:logistic', 'sklearn:forest', 'sklearn:ridge', 'sklearn:svm.SVC']
    """
    return {
        **{f"{PREFIX}{name}": line for name, line in _LINES.items()},
        f"{PREFIX}{_ANY_CLASS}": "this class, or any other classifier or regressor of scikit-learn",
    }


def check_estimator_name(
    model: str, options: Mapping[str, Any], *, task: str | None = None
) -> None:
    """Check an estimator's name and parameters without data.

    Args:
        model: as in `make_estimator`.
        options: parameters of the class.
        task: name of the task; None while it is not known: then a name of any kind is accepted,
            and a parameter that one kind of the name takes.

    Raises:
        InputError: the module, class or a parameter is unknown, or the class does not serve the
            task.
    """
    kinds: list[str | None] = []
    if task is None:
        kinds.extend(_SHORT.get(model.removeprefix(PREFIX), {}))
    first: InputError | None = None
    for kind in kinds or [None]:
        try:
            _estimator(model, options, sparse=False, kind=kind or _kind_for(task), task=task)
        except InputError as error:
            first = first or error
        else:
            return
    assert first is not None
    raise first


def make_estimator(
    model: str, options: Mapping[str, Any], *, sparse: bool, task: str = "classification"
) -> tuple[Any, Search | None]:
    """The estimator of that name for dense or sparse rows, and a parameter to search.

    Args:
        model: ``sklearn:logistic``, ``sklearn:forest``, ``sklearn:ridge``, or
            ``sklearn:module.Class``.
        options: parameters of the class; texts are parsed.
        sparse: whether the rows are sparse.
        task: name of the task.

    Raises:
        InputError: the module, class or a parameter is unknown, or the class does not serve the
            task.

    >>> make_estimator("sklearn:svm.SVC", {"C": "10"}, sparse=False)
    (SVC(C=10), None)
    """
    return _estimator(model, options, sparse=sparse, kind=_kind_for(task), task=task)


def require_kind(estimator: Any, name: str, task: str | None) -> None:
    """Refuse a regressor where classes are learnt, and a classifier where numbers are.

    Args:
        estimator: of scikit-learn.
        name: of the model, for the message.
        task: name of the task; None where either kind is right.

    Raises:
        InputError: it is of the wrong kind, or of neither.
    """
    base = optional("sklearn.base", PURPOSE)
    kinds = {"classifier": base.is_classifier, "regressor": base.is_regressor}
    kind = next((kind for kind, is_it in kinds.items() if is_it(estimator)), None)
    if kind is None:
        raise InputError(
            f"{type(estimator).__name__} is neither a classifier nor a regressor of scikit-learn; "
            "choose a class such as sklearn.svm.SVC"
        )
    if task is not None and kind != _kind_for(task):
        raise _wrong_kind(name, kind, task)


def _kind_for(task: str | None) -> str | None:
    if task is None:
        return None
    return "regressor" if task == _REGRESSION else "classifier"


def _wrong_kind(name: str, kind: str, task: str) -> InputError:
    wanted = "regressor" if kind == "classifier" else "classifier"
    return InputError(f"{name} is a {kind}; for {task} choose {_CHOICES[wanted]}")


def _estimator(
    model: str, options: Mapping[str, Any], *, sparse: bool, kind: str | None, task: str | None
) -> tuple[Any, Search | None]:
    name = model.removeprefix(PREFIX)
    short = _short(model, name, kind, task)
    given = {key: value_of(value) for key, value in options.items()}
    estimator = _made(_class_of(short.path, kind, task), {**short.parameters, **given})
    if sparse:
        search = short.search
        return estimator, None if search is None or search.parameter in given else search
    return (_scaled(estimator) if short.scaled else estimator), None


def _short(model: str, name: str, kind: str | None, task: str | None) -> _Short:
    if name not in _SHORT:
        return _Short(name)
    by_kind = _SHORT[name]
    if kind is None:
        return next(iter(by_kind.values()))
    if kind not in by_kind:
        raise _wrong_kind(model, next(iter(by_kind)), task or kind)
    return by_kind[kind]


def _class_of(path: str, kind: str | None, task: str | None) -> type:
    module_name, _, class_name = path.rpartition(".")
    if not module_name:
        _refuse_name(class_name)
    require_known(module_name.partition(".")[0], _modules(), "module of scikit-learn")
    try:
        module = importlib.import_module(f"sklearn.{module_name}")
    except ImportError as error:
        raise InputError(f"scikit-learn has no module {module_name!r}: {error}") from error
    found = getattr(module, class_name, None)
    fitting = _estimators_of(module, kind)
    if isinstance(found, type) and class_name not in fitting:
        other = next((each for each in _KINDS if class_name in _estimators_of(module, each)), None)
        if other is not None and task is not None:
            raise _wrong_kind(f"{PREFIX}{path}", other, task)
        raise InputError(
            f"{PREFIX}{path} is neither a classifier nor a regressor; choose a class such as "
            f"{_ANY_CLASS}"
        )
    what = f"{kind or 'estimator'} of {module.__name__}"
    return fitting[require_known(class_name, fitting, what)]


def _modules() -> list[str]:
    """Modules of scikit-learn that can hold an estimator."""
    package = optional("sklearn", PURPOSE)
    names = (each.name for each in pkgutil.iter_modules(package.__path__))
    return [name for name in names if name[0] != "_" and name not in _WITHOUT_ESTIMATORS]


def _estimators_of(module: ModuleType, kind: str | None) -> dict[str, type]:
    """The classifiers or regressors of a module; None for both."""
    base = optional("sklearn.base", PURPOSE)
    mixins = tuple(getattr(base, name) for each, name in _KINDS.items() if kind in (each, None))
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, mixins) and value not in mixins
    }


def _refuse_name(name: str) -> None:
    """Refuse a name without a module; offer short names, and a class of that name."""
    for module in _modules():
        for kind in _estimators_of(importlib.import_module(f"sklearn.{module}"), None):
            if kind.lower() == name.lower():
                raise InputError(
                    f"unknown model '{PREFIX}{name}'; did you mean '{PREFIX}{module}.{kind}'?"
                )
    require_known(name, [*_SHORT, _ANY_CLASS], "model of scikit-learn")


def _made(kind: type, parameters: Mapping[str, Any]) -> Any:
    known = inspect.signature(kind).parameters
    for name in parameters:
        require_known(name, known, f"parameter of {kind.__name__}")
    # Since version 1.9, probability=True warns, and calibration takes its place.
    kept = {
        name: value
        for name, value in parameters.items()
        if not (name == "probability" and known[name].default == _DEPRECATED)
    }
    try:
        estimator = kind(**kept)
        check = getattr(estimator, "_validate_params", None)
        if check is not None:
            check()
    except (TypeError, ValueError) as error:
        raise InputError(f"{kind.__name__}: {' '.join(str(error).split())}") from error
    return estimator


def _scaled(estimator: Any) -> Any:
    scaler = optional("sklearn.preprocessing", PURPOSE).StandardScaler()
    return optional("sklearn.pipeline", PURPOSE).make_pipeline(scaler, estimator)
