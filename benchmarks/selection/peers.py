"""The same queries by scikit-activeml, from an environment of its own."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.selection import pools
from benchmarks.selection.cases import Result
from benchmarks.timing import timed
from uwe.points import Dense, Product
from uwe.selection import k_center, k_means_pp

_LABELLED = 100


def peers(data: Path, python: str, sizes: tuple[tuple[int, int], ...]) -> Iterator[Result]:
    """CoreSet and Badge from pools that are small enough for them."""
    net = pools.train(data, 64, 10)
    z, logits = net.features(max(n for n, _ in sizes))
    for n, k in sizes:
        theirs = _theirs(python, z[:n].numpy(), logits[:_LABELLED].argmax(1).numpy(), k)
        rest, known = Dense(z[_LABELLED:n]), Dense(z[:_LABELLED])
        mine = timed(lambda rest=rest, known=known, k=k: k_center(rest, k, anchors=known))
        yield _result("CoreSet of scikit-activeml", rest, k, mine, theirs["CoreSet"])
        badge = _gradient(z[_LABELLED:n], logits[_LABELLED:n])
        mine = timed(lambda badge=badge, k=k: k_means_pp(badge, k, seed=1))
        yield _result("Badge of scikit-activeml", badge, k, mine, theirs["Badge"])


def _gradient(z: torch.Tensor, logits: torch.Tensor) -> Product:
    return pools.gradient(z, logits)


def _result(case: str, points: Dense | Product, k: int, mine: float, theirs: float) -> Result:
    return Result(case, len(points), points.width, k, mine, theirs, theirs / mine)


def _theirs(python: str, x: np.ndarray, y: np.ndarray, k: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pool.npz"
        np.savez(path, x=x, y=y, k=k)
        script = str(Path(__file__).with_name("peer.py"))
        done = subprocess.run([python, script, str(path)], check=True, capture_output=True)
    seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return seconds
