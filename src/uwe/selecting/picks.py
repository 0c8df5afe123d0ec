"""Which rows of a pool to label next, from the owner's own features and predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from uwe._types import FloatArray, IntArray, Progress, Rows, Scores, Stage
from uwe.errors import InputError
from uwe.selecting.offer import ArrayLike, Offer, offered
from uwe.selecting.reasons import nearest_before, percentiles, stands_for
from uwe.strategies import Strategy, find_strategy, strategy_options

__all__ = ["Selection", "select"]


@dataclass(frozen=True, eq=False)
class Selection:
    """The rows to label next, in the order of picking, and the reasons for each.

    It is array-like: ``numpy.asarray(selection)``, ``x[selection]``, ``len``, iteration and
    indexing give its rows.

    Attributes:
        rows: int64 ``[k]``.
        strategy: the strategy's name.
        measure: what the uncertainty is, or None where none is known.
        uncertainty: float64 ``[k]``, or None.
        percentile: float64 ``[k]``, percent of the unlabelled rows that are at most as uncertain;
            or None.
        distance: float64 ``[k]``, Euclidean in the given features, to the nearest earlier pick or
            labelled row; infinite where there is none; None without features.
        nearest: int64 ``[k]``, that row; -1 where there is none; None without features.
        stands_for: int64 ``[k]``, how many rows of the pool, labelled ones and itself included, are
            nearest to this pick among the picks; None without features.
        source: where the features come from.
    """

    rows: Rows
    strategy: str
    measure: str | None = None
    uncertainty: FloatArray | None = None
    percentile: FloatArray | None = None
    distance: FloatArray | None = None
    nearest: IntArray | None = None
    stands_for: IntArray | None = None
    source: str = "as given"

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[int]:
        return iter(self.rows.tolist())

    def __getitem__(self, at: Any) -> Any:
        return self.rows[at]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.rows, dtype=dtype, copy=copy)


def select(
    features: ArrayLike | None,
    k: int,
    *,
    probs: ArrayLike | None = None,
    logits: ArrayLike | None = None,
    uncertainty: ArrayLike | str | None = None,
    mc_probs: ArrayLike | None = None,
    strategy: str = "uwe",
    labelled: ArrayLike | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    **options: Any,
) -> Selection:
    """The ``k`` rows of your pool to label next, and why.

    What the strategy does not need is not asked for: ``coreset`` needs features alone, ``entropy``
    probabilities or logits alone, ``random`` nothing but a number of rows, ``uwe`` features and one
    of probabilities, logits or an uncertainty of your own.

    Formula: that of the strategy; distances are ``‖x_i - x_j‖`` in ``features`` for all of them.

    Args:
        features: ``[n, d]`` of any numeric type, in memory or memory-mapped; or None.
        k: how many rows to pick.
        probs: ``[n, c]``, rows that sum to one.
        logits: ``[n, c]``, before the softmax, instead of ``probs``.
        uncertainty: ``[n]`` of your own, higher is more uncertain: a regressor's variance, a
            detector's score, a sequence's entropy; or a measure's name, as strategy uwe's option.
        mc_probs: ``[t, n, c]`` of t stochastic passes, for ``bald``.
        strategy: a name of ``uwe list strategies``.
        labelled: a mask ``[n]`` of booleans, or row numbers; these are not picked.
        seed: of whatever is drawn.
        progress: is told how far the work is.
        options: the strategy's own.

    Returns:
        The picks in order, with a reason for each.

    Raises:
        InputError: the strategy lacks something, which is named; lengths disagree; a number is NaN;
            probabilities do not sum to one; more picks than unlabelled rows.

    Source: the strategy's, see ``uwe list strategies``.

    >>> x = np.array([[0.0, 1.0], [0.1, 1.0], [4.0, 0.0], [4.0, 0.1]])
    >>> picks = select(x, 2, probs=[[0.5, 0.5], [0.6, 0.4], [0.7, 0.3], [0.99, 0.01]])
    >>> picks.rows.tolist(), picks.stands_for.tolist()
    ([2, 0], [2, 2])
    """
    own = None if isinstance(uncertainty, str) else uncertainty
    offer = offered(
        features, probs=probs, logits=logits, mc_probs=mc_probs, uncertainty=own, labelled=labelled
    )
    if isinstance(uncertainty, str):
        options["uncertainty"] = uncertainty
    chosen = _strategy(strategy, offer, options)
    _require_needs(strategy, chosen, offer)
    _require_count(k, offer)
    rows = chosen.query(
        offer.predictions(), offer.pool, int(k), seed=seed, progress=_told(progress, "select")
    )
    return _with_reasons(rows, strategy, chosen, offer, progress)


def _strategy(name: str, offer: Offer, options: dict[str, Any]) -> Strategy:
    """The strategy; its measure is the owner's own uncertainty where there is one."""
    scores = offer.uncertainty
    if scores is None or "uncertainty" not in strategy_options(name):
        strategy = find_strategy(name, **options)
        if scores is not None and _ranks_by_itself(strategy):
            raise InputError(
                f"strategy {name} ranks by a measure of its own and does not use an uncertainty "
                "of yours; leave it out, or choose strategy uwe"
            )
        return strategy
    if "uncertainty" in options:
        raise InputError(
            f"an uncertainty of your own is given, and the measure {options['uncertainty']!r}, "
            "too; leave one out"
        )
    return find_strategy(name, **options, uncertainty=lambda _predictions: scores)


