"""Wishes: worked examples of each, exact properties over random pools, and every strategy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import uwe
from uwe.errors import InputError
from uwe.points import as_points
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.selection import closer_than, first_apart
from uwe.strategies import (
    Needs,
    Picks,
    Question,
    Quota,
    Strategy,
    Wishes,
    coreset,
    mix,
    per_class,
    prefilter,
    strategy_names,
    switch,
    wished,
)
from uwe.strategies._weighing import KEPT_BY_WEIGHT
from uwe.strategies.wishes._likeness import similarity_radius
from uwe.testing import StrategyContract
from uwe.testing.pools import POOLS

OWN = Strategy(lambda asked, k: asked.candidates[-k:][::-1], "own", needs=Needs())
COMBINED = {
    "prefilter": prefilter("entropy", 0.5, "badge"),
    "mix": mix({"uwe": 0.5, "random": 0.5}),
    "switch": switch("random", 3, "coreset"),
    "per class": per_class("entropy"),
    "nested": mix({per_class(prefilter("bvsb", 0.5, "coreset")): 0.5, "uwe": 0.5}),
    "own": OWN,
}
EVERY: dict[str, str | Strategy] = {**{name: name for name in strategy_names()}, **COMBINED}


def pool(n: int, labelled: list[int]) -> Pool:
    return Pool.untouched(n).answer_unasked(labelled, [0] * len(labelled))


def line(n: int, *, labelled: list[int] = [], seed: int = 1, **changes: Any) -> Question:  # noqa: B006
    """Rows 0 to n - 1 on a line; row i is more certain the higher i; classes alternate 0, 1, 2."""
    logits = torch.zeros(n, 3)
    logits[torch.arange(n), torch.arange(n) % 3] = 1.0 + torch.arange(n) / 4
    features = torch.arange(float(n))[:, None]
    return Question(Predictions(logits, features), pool(n, labelled), seed, **changes)


def asked_of(strategy: str | Strategy, name: str, n: int, labelled: list[int]) -> Question:
    """A question about one of the contract's pools, with stochastic passes where they are read."""
    predictions = POOLS[name](n)
    passes = uwe.strategies.as_strategy(strategy).needs.passes
    if passes:
        rng = torch.Generator().manual_seed(3)
        noise = torch.randn(passes, *predictions.logits.shape, generator=rng)
        predictions = predictions.having(mc_logits=predictions.logits + noise)
    return Question(predictions, pool(n, labelled), 5)


def picked(strategy: str | Strategy, asked: Question, k: int, **wishes: Any) -> list[int]:
    return wished(strategy, Wishes(**wishes)).query(asked, k).rows.tolist()


class TestWished(StrategyContract):
    """Wishes that rule nothing out keep the contract, with every strategy."""

    @pytest.fixture(autouse=True, params=list(EVERY))
    def _one(self, request: pytest.FixtureRequest) -> None:
        self.strategy = wished(
            EVERY[request.param],
            Wishes(random_share=0.3, weight=np.linspace(1, 2, 40), like=[1], min_distance=0.0),
        )


@pytest.mark.parametrize("name", list(EVERY))
@pytest.mark.parametrize("of", list(POOLS))
def test_wishes_that_say_nothing_change_nothing(name: str, of: str) -> None:
    """All rows allowed, no distance, equal weights, a share of 0: the strategy's own picks."""
    asked = asked_of(EVERY[name], of, 30, [3, 4])
    alone = uwe.strategies.as_strategy(EVERY[name]).query(asked, 9)
    again = picked(
        EVERY[name], asked, 9, where=np.ones(30, bool), min_distance=0, weight=np.full(30, 7.0),
        random_share=0.0,
    )  # fmt: skip
    assert again == alone.rows.tolist()
    assert wished(coreset(), Wishes()) == coreset()


def test_where_leaves_the_best_of_the_rows_that_it_names() -> None:
    """Of rows 1, 4 and 7 the two most uncertain are 1 and 4; a mask says the same as rows."""
    mask = np.isin(np.arange(9), [1, 4, 7])
    assert picked("entropy", line(9), 2, where=[7, 1, 4]) == [1, 4]
    assert picked("entropy", line(9), 2, where=mask) == [1, 4]


