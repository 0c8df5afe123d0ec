"""What every learner has to do, as tests that a package can run on its own learners."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from uwe._types import IntArray
from uwe.learners import Keeps, Learner, Measured, Stochastic, WarmStarts, as_learner
from uwe.predictions import Predictions

__all__ = ["LearnerContract"]

_CLASSES = 3
_PASSES = 3
_TOLERANCE = 1e-3  # of outputs whose batches or order differ, relative to the largest output


class LearnerContract:
    """The tests that a learner has to pass; inherit from it in a test module of pytest.

    Attributes:
        learner: an object with ``fit`` and ``predict``, or a `Learner`. Override `make` where it
            takes more to make one, and `data` where it does not take rows of numbers.

    Example::

        from uwe.testing import LearnerContract

        class TestMine(LearnerContract):
            learner = MyLearner()
    """

    learner: Any

    def make(self) -> Learner:
        """The learner that is tested."""
        return as_learner(self.learner)

    def data(self) -> tuple[Any, IntArray, int]:
        """Rows ``[n, ...]``, their class numbers, and the number of classes."""
        y = np.arange(36) % _CLASSES
        x = np.random.default_rng(0).normal(size=(len(y), 6)) + 2.0 * y[:, None]
        return x.astype(np.float32), y, _CLASSES

    def test_every_row_gets_finite_logits_and_features(self) -> None:
        """Logits have a column for each class; logits and features a row for each row."""
        x, y, classes = self.data()
        predictions = _predicted(self.make(), x[:24], y[:24], x, classes)
        _claim(predictions.logits.shape == (len(y), classes), _shape("logits", predictions.logits))
        features = predictions.field("features")
        _claim(features.ndim == 2 and len(features) == len(y), _shape("features", features))
        row = predictions.first_not_finite()
        _claim(row is None, f"the output for row {row} is NaN or infinite")

    def test_a_class_without_a_row_keeps_its_column(self) -> None:
        """The labels of a first cycle may lack classes."""
        x, y, classes = self.data()
        some = np.flatnonzero(y < classes - 1)
        logits = _predicted(self.make(), x[some], y[some], x, classes).logits
        _claim(logits.shape == (len(y), classes), _shape("logits without the last class", logits))
        _claim(bool(logits.isfinite().all()), "a class without a row gives NaN or infinity")

    def test_labels_of_one_class_are_enough(self) -> None:
        """The labels of a first cycle may all be of one class."""
        x, y, classes = self.data()
        one = np.flatnonzero(y == 1)[:2]
        logits = _predicted(self.make(), x[one], y[one], x, classes).logits
        _claim(logits.shape == (len(y), classes), _shape("logits of one class", logits))

    def test_the_seed_decides(self) -> None:
        """The same rows, labels and seed give the same predictions, regardless of earlier draws."""
        x, y, classes = self.data()
        made = []
        for noise in (1, 2):
            torch.manual_seed(noise)
            np.random.seed(noise)
            made.append(_predicted(self.make(), x[:24], y[:24], x, classes))
        _claim(torch.equal(made[0].logits, made[1].logits), "the same seed gives other logits")
        _claim(
            torch.equal(made[0].field("features"), made[1].field("features")),
            "the same seed: other features",
        )

    def test_nothing_that_it_reads_is_changed(self) -> None:
        """Rows and labels are left as they were."""
        x, y, classes = self.data()
        before = copy.deepcopy(x), y.copy()
        _predicted(self.make(), x[:24], y[:24], x, classes)
        _claim(_same(before[0], x), "training or predicting changes the rows")
        _claim(np.array_equal(before[1], y), "training changes the labels")

    def test_a_row_is_predicted_alone_as_among_others(self) -> None:
        """The order of the rows, and the rows beside it, do not change a row's prediction."""
        x, y, classes = self.data()
        learner = self.make()
        model = learner.fit(x[:24], y[:24], classes=classes, seed=1)
        order = np.random.default_rng(1).permutation(len(y))
        whole, mixed = learner.predict(model, x).logits, learner.predict(model, x[order]).logits
        _claim(_near(whole[torch.from_numpy(order)], mixed), "the order changes the logits")

    def test_it_fits_a_record(self) -> None:
        """The name is text, and the settings are JSON and name the model."""
        learner = self.make()
        _claim(isinstance(learner.name, str) and learner.name != "", "its name is no text")
        settings = dict(learner.settings)
        try:
            same = json.loads(json.dumps(settings)) == settings
        except (TypeError, ValueError) as error:
            raise AssertionError(f"its settings are not JSON: {error}") from error
        _claim(same, f"its settings change when they are written as JSON: {settings}")
        _claim("model" in settings, "its settings lack the key 'model'")

    def test_a_saved_model_predicts_the_same(self, tmp_path: Path) -> None:
        """A learner that keeps its models loads what it saved."""
        learner = self.make()
        if not isinstance(learner, Keeps):
            return
        x, y, classes = self.data()
        model = learner.fit(x[:24], y[:24], classes=classes, seed=1)
        learner.save(model, tmp_path / "model")
        loaded = self.make()
        assert isinstance(loaded, Keeps)
        again = loaded.predict(loaded.load(tmp_path / "model"), x).logits
        _claim(torch.equal(again, learner.predict(model, x).logits), "a loaded model differs")

    def test_stochastic_passes_differ_by_the_seed_alone(self) -> None:
        """A stochastic learner gives the passes it is asked for, the same for the same seed."""
        learner = self.make()
        if not isinstance(learner, Stochastic):
            return
        x, y, classes = self.data()
        model = learner.fit(x[:24], y[:24], classes=classes, seed=1)
        passes = [
            learner.predict_passes(model, x, passes=_PASSES, seed=seed).mc_logits
            for seed in (1, 1, 2)
        ]
        assert passes[0] is not None
        assert passes[1] is not None
        assert passes[2] is not None
        _claim(passes[0].shape == (_PASSES, len(y), classes), _shape("passes", passes[0]))
        _claim(torch.equal(passes[0], passes[1]), "the same seed gives other passes")
        _claim(not torch.equal(passes[0], passes[2]), "another seed gives the same passes")

    def test_a_warm_start_leaves_the_earlier_model_alone(self) -> None:
        """A learner that starts from an earlier model does not change that model."""
        learner = self.make()
        if not isinstance(learner, WarmStarts):
            return
        x, y, classes = self.data()
        model = learner.fit(x[:12], y[:12], classes=classes, seed=1)
        before = learner.predict(model, x).logits
        given: dict[str, Any] = {"classes": classes, "seed": 2, "perturb_seed": 3}
        learner.fit_from(model, x[:24], y[:24], **given)
        _claim(torch.equal(learner.predict(model, x).logits, before), "the earlier model changed")

    def test_the_batch_changes_roundings_alone(self) -> None:
        """A learner whose batch is known predicts the same with a smaller one."""
        learner = self.make()
        if not isinstance(learner, Measured):
            return
        x, y, classes = self.data()
        model = learner.fit(x[:24], y[:24], classes=classes, seed=1)
        whole = learner.predict(model, x).logits
        small = learner.with_batch(5).predict(model, x).logits
        _claim(_near(whole, small), "a smaller batch gives other logits")


def _predicted(learner: Learner, x: Any, y: IntArray, rows: Any, classes: int) -> Predictions:
    return learner.predict(learner.fit(x, y, classes=classes, seed=1), rows)


def _near(one: torch.Tensor, other: torch.Tensor) -> bool:
    scale = max(float(one.abs().max()), 1e-6)
    return float((one - other).abs().max()) <= _TOLERANCE * scale


def _same(one: Any, other: Any) -> bool:
    if hasattr(one, "tocsr"):
        return bool((one != other).nnz == 0)
    return bool(np.array_equal(np.asarray(one), np.asarray(other)))


def _shape(what: str, tensor: torch.Tensor) -> str:
    return f"{what} have shape {tuple(tensor.shape)}"


def _claim(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
