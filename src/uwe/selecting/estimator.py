"""Selecting with a fitted estimator of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from uwe._optional import optional
from uwe._types import Progress
from uwe.errors import InputError
from uwe.learners.estimated import (
    class_probabilities,
    label_logits,
    mean_and_variance,
    numbers_a_row,
    one_line,
)
from uwe.learners.estimators import PURPOSE
from uwe.learners.row_features import features_of
from uwe.selecting.arrays import picked
from uwe.selecting.by_position import marks_by_position, values_by_position
from uwe.selecting.offer import ArrayLike, offered
from uwe.selecting.wishing import wishes_given
from uwe.strategies import Picks, Quota, Strategy, as_strategy, wished
from uwe.tasks import Task, find_task

__all__ = ["query"]


def query(
    estimator: Any,
    x: Any,
    k: int,
    *,
    labelled: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    exclude: ArrayLike | None = None,
    strategy: str | Strategy = "auto",
    reduce: str | None = None,
    where: ArrayLike | None = None,
    min_distance: float | None = None,
    quota: Quota | ArrayLike | None = None,
    weight: ArrayLike | None = None,
    like: ArrayLike | None = None,
    unlike: ArrayLike | None = None,
    random_share: float = 0.0,
    seed: int = 0,
    progress: Progress | None = None,
    **options: Any,
) -> Picks:
    """The ``k`` rows of ``x`` to label next, by a fitted estimator of scikit-learn.

    A classifier makes it classification; one that was fitted on flags ``[n, c]`` (a forest,
    ``MultiOutputClassifier``, ``OneVsRestClassifier``) makes it multi-label; a regressor makes it
    regression, with the variance that ``predict(x, return_std=True)`` or the members of an ensemble
    give.

    Features are ``x`` itself, or what a pipeline's last step but one gives, also of the pipeline
    that a search chose or that is calibrated; sparse ones go through a truncated SVD of 256
    components with a fixed seed. ``Picks.source`` says which. A strategy that needs no features
    takes rows of any kind: texts, categories, gaps; ``source`` is then "none", and the picks have
    no distances.

    Args:
        estimator: fitted, a classifier with ``predict_proba`` or a regressor; a pipeline, too.
        x: the pool as the estimator takes it, ``[n, ...]``.
        k: how many rows to pick.
        labelled: a mask ``[n]`` of booleans, row numbers, or labels of the index of ``x``, as
            `uwe.select` takes them; these are not picked.
        labels: ``[n]``, the labels that are known, as the estimator was fitted on them; none where
            a row has none, as in `uwe.select`.
        exclude: likewise; these are not picked either.
        strategy: a name of ``uwe list strategies``, or a value such as
            ``uwe.strategies.badge()``.
        reduce: with several labels a row, how their uncertainties become one: ``mean``, ``max`` or
            ``sum``.
        where: as ``labelled``: the only rows that may be picked. This and the
            next six arguments are wishes, which hold for every strategy; `uwe.strategies.wished`
            says how they combine.
        min_distance: no pick is closer than this to another pick or a labelled row: Euclidean in
            the features, in float64.
        quota: the group of each row ``[n]``, for picks that are balanced over the groups; or
            `uwe.Quota`, for other shares and for balance over the predicted classes.
        weight: ``[n]``, at least 0: how much a row's importance counts; rows of weight 0 are never
            picked.
        like: a mask or row numbers of examples; rows that are similar to one weigh more.
        unlike: likewise; rows that are similar to one weigh less.
        random_share: this share of the picks, from 0 to 1, is drawn at random; ``drawn`` of the
            picks marks them.
        seed: of every draw, from 0 to 2³² - 1.
        progress: called with a `Stage` while the work goes on.
        options: options of a strategy that is given by name.

    Returns:
        As `uwe.select`.

    Raises:
        InputError: as `uwe.select`, or the estimator has no ``predict_proba``, is not fitted,
            cannot predict the rows, knows one class only, or states no variance and the strategy
            needs one; the strategy needs features and the rows are no finite numbers.

    Source: as `uwe.select`.

    >>> from sklearn.datasets import load_wine
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> x, y = load_wine(return_X_y=True)
    >>> forest = RandomForestClassifier(20, random_state=0).fit(x[::9], y[::9])
    >>> len(query(forest, x, 5, labelled=range(0, 178, 9)))
    5
    """
    _require_model(estimator)
    x = x.tocsr() if hasattr(x, "tocsr") else x
    chosen = as_strategy(strategy, options)
    wishes = wishes_given(
        {"x": x},
        where=where,
        min_distance=min_distance,
        quota=quota,
        weight=weight,
        like=like,
        unlike=unlike,
        random_share=random_share,
    )
    marks = marks_by_position({"x": x}, {"labelled": labelled, "exclude": exclude})
    known = values_by_position({"x": x, "labels": labels})["labels"] if labels is not None else None
    n = _rows_of(x)
    task = _task(estimator, x, {} if reduce is None else {"reduce": reduce})
    needs = wished(chosen, wishes).for_task(task).needs
    if needs.passes:
        raise InputError(
            f"strategy {chosen.name} needs stochastic passes; an estimator of scikit-learn makes "
            "none. Choose another strategy"
        )
    wanted = bool((needs.fields | needs.optional) & set(task.outputs))
    said = _READERS[task.name](estimator, x) if wanted else {}
    if "variance" in needs.fields and said.get("variance") is None:
        raise InputError(_without_variance(estimator, chosen))
    features, source = _features(estimator, x, needed="features" in needs.fields)
    offer = offered(
        features,
        arrays=said,
        uncertainty=None,
        labelled=marks["labelled"],
        labels=known,
        classes=_classes_of(estimator),
        exclude=marks["exclude"],
        task=task,
        rows=n,
    )
    picks = picked(offer, k, strategy=chosen, seed=seed, progress=progress, wishes=wishes)
    return replace(picks, source=source)


def _classes_of(estimator: Any) -> list[Any] | None:
    """The labels of the columns of a classifier; None where they cannot be told."""
    classes = getattr(estimator, "classes_", None)
    return classes.tolist() if isinstance(classes, np.ndarray) and classes.ndim == 1 else None


def _names_of(estimator: Any) -> tuple[str, ...]:
    """The names of a classifier's classes; empty where two are equal or one has none."""
    from uwe.data.label_columns import class_name

    names = tuple(class_name(of) for of in _classes_of(estimator) or ())
    return names if all(names) and len(set(names)) == len(names) else ()


