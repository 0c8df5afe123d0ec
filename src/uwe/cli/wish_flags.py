"""The flags of wishes, which `uwe select` and `uwe next` share, and the forms of their values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from uwe.cli.options import Number
from uwe.errors import InputError

__all__ = ["FILE", "WishFlags", "quota_parts", "weight_parts"]

FILE = "@"
"""Begins the name of a file, where ids may stand as well."""

_QUOTED = re.compile(r'"(?P<name>(?:[^"]|"")*)"(?P<rest>.*)', re.DOTALL)
_SHARE = re.compile(r'\s*"(?P<group>(?:[^"]|"")*)"\s*:(?P<share>[^,]*)(?:,|$)')
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
_LIST = Parameter(negative=())


@Parameter(name="*")
@dataclass(frozen=True)
class WishFlags:
    """What is wished of the picks.

    Parameters
    ----------
    where
        Condition on columns, such as "camera == 'north' and blur < 0.3": only rows that meet it are
        picked. Text stands in single quotes, a name with blanks in double quotes.
    min_distance
        No pick is closer than this to another pick or a labelled row: Euclidean in the features.
    quota
        COLUMN=SHARES: how many picks each value of the column gets: uniform, pool (in proportion
        to the pool), or a:2,b:1; a value with a comma stands in double quotes. predicted=SHARES:
        over the predicted class; a column of that name stands in double quotes.
    weight
        COLUMN or COLUMN:POWER: rows count as much as the column's number, to that power; rows with
        0 are not picked.
    like
        Ids of examples, separated by commas, or @FILE with ids: similar rows weigh more. May be
        given several times.
    unlike
        Likewise: similar rows weigh less.
    random_share
        Share of the picks, from 0 to 1, that is drawn at random; the column how marks them.
    columns_from
        Table with a column id and further columns for --where, --quota and --weight, beside those
        of the pool.
    """

    where: str | None = None
    min_distance: Number | None = None
    quota: str | None = None
    weight: str | None = None
    like: Annotated[list[str] | None, _LIST] = None
    unlike: Annotated[list[str] | None, _LIST] = None
    random_share: Number | None = None
    columns_from: Path | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The flags that are given, by name."""
        values = {of.name: getattr(self, of.name) for of in fields(self)}
        return {_flag(name): value for name, value in values.items() if value is not None}

    def check(self) -> None:
        """Refuse what can be refused without the pool.

        Raises:
            InputError: a number is out of its range, or a text has another form.
        """
        if self.min_distance is not None and not 0 <= self.min_distance < np.inf:
            raise InputError(
                f"--min-distance is {self.min_distance}; it must be a finite number of at least 0"
            )
        if self.random_share is not None and not 0 <= self.random_share <= 1:
            raise InputError(f"--random-share is {self.random_share}; it must be from 0 to 1")
        if self.quota is not None:
            quota_parts(self.quota)
        if self.weight is not None:
            weight_parts(self.weight)
        uses = [self.where, self.quota, self.weight]
        if self.columns_from is not None and all(each is None for each in uses):
            raise InputError(
                f"--columns-from {self.columns_from} is for --where, --quota and --weight; give "
                "one of them, too"
            )

    def sources(self) -> dict[str, Path]:
        """The files that the flags read, by what they are."""
        named = {"--like": self.like or [], "--unlike": self.unlike or []}
        files = {
            f"the {flag} file": Path(text.removeprefix(FILE))
            for flag, texts in named.items()
            for text in texts
            if text.startswith(FILE)
        }
        table = {} if self.columns_from is None else {"the --columns-from table": self.columns_from}
        return {**files, **table}


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _named(text: str, flag: str, form: str) -> tuple[str, str, bool]:
    """The name that a text begins with in double quotes, what follows, and whether it is quoted."""
    if not text.startswith('"'):
        return text, "", False
    found = _QUOTED.fullmatch(text)
    if found is None:
        raise InputError(f"{flag} {text!r} opens a quote that is never closed; write {form}")
    return found["name"].replace('""', '"'), found["rest"], True


def quota_parts(text: str) -> tuple[str, Any, bool]:
    """Column, shares, and whether the column's name is quoted.

    Raises:
        InputError: the text has another form.

    >>> quota_parts("camera=a:2,b:1"), quota_parts('"predicted"=pool')
    (('camera', {'a': 2.0, 'b': 1.0}, False), ('predicted', 'pool', True))
    """
    form = "COLUMN=uniform, COLUMN=pool or COLUMN=a:2,b:1"
    name, rest, is_quoted = _named(text, "--quota", form)
    if not is_quoted:
        name, equals, rest = text.partition("=")
        rest = equals + rest
    if not name.strip() or not rest.startswith("=") or not rest[1:].strip():
        raise InputError(f"--quota takes {form}, not {text!r}")
    name = name if is_quoted else name.strip()
    shares = rest[1:].strip()
    return name, shares if shares in ("uniform", "pool") else _shares(shares, form), is_quoted


def _shares(text: str, form: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part, group, share in _parts(text):
        if not group or not _NUMBER.fullmatch(share):
            raise InputError(
                f"--quota: {part!r} is no share; write {form}, and a value with a comma in double "
                "quotes"
            )
        if group in found:
            raise InputError(f"--quota names {group!r} twice; give it one share")
        found[group] = float(share)
    return found


def _parts(text: str) -> Iterator[tuple[str, str, str]]:
    """Each share as it is written, its group and its number.

    >>> list(_parts('a:2,"b, c":1'))
    [('a:2', 'a', '2'), ('"b, c":1', 'b, c', '1')]
    """
    start = 0
    while start <= len(text):
        quoted = _SHARE.match(text, start)
        end = text.find(",", start) if quoted is None else quoted.end("share")
        end = len(text) if end < 0 else end
        part = text[start:end]
        group, _, share = (each.strip() for each in part.rpartition(":"))
        yield part, group if quoted is None else quoted["group"].replace('""', '"'), share
        start = end + 1


def weight_parts(text: str) -> tuple[str, float]:
    """Column and power.

    Raises:
        InputError: the text has another form.

    >>> weight_parts("blur"), weight_parts("blur:0.5"), weight_parts('"a:2"')
    (('blur', 1.0), ('blur', 0.5), ('a:2', 1.0))
    """
    form = "COLUMN or COLUMN:POWER"
    name, rest, is_quoted = _named(text, "--weight", form)
    if not is_quoted:
        name, colon, rest = text.rpartition(":")
        if not colon:
            return _required(text, text, form), 1.0
        rest = colon + rest
    if is_quoted and not rest:
        return _required(name, text, form), 1.0
    power = rest.removeprefix(":").strip()
    if not rest.startswith(":") or not _NUMBER.fullmatch(power) or not float(power):
        raise InputError(
            f"--weight {text!r}: the power {power!r} is no number above 0; write {form}, and a "
            "name with a colon in double quotes: '\"a:b\"'"
        )
    return _required(name, text, form), float(power)


def _required(name: str, text: str, form: str) -> str:
    if not name.strip():
        raise InputError(f"--weight takes {form}, not {text!r}")
    return name
