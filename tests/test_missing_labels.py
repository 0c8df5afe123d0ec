"""A row without a label is the same in every format: no class is made of it, none is renamed."""

from __future__ import annotations

import datetime
import json
import logging
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
import torch

import uwe
from uwe.cli import main
from uwe.data.labelled_rows import load_labelled_rows
from uwe.data.labels import classes_of, plain_labels
from uwe.pool_files import open_pool
from uwe.project import Project
from uwe.tables import read_labels
from uwe.tables.csv_text import csv_text
from uwe.tasks import is_missing

N = 24
NAMES = ["crow" if at % 2 else "rook" for at in range(N)]
BLANK = (0, 7, 13)
"""Rows without a label."""


def with_gaps(gap: Any, labels: Any = NAMES) -> list[Any]:
    return [gap if at in BLANK else label for at, label in enumerate(labels)]


def as_parquet(folder: Path, labels: Any, names: list[str] | None = None) -> Path:
    """A Parquet file; ``names`` mark the labels as the hub's ``ClassLabel``."""
    path = folder / "t.parquet"
    x = np.arange(N, dtype=np.float64)
    table = pyarrow.table({"id": [f"r{at}" for at in range(N)], "x": x, "label": labels})
    if names is not None:
        features = {"label": {"_type": "ClassLabel", "names": names}}
        info = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": info})
    pyarrow.parquet.write_table(table, path)
    return path


def as_csv(folder: Path, labels: Any) -> Path:
    path = folder / "t.csv"
    rows = [[f"r{at}", at, label] for at, label in enumerate(labels)]
    path.write_text(csv_text(["id", "x", "label"], rows))
    return path


def as_json_lines(folder: Path, labels: Any) -> Path:
    path = folder / "t.jsonl"
    rows = ({"id": f"r{at}", "x": at, "label": label} for at, label in enumerate(labels))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def unknown_rows(path: Path) -> tuple[tuple[str, ...], int]:
    """The classes of a table, and how many of its rows have none."""
    data = load_labelled_rows(str(path), task="classification")
    return data.classes, int((data.train.y == -1).sum())


@pytest.mark.parametrize(
    "value",
    [None, float("nan"), np.float32("nan"), np.nan, pd.NA, pd.NaT, "", "  ", Decimal("nan"),
     np.datetime64("NaT")],
)  # fmt: skip
def test_what_says_that_there_is_no_label(value: Any) -> None:
    """None, NaN of any library, NaT, pandas.NA and blanks are one thing."""
    assert is_missing(value)
    assert uwe.tasks.Classes(("a", "b")).encode(value) is None


@pytest.mark.parametrize("value", [0, 0.0, False, "0", "nan", Decimal(0), datetime.date.today()])
def test_what_is_a_label(value: Any) -> None:
    """Zero, falsehood and words are labels."""
    assert not is_missing(value)


NUMBERS = [at % 2 for at in range(N)]
TABLES: list[tuple[Callable[[Path], Path], tuple[str, ...]]] = [
    (lambda folder: as_csv(folder, with_gaps("")), ("crow", "rook")),
    (lambda folder: as_csv(folder, with_gaps("  ")), ("crow", "rook")),
    (lambda folder: as_json_lines(folder, with_gaps(None)), ("crow", "rook")),
    (lambda folder: as_json_lines(folder, with_gaps("")), ("crow", "rook")),
    (lambda folder: as_parquet(folder, with_gaps(None)), ("crow", "rook")),
    (lambda folder: as_parquet(folder, with_gaps(np.nan, map(float, NUMBERS))), ("0", "1")),
    (lambda folder: as_parquet(folder, pyarrow.array(with_gaps(None, NUMBERS))), ("0", "1")),
    (lambda folder: as_parquet(folder, with_gaps(None, [at == 1 for at in NUMBERS])),
     ("False", "True")),
    (lambda folder: as_parquet(folder, with_gaps(-1, NUMBERS), ["owl", "jay"]), ("owl", "jay")),
    (lambda folder: as_parquet(folder, with_gaps(None, NUMBERS), ["owl", "jay"]), ("owl", "jay")),
]  # fmt: skip


