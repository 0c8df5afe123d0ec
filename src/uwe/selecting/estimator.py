"""Selecting with a fitted estimator of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from uwe._optional import optional
from uwe._types import Progress
from uwe.errors import InputError
from uwe.learners.estimated import (
    class_probabilities,
    label_logits,
    mean_and_variance,
    numbers_a_row,
)
from uwe.learners.estimators import PURPOSE
from uwe.learners.row_features import features_of
from uwe.selecting.arrays import select
from uwe.selecting.by_position import marks_by_position
from uwe.selecting.offer import ArrayLike
from uwe.strategies import Picks, Strategy, as_strategy
from uwe.tasks import Task, find_task

__all__ = ["query"]


def query(
    estimator: Any,
    x: Any,
    k: int,
    *,
    labelled: ArrayLike | None = None,
    exclude: ArrayLike | None = None,
    strategy: str | Strategy = "uwe",
    reduce: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    **options: Any,
) -> Picks:
    """The ``k`` rows of ``x`` to label next, by a fitted estimator of scikit-learn.

    A classifier makes it classification; one that was fitted on flags ``[n, c]`` (a forest,
    ``MultiOutputClassifier``, ``OneVsRestClassifier``) makes it multi-label; a regressor makes it
    regression, with the variance that ``predict(x, return_std=True)`` or the members of an ensemble
    give.

    Features are ``x`` itself, or what a pipeline's last step but one gives; sparse ones go through
    a truncated SVD of 256 components with a fixed seed. ``Picks.source`` says which.

    Args:
        estimator: fitted, a classifier with ``predict_proba`` or a regressor; a pipeline, too.
        x: the pool as the estimator takes it, ``[n, ...]``.
        k: how many rows to pick.
        labelled: a mask ``[n]`` of booleans, row numbers, or labels of the index of ``x``, as
            `uwe.select` takes them; these are not picked.
        exclude: likewise; these are not picked either.
        strategy: a name of ``uwe list strategies``, or a value such as
            ``uwe.strategies.badge()``.
        reduce: with several labels a row, how their uncertainties become one: ``mean``, ``max`` or
            ``sum``.
        seed: of every draw.
        progress: called with a `Stage` while the work goes on.
        options: options of a strategy that is given by name.

    Returns:
        As `uwe.select`.

    Raises:
        InputError: as `uwe.select`, or the estimator has no ``predict_proba``, is not fitted, or
            states no variance and the strategy needs one.

    Source: as `uwe.select`.

    >>> from sklearn.datasets import load_wine
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> x, y = load_wine(return_X_y=True)
    >>> forest = RandomForestClassifier(20, random_state=0).fit(x[::9], y[::9])
    >>> len(query(forest, x, 5, labelled=range(0, 178, 9)))
    5
    """
    chosen = as_strategy(strategy, options)
    marks = marks_by_position({"x": x}, {"labelled": labelled, "exclude": exclude})
    task = _task(estimator, x, {} if reduce is None else {"reduce": reduce})
    needs = chosen.for_task(task).needs
    if needs.passes:
        raise InputError(
            f"strategy {chosen.name} needs stochastic passes; an estimator of scikit-learn makes "
            "none. Choose another strategy"
        )
    wanted = bool(needs.fields & set(task.outputs))
    said = _READERS[task.name](estimator, x) if wanted else {}
    if "variance" in needs.fields and said.get("variance") is None:
        raise InputError(_without_variance(estimator, chosen))
    features, source = features_of(estimator, x)
    picks = select(
        features,
        k,
        labelled=marks["labelled"],
        exclude=marks["exclude"],
        task=task,
        strategy=chosen,
        seed=seed,
        progress=progress,
        **said,
    )
    return replace(picks, source=source)


def _task(estimator: Any, x: Any, options: dict[str, Any]) -> Task:
    """Regression for a regressor; else multi-label if it predicts an array ``[n, c]``."""
    if optional("sklearn.base", PURPOSE).is_regressor(estimator):
        return find_task("regression", (), **options)
    labels = numbers_a_row(estimator, x)
    if labels:
        return find_task("multilabel", labels, **options)
    return find_task("classification", (), **options)


def _of_classes(estimator: Any, x: Any) -> dict[str, Any]:
    return {"probs": class_probabilities(estimator, x)}


def _of_labels(estimator: Any, x: Any) -> dict[str, Any]:
    return {"logits": label_logits(estimator, x)}


def _of_numbers(estimator: Any, x: Any) -> dict[str, Any]:
    mean, variance = mean_and_variance(estimator, x)
    return {"mean": mean, "variance": variance}


_READERS: dict[str, Callable[[Any, Any], dict[str, Any]]] = {
    "classification": _of_classes,
    "multilabel": _of_labels,
    "regression": _of_numbers,
}


def _without_variance(estimator: Any, strategy: Strategy) -> str:
    what = "a model that states one (RandomForestRegressor, GaussianProcessRegressor, "
    instead = (
        "its best_estimator_"
        if hasattr(estimator, "best_estimator_")
        else f"{what}BayesianRidge), or a strategy that needs none, such as coreset"
    )
    return (
        f"{type(estimator).__name__} states no variance, which strategy {strategy.name} needs; "
        f"use {instead}"
    )
