"""What answers cost in a pool of 100,000,000 rows: ``python -m benchmarks.journal``.

Seconds (median of five turns) and peak of the memory that Python and NumPy take, measured in a turn
of its own. Prints a small table.
"""

from __future__ import annotations

import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

from uwe import journal
from uwe.journal import Answered, Queried

N = 100_000_000
ANSWERS = 1_000
LINES = 10_000
TURNS = 5


def measured(do: Callable[[], object]) -> tuple[float, float]:
    """Median seconds, and peak megabytes beside what was there before."""
    seconds = []
    for _ in range(TURNS):
        begin = time.perf_counter()
        do()
        seconds.append(time.perf_counter() - begin)
    tracemalloc.start()
    do()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return statistics.median(seconds), peak / 1e6


def main() -> None:
    """Measure and print."""
    rows = np.random.default_rng(0).choice(N, ANSWERS + LINES, replace=False).tolist()
    asked, single = tuple(rows[:ANSWERS]), rows[ANSWERS:]
    answered = Answered(asked, tuple(row % 10 for row in asked), "ann", query=1)
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder) / "few.jsonl", Path(folder) / "many.jsonl"
        journal.create(few, [Queried(0, asked), answered])
        journal.create(many, [Answered((row,), (row % 10,), "ann") for row in single])
        growing = Path(folder) / "growing.jsonl"
        journal.create(growing, [Queried(0, asked)])
        parts = {
            f"append {ANSWERS:,} answers in one event": lambda: journal.append(growing, answered),
            f"read and replay {ANSWERS:,} answers": lambda: journal.replay(journal.read(few), N),
            f"read and replay {LINES:,} answers of one row": lambda: journal.replay(
                journal.read(many), N
            ),
            f"append one answer to {LINES:,} lines": lambda: journal.append(
                many, Answered((single[0],), (1,), "ann")
            ),
        }
        print(f"{f'pool of {N:,} rows':44} {'seconds':>8} {'peak MB':>8}")
        for name, do in parts.items():
            seconds, peak = measured(do)
            print(f"{name:44} {seconds:8.4f} {peak:8.2f}")


if __name__ == "__main__":
    main()
