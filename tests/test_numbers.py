"""Precision, rounding, overflow and size: float64 decides, and what cannot be judged is named."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch

import uwe
from uwe._tensors import read_tensors
from uwe.cli import main
from uwe.embedding import gradient
from uwe.errors import DataError, InputError
from uwe.pool import Pool
from uwe.runs import find_runs
from uwe.selecting.reasons import assigned
from uwe.statistics.classification import measure
from uwe.strategies import Question, find_strategy
from uwe.tables import open_table
from uwe.tasks.classification import mean_cross_entropy

UNIX = 1.7e9 + np.arange(60.0)[:, None]  # float32 has steps of 128 there
LABELS = np.arange(60) // 20


def rows_of_cycle_1(folder: Path) -> list[int]:
    [table] = folder.rglob("*cycle1_query.csv")
    with table.open(newline="") as file:
        return [int(row["idx"]) for row in csv.DictReader(file)]


def first_rows(folder: Path) -> list[int]:
    [table] = folder.rglob("*init_lb.csv")
    with table.open(newline="") as file:
        return [int(row["idx"]) for row in csv.DictReader(file)]


def kinds_of_features(folder: Path) -> set[torch.dtype]:
    return {read_tensors(path)["features"].dtype for path in folder.rglob("*trfeat.safetensors")}


def estimators() -> dict[str, Any]:
    from sklearn.model_selection import GridSearchCV
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer
    from sklearn.tree import DecisionTreeClassifier

    return {
        "tree": DecisionTreeClassifier(random_state=0),
        "pipeline": make_pipeline(FunctionTransformer(), GaussianNB()),
        "search": GridSearchCV(make_pipeline(FunctionTransformer(), GaussianNB()), {}, cv=2),
    }


@pytest.mark.parametrize("name", ["tree", "pipeline", "search"])
@pytest.mark.parametrize("strategy", ["coreset", "random"])
def test_query_measures_in_float64(name: str, strategy: str) -> None:
    """On seconds since 1970 the picks and distances are those of select on the same rows."""
    pytest.importorskip("sklearn")
    model = estimators()[name].fit(UNIX, LABELS)
    own = uwe.query(model, UNIX, 5, strategy=strategy, seed=3)
    expected = uwe.select(UNIX, 5, strategy=strategy, seed=3, probs=model.predict_proba(UNIX))
    assert own.rows.tolist() == expected.rows.tolist()
    assert own.distance is not None
    assert expected.distance is not None
    assert own.distance.tolist() == expected.distance.tolist()
    assert set(own.distance[1:] % 1) == {0.0}
    assert own.distance[1:].min() >= 1


@pytest.mark.parametrize("name", ["tree", "pipeline", "search"])
def test_a_run_of_scikit_learn_measures_in_float64(name: str, tmp_path: Path) -> None:
    """The query of a run is that of select, with the rows of cycle 0 as labelled."""
    pytest.importorskip("sklearn")
    data = uwe.Dataset.from_rows("seconds", (UNIX, LABELS), (UNIX, LABELS))
    uwe.loop(estimators()[name], data, "coreset", budgets=(20, 25), results=tmp_path)
    first = first_rows(tmp_path)
    expected = uwe.select(UNIX, 5, strategy="coreset", labelled=first).rows.tolist()
    assert rows_of_cycle_1(tmp_path) == expected
    assert kinds_of_features(tmp_path) == {torch.float64}


def test_an_own_learner_keeps_its_float64(tmp_path: Path) -> None:
    """Features that an object's predict gives in float64 are not rounded on the way."""

    class Clock:
        def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> None: ...

        def predict(self, model: Any, x: Any) -> Any:
            return np.zeros((len(x), 3)), x

    data = uwe.Dataset.from_rows("seconds", (UNIX, LABELS), (UNIX, LABELS))
    uwe.loop(Clock(), data, "coreset", budgets=(20, 25), results=tmp_path)
    expected = uwe.select(UNIX, 5, strategy="coreset", labelled=first_rows(tmp_path))
    assert rows_of_cycle_1(tmp_path) == expected.rows.tolist()


