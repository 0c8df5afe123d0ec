"""``uwe select`` on pools of labels and of numbers: the same picks as from Python, or one line."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import uwe
from uwe.cli import main

N = 40


def rng() -> np.random.Generator:
    return np.random.default_rng(11)


FEATURES = rng().normal(size=(N, 3)).astype(np.float32)
FLAGS = rng().random((N, 5))
STD = rng().random(N)
MEANS = rng().normal(size=(6, N))


def picked(capsys: pytest.CaptureFixture[str], *arguments: Any) -> list[int]:
    assert main(["select", *map(str, arguments)]) == 0, capsys.readouterr().err
    return [int(row["idx"]) for row in csv.DictReader(io.StringIO(capsys.readouterr().out))]


def pool(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "pool.npz", **arrays)
    return folder / "pool.npz"


@pytest.mark.parametrize("strategy", ["uwe", "entropy", "badge", "least_confident"])
@pytest.mark.parametrize("reduce", ["mean", "max", "sum"])
def test_probabilities_of_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], strategy: str, reduce: str
) -> None:
    """Each column is the probability of a label of its own, reduced as the option says."""
    path = pool(tmp_path, features=FEATURES, probs=FLAGS)
    rows = picked(capsys, path, "-k", 6, "--task", "multilabel", "--task-option",
                  f"reduce={reduce}", "--strategy", strategy)  # fmt: skip
    same = uwe.select(FEATURES, 6, probs=FLAGS, task="multilabel", reduce=reduce, strategy=strategy)
    assert rows == same.rows.tolist()


def test_a_pool_says_its_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The metadata of a safetensors file name the task; --task is not needed."""
    path = tmp_path / "pool.safetensors"
    tensors = {"features": torch.from_numpy(FEATURES), "probs": torch.from_numpy(FLAGS)}
    save_file(tensors, path, metadata={"task": "multilabel"})
    same = uwe.select(FEATURES, 4, probs=FLAGS, task="multilabel")
    assert picked(capsys, path, "-k", 4) == same.rows.tolist()


@pytest.mark.parametrize(
    "given", [{"std": STD}, {"variance": STD**2}, {"mc_mean": MEANS}, {"mean": STD, "std": STD}]
)
def test_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str], given: dict[str, Any]) -> None:
    """A pool of numbers is one of regression: uwe weights by the standard deviation."""
    path = pool(tmp_path, features=FEATURES, **given)
    same = uwe.select(FEATURES, 5, **given)
    assert same.measure == "standard_deviation"
    assert picked(capsys, path, "-k", 5) == same.rows.tolist()


def test_members_of_an_ensemble_disagree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """bald ranks numbers by the deviation of the members' means."""
    path = pool(tmp_path, mc_mean=MEANS)
    rows = picked(capsys, path, "-k", 3, "--strategy", "bald")
    assert rows == np.argsort(-MEANS.std(0), kind="stable")[:3].tolist()


@pytest.mark.parametrize(
    ("arrays", "arguments", "message"),
    [
        ({"std": STD}, ["--strategy", "badge"], "badge does not serve regression: it has no grad"),
        ({"std": STD}, ["--strategy", "bvsb"], "bvsb does not serve regression"),
        (
            {"mean": STD},
            ["--strategy", "uwe"],
            "strategy uwe needs variance or std or uncertainty, which",
        ),
        ({"probs": FLAGS}, [], "if each label has its own probability, take task multilabel"),
        ({"probs": FLAGS + 1}, ["--task", "multilabel"], "row 0 is 1."),
        ({"std": STD}, ["--task", "regresion"], "did you mean 'regression'"),
        ({"std": STD}, ["--task-option", "reduce=max"], "task regression does not use 'reduce'"),
        ({"std": -STD}, [], "it must be at least 0"),
    ],
)
def test_what_does_not_fit_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arrays: dict[str, Any],
    arguments: list[str],
    message: str,
) -> None:
    """A strategy or an option that does not serve the task, and impossible numbers, end with 2."""
    path = pool(tmp_path, features=FEATURES, **arrays)
    assert main(["select", str(path), "-k", "2", *arguments]) == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert message in line


@pytest.mark.parametrize("given", [{"std": STD}, {"variance": STD**2}, {"mc_mean": MEANS}])
def test_numbers_without_features_are_ranked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: dict[str, Any]
) -> None:
    """Nothing but an uncertainty is known: the most uncertain rows, from Python and the shell."""
    deviation = MEANS.std(0) if "mc_mean" in given else STD
    expected = np.argsort(-deviation, kind="stable")[:4].tolist()
    assert uwe.select(None, 4, **given).rows.tolist() == expected
    assert picked(capsys, pool(tmp_path, **given), "-k", 4) == expected
