"""Any object with fit and predict as a learner, and the abilities that it may have."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from uwe._types import Stage
from uwe.data import ImageRows
from uwe.errors import InputError
from uwe.learners import (
    Keeps,
    Measured,
    SklearnLearner,
    Stochastic,
    WarmStarts,
    as_learner,
    require_passes,
)
from uwe.predictions import Predictions
from uwe.tasks import classification

TWO = classification(2)


class Mean:
    """The nearest class mean of rows of numbers."""

    def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> Any:
        assert isinstance(x, np.ndarray)
        return np.stack([x[y == c].mean(0) for c in range(classes)])

    def predict(self, model: Any, x: Any) -> Any:
        return -((x[:, None] - model[None]) ** 2).sum(2), x


class Able(Mean):
    """Has a name, settings, progress, stochastic passes, and keeps its models."""

    name = "able"
    settings = {"p": 2, "layers": [1, 2]}  # noqa: RUF012

    def fit(self, x: Any, y: Any, *, classes: int, seed: int, progress: Any = None) -> Any:
        progress(Stage("", 0, "train", 1, 1))
        return super().fit(x, y, classes=classes, seed=seed)

    def predict(self, model: Any, x: Any, mc_passes: int = 0, seed: int = 0) -> Any:
        logits, features = (torch.from_numpy(part).double() for part in super().predict(model, x))
        rng = torch.Generator().manual_seed(seed)
        noise = torch.randn(mc_passes, *logits.shape, generator=rng)
        return Predictions(logits, features, logits + noise if mc_passes else None)

    def save(self, model: Any, path: Path) -> None:
        path.write_text(json.dumps(model.tolist()))

    def load(self, path: Path) -> Any:
        return np.array(json.loads(path.read_text()))


X, Y = np.array([[0.0, 1], [1, 0], [8, 9], [9, 8]]), np.array([0, 0, 1, 1])


def test_fit_and_predict_are_enough() -> None:
    """The pair becomes predictions, float64 as given; name and settings are those of the type."""
    learner = as_learner(Mean())
    model = learner.fit(X, Y, task=TWO, seed=1)
    said = learner.predict(model, X)
    assert said.predicted().tolist() == [0, 0, 1, 1]
    assert (said.logits.dtype, said.features.dtype) == (torch.float64, torch.float64)
    assert (learner.name, learner.settings) == ("Mean", {"model": "Mean"})
    for ability in (Keeps, Stochastic, WarmStarts, Measured):
        assert not isinstance(learner, ability)


def test_images_are_read_into_memory() -> None:
    """An object that knows nothing of lazy rows is given an array."""
    learner = as_learner(Mean())
    x = np.arange(4 * 6, dtype=np.uint8).reshape(4, 6, 1, 1)
    model = learner.fit(ImageRows(x, np.array([3, 0])), np.array([0, 1]), task=TWO, seed=1)
    assert np.array_equal(model.own[0], x[3])


def test_abilities_are_found(tmp_path: Path) -> None:
    """Passes, saving and progress are used because the object has them."""
    learner = as_learner(Able())
    assert learner.settings == {"model": "able", "learner's p": 2, "learner's layers": [1, 2]}
    assert isinstance(learner, Keeps)
    assert isinstance(learner, Stochastic)
    told: list[Stage] = []
    model = learner.fit(X, Y, task=TWO, seed=1, progress=told.append)
    assert [stage.name for stage in told] == ["train"]
    first, again, other = (
        learner.predict_passes(model, X, passes=3, seed=seed).mc_logits for seed in (1, 1, 2)
    )
    assert first is not None
    assert (first.shape, first.dtype) == ((3, 4, 2), torch.float64)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    learner.save(model, tmp_path / "m.json")
    assert np.array_equal(learner.load(tmp_path / "m.json").own, model.own)
    assert pickle.loads(pickle.dumps(learner)).settings == learner.settings


def test_a_learner_passes_through() -> None:
    """What is a Learner already is returned as it is, and adapting twice changes nothing."""
    learner = as_learner(Able())
    assert as_learner(learner) is learner


def test_a_classifier_of_scikit_learn_is_adapted() -> None:
    """An estimator needs no wrapper of the user's own."""
    from sklearn.naive_bayes import GaussianNB

    learner = as_learner(GaussianNB())
    assert isinstance(learner, SklearnLearner)
    assert as_learner(learner) is learner


def changed(**methods: Any) -> Any:
    return type("Changed", (Mean,), methods)()


@pytest.mark.parametrize(
    ("learner", "words"),
    [
        (object(), "object has no method fit"),
        (type("Half", (), {"fit": Mean.fit})(), "Half has no method predict"),
        (changed(predict=lambda *_: (np.zeros((3, 2)), np.zeros((3, 2)))),
         r"predict\(\) of Changed returned 3 rows for 4 items"),
        (changed(predict=lambda *_: (np.zeros((4, 2)), np.zeros((3, 2)))),
         "logits of 4 rows, but features of 3"),
        (changed(predict=lambda *_: {}), "Changed returned a dict; it returns Predictions"),
    ],
)  # fmt: skip
def test_what_is_no_learner_is_one_line(learner: Any, words: str) -> None:
    """The method, or both numbers, are named."""

    def predicted() -> Predictions:
        adapted = as_learner(learner)
        return adapted.predict(adapted.fit(X, Y, task=TWO, seed=1), X)

    with pytest.raises(InputError, match=words):
        predicted()


def test_passes_that_do_not_come_are_refused() -> None:
    """Before the work, if predict takes no mc_passes; after it, if the number is wrong."""
    with pytest.raises(InputError, match="needs 4 stochastic passes, which Mean does not have"):
        require_passes(as_learner(Mean()), 4)
    require_passes(as_learner(Mean()), 0)
    forgets = as_learner(changed(predict=lambda self, model, x, mc_passes=0: (x, x)))
    require_passes(forgets, 4)
    assert isinstance(forgets, Stochastic)
    with pytest.raises(InputError, match="returned 0 stochastic passes instead of 4"):
        forgets.predict_passes(forgets.fit(X, Y, task=TWO, seed=1), X, passes=4, seed=1)
