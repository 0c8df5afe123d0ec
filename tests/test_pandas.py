"""Frames and columns of pandas: rows by position, marks by their index, or a refusal."""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

import uwe
from uwe.project import Project
from uwe.tables.frames import as_array, is_frame, require_same_order

N = 30
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
PROBS = RNG.dirichlet([1, 1, 1], N)
LABELLED = np.array([3, 4, 17])
NAMES = [f"item {at}" for at in range(N)]
SHUFFLED = RNG.permutation(N)
EXPECTED = uwe.select(X, 5, probs=PROBS, labelled=LABELLED).rows.tolist()
INDICES = {
    "default": pd.RangeIndex(N),
    "names": pd.Index(NAMES),
    "shuffled": pd.Index(SHUFFLED),
    "from 100": pd.RangeIndex(100, 100 + N),
    "dates": pd.date_range("2024-01-01", periods=N),
    "pairs": pd.MultiIndex.from_product([range(5), list("abcdef")]),
}


def frame(values: np.ndarray[Any, Any], index: pd.Index) -> pd.DataFrame:
    return pd.DataFrame(values, index=index, columns=list("abc"))


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_select_takes_frames_by_position(index: pd.Index) -> None:
    """Row i of the picks is the i-th row of the frame, for any index."""
    mask = pd.Series(np.isin(np.arange(N), LABELLED), index=index)
    x, probs = frame(X, index), frame(PROBS, index)
    for labelled in (LABELLED, LABELLED.tolist(), mask, mask.to_numpy(), index[LABELLED],
                     mask.sample(frac=1, random_state=1), mask.astype("boolean"),
                     mask.astype(object).where(mask, None), mask.to_frame()):  # fmt: skip
        picks = uwe.select(x, 5, probs=probs, labelled=labelled)
        assert picks.rows.tolist() == EXPECTED
    picks = uwe.select(x, 5, probs=probs, labelled=LABELLED)
    assert picks.to_frame(index).index.tolist() == [index[row] for row in EXPECTED]


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_query_takes_frames_by_position(index: pd.Index) -> None:
    """The estimator sees the frame, and labels of its index are the labelled rows."""
    model = LogisticRegression().fit(frame(X, index), np.arange(N) % 3)
    known = uwe.query(model, frame(X, index), 5, labelled=LABELLED).rows.tolist()
    assert uwe.query(model, frame(X, index), 5, labelled=index[LABELLED]).rows.tolist() == known
    mask = pd.Series(np.isin(np.arange(N), LABELLED), index=index).sample(frac=1, random_state=2)
    assert uwe.query(model, frame(X, index), 5, labelled=mask).rows.tolist() == known


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_exclude_is_read_as_labelled_is(index: pd.Index) -> None:
    """Rows by labels of the index are only not picked."""
    expected = uwe.select(X, 5, strategy="coreset", exclude=LABELLED).rows.tolist()
    picks = uwe.select(frame(X, index), 5, strategy="coreset", exclude=index[LABELLED])
    assert picks.rows.tolist() == expected


def named(values: Any, index: Any) -> pd.Series:
    return pd.Series(values, index=index)


OWN = pd.Index(NAMES)
MASK = np.isin(np.arange(N), LABELLED)


@pytest.mark.parametrize(
    ("features", "labelled", "words"),
    [
        (frame(X, OWN), pd.Index(["item 3", "item 99"]), "names 'item 99', which the index of"),
        (frame(X, OWN), named(LABELLED, None), "Series of numbers, and features has an index"),
        (frame(X, OWN), named(MASK, OWN.str.upper()), "which the index of features does not hold"),
        (frame(X, OWN), named(MASK[:-1], OWN[:-1]), "not that of features: 29 of 30 rows"),
        (frame(X, OWN), named(MASK, [*OWN[:-1], OWN[0]]), "not that of features: 29 of 30 rows"),
        (frame(X, pd.Index(SHUFFLED)), named(MASK, None), "the same in another order"),
        (frame(X, pd.Index(["a"] * N)), pd.Index(["a"]), "the index of features repeats 'a'"),
        (X, named(MASK, OWN), "nothing else has an index"),
        (X, OWN[:2], "holds labels such as 'item 0', and features have no index"),
        (X, ["item 0"], "holds labels such as 'item 0'"),
        (X, named(["item 0"], None), "holds labels such as 'item 0'"),
        (X, named([3.0, 4.0], None), "holds labels such as 3.0"),
    ],
)
def test_marks_that_nothing_tells_are_refused(features: Any, labelled: Any, words: str) -> None:
    """Where neither position nor index says which rows are meant, nothing is guessed."""
    with pytest.raises(uwe.InputError, match=words):
        uwe.select(features, 5, probs=PROBS, labelled=labelled)


def test_columns_that_name_rows_are_labels() -> None:
    """A Series or a list of texts names rows of a frame."""
    for labelled in (named(OWN[LABELLED], None), list(OWN[LABELLED]), OWN[LABELLED].to_series()):
        picks = uwe.select(frame(X, OWN), 5, probs=frame(PROBS, OWN), labelled=labelled)
        assert picks.rows.tolist() == EXPECTED


