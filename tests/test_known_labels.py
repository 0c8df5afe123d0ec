"""Labels that are known: as an argument, in a pool's file, and in the files of ``--labelled``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import uwe
from uwe.cli import main
from uwe.errors import InputError
from uwe.selecting.labels import joined_labels, labelled_pool, listed_labels
from uwe.strategies import Needs, Question, Strategy
from uwe.tasks import classification, multilabel, regression

X = np.random.default_rng(0).normal(size=(12, 3))
PROBS = np.random.default_rng(1).dirichlet(np.ones(3), 12)


def seen(labels: Any, **more: Any) -> Question:
    """The question that a strategy is asked."""
    questions = []

    def peek(question: Question, k: int) -> np.ndarray:
        questions.append(question)
        return question.candidates[:k]

    uwe.select(X, 1, labels=labels, strategy=Strategy(peek, needs=Needs()), **more)
    return questions[0]


@pytest.mark.parametrize(
    "labels",
    [
        [2, None, 0, -1, *[None] * 8],
        np.array([2, -1, 0, *[-1] * 9]),
        np.array([2.0, np.nan, 0.0, *[np.nan] * 9]),
        ["2", "", "0", None, *[" "] * 8],
        np.array(["2", "", "0", *[""] * 9]),
    ],
)
def test_class_numbers_and_what_is_no_label(labels: Any) -> None:
    """None, NaN, an empty text and -1 are no label; the rows with one are labelled."""
    question = seen(labels, probs=PROBS)
    assert question.pool.labelled.tolist() == [0, 2]
    assert question.pool.values == [2, 0]
    assert question.has_labels


def test_names_are_numbered_in_their_order() -> None:
    """Sorted names are the classes 0, 1, 2."""
    assert seen(["jay", None, "crow", "rook", *[None] * 8], probs=PROBS).pool.values == [1, 0, 2]


def test_a_mask_alone_says_no_label() -> None:
    """Rows are labelled, and their labels are not known."""
    question = seen(None, labelled=[1, 2])
    assert question.pool.labelled.tolist() == [1, 2]
    assert not question.has_labels


def test_labelled_decides_where_both_are_given() -> None:
    """Labels of other rows are not read; a labelled row without a label is labelled, too."""
    question = seen([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, None, 1], labelled=[1, 10])
    assert question.pool.labelled.tolist() == [1, 10]
    assert question.pool.values == [1, None]
    assert question.has_labels


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([True] * 12, "labels are booleans"),
        ([5, *[None] * 11], "row 0 is class 5, but the model has 3 classes, 0 to 2"),
        ([None, -2, *[None] * 10], "row 1 is class -2"),
        (["a", "b", "c", "d", *[None] * 8], "labels name 4 classes, but the model has 3"),
        ([1] * 12, "all 12 rows have a label, so none is left to pick"),
        ([1] * 11, "the pool has 12 rows, but labels has 11"),
        (np.zeros((12, 2)), r"labels must be \[n\]"),
    ],
)
def test_what_is_no_label_is_one_line(labels: Any, words: str) -> None:
    """The row, and what to do."""
    with pytest.raises(InputError, match=words):
        uwe.select(X, 2, probs=PROBS, labels=labels)


def test_other_tasks_learn_only_which_rows_are_labelled() -> None:
    """Numbers and flags are labels, too; -1 is a number of a regression."""
    assert listed_labels([-1.0, np.nan, 3], regression()) == [-1.0, None, 3]
    flags = listed_labels(np.array([[1, 0], [-1, -1]]), multilabel(2))
    assert [of is not None for of in flags] == [True, False]
    pool, has_labels = labelled_pool(3, [-1.0, None, 3], None, regression())
    assert (pool.labelled.tolist(), has_labels) == ([0, 2], False)


def test_the_classes_of_an_estimator_number_the_labels() -> None:
    """Its own order counts, and a class that it does not know comes after them."""
    pool, _ = labelled_pool(3, ["rook", "owl", "crow"], None, classification(2), ["rook", "crow"])
    assert pool.values == [0, 2, 1]


def test_query_takes_the_labels_of_its_estimator() -> None:
    """The labels say which rows are labelled, and how far they agree."""
    sklearn = pytest.importorskip("sklearn.linear_model")
    y = np.where(X[:, 0] > 0, "right", "left").astype(object)
    model = sklearn.LogisticRegression().fit(X, y)
    y[6:] = None
    picks = uwe.query(model, X, 2, labels=y)
    assert set(picks.rows) <= set(range(6, 12))
    assert "of 6 labelled rows agree" in picks.reason


def test_a_series_is_aligned(tmp_path: Path) -> None:
    """Labels with the index of the frame are taken in its order; with another they are refused."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, index=[f"r{row}" for row in range(12)])
    labels = pandas.Series(["a", "b", *[None] * 10], index=frame.index)
    picks = uwe.select(frame, 3, labels=labels)
    assert not {0, 1} & set(picks.rows.tolist())
    with pytest.raises(InputError, match="different indices"):
        uwe.select(frame, 3, labels=labels[::-1])


