"""Learners of labels and numbers: networks, scikit-learn, and any object with fit and predict."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from uwe.data import UNPREPARED, Preparation
from uwe.errors import InputError, RunError
from uwe.learners import (
    Epoch,
    Learner,
    SklearnLearner,
    TorchLearner,
    Training,
    as_learner,
    check_model,
    make_learner,
)
from uwe.learners.sklearn import sklearn_learner
from uwe.models import Factory, ModelSpec, OwnSpec
from uwe.predictions import Predictions
from uwe.tasks import Task, classification, multilabel, regression
from uwe.testing import LearnerContract

pytest.importorskip("sklearn")

LABELS, NUMBERS = multilabel(3), regression()
X = np.random.default_rng(0).normal(size=(60, 4))
SLOPES = np.random.default_rng(1).normal(size=(4, 3))
FLAGS = (X @ SLOPES > 0.3).astype(np.int8)
Y = 40.0 * (X @ SLOPES[:, 0]) + 1000.0


class Net(nn.Module):
    """A network of one's own, with dropout."""

    def __init__(self, classes: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(shape[0], 32), nn.ReLU(), nn.Dropout(0.1))
        self.head = nn.Linear(32, classes)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.body(x)
        return self.head(features), features


class Flat(Net):
    """Returns a number ``[b]`` instead of ``[b, 1]``."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        out, features = super().forward(x)
        return out[:, 0], features


def network(task: Task, make: Any = Net, *, epochs: int = 120, width: int = 4) -> TorchLearner:
    spec = OwnSpec(Factory(make, "net"), task.width, (width,))
    training = Training(epochs=epochs, batch=16)
    output = next(iter(task.outputs))
    return TorchLearner(spec, training, UNPREPARED, torch.device("cpu"), output=output)


class TestNetworkOfLabels(LearnerContract):
    """A network that gives a logit for each label."""

    task = LABELS

    def make(self) -> Learner:
        return network(LABELS, epochs=2, width=6)


class TestNetworkOfNumbers(LearnerContract):
    """A network that gives a number."""

    task = NUMBERS

    def make(self) -> Learner:
        return network(NUMBERS, epochs=2, width=6)


class TestBuiltInNetworkOfNumbers(LearnerContract):
    """A built-in network on images."""

    task = NUMBERS

    def data(self) -> tuple[Any, Any, Task]:
        x = np.random.default_rng(0).integers(0, 255, (36, 8, 8, 1), dtype=np.uint8)
        return x, x.mean((1, 2, 3)).astype(np.float64), NUMBERS

    def make(self) -> Learner:
        spec = ModelSpec("small", classes=1, image_shape=(8, 8, 1))
        preparation = Preparation((0.5,), (0.5,))
        cpu = torch.device("cpu")
        return TorchLearner(spec, Training(epochs=2), preparation, cpu, output="mean")


class TestForestOfLabels(LearnerContract):
    """A forest takes flags as they are."""

    task = LABELS

    def make(self) -> Learner:
        return sklearn_learner("sklearn:forest", X, {"n_estimators": 10}, task=LABELS)


class TestLogisticOfLabels(LearnerContract):
    """Logistic regression is wrapped."""

    task = LABELS

    def make(self) -> Learner:
        return sklearn_learner("sklearn:logistic", X, task=LABELS)


class TestForestOfNumbers(LearnerContract):
    """A forest of numbers."""

    task = NUMBERS

    def make(self) -> Learner:
        return sklearn_learner("sklearn:forest", X, {"n_estimators": 10}, task=NUMBERS)


class TestRidge(LearnerContract):
    """Bayesian ridge regression of scaled rows."""

    task = NUMBERS

    def make(self) -> Learner:
        return sklearn_learner("sklearn:ridge", X, task=NUMBERS)


class Least:
    """Least squares, with the residual variance."""

    name = "least"

    def fit(self, x: Any, y: Any, *, task: Task, seed: int) -> Any:
        rows = np.column_stack([x, np.ones(len(x))]).astype(np.float64)
        weights = np.linalg.lstsq(rows, y, rcond=None)[0]
        return weights, float(np.mean((rows @ weights - y) ** 2))

    def predict(self, model: Any, x: Any) -> Any:
        weights, variance = model
        mean = (np.column_stack([x, np.ones(len(x))]) * weights).sum(1)
        return (mean, np.full(len(x), variance)), None


class TestLeast(LearnerContract):
    """An object with fit and predict that returns a mean and a variance, and no features."""

    learner = Least()
    task = NUMBERS


def test_a_network_learns_labels() -> None:
    """The binary loss falls, each label is predicted, and no accuracy is measured."""
    told: list[Epoch] = []
    ours = network(LABELS)
    model = ours.fit(X, FLAGS, task=LABELS, seed=1, progress=told.append)
    assert told[-1].loss < told[0].loss
    assert {each.accuracy for each in told} == {None}
    said = ours.predict(model, X)
    assert said.fields == {"binary_logits", "features"}
    assert LABELS.headline.of(said, FLAGS) > 0.9


@pytest.mark.parametrize("make", [Net, Flat])
def test_a_network_learns_numbers_of_any_size(make: Any, tmp_path: Path) -> None:
    """Labels around 1000 are learnt in their own unit; a saved model keeps it; so do passes."""
    told: list[Epoch] = []
    ours = network(NUMBERS, make)
    model = ours.fit(X, Y, task=NUMBERS, seed=1, progress=told.append)
    said = ours.predict(model, X)
    assert said.field("mean").shape == (60,)
    assert NUMBERS.metric("r2").of(said, Y) > 0.9
    assert told[0].loss == pytest.approx(float(np.var(Y)), rel=0.5)
    ours.save(model, tmp_path / "m.safetensors")
    loaded = ours.load(tmp_path / "m.safetensors")
    assert torch.equal(ours.predict(loaded, X).field("mean"), said.field("mean"))
    passes = ours.predict_passes(model, X, passes=4, seed=2).field("mc_mean")
    assert passes.shape == (4, 60)
    assert float((passes.mean(0) - said.field("mean")).abs().mean()) < float(np.std(Y)) / 2


def test_a_warm_start_learns_numbers_on() -> None:
    """It begins from the earlier weights, and scales by the labels that it is given."""
    ours = network(NUMBERS, epochs=20)
    start = ours.fit(X[:30], Y[:30], task=NUMBERS, seed=1)
    warm = ours.fit_from(start, X, 2 * Y, task=NUMBERS, seed=1, perturb_seed=2)
    mean = ours.predict(warm, X).field("mean")
    assert float(mean.mean()) == pytest.approx(2 * Y.mean(), rel=0.05)
    assert start.scale == (float(np.mean(Y[:30])), float(np.std(Y[:30])))


def test_a_network_for_another_task_is_refused() -> None:
    """Its output, its width, and a task without a loss."""
    with pytest.raises(InputError, match="gives logits, and task multilabel is learnt by binary"):
        replace(network(LABELS), output="logits").fit(X, FLAGS, task=LABELS, seed=1)
    with pytest.raises(InputError, match="has 3 classes, but the data has 4"):
        network(LABELS).fit(X, FLAGS, task=multilabel(4), seed=1)
    with pytest.raises(InputError, match="task regression has no training loss"):
        network(NUMBERS).fit(X, Y, task=replace(NUMBERS, loss=None), seed=1)
    with pytest.raises(InputError, match="network small does not train for it"):
        check_model("small", {}, {}, task=replace(NUMBERS, loss=None))


@pytest.mark.parametrize("task", [LABELS, NUMBERS], ids=lambda task: task.name)
def test_models_by_name_are_made_for_the_task(task: Task) -> None:
    """A network gets the width and the output of the data set's task, scikit-learn the kind."""
    dataset: Any = SimpleNamespace(
        name="rows",
        task=task,
        preparation=UNPREPARED,
        image_shape=(8, 8, 1),
        train=SimpleNamespace(x=X.astype(np.float32)),
    )
    made = make_learner(Net, dataset, network={"epochs": 1, "device": "cpu"})
    assert isinstance(made, TorchLearner)
    assert (made.spec.classes, made.output) == (task.width, next(iter(task.outputs)))
    assert made.settings["output"] == made.output
    forest = make_learner("sklearn:forest", dataset)
    kind = {"multilabel": "Classifier", "regression": "Regressor"}[task.name]
    assert f"RandomForest{kind}(n_estimators=300)" in forest.settings["learner's estimator"]


