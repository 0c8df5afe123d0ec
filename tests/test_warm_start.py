"""Warm starts: the weights that a training begins with, and runs that begin so."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import uwe
from uwe.learners import shrink_and_perturb
from uwe.models import ModelSpec, build_model


def experiment(results: Path, **changes) -> uwe.Experiment:
    given = {
        "budgets": (10, 16, 24),
        "model": "small",
        "epochs": 2,
        "pool_size": 80,
        "test_size": 40,
        "threads": 1,
        "device": "cpu",
    }
    return uwe.Experiment("digits", results=results, **{**given, **changes})


def test_warm_weights_are_shrunk_and_perturbed() -> None:
    """0.6 w + N(0, 0.01²), the same for the same seed; running statistics stay."""
    first, second, before = (build_model(ModelSpec("small", 10, (8, 8, 1))) for _ in range(3))
    first.body.maps[1].running_mean += 1.0
    for model in (second, before):
        model.load_state_dict(first.state_dict())
    shrink_and_perturb(first, seed=3)
    shrink_and_perturb(second, seed=3)
    old, new = (torch.cat([p.flatten() for p in m.parameters()]) for m in (before, first))
    noise = (new - 0.6 * old).detach()
    assert noise.std().item() == pytest.approx(0.01, rel=0.05)
    assert torch.equal(first.state_dict()["head.linear.weight"], second.head.linear.weight)
    assert (first.body.maps[1].running_mean == 1).all()


def test_a_warm_start_begins_with_the_last_cycle(tmp_path: Path, outcome) -> None:
    """Cycle 0 starts from scratch, later models differ, and a run in parts ends the same."""
    runs = {}
    for start, folder in (("scratch", "cold"), ("warm", "warm")):
        [runs[start]] = uwe.run(experiment(tmp_path / folder, start=start))
    cold, warm = ([row["te_loss"] for row in runs[start].rows] for start in ("scratch", "warm"))
    assert cold[0] == warm[0]
    assert all(a != b for a, b in zip(cold[1:], warm[1:], strict=True))
    uwe.run(experiment(tmp_path / "parts", start="warm", cycles=1))
    uwe.run(experiment(tmp_path / "parts", start="warm"))
    assert outcome(tmp_path / "parts") == outcome(tmp_path / "warm")