def test_the_labels_of_a_pool_and_of_a_file_are_joined() -> None:
    """One label a row; two that differ are refused."""
    assert joined_labels(["a", None, None], {2: "b", 1: None}, 3) == ["a", None, "b"]
    assert joined_labels(None, {2: None}, 3) is None
    assert joined_labels([1, None], {0: "1"}, 2) == ["1", None]
    with pytest.raises(InputError, match="row 0 has the label 'a' in the pool and 'b' in a file"):
        joined_labels(["a", None], {0: "b"}, 2)


@pytest.mark.parametrize("column", ["label", "labels"])
def test_a_table_has_a_column_of_labels(
    column: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows with a label are not picked, and are counted."""
    rows = [f"r{row},{'ab'[row % 2] if row < 4 else ''},{x:.3f},{y:.3f}" for row, (x, y, _) in
            enumerate(X)]  # fmt: skip
    table = tmp_path / "pool.csv"
    table.write_text("\n".join([f"id,{column},features_0,features_1", *rows]))
    assert main(["select", str(table), "-k", "3", "-o", str(tmp_path / "picks.txt")]) == 0
    assert "of 4 labelled rows agree" in capsys.readouterr().out
    picked = (tmp_path / "picks.txt").read_text().split()
    assert len(picked) == 3
    assert not {"r0", "r1", "r2", "r3"} & set(picked)


def test_a_file_of_labels_gives_the_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--labelled`` with a column label: these labels are known, and join those of the pool."""
    np.savez(tmp_path / "pool.npz", features=X, labels=np.array([0, 1, *[-1] * 10]))
    (tmp_path / "more.csv").write_text("id,label\n2,1\n3,0\n4,\n")
    select = ["select", str(tmp_path / "pool.npz"), "-k", "3", "-o", str(tmp_path / "p.txt")]
    assert main([*select, "--labelled", str(tmp_path / "more.csv")]) == 0
    assert "of 4 labelled rows agree" in capsys.readouterr().out
    assert not {"0", "1", "2", "3"} & set((tmp_path / "p.txt").read_text().split())
    (tmp_path / "wrong.csv").write_text("id,label\n0,1\n")
    assert main([*select, "--force", "--labelled", str(tmp_path / "wrong.csv")]) == 2
    assert "row 0 has the label" in capsys.readouterr().err


def test_other_names_of_the_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--key labels=NAME`` says what the labels are called in the pool."""
    np.savez(tmp_path / "pool.npz", features=X, y=np.array([0, 1, *[-1] * 10]))
    select = ["select", str(tmp_path / "pool.npz"), "-k", "3", "--key", "labels=y"]
    assert main([*select, "-o", str(tmp_path / "p.txt")]) == 0
    assert "of 2 labelled rows agree" in capsys.readouterr().out
