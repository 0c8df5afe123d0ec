"""How many picks each group gets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

import numpy as np

from uwe._types import IntArray, Rows, is_real
from uwe.errors import InputError, close_matches
from uwe.strategies._question import Question
from uwe.strategies._shares import exact_share, rounded
from uwe.tasks import is_missing

__all__ = ["PREDICTED", "Groups", "Quota", "capped", "digested", "group_text", "grouped"]

PREDICTED: Final = "predicted"
"""The groups of a `Quota` over the predicted class."""

_SHARES = ("uniform", "pool")
_SHOWN = 6


@dataclass(frozen=True, eq=False)
class Quota:
    """Exact numbers of picks for each group of rows.

    Formula: a group with share s gets ``s · k / Σ s`` of k picks, rounded by largest remainder; of
    equal remainders, the group with more rows that may be picked, then the earlier one. Labelled
    rows do not count: the quota is about these k picks.

    Attributes:
        groups: the group of each row, ``[n]`` of texts or numbers; a row without one (None, NaN, an
            empty text) is not picked. Or ``"predicted"``: the most probable class.
        shares: ``"uniform"``, the same for each group that has a row that may be picked;
            ``"pool"``, in proportion to the rows of such a group in the whole pool; or a share of
            at least 0 by group, in proportion. Groups that are not named get none.
        name: what an error calls the groups, such as the name of a column.

    Raises:
        InputError: the shares are none of these.

    >>> Quota(["a", "b", "a"], {"a": 2, "b": 1}, name="camera").shares
    {'a': 2.0, 'b': 1.0}
    >>> Quota("predicted").record
    {'over': 'class', 'shares': 'uniform'}
    """

    groups: Any
    shares: Any = "uniform"
    name: str = ""

    def __post_init__(self) -> None:
        is_predicted = isinstance(self.groups, str)
        if is_predicted and self.groups != PREDICTED:
            raise InputError(
                f"the groups of a quota must be one for each row, or {PREDICTED!r} for the "
                f"predicted class, not {self.groups!r}"
            )
        if not isinstance(self.groups, Iterable) or isinstance(self.groups, Mapping | Set):
            raise InputError(
                "the groups of a quota must be a list or an array of one for each row, not a value "
                f"of type {type(self.groups).__name__}"
            )
        shape = getattr(self.groups, "shape", ())
        if len(shape) > 1:
            raise InputError(
                f"the groups of a quota must be [n], one for each row, not of shape {tuple(shape)}"
            )
        object.__setattr__(self, "name", self.name or ("class" if is_predicted else "group"))
        if isinstance(self.shares, Mapping):
            object.__setattr__(self, "shares", _checked_shares(self.shares, self.name))
        elif not isinstance(self.shares, str) or self.shares not in _SHARES:
            raise InputError(
                "the shares of a quota must be 'uniform', 'pool' or a share by group such as "
                f"{{'a': 2, 'b': 1}}, not {self.shares!r:.60}"
            )

    @property
    def is_predicted(self) -> bool:
        """Whether the groups are the predicted classes."""
        return isinstance(self.groups, str)

    @cached_property
    def texts(self) -> list[str | None]:
        """The group of each row as text, None where a row has none; of no use for classes."""
        return _texts(self.groups)

    @property
    def record(self) -> dict[str, Any]:
        """What the quota is, in the types of JSON; of the groups, their number and digest."""
        groups = {} if self.is_predicted else {"groups": digested(self.texts)}
        return {"over": self.name, "shares": self.shares, **groups}


@dataclass(frozen=True)
class Groups:
    """The group of each row as a number.

    Attributes:
        names: of the groups, in order.
        of: int64 ``[n]``, the group's place in ``names``; -1 where a row has none.
    """

    names: tuple[str, ...]
    of: IntArray

    def sizes(self, rows: Rows) -> IntArray:
        """How many of ``rows`` each group has."""
        numbers = self.of[rows]
        return np.bincount(numbers[numbers >= 0], minlength=len(self.names))

    def told(self, counts: IntArray) -> str:
        """Some counts by group, in words."""
        shown = [f"{self.names[at]} {counts[at]:,}" for at in np.flatnonzero(counts)[:_SHOWN]]
        left = int((counts > 0).sum()) - len(shown)
        return ", ".join([*shown, *([f"and {left:,} more"] if left > 0 else [])])


def grouped(quota: Quota, question: Question) -> Groups:
    """The group of each row of the pool.

    Raises:
        InputError: there is not one group for each row.
    """
    n = len(question.pool)
    if quota.is_predicted:
        logits = question.predictions.logits
        classes = question.task.classes if question.task is not None else ()
        names = [classes[at] if at < len(classes) else str(at) for at in range(logits.shape[1])]
        return Groups(tuple(names), question.predictions.predicted())
    texts = quota.texts
    if len(texts) != n:
        raise InputError(
            f"the quota has a {quota.name} for {len(texts):,} rows, but the pool has {n:,} rows; "
            "give one for each row"
        )
    names = sorted({text for text in texts if text is not None}, key=_natural)
    numbers: dict[str | None, int] = {None: -1, **{name: at for at, name in enumerate(names)}}
    return Groups(tuple(names), np.array([numbers[text] for text in texts], dtype=np.int64))


def capped(quota: Quota, groups: Groups, eligible: Rows, rows: Rows, k: int) -> IntArray:
    """How many of ``k`` picks each group gets.

    Args:
        quota: with the shares.
        groups: of all rows.
        eligible: rows that may be picked but for their distance: a group of one of them counts.
        rows: those that may be picked.
        k: how many rows are picked.

    Raises:
        InputError: a group that is named does not exist, or has fewer rows than it gets.
    """
    shares = _shares_of(quota, groups, eligible)
    sizes = groups.sizes(rows)
    order = sorted(range(len(shares)), key=lambda at: (-sizes[at], at))
    caps = np.zeros(len(shares), dtype=np.int64)
    if any(shares):
        caps[order] = rounded([shares[at] for at in order], k)
    elif k:
        raise InputError(
            f"the quota over {quota.name} gives no pick: each row that may be picked lacks a value"
        )
    short = np.flatnonzero(caps > sizes)
    if len(short):
        at = short[0]
        raise InputError(
            f"the quota over {quota.name} gives {groups.names[at]!r} {caps[at]:,} of {k:,} picks, "
            f"but {_few(int(sizes[at]))} of it may be picked (by {quota.name}: "
            f"{groups.told(sizes) or 'none'}); ask for fewer, or give it a smaller share"
        )
    return caps


def group_text(value: Any) -> str | None:
    """A group as text, so that 1, 1.0 and "1" are one group; None where there is none.

    >>> [group_text(value) for value in (1, 1.0, "1", "", None)]
    ['1', '1', '1', None, None]
    """
    if is_missing(value):
        return None
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def digested(values: Sequence[str | None] | np.ndarray[Any, Any]) -> dict[str, Any]:
    """How many values there are, and a digest that tells them from others.

    >>> digested(["a", "b"])["rows"], digested(["a", "b"]) == digested(["ab", ""])
    (2, False)
    """
    held = values.tobytes() if isinstance(values, np.ndarray) else json.dumps(values).encode()
    return {"rows": len(values), "sha256": hashlib.sha256(held).hexdigest()[:16]}


def _texts(groups: Any) -> list[str | None]:
    listed = getattr(groups, "tolist", None)
    values = listed() if callable(listed) else list(groups)
    plain = {value: group_text(value) for value in {each for each in values if type(each) is str}}
    return [plain[each] if type(each) is str else group_text(each) for each in values]


def _shares_of(quota: Quota, groups: Groups, eligible: Rows) -> list[Fraction]:
    there = groups.sizes(eligible)
    if not isinstance(quota.shares, Mapping):
        every = groups.sizes(np.arange(len(groups.of))) if quota.shares == "pool" else there > 0
        return [
            Fraction(int(count)) if many else Fraction()
            for count, many in zip(every, there, strict=True)
        ]
    unknown = [name for name in quota.shares if name not in groups.names]
    if unknown:
        close = " or ".join(map(repr, close_matches(unknown[0], groups.names)))
        hint = f"did you mean {close}?" if close else f"it has {', '.join(groups.names[:_SHOWN])}"
        raise InputError(
            f"the quota over {quota.name} names {unknown[0]!r}, which no row of the pool has; "
            f"{hint}"
        )
    return [exact_share(quota.shares.get(name, 0.0)) for name in groups.names]


def _checked_shares(shares: Mapping[Any, Any], name: str) -> dict[str, float]:
    checked: dict[str, float] = {}
    for group, share in shares.items():
        if not is_real(share) or not 0 <= share < np.inf:
            raise InputError(
                f"the share of {name} {group!r} must be a number of at least 0, not {share!r:.40}"
            )
        text = group_text(group)
        if text is None or text in checked:
            what = "is empty" if text is None else f"{text!r} is named twice"
            raise InputError(f"a quota over {name} needs a share for each group; one {what}")
        checked[text] = float(share)
    if not any(checked.values()):
        raise InputError(f"no share of the quota over {name} is above 0; give one")
    return checked


def _natural(text: str) -> tuple[int, float, str]:
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text


def _few(count: int) -> str:
    return "no row" if not count else f"only {count:,} row{'s' if count > 1 else ''}"
