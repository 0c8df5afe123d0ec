"""From the arguments of a command to experiments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, Token

from uwe._settings import is_number, is_whole, value_of
from uwe.errors import InputError, require_known
from uwe.experiment import Experiment
from uwe.strategies import shared_options, strategy_names

_MOST_SEEDS = 1_000
_SEED = re.compile("[0-9]{1,15}")

__all__ = [
    "SHORT_FORMS",
    "Count",
    "Number",
    "Output",
    "Share",
    "Switch",
    "Whole",
    "expand",
    "key_values",
    "parse_seeds",
    "share_in",
    "texts_by_name",
]


def _whole(kind: type[int], tokens: Sequence[Token]) -> int:
    """A whole number; cyclopts' own conversion takes 1.5 for 1, and int() takes 1_000."""
    [token] = tokens
    if not is_whole(str(token.value)):
        raise ValueError(f"{token.value!r} is not a whole number{_source(token)}")
    return kind(token.value)


def _number(kind: type[float], tokens: Sequence[Token]) -> float:
    """A number; float() takes 1_000, nan and digits of any script."""
    [token] = tokens
    if not is_number(str(token.value)):
        raise ValueError(f"{token.value!r} is not a number{_source(token)}")
    return kind(token.value)


def _share(kind: type[float], tokens: Sequence[Token]) -> float:
    """A share, as 0.1 or 10%."""
    [token] = tokens
    share = share_in(str(token.value))
    if share is None:
        raise ValueError(f"{token.value!r} is not a share such as 10% or 0.1{_source(token)}")
    return kind(share)


def _source(token: Token) -> str:
    return "" if token.source == "cli" else f" ({token.source})"


Whole = Annotated[int, Parameter(converter=_whole)]
Number = Annotated[float, Parameter(converter=_number)]
Share = Annotated[float, Parameter(converter=_share)]

Switch = Annotated[bool, Parameter(negative=())]
Output = Annotated[Path, Parameter(name=("-o", "--output"))]
Count = Annotated[int, Parameter(name=("-k", "--k"), converter=_whole)]

SHORT_FORMS: Mapping[str, tuple[Any, str]] = {
    "uncertainty": (str, "Short form of --option uncertainty=NAME (strategy uwe)."),
    "selection": (str, "Short form of --option selection=NAME (strategy uwe)."),
    "normalise": (str, "Short form of --option normalise=NAME: none, unit or standard."),
    "mc_passes": (Whole, "Short form of --option mc_passes=N (strategy bald)."),
}
"""Options of strategies that have a flag of their own: its type and help."""


def share_in(text: str) -> float | None:
    """The share that ``10%`` or ``0.1`` is; None of another text.

    >>> share_in("20%"), share_in("0.2"), share_in("much")
    (0.2, 0.2, None)
    """
    digits = text.removesuffix("%").strip()
    return float(digits) / (100 if text.endswith("%") else 1) if is_number(digits) else None


def parse_seeds(text: str) -> tuple[int, ...]:
    """Seeds from ``3``, ``1-3``, ``1,5`` or a mixture.

    Raises:
        InputError: it is none of these, a range falls, or a seed is 0.

    >>> parse_seeds("1-3,7")
    (1, 2, 3, 7)
    """
    seeds = [seed for part in text.split(",") for seed in _range(part.strip(), text)]
    if 0 in seeds:
        raise InputError(f"seeds start at 1, but {text!r} holds 0")
    if len(set(seeds)) < len(seeds):
        raise InputError(f"seeds {text!r} contain a seed twice")
    return tuple(seeds)


def key_values(pairs: Sequence[str], *, flag: str = "--option") -> dict[str, Any]:
    """Options from ``NAME=VALUE``; numbers, true, false and none become values of Python.

    >>> key_values(["temperature=0.5", "probability=true"])
    {'temperature': 0.5, 'probability': True}
    """
    return {name: value_of(text) for name, text in texts_by_name(pairs, flag=flag).items()}


def texts_by_name(pairs: Sequence[str], *, flag: str) -> dict[str, str]:
    """Names and texts from ``NAME=TEXT``.

    Raises:
        InputError: a pair has another form, or a name is given twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name:
            raise InputError(f"{flag} takes NAME=VALUE, not {pair!r}")
        if name in found:
            raise InputError(f"{flag} {name} is given twice: {found[name]!r} and {text.strip()!r}")
        found[name] = text.strip()
    return found


def expand(
    template: Experiment,
    strategies: Sequence[str],
    seeds: Sequence[int],
    options: Mapping[str, Any],
) -> list[Experiment]:
    """One experiment for each seed and strategy; an option goes to the strategies that have it.

    Raises:
        InputError: an option is used by none of the strategies, or one is named twice.
    """
    for name in strategies:
        if "," in name:
            raise InputError(f"--strategy {name!r} holds a comma; give --strategy once for each")
        require_known(name, strategy_names(), "strategy")
        if list(strategies).count(name) > 1:
            raise InputError(f"strategy {name} is named twice")
    its, unused = shared_options(strategies, options)
    for option in unused:
        flag = f"--option {option}"
        if option in SHORT_FORMS:
            flag = "--" + option.replace("_", "-")
        raise InputError(
            f"{flag} is used by none of the chosen strategies ({', '.join(strategies)}); "
            "leave it out"
        )
    return [
        replace(template, strategy=name, seed=seed, options=used)
        for seed in seeds
        for name, used in zip(strategies, its, strict=True)
    ]


def _range(part: str, text: str) -> range:
    first, dash, last = part.partition("-")
    if not _SEED.fullmatch(first) or (dash and not _SEED.fullmatch(last)):
        raise InputError(f"seeds are numbers such as 1-3 or 1,2,5, not {text!r}")
    start, end = int(first), int(last or first)
    if end < start:
        raise InputError(f"the range of seeds {part!r} is descending; write {end}-{start}")
    if end - start >= _MOST_SEEDS:
        raise InputError(f"the range of seeds {part!r} has more than {_MOST_SEEDS:,} seeds")
    return range(start, end + 1)
