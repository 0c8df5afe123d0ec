"""Strategies as values: made directly, given wherever a name is, recorded, sent to a worker."""

from __future__ import annotations

import functools
import json
import pickle
import subprocess
import sys
import time
import typing
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

import uwe
from uwe import strategies
from uwe._types import Stage
from uwe.embedding import weighted
from uwe.errors import InputError
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.strategies import Needs, Picks, Question, Strategy, as_strategy, find_strategy
from uwe.testing import StrategyContract, check_strategy
from uwe.uncertainty import bvsb

BUILT_IN = strategies.strategy_names()


def predictions(n: int = 30) -> Predictions:
    rng = torch.Generator().manual_seed(4)
    passes = torch.randn(6, n, 4, generator=rng)
    return Predictions(passes[0], torch.randn(n, 5, generator=rng), passes[1:])


def question(n: int = 30, **changes: Any) -> Question:
    pool = Pool.untouched(n).ask([2, 9], cycle=0).answer([2, 9], [0, 1])
    return Question(predictions(n), pool, seed=3, **changes)


def norms(given: Predictions) -> torch.Tensor:
    """A measure of a user's own, on the features alone."""
    return given.features.double().norm(dim=1)


def nan_in_row_11(given: Predictions) -> torch.Tensor:
    return given.logits[:, 0].where(torch.arange(len(given)) != 11, torch.nan)


norms.needs = Needs(features=True)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_value_is_what_its_name_is(name: str) -> None:
    """``uwe.strategies.badge()`` equals ``uwe.find_strategy("badge")``, in all that it says."""
    made, found = getattr(uwe.strategies, name)(), find_strategy(name)
    assert made == found == as_strategy(name) == as_strategy(made)
    assert hash(made) == hash(found)
    assert made.name == name
    assert made.options.keys() <= strategies.strategy_options(name).keys()
    assert made.query(question(), 7).rows.tolist() == found.query(question(), 7).rows.tolist()


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_options_of_a_signature_can_be_read(name: str) -> None:
    """Closed choices are in the signature, as those of the table; flags are made from them."""
    hints = typing.get_type_hints(getattr(strategies, name))
    assert hints.pop("return") is Strategy
    assert set(hints) == set(strategies.strategy_options(name))
    if name == "uwe":
        assert set(typing.get_args(hints["selection"])) == set(strategies.covering._SELECTIONS)
        literal, *_ = typing.get_args(hints["uncertainty"])
        assert set(typing.get_args(literal)) == set(uwe.tasks.measures_by_name())


@pytest.mark.parametrize("name", BUILT_IN)
def test_select_takes_values(name: str) -> None:
    """The same picks and reasons as by name."""
    data = predictions()
    given = {"logits": data.logits, "features": data.features, "labelled": [2, 9], "seed": 8}
    if name == "bald":
        given["mc_probs"] = data.mc_logits.double().softmax(2)
    by_name = uwe.select(k=6, strategy=name, **given)
    by_value = uwe.select(k=6, strategy=getattr(uwe.strategies, name)(), **given)
    assert by_name.rows.tolist() == by_value.rows.tolist()
    assert (by_name.strategy, by_name.measure) == (by_value.strategy, by_value.measure)
    assert by_name.uncertainty.tolist() == by_value.uncertainty.tolist()


