"""``uwe.loop``: active learning with a learner and a data set of your own."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestRegressor

import uwe
from uwe import journal
from uwe.data.labelled_rows import load_labelled_rows
from uwe.errors import InputError, RunError
from uwe.experiment import prepare
from uwe.predictions import Predictions
from uwe.runs import find_runs
from uwe.runs.cycles import TIMING_COLUMNS
from uwe.strategies import Needs, Strategy, ranked


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
    """The same call reads the finished run, and another setting of the learner is refused."""
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
    """A run that was stopped after any event trains its model again and ends the same."""
    whole = uwe.loop(Nearest(), data, strategy, (6, 12, 30), results=tmp_path / "whole")
    append, count = journal.append, iter(range(100))

    def killed(path: Path, event: Any) -> Any:
        if next(count) == at:
            raise KeyboardInterrupt
        return append(path, event)

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
        ({"strategy": "bald"}, "which nearest does not have"),
        ({"learner": object()}, "of type object, is no model"),
        ({"options": {"colour": 1}}, "option 'colour' is used by none"),
        ({"seed": 0}, "seed must be at least 1, not 0"),
    ],
)
def test_what_does_not_fit_writes_nothing(
    changed: dict[str, Any], words: str, data: uwe.Dataset, tmp_path: Path
) -> None:
    """An argument that does not fit is an error before the first file is written."""
    given = {"learner": Nearest(), "strategy": "uwe", "budgets": (6, 12), **changed}
    learner, strategy, budgets = (given.pop(name) for name in ("learner", "strategy", "budgets"))
    with pytest.raises(InputError, match=words):
        uwe.loop(learner, data, strategy, budgets, results=tmp_path / "results", **given)
    assert not (tmp_path / "results").exists()


def test_a_learner_that_skips_rows_is_found_out(data: uwe.Dataset, tmp_path: Path) -> None:
    """Predictions for fewer rows than were given, and NaN in them, are errors."""
    learner = Nearest()
    learner.predict = lambda model, x: (torch.zeros(3, 3), torch.zeros(3, 2))
    with pytest.raises(InputError, match="nearest returned 3 rows for 30 items"):
        uwe.loop(learner, data, "uwe", (6, 12), results=tmp_path / "a")
    learner.predict = lambda model, x: (np.full((len(x), 3), np.nan), np.zeros((len(x), 2)))
    with pytest.raises(RunError, match="row 0 is NaN"):
        uwe.loop(learner, data, "uwe", (6, 12), results=tmp_path / "b")


class Counting:
    """The nearest class mean, in plain numpy; its settings are of several types."""

    settings = {"widths": (3, 4), "rate": np.float32(0.5)}  # noqa: RUF012

    def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> Any:
        assert 0 <= seed < 2**32
        rows = [x[y == c] if (y == c).any() else x for c in range(classes)]
        return np.array([some.mean(0) for some in rows])

    def predict(self, model: Any, x: Any) -> Any:
        return -((x[:, None] - model) ** 2).sum(2), x


def results_of(results: list[uwe.Result]) -> list[Any]:
    return [(each.experiment.strategy_name, each.experiment.seed, table(each)) for each in results]


def test_strategies_seeds_and_jobs_in_one_call(data: uwe.Dataset, tmp_path: Path) -> None:
    """3 x 3 runs by two processes give the tables of one run after another, in the same order."""
    learner = type("Counting", (Counting,), {"__module__": "__main__"})()
    strategies = ["uwe", uwe.strategies.mix({"badge": 0.5, "random": 0.5}), "random"]
    budgets, seeds = (6, 12, 24), (1, 2, 3)
    given = {"budgets": budgets, "seed": seeds, "options": {"uncertainty": "bvsb"}}
    one = uwe.loop(learner, data, strategies, results=tmp_path / "one", **given)
    two = uwe.loop(learner, data, strategies, results=tmp_path / "two", jobs=2, **given)
    assert results_of(one) == results_of(two)
    assert [name for name, *_ in results_of(one)] == ["uwe", "mix-badge-random", "random"] * 3
    again = uwe.loop(learner, data, strategies, results=tmp_path / "two", **given)
    assert results_of(again) == results_of(two)


def test_two_runs_of_one_name_are_refused(data: uwe.Dataset, tmp_path: Path) -> None:
    """They would have the same files; nothing is written."""
    twice = [uwe.strategies.uwe(), uwe.strategies.uwe(uncertainty="bvsb")]
    for strategies in (twice, ["uwe", "uwe"]):
        with pytest.raises(InputError, match=r"two experiments are named uwe, seed 1.*\.named"):
            uwe.loop(Counting(), data, strategies, (6, 12), results=tmp_path / "r")
    assert not (tmp_path / "r").exists()
    results = uwe.loop(
        Counting(), data, [twice[0], twice[1].named("uwe-bvsb")], (6, 12), results=tmp_path / "r"
    )
    assert len(results) == 2


def test_a_strategy_value_is_recorded_and_resumed(data: uwe.Dataset, tmp_path: Path) -> None:
    """Its name and options stand in the record; another value of that name is refused."""
    value = uwe.strategies.prefilter("entropy", 0.5, then="coreset")
    result = uwe.loop(Counting(), data, value, (6, 12), results=tmp_path)
    [record] = [each for each in find_runs(tmp_path) if each.name and each.name.kind == "run"]
    assert record.settings["strategy"] == "prefilter-entropy-coreset"
    assert record.settings["option share"] == 0.5
    assert table(uwe.loop(Counting(), data, value, (6, 12), results=tmp_path)) == table(result)
    other = uwe.strategies.prefilter("entropy", 0.25, then="coreset")
    with pytest.raises(RunError, match=r"option share is 0\.5 there and 0\.25 here"):
        uwe.loop(Counting(), data, other, (6, 12), results=tmp_path)


def test_settings_of_any_type_are_compared_as_they_are_written(
    data: uwe.Dataset, tmp_path: Path
) -> None:
    """Tuples and numbers of numpy do not keep a run from going on."""
    first = uwe.loop(Counting(), data, "random", (6, 12), results=tmp_path)
    assert table(uwe.loop(Counting(), data, "random", (6, 12), results=tmp_path)) == table(first)


class Full:
    """A learner that conforms to the protocol, with one fault in what it predicts."""

    name = "full"
    settings = {"model": "full"}  # noqa: RUF012

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def fit(self, x: Any, y: Any, *, classes: int, seed: int, progress: Any = None) -> Any:
        return classes

    def predict(self, model: Any, x: Any, *, progress: Any = None) -> Any:
        n = len(x) - (self.fault == "rows")
        logits = torch.zeros(n, model + (self.fault == "classes"))
        features = torch.zeros(n) if self.fault == "features" else torch.zeros(n, 2)
        return Predictions(logits, features)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("rows", r"predict\(\) of full returned 29 rows for 30 items"),
        ("classes", r"returned logits of shape \[30, 4\] for 30 items and 3 classes"),
        ("features", r"returned features of shape \[30\]"),
    ],
)
def test_what_a_learner_predicts_is_checked(
    fault: str, words: str, data: uwe.Dataset, tmp_path: Path
) -> None:
    """Also of a learner that conforms to the protocol: a line with both values."""
    with pytest.raises(InputError, match=words):
        uwe.loop(Full(fault), data, "random", (6, 12), results=tmp_path)


def test_prepared_experiments_keep_their_data(data: uwe.Dataset, tmp_path: Path) -> None:
    """Another data set beside them would be ignored, so it is refused."""
    prepared = prepare(
        [uwe.Experiment("iris", model=Counting(), budgets=(6, 12), results=tmp_path)], dataset=data
    )
    with pytest.raises(InputError, match="prepared experiments have their data set"):
        uwe.run(prepared, dataset=data)
    assert uwe.run(prepared)[0].labels.tolist() == [6, 12]


def first_rows(question: Any, k: int) -> Any:
    return question.candidates[:k]


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        (Strategy(first_rows, needs=Needs()), "'own' has no name of its own"),
        (ranked(lambda predictions: predictions.logits[:, 0]), "has no name of its own"),
        (Strategy(first_rows, name="random", needs=Needs()), "the name of another strategy"),
        (None, "a strategy must be a name"),
        (first_rows, "a strategy must be a name"),
    ],
)
def test_a_strategy_must_be_told_apart_in_a_run(
    strategy: Any, words: str, data: uwe.Dataset, tmp_path: Path
) -> None:
    """Runs are found again by the strategy's name; what has none of its own is refused."""
    with pytest.raises(InputError, match=words):
        uwe.loop(Counting(), data, strategy, (6, 12), results=tmp_path / "r")
    assert not (tmp_path / "r").exists()
    if isinstance(strategy, Strategy):
        named = strategy.named("mine")
        assert uwe.loop(Counting(), data, named, (6, 12), results=tmp_path / "r").rows


