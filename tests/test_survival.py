"""Never lose a label: a run that is killed at any moment ends as one that was not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import uwe

STRATEGY = "badge"
KILLS = 20


def experiment(results: Path, **changes) -> uwe.Experiment:
    given = {
        "strategy": STRATEGY,
        "budgets": (10, 15, 20),
        "model": "small",
        "epochs": 1,
        "pool_size": 60,
        "test_size": 30,
        "threads": 1,
        "device": "cpu",
    }
    return uwe.Experiment("digits", results=results, **{**given, **changes})


class Killed(BaseException):
    """Nothing catches it, as nothing catches a signal."""


class Crash:
    """Makes the process end at its n-th synced write, before or after it has happened."""

    def __init__(self, after: int, *, done: bool) -> None:
        self.left = after
        self.done = done
        self.sync = os.fsync

    def __call__(self, descriptor: int) -> None:
        self.left -= 1
        if self.left == 0 and not self.done:
            raise Killed
        self.sync(descriptor)
        if self.left == 0:
            raise Killed


@pytest.fixture(scope="module")
def undisturbed(outcome, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], int]:
    """The outcome of a run that nobody killed, and how often it waited for the disk."""
    results = tmp_path_factory.mktemp("undisturbed")
    count = 0
    sync = os.fsync

    def counted(descriptor: int) -> None:
        nonlocal count
        count += 1
        sync(descriptor)

    os.fsync = counted
    try:
        uwe.run(experiment(results))
    finally:
        os.fsync = sync
    return outcome(results), count


def test_a_run_ends_the_same_wherever_a_write_was_cut_off(
    outcome, undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run, cut off at its 1st write, then the 2nd write of what is left, and so on."""
    expected, writes = undisturbed
    assert writes > 40
    for step in range(1, writes + 1):
        results = tmp_path / f"{step}"
        crash = Crash(step, done=step % 2 == 0)
        monkeypatch.setattr(os, "fsync", crash)
        try:
            uwe.run(experiment(results))
        except Killed:
            pass
        else:
            pytest.fail(f"write {step} of {writes} never came")
        monkeypatch.setattr(os, "fsync", crash.sync)
        uwe.run(experiment(results))
        assert outcome(results) == expected, f"differs after a cut at write {step}"


def test_a_line_that_was_cut_off_in_the_journal_is_no_harm(
    outcome, undisturbed, tmp_path: Path
) -> None:
    """A process killed within a line leaves a run that goes on as if the line were not there."""
    expected, _ = undisturbed
    uwe.run(experiment(tmp_path, cycles=1))
    journals = list(tmp_path.rglob("*.journal.jsonl"))
    for path in journals:
        with path.open("a") as file:
            file.write('{"event":"queried","cyc')
    for _ in range(2):  # the second time from the journal that the first went on with
        uwe.run(experiment(tmp_path))
    assert len(journals) == 2
    assert outcome(tmp_path) == expected


def test_what_a_killed_process_left_unfinished_is_removed(tmp_path: Path) -> None:
    """Half-written files stay beside the whole ones only until the run goes on."""
    uwe.run(experiment(tmp_path, cycles=1))
    tables = list(tmp_path.rglob("*.csv"))
    for path in tables:
        path.with_name(f".{path.name}.4711.part").write_text("half")
    uwe.run(experiment(tmp_path))
    assert tables
    assert not list(tmp_path.rglob("*.part"))


def test_a_run_that_is_cut_off_again_and_again_ends_the_same(
    outcome, undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt gets a few writes further; the end is the same."""
    expected, _ = undisturbed
    sync = os.fsync
    for attempt in range(200):
        monkeypatch.setattr(os, "fsync", Crash(25, done=attempt % 2 == 0))
        try:
            uwe.run(experiment(tmp_path))
            break
        except Killed:
            continue
    monkeypatch.setattr(os, "fsync", sync)
    assert attempt > 2
    assert outcome(tmp_path) == expected


def command(results: Path) -> list[str]:
    given = "--budgets 20,40,60 --model small --epochs 4 --pool-size 300 --threads 1"
    strategies = "--strategy uwe --strategy bald --device cpu --full-train"
    return [
        sys.executable, "-m", "uwe", "run", "digits", *given.split(), *strategies.split(),
        "--results", str(results),
    ]  # fmt: skip


def started(results: Path) -> Iterator[subprocess.Popen[bytes]]:
    while True:
        yield subprocess.Popen(
            command(results), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the process ends by itself within so many seconds."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_killed_at_random_moments_ends_as_one_that_was_not(outcome, tmp_path: Path) -> None:
    """A real process, killed twenty times by SIGKILL wherever it happens to be."""
    begin = time.monotonic()
    subprocess.run(command(tmp_path / "whole"), check=True, capture_output=True)
    whole_run = time.monotonic() - begin
    expected = outcome(tmp_path / "whole")
    rng = random.Random(0)
    kills, rounds = 0, 0
    while kills < KILLS:
        results = tmp_path / f"round{rounds}"
        for process in started(results):
            if kills < KILLS and not ended(process, rng.uniform(0.25, 0.9) * whole_run):
                process.send_signal(signal.SIGKILL)
                kills += 1
            if (code := process.wait()) == 0:
                break
            assert code == -signal.SIGKILL, f"ended by itself with exit code {code}"
        assert outcome(results) == expected, f"differs after {kills} kills"
        assert not list(results.rglob("*.part"))
        rounds += 1
    assert not list(tmp_path.rglob("*.owner"))


def test_a_finished_run_is_left_as_it_is(outcome, tmp_path: Path) -> None:
    """Giving the same command again trains nothing and changes no table, model or prediction."""
    [first] = uwe.run(experiment(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    tables = outcome(tmp_path)
    [again] = uwe.run(experiment(tmp_path))
    assert again.rows == first.rows
    assert outcome(tmp_path) == tables
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")} == before


def test_more_cycles_later_are_the_cycles_of_one_go(outcome, tmp_path: Path) -> None:
    """Stopping after a cycle and going on later gives what one go gives."""
    uwe.run(experiment(tmp_path / "parts", cycles=1))
    uwe.run(experiment(tmp_path / "parts"))
    uwe.run(experiment(tmp_path / "whole"))
    assert outcome(tmp_path / "parts") == outcome(tmp_path / "whole")


@pytest.mark.parametrize("keep", ["last", "all"])
def test_features_are_kept_as_asked(tmp_path: Path, keep: str) -> None:
    """``last`` keeps those of the last pass, ``all`` of each; logits and models always stay."""
    uwe.run(experiment(tmp_path, keep_predictions=keep))
    names = [path.name for path in (tmp_path / "digits" / STRATEGY).rglob("*.safetensors")]
    features = sorted(name.split("_cycle")[1][0] for name in names if "trfeat" in name)
    assert features == (["2"] if keep == "last" else ["1", "2"])
    for kind in ("trlogits", "telogits", "model", "trentropy"):
        assert sum(kind in name for name in names) == 2
