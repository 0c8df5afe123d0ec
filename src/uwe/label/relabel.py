"""Label a new item, or label one again? One score ranks both.

The idea is that of ActiveLab (Goh and Mueller, "ActiveLab: Active Learning with Re-Labeling by
Multiple Annotators", 2023): the less an item's label is supported by the model and by people, the
more a further label is worth, whether or not the item has one. The weights here are simpler.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from uwe._optional import optional
from uwe._random import derive_seed
from uwe._types import FloatArray, IntArray
from uwe.errors import InputError
from uwe.label.agreement import Answers
from uwe.label.board import Board
from uwe.label.predicted import Model
from uwe.tasks import Task

__all__ = [
    "Doubt",
    "Known",
    "Relabelling",
    "Weights",
    "cross_fitted",
    "relabelling",
    "support",
    "weights_of",
]

_FOLDS = 5


@dataclass(frozen=True)
class Weights:
    """How far the model and the people are believed, from 0 to 1.

    The weight of somebody who is right in a share a of the cases is ``1 - (1 - a) / (1 - b)``, at
    least 0, where b is the share of the most common class: 0 for a guess, 1 without an error.

    Attributes:
        model: of the model.
        people: by person.
    """

    model: float
    people: Mapping[str, float]

    @property
    def usual(self) -> float:
        """The mean weight of the people."""
        return float(np.mean(list(self.people.values()))) if self.people else 1.0


@dataclass(frozen=True)
class Known:
    """What is known of a pool at one moment.

    Attributes:
        n: rows of the pool.
        labels: that count, class numbers by row.
        answers: of the labelled rows, by row and person.
        skipped: rows that nobody labels.
    """

    n: int
    labels: Mapping[int, int]
    answers: Answers
    skipped: frozenset[int]

    @classmethod
    def of(cls, board: Board) -> Known:
        """What a board says now; later events do not change it."""
        labels = {row: board.labels[row] for row in sorted(board.labels)}
        answers = {row: board.standing.answers_of(row) for row in labels}
        return cls(board.n, labels, answers, frozenset(board.skipped))


@dataclass(frozen=True)
class Doubt:
    """An item that should be labelled, for the first time or again.

    Attributes:
        row: of the pool.
        score: how well the label is supported, from 0 to 1; the lowest come first.
        label: the label that counts, in JSON; None of a new item.
        predicted: what the model says, in JSON.
        probability: that the model gives to the label; of a new item, to what it says itself.
    """

    row: int
    score: float
    label: int | None
    predicted: int
    probability: float


@dataclass(frozen=True)
class Relabelling:
    """The items that need a label most.

    Attributes:
        first: new items and labelled ones together, in the order of their scores.
        doubts: labelled items that the model contradicts, in the order of their scores.
        weights: of model and people.
        how: which predictions were used.
    """

    first: tuple[Doubt, ...]
    doubts: tuple[Doubt, ...]
    weights: Weights
    how: str


def relabelling(known: Known, model: Model, task: Task, *, k: int, seed: int) -> Relabelling:
    """Rank new items and labelled ones by how well their labels are supported.

    Args:
        known: labels and answers.
        model: the last one; its features are learnt from, five folds in turn, so that no item's own
            label decides about it. Without features, its own predictions are used.
        task: one class an item.
        k: how many items are ranked.
        seed: of the folds.

    Raises:
        InputError: the task has not one class an item, or the model gives no probabilities.
    """
    if task.widget != "choice":
        raise InputError(f"labelling again is proposed for one class an item, not for {task.name}")
    labelled = np.array(list(known.labels), dtype=np.int64)
    new = np.setdiff1d(np.arange(known.n), [*labelled, *known.skipped])
    y = np.array(list(known.labels.values()), dtype=np.int64)
    p, p_new, how = _probabilities(model, labelled, y, new, len(task.classes), seed)
    weights = weights_of(known.answers, known.labels, p)
    told = [
        _doubt(row, p[at], weights, label, known.answers[row])
        for at, (row, label) in enumerate(known.labels.items())
    ]
    fresh = [_doubt(row, p_new[at], weights, None, {}) for at, row in enumerate(new.tolist())]
    ranked = sorted([*told, *fresh], key=lambda each: (each.score, each.row))
    doubts = [each for each in ranked if each.label not in (None, each.predicted)]
    return Relabelling(tuple(ranked[:k]), tuple(doubts), weights, how)


def support(
    p: FloatArray, label: int, answers: Sequence[tuple[float, int]], weights: Weights
) -> float:
    """How well a label is supported by the model and by people, from 0 to 1.

    Formula: ``(w_m p(y) + Σ_j w_j [a_j = y] + w̄ / c) / (w_m + Σ_j w_j + w̄)``, where w̄ is the mean
    weight of the people: an item that fewer people answered is surer of less.

    Args:
        p: probabilities of the model ``[c]``.
        label: y, a class number.
        answers: of the people, each with the person's weight.
        weights: of model and people.

    >>> weights = Weights(1.0, {"ann": 1.0})
    >>> support(np.array([0.5, 0.5]), 0, [], weights)
    0.5
    >>> support(np.array([1.0, 0.0]), 0, [(1.0, 0)], weights)
    0.8333333333333334
    """
    w = weights.usual
    agreeing = sum(weight for weight, value in answers if value == label)
    total = weights.model + sum(weight for weight, _ in answers) + w
    if not total:
        return 1 / len(p)
    return float((weights.model * p[label] + agreeing + w / len(p)) / total)


def weights_of(answers: Answers, labels: Mapping[int, int], p: FloatArray) -> Weights:
    """How far the model and each person are believed.

    The model is compared with the labels, a person with the labels of the items that others
    answered, too; who shares no item has the mean weight of the others, or 1.

    Args:
        answers: by row and person.
        labels: that count, by row.
        p: probabilities of the labelled rows, in the order of ``labels``, ``[l, c]``.
    """
    y = np.array(list(labels.values()), dtype=np.int64)
    usual = float(np.bincount(y).max() / len(y)) if len(y) else 1.0
    right: dict[str, list[bool]] = {}
    everybody: dict[str, None] = {}
    for row, its in answers.items():
        everybody |= dict.fromkeys(its)
        if len(its) > 1:
            for by, value in its.items():
                right.setdefault(by, []).append(value == labels[row])
    known = {by: _weight(float(np.mean(each)), usual) for by, each in right.items()}
    mean = float(np.mean(list(known.values()))) if known else 1.0
    model = _weight(float(np.mean(p.argmax(1) == y)), usual) if len(y) else 0.0
    return Weights(model, {by: known.get(by, mean) for by in everybody})


def _weight(right: float, usual: float) -> float:
    """From 0, where somebody is as good as the most common class, to 1."""
    return max(0.0, 1 - (1 - right) / (1 - usual)) if usual < 1 else right


def _doubt(
    row: int, p: FloatArray, weights: Weights, label: int | None, answers: Mapping[str, int]
) -> Doubt:
    predicted = int(p.argmax())
    of = predicted if label is None else label
    given = [(weights.people[by], value) for by, value in answers.items()]
    return Doubt(row, support(p, of, given, weights), label, predicted, float(p[of]))


def _probabilities(
    model: Model, labelled: IntArray, y: IntArray, new: IntArray, classes: int, seed: int
) -> tuple[FloatArray, FloatArray, str]:
    """Probabilities of the labelled and of the new rows, and what gave them."""
    x = model.features(labelled.tolist())
    if x is not None and len(set(y.tolist())) > 1:
        p = cross_fitted(x, y, classes, seed=seed)
        features = model.features(new.tolist())
        assert features is not None
        how = f"a logistic model of the features, fitted on {_FOLDS - 1} of {_FOLDS} folds in turn"
        return p, _fitted(x, y, features, classes), how
    own = model.probabilities(labelled.tolist()), model.probabilities(new.tolist())
    if own[0] is None or own[1] is None:
        raise InputError("the model gives no probabilities of the classes; train another model")
    how = "the model's own predictions, which were fitted to these labels and contradict them less"
    return own[0], own[1], how


def cross_fitted(x: FloatArray, y: IntArray, classes: int, *, seed: int) -> FloatArray:
    """Probabilities of rows by models that were fitted without them, float64 ``[n, c]``.

    Args:
        x: features ``[n, d]``.
        y: class numbers ``[n]``.
        classes: how many there are.
        seed: of the folds, which hold the classes in equal shares.
    """
    rng = np.random.default_rng(derive_seed(seed, 0, "relabelling folds"))
    order = np.lexsort((rng.random(len(y)), y))
    fold = np.empty(len(y), dtype=np.int64)
    fold[order] = np.arange(len(y)) % _FOLDS
    p = np.zeros((len(y), classes))
    for number in set(fold.tolist()):
        held = fold == number
        p[held] = _fitted(x[~held], y[~held], x[held], classes)
    return p


def _fitted(x: FloatArray, y: IntArray, of: FloatArray, classes: int) -> FloatArray:
    """Probabilities of rows by a logistic model of others; those of one class are sure of it."""
    p = np.zeros((len(of), classes))
    present = np.unique(y)
    if len(present) < 2:
        p[:, present] = 1.0
        return p if len(present) else p + 1 / classes
    if len(of):
        purpose, extra = "proposing items to label again", "agreement"
        linear = optional("sklearn.linear_model", purpose, extra=extra)
        mean, scale = x.mean(0), x.std(0)
        scale[scale == 0] = 1.0
        model = linear.LogisticRegression(max_iter=1000).fit((x - mean) / scale, y)
        p[:, model.classes_] = model.predict_proba((of - mean) / scale)
    return p
