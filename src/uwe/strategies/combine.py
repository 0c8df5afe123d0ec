"""Strategies made of strategies; each takes names or values, and returns a `Strategy`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import ClassVar

import numpy as np

from uwe._random import derive_seed
from uwe._types import FloatArray, IntArray, Rows, is_integral, is_real
from uwe.errors import InputError
from uwe.strategies._compose import find_measure, needs_of, scores_of
from uwe.strategies._picks import Picks, joined
from uwe.strategies._question import Needs, Question
from uwe.strategies._shares import balanced, exact_share, rounded, shifted
from uwe.strategies._strategy import Choose, Strategy
from uwe.strategies._table import as_strategy
from uwe.strategies._weighing import Times, continuing
from uwe.tasks import Task
from uwe.uncertainty import Measure

__all__ = ["mix", "per_class", "prefilter", "switch"]

_ROUNDING = 1e-9  # of a sum of shares


def prefilter(measure: str | Measure, share: float, then: str | Strategy) -> Strategy:
    """Keep the most uncertain share of the unlabelled rows, and let a strategy pick among them.

    Formula: ``max(k, ⌈share · u⌉)`` of u unlabelled rows are kept; of equally uncertain rows, the
    lower. Labelled rows stay anchors.

    Args:
        measure: ``entropy``, ``bvsb``, ``least_confident`` or ``margin``, or a function of yours.
        share: of the unlabelled rows, above 0 and at most 1.
        then: picks among the rows that are kept.

    Raises:
        InputError: the share is out of range, or a name is unknown.

    >>> prefilter("entropy", 0.2, then="badge").name
    'prefilter-entropy-badge'
    """
    found, name = find_measure(measure)
    picker = as_strategy(then)
    _require_share(share, "prefilter")
    return Strategy(
        _Prefilter(found, exact_share(share), picker),
        name=f"prefilter-{name}-{picker.name}",
        options={"measure": measure, "share": share, "then": picker},
        needs=needs_of(found) | picker.needs,
        measure=found,
        measure_name=name,
        is_measured=True,
        adapt=partial(_prefilter_for, measure, share, picker),
    )


def _prefilter_for(measure: str | Measure, share: float, then: Strategy, task: Task) -> Strategy:
    picker = then.for_task(task)
    if not isinstance(measure, str):
        return prefilter(measure, share, picker)
    of_task = task.measure(measure)
    made = prefilter(of_task, share, picker)
    needs = needs_of(of_task, task) | picker.needs
    return replace(made, needs=needs, measure_name=measure, options={})


def mix(shares: Mapping[str | Strategy, float]) -> Strategy:
    """Several strategies share the picks of a query, one after another.

    Formula: a strategy with share s picks ``s · k`` rows, rounded by largest remainder; of equal
    remainders, the earlier strategy is rounded up. Rows that an earlier one has picked are no
    candidates of the later ones, and count as anchors.

    Args:
        shares: a share above 0 for each strategy, 1 in all. Their order is the order of picking.

    Raises:
        InputError: a share is out of range, they do not sum to 1, or a name is unknown.

    >>> mix({"badge": 0.9, "random": 0.1}).name
    'mix-badge-random'
    """
    if not isinstance(shares, Mapping) or not shares:
        raise InputError("mix needs shares by strategy, such as {'badge': 0.9, 'random': 0.1}")
    parts = [as_strategy(part) for part in shares]
    for share in shares.values():
        _require_share(share, "mix")
    if abs((total := math.fsum(shares.values())) - 1) > _ROUNDING:
        raise InputError(f"the shares of mix sum to {total:.6g}, not to 1")
    return _mixed(list(zip(parts, shares.values(), strict=True)))


def _mixed(shared: Sequence[tuple[Strategy, float]]) -> Strategy:
    """The mixture of strategies with checked shares."""
    parts = [part for part, _ in shared]
    return Strategy(
        _Mix(tuple(parts), tuple(exact_share(share) for _, share in shared)),
        name="-".join(["mix", *(part.name for part in parts)]),
        options={"parts": [{"strategy": part, "share": share} for part, share in shared]},
        needs=_needs(parts),
        measure=parts[0].measure,
        measure_name=parts[0].measure_name,
        is_measured=any(part.is_measured for part in parts),
        adapt=partial(_mix_for, tuple(shared)),
    )


def _mix_for(shared: Sequence[tuple[Strategy, float]], task: Task) -> Strategy:
    return replace(_mixed([(part.for_task(task), share) for part, share in shared]), options={})


def switch(first: str | Strategy, until: int, then: str | Strategy) -> Strategy:
    """One strategy while few rows are labelled, and another one afterwards.

    Formula: ``first`` picks while fewer than ``until`` rows are labelled, ``then`` picks from
    there on.

    Args:
        first: picks while fewer than ``until`` rows are labelled.
        until: number of labelled rows, at least 0.
        then: picks afterwards; its measure is the one that is written beside the picks.

    Raises:
        InputError: ``until`` is not a whole number of at least 0, or a name is unknown.

    >>> switch("coreset", until=200, then="badge").name
    'switch-coreset-badge'
    """
    before, after = as_strategy(first), as_strategy(then)
    if not is_integral(until) or until < 0:
        raise InputError(f"until must be a number of labelled rows, at least 0, not {until!r}")
    return Strategy(
        _Switch(before, int(until), after),
        name=f"switch-{before.name}-{after.name}",
        options={"first": before, "until": until, "then": after},
        needs=_needs([before, after]),
        measure=after.measure,
        measure_name=after.measure_name,
        is_measured=before.is_measured or after.is_measured,
        adapt=partial(_switch_for, before, int(until), after),
    )


def _switch_for(first: Strategy, until: int, then: Strategy, task: Task) -> Strategy:
    return replace(switch(first.for_task(task), until, then.for_task(task)), options={})


def per_class(strategy: str | Strategy) -> Strategy:
    """Picks balanced over the predicted classes, each class's rows picked by a strategy.

    Formula: each of m classes with unlabelled rows gets ``k / m`` picks, rounded by largest
    remainder, the lower class first; what a class has too few rows for goes to the others. A row's
    class is its most probable one. The first picks of all classes come first, then the second ones.

    Args:
        strategy: picks among the rows of one class; rows of earlier classes count as anchors.

    Raises:
        InputError: the name is unknown.

    >>> per_class("entropy").name
    'per_class-entropy'
    """
    part = as_strategy(strategy)
    return Strategy(
        _PerClass(part),
        name=f"per_class-{part.name}",
        options={"strategy": part},
        needs=Needs({"logits"}) | part.needs,
        measure=part.measure,
        measure_name=part.measure_name,
        is_measured=part.is_measured,
        adapt=partial(_per_class_for, part),
    )


def _per_class_for(strategy: Strategy, task: Task) -> Strategy:
    if "logits" not in task.outputs:
        raise InputError("its rows have no single class over which picks could be balanced")
    return replace(per_class(strategy.for_task(task)), options={})


@dataclass(frozen=True)
class _Prefilter:
    measure: Measure
    share: Fraction
    then: Strategy

    weight_rule: ClassVar[str] = "the uncertainty that filters is multiplied by the weight"

    def weighted_by(self, weights: FloatArray) -> Choose:
        """Filtered by the measure times the weights."""
        return replace(self, measure=Times(self.measure, weights))

    def continuing(self) -> Choose:
        """The part keeps away from rows that are taken."""
        return replace(self, then=continuing(self.then))

    def __call__(self, question: Question, k: int) -> Picks:
        from uwe.selection import top_k

        candidates = question.candidates
        kept = max(k, math.ceil(self.share * len(candidates)))
        scores = scores_of(self.measure, question).cpu()[candidates]
        return self.then.answer(question.among(candidates[top_k(scores, kept)]), k)


@dataclass(frozen=True)
class _Mix:
    parts: tuple[Strategy, ...]
    shares: tuple[Fraction, ...]

    def with_parts(self, change: Callable[[Strategy], Strategy]) -> Choose:
        """The same with each strategy changed."""
        return replace(self, parts=tuple(change(part) for part in self.parts))

    def __call__(self, question: Question, k: int) -> Picks:
        return joined(_in_turn(question, self.parts, rounded(self.shares, k)))


@dataclass(frozen=True)
class _Switch:
    first: Strategy
    until: int
    then: Strategy

    def with_parts(self, change: Callable[[Strategy], Strategy]) -> Choose:
        """The same with each strategy changed."""
        return replace(self, first=change(self.first), then=change(self.then))

    def __call__(self, question: Question, k: int) -> Picks:
        early = len(question.pool.labelled) < self.until
        return (self.first if early else self.then).answer(question, k)


@dataclass(frozen=True)
class _PerClass:
    strategy: Strategy

    def with_parts(self, change: Callable[[Strategy], Strategy]) -> Choose:
        """The same with the strategy changed."""
        return replace(self, strategy=change(self.strategy))

    def __call__(self, question: Question, k: int) -> Picks:
        candidates = question.candidates
        predicted = question.predictions.predicted()[candidates]
        classes, sizes = np.unique(predicted, return_counts=True)
        counts = balanced(sizes, k)
        among = [candidates[predicted == number] for number in classes]
        answers = _in_turn(question, [self.strategy] * len(classes), counts, among)
        order = np.concatenate([np.arange(len(picks)) for picks in answers])
        return joined(answers, np.argsort(order, kind="stable"))


def _in_turn(
    question: Question,
    parts: Sequence[Strategy],
    counts: IntArray,
    among: Sequence[Rows] | None = None,
) -> list[Picks]:
    """Picks of one part after another; each sees the earlier picks as taken.

    The first part draws as it would alone; the others have streams of their own.
    """
    answers: list[Picks] = []
    done, total = 0, int(counts.sum())
    for at, (part, count) in enumerate(zip(parts, counts.tolist(), strict=True)):
        seed = question.seed if at == 0 else derive_seed(question.seed, at, "part")
        asked = replace(
            question,
            seed=seed,
            progress=shifted(question.progress, done, total),
            restricted=question.restricted if among is None else among[at],
        )
        picks = part.answer(asked, count)
        answers.append(picks)
        question = question.after(picks.rows)
        done += count
    return answers


def _needs(parts: Sequence[Strategy]) -> Needs:
    needs = Needs()
    for part in parts:
        needs |= part.needs
    return needs


def _require_share(share: object, whose: str) -> None:
    if not is_real(share):
        raise InputError(f"a share of {whose} must be a number, not {share!r}")
    if not 0 < share <= 1:
        raise InputError(f"a share of {whose} is {share}; it must be above 0 and at most 1")