def test_rows_that_where_leaves_out_are_kept_away_from_when_labelled() -> None:
    """Row 8 is labelled and not allowed: the farthest allowed row from it is 2, not 7."""
    assert picked("coreset", line(9, labelled=[8]), 1, where=[2, 6, 7]) == [2]


def test_a_distance_is_kept_from_labelled_rows_and_picks() -> None:
    """Row 4 is labelled: 2 to 6 are too close to it; 0, 7 follow, and 1 and 8 are too close."""
    asked = line(11, labelled=[4])
    assert picked("entropy", asked, 3, min_distance=3) == [0, 1 + 6, 10]


def test_a_distance_that_is_equal_is_allowed() -> None:
    """Rows two apart are picked at a distance of 2, and not at the next larger number."""
    assert picked("entropy", line(5), 3, min_distance=2) == [0, 2, 4]
    with pytest.raises(InputError, match="only 2 were found that are at least 2 apart"):
        picked("entropy", line(5), 3, min_distance=np.nextafter(2.0, 3.0))


def test_a_distance_is_kept_from_rows_that_were_given_out() -> None:
    """Row 0 is with a person: 1 and 2 are too close to it."""
    given_out = Pool.untouched(9).ask([0], cycle=0)
    asked = Question(line(9).predictions, given_out, 1)
    assert picked("entropy", asked, 2, min_distance=3) == [3, 6]


def test_what_a_quota_gives_each_group() -> None:
    """Seven picks over a, b, c in proportion 2, 1, 1: 3.5, 1.75, 1.75, so that b and c round up."""
    groups = np.array(list("abcabcabcabc"))
    rows = picked("entropy", line(12), 7, quota=Quota(groups, {"a": 2, "b": 1, "c": 1}))
    assert sorted(groups[rows]) == list("aaabbcc")
    assert rows == [0, 1, 2, 3, 4, 5, 6]
    rows = picked("entropy", line(12), 3, quota=Quota(groups, {"b": 1}))
    assert rows == [1, 4, 7]


def test_a_uniform_quota_is_over_the_groups_that_can_be_picked() -> None:
    """Group c is labelled whole: a and b get two picks each, the most uncertain of each."""
    groups = list("aaaaaabbbc")
    asked = line(10, labelled=[9])
    assert picked("entropy", asked, 4, quota=Quota(groups)) == [0, 1, 6, 7]


def test_a_quota_as_the_pool_counts_the_whole_pool() -> None:
    """Six rows of a, two of b: of four picks b gets one, though all but two of a are labelled."""
    groups = list("aaaaaabb")
    asked = line(8, labelled=[0, 1, 2])
    assert picked("entropy", asked, 4, quota=Quota(groups, "pool")) == [3, 4, 5, 6]


def test_a_quota_over_the_predicted_class() -> None:
    """Classes alternate; the first of each is the most uncertain."""
    assert picked("entropy", line(9), 3, where=[0, 3, 6, 7, 8], quota=Quota("predicted")) == [
        0,
        7,
        8,
    ]
    classes = Quota("predicted", {1: 1, "2": 1})
    assert picked("entropy", line(9), 4, quota=classes) == [1, 2, 4, 5]


def test_equal_remainders_go_to_the_larger_group() -> None:
    """Three picks over two groups: the one with more rows gets the second."""
    assert picked("entropy", line(5), 3, quota=Quota(list("aabbb"))) == [0, 2, 3]


def test_a_row_without_a_group_is_not_picked() -> None:
    """None, NaN and an empty text are no group; 1, 1.0 and "1" are one."""
    groups = [None, float("nan"), "", 1, 1.0, "1"]
    assert picked("entropy", line(6), 3, quota=Quota(groups, {1: 5})) == [3, 4, 5]


