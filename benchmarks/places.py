"""`uwe.places` over a folder of maps, beside loading and summing them: time and memory.

Seconds of the processor are those of all threads; they tell more where the machine is shared.

python -m benchmarks.places [--maps 1000] [--height 180] [--width 240] [--classes 11]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.machine import machine, peak_mb
from benchmarks.timing import timed

_TURNS = 5


def main(arguments: Sequence[str] | None = None) -> None:
    """Write maps of random probabilities, reduce them, and print figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("maps", 1000), ("height", 180), ("width", 240), ("classes", 11)):
        parser.add_argument(f"--{name}", type=int, default=value)
    told = parser.parse_args(arguments)
    shape = (told.height, told.width, told.classes)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder, told.maps, shape)
        figures = {"maps": told.maps, "shape": shape, "map_mb": np.prod(shape) * 4 / 2**20}
        print(json.dumps({**machine(), **figures, **_measured(folder)}, indent=1))


def _write(folder: Path, n: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    for row in range(n):
        powers = np.exp(3 * rng.standard_normal(shape, np.float32))
        np.save(folder / f"{row:06d}.npy", powers / powers.sum(-1, keepdims=True))


def _measured(folder: Path) -> dict[str, object]:
    """Best seconds of each work in turns, each in a process of its own, and its peak memory."""
    works: dict[str, Callable[[Path], object]] = {"load_and_sum": _load_and_sum, "places": _places}
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in works}
    for _ in range(_TURNS):
        for name, work in works.items():
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                taken[name].append(pool.apply(_alone, (work, folder)))
    best = {
        kind: {name: min(each[kind] for each in of) for name, of in taken.items()}
        for kind in ("seconds", "processor_seconds")
    }
    return {
        **{kind: {name: round(of, 3) for name, of in by.items()} for kind, by in best.items()},
        "rate_of_loading": round(best["seconds"]["load_and_sum"] / best["seconds"]["places"], 3),
        "memory_before_mb": {name: round(of[0]["before_mb"]) for name, of in taken.items()},
        "peak_mb": {name: round(max(each["peak_mb"] for each in of)) for name, of in taken.items()},
    }


def _alone(work: Callable[[Path], object], folder: Path) -> dict[str, float]:
    import uwe

    uwe.places([np.full((2, 2, 2), 0.5)])  # what is imported at the first use
    before, processor = peak_mb(), time.process_time()
    seconds = timed(lambda: work(folder))
    return {
        "seconds": seconds,
        "processor_seconds": time.process_time() - processor,
        "before_mb": before,
        "peak_mb": peak_mb(),
    }


def _load_and_sum(folder: Path) -> object:
    return sum(float(np.load(file).sum()) for file in sorted(folder.iterdir()))


def _places(folder: Path) -> object:
    import uwe

    return uwe.places(folder)


if __name__ == "__main__":
    main()
