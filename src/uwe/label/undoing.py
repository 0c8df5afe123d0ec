"""The events that take an act back and restore what stood before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from uwe.journal import Answered, Event, Skipped, Withdrawn
from uwe.label.acts import ONCE, PAGE, UNDO, Layer
from uwe.label.sayings import remarks

__all__ = ["undoing"]


def undoing(
    by: str,
    event: int,
    layers: Mapping[int, Layer],
    *,
    once: str = "",
    query_of: Callable[[list[int]], int | None],
) -> list[Event]:
    """The events that take back what a person said in one event; no line of the journal goes.

    Args:
        by: the person.
        event: id of the event that is taken back.
        layers: that it put on the rows.
        once: name of the request; empty for none.
        query_of: gives the id of the event that asked about all of some rows, or None.

    >>> undoing("ann", 4, {7: Layer(4, None, None)}, query_of=lambda rows: None)[0].rows
    (7,)
    """
    facts = {PAGE: True, UNDO: event, **({ONCE: once} if once else {})}
    back = [row for row, layer in layers.items() if layer.settles or layer.before is None]
    before = {row: layer.before for row, layer in layers.items() if layer.before is not None}
    events: list[Event] = [Withdrawn(tuple(back), by, facts=facts)] if back else []
    answers = {row: said for row, said in before.items() if said.reason is None}
    if answers:
        values = tuple(said.value for said in answers.values())
        query = query_of(list(answers))
        told = {**facts, **remarks(answers)}
        events.append(Answered(tuple(answers), values, by, query=query, facts=told))
    for row, said in before.items():
        if said.reason is not None:
            told = {**facts, **remarks({row: said})}
            query = query_of([row])
            events.append(Skipped((row,), by, said.reason, query=query, facts=told))
    return events
