"""What every learner has to do, as tests that a package can run on its own learners."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from uwe.errors import InputError
from uwe.learners import Keeps, Learner, Measured, Stochastic, WarmStarts, as_learner
from uwe.learners.protocol import Targets
from uwe.predictions import Predictions
from uwe.tasks import Classes, Flags, Task, classification

__all__ = ["LearnerContract"]

_CLASSES = 3
_ROWS = 36
_PASSES = 3
_TOLERANCE = 1e-3  # of outputs whose batches or order differ, relative to the largest output


class LearnerContract:
    """The tests that a learner has to pass; inherit from it in a test module of pytest.

    Attributes:
        learner: an object with ``fit`` and ``predict``, or a `Learner`. Override `make` where it
            takes more to make one, and `data` where it does not take rows of numbers.
        task: what is learnt; by default three classes.

    Example::

        from uwe.tasks import regression
        from uwe.testing import LearnerContract

        class TestMine(LearnerContract):
            learner = MyLearner()
            task = regression()
    """

    learner: Any
    task: Task = classification(_CLASSES)

    def make(self) -> Learner:
        """The learner that is tested."""
        return as_learner(self.learner, task=self.task)

    def data(self) -> tuple[Any, Targets, Task]:
        """Rows ``[n, ...]``, their labels, and the task."""
        group = np.arange(_ROWS) % _CLASSES
        x = np.random.default_rng(0).normal(size=(_ROWS, 6)) + 2.0 * group[:, None]
        return x.astype(np.float32), _labels(x, group, self.task), self.task

    def test_every_row_gets_finite_outputs_and_features(self) -> None:
        """Outputs have the task's axes, a row for each row; so have features, if there are any."""
        x, y, task = self.data()
        predictions = _predicted(self.make(), x[:24], y[:24], x, task)
        _require_shapes(predictions, task, len(y), "")
        if predictions.features is not None:
            features = predictions.features
            _claim(features.ndim == 2 and len(features) == len(y), _shape("features", features))
        row = predictions.first_not_finite()
        _claim(row is None, f"the output for row {row} is NaN or infinite")

    def test_a_class_without_a_row_keeps_its_column(self) -> None:
        """The labels of a first cycle may lack classes."""
        x, y, task = self.data()
        if not task.classes:
            return
        last = y == task.width - 1 if y.ndim == 1 else y[:, -1] > 0
        some = np.flatnonzero(~last)
        predictions = _predicted(self.make(), x[some], y[some], x, task)
        _require_shapes(predictions, task, len(y), " without the last class")
        finite = predictions.first_not_finite(task.outputs) is None
        _claim(finite, "a class without a row gives NaN or infinity")

    def test_equal_labels_are_enough(self) -> None:
        """The labels of a first cycle may all be equal."""
        x, y, task = self.data()
        one = np.flatnonzero((y == y[1]).reshape(len(y), -1).all(1))[:2]
        predictions = _predicted(self.make(), x[one], y[one], x, task)
        _require_shapes(predictions, task, len(y), " of equal labels")
        finite = predictions.first_not_finite(task.outputs) is None
        _claim(finite, "equal labels give NaN or infinity")

    def test_the_seed_decides(self) -> None:
        """The same rows, labels and seed give the same predictions, regardless of earlier draws."""
        x, y, task = self.data()
        made = []
        for noise in (1, 2):
            torch.manual_seed(noise)
            np.random.seed(noise)
            made.append(_predicted(self.make(), x[:24], y[:24], x, task))
        for name in sorted(made[0].fields):
            same = torch.equal(made[0].field(name), made[1].field(name))
            _claim(same, f"the same seed gives other {name}")

    def test_nothing_that_it_reads_is_changed(self) -> None:
        """Rows and labels are left as they were."""
        x, y, task = self.data()
        before = copy.deepcopy(x), y.copy()
        _predicted(self.make(), x[:24], y[:24], x, task)
        _claim(_same(before[0], x), "training or predicting changes the rows")
        _claim(np.array_equal(before[1], y), "training changes the labels")

    def test_a_row_is_predicted_alone_as_among_others(self) -> None:
        """The order of the rows, and the rows beside it, do not change a row's prediction."""
        x, y, task = self.data()
        learner = self.make()
        model = learner.fit(x[:24], y[:24], task=task, seed=1)
        order = np.random.default_rng(1).permutation(len(y))
        whole, mixed = learner.predict(model, x), learner.predict(model, x[order])
        for name in whole.outputs:
            same = _near(whole.field(name)[torch.from_numpy(order)], mixed.field(name))
            _claim(same, f"the order changes the {name}")

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
        x, y, task = self.data()
        model = learner.fit(x[:24], y[:24], task=task, seed=1)
        learner.save(model, tmp_path / "model")
        loaded = self.make()
        assert isinstance(loaded, Keeps)
        again = loaded.predict(loaded.load(tmp_path / "model"), x)
        _claim(_equal(again, learner.predict(model, x)), "a loaded model differs")

    def test_stochastic_passes_differ_by_the_seed_alone(self) -> None:
        """A stochastic learner gives the passes it is asked for, the same for the same seed."""
        learner = self.make()
        if not isinstance(learner, Stochastic):
            return
        x, y, task = self.data()
        model = learner.fit(x[:24], y[:24], task=task, seed=1)
        output = next(iter(task.outputs))
        passes = [
            learner.predict_passes(model, x, passes=_PASSES, seed=seed).passes[output]
            for seed in (1, 1, 2)
        ]
        one = passes[0][0]
        fits = len(passes[0]) == _PASSES and _fits(one, task.outputs[output], task, len(y))
        _claim(fits, _shape("passes", passes[0]))
        _claim(torch.equal(passes[0], passes[1]), "the same seed gives other passes")
        _claim(not torch.equal(passes[0], passes[2]), "another seed gives the same passes")

    def test_a_warm_start_leaves_the_earlier_model_alone(self) -> None:
        """A learner that starts from an earlier model does not change that model."""
        learner = self.make()
        if not isinstance(learner, WarmStarts):
            return
        x, y, task = self.data()
        model = learner.fit(x[:12], y[:12], task=task, seed=1)
        before = learner.predict(model, x)
        given: dict[str, Any] = {"task": task, "seed": 2, "perturb_seed": 3}
        learner.fit_from(model, x[:24], y[:24], **given)
        _claim(_equal(learner.predict(model, x), before), "the earlier model changed")

    def test_the_batch_changes_roundings_alone(self) -> None:
        """A learner whose batch is known predicts the same with a smaller one."""
        learner = self.make()
        if not isinstance(learner, Measured):
            return
        x, y, task = self.data()
        model = learner.fit(x[:24], y[:24], task=task, seed=1)
        whole, small = learner.predict(model, x), learner.with_batch(5).predict(model, x)
        for name in whole.outputs:
            same = _near(whole.field(name), small.field(name))
            _claim(same, f"a smaller batch gives other {name}")


