"""What a labelling project costs to open and to tell: ``python -m benchmarks.project``.

A pool of 2,000 rows, and one of 100,000,000 rows whose features are a sparse file. Each step is
measured in a process of its own, after its imports: seconds, and how much the peak of the resident
memory grows beyond what the imports took. Prints a small table.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from uwe import journal
from uwe.project import Project

SIZES = (2_000, 100_000_000)
ANSWERS = 1_000
BIRDS = ("crow", "rook")
UNIT = 1024 if sys.platform == "linux" else 1  # of ru_maxrss in bytes


def sparse_features(path: Path, n: int) -> None:
    """Zeros ``[n, 1]`` that take no room on the disk."""
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (n, 1)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 4 * n)


def init(folder: Path) -> None:
    """Make the project."""
    Project(folder / "p.uwe", folder / "pool", "sklearn:logistic", classes=BIRDS)


def told(folder: Path) -> None:
    """Open, tell, and replay."""
    project = Project.open(folder / "p.uwe")
    n = len(project.ids)
    rows = list(range(0, n, n // ANSWERS))[:ANSWERS]
    project.tell(rows, [BIRDS[row % 2] for row in rows])
    assert project.state().labelled == ANSWERS


def opened(folder: Path) -> None:
    """Open alone."""
    Project.open(folder / "p.uwe")


def replayed(folder: Path) -> None:
    """Open, and read what was told."""
    events = Project.open(folder / "p.uwe").events()
    assert len(journal.answers_by_row(events)) == ANSWERS


STEPS: dict[str, Callable[[Path], None]] = {
    "init": init,
    "open": opened,
    f"open, tell {ANSWERS:,} answers, state": told,
    "open, replay": replayed,
}


def measured(step: str, folder: Path) -> tuple[float, float]:
    """Seconds, and megabytes of peak resident memory beyond the imports."""
    if step == "init":
        import uwe.learners.sklearn  # noqa: F401  (so that its import is not measured)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    STEPS[step](folder)
    seconds = time.perf_counter() - begin
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return seconds, grown * UNIT / 1e6


def main() -> None:
    """Measure and print."""
    print(f"{'rows':>12}  {'step':36} {'seconds':>8} {'peak MB':>8}")
    for n in SIZES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "pool").mkdir()
            sparse_features(folder / "pool" / "features.npy", n)
            for step in STEPS:
                command = [sys.executable, "-m", "benchmarks.project", step, name]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                seconds, megabytes = json.loads(done.stdout)
                print(f"{n:12,}  {step:36} {seconds:8.3f} {megabytes:8.1f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measured(sys.argv[1], Path(sys.argv[2]))))
    else:
        main()
