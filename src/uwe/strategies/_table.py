"""The table of strategies: names, and the functions that make them.

A function with keyword options that returns a `Strategy` makes one. Its signature is the list of
the options, its docstring's first line is what ``uwe list strategies`` shows, and the paragraph
after ``Source:`` says where the method comes from. Built-in strategies and those of other packages
come in through the same door, the entry-point group ``uwe.strategies``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ParamSpec, TypeAlias

from uwe._plugins import PlugIn, called, loaded, plugins, require_options
from uwe.errors import InputError, require_known
from uwe.strategies._strategy import Strategy

__all__ = [
    "StrategyFactory",
    "added_options",
    "as_strategy",
    "describe_strategy",
    "find_strategy",
    "shared_options",
    "strategy_factory",
    "strategy_names",
    "strategy_options",
]  # fmt: skip

StrategyFactory: TypeAlias = Callable[..., Strategy]
P = ParamSpec("P")

_OWN = "uwe.strategies:"
_ADDED = "added_options"  # attribute of a function that makes a strategy


def strategy_factory(make: Callable[P, Strategy]) -> Callable[P, Strategy]:
    """Let a function that makes a strategy give it the function's name and its options.

    >>> from uwe.strategies import drawn
    >>> @strategy_factory
    ... def mine(*, sharpness: float = 1.0):
    ...     return drawn()
    >>> mine().name, mine(sharpness=2.0).options
    ('mine', {'sharpness': 2.0})
    """

    @functools.wraps(make)
    def filled(*args: P.args, **options: P.kwargs) -> Strategy:
        bound = inspect.signature(make).bind(*args, **options)
        bound.apply_defaults()
        told = _recorded(make, bound.arguments)
        return replace(make(*args, **options), name=make.__name__, options=told)

    return filled


def added_options(*names: str) -> Callable[[Callable[P, Strategy]], Callable[P, Strategy]]:
    """Mark options that earlier versions lacked; at their default they are not recorded.

    A run of an earlier version thus goes on, and is pooled with runs of today.
    """

    def marked(make: Callable[P, Strategy]) -> Callable[P, Strategy]:
        setattr(make, _ADDED, names)
        return make

    return marked


def _recorded(make: StrategyFactory, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options without those that were added later and are at their default."""
    added, parameters = getattr(make, _ADDED, ()), inspect.signature(make).parameters
    return {
        name: value
        for name, value in options.items()
        if name not in added or value != parameters[name].default
    }


def find_strategy(name: str, /, **options: Any) -> Strategy:
    """The strategy of that name, with its options.

    Raises:
        InputError: the name is unknown, an option does not belong to the strategy or is missing.

    >>> find_strategy("uwe", uncertainty="bvsb").measure_name
    'bvsb'
    """
    factory, allowed = _factory(name), strategy_options(name)
    for option in options:
        if option not in allowed:
            has = f"its options are {', '.join(allowed)}" if allowed else "it has no options"
            raise InputError(f"strategy {name} does not use {option!r}; {has}")
    given = {**allowed, **options}
    for option, value in given.items():
        if value is inspect.Parameter.empty:
            raise InputError(f"strategy {name} needs the option {option!r}")
    require_options(factory, f"strategy {name}", options)
    made: object = called(factory, f"strategy {name}", **options)
    if not isinstance(made, Strategy):
        raise InputError(
            f"strategy {name} is broken: {factory.__module__}.{factory.__qualname__} must return "
            f"a Strategy, not an object of type {type(made).__name__}"
        )
    return replace(made, name=name, options=_recorded(factory, given))


def as_strategy(strategy: str | Strategy, options: Mapping[str, Any] | None = None) -> Strategy:
    """A strategy from its name and options, or the value itself.

    Args:
        strategy: a name of ``uwe list strategies``, or a value such as
            ``uwe.strategies.badge()``.
        options: of a strategy that is given by name; a value holds its own.

    Raises:
        InputError: it is neither a name nor a value, the name is unknown, an option does not belong
            to the strategy, or options are given beside a value.

    >>> as_strategy("badge") == as_strategy(find_strategy("badge"))
    True
    """
    if isinstance(strategy, str):
        return find_strategy(strategy, **(options or {}))
    value = _value(strategy)
    if options:
        raise InputError(
            f"strategy {value.name} is given as a value, and {', '.join(options)} beside it; "
            "give options where the value is made"
        )
    return value


def _value(strategy: object) -> Strategy:
    if isinstance(strategy, Strategy):
        return strategy
    called = getattr(strategy, "__name__", "")
    hint = f"; call it: {called}(...)" if callable(strategy) and called else ""
    raise InputError(
        "a strategy must be a name such as 'badge' or a value such as uwe.strategies.badge(), "
        f"not an object of type {type(strategy).__name__}{hint}"
    )


def strategy_names() -> list[str]:
    """Names of all strategies: the built-in ones first, then those of other packages."""
    return list(registered())


def strategy_options(name: str) -> dict[str, Any]:
    """The options of a strategy and their defaults.

    >>> strategy_options("bald")
    {'mc_passes': 5}
    """
    parameters = inspect.signature(_factory(name)).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}


def shared_options(
    strategies: Sequence[str | Strategy], options: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The options that each strategy uses, and those that none uses; a value has its own already.

    >>> shared_options(["uwe", "random"], {"uncertainty": "bvsb", "colour": "red"})
    ([{'uncertainty': 'bvsb'}, {}], ['colour'])
    """
    allowed = [strategy_options(each) if isinstance(each, str) else {} for each in strategies]
    used = [{name: options[name] for name in options if name in its} for its in allowed]
    return used, [name for name in options if not any(name in its for its in used)]


def describe_strategy(name: str) -> tuple[str, str]:
    """One line about a strategy, and its source."""
    text = inspect.getdoc(_factory(name)) or ""
    line = text.partition("\n")[0]
    _, _, source = text.partition("Source:")
    return line, " ".join(source.split())


def _factory(name: str) -> StrategyFactory:
    if not isinstance(name, str):
        raise InputError(
            f"the name of a strategy must be text, not an object of type {type(name).__name__}"
        )
    table = registered()
    require_known(name, table, "strategy")
    factory: StrategyFactory = loaded(table[name])
    return factory


def registered() -> Mapping[str, PlugIn]:
    """The plug-ins of all strategies by name, the built-in ones first."""
    return plugins("uwe.strategies", _OWN)