@pytest.mark.parametrize(("write", "classes"), TABLES)
def test_tables_leave_rows_without_a_label(
    write: Callable[[Path], Path], classes: tuple[str, ...], tmp_path: Path
) -> None:
    """The classes are those of the labelled rows; the three others have none."""
    assert unknown_rows(write(tmp_path)) == (classes, len(BLANK))


@pytest.mark.parametrize(("write", "classes"), TABLES)
def test_a_run_says_which_rows_it_leaves_out(
    write: Callable[[Path], Path], classes: tuple[str, ...], tmp_path: Path
) -> None:
    """A simulated run needs answers; rows without one are left out, and their number is said."""
    data = load_labelled_rows(str(write(tmp_path)), task="classification").answerable()
    assert (data.train.y >= 0).all()
    assert any("3 of" in note and "no label" in note for note in data.notes)
    assert data.classes == classes


@pytest.mark.parametrize(("write", "classes"), TABLES)
def test_a_project_asks_about_rows_without_a_label(
    write: Callable[[Path], Path], classes: tuple[str, ...], tmp_path: Path
) -> None:
    """init takes the other labels as answers."""
    folder = tmp_path / "p.uwe"
    assert main(["init", str(folder), str(write(tmp_path))]) == 0
    project = Project.open(folder)
    assert len(project.labels()) == N - len(BLANK)
    assert set(project.labels()).isdisjoint(f"r{at}" for at in BLANK)
    assert len(project.task.classes) == len(classes)


def test_a_class_number_without_a_name_is_refused(tmp_path: Path) -> None:
    """A ClassLabel of 2 classes has no class 2, nor a class -2."""
    for wrong in (2, -2):
        path = as_parquet(tmp_path, [*NUMBERS[:-1], wrong], ["owl", "jay"])
        with pytest.raises(uwe.DataError, match=f"row 23 of column label is class {wrong}"):
            load_labelled_rows(str(path))


@pytest.mark.parametrize("gap", [None, "", "  "])
def test_labels_of_a_file_may_be_missing(gap: Any, tmp_path: Path) -> None:
    """--labels and tell take an empty label for none."""
    path = as_json_lines(tmp_path, with_gaps(gap))
    assert [row.line - 1 for row in read_labels(path) if row.label is None] == list(BLANK)
    path = as_parquet(tmp_path, with_gaps(np.nan, map(float, NUMBERS)))
    assert [row.line for row in read_labels(path) if row.label is None] == list(BLANK)


@pytest.mark.parametrize("gap", [None, float("nan"), "", pd.NA, np.float32("nan")])
def test_an_answer_that_is_missing_is_none(gap: Any, tmp_path: Path) -> None:
    """tell records nothing of it and counts it."""
    project = Project(tmp_path / "p.uwe", np.eye(6), classes=["a", "b"])
    told = project.tell([0, 1], ["a", gap])
    assert (told.new, told.empty) == (1, 1)
    assert project.labels() == {"0": "a"}


