"""The weighted embedding beside BADGE's gradient over places: ``python -m benchmarks.dense``.

For 11 and 150 classes, images of 60 x 80 places with 64 features each. Both embeddings need the
softmax; it is timed alone, too. Then ``--picks`` of ``--images`` images are drawn by exact D²
sampling, on rows ``[n, d]`` and on rows ``[n, c·d]``, in turns. It prints a table, and one line of
JSON with all figures and the machine.

What is made for a pool is random maps whose classes are unlike: the times do not depend on them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median

import torch

from benchmarks.machine import machine
from benchmarks.timing import in_turns
from uwe.dense import place_uncertainty
from uwe.dense.gradient import gradient_over_places
from uwe.selection import k_means_pp

CLASSES = (11, 150)
BATCH = 16
AIM_NUMBERS, AIM_SELECTION = 100, 10
"""At 150 classes: fewer numbers an image, and faster selection, at least by so much."""


@dataclass(frozen=True)
class Side:
    """The cost of one embedding.

    Attributes:
        numbers: an image.
        pool_mb: of the pool in float32, MiB.
        embedding_ms: an image, softmax included.
        selection_s: seconds of the selection.
    """

    numbers: int
    pool_mb: float
    embedding_ms: float
    selection_s: float


def weighted(logits: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """``mean_p u_p f_p`` of logits ``[b, p, c]`` and features ``[b, p, d]``, as ``[b, d]``."""
    doubt = place_uncertainty(logits.softmax(-1))
    return torch.bmm(doubt[:, None], features)[:, 0] / doubt.shape[1]


def gradient(logits: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """BADGE's gradient over places, ``[b, c·d]``."""
    return gradient_over_places(logits.softmax(-1), features)


def maps(
    images: int, places: int, classes: int, width: int, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random logits ``[b, p, c]`` and features ``[b, p, d]``; each image has its own classes."""
    rng = torch.Generator().manual_seed(seed)
    logits = torch.randn(images, places, classes, generator=rng)
    logits += 3 * torch.randn(images, 1, classes, generator=rng)
    return logits, torch.rand(images, places, width, generator=rng)


def compared(
    classes: int, images: int, places: int, width: int, picks: int, turns: int
) -> dict[str, object]:
    """Both embeddings for one number of classes."""
    logits, features = maps(BATCH, places, classes, width, seed=0)
    works: dict[str, Callable[[], object]] = {
        "softmax": lambda: logits.softmax(-1),
        "weighted": lambda: weighted(logits, features),
        "gradient": lambda: gradient(logits, features),
    }
    embedding = {name: median(each) / BATCH for name, each in in_turns(works, turns).items()}
    pools = _pools(classes, images, width)
    selection = {
        name: median(each)
        for name, each in in_turns(
            {name: lambda x=x: k_means_pp(x, picks, seed=1) for name, x in pools.items()}, turns
        ).items()
    }
    sides = {
        name: Side(
            x.shape[1],
            round(x.numel() * 4 / 2**20, 2),
            round(1000 * embedding[name], 3),
            round(selection[name], 4),
        )
        for name, x in pools.items()
    }
    few, many = sides["weighted"], sides["gradient"]
    return {
        "classes": classes,
        **{name: asdict(side) for name, side in sides.items()},
        "softmax_ms": round(1000 * embedding["softmax"], 3),
        "times_fewer_numbers": round(many.numbers / few.numbers, 1),
        "times_faster_selection": round(many.selection_s / few.selection_s, 1),
    }


def _pools(classes: int, images: int, width: int) -> dict[str, torch.Tensor]:
    """Both embeddings of a pool, made from maps of few places, batch by batch."""
    made: dict[str, list[torch.Tensor]] = {"weighted": [], "gradient": []}
    for start in range(0, images, BATCH):
        given = maps(min(BATCH, images - start), 64, classes, width, seed=1 + start)
        made["weighted"].append(weighted(*given))
        made["gradient"].append(gradient(*given))
    return {name: torch.cat(parts) for name, parts in made.items()}


def table(found: list[dict[str, object]]) -> str:
    """The figures as a table of Markdown."""
    lines = [
        "| classes | embedding | numbers an image | pool, MiB | ms an image | D² selection, s |",
        "|---|---|---|---|---|---|",
    ]
    for each in found:
        for name in ("weighted", "gradient"):
            side = each[name]
            assert isinstance(side, dict)
            cells = [
                str(side[key]) for key in ("numbers", "pool_mb", "embedding_ms", "selection_s")
            ]
            lines.append(f"| {each['classes']} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and say whether the aims are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--picks", type=int, default=200)
    parser.add_argument("--places", type=int, default=60 * 80)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    found = [
        compared(classes, given.images, given.places, given.width, given.picks, given.turns)
        for classes in CLASSES
    ]
    print(table(found))
    last = found[-1]
    print(
        f"\nAt {last['classes']} classes: {last['times_fewer_numbers']} times fewer numbers an "
        f"image (aim {AIM_NUMBERS}), selection {last['times_faster_selection']} times faster (aim "
        f"{AIM_SELECTION}).\n"
    )
    print(json.dumps({"options": vars(given), "found": found, "machine": machine()}))


if __name__ == "__main__":
    main()