def test_weights_multiply_a_measure_that_ranks() -> None:
    """Entropies are about equal; a weight of 100 puts row 6 first, one of 0 drops row 0."""
    weight = np.ones(9)
    weight[[0, 6]] = 0, 100
    assert picked("entropy", line(9), 3, weight=weight) == [6, 1, 2]
    assert picked("uwe", line(9), 8, weight=weight) != picked("uwe", line(9), 8, where=range(1, 9))
    scores = uwe.uncertainty.entropy(line(9).predictions).numpy() * weight
    assert (
        picked("entropy", line(9), 5, weight=weight)
        == np.argsort(-scores, kind="stable")[:5].tolist()
    )


def test_a_power_raises_the_weight() -> None:
    """The square of the weight, given as such, gives the same picks."""
    weight = np.random.default_rng(0).random(40)
    asked = asked_of("uwe", "generic", 40, [])
    for name in ("entropy", "uwe", "random", "coreset"):
        squared = picked(name, asked, 6, weight=weight**2)
        assert picked(name, asked, 6, weight=weight, power=2.0) == squared


def test_weights_multiply_the_measure_of_uwe() -> None:
    """The picks are those of uwe with the measure times the weight."""
    asked, weight = asked_of("uwe", "generic", 40, [1]), np.random.default_rng(0).random(40)
    top = weight[asked.candidates].max()

    def weighed(predictions: Predictions) -> torch.Tensor:
        return uwe.uncertainty.entropy(predictions) * torch.from_numpy(weight / top)

    weighed.needs = Needs({"logits"})  # type: ignore[attr-defined]
    expected = uwe.strategies.uwe(uncertainty=weighed).query(asked, 8).rows.tolist()
    assert picked("uwe", asked, 8, weight=weight) == expected


def test_a_measure_below_zero_is_raised_first() -> None:
    """A weight of 2 puts a row before others, also where the measure is negative everywhere."""
    below = uwe.strategies.ranked(lambda said: said.field("features")[:, 0].double() - 10)
    weight = np.ones(4)
    weight[1] = 4
    assert picked(below, line(4), 4, weight=weight) == [1, 3, 2, 0]


def test_random_draws_in_proportion_to_weights() -> None:
    """Row 0 weighs as much as the nine others together: it is first in half of 2,000 draws."""
    weight = np.full(10, 1.0)
    weight[0] = 9
    first = [picked("random", line(10, seed=seed), 1, weight=weight)[0] for seed in range(2000)]
    assert 0.46 < np.mean(np.array(first) == 0) < 0.54
    assert min(np.bincount(first, minlength=10)) > 70


def test_strategies_that_know_no_weights_pick_among_rows_drawn_by_weight() -> None:
    """A row of weight 1/4 is a candidate in a quarter of the draws, the heaviest one in all."""
    seen = np.zeros(400)
    weight = np.tile([1.0, 0.25], 200)

    def spy(asked: Question, k: int) -> np.ndarray[Any, Any]:
        seen[asked.candidates] += 1
        return asked.candidates[:k]

    for seed in range(100):
        given = wished(Strategy(spy, "spy", needs=Needs()), Wishes(weight=weight))
        assert KEPT_BY_WEIGHT in given.query(line(400, seed=seed), 3).notes
    assert (seen[::2] == 100).all()
    assert 0.23 < seen[1::2].mean() / 100 < 0.27


def test_a_choice_is_left_where_one_row_outweighs_all() -> None:
    """Ten candidates for each pick are kept although chance would keep one."""
    seen: list[int] = []
    weight = np.full(400, 1e-6)
    weight[7] = 1.0

    def spy(asked: Question, k: int) -> np.ndarray[Any, Any]:
        seen.append(len(asked.candidates))
        return asked.candidates[:k]

    picked(Strategy(spy, "spy", needs=Needs()), line(400), 3, weight=weight)
    assert seen == [30]


