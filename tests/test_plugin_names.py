"""A plug-in that bears a built-in's name: refused where the name is used, nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints, entry_points

import numpy as np
import pytest

import uwe
from uwe import _plugins
from uwe._plugins import plugins
from uwe.cli import main
from uwe.errors import InputError
from uwe.tasks import find_task, known_tasks, measures_by_name, metric_of_column

_THEIRS = {
    "uwe.strategies": "entropy",
    "uwe.tasks": "regression",
    "uwe.datasets": "digits",
    "uwe.trackers": "wandb",
    "uwe.learners": "small",
}


@pytest.fixture(autouse=True)
def _another_package(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package that registers the name of a built-in in every group."""
    real = entry_points

    def found(group: str) -> EntryPoints:
        theirs = [EntryPoint(_THEIRS[group], f"theirs:{_THEIRS[group]}", group)]
        return EntryPoints([*theirs, *real(group=group)])

    monkeypatch.setattr(_plugins, "entry_points", found)
    plugins.cache_clear()
    yield
    plugins.cache_clear()


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("strategies", "entropy"),
        ("tasks", "regression"),
        ("datasets", "digits"),
        ("trackers", "wandb"),
        ("models", "small"),
    ],
)
def test_the_list_marks_the_name_once(
    what: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`uwe list` shows every name, and says of this one which packages register it."""
    assert main(["list", what]) == 0
    lines = capsys.readouterr().out.splitlines()
    [marked] = [line for line in lines if line.split()[:1] == [name]]
    assert f"two packages register '{name}'" in marked
    assert len(lines) > 2
    assert sum("two packages" in line for line in lines) == 1


def test_a_strategy_is_refused_where_its_name_is_used() -> None:
    """Other strategies pick; the name itself is an error that names both packages."""
    rows = np.eye(5)
    assert len(uwe.select(rows, 2, logits=rows, strategy="bvsb")) == 2
    with pytest.raises(InputError, match=r"uwe\.strategies:entropy and theirs:entropy"):
        uwe.select(rows, 2, logits=rows, strategy="entropy")


def test_a_measure_of_that_name_is_no_strategy() -> None:
    """The measure entropy stays a measure: `uwe` weighs by it."""
    rng = np.random.default_rng(0)
    picks = uwe.select(rng.normal(size=(9, 2)), 2, logits=rng.normal(size=(9, 3)), strategy="uwe")
    assert picks.measure == "entropy"


def test_tasks_of_other_names_go_on() -> None:
    """Columns and measures of the other tasks are known; a search that reaches the name stops."""
    assert find_task("classification", 2).name == "classification"
    found = metric_of_column(["te_accuracy"])
    assert found is not None
    assert found.name == "accuracy"
    assert "entropy" in measures_by_name()
    assert "standard_deviation" not in measures_by_name()
    with pytest.raises(InputError, match="two packages register 'regression'"):
        list(known_tasks())
    with pytest.raises(InputError, match="two packages register 'regression'"):
        metric_of_column(["te_rmse"])


def test_a_data_set_and_a_tracker_are_refused_with_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command ends with code 2 before anything is written."""
    assert main(["run", "digits", "--budgets", "20,30"]) == 2
    assert "two packages register 'digits'" in capsys.readouterr().err
