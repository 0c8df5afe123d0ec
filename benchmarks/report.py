"""How long a report takes: python -m benchmarks.report [--strategies 8 --seeds 50 --budgets 20].

Made-up runs with tables and records, read and reported by the command itself, start of the
process included. Runs made by `uwe run` also have journals and logits, which are read as well:
--of FOLDER reports a folder of such runs instead.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from uwe.runs import RunName
from uwe.runs.record import open_record


def make(folder: Path, strategies: int, seeds: int, budgets: int) -> None:
    """Curves that rise and scatter."""
    labels = 100 * np.arange(1, budgets + 1)
    for at in range(strategies):
        for seed in range(1, seeds + 1):
            rng = np.random.default_rng((at, seed))
            accuracy = (
                0.5 + 0.12 * np.log10(labels / 100) + at / 400 + rng.normal(0, 0.005, budgets)
            )
            method = "random" if at == 0 else f"strategy{at}"
            name = RunName("run", "made", "small", seed, 1, "made", method)
            files = name.files(folder)
            open_record(files.record, {}, experiment={}, fixed={}, name=name)
            files.table.parent.mkdir(parents=True, exist_ok=True)
            rows = (f"{n},{share}\n" for n, share in zip(labels, accuracy, strict=True))
            files.table.write_text("n_labeled,te_accuracy\n" + "".join(rows))


def main() -> None:
    """Make the study, report it three times, print each time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strategies", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--budgets", type=int, default=20)
    parser.add_argument("--of", type=Path, help="a results folder to report instead")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        if given.of is None:
            make(Path(made), given.strategies, given.seeds, given.budgets)
        folder = given.of or Path(made)
        command = [sys.executable, "-m", "uwe", "report", str(folder), "--output", made]
        for _ in range(3):
            start, before = time.perf_counter(), _processor_seconds()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds, busy = time.perf_counter() - start, _processor_seconds() - before
            size = (Path(made) / "report.html").stat().st_size / 2**20
            print(f"{folder}: {seconds:.1f} s, processor {busy:.1f} s, page of {size:.2f} MiB")


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
