"""Greedy weighted coverage beside other ways to the same picks, and from files."""

from __future__ import annotations

import heapq
import itertools
import json
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.selection.disk import FileResult, Resident, write
from benchmarks.timing import timed
from uwe._types import Stage
from uwe.selection import herd

_SHOWN = 20  # picks of scikit-activeml that are timed and scaled
_TRIED = 200  # kernel rows that are timed and scaled


@dataclass(frozen=True)
class HerdResult:
    """One way beside ours, in seconds."""

    case: str
    n: int
    width: int
    k: int
    ours: float
    theirs: float
    ratio: float
    aim: float
    memory: float  # ours at most, as a share of the 4n² bytes of a float32 matrix


def rows(features: Path | None, n: int, width: int, seed: int = 0) -> np.ndarray:
    """Unit rows: those of a file, then mixtures of two of them; or of a random network."""
    rng = np.random.default_rng(seed)
    if features is None:
        net = np.random.default_rng(0)
        centres, first = net.normal(size=(20, 24)), net.normal(size=(24, 256)) / 5
        hidden = (centres[rng.integers(0, 20, n)] + 0.7 * rng.normal(size=(n, 24))) @ first
        x = np.maximum(hidden, 0) @ net.normal(size=(256, width))
    else:
        own = np.load(features)["x"][:, :width].astype(np.float32)
        x = own[:n] if n <= len(own) and not seed else _mixed(own, n, rng)
    return np.ascontiguousarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)


