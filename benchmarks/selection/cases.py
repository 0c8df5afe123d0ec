"""The cases, each a kernel and a loop that take turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.selection import loops, pools
from benchmarks.timing import timed
from uwe.points import Dense, Points, as_points
from uwe.selection import k_center, k_means_pp


@dataclass(frozen=True)
class Result:
    """Medians over the turns, in seconds; the ratio is the median of the turns' ratios."""

    case: str
    n: int
    width: int
    k: int
    ours: float
    loop: float
    ratio: float
    aim: float | None = None
    torch_loop: float | None = None

    def overhead(self) -> float:
        """Milliseconds above the loop, of which a tiny pool may cost one."""
        return 1e3 * (self.ours - self.loop)


def pair(
    case: str,
    points: Points,
    k: int,
    *,
    draw: bool = False,
    anchors: Points | None = None,
    turns: int = 3,
    aim: float | None = None,
    first: int = loops.FIRST,
    in_torch: bool = False,
) -> Result:
    """Kernel and loop in turns."""

    def ours() -> object:
        if draw:
            return k_means_pp(points, k, seed=1, anchors=anchors)
        return k_center(points, k, anchors=anchors)

    mine, theirs = [], []
    for _ in range(turns):
        mine.append(timed(ours))
        theirs.append(loops.loop(points, k, draw=draw, anchors=anchors, most=first))
    other = None
    if in_torch:
        other = loops.loop(points, k, draw=draw, anchors=anchors, most=100, kind=loops.Torch)
    ratio = float(np.median(np.array(theirs) / np.array(mine)))
    medians = float(np.median(mine)), float(np.median(theirs))
    return Result(case, len(points), points.width, k, *medians, ratio, aim, other)


def headline(data: Path, turns: int, share: float) -> Iterator[Result]:
    """The cases with an aim; ``share`` below 1 shrinks them for a quick look."""

    def part(number: int) -> int:
        return max(10, int(number * share))

    z, logits = pools.train(data, 512, 10).features(part(58_000))
    every = {"turns": turns, "in_torch": True}
    uwe = Dense(pools.weighted(z, logits))
    yield pair("UWE", uwe, part(8000), aim=25, **every)
    rows, anchors = Dense(z[: part(40_000)]), Dense(z[-part(4000) :])
    yield pair("Core-Set, 4,000 anchors", rows, part(4000), anchors=anchors, aim=6, **every)
    badge = pools.gradient(z, logits)
    yield pair("BADGE, 10 classes", badge, part(8000), draw=True, aim=15, **every)
    z, logits = pools.train(data, 768, 100).features(part(20_000))
    badge = pools.gradient(z, logits)
    yield pair("BADGE, 100 classes", badge, part(2000), draw=True, aim=10, **every)
    x = as_points(pools.gaussian(part(58_000), 512))
    yield pair("k-center, Gaussian", x, part(2000), turns=turns)
    yield pair("D², Gaussian", x, part(2000), draw=True, turns=turns)
    low = as_points(pools.gaussian(part(100_000), 2))
    yield pair("k-center, 2 dimensions", low, part(10_000), turns=turns)
    near = as_points(pools.clusters(part(100_000), 64))
    yield pair("k-center, clusters", near, part(4000), turns=turns)


def grid(turns: int) -> Iterator[Result]:
    """Sizes from tiny to large, Gaussians."""
    for n in (100, 1000, 10_000, 100_000):
        for d in (2, 16, 64, 512, 2048):
            x = as_points(pools.gaussian(n, d))
            for k in (10, 100, 1000, 10_000):
                if k > n:
                    continue
                few = max(turns, 1 if n * k * d > 1e8 else 9)
                for draw in (False, True):
                    name = "D²" if draw else "k-center"
                    yield pair(name, x, k, draw=draw, turns=few, first=_affordable(n * d))


def _affordable(numbers: int) -> int:
    """Picks of the loop that take about a second."""
    return int(np.clip(2e9 / numbers, 10, 200))


def scaling(data: Path, turns: int) -> Iterator[Result]:
    """Cost against n and against k, on weighted features."""
    x = pools.weighted(*pools.train(data, 256, 10).features(58_000))
    for n in (3625, 7250, 14_500, 29_000, 58_000):
        yield pair("against n", Dense(x[:n]), 1000, turns=turns, first=100)
    for k in (500, 1000, 2000, 4000, 8000, 16_000):
        yield pair("against k", Dense(x), k, turns=turns, first=100)


def slope(results: list[Result], case: str, axis: str) -> float:
    """Exponent of the fitted power law."""
    chosen = [r for r in results if r.case == case]
    x, y = [np.log([getattr(r, name) for r in chosen]) for name in (axis, "ours")]
    return float(np.polyfit(x, y, 1)[0])
