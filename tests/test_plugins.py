"""Plug-ins: entry points of other packages beside our own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from uwe import _plugins
from uwe._plugins import loaded, plugins
from uwe.errors import InputError

Register = Callable[..., None]


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Iterator[Register]:
    """A function that makes NAME=VALUE pairs the entry points of every group."""

    def registered(*pairs: str) -> None:
        points = [EntryPoint(*pair.split("=", 1), group="uwe.things") for pair in pairs]
        monkeypatch.setattr(_plugins, "entry_points", lambda group: EntryPoints(points))
        plugins.cache_clear()

    yield registered
    plugins.cache_clear()


def test_our_own_come_first(register: Register) -> None:
    """Our own entry points stand before those of other packages, each in its order."""
    register("theirs=other:a", "one=uwe.things:b", "two=uwe.things:a")
    assert list(plugins("uwe.things", "uwe.things:")) == ["one", "two", "theirs"]


def test_one_name_of_two_packages_is_refused_where_it_is_used(register: Register) -> None:
    """One name from two packages is refused with both values; other names are loaded."""
    register("one=other:a", "one=uwe.things:b", "two=collections:Counter")
    found = plugins("uwe.things", "uwe.things:")
    assert list(found) == ["one", "two"]
    assert loaded(found["two"]) is Counter
    with pytest.raises(InputError, match=r"'one'.*: uwe\.things:b and other:a; uninstall"):
        loaded(found["one"])


def test_three_packages_with_one_name_are_all_named(register: Register) -> None:
    """The error names each package that has to go."""
    register("one=a:a", "one=b:b", "one=c:c")
    with pytest.raises(
        InputError, match=r"3 packages register 'one'.*: a:a, b:b and c:c; uninstall"
    ):
        loaded(plugins("uwe.things", "uwe.things:")["one"])


def test_the_same_entry_point_twice_is_one(register: Register) -> None:
    """A package that is found at two places of the path counts once."""
    register("one=uwe.things:b", "one=uwe.things:b")
    assert list(plugins("uwe.things", "uwe.things:")) == ["one"]


def test_nothing_is_imported_before_it_is_asked_for(register: Register) -> None:
    """The table of names works though a module behind one of them does not exist."""
    register("one=no_such_module:a")
    assert plugins("uwe.things", "uwe.things:")["one"].value == "no_such_module:a"
