"""How maps and detections become rows, as commands take it: `uwe select` and `uwe embed`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from uwe.errors import InputError, require_known

if TYPE_CHECKING:
    from uwe.dense import Reduction

__all__ = ["reduction_of"]


def reduction_of(
    measure: str | None, reduce: str | None, options: Mapping[str, Any]
) -> Reduction | None:
    """The `Reduction` that ``--measure``, ``--reduce`` and ``--place-option`` say; None: nothing.

    Raises:
        InputError: an option is unknown or given twice, or its value does not fit.
    """
    from uwe.dense import Reduction

    short = {"measure": measure, "reduce": reduce}
    given = {name: value for name, value in short.items() if value is not None}
    known = [field.name for field in fields(Reduction)]
    for name in options:
        require_known(name, known, "place option")
        if name in given:
            raise InputError(f"--{name} and --place-option {name} are both given; leave one out")
    merged = {**options, **given}
    return Reduction(**merged) if merged else None
