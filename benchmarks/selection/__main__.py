"""Time of the selection kernels beside the best loops: ``python -m benchmarks.selection``.

Prints tables and writes JSON; the picture of part ``scaling`` needs ``pip install matplotlib``.
Features come from a small network trained here on Fashion-MNIST. A loop's
cost for a pick is constant, so its first picks are timed and scaled. Kernel and loop take turns;
seconds are medians over the turns, ratios medians of the turns' ratios.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.selection import cases, pools
from benchmarks.selection.cases import Result, slope
from benchmarks.selection.disk import DiskResult, FileResult, disk
from benchmarks.selection.herding import HerdResult, from_files, herding
from benchmarks.selection.peers import peers

_HEAD = "| case | n | width | k | ours, s | loop, s | times faster | aim | torch's loop, s |"
_HERD = "| beside | n | width | k | ours, s | theirs, s | times faster | aim | of 4n² bytes |"
_FILES = "| candidates | n | width | k | file, GB | seconds | resident, GB |"
_DISK = "| case | n | width | k | file, GB | seconds | resident, GB | pairs met |"
_HEADS = {"herd": _HERD, "herd-files": _FILES, "disk": _DISK}


def line(r: Result | DiskResult | HerdResult | FileResult) -> str:
    """A row of the table."""
    sizes = f"| {r.case} | {r.n:,} | {r.width} | {r.k:,} |"
    if isinstance(r, FileResult):
        times = f"{r.gigabytes:.2f} | {r.seconds:.0f} | {r.resident_gigabytes:.2f} |"
        met = f" {100 * r.products_met:.0f} % |" if isinstance(r, DiskResult) else ""
        return f"{sizes} {times}{met}"
    if isinstance(r, HerdResult):
        times = f"{r.ours:.3g} | {r.theirs:.4g} | {r.ratio:.3g} | {r.aim:g}"
        return f"{sizes} {times} | {100 * r.memory:.1f} % |"
    slow = f"{r.torch_loop:.3g}" if r.torch_loop else ""
    return f"{sizes} {r.ours:.4g} | {r.loop:.4g} | {r.ratio:.2f} | {r.aim or ''} | {slow} |"


def plot(results: list[Result], path: Path) -> None:
    """Time against n and against k."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot, ticker

    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for at, axis in zip(axes, "nk", strict=True):
        chosen = [r for r in results if r.case == f"against {axis}"]
        for name, label in (("ours", "uwe"), ("loop", "one at a time")):
            values = [getattr(r, name) for r in chosen]
            at.loglog([getattr(r, axis) for r in chosen], values, marker="o", label=label)
        title = f"slope {slope(results, f'against {axis}', axis):.2f}"
        at.set(xlabel=axis, ylabel="seconds", title=title)
        at.xaxis.set_minor_formatter(ticker.NullFormatter())
        at.legend()
    figure.savefig(path, metadata={"Date": None})


def parts(options: argparse.Namespace) -> dict[str, Callable[[], Iterator[Any]]]:
    """What can be asked for."""
    sizes = ((1000, 100), (2000, 100), (5000, 200))
    return {
        "headline": lambda: cases.headline(options.data, options.turns, options.share),
        "grid": lambda: cases.grid(options.turns),
        "scaling": lambda: cases.scaling(options.data, options.turns),
        "peers": lambda: peers(options.data, options.peers, sizes),
        "herd": lambda: herding(options.features, options.peers, options.share),
        "herd-files": lambda: from_files(options.features, options.folder, options.share),
        "disk": lambda: disk(
            options.data, options.folder, int(5e6 * options.share), int(1e4 * options.share)
        ),
    }


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=pools.FASHION)
    parser.add_argument(
        "--parts", default="headline,grid,scaling", help="also: peers, disk, herd, herd-files"
    )
    parser.add_argument("--features", type=Path, help="an .npz with x, for the parts of herd")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0, help="of the sizes: a quick look")
    parser.add_argument("--peers", default="python3", help="a Python with scikit-activeml")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="5 GB")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/selection.json"))
    parser.add_argument("--plot", type=Path, default=Path("docs/selection.svg"))
    options = parser.parse_args()
    if "scaling" in options.parts.split(",") and find_spec("matplotlib") is None:
        parser.error("part scaling draws a picture and needs: pip install matplotlib")
    where = machine()
    print(where, flush=True)
    results: dict[str, list[Any]] = {}
    for name in options.parts.split(","):
        head = _HEADS.get(name, _HEAD)
        print(f"\n{head}\n|{'---|' * (head.count('|') - 1)}")
        results[name] = []
        for result in parts(options)[name]():
            results[name].append(result)
            print(line(result), flush=True)
            written = {key: [asdict(r) for r in found] for key, found in results.items()}
            options.json.write_text(json.dumps({"machine": where, **written}, indent=1))
    if "scaling" in results:
        plot(results["scaling"], options.plot)
        print({a: round(slope(results["scaling"], f"against {a}", a), 2) for a in "nk"})


if __name__ == "__main__":
    main()
