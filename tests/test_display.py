"""What a user sees while a command works."""

from __future__ import annotations

from uwe._types import Stage
from uwe.cli.display import Display


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
