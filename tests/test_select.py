"""Selecting from a pool of one's own: the same picks as in a run, and reasons that are true."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import uwe
from uwe.errors import InputError
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.selecting import reasons
from uwe.strategies import Picks, Question, _compose, find_strategy
from uwe.tables import PICK_COLUMNS

BUILT_IN = [
    "uwe", "random", "entropy", "bvsb", "least_confident", "margin", "coreset", "badge", "bald",
    "maxherding", "uherding", "typiclust",
]  # fmt: skip
ON_FEATURES = ("coreset", "maxherding", "typiclust")


def pool(n: int = 60, d: int = 7, c: int = 4, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, c)).astype(np.float32)
    passes = rng.normal(size=(5, n, c))
    return {
        "features": rng.normal(size=(n, d)).astype(np.float32),
        "logits": logits,
        "probs": torch.from_numpy(logits).double().softmax(1).numpy(),
        "mc_probs": torch.from_numpy(passes).softmax(2).numpy(),
        "uncertainty": rng.random(n),
    }


def needed(strategy: str, data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a strategy has to be given, as keywords; features aside."""
    names = {
        "random": (), "bald": ("mc_probs",), **dict.fromkeys(ON_FEATURES, ()),
    }.get(strategy, ("probs",))  # fmt: skip
    return {name: data[name] for name in names}


@pytest.mark.parametrize("strategy", BUILT_IN)
def test_the_picks_are_those_of_a_run(strategy: str) -> None:
    """The same features and logits give the same rows as a strategy inside a run."""
    data = pool()
    labelled = np.array([3, 50, 17])
    mc = torch.from_numpy(data["mc_probs"]).log().float()
    queried = Pool.untouched(60).ask(labelled, cycle=0).answer(labelled, [0, 1, 2])
    predictions = Predictions(
        torch.from_numpy(data["logits"]), torch.from_numpy(data["features"]), mc
    )
    there = find_strategy(strategy).query(Question(predictions, queried, 4), 9).rows
    source = {"mc_probs": data["mc_probs"]} if strategy == "bald" else {"logits": data["logits"]}
    here = uwe.select(data["features"], 9, strategy=strategy, labelled=labelled, seed=4, **source)
    assert here.rows.tolist() == there.tolist()


@pytest.mark.parametrize("strategy", BUILT_IN)
def test_only_what_a_strategy_needs_is_asked_for(strategy: str) -> None:
    """With nothing but what it needs every strategy picks; without, it names what it lacks."""
    data = pool()
    given_ = needed(strategy, data)
    uses_features = strategy in ("uwe", "badge", "uherding", *ON_FEATURES)
    features = data["features"] if uses_features else None
    mask = np.zeros(60, dtype=bool)
    picks = uwe.select(features, 5, strategy=strategy, labelled=mask, **given_)
    assert len(set(picks)) == 5
    assert (picks.distance is None) == (not uses_features)
    if uses_features:
        with pytest.raises(InputError, match=f"strategy {strategy} needs features"):
            uwe.select(None, 5, strategy=strategy, probs=data["probs"])
    for name in given_:
        words = "mc_probs" if name == "mc_probs" else "one of probs and logits"
        with pytest.raises(InputError, match=f"strategy {strategy} needs {words}"):
            uwe.select(data["features"], 5, strategy=strategy)


def test_probabilities_and_their_logits_give_the_same_picks() -> None:
    """Whoever has probabilities only loses nothing."""
    data = pool()
    for strategy in ("uwe", "badge", "entropy", "bvsb"):
        by_probs = uwe.select(data["features"], 12, probs=data["probs"], strategy=strategy)
        by_logits = uwe.select(data["features"], 12, logits=data["logits"], strategy=strategy)
        assert by_probs.rows.tolist() == by_logits.rows.tolist()


def test_an_uncertainty_of_ones_own_weights_the_features() -> None:
    """A loss of any kind is served: the entropy handed over as a number picks what entropy does."""
    data = pool()
    p = data["probs"]
    entropy = -(p * np.log(p)).sum(1)
    own = uwe.select(data["features"], 9, uncertainty=entropy)
    theirs = uwe.select(data["features"], 9, probs=p, uncertainty="entropy")
    assert own.rows.tolist() == theirs.rows.tolist()
    assert own.measure == "uncertainty"
    assert own.uncertainty.tolist() == entropy[own.rows].tolist()
    other = uwe.select(data["features"], 9, uncertainty=data["uncertainty"])
    assert other.rows.tolist() != own.rows.tolist()


