"""The commands ``uwe run``, ``list`` and ``demo``, used as a person uses them."""

from __future__ import annotations

import csv
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from filelock import FileLock

import uwe
from uwe.cli import main
from uwe.cli.options import key_values, parse_seeds
from uwe.errors import InputError
from uwe.learners import TorchLearner
from uwe.runs.cycles import TIMING_COLUMNS

SMALL = [
    *("run", "digits", "--model", "small", "--pool-size", "150", "--test-size", "60"),
    *("--epochs", "1", "--budgets", "20,30,40", "--device", "cpu"),
]
STEM = "digits_al_modsmall_s1_ne1_bid20-30-40_m"


class Counter:
    """How many trainings and rows of inference there were outside training."""

    def __init__(self) -> None:
        self.trainings = 0
        self.rows = 0


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    counts = Counter()
    fit, predict, passes = TorchLearner.fit, TorchLearner.predict, TorchLearner.predict_passes

    def counted_fit(self: TorchLearner, *args: Any, **keywords: Any) -> Any:
        counts.trainings += 1
        return fit(self, *args, **keywords)

    def counted_predict(self: TorchLearner, model: Any, x: Any, **keywords: Any) -> Any:
        counts.rows += len(x)
        return predict(self, model, x, **keywords)

    def counted_passes(self: TorchLearner, model: Any, x: Any, **keywords: Any) -> Any:
        counts.rows += len(x)
        return passes(self, model, x, **keywords)

    monkeypatch.setattr(TorchLearner, "predict_passes", counted_passes)
    monkeypatch.setattr(TorchLearner, "fit", counted_fit)
    monkeypatch.setattr(TorchLearner, "predict", counted_predict)
    return counts


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with two strategies and one seed; to be read only."""
    folder = tmp_path_factory.mktemp("finished")
    assert (
        main([*SMALL, "--strategy", "uwe", "--strategy", "random", "--results", str(folder)]) == 0
    )
    return folder


def untimed(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k not in TIMING_COLUMNS} for row in rows]


def plan_lines(text: str) -> dict[str, list[str]]:
    """The lines of a printed plan without the disk, by the name of the run."""
    lines = [re.split(r"\s*[│┃]\s*", line)[1:-1] for line in text.splitlines() if "│" in line]
    return {name: numbers[:3] for name, *numbers in lines}


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("strategies", ["least_confident", "coreset", "Source: Sener, Savarese", "TMLR 2024"]),
        ("datasets", ["digits", "fashion_mnist", "mini_imagenet", "hub:NAME", "folder"]),
        ("models", ["small", "resnet152", "vit"]),
        ("backbones", ["efficientnet-lite0", "1,280 features"]),
        ("budgets", ["exp05k", "500, 1000, 2000, 4000, 8000, 16000", "exp1k", "exp5k"]),
    ],
)
def test_list_shows_names_with_a_line_each(
    what: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each list shows its names with a line each, strategies with their source."""
    assert main(["list", what]) == 0
    out = capsys.readouterr().out
    assert [word for word in words if word not in out] == []
    assert "\x1b" not in out


def test_every_option_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """The help of ``uwe run`` has each option, with its default and a text, and no colour codes."""
    assert main(["run", "--help"]) == 0
    out = capsys.readouterr().out
    options = re.findall(r"(--[a-z][a-z-]+)(?: [A-Z.]+)? +(\S.*?) *│", out)
    explained = {name for name, text in options if len(text) > 3}
    signature = inspect.signature(importlib.import_module("uwe.cli.commands").run_command)
    assert explained == {"--" + name.replace("_", "-") for name in signature.parameters}
    assert "\x1b" not in out


