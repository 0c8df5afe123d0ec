"""Tables of studies, and the names of their pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from uwe.cli.display import curve_table, curve_title, wide_console
from uwe.runs import Curve, Study, bounds_of, by_study

__all__ = ["picture_name", "show"]


def show(curves: Sequence[Curve], bounds: Sequence[Curve] = ()) -> None:
    """Print a table for each study."""
    console = wide_console()
    for study in by_study(curves):
        console.print(curve_title(study, [curve.study for curve in curves]))
        console.print(curve_table(study, bounds_of(study, bounds)))


def picture_name(study: Study, taken: Sequence[str]) -> str:
    """The name of a study's picture; a number tells studies of one name apart."""
    epochs = f"_ne{study.epochs}" if study.epochs else ""
    made = f"_mod{study.model}{epochs}" if study.model else ""  # other programs' are unknown
    name = _short(f"curves_{study.dataset}{made}_bid{study.budgets}")
    names = [f"{name}.svg", *(f"{name}_{number}.svg" for number in range(2, len(taken) + 2))]
    return next(each for each in names if each not in taken)


_LONGEST = 200
"""Bytes of a picture's name, without number and suffix; a file's name has 255."""


def _short(name: str) -> str:
    """The name, or its beginning and a digest of the whole."""
    if len(name.encode()) <= _LONGEST:
        return name
    whole = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
    return name.encode()[: _LONGEST - len(whole) - 1].decode(errors="ignore") + f"_{whole}"