@pytest.mark.parametrize(
    ("model", "task", "words"),
    [
        (
            "logistic",
            NUMBERS,
            "sklearn:logistic is a classifier; for regression choose sklearn:",
        ),
        ("svm.SVC", NUMBERS, "sklearn:svm.SVC is a classifier; for regression choose"),
        ("ridge", LABELS, "sklearn:ridge is a regressor; for multilabel choose sklearn:log"),
        ("ridge", classification(2), "choose sklearn:logistic or sklearn:forest"),
        ("svm.SVX", NUMBERS, "unknown regressor of sklearn.svm 'SVX'"),
        ("cluster.KMeans", NUMBERS, "is neither a classifier nor a regressor"),
    ],
)
def test_a_model_of_the_wrong_kind_says_what_to_choose(model: str, task: Task, words: str) -> None:
    """Before any training; without the task, a name of either kind is accepted."""
    with pytest.raises(InputError, match=words):
        check_model(f"sklearn:{model}", {}, {}, task=task)
    with pytest.raises(InputError, match=words):
        sklearn_learner(f"sklearn:{model}", X, task=task)


def test_a_name_of_either_kind_passes_without_the_task() -> None:
    """So do parameters that only the regressor of a short name has."""
    for name in ("logistic", "ridge", "forest", "svm.SVR", "svm.SVC"):
        check_model(f"sklearn:{name}", {}, {})
    check_model("sklearn:forest", {"criterion": "absolute_error"}, {})
    check_model("sklearn:forest", {"class_weight": "balanced"}, {})
    with pytest.raises(InputError, match="unknown parameter of RandomForestClassifier 'colour'"):
        check_model("sklearn:forest", {"colour": "red"}, {})