def test_the_command_line_measures_in_float64(tmp_path: Path) -> None:
    """A table of seconds and a tree of scikit-learn, by uwe run."""
    pytest.importorskip("sklearn")
    lines = [f"{second:.0f},{'abc'[label]}" for second, label in zip(UNIX[:, 0], LABELS)]  # noqa: B905
    table = tmp_path / "t.csv"
    table.write_text("\n".join(["second,label", *lines]) + "\n")
    given = ["run", str(table), "--model", "sklearn:tree.DecisionTreeClassifier"]
    given += ["--strategy", "coreset", "--budgets", "20,24", "--seeds", "1"]
    assert main([*given, "--results", str(tmp_path / "r")]) == 0
    kept = next((tmp_path / "r").rglob("*trfeat.safetensors"))
    features = read_tensors(kept)["features"]
    expected = uwe.select(features, 4, strategy="coreset", labelled=first_rows(tmp_path / "r"))
    assert len(features.unique()) == len(features)
    assert rows_of_cycle_1(tmp_path / "r") == expected.rows.tolist()


def test_a_run_that_began_in_float32_goes_on_in_float32(tmp_path: Path) -> None:
    """A record of an earlier version says nothing of float64: no cycle of its run is in it."""
    pytest.importorskip("sklearn")
    x = np.random.default_rng(0).normal(size=(60, 3))
    data = uwe.Dataset.from_rows("rows", (x, LABELS), (x, LABELS))

    def go(strategy: str) -> None:
        uwe.loop(estimators()["tree"], data, strategy, budgets=(20, 25, 30), results=tmp_path,
                 keep_predictions="all")  # fmt: skip

    go("coreset")
    assert kinds_of_features(tmp_path) == {torch.float64}
    records = [record.path for record in find_runs(tmp_path)]
    for path in records:
        content = json.loads(path.read_text())
        assert content["fixed"].pop("float_bits") == 64
        path.write_text(json.dumps(content))
    for path in tmp_path.rglob("*"):
        if path.is_file() and path not in records and "init_lb" not in path.name:
            path.unlink()
    go("coreset")
    go("entropy")  # a new run, which goes on from a cycle 0 of float32
    assert len(list(tmp_path.rglob("*trfeat.safetensors"))) == 5
    assert kinds_of_features(tmp_path) == {torch.float32}


ROUNDED = np.array([[0.6, 0.4], [1.0, -1e-17], [0.2, 0.8], [1 + 1e-16, 0.0]])


@pytest.mark.parametrize("strategy", ["entropy", "bvsb", "least_confident"])
def test_a_probability_that_rounding_put_below_0_is_0(strategy: str) -> None:
    """The picks and uncertainties are those of the clipped probabilities."""
    own = uwe.select(None, 4, probs=ROUNDED, strategy=strategy)
    clipped = uwe.select(None, 4, probs=ROUNDED.clip(0, 1), strategy=strategy)
    assert own.rows.tolist() == clipped.rows.tolist()
    assert own.uncertainty is not None
    assert clipped.uncertainty is not None
    assert own.uncertainty.tolist() == clipped.uncertainty.tolist()
    assert np.isfinite(own.uncertainty).all()


def test_rounding_is_taken_wherever_probabilities_are() -> None:
    """In float32, of one output a row, of labels and of passes; in a pool's file, too."""
    small = np.array([[0.6, 0.4], [1 + 1e-7, -1e-8]], dtype=np.float32)
    assert uwe.select(None, 2, probs=small, strategy="entropy").rows.tolist() == [0, 1]
    one = np.array([0.6, -1e-17, 1 + 1e-16])
    assert uwe.select(None, 1, probs=one, strategy="entropy").rows.tolist() == [0]
    flags = np.array([[1 + 1e-16, -1e-17], [0.5, 0.5]])
    by_label = uwe.select(None, 1, probs=flags, strategy="entropy", task="multilabel")
    assert by_label.rows.tolist() == [1]
    passes = np.stack([ROUNDED, ROUNDED[::-1]])
    own = uwe.select(None, 4, mc_probs=passes, strategy="bald").rows.tolist()
    assert own == uwe.select(None, 4, mc_probs=passes.clip(0, 1), strategy="bald").rows.tolist()
    variance = np.array([0.5, -1e-17, 0.7])
    assert uwe.select(None, 3, variance=variance).rows.tolist() == [2, 0, 1]


