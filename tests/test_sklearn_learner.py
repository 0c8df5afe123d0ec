"""Classifiers of scikit-learn by name: parameters, probabilities, few labels, and C for texts."""

from __future__ import annotations

import copy
import gc
import json
import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import uwe
from uwe.cli import main
from uwe.errors import InputError, RunError
from uwe.learners import SklearnLearner
from uwe.learners.estimators import Search, make_estimator
from uwe.learners.row_features import features_of
from uwe.learners.sklearn import sklearn_learner
from uwe.tasks import classification

THREE = classification(3)
TWO = classification(2)

sklearn = pytest.importorskip("sklearn")
sp = pytest.importorskip("scipy.sparse")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)


def accuracy(learner: SklearnLearner, rows: Any, x: Any = X) -> float:
    said = learner.predict(learner.fit(x[rows], Y[rows], task=THREE, seed=2**32 - 1), x)
    assert said.first_not_finite() is None
    return float(np.mean(said.predicted() == Y))


def test_old_records_are_equal() -> None:
    """Names, estimators and features stand in the record as they always did."""
    features = {"learner's features": "sparse: truncated SVD, 256 components, seed 0"}
    assert sklearn_learner("sklearn:forest", X).settings == {
        "model": "sklearn:forest",
        "learner's estimator": "RandomForestClassifier(n_estimators=300)",
        **features,
    }
    assert sklearn_learner("sklearn:logistic", X).settings == {
        "model": "sklearn:logistic",
        "learner's estimator": "Pipeline(steps=[('standardscaler', StandardScaler()), "
        "('logisticregression', LogisticRegression(max_iter=1000))])",
        **features,
    }


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("svm.SVC", {"C": "10", "probability": "true"}),
        ("svm.LinearSVC", {}),
        ("linear_model.SGDClassifier", {"loss": "hinge"}),
        ("linear_model.RidgeClassifier", {}),
        ("neighbors.KNeighborsClassifier", {"n_neighbors": "1"}),
        ("gaussian_process.GaussianProcessClassifier", {}),
        ("forest", {"n_estimators": "20"}),
    ],
)
def test_any_classifier_learns_with_probabilities(name: str, options: dict[str, str]) -> None:
    """With many labels, with a class of one row, with one class: no warning and no traceback."""
    learner = sklearn_learner(f"sklearn:{name}", X, options)
    assert accuracy(learner, np.arange(120)) > 0.6
    once = np.flatnonzero(Y == 2)[:1]
    few = [np.flatnonzero(label == Y)[:5] for label in (0, 1)]
    assert accuracy(learner, np.concatenate([*few, once])) > 0.4
    assert accuracy(learner, once) == np.mean(Y == 2)
    assert accuracy(learner, np.concatenate([few[0][:1], once])) > 0


