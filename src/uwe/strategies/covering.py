"""Strategies that cover the features: core-set selection, and uncertainty-weighted embeddings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from uwe.embedding import Embedding, Weighted, features, normalised, weighted
from uwe.errors import InputError, require_known
from uwe.strategies._compose import (
    Given,
    Spread,
    embedding_of,
    find_measure,
    needs_of,
    spread,
)
from uwe.strategies._covered import Covered
from uwe.strategies._question import Needs
from uwe.strategies._strategy import Strategy
from uwe.strategies._table import added_options, strategy_factory
from uwe.strategies.temperature import refuse_temperature, require_tempered
from uwe.tasks import Task
from uwe.uncertainty import Measure, Tempered, tempered

__all__ = ["compares_lengths", "coreset", "uwe", "weighed_by"]

_SELECTIONS: dict[str, tuple[str, bool]] = {
    "k_center": ("k_center", False),
    "k_center_anchored": ("k_center", True),
    "k_means_pp": ("k_means_pp", False),
    "k_means_pp_anchored": ("k_means_pp", True),
}


@strategy_factory
@added_options("normalise")
def coreset(*, normalise: Literal["none", "unit", "standard"] = "none") -> Strategy:
    """Greedy k-center on the features, from the labelled rows as first centres.

    Args:
        normalise: what is done to the features first: ``none``, ``unit`` (rows of length 1) or
            ``standard`` (columns of mean 0 and deviation 1).

    Source: Sener, Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set
    Approach", ICLR 2018.
    """
    return spread(normalised(str(normalise)), "k_center", anchored=True)


@strategy_factory
@added_options("normalise", "weighting", "power", "temperature")
def uwe(
    *,
    uncertainty: Literal[
        "entropy", "bvsb", "least_confident", "margin", "standard_deviation", "objectness"
    ]
    | Measure
    | None = None,
    selection: Literal[
        "k_center", "k_center_anchored", "k_means_pp", "k_means_pp_anchored"
    ] = "k_center",
    normalise: Literal["none", "unit", "standard"] = "none",
    weighting: Literal["scaled", "rank"] = "scaled",
    power: float = 1.0,
    temperature: float = 1.0,
) -> Strategy:
    """Uncertainty-weighted embeddings, then greedy k-center: uncertain and diverse at once.

    Args:
        uncertainty: the weight's measure: a measure of the task, such as ``entropy``, ``bvsb``,
            ``least_confident``, ``margin``, ``standard_deviation`` or ``objectness`` (of a
            detector); or a function of your own, whose attribute ``needs``, if any, says what it
            reads. Default: the task's first measure (entropy; mean binary entropy; standard
            deviation).
        selection: ``k_center`` among the unlabelled rows, ``k_center_anchored`` with the labelled
            rows as first centres, ``k_means_pp`` (D² sampling), or ``k_means_pp_anchored``.
        normalise: what is done to the features before they are weighted: ``none``, ``unit`` (rows
            of length 1) or ``standard`` (columns of mean 0 and deviation 1).
        weighting: ``scaled`` (the measure from 0 for the least uncertain candidate to 1), or
            ``rank`` (the share of the candidates that are less uncertain).
        power: of the weight; 0 is no weight, and what is above 1 favours uncertain rows.
        temperature: what the logits are divided by before the measure is taken.

    For masks and boxes, the embedding of an image is the mean over its places, pixels or objects,
    of feature times uncertainty.

    Source: He, Cai, Liao, Foo, "Hybrid Active Learning with Uncertainty-Weighted Embeddings",
    TMLR 2024.
    """
    kernel, anchored = _SELECTIONS[require_known(str(selection), _SELECTIONS, "selection")]
    measure, name = find_measure("entropy" if uncertainty is None else uncertainty)
    member = _Member(kernel, anchored, str(normalise), str(weighting), power, temperature)
    made = member.weighed_by(measure, needs_of(measure))
    if uncertainty is not None and not isinstance(uncertainty, str):
        return replace(made, measure_name="uncertainty")
    return replace(made, measure_name=name, adapt=partial(_weighed_for, uncertainty, member))


@dataclass(frozen=True)
class _Member:
    """One of the family, but for the measure."""

    kernel: str
    anchored: bool
    normalise: str
    weighting: str
    power: float
    temperature: float

    def weighed_by(self, measure: Measure, needs: Needs) -> Strategy:
        if self.temperature != 1 and isinstance(measure, Given):
            refuse_temperature("an uncertainty of your own has none", self.temperature)
        embedding = weighted(
            tempered(measure, self.temperature),
            of=normalised(self.normalise),
            weighting=self.weighting,
            power=self.power,
        )
        needed = needs | Needs(features=True)
        return spread(embedding, self.kernel, anchored=self.anchored, needs=needed)

    def of_places(self, embedding: Embedding, measure: Measure, task: Task) -> Strategy:
        """The strategy on an embedding that is weighted place by place.

        Raises:
            InputError: a weighting of rows is asked for.
        """
        for name, usual in (("weighting", "scaled"), ("power", 1.0)):
            if getattr(self, name) != usual:
                raise InputError(
                    f"the places of a row are weighted by 0 to 1, one by one, so {name} "
                    f"{getattr(self, name)!r} is not used; leave it out"
                )
        needs = embedding_of(embedding)[1] | needs_of(measure, task)
        made = spread(
            normalised(self.normalise, embedding), self.kernel, anchored=self.anchored, needs=needs
        )
        return replace(made, measure=measure, is_measured=True)


def _weighed_for(uncertainty: str | None, member: _Member, task: Task) -> Strategy:
    name = task.default_measure if uncertainty is None else uncertainty
    measure = task.measure(name)
    require_tempered(member.temperature, task)
    weighted_already = None if task.weighted is None else task.weighted(name)
    if weighted_already is None:
        made = member.weighed_by(measure, needs_of(measure, task))
    else:
        made = member.of_places(weighted_already, measure, task)
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
    if strategy.options.get("uncertainty") is not None:
        raise InputError(
            f"an uncertainty of your own is given, and strategy {strategy.name} has the measure "
            f"{strategy.measure_name!r}, too; leave one out"
        )
    return replace(
        strategy,
        choose=_remeasured(choose, measure),
        needs=needs_of(measure) | Needs(features=True),
        options={**strategy.options, "uncertainty": measure},
        measure=measure,
        measure_name="uncertainty",
        adapt=None,
    )


def _remeasured(choose: Spread | Covered, measure: Measure) -> Spread | Covered:
    none = "an uncertainty of your own has none"
    if isinstance(choose, Covered):
        if choose.temperature != 1:
            refuse_temperature(none, choose.temperature)
        return replace(choose, weight=measure)
    represent = choose.represent
    assert isinstance(represent, Weighted)  # what is_measured says of a Spread
    if isinstance(represent.measure, Tempered):
        refuse_temperature(none, represent.measure.temperature)
    return replace(choose, represent=replace(represent, measure=measure))


def compares_lengths(strategy: Strategy) -> bool:
    """Whether a strategy picks rows that are far apart in the features as they are.

    >>> compares_lengths(uwe()), compares_lengths(uwe(normalise="unit"))
    (True, False)
    """
    if not isinstance(strategy.choose, Spread):
        return False
    represent = strategy.choose.represent
    return (represent.of if isinstance(represent, Weighted) else represent) is features