@pytest.mark.parametrize("gap", ["", "  ", None])
def test_a_mask_of_a_pool_may_have_gaps(gap: Any, tmp_path: Path) -> None:
    """A cell of ``labelled`` without a value says that the row is not labelled."""
    path = tmp_path / "pool.jsonl"
    rows = [{"features": [float(at)], "labelled": [True, gap, False][at % 3]} for at in range(6)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert open_pool(path).read("labelled").tolist() == [True, False, False] * 2
    mask = pd.Series([True, pd.NA, False] * 2, dtype="boolean")
    picks = uwe.select(np.arange(6.0)[:, None], 4, strategy="coreset", labelled=mask)
    assert sorted(picks.rows.tolist()) == [1, 2, 4, 5]


X = np.arange(12.0).reshape(6, 2)


def from_rows(y: Any, **more: Any) -> tuple[tuple[str, ...], list[Any]]:
    data = uwe.Dataset.from_rows("d", (X, y), **more)
    return data.classes, data.train.y.tolist()


@pytest.mark.parametrize(
    ("y", "classes", "targets"),
    [
        (np.array([0, 1, -1, 1, 0, 1]), "01", [0, 1, -1, 1, 0, 1]),
        (np.array([0, 1, np.nan, 1, 0, 1]), "01", [0, 1, -1, 1, 0, 1]),
        (np.array([0, 1, np.nan, 1, 0, 1], dtype=object), "01", [0, 1, -1, 1, 0, 1]),
        (torch.tensor([0, 1, -1, 1, 0, 1]), "01", [0, 1, -1, 1, 0, 1]),
        ([0, 1, None, 1, 0, -1], "01", [0, 1, -1, 1, 0, -1]),
        (pd.Series([0, 1, pd.NA, 1, 0, 1], dtype="Int64"), "01", [0, 1, -1, 1, 0, 1]),
        (pd.Series([0, 1, None, 1, 0, 1]), "01", [0, 1, -1, 1, 0, 1]),
        (pd.DataFrame({"y": [0, 1, 0, 1, 0, 1]}), "01", [0, 1, 0, 1, 0, 1]),
        (pd.Series(["a", "b", None, "b", "a", " "]), "ab", [0, 1, -1, 1, 0, -1]),
        (pd.Series(["a", "b", None, "b", "a", "b"], dtype="category"), "ab", [0, 1, -1, 1, 0, 1]),
        (pd.Series(["a", "b", pd.NA, "b", "a", "b"], dtype=object), "ab", [0, 1, -1, 1, 0, 1]),
        (["a", "b", float("nan"), "b", "a", ""], "ab", [0, 1, -1, 1, 0, -1]),
        (pyarrow.array(["a", "b", None, "b", "a", "b"]), "ab", [0, 1, -1, 1, 0, 1]),
        (["1", 1, 1.0, "0", 0, None], "01", [1, 1, 1, 0, 0, -1]),
        (["1.0", "1", "0", "0.0", "", "1.00"], "01", [1, 1, 0, 0, -1, 1]),
        ([" a", "a", "a ", "b", "b\t", "b"], "ab", [0, 0, 0, 1, 1, 1]),
        (["u\u0308", "\u00fc", "a", "a", "a", "a"], "a\u00fc", [1, 1, 0, 0, 0, 0]),
    ],
)
def test_labels_from_python(y: Any, classes: str, targets: list[int]) -> None:
    """What pandas, torch, Arrow and lists say of no label is -1, and one class has one name."""
    assert from_rows(y) == (tuple(classes), targets)


@pytest.mark.parametrize(
    "y",
    [np.array([True, False] * 3), pd.Series([True, False] * 3), [True, False] * 3,
     pd.Series([True, False] * 3, dtype="boolean"), ["True", "False"] * 3],
)  # fmt: skip
def test_truth_values_are_two_classes(y: Any) -> None:
    """They have the names that they have in tables."""
    assert from_rows(y) == (("False", "True"), [1, 0, 1, 0, 1, 0])


def test_numbers_and_flags_with_gaps_from_pandas() -> None:
    """Regression and several classes a row take pandas.NA, too."""
    _, y = from_rows(pd.Series([1, 2, pd.NA, 4, 5, 6], dtype="Int64"), task="regression")
    assert np.isnan(y[2])
    assert y[3:] == [4.0, 5.0, 6.0]
    lists = pd.Series([["a"], None, ["b"], ["a", "b"], [], ["b"]])
    assert from_rows(lists, task="multilabel")[1][:4] == [[1, 0], [-1, -1], [0, 1], [1, 1]]


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([True, 1] * 3, "truth values and numbers"),
        (np.array([-1, 1] * 3), "-1 stands for no label; write 0 and 1"),
        (np.array([-1, 3] * 3), "-1 stands for no label"),
        (np.array([1_700_000_000, 0] * 3), r"would make 1,700,000,001 classes"),
        (np.array([np.inf, 0, 1] * 2), "labels must be whole numbers"),
        (np.array([0.5, 0, 1] * 2), "labels must be whole numbers"),
        (np.array([-2, 0, 1] * 2), "label -2 of row 0 is outside"),
    ],
)
def test_numbers_that_are_no_class_numbers(y: Any, words: str) -> None:
    """They are refused in a line, before anything as large as the number is made."""
    with pytest.raises(uwe.DataError, match=words):
        from_rows(y)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([1, 2, 3] * 2, "the numbers 0 to 3, but no row has the label 0;"),
        ([0, 2, 5] * 2, "no row has the label 1 and 2 more of them"),
    ],
)
def test_classes_that_no_row_has_are_said(
    y: list[int], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Class numbers keep their meaning, and a number without a row is said."""
    classes, targets = from_rows(np.array(y))
    assert classes == tuple(map(str, range(max(y) + 1)))
    assert targets == y
    assert words in caplog.text
    caplog.clear()
    images = np.zeros((6, 8, 8, 1), np.uint8)
    uwe.Dataset.from_arrays("d", (images, np.array(y)), (images, np.array(y)))
    assert words in caplog.text
    caplog.clear()
    from_rows(np.array([0, 1, -1] * 2))
    assert caplog.text == ""


@pytest.mark.parametrize("odd", ["nan", "None", "NA", "<NA>", "null"])
def test_a_class_that_seems_to_be_no_label_is_said(
    odd: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A word that often stands for no label stays a class, with a word in the log or the notes."""
    words = f"{odd!r} is taken for a class"
    from_rows(np.array(["a", odd, "b", "a", "a", "a"]))
    assert words in caplog.text
    data = load_labelled_rows(str(as_csv(tmp_path, with_gaps(odd))))
    assert words in " ".join(data.notes)
    assert odd in data.classes


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([1.0, 2.0, 10.0], ("1", "2", "10")),
        ([1, 2, 10], ("1", "2", "10")),
        (["1", "2", "10"], ("1", "10", "2")),
        (["1", 1, 1.0, "2.0", 10], ("1", "10", "2")),
        ([0.5, 1.0, 2.0], ("0.5", "1", "2")),
        (["1.0", "2.5", "1"], ("1", "1.0", "2.5")),
        ([" cat", "cat", "dog "], ("cat", "dog")),
        ([2**63 + 1, 2**63 + 2, 1], ("1", str(2**63 + 1), str(2**63 + 2))),
    ],
)
def test_one_class_has_one_name_in_tables(
    labels: list[Any], classes: tuple[str, ...], tmp_path: Path
) -> None:
    """1, 1.0 and "1" are one class, blanks make no other, and numbers keep their order."""
    listed = [labels[at % len(labels)] for at in range(60)]
    path = tmp_path / "t.jsonl"
    rows = ({"x": at, "label": label} for at, label in enumerate(listed))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert load_labelled_rows(str(path), task="classification").classes == classes


