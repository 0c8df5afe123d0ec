"""Classifiers of scikit-learn by name, with parameters from text; torch is not imported."""

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
]

PREFIX = "sklearn:"
PURPOSE = "a classifier of scikit-learn"
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
    """A short name.

    Attributes:
        path: module and class below ``sklearn``.
        line: one line about it.
        parameters: parameters that differ from scikit-learn's defaults.
        scaled: whether dense rows are scaled first.
        search: a parameter that is chosen for sparse rows, unless the user gives it.
    """

    path: str
    line: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    scaled: bool = False
    search: Search | None = None


_SHORT = {
    "logistic": _Short(
        "linear_model.LogisticRegression",
        "logistic regression; for texts its C is chosen by cross-validation",
        {"max_iter": 1000},
        scaled=True,
        search=Search("C", (1, 3, 10, 30, 100, 300, 1000), folds=3, otherwise=100),
    ),
    "forest": _Short(
        "ensemble.RandomForestClassifier", "random forest of 300 trees", {"n_estimators": 300}
    ),
}
_ANY_CLASS = "svm.SVC"
_WITHOUT_CLASSIFIERS = {"conftest", "datasets", "experimental", "externals", "tests", "utils"}


def estimator_names() -> dict[str, str]:
    """Names for ``--model`` and a line about each.

    >>> list(estimator_names())
    ['sklearn:logistic', 'sklearn:forest', 'sklearn:svm.SVC']
    """
    return {
        **{f"{PREFIX}{name}": each.line for name, each in _SHORT.items()},
        f"{PREFIX}{_ANY_CLASS}": "this class, or any other classifier of scikit-learn",
    }


def check_estimator_name(model: str, options: Mapping[str, Any]) -> None:
    """Check a classifier's name and parameters without data.

    Raises:
        InputError: the module, class or a parameter is unknown, or the class is no classifier.
    """
    make_estimator(model, options, sparse=False)


def make_estimator(
    model: str, options: Mapping[str, Any], *, sparse: bool
) -> tuple[Any, Search | None]:
    """The classifier of that name for dense or sparse rows, and a parameter to search.

    Args:
        model: ``sklearn:logistic``, ``sklearn:forest``, or ``sklearn:module.Class``.
        options: parameters of the class; texts are parsed.
        sparse: whether the rows are sparse.

    Raises:
        InputError: the module, class or a parameter is unknown, or the class is no classifier.

    >>> make_estimator("sklearn:svm.SVC", {"C": "10"}, sparse=False)
    (SVC(C=10), None)
    """
    name = model.removeprefix(PREFIX)
    short = _SHORT.get(name, _Short(name, ""))
    given = {key: value_of(value) for key, value in options.items()}
    estimator = _made(_class_of(short.path), {**short.parameters, **given})
    if sparse:
        search = short.search
        return estimator, None if search is None or search.parameter in given else search
    return (_scaled(estimator) if short.scaled else estimator), None


def _class_of(path: str) -> type:
    module_name, _, class_name = path.rpartition(".")
    if not module_name:
        _refuse_name(class_name)
    require_known(module_name.partition(".")[0], _modules(), "module of scikit-learn")
    try:
        module = importlib.import_module(f"sklearn.{module_name}")
    except ImportError as error:
        raise InputError(f"scikit-learn has no module {module_name!r}: {error}") from error
    found = getattr(module, class_name, None)
    classifiers = _classifiers_of(module)
    if isinstance(found, type) and class_name not in classifiers:
        raise InputError(f"{PREFIX}{path} is not a classifier; choose a class such as {_ANY_CLASS}")
    return classifiers[require_known(class_name, classifiers, f"classifier of {module.__name__}")]


def _modules() -> list[str]:
    """Modules of scikit-learn that can hold a classifier."""
    package = optional("sklearn", PURPOSE)
    names = (each.name for each in pkgutil.iter_modules(package.__path__))
    return [name for name in names if name[0] != "_" and name not in _WITHOUT_CLASSIFIERS]


def _classifiers_of(module: ModuleType) -> dict[str, type]:
    mixin = optional("sklearn.base", PURPOSE).ClassifierMixin
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, mixin) and value is not mixin
    }


def _refuse_name(name: str) -> None:
    """Refuse a name without a module; offer short names, and a class of that name."""
    for module in _modules():
        for kind in _classifiers_of(importlib.import_module(f"sklearn.{module}")):
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
