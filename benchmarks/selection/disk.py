"""A pool that is larger than what may be allocated: five million rows in a file."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.selection import pools
from uwe._types import Stage

_CHUNK = 20_000


@dataclass(frozen=True)
class FileResult:
    """One selection from a file, in a process of its own."""

    case: str
    n: int
    width: int
    k: int
    gigabytes: float
    seconds: float
    resident_gigabytes: float  # at most, without pages of the file


@dataclass(frozen=True)
class DiskResult(FileResult):
    """A selection of k-center, with the work that it did."""

    products_met: float  # of all pairs of a row and a pick


def crops(data: Path, path: Path, n: int) -> None:
    """Features in float16 of images under random shifts and flips."""
    net = pools.train(data, 512, 10)
    write(path, n, 512, lambda size: net.body(_shifted(net.pool, size)).half().numpy())


def gaussians(path: Path, n: int) -> None:
    """Rows of which nothing can be skipped."""
    rng = np.random.default_rng(0)
    write(path, n, 512, lambda size: rng.standard_normal((size, 512), np.float32))


def write(path: Path, n: int, width: int, rows: Callable[[int], np.ndarray]) -> None:
    """Write a file of float16, part by part.

    Args:
        path: of the file.
        n: rows.
        width: numbers of a row.
        rows: makes the next rows, as many as it is told.
    """
    out = np.lib.format.open_memmap(path, "w+", np.float16, (n, width))
    with torch.no_grad():
        for start in range(0, n, _CHUNK):
            size = min(_CHUNK, n - start)
            out[start : start + size] = rows(size)
    out.flush()


def _shifted(images: torch.Tensor, size: int) -> torch.Tensor:
    """Random images, each shifted by up to three pixels, half of them mirrored."""
    at = torch.randint(len(images), (size,))
    x = images[at].view(-1, 28, 28)
    x = torch.where(torch.rand(size, 1, 1) < 0.5, x.flip(2), x)
    padded = torch.nn.functional.pad(x, (3, 3, 3, 3), value=-0.81)
    down, right = torch.randint(7, (2, size))
    windows = padded.unfold(1, 28, 1).unfold(2, 28, 1)  # [size, 7, 7, 28, 28]
    return windows[torch.arange(size), down, right].reshape(size, 784)


def select(case: str, path: Path, k: int, memory: str) -> DiskResult:
    """Select in a process of its own, so that what is resident is the selection's."""
    command = [sys.executable, "-m", "benchmarks.selection.disk", case, str(path), str(k), memory]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return DiskResult(**json.loads(done.stdout.splitlines()[-1]))


def disk(data: Path, folder: Path, n: int, k: int) -> Iterator[DiskResult]:
    """Both files, one after the other; each is removed afterwards."""
    for case, make in (
        ("features under random crops", lambda path: crops(data, path, n)),
        ("Gaussians", lambda path: gaussians(path, n)),
    ):
        path = folder / "pool.npy"
        make(path)
        try:
            yield select(case, path, k, "2GB")
        finally:
            path.unlink()


class Resident(threading.Thread):
    """Watches how much of this process is resident, pages of files apart."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0

    def run(self) -> None:
        """Look twenty times a second, until the process ends."""
        while True:
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssAnon"):
                    self.most = max(self.most, 1024 * int(line.split()[1]))
            time.sleep(0.05)


def main(case: str, path: str, k: str, memory: str) -> None:
    """What the process of its own does."""
    from uwe.selection import k_center
    from uwe.selection._nearest import Nearest

    kept: list[Nearest] = []
    begin = Nearest.__init__

    def noted(self: Nearest, *args: object) -> None:
        begin(self, *args)  # type: ignore[arg-type]
        kept.append(self)

    Nearest.__init__ = noted  # type: ignore[method-assign,assignment]
    watch = Resident()
    watch.start()
    x = np.load(path, mmap_mode="r")
    start = time.perf_counter()

    def progress(stage: Stage) -> None:
        print(
            f"{stage.done} of {stage.total} after {time.perf_counter() - start:.0f} s",
            file=sys.stderr,
        )

    k_center(x, int(k), max_memory=memory, progress=progress)
    seconds = time.perf_counter() - start
    met = kept[0].met / (len(x) * int(k))
    size = x.nbytes / 1e9
    result = DiskResult(case, *x.shape, int(k), size, seconds, watch.most / 1e9, met)
    print(json.dumps(result.__dict__))


if __name__ == "__main__":
    main(*sys.argv[1:])
