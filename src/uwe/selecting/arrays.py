"""Which rows of a pool to label next, from the owner's own features and predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from uwe._random import as_seed
from uwe._types import Progress, is_integral
from uwe.errors import InputError
from uwe.selecting.by_position import marks_by_position, values_by_position
from uwe.selecting.offer import ArrayLike, Offer, offered
from uwe.selecting.reasons import explained
from uwe.selecting.wishing import wishes_given
from uwe.strategies import (
    Given,
    Picks,
    Question,
    Quota,
    Strategy,
    Wishes,
    as_strategy,
    find_strategy,
    ranked,
    strategy_options,
    weighed_by,
    wished,
)
from uwe.tasks import Task

__all__ = ["picked", "select", "uses_a_measure"]


def select(
    features: ArrayLike | None,
    k: int,
    *,
    probs: ArrayLike | None = None,
    logits: ArrayLike | None = None,
    uncertainty: ArrayLike | str | None = None,
    mc_probs: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    variance: ArrayLike | None = None,
    std: ArrayLike | None = None,
    mc_mean: ArrayLike | None = None,
    mc_variance: ArrayLike | None = None,
    task: str | Task | None = None,
    reduce: str | None = None,
    strategy: str | Strategy | None = None,
    labelled: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    exclude: ArrayLike | None = None,
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
    """The ``k`` rows of your pool to label next, and why.

    Give what you have: the default, ``auto``, makes the best of features, probabilities and
    labels, and says in ``facts`` what it chose. Of the other strategies, ``coreset`` needs features
    alone, ``entropy`` probabilities or logits alone, ``random`` nothing but a number of rows,
    ``uwe`` features and one of probabilities, logits or an uncertainty of your own; for numbers,
    features and one of variance and standard deviation. An uncertainty of your own alone ranks the
    rows by it.

    Formula: that of the strategy; distances are ``‖x_i - x_j‖`` in ``features`` for all of them.

    Args:
        features: ``[n, d]`` of any numeric type, in memory or memory-mapped; or None. Distances of
            float64 rows are computed in float64; sparse and masked arrays are refused.
        k: how many rows to pick.
        probs: ``[n, c]``, rows that sum to one within 1e-3 (1e-2 in 16 bits); a number that
            rounding put below 0 or above 1, by 1e-6 at most (1e-3), counts as 0 or 1.
            Or, of two classes, ``[n]`` or ``[n, 1]``: the probability of the second. With
            ``task="multilabel"``, each from 0 to 1.
        logits: ``[n, c]``, before the softmax, instead of ``probs``; or ``[n]`` or ``[n, 1]``,
            before a sigmoid. With ``task="multilabel"``, each before a sigmoid.
        uncertainty: ``[n]`` of your own, higher is more uncertain: a regressor's variance, a
            detector's score, a sequence's entropy; or a measure's name, as the strategy's option.
        mc_probs: ``[t, n, c]`` of t stochastic passes or members of an ensemble, or ``[t, n]``, for
            ``bald``; where neither ``probs`` nor ``logits`` is given, their mean is taken for it.
        mean: ``[n]`` or ``[n, 1]``, predicted numbers.
        variance: ``[n]`` or ``[n, 1]``, their variance; what rounding put below 0, by 1e-9 of the
            largest at most, counts as 0.
        std: ``[n]`` or ``[n, 1]``, their standard deviation, instead of ``variance``.
        mc_mean: ``[t, n]``, numbers predicted by t passes or members of an ensemble; what is not
            given of mean and variance is computed from them.
        mc_variance: ``[t, n]``, the variance that each pass states, whose mean is added.
        task: ``classification``, ``multilabel``, ``regression`` or a `uwe.Task`; None is regression
            if numbers are given, else classification.
        reduce: option of ``multilabel``: how the uncertainties of the labels become one: ``mean``,
            ``max`` or ``sum``.
        strategy: a name of ``uwe list strategies``, or a value such as
            ``uwe.strategies.badge()``; None is ``auto``, or the most uncertain rows if there is
            nothing but an uncertainty of your own, or numbers without features.
        labelled: a mask ``[n]`` of booleans, row numbers, or labels of the index of a frame that
            is given (an Index, or a Series of them); these are not picked, and strategies that
            spread their picks keep away from them. A mask with an index is aligned to the frame's.
        labels: ``[n]``, the labels that are known: class numbers in the order of the columns, or
            names; None, NaN, an empty text and the number -1 are no label. The rows with a label
            are labelled; where ``labelled`` is given, it says which rows are, and other labels are
            not looked at. Of a task other than classification they say only which rows are
            labelled.
        exclude: likewise; these are only not picked.
        where: a mask or row numbers, as ``labelled``: the only rows that may be picked. This and
            the next six arguments are wishes, which hold for every strategy;
            `uwe.strategies.wished` says how they combine.
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
        The picks in order, with a reason for each.

    Raises:
        InputError: something that the strategy needs is not given; lengths, or indices of pandas,
            disagree; a number is NaN, infinite, or too large to be squared; probabilities do not
            sum to one; more picks than unlabelled rows; an uncertainty that the strategy would not
            use; the strategy does not serve the task; a wish cannot be met.

    Source: the strategy's, see ``uwe list strategies``.

    >>> import numpy as np
    >>> x = np.array([[0.0, 1.0], [0.1, 1.0], [4.0, 0.0], [4.0, 0.1]])
    >>> picks = select(x, 2, probs=[[0.5, 0.5], [0.6, 0.4], [0.7, 0.3], [0.99, 0.01]])
    >>> picks.rows.tolist(), picks.stands_for.tolist()
    ([2, 0], [2, 2])
    >>> select(x, 1, std=[1.0, 2.0, 3.0, 0.5]).measure
    'standard_deviation'
    """
    own = None if isinstance(uncertainty, str) else uncertainty
    given = {
        "features": features,
        "probs": probs,
        "logits": logits,
        "mean": mean,
        "variance": variance,
        "std": std,
        "uncertainty": own,
        "labels": labels,
    }
    wishes = wishes_given(
        given,
        where=where,
        min_distance=min_distance,
        quota=quota,
        weight=weight,
        like=like,
        unlike=unlike,
        random_share=random_share,
    )
    marks = marks_by_position(given, {"labelled": labelled, "exclude": exclude})
    arrays = values_by_position(given)
    known = arrays.pop("labels")
    offer = offered(
        arrays.pop("features"),
        uncertainty=arrays.pop("uncertainty"),
        arrays={**arrays, "mc_probs": mc_probs, "mc_mean": mc_mean, "mc_variance": mc_variance},
        labelled=marks["labelled"],
        labels=known,
        exclude=marks["exclude"],
        task=task,
        options={} if reduce is None else {"reduce": reduce},
    )
    if isinstance(uncertainty, str):
        options["uncertainty"] = uncertainty
    return picked(
        offer, k, strategy=strategy, seed=seed, progress=progress, options=options, wishes=wishes
    )


def picked(
    offer: Offer,
    k: int,
    *,
    strategy: str | Strategy | None,
    seed: int,
    progress: Progress | None = None,
    options: Mapping[str, Any] | None = None,
    wishes: Wishes | None = None,
) -> Picks:
    """`select` for what has been checked already.

    Args:
        offer: what is known of the pool.
        k: how many rows to pick.
        strategy: as in `select`.
        seed: of every draw.
        progress: called with a `Stage` while the work goes on.
        options: of a strategy that is given by name.
        wishes: for the picks of the strategy, or None.

    Raises:
        InputError: as `select`.
    """
    seed = as_seed(seed)
    if strategy is None and not options:
        chosen = _by_default(offer)
    else:
        chosen = _strategy("auto" if strategy is None else strategy, offer, options or {})
    chosen = chosen.for_task(offer.task)
    _require_needs(chosen, offer)
    if wishes is not None:
        wishes.require(offer.known())
        chosen = wished(chosen, wishes)
    _require_count(k, offer)
    allowed = None if offer.excluded is None else offer.candidates
    question = Question(
        offer.predictions(),
        offer.pool,
        seed,
        progress,
        restricted=allowed,
        task=offer.task,
        has_labels=offer.has_labels,
    )
    picks = chosen.query(question, int(k))
    return explained(picks, chosen, question, own=offer.uncertainty, progress=progress)


def _by_default(offer: Offer) -> Strategy:
    """``auto``, unless an uncertainty is all that is known: the owner's, or that of numbers."""
    if offer.uncertainty is None and offer.features is None and "variance" in offer.known():
        return ranked("standard_deviation").named("most-uncertain")
    if offer.uncertainty is None or offer.known():
        return _strategy("auto", offer, {})
    return ranked(Given(offer.uncertainty)).named("most-uncertain")


