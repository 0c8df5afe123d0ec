"""Whether picks follow the length of the rows: said, since it is seldom meant."""

from __future__ import annotations

import logging

import numpy as np
import torch

from uwe._types import FloatArray, Rows
from uwe.strategies import Question, Strategy
from uwe.strategies.covering import compares_lengths

__all__ = ["say_norms", "told_norms"]

log = logging.getLogger("uwe")

_FEWEST = 10  # picks; of fewer, half are among the longest by chance
_LONGEST = 95.0  # percent
_SPREAD = 1.5  # times the median, where the longest rows are
_SAMPLED = 10_000  # candidates whose lengths are looked at, at most
_ROWS_AT_ONCE = 1024


def say_norms(strategy: Strategy, question: Question, picks: Rows) -> None:
    """Log a warning where the length of the features decides what is picked.

    Args:
        strategy: nothing is said of one that does not compare features as they are.
        question: that it answered.
        picks: its answer.
    """
    x = question.predictions.features
    if x is None or len(picks) < _FEWEST or not compares_lengths(strategy):
        return
    candidates = question.candidates
    some = candidates[:: max(1, len(candidates) // _SAMPLED)]
    told = told_norms(_norms(x, some), _norms(x, picks))
    if told:
        log.warning("%s; give the strategy normalise=unit (--normalise unit)", told)


def told_norms(candidates: FloatArray, picks: FloatArray) -> str:
    """What lengths do to the picks, in words; an empty text where they do not decide.

    They decide where half of the picks are longer than 95 % of the candidates, and the candidates'
    99th percentile is more than 1.5 times their median.

    Args:
        candidates: float64 ``[m]``, norms of the rows that could have been picked.
        picks: float64 ``[k]``, norms of those that were.

    >>> told_norms(np.arange(1.0, 101.0), np.array([60.0, 98.0, 98.0, 100.0])).split(";")[0]
    'half of the picks have features longer than those of 97 % of the candidates'
    >>> told_norms(np.arange(1.0, 101.0), np.array([60.0, 95.0, 95.0, 100.0]))
    ''
    """
    ordered = np.sort(candidates)
    below = np.searchsorted(ordered, picks, side="left") * (100.0 / len(ordered))
    share = float(np.median(below))
    middle, far = np.percentile(ordered, (50, 99))
    if share <= _LONGEST or far <= _SPREAD * middle:
        return ""
    return (
        f"half of the picks have features longer than those of {share:.0f} % of the candidates; "
        f"the lengths' 99th percentile is {far:.3g} and their median {middle:.3g}, so distances "
        "follow lengths"
    )


def _norms(x: torch.Tensor, rows: Rows) -> FloatArray:
    starts = range(0, len(rows), _ROWS_AT_ONCE)
    blocks = [torch.from_numpy(rows[start : start + _ROWS_AT_ONCE]) for start in starts]
    norms: FloatArray = torch.cat([x[at].double().norm(dim=1).cpu() for at in blocks]).numpy()
    return norms
