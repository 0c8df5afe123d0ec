"""The rows that strategies and kernels gave in an earlier version, on arrays of whole numbers.

A strategy is part of what a published curve says, and a run that was begun with an earlier version
is continued with this one. So these rows may change by decision only, never as a side effect.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from uwe.points import Product
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.selection import k_center, k_means_pp, top_k, uniform
from uwe.strategies import Question, find_strategy

GOLDEN = json.loads((Path(__file__).parent / "golden_picks.json").read_text())

NAMES = ("uwe", "random", "entropy", "bvsb", "least_confident", "coreset", "badge", "bald")
MEASURES = ("entropy", "bvsb", "least_confident")
SELECTIONS = ("k_center", "k_center_anchored", "k_means_pp")
STRATEGIES: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in NAMES},
    **{
        f"uwe {measure} {selection}": ("uwe", {"uncertainty": measure, "selection": selection})
        for measure in MEASURES
        for selection in SELECTIONS
    },
}
SEEDS = (1, 2, 2**31 + 7)
LABELLED = (0, 1, 12, 60)
N, K = 72, 9


def predictions() -> Predictions:
    """Logits on a grid of 1/64 and features of small whole numbers: exact on every machine."""
    rng = np.random.default_rng(20)
    passes = rng.integers(-200, 200, (6, N, 5)) / 64
    features = rng.integers(-40, 40, (N, 7))
    as_floats = torch.from_numpy(passes).float()
    return Predictions(as_floats[0], torch.from_numpy(features).float(), as_floats[1:])


def pool(labelled: int) -> Pool:
    rows = np.random.default_rng(21).permutation(N)[:labelled]
    return Pool.untouched(N).ask(rows, cycle=0).answer(rows, rows % 5)


def strategy_cases() -> Iterator[tuple[str, str, int, int]]:
    for variant in STRATEGIES:
        for labelled in LABELLED:
            for seed in SEEDS:
                yield f"{variant}, {labelled} labelled, seed {seed}", variant, labelled, seed


def kernel_picks() -> dict[str, list[int]]:
    """The kernels on a small and a larger grid, with anchors and without."""
    rng = np.random.default_rng(22)
    found = {}
    for n, d, k in ((50, 3, 12), (4000, 24, 60)):
        x = torch.from_numpy(rng.integers(-30, 30, (n, d))).float()
        pair = Product(torch.from_numpy(rng.integers(-4, 5, (n, 4))).float(), x)
        for name, points in (("dense", x), ("product", pair)):
            for anchors in (0, 7):
                known = None
                if anchors:
                    known = x[:anchors] if name == "dense" else Product(pair.a[:7], pair.b[:7])
                where = f"{n} {name} rows, {anchors} anchors"
                found[f"k_center, {where}"] = k_center(points, k, anchors=known).tolist()
                for seed in SEEDS:
                    drawn = k_means_pp(points, k, seed=seed, anchors=known)
                    found[f"k_means_pp, {where}, seed {seed}"] = drawn.tolist()
    scores = torch.from_numpy(rng.integers(0, 9, 40)).double()
    found["top_k"] = top_k(scores, 12).tolist()
    for seed in SEEDS:
        found[f"uniform, seed {seed}"] = uniform(40, 12, seed=seed).tolist()
    return found


@pytest.mark.parametrize("variant", STRATEGIES)
def test_strategies_give_the_rows_that_they_always_gave(variant: str) -> None:
    """Every strategy, with every option that is a choice, over seeds and labelled sets."""
    name, options = STRATEGIES[variant]
    cases = [case for case in strategy_cases() if case[1] == variant]
    assert len(cases) == len(LABELLED) * len(SEEDS)
    for key, _, labelled, seed in cases:
        question = Question(predictions(), pool(labelled), seed)
        picks = find_strategy(name, **options).query(question, K)
        assert picks.rows.tolist() == GOLDEN["strategies"][key], key


def test_kernels_give_the_rows_that_they_always_gave() -> None:
    """The kernels alone, in single steps and in blocks, by exact distances and by draws."""
    assert kernel_picks() == GOLDEN["kernels"]
