"""What the journal says of the trainings: which was the last, and whether it is up to date."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from uwe.journal import Answered, Event, Settled, Skipped, Trained, Withdrawn
from uwe.pool import Pool
from uwe.tasks import Task

__all__ = ["is_stale", "last_training", "scope_of"]

_CHANGES_LABELS = (Answered, Settled, Skipped, Withdrawn)


def last_training(events: Sequence[Event]) -> Trained | None:
    """The last training, or None."""
    return next((event for event in reversed(events) if isinstance(event, Trained)), None)


def scope_of(rows: int, task: Task) -> dict[str, int]:
    """What a model's predictions are about; predictions of another scope are of no use.

    Args:
        rows: of the pool.
        task: what is learnt.
    """
    return {"rows": rows, "classes": len(task.classes)}


def is_stale(
    events: Sequence[Event], replayed: Callable[[Sequence[Event]], Pool], scope: Mapping[str, int]
) -> bool:
    """Whether the last training has not seen the labels, rows or classes that there are.

    Args:
        events: of the journal.
        replayed: gives the pool after some events.
        scope: as `scope_of` gives it.
    """
    last = last_training(events)
    if last is None:
        return len(replayed(events).labelled) > 0
    if any(last.facts.get(name) != value for name, value in scope.items()):
        return True
    seen = last.seen or 0
    if not any(isinstance(event, _CHANGES_LABELS) for event in events[seen:]):
        return False
    then, now = replayed(events[:seen]), replayed(events)
    return not np.array_equal(then.labelled, now.labelled) or then.values != now.values