def _mixed(own: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    one, other = rng.integers(0, len(own), (2, n))
    mixed: np.ndarray = 0.7 * own[one] + 0.3 * own[other]
    return mixed


def radius_of(x: np.ndarray) -> float:
    """The least distance between two of ten rows."""
    ten = x[np.random.default_rng(0).choice(len(x), 10, replace=False)].astype(np.float64)
    apart = np.linalg.norm(ten[:, None] - ten, axis=2)
    return float(apart[apart > 0].min())


def herding(features: Path | None, python: str, share: float) -> Iterator[HerdResult]:
    """Pools that the other ways can hold."""
    for n in (int(10_000 * share), int(20_000 * share)):
        x, k = rows(features, n, 384), int(1000 * share)
        yield from _beside(x, k, radius_of(x), python)


def _beside(x: np.ndarray, k: int, radius: float, python: str) -> Iterator[HerdResult]:
    n = len(x)
    memory = max(int(0.4 * n * n), 10_000_000)

    def ours() -> object:
        return herd(x, k, radius=radius, max_memory=memory)

    first = timed(ours)
    held, picks, evaluations = _holding(x, k, radius)
    mine = (first + timed(ours)) / 2
    peak, found = _peak(x, k, radius, memory)
    print(f"{(found == picks).mean():.1%} of the picks are those of float32", file=sys.stderr)
    for case, theirs, aim in (
        ("a float32 matrix, lazy", held, 1.0),
        ("kernel rows, lazy", _computing(x, radius, evaluations), 5.0),
        ("scikit-activeml's MaxHerding", _max_herding(python, x, k, radius), 10.0),
    ):
        yield HerdResult(case, n, 384, k, mine, theirs, theirs / mine, aim, peak / (4 * n * n))


def _peak(x: np.ndarray, k: int, radius: float, memory: int) -> tuple[int, np.ndarray]:
    tracemalloc.start()
    picks = herd(x, k, radius=radius, max_memory=memory)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, picks


def _holding(x: np.ndarray, k: int, radius: float) -> tuple[float, np.ndarray, int]:
    """Lazy greedy with a priority queue on a float32 matrix: seconds, picks, evaluations."""
    n = len(x)
    start = time.perf_counter()
    table = np.empty((n, n), np.float32)
    sq = (x * x).sum(1)
    for first in range(0, n, 1024):
        part = table[first : first + 1024]
        np.matmul(x[first : first + 1024] * (2 / radius**2), x.T, out=part)
        part -= sq / radius**2
        part -= sq[first : first + 1024, None] / radius**2
        np.minimum(part, 0, out=part)
        np.exp(part, out=part)
    queue = [(-float(gain), row) for row, gain in enumerate(table.sum(1))]
    heapq.heapify(queue)
    covered, buffer = np.zeros(n, np.float32), np.empty(n, np.float32)
    seen, picks, count = np.zeros(n, np.int64), [], n
    while len(picks) < k:
        row = queue[0][1]
        if seen[row] == len(picks):
            heapq.heappop(queue)
            picks.append(row)
            np.maximum(covered, table[row], out=covered)
            continue
        np.subtract(table[row], covered, out=buffer)
        np.maximum(buffer, 0, out=buffer)
        heapq.heapreplace(queue, (-float(buffer.sum()), row))
        seen[row], count = len(picks), count + 1
    return time.perf_counter() - start, np.array(picks), count


def _computing(x: np.ndarray, radius: float, evaluations: int) -> float:
    """The same with one kernel row computed for each evaluation: a few are timed and scaled."""
    sq, covered = (x * x).sum(1), np.full(len(x), 0.1, np.float32)

    def some() -> None:
        for row in range(_TRIED):
            gap = x @ (x[row] * 2)
            gap -= sq
            gap -= sq[row]
            gap /= radius**2
            value = np.exp(np.minimum(gap, 0, out=gap), out=gap)
            value -= covered
            float(np.maximum(value, 0, out=value).sum())

    return timed(some) * evaluations / _TRIED


def _max_herding(python: str, x: np.ndarray, k: int, radius: float) -> float:
    """The first picks in an environment of its own, scaled; the kernel matrix is counted once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pool.npz"
        np.savez(path, x=x, k=_SHOWN, gamma=1 / radius**2)
        script = str(Path(__file__).with_name("peer_herding.py"))
        done = subprocess.run([python, script, str(path)], check=True, capture_output=True)
    one, some = json.loads(done.stdout.splitlines()[-1])
    return one + (some - one) * (k - 1) / (_SHOWN - 1)


def from_files(features: Path | None, folder: Path, share: float) -> Iterator[FileResult]:
    """Files of float16; each is removed afterwards."""
    for case, n, candidates, k, memory in (
        ("all rows candidates", 200_000, 0, 2000, "900MB"),
        ("the 5,000 most uncertain", 5_000_000, 5000, 500, "1.7GB"),
    ):
        path = folder / "herd.npy"
        write(path, int(n * share), 256, partial(_next_rows, features, itertools.count(1)))
        try:
            yield select(case, path, int(k * share), int(candidates * share), memory)
        finally:
            path.unlink()


def _next_rows(features: Path | None, seeds: Iterator[int], size: int) -> np.ndarray:
    return rows(features, size, 256, seed=next(seeds))


def select(case: str, path: Path, k: int, candidates: int, memory: str) -> FileResult:
    """Select in a process of its own, so that what is resident is the selection's."""
    given = [case, str(path), str(k), str(candidates), memory]
    command = [sys.executable, "-m", "benchmarks.selection.herding", *given]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return FileResult(**json.loads(done.stdout.splitlines()[-1]))


def main(case: str, path: str, k: str, candidates: str, memory: str) -> None:
    """What the process of its own does."""
    watch = Resident()
    watch.start()
    x = np.load(path, mmap_mode="r")
    radius = radius_of(x[:: max(1, len(x) // 1000)])
    weights = np.random.default_rng(3).random(len(x))
    allowed = np.argsort(-weights)[: int(candidates)] if int(candidates) else None
    start = time.perf_counter()

    def progress(stage: Stage) -> None:
        if stage.done & (stage.done - 1) == 0 or stage.done % 100 == 0:
            passed = time.perf_counter() - start
            print(f"{stage.done} of {stage.total} after {passed:.0f} s", file=sys.stderr)

    herd(
        x,
        int(k),
        radius=radius,
        weights=None if allowed is None else weights,
        candidates=allowed,
        max_memory=memory,
        progress=progress,
    )
    seconds = time.perf_counter() - start
    size = (int(k), x.nbytes / 1e9, seconds, watch.most / 1e9)
    print(json.dumps(FileResult(case, *x.shape, *size).__dict__))


if __name__ == "__main__":
    main(*sys.argv[1:])