def _ranks_by_itself(strategy: Strategy) -> bool:
    return bool(strategy.needs) and "features" not in strategy.needs


_ARGUMENTS = {
    "features": "features",
    "logits": "one of probs and logits",
    "mc_logits": "mc_probs",
}


def _require_needs(name: str, strategy: Strategy, offer: Offer) -> None:
    lacking = sorted(strategy.needs - offer.known())
    if not lacking:
        return
    also = ", or an uncertainty of your own" if "uncertainty" in strategy_options(name) else ""
    needed = " and ".join(_ARGUMENTS[each] + (also if each == "logits" else "") for each in lacking)
    raise InputError(f"strategy {name} needs {needed}, which is not given")


def _require_count(k: int, offer: Offer) -> None:
    left = len(offer.pool.unlabelled)
    if isinstance(k, bool) or not isinstance(k, int | np.integer):
        raise InputError(f"the number of picks must be a whole number, not {k!r}")
    if k < 1:
        raise InputError(f"the number of picks is {k}; at least 1 is needed")
    if k > left:
        raise InputError(
            f"{k} rows are to be picked, but only {left} of the {offer.n} are unlabelled; "
            "ask for fewer"
        )


def _told(progress: Progress | None, name: str) -> Any:
    if progress is None:
        return None
    return lambda done, total: progress(Stage("", 0, name, done, total))


def _with_reasons(
    rows: Rows, name: str, strategy: Strategy, offer: Offer, progress: Progress | None
) -> Selection:
    measure, scores = _uncertainty(strategy, offer)
    reasons: dict[str, Any] = {}
    if scores is not None:
        reasons["uncertainty"] = scores[torch.from_numpy(rows)].numpy()
        reasons["percentile"] = percentiles(scores, offer.pool.unlabelled, rows)
    if offer.features is not None:
        apart, nearest = nearest_before(offer.features, rows, offer.pool.labelled)
        counts = stands_for(offer.features, rows, progress=_told(progress, "compare"))
        reasons |= {"distance": apart, "nearest": nearest, "stands_for": counts}
    return Selection(rows, name, measure, **reasons)


def _uncertainty(strategy: Strategy, offer: Offer) -> tuple[str | None, Scores | None]:
    """The owner's where there is one; else the strategy's, where there is what it needs."""
    if offer.uncertainty is not None:
        return "uncertainty", offer.uncertainty
    needed = "mc_logits" if "mc_logits" in strategy.needs else "logits"
    if needed not in offer.known():
        return None, None
    return strategy.measure_name, strategy.measure(offer.predictions()).cpu()
