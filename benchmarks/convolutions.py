"""3x3 convolutions by tiles and by torch's own way: ``python -m benchmarks.convolutions``.

For each stage of ResNet-18 on images of 32x32: milliseconds of its three products both ways, in
turns, and of its outputs in a pass, whose weights are at the points already; and how far each is
from float64. Prints and writes JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from benchmarks.machine import machine
from benchmarks.timing import in_turns
from uwe.learners import keep_freed_memory
from uwe.models.winograd import convolved, direct_gradients, weight_gradient, weights_at_points

STAGES = ((64, 32), (128, 16), (256, 8), (512, 4))
ROWS_JUDGED = 16

Ways = dict[str, Callable[[], torch.Tensor]]


def products(x: torch.Tensor, weight: torch.Tensor, of_y: torch.Tensor) -> dict[str, Ways]:
    """Each product by tiles and by torch's own way."""
    turned = weight.flip(2, 3).transpose(0, 1)
    return {
        "outputs": {
            "tiles": lambda: convolved(x, weights_at_points(weight)),
            "torch": lambda: functional.conv2d(x, weight, padding=1),
        },
        "of inputs": {
            "tiles": lambda: convolved(of_y, weights_at_points(turned)),
            "torch": lambda: direct_gradients(x, weight, of_y, (True, False))[0],
        },
        "of weights": {
            "tiles": lambda: weight_gradient(x, of_y),
            "torch": lambda: direct_gradients(x, weight, of_y, (False, True))[1],
        },
    }


def outputs_of_a_pass(x: torch.Tensor, weight: torch.Tensor) -> Ways:
    """Outputs by weights that are at the points already."""
    at_points = weights_at_points(weight)
    return {
        "tiles": lambda: convolved(x, at_points),
        "torch": lambda: functional.conv2d(x, weight, padding=1),
    }


def errors(
    x: torch.Tensor, weight: torch.Tensor, of_y: torch.Tensor
) -> dict[str, dict[str, float]]:
    """How far each way is from float64, as a share of the norm, on the first rows."""
    given = x[:ROWS_JUDGED], weight, of_y[:ROWS_JUDGED]
    exact = products(*(each.double() for each in given))
    found = {}
    for name, ways in products(*given).items():
        expected = exact[name]["torch"]()
        found[name] = {
            way: ((work() - expected).norm() / expected.norm()).item() for way, work in ways.items()
        }
    return found


def milliseconds(ways: Ways, turns: int) -> dict[str, float]:
    """Medians of the ways' times, in turns."""
    return {way: 1e3 * statistics.median(seconds) for way, seconds in in_turns(ways, turns).items()}


def main() -> None:
    """Every stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/convolutions.json"))
    given = parser.parse_args()
    keep_freed_memory()
    where = machine()
    print(where)
    stages: list[dict[str, Any]] = []
    for channels, side in STAGES:
        rng = torch.Generator().manual_seed(channels)
        shapes = [(given.images, channels, side, side), (channels, channels, 3, 3)]
        x, weight, of_y = (
            torch.randn(shapes[which], generator=rng).contiguous(memory_format=torch.channels_last)
            for which in (0, 1, 0)
        )
        timed = {
            **products(x, weight, of_y),
            "outputs of a pass": outputs_of_a_pass(x, weight),
        }
        taken = {name: milliseconds(ways, given.turns) for name, ways in timed.items()}
        stages.append(
            {"channels": channels, "side": side, "ms": taken, "errors": errors(x, weight, of_y)}
        )
        print(stages[-1], flush=True)
    given.json.write_text(json.dumps({"machine": where, "stages": stages}, indent=1))


if __name__ == "__main__":
    main()
