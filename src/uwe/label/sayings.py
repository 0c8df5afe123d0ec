"""What a person sends to the desk, looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from uwe.errors import InputError, require_known
from uwe.journal import Answered, Event, Skipped
from uwe.label.acts import PAGE, Said

__all__ = ["SHOWN", "Saying", "event_of", "remarks", "seconds_in", "shown_in", "text_in"]

SHOWN = ("no", "asked", "yes")
"""Whether a person saw the prediction before the answer: no, after asking for it, at once."""

_LONGEST = 10_000


@dataclass(frozen=True)
class Saying:
    """What a person says about one row.

    Attributes:
        value: the answer, as the person wrote it or in JSON; None of a skip.
        reason: for a skip; None of an answer.
        note: a remark.
        flagged: whether the person flags the item.
    """

    value: Any = None
    reason: str | None = None
    note: str = ""
    flagged: bool = False

    def repeats(self, said: Said) -> bool:
        """Whether it is the answer or the skip that stands."""
        return (said.value, said.reason) == (self.value, self.reason)

    def is_kept_in(self, said: Said) -> bool:
        """Whether it stands, and the note and the flag, where there are any, stand with it."""
        is_remarked = self.note in ("", said.note) and self.flagged <= said.flagged
        return self.repeats(said) and is_remarked

    def adds_nothing_to(self, said: Said) -> bool:
        """Whether it stands, with the same note and flag."""
        return self.repeats(said) and (self.note, self.flagged) == (said.note, said.flagged)


def event_of(
    by: str,
    sayings: Mapping[int, Saying],
    *,
    query: int | None,
    seconds: float | None,
    facts: Mapping[str, Any],
) -> Event:
    """The one event that answers or skips of a person become.

    Args:
        by: the person.
        sayings: by row; all are answers, or all are skips for one reason.
        query: id of the event that asked about the rows, or None.
        seconds: that it took, or None.
        facts: what else is known.
    """
    rows = tuple(sayings)
    told = {PAGE: True, **facts, **remarks(sayings)}
    reasons = {each.reason for each in sayings.values()}
    if reasons == {None}:
        values = tuple(each.value for each in sayings.values())
        return Answered(rows, values, by, query=query, seconds=seconds, facts=told)
    [reason] = reasons
    timed = {} if seconds is None else {"seconds": seconds}
    return Skipped(rows, by, reason or "", query=query, facts={**told, **timed})


def remarks(said: Mapping[int, Saying] | Mapping[int, Said]) -> dict[str, Any]:
    """Notes and flags, as the facts of an event hold them."""
    notes = {str(row): each.note for row, each in said.items() if each.note}
    flags = [row for row, each in said.items() if each.flagged]
    return {**({"notes": notes} if notes else {}), **({"flags": flags} if flags else {})}


def seconds_in(seconds: float | None) -> float | None:
    """A time in seconds, or None.

    Raises:
        InputError: it is no number of at least 0.
    """
    if seconds is None:
        return None
    given: object = seconds
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < math.inf:
        raise InputError(f"seconds must be a number of at least 0, not {seconds!r:.60}")
    return float(given)


def text_in(text: str, what: str) -> str:
    """A text of a person, without blanks around it.

    Raises:
        InputError: it is no text, or too long.
    """
    given: object = text
    if not isinstance(given, str):
        raise InputError(f"{what} must be text, not {text!r:.60}")
    if len(given) > _LONGEST:
        raise InputError(f"{what} has {len(given):,} letters; {_LONGEST:,} is the limit")
    return given.strip()


def shown_in(shown: str) -> str:
    """Whether the prediction was shown.

    Raises:
        InputError: it is none of `SHOWN`.
    """
    return require_known(shown, SHOWN, "value of shown")
