"""All strategies on Fashion-MNIST with the small network: ``python -m benchmarks.fashion_study``.

Eleven strategies and variants of UWE, five seeds, a pool of 20,000 images, budgets from 100 to
3,200. Images are halved to 14x14, so that two cores without bf16 get through it. Finished work is
reused; only what is missing is computed. Seeds are the outer loop, so that every finished seed is a
whole comparison. ``uwe results FOLDER`` prints the table, and draws it.
"""

from __future__ import annotations

import argparse
import platform
import time
from dataclasses import replace
from pathlib import Path

import uwe
from uwe.cli.display import Display
from uwe.cli.speaking import shown
from uwe.experiment import make_plan, prepare

STRATEGIES = (
    *("uwe", "badge", "coreset", "entropy", "bvsb", "least_confident", "bald", "random"),
    *("margin", "uherding", "typiclust"),
)
VARIANTS = {
    "-bvsb": {"uncertainty": "bvsb"},
    "-kmeanspp": {"selection": "k_means_pp"},
}


def experiments(template: uwe.Experiment, seeds: int) -> list[uwe.Experiment]:
    """Every strategy and variant for the first seed, then for the second, and so on."""
    return [
        each
        for seed in range(1, seeds + 1)
        for each in (
            *(replace(template, strategy=name, seed=seed) for name in STRATEGIES),
            *(
                replace(template, strategy="uwe", options=options, method_tag=tag, seed=seed)
                for tag, options in VARIANTS.items()
            ),
        )
    ]


def main() -> None:
    """Run the study from wherever it stands."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results/fashion"))
    parser.add_argument("--data-dir", type=Path, default=None)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    template = uwe.Experiment(
        "fashion_mnist",
        budgets=(100, 200, 400, 800, 1600, 3200),
        model="small",
        recipe="fast",
        epochs=given.epochs,
        pool_size=20_000,
        test_size=2_000,
        image_size=14,
        device="cpu",
        threads=given.threads,
        data_dir=given.data_dir,
        results=given.results,
    )
    wanted = experiments(template, given.seeds)
    start = time.perf_counter()

    def work(display: Display) -> None:
        display.expect(make_plan(prepare(wanted, progress=display)))
        uwe.run(wanted, jobs=given.jobs, progress=display)

    shown(work)
    print(f"{len(wanted)} runs in {time.perf_counter() - start:.0f} s on {platform.machine()}")


if __name__ == "__main__":
    main()
