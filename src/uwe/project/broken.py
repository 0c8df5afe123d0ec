"""Items that cannot be learnt from: rows that are skipped, with the reason, in the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from uwe.journal import Skipped
from uwe.project.ids import Ids

__all__ = ["BY", "broken_note", "skips_of"]

BY = "uwe"
"""Who skips rows whose items are broken."""

_SHOWN = 3


def skips_of(broken: Mapping[int, str], skipped: Iterable[int] = ()) -> list[Skipped]:
    """An event for each row that is broken and not skipped yet.

    >>> [(event.rows, event.by, event.reason) for event in
    ...  skips_of({3: "too short", 5: "no image"}, skipped=[3])]
    [((5,), 'uwe', 'no image')]
    """
    known = set(skipped)
    return [Skipped((row,), BY, why) for row, why in broken.items() if row not in known]


def broken_note(broken: Mapping[int, str], ids: Ids) -> str:
    """Which items are skipped, and why the first of them is.

    >>> from uwe.project.ids import Names
    >>> broken_note({1: "it is empty"}, Names(("a.jpg", "b.jpg")))
    '1 item cannot be read and is skipped: b.jpg (it is empty)'
    """
    many = "1 item cannot be read and is" if len(broken) == 1 else f"{len(broken):,} items cannot "
    many += "" if len(broken) == 1 else "be read and are"
    names = ", ".join(ids[row] for row in list(broken)[:_SHOWN])
    more = ", …" if len(broken) > _SHOWN else ""
    first = next(iter(broken.values()))
    return f"{many} skipped: {names}{more} ({first})"
