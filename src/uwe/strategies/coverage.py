"""Strategies that cover the pool: herding without and with weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from uwe.embedding import normalised
from uwe.errors import InputError
from uwe.strategies._compose import Given, find_measure, needs_of
from uwe.strategies._covered import covered
from uwe.strategies._question import Needs, Question
from uwe.strategies._strategy import Strategy
from uwe.strategies._table import strategy_factory
from uwe.strategies.radius import Radius, purity_radius, require_purity
from uwe.strategies.temperature import refuse_temperature, require_tempered
from uwe.tasks import Task
from uwe.uncertainty import Measure

if TYPE_CHECKING:
    from uwe.points import Points

__all__ = ["Purity", "maxherding", "probcover", "uherding"]

_MARGIN = "margin"


@strategy_factory
def maxherding(
    *,
    normalise: Literal["unit", "none", "standard"] = "unit",
    radius: float | None = None,
    radius_rule: Literal["nearest-median", "nearest-min"] = "nearest-median",
) -> Strategy:
    """Greedy coverage of the whole pool in the features, by herding: needs no predictions.

    Args:
        normalise: ``unit``, features of length one; ``standard``, columns of one scale; ``none``.
        radius: of the kernel ``exp(-d²/r²)``; None: by the rule.
        radius_rule: ``nearest-median`` or ``nearest-min``, of the distances of labelled rows to
            their nearest different labelled row.

    Source: Bae, Noh, Sutherland, "Generalized Coverage for More Robust Low-Budget Active Learning",
    ECCV 2024.
    """
    return covered(normalised(normalise), radius=radius_rule if radius is None else radius)


@strategy_factory
def uherding(
    *,
    uncertainty: Literal[
        "entropy", "bvsb", "least_confident", "margin", "standard_deviation", "objectness"
    ]
    | Measure
    | None = None,
    normalise: Literal["unit", "none", "standard"] = "unit",
    radius: float | None = None,
    radius_rule: Literal["nearest-median", "nearest-min"] = "nearest-median",
    temperature: float | Literal["fit"] = 1.0,
) -> Strategy:
    """Greedy coverage of the whole pool, each row weighted by its uncertainty: herding.

    Args:
        uncertainty: the weight's measure: a measure of the task, or a function of your own, whose
            attribute ``needs``, if any, says what it reads. Default: ``margin``, or the task's
            first measure where it has no margin.
        normalise: ``unit``, features of length one; ``standard``, columns of one scale; ``none``.
        radius: of the kernel ``exp(-d²/r²)``; None: by the rule.
        radius_rule: ``nearest-median`` or ``nearest-min``, of the distances of labelled rows to
            their nearest different labelled row.
        temperature: what logits are divided by before they are measured; or ``fit``, so that the
            mean confidence on the unlabelled rows is the accuracy that the labelled rows suggest.

    Source: Bae, Oliveira, Sutherland, "Uncertainty Herding: One Active Learning Method for All
    Label Budgets", ICLR 2025.
    """
    measure, name = find_measure(_MARGIN if uncertainty is None else uncertainty)
    if temperature != 1 and isinstance(measure, Given):
        refuse_temperature("an uncertainty of your own has none", temperature)
    make = partial(
        covered,
        normalised(normalise),
        radius=radius_rule if radius is None else radius,
        temperature=temperature,
    )
    if uncertainty is not None and not isinstance(uncertainty, str):
        return replace(make(weight=measure), measure_name="uncertainty")
    adapt = partial(_weighed_for, uncertainty, temperature, make)
    return replace(make(weight=measure), measure_name=name, adapt=adapt)


@strategy_factory
def probcover(
    *,
    normalise: Literal["unit", "none", "standard"] = "unit",
    radius: float | None = None,
    clusters: int | None = None,
    purity: float = 0.95,
) -> Strategy:
    """Rows that have most uncovered rows within a radius, by the purity of clusters.

    Args:
        normalise: ``unit``, features of length one; ``standard``, columns of one scale; ``none``.
        radius: within which a row is covered; None: the largest at which balls are pure.
        clusters: how many clusters of k-means stand for the classes; None: as many as there are
            classes.
        purity: share of the rows around which, within the radius, all rows are of one cluster.

    Source: Yehuda, Dekel, Hacohen, Weinshall, "Active Learning Through a Covering Lens", NeurIPS
    2022.
    """
    if radius is not None:
        return covered(normalised(normalise), kernel="tophat", radius=radius)
    require_purity(2 if clusters is None else clusters, purity)
    made = covered(normalised(normalise), kernel="tophat", radius=Purity(clusters, purity))
    return made if clusters is not None else replace(made, adapt=partial(_of_classes, made))


def _of_classes(made: Strategy, task: Task) -> Strategy:
    if "logits" not in task.outputs:
        raise InputError(
            "its rows have no single class, of which there could be as many clusters; give the "
            "option clusters, or radius"
        )
    return replace(made, options={})


@dataclass(frozen=True)
class Purity:
    """Finds the radius of `probcover` for a question.

    Attributes:
        clusters: how many, or None for as many as there are classes.
        purity: share of the rows.
    """

    clusters: int | None
    purity: float

    def __call__(self, points: Points, question: Question) -> Radius:
        """The radius.

        Raises:
            InputError: the number of classes is not known.
        """
        clusters = self.clusters or _classes(question)
        return purity_radius(points, clusters, seed=question.seed, purity=self.purity)


def _classes(question: Question) -> int:
    if question.task is not None and len(question.task.classes) > 1:
        return len(question.task.classes)
    logits = question.predictions.outputs.get("logits")
    if logits is None:
        raise InputError(
            "probcover takes its radius from as many clusters as there are classes, and their "
            "number is not known; give the option clusters, or radius"
        )
    return int(logits.shape[1])


def _weighed_for(
    uncertainty: str | None, temperature: float | str, make: partial[Strategy], task: Task
) -> Strategy:
    require_tempered(temperature, task)
    first = _MARGIN if _MARGIN in task.measures else task.default_measure
    name = first if uncertainty is None else uncertainty
    measure = task.measure(name)
    needs = needs_of(measure, task) | Needs(features=True)
    made = make(weight=measure, needs=needs)
    return replace(made, measure_name=name, options={"uncertainty": name})
