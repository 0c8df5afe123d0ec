"""Tasks as values: targets, names, bad input, and the contract that every task keeps."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import uwe
from uwe.errors import InputError
from uwe.predictions import Predictions
from uwe.tasks import (
    Classes,
    Flags,
    Reals,
    Task,
    as_task,
    classification,
    detection,
    find_task,
    measures_by_name,
    metric_of_column,
    multilabel,
    regression,
    segmentation,
    task_names,
    task_options,
)
from uwe.testing import TaskContract, check_task

BIRDS = ("crow", "rook", "dove")


@pytest.mark.parametrize(
    "task",
    [
        *task_names(),
        classification(2),
        classification(BIRDS),
        multilabel(BIRDS, reduce="max"),
        multilabel(BIRDS, reduce="sum"),
        regression(unit="mm"),
        segmentation(BIRDS, ignore=255),
        detection(BIRDS),
    ],
    ids=lambda task: task if isinstance(task, str) else f"{task.name}-{dict(task.options)}",
)
def test_our_own_tasks_keep_the_contract(task: str | Task) -> None:
    """What we ask of others we keep."""
    check_task(task)


@pytest.mark.parametrize("name", task_names())
def test_a_task_is_the_same_after_it_travelled(name: str) -> None:
    """Pickled and read again, it has the same record and the same measures."""
    task = find_task(name, () if name == "regression" else BIRDS)
    again = pickle.loads(pickle.dumps(task))
    assert again.record == task.record
    said = TaskContract().perfect(task, TaskContract().targets(task))
    for measure in task.measures:
        assert torch.equal(again.measure(measure)(said), task.measure(measure)(said))


class TestOwn(TaskContract):
    """A task of a package, tested as its author would."""

    task = multilabel(["a", "b"])


class Loose(Reals):
    """Takes anything for a number."""

    def encode(self, value: Any) -> Any:
        try:
            return super().encode(value)
        except InputError:
            return 0.0


class Forgetful(Reals):
    """Settles every question with 0."""

    def settle(self, values: Any) -> float:
        return 0.0


NUMBERS = regression()


def share(predictions: Predictions) -> torch.Tensor:
    variance = predictions.field("variance").double()
    return variance / variance.sum()


WRONG = {
    "an object is encoded as a label": replace(NUMBERS, targets=Loose()),
    "are settled as 0.0": replace(NUMBERS, targets=Forgetful()),
    "predicted\\(\\) is not the target": replace(
        NUMBERS, predicted=lambda predictions: np.zeros(len(predictions))
    ),
    "for perfect and .* for wrong ones": replace(
        NUMBERS, metrics=(replace(NUMBERS.metrics[0], higher_is_better=True),)
    ),
    "outside its bounds": replace(
        NUMBERS, metrics=(replace(NUMBERS.metrics[0], bounds=(0.0, 1.0)),)
    ),
    "the loss is": replace(NUMBERS, mean_loss=lambda predictions, y: 1.0 if len(y) else None),
    "depends on the other rows": replace(
        NUMBERS,
        measures={"share": share},
    ),
    "gives torch.float32": replace(
        NUMBERS, measures={"half": lambda given: given.field("variance").float()}
    ),
    "the training loss goes from": replace(NUMBERS, loss=lambda raw, goal: raw.sum() * 0 + 1),
    "it cannot be pickled": replace(NUMBERS, measures={"own": lambda given: share(given) * 0}),
    "the record changes": replace(NUMBERS, options={"sizes": (1, 2)}),
}


@pytest.mark.parametrize("words", WRONG)
def test_what_is_wrong_with_a_task_is_found(words: str) -> None:
    """Each broken task fails, and the text says of what."""
    with pytest.raises(AssertionError, match=words):
        check_task(WRONG[words])


def test_a_class_with_blanks_around_its_name_can_be_given() -> None:
    """What the page shows as a class is a label; two names that differ in blanks are one."""
    for task in (classification([" crow", "rook"]), multilabel([" crow", "rook"])):
        value = task.targets.encode([" crow"] if task.widget == "choices" else " crow")
        assert value in (0, [0])
    with pytest.raises(InputError, match="named twice"):
        classification(["crow", "crow "])


def test_a_class_is_written_by_its_name() -> None:
    """Spaces around it do not count; whole numbers are names, too; close matches are offered."""
    kind = Classes(("0", "1", "crow"))
    assert [kind.encode(value) for value in (" crow ", 1, 1.0, np.int64(0), "0")] == [2, 1, 1, 0, 0]
    assert kind.decode(2) == "crow"
    with pytest.raises(InputError, match="unknown class 'crew'; did you mean 'crow'"):
        kind.encode("crew")
    with pytest.raises(InputError, match="True"):
        Classes(("0", "1")).encode(True)
    with pytest.raises(InputError, match=r"1\.5 of type float is not the name of a class"):
        kind.encode(1.5)


def test_several_classes_are_written_as_a_list_or_separated() -> None:
    """No class is an empty list, which is not a missing label."""
    kind = Flags(BIRDS)
    for written in ("dove|crow", "dove;crow", " crow ; dove", ["dove", "crow"], '["crow", "dove"]',
                    ("crow", "dove", "crow"), np.array(["dove", "crow"])):  # fmt: skip
        assert kind.encode(written) == [0, 2]
    assert kind.encode([]) == kind.encode("[]") == []
    assert kind.encode("") is None
    assert kind.decode([0, 2]) == ["crow", "dove"]
    with pytest.raises(InputError, match="unknown class 'x'; the classes are 'crow', 'rook'"):
        kind.encode("crow|x")
    with pytest.raises(InputError, match="is not a list of classes in JSON"):
        kind.encode("[crow")


def test_a_number_is_finite() -> None:
    """Text is read; infinity and truth values are refused."""
    kind = Reals()
    assert [kind.encode(value) for value in ("1.5", 2, np.float32(0.5), " -3e2 ")] == [
        1.5, 2.0, 0.5, -300.0,
    ]  # fmt: skip
    for value in ("inf", float("inf"), "nan", True, "much", [1.0]):
        with pytest.raises(InputError, match="number"):
            kind.encode(value)


CHECKED = [
    (Classes(BIRDS), [0, 2, -1], [0, 2, -1], [True, True, False]),
    (Classes(BIRDS), np.array([1], np.uint8), [1], [True]),
    (Flags(BIRDS), [[0, 1, 1], [-1, -1, -1]], [[0, 1, 1], [-1, -1, -1]], [True, False]),
    (Flags(BIRDS), [[True, False, False]], [[1, 0, 0]], [True]),
    (Flags(BIRDS), [[0.0, 1.0, 0.0], [np.nan] * 3], [[0, 1, 0], [-1, -1, -1]], [True, False]),
    (Reals(), [1, 2], [1.0, 2.0], [True, True]),
    (Reals(), [[1.5], [2.5]], [1.5, 2.5], [True, True]),
]


@pytest.mark.parametrize(("kind", "given_", "expected", "known"), CHECKED)
def test_targets_from_python_are_checked(kind: Any, given_: Any, expected: Any, known: Any) -> None:
    """Every type becomes the array that the task stores; missing rows are marked."""
    found = kind.checked(given_)
    assert found.tolist() == expected
    assert found.dtype == kind.array([]).dtype
    assert kind.known(found).tolist() == known


@pytest.mark.parametrize(
    ("kind", "targets", "words"),
    [
        (Classes(BIRDS), [0, 3], "label 3 of row 1 is outside the 3 classes"),
        (Classes(BIRDS), [0, -2], "label -2 of row 1 is outside"),
        (Classes(BIRDS), [0.5], r"labels must be whole numbers \[n\], not float64"),
        (Classes(BIRDS), [[0]], "labels must be whole numbers"),
        (Flags(BIRDS), [[0, 1, 2]], "label 2 of row 0, class 'dove', is neither 0 nor 1"),
        (Flags(BIRDS), [[0, 1]], r"must be 0 and 1 \[n, 3\], not int64 \(1, 2\)"),
        (Flags(BIRDS), [[0, -1, 1]], "label -1 of row 0, class 'rook'"),
        (Reals(), [1.0, np.inf], "label inf of row 1 is not a finite number"),
        (Reals(), ["a"], r"labels must be numbers \[n\]"),
        (Reals(), [[1.0, 2.0]], r"labels must be numbers \[n\]"),
    ],
)
def test_impossible_targets_are_one_line(kind: Any, targets: Any, words: str) -> None:
    """The row and the value are named."""
    with pytest.raises(InputError, match=words) as caught:
        kind.checked(targets)
    assert "\n" not in str(caught.value)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=9))
def test_the_majority_settles_a_class(votes: list[int]) -> None:
    """The class with most votes wins; of equals, the one that was answered first."""
    settled = Classes(BIRDS).settle(votes)
    most = max(votes.count(vote) for vote in votes)
    assert settled == next(vote for vote in votes if votes.count(vote) == most)


@given(st.lists(st.sets(st.integers(0, 2)), min_size=1, max_size=9))
def test_half_of_the_people_settle_a_label(votes: list[set[int]]) -> None:
    """A label applies if at least half of the people gave it."""
    settled = Flags(BIRDS).settle([sorted(vote) for vote in votes])
    assert settled == [at for at in range(3) if 2 * sum(at in v for v in votes) >= len(votes)]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9))
def test_the_mean_settles_a_number(values: list[float]) -> None:
    """The order of answering changes nothing."""
    settled = Reals().settle(values)
    assert settled == math.fsum(values) / len(values) == Reals().settle(values[::-1])


def test_tasks_are_found_by_name() -> None:
    """Names, options, and what is wrong with either, in one line."""
    assert set(task_names()) >= {"classification", "multilabel", "regression"}
    assert task_options("multilabel") == {"reduce": "mean"}
    assert find_task("multilabel", BIRDS, reduce="max").options == {"reduce": "max"}
    assert as_task(NUMBERS) is NUMBERS
    assert metric_of_column(["te_micro_f1"]).label == "micro F1"
    assert metric_of_column(["nothing"]) is None
    classes = {"entropy", "bvsb", "least_confident", "margin"}
    assert set(measures_by_name()) == {*classes, "standard_deviation", "objectness"}
    assert uwe.Task is Task
    assert uwe.tasks.regression is regression


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (
            lambda: find_task("multilable", 3),
            "unknown task 'multilable'; did you mean 'multilabel'",
        ),
        (lambda: find_task("regression", (), reduce="max"), "does not use 'reduce'; its options"),
        (lambda: find_task("classification", 2, reduce="max"), "it has no options"),
        (lambda: multilabel(3, reduce="median"), "unknown reduction 'median'"),
        (lambda: regression(3), "regression has no classes, but 3 are given"),
        (lambda: classification(["a", "a"]), "the class 'a' is named twice"),
        (lambda: classification(["a", " "]), "class 1 is ' '"),
        (lambda: classification("abc"), "must be a list of names, not the text 'abc'"),
        (lambda: as_task(3), "not an object of type int"),
        (lambda: as_task(NUMBERS, unit="mm"), "unit beside it"),
        (lambda: NUMBERS.measure("entropy"), "regression has no measure 'entropy'"),
        (lambda: NUMBERS.metric("accuracy"), "unknown metric of regression 'accuracy'"),
        (lambda: replace(NUMBERS, metrics=()), "task regression has no metrics"),
    ],
)
def test_bad_input_of_tasks_is_one_line(work: Any, words: str) -> None:
    """What is wrong, and what there is."""
    with pytest.raises(InputError, match=words) as caught:
        work()
    assert "\n" not in str(caught.value)


def test_a_variance_below_zero_is_refused() -> None:
    """The row and the value are named; a missing variance says what to use."""
    outputs = {"mean": torch.zeros(2), "variance": torch.tensor([1.0, -0.5])}
    with pytest.raises(InputError, match=r"variance of row 1 is -0\.5, below 0"):
        NUMBERS.measure("standard_deviation")(Predictions(outputs=outputs))
    with pytest.raises(InputError, match=r"hold no variance.*a forest"):
        NUMBERS.measure("standard_deviation")(Predictions(outputs={"mean": torch.zeros(2)}))
