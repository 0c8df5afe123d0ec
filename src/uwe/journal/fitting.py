"""Whether the events of a journal fit each other and the pool: a journal may have been edited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from uwe.errors import RunError
from uwe.journal.events import Answered, Event, Queried, Settled, Trained

__all__ = ["require_fitting"]


def require_fitting(
    path: Path, events: Sequence[Event], n: int, *, is_label: Callable[[Sequence[Any]], bool]
) -> None:
    """Refuse events that cannot be of one journal about a pool of ``n`` rows.

    Args:
        path: of the journal.
        events: of the journal, in order.
        n: rows of the pool.
        is_label: whether all of some values are labels of the task.

    Raises:
        RunError: a row is outside the pool, a value is no label, or an event names an event that
            is not there; the event is named.
    """
    valued = [event for event in events if isinstance(event, Answered | Settled)]
    if not is_label([value for event in valued for value in event.values]):
        wrong = next(event for event in valued if not is_label(event.values))
        label = ascii(next(value for value in wrong.values if not is_label([value])))
        raise _unfit(path, wrong, f"has the label {label[:60]}, which the task does not have")
    queries: set[int] = set()
    for number, event in enumerate(events, start=1):
        if (row := max(getattr(event, "rows", ()), default=-1)) >= n:
            raise _unfit(path, event, f"names row {row}, but the pool has {n} rows")
        if isinstance(event, Queried):
            queries.add(number)
        query = getattr(event, "query", None)
        if query is not None and query not in queries:
            raise _unfit(path, event, f"answers query {query}, which is not there")
        if isinstance(event, Trained) and (event.seen or 0) >= number:
            raise _unfit(path, event, f"has seen event {event.seen}, which comes later")


def _unfit(path: Path, event: Event, what: str) -> RunError:
    return RunError(
        f"event {event.id} of {path} {what}; the journal was damaged or edited, or is of another "
        "data set; restore it from a copy"
    )