def test_combinations_hand_weights_on() -> None:
    """Each part of a mixture sees the weights; a filter's measure is multiplied."""
    weight = np.where(np.arange(9) >= 6, 1e6, 1.0)
    asked = line(9)
    assert set(picked(mix({"entropy": 0.5, "random": 0.5}), asked, 2, weight=weight)) <= {6, 7, 8}
    assert sorted(picked(prefilter("entropy", 0.3, "random"), asked, 3, weight=weight)) == [6, 7, 8]
    assert picked(switch("random", 0, "entropy"), asked, 2, weight=weight) == [6, 7]


def test_rows_like_the_examples_weigh_more() -> None:
    """On a circle, with equal entropies, rows are picked by their angle to the example."""
    angle = np.array([0, 1, 2, 3, -0.5, 0.1])
    x = torch.from_numpy(np.stack([np.cos(angle), np.sin(angle)], 1) * np.arange(1, 7)[:, None])
    asked = Question(Predictions(torch.zeros(6, 2), x), pool(6, []), 1)
    assert picked("entropy", asked, 6, like=[0]) == [0, 5, 4, 1, 2, 3]
    assert picked("entropy", asked, 5, unlike=[0], radius=1.0) == [3, 2, 1, 4, 5]
    assert picked("entropy", asked, 6, like=[0, 2], where=range(6))[:2] == [0, 2]
    with pytest.raises(InputError, match="5 of 6 unlabelled rows that may be picked have a weight"):
        picked("entropy", asked, 6, unlike=[0])


def test_likeness_is_the_formula() -> None:
    """The weights are exp(-d²/r²) on rows of unit length, by the slow way."""
    rng = np.random.default_rng(1)
    x, examples, radius = rng.normal(size=(30, 4)), [3, 9], 0.7
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    apart = ((unit[:, None] - unit[None, examples]) ** 2).sum(-1)
    like = np.exp(-apart / radius**2).max(1)
    asked = Question(Predictions(torch.zeros(30, 2), torch.from_numpy(x)), pool(30, []), 1)
    ranked = np.argsort(-like, kind="stable").tolist()
    assert picked("entropy", asked, 30, like=examples, radius=radius) == ranked
    least = np.argsort(like, kind="stable").tolist()[:28]
    assert picked("entropy", asked, 28, unlike=examples, radius=radius) == least


def test_far_rows_are_not_ruled_out_by_rounding() -> None:
    """exp(-4 / 0.001²) is 0 in float64; such rows are still picked last."""
    x = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    asked = Question(Predictions(torch.zeros(4, 2), x), pool(4, []), 1)
    assert picked("entropy", asked, 4, like=[0], radius=0.001)[0] == 0


def test_the_radius_is_defined_for_equal_rows() -> None:
    """Equal rows are not each other's nearest different row; of equal rows alone it is 1."""
    assert similarity_radius(torch.ones(5, 2)) == 1.0
    assert similarity_radius(torch.zeros(5, 2)) == 1.0
    two = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    assert similarity_radius(two) == pytest.approx(2**0.5)


@pytest.mark.parametrize(
    ("share", "k", "drawn"), [(0.1, 10, 1), (0.1, 4, 0), (0.5, 5, 3), (1, 6, 6)]
)
def test_a_share_is_drawn_and_marked(share: float, k: int, drawn: int) -> None:
    """The share is rounded, a half up; the others are the strategy's best of what is left."""
    picks = wished("entropy", Wishes(random_share=share)).query(line(60), k)
    assert picks.drawn is not None
    assert picks.drawn.sum() == drawn
    others = [row for row in range(60) if row not in picks.rows[picks.drawn]][: k - drawn]
    assert picks.rows[~picks.drawn].tolist() == others
    assert picks.how is not None
    assert picks.how.count("random") == drawn


def test_drawn_rows_stand_evenly_between_the_others() -> None:
    """Two of eight stand in the middles of the halves."""
    picks = wished("entropy", Wishes(random_share=0.25)).query(line(60), 8)
    assert picks.how == ["strategy"] * 2 + ["random"] + ["strategy"] * 3 + ["random", "strategy"]


