"""Plug-ins: what installed packages register in an entry-point group."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

from uwe.errors import InputError

__all__ = ["loaded", "plugins"]


@functools.cache
def plugins(group: str, own_prefix: str) -> Mapping[str, EntryPoint]:
    """The entry points of a group by name: our own first.

    Nothing is imported; ``plugins(...)[name].load()`` imports one.

    Args:
        group: the entry-point group, such as ``uwe.trackers``.
        own_prefix: what the values of our own entry points begin with.

    Raises:
        InputError: two packages register the same name.

    >>> sorted(plugins("uwe.trackers", "uwe."))
    ['mlflow', 'tensorboard', 'wandb']
    """
    found: dict[str, EntryPoint] = {}
    points = entry_points(group=group)
    for point in sorted(points, key=lambda point: not point.value.startswith(own_prefix)):
        earlier = found.setdefault(point.name, point)
        if earlier.value != point.value:
            raise InputError(
                f"two packages register {point.name!r} in the entry-point group {group}: "
                f"{earlier.value} and {point.value}; uninstall one of them"
            )
    return MappingProxyType(found)


def loaded(point: EntryPoint) -> Any:
    """What an entry point stands for.

    Raises:
        InputError: it cannot be imported; the package is named.
    """
    try:
        return point.load()
    except Exception as error:  # a module of another package may raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{point.name!r} of the entry-point group {point.group} ({point.value}) cannot be "
            f"imported: {reason}; update or uninstall the package"
        ) from error
