"""The table of trackers: the entry-point group ``uwe.trackers``.

An entry point is a function or class that takes the results folder, the run's name and its
settings, and returns a `Tracker`. It may have an attribute ``require``, a function without
arguments that raises `InputError` where a package is missing; it is called before anything is run.
The built-in trackers are registered in the same group.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from uwe._plugins import PlugIn, loaded, plugins
from uwe.errors import InputError, require_known

__all__ = [
    "Tracker",
    "TrackerFactory",
    "describe_tracker",
    "find_tracker",
    "require_trackers",
    "tracker_names",
]


class Tracker(Protocol):
    """Where the rows of one run go."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log the numbers of one cycle; ``step`` is the number of labelled rows."""
        ...

    def close(self) -> None:
        """Log nothing more."""
        ...


class TrackerFactory(Protocol):
    """Begins or continues the run of that name."""

    def __call__(self, folder: Path, run: str, settings: Mapping[str, Any]) -> Tracker:
        """The run's tracker; files go below ``folder``, the results folder."""
        ...


def tracker_names() -> list[str]:
    """Names of all trackers: the built-in ones first, then those of other packages.

    >>> sorted(tracker_names())
    ['mlflow', 'tensorboard', 'wandb']
    """
    return list(_table())


def find_tracker(name: str) -> TrackerFactory:
    """The tracker of that name.

    Raises:
        InputError: the name is unknown, or its module cannot be imported.
    """
    plugin = _table()[require_known(name, _table(), "tracker")]
    factory: TrackerFactory = loaded(plugin)
    return factory


def describe_tracker(name: str) -> str:
    """One line about a tracker: the first line of its docstring.

    >>> describe_tracker("wandb").startswith("A run of the project")
    True
    """
    return (inspect.getdoc(find_tracker(name)) or "").partition("\n")[0]


def require_trackers(names: Sequence[str]) -> None:
    """Check trackers before anything is run.

    Raises:
        InputError: a name is unknown or given twice, or a package is missing.
    """
    for name in names:
        require_known(name, _table(), "tracker")
        if list(names).count(name) > 1:
            raise InputError(f"tracker {name} is named twice")
    for name in names:
        require = getattr(find_tracker(name), "require", None)
        if require is not None:
            require()


def _table() -> Mapping[str, PlugIn]:
    return plugins("uwe.trackers", "uwe.tracking.")