def test_drawn_rows_are_a_uniform_sample_of_what_is_allowed() -> None:
    """Every allowed row is drawn equally often; weight and uncertainty do not matter."""
    counts = np.zeros(12)
    wishes = Wishes(where=range(2, 12), weight=np.arange(12.0) + 1, random_share=0.5)
    for seed in range(3000):
        picks = wished("entropy", wishes).query(line(12, seed=seed), 2)
        counts[picks.rows[picks.drawn]] += 1
    assert counts[:2].sum() == 0
    assert 240 < counts[2:].min() <= counts[2:].max() < 360


def test_caps_hold_for_drawn_and_other_picks_together() -> None:
    """Two of each group, however many of them are drawn."""
    groups = np.array(list("abc") * 10)
    for seed in range(20):
        wishes = Wishes(quota=Quota(groups), random_share=0.5)
        picks = wished("entropy", wishes).query(line(30, seed=seed), 6)
        assert sorted(groups[picks.rows]) == list("aabbcc")


REFUSED = {
    "where": ({"where": [1, 2]}, r"where leaves 2 of 8 unlabelled rows, and 3 are to be picked"),
    "weight": (
        {"weight": [0, 1, 1, 0, 0, 0, 0, 0, 0]},
        r"2 of 8 unlabelled rows that may be picked have a weight above 0, and 3 are",
    ),
    "distance": ({"min_distance": 7}, r"min_distance 7 from labelled rows leaves 2 of 8 rows"),
    "apart": ({"min_distance": 2.5}, r"only 2 were found that are at least 2.5 apart"),
    "quota": (
        {"quota": Quota(list("aabbbbbbb"), {"a": 1}, name="camera")},
        r"quota over camera gives 'a' 3 of 3 picks, but only 1 row of it may be picked",
    ),
    "unknown group": (
        {"quota": Quota(list("aabbbbbbb"), {"north": 1})},
        r"quota over group names 'north', which no row of the pool has; it has a, b",
    ),
    "groups of another length": ({"quota": Quota(["a", "b"])}, "a group for 2 rows, but the pool"),
    "weight of another length": ({"weight": [1.0]}, "weight has 1 rows, but the pool has 9"),
    "mask of another length": ({"where": [True]}, "where has 1 rows, but the pool has 9"),
    "no example": ({"like": []}, "like names no row"),
    "row outside": ({"like": [9]}, "like names row 9, but there are 9 rows"),
}


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_cannot_be_met_is_said_with_its_numbers(what: str) -> None:
    """The strategy is not asked where the rows do not suffice."""
    wishes, told = REFUSED[what]
    with pytest.raises(InputError, match=told):
        picked("entropy", line(9, labelled=[0]), 3, **wishes)


