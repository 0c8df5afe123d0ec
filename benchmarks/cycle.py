"""What a whole cycle costs beside the plain way: ``python -m benchmarks.cycle``.

Prints as it goes and writes JSON. ``run``: our command and the plain loop of
`benchmarks.plain_cycle`, each a process of its own from start to the last row of its CSV, decoding
counted in, on the first images of CIFAR-10; they take turns of seconds. ``throughput``: images a
second in training and in a pass, and the share of the matrix rate measured in the same process.
``memory``: the peak of a run over a large pool beside that of a bare training step.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.learner import paper_learner
from benchmarks.machine import machine, peak_mb
from benchmarks.plain_cycle import ResNet18
from benchmarks.timing import in_turns
from uwe.data.cifar import PREPARATION
from uwe.learners import PRECISIONS
from uwe.models import ModelSpec
from uwe.tasks import classification

PRODUCTS = 10
TURNS = {"ours": 10.0, "plain": 25.0}
"""Seconds of a command's turn, so that both end at about the same time."""


def accuracies(table: Path) -> list[float]:
    """Test accuracy after each cycle."""
    with table.open(newline="") as file:
        return [float(row["te_accuracy"]) for row in csv.DictReader(file)]


def ours(given: argparse.Namespace, seed: int, folder: Path) -> list[str]:
    """Our command."""
    return [
        sys.executable, "-m", "uwe", "run", "cifar10", "--data-dir", str(given.data),
        "--pool-size", str(given.pool), "--test-size", str(given.test), "--strategy", "uwe",
        "--epochs", str(given.epochs), "--budgets", given.budgets, "--seeds", str(seed),
        "--precision", given.precision, "--results", str(folder),
    ]  # fmt: skip


def plain(given: argparse.Namespace, seed: int, folder: Path) -> list[str]:
    """The plain loop's command."""
    return [
        sys.executable, "-m", "benchmarks.plain_cycle", "--data", str(given.data),
        "--pool", str(given.pool), "--test", str(given.test), "--epochs", str(given.epochs),
        "--budgets", given.budgets, "--seed", str(seed), "--out", str(folder / "plain.csv"),
    ]  # fmt: skip


COMMANDS: dict[str, tuple[Callable[[argparse.Namespace, int, Path], list[str]], str]] = {
    "ours": (ours, "*_al_cycle_result.csv"),
    "plain": (plain, "plain.csv"),
}