def test_an_estimator_is_recorded_whole(data: uwe.Dataset, tmp_path: Path) -> None:
    """Where scikit-learn prints a part or an address, the parameters are recorded."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    def weighted(weight: float) -> Any:
        weights = {number: weight if number == 2 else 1.0 for number in range(40)}
        return LogisticRegression(class_weight=weights)

    uwe.loop(weighted(1.0), data, "random", (6, 12), results=tmp_path / "a")
    with pytest.raises(RunError, match="other settings"):
        uwe.loop(weighted(500.0), data, "random", (6, 12), results=tmp_path / "a")
    for _ in range(2):
        pipeline = make_pipeline(FunctionTransformer(np.log1p), LogisticRegression())
        uwe.loop(pipeline, data, "random", (6, 12), results=tmp_path / "b")


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ((np.zeros((30, 3)), np.zeros(30)), r"returned features of shape \[30\]"),
        ((np.zeros(30), np.zeros((30, 2))), r"returned logits of shape \[30\] for 30 items"),
        (([[1.0], [1.0, 2.0]], np.zeros((30, 2))), "returned logits that are no numbers"),
    ],
)
def test_outputs_that_are_no_tables_are_refused(
    out: Any, words: str, data: uwe.Dataset, tmp_path: Path
) -> None:
    """One line that names the output and its shape."""
    learner = Counting()
    learner.predict = lambda model, x: out  # type: ignore[method-assign]
    with pytest.raises(InputError, match=words):
        uwe.loop(learner, data, "random", (6, 12), results=tmp_path)


def test_fit_takes_classes_and_seed(data: uwe.Dataset, tmp_path: Path) -> None:
    """It is checked before anything is written."""

    class Short(Counting):
        def fit(self, x: Any, y: Any) -> Any:  # type: ignore[override]
            return None

    with pytest.raises(InputError, match="fit of Short cannot be called"):
        uwe.loop(Short(), data, "random", (6, 12), results=tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_the_result_of_numbers_has_values_and_no_accuracy(tmp_path: Path) -> None:
    """`Result.values` is the headline metric of any task; `accuracy` refuses another one."""
    x = np.random.default_rng(0).normal(size=(40, 3))
    y = x.sum(1)
    data = uwe.Dataset.from_rows("sums", (x, y), (x[:9], y[:9]), task="regression")
    result = uwe.loop(RandomForestRegressor(20), data, "uwe", (6, 12), results=tmp_path)
    assert result.values.tolist() == [row["te_rmse"] for row in result.rows]
    assert not result.metric.higher_is_better
    with pytest.raises(InputError, match="the metric of this run is rmse, not accuracy"):
        _ = result.accuracy
