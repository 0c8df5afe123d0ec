"""Runs on masks and boxes with a learner of one's own: tables, queries, and what it returns."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import uwe
from uwe.data import Dataset
from uwe.errors import InputError
from uwe.learners.returned import as_predictions
from uwe.predictions import Predictions
from uwe.tasks import Boxes, Task, detection, segmentation

pytest.importorskip("pycocotools")

N, SIDE = 20, 6


def objects(values: list[Any]) -> np.ndarray:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def scene() -> np.ndarray:
    """Images whose bright part is the object."""
    rng = np.random.default_rng(4)
    x = rng.integers(0, 60, (N, SIDE, SIDE, 1), dtype=np.uint8)
    for row in range(N):
        x[row, : 1 + row % 5, : 2 + row % 3] += 180
    return x


def of_masks() -> Dataset:
    x = scene()
    y = (x[..., 0] > 120).astype(np.uint8)
    return Dataset.from_arrays("scene", (x, y), (x, y), task=segmentation(["ground", "thing"]))


def of_boxes() -> Dataset:
    corners = [[0.0, 0.0, 2 + row % 3, 1 + row % 5] for row in range(N)]
    y = objects([Boxes(np.array([each]), np.array([0])) for each in corners])
    x = scene()
    return Dataset.from_arrays("scene", (x, y), (x, y), task=detection(["thing"]))


class Threshold:
    """Learns how bright an object is; knows its places and how unsure it is of each image."""

    name = "threshold"
    settings: ClassVar[dict[str, str]] = {"model": "threshold"}

    def fit(self, x, y, *, task: Task, seed: int) -> float:
        if task.name == "segmentation":
            pixels = np.stack(task.targets.read(y))
            return float(np.asarray(x[:])[..., 0][pixels == 1].mean() / 2)
        return 120.0

    def predict(self, model: float, x) -> Predictions:
        images = np.asarray(x[:])[..., 0]
        found = torch.from_numpy((images > model).astype(np.int64))
        doubt = torch.linspace(0, 1, len(found))
        features = torch.from_numpy(images.reshape(len(images), -1).astype(np.float32))
        outputs = {"entropy": doubt, "weighted_entropy": doubt[:, None] * features}
        return Predictions(outputs={**self.places(found), **outputs}, features=features)

    def places(self, found: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"predicted": found}


class BoxThreshold(Threshold):
    """The extent of what is bright."""

    name = "box threshold"
    settings: ClassVar[dict[str, str]] = {"model": "box threshold"}

    def places(self, found: torch.Tensor) -> dict[str, torch.Tensor]:
        rows = torch.zeros(len(found), 2, 6)
        for row, image in zip(rows, found, strict=True):
            down, right = torch.nonzero(image, as_tuple=True)
            row[0] = torch.tensor([0, 0, float(right.max()) + 1, float(down.max()) + 1, 0.9, 0])
        return {"detections": rows}


@pytest.mark.parametrize(
    ("dataset", "learner", "metric"),
    [(of_masks, Threshold, "miou"), (of_boxes, BoxThreshold, "map50")],
)
def test_a_run_fills_its_tables(dataset, learner, metric, tmp_path: Path) -> None:
    """Metrics are measured, losses are empty cells, and queries name masks or classes."""
    result = uwe.loop(learner(), dataset(), "entropy", [4, 8, 12], results=tmp_path, seed=3)
    [table] = [path for path in tmp_path.rglob("*.csv") if _columns(path)[0] == "n_labeled"
               and "entropy" in path.name]  # fmt: skip
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["n_labeled"] for row in rows] == ["4", "8", "12"]
    assert all(float(row[f"te_{metric}"]) > 0.99 for row in rows)
    assert all(float(row[f"q_{metric}"]) > 0.99 for row in rows)
    assert {row[name] for row in rows for name in ("te_loss", "tr_loss", "unlb_loss")} == {""}
    assert result.values[-1] > 0.99
    first = _last_query(tmp_path)[0]
    assert first["label"] == ("0" if metric == "map50" else first["idx"])


def _last_query(folder: Path) -> list[dict[str, str]]:
    """The rows of a query that a model decided."""
    for path in sorted(folder.rglob("*.csv"), reverse=True):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        if rows and rows[0].get("uncertainty"):
            return rows
    raise AssertionError("no model decided a query")


def _columns(path: Path) -> list[str]:
    with path.open(newline="") as file:
        return next(csv.reader(file), [""])


def test_a_run_takes_the_most_uncertain_images(tmp_path: Path) -> None:
    """The measure of the task is read from the output of its name."""
    uwe.loop(Threshold(), of_masks(), "entropy", [4, 8], results=tmp_path, seed=3)
    picked = [int(row["idx"]) for row in _last_query(tmp_path)]
    assert picked == sorted(picked, reverse=True)


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        (
            {"predicted": torch.zeros(2, 3)},
            r"of shape \[2, 3\]; its axes are \[n, h, w\]",
        ),
        ({"predicted": torch.full((2, 3, 3), 0.5)}, "no class numbers"),
        ({"predicted": torch.full((2, 3, 3), 300)}, "whole numbers from 0 to 255"),
        ({"predicted": torch.zeros(3, 3, 3)}, "returned 3 rows for 2 items"),
        ({"entropy": torch.zeros(2)}, "returned no predicted, which the task needs"),
    ],
)
def test_outputs_of_another_form_are_refused(outputs: Any, words: str) -> None:
    """Both shapes, or the numbers, are named."""
    with pytest.raises(InputError, match=words):
        as_predictions(Predictions(outputs=outputs), 2, name="mine", task=segmentation(2))


def test_detections_have_six_columns() -> None:
    """Corners, score and class."""
    said = Predictions(outputs={"detections": torch.zeros(2, 4, 5)})
    with pytest.raises(InputError, match=r"\[2, 4, 5\]; its axes are \[n, k, 6\]"):
        as_predictions(said, 2, name="mine", task=detection(2))


def test_class_numbers_are_kept_in_8_bits() -> None:
    """Whole numbers of any width become uint8, and rounding to float32 leaves them alone."""
    said = as_predictions(
        Predictions(outputs={"predicted": torch.ones(2, 3, 3, dtype=torch.int64)}),
        2, name="mine", task=segmentation(2),
    )  # fmt: skip
    assert said.rounded().field("predicted").dtype == torch.uint8