def _rows_of(x: Any) -> int:
    """How many rows there are."""
    shape = getattr(x, "shape", None)
    try:
        return len(x) if shape is None else int(shape[0])
    except (TypeError, IndexError):
        raise InputError(
            f"x must hold one row after another, [n, ...]; {type(x).__name__} has no length"
        ) from None


def _features(estimator: Any, x: Any, *, needed: bool) -> tuple[Any, str]:
    """The features and their source; None where the strategy needs none and there are none."""
    try:
        with one_line(estimator):
            return features_of(estimator, x)
    except InputError:
        if needed:
            raise
        return None, "none"


def _task(estimator: Any, x: Any, options: dict[str, Any]) -> Task:
    """Regression for a regressor; else multi-label if it predicts an array ``[n, c]``."""
    labels = numbers_a_row(estimator, x)
    if _is_regressor(estimator):
        return find_task("regression", (), **options)
    if labels:
        return find_task("multilabel", labels, **options)
    return find_task("classification", _names_of(estimator), **options)


def _require_model(estimator: Any) -> None:
    if isinstance(estimator, type) or not callable(getattr(estimator, "predict", None)):
        name = estimator.__name__ if isinstance(estimator, type) else type(estimator).__name__
        raise InputError(
            f"{name} cannot predict; give a fitted classifier or regressor of scikit-learn (a "
            "search with refit=True)"
        )


def _is_regressor(estimator: Any) -> bool:
    """What scikit-learn says; an object of another kind is a classifier, unless it says so."""
    try:
        return bool(optional("sklearn.base", PURPOSE).is_regressor(estimator))
    except AttributeError:  # it has no tags
        return getattr(estimator, "_estimator_type", None) == "regressor"


def _of_classes(estimator: Any, x: Any) -> dict[str, Any]:
    probs = class_probabilities(estimator, x)
    if len(np.shape(probs)) == _AXES and np.shape(probs)[1] == 1:
        raise InputError(
            f"{type(estimator).__name__} was fitted on one class only, so it is sure of every row; "
            "fit it on labels of two classes, or choose a strategy that needs no probabilities, "
            "such as coreset or random"
        )
    return {"probs": probs}


def _of_labels(estimator: Any, x: Any) -> dict[str, Any]:
    return {"logits": label_logits(estimator, x)}


def _of_numbers(estimator: Any, x: Any) -> dict[str, Any]:
    mean, variance = mean_and_variance(estimator, x)
    return {"mean": mean, "variance": variance}


_AXES = 2

_READERS: dict[str, Callable[[Any, Any], dict[str, Any]]] = {
    "classification": _of_classes,
    "multilabel": _of_labels,
    "regression": _of_numbers,
}


def _without_variance(estimator: Any, strategy: Strategy) -> str:
    return (
        f"{type(estimator).__name__} states no variance, which strategy {strategy.name} needs; "
        "use a model that states one (RandomForestRegressor, GaussianProcessRegressor, "
        "BayesianRidge), or a strategy that needs none, such as coreset"
    )