def test_query_takes_values() -> None:
    """A fitted classifier, and a strategy with an option."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    model = LogisticRegression().fit(x, x[:, 0] > 0)
    by_name = uwe.query(model, x, 5, strategy="uwe", uncertainty="bvsb")
    by_value = uwe.query(model, x, 5, strategy=uwe.strategies.uwe(uncertainty="bvsb"))
    assert by_name.rows.tolist() == by_value.rows.tolist()
    with pytest.raises(InputError, match="strategy bald needs stochastic passes"):
        uwe.query(model, x, 5, strategy=uwe.strategies.bald())


def test_an_own_uncertainty_weighs_a_value_or_is_refused() -> None:
    """As by name: it is the weight of uwe, a reason beside coreset, and an error elsewhere."""
    x, own = predictions().features, np.arange(30.0) % 7
    by_name = uwe.select(x, 6, uncertainty=own, strategy="uwe", selection="k_means_pp")
    value = uwe.strategies.uwe(selection="k_means_pp")
    by_value = uwe.select(x, 6, uncertainty=own, strategy=value.named("mine"))
    assert by_name.rows.tolist() == by_value.rows.tolist()
    assert by_value.strategy == "mine"
    beside = uwe.select(x, 6, uncertainty=own, strategy=uwe.strategies.coreset())
    assert beside.uncertainty.tolist() == own[beside.rows].tolist()
    given = {"uncertainty": own, "logits": predictions().logits}
    with pytest.raises(InputError, match="has the measure 'bvsb', too"):
        uwe.select(x, 6, strategy=uwe.strategies.uwe(uncertainty="bvsb"), **given)
    for ranks in ("entropy", uwe.strategies.entropy(), strategies.prefilter("bvsb", 0.5, "badge")):
        with pytest.raises(InputError, match="ranks by a measure of its own"):
            uwe.select(x, 6, strategy=ranks, **given)


@pytest.mark.parametrize(
    ("strategy", "options", "words"),
    [
        ("bagde", None, "did you mean 'badge'"),
        (
            uwe.strategies.badge(),
            {"uncertainty": "bvsb"},
            "badge is given as a value, and",
        ),
        (uwe.strategies.badge, None, r"type function; call it: badge\(\.\.\.\)"),
        (3, None, "a name such as 'badge' or a value .*, not an object of type int"),
        (["badge"], None, "not an object of type list"),
    ],
)
def test_what_is_no_strategy_is_one_clear_line(strategy: Any, options: Any, words: str) -> None:
    """Neither a name nor a value; a name that is misspelt; options beside a value."""
    with pytest.raises(InputError, match=words):
        as_strategy(strategy, options)
    with pytest.raises(InputError, match=words):
        uwe.select(np.eye(4), 2, strategy=strategy, **(options or {}))
    with pytest.raises(InputError, match="type Strategy"):
        find_strategy(uwe.strategies.badge())


def test_options_are_recorded_as_json() -> None:
    """A function becomes its name, and two different strategies differ."""
    made = [
        strategies.uwe(),
        strategies.uwe(uncertainty=norms),
        strategies.uwe(uncertainty=functools.partial(bvsb)),
        strategies.ranked(norms),
        strategies.ranked(lambda given: norms(given)),
        strategies.spread("features", "k_means_pp"),
        strategies.spread(weighted(norms)),
        strategies.spread(weighted(bvsb)),
        strategies.bald(mc_passes=np.int64(3)),
        strategies.bald(mc_passes=4),
        strategies.badge().named("mine"),
        strategies.coreset().named("mine"),
        strategies.prefilter("bvsb", 0.5, "badge"),
        strategies.prefilter("bvsb", 0.4, "badge"),
        strategies.prefilter("bvsb", 0.5, strategies.uwe(uncertainty=norms).named("badge")),
        strategies.mix({"badge": 0.5, "random": 0.5}),
        strategies.mix({"badge": 0.25, "random": 0.75}),
        strategies.mix({"random": 0.75, "badge": 0.25}),
        strategies.switch("random", 10, "badge"),
        strategies.switch("random", 20, "badge"),
        strategies.per_class("badge"),
    ]
    texts = [json.dumps(each.record, sort_keys=True) for each in made]
    assert len(set(texts)) == len(made)
    assert json.loads(texts[1])["options"]["uncertainty"] == f"{__name__}.norms"
    assert made[8].options == {"mc_passes": 3}
    assert made[10].options == {"renamed_from": "badge"}
    again = made[10].named("other").named("third")
    assert (again.name, again.options) == ("third", {"renamed_from": "badge"})


@pytest.mark.parametrize("name", ["", "a/b", "..", "-x", "a b", "é", None])
def test_a_name_is_part_of_file_names(name: Any) -> None:
    """Other characters are refused; so are names that are none."""
    with pytest.raises(InputError, match="cannot name a strategy"):
        strategies.badge().named(name)
    assert strategies.badge().named("badge.v2-x_1").name == "badge.v2-x_1"


@pytest.mark.parametrize(
    "strategy",
    [
        *BUILT_IN,
        strategies.uwe(uncertainty=norms, selection="k_means_pp"),
        strategies.mix({"badge": 0.5, strategies.per_class("bald"): 0.5}),
        strategies.switch("random", 10, strategies.prefilter("bvsb", 0.5, "coreset")),
    ],
)
def test_a_value_goes_through_pickle(strategy: Any) -> None:
    """A worker process gets the value itself."""
    made = as_strategy(strategy)
    again = pickle.loads(pickle.dumps(made))
    assert again == made
    assert again.query(question(), 8).rows.tolist() == made.query(question(), 8).rows.tolist()


def test_strategies_are_made_without_torch() -> None:
    """The command line answers quickly: names, options, errors and values need no torch."""
    code = """
