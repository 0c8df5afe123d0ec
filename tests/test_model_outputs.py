"""What models give is looked at: their own picks, or one line that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import uwe
from uwe.errors import InputError, UweError
from uwe.learners import as_learner
from uwe.pool import Pool
from uwe.strategies import Question, find_strategy
from uwe.tasks import classification

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 3)), np.arange(60) % 3
TEXTS = [f"{'abc'[row % 3]}xy word{row % 7}" for row in range(60)]
LOGITS = RNG.integers(-4, 4, (60, 3)).astype(np.float32)


class Own:
    """A learner whose predict gives what a test says."""

    name = "mine"

    def __init__(self, said: Callable[[Any], Any]) -> None:
        self.said = said

    def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> None: ...

    def predict(self, model: None, x: Any) -> Any:
        return self.said(x)


def predicted(said: Callable[[Any], Any], classes: int = 3) -> uwe.Predictions:
    task = classification(classes)
    learner = as_learner(Own(said), task=task)
    return learner.predict(learner.fit(X, Y, task=task, seed=1), X)


TAKEN: dict[str, Callable[[Any], Any]] = {
    "tensors": lambda x: (torch.tensor(LOGITS), torch.tensor(x)),
    "arrays": lambda x: (LOGITS, x),
    "lists": lambda x: (LOGITS.tolist(), x.tolist()),
    "lists alone": lambda x: LOGITS.tolist(),
    "an array alone": lambda x: LOGITS,
    "a gradient": lambda x: (torch.tensor(LOGITS, requires_grad=True), None),
    "bfloat16": lambda x: (torch.tensor(LOGITS).bfloat16(), torch.tensor(x).bfloat16()),
    "float8": lambda x: torch.tensor(LOGITS).to(torch.float8_e4m3fn),
    "whole numbers": lambda x: (LOGITS.astype(int), x),
    "a list of rows": lambda x: (list(torch.tensor(LOGITS)), x),
    "Predictions": lambda x: uwe.Predictions(torch.tensor(LOGITS)),
}


@pytest.mark.parametrize("name", TAKEN)
def test_logits_of_any_type_are_the_logits(name: str) -> None:
    """The numbers arrive as they are, in float32 or float64."""
    found = predicted(TAKEN[name])
    assert np.array_equal(found.logits.numpy(), LOGITS)
    assert found.logits.dtype in (torch.float32, torch.float64)


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "nothing": (lambda x: None, "returned None; it returns Predictions, or a pair"),
    "a triple": (lambda x: (LOGITS, x, 1), "returned a tuple of 3; it returns"),
    "a dictionary": (lambda x: {"logit": LOGITS}, "returned a dict with the keys 'logit'; it"),
    "a number": (lambda x: 3.0, "returned a float; it returns"),
    "a generator": (lambda x: (row for row in LOGITS), "returned a generator; it returns"),
    "too few rows": (lambda x: (LOGITS[1:], x), "returned 59 rows for 60 items"),
    "too few features": (lambda x: (LOGITS, x[1:]), "logits of 60 rows, but features of 59"),
    "too few classes": (
        lambda x: (LOGITS[:, :2], x), "logits of 2 classes, but there are 3: .*its column"),
    "too many classes": (lambda x: np.ones((60, 4)), r"shape \[60, 4\] for 60 items and 3 clas"),
    "one column of three": (lambda x: np.ones((60, 1)), r"shape \[60, 1\] for 60 items and 3"),
    "flat features": (lambda x: (LOGITS, x[:, 0]), r"features of shape \[60\]; they are \[n, d\]"),
    "text": (lambda x: (LOGITS.astype(str), x), "returned logits that are no numbers"),
    "complex": (lambda x: (LOGITS + 0j, x), "complex numbers"),
    "masked": (lambda x: np.ma.MaskedArray(LOGITS, mask=LOGITS > 2), "is a masked array"),
    "without values": (lambda x: torch.ones(60, 3, device="meta"), "device meta"),
    "sparse": (lambda x: torch.tensor(LOGITS).to_sparse(), "logits is sparse"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_names_the_learner(name: str) -> None:
    """One line with both numbers."""
    said, words = REFUSED[name]
    with pytest.raises(InputError, match=words) as caught:
        predicted(said)
    assert "mine" in str(caught.value) or "but features of" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_run_needs_no_features_where_the_strategy_needs_none(tmp_path: Path) -> None:
    """Features None: entropy picks its rows, and coreset is refused by name."""

    def said(x: Any) -> Any:
        return np.abs(x), None  # the last class is as likely as its row's third number

    data = uwe.Dataset.from_rows("rows", (X, Y), (X[:9], Y[:9]))
    result = uwe.loop(Own(said), data, "entropy", budgets=(6, 12), results=tmp_path / "a")
    assert result.labels.tolist() == [6, 12]
    with pytest.raises(InputError, match="strategy coreset needs features"):
        uwe.loop(Own(said), data, "coreset", budgets=(6, 12), results=tmp_path / "b")


def test_one_column_is_two_classes_everywhere() -> None:
    """The rows nearest to a probability of one half, in select and of a learner; else refused."""
    z = RNG.normal(size=(60, 1))
    nearest = np.argsort(abs(z[:, 0]))[:5].tolist()
    assert uwe.select(None, 5, logits=z, strategy="entropy").rows.tolist() == nearest
    assert uwe.select(None, 5, probs=1 / (1 + np.exp(-z)), strategy="entropy").rows[0] == nearest[0]
    for given in (z, z[:, 0], torch.tensor(z)):
        found = predicted(lambda x, given=given: given, classes=2)
        question = Question(found, Pool.untouched(60), seed=1)
        assert find_strategy("entropy").query(question, 5).rows.tolist() == nearest
    alone = Question(uwe.Predictions(torch.tensor(z)), Pool.untouched(60), seed=1)
    with pytest.raises(InputError, match="needs the logits of two classes or more"):
        find_strategy("entropy").query(alone, 5)


def sklearn_models() -> dict[str, Any]:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
    from sklearn.pipeline import Pipeline, make_pipeline

    def pipeline() -> Any:
        return make_pipeline(TfidfVectorizer(), LogisticRegression())

    grid = {"logisticregression__C": [1.0]}
    return {
        "grid search": GridSearchCV(pipeline(), grid, cv=2),
        "random search": RandomizedSearchCV(pipeline(), grid, n_iter=1, cv=2),
        "search in a search": GridSearchCV(GridSearchCV(pipeline(), grid, cv=2), {"cv": [2]}, cv=2),
        "search in a pipeline": make_pipeline(
            TfidfVectorizer(), GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2)
        ),
        "pipeline in a pipeline": Pipeline([("inner", pipeline())]),
        "two pipelines": make_pipeline(
            TfidfVectorizer(), make_pipeline("passthrough", LogisticRegression())
        ),
        "calibration": CalibratedClassifierCV(pipeline(), cv=2, ensemble=False),
    }


@pytest.mark.parametrize(
    "name",
    ["grid search", "random search", "search in a search", "search in a pipeline",
     "pipeline in a pipeline", "two pipelines", "calibration"],
)  # fmt: skip
def test_features_are_those_of_the_fitted_pipeline_inside(name: str) -> None:
    """The distances are those of the pipeline alone; its words of a text are the same."""
    pytest.importorskip("sklearn")
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    plain = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, Y)
    model = sklearn_models()[name].fit(TEXTS, Y)
    own = uwe.query(model, TEXTS, 5, strategy="coreset")
    assert own.rows.tolist() == uwe.query(plain, TEXTS, 5, strategy="coreset").rows.tolist()
    assert "SVD" in own.source
    entropy = uwe.query(model, TEXTS, 5, strategy="entropy")
    by_hand = uwe.select(None, 5, probs=model.predict_proba(TEXTS), strategy="entropy")
    assert entropy.rows.tolist() == by_hand.rows.tolist()


def test_rows_of_any_kind_serve_where_no_features_are_needed() -> None:
    """Gaps and categories: entropy and random pick, coreset says which row is in the way."""
    pytest.importorskip("sklearn")
    pandas = pytest.importorskip("pandas")
    from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier

    gaps = X.copy()
    gaps[4, 1] = np.nan
    boosted = HistGradientBoostingClassifier(max_iter=3).fit(gaps, Y)
    frame = pandas.DataFrame({"a": X[:, 0], "b": pandas.Categorical(np.array(list("abc"))[Y])})
    of_frame = HistGradientBoostingClassifier(max_iter=3, categorical_features="from_dtype")
    texts = VotingClassifier([("a", sklearn_models()["two pipelines"])], voting="soft")
    cases = [(boosted, gaps), (of_frame.fit(frame, Y), frame), (texts.fit(TEXTS, Y), TEXTS)]
    for model, rows in cases:
        own = uwe.query(model, rows, 5, strategy="entropy")
        by_hand = uwe.select(None, 5, probs=model.predict_proba(rows), strategy="entropy")
        assert own.rows.tolist() == by_hand.rows.tolist()
        assert (own.source, own.distance) == ("none", None)
        random = uwe.query(model, rows, 5, strategy="random", seed=3).rows.tolist()
        assert random == uwe.select(X, 5, strategy="random", seed=3).rows.tolist()
        with pytest.raises(InputError, match="the estimator's rows"):
            uwe.query(model, rows, 5, strategy="coreset")
    with pytest.raises(InputError, match=r"row 4 holds NaN.*SimpleImputer"):
        uwe.query(boosted, gaps, 5, strategy="uwe")


def test_gaps_in_a_run_serve_entropy(tmp_path: Path) -> None:
    """A run of an estimator that takes NaN needs no features for entropy, either."""
    pytest.importorskip("sklearn")
    from sklearn.ensemble import HistGradientBoostingClassifier

    gaps = X.copy()
    gaps[::7, 1] = np.nan
    data = uwe.Dataset.from_rows("gaps", (gaps, Y), (gaps[:9], Y[:9]))
    model = HistGradientBoostingClassifier(max_iter=2)
    result = uwe.loop(model, data, "entropy", budgets=(20, 25), results=tmp_path / "a")
    assert result.labels.tolist() == [20, 25]
    with pytest.raises(UweError, match="strategy coreset needs features"):
        uwe.loop(model, data, "coreset", budgets=(20, 25), results=tmp_path / "b")


@pytest.mark.parametrize("strategy", ["coreset", "entropy", "random", "uwe"])
def test_an_estimator_that_is_not_fitted_is_one_line(strategy: str) -> None:
    """For every strategy, and around every wrapper."""
    pytest.importorskip("sklearn")
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    models = [LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression()),
              *sklearn_models().values(), RandomForestRegressor(), Ridge()]  # fmt: skip
    for model in models:
        words = "is not fitted" if strategy != "entropy" else "is not fitted|entropy"
        with pytest.raises(InputError, match=words) as caught:
            uwe.query(model, X, 2, strategy=strategy)
        assert "\n" not in str(caught.value)


def test_what_an_estimator_cannot_do_is_one_line() -> None:
    """Rows of another width, no probabilities, a class instead of a model, one class only."""
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LogisticRegression, RidgeClassifier
    from sklearn.model_selection import GridSearchCV
    from sklearn.naive_bayes import GaussianNB
    from sklearn.svm import LinearSVC

    model = LogisticRegression().fit(X, Y)
    unrefitted = GridSearchCV(model, {"C": [1.0]}, refit=False).fit(X, Y)
    sure = GaussianNB().fit(X[:5], np.zeros(5))
    for given, rows, words in (
        (model, X[:, :2], "LogisticRegression cannot predict the rows: ValueError: X has 2 feat"),
        (model, None, r"x must hold one row after another"),
        (LogisticRegression, X, "LogisticRegression cannot predict; give a fitted"),
        ("logistic", X, "str cannot predict; give a fitted"),
        (unrefitted, X, r"GridSearchCV cannot predict; .*refit=True"),
        (LinearSVC().fit(X, Y), X, "LinearSVC has no predict_proba; wrap it"),
        (RidgeClassifier().fit(X, Y), X, "RidgeClassifier has no predict_proba; wrap it"),
        (sure, X, "GaussianNB was fitted on one class only"),
    ):
        with pytest.raises(InputError, match=words):
            uwe.query(given, rows, 3, strategy="entropy")
    assert len(uwe.query(sure, X, 3, strategy="coreset")) == 3
    assert len(uwe.query(LinearSVC().fit(X, Y), X, 3, strategy="coreset")) == 3


def test_an_object_without_scikit_learns_tags_is_a_classifier() -> None:
    """predict and predict_proba are enough; labels may be text."""
    pytest.importorskip("sklearn")

    class Plain:
        def predict(self, x: Any) -> Any:
            return np.array(["yes"] * len(x))

        def predict_proba(self, x: Any) -> Any:
            p = 1 / (1 + np.exp(-np.asarray(x)[:, 0]))
            return np.column_stack([p, 1 - p])

    nearest = np.argsort(abs(X[:, 0]))[:4].tolist()
    assert uwe.query(Plain(), X, 4, strategy="entropy").rows.tolist() == nearest


def test_columns_follow_the_classes_of_the_estimator(tmp_path: Path) -> None:
    """The user's own estimator may order its classes otherwise; the accuracy is its own."""
    pytest.importorskip("sklearn")
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Backwards(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        def fit(self, x: Any, y: Any) -> Any:
            self.classes_ = np.unique(y)[::-1]
            self.means_ = np.stack([x[y == label].mean(0) for label in self.classes_])
            return self

        def predict_proba(self, x: Any) -> Any:
            odds = np.exp(-((x[:, None] - self.means_) ** 2).sum(2))
            return odds / odds.sum(1, keepdims=True)

        def predict(self, x: Any) -> Any:
            return self.classes_[self.predict_proba(x).argmax(1)]

    class Wrong(Backwards):
        def predict_proba(self, x: Any) -> Any:
            return super().predict_proba(x) * 2

    far = X + 10 * Y[:, None]
    data = uwe.Dataset.from_rows("far", (far, Y), (far, Y))
    result = uwe.loop(Backwards(), data, "entropy", budgets=(30, 40), results=tmp_path)
    assert result.accuracy.tolist() == [1.0, 1.0]
    with pytest.raises(UweError, match="predict_proba of Wrong gave no probabilities for row 0"):
        uwe.loop(Wrong(), data, "entropy", budgets=(30, 40), results=tmp_path)
