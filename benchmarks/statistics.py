"""How often intervals cover and tests raise false alarms: python -m benchmarks.statistics.

Simulated studies with fixed seeds; the figures of docs/report.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uwe.statistics import (
    area,
    detectable_difference,
    holm,
    mean_interval,
    paired_p,
    penalty_matrix,
    reach,
)

FloatArray = npt.NDArray[np.float64]

BUDGETS = [20, 40, 80, 160, 320]
CURVE = np.array([60.0, 68.0, 75.0, 80.0, 83.0])
TARGET, TRUTH = 77.0, 80 * 2 ** (2 / 5)
SIZES = (3, 5, 10, 20)
LEVEL = 0.9


def equal_strategies(n: int, budgets: int, rng: np.random.Generator) -> FloatArray:
    """Eight strategies without a difference: seeds shared by all, and runs, scatter."""
    shared = rng.normal(0, 2, (1, n, budgets))
    return 70 + shared + rng.normal(0, 1, (8, n, 1)) + rng.normal(0, 1, (8, n, budgets))


def rising_runs(n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Runs about `CURVE` and random's last accuracies, which share their seeds' luck."""
    shared = rng.normal(0, 1, (n, 1))
    runs = CURVE + shared + rng.normal(0, 1, (n, 5))
    return runs, TARGET + shared[:, 0] + rng.normal(0, 1, n)


def alarms(studies: int = 1000) -> tuple[float, float, float]:
    """Shares of studies with a false alarm: pairs uncorrected, by Holm, and the matrix by Holm."""
    rng = np.random.default_rng(1)
    first, second = np.triu_indices(8, k=1)
    plain, corrected, matrix = 0, 0, 0
    for _ in range(studies):
        areas = area(BUDGETS[:4], equal_strategies(5, 4, rng))
        p = paired_p((areas[first] - areas[second]).T)
        plain += bool((p < 0.05).any())
        corrected += bool((holm(p) < 0.05).any())
        matrix += bool(penalty_matrix(equal_strategies(5, 6, rng)).corrected.any())
    return plain / studies, corrected / studies, matrix / studies


def student(n: int, studies: int = 4000) -> float:
    """Coverage of Student's interval of a mean."""
    rng = np.random.default_rng(n)
    found = [mean_interval(rng.normal(5, 2, n), level=LEVEL) for _ in range(studies)]
    return float(np.mean([each.low <= 5 <= each.high for each in found]))


def labels(n: int, studies: int = 2000) -> float:
    """Coverage of the interval of labels to target."""
    rng = np.random.default_rng(n)
    found = [reach(BUDGETS, *rising_runs(n, rng), level=LEVEL) for _ in range(studies)]
    return float(np.mean([each.low <= TRUTH <= each.high for each in found]))


def bootstrap(n: int, studies: int = 1000, resamples: int = 400) -> float:
    """Coverage of the percentile bootstrap of the seeds, in pairs, of the same."""
    rng = np.random.default_rng(n)
    hits = 0
    for _ in range(studies):
        runs, aims = rising_runs(n, rng)
        weights = rng.multinomial(n, np.full(n, 1 / n), size=resamples) / n
        gaps = np.maximum.accumulate(weights @ runs, axis=1) - (weights @ aims)[:, None]
        reached = np.exp([np.interp(0.0, row, np.log(BUDGETS)) for row in gaps])
        low, high = np.quantile(reached, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        hits += bool(low <= TRUTH <= high)
    return hits / studies


def found(n: int, studies: int = 4000) -> float:
    """How often a true difference of the detectable size is found."""
    rng = np.random.default_rng(n)
    difference = detectable_difference(2.0, n)
    return float(np.mean(paired_p(rng.normal(difference, 2.0, (n, studies))) < 0.05))


def main() -> None:
    """Print one line a figure."""
    plain, corrected, matrix = alarms()
    print(f"false alarms, 28 pairs, 5 seeds: alone {plain:.1%}, Holm {corrected:.1%}")
    print(f"false alarms, corrected penalty matrix of 168 tests: {matrix:.1%}")
    print("| n | Student, mean | labels to target | percentile bootstrap | power |")
    print("|---|---|---|---|---|")
    for n in SIZES:
        shares = (student(n), labels(n), bootstrap(n), found(n))
        print(f"| {n} | " + " | ".join(f"{100 * share:.1f} %" for share in shares) + " |")


if __name__ == "__main__":
    main()
