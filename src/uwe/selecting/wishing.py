"""Wishes from the keyword arguments of `uwe.select` and `uwe.query`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from uwe.errors import InputError
from uwe.selecting.by_position import marks_by_position, values_by_position
from uwe.strategies import Quota, Wishes

__all__ = ["wishes_given"]

_MARKS = ("where", "like", "unlike")


def wishes_given(rows: Mapping[str, Any], **wishes: Any) -> Wishes:
    """The wishes as one value; what pandas hands over is put in the order of the rows.

    Args:
        rows: what has a row for each row of the pool, by the name for an error; the first with an
            index is aligned to.
        wishes: fields of `Wishes` by name; a quota may be the group of each row alone.

    Raises:
        InputError: as `Wishes`; an index of pandas is not that of the rows.

    >>> wishes = wishes_given({"x": [[1.0], [2.0]]}, where=[1], quota=["a", "b"])
    >>> wishes.where.tolist(), wishes.quota.groups
    ([1], ['a', 'b'])
    """
    given = {name: value for name, value in wishes.items() if value is not None}
    marks = {name: given.pop(name) for name in _MARKS if name in given}
    quota = given.get("quota")
    if quota is not None and not isinstance(quota, Quota):
        quota = Quota(quota)
    columns = {"weight": given.get("weight"), "quota": None if quota is None else quota.groups}
    if isinstance(columns["weight"], str):
        raise InputError(
            f"weight is the text {columns['weight']!r}; give an array of one number for each row"
        )
    columns = {name: value for name, value in columns.items() if not isinstance(value, str)}
    plain = values_by_position({**rows, **columns})
    if quota is not None:
        quota = replace(quota, groups=plain.get("quota", quota.groups))
    placed = marks_by_position({**rows, **columns}, marks)
    return Wishes(**{**given, **placed, "weight": plain["weight"], "quota": quota})
