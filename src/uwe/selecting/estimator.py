"""Selecting with a fitted classifier of scikit-learn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from uwe._types import Progress
from uwe.errors import InputError
from uwe.learners.sklearn import class_probabilities, features_of
from uwe.selecting.arrays import select
from uwe.selecting.offer import ArrayLike
from uwe.strategies import Picks, Strategy, as_strategy

__all__ = ["query"]


def query(
    estimator: Any,
    x: Any,
    k: int,
    *,
    labelled: ArrayLike | None = None,
    exclude: ArrayLike | None = None,
    strategy: str | Strategy = "uwe",
    seed: int = 0,
    progress: Progress | None = None,
    **options: Any,
) -> Picks:
    """The ``k`` rows of ``x`` to label next, by a fitted classifier of scikit-learn.

    Features are ``x`` itself, or what a pipeline's last step but one gives; sparse ones go through
    a truncated SVD of 256 components with a fixed seed. ``Picks.source`` says which.

    Args:
        estimator: fitted, with ``predict_proba``; a pipeline, too.
        x: the pool as the estimator takes it, ``[n, ...]``.
        k: how many rows to pick.
        labelled: a mask ``[n]`` of booleans, or row numbers; these are not picked.
        exclude: a mask ``[n]`` of booleans, or row numbers; these are not picked either.
        strategy: a name of ``uwe list strategies``, or a value such as
            ``uwe.strategies.badge()``.
        seed: of every draw.
        progress: called with a `Stage` while the work goes on.
        options: options of a strategy that is given by name.

    Returns:
        As `uwe.select`.

    Raises:
        InputError: as `uwe.select`, or the estimator has no ``predict_proba`` or is not fitted.

    Source: as `uwe.select`.

    >>> from sklearn.datasets import load_wine
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> x, y = load_wine(return_X_y=True)
    >>> forest = RandomForestClassifier(20, random_state=0).fit(x[::9], y[::9])
    >>> len(query(forest, x, 5, labelled=range(0, 178, 9)))
    5
    """
    chosen = as_strategy(strategy, options)
    if chosen.needs.passes:
        raise InputError(
            f"strategy {chosen.name} needs stochastic passes; a classifier of scikit-learn makes "
            "none. Choose another strategy"
        )
    probs = class_probabilities(estimator, x) if "logits" in chosen.needs.fields else None
    features, source = features_of(estimator, x)
    picks = select(
        features,
        k,
        probs=probs,
        labelled=labelled,
        exclude=exclude,
        strategy=chosen,
        seed=seed,
        progress=progress,
    )
    return replace(picks, source=source)
