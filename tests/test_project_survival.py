"""Never lose an answer: a project whose processes are killed ends as one that was left alone."""

from __future__ import annotations

import csv
import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uwe import journal
from uwe.cli import main
from uwe.project import Project

BIRDS = ("crow", "jay", "rook")


class Killed(BaseException):
    """Nothing catches it, as nothing catches a signal."""


def pool_in(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["id,a,b,c"]
    for at, row in enumerate(np.random.default_rng(0).normal(size=(60, 3))):
        lines.append(f"bird{at}," + ",".join(f"{number:.4f}" for number in row))
    source = folder / "birds.csv"
    if not source.exists():
        source.write_text("\n".join(lines) + "\n")
    return source


def commands(folder: Path) -> list[list[str]]:
    """Two rounds on the command line; the files of labels are written by `answered`."""
    p, labels = str(folder / "p.uwe"), str(folder / "labels.csv")
    init = ["init", p, str(pool_in(folder)), "--classes", ",".join(BIRDS)]
    strategy = ["--strategy", "badge", "--model", "sklearn:logistic"]
    return [
        [*init, *strategy], ["next", p, "-k", "8"], ["tell", p, labels, "--by", "ann"],
        ["next", p, "-k", "5", "-o", str(folder / "out.csv"), "--force"],
        ["tell", p, labels, "--by", "ann"], ["status", p],
    ]  # fmt: skip


def answer(folder: Path) -> None:
    """Write a label for each row that was ever given out: people answer as they always do."""
    picks = sorted((folder / "p.uwe" / "picks").glob("round-*.csv"))
    names = []
    for path in picks:
        with path.open(newline="") as file:
            names += [row["id"] for row in csv.DictReader(file)]
    lines = [f"{name},{BIRDS[int(name.removeprefix('bird')) % 3]}" for name in names]
    (folder / "labels.csv").write_text("\n".join(["id,label", *lines]) + "\n")


TIMES = ("query_time", "train_seconds", "pass_seconds")


def outcome(folder: Path) -> dict[str, Any]:
    """Events without times, tables of picks, settings, rows and labels."""
    files = folder / "p.uwe"
    events = []
    for event in journal.read(files / "journal.jsonl"):
        told = {**vars(event), "kind": type(event).__name__, "at": None}
        told["facts"] = {n: v for n, v in told.get("facts", {}).items() if n not in TIMES}
        events.append(told)
    tables = {path.name: path.read_text() for path in sorted((files / "picks").glob("*.csv"))}
    sheets = {path.name: path.read_text() for path in sorted((files / "picks").glob("*.html"))}
    rows = json.loads((files / "rows.json").read_text())
    settings = json.loads((files / "project.json").read_text())
    return {
        "events": events, "tables": tables, "sheets": sheets, "digests": rows["digests"],
        "settings": {name: value for name, value in settings.items() if name != "source"},
        "labels": Project.open(files).labels(), "out": (folder / "out.csv").read_text(),
        "models": sorted(path.name for path in (files / "predictions").iterdir()),
    }  # fmt: skip


def steps(folder: Path) -> Iterator[list[str]]:
    """The commands one after another; people answer before each ``tell``."""
    for command in commands(folder):
        if command[0] == "tell":
            answer(folder)
        yield command


def done(command: list[str]) -> None:
    assert main(command) == 0


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[int]]:
    """The outcome of a project that nobody killed, and the synced writes of each command."""
    folder = tmp_path_factory.mktemp("undisturbed")
    counts: list[int] = []
    sync = os.fsync

    def counted(descriptor: int) -> None:
        counts[-1] += 1
        sync(descriptor)

    os.fsync = counted
    try:
        for command in steps(folder):
            counts.append(0)
            done(command)
    finally:
        os.fsync = sync
    return outcome(folder), counts


class Fault:
    """Something happens at the n-th synced write, before or after it."""

    def __init__(self, at: int, happen: Callable[[], None], *, done: bool) -> None:
        self.left, self.happen, self.done = at, happen, done
        self.sync = os.fsync

    def __call__(self, descriptor: int) -> None:
        self.left -= 1
        if self.left == 0 and not self.done:
            self.happen()
        self.sync(descriptor)
        if self.left == 0 and self.done:
            self.happen()


def die() -> None:
    raise Killed


