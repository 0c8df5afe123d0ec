"""A strategy whose picks keep to wishes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from uwe._random import derive_seed
from uwe._types import Rows
from uwe.errors import InputError
from uwe.strategies._picks import Picks, joined
from uwe.strategies._question import Question
from uwe.strategies._shares import exact_share, rounded, shifted
from uwe.strategies._strategy import Choose, Strategy
from uwe.strategies._table import as_strategy
from uwe.strategies._weighing import continuing, weighted_by
from uwe.strategies.wishes._allowed import allowed, fewer, to_be_picked
from uwe.strategies.wishes._limits import Limits
from uwe.strategies.wishes._quota import capped, grouped
from uwe.strategies.wishes._wishes import Wishes
from uwe.tasks import Task

__all__ = ["wished"]

_PATIENCE = 4  # times that exactly as many rows are asked for as are missing


def wished(strategy: str | Strategy, wishes: Wishes) -> Strategy:
    """The strategy with wishes for its picks; any strategy, built-in, combined or of your own.

    The wishes act in this order. All of them are checked before anything is picked.

    1. ``where`` leaves the rows that may be picked. The others stay in the pool.
    2. ``weight`` to its ``power``, the similarity to ``like``, and 1 less the similarity to
       ``unlike`` are multiplied to one weight a row. Rows of weight 0 are left out. Where all
       weights are equal, they change nothing.
    3. ``min_distance`` leaves out the rows that are closer to a labelled row, or to one that was
       given out and is not answered.
    4. ``quota`` fixes how many of the k picks each group gets: see `Quota`. Only groups of rows
       that 1 and 2 leave count; a group that 3 leaves too few rows of is an error.
    5. ``random_share`` of k, rounded to the nearest whole number (a half: up), is drawn first:
       uniformly from what 1 to 4 leave, whatever the weights, one after another. A row is drawn
       over if its group is full, or if it is too close to one that was drawn.
    6. The strategy picks the others among what is left. The drawn rows count as taken: strategies
       keep away from them as from labelled rows. A pick that is too close to an earlier one, or
       whose group is full, is dropped; then the strategy is asked again for what is missing, and
       after four times for more and more, so that few questions are enough.
    7. The drawn rows stand evenly spread between the strategy's picks, and are marked.

    What a weight does depends on the strategy. A measure that ranks (``entropy``) or weighs
    (``uwe``) is multiplied by it, and raised before where it is negative somewhere; a coverage is
    weighted by it; ``random`` draws in proportion to it; ``prefilter`` multiplies the measure that
    filters; ``mix``, ``switch`` and ``per_class`` hand it on. All others (``coreset``, ``badge``, a
    strategy of your own) pick among candidates that are drawn by weight: a row becomes a candidate
    with probability ``w / max w``, and at least 10 rows for each pick do.

    Args:
        strategy: a name or a value.
        wishes: what its picks must keep to.

    Returns:
        A strategy of the same name. Without a wish it is the strategy itself.

    Raises:
        InputError: the name of the strategy is unknown; when it is asked, a wish cannot be met: the
            error says how many rows it leaves.

    >>> import torch
    >>> from uwe import Predictions
    >>> from uwe.pool import Pool
    >>> asked = Question(Predictions(torch.arange(12.0).reshape(6, 2)), Pool.untouched(6), seed=1)
    >>> list(wished("entropy", Wishes(where=[1, 3, 5])).query(asked, 2))
    [1, 3]
    """
    made = as_strategy(strategy)
    if wishes.are_none:
        return made
    return replace(
        made,
        choose=_Wished(made, wishes),
        options={**made.options, "wishes": wishes.record},
        needs=made.needs | wishes.needs,
        adapt=partial(_wished_for, made, wishes),
    )


def _wished_for(strategy: Strategy, wishes: Wishes, task: Task) -> Strategy:
    if "quota" in wishes.reads and "logits" not in task.outputs:
        raise InputError("its rows have no predicted class over which a quota could balance them")
    return wished(strategy.for_task(task), wishes)


@dataclass(frozen=True)
class _Wished:
    strategy: Strategy
    wishes: Wishes

    def with_parts(self, change: Callable[[Strategy], Strategy]) -> Choose:
        return replace(self, strategy=change(self.strategy))

    def __call__(self, question: Question, k: int) -> Picks:
        plan = _planned(self.strategy, self.wishes, question, k)
        share = self.wishes.random_share
        drawn = _drawn(plan, question, _count_drawn(share, k))
        picks = _picked(plan, question, k, drawn)
        notes = [*plan.notes, *picks.notes]
        if share:
            notes.append(f"{len(drawn):,} of {k:,} picks are drawn at random")
            picks = _interleaved(picks, drawn)
        return replace(picks, notes=tuple(dict.fromkeys(notes)))


@dataclass(frozen=True, eq=False)
class _Plan:
    """What a query has to keep to, checked.

    Attributes:
        strategy: with weights, where there are any.
        rows: that may be picked, rising.
        limits: of the picks beside each other.
        notes: what was done so far.
    """

    strategy: Strategy
    rows: Rows
    limits: Limits
    notes: tuple[str, ...]


def _planned(strategy: Strategy, wishes: Wishes, question: Question, k: int) -> _Plan:
    wishes.require(question.predictions.fields)
    given = allowed(question, wishes, k)
    notes, rows, limits = list(given.notes), given.eligible, Limits()
    if given.weights is not None:
        strategy = weighted_by(strategy, given.weights)
    if wishes.min_distance:
        from uwe.points import as_points

        points = as_points(question.predictions.field("features"))
        limits = Limits(wishes.min_distance, points)
        rows = limits.open(rows, np.union1d(question.anchors, question.pool.outstanding))
        if len(rows) < k:
            raise InputError(
                f"min_distance {wishes.min_distance:g} from labelled rows leaves {len(rows):,} of "
                f"{len(given.eligible):,} rows, and {to_be_picked(k)}; lower it"
                f"{fewer(len(rows))}"
            )
        notes.append(
            f"min_distance {wishes.min_distance:g} from labelled rows leaves {len(rows):,} of "
            f"{len(given.eligible):,} rows"
        )
    if wishes.quota is not None:
        groups = grouped(wishes.quota, question)
        caps = capped(wishes.quota, groups, given.eligible, rows, k)
        limits = replace(limits, groups=groups, left=caps)
        rows = limits.open(rows, np.empty(0, dtype=np.int64))
        notes.append(f"quota over {wishes.quota.name}: {groups.told(caps) or 'none'}")
    return _Plan(strategy, rows, limits, tuple(notes))


def _count_drawn(share: float, k: int) -> int:
    """How many of ``k`` picks are drawn at random; a half is rounded up."""
    exact = exact_share(share)
    return int(rounded([exact, 1 - exact], k)[0])


def _drawn(plan: _Plan, question: Question, count: int) -> Rows:
    """Rows that are drawn at random, in order."""
    from uwe.selection import uniform

    if not count:
        return np.empty(0, dtype=np.int64)
    seed = derive_seed(question.seed, 0, "random share")
    order = plan.rows[uniform(len(plan.rows), len(plan.rows), seed=seed)]
    return plan.limits.first(order, count)


def _picked(plan: _Plan, question: Question, k: int, drawn: Rows) -> Picks:
    """The strategy's picks beside the drawn rows, asked for until there are k in all.

    Raises:
        InputError: fewer rows keep to the limits.
    """
    limits, rows, answers = plan.limits, plan.rows, list[Picks]()
    found = new = drawn
    while True:
        limits = limits.after(new)
        rows = limits.open(np.setdiff1d(rows, new, assume_unique=True), new)
        missing = k - len(found)
        if not missing:
            facts = answers[0].facts if answers else {}  # later answers are to the same question
            return replace(joined(answers), facts=facts)
        if not len(rows):
            raise InputError(_lacking(limits, len(found), k))
        wanted = min(len(rows), missing << max(0, len(answers) - _PATIENCE))
        answer = _asked(plan.strategy, question, len(answers), found, rows, wanted)
        new = limits.first(answer.rows, missing)
        answers.append(_only(answer, new))
        found = np.concatenate([found, new])


def _asked(
    strategy: Strategy, question: Question, turn: int, found: Rows, rows: Rows, count: int
) -> Picks:
    """The strategy's answer beside what was found so far; the first question has its own seed."""
    seed = question.seed if not turn else derive_seed(question.seed, turn, "wishes")
    total = len(found) + count
    progress = shifted(question.progress, len(found), total) if len(found) else question.progress
    asked = replace(question.among(rows), seed=seed, progress=progress)
    if not len(found):
        return strategy.answer(asked, count)
    return continuing(strategy).answer(asked.after(found), count)


