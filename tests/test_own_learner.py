"""A learner of one's own in the loop, and scikit-learn's classifiers as such."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import uwe
from uwe import journal
from uwe.cli import main
from uwe.data.labelled_rows import load_labelled_rows
from uwe.errors import DataError, InputError, RunError
from uwe.learners.sklearn import SklearnLearner, features_of
from uwe.predictions import Predictions
from uwe.runs.cycles import TIMING_COLUMNS

sklearn = pytest.importorskip("sklearn")

DATA = Path(os.environ.get("UWE_DATA_DIR", Path(__file__).parent.parent.parent / "shared" / "data"))


class Nearest:
    """The nearest class mean; counts how often it is trained."""

    name = "nearest"
    settings = {"p": 2}  # noqa: RUF012

    def __init__(self) -> None:
        self.trained: list[int] = []

    def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> torch.Tensor:
        self.trained.append(len(y))
        there = [x[y == c].mean(0) if (y == c).any() else np.full(x.shape[1], 9e3)
                 for c in range(classes)]  # fmt: skip
        return torch.from_numpy(np.array(there))

    def predict(self, model: torch.Tensor, x: Any) -> Predictions:
        rows = torch.from_numpy(np.asarray(x))
        return Predictions(-torch.cdist(rows, model).float(), rows.float())


@pytest.fixture
def data() -> uwe.Dataset:
    return load_labelled_rows("sklearn:iris")


def table(result: uwe.Result) -> list[dict[str, str]]:
    with result.table.open(newline="") as file:
        return [
            {key: value for key, value in row.items() if key not in TIMING_COLUMNS}
            for row in csv.DictReader(file)
        ]


@pytest.mark.parametrize("strategy", ["uwe", "random", "entropy", "coreset", "badge"])
def test_any_object_with_fit_and_predict_learns(
    strategy: str, data: uwe.Dataset, tmp_path: Path
) -> None:
    """Every budget is trained once, and the table is that of a run."""
    learner = Nearest()
    result = uwe.loop(learner, data, strategy, (6, 12, 30), results=tmp_path)
    assert result.labels.tolist() == learner.trained == [6, 12, 30]
    assert result.accuracy[-1] > 0.8
    assert [int(row["n_labeled"]) for row in table(result)] == [6, 12, 30]


def test_a_finished_run_is_not_done_again(data: uwe.Dataset, tmp_path: Path) -> None:
    """The same call reads what is there; another setting of the learner is refused."""
    first = uwe.loop(Nearest(), data, "uwe", (6, 12), results=tmp_path)
    learner = Nearest()
    again = uwe.loop(learner, data, "uwe", (6, 12), results=tmp_path)
    assert learner.trained == []
    assert again.rows == first.rows
    learner.settings = {"p": 1}
    with pytest.raises(RunError, match="learner's p is 2 there and 1 here"):
        uwe.loop(learner, data, "uwe", (6, 12), results=tmp_path)


@pytest.mark.parametrize("strategy", ["uwe", "badge", "random"])
@pytest.mark.parametrize("at", range(1, 9))
def test_a_killed_run_ends_as_if_it_had_not_been(
    strategy: str, at: int, data: uwe.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after any event, the run goes on with the model trained again."""
    whole = uwe.loop(Nearest(), data, strategy, (6, 12, 30), results=tmp_path / "whole")
    append, count = journal.append, iter(range(100))

    def killed(path: Path, event: Any) -> None:
        if next(count) == at:
            raise KeyboardInterrupt
        append(path, event)

    monkeypatch.setattr(journal, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        uwe.loop(Nearest(), data, strategy, (6, 12, 30), results=tmp_path / "cut")
    monkeypatch.undo()
    learner = Nearest()
    cut = uwe.loop(learner, data, strategy, (6, 12, 30), results=tmp_path / "cut")
    assert table(cut) == table(whole)
    assert len(learner.trained) <= 4


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"budgets": (6, 500)}, "the budget 500 exceeds the pool of 120 rows"),
        ({"budgets": (6, 6)}, "budgets must rise"),
        ({"strategy": "bagde"}, "did you mean 'badge'"),
        ({"strategy": "bald"}, "predict of nearest takes no mc_passes"),
        ({"learner": object()}, "of type object, is no model"),
        ({"options": {"colour": 1}}, "does not use 'colour'"),
        ({"seed": 0}, "seed must be at least 1, not 0"),
    ],
)
def test_what_does_not_fit_writes_nothing(
    changed: dict[str, Any], words: str, data: uwe.Dataset, tmp_path: Path
) -> None:
    """The error comes before the first file."""
    given = {"learner": Nearest(), "strategy": "uwe", "budgets": (6, 12), **changed}
    learner, strategy, budgets = (given.pop(name) for name in ("learner", "strategy", "budgets"))
    with pytest.raises(InputError, match=words):
        uwe.loop(learner, data, strategy, budgets, results=tmp_path / "results", **given)
    assert not (tmp_path / "results").exists()