def _labels(x: Targets, group: Targets, task: Task) -> Targets:
    """Labels that can be learnt from the rows, as the task stores them."""
    if isinstance(task.targets, Classes):
        return group % task.width
    if isinstance(task.targets, Flags):
        flags = x[:, np.arange(task.width) % x.shape[1]] > 2 * (group[:, None] % 2)
        return flags.astype(np.int8)
    return np.round(3.0 * group + x[:, 0], 1)


def _require_shapes(predictions: Predictions, task: Task, n: int, when: str) -> None:
    first = next(iter(task.outputs))
    _claim(first in predictions.outputs, f"there are no {first}{when}")
    for name, axes in task.outputs.items():
        if name in predictions.outputs:
            tensor = predictions.outputs[name]
            _claim(_fits(tensor, axes, task, n), _shape(f"{name}{when}", tensor))


def _fits(tensor: torch.Tensor, axes: str, task: Task, n: int) -> bool:
    """Whether a tensor has the axes; those other than n and c may have any size."""
    sizes, named = {"n": n, "c": task.width}, axes.split()
    pairs = zip(tensor.shape, named, strict=False)
    return tensor.ndim == len(named) and all(size == sizes.get(axis, size) for size, axis in pairs)


def _equal(one: Predictions, other: Predictions) -> bool:
    return all(torch.equal(one.outputs[name], other.outputs[name]) for name in one.outputs)


def _predicted(learner: Learner, x: Any, y: Targets, rows: Any, task: Task) -> Predictions:
    model = learner.fit(x, y, task=task, seed=1)
    try:
        return learner.predict(model, rows)
    except InputError as error:
        raise AssertionError(str(error)) from error


def _near(one: torch.Tensor, other: torch.Tensor) -> bool:
    one, other = one.double(), other.double()
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
