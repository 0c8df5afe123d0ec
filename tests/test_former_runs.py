"""Runs in the form of earlier versions go on to the same end."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import uwe
from uwe.runs import find_runs
from uwe.runs.cycles import TIMING_COLUMNS

BUDGETS = (6, 12, 24)


class Nearest:
    """The nearest class mean."""

    name = "nearest"
    settings = {"p": 2}  # noqa: RUF012

    def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> Any:
        return np.array(
            [x[y == c].mean(0) if (y == c).any() else x.mean(0) for c in range(classes)]
        )

    def predict(self, model: Any, x: Any) -> Any:
        return -((x[:, None] - model) ** 2).sum(2), x


def data() -> uwe.Dataset:
    y = np.arange(90) % 3
    x = np.random.default_rng(0).normal(size=(90, 4)) + y[:, None]
    return uwe.Dataset.from_rows("rows", (x[:60], y[:60]), (x[60:], y[60:]))


def tables(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Query files and cycle results of the strategy's run, without its timing columns."""
    found = {}
    for path in sorted((folder / "rows" / "uwe").rglob("*.csv")):
        if path.name.endswith(("query.csv", "al_cycle_result.csv")):
            with path.open(newline="") as file:
                found[path.name] = [
                    {key: value for key, value in row.items() if key not in TIMING_COLUMNS}
                    for row in csv.DictReader(file)
                ]
    return found


def without_name(path: Path) -> None:
    """Write a record as earlier versions did: it does not say which run it is of."""
    record = json.loads(path.read_text())
    kept = {key: value for key, value in record.items() if key not in ("run", "measure")}
    kept["experiment"] = {**record["settings"], "results": record["experiment"]["results"]}
    path.write_text(json.dumps(kept))


def as_format_1(path: Path, events: int) -> None:
    """Write the first events of a journal as earlier versions did."""
    lines = ['{"uwe_journal":1}']
    for line in path.read_text().splitlines()[1 : 1 + events]:
        event = json.loads(line)
        former = {
            "queried": ("queried", {"cycle": "cycle", "rows": "indices", "facts": "facts"}),
            "answered": ("labelled", {"rows": "indices", "values": "labels", "by": "by"}),
            "trained": ("trained", {"cycle": "cycle", "facts": "facts"}),
        }
        kind, names = former[event["event"]]
        its = {name: event[key] for key, name in names.items()}
        lines.append(json.dumps({"event": kind, **its}, separators=(",", ":")))
    path.write_text("".join(line + "\n" for line in lines))


def with_its_own_cycle0(folder: Path, events: int) -> None:
    """Give a run the form that `uwe.loop` once wrote, stopped after ``events`` events."""
    [run] = [record for record in find_runs(folder) if record.name and record.name.kind == "run"]
    files, first = run.files, run.cycle0_files
    for what in ("pool_logits", "features", "test_logits", "model", "training"):
        path: Path = getattr(first, what)(0)
        if path.exists():
            shutil.copy(path, getattr(files, what)(0))
    shutil.copy(first.uncertainty(0, "entropy"), files.uncertainty(0, "entropy"))
    shutil.rmtree(first.folder)
    without_name(files.record)
    as_format_1(files.journal, events)
    files.table.unlink()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("whole")
    uwe.loop(Nearest(), data(), "uwe", BUDGETS, results=folder)
    return folder


@pytest.mark.parametrize("events", range(10))
def test_a_run_with_its_own_cycle_0_goes_on_wherever_it_stopped(
    events: int, whole: Path, tmp_path: Path
) -> None:
    """It ends in the same tables, and no shared cycle 0 is made for it."""
    folder = tmp_path / "r"
    shutil.copytree(whole, folder)
    with_its_own_cycle0(folder, events)
    for _ in range(2):
        result = uwe.loop(Nearest(), data(), "uwe", BUDGETS, results=folder)
        assert tables(folder) == tables(whole)
        assert result.labels.tolist() == list(BUDGETS)
    assert events == 0 or not (folder / "rows" / "initialize").exists()


def test_a_former_run_and_a_new_strategy_share_a_folder(whole: Path, tmp_path: Path) -> None:
    """Another strategy makes the shared cycle 0; the former run keeps its own."""
    folder = tmp_path / "r"
    shutil.copytree(whole, folder)
    with_its_own_cycle0(folder, 5)
    uwe.loop(Nearest(), data(), "random", BUDGETS, results=folder)
    uwe.loop(Nearest(), data(), "uwe", BUDGETS, results=folder)
    assert tables(folder) == tables(whole)


def test_a_record_without_the_run_s_name_is_compared_as_before(whole: Path, tmp_path: Path) -> None:
    """Other settings are refused, the same ones go on."""
    folder = tmp_path / "r"
    shutil.copytree(whole, folder)
    for record in find_runs(folder):
        without_name(record.path)
    changed = Nearest()
    changed.settings = {"p": 1}
    with pytest.raises(uwe.RunError, match="learner's p is 2 there and 1 here"):
        uwe.loop(changed, data(), "uwe", BUDGETS, results=folder)
    uwe.loop(Nearest(), data(), "uwe", BUDGETS, results=folder)
    assert tables(folder) == tables(whole)
