"""Options as dataclass fields that carry their own documentation, range and effect.

A field made by `setting` is the only place where an option is described. The checks, the record of
a run, the flags of the command line and the keys of the YAML file are derived from it.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from math import isfinite
from os import PathLike
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from uwe._files import expanded
from uwe._types import is_real
from uwe.errors import InputError, require_known

__all__ = [
    "Setting",
    "changed",
    "check_settings",
    "documented",
    "is_number",
    "is_whole",
    "recorded",
    "require_type",
    "setting",
    "setting_of",
    "type_of",
    "value_of",
]


_NOTHING = object()


@dataclass(frozen=True)
class Setting:
    """What a field says about its option.

    Attributes:
        doc: one sentence for the help and the documentation.
        at_least: smallest value, or None.
        at_most: largest value, or None.
        above: the value must be larger than this, or None.
        below: the value must be smaller than this, or None.
        record: key in a run's record; None if the option changes no result, or if what is made
            with it has a place of its own in the record.
        cycle0: whether the option changes the model of cycle 0.
        as_recorded: turns the value into a JSON value.
        absent: value that is left out of the record, so that records from before the option
            existed still compare equal.
        flags: short forms of the flag on the command line.
        repeated: whether the flag may be given several times.
        used_by: groups of models that use the option; empty for all that the part is for.
    """

    doc: str
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    record: str | None = None
    cycle0: bool = True
    as_recorded: Callable[[Any], Any] = lambda value: value
    absent: Any = _NOTHING
    flags: tuple[str, ...] = ()
    repeated: bool = False
    used_by: tuple[str, ...] = ()


def setting(default: Any, doc: str, **details: Any) -> Any:
    """A dataclass field with a `Setting`; a mapping as default is copied.

    >>> @dataclass(frozen=True)
    ... class Options:
    ...     epochs: int = setting(100, "Epochs of every training.", at_least=1)
    >>> setting_of(Options, "epochs").doc
    'Epochs of every training.'
    """
    metadata = {"setting": Setting(doc, **details)}
    if isinstance(default, Mapping):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def setting_of(part: Any, name: str) -> Setting:
    """The `Setting` of a field."""
    found: Setting = next(each for each in fields(part) if each.name == name).metadata["setting"]
    return found


def type_of(part: type, name: str) -> Any:
    """The type of a field, evaluated."""
    return get_type_hints(part)[name]


def documented(part: Any) -> Iterator[tuple[Field[Any], Setting]]:
    """The fields that carry a `Setting`, in order."""
    for each in fields(part):
        if "setting" in each.metadata:
            yield each, each.metadata["setting"]


def changed(part: Any) -> dict[str, Any]:
    """The options of ``part`` that differ from their defaults."""
    return {
        each.name: value
        for each, _ in documented(part)
        if (value := getattr(part, each.name)) != _default(each)
    }


def recorded(part: Any, *, cycle0: bool) -> dict[str, Any]:
    """What the options of ``part`` add to a run's record.

    Args:
        part: a dataclass with settings.
        cycle0: keep only what changes the model of cycle 0.
    """
    found = {}
    for each, option in documented(part):
        value = getattr(part, each.name)
        told = option.record is not None and (option.cycle0 or not cycle0)
        if told and (option.absent is _NOTHING or value != option.absent):
            found[str(option.record)] = option.as_recorded(value)
    return found


def value_of(text: Any) -> Any:
    """A number, true, false or none from its text; any other text, and any other value, as it is.

    >>> [value_of(text) for text in ("3", "0.5", "true", "none", "rbf", "1_000", 7)]
    [3, 0.5, True, None, 'rbf', '1_000', 7]
    """
    if not isinstance(text, str):
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if is_whole(text):
        return int(text)
    return float(text) if is_number(text) else text


def is_whole(text: str) -> bool:
    """Whether text is a whole number: digits, and a minus before them.

    >>> [text for text in ("12", "-3", "1_000", "+5", " 5", "0x10", "1e3") if is_whole(text)]
    ['12', '-3']
    """
    return _WHOLE.fullmatch(text) is not None


def is_number(text: str) -> bool:
    """Whether text is a number: digits with a point or an exponent, and a minus before them.

    >>> [text for text in ("12", "-.5", "1e-3", "1_0.5", "nan", "1e999") if is_number(text)]
    ['12', '-.5', '1e-3']
    """
    return _NUMBER.fullmatch(text) is not None and isfinite(float(text))


_WHOLE = re.compile(r"-?[0-9]{1,400}")
_NUMBER = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,4})?")

_WORDS = {"true": True, "false": False, "none": None}


def check_settings(part: Any) -> None:
    """Check every option of ``part`` against its type and range; numbers become Python's own.

    Raises:
        InputError: a value has another type, is outside its range, or is not among its choices.
    """
    types = get_type_hints(type(part))
    for each, option in documented(part):
        name, value = each.name.replace("_", " "), getattr(part, each.name)
        object.__setattr__(part, each.name, _checked(name, value, types[each.name], option))


def require_type(what: str, value: Any, kind: Any) -> None:
    """Refuse a value that a parameter's annotation does not allow; the value is left as it is.

    Args:
        what: the option, for the error, such as ``option mc_passes of strategy bald``.
        value: from the user.
        kind: the annotation. One that is not made of bool, int, float, str and None allows all.

    Raises:
        InputError: the value is of another type; both are named.

    >>> require_type("option n", "x", int | None)
    Traceback (most recent call last):
        ...
    uwe.errors.InputError: option n must be a whole number, not 'x' of type str
    """
    kinds = [bool if each is np.bool_ else each for each in _alternatives(kind)]
    if not kinds or any(each not in _ALLOWED for each in kinds):
        return
    if (value is None and NoneType in _members(kind)) or any(
        _is_a(value, allowed) for each in kinds for allowed in _ALLOWED[each]
    ):
        return
    wanted = " or ".join(_TOLD[each] for each in kinds)
    shown = " ".join(repr(value).split())
    raise InputError(f"{what} must be {wanted}, not {shown:.60} of type {type(value).__name__}")


def _is_a(value: Any, kind: type) -> bool:
    """Whether a value is of a type; True and False are no numbers."""
    is_switch = isinstance(value, bool | np.bool_)
    return isinstance(value, kind) and is_switch == (kind in (bool, np.bool_))


_ALLOWED: Mapping[Any, tuple[type, ...]] = {
    bool: (bool, np.bool_),
    int: (int, np.integer),
    float: (int, float, np.number),
    str: (str,),
}
_TOLD = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _checked(name: str, value: Any, kind: Any, option: Setting) -> Any:
    kinds = _alternatives(kind)
    if value is None and (NoneType in _members(kind) or Any in kinds):
        return None
    choices = [choice for each in kinds if get_origin(each) is Literal for choice in get_args(each)]
    if choices:
        return require_known(value, choices, name)
    check = _CHECKS.get(kinds[0]) if len(kinds) == 1 else None
    return value if check is None else _in_range(name, check(name, value), option)


def _switch(name: str, value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def _number(name: str, value: Any) -> float:
    if not is_real(value):
        raise InputError(f"{name} must be a number, not {value!r}")
    return float(value)


def _whole(name: str, value: Any) -> int:
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise InputError(f"{name} must be a whole number, not {value!r}") from None


def _path(name: str, value: Any) -> Path:
    if not isinstance(value, str | PathLike):
        raise InputError(f"{name} must be a path, not {value!r}")
    return expanded(value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(f"{name} must be text, not {value!r}")
    return value


_CHECKS: Mapping[Any, Callable[[str, Any], Any]] = {
    bool: _switch,
    float: _number,
    int: _whole,
    Path: _path,
    str: _text,
}
"""Checks by the type of an option; an option may also be of a type without a check."""


def _in_range(name: str, value: Any, option: Setting) -> Any:
    if isinstance(value, float | int) and not isinstance(value, bool):
        _check_range(name, value, option)
    return value


def _check_range(name: str, value: float, option: Setting) -> None:
    limits = (
        (option.at_least, operator.ge, "at least"),
        (option.at_most, operator.le, "at most"),
        (option.above, operator.gt, "above"),
        (option.below, operator.lt, "below"),
    )
    asked = [(limit, fits, words) for limit, fits, words in limits if limit is not None]
    if not all(fits(value, limit) for limit, fits, _ in asked):
        wanted = " and ".join(f"{words} {_digits(limit)}" for limit, _, words in asked)
        raise InputError(f"{name} must be {wanted}, not {_digits(value)}")


def _digits(value: float) -> str:
    """A number with every digit that decides; one that is too long to be read, short."""
    if not isinstance(value, int):
        return f"{value:g}"
    bits = value.bit_length()
    return str(value) if bits <= _LONGEST else f"a number of {bits} bits"


_LONGEST = 64  # bits of a number that is printed in full


def _members(kind: Any) -> tuple[Any, ...]:
    """The members of a union; any other type alone."""
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _alternatives(kind: Any) -> list[Any]:
    """The members of a union, None left out; any other type alone."""
    return [each for each in _members(kind) if each is not NoneType]


def _default(each: Field[Any]) -> Any:
    return each.default if each.default_factory is MISSING else each.default_factory()