def test_a_learner_that_skips_rows_is_found_out(data: uwe.Dataset, tmp_path: Path) -> None:
    """As many predictions as rows, and numbers that are finite."""
    learner = Nearest()
    learner.predict = lambda model, x: (torch.zeros(3, 3), torch.zeros(3, 2))
    with pytest.raises(InputError, match="nearest returned 3 rows for 30 items"):
        uwe.loop(learner, data, "uwe", (6, 12), results=tmp_path / "a")
    learner.predict = lambda model, x: (np.full((len(x), 3), np.nan), np.zeros((len(x), 2)))
    with pytest.raises(RunError, match="row 0 is NaN"):
        uwe.loop(learner, data, "uwe", (6, 12), results=tmp_path / "b")


def test_a_class_that_was_not_seen_keeps_its_place() -> None:
    """Labels 0 and 2 of 3 classes: class 1 is improbable, not shifted away."""
    from sklearn.naive_bayes import GaussianNB

    x, y = np.array([[0.0], [0.1], [5.0], [5.1]]), np.array([0, 0, 2, 2])
    learner = SklearnLearner(GaussianNB())
    said = learner.predict(learner.fit(x, y, classes=3, seed=1), x)
    assert said.predicted().tolist() == [0, 0, 2, 2]
    assert (said.logits[:, 1] < -80).all()
    alone = learner.predict(learner.fit(x, np.ones(4, dtype=int), classes=3, seed=1), x)
    assert alone.predicted().tolist() == [1, 1, 1, 1]


def test_the_seed_reaches_every_random_state() -> None:
    """The same seed gives the same forest, also inside a pipeline; the original stays unfitted."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 4)), rng.integers(0, 2, 60)
    learner = SklearnLearner(make_pipeline(StandardScaler(), RandomForestClassifier(5)))
    said = [
        learner.predict(
            learner.fit(x, y, classes=2, seed=seed), rng.normal(size=(9, 4)) * 0 + x[:9]
        )
        for seed in (1, 1, 2)
    ]
    assert said[0].logits.tolist() == said[1].logits.tolist() != said[2].logits.tolist()
    assert not hasattr(learner.estimator[0], "mean_")


def test_features_are_what_the_last_step_but_one_gives() -> None:
    """A pipeline's scaled rows; sparse text through a recorded SVD that repeats."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    scaled = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    features, source = features_of(scaled, x)
    assert source == "step 'standardscaler'"
    np.testing.assert_allclose(features, scaled[0].transform(x), rtol=1e-6)
    texts = [f"word{i % 7} word{i % 5} other{i % 3}" for i in range(40)]
    text = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, y)
    picks = uwe.query(text, texts, 5, labelled=[0, 1])
    assert picks.source == "step 'tfidfvectorizer', truncated SVD of 9 components, seed 0"
    assert picks.rows.tolist() == uwe.query(text, texts, 5, labelled=[0, 1]).rows.tolist()


def test_query_picks_what_select_picks() -> None:
    """The estimator's probabilities and rows, and nothing else."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression

    x, y = load_breast_cancer(return_X_y=True)
    x = (x - x.mean(0)) / x.std(0)
    model = LogisticRegression().fit(x[:40], y[:40])
    for strategy in ("uwe", "badge", "coreset", "random", "entropy"):
        picks = uwe.query(model, x, 8, labelled=range(40), strategy=strategy, seed=3)
        probs = {} if strategy in ("coreset", "random") else {"probs": model.predict_proba(x)}
        there = uwe.select(
            x.astype(np.float32), 8, labelled=range(40), strategy=strategy, seed=3, **probs
        )
        assert picks.rows.tolist() == there.rows.tolist()


def test_an_estimator_that_cannot_is_one_clear_line() -> None:
    """No probabilities, not fitted, no passes."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    x, y = np.eye(4), np.array([0, 1, 0, 1])
    with pytest.raises(InputError, match="LinearSVC has no predict_proba; wrap it"):
        uwe.query(LinearSVC().fit(x, y), x, 1)
    with pytest.raises(InputError, match="LogisticRegression is not fitted"):
        uwe.query(LogisticRegression(), x, 1)
    with pytest.raises(InputError, match="needs stochastic passes"):
        uwe.query(LogisticRegression().fit(x, y), x, 1, strategy="bald")
    assert len(uwe.query(LinearSVC().fit(x, y), x, 1, strategy="coreset")) == 1


