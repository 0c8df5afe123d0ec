"""Calling a function or class that makes a network or a learner; torch is not imported."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from uwe.errors import InputError, require_known, told_of

__all__ = ["Factory", "is_learner", "is_network", "name_of"]

_OFFERED = ("classes", "shape")


@dataclass(frozen=True)
class Factory:
    """A function or class that makes a network or a learner.

    Attributes:
        make: the function or class. It receives the keywords ``classes`` (number of classes) and
            ``shape`` (height, width and channels of an image, or the shape of a row) if its
            signature names them, and the options that it takes. If it returns a class or another
            function, that is called once in the same way.
        name: ``module:qualname``.
        options: keywords from the user.
    """

    make: Callable[..., Any]
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def made(self, *, classes: int, shape: tuple[int, ...]) -> Any:
        """Call the factory, and return a network or a learner.

        Raises:
            InputError: an option is unknown or missing, the call fails, or the result is neither.
        """
        offered = {"classes": classes, "shape": shape}
        made, rest = self._called(self.make, offered, self.options)
        if callable(made) and not _is_made(made):
            made, rest = self._called(made, offered, rest)
        if rest:
            option = next(iter(rest))
            require_known(option, _keywords(self.make), f"option of model {self.name}")
        if not _is_made(made):
            raise InputError(
                f"{self.name} returned {_shown(made)}; it must return a torch.nn.Module, or an "
                "object with fit and predict"
            )
        return made

    def _called(
        self, make: Callable[..., Any], offered: Mapping[str, Any], options: Mapping[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """What ``make`` returns, and the options that it does not take."""
        parameters = _parameters(make)
        takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
        keywords = _keywords(make)
        taken = {key: value for key, value in options.items() if takes_all or key in keywords}
        given = {**{key: offered[key] for key in _OFFERED if key in keywords}, **taken}
        missing = [
            name
            for name, each in parameters.items()
            if each.default is each.empty
            and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
            and name not in given
        ]
        if missing:
            raise InputError(
                f"{self.name} needs a value for {missing[0]!r}; pass --model-option "
                f"{missing[0]}=VALUE"
            )
        try:
            made = make(**given)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            shown = ", ".join(f"{key}={value!r}" for key, value in given.items())
            raise InputError(f"{self.name}({shown}) failed: {told_of(error)}") from error
        return made, {key: value for key, value in options.items() if key not in taken}


def name_of(make: Any) -> str:
    """``module:qualname`` of a function or class.

    >>> name_of(Factory)
    'uwe.models.factory:Factory'
    """
    named = getattr(make, "func", make)  # a functools.partial has no name of its own
    name = getattr(named, "__qualname__", type(named).__qualname__)
    return f"{getattr(named, '__module__', type(named).__module__)}:{name}"


def is_network(value: object) -> bool:
    """Whether ``value`` is a network that is already built."""
    return any(
        kind.__module__ == "torch.nn.modules.module" and kind.__name__ == "Module"
        for kind in type(value).__mro__
    )


def is_learner(value: object) -> bool:
    """Whether ``value`` is an object with fit and predict."""
    return not isinstance(value, type) and all(
        callable(getattr(value, method, None)) for method in ("fit", "predict")
    )


def _is_made(value: object) -> bool:
    return is_network(value) or is_learner(value)


def _parameters(make: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(make).parameters)
    except (TypeError, ValueError):  # some built-in functions have no signature
        return {}


def _keywords(make: Callable[..., Any]) -> list[str]:
    """Parameters that can be passed by name."""
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [name for name, each in _parameters(make).items() if each.kind in by_name]


def _shown(value: object) -> str:
    text = " ".join(repr(value).split())
    text = text if len(text) <= 60 else f"{text[:57]}..."
    return f"{text}, of type {type(value).__name__}"