def drawn_case(seed: int) -> tuple[Question, Wishes, int, Any]:
    """A pool with repeated rows, some labelled, and wishes of any combination."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 70))
    labelled = rng.permutation(n)[: rng.integers(0, n // 2)].tolist()
    said = Predictions(
        torch.from_numpy(rng.integers(-20, 20, (n, 4))).float() / 4,
        torch.from_numpy(rng.integers(-4, 4, (n, 2))).float(),
    )
    groups = rng.choice(list("abc"), n, p=[0.6, 0.3, 0.1])
    offered = {
        "where": np.flatnonzero(rng.random(n) < 0.8),
        "min_distance": float(rng.choice([1.0, 2**0.5, 2.0])),
        "quota": Quota(groups, rng.choice(["uniform", "pool"])),
        "weight": rng.integers(0, 4, n),
        "like": rng.integers(0, n, 1),
        "unlike": rng.integers(0, n, 1),
        "random_share": float(rng.choice([0.1, 0.5, 1.0])),
    }
    wishes = Wishes(**{name: value for name, value in offered.items() if rng.random() < 0.4})
    return Question(said, pool(n, labelled), seed), wishes, int(rng.integers(1, 9)), groups


def eligible(asked: Question, wishes: Wishes) -> np.ndarray[Any, Any]:
    """Rows that the filter and the weights allow; rows that equal an unlike one weigh nothing."""
    rows = asked.candidates
    if wishes.where is not None:
        rows = np.intersect1d(rows, wishes.where)
    if wishes.weight is not None:
        rows = rows[wishes.weight[rows] > 0]
    if wishes.unlike is not None:
        x = asked.predictions.field("features").double().numpy()
        length = np.linalg.norm(x, axis=1, keepdims=True)
        unit = x / np.where(length > 0, length, 1)
        example = unit[wishes.unlike]
        rows = rows[np.square(unit[rows] - example).sum(1) > 1e-12]
    return rows


def answered(strategy: Strategy, asked: Question, k: int) -> Picks | None:
    """The picks, or None where a wish cannot be met."""
    try:
        return strategy.query(asked, k)
    except InputError:
        return None


def test_most_cases_that_are_drawn_can_be_met() -> None:
    """Otherwise the property that follows would say little."""
    cases = [drawn_case(seed) for seed in range(300)]
    met = [
        answered(wished("random", wishes), asked, k) is not None for asked, wishes, k, _ in cases
    ]
    assert 150 < sum(met) < 300


@settings(deadline=None, max_examples=300)
@given(seed=st.integers(0, 10**6), name=st.sampled_from(sorted(EVERY)))
def test_every_combination_keeps_to_every_wish(seed: int, name: str) -> None:
    """K distinct allowed rows, exact caps, distances by the slow way; or an error of one line."""
    asked, wishes, k, groups = drawn_case(seed)
    strategy = EVERY[name]
    if "bald" in name:
        strategy = "random"
    picks = answered(wished(strategy, wishes), asked, k)
    if picks is None:
        return
    rows = picks.rows
    assert len(set(rows.tolist())) == k
    assert np.isin(rows, asked.pool.unlabelled).all()
    assert wishes.where is None or np.isin(rows, wishes.where).all()
    assert wishes.weight is None or (wishes.weight[rows] > 0).all()
    x = asked.predictions.field("features").double().numpy()
    before = asked.pool.labelled.tolist()
    for row in rows.tolist() if wishes.min_distance else []:
        assert all(np.linalg.norm(x[row] - x[other]) >= wishes.min_distance for other in before)
        before.append(row)
    if wishes.quota is not None:
        there = eligible(asked, wishes)
        of = {group: int((groups == group).sum()) for group in set(groups[there])}
        shares = of if wishes.quota.shares == "pool" else dict.fromkeys(of, 1)
        for group in "abc":
            exact = k * shares.get(group, 0) / sum(shares.values())
            assert abs((groups[rows] == group).sum() - exact) < 1
    if wishes.random_share:
        assert picks.drawn is not None
        assert picks.drawn.sum() == int(np.floor(wishes.random_share * k + 0.5))
    again = wished(strategy, wishes).query(asked, k)
    assert again.rows.tolist() == rows.tolist()


def greedy(scores: np.ndarray[Any, Any], asked: Question, wishes: Wishes, k: int) -> list[int]:
    """The highest scores first, skipping what is too close: the slow twin of a ranking."""
    x = asked.predictions.field("features").double().numpy()
    kept: list[int] = []
    before = asked.pool.labelled.tolist()
    for row in sorted(asked.candidates.tolist(), key=lambda row: (-scores[row], row)):
        near = min((np.linalg.norm(x[row] - x[other]) for other in before + kept), default=np.inf)
        if wishes.min_distance is None or near >= wishes.min_distance:
            kept.append(row)
    return kept[:k]


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 10**6))
def test_a_ranking_with_a_distance_is_its_slow_twin(seed: int) -> None:
    """Walk the ranking and drop what is too close; the same rows, or the same number of them."""
    asked, _, k, _ = drawn_case(seed)
    wishes = Wishes(min_distance=[1.0, 2**0.5, 2.0][seed % 3])
    scores = uwe.uncertainty.entropy(asked.predictions).numpy()
    expected = greedy(scores, asked, wishes, k)
    if len(expected) == k:
        assert wished("entropy", wishes).query(asked, k).rows.tolist() == expected
    elif k <= len(asked.candidates):
        with pytest.raises(InputError, match=rf"only {len(expected)} (?:was|were) found|leaves"):
            wished("entropy", wishes).query(asked, k)


SPACES = {
    "grid": lambda rng, n: rng.integers(-3, 4, (n, 2)).astype(np.float32),
    "float16": lambda rng, n: rng.normal(size=(n, 3)).astype(np.float16),
    "far": lambda rng, n: (rng.integers(-3, 4, (n, 2)) + 1e5).astype(np.float64),
    "tiny": lambda rng, n: rng.integers(-3, 4, (n, 2)) * 1e-30,
    "huge": lambda rng, n: rng.integers(-3, 4, (n, 2)) * 1e60,
    "of all sizes": lambda rng, n: 10.0 ** rng.integers(-60, 60, (n, 2)),
    "equal": lambda rng, n: np.ones((n, 3), dtype=np.float32),
}


@pytest.mark.parametrize("space", list(SPACES))
@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6))
def test_closeness_is_its_slow_twin(space: str, seed: int) -> None:
    """Float64 decides in every space, also where a distance equals the one asked for."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 40))
    x = SPACES[space](rng, n)
    exact = x.astype(np.float64)
    apart = np.sqrt(((exact[:, None] - exact[None]) ** 2).sum(-1))
    distance = float(rng.choice(apart.ravel()))
    points, rows = as_points(x), rng.permutation(n)
    centres = rng.integers(0, n, 5)
    close = closer_than(points, rows, centres, distance)
    assert close.tolist() == (apart[rows][:, centres] < distance).any(1).tolist()
    kept: list[int] = []
    for row in rows.tolist():
        if all(apart[row, other] >= distance for other in kept):
            kept.append(row)
    assert rows[first_apart(points, rows, distance, n)].tolist() == kept