def test_rounding_in_a_file_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """uwe select ranks such a pool as Python does."""
    np.savez(tmp_path / "pool.npz", probs=ROUNDED)
    given = ["select", str(tmp_path / "pool.npz"), "-k", "2", "--strategy", "entropy"]
    assert main(given) == 0
    rows = [int(line.split(",")[1]) for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == uwe.select(None, 2, probs=ROUNDED, strategy="entropy").rows.tolist()


def test_more_than_rounding_is_no_probability() -> None:
    """The number is named; it may be a logit."""
    with pytest.raises(InputError, match=r"row 1 holds a negative number, -0\.01"):
        uwe.select(None, 1, probs=[[0.6, 0.4], [1.01, -0.01]], strategy="entropy")
    with pytest.raises(InputError, match=r"row 2 is 1\.1"):
        uwe.select(None, 1, probs=[0.6, 0.1, 1.1], strategy="entropy")
    with pytest.raises(InputError, match=r"variance: row 1 is -0\.5"):
        uwe.select(None, 1, variance=[0.5, -0.5, 0.7])


@pytest.mark.parametrize("size", [1e39, 1e308])
@pytest.mark.parametrize("strategy", ["entropy", "bvsb", "least_confident", "badge", "uwe"])
def test_logits_beyond_float32_are_ranked(size: float, strategy: str) -> None:
    """A row whose logit is far above the other is certain: it comes last."""
    x = np.eye(3)
    logits = [[0.0, 1.0], [size, -size], [0.1, 0.1]]
    picks = uwe.select(x, 3, logits=logits, strategy=strategy)
    assert picks.rows[0] == 2
    assert picks.uncertainty is not None
    assert np.isfinite(picks.uncertainty).all()


@pytest.mark.parametrize(
    ("value", "words"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "minus infinity")]
)
@pytest.mark.parametrize("name", ["logits", "features", "uncertainty", "std", "mc_mean"])
def test_nan_and_infinity_are_told_apart(name: str, value: float, words: str) -> None:
    """Array, row and which of the three."""
    arrays: dict[str, Any] = {
        "features": np.eye(4), "logits": np.zeros((4, 3)), "uncertainty": np.ones(4),
        "std": np.ones(4), "mc_mean": np.ones((2, 4)),
    }  # fmt: skip
    broken = arrays[name].copy()
    broken[(slice(None), 2) if name == "mc_mean" else 2] = value
    given = {name: broken}
    features = given.pop("features", np.eye(4))
    with pytest.raises(InputError, match=f"{name}: row 2 holds {words} "):
        uwe.select(features, 1, **given)


def test_what_a_model_gave_is_told_apart_too() -> None:
    """A strategy that is asked itself names the row, the output and which of the three."""
    logits = torch.zeros(4, 2)
    logits[3, 1] = -torch.inf
    question = Question(uwe.Predictions(logits), Pool.untouched(4), seed=1)
    with pytest.raises(InputError, match=r"row 3 is NaN or infinite \(minus infinity in its log"):
        find_strategy("entropy").query(question, 1)


def test_too_large_and_too_small_are_named() -> None:
    """What float64 cannot square gives no distances, so it is refused rather than measured."""
    x = np.random.default_rng(0).normal(size=(9, 2))
    with pytest.raises(InputError, match=r"features: row 0 is too large \(.*scale features down"):
        uwe.select(x * 1e200, 2, strategy="coreset")
    with pytest.raises(InputError, match=r"features is too small: .*scale features up"):
        uwe.select(x * 1e-200, 2, strategy="coreset")
    with pytest.raises(InputError, match=r"std: row 1 is too large \(1e\+200"):
        uwe.select(None, 1, std=[1.0, 1e200, 1.0])
    with pytest.raises(InputError, match=r"mc_mean: row 1 is too large \(1e\+200"):
        uwe.select(None, 1, mc_mean=[[1.0, 1e200], [1.0, -1e200]])