def rows_csv(folder: Path, *, bad: str = "") -> Path:
    rng = np.random.default_rng(1)
    lines = ["ids,a,b,kind,words"]
    for row in range(60):
        kind = "x" if row % 3 else "y"
        a = rng.normal() + 3 * (row % 3 == 0)
        lines.append(f"r{row},{a},{rng.normal()},{kind},{kind}word{row % 4} and more")
    if bad:
        lines[5] = bad
    path = folder / "mine.csv"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("model", ["sklearn:logistic", "sklearn:forest"])
@pytest.mark.parametrize("text", [True, False])
def test_uwe_run_takes_tables_and_texts(
    text: bool, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A CSV with a label column is all that is needed; a fifth of each class is held out."""
    path = rows_csv(tmp_path)
    if not text:
        lines = [line.rpartition(",")[0] for line in path.read_text().splitlines()]
        path.write_text("\n".join(lines))
    column = ["--text", "words"] if text else []
    command = ["run", str(path), "--label", "kind", *column, "--model", model]
    command += ["--budgets", "8,16", "--strategy", "uwe", "--strategy", "random"]
    assert main([*command, "--results", str(tmp_path / "results")]) == 0
    assert "mine, sklearn-" in capsys.readouterr().out
    [query] = (tmp_path / "results" / "mine" / "uwe" / "query").glob("*_cycle1_query.csv")
    assert query.read_text().splitlines()[1].split(",")[4].startswith("r")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--label", "sort"], "has no column 'sort'; its columns are ids, a, b, kind, words"),
        (["--label", "kind"], "the column words does not hold numbers alone; --text words"),
        (["--label", "kind", "--text", "word"], "has no column 'word'"),
        (["--label", "kind", "--text", "words", "--epochs", "5"], "--epochs is not used by model"),
        (["--label", "kind", "--text", "words", "--model", "sklearn:logistics"],
         "did you mean 'logistic'"),
        (["--label", "kind", "--text", "words", "--budgets", "10,99"], "exceeds the pool of 48"),
        (["--label", "kind", "--text", "words", "--model", "small"], "rows of mine are no images"),
    ],
)  # fmt: skip
def test_rows_that_do_not_fit(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit code 2, no results."""
    path = rows_csv(tmp_path)
    given = ["--model", "sklearn:logistic", "--budgets", "8,16", *options]
    kept = dict(zip(given[::2], [*given[1::2], ""], strict=False))
    arguments = [part for flag, value in kept.items() for part in (flag, value) if part]
    assert main(["run", str(path), *arguments, "--results", str(tmp_path / "r")]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "r").exists()


def test_broken_labels_and_cells_name_their_row(tmp_path: Path) -> None:
    """An empty label, a cell that is no number, a test label that was never seen."""
    path = rows_csv(tmp_path, bad="r4,1,2,,w")
    with pytest.raises(DataError, match="row 4 has no label in column kind"):
        load_labelled_rows(str(path), label="kind", text="words")
    few = tmp_path / "few.csv"
    few.write_text("a,kind\n1,x\n2,y\n")
    with pytest.raises(DataError, match=r"of 2 rows of .* 0 would be test rows"):
        load_labelled_rows(str(few), label="kind")
    with pytest.raises(DataError, match="there is no nowhere"):
        load_labelled_rows("nowhere")
    with pytest.raises(InputError, match="did you mean 'wine'"):
        load_labelled_rows("sklearn:wines")
    with pytest.raises(InputError, match="knows its labels"):
        load_labelled_rows("sklearn:wine", label="x")


def test_a_network_wants_images(data: uwe.Dataset, tmp_path: Path) -> None:
    """Rows that are no images are refused by name, before anything is written."""
    experiment = uwe.Experiment("iris", budgets=(6, 12), model="small", results=tmp_path / "r")
    with pytest.raises(DataError, match="rows of iris are no images"):
        uwe.run(experiment, dataset=data)
    assert not (tmp_path / "r").exists()


def test_trec_has_its_rows() -> None:
    """The real questions: 5,452 to choose from, 500 to test on, six classes."""
    if not (DATA / "trec").is_dir():
        pytest.skip(f"{DATA}/trec is not there")
    trec = load_labelled_rows("trec", data_dir=DATA, label="coarse_label", text="text")
    assert (len(trec.train), len(trec.test), len(trec.classes)) == (5452, 500, 6)
    assert "ABBR" in trec.classes