def test_decisions_are_calibrated(caplog: pytest.LogCaptureFixture) -> None:
    """The probabilities are those of CalibratedClassifierCV, in the record; softmax is logged."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import StratifiedKFold
    from sklearn.svm import SVC

    learner = SklearnLearner(SVC(C=3))
    assert "sigmoid of the decisions" in learner.settings["learner's probabilities"]
    said = learner.predict(learner.fit(X, Y, task=THREE, seed=7), X)
    folds = StratifiedKFold(5, shuffle=True, random_state=7)
    theirs = CalibratedClassifierCV(SVC(C=3, random_state=7), ensemble=False, cv=folds).fit(X, Y)
    np.testing.assert_allclose(said.logits.exp(), theirs.predict_proba(X), rtol=1e-5)
    with caplog.at_level(logging.WARNING, "uwe"):
        learner.fit(X[:3], np.array([0, 0, 1]), task=TWO, seed=1)
    assert "class 1 has one labelled row" in caplog.text


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("svn.SVC", {}, "unknown module of scikit-learn 'svn'; did you mean 'svm'"),
        ("svm.SVX", {}, "unknown classifier of sklearn.svm 'SVX'; did you mean 'SVC'"),
        ("svc", {}, "did you mean 'sklearn:svm.SVC'"),
        (
            "svm.SVC",
            {"kernell": "rbf"},
            "unknown parameter of SVC 'kernell'; did you mean 'kernel'",
        ),
        ("svm.SVC", {"C": "much"}, "SVC: The 'C' parameter of SVC must be a float"),
        ("svm.SVR", {}, "sklearn:svm.SVR is a regressor; for classification choose"),
        ("logistics", {}, "did you mean 'logistic'"),
    ],
)
def test_an_unknown_name_or_parameter_is_one_line(
    name: str, options: dict[str, str], words: str
) -> None:
    """Close matches, and the class, are named."""
    with pytest.raises(InputError, match=words) as caught:
        sklearn_learner(f"sklearn:{name}", X, options)
    assert "\n" not in str(caught.value)


def test_what_cannot_judge_is_refused() -> None:
    """A regressor, and a class that takes no sparse rows, before any training."""
    from sklearn.svm import SVR

    with pytest.raises(
        InputError,
        match="SVR is a regressor; for classification choose sklearn:log",
    ):
        SklearnLearner(SVR()).fit(X, Y, task=THREE, seed=1)
    with pytest.raises(InputError, match="takes no sparse rows"):
        sklearn_learner("sklearn:naive_bayes.GaussianNB", sp.csr_matrix(X))
    neighbours = sklearn_learner("sklearn:neighbors.KNeighborsClassifier", X)
    with pytest.raises(RunError, match="cannot predict 120 rows: Expected n_neighbors"):
        accuracy(neighbours, np.flatnonzero(Y < 2)[:3])


def test_a_class_that_was_not_seen_keeps_its_place() -> None:
    """Labels 0 and 2 of 3 classes: class 1 is improbable, not shifted away."""
    from sklearn.naive_bayes import GaussianNB

    x, y = np.array([[0.0], [0.1], [5.0], [5.1]]), np.array([0, 0, 2, 2])
    learner = SklearnLearner(GaussianNB())
    said = learner.predict(learner.fit(x, y, task=THREE, seed=1), x)
    assert said.predicted().tolist() == [0, 0, 2, 2]
    assert (said.logits[:, 1] < -80).all()
    alone = learner.predict(learner.fit(x, np.ones(4, dtype=int), task=THREE, seed=1), x)
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
            learner.fit(x, y, task=TWO, seed=seed),
            rng.normal(size=(9, 4)) * 0 + x[:9],
        )
        for seed in (1, 1, 2)
    ]
    assert said[0].logits.tolist() == said[1].logits.tolist() != said[2].logits.tolist()
    assert not hasattr(learner.estimator[0], "mean_")


def test_features_are_what_the_last_step_but_one_gives() -> None:
    """Features are a pipeline's scaled rows, or sparse text through a recorded SVD that repeats."""
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


def test_values_are_parsed() -> None:
    """Numbers, true, false, none and text."""
    options = {
        "n_estimators": "7",
        "max_depth": "none",
        "bootstrap": "False",
        "max_features": "0.5",
        "criterion": "entropy",
    }
    made, _ = make_estimator("sklearn:forest", options, sparse=False)
    assert (made.n_estimators, made.max_depth, made.bootstrap) == (7, None, False)
    assert (made.max_features, made.criterion) == (0.5, "entropy")


