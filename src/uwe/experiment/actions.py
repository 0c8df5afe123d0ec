"""What is to be done next: a pure function of the journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from uwe._types import Rows
from uwe.journal import Event, Queried, Settle, Trained, replay

__all__ = ["Action", "Query", "Stop", "Train", "Wait", "next_action"]


@dataclass(frozen=True)
class Query:
    """Choose ``k`` rows in ``cycle``."""

    cycle: int
    k: int


@dataclass(frozen=True)
class Wait:
    """Wait for answers about ``rows``, the latest of them queried in ``cycle``."""

    cycle: int
    rows: Rows


@dataclass(frozen=True)
class Train:
    """Train the model of ``cycle``."""

    cycle: int


@dataclass(frozen=True)
class Stop:
    """Nothing is left to do."""


Action: TypeAlias = Query | Wait | Train | Stop


def next_action(
    events: Sequence[Event],
    budgets: Sequence[int],
    n: int,
    *,
    settle: Settle | None = None,
    answers: int = 1,
) -> Action:
    """What comes after ``events`` in a run over ``budgets`` on a pool of ``n`` rows.

    Nothing yet: query the initial rows. Something queried that is neither labelled nor skipped:
    wait. Nothing outstanding: train. Trained: query the next budget, or stop.

    Args:
        events: of the journal, in order.
        budgets: labelled rows after each cycle.
        n: number of pool rows.
        settle: as in `replay`.
        answers: as in `replay`.

    >>> next_action([], [20, 40], n=100)
    Query(cycle=0, k=20)
    """
    asked = [event.cycle for event in events if isinstance(event, Queried)]
    if not asked:
        return Query(0, budgets[0])
    cycle = asked[-1]
    pool = replay(events, n, settle=settle, answers=answers)
    if len(pool.outstanding):
        return Wait(cycle, pool.outstanding)
    if not any(isinstance(event, Trained) and event.cycle == cycle for event in events):
        return Train(cycle)
    if cycle + 1 < len(budgets):
        return Query(cycle + 1, budgets[cycle + 1] - len(pool.labelled))
    return Stop()
