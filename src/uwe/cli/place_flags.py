"""How maps and detections become rows, as commands take it: `uwe select` and `uwe embed`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from uwe.errors import InputError, require_known

if TYPE_CHECKING:
    from uwe.dense import Reduction

__all__ = ["place_options", "reduction_of"]


def place_options(
    measure: str | None, reduce: str | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The options of `Reduction` that ``--measure``, ``--reduce`` and ``--place-option`` say.

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
    Reduction(**merged)
    return merged


def reduction_of(
    measure: str | None, reduce: str | None, options: Mapping[str, Any]
) -> Reduction | None:
    """What `place_options` says as a value; None where it says nothing.

    Raises:
        InputError: as `place_options`.
    """
    from uwe.dense import Reduction

    merged = place_options(measure, reduce, options)
    return Reduction(**merged) if merged else None
