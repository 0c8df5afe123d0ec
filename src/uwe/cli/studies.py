"""Tables and pictures of studies: curves that may be compared."""

from __future__ import annotations

from collections.abc import Sequence

from uwe.cli.display import curve_table, curve_title, wide_console
from uwe.runs import Curve, Study

__all__ = ["bounds_of", "picture_name", "show", "studies"]


def show(curves: Sequence[Curve], bounds: Sequence[Curve] = ()) -> None:
    """Print a table for each study."""
    console = wide_console()
    for study in studies(curves):
        console.print(curve_title(study, [curve.study for curve in curves]))
        console.print(curve_table(study, bounds_of(study, bounds)))


def studies(curves: Sequence[Curve]) -> list[list[Curve]]:
    """The curves of each study."""
    found = dict.fromkeys(curve.study for curve in curves)
    return [[curve for curve in curves if curve.study == study] for study in found]


def bounds_of(curves: Sequence[Curve], bounds: Sequence[Curve]) -> list[Curve]:
    """The upper bounds that belong to a study's curves."""
    return [bound for bound in bounds if curves[0].study.bounds(bound)]


def picture_name(study: Study, taken: Sequence[str]) -> str:
    """Studies of the same name that differ otherwise are numbered."""
    name = f"curves_{study.dataset}_mod{study.model}_ne{study.epochs}_bid{study.budgets}"
    names = [f"{name}.png", *(f"{name}_{number}.png" for number in range(2, len(taken) + 2))]
    return next(each for each in names if each not in taken)