def fill_up() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def kept_as_it_is(patched: pytest.MonkeyPatch) -> None:
    """A killed process removes nothing: neither the unfinished file nor an unfinished project."""
    unlink = Path.unlink

    def unless_killed(self: Path, missing_ok: bool = False) -> None:
        if not isinstance(sys.exc_info()[1], Killed):
            unlink(self, missing_ok=missing_ok)

    patched.setattr(Path, "unlink", unless_killed)
    patched.setattr("uwe.project.making._remove", lambda path: None)


def test_a_project_ends_the_same_wherever_a_write_was_cut_off(
    undisturbed: tuple[dict[str, Any], list[int]], tmp_path: Path
) -> None:
    """Each command is killed at its 1st write, its 2nd write and so on, and given again."""
    expected, counts = undisturbed
    assert len(counts) == 6
    assert counts[-1] == 0
    assert sum(counts) > 15
    for turn in range(max(counts)):
        folder = tmp_path / f"{turn}"
        for command, writes in zip(steps(folder), counts, strict=True):
            if turn < writes:
                with pytest.MonkeyPatch.context() as patched:
                    patched.setattr(os, "fsync", Fault(turn + 1, die, done=turn % 2 == 0))
                    kept_as_it_is(patched)
                    with pytest.raises(Killed):
                        main(command)
            done(command)
        assert outcome(folder) == expected, f"differs after a cut at write {turn + 1}"
        assert not list((folder / "p.uwe").rglob("*.part"))


def test_a_disk_that_fills_up_loses_nothing(
    undisturbed: tuple[dict[str, Any], list[int]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line says so, init leaves no folder, and the same command goes on later."""
    expected, counts = undisturbed
    for turn in range(max(counts)):
        folder = tmp_path / f"{turn}"
        for command, writes in zip(steps(folder), counts, strict=True):
            if turn < writes:
                with pytest.MonkeyPatch.context() as patched:
                    patched.setattr(os, "fsync", Fault(turn + 1, fill_up, done=False))
                    capsys.readouterr()
                    assert main(command) == 2
                    assert "the disk is full" in capsys.readouterr().err.splitlines()[-1]
                if command[0] == "init":
                    is_whole = (folder / "p.uwe" / "project.json").exists()
                    assert is_whole or not (folder / "p.uwe").exists()
                assert not list(folder.rglob("*.part"))
            done(command)
        assert outcome(folder) == expected, f"differs after a full disk at write {turn + 1}"


def test_a_torn_line_of_the_journal_is_no_harm(
    undisturbed: tuple[dict[str, Any], list[int]], tmp_path: Path
) -> None:
    """What a process killed within a line left is cut off by the next command that writes."""
    for command in steps(tmp_path):
        if command[0] != "init":
            with (tmp_path / "p.uwe" / "journal.jsonl").open("a") as file:
                file.write('{"event":"answered","ro')
        done(command)
    assert outcome(tmp_path) == undisturbed[0]


TRAIN = """
import sys, uwe
uwe.Project.open(sys.argv[1]).train()
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_commands_killed_at_random_moments(
    undisturbed: tuple[dict[str, Any], list[int]], tmp_path: Path
) -> None:
    """Real processes of init, next, tell and train, killed by SIGKILL wherever they are."""
    first, *_ = commands(tmp_path / "whole")
    begin = time.monotonic()
    subprocess.run([sys.executable, "-m", "uwe", *first], check=True, capture_output=True)
    typical = time.monotonic() - begin
    rng = random.Random(0)
    kills = 0

    def process(arguments: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def killed(arguments: list[str]) -> None:
        nonlocal kills
        started = process(arguments)
        try:
            assert started.wait(timeout=rng.uniform(0.3, 1.0) * typical) == 0
        except subprocess.TimeoutExpired:
            started.send_signal(signal.SIGKILL)
            assert started.wait() in (0, -signal.SIGKILL)
            kills += 1

    for command in steps(tmp_path):
        p = tmp_path / "p.uwe"
        if command[0] == "next" and (p / "picks").exists():
            killed(["-c", TRAIN, str(p)])
        if command[0] != "status":
            killed(["-m", "uwe", *command])
        done(command)
    assert kills > 0
    assert outcome(tmp_path) == undisturbed[0]
