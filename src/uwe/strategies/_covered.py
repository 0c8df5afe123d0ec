"""The composition of coverage: the rows that cover a whole pool best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from uwe._clock import Clock
from uwe._random import derive_seed
from uwe._types import FloatArray, Rows
from uwe.errors import InputError, require_known
from uwe.strategies._compose import (
    Represent,
    embedding_of,
    find_measure,
    needs_of,
    represented_by,
    scores_of,
)
from uwe.strategies._naming import name_of
from uwe.strategies._picks import Picks
from uwe.strategies._question import Needs, Question
from uwe.strategies._strategy import Strategy
from uwe.strategies.radius import (
    DEFAULT_RULE,
    RADIUS_RULES,
    Radius,
    coverage_radius,
    given_radius,
)
from uwe.strategies.temperature import FIT, Temperature, fitted_temperature
from uwe.uncertainty import Measure, entropy, tempered

if TYPE_CHECKING:
    from uwe.points import Points

__all__ = ["COVERAGES", "Covered", "FindRadius", "covered"]

FindRadius: TypeAlias = "Callable[[Points, Question], Radius]"

COVERAGES = ("rbf", "tophat")
"""How much of a row is covered at a distance: ``exp(-d²/r²)``, or all of it where ``d <= r``."""


def covered(
    embedding: str | Represent,
    *,
    weight: str | Measure | None = None,
    kernel: str = "rbf",
    radius: float | str | FindRadius | None = None,
    temperature: float | str = 1.0,
    needs: Needs | None = None,
) -> Strategy:
    """The rows that cover all rows of the pool best, one after another.

    Formula: ``argmax_c Σ_i w_i · max(0, K(x_i, c) - m_i)`` over all rows i of the pool, ``m_i``
    being the largest kernel value between row i and the labelled rows and earlier picks. A row
    covers itself. Rows that cover nothing that is left are drawn by the seed.

    Args:
        embedding: ``features`` or ``gradient``, `uwe.embedding.normalised`, or a function of yours,
            as in `spread`.
        weight: a measure's name or a function, at least 0 for every row; None: all rows alike. All
            rows weigh alike, too, where every weight is 0.
        kernel: ``rbf``, ``exp(-d²/r²)``, or ``tophat``, 1 up to the distance r and 0 beyond.
        radius: r; or how it is found, a name of `RADIUS_RULES` or a function (points, question) ->
            `Radius`; None: ``nearest-median``.
        temperature: what logits are divided by before they are measured; or ``fit``, as
            `fitted_temperature` has it.
        needs: what embedding and weight read; by default logits and features for functions of
            yours.

    Raises:
        InputError: a name is unknown, or a number is not above 0.

    Source: Bae, Noh, Danica J. Sutherland, "Generalized Coverage for More Robust Low-Budget Active
    Learning", ECCV 2024.

    >>> covered("features", weight="margin").name
    'covered-features-margin-rbf'
    """
    represent, reads = embedding_of(embedding)
    measure, name = (None, "") if weight is None else find_measure(weight)
    require_known(kernel, COVERAGES, "kernel of a coverage")
    parts = [name_of(embedding), *([name] if name else []), kernel]
    return Strategy(
        Covered(represent, measure, kernel, _find_radius(radius), _checked(temperature)),
        name="-".join(["covered", *parts]),
        options={
            "embedding": embedding,
            "weight": weight,
            "kernel": kernel,
            "radius": radius,
            "temperature": temperature,
        },
        needs=needs or (reads if measure is None else reads | needs_of(measure)),
        measure=measure or entropy,
        measure_name=name or "entropy",
        is_measured=measure is not None,
    )


@dataclass(frozen=True)
class Covered:
    """Picks of herding on an embedding; made by `covered`."""

    represent: Represent
    weight: Measure | None
    kernel: str
    radius: FindRadius
    temperature: float | str = 1.0
    factors: FloatArray | None = field(default=None, compare=False, repr=False)
    weight_rule: ClassVar[str] = "each row's part of the coverage is multiplied by its weight"

    def weighted_by(self, weights: FloatArray) -> Covered:
        """The same with the weight of every row, covered or picked, multiplied."""
        return replace(self, factors=weights if self.factors is None else self.factors * weights)

    def __call__(self, question: Question, k: int) -> Picks:
        """Pick k rows."""
        from uwe.points import as_points
        from uwe.selection import herd

        clock, candidates, known = Clock(), question.candidates, question.anchors
        points = as_points(represented_by(self.represent, question))
        radius = self.radius(points, question)
        weights, facts = self._weights(points, question)
        clock.lap("representation")
        rows, gains = herd(
            points,
            k,
            weights=weights,
            anchors=points.take(known) if len(known) else None,
            radius=radius.value,
            kernel=self.kernel,
            candidates=candidates,
            progress=question.progress,
            return_gain=True,
        )
        rows = _filled(rows[gains > 0], candidates, k, question.seed)
        clock.lap("selection")
        return Picks(rows, seconds=clock.seconds, facts={**radius.facts, **facts})

    def _weights(
        self, points: Points, question: Question
    ) -> tuple[FloatArray | None, dict[str, Any]]:
        """The weight of every row, and what was settled for it; None where all weigh alike."""
        weights, facts = self._measured(points, question)
        if self.factors is None:
            return weights, facts
        return (self.factors if weights is None else self.factors * weights), facts

    def _measured(
        self, points: Points, question: Question
    ) -> tuple[FloatArray | None, dict[str, Any]]:
        if self.weight is None:
            return None, {}
        measure, facts = self.weight, {}
        if self.temperature == FIT:
            found: Temperature = fitted_temperature(points, question)
            measure, facts = tempered(measure, found.value), found.facts
        elif isinstance(self.temperature, float):
            measure = tempered(measure, self.temperature)
        weights: FloatArray = scores_of(measure, question).double().cpu().numpy()
        _require_weights(weights, name_of(self.weight))
        return (weights if weights.any() else None), facts


def _require_weights(weights: FloatArray, name: str) -> None:
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise InputError(
            f"the uncertainty {name} of row {wrong[0]} is {weights[wrong[0]]:.6g}; a row's weight "
            "in a coverage must be a number of at least 0"
        )


def _filled(rows: Rows, candidates: Rows, k: int, seed: int) -> Rows:
    """The rows, and others drawn until there are k."""
    from uwe.selection import uniform

    left = np.setdiff1d(candidates, rows)
    drawn = uniform(len(left), k - len(rows), seed=derive_seed(seed, 0, "fill"))
    return np.concatenate([rows, left[drawn]])


def _find_radius(radius: float | str | FindRadius | None) -> FindRadius:
    if radius is None or isinstance(radius, str):
        rule = DEFAULT_RULE if radius is None else radius
        return _ByRule(require_known(rule, RADIUS_RULES, "rule for the radius"))
    return radius if callable(radius) else _Given(given_radius(radius))


def _checked(temperature: float | str) -> float | str:
    if isinstance(temperature, str):
        return require_known(temperature, [FIT], "temperature")
    tempered(entropy, temperature)
    return float(temperature)


@dataclass(frozen=True)
class _ByRule:
    rule: str

    def __call__(self, points: Points, question: Question) -> Radius:
        return coverage_radius(points, question.pool.labelled, seed=question.seed, rule=self.rule)


@dataclass(frozen=True)
class _Given:
    radius: Radius

    def __call__(self, points: Points, question: Question) -> Radius:  # noqa: ARG002
        return self.radius
