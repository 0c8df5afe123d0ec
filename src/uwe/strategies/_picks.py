"""Which rows to label next, in order, with a reason for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from uwe._optional import optional
from uwe._types import BoolArray, FloatArray, IntArray, Rows
from uwe.errors import InputError
from uwe.tables import PICK_COLUMNS

__all__ = ["Picks", "joined"]

_SHOWN = 3  # rows in a line
_LISTED = 20  # rows in a table of a notebook


@dataclass(frozen=True, eq=False, repr=False)
class Picks:
    """The rows to label next, in the order of picking, and the reasons for each.

    Picks are array-like: ``numpy.asarray(picks)``, ``x[picks]``, ``len``, iteration and indexing
    give the rows. A strategy fills ``rows``; `uwe.select` adds the reasons.

    Attributes:
        rows: int64 ``[k]``.
        strategy: the strategy's name.
        measure: what the uncertainty is, or None where none is known.
        uncertainty: float64 ``[k]``, or None.
        percentile: float64 ``[k]``, percent of the unlabelled rows that are at most as uncertain;
            or None.
        distance: float64 ``[k]``, Euclidean in the given features, to the nearest earlier pick or
            labelled row; infinite where there is none; None without features.
        nearest: int64 ``[k]``, that row; -1 where there is none; None without features.
        stands_for: int64 ``[k]``, how many rows of the pool, labelled ones and itself included, are
            nearest to this pick among the picks; None without features.
        assigned: int64 ``[n]``, for every row of the pool the row of its nearest pick; of equals,
            the earlier. It says whose label a row would inherit. None without features.
        source: where the features come from.
        facts: what the strategy settled while it picked, such as the radius of a coverage, by name;
            values of JSON.
        seconds: what each part of the query took: ``representation``, ``selection``.
        n: rows of the pool, or None where they are not known.
        drawn: bool ``[k]``, whether the pick was drawn at random because of a `uwe.Wishes`; None
            where none was wished.
        audit: bool ``[k]``, whether the pick belongs to the audit of a project, a random sample of
            the whole pool; None without an audit.
        notes: what was done to keep to wishes, a sentence each.
    """

    rows: Rows
    strategy: str = ""
    measure: str | None = None
    uncertainty: FloatArray | None = None
    percentile: FloatArray | None = None
    distance: FloatArray | None = None
    nearest: IntArray | None = None
    stands_for: IntArray | None = None
    assigned: IntArray | None = None
    source: str = "as given"
    facts: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    n: int | None = None
    drawn: BoolArray | None = None
    audit: BoolArray | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[int]:
        return iter(self.rows.tolist())

    def __getitem__(self, at: Any) -> Any:
        return self.rows[at]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.rows, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        by = f" by {self.strategy}" if self.strategy else ""
        first = ", ".join(map(str, self.rows[:_SHOWN].tolist()))
        more = ", …" if len(self) > _SHOWN else ""
        colon = ": " if len(self) else ""
        why = f"; {self.reason}" if self.reason else ""
        return f"Picks({len(self):,} {_rows(len(self))}{by}{colon}{first}{more}{why})"

    @property
    def reason(self) -> str:
        """Which strategy picked for one that lets others pick, and why; empty for any other.

        >>> Picks(np.array([3]), facts={"reason": "no predictions", "chosen": "maxherding"}).reason
        'no predictions: maxherding'
        """
        reason, chosen = self.facts.get("reason"), self.facts.get("chosen")
        return f"{reason}: {chosen}" if reason and chosen else ""

    @property
    def told(self) -> str:
        """The facts in one line, the reason first; an empty text where there are none.

        >>> Picks(np.array([3]), facts={"radius": 0.25, "radius_rule": "as given"}).told
        'radius 0.25, radius rule as given'
        """
        others = (
            f"{name.replace('_', ' ')} {value:.4g}"
            if isinstance(value, float)
            else f"{name.replace('_', ' ')} {value}"
            for name, value in self.facts.items()
            if not (self.reason and name in ("reason", "chosen"))
        )
        return ", ".join([*([self.reason] if self.reason else []), *others])

    def _repr_html_(self) -> str:
        """The picks and what is known of them, as a small table for a notebook."""
        columns = {"row": self.rows, **self._reasons()}
        known = {name: values for name, values in columns.items() if values is not None}
        head = "".join(f"<th>{escape(name)}</th>" for name in ("rank", *known))
        body = "".join(
            f"<tr><th>{rank + 1}</th>"
            + "".join(f"<td>{_cell(values[rank])}</td>" for values in known.values())
            + "</tr>"
            for rank in range(min(len(self), _LISTED))
        )
        left = len(self) - _LISTED
        more = f"<p>and {left:,} more</p>" if left > 0 else ""
        by = f" by {escape(self.strategy)}" if self.strategy else ""
        by += f"<br>{escape(self.reason)}" if self.reason else ""
        return (
            f"<table><caption>{len(self):,} {_rows(len(self))}{by}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"
        )

    def to_frame(self, index: Any = None) -> Any:
        """The picks as a data frame of pandas, with the columns of a table of picks.

        Args:
            index: the ids of all rows of the pool in their order, such as a pandas Index or a list;
                row numbers if it is None.

        Returns:
            A frame of k rows in the order of picking; its index holds the ids of the picks. What is
            not known is missing.

        Raises:
            InputError: pandas is not installed, the index is no list, or it has another length than
                the pool.

        >>> frame = Picks(np.array([2, 0]), "random").to_frame(["a", "b", "c"])
        >>> frame.index.tolist(), frame["idx"].tolist()
        (['c', 'a'], [2, 0])
        """
        pandas = optional("pandas", "a data frame of the picks", extra="tables")
        try:
            ids = pandas.RangeIndex(self._rows_known()) if index is None else pandas.Index(index)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"the index must be a list of ids, such as frame.index, not a value of type "
                f"{type(index).__name__} ({error})"
            ) from error
        self._require_length(len(ids))
        nearest = None if self.nearest is None else self.nearest.tolist()
        columns = {
            "rank": np.arange(len(self)),
            "idx": self.rows,
            **self._reasons(),
            "distance": None if self.distance is None else _finite(self.distance),
            "nearest_idx": _or_none(nearest),
            "nearest_id": None
            if nearest is None
            else [None if row < 0 else ids[row] for row in nearest],
            "how": self.how,
        }
        chosen = ids.take(self.rows)
        return pandas.DataFrame(
            {
                name: pandas.Series(columns[name], index=chosen, dtype=_KINDS[kind])
                for name, kind in PICK_COLUMNS.items()
                if name != "id"
            },
            index=chosen if any(chosen.names) else chosen.rename("id"),
        )

    @property
    def how(self) -> list[str] | None:
        """How each pick came about: ``audit``, ``random`` or ``strategy``.

        None where no row was to be drawn at random.

        >>> Picks(np.array([4, 2]), drawn=np.array([False, True])).how
        ['strategy', 'random']
        """
        if self.drawn is None and self.audit is None:
            return None
        none = np.zeros(len(self), dtype=np.bool_)
        drawn, audit = (none if each is None else each for each in (self.drawn, self.audit))
        marks = zip(audit.tolist(), drawn.tolist(), strict=True)
        return ["audit" if first else "random" if then else "strategy" for first, then in marks]

    def _reasons(self) -> dict[str, Any]:
        return {
            "uncertainty": self.uncertainty,
            "percentile": self.percentile,
            "distance": self.distance,
            "nearest": self.nearest,
            "stands_for": self.stands_for,
        }

    def _rows_known(self) -> int:
        if self.n is not None:
            return self.n
        nearest = [] if self.nearest is None else self.nearest.tolist()
        return int(max([*self.rows.tolist(), *nearest], default=-1)) + 1

    def _require_length(self, length: int) -> None:
        if self.n is not None and length != self.n:
            raise InputError(
                f"the index has {length:,} entries, but the pool has {self.n:,} rows; give one "
                "entry for each row of the pool"
            )
        if len(self) and int(self.rows.max()) >= length:
            raise InputError(
                f"the index has {length:,} entries, but row {int(self.rows.max()):,} is a pick; "
                "give one entry for each row of the pool"
            )


def joined(answers: Sequence[Picks], order: IntArray | None = None) -> Picks:
    """The picks of several answers, one after another or in an order.

    >>> joined([Picks(np.array([4])), Picks(np.array([2]))], np.array([1, 0])).rows.tolist()
    [2, 4]
    """
    rows = np.concatenate([np.empty(0, dtype=np.int64), *(picks.rows for picks in answers)])
    names = {name for picks in answers for name in picks.seconds}
    seconds = {name: sum(picks.seconds.get(name, 0.0) for picks in answers) for name in names}
    notes = tuple(note for picks in answers for note in picks.notes)
    drawn = _marks(answers)
    if order is not None:
        rows, drawn = rows[order], None if drawn is None else drawn[order]
    return Picks(rows, seconds=seconds, drawn=drawn, notes=notes, facts=_joined_facts(answers))


def _joined_facts(answers: Sequence[Picks]) -> dict[str, Any]:
    """The facts of all parts; where parts differ, under the name of the part, too."""
    facts: dict[str, Any] = {}
    for picks in answers:
        for name, value in picks.facts.items():
            own = name if facts.get(name, value) == value else f"{picks.strategy}_{name}"
            facts.setdefault(own, value)
    return facts


def _marks(answers: Sequence[Picks]) -> BoolArray | None:
    if all(picks.drawn is None for picks in answers):
        return None
    none = [np.zeros(len(picks), dtype=np.bool_) for picks in answers]
    return np.concatenate(
        [
            empty if picks.drawn is None else picks.drawn
            for picks, empty in zip(answers, none, strict=True)
        ]
    )


_KINDS = {int: "Int64", float: "float64", str: "object"}


def _rows(count: int) -> str:
    return "row" if count == 1 else "rows"


def _finite(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan)


def _or_none(rows: list[int] | None) -> list[int | None] | None:
    return None if rows is None else [None if row < 0 else row for row in rows]


def _cell(value: Any) -> str:
    """A number; a dash where nothing comes before (an infinite distance, row -1)."""
    if isinstance(value, np.integer):
        return "-" if value < 0 else f"{value:,}"
    return f"{value:.4g}" if np.isfinite(value) else "-"