def test_plan_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run prints trainings and rows of inference of each run, and writes nothing.

    Cycle 0 passes over pool and test rows; a strategy's first query takes that pass, except for
    dropout passes; every training passes over the test rows.
    """
    folder = tmp_path / "results"
    names = ["--strategy", "uwe", "--strategy", "bald"]
    more = [*names, "--seeds", "1-2", "--supervised", "--dry-run", "--results", str(folder)]
    assert main([*SMALL, *more]) == 0
    plans = plan_lines(capsys.readouterr().out)
    assert plans == {
        **{f"cycle 0, seed {seed}": ["0", "1", "210"] for seed in (1, 2)},
        **{f"uwe, seed {seed}": ["2", "2", "270"] for seed in (1, 2)},
        **{f"bald, seed {seed}": ["2", "2", "420"] for seed in (1, 2)},
        **{f"supervised, seed {seed}": ["0", "1", "210"] for seed in (1, 2)},
        "8 runs in all": ["8", "12", "2,220"],
    }
    assert not folder.exists()


def test_the_plan_is_what_is_done(
    tmp_path: Path, counter: Counter, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run trains and passes over as many rows as its plan says, and then nothing is missing."""
    command = [*SMALL, "--strategy", "random", "--strategy", "bald", "--seeds", "1,3",
               "--supervised", "--full-train", "--results", str(tmp_path)]  # fmt: skip
    main([*command, "--dry-run"])
    planned = plan_lines(capsys.readouterr().out)["8 runs in all"]
    assert main(command) == 0
    assert [f"{counter.trainings}", f"{counter.rows:,}"] == planned[1:]
    assert counter.trainings == 2 * (1 + 2 + 2 + 1)
    out = capsys.readouterr().out
    assert "supervised on all 150 labels" in out
    assert "n = 2" in out
    main([*command, "--dry-run"])
    assert plan_lines(capsys.readouterr().out)["0 runs in all"] == ["0", "0", "0"]


def test_what_is_there_is_kept(
    finished: Path, counter: Counter, contents: Callable[[Path], dict[str, object]]
) -> None:
    """The same command again trains nothing and leaves every file as it was."""
    before = contents(finished)
    command = [*SMALL, "--strategy", "uwe", "--strategy", "random", "--results", str(finished)]
    assert main(command) == 0
    assert counter.trainings == 0
    assert contents(finished) == before


def test_only_what_is_missing_is_done(
    tmp_path: Path, counter: Counter, contents: Callable[[Path], dict[str, object]]
) -> None:
    """Another strategy shares cycle 0; another seed makes its own; the first run stays."""
    main([*SMALL, "--strategy", "entropy", "--results", str(tmp_path)])
    assert counter.trainings == 3
    before = contents(tmp_path)
    del before["report.html"]  # it is of all runs
    main([*SMALL, "--strategy", "entropy", "--strategy", "random", "--results", str(tmp_path)])
    assert counter.trainings == 3 + 2
    main([*SMALL, "--strategy", "entropy", "--seeds", "1-2", "--results", str(tmp_path)])
    assert counter.trainings == 5 + 3
    after = contents(tmp_path)
    assert {name: after[name] for name in before} == before


