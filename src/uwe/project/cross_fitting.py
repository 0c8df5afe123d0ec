"""Which rows of the audit are predicted right by models that were trained without them.

The labelled rows are divided into folds, and a fold is judged by a model that was trained without
it. All numbers of labels are judged on the same rows of the audit, so their differences are paired.

A strategy picks around the rows that are labelled already. A model that is trained without a row
has a hole there that it would not have around a new row, so it is less often right, by several
points while there are few labels. Its probabilities are lower there, too. So the mean probability
over the whole pool is noted as well, by which the estimate is corrected (`audited_share`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeAlias

import numpy as np

from uwe._random import derive_seed
from uwe._types import BoolArray, FloatArray, IntArray, Progress, Rows, Stage

__all__ = [
    "Judged",
    "Model",
    "Train",
    "Trial",
    "curve_counts",
    "judged",
    "random_sizes",
    "work_of",
]

Model: TypeAlias = Callable[[Rows], tuple[IntArray, FloatArray]]
"""Gives for some rows the predicted classes and their probabilities."""

Train: TypeAlias = Callable[[Rows], Model]
"""Trains a model on labelled rows."""

_FOLDS = 10
_CURVE_FOLDS = 5
_CURVE_STEPS = 7
_STEP = 2**0.5
_LEAST = 20  # labels of a model that is judged
_ROUND = 10
_ASKED = 2_000  # rows without a label whose probabilities stand for all
_NONE: Rows = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Trial:
    """How models of one size do on the rows of the audit, each trained without the row's fold.

    Attributes:
        labels: how many rows they were trained on.
        right: whether a row was right, bool ``[m]``.
        sure: the probability of the predicted class, float64 ``[m]``.
        pool_sure: its mean over the pool; NaN where it is not known.
    """

    labels: int
    right: BoolArray
    sure: FloatArray
    pool_sure: float


@dataclass(frozen=True, eq=False)
class Judged:
    """What is known of a project's models from the rows of its audit.

    Attributes:
        curve: models of the first labels, by rising numbers; the last is the current model.
        random: models that were trained on audit rows alone, by rising numbers.
    """

    curve: tuple[Trial, ...]
    random: tuple[Trial, ...]


def judged(
    train: Train,
    y: IntArray,
    order: Rows,
    audit: Rows,
    *,
    seed: int,
    progress: Progress | None = None,
) -> Judged:
    """Judge the current model, its learning curve, and models of random labels.

    Args:
        train: trains a model on labelled rows.
        y: classes of all rows of the pool; only those of labelled rows are read.
        order: the labelled rows in the order in which they were labelled, ``[l]``.
        audit: those of them that belong to the audit, in the order of the permutation, ``[m]``;
            at least 2.
        seed: divides the audit into folds, and draws the rows of the smaller models.
        progress: called with a `Stage` "judge".
    """
    rng = np.random.default_rng(derive_seed(seed, len(order), "judge"))
    counts, sizes = curve_counts(len(order)), random_sizes(len(audit))
    total = len(counts) + len(counts[:-1]) * _CURVE_FOLDS + (len(sizes) + 1) * _FOLDS
    train = _counted(train, total, progress)
    curve = [
        _tried(train, y, order[:count], audit, folds, rng)
        for count, folds in zip(counts, [*[_CURVE_FOLDS] * (len(counts) - 1), _FOLDS], strict=True)
    ]
    return Judged(tuple(curve), tuple(_drawn(train, y, size, audit, rng) for size in sizes))


def curve_counts(labels: int) -> list[int]:
    """Labels of the models of a learning curve, rising: each is less by the square root of two.

    >>> curve_counts(200)
    [25, 35, 50, 71, 100, 141, 200]
    """
    counts = {round(labels / _STEP**at) for at in range(_CURVE_STEPS)}
    return sorted(count for count in counts if count >= _LEAST or count == labels)


def random_sizes(audit: int) -> list[int]:
    """Labels of the models of audit rows alone, rising; the largest is a multiple of ten.

    >>> random_sizes(145)
    [23, 32, 46, 65, 92, 130]
    """
    most = int(audit * (1 - 1 / _FOLDS)) // _ROUND * _ROUND
    sizes = {round(most / _STEP**at) for at in range(_CURVE_STEPS)}
    return sorted(size for size in sizes if size >= _LEAST)


def work_of(labels: int, audit: int) -> float:
    """The cost of all trainings, in trainings on all labels.

    >>> work_of(1000, 145)
    24.4
    """
    counts = curve_counts(labels)
    curve = sum(counts) + sum(counts[:-1]) * (_CURVE_FOLDS - 1) + labels * (_FOLDS - 1)
    return round((curve + sum(random_sizes(audit)) * _FOLDS) / labels, 1)


def _folds(rng: np.random.Generator, m: int, folds: int) -> list[Rows]:
    """Places of the rows of each fold; there are no more folds than rows."""
    return np.array_split(rng.permutation(m), max(1, min(folds, m)))


def _tried(
    train: Train, y: IntArray, rows: Rows, audit: Rows, folds: int, rng: np.random.Generator
) -> Trial:
    """Models of some rows, without each fold of these rows and of the audit."""
    others = np.setdiff1d(np.arange(len(y)), rows)
    asked = np.sort(rng.permutation(others)[:_ASKED])
    own = np.setdiff1d(rows, audit)
    judged_rows = np.concatenate([audit, own])
    first = _folds(rng, len(audit), folds)
    second = [len(audit) + fold for fold in _folds(rng, len(own), folds)]
    both = [np.concatenate(pair) for pair in zip_longest(first, second, fillvalue=_NONE)]
    predicted, sure = _cross_fitted(train, rows, judged_rows, both)
    known = np.isin(judged_rows, rows)
    total = sure[known].sum() + (train(rows)(asked)[1].mean() * len(others) if len(others) else 0)
    m = len(audit)
    return Trial(len(rows), predicted[:m] == y[audit], sure[:m], float(total / len(y)))


def _cross_fitted(
    train: Train, rows: Rows, others: Rows, folds: Sequence[Rows]
) -> tuple[IntArray, FloatArray]:
    """Classes and probabilities of ``others``, of models of ``rows`` without each fold of them."""
    predicted, sure = np.zeros(len(others), dtype=np.int64), np.zeros(len(others))
    for fold in folds:
        kept = rows[~np.isin(rows, others[fold])]
        predicted[fold], sure[fold] = train(kept)(others[fold])
    return predicted, sure


def _drawn(train: Train, y: IntArray, size: int, audit: Rows, rng: np.random.Generator) -> Trial:
    """Models of ``size`` rows of the audit, drawn anew for each fold."""
    predicted, sure = np.zeros(len(audit), dtype=np.int64), np.zeros(len(audit))
    for fold in _folds(rng, len(audit), _FOLDS):
        kept = rng.permutation(np.delete(audit, fold))[:size]
        predicted[fold], sure[fold] = train(kept)(audit[fold])
    return Trial(size, predicted == y[audit], sure, np.nan)


def _counted(train: Train, total: int, progress: Progress | None) -> Train:
    done = 0

    def counted(rows: Rows) -> Model:
        nonlocal done
        model = train(rows)
        done += 1
        if progress is not None:
            progress(Stage("", 0, "judge", done, total))
        return model

    return counted if progress is not None else train
