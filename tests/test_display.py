"""What a user sees while a command works."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from uwe._types import Stage
from uwe.cli.display import Display, curve_tables
from uwe.runs import Curve, Study


def test_each_run_has_a_bar_of_its_own() -> None:
    """Stages of several runs do not overwrite each other; a cycle's end removes the run's bar."""
    display = Display()
    for run, done in (("a", 1), ("b", 2), ("a", 3)):
        display(Stage(run, 1, "train", done, 9))
    assert {task.description: task.completed for task in display._bars.tasks[1:]} == {
        "a, cycle 1: train": 3, "b, cycle 1: train": 2,
    }  # fmt: skip
    display(Stage("a", 1, "cycle", 2, 3))
    assert [task.description for task in display._bars.tasks[1:]] == ["b, cycle 1: train"]


def many(strategies: int, budgets: int) -> list[Curve]:
    labels = np.arange(10, 10 + budgets)
    values = 50 + np.arange(budgets, dtype=float)[None] / 10
    study = Study("d", "m", "1", "many")
    return [Curve(study, f"s{at}", f"s{at}", (1,), labels, values) for at in range(strategies)]


@pytest.mark.parametrize("strategies", [1, 4, 40])
def test_many_budgets_are_a_line_each(strategies: int) -> None:
    """Sixty columns would be empty; strategies that do not fit side by side follow below."""
    console = Console(width=160, record=True, file=io.StringIO())
    for table in curve_tables(many(strategies, 60), width=160):
        console.print(table)
    lines = [line.split("\u2502")[1:-1] for line in console.export_text().splitlines()]
    cells = [[cell.strip() for cell in line] for line in lines if line]
    assert [line[1] for line in cells if line[0] == "69"] == ["55.9"] * (len(cells) // 60)
    assert sum(len(line) - 1 for line in cells if line[0] == "10") == strategies
    assert all(all(line) for line in cells)


def test_few_budgets_are_a_line_a_strategy() -> None:
    """As ever, also in a narrow terminal."""
    for width in (40, 160):
        [table] = curve_tables(many(2, 4), width=width)
        assert [column.header for column in table.columns] == ["strategy", "10", "11", "12", "13"]