def test_half_a_run_is_planned_exactly(
    tmp_path: Path, counter: Counter, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a query whose training is missing, the plan counts that training and no query."""
    command = [*SMALL, "--strategy", "entropy", "--results", str(tmp_path)]
    main(command)
    reference = untimed(next(tmp_path.rglob("*_al_cycle_result.csv")))
    journal = next((tmp_path / "digits" / "entropy").glob("*.journal.jsonl"))
    lines = journal.read_text().splitlines(keepends=True)
    assert json.loads(lines[-1])["event"] == "trained"
    journal.write_text("".join(lines[:-1]))
    capsys.readouterr()
    main([*command, "--dry-run"])
    assert plan_lines(capsys.readouterr().out)["entropy, seed 1"] == ["0", "1", "60"]
    counter.rows = 0
    main(command)
    assert counter.rows == 60
    assert untimed(next(tmp_path.rglob("*_al_cycle_result.csv"))) == reference


def test_names_of_the_files(finished: Path) -> None:
    """A run writes the files that the paper's code names, and its own beside them."""
    folder = finished / "digits" / "uwe"
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    per_cycle = {
        f"{kind}/{STEM}uwe_cycle{cycle}_{end}"
        for cycle in (1, 2)
        for kind, ends in {
            "query": ("query.csv", "trentropy.safetensors", "trlogits.safetensors"),
            "train": ("model.safetensors", "tr_info.csv", "telogits.safetensors"),
        }.items()
        for end in ends
    }
    assert there == per_cycle | {
        f"{STEM}uwe.log",
        f"{STEM}uwe.json",
        f"{STEM}uwe.journal.jsonl",
        f".{STEM}uwe.lock",
        f".{STEM}uwe.journal.jsonl.lock",
        f"al_cycle_result/{STEM}uwe_al_cycle_result.csv",
        f"query/{STEM}uwe_cycle2_trfeat.safetensors",
    }
    shared = {path.name for path in (finished / "digits" / "initialize").iterdir()}
    assert {
        "digits_s1_bid20-30-40_init_lb.csv",
        "digits_alc0_modsmall_s1_ne1_bid20-30-40_model.safetensors",
        "digits_alc0_modsmall_s1_ne1_bid20-30-40.log",
    } <= shared


def test_names_of_tags(tmp_path: Path) -> None:
    """The method's tag joins folder and name, the run's tag the name alone; all keeps features."""
    more = ["--method-tag", "_b", "--run-tag", "x", "--keep-predictions", "all"]
    assert main([*SMALL, *more, "--strategy", "bvsb", "--results", str(tmp_path)]) == 0
    folder = tmp_path / "digits" / "bvsb_b"
    assert (folder / "al_cycle_result" / f"{STEM}bvsb_b_ctx_al_cycle_result.csv").is_file()
    for cycle in (1, 2):
        for kind in ("trfeat", "trbvsb"):
            name = f"{STEM}bvsb_b_ctx_cycle{cycle}_{kind}.safetensors"
            assert (folder / "query" / name).is_file()


def test_rows_of_the_table(finished: Path) -> None:
    """Each strategy's table has a row a cycle, cycle 0 the same for all, labels as budgeted."""
    tables = {
        name: untimed(finished / f"digits/{name}/al_cycle_result/{STEM}{name}_al_cycle_result.csv")
        for name in ("uwe", "random")
    }
    assert tables["uwe"][0] == tables["random"][0]
    for rows in tables.values():
        assert [row["n_labeled"] for row in rows] == ["20", "30", "40"]


def test_queries_are_distinct_and_new(finished: Path) -> None:
    """Initial rows and queries name each row once, with its label."""
    labels = uwe.load_dataset("digits").train.y
    files = [finished / "digits/initialize/digits_s1_bid20-30-40_init_lb.csv"]
    files += sorted((finished / "digits" / "uwe" / "query").glob("*_query.csv"))
    bought: list[tuple[int, int]] = []
    for path in files:
        with path.open(newline="") as file:
            bought += [(int(row["idx"]), int(row["label"])) for row in csv.DictReader(file)]
    rows, given = np.array(bought).T
    assert len(rows) == len(set(rows.tolist())) == 40
    assert rows.max() < 150
    assert (labels[rows] == given).all()


def test_options_really_choose(tmp_path: Path) -> None:
    """Each selection and each uncertainty of uwe leads to rows of its own."""
    picks = set()
    for more in (
        [],
        ["--uncertainty", "bvsb"],
        ["--selection", "k_center_anchored"],
        ["--selection", "k_means_pp"],
    ):
        tag = f"_{len(picks)}"
        assert main([*SMALL, *more, "--method-tag", tag, "--results", str(tmp_path)]) == 0
        [path] = (tmp_path / "digits" / f"uwe{tag}" / "query").glob("*cycle1_query.csv")
        with path.open(newline="") as file:
            picks.add(tuple(row["idx"] for row in csv.DictReader(file)))
    assert len(picks) == 4


def test_an_option_goes_to_the_strategies_that_have_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An option that one of the chosen strategies uses is no error."""
    names = ["--strategy", "random", "--strategy", "bald", "--mc-passes", "3"]
    assert main([*SMALL, *names, "--dry-run", "--results", str(tmp_path / "r")]) == 0
    capsys.readouterr()


def test_configuration_file_and_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file holds any of the options, as text, numbers or lists; flags win over it."""
    config = tmp_path / "c.yaml"
    config.write_text(
        "dataset: digits\nmodel: small\npool_size: 150\ntest-size: 60\nepochs: 1\ndevice: cpu\n"
        "budgets: [20, 30, 40]\nseeds: 1-2\nstrategy: [random, bvsb]\nfull-train: false\n"
        f"dry_run: true\nthreads: null\nresults: {tmp_path / 'r'}\n"
    )
    assert main(["run", "--config", str(config)]) == 0
    plans = plan_lines(capsys.readouterr().out)
    assert plans["6 runs in all"] == ["8", "10", "1,500"]
    more = ["--strategy", "bald", "--seeds", "3", "--budgets=20,30"]
    assert main(["run", f"--config={config}", *more]) == 0
    plans = plan_lines(capsys.readouterr().out)
    assert plans == {
        "cycle 0, seed 3": ["0", "1", "210"],
        "bald, seed 3": ["1", "1", "210"],
        "2 runs in all": ["1", "2", "420"],
    }


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", (3,)), ("1-3", (1, 2, 3)), ("1, 5", (1, 5)), ("2-2,7", (2, 7))]
)
def test_seeds(text: str, seeds: tuple[int, ...]) -> None:
    """Seeds are one number, a range, a list or a mixture."""
    assert parse_seeds(text) == seeds


