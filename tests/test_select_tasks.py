"""`uwe.select` and `uwe.query` for labels, numbers and ensembles."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import uwe
from uwe.errors import InputError
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.strategies import Question, find_strategy
from uwe.tasks import classification, multilabel, regression

N, C = 50, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 6))
LOGITS = RNG.normal(scale=2, size=(N, C))
PROBS = 1 / (1 + np.exp(-LOGITS))
MEAN, STD = RNG.normal(size=N), RNG.random(N) + 0.1
STRATEGIES = ["uwe", "badge", "coreset", "entropy", "bvsb", "least_confident", "random"]


def binary_entropies(p: np.ndarray) -> np.ndarray:
    return -(p * np.log(p) + (1 - p) * np.log(1 - p))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_labels_are_picked_as_in_a_run(strategy: str) -> None:
    """Probabilities and logits of labels give the rows of a strategy inside a run."""
    said = Predictions(
        outputs={"binary_logits": torch.from_numpy(LOGITS).float()},
        features=torch.from_numpy(X),
    )
    asked = Question(said, Pool.untouched(N), 2, task=multilabel(C))
    there = list(find_strategy(strategy).query(asked, 8))
    for output in ({"logits": LOGITS}, {"probs": PROBS}):
        picks = uwe.select(X, 8, **output, task="multilabel", strategy=strategy, seed=2)
        assert list(picks) == there
        if strategy in ("uwe", "entropy"):
            expected = binary_entropies(PROBS).mean(1)[picks.rows]
            assert picks.measure == "entropy"
            assert picks.uncertainty == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("reduce", ["mean", "max", "sum"])
def test_the_reduction_of_labels_is_an_option(reduce: str) -> None:
    """It is the task's option; beside a task that has none it is refused."""
    picks = uwe.select(None, 5, probs=PROBS, task="multilabel", reduce=reduce, strategy="entropy")
    expected = getattr(binary_entropies(PROBS), reduce)(1)
    assert list(picks) == np.argsort(-expected, kind="stable")[:5].tolist()
    with pytest.raises(InputError, match="task classification does not use 'reduce'"):
        uwe.select(X, 5, logits=LOGITS, reduce=reduce)


def test_sigmoid_and_softmax_are_never_mixed() -> None:
    """The same logits rank differently as labels and as classes; probabilities say which."""
    labels = uwe.select(None, 9, logits=LOGITS, task="multilabel", strategy="entropy")
    classes = uwe.select(None, 9, logits=LOGITS, strategy="entropy")
    assert list(labels) != list(classes)
    with pytest.raises(InputError, match=r"each label has its own probab.*multilabel"):
        uwe.select(X, 5, probs=PROBS)
    wrong = PROBS.copy()
    wrong[3, 1] = 1.5
    with pytest.raises(InputError, match=r"probs: row 3 is 1\.5 .*probability of a label must be"):
        uwe.select(X, 5, probs=wrong, task="multilabel")


@pytest.mark.parametrize("axis", [False, True])
def test_numbers_are_weighed_by_their_deviation(axis: bool) -> None:
    """``std`` and ``variance`` are the same, ``[n]`` or ``[n, 1]``; regression needs no name."""

    def shaped(values: np.ndarray) -> np.ndarray:
        return values[:, None] if axis else values

    by_std = uwe.select(X, 8, std=shaped(STD))
    own = uwe.select(X, 8, uncertainty=STD)
    assert list(by_std) == list(own)
    assert by_std.measure == "standard_deviation"
    assert by_std.uncertainty == pytest.approx(STD[by_std.rows])
    by_variance = uwe.select(X, 8, mean=shaped(MEAN), variance=shaped(STD**2))
    assert list(by_variance) == list(by_std)
    given = uwe.select(X, 8, std=STD, task=regression(unit="mm"), strategy="coreset")
    assert given.measure == "standard_deviation"


