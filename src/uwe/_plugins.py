"""Code of other people: plug-ins of installed packages, and modules of the working folder."""

from __future__ import annotations

import functools
import importlib
import logging
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, get_type_hints

from uwe._settings import require_type
from uwe.errors import InputError, from_user, text_of

__all__ = [
    "PlugIn",
    "add_working_folder",
    "called",
    "loaded",
    "own_module",
    "plugins",
    "require_options",
    "require_sole",
]

log = logging.getLogger("uwe")

_ADDED: list[str] = []
"""Working folders that are on the module path, the latest first."""


@dataclass(frozen=True)
class PlugIn:
    """A name of an entry-point group, and the entry points that bear it.

    Attributes:
        name: what is asked for.
        group: the entry-point group.
        points: one, or several where packages use the same name; our own first.
    """

    name: str
    group: str
    points: tuple[EntryPoint, ...]

    @property
    def value(self) -> str:
        """What the name stands for, such as ``package.module:function``."""
        return " and ".join(point.value for point in self.points)

    @property
    def is_sole(self) -> bool:
        """Whether the name has one meaning."""
        return len(self.points) == 1


@functools.cache
def plugins(group: str, own_prefix: str) -> Mapping[str, PlugIn]:
    """The plug-ins of a group by name: our own first.

    Nothing is imported; `loaded` imports one. A name that two packages register is refused there,
    so that the other names can be used.

    Args:
        group: the entry-point group, such as ``uwe.trackers``.
        own_prefix: what the values of our own entry points begin with.

    >>> sorted(plugins("uwe.trackers", "uwe."))
    ['mlflow', 'tensorboard', 'wandb']
    """
    found: dict[str, dict[str, EntryPoint]] = {}
    points = entry_points(group=group)
    for point in sorted(points, key=lambda point: not point.value.startswith(own_prefix)):
        found.setdefault(point.name, {}).setdefault(point.value, point)
    named = {name: PlugIn(name, group, tuple(its.values())) for name, its in found.items()}
    return MappingProxyType(named)


def require_sole(plugin: PlugIn, *own: str) -> None:
    """Check that a name has one meaning.

    Args:
        plugin: what the entry points say of it.
        own: what else it stands for, of uwe itself.

    Raises:
        InputError: it has several; all are named.
    """
    meanings = [*own, *(point.value for point in plugin.points)]
    if len(meanings) > 1:
        shown = f"{', '.join(meanings[:-1])} and {meanings[-1]}"
        count = "two" if len(meanings) == 2 else str(len(meanings))
        raise InputError(
            f"{count} packages register {plugin.name!r} in the entry-point group {plugin.group}: "
            f"{shown}; uninstall one of them, or rename its entry point"
        )


def loaded(plugin: PlugIn) -> Any:
    """What a plug-in stands for.

    Raises:
        InputError: two packages register the name, or it cannot be imported; the package is named.
    """
    require_sole(plugin)
    [point] = plugin.points
    try:
        found = point.load()
    except (Exception, SystemExit) as error:  # a module of another package may raise anything
        reason = text_of(error, longest=_LONGEST)
        raise InputError(
            f"{point.name!r} of the entry-point group {point.group} ({point.value}) cannot be "
            f"imported: {reason}; update or uninstall the package"
        ) from error
    if not callable(found):
        raise InputError(
            f"{point.name!r} of the entry-point group {point.group} ({point.value}) is of type "
            f"{type(found).__name__} and cannot be called; update or uninstall the package"
        )
    return found


def called(make: Callable[..., Any], what: str, *arguments: Any, **options: Any) -> Any:
    """What a function of another package returns.

    Args:
        make: the function.
        what: its name for errors, such as ``strategy mine``.
        arguments: by position.
        options: by name; the error shows them.

    Raises:
        InputError: it raises an error that is not of `uwe.errors`.
    """
    shown = ", ".join(f"{name}={value!r:.60}" for name, value in options.items())
    with from_user(f"{what}({shown})", InputError, lambda error: f" failed: {_reason(error)}"):
        return make(*arguments, **options)


def require_options(make: Callable[..., Any], what: str, options: Mapping[str, Any]) -> None:
    """Check options against the annotations of the function that takes them.

    Raises:
        InputError: one is of another type; option, value and type are named.
    """
    try:
        kinds = get_type_hints(make)
    except Exception:  # an annotation may name what is not there
        return
    for name, value in options.items():
        if name in kinds:
            require_type(f"option {name} of {what}", value, kinds[name])


def add_working_folder() -> None:
    """Let modules of the working folder be imported, after those of Python and of packages.

    A file of the working folder thus never stands for a module that Python or a package has. Only
    a model that is named ``module:name`` needs the folder, so nothing else adds it.
    """
    folder = str(Path.cwd())
    if folder in sys.path and folder not in _ADDED:
        return
    for earlier in _ADDED:
        if earlier in sys.path:
            sys.path.remove(earlier)
    _ADDED[:] = [folder, *(each for each in _ADDED if each != folder)]
    sys.path += _ADDED


def own_module(name: str, what: str) -> ModuleType:
    """A module that the user names; the working folder is searched last.

    Args:
        name: of the module, with dots.
        what: what names it, for errors, such as ``model mine:net``.

    Raises:
        InputError: it cannot be imported, or does not run.
    """
    add_working_folder()
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:  # a module may raise anything, or end the program
        raise InputError(f"{what}: cannot import {name}: {_reason(error)}") from error
    here = _file_of(name)
    if here is not None and not _is_of(module, here):
        where = getattr(module, "__file__", None) or "Python itself"
        log.warning(
            "%s: %s is the module of %s, not %s; rename the file of the working folder to use it",
            what, name, where, here,
        )  # fmt: skip
    return module


def _file_of(name: str) -> Path | None:
    """The file of the working folder that would be the module, if there is one."""
    stem = Path(*name.split("."))
    return next((p for p in (stem.with_suffix(".py"), stem / "__init__.py") if p.is_file()), None)


def _is_of(module: ModuleType, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve() == path.resolve()


def _reason(error: BaseException) -> str:
    """What went wrong in a module of the user, and in which line."""
    told = text_of(error, longest=_LONGEST)
    if isinstance(error, SystemExit):
        told = "it ends the program"
    if isinstance(error, ImportError | SyntaxError):  # their texts name module or line
        return told
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen") and frame.filename != __file__
        and not frame.filename.endswith(_IMPORTS)
    ]  # fmt: skip
    named = told if isinstance(error, SystemExit) else f"{type(error).__name__}: {told}"
    return (
        f"{named} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else named
    )


_IMPORTS = str(Path("importlib", "__init__.py"))
_LONGEST = 300  # letters of a message