def test_options_of_other_packages() -> None:
    """Values that look like numbers become numbers; hyphens in names are underscores."""
    assert key_values(["a-b=3", "c=0.5", "d=x=y"]) == {"a_b": 3, "c": 0.5, "d": "x=y"}
    with pytest.raises(InputError, match="given twice"):
        key_values(["a=1", "a=2"])


def test_the_demo_ends_in_a_table_and_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo runs its five strategies and draws them, whatever else lies in its folder."""
    commands = importlib.import_module("uwe.cli.commands")

    def shorter(*args: Any, **keywords: Any) -> uwe.Experiment:
        small = {"epochs": 1, "budgets": (10, 20), "pool_size": 100, "test_size": 50}
        return uwe.Experiment(*args, **{**keywords, **small})

    monkeypatch.setattr(commands, "Experiment", shorter)
    results = str(tmp_path / "d" / "results")
    assert main([*SMALL, "--strategy", "bvsb", "--results", results]) == 0
    capsys.readouterr()
    assert main(["demo", "--folder", str(tmp_path / "d"), "--seeds", "1-2"]) == 0
    out = capsys.readouterr().out
    shown = [
        name for name in ("uwe", "badge", "coreset", "entropy", "random") if f"│ {name}" in out
    ]
    assert len(shown) == 5
    assert "n = 2" in out
    assert "│ bvsb" not in out
    names = {each.text for each in ElementTree.parse(tmp_path / "d" / "curves.svg").iter()}
    assert {"uwe", "badge", "coreset", "entropy", "random"} <= names


@pytest.fixture
def holder() -> Iterator[subprocess.Popen[str]]:
    """Another process, which holds the lock that it is told to and signs it."""
    code = (
        "import sys, pathlib\n"
        "from uwe.runs.lock import held\n"
        "lock = pathlib.Path(sys.stdin.readline().strip())\n"
        "with held(lock, 'it'):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def hold(process: subprocess.Popen[str], lock: Path) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{lock}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "held\n"


def test_a_second_process_names_the_first(
    tmp_path: Path, holder: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that another process works on is an error that names that process."""
    lock = tmp_path / "digits" / "uwe" / f".{STEM}uwe.lock"
    hold(holder, lock)
    assert main([*SMALL, "--results", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"process {holder.pid} on" in err
    assert not (tmp_path / "digits" / "initialize").exists()


def test_cycle_0_is_waited_for(
    tmp_path: Path, holder: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A process that needs the cycle 0 that another makes waits, says so, and goes on."""
    lock = tmp_path / "digits/initialize/.digits_alc0_modsmall_s1_ne1_bid20-30-40.lock"
    hold(holder, lock)
    ended: list[int] = []
    run = threading.Thread(
        target=lambda: ended.append(main([*SMALL, "--results", str(tmp_path)])), daemon=True
    )
    run.start()
    time.sleep(1.5)
    assert run.is_alive()
    assert not list(tmp_path.rglob("*model.safetensors"))
    assert holder.stdin is not None
    holder.stdin.write("\n")
    holder.stdin.flush()
    run.join(timeout=60)
    assert ended == [0]
    said = capsys.readouterr().err
    assert f"waiting for cycle 0 of seed 1; process {holder.pid} on" in said
    assert said.count("waiting for") == 1


def test_a_lock_that_was_left_behind_is_no_hindrance(finished: Path) -> None:
    """The lock of a process that is gone holds nobody up."""
    lock = finished / "digits" / "random" / f".{STEM}random.lock"
    assert lock.exists()
    with FileLock(lock):
        assert main([*SMALL, "--strategy", "random", "--results", str(finished)]) == 2
    assert lock.exists()
    assert main([*SMALL, "--strategy", "random", "--results", str(finished)]) == 0


def test_the_installed_command(tmp_path: Path) -> None:
    """The command ``uwe`` ends with its exit code, one plain line, and no file, in a terminal's
    environment as well."""
    program = Path(sys.executable).with_name("uwe")
    ended = subprocess.run(
        [program, *SMALL, "--epochs=x"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "TERM": "xterm-256color"},
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("uwe: ")
    assert ended.stderr.count("\n") == 1
    assert "\x1b" not in ended.stderr
    assert list(tmp_path.iterdir()) == []