def test_text_that_pandas_wrote_from_numbers_with_gaps(tmp_path: Path) -> None:
    """A CSV of 1.0, 2.0 and nothing has the classes 1 and 2, also in init and tell."""
    frame = pd.DataFrame({"id": [f"r{at}" for at in range(N)], "x": range(N)})
    frame["label"] = [None if at in BLANK else 1 + at % 2 for at in range(N)]
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    assert "1.0" in path.read_text()
    assert unknown_rows(path) == (("1", "2"), len(BLANK))
    assert main(["init", str(tmp_path / "p.uwe"), str(path)]) == 0
    assert main(["tell", str(tmp_path / "p.uwe"), str(path)]) == 0
    assert set(Project.open(tmp_path / "p.uwe").labels().values()) == {"1", "2"}


@pytest.mark.parametrize("mixed", [["cat", 3], [True, 1], [True, 0.5]])
def test_labels_of_several_types_are_refused(mixed: list[Any], tmp_path: Path) -> None:
    """Where nobody can tell whether two labels are one class, nothing is guessed."""
    path = as_json_lines(tmp_path, [mixed[at % 2] for at in range(N)])
    with pytest.raises(uwe.DataError, match="the labels are of several types"):
        load_labelled_rows(str(path), task="classification")


def test_plain_labels_keep_what_is_plain() -> None:
    """Arrays and lists without gaps are handed on as they are."""
    y = np.array([0, 1])
    assert plain_labels(y) is y
    assert plain_labels(None) is None
    assert plain_labels(["a", "b"]) == ["a", "b"]
    assert classes_of([np.array([2, 0, 1])], "classification") == ("0", "1", "2")