import sys
import uwe
uwe.find_strategy("uwe", uncertainty="bvsb")
for name in uwe.strategies.strategy_names():
    uwe.strategies.describe_strategy(name)
    uwe.find_strategy(name)
uwe.strategies.mix({"badge": 0.5, uwe.strategies.prefilter("bvsb", 0.1, "uwe"): 0.5})
uwe.strategies.switch("random", 10, uwe.strategies.per_class("coreset"))
try:
    uwe.find_strategy("uwe", uncertainty="entrpy")
except uwe.InputError as error:
    print(error)
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "unknown uncertainty 'entrpy'; did you mean 'entropy'?\nFalse\n"


def evenly(candidates, k, *, anchors, seed, progress):
    """A kernel of a user's own: every so many rows; it reports its progress."""
    for done in range(1, k + 1):
        if progress is not None:
            progress(Stage("", 0, "select", done, k))
    return np.linspace(0, len(candidates) - 1, k).astype(np.int64)


def first_column(given: Predictions, candidates: np.ndarray) -> np.ndarray:
    return given.features.numpy()[:, :1]


class TestOwnEmbeddingAndKernel(StrategyContract):
    """A representation and a kernel of a user's own."""

    strategy = strategies.spread(first_column, evenly, needs=Needs(features=True))


class TestOwnMeasure(StrategyContract):
    """A measure of a user's own, which says what it reads."""

    strategy = strategies.ranked(norms)


class TestOwnWeight(StrategyContract):
    """Features weighted by a measure of a user's own."""

    strategy = strategies.uwe(uncertainty=norms, selection="k_center_anchored")


class TestOwnFunction(StrategyContract):
    """A function from a question to rows is a strategy."""

    strategy = Strategy(lambda asked, k: asked.candidates[-k:], name="last", needs=Needs())


@pytest.mark.parametrize(
    "strategy",
    ["uwe", "coreset", "badge", strategies.spread(first_column, evenly)],
    ids=lambda each: getattr(each, "name", each),
)
def test_every_kernel_reports_progress(strategy: Any) -> None:
    """Through the question, up to the end; a plug-in's kernel, too."""
    stages: list[Stage] = []
    as_strategy(strategy).query(question(progress=stages.append), 6)
    assert stages[-1] == Stage("", 0, "select", 6, 6)


def test_a_kernel_gets_the_anchors_and_the_seed() -> None:
    """The labelled rows, and what was taken before, where anchors are asked for."""
    seen: list[Any] = []

    def kernel(candidates, k, *, anchors, seed, progress):
        seen.append((len(candidates), None if anchors is None else anchors[:, 0].tolist(), seed))
        return np.arange(k)

    rows = np.arange(30.0)[:, None]
    for anchored in (True, False):
        made = strategies.spread(lambda given, _: rows, kernel, anchored=anchored)
        made.query(question(), 2)
        made.query(question().after(np.array([4])).among(np.array([4, 5, 8])), 2)
    assert seen == [(28, [2, 9], 3), (2, [2, 4, 9], 3), (28, None, 3), (2, None, 3)]


def test_the_seconds_of_the_parts_are_told() -> None:
    """Of compositions both parts, of a function the whole; they stay out of the repr."""
    assert set(strategies.badge().query(question(), 5).seconds) == {"representation", "selection"}
    picks = strategies.random().query(question(), 5)
    assert set(picks.seconds) == {"selection"}