@pytest.mark.parametrize("name", ["probs", "logits", "uncertainty", "mean", "variance", "std"])
def test_what_a_model_says_is_in_the_order_of_the_features(name: str) -> None:
    """Values whose index is another than that of the features are refused, not mixed."""
    values = PROBS if name in ("probs", "logits") else PROBS[:, 0]
    with_index = pd.DataFrame(values, index=OWN)
    given: Any = with_index if values.ndim == 2 else with_index[0]
    others = {"variance": PROBS[:, 1]} if name == "mean" else {}
    options = {**others, "strategy": "uwe" if name != "mean" else "random"}
    right = uwe.select(frame(X, OWN), 3, **{name: given}, **options)
    assert right.rows.tolist() == uwe.select(X, 3, **{name: values}, **options).rows.tolist()
    with pytest.raises(uwe.InputError, match=f"features and {name} have different indices"):
        uwe.select(frame(X, OWN), 3, **{name: given.iloc[::-1]}, **options)
    by_default = given.reset_index(drop=True)
    assert uwe.select(frame(X, OWN), 3, **{name: by_default}, **options).rows.tolist() == (
        right.rows.tolist()
    )


def test_an_uncertainty_that_was_sorted_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """Without an index of the features, a column in another order is refused or said."""
    own = pd.Series(PROBS[:, 0])
    with pytest.raises(uwe.InputError, match="0 to 29 in another order"):
        uwe.select(X, 3, uncertainty=own.sort_values())
    assert uwe.select(None, 3, uncertainty=own).rows.tolist() == np.argsort(-own)[:3].tolist()
    uwe.select(X, 3, uncertainty=pd.Series(PROBS[:, 0], index=OWN))
    assert "uncertainty has an index and features has none" in caplog.text


class Nearest:
    """Nearest class mean of numbers; remembers what it was given."""

    name = "nearest"

    def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> Any:
        self.given = list(zip(x, y.tolist(), strict=True))
        return None

    def predict(self, model: Any, x: Any) -> Any:
        return torch.full((len(x), 3), 1 / 3), torch.zeros(len(x), 2)


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_texts_of_a_column_stay_beside_their_labels(index: pd.Index, tmp_path: Any) -> None:
    """Row i is the i-th text: every text that a learner gets is of the class of its label."""
    y = np.arange(N) % 3
    texts = pd.Series([f"class {label}" for label in y], index=index)
    data = uwe.Dataset.from_rows("d", (texts, y), (texts.iloc[:9], y[:9]))
    learner = Nearest()
    uwe.loop(learner, data, "random", budgets=(5, 10), results=tmp_path)
    assert len(learner.given) == 10
    assert all(text == f"class {label}" for text, label in learner.given)


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_a_frame_of_numbers_is_learnt_from_as_its_array(index: pd.Index, tmp_path: Any) -> None:
    """Rows, fingerprint and accuracy are those of the array."""
    y = np.arange(N) % 3
    x = np.eye(3)[y] + 0.01 * X
    series = pd.Series(y, index=index)
    data = uwe.Dataset.from_rows("d", (frame(x, index), series), (frame(x, index), series))
    plain = uwe.Dataset.from_rows("d", (x, y), (x, y))
    assert data.fingerprint == plain.fingerprint
    run = uwe.loop("sklearn:logistic", data, "random", budgets=(9, 15), results=tmp_path)
    assert run is not None
    assert np.array_equal(data.train.x, x)


@pytest.mark.parametrize(
    ("rows", "kind", "shape"),
    [
        (pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]}), "f", (3, 2)),
        (pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": [1, 2, 3]}), "f", (3, 2)),
        (pd.DataFrame({"a": [True, False, True]}), "b", (3, 1)),
        (pd.DataFrame({"a": ["x", "y", "z"]}), "O", (3,)),
        (pd.DataFrame({"a": ["x", "y", "z"], "b": [1, 2, 3]}), "O", (3, 2)),
        (pd.Series(["x", "y", "z"]), "O", (3,)),
        (pd.Series(["x", "y", "x"], dtype="category"), "O", (3,)),
        (pd.Index(["x", "y", "z"]), "O", (3,)),
        (pyarrow.table({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 3.0]}), "f", (3, 2)),
        (pyarrow.array(["x", "y", "z"]), "O", (3,)),
        (np.array(["x", "y", "z"]), "O", (3,)),
        (torch.zeros(3, 2), "f", (3, 2)),
        ([[1, 2], [3, 4], [5, 6]], "i", (3, 2)),
        (["x", "y", "z"], "O", (3,)),
    ],
)
def test_rows_of_any_kind(rows: Any, kind: str, shape: tuple[int, ...]) -> None:
    """Frames, columns, tables of Arrow, tensors and lists are taken; one column of texts is 1-d."""
    data = uwe.Dataset.from_rows("d", (rows, np.array([0, 1, 0])))
    assert data.train.x.dtype.kind == kind
    assert data.train.x.shape == shape
    again = uwe.Dataset.from_rows("d", (rows, np.array([0, 1, 0])))
    assert again.fingerprint == data.fingerprint