def _strategy(given: str | Strategy, offer: Offer, options: Mapping[str, Any]) -> Strategy:
    """The strategy; it weighs by the owner's own uncertainty where there is one."""
    if offer.uncertainty is None:
        return as_strategy(given, options)
    own = Given(offer.uncertainty)
    if not isinstance(given, str):
        value = as_strategy(given, options)
        return weighed_by(value, own) if uses_a_measure(value) else value
    if "uncertainty" not in strategy_options(given):
        strategy = find_strategy(given, **options)
        return weighed_by(strategy, own) if uses_a_measure(strategy) else strategy
    if "uncertainty" in options:
        raise InputError(
            f"an uncertainty of your own is given, and the measure {options['uncertainty']!r}, "
            "too; leave one out"
        )
    return find_strategy(given, **options, uncertainty=own)


def uses_a_measure(strategy: Strategy) -> bool:
    """Whether the picks depend on an uncertainty: those that read no features rank by one."""
    fields = strategy.needs.fields
    return strategy.is_measured or (bool(fields) and "features" not in fields)


_ARGUMENTS = {
    "features": "features",
    "logits": "one of probs and logits",
    "binary_logits": "one of probs and logits",
    "variance": "one of variance and std",
    "mc_logits": "mc_probs",
    "mc_binary_logits": "mc_probs",
}
_REPLACED = frozenset({"logits", "binary_logits", "variance"})  # by an uncertainty of one's own


def _require_needs(strategy: Strategy, offer: Offer) -> None:
    lacking = sorted(strategy.needs.fields - offer.known())
    if not lacking:
        return
    also = ", or an uncertainty of your own" if "uncertainty" in strategy.options else ""
    needed = " and ".join(
        _ARGUMENTS.get(each, each) + (also if each in _REPLACED else "") for each in lacking
    )
    raise InputError(f"strategy {strategy.name} needs {needed}, which is not given")


def _require_count(k: int, offer: Offer) -> None:
    left = len(offer.candidates)
    if not is_integral(k):
        raise InputError(f"the number of picks must be a whole number, not {k!r}")
    if k < 1:
        raise InputError(f"the number of picks is {k}; at least 1 is needed")
    if offer.from_labels and len(offer.pool.labelled) == offer.n:
        raise InputError(
            f"all {offer.n} rows have a label, so none is left to pick; leave the labels of "
            "unlabelled rows empty, or say with labelled which rows are labelled"
        )
    if k > left:
        raise InputError(
            f"{k} rows are to be picked, but only {left} of the {offer.n} are unlabelled"
            f"{'' if offer.excluded is None else ' and not excluded'}; ask for fewer"
        )