def _only(picks: Picks, rows: Rows) -> Picks:
    """Those of the picks, in order."""
    kept = np.isin(picks.rows, rows)
    return replace(picks, rows=rows, drawn=None if picks.drawn is None else picks.drawn[kept])


def _interleaved(picks: Picks, drawn: Rows) -> Picks:
    """The drawn rows evenly spread between the picks, and marked."""
    k = len(picks) + len(drawn)
    places = ((2 * np.arange(len(drawn)) + 1) * k) // (2 * max(1, len(drawn)))
    marks = np.zeros(k, dtype=np.bool_)
    marks[places] = True
    rows = np.empty(k, dtype=np.int64)
    rows[marks], rows[~marks] = drawn, picks.rows
    if picks.drawn is not None:
        marks[~marks] = picks.drawn
    return replace(picks, rows=rows, drawn=marks)


def _lacking(limits: Limits, found: int, k: int) -> str:
    """The error where no further row keeps to the limits."""
    verb, be = ("was", "is") if found == 1 else ("were", "are")
    apart = f"at least {limits.distance:g} apart" if limits.distance else "within the wishes"
    text = f"{k:,} rows are to be picked, but only {found:,} {verb} found that {be} {apart}"
    if limits.groups is not None and limits.left is not None:
        text += f"; missing are {limits.groups.told(limits.left)}"
    return f"{text}; lower min_distance{fewer(found)}"
