"""``uwe.loop``: active learning with a learner and a data set of your own."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import uwe
from uwe import journal
from uwe.data.labelled_rows import load_labelled_rows
from uwe.errors import InputError, RunError
from uwe.predictions import Predictions
from uwe.runs.cycles import TIMING_COLUMNS


class Nearest:
    """The nearest class mean; counts how often it is trained."""

    name = "nearest"
    settings = {"p": 2}  # noqa: RUF012

    def __init__(self) -> None:
        self.trained: list[int] = []

    def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> torch.Tensor:
        self.trained.append(len(y))
        there = [x[y == c].mean(0) if (y == c).any() else np.full(x.shape[1], 9e3)
                 for c in range(classes)]  # fmt: skip
        return torch.from_numpy(np.array(there))

    def predict(self, model: torch.Tensor, x: Any) -> Predictions:
        rows = torch.from_numpy(np.asarray(x))
        return Predictions(-torch.cdist(rows, model).float(), rows.float())


@pytest.fixture
def data() -> uwe.Dataset:
    return load_labelled_rows("sklearn:iris")


def table(result: uwe.Result) -> list[dict[str, str]]:
    with result.table.open(newline="") as file:
        return [
            {key: value for key, value in row.items() if key not in TIMING_COLUMNS}
            for row in csv.DictReader(file)
        ]


@pytest.mark.parametrize("strategy", ["uwe", "random", "entropy", "coreset", "badge"])
def test_any_object_with_fit_and_predict_learns(
    strategy: str, data: uwe.Dataset, tmp_path: Path
) -> None:
    """Every budget is trained once, and the table is that of a run."""
    learner = Nearest()
    result = uwe.loop(learner, data, strategy, (6, 12, 30), results=tmp_path)
    assert result.labels.tolist() == learner.trained == [6, 12, 30]
    assert result.accuracy[-1] > 0.8
    assert [int(row["n_labeled"]) for row in table(result)] == [6, 12, 30]


def test_a_finished_run_is_not_done_again(data: uwe.Dataset, tmp_path: Path) -> None:
    """The same call reads the finished run, and another setting of the learner is refused."""
    first = uwe.loop(Nearest(), data, "uwe", (6, 12), results=tmp_path)
    learner = Nearest()
    again = uwe.loop(learner, data, "uwe", (6, 12), results=tmp_path)
    assert learner.trained == []
    assert again.rows == first.rows
    learner.settings = {"p": 1}
    with pytest.raises(RunError, match="learner's p is 2 there and 1 here"):
        uwe.loop(learner, data, "uwe", (6, 12), results=tmp_path)


@pytest.mark.parametrize("strategy", ["uwe", "badge", "random"])
@pytest.mark.parametrize("at", range(1, 9))
def test_a_killed_run_ends_as_if_it_had_not_been(
    strategy: str, at: int, data: uwe.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was stopped after any event trains its model again and ends the same."""
    whole = uwe.loop(Nearest(), data, strategy, (6, 12, 30), results=tmp_path / "whole")
    append, count = journal.append, iter(range(100))

    def killed(path: Path, event: Any) -> None:
        if next(count) == at:
            raise KeyboardInterrupt
        append(path, event)

    monkeypatch.setattr(journal, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        uwe.loop(Nearest(), data, strategy, (6, 12, 30), results=tmp_path / "cut")
    monkeypatch.undo()
    learner = Nearest()
    cut = uwe.loop(learner, data, strategy, (6, 12, 30), results=tmp_path / "cut")
    assert table(cut) == table(whole)
    assert len(learner.trained) <= 4


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"budgets": (6, 500)}, "the budget 500 exceeds the pool of 120 rows"),
        ({"budgets": (6, 6)}, "budgets must rise"),
        ({"strategy": "bagde"}, "did you mean 'badge'"),
        ({"strategy": "bald"}, "predict of nearest takes no mc_passes"),
        ({"learner": object()}, "of type object, is no model"),
        ({"options": {"colour": 1}}, "does not use 'colour'"),
        ({"seed": 0}, "seed must be at least 1, not 0"),
    ],
)
def test_what_does_not_fit_writes_nothing(
    changed: dict[str, Any], words: str, data: uwe.Dataset, tmp_path: Path
) -> None:
    """An argument that does not fit is an error before the first file is written."""
    given = {"learner": Nearest(), "strategy": "uwe", "budgets": (6, 12), **changed}
    learner, strategy, budgets = (given.pop(name) for name in ("learner", "strategy", "budgets"))
    with pytest.raises(InputError, match=words):
        uwe.loop(learner, data, strategy, budgets, results=tmp_path / "results", **given)
    assert not (tmp_path / "results").exists()


def test_a_learner_that_skips_rows_is_found_out(data: uwe.Dataset, tmp_path: Path) -> None:
    """Predictions for fewer rows than were given, and NaN in them, are errors."""
    learner = Nearest()
    learner.predict = lambda model, x: (torch.zeros(3, 3), torch.zeros(3, 2))
    with pytest.raises(InputError, match="nearest returned 3 rows for 30 items"):
        uwe.loop(learner, data, "uwe", (6, 12), results=tmp_path / "a")
    learner.predict = lambda model, x: (np.full((len(x), 3), np.nan), np.zeros((len(x), 2)))
    with pytest.raises(RunError, match="row 0 is NaN"):
        uwe.loop(learner, data, "uwe", (6, 12), results=tmp_path / "b")
