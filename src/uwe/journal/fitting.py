"""Whether the events of a journal fit each other and the pool: a journal may have been edited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from uwe.errors import RunError
from uwe.journal.events import Answered, Event, Queried, Settled, Trained

__all__ = ["Fitting", "require_fitting"]


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
    Fitting(path).require(events, n, is_label=is_label)


class Fitting:
    """As `require_fitting`, for a journal that is read some events at a time.

    Args:
        path: of the journal.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = 0
        self._queries: set[int] = set()

    def require(
        self, events: Sequence[Event], n: int, *, is_label: Callable[[Sequence[Any]], bool]
    ) -> None:
        """Refuse the events that come next if they do not fit.

        Args:
            events: that follow those of earlier calls.
            n: rows of the pool.
            is_label: whether all of some values are labels of the task.

        Raises:
            RunError: as `require_fitting`.
        """
        valued = [event for event in events if isinstance(event, Answered | Settled)]
        if not is_label([value for event in valued for value in event.values]):
            wrong = next(event for event in valued if not is_label(event.values))
            label = ascii(next(value for value in wrong.values if not is_label([value])))
            what = f"has the label {label[:60]}, which the task does not have"
            raise _unfit(self._path, wrong, what)
        for event in events:
            self._number += 1
            self._require_one(event, n)

    def _require_one(self, event: Event, n: int) -> None:
        path = self._path
        if (row := max(getattr(event, "rows", ()), default=-1)) >= n:
            raise _unfit(path, event, f"names row {row}, but the pool has {n} rows")
        if isinstance(event, Queried):
            self._queries.add(self._number)
        query = getattr(event, "query", None)
        if query is not None and query not in self._queries:
            raise _unfit(path, event, f"answers query {query}, which is not there")
        if isinstance(event, Trained) and (event.seen or 0) >= self._number:
            raise _unfit(path, event, f"has seen event {event.seen}, which comes later")


def _unfit(path: Path, event: Event, what: str) -> RunError:
    return RunError(
        f"event {event.id} of {path} {what}; the journal was damaged or edited, or is of another "
        "data set; restore it from a copy"
    )