def texts() -> tuple[Any, Any]:
    """Sparse rows whose classes a weak regularisation tells apart."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, 150)
    words = rng.random((150, 400)) < 0.02
    words[np.arange(150), y * 5 + rng.integers(0, 5, 150)] = True
    x = words / np.linalg.norm(words, axis=1, keepdims=True)
    return sp.csr_matrix(x), y


def test_c_is_chosen_on_the_labelled_texts(caplog: pytest.LogCaptureFixture) -> None:
    """The choice is that of the log loss, the same for the same seed, and stands in the record."""
    x, y = texts()
    learner = sklearn_learner("sklearn:logistic", x)
    assert learner.settings["learner's C"].startswith(
        "one of 1, 3, 10, 30, 100, 300, 1000 by 3-fold"
    )
    with caplog.at_level(logging.INFO, "uwe"):
        models = [learner.fit(x, y, task=THREE, seed=seed) for seed in (1, 1)]
    chosen = [model.estimator.C for model in models]
    assert chosen[0] == chosen[1] > 1
    assert f"sklearn:logistic: C is {chosen[0]:g}" in caplog.text
    assert "learner's C" not in sklearn_learner("sklearn:logistic", x, {"C": "5"}).settings
    assert sklearn_learner("sklearn:logistic", X).search is None


@pytest.mark.parametrize(
    ("labels", "searched"),
    [([0, 1, 2], False), ([0, 0, 1], False), ([0, 0, 1, 1, 2], True), ([0] * 9 + [1] * 2, True)],
)
def test_c_with_few_labels(labels: list[int], searched: bool) -> None:
    """Classes with one row take no part; without two other classes C is the larger fixed value."""
    x, _ = texts()
    model = sklearn_learner("sklearn:logistic", x).fit(
        x[: len(labels)], np.array(labels), task=THREE, seed=1
    )
    assert (model.estimator.C == 100) != searched or model.estimator.C in (1, 3, 10, 30, 300, 1000)
    assert model.outputs.seen.tolist() == sorted(set(labels))
    search = Search("C", (7.0,), folds=3, otherwise=5.0)
    from sklearn.linear_model import LogisticRegression

    value = search.chosen(LogisticRegression(), x[: len(labels)], np.array(labels), seed=1)
    assert value == (7.0 if searched else 5.0)


def test_features_of_sparse_rows_are_reduced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same matrix is reduced once, another one anew; rows that are gone are not kept alive."""
    from uwe.learners import row_features as module

    x, y = texts()
    counts: list[int] = []
    dense = module._dense
    monkeypatch.setattr(module, "_dense", lambda rows: counts.append(1) or dense(rows))
    learner = sklearn_learner("sklearn:logistic", x, {"C": 10})
    model = learner.fit(x, y, task=THREE, seed=1)
    for rows in (x, x, x[:100], x):
        learner.predict(model, rows)
    assert len(counts) == 2
    gc.collect()
    learner.predict(model, x[:50])
    assert sum(place() is not None for place, _ in learner._reduced._kept) <= 2


def test_a_learner_is_a_value() -> None:
    """It can be pickled and copied after its use, without what it remembers."""
    x, y = texts()
    learner = sklearn_learner("sklearn:logistic", x, {"C": 10})
    learner.predict(learner.fit(x, y, task=THREE, seed=1), x)
    for other in (pickle.loads(pickle.dumps(learner)), copy.deepcopy(learner)):
        assert other.settings == learner.settings
        assert other._reduced._kept == []


def test_a_class_and_its_options_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options reach the estimator and the record; the runs have jobs, a bound and a plan."""
    command = ["run", "sklearn:wine", "--model", "sklearn:svm.SVC", "--model-option", "C=10"]
    command += ["--model-option", "kernel=poly", "--budgets", "12,24", "--results", str(tmp_path)]
    command += ["--strategy", "uwe", "--strategy", "random", "--run-tag", "t", "--supervised"]
    assert main([*command, "--dry-run"]) == 0
    assert "4 runs in all" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert main([*command, "--jobs", "2", "--threads", "1"]) == 0
    assert "supervised on all 144 labels" in capsys.readouterr().out
    records = [json.loads(path.read_text()) for path in tmp_path.rglob("*_modsklearn-svm*.json")]
    assert len(records) == 4
    assert all("C=10, kernel='poly'" in each["settings"]["learner's estimator"] for each in records)
    assert main([*command, "--model-option", "gama=1"]) == 2
    assert "did you mean 'gamma'" in capsys.readouterr().err