def test_an_uncertainty_that_would_not_be_used_is_refused() -> None:
    """Nothing that is given is ignored."""
    data = pool()
    with pytest.raises(InputError, match="strategy bvsb ranks by a measure of its own"):
        uwe.select(None, 3, probs=data["probs"], uncertainty=data["uncertainty"], strategy="bvsb")
    with pytest.raises(InputError, match="both probs and logits"):
        uwe.select(data["features"], 3, probs=data["probs"], logits=data["logits"])


def obvious_reasons(x: np.ndarray, picks: list[int], labelled: list[int]):
    """Distance, nearest row and count, one pair of rows at a time."""
    distance, nearest = [], []
    for i, pick in enumerate(picks):
        before = labelled + picks[:i]
        apart = [float(np.sqrt(((x[pick] - x[row]) ** 2).sum())) for row in before]
        distance.append(min(apart, default=np.inf))
        nearest.append(before[int(np.argmin(apart))] if before else -1)
    counts = [0] * len(picks)
    for row in x:
        counts[int(np.argmin([((row - x[pick]) ** 2).sum() for pick in picks]))] += 1
    return distance, nearest, counts


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), shift=st.sampled_from([0.0, 1000.0]))
def test_the_reasons_are_true(seed: int, shift: float) -> None:
    """Distances, nearest rows and counts are those of the slow way, also far from the origin."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 40))
    x = rng.integers(-4, 5, (n, 3)).astype(np.float32) + np.float32(shift)
    labelled = rng.permutation(n)[: rng.integers(0, n - 1)].tolist()
    k = int(rng.integers(1, n - len(labelled) + 1))
    picks = uwe.select(x, k, strategy="random", labelled=labelled, seed=seed)
    distance, _, counts = obvious_reasons(x.astype(np.float64), list(picks), labelled)
    assert picks.distance.tolist() == pytest.approx(distance, abs=1e-9)
    assert picks.stands_for.tolist() == counts
    for pick, row, apart in zip(picks, picks.nearest, picks.distance, strict=True):
        if row >= 0:
            assert np.linalg.norm(x[pick] - x[row]) == pytest.approx(apart, abs=1e-6)
            assert row in labelled or row in list(picks)[: list(picks).index(pick)]


def test_reasons_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of three rows give what one block gives."""
    x = torch.from_numpy(pool()["features"])
    picks, labelled = np.array([4, 20, 33, 8]), np.array([1, 2, 3, 40, 41])
    whole = (*reasons.nearest_before(x, picks, labelled), reasons.stands_for(x, picks))
    monkeypatch.setattr(reasons, "_ROWS_AT_ONCE", 3)
    parts = (*reasons.nearest_before(x, picks, labelled), reasons.stands_for(x, picks))
    for one, other in zip(whole, parts, strict=True):
        assert one.tolist() == other.tolist()


def test_close_calls_are_settled_in_float64() -> None:
    """A row that float32 cannot place between two picks is placed by float64."""
    x = torch.tensor([[0.0, 1e-5], [1.0, 0.0], [0.5, 0.0], [0.5, 0.0]], dtype=torch.float64)
    x[2, 0], x[3, 0] = 0.5 + 1e-9, 0.5 - 1e-9
    assert reasons.stands_for(x, np.array([0, 1])).tolist() == [2, 2]


def test_the_percentile_counts_unlabelled_rows_only() -> None:
    """The most uncertain unlabelled row is at 100, whatever is labelled."""
    u = np.arange(10.0)
    picks = uwe.select(np.ones((10, 2)), 8, uncertainty=u, labelled=[8, 9])
    assert dict(zip(picks, picks.percentile, strict=True)) == {
        row: 12.5 * (row + 1) for row in range(8)
    }


def test_a_selection_is_array_like() -> None:
    """It indexes other arrays, and numpy takes it."""
    data = pool()
    picks = uwe.select(data["features"], 5, strategy="coreset")
    assert data["features"][picks].shape == (5, 7)
    assert np.asarray(picks).tolist() == list(picks) == [picks[i] for i in range(5)]
    assert np.array(picks, dtype=np.int32).dtype == np.int32


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int8, ">f4"])
def test_every_numeric_type_is_taken(kind: object) -> None:
    """Halves, whole numbers and other byte orders are features, too."""
    x = np.random.default_rng(1).integers(-9, 9, (30, 4)).astype(kind)
    u = np.arange(30.0)
    there = uwe.select(x.astype(np.float64), 6, uncertainty=u)
    assert uwe.select(x, 6, uncertainty=u).rows.tolist() == there.rows.tolist()
    x.flags.writeable = False
    assert uwe.select(x[::-1], 6, uncertainty=u).rows.tolist()
    assert uwe.select(x.tolist(), 6, uncertainty=u).rows.tolist() == there.rows.tolist()