def test_an_ensemble_of_numbers_is_enough() -> None:
    """Mean of means, their variance plus the mean of the variances; bald ranks by the spread."""
    rng = np.random.default_rng(2)
    means, variances = rng.normal(size=(4, N)), rng.random((4, N))
    plain = uwe.select(X, 8, mc_mean=means)
    assert list(plain) == list(uwe.select(X, 8, std=means.std(0)))
    assert plain.uncertainty == pytest.approx(means.std(0)[plain.rows])
    total = uwe.select(X, 8, mc_mean=means, mc_variance=variances)
    deviation = np.sqrt(means.var(0) + variances.mean(0))
    assert total.uncertainty == pytest.approx(deviation[total.rows])
    spread = uwe.select(None, 5, mc_mean=means, mc_variance=variances, strategy="bald")
    assert list(spread) == np.argsort(-means.std(0), kind="stable")[:5].tolist()
    assert spread.measure == "spread_of_means"
    own = uwe.select(X, 8, mc_mean=means, std=STD)
    assert own.uncertainty == pytest.approx(STD[own.rows])


@pytest.mark.parametrize("task", ["classification", "multilabel"])
def test_an_ensemble_of_classifiers_is_enough(task: str) -> None:
    """Where only passes are given, the mean of their probabilities stands for the output."""
    passes = np.random.default_rng(3).random((4, N, C))
    if task == "classification":
        passes /= passes.sum(2, keepdims=True)
    alone = uwe.select(X, 8, mc_probs=passes, task=task, strategy="uwe")
    mean = uwe.select(X, 8, probs=passes.mean(0), task=task, strategy="uwe")
    assert list(alone) == list(mean)
    assert alone.uncertainty == pytest.approx(mean.uncertainty, rel=1e-5)
    picks = uwe.select(None, 8, mc_probs=passes, task=task, strategy="bald")
    names = {"classification": "mutual_information", "multilabel": "binary_mutual_information"}
    assert picks.measure == names[task]


def test_a_single_output_means_what_its_two_columns_mean() -> None:
    """One logit of two classes as ``[n]``, ``[n, 1]``, ``[n, 2]``; one label is another thing."""
    z = LOGITS[:, 0]
    wide = uwe.select(X, 8, logits=np.stack([0 * z, z], 1))
    for shape in ((N,), (N, 1)):
        assert list(uwe.select(X, 8, logits=z.reshape(shape))) == list(wide)
        assert list(uwe.select(X, 8, logits=z.reshape(shape), task=classification(2))) == list(wide)
        label = uwe.select(X, 8, logits=z.reshape(shape), task="multilabel", uncertainty="entropy")
        assert label.uncertainty == pytest.approx(
            binary_entropies(1 / (1 + np.exp(-z[label.rows]))), rel=1e-5
        )


def test_only_what_is_given_is_known() -> None:
    """A measure of the user's own is not shown zeros where nothing was given."""
    seen = []

    def peek(predictions: Predictions) -> torch.Tensor:
        seen.append(predictions.fields)
        return torch.zeros(len(predictions), dtype=torch.float64)

    from uwe.strategies import Needs, ranked

    uwe.select(None, 3, labelled=np.zeros(9, bool), strategy=ranked(peek, needs=Needs()))
    uwe.select(X, 3, std=STD, strategy=ranked(peek, needs=Needs({"variance"})))
    assert seen[0] == frozenset()
    assert seen[-1] == {"features", "variance"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"mean": MEAN, "strategy": "uwe"},
            "strategy uwe needs one of variance and std, or an uncertainty of your",
        ),
        ({"std": STD, "variance": STD}, "both variance and std are given"),
        ({"mc_variance": np.ones((2, N))}, "mc_variance is given without mc_mean"),
        ({"std": -STD}, r"std: row 0 is -.*it must be at least 0"),
        ({"std": STD[:9]}, "features has 50 rows, but std has 9"),
        ({"std": STD, "probs": PROBS}, "task regression does not use probs; it uses mean, var"),
        ({"std": STD, "task": "multilabel"}, "task multilabel does not use std; it uses probs"),
        ({"std": np.ones((N, 2))}, r"std must be \[n\], not of shape \(50, 2\)"),
        ({"logits": LOGITS, "task": classification(4)}, "has 4 classes, but logits has 3"),
        ({"logits": LOGITS, "mc_probs": np.full((2, N, 2), 0.5)}, "logits has 3.*mc_probs has 2"),
        ({"std": STD, "strategy": "badge"}, "strategy badge does not serve regression"),
        ({"std": STD, "strategy": "bald"}, "strategy bald needs mc_mean, which is not given"),
        ({"probs": PROBS, "task": "labels"}, "unknown task 'labels'"),
        ({"probs": PROBS, "task": 3}, "a task must be a name"),
        ({"task": "multilabel", "strategy": "uwe"}, "strategy uwe needs one of probs and logits"),
    ],
)
def test_what_a_task_cannot_use_is_one_line(arguments: dict, words: str) -> None:
    """The argument, the task and what to give instead."""
    with pytest.raises(InputError, match=words) as caught:
        uwe.select(X, 5, **arguments)
    assert "\n" not in str(caught.value)


