"""Strategies that cover the features: core-set selection, and uncertainty-weighted embeddings."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Literal

from uwe.embedding import weighted
from uwe.errors import InputError, require_known
from uwe.strategies._compose import Spread, find_measure, needs_of, spread
from uwe.strategies._covered import Covered
from uwe.strategies._question import Needs
from uwe.strategies._strategy import Strategy
from uwe.strategies._table import strategy_factory
from uwe.tasks import Task
from uwe.uncertainty import Measure

__all__ = ["coreset", "uwe", "weighed_by"]

_SELECTIONS: dict[str, tuple[str, bool]] = {
    "k_center": ("k_center", False),
    "k_center_anchored": ("k_center", True),
    "k_means_pp": ("k_means_pp", False),
}


@strategy_factory
def coreset() -> Strategy:
    """Greedy k-center on the features, from the labelled rows as first centres.

    Source: Sener, Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set
    Approach", ICLR 2018.
    """
    return spread("features", "k_center", anchored=True)


@strategy_factory
def uwe(
    *,
    uncertainty: Literal["entropy", "bvsb", "least_confident", "margin", "standard_deviation"]
    | Measure
    | None = None,
    selection: Literal["k_center", "k_center_anchored", "k_means_pp"] = "k_center",
) -> Strategy:
    """Uncertainty-weighted embeddings, then greedy k-center: uncertain and diverse at once.

    Args:
        uncertainty: the weight's measure: a measure of the task, such as ``entropy``, ``bvsb``,
            ``least_confident``, ``margin`` or ``standard_deviation``; or a function of your own,
            whose attribute ``needs``, if any, says what it reads. Default: the task's first measure
            (entropy; mean binary entropy; standard deviation).
        selection: ``k_center`` among the unlabelled rows, ``k_center_anchored`` with the labelled
            rows as first centres, or ``k_means_pp`` (D² sampling).

    Source: He, Cai, Liao, Foo, "Hybrid Active Learning with Uncertainty-Weighted Embeddings",
    TMLR 2024.
    """
    kernel, anchored = _SELECTIONS[require_known(str(selection), _SELECTIONS, "selection")]
    measure, name = find_measure("entropy" if uncertainty is None else uncertainty)
    made = spread(weighted(measure), kernel, anchored=anchored)
    if uncertainty is not None and not isinstance(uncertainty, str):
        return replace(made, measure_name="uncertainty")
    adapt = partial(_weighed_for, uncertainty, kernel, anchored)
    return replace(made, measure_name=name, adapt=adapt)


def _weighed_for(uncertainty: str | None, kernel: str, anchored: bool, task: Task) -> Strategy:
    name = task.default_measure if uncertainty is None else uncertainty
    measure = task.measure(name)
    needs = needs_of(measure, task) | Needs(features=True)
    made = spread(weighted(measure), kernel, anchored=anchored, needs=needs)
    return replace(made, measure_name=name, options={"uncertainty": name})


def weighed_by(strategy: Strategy, measure: Measure) -> Strategy:
    """A strategy that weighs features, with its default measure replaced by another one.

    Raises:
        InputError: the strategy does not weigh features, or has a measure of its own.
    """
    choose = strategy.choose
    if not isinstance(choose, Spread | Covered) or not strategy.is_measured:
        raise InputError(
            f"strategy {strategy.name} ranks by a measure of its own and does not use an "
            "uncertainty of yours; leave it out, or choose strategy uwe"
        )
    reweighed: Spread | Covered = (
        replace(choose, represent=weighted(measure))
        if isinstance(choose, Spread)
        else replace(choose, weight=measure)
    )
    if strategy.options.get("uncertainty") is not None:
        raise InputError(
            f"an uncertainty of your own is given, and strategy {strategy.name} has the measure "
            f"{strategy.measure_name!r}, too; leave one out"
        )
    return replace(
        strategy,
        choose=reweighed,
        needs=needs_of(measure) | Needs(features=True),
        options={**strategy.options, "uncertainty": measure},
        measure=measure,
        measure_name="uncertainty",
        adapt=None,
    )