def test_rows_left_out_of_a_large_pool_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way of large pools, views and factors, picks what the way of small ones picks."""
    data = pool(200)
    args = {"probs": data["probs"], "labelled": np.arange(0, 200, 7)}
    variants = [
        {"strategy": "uwe"},
        {"strategy": "uwe", "selection": "k_center_anchored"},
        {"strategy": "coreset"},
        {"strategy": "badge"},
    ]
    small = [uwe.select(data["features"], 20, **args, **each).rows.tolist() for each in variants]
    monkeypatch.setattr(_compose, "_COPIED", 10)
    large = [uwe.select(data["features"], 20, **args, **each).rows.tolist() for each in variants]
    assert large == small


def test_progress_is_told() -> None:
    """Selection and comparison say how far they are, up to the end."""
    stages = []
    data = pool()
    uwe.select(data["features"], 5, probs=data["probs"], progress=stages.append)
    assert {(stage.name, stage.done, stage.total) for stage in stages} >= {
        ("select", 5, 5),
        ("compare", 60, 60),
    }


def with_(name: str, change) -> dict[str, np.ndarray]:
    data = pool()
    return {**{key: data[key] for key in ("features", "probs")}, name: change(data)}


def changed(array: np.ndarray, row: int, value: float) -> np.ndarray:
    array = array.copy()
    array[row] = value
    return array


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (with_("probs", lambda d: d["probs"][:50]), "features has 60 rows, but probs has 50"),
        (with_("labelled", lambda d: np.zeros(9, bool)), "has 60 rows, but labelled has 9"),
        (with_("probs", lambda d: d["probs"] * 1.01), "row 0 sums to 1.01, not to 1 within 0.001"),
        (with_("probs", lambda d: d["probs"] * 0.99), "row 0 sums to 0.99, not to 1 within 0.001"),
        (with_("probs", lambda d: d["probs"] * 1.0015), "row 0 sums to 1.0015, not to 1"),
        (with_("probs", lambda d: d["logits"]), "row 0 holds a negative number"),
        (with_("probs", lambda d: changed(d["probs"], 7, np.nan)), "probs: row 7 holds NaN"),
        (with_("features", lambda d: changed(d["features"], 9, np.inf)), "features: row 9 holds"),
        (with_("features", lambda d: d["features"][:, 0]), r"features must be \[n, d\], not of"),
        (with_("features", lambda d: d["features"][:, :0]), "features is empty"),
        (with_("features", lambda d: d["features"].astype(object)), "objects or mixed types"),
        (with_("features", lambda d: d["features"].astype(str)), "features holds text"),
        (with_("features", lambda d: [[1.0], [1.0, 2.0]]), "rows differ in length"),
        (with_("labelled", lambda d: [3, 60]), "labelled names row 60, but there are 60 rows"),
        (with_("labelled", lambda d: [3, 4, 3]), "labelled names row 3 twice"),
        (with_("labelled", lambda d: [0.5]), "not floating numbers"),
        (with_("labelled", lambda d: range(52)), "9 rows are to be picked, but only 8 of the 60"),
        (with_("strategy", lambda d: "bagde"), "did you mean 'badge'"),
        (with_("uncertainty", lambda d: "entrpy"), "did you mean 'entropy'"),
        (with_("colour", lambda d: 1), "strategy auto does not use 'colour'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_clear_line(arguments: dict, words: str) -> None:
    """Both values, the first row, and what to do."""
    with pytest.raises(InputError, match=words) as error:
        uwe.select(arguments.pop("features"), 9, **arguments)
    assert "\n" not in str(error.value)


def test_probabilities_in_16_bits_may_be_off_by_a_hundredth() -> None:
    """What half precision does to a sum is no mistake; a twentieth is."""
    probs = np.full((8, 3), 1 / 3, dtype=np.float16) * np.float16(1.008)
    x = pool()["features"][:8]
    assert len(uwe.select(x, 3, probs=probs)) == 3
    with pytest.raises(InputError, match=r"within 0\.01 "):
        uwe.select(x, 3, probs=probs * np.float16(1.05))


@pytest.mark.parametrize("k", [0, -1, 2.5, True, "9"])
def test_the_number_of_picks_is_a_whole_number(k: object) -> None:
    """At least one, and no float that would be cut."""
    with pytest.raises(InputError, match=re.escape("number of picks")):
        uwe.select(pool()["features"], k, strategy="coreset")


@pytest.mark.parametrize("strategy", ["entropy", "bvsb", "least_confident", "uwe", "badge"])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)], ids=["n", "n,1"])
def test_one_output_a_row_is_a_sigmoid(strategy: str, shape: tuple[int, ...]) -> None:
    """A single logit or probability gives the picks of its two-column form."""
    rng = np.random.default_rng(4)
    x, z = rng.normal(size=(60, 5)), rng.normal(scale=3, size=60)
    p = 1 / (1 + np.exp(-z))
    wide = uwe.select(x, 9, logits=np.stack([0 * z, z], 1), strategy=strategy)
    for output in (
        {"logits": z.reshape(shape)},
        {"probs": p.reshape(shape)},
        {"probs": np.stack([1 - p, p], 1)},
    ):
        assert uwe.select(x, 9, **output, strategy=strategy).rows.tolist() == wide.rows.tolist()
    if strategy in ("entropy", "bvsb", "least_confident"):
        assert wide.rows.tolist() == np.argsort(np.abs(z), kind="stable")[:9].tolist()


def test_one_stochastic_output_a_row_is_a_sigmoid() -> None:
    """Passes ``[t, n]`` are those of two classes."""
    p = np.random.default_rng(5).uniform(size=(4, 30))
    wide = uwe.select(None, 6, mc_probs=np.stack([1 - p, p], 2), strategy="bald")
    assert uwe.select(None, 6, mc_probs=p, strategy="bald").rows.tolist() == wide.rows.tolist()


def test_one_probability_a_row_lies_between_0_and_1() -> None:
    """A logit under the name of a probability is refused with its row."""
    with pytest.raises(uwe.InputError, match=r"probs: row 1 is 2.5 .* Is this a logit"):
        uwe.select(np.eye(3), 1, probs=[0.5, 2.5, -1.0])
    with pytest.raises(uwe.InputError, match="probs: row 2 holds NaN"):
        uwe.select(np.eye(3), 1, probs=[0.5, 0.5, np.nan])


def test_query_picks_what_select_picks() -> None:
    """A query of an estimator picks what its rows and its probabilities pick."""
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
    """An estimator that is not fitted, or lacks probabilities or passes, is a clear error."""
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


def test_an_uncertainty_alone_is_enough_to_rank_by() -> None:
    """Without features the most uncertain rows are picked; a strategy that is named still rules."""
    own = np.array([0.2, 0.9, 0.9, 0.1, 0.7])
    picks = uwe.select(None, 3, uncertainty=own, labelled=[1])
    assert (picks.rows.tolist(), picks.strategy) == ([2, 4, 0], "most-uncertain")
    assert picks.uncertainty is not None
    assert picks.uncertainty.tolist() == [0.9, 0.7, 0.2]
    with pytest.raises(uwe.InputError, match="strategy uwe needs features"):
        uwe.select(None, 3, uncertainty=own, strategy="uwe")
    with pytest.raises(uwe.InputError, match="strategy uwe needs features"):
        uwe.select(None, 3, uncertainty=own, strategy="uwe", selection="k_means_pp")
    weighted = uwe.select(np.eye(5), 2, uncertainty=own)
    assert (
        weighted.rows.tolist()
        == uwe.select(np.eye(5), 2, uncertainty=own, strategy="uherding").rows.tolist()
    )


@pytest.mark.parametrize("strategy", ["uwe", "coreset", "badge", "entropy", "random"])
def test_excluded_rows_are_only_not_picked(strategy: str) -> None:
    """No excluded row is picked; if it would not have been, the picks stay the same."""
    data = needed(strategy, pool())
    features = pool()["features"]
    plain = uwe.select(features, 6, strategy=strategy, labelled=[1, 2], **data)
    first, rest = int(plain.rows[0]), np.setdiff1d(np.arange(60), [*plain.rows, 1, 2])
    without = uwe.select(features, 6, strategy=strategy, labelled=[1, 2], exclude=[first], **data)
    assert first not in without.rows
    mask = np.zeros(60, dtype=bool)
    mask[first] = True
    again = uwe.select(features, 6, strategy=strategy, labelled=[1, 2], exclude=mask, **data)
    assert again.rows.tolist() == without.rows.tolist()
    if strategy in ("coreset", "entropy"):
        same = uwe.select(features, 6, strategy=strategy, labelled=[1, 2], exclude=rest, **data)
        assert same.rows.tolist() == plain.rows.tolist()


def test_an_excluded_row_is_no_anchor() -> None:
    """Core-set keeps away from labelled rows, and not from excluded ones."""
    x = np.array([[0.0], [10.0], [10.1], [4.0]])
    kept = {"strategy": "coreset", "labelled": [0]}
    assert uwe.select(x, 1, exclude=[2], **kept).rows.tolist() == [1]
    assert uwe.select(x, 1, strategy="coreset", labelled=[0, 2]).rows.tolist() == [3]
    by_query = uwe.select(x, 1, exclude=[1, 2], **kept)
    assert by_query.rows.tolist() == [3]


@pytest.mark.parametrize(
    ("exclude", "words"),
    [
        (np.zeros(7, dtype=bool), "features has 60 rows, but exclude has 7"),
        ([60], "exclude names row 60, but there are 60 rows"),
        ([1, 1], "exclude names row 1 twice"),
        (["a"], "exclude holds labels such as 'a', and features have no index"),
        (np.arange(58), "6 rows are to be picked, but only 2 of the 60 are unlabelled and not"),
    ],
)
def test_an_exclusion_that_does_not_fit_is_one_clear_line(exclude: object, words: str) -> None:
    """Lengths, rows and types are named as they are for labelled rows."""
    data = pool()
    with pytest.raises(InputError, match=words):
        uwe.select(data["features"], 6, probs=data["probs"], exclude=exclude)


def test_picks_are_a_data_frame() -> None:
    """The index holds the ids in the order of picking; what is not known is missing."""
    pandas = pytest.importorskip("pandas")
    data = pool()
    picks = uwe.select(data["features"], 6, probs=data["probs"])
    index = pandas.Index([f"r{row}" for row in range(60)], name="key")
    frame = picks.to_frame(index)
    assert frame.index.name == "key"
    assert frame.index.tolist() == [f"r{row}" for row in picks]
    assert list(frame.columns) == [name for name in PICK_COLUMNS if name != "id"]
    assert frame["idx"].tolist() == picks.rows.tolist()
    assert frame["uncertainty"].tolist() == picks.uncertainty.tolist()
    assert frame["nearest_id"].isna().tolist() == [True] + [False] * 5
    assert frame["nearest_id"].iloc[1] == f"r{picks.nearest[1]}"
    assert frame["distance"].isna().tolist() == [True] + [False] * 5
    assert picks.to_frame().index.tolist() == picks.rows.tolist()
    bare = Picks(np.array([3, 1])).to_frame(list("abcd"))
    assert bare.index.tolist() == ["d", "b"]
    assert bare["stands_for"].isna().all()


def test_an_index_of_another_length_is_refused() -> None:
    """Both numbers are named, whether or not the picks know the pool."""
    pytest.importorskip("pandas")
    picks = uwe.select(pool()["features"], 6, strategy="coreset")
    with pytest.raises(InputError, match="index has 61 entries, but the pool has 60 rows"):
        picks.to_frame(range(61))
    with pytest.raises(InputError, match="index has 2 entries, but row 3 is a pick"):
        Picks(np.array([3])).to_frame(["a", "b"])


def test_a_frame_without_pandas_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """pandas is imported when a frame is asked for, not before."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match=r"needs pandas .*pip install 'uwe\[tables\]'"):
        Picks(np.array([3])).to_frame()


def test_picks_show_themselves_briefly() -> None:
    """A line of three rows, and a table for a notebook in which everything is escaped."""
    assert repr(Picks(np.arange(5, 15), "uwe")) == "Picks(10 rows by uwe: 5, 6, 7, …)"
    assert repr(Picks(np.array([4]))) == "Picks(1 row: 4)"
    assert repr(Picks(np.empty(0, dtype=np.int64))) == "Picks(0 rows)"
    picks = replace(uwe.select(pool()["features"], 30, strategy="coreset"), strategy="<b>&")
    html = picks._repr_html_()
    assert "&lt;b&gt;&amp;" in html
    assert "<b>" not in html
    assert "<script" not in html
    assert "http" not in html
    assert html.count("<tr>") == 21
    assert "and 10 more" in html
