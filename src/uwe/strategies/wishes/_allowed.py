"""Which rows the wishes allow, and what each of them weighs; checked before anything is picked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uwe._types import FloatArray, Rows
from uwe.errors import InputError
from uwe.strategies._question import Question
from uwe.strategies.wishes._likeness import likeness, similarity_radius
from uwe.strategies.wishes._wishes import Wishes

__all__ = ["Allowed", "allowed"]

_LEAST = 1e-300  # of a positive weight, so that rounding makes none 0


@dataclass(frozen=True, eq=False)
class Allowed:
    """The rows that may be picked.

    Attributes:
        eligible: rows that ``where`` allows and that weigh something, rising.
        weights: float64 ``[n]``, at most 1, 0 where a row is not eligible; None where all eligible
            rows weigh the same.
        notes: what was done, a sentence each.
    """

    eligible: Rows
    weights: FloatArray | None
    notes: tuple[str, ...]


def allowed(question: Question, wishes: Wishes, k: int) -> Allowed:
    """Leave out what ``where`` and weights of 0 rule out.

    Raises:
        InputError: fewer than k rows are left; an array has another length than the pool.
    """
    n, candidates = len(question.pool), question.candidates
    notes = []
    where = wishes.rows("where", n)
    left = candidates if where is None else np.intersect1d(candidates, where, assume_unique=True)
    if where is not None:
        _require(len(left), k, f"where leaves {{}} of {_unlabelled(candidates)}", "widen it")
        notes.append(f"where leaves {len(left):,} of {_unlabelled(candidates)}")
    logs, told = _logarithms(question, wishes, left)
    notes += told
    if logs is None:
        return Allowed(left, None, tuple(notes))
    eligible = left[np.isfinite(logs)]
    _require(
        len(eligible), k, f"{{}} of {_unlabelled(left)} that may be picked have a weight above 0",
        "give more rows a weight",
    )  # fmt: skip
    if len(eligible) < len(left):
        notes.append(f"{len(left) - len(eligible):,} rows weigh nothing and are not picked")
    logs = logs[np.isfinite(logs)]
    if not len(eligible) or logs.max() == logs.min():
        return Allowed(eligible, None, tuple(notes))
    weights = np.zeros(n)
    weights[eligible] = np.maximum(np.exp(logs - logs.max()), _LEAST)
    return Allowed(eligible, weights, tuple(notes))


def _logarithms(
    question: Question, wishes: Wishes, rows: Rows
) -> tuple[FloatArray | None, list[str]]:
    """The logarithm of each row's weight, minus infinity for 0; None where nothing weighs."""
    n = len(question.pool)
    notes: list[str] = []
    logs: FloatArray = np.zeros(len(rows))
    if wishes.weight is not None:
        if len(wishes.weight) != n:
            raise InputError(
                f"weight has {len(wishes.weight):,} rows, but the pool has {n:,}; give one for each"
            )
        with np.errstate(divide="ignore"):
            logs = wishes.power * np.log(wishes.weight[rows])
    like, unlike = wishes.rows("like", n), wishes.rows("unlike", n)
    if like is None and unlike is None:
        return (logs if wishes.weight is not None else None), notes
    features = question.predictions.field("features")
    radius = similarity_radius(features) if wishes.radius is None else wishes.radius
    if like is not None:
        logs = logs - likeness(features, rows, like, radius)
        notes.append(f"similarity to {_examples(like)} falls to 1/e at {radius:.3g}")
    if unlike is not None:
        with np.errstate(divide="ignore"):
            logs = logs + np.log1p(-np.exp(-likeness(features, rows, unlike, radius)))
        notes.append(f"unlikeness to {_examples(unlike)}, with the radius {radius:.3g}")
    return logs, notes


def _require(left: int, k: int, text: str, advice: str) -> None:
    if left < k:
        raise InputError(
            f"{text.format(f'{left:,}')}, and {k:,} are to be picked; {advice} or ask for at most "
            f"{left:,}"
        )


def _unlabelled(rows: Rows) -> str:
    return f"{len(rows):,} unlabelled row{'' if len(rows) == 1 else 's'}"


def _examples(rows: Rows) -> str:
    return f"{len(rows):,} example{'' if len(rows) == 1 else 's'}"