def test_the_seconds_of_all_parts_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a combination does itself, too, on a clock that only the measure moves on by 100."""
    ticks = [0.0]

    def slow(given: Predictions) -> torch.Tensor:
        ticks[0] += 100.0
        return given.logits[:, 0]

    made = strategies.prefilter(slow, 0.5, strategies.ranked(slow))
    with monkeypatch.context() as patch:
        patch.setattr(time, "perf_counter", lambda: ticks[0])
        picks = made.query(question(), 5)
    assert sum(picks.seconds.values()) == 200.0


def test_picks_were_called_a_selection() -> None:
    """The earlier name still imports."""
    assert uwe.Selection is uwe.Picks is Picks


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda asked, k: asked.candidates[:k].tolist(), "returned an object of type list"),
        (lambda asked, k: asked.candidates[:k] * 1.0, r"an array of float64 of shape \(3,\)"),
        (lambda asked, k: asked.candidates[:k, None], r"an array of int64 of shape \(3, 1\)"),
        (lambda asked, k: asked.candidates[: k - 1], "returned 2 rows"),
        (lambda asked, k: asked.candidates[[0, 5, 0]], "returned row 0 twice"),
        (lambda asked, k: np.array([0, 1, 9]), "returned row 9, which is not among"),
        (lambda asked, k: np.array([0, 1, 30]), "returned row 30, which is not among"),
        (lambda asked, k: None, "returned an object of type NoneType"),
    ],
)
def test_a_wrong_answer_names_the_strategy_and_what_it_returned(answer: Any, words: str) -> None:
    """Exactly k distinct unlabelled rows as int64, or an error; never a wrong row bought."""
    made = Strategy(answer, name="mine", needs=Needs())
    with pytest.raises(InputError, match=f"strategy mine must return 3 distinct.*{words}"):
        made.query(question(), 3)
    with pytest.raises(AssertionError, match="contract broken"):
        check_strategy(made)


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        (lambda given: given.logits, r"must give one number for each of 30 rows.*\(30, 4\)"),
        (
            lambda given: given.logits[:, 0].where(torch.arange(30) != 11, torch.nan),
            "row 11 is NaN",
        ),
        ("entrpy", "did you mean 'entropy'"),
        (3, "the name of a measure .* or a function, not an object of type int"),
    ],
)
def test_a_measure_of_a_users_own_is_checked(measure: Any, words: str) -> None:
    """Its shape, and that it is finite; the pool row is named."""
    for make in (strategies.ranked, lambda own: strategies.prefilter(own, 0.5, "random")):
        with pytest.raises(InputError, match=words):
            make(measure).query(question(), 3)


def test_nan_weights_name_their_row() -> None:
    """The row of the pool, not its place among the candidates."""
    own = strategies.uwe(uncertainty=nan_in_row_11)
    with pytest.raises(InputError, match="uncertainty of row 11 is NaN"):
        own.query(question(), 3)


@pytest.mark.parametrize("at", [[-1, 0], [0, 28], [0.5, 1.0]])
def test_positions_outside_the_candidates_are_refused(at: list[float]) -> None:
    """Numpy would take -1 for the last row."""
    kernel = lambda candidates, k, **_: np.array(at)  # noqa: E731
    with pytest.raises(InputError, match="kernel lambda"):
        strategies.spread("features", kernel).query(question(), 2)


def test_a_question_that_cannot_be_answered_is_refused() -> None:
    """Lengths, k, and candidates that are labelled."""
    badge = strategies.badge()
    with pytest.raises(InputError, match="predictions of 30 rows for a pool of 29"):
        badge.query(Question(predictions(), Pool.untouched(29), 1), 3)
    with pytest.raises(InputError, match="row 9 cannot be a candidate"):
        badge.query(question().among(np.array([1, 9])), 1)
    for k in (2.0, True, "3"):
        with pytest.raises(InputError, match="whole number"):
            badge.query(question(), k)
    with pytest.raises(InputError, match="cannot pick -1 rows"):
        badge.query(question(), -1)
    with pytest.raises(InputError, match="29 rows are to be picked, but only 28 are unlabelled"):
        badge.query(question(), 29)


def test_needs_are_a_union() -> None:
    """What two strategies read together, and the fields that this is."""
    both = strategies.bald(mc_passes=7).needs | strategies.badge().needs
    assert both == Needs({"logits"}, features=True, passes=7)
    assert both.fields == {"logits", "features", "mc_logits"}
    assert strategies.random().needs.fields == frozenset()
    with pytest.raises(InputError, match="a set of names, not 'logits'"):
        Needs("logits")


def test_a_plug_in_that_returns_no_strategy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its module and function, and what it returned; an option without a default is asked for."""
    table = strategies._table
    monkeypatch.setattr(table, "_factory", lambda name: norms_factory)
    with pytest.raises(InputError, match=r"norms_factory must return a Strategy, not .* type int"):
        find_strategy("mine", size=3)
    with pytest.raises(InputError, match="strategy mine needs the option 'size'"):
        find_strategy("mine")


def norms_factory(*, size: int) -> int:
    return size
