"""What bf16 does to accuracy, over paired seeds: ``python -m benchmarks.precision``.

Each seed trains a network by the paper's recipe twice on the same rows, in fp32 and in bf16, with
the same first weights, order and crops, and measures both on the test rows. Prints the mean
difference with its Student interval and writes JSON. Hardware without bf16 computes the same
roundings, slowly.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.learner import paper_learner
from benchmarks.machine import machine
from uwe.data import Dataset, load_dataset
from uwe.models import ModelSpec
from uwe.statistics import mean_interval

PRECISIONS = ("fp32", "bf16")


def trained(given: argparse.Namespace, data: Dataset, seed: int) -> dict[str, Any]:
    """Accuracies in percent of both precisions, their seconds, and how often they disagree."""
    rows = np.random.default_rng(seed).choice(len(data.train), given.labels, replace=False)
    spec = ModelSpec(given.model, len(data.classes), data.image_shape)
    found: dict[str, Any] = {"seed": seed}
    said = {}
    for precision in PRECISIONS:
        start = time.perf_counter()
        worker = paper_learner(spec, data.preparation, epochs=given.epochs, precision=precision)
        model = worker.fit(
            data.train.x[rows], data.train.y[rows], classes=len(data.classes), seed=seed
        )
        said[precision] = worker.predict(model, data.test.x).logits.argmax(1).numpy()
        found[precision] = 100 * float((said[precision] == data.test.y).mean())
        found[f"{precision}_seconds"] = time.perf_counter() - start
    found["disagree"] = 100 * float((said["fp32"] != said["bf16"]).mean())
    return found


def main() -> None:
    """Every seed, then the difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--data-dir", type=Path, default=None)
    parser.add_argument("--pool-size", type=int, default=None)
    parser.add_argument("--test-size", type=int, default=None)
    parser.add_argument("--model", default="small")
    parser.add_argument("--labels", type=int, default=320)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--image-size", type=int, default=None)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/precision.json"))
    given = parser.parse_args()
    where = machine()
    print(where)
    data = load_dataset(
        given.dataset,
        data_dir=given.data_dir,
        image_size=given.image_size,
        pool_size=given.pool_size,
        test_size=given.test_size,
    )
    runs = []
    for seed in range(1, given.seeds + 1):
        runs.append(trained(given, data, seed))
        print(runs[-1], flush=True)
    difference = mean_interval([run["bf16"] - run["fp32"] for run in runs])
    for precision in PRECISIONS:
        print(f"{precision}: {mean_interval([run[precision] for run in runs]).mean:.2f} %")
    low, high = difference.low, difference.high
    print(f"bf16 - fp32: {difference.mean:+.2f} [{low:+.2f}, {high:+.2f}] points")
    given.json.write_text(
        json.dumps({"machine": where, "runs": runs, "difference": difference._asdict()}, indent=1)
    )


if __name__ == "__main__":
    main()
