"""What every task has to do, as tests that a package can run on its own tasks."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np
import torch

from uwe.errors import InputError
from uwe.predictions import Predictions
from uwe.tasks import Boxes, Mask, Metric, Task, as_task
from uwe.tasks.place_outputs import OBJECT_OUTPUTS, PLACE_OUTPUTS
from uwe.testing.claims import claim, claim_refusal

__all__ = ["TaskContract", "check_task"]

_CLASSES = ("ant", "bee", "crow", "dove")
_N = 12
_SIDE = 4  # of a mask
_SURE = 9.0  # the logit of a perfect prediction
_STEPS = 60
_NEAR = 1e-9


class TaskContract:
    """The tests that a task has to pass; inherit from it in a test module of pytest.

    Attributes:
        task: the value, or the name under which it is registered.
        classes: names of the classes of a task that is given by name.

    Override `labels` for a task whose widget is none of ``choice``, ``choices``, ``number``,
    ``mask`` and ``boxes``, and `perfect` for one whose first output is none of ``logits``,
    ``binary_logits``, ``mean``, ``predicted`` and ``detections``.

    Example::

        from uwe.testing import TaskContract

        class TestMine(TaskContract):
            task = "mine"
    """

    task: str | Task
    classes: Sequence[str] = _CLASSES

    def make(self) -> Task:
        """The task that is tested."""
        if not isinstance(self.task, str):
            return self.task
        try:
            return as_task(self.task, self.classes)
        except InputError:  # a task without classes
            return as_task(self.task, ())

    def labels(self, task: Task) -> list[Any]:
        """Twelve labels as people write them, not all equal."""
        return _LABELS[task.widget](task)

    def targets(self, task: Task) -> Any:
        """The same labels in the form of the task.

        Masks keep their pixels, of which a value of JSON has the digest only.
        """
        labels = self.labels(task)
        if task.widget in _CHECKED:
            return task.targets.checked(labels)
        return task.targets.array([task.targets.encode(each) for each in labels])

    def perfect(self, task: Task, targets: Any) -> Predictions:
        """Predictions of a model that knows the targets."""
        return _PERFECT[next(iter(task.outputs))](task, targets)

    def test_a_label_survives_encoding(self) -> None:
        """Decoding and encoding again gives the same value, which is JSON."""
        task = self.make()
        for label in self.labels(task):
            value = task.targets.encode(label)
            claim(json.loads(json.dumps(value)) == value, f"{value!r} of {label!r} is not JSON")
            again = task.targets.encode(task.targets.decode(value))
            claim(again == value, f"{label!r} is encoded as {value!r}, and again as {again!r}")

    def test_values_survive_the_array(self) -> None:
        """Values become an array and values again; None is missing, and the check agrees."""
        kind = self.make().targets
        values = [None, *map(kind.encode, self.labels(self.make())), None]
        array = kind.array(values)
        claim(kind.values(array) == values, f"{values} become {kind.values(array)}")
        known = [value is not None for value in values]
        claim(kind.known(array).tolist() == known, "known rows are not those with a label")
        checked = kind.checked(array)
        same = checked.dtype == array.dtype and np.array_equal(
            checked, array, equal_nan=array.dtype.kind == "f"
        )
        claim(same, "checked() changes an array that array() made")

    def test_no_label_is_missing(self) -> None:
        """None, NaN and an empty cell have no value."""
        kind = self.make().targets
        for nothing in (None, float("nan"), "", "  "):
            found = kind.encode(nothing)
            claim(found is None, f"{nothing!r} is encoded as {found!r}, not as missing")

    def test_what_is_no_label_is_refused(self) -> None:
        """An object of a foreign type is an InputError."""
        kind = self.make().targets
        claim_refusal(lambda: kind.encode(object()), "an object is encoded as a label")
        claim_refusal(lambda: kind.checked([object()]), "an object passes the check of targets")

    def test_answers_that_agree_are_settled(self) -> None:
        """One person's answer, or several equal ones, are the answer."""
        task = self.make()
        for value in map(task.targets.encode, self.labels(task)):
            for times in (1, 3):
                settled = task.targets.settle([value] * times)
                claim(settled == value, f"{times} answers {value!r} are settled as {settled!r}")

    def test_the_best_target_is_predicted(self) -> None:
        """A model that knows the targets predicts them."""
        task, targets, perfect, _ = self._judged()
        claim(np.array_equal(task.predicted(perfect), targets), "predicted() is not the target")

    def test_metrics_have_bounds_and_a_direction(self) -> None:
        """Perfect predictions are at least as good as wrong ones; of the headline, better."""
        task, targets, perfect, wrong = self._judged()
        for metric in task.metrics:
            best, worst = _value(metric, perfect, targets), _value(metric, wrong, targets)
            least, most = metric.bounds
            claim(least <= min(best, worst) and max(best, worst) <= most, _outside(metric))
            gain = metric.sign * (best - worst)
            claim(gain >= 0, f"{metric.name} is {best:g} for perfect and {worst:g} for wrong ones")
            tells = gain > 0 or metric != task.headline
            claim(tells, f"{metric.name} does not tell good from bad")
        none = np.zeros(0, dtype=np.int64)
        for metric in task.metrics:
            found = metric.of(perfect.take(none), targets[none])
            claim(found is None, f"{metric.name} of no rows is {found}, not None")

    def test_the_mean_loss_is_lower_for_better_predictions(self) -> None:
        """It is a finite number, None without rows, or None because the outputs do not say it."""
        task, targets, perfect, wrong = self._judged()
        best, worst = task.mean_loss(perfect, targets), task.mean_loss(wrong, targets)
        if best is None and worst is None:
            return
        claim(best is not None and worst is not None, "the mean loss of some rows is None")
        claim(float(best or 0) < float(worst or 0), f"the loss is {best} right and {worst} wrong")
        none = np.zeros(0, dtype=np.int64)
        claim(task.mean_loss(perfect.take(none), targets[none]) is None, "a loss of no rows")

    def test_a_measure_judges_each_row_alone(self) -> None:
        """A measure gives finite float64 ``[n]``; the order and the other rows change nothing."""
        task, _, perfect, wrong = self._judged()
        for name, measure in task.measures.items():
            for predictions in (perfect, wrong):
                scores = torch.as_tensor(measure(predictions))
                fits = scores.shape == (len(predictions),) and scores.dtype == torch.float64
                claim(fits, f"{name} gives {scores.dtype} of shape {tuple(scores.shape)}")
                claim(bool(scores.isfinite().all()), f"{name} is NaN or infinite")
                rows = np.array([5, 2, 9])
                alone = torch.as_tensor(measure(predictions.take(rows)))
                same = torch.allclose(alone, scores[rows], rtol=_NEAR, atol=_NEAR)
                claim(same, f"{name} of a row depends on the other rows")

    def test_the_training_loss_falls_towards_the_targets(self) -> None:
        """Steps along its gradient lower it, and the outputs have the width of the task."""
        task, targets, _, _ = self._judged()
        if task.loss is None:
            return
        raw = torch.zeros(len(targets), task.width, requires_grad=True)
        goal = torch.from_numpy(targets)
        losses = []
        for _ in range(_STEPS):
            loss = task.loss(raw, goal)
            (slope,) = torch.autograd.grad(loss, raw)
            losses.append(float(loss.detach()))
            raw = (raw - slope).detach().requires_grad_()
        claim(all(map(math.isfinite, losses)), "the training loss is NaN or infinite")
        claim(losses[-1] < losses[0], f"the training loss goes from {losses[0]} to {losses[-1]}")

    def test_it_travels_to_other_processes(self) -> None:
        """It can be pickled, as the processes of ``--jobs`` need."""
        try:
            ForkingPickler.dumps(self.make())
        except Exception as error:  # pickling raises errors of many kinds
            raise AssertionError(f"contract broken: it cannot be pickled: {error}") from error

    def test_it_fits_a_record(self) -> None:
        """Name, options and metrics are JSON."""
        record = self.make().record
        try:
            same = json.loads(json.dumps(record)) == record
        except (TypeError, ValueError) as error:
            raise AssertionError(f"contract broken: its record is not JSON: {error}") from error
        claim(same, f"the record changes when written as JSON: {record}")

    def _judged(self) -> tuple[Task, Any, Predictions, Predictions]:
        """The task, targets, perfect predictions, and those of targets that are not these."""
        task = self.make()
        targets = self.targets(task)
        return task, targets, self.perfect(task, targets), self.perfect(task, targets[::-1].copy())