@dataclass
class Command:
    """A command that runs in turns with others: its slices of time, and its peak so far."""

    arguments: list[str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    slices: list[tuple[float, float]] = field(default_factory=list)
    peak_mb: float = 0.0

    @property
    def has_ended(self) -> bool:
        """Whether the command has come to its end."""
        return self.process is not None and self.process.returncode is not None

    def run_for(self, seconds: float) -> None:
        """Start or go on, and stop after so long or at the end."""
        begin = time.time()
        if self.process is None:
            environment = {**os.environ, "UWE_CACHE_DIR": f"{self.folder}/cache"}
            self.process = subprocess.Popen(
                self.arguments, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
            )
        else:
            os.killpg(self.process.pid, signal.SIGCONT)
        while not self.has_ended and time.time() < begin + seconds:
            time.sleep(0.05)
            self.peak_mb = max(self.peak_mb, peak_mb(self.process.pid))
            if self.process.poll():
                raise SystemExit(f"{self.arguments} ended with {self.process.returncode}")
        if not self.has_ended:
            os.killpg(self.process.pid, signal.SIGSTOP)
        self.slices.append((begin, time.time()))

    def seconds_until(self, moment: float) -> float:
        """Its own time from its start to a moment."""
        return sum(max(0.0, min(end, moment) - begin) for begin, end in self.slices)

    def stop(self) -> None:
        """Leave nothing behind."""
        if self.process is not None and not self.has_ended:
            os.killpg(self.process.pid, signal.SIGKILL)


def whole_runs(names: Sequence[str], given: argparse.Namespace, seed: int) -> list[dict[str, Any]]:
    """Seconds to the last row of its CSV, peak of memory and accuracies of each command.

    They take turns of seconds, one stopped while the other runs, so that a machine that is now
    faster and now slower is so for all of them. Each has a cache of its own: decoding counts.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        running = {}
        for name in names:
            place = Path(folder) / name
            place.mkdir()
            running[name] = Command(COMMANDS[name][0](given, seed, place), place)
            stack.callback(running[name].stop)
        while waiting := [name for name in names if not running[name].has_ended]:
            for name in waiting:
                running[name].run_for(TURNS[name])
        return [measured(name, seed, each) for name, each in running.items()]


def measured(name: str, seed: int, ended: Command) -> dict[str, Any]:
    """What is said of a command that has ended."""
    [table] = ended.folder.rglob(COMMANDS[name][1])
    return {
        "which": name,
        "seed": seed,
        "seconds": ended.seconds_until(table.stat().st_mtime),
        "peak_mb": ended.peak_mb,
        "accuracies": accuracies(table),
    }


def runs(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Both commands, for each seed."""
    found = []
    for seed in range(1, given.seeds + 1):
        pair = whole_runs(tuple(COMMANDS), given, seed)
        found += pair
        for each in pair:
            print(each, flush=True)
    total = {name: sum(r["seconds"] for r in found if r["which"] == name) for name in COMMANDS}
    print(f"times faster: {total['plain'] / total['ours']:.2f}", flush=True)
    return found


def matrix_products(device: torch.device, precision: str) -> Callable[[], object]:
    """Products of two matrices of 2048 x 2048, one after another."""
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    a = torch.randn(2048, 2048, device=device, dtype=kind)
    return lambda: [(a @ a).sum().item() for _ in range(PRODUCTS)]


def plain_step(model: ResNet18, x: torch.Tensor, y: torch.Tensor) -> None:
    """Forward, backward and update on one batch that is there already."""
    optimizer = torch.optim.SGD(model.train().parameters(), lr=0.02, momentum=0.9, nesterov=True)
    torch.nn.functional.cross_entropy(model(x)[0], y).backward()
    optimizer.step()


@torch.no_grad()
def plain_pass(model: ResNet18, x: torch.Tensor) -> None:
    """Forward on one batch that is there already."""
    model.eval()(x)


def throughput(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Images a second beside a plain network's, and their share of the matrix rate.

    The plain network gets tensors that are ready; ours builds its batches from the uint8 array.
    """
    spec, n = ModelSpec("resnet18", 10, (32, 32, 3)), given.images
    worker = paper_learner(spec, PREPARATION, epochs=1, precision=given.precision)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
    y = rng.integers(0, 10, n)
    ready = torch.randn(n, 3, 32, 32, device=worker.device)
    labels = torch.from_numpy(y).to(worker.device)
    model, plain_model = worker.fresh(seed=0), ResNet18(10).to(worker.device)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        plain_model.eval()(ready[:1])
    operations = {"pass": counter.get_total_flops(), "training": 3 * counter.get_total_flops()}
    products = matrix_products(worker.device, worker.precision)
    task = classification(10)
    works: dict[str, dict[str, Callable[[], object]]] = {
        "training": {
            "ours": lambda: worker.fit_from(model, x, y, task=task, seed=0, perturb_seed=0),
            "plain": lambda: plain_step(plain_model, ready, labels),
        },
        "pass": {
            "ours": lambda: worker.predict(model, x),
            "plain": lambda: plain_pass(plain_model, ready),
        },
    }
    found = []
    for name, both in works.items():
        taken = in_turns({"products": products, **both}, turns=5)
        seconds = {each: min(times) for each, times in taken.items()}
        matrix_rate = PRODUCTS * 2 * 2048**3 / seconds["products"]
        found.append(
            {
                "which": name,
                "precision": worker.precision,
                "ours_images_a_second": n / seconds["ours"],
                "plain_images_a_second": n / seconds["plain"],
                "gflop_an_image": operations[name] / 1e9,
                "matrix_gflops_a_second": matrix_rate / 1e9,
                "ours_share": n / seconds["ours"] * operations[name] / matrix_rate,
                "plain_share": n / seconds["plain"] * operations[name] / matrix_rate,
            }
        )
        print(found[-1], flush=True)
    return found


BARE_STEP = """
import torch
from benchmarks.machine import peak_mb
from benchmarks.plain_cycle import ResNet18
model = ResNet18(10).train()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True)
for _ in range(2):
    loss = torch.nn.functional.cross_entropy(
        model(torch.randn(256, 3, 32, 32))[0], torch.zeros(256, dtype=torch.int64))
    optimizer.zero_grad(); loss.backward(); optimizer.step()
print(peak_mb())
"""


def memory(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Peaks of a bare training step and of our run over a pool of 50,000 images, both in float32.

    The budgets leave an epoch's last batch smaller than the others, whose maps fit nowhere else.
    """
    done = subprocess.run(
        [sys.executable, "-c", BARE_STEP], capture_output=True, text=True, check=True
    )
    large = argparse.Namespace(
        data=given.data, pool=50_000, test=100, epochs=1, budgets="500,750", precision="fp32"
    )
    [run] = whole_runs(["ours"], large, 1)
    found = [
        {"which": "bare step", "peak_mb": float(done.stdout)},
        {"which": "pool of 50,000", "peak_mb": run["peak_mb"], "seconds": run["seconds"]},
    ]
    for each in found:
        print(each, flush=True)
    return found


PARTS: dict[str, Callable[[argparse.Namespace], list[dict[str, Any]]]] = {
    "throughput": throughput,
    "run": runs,
    "memory": memory,
}


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/cifar10"))
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--images", type=int, default=256, help="of the throughput")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pool", type=int, default=5000)
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--budgets", default="500,1000,1500")
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="auto", help="of our runs, and of the throughput"
    )
    parser.add_argument("--json", type=Path, default=Path("benchmarks/cycle.json"))
    given = parser.parse_args()
    where = machine()
    print(where)
    results: dict[str, Any] = {"machine": where}
    for name in given.parts.split(","):
        results[name] = PARTS[name](given)
        given.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
