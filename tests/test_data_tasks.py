"""Data sets of any task, with none, some or all of their labels."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import uwe
from uwe.data import load_dataset, load_labelled_rows
from uwe.data.label_columns import LabelSource, read_targets
from uwe.errors import DataError, InputError
from uwe.tables import open_table
from uwe.tasks import multilabel, regression

X = np.arange(12.0).reshape(6, 2)
TEST = (X[:2], [0, 1])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (None, [-1] * 6),
        ([0, 1, 0, 1, 0, 1], [0, 1, 0, 1, 0, 1]),
        ([0, -1, 0, 1, -1, 1], [0, -1, 0, 1, -1, 1]),
        ([0.0, np.nan, 0.0, 1.0, np.nan, 1.0], [0, -1, 0, 1, -1, 1]),
    ],
)
def test_class_numbers_may_be_missing(labels: Any, expected: list[int]) -> None:
    """-1, NaN and no labels at all are rows without a label."""
    data = uwe.Dataset.from_rows("mine", (X, labels), TEST, classes=["a", "b"])
    assert data.train.y.dtype == np.int64
    assert data.train.y.tolist() == expected


def test_names_become_class_numbers() -> None:
    """Names are sorted unless classes are given; None and empty text are no label."""
    labels = ["rook", None, "crow", "", "rook", "crow"]
    data = uwe.Dataset.from_rows("mine", (X, labels), (X[:2], ["crow", "rook"]))
    assert data.classes == ("crow", "rook")
    assert data.train.y.tolist() == [1, -1, 0, -1, 1, 0]
    named = uwe.Dataset.from_rows("mine", (X, labels), classes=["rook", "jay", "crow"])
    assert named.train.y.tolist() == [0, -1, 2, -1, 0, 2]
    assert len(named.test) == 0


def test_flags_and_lists_of_names() -> None:
    """Several labels a row: an array of 0 and 1, or lists of names; a missing row is -1."""
    lists = [["sea"], [], None, ["beach", "sea"], ["beach"], None]
    data = uwe.Dataset.from_rows("mine", (X, lists), task="multilabel")
    assert data.classes == ("beach", "sea")
    assert data.train.y.tolist() == [[0, 1], [0, 0], [-1, -1], [1, 1], [1, 0], [-1, -1]]
    flags = np.where(data.train.y < 0, np.nan, data.train.y)
    same = uwe.Dataset.from_rows("mine", (X, flags), task=multilabel(["beach", "sea"]))
    assert np.array_equal(same.train.y, data.train.y)


def test_numbers() -> None:
    """NaN is no label, and a column [n, 1] is one of numbers."""
    data = uwe.Dataset.from_rows("mine", (X, [[1.0], [2.0], [np.nan], [4], [5], [6]]),
                                 task="regression")  # fmt: skip
    assert data.classes == ()
    assert data.train.y.tolist()[:2] == [1.0, 2.0]
    assert np.isnan(data.train.y[2])


@pytest.mark.parametrize(
    ("labels", "task", "message"),
    [
        ([0, 1, 2, 0, 0, 5], multilabel(3), r"several classes must be 0 and 1 \[n, 3\]"),
        (["a", "b", "c", "a", "x", "a"], uwe.tasks.classification(["a", "b", "c"]),
         "training row 4: unknown class 'x'"),
        (["1", "2", "two", "4", "5", "6"], regression(), "training row 2: 'two' is not a number"),
        ([1.0, 2.0, np.inf, 4.0, 5.0, 6.0], regression(), "label inf of row 2 is not a finite"),
        ([[0, 1, 2]] * 6, multilabel(3), "label 2 of row 0, class '2', is neither 0 nor 1"),
        ([0, 0, 0, 0, 0, 7], uwe.tasks.classification(2), "label 7 of row 5 is outside the 2"),
    ],
)  # fmt: skip
def test_labels_of_another_kind_name_their_row(labels: Any, task: uwe.Task, message: str) -> None:
    """What the task cannot read is one line with row and value."""
    with pytest.raises(DataError, match=message):
        uwe.Dataset.from_rows("mine", (X, labels), task=task)


def test_a_simulation_leaves_out_what_it_cannot_answer() -> None:
    """Rows without a label are no pool rows of a simulation; without any there is none."""
    data = uwe.Dataset.from_rows("mine", (X, [0, -1, 1, 0, -1, 1]), TEST, ids=list("abcdef"))
    asked = data.answerable()
    assert asked.ids == ("a", "c", "d", "f")
    assert asked.train.y.tolist() == [0, 1, 0, 1]
    assert asked.fingerprint != data.fingerprint
    assert "2 of 6 pool rows have no label" in asked.notes[-1]
    for lacking, message in (((X, None), "has no labels, so no oracle"), ((X, [0] * 6), "test")):
        none = uwe.Dataset.from_rows("mine", lacking, classes=["a", "b"])
        with pytest.raises(DataError, match=message):
            none.answerable()


def test_test_rows_need_labels() -> None:
    """Nothing can be measured on a test row without a label."""
    with pytest.raises(DataError, match="test row 1 has no label"):
        uwe.Dataset.from_rows("mine", (X, [0, 1] * 3), (X[:2], [0, -1]))


def test_a_data_set_of_any_task_can_be_sent_to_another_process() -> None:
    """Tasks are made of functions that can be found by name."""
    for task in (multilabel(2), regression(unit="mm")):
        y = np.zeros((6, 2)) if task.classes else np.zeros(6)
        data = uwe.Dataset.from_rows("mine", (X, y), task=task)
        again = pickle.loads(pickle.dumps(data.task))
        assert again.record == task.record
        assert repr(data).startswith(f"Dataset('mine', {task.name}: 6 pool rows")


def table(folder: Path, text: str) -> Any:
    path = folder / "mine.csv"
    path.write_text(text)
    return open_table(path)


@pytest.mark.parametrize(
    ("cells", "task", "why"),
    [
        (["a", "b", "a", "b"], "classification", "2 classes"),
        (["1.5", "2", "3", "4"], "regression", "numbers with fractions"),
        (["1", "2", "1", "2"], "classification", "2 classes"),
        (["1.0", "", "1.0", "2.0"], None, "2 different whole numbers in 3 rows"),
        (["1", "2", "3", "4"], None, "4 different whole numbers in 4 rows"),
        (["", "", "", ""], None, "holds no label"),
    ],
)
def test_a_task_is_guessed_where_there_is_no_doubt(
    tmp_path: Path, cells: list[str], task: str | None, why: str
) -> None:
    """Text is classes, fractions are numbers, and many whole numbers are asked about."""
    given = table(tmp_path, "x,label\n" + "".join(f"0,{cell}\n" for cell in cells))
    if task is None:
        with pytest.raises(uwe.UweError, match=why):
            read_targets([given], LabelSource(), [None])
        return
    found = read_targets([given], LabelSource(), [None])
    assert found.task.name == task
    assert found.note == f"{given.name}: the task is {task}, since column label holds {why}"


def test_flags_in_columns(tmp_path: Path) -> None:
    """Several label columns are the flags of a multi-label task; an empty row has no label."""
    path = tmp_path / "mine.csv"
    rows = [f"{row},{row % 2},{int(row > 4)}" for row in range(10)] + ["10,,"]
    path.write_text("\n".join(["x,sea,sun", *rows]) + "\n")
    data = load_labelled_rows(str(path), label="sea,sun")
    assert data.classes == ("sea", "sun")
    assert data.train.x.shape[1] == 1
    assert data.train.y.tolist()[-1] == [-1, -1]
    path.write_text("x,sea,sun\n1,0,\n2,1,1\n")
    with pytest.raises(DataError, match="line 2 has some of its flags only"):
        load_labelled_rows(str(path), label="sea,sun")
    path.write_text("x,sea,sun\n1,0,2\n2,1,1\n")
    with pytest.raises(DataError, match="line 2 of column sun holds '2', which is neither 0 nor 1"):
        load_labelled_rows(str(path), label="sea,sun")


def test_labels_of_a_file_are_joined_by_id(tmp_path: Path) -> None:
    """--labels names labels by id; what it does not name has none; a strange id is refused."""
    rows = tmp_path / "rows.csv"
    rows.write_text("id,x\n" + "".join(f"r{row},{row}\n" for row in range(12)))
    labels = tmp_path / "labels.jsonl"
    labels.write_text("".join(f'{{"id": "r{row}", "label": "{"ab"[row % 2]}"}}\n'
                              for row in range(10)))  # fmt: skip
    data = load_labelled_rows(str(rows), labels=labels, test_fraction=0.2)
    assert len(data.train) + len(data.test) == 12
    assert {data.ids[row] for row in np.flatnonzero(data.train.y == -1)} == {"r10", "r11"}
    labels.write_text('{"id": "r1", "label": "a"}\n{"id": "r99", "label": "b"}\n')
    with pytest.raises(DataError, match="labels for 'r99', which the data does not hold; did you"):
        load_labelled_rows(str(rows), labels=labels)


def test_a_flat_folder_of_images_with_labels(tmp_path: Path, monkeypatch) -> None:
    """Images in one folder get their labels from a file; the others stay without."""
    monkeypatch.setenv("UWE_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "photos").mkdir()
    for at in range(12):
        Image.new("RGB", (4, 4), (20 * at, 0, 0)).save(tmp_path / "photos" / f"p{at:02}.png")
    labels = tmp_path / "labels.csv"
    lines = [f"p{at:02}.png,{'crow' if at % 2 else 'rook'}" for at in range(10)]
    labels.write_text("\n".join(["id,label", *lines]) + "\n")
    data = load_dataset("folder", data_dir=tmp_path / "photos", labels=labels)
    assert data.classes == ("crow", "rook")
    assert len(data.test) == 2
    assert [data.ids[row] for row in np.flatnonzero(data.train.y == -1)] == ["p10.png", "p11.png"]
    with pytest.raises(DataError, match="--labels FILE"):
        load_dataset("folder", data_dir=tmp_path / "photos")


def test_data_sets_that_know_their_task_refuse_another(tmp_path: Path) -> None:
    """--task and --labels are for tables and folders whose labels do not say it."""
    with pytest.raises(InputError, match="the task of sklearn:wine is classification, not regre"):
        load_dataset("sklearn:wine", task="regression")
    with pytest.raises(InputError, match="the task of digits is classification, not multilabel"):
        load_dataset("digits", task="multilabel")
    assert load_dataset("sklearn:diabetes").task.name == "regression"