def flags() -> np.ndarray:
    noise = np.random.default_rng(1).normal(size=(N, 3))
    return (X[:, :3] + 0.3 * noise > 0).astype(int)


def several() -> dict[str, object]:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.multioutput import MultiOutputClassifier
    from sklearn.neural_network import MLPClassifier

    return {
        "MultiOutputClassifier": MultiOutputClassifier(LogisticRegression()),
        "OneVsRestClassifier": OneVsRestClassifier(LogisticRegression()),
        "forest": RandomForestClassifier(20, random_state=0),
        "network": MLPClassifier(8, solver="lbfgs", alpha=9.0, max_iter=5000, random_state=0),
    }


@pytest.mark.parametrize("name", ["MultiOutputClassifier", "OneVsRestClassifier", "forest",
                                  "network"])  # fmt: skip
def test_a_classifier_of_labels_is_asked_about_labels(name: str) -> None:
    """Query picks what select picks of its probabilities of labels, with a sigmoid each."""
    pytest.importorskip("sklearn")
    model = several()[name].fit(X, flags())
    said = model.predict_proba(X)
    p = np.column_stack([each[:, 1] for each in said]) if isinstance(said, list) else said
    picks = uwe.query(model, X, 6, strategy="entropy", reduce="max")
    there = uwe.select(X, 6, probs=p, task="multilabel", strategy="entropy", reduce="max")
    assert list(picks) == list(there)
    assert picks.uncertainty == pytest.approx(there.uncertainty, abs=1e-6)


def test_a_regressor_is_asked_about_its_deviation() -> None:
    """return_std where there is one, through a pipeline too, or the trees of a forest."""
    pytest.importorskip("sklearn")
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.linear_model import BayesianRidge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    for model in (GaussianProcessRegressor(alpha=0.1), BayesianRidge(),
                  make_pipeline(StandardScaler(), BayesianRidge())):  # fmt: skip
        model.fit(X[:20], MEAN[:20])
        picks = uwe.query(model, X, 6, labelled=range(20))
        std = model.predict(X, return_std=True)[1]
        assert picks.measure == "standard_deviation"
        assert picks.uncertainty == pytest.approx(std[picks.rows], rel=1e-5)
    forest = RandomForestRegressor(15, random_state=0).fit(X[:20], MEAN[:20])
    trees = np.stack([tree.predict(X) for tree in forest.estimators_])
    picks = uwe.query(forest, X, 6)
    assert picks.uncertainty == pytest.approx(trees.std(0)[picks.rows], rel=1e-9)


def test_a_regressor_without_variance_says_what_to_use() -> None:
    """One line; strategies that need none pick all the same."""
    pytest.importorskip("sklearn")
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV

    ridge = Ridge().fit(X, MEAN)
    with pytest.raises(InputError, match="Ridge states no variance, which strategy uwe needs"):
        uwe.query(ridge, X, 5, strategy="uwe")
    assert len(uwe.query(ridge, X, 5, strategy="coreset")) == 5
    assert uwe.query(ridge, X, 5).reason == "regression, no variance: maxherding"
    search = GridSearchCV(RandomForestRegressor(5), {"max_depth": [2]}, cv=2).fit(X, MEAN)
    assert (
        uwe.query(search, X, 5).rows.tolist()
        == uwe.query(search.best_estimator_, X, 5).rows.tolist()
    )
    with pytest.raises(InputError, match="Ridge is not fitted"):
        uwe.query(Ridge(), X, 5)
    with pytest.raises(InputError, match="predicts 2 numbers a row"):
        uwe.query(RandomForestRegressor(5).fit(X, np.stack([MEAN, STD], 1)), X, 5)
