"""Several runs at once: the same results, whatever happens to the processes."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

import numpy as np
import pytest

import uwe
from uwe.experiment import prepare
from uwe.experiment.lending import lent, opened
from uwe.experiment.parallel import do_jobs

COMMON = {
    "budgets": (10, 15, 20),
    "model": "small",
    "epochs": 2,
    "pool_size": 60,
    "test_size": 30,
    "threads": 1,
    "device": "cpu",
}


def experiments(results: Path, **changes) -> list[uwe.Experiment]:
    return [
        uwe.Experiment("digits", strategy=name, seed=seed, results=results, **{**COMMON, **changes})
        for seed in (1, 2)
        for name in ("badge", "random")
    ]


@pytest.fixture(scope="module")
def alone(outcome, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the runs come to, one after another."""
    results = tmp_path_factory.mktemp("alone")
    uwe.run(experiments(results))
    return outcome(results)


def test_several_at_once_end_as_one_after_another(alone, outcome, tmp_path: Path) -> None:
    """Every table and every tensor has the same bytes; results come in the order asked for."""
    stages = []
    results = uwe.run(experiments(tmp_path), jobs=3, progress=stages.append)
    assert outcome(tmp_path) == alone
    assert [(r.experiment.seed, r.experiment.strategy) for r in results] == [
        (1, "badge"), (1, "random"), (2, "badge"), (2, "random"),
    ]  # fmt: skip
    assert sum(stage.name == "cycle" for stage in stages) == 2 + 4 * 2


class Killer:
    """Kills the process of the first run that trains in cycle 1, ``times`` times."""

    def __init__(self, results: Path, times: int) -> None:
        self.results, self.left = results, times
        self.killed: list[int] = []

    def __call__(self, stage) -> None:
        if (stage.run, stage.cycle, stage.name) != ("badge, seed 1", 1, "train") or not self.left:
            return
        [owner] = (self.results / "digits" / "badge").glob(".*_s1_*.owner")
        process = int(owner.read_text().split()[1])
        if process not in self.killed:
            os.kill(process, signal.SIGKILL)
            self.killed.append(process)
            self.left -= 1


def test_a_worker_that_dies_is_replaced(
    alone, outcome, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its run goes on from its journal, in another process, and ends the same."""
    killer = Killer(tmp_path, times=1)
    with caplog.at_level(logging.WARNING, "uwe"):
        do_jobs(prepare(experiments(tmp_path)), jobs=2, progress=killer)
    assert len(killer.killed) == 1
    assert "badge, seed 1 ended with signal 9; another goes on" in caplog.text
    assert outcome(tmp_path) == alone


def test_a_run_whose_workers_always_die_is_given_up(alone, outcome, tmp_path: Path) -> None:
    """Three times is enough; the error says how, and the same call later ends the same."""
    with pytest.raises(uwe.RunError, match="badge, seed 1 ended 3 times; the last cause was sig"):
        uwe.run(experiments(tmp_path), jobs=2, progress=Killer(tmp_path, times=3))
    uwe.run(experiments(tmp_path), jobs=2)
    assert outcome(tmp_path) == alone


def test_what_goes_wrong_in_a_worker_is_raised_here(tmp_path: Path) -> None:
    """The same error as without workers."""
    wrong = experiments(tmp_path)
    uwe.run(wrong)
    [table] = (tmp_path / "digits" / "badge").glob("*_s2_*.journal.jsonl")
    table.write_text("nonsense\n")
    task_errors = []
    for jobs in (1, 2):
        with pytest.raises(uwe.RunError, match="not a journal of uwe") as caught:
            uwe.run(wrong, jobs=jobs)
        task_errors.append(str(caught.value))
    assert task_errors[0] == task_errors[1]


def test_a_data_set_of_ones_own_is_shared(outcome, tmp_path: Path) -> None:
    """Arrays that were handed over reach the workers, which map one file."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 255, (30, 8, 8, 1), dtype=np.uint8), np.arange(30) % 3
    data = uwe.Dataset.from_arrays("mine", (x, y), (x[:9], y[:9]))
    own = {"budgets": (3, 6), "pool_size": None, "test_size": None}
    for folder, jobs in (("one", 1), ("two", 2)):
        runs = [
            uwe.Experiment("mine", strategy=name, results=tmp_path / folder, **{**COMMON, **own})
            for name in ("bvsb", "uwe")
        ]
        uwe.run(runs, dataset=data, jobs=jobs)
    assert outcome(tmp_path / "one") == outcome(tmp_path / "two")
    prepared = prepare(runs, dataset=data)
    with lent(prepared) as shared:
        assert len(shared.datasets) == 1
        there = [each.dataset.train.x for each in opened(shared)]
        assert all(isinstance(each, np.memmap) for each in there)
        assert all(np.array_equal(each, x) for each in there)


def test_no_job_is_an_error() -> None:
    """At least one process is needed."""
    with pytest.raises(uwe.InputError, match="jobs are 0"):
        do_jobs([], jobs=0)