def test_folders_with_a_file_of_labels(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Images that the file gives an empty label stay in the pool without one."""
    from PIL import Image

    from uwe.data import load_dataset

    logging.getLogger("uwe").setLevel(logging.INFO)
    for at in range(12):
        Image.fromarray(np.full((8, 8, 3), at, np.uint8)).save(tmp_path / f"{at}.png")
    labels = tmp_path / "labels.jsonl"
    rows = [{"id": f"{at}.png", "label": None if at == 3 else [1, 1.0, "2"][at % 3]}
            for at in range(12)]  # fmt: skip
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = load_dataset("folder", data_dir=tmp_path, labels=labels)
    assert data.classes == ("1", "2")
    assert data.train.y[list(data.ids).index("3.png")] == -1
    assert int((data.train.y == -1).sum()) == 1


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_select_does_not_take_rows_with_an_empty_label_for_labelled(
    suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file of labels for --labelled, in which b and d have none, leaves b and d to be picked."""
    np.savez(tmp_path / "pool.npz", ids=np.array(list("abcd")), uncertainty=np.arange(4.0))
    names, labels = list("abcd"), ["crow", None, "rook", None]
    path = tmp_path / f"labels{suffix}"
    frame = pd.DataFrame({"id": names, "label": labels})
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=True)
    command = ["select", str(tmp_path / "pool.npz"), "-o", str(tmp_path / "picks.txt")]
    assert main([*command, "-k", "2", "--labelled", str(path)]) == 0
    assert (tmp_path / "picks.txt").read_text() == "d\nb\n"
    assert "2 of 4 rows have no label" in caplog.text
    assert main([*command, "-k", "1", "--exclude", str(path), "--force"]) == 2  # all four


def test_a_table_with_label_and_labels_is_refused(tmp_path: Path) -> None:
    """One of the two would be a feature that tells the label."""
    path = tmp_path / "t.csv"
    path.write_text("x,label,labels\n" + "".join(f"{at},{at % 2},{at % 2}\n" for at in range(30)))
    with pytest.raises(uwe.DataError, match="'label' and 'labels', and both stand for labels"):
        load_labelled_rows(str(path))


@pytest.mark.parametrize(
    "days",
    [
        [datetime.date(2020, 1, 1 + at % 3) for at in range(30)],
        [datetime.timedelta(days=at % 3) for at in range(30)],
        [datetime.datetime(2020, 1, 1 + at % 3) for at in range(30)],
    ],
)
def test_dates_are_names_of_classes(days: list[Any], tmp_path: Path) -> None:
    """Labels that are dates or durations make one class for each."""
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"x": np.arange(30.0), "label": days}), path)
    data = load_labelled_rows(str(path))
    assert list(data.classes) == sorted(set(map(str, days)))


@pytest.mark.parametrize("label", [{"a": 1}, b"crow"])
def test_structures_and_bytes_are_no_labels(label: Any, tmp_path: Path) -> None:
    """They have no name, so column and row are named instead."""
    path = tmp_path / "t.parquet"
    labels = pyarrow.array([label] * 30)
    pyarrow.parquet.write_table(pyarrow.table({"x": np.arange(30.0), "label": labels}), path)
    with pytest.raises(uwe.DataError, match=r"column label holds .* in row 0"):
        load_labelled_rows(str(path))


@pytest.mark.parametrize("labels", [["0", "1.0", "0.0", "1"], ["0", "1", "0", "1"]])
def test_the_number_of_classes_is_that_of_the_data(labels: list[str], tmp_path: Path) -> None:
    """The log counts 1 and 1.0 once, as the data set does."""
    path = tmp_path / "t.csv"
    path.write_text("x,label\n" + "".join(f"{at},{labels[at % 4]}\n" for at in range(40)))
    data = load_labelled_rows(str(path))
    assert list(data.classes) == ["0", "1"]
    assert any("holds 2 classes" in note for note in data.notes)
