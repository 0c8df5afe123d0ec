"""What a run asked and what was answered, from the events of its journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from uwe._types import Rows
from uwe.journal import Answered, Event, Queried, Settled, replay

__all__ = ["answers_in", "candidates", "queries_in"]


def queries_in(events: Sequence[Event]) -> dict[int, tuple[int, ...]]:
    """The rows of each cycle's query, in the order of picking.

    >>> queries_in([Queried(0, (3,)), Queried(1, (2, 4))])
    {0: (3,), 1: (2, 4)}
    """
    return {event.cycle: event.rows for event in events if isinstance(event, Queried)}


def answers_in(events: Sequence[Event]) -> dict[int, Any]:
    """The label of each row that was answered, as a value of JSON.

    >>> answers_in([Queried(0, (3, 5)), Answered((3,), (1,), "oracle")])
    {3: 1}
    """
    told = (event.rows for event in events if isinstance(event, Queried | Answered | Settled))
    pool = replay(events, 1 + max((row for rows in told for row in rows), default=0))
    return dict(zip(pool.labelled.tolist(), pool.values, strict=True))


def candidates(queries: Mapping[int, Sequence[int]], cycle: int, n: int) -> Rows:
    """The rows of a pool of ``n`` that no cycle before ``cycle`` asked for, rising.

    >>> candidates({0: (3,), 1: (2, 4)}, 1, 5).tolist()
    [0, 1, 2, 4]
    """
    asked = [row for before, rows in queries.items() if before < cycle for row in rows]
    return np.setdiff1d(np.arange(n), np.array(asked, dtype=np.int64))
