"""How long the ends of long studies take: python -m benchmarks.report_time [report | results].

``report``: the page that `uwe run` ends with, for 50 strategies and 10 seeds with their journals,
outputs and features; ``results``: tables and pictures of 300 studies. One run of `uwe run digits`
is copied under other names and with other figures, so that the folder is made in seconds. Prints
seconds of the command, start of the process included, and the largest memory of the process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from uwe import journal
from uwe.journal import Event, Trained
from uwe.runs import RunFiles, RunName
from uwe.runs.cycles import write_cycles

BUDGETS = "20,40,60,80,100,120,140,160,180,200"
_SHARED = ("query", "train")


def model_run(folder: Path) -> tuple[RunName, Path]:
    """Make one run of a strategy that keeps features; its name and the record."""
    command = [
        sys.executable, "-m", "uwe", "run", "digits", "--model", "small", "--epochs", "1",
        "--strategy", "coreset", "--budgets", BUDGETS, "--results", str(folder),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    [record] = (folder / "digits" / "coreset").glob("*.json")
    return RunName.from_json(json.loads(record.read_text())["run"]), record


def copied(record: Path, name: RunName, folder: Path, at: tuple[int, ...], **settings: Any) -> None:
    """The run under another name: links to its arrays, and figures that scatter."""
    content = json.loads(record.read_text())
    former = RunName.from_json(content["run"]).files_in(record.parent)
    files = name.files(folder)
    content["run"] = name.as_json()
    content["settings"] |= {"seed": name.seed, "strategy": name.method, **settings}
    files.table.parent.mkdir(parents=True, exist_ok=True)
    files.record.write_text(json.dumps(content))
    events = journal.create(files.journal, _scattered(former, at), run=files.stem)
    write_cycles(files.table, events)
    for sub in _SHARED:
        (files.folder / sub).mkdir(exist_ok=True)
        for path in (former.folder / sub).glob("*.safetensors"):
            if not path.name.endswith("_model.safetensors"):
                named = path.name.replace(former.stem, files.stem)
                _link(path, files.folder / sub / named)


def _link(there: Path, here: Path) -> None:
    if not here.exists():
        os.link(there, here)


def _scattered(former: RunFiles, at: tuple[int, ...]) -> list[Event]:
    """The events of the run with other accuracies, drawn from ``at``."""
    rng = np.random.default_rng(at)
    events: list[Event] = []
    for event in journal.read(former.journal, run=former.stem):
        if isinstance(event, Trained):
            labels = event.facts["n_labeled"]
            share = 0.4 + 0.15 * np.log10(labels) + at[0] / 1000 + rng.normal(0, 0.05)
            event = replace(event, facts={**event.facts, "te_accuracy": float(share)})
        events.append(event)
    return events


def make_strategies(folder: Path, made: Path, *, strategies: int = 50, seeds: int = 10) -> None:
    """One study of many strategies."""
    name, record = model_run(made)
    for at in range(strategies):
        method = "random" if at == 0 else f"strategy{at}"
        for seed in range(1, seeds + 1):
            its = replace(name, method=method, seed=seed)
            copied(record, its, folder, (at, seed))


def make_studies(folder: Path, made: Path, *, studies: int = 300, seeds: int = 3) -> None:
    """Many studies of three strategies."""
    name, record = model_run(made)
    for study in range(studies):
        for at, method in enumerate(("random", "entropy", "coreset")):
            for seed in range(1, seeds + 1):
                its = replace(name, method=method, seed=seed, dataset=f"data{study}")
                copied(record, its, folder, (at, seed, study), dataset=f"data{study}")


MAKERS: Mapping[str, Callable[[Path, Path], None]] = {
    "report": make_strategies,
    "results": make_studies,
}


def main() -> None:
    """Make the folder, then time the command three times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=MAKERS, nargs="?", default="report")
    parser.add_argument("--keep", type=Path, help="make the folder here and keep it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch) / "results"
        if not folder.exists():
            MAKERS[given.what](folder, folder.with_name(folder.name + "-made"))
        command = [sys.executable, "-m", "uwe", given.what, str(folder), "--output", scratch]
        for _ in range(3):
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds = time.perf_counter() - start
            most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(f"uwe {given.what}: {seconds:.1f} s, {most:,.0f} MiB")


if __name__ == "__main__":
    main()