@pytest.mark.parametrize("size", [1e-100, 1e-30, 1.0, 1e30, 1e100])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_unit_of_features_changes_nothing(size: float, kind: Any) -> None:
    """Picks and what they stand for are the same in any unit that the type has."""
    if kind is np.float32 and not 1e-35 < size < 1e35:
        pytest.skip("float32 has no such numbers")
    x = np.random.default_rng(0).integers(-9, 9, (50, 3))
    own = uwe.select((x * size).astype(kind), 6, strategy="coreset")
    plain = uwe.select(x.astype(np.float64), 6, strategy="coreset")
    assert own.rows.tolist() == plain.rows.tolist()
    assert own.stands_for is not None
    assert plain.stands_for is not None
    assert own.stands_for.tolist() == plain.stands_for.tolist()
    near = assigned(torch.tensor((x * size).astype(kind)), plain.rows)
    gaps = ((x[:, None] - x[plain.rows]) ** 2).sum(2)
    assert near.tolist() == gaps.argmin(1).tolist()


def test_many_classes_are_read_in_blocks() -> None:
    """Blocks of rows give what all rows at once do, and figures need no c x c matrix."""
    rng = np.random.default_rng(0)
    logits, y = rng.normal(size=(900, 20_000)), rng.integers(0, 20_000, 900)
    logits[np.arange(450), y[:450]] += 20
    found = measure(logits, y)
    assert found.accuracy == pytest.approx(0.5, abs=0.01)
    z = torch.tensor(logits)
    whole = torch.nn.functional.cross_entropy(z, torch.tensor(y))
    assert mean_cross_entropy(z, y) == pytest.approx(float(whole), rel=1e-12)
    points = gradient(uwe.Predictions(z, torch.ones(900, 1)), np.arange(900))
    probs = z[700].softmax(0)
    probs[z[700].argmax()] -= 1
    assert points.exact(np.array([700])).sqnorms()[0] == pytest.approx(float(probs @ probs))


@pytest.mark.parametrize(
    ("pool", "values"),
    [("p.csv", 2**60 + 1), ("p.jsonl", 2**63 + 3), ("p.npy", 2**60 + 5), ("p.npz", 2**63 + 7)],
)
def test_whole_numbers_that_float64_rounds_are_said(
    pool: str, values: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Features such as 64-bit hashes lose their last digits, and a word names row and number."""
    path = tmp_path / pool
    if pool == "p.csv":
        path.write_text(f"id,features_0\na,0\nb,{values}\n")
    elif pool == "p.jsonl":
        path.write_text(f'{{"id":"a","features_0":0}}\n{{"id":"b","features_0":{values}}}\n')
    elif pool == "p.npy":
        np.save(path, np.array([[0], [values]]))
    else:
        np.savez(path, features=np.array([[0], [values]], np.uint64))
    command = ["select", str(path), "-k", "1", "--strategy", "coreset"]
    assert main([*command, "-o", str(tmp_path / "picks.csv")]) == 0
    assert str(values) in caplog.text
    assert "2**53" in caplog.text


def test_whole_numbers_that_float64_holds_are_not_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Powers of two are exact at any size; of others only whole numbers are looked at."""
    path = tmp_path / "p.csv"
    path.write_text(f"id,features_0\na,{2**60}\nb,0.1234567890123456789\nc,1e30\n")
    command = ["select", str(path), "-k", "1", "--strategy", "coreset"]
    assert main([*command, "-o", str(tmp_path / "picks.csv")]) == 0
    assert "2**53" not in caplog.text


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_run_says_which_feature_is_rounded(
    suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The column of a table is named, since a model would learn nothing from it."""
    from uwe.data.labelled_rows import load_labelled_rows

    path = tmp_path / f"t{suffix}"
    rows = [{"stamp": 2**60 + 16 * (at % 3), "label": f"c{at % 3}"} for at in range(30)]
    if suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif suffix == ".csv":
        path.write_text("stamp,label\n" + "".join(f"{r['stamp']},{r['label']}\n" for r in rows))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    load_labelled_rows(str(path))
    assert "column 'stamp'" in caplog.text
    assert str(2**60 + 16) in caplog.text


def test_a_number_beyond_float64_in_json_lines_is_named(tmp_path: Path) -> None:
    """A whole number of 400 digits is refused with its line."""
    path = tmp_path / "t.jsonl"
    path.write_text('{"id":"a","features_0":1}\n{"id":"b","features_0":1' + "0" * 400 + "}\n")
    with pytest.raises(DataError, match=r"line 2 of .*'features_0'.*too large for float64"):
        open_table(path).numbers("features_0")