def cover(**wishes: Any) -> int:
    """The first pick of a coverage of rows at 0, 1, 2, 10 and 11, within a radius of 1."""
    x = torch.tensor([[0.0], [1.0], [2.0], [10.0], [11.0]])
    asked = Question(Predictions(torch.zeros(5, 2), x), pool(5, []), 1)
    strategy = uwe.strategies.probcover(normalise="none", radius=1.0)
    return picked(strategy, asked, 1, **wishes)[0]


def test_weights_multiply_a_coverage() -> None:
    """Row 1 covers three rows; with weights of 2 and 2, rows 10 and 11 are worth four."""
    assert cover() == 1
    assert cover(weight=[1, 1, 1, 2, 2]) == 3


def test_rows_that_may_not_be_picked_are_covered_by_their_weight() -> None:
    """Of the rows at 0 and 10, the second covers the heavy row at 11, which is not allowed."""
    assert cover(where=[0, 3]) == 0
    assert cover(where=[0, 3], weight=[1, 1, 1, 1, 3]) == 3


def test_a_record_tells_wishes_apart() -> None:
    """Few rows stand there; of many the digest differs, as do the groups of quotas."""
    assert Wishes(where=np.array([True, False, True])).record == {"where": [0, 2]}
    first, other = Wishes(where=range(30)).record, Wishes(where=range(1, 31)).record
    assert first["where"]["rows"] == other["where"]["rows"] == 30
    assert first != other
    assert Wishes(quota=Quota(list("ab"))).record != Wishes(quota=Quota(list("ba"))).record
    assert wished("entropy", Wishes(where=[1])).options["wishes"] == {"where": [1]}


@pytest.mark.parametrize("radius", [1e-200, 1e200])
def test_extreme_radii_lead_to_no_infinite_weights(radius: float) -> None:
    """All rows can be picked at any radius; warnings would be errors here."""
    asked = asked_of("entropy", "generic", 12, [])
    assert len(picked("entropy", asked, 12, like=[1], radius=radius)) == 12
    with pytest.raises(InputError, match="power must be a number above 0 and at most 1000"):
        Wishes(weight=[1.0], power=1e9)
    heavy = np.r_[1e300, np.full(11, 1e-300)]
    assert picked("entropy", asked, 12, weight=heavy, power=1000)[0] == 0