@pytest.mark.parametrize(
    ("rows", "y", "words"),
    [
        (pd.Series(["x", None, "z"]), [0, 1, 0], "row 1 has no text"),
        ([[1, 2], [3], [5, 6]], [0, 1, 0], "differ in length"),
        (pd.DataFrame({"a": [1, 2]}), [0, 1, 0], "2 training rows, but 3 labels"),
        (pd.Series(list("xyz"), index=list("abc")), pd.Series([0, 1, 0], index=list("bac")),
         "different indices: row 0 is 'a' in training rows and 'b' in training labels"),
        (pd.Series(list("xyz"), index=[2, 0, 1]), pd.Series([0, 1, 0]), "different indices"),
    ],
)  # fmt: skip
def test_rows_that_are_refused(rows: Any, y: Any, words: str) -> None:
    """A missing text, ragged rows and labels in another order are one line."""
    with pytest.raises(uwe.UweError, match=words):
        uwe.Dataset.from_rows("d", (rows, y))


def test_a_long_frame_of_objects_has_its_own_fingerprint() -> None:
    """Every cell counts, also behind the thousandth of a row."""
    wide = pd.DataFrame([["x", *range(1500)], ["y", *range(1500)]])
    other = wide.copy()
    other.iloc[0, 800] = -1
    made = [uwe.Dataset.from_rows("d", (of, [0, 1])).fingerprint for of in (wide, other)]
    assert made[0] != made[1]


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_a_project_takes_a_frame(index: pd.Index, tmp_path: Any) -> None:
    """Rows of a project are those of the frame by position."""
    project = Project(tmp_path / "p.uwe", frame(X, index), classes=["a", "b"],
                      labels=pd.Series(["a", None], index=["4", "7"]))  # fmt: skip
    assert project.labels() == {"4": "a"}
    assert np.array_equal(project.items.learn(tmp_path, None), X)


def test_a_frame_of_polars_is_read_by_position(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class of that name in polars gives its own array; polars need not be installed."""
    module = types.ModuleType("polars")
    code = (
        "class DataFrame:\n"
        "    def __init__(self, values): self.values = values; self.shape = values.shape\n"
        "    def to_numpy(self): return self.values\n"
        "    def __len__(self): return len(self.values)\n"
        "class Series:\n"
        "    def __init__(self, values): self.values = values\n"
        "    def to_numpy(self): return self.values\n"
        "    def __len__(self): return len(self.values)\n"
    )
    exec(compile(code, "polars", "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, "polars", module)
    x, mask = module.DataFrame(X), module.Series(MASK)
    assert is_frame(x)
    picks = uwe.select(x, 5, probs=module.DataFrame(PROBS), labelled=mask)
    assert picks.rows.tolist() == EXPECTED
    data = uwe.Dataset.from_rows("d", (x, module.Series(np.arange(N) % 2)))
    assert np.array_equal(data.train.x, X)


@settings(deadline=None, max_examples=50)
@given(st.permutations(range(6)), st.permutations(range(6)))
def test_two_orders_agree_or_are_refused(one: list[int], other: list[int]) -> None:
    """Columns with the same labels in two orders are never taken as belonging together."""
    columns = {"a": pd.Series(range(6), index=one), "b": pd.Series(range(6), index=other)}
    if one == other:
        require_same_order(columns)
    else:
        with pytest.raises(uwe.InputError, match="a and b have different indices"):
            require_same_order(columns)
    assert as_array(columns["a"]).tolist() == list(range(6))


@pytest.mark.parametrize("index", [5, pd.DataFrame(X)])
def test_an_index_that_is_no_list_is_refused(index: Any) -> None:
    """The frame itself, or a number, given as the index of the picks, is said in a line."""
    with pytest.raises(uwe.InputError, match=r"such as frame\.index, not a value of type"):
        uwe.select(X, 5, probs=PROBS).to_frame(index)


@pytest.mark.parametrize("train", [X, (X,), (X, PROBS, X), None, "rows"])
def test_rows_without_their_labels_are_no_pair(train: Any) -> None:
    """Rows and labels that are not given as a pair are refused in a line."""
    with pytest.raises(uwe.DataError, match=r"rows and labels must be a pair \(x, y\)"):
        uwe.Dataset.from_rows("d", train, (X, np.arange(N) % 2))


def test_rows_that_can_be_read_once_are_refused() -> None:
    """A generator of rows has no length and could not be read twice."""
    with pytest.raises(uwe.DataError, match="must be an array or a list, not a generator"):
        uwe.Dataset.from_rows("d", ((row for row in X), np.arange(N) % 2))


def test_images_with_channels_first_are_refused() -> None:
    """Torch's order would make three rows of pixels with many channels."""
    x, y = np.zeros((9, 3, 8, 8), np.uint8), np.arange(9) % 3
    with pytest.raises(uwe.DataError, match=r"x\.transpose\(0, 2, 3, 1\)"):
        uwe.Dataset.from_arrays("d", (x, y), (x, y))
    data = uwe.Dataset.from_arrays("d", *[(x.transpose(0, 2, 3, 1), y)] * 2)
    assert data.image_shape == (8, 8, 3)