def check_task(task: str | Task, classes: Sequence[str] = _CLASSES) -> None:
    """Run all tests of `TaskContract` on a task, without pytest.

    Args:
        task: the name under which it is registered, or a value.
        classes: of a task that is given by name.

    Raises:
        AssertionError: a test fails; the text says which claim.

    >>> check_task("multilabel")
    """
    contract = TaskContract()
    contract.task, contract.classes = task, classes
    for name in [name for name in vars(TaskContract) if name.startswith("test_")]:
        getattr(contract, name)()


def _names(task: Task) -> list[Any]:
    last = len(task.classes) - 1
    return [task.classes[min(row // 3, last)] for row in range(_N)]


def _lists(task: Task) -> list[Any]:
    c = len(task.classes)
    return [[task.classes[at] for at in range(c) if (row >> at) & 1] for row in range(_N)]


def _numbers(task: Task) -> list[Any]:
    del task
    return [0.25 * row * row - 2.0 for row in range(_N)]


def _masks(task: Task) -> list[Any]:
    c, side = len(task.classes), np.arange(_SIDE)
    pixels = [(side[:, None] * row + side + row) % c for row in range(1, _N + 1)]
    return [Mask.of(each.astype(np.uint8)) for each in pixels]


def _boxes(task: Task) -> list[Any]:
    c, corner = len(task.classes), [1.0, 1.0, 4.0, 3.0]
    corners = [[corner, [row + 5.0, 2, row + 8.0, 9.5]] for row in range(_N)]
    return [
        Boxes(np.array(of), np.array([row % c, (row + 1) % c])) for row, of in enumerate(corners)
    ]


def _of_classes(task: Task, targets: Any) -> Predictions:
    logits = torch.zeros(len(targets), task.width)
    logits[torch.arange(len(targets)), torch.from_numpy(targets)] = _SURE
    return Predictions(logits)


def _of_labels(task: Task, targets: Any) -> Predictions:
    del task
    return Predictions(outputs={"binary_logits": _SURE * (2.0 * torch.from_numpy(targets) - 1)})


def _of_numbers(task: Task, targets: Any) -> Predictions:
    del task
    variance = torch.arange(len(targets)) + 1.0
    return Predictions(outputs={"mean": torch.from_numpy(targets), "variance": variance})


def _of_places(n: int) -> dict[str, torch.Tensor]:
    """What a model says of each image beside its masks or boxes."""
    given = torch.linspace(0.0, 1.0, n)
    vectors = torch.outer(given, torch.tensor([1.0, 2.0]))
    axes = {**PLACE_OUTPUTS, **OBJECT_OUTPUTS}
    return {name: given if of == "n" else vectors for name, of in axes.items()}


def _of_masks(task: Task, targets: Any) -> Predictions:
    del task
    predicted = torch.from_numpy(np.stack([mask.pixels for mask in targets]))
    return Predictions(outputs={"predicted": predicted, **_of_places(len(targets))})


def _of_boxes(task: Task, targets: Any) -> Predictions:
    del task
    rows = torch.zeros(len(targets), max(map(len, targets)) + 1, 6)
    for row, boxes in zip(rows, targets, strict=True):
        row[: len(boxes), :4] = torch.from_numpy(boxes.corners)
        row[: len(boxes), 4] = torch.linspace(0.9, 0.8, len(boxes))
        row[: len(boxes), 5] = torch.from_numpy(boxes.classes)
    return Predictions(outputs={"detections": rows, **_of_places(len(targets))})


_LABELS: dict[str, Callable[[Task], list[Any]]] = {
    "choice": _names,
    "choices": _lists,
    "number": _numbers,
    "mask": _masks,
    "boxes": _boxes,
}
_CHECKED = frozenset({"mask", "boxes"})
_PERFECT: dict[str, Callable[[Task, Any], Predictions]] = {
    "logits": _of_classes,
    "binary_logits": _of_labels,
    "mean": _of_numbers,
    "predicted": _of_masks,
    "detections": _of_boxes,
}


def _value(metric: Metric, predictions: Predictions, targets: Any) -> float:
    found = metric.of(predictions, targets)
    claim(found is not None and not math.isnan(found), f"{metric.name} is {found}")
    return float(found or 0.0)


def _outside(metric: Metric) -> str:
    return f"{metric.name} is outside its bounds {metric.bounds}"
