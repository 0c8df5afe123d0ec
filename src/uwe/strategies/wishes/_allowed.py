"""Which rows the wishes allow, and what each of them weighs; checked before anything is picked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uwe._types import FloatArray, Rows
from uwe.errors import InputError
from uwe.strategies._question import Question
from uwe.strategies.wishes._likeness import likeness, similarity_radius
from uwe.strategies.wishes._wishes import Wishes

__all__ = ["Allowed", "allowed", "fewer", "to_be_picked"]

_LEAST = 1e-300  # of a positive weight, so that rounding makes none 0


@dataclass(frozen=True, eq=False)
class Allowed:
    """The rows that may be picked.

    Attributes:
        eligible: rows that ``where`` allows and that weigh something, rising.
        weights: float64 ``[n]`` of all rows, the largest being 1; None where all weigh the same.
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
    logs, told = _logarithms(question, wishes)
    notes += told
    if logs is None:
        return Allowed(left, None, tuple(notes))
    eligible = left[np.isfinite(logs[left])]
    _require(
        len(eligible), k, f"{{}} of {_unlabelled(left)} that may be picked have a weight above 0",
        _more_weight(wishes),
    )  # fmt: skip
    if len(eligible) < len(left):
        notes.append(_weightless(len(left) - len(eligible)))
    return Allowed(eligible, _weights(logs), tuple(notes))


def _weights(logs: FloatArray) -> FloatArray | None:
    """Weights of which the largest is 1, from their logarithms; None where all are equal."""
    if logs.max() == logs.min():
        return None
    least = np.where(np.isfinite(logs), _LEAST, 0.0)
    weights: FloatArray = np.maximum(np.exp(logs - logs.max()), least)
    return weights


def _logarithms(question: Question, wishes: Wishes) -> tuple[FloatArray | None, list[str]]:
    """The logarithm of every row's weight, minus infinity for 0; None where nothing weighs."""
    n, notes = len(question.pool), list[str]()
    logs: FloatArray = np.zeros(n)
    if wishes.weight is not None:
        if len(wishes.weight) != n:
            raise InputError(
                f"weight has {len(wishes.weight):,} rows, but the pool has {n:,}; give one for each"
            )
        with np.errstate(divide="ignore"):
            logs = wishes.power * np.log(wishes.weight)
    like, unlike = wishes.rows("like", n), wishes.rows("unlike", n)
    if like is None and unlike is None:
        return (logs if wishes.weight is not None else None), notes
    features = question.predictions.field("features")
    radius = similarity_radius(features) if wishes.radius is None else wishes.radius
    if like is not None:
        logs = logs - likeness(features, like, radius)
        notes.append(f"similarity to {_examples(like)} falls to 1/e at {radius:.3g}")
    if unlike is not None:
        with np.errstate(divide="ignore"):
            logs = logs + np.log1p(-np.exp(-likeness(features, unlike, radius)))
        notes.append(f"unlikeness to {_examples(unlike)}, with the radius {radius:.3g}")
    return logs, notes


def _require(left: int, k: int, text: str, advice: str) -> None:
    if left < k:
        raise InputError(
            f"{text.format(f'{left:,}')}, and {to_be_picked(k)}; {advice}{fewer(left)}"
        )


def to_be_picked(k: int) -> str:
    """How many rows are asked for, as a clause."""
    return f"{k:,} {'is' if k == 1 else 'are'} to be picked"


def _weightless(count: int) -> str:
    return (
        "1 row weighs nothing and is not picked"
        if count == 1
        else f"{count:,} rows weigh nothing and are not picked"
    )


def _more_weight(wishes: Wishes) -> str:
    """What gives more rows a weight: a row that equals an example of ``unlike`` has none."""
    advice = [] if wishes.weight is None else ["give more rows a weight"]
    advice += [] if wishes.unlike is None else ["name fewer examples of unlike"]
    return " or ".join(advice)


def fewer(left: int) -> str:
    """The advice to ask for fewer rows, where there are any."""
    return f" or ask for at most {left:,}" if left else ""


def _unlabelled(rows: Rows) -> str:
    return f"{len(rows):,} unlabelled row{'' if len(rows) == 1 else 's'}"


def _examples(rows: Rows) -> str:
    return f"{len(rows):,} example{'' if len(rows) == 1 else 's'}"
