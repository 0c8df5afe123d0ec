"""Strategies that measure what a label would tell about the weights."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from uwe._types import is_integral
from uwe.errors import InputError
from uwe.strategies._compose import primary_output, ranked
from uwe.strategies._question import Needs
from uwe.strategies._strategy import Strategy
from uwe.strategies._table import strategy_factory
from uwe.tasks import Task
from uwe.uncertainty import mutual_information

__all__ = ["bald"]


@strategy_factory
def bald(*, mc_passes: int = 5) -> Strategy:
    """The rows on which dropout passes disagree most (mutual information of label and weights).

    Args:
        mc_passes: how many dropout passes.

    Source: Houlsby, Huszár, Ghahramani, Lengyel, "Bayesian Active Learning for Classification and
    Preference Learning", 2011; Gal, Islam, Ghahramani, "Deep Bayesian Active Learning with Image
    Data", ICML 2017.
    """
    if not is_integral(mc_passes) or mc_passes < 2:
        raise InputError(
            f"bald compares dropout passes and needs at least 2 of them, not {mc_passes!r}"
        )
    made = ranked(mutual_information, needs=Needs(passes=mc_passes))
    return replace(made, adapt=partial(_disagreement_for, mc_passes))


def _disagreement_for(mc_passes: int, task: Task) -> Strategy:
    if task.disagreement is None:
        raise InputError("it has no measure of what stochastic passes disagree on")
    needs = Needs(passes=mc_passes, passes_of=primary_output(task))
    return replace(ranked(task.disagreement, needs=needs), options={})