CLASSIFIERS = {
    "ensemble.RandomForestClassifier": {"n_estimators": 20},
    "neighbors.KNeighborsClassifier": {"n_neighbors": 3},
    "neural_network.MLPClassifier": {"max_iter": 5},
    "naive_bayes.GaussianNB": {},
    "linear_model.RidgeClassifier": {},
    "svm.SVC": {},
    "linear_model.SGDClassifier": {},
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_any_classifier_learns_labels(name: str) -> None:
    """Also where a label is always or never there, and where all are: finite, and no warning."""
    learner = sklearn_learner(f"sklearn:{name}", X, CLASSIFIERS[name], task=LABELS)
    always = FLAGS.copy()
    always[:, 1], always[:, 2] = 1, 0
    for flags in (FLAGS, always, np.tile(np.int8([1, 0, 1]), (60, 1)), FLAGS[:, ::-1].copy()):
        said = learner.predict(learner.fit(X, flags, task=LABELS, seed=1), X)
        assert said.first_not_finite() is None
        constant = flags.all(0) | ~flags.any(0)
        found = LABELS.predicted(said)
        assert np.array_equal(found[:, constant], flags[:, constant])
        assert np.mean(found == flags) > 0.5
    native = learner.settings["learner's labels"] == "as they are"
    assert native == name.startswith(("ensemble", "neighbors", "neural", "linear_model.Ridge"))


def test_logits_of_labels_are_log_odds() -> None:
    """log p - log(1 - p) of what predict_proba gives; certain ones stop at float32's least."""
    from sklearn.ensemble import RandomForestClassifier

    learner = SklearnLearner(RandomForestClassifier(7, max_depth=2))
    model = learner.fit(X, FLAGS, task=LABELS, seed=1)
    p = np.column_stack([each[:, 1] for each in model.estimator.predict_proba(X)])
    found = learner.predict(model, X).field("binary_logits").double().sigmoid()
    np.testing.assert_allclose(found, p, atol=1e-6)
    one = learner.predict(learner.fit(X, FLAGS * 0 + 1, task=LABELS, seed=1), X)
    assert one.field("binary_logits").unique().tolist() == pytest.approx([87.3365], abs=1e-3)


def test_wrappers_of_scikit_learn_are_left_as_they_are() -> None:
    """One label that varies, three that do, and a pipeline whose scaler gives the features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    single = FLAGS.copy()
    single[:, 1:] = 0
    for wrapper in (MultiOutputClassifier, ClassifierChain):
        learner = SklearnLearner(wrapper(LogisticRegression()), task=LABELS)
        assert learner.settings["learner's labels"] == "as they are"
        for flags in (FLAGS, single):
            said = learner.predict(learner.fit(X, flags, task=LABELS, seed=1), X)
            assert np.mean(LABELS.predicted(said) == flags) > 0.9
    scaled = SklearnLearner(make_pipeline(StandardScaler(), LogisticRegression()), task=LABELS)
    said = scaled.predict(scaled.fit(9 * X, FLAGS, task=LABELS, seed=1), 9 * X)
    assert said.field("features").std(0, correction=0).tolist() == pytest.approx([1.0] * 4)


REGRESSORS = {
    "ensemble.ExtraTreesRegressor": True,
    "ensemble.BaggingRegressor": True,
    "ensemble.GradientBoostingRegressor": False,
    "linear_model.ARDRegression": True,
    "gaussian_process.GaussianProcessRegressor": True,
    "linear_model.Ridge": False,
    "svm.SVR": False,
    "neighbors.KNeighborsRegressor": False,
}


@pytest.mark.parametrize("name", REGRESSORS)
def test_any_regressor_learns_numbers(name: str) -> None:
    """The variance is given where it is known, and nowhere else; equal labels are learnt, too."""
    learner = sklearn_learner(f"sklearn:{name}", X, task=NUMBERS)
    for y in (X[:, 0], np.ones(60)):
        said = learner.predict(learner.fit(X, y, task=NUMBERS, seed=1), X)
        assert said.first_not_finite() is None
        assert ("variance" in said.outputs) == REGRESSORS[name]
    assert (said.field("mean") - 1).abs().max() < 1e-3


def test_the_variance_of_a_forest_is_that_of_its_trees() -> None:
    """The population variance over the trees; of bagging, each on its own columns."""
    from sklearn.ensemble import BaggingRegressor

    learner = sklearn_learner("sklearn:forest", X, {"n_estimators": 11}, task=NUMBERS)
    model = learner.fit(X, Y, task=NUMBERS, seed=1)
    trees = np.stack([tree.predict(X) for tree in model.estimator.estimators_])
    said = learner.predict(model, X)
    np.testing.assert_allclose(said.field("variance"), trees.var(0), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(said.field("mean"), trees.mean(0), rtol=1e-6)
    bagging = SklearnLearner(BaggingRegressor(n_estimators=5, max_features=2))
    fitted = bagging.fit(X, Y, task=NUMBERS, seed=1)
    members = [
        each.predict(X[:, columns])
        for each, columns in zip(
            fitted.estimator.estimators_, fitted.estimator.estimators_features_, strict=True
        )
    ]
    found = bagging.predict(fitted, X).field("variance")
    np.testing.assert_allclose(found, np.var(members, axis=0), rtol=1e-5, atol=1e-9)


def test_a_fit_that_does_not_converge_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """It is no warning, which a run would not show."""
    learner = sklearn_learner("sklearn:neural_network.MLPRegressor", X, {"max_iter": 2},
                              task=NUMBERS)  # fmt: skip
    with caplog.at_level(logging.WARNING, "uwe"):
        learner.fit(X, Y, task=NUMBERS, seed=1)
    assert "did not converge; warnings: 1, the first: Stochastic Optimizer" in caplog.text


def plain(said: Any, task: Task = NUMBERS, fit: Any = None) -> Predictions:
    """What an adapter makes of what ``predict`` returns for five rows."""

    def own(self: Any, x: Any, y: Any, *, task: Task, seed: int) -> Task:
        return task

    methods = {"fit": fit or own, "predict": lambda self, model, x: said}
    learner = as_learner(type("Own", (), methods)())
    return learner.predict(learner.fit(X[:5], Y[:5], task=task, seed=1), X[:5])


FIVE = np.arange(5.0)


@pytest.mark.parametrize(
    ("said", "task", "shapes"),
    [
        (FIVE, NUMBERS, {"mean": [5]}),
        (FIVE[:, None], NUMBERS, {"mean": [5]}),
        ((FIVE, None), NUMBERS, {"mean": [5]}),
        (((FIVE, FIVE), None), NUMBERS, {"mean": [5], "variance": [5]}),
        (((FIVE[:, None], FIVE[:, None]), X[:5]), NUMBERS,
         {"mean": [5], "variance": [5], "features": [5, 4]}),
        (X[:5, :3], LABELS, {"binary_logits": [5, 3]}),
        ((X[:5, :3].tolist(), X[:5]), LABELS, {"binary_logits": [5, 3], "features": [5, 4]}),
        (FIVE, multilabel(1), {"binary_logits": [5, 1]}),
        ((FIVE, None), classification(2), {"logits": [5, 2]}),
        ((FIVE[:, None], None), classification(2), {"logits": [5, 2]}),
        (Predictions(outputs={"mean": torch.zeros(5, 1)}, passes={"mean": torch.zeros(3, 5, 1)}),
         NUMBERS, {"mean": [5], "mc_mean": [3, 5]}),
        (Predictions(passes={"logits": torch.zeros(3, 5)}), classification(2),
         {"mc_logits": [3, 5, 2]}),
        (Predictions(passes={"binary_logits": torch.zeros(2, 5, 3)}), LABELS,
         {"mc_binary_logits": [2, 5, 3]}),
    ],
)  # fmt: skip
def test_what_predict_may_return(said: Any, task: Task, shapes: dict[str, list[int]]) -> None:
    """By the task: outputs alone or beside features, in one axis or two."""
    found = plain(said, task)
    assert {name: list(found.field(name).shape) for name in found.fields} == shapes
    assert all(found.field(name).is_floating_point() for name in found.fields)


def test_a_single_logit_is_that_of_the_second_class() -> None:
    """Its two columns are 0 and the logit."""
    found = plain((FIVE, None), classification(2))
    assert found.logits.tolist() == [[0.0, value] for value in FIVE]


@pytest.mark.parametrize(
    ("said", "task", "words"),
    [
        ((X[:5, :2], None), NUMBERS, r"mean of shape \[5, 2\] for 5 items; expected is \[n\]"),
        ((X[:5, :2], None), LABELS, r"binary_logits of shape \[5, 2\] for 5 items and 3 classes"),
        ((FIVE, None), classification(3), r"logits of shape \[5\] for 5 items and 3 classes"),
        ((FIVE[:4], None), NUMBERS, "returned 4 rows for 5 items"),
        ((FIVE, FIVE), NUMBERS, r"features of shape \[5\]; they are \[n, d\]; a mean and a var"),
        (Predictions(torch.zeros(5, 3)), LABELS, "returned no binary_logits, which the task needs"),
        (Predictions(outputs={"mean": torch.zeros(5)}, passes={"mean": torch.zeros(2, 5, 1)[..., 0]}
                     ).having(variance=torch.zeros(5, 2)), NUMBERS, r"variance of shape \[5, 2\]"),
        ("words", NUMBERS, r"returned a str; it returns Predictions, or a pair \(means"),
        ((["a"] * 5, None), NUMBERS, "returned mean that are no numbers"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_one_line(said: Any, task: Task, words: str) -> None:
    """Both shapes are named."""
    with pytest.raises(InputError, match=words) as caught:
        plain(said, task)
    assert "\n" not in str(caught.value)


def test_fit_is_given_the_task_or_the_number_of_classes() -> None:
    """By its signature; a fit that takes neither is refused."""
    given: list[Any] = []

    def by_task(self: Any, x: Any, y: Any, *, task: Task, seed: int) -> None:
        given.append(task)

    def by_classes(self: Any, x: Any, y: Any, *, classes: int, seed: int) -> None:
        given.append(classes)

    for fit in (by_task, by_classes):
        plain(X[:5, :3], LABELS, fit)
    assert given == [LABELS, 3]
    with pytest.raises(InputError, match=r"cannot be called as fit\(x, y, classes=..., seed"):
        plain(FIVE, NUMBERS, lambda self, x, y, *, seed: None)


def test_a_model_that_is_loaded_is_read_by_the_adapters_task(tmp_path: Path) -> None:
    """The file is the object's own and does not say what was learnt."""

    class Kept(Least):
        def save(self, model: Any, path: Path) -> None:
            np.save(path, np.append(*model))

        def load(self, path: Path) -> Any:
            found = np.load(path)
            return found[:-1], float(found[-1])

    learner = as_learner(Kept(), task=NUMBERS)
    model = learner.fit(X, Y, task=NUMBERS, seed=1)
    learner.save(model, tmp_path / "m.npy")
    again = learner.predict(learner.load(tmp_path / "m.npy"), X)
    assert torch.equal(again.field("mean"), learner.predict(model, X).field("mean"))


def test_a_regressor_of_scikit_learn_is_adapted() -> None:
    """Numbers by default, and refused for classes."""
    from sklearn.linear_model import Ridge

    learner = as_learner(Ridge())
    said = learner.predict(learner.fit(X, Y, task=NUMBERS, seed=1), X)
    assert said.fields == {"mean", "features"}
    with pytest.raises(InputError, match="Ridge is a regressor; for multilabel choose"):
        as_learner(Ridge(), task=LABELS)
    with pytest.raises(RunError, match="cannot be trained on 60 labelled rows"):
        learner.fit(X, np.full(60, np.nan), task=NUMBERS, seed=1)
