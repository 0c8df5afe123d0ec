"""Names of runs with records of earlier versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from uwe.runs.budgets import BUDGETS
from uwe.runs.names import RunName

__all__ = ["former_name"]

_NAMED_BUDGETS = {"-".join(map(str, labels)): name for name, labels in BUDGETS.items()}
"""Names that `uwe.loop` used in file names while its records held the numbers only."""


def former_name(
    path: Path, settings: Mapping[str, Any], experiment: Mapping[str, Any]
) -> RunName | None:
    """The name that fits both the settings in a record and the record's own file name.

    Args:
        path: of the record.
        settings: of the record.
        experiment: of the record.

    Returns:
        None where no name fits: the record is not of a run, or its file was renamed.
    """
    names = _possible(path, settings, experiment)
    return next((name for name in names if name.files_in(path.parent).record == path), None)


def _possible(
    path: Path, settings: Mapping[str, Any], experiment: Mapping[str, Any]
) -> Iterator[RunName]:
    made = {**settings, **experiment}
    model, seed, epochs = str(made.get("model")), made.get("seed", 0), made.get("epochs", 1)
    dataset = str(made.get("dataset"))
    if "strategy" not in settings:
        yield RunName("supervised", dataset, model, seed, epochs)
    for budgets in _possible_budgets(made.get("budgets")):
        if "strategy" in settings:
            method, tag = _method(path, experiment), str(made.get("run_tag", ""))
            yield RunName("run", dataset, model, seed, epochs, budgets, method, tag)
        else:
            yield RunName("cycle 0", dataset, model, seed, epochs, budgets)


def _method(path: Path, experiment: Mapping[str, Any]) -> str:
    """The strategy with its tag; records of `uwe.loop` lacked the tag, their folder has it."""
    if "method_tag" not in experiment:
        return path.parent.name
    return f"{experiment.get('strategy')}{experiment['method_tag']}"


def _possible_budgets(budgets: object) -> list[str]:
    """How budgets may read in file names; a record has their name or their numbers."""
    if not isinstance(budgets, list):
        return [str(budgets or "")]
    numbers = "-".join(map(str, budgets))
    return [numbers, *(_NAMED_BUDGETS[each] for each in (numbers,) if each in _NAMED_BUDGETS)]
