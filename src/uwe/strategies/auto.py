"""The strategy that looks at what is known of a pool, and lets another one pick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from uwe._types import is_integral, is_real
from uwe.errors import InputError
from uwe.strategies._compose import needs_of, ranked_by
from uwe.strategies._picks import Picks
from uwe.strategies._question import Needs, Question
from uwe.strategies._strategy import Strategy
from uwe.strategies._table import strategy_factory
from uwe.strategies.agreement import Agreement, agreement_of, labels_of
from uwe.strategies.baseline import random
from uwe.strategies.coverage import maxherding, uherding
from uwe.tasks import Task
from uwe.uncertainty import Measure

__all__ = ["auto"]

_DOUBT = 0.05  # of so few agreeing rows, if the features knew the classes
_HALF = 0.5
_TENTHS_BELOW = 10


@strategy_factory
def auto(
    *,
    uncertainty: Literal[
        "entropy", "bvsb", "least_confident", "margin", "standard_deviation", "objectness"
    ]
    | Measure
    | None = None,
    many: int = 32,
    odds: float = 3.0,
) -> Strategy:
    """Herding, margin or random, chosen by what is known of the pool.

    Formula: with features and labels, ``random`` if the features do not know the classes: so few
    labelled rows have the label of their nearest labelled neighbour that features which multiply
    the odds of chance by ``odds`` would give so few with a probability below 5 %. Else ``uherding``
    if half of these rows or more have it, or ``many`` rows a class are labelled; else
    ``maxherding``. Without predictions ``maxherding`` picks in the place of ``uherding``; without
    features ``margin``. Labels of one class are no evidence. For a task without classes
    ``uherding`` picks. ``Picks.facts`` say which strategy picked, and why.

    Args:
        uncertainty: the weight's measure, as of ``uherding``, by which rows are also ranked where
            there are no features. One that is given always weighs.
        many: labelled rows a class from which uncertainty always weighs.
        odds: what features that know the classes multiply the odds of chance by, at least.

    Source: a rule of this package; docs/reproduction.md has the study that decided it.
    """
    if not is_integral(many) or many < 1:
        raise InputError(f"many must be a number of labelled rows a class, not {many!r}")
    if not is_real(odds) or not odds >= 1:
        raise InputError(f"odds must be a number of at least 1, not {odds!r}")
    made = _made(uncertainty, many, odds, None)
    if uncertainty is not None and not isinstance(uncertainty, str):
        return made
    return replace(made, adapt=partial(_made, uncertainty, many, odds))


def _made(uncertainty: str | Measure | None, many: int, odds: float, task: Task | None) -> Strategy:
    """The strategy for a task; of None, for classification."""
    weighted = uherding(uncertainty=uncertainty)  # type: ignore[arg-type]  # a name of a task's
    if task is not None:
        weighted = weighted.for_task(task)
    measure, name = weighted.measure, weighted.measure_name
    reads = needs_of(measure, task)
    chosen_by = "most-uncertain" if callable(uncertainty) else name
    return Strategy(
        _Auto(
            weighted=weighted,
            plain=maxherding(),
            by_rank=replace(ranked_by(measure, name, reads), name=chosen_by),
            drawn=random(),
            reads=reads,
            always=uncertainty is not None,
            many=many,
            odds=odds,
        ),
        options={"uncertainty": name},
        needs=(
            Needs(optional={"features"} | reads.fields)
            if uncertainty is None
            else reads | Needs(optional={"features"})
        ),
        measure=measure,
        measure_name=name,
        is_measured=uncertainty is not None,
    )


@dataclass(frozen=True)
class _Auto:
    """Lets one of three strategies pick, or draws; made by `auto`."""

    weighted: Strategy
    plain: Strategy
    by_rank: Strategy
    drawn: Strategy
    reads: Needs
    always: bool  # weighted, also where labels advise against it
    many: int
    odds: float

    def with_parts(self, change: Callable[[Strategy], Strategy]) -> _Auto:
        """The same with each strategy that may pick changed: how wishes reach them."""
        return replace(
            self,
            weighted=change(self.weighted),
            plain=change(self.plain),
            by_rank=change(self.by_rank),
            drawn=change(self.drawn),
        )

    def __call__(self, question: Question, k: int) -> Picks:
        """Pick k rows."""
        chosen, reason = self._chosen(question)
        picks = chosen.answer(question, k)
        facts = {"reason": reason, "chosen": chosen.name, **picks.facts}
        return replace(picks, facts=facts)

    def _chosen(self, question: Question) -> tuple[Strategy, str]:
        """The strategy that picks, and why it does."""
        known = question.predictions.fields
        is_measured = self.reads.fields <= known
        if "features" not in known:
            if not is_measured:
                raise InputError("strategy auto needs features or predictions; both are missing")
            return self.by_rank, "no features"
        covering = self.weighted if is_measured else self.plain
        task = question.task
        if task is not None and "logits" not in task.outputs:
            lacking = "" if is_measured else f", no {' or '.join(sorted(self.reads.fields))}"
            return covering, task.name + lacking
        return self._judged(question, covering, is_measured=is_measured)

    def _judged(
        self, question: Question, covering: Strategy, *, is_measured: bool
    ) -> tuple[Strategy, str]:
        agreement, labelled = agreement_of(question), len(question.pool.labelled)
        classes = _classes(question)
        a_class = labelled / classes if classes else 0.0
        reasons = [] if is_measured else ["no predictions"]
        reasons += [_a_class(a_class)] if classes else []
        reasons += [_told(agreement, labelled)]
        if agreement.below(self.odds) < _DOUBT:
            expected = round(agreement.chance * agreement.judged)
            return self.drawn, ", ".join([*reasons, f"{expected:,} would by chance"])
        agrees = agreement.share >= _HALF and agreement.chance < 1  # one class agrees anyway
        is_trusted = self.always or agrees or a_class >= self.many
        return covering if is_trusted else self.plain, ", ".join(reasons)


def _classes(question: Question) -> int:
    """How many classes there are: those of the predictions, or those that labels are of."""
    if "logits" in question.predictions.fields:
        return int(question.predictions.logits.shape[1])
    return len({str(label) for label in labels_of(question)[1]})


def _a_class(labels: float) -> str:
    number = f"{labels:,.0f}" if labels >= _TENTHS_BELOW else f"{labels:.1f}".removesuffix(".0")
    return f"{number} {'label' if number == '1' else 'labels'} a class"


def _told(agreement: Agreement, labelled: int) -> str:
    if not labelled:
        return "nothing is labelled"
    if not agreement.judged:
        return "the labels are not known"
    if agreement.judged == 1:
        return "a single label is known"
    if agreement.chance >= 1:
        return f"all {agreement.judged:,} known labels are of one class"
    return (
        f"{agreement.agreeing:,} of {agreement.judged:,} labelled rows agree with their nearest "
        "labelled neighbour"
    )
