"""The contract of learners: ours keep it, and each claim can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import uwe
from uwe.learners import Learner, make_learner
from uwe.tasks import Task, classification
from uwe.testing import LearnerContract

pytest.importorskip("sklearn")


class Net(nn.Module):
    """A network of one's own, with dropout."""

    def __init__(self, classes: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(shape[0], 8), nn.ReLU(), nn.Dropout(0.3))
        self.head = nn.Linear(8, classes)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.body(x)
        return self.head(features), features


class Nearest:
    """The nearest class mean."""

    name = "nearest"
    settings = {"p": 2}  # noqa: RUF012

    def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> Any:
        means = [x[y == c].mean(0) if (y == c).any() else x.mean(0) + 9 for c in range(classes)]
        return torch.from_numpy(np.array(means))

    def predict(self, model: Any, x: Any) -> Any:
        rows = torch.from_numpy(np.asarray(x))
        return -(rows[:, None] - model).square().sum(2), rows


def rows() -> uwe.Dataset:
    x, y, _ = LearnerContract().data()
    return uwe.Dataset.from_rows("rows", (x, y), (x, y))


class TestNearest(LearnerContract):
    """An object with fit and predict keeps the contract."""

    learner = Nearest()


class TestLogistic(LearnerContract):
    """So does a classifier of scikit-learn."""

    def make(self) -> Learner:
        return make_learner("sklearn:logistic", rows())


class TestForest(LearnerContract):
    """A forest, too."""

    def make(self) -> Learner:
        return make_learner("sklearn:forest", rows(), options={"n_estimators": 10})


class TestVectors(LearnerContract):
    """A classifier without probabilities, calibrated."""

    def make(self) -> Learner:
        return make_learner("sklearn:svm.SVC", rows(), options={"C": 10})


class TestOwnNetwork(LearnerContract):
    """A network of one's own."""

    def make(self) -> Learner:
        return make_learner(Net, rows(), network={"epochs": 2, "precision": "fp32"})


class TestBuiltInNetwork(LearnerContract):
    """A built-in network, on images."""

    def data(self) -> tuple[Any, Any, Task]:
        digits = uwe.load_dataset("digits", pool_size=36, test_size=20)
        return digits.train.x, digits.train.y, classification(10)

    def make(self) -> Learner:
        digits = uwe.load_dataset("digits", pool_size=36, test_size=20)
        return make_learner("small", digits, network={"epochs": 2, "precision": "fp32"})


class Broken(Nearest):
    """Nearest, with one fault."""


class Short(Broken):
    def predict(self, model: Any, x: Any) -> Any:
        logits, features = super().predict(model, x)
        return logits[:, :-1], features


class Loose(Broken):
    def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> Any:
        return super().fit(x, y, classes=classes, seed=seed) + np.random.normal()


class Careless(Broken):
    def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> Any:
        x -= x.mean()
        return super().fit(x, y, classes=classes, seed=seed)


class Neighbourly(Broken):
    def predict(self, model: Any, x: Any) -> Any:
        logits, features = super().predict(model, x)
        return logits + torch.arange(len(logits))[:, None], features


class Undefined(Broken):
    def predict(self, model: Any, x: Any) -> Any:
        logits, features = super().predict(model, x)
        return logits / 0, features


class Unwritable(Broken):
    settings = {"model": "nearest", "p": (1, 2)}  # noqa: RUF012

    def fit(self, x: Any, y: Any, *, task: Task, seed: int, progress: Any = None) -> Any:
        return super().fit(x, y, classes=task.width, seed=seed)

    def predict(self, model: Any, x: Any, *, progress: Any = None) -> Any:
        return uwe.Predictions(*(each.float() for each in super().predict(model, x)))


class Forgetful(Broken):
    def save(self, model: Any, path: Path) -> None:
        path.write_bytes(b"")

    def load(self, path: Path) -> Any:
        return torch.zeros(3, 6)


class Constant(Broken):
    def predict(self, model: Any, x: Any, *, mc_passes: int = 0, seed: int = 0) -> Any:
        logits, features = super().predict(model, x)
        passes = logits.expand(mc_passes, *logits.shape).float() if mc_passes else None
        return uwe.Predictions(logits.float(), features.float(), passes)


@pytest.mark.parametrize(
    ("learner", "claim", "words"),
    [
        (Short(), "test_every_row_gets_finite_outputs_and_features", "logits of shape"),
        (Short(), "test_a_class_without_a_row_keeps_its_column", "logits of shape"),
        (Short(), "test_equal_labels_are_enough", "logits of shape"),
        (Undefined(), "test_every_row_gets_finite_outputs_and_features", "NaN or infinite"),
        (Loose(), "test_the_seed_decides", "the same seed gives other logits"),
        (Careless(), "test_nothing_that_it_reads_is_changed", "changes the rows"),
        (Neighbourly(), "test_a_row_is_predicted_alone_as_among_others", "the order changes"),
        (Unwritable(), "test_it_fits_a_record", "change when they are written as JSON"),
        (Forgetful(), "test_a_saved_model_predicts_the_same", "a loaded model differs"),
        (Constant(), "test_stochastic_passes_differ_by_the_seed_alone", "another seed gives the"),
    ],
)
def test_each_claim_can_fail(learner: Any, claim: str, words: str, tmp_path: Path) -> None:
    """A learner with one fault fails the test of that claim, and the text says which."""
    suite = LearnerContract()
    suite.learner = learner
    arguments = (tmp_path,) if "saved" in claim else ()
    with pytest.raises(AssertionError, match=words):
        getattr(suite, claim)(*arguments)
