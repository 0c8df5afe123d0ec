"""What can happen in a run or a labelling project, as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from uwe.errors import InputError

__all__ = [
    "KINDS",
    "Answered",
    "Event",
    "Queried",
    "Settled",
    "Skipped",
    "Trained",
    "Withdrawn",
]


@dataclass(frozen=True, kw_only=True)
class _Stamped:
    """What every event has; `append` fills it in, and a comparison of events leaves it out.

    Attributes:
        id: number of the event in its journal, from 1; 0 before it is written.
        at: time of writing in UTC, ISO 8601 with milliseconds; empty in journals of format 1.
    """

    id: int = field(default=0, compare=False)
    at: str = field(default="", compare=False)


@dataclass(frozen=True)
class Queried(_Stamped):
    """Rows were chosen in a cycle, and people or an oracle are asked for their labels.

    Attributes:
        cycle: of the query, from 0.
        rows: in the order of picking.
        facts: measurements, such as the seconds that the query took.
    """

    cycle: int
    rows: tuple[int, ...]
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_rows(self, self.rows)


@dataclass(frozen=True)
class Answered(_Stamped):
    """A person or an oracle gave values for rows; a later answer replaces their own earlier one.

    Attributes:
        rows: the rows.
        values: a JSON value for each row: a class number, a list of class numbers, a number.
        by: who answered.
        query: id of the `Queried` event that asked; None where nobody asked, or it is not known.
        seconds: time spent on all rows, or on each row; None where it was not measured.
        facts: anything else about the answer.
    """

    rows: tuple[int, ...]
    values: tuple[Any, ...]
    by: str
    query: int | None = None
    seconds: float | tuple[float, ...] | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_rows(self, self.rows)
        _require_values(self, self.rows, self.values)
        if isinstance(self.seconds, tuple) and len(self.seconds) != len(self.rows):
            raise InputError(
                f"{len(self.rows)} rows, but {len(self.seconds)} seconds; "
                "give one number for each row, or one for all"
            )


@dataclass(frozen=True)
class Skipped(_Stamped):
    """A person cannot answer; the rows are never given out again and never count as labelled.

    Attributes:
        rows: the rows.
        by: who skipped them.
        reason: why.
        query: id of the `Queried` event that asked, or None.
        facts: anything else.
    """

    rows: tuple[int, ...]
    by: str
    reason: str
    query: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_rows(self, self.rows)


@dataclass(frozen=True)
class Withdrawn(_Stamped):
    """What a person said about rows is taken back: their answers, skips and settled values.

    A value that a rule settled (`Settled` without ``by``) is taken back with any of the answers.

    Attributes:
        rows: the rows.
        by: whose answers are taken back.
        facts: anything else.
    """

    rows: tuple[int, ...]
    by: str
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_rows(self, self.rows)


@dataclass(frozen=True)
class Settled(_Stamped):
    """The values of rows were decided; answers and skips, earlier or later, do not change them.

    Attributes:
        rows: the rows.
        values: a JSON value for each row.
        rule: how it was decided, such as ``"majority"`` or ``"review"``.
        by: who decided; empty where a rule did.
        facts: anything else.
    """

    rows: tuple[int, ...]
    values: tuple[Any, ...]
    rule: str
    by: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_rows(self, self.rows)
        _require_values(self, self.rows, self.values)


@dataclass(frozen=True)
class Trained(_Stamped):
    """The model of a cycle was trained and written.

    Attributes:
        cycle: of the model.
        facts: its measurements.
        seen: id of the last event that the training took into account; None in format 1.
    """

    cycle: int
    facts: dict[str, Any] = field(default_factory=dict)
    seen: int | None = None


Event: TypeAlias = Queried | Answered | Skipped | Withdrawn | Settled | Trained

KINDS: Mapping[str, type[Event]] = {
    kind.__name__.lower(): kind
    for kind in (Queried, Answered, Skipped, Withdrawn, Settled, Trained)
}
"""The class of each kind of event, by its name in the file."""


def _require_rows(event: object, rows: tuple[int, ...]) -> None:
    if len(set(rows)) != len(rows):
        counts = Counter(rows)
        twice = next(row for row in rows if counts[row] > 1)
        raise InputError(f"{type(event).__name__}: row {twice} is named twice; name it once")


def _require_values(event: object, rows: tuple[int, ...], values: tuple[Any, ...]) -> None:
    if len(rows) != len(values):
        raise InputError(
            f"{type(event).__name__}: {len(rows)} rows, but {len(values)} values; "
            "give one value for each row"
        )
