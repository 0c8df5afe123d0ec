"""Tables of studies, and the names of their pictures."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain

from uwe.cli.display import curve_tables, curve_title, wide_console
from uwe.runs import Curve, Study, bounds_of, by_study, details_of
from uwe.runs.names import fitted_name

__all__ = ["picture_name", "show"]


def show(curves: Sequence[Curve], bounds: Sequence[Curve] = ()) -> None:
    """Print a table for each study."""
    console = wide_console()
    details = details_of(curve.study for curve in curves)
    for study in by_study(curves):
        console.print(curve_title(study, details[study[0].study]))
        for table in curve_tables(study, bounds_of(study, bounds), width=console.width):
            console.print(table)


def picture_name(study: Study, taken: Collection[str]) -> str:
    """The name of a study's picture; a number tells studies of one name apart."""
    epochs = f"_ne{study.epochs}" if study.epochs else ""
    made = f"_mod{study.model}{epochs}" if study.model else ""  # other programs' are unknown
    name = fitted_name(f"curves_{study.dataset}{made}_bid{study.budgets}")
    numbered = (f"{name}_{number}.svg" for number in range(2, len(taken) + 2))
    return next(each for each in chain([f"{name}.svg"], numbered) if each not in taken)
