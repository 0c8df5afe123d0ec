"""Time of the selection kernels beside the best loops: ``python -m benchmarks.selection``.

Prints a table and writes JSON. Features come from a small network trained here on Fashion-MNIST.
A loop's cost for a pick is constant, so its first picks are timed and scaled. Kernel and loop take
turns; every figure is a median over the turns.
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from uwe.points import Dense, Points, Product, as_points
from uwe.selection import k_center, k_means_pp

_LOOP_PICKS = 500


@dataclass(frozen=True)
class Result:
    """Medians of one case, in seconds."""

    case: str
    n: int
    d: int
    k: int
    ours: float
    loop: float
    ratio: float
    target: float | None = None
    note: str = ""


def features(
    data: Path, n: int, width: int, classes: int, train: int = 2000
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features and logits of a network trained for seconds; many classes are clusters of images."""
    torch.manual_seed(0)
    raw = gzip.decompress((data / "train-images-idx3-ubyte.gz").read_bytes())
    x = torch.frombuffer(bytearray(raw[16:]), dtype=torch.uint8).view(-1, 784).float()
    x = (x / 255 - 0.286) / 0.353
    raw = gzip.decompress((data / "train-labels-idx1-ubyte.gz").read_bytes())
    y = torch.frombuffer(bytearray(raw[8:]), dtype=torch.uint8).long()
    if classes > 10:
        y = torch.cdist(x, x[torch.randperm(len(x))[:classes]]).argmin(1)
    body = torch.nn.Sequential(
        torch.nn.Linear(784, width), torch.nn.ReLU(), torch.nn.Linear(width, width), torch.nn.ReLU()
    )
    head = torch.nn.Linear(width, classes)
    optimiser = torch.optim.Adam([*body.parameters(), *head.parameters()], 1e-3)
    for _ in range(12):
        for rows in torch.randperm(train).split(128):
            loss = torch.nn.functional.cross_entropy(head(body(x[rows])), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    with torch.no_grad():
        z = torch.cat([body(part) for part in x[train : train + n].split(4096)])
        return z, head(z)


def weighted(z: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """The uncertainty-weighted embedding, by entropy."""
    logs = logits.log_softmax(1)
    entropy = -(logs.exp() * logs).sum(1)
    weight = (entropy - entropy.min()) / (entropy.max() - entropy.min())
    return (weight[:, None] * z).contiguous()


def gradient(z: torch.Tensor, logits: torch.Tensor) -> Product:
    """BADGE's embedding in factors."""
    residual = logits.softmax(1)
    residual[torch.arange(len(z)), logits.argmax(1)] -= 1
    return Product(residual, z)


class _Numpy:
    """Distances from all rows to one, by numpy's BLAS: two factors or one."""

    def __init__(self, points: Points) -> None:
        parts = (points.a, points.b) if isinstance(points, Product) else (points.x,)  # type: ignore[attr-defined]
        self.parts = [np.asarray(torch.as_tensor(part).float().numpy()) for part in parts]
        self.sq = np.prod([np.einsum("ij,ij->i", part, part) for part in self.parts], axis=0)

    def to(self, row: int) -> np.ndarray:
        gap = self.parts[0] @ self.parts[0][row]
        for part in self.parts[1:]:
            gap *= part @ part[row]
        gap *= -2
        gap += self.sq
        gap += self.sq[row]
        return gap


class _Torch(_Numpy):
    """The same in torch."""

    def __init__(self, points: Points) -> None:
        super().__init__(points)
        self.tensors = [torch.from_numpy(part) for part in self.parts]

    def to(self, row: int) -> np.ndarray:
        gap = torch.mv(self.tensors[0], self.tensors[0][row])
        for part in self.tensors[1:]:
            gap *= torch.mv(part, part[row])
        gap.mul_(-2).add_(torch.from_numpy(self.sq)).add_(float(self.sq[row]))
        return gap.numpy()


def loop(
    points: Points,
    k: int,
    *,
    draw: bool,
    anchors: Points | None,
    kind: type[_Numpy] = _Numpy,
    most: int = _LOOP_PICKS,
) -> float:
    """Seconds of one pick at a time, scaled from the first picks; anchors in blocked products."""
    start = time.perf_counter()
    metric = kind(points)
    best = np.full(len(points), np.inf, dtype=np.float32)
    if anchors is not None:
        x, a = metric.parts[0], _Numpy(anchors)
        for first in range(0, len(anchors), 512):
            gap = x @ a.parts[0][first : first + 512].T
            gap *= -2
            gap += a.sq[first : first + 512]
            np.minimum(best, gap.min(1) + metric.sq, out=best)
    ready = time.perf_counter() - start
    rng = np.random.default_rng(0)
    row = int(metric.sq.argmax() if anchors is None else best.argmax())
    timed = min(k, most)
    start = time.perf_counter()
    for _ in range(timed):
        np.minimum(best, metric.to(row), out=best)
        best[row] = 0 if draw else -1
        if draw:
            cumulative = np.cumsum(np.maximum(best, 0), dtype=np.float64)
            row = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
            row = min(row, len(best) - 1)
        else:
            row = int(best.argmax())
    return ready + (time.perf_counter() - start) * k / timed


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def pair(
    case: str,
    points: Points,
    k: int,
    *,
    draw: bool = False,
    anchors: Points | None = None,
    turns: int = 3,
    target: float | None = None,
    loops: int = _LOOP_PICKS,
) -> Result:
    """Kernel and loop in turns."""

    def ours() -> object:
        if draw:
            return k_means_pp(points, k, seed=1, anchors=anchors)
        return k_center(points, k, anchors=anchors)

    mine, theirs = [], []
    for _ in range(turns):
        mine.append(timed(ours))
        theirs.append(loop(points, k, draw=draw, anchors=anchors, most=loops))
    first, second = float(np.median(mine)), float(np.median(theirs))
    return Result(case, len(points), points.width, k, first, second, second / first, target)


def headline(data: Path, turns: int, share: float) -> Iterator[Result]:
    """The cases of the table; ``share`` below 1 shrinks them for a quick look."""

    def part(number: int) -> int:
        return max(10, int(number * share))

    z, logits = features(data, part(58_000), 512, 10)
    yield pair("UWE", Dense(weighted(z, logits)), part(8000), turns=turns, target=25)
    rows, anchors = Dense(z[: part(40_000)]), Dense(z[-part(4000) :])
    yield pair("Core-Set", rows, part(4000), anchors=anchors, turns=turns, target=6)
    yield pair(
        "BADGE, 10 classes", gradient(z, logits), part(8000), draw=True, turns=turns, target=15
    )
    z, logits = features(data, part(20_000), 768, 100)
    yield pair(
        "BADGE, 100 classes", gradient(z, logits), part(2000), draw=True, turns=turns, target=10
    )
    rng = np.random.default_rng(0)
    x = rng.normal(size=(part(58_000), 512)).astype(np.float32)
    yield pair("k-center, Gaussian", as_points(x), part(2000), turns=1)
    yield pair("D², Gaussian", as_points(x), part(2000), draw=True, turns=1)
    low = rng.normal(size=(part(100_000), 2)).astype(np.float32)
    yield pair("k-center, 2 dimensions", as_points(low), part(10_000), turns=1)
    near = rng.normal(size=(100, 64))[rng.integers(0, 100, part(100_000))] * 10 + rng.normal(
        size=(part(100_000), 64)
    )
    yield pair("k-center, clusters", as_points(near.astype(np.float32)), part(4000), turns=1)


def grid() -> Iterator[Result]:
    """Sizes from tiny to large."""
    rng = np.random.default_rng(0)
    for n in (100, 1000, 10_000, 100_000):
        for d in (2, 64, 2048):
            if n * d > 3e7:
                continue
            x = as_points(rng.normal(size=(n, d)).astype(np.float32))
            for k in (10, 100, 1000):
                if k <= n:
                    turns = 3 if n * k * d < 1e8 else 1
                    for draw in (False, True):
                        name = "D²" if draw else "k-center"
                        yield pair(f"grid {name}", x, k, draw=draw, turns=turns, loops=100)


def scaling(data: Path) -> Iterator[Result]:
    """Cost against n and against k, on weighted features."""
    z, logits = features(data, 58_000, 256, 10)
    x = weighted(z, logits)
    for n in (3625, 7250, 14_500, 29_000, 58_000):
        yield pair("against n", Dense(x[:n]), 1000, turns=1, loops=100)
    for k in (250, 500, 1000, 2000, 4000, 8000):
        yield pair("against k", Dense(x), k, turns=1, loops=100)


def slope(results: list[Result], case: str, axis: str) -> float:
    """Exponent of the fitted power law."""
    chosen = [r for r in results if r.case == case]
    x, y = [np.log([getattr(r, name) for r in chosen]) for name in (axis, "ours")]
    return float(np.polyfit(x, y, 1)[0])


def plot(results: list[Result], path: Path) -> None:
    """Time against n and against k."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for at, (case, axis) in zip(axes, (("against n", "n"), ("against k", "k")), strict=True):
        chosen = [r for r in results if r.case == case]
        for name in ("ours", "loop"):
            at.loglog(
                [getattr(r, axis) for r in chosen],
                [getattr(r, name) for r in chosen],
                marker="o",
                label=name,
            )
        at.set(xlabel=axis, ylabel="seconds", title=f"slope {slope(results, case, axis):.2f}")
        at.legend()
    figure.savefig(path)


def line(r: Result) -> str:
    """A row of the table."""
    times = f"{r.ours:.4g} | {r.loop:.4g} | {r.ratio:.2f}"
    return f"| {r.case} | {r.n:,} | {r.d} | {r.k:,} | {times} | {r.target or ''} |"


def machine() -> dict[str, object]:
    """Where and with what the figures were taken."""
    cpu = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    versions = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
    return {
        "cpu": cpu,
        "threads": torch.get_num_threads(),
        "load": Path("/proc/loadavg").read_text().split()[0],
        **versions,
    }


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--parts", default="headline,grid,scaling")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument(
        "--share", type=float, default=1.0, help="of the sizes of the headline cases"
    )
    parser.add_argument("--json", type=Path, default=Path("benchmarks/selection.json"))
    parser.add_argument("--plot", type=Path, default=Path("docs/selection.svg"))
    options = parser.parse_args()
    where = machine()
    print(where)
    parts = {
        "headline": lambda: headline(options.data, options.turns, options.share),
        "grid": grid,
        "scaling": lambda: scaling(options.data),
    }
    print("| case | n | width | k | ours, s | loop, s | times faster | at least |")
    print("|---|---|---|---|---|---|---|---|")
    results: list[Result] = []
    for name in options.parts.split(","):
        for result in parts[name]():
            results.append(result)
            print(line(result), flush=True)
    options.json.write_text(
        json.dumps({"machine": where, "results": [asdict(r) for r in results]}, indent=1)
    )
    if "scaling" in options.parts:
        plot(results, options.plot)
        print({axis: round(slope(results, f"against {axis}", axis), 2) for axis in "nk"})


if __name__ == "__main__":
    main()
