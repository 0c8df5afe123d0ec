"""Strategies made of strategies: the same contract, worked examples, and slow twins."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import uwe
from uwe._types import Stage
from uwe.errors import InputError
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.strategies import (
    Needs,
    Question,
    Strategy,
    badge,
    bald,
    coreset,
    entropy,
    find_strategy,
    mix,
    per_class,
    prefilter,
    ranked,
    switch,
)
from uwe.strategies._shares import balanced, rounded
from uwe.testing import StrategyContract

COMBINED = {
    "prefilter badge": prefilter("entropy", 0.3, "badge"),
    "prefilter anchored": prefilter("bvsb", 0.05, then=coreset()),
    "prefilter random": prefilter("least_confident", 1, "random"),
    "mix of two": mix({"badge": 0.7, "random": 0.3}),
    "mix of three": mix({"coreset": 1 / 3, "entropy": 1 / 3, bald(mc_passes=3): 1 / 3}),
    "switch early": switch("random", 9, "badge"),
    "switch late": switch(coreset(), 0, entropy()),
    "per class entropy": per_class("entropy"),
    "per class coreset": per_class("coreset"),
    "per class badge": per_class(badge()),
    "nested": mix(
        {per_class(prefilter("bvsb", 0.5, "coreset")): 0.5, switch("random", 5, "uwe"): 0.5}
    ),
    "nested the other way": prefilter("bvsb", 0.6, per_class(mix({"random": 0.5, "badge": 0.5}))),
}


class TestCombined(StrategyContract):
    """What is asked of every strategy."""

    @pytest.fixture(autouse=True, params=list(COMBINED))
    def _one(self, request: pytest.FixtureRequest) -> None:
        self.strategy = COMBINED[request.param]


def pool(n: int, labelled: list[int]) -> Pool:
    made = Pool.untouched(n)
    return made.ask(labelled, cycle=0).answer(labelled, [0] * len(labelled)) if labelled else made


def line(n: int, *, labelled: list[int] = [], seed: int = 1, **changes: Any) -> Question:  # noqa: B006
    """Rows 0 to n - 1 on a line; row i is more certain the higher i; classes alternate 0, 1, 2."""
    logits = torch.zeros(n, 3)
    logits[torch.arange(n), torch.arange(n) % 3] = 1.0 + torch.arange(n) / 4
    features = torch.arange(float(n))[:, None]
    return Question(Predictions(logits, features), pool(n, labelled), seed, **changes)


def drawn_question(seed: int) -> tuple[Question, int]:
    """A pool of any size, some rows labelled, and how many rows to pick."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 60))
    labelled = rng.permutation(n)[: rng.integers(0, n)].tolist()
    said = Predictions(
        torch.from_numpy(rng.integers(-20, 20, (n, int(rng.integers(2, 6))))).float() / 4,
        torch.from_numpy(rng.integers(-9, 9, (n, 3))).float(),
    )
    return Question(said, pool(n, labelled), seed), int(rng.integers(0, n - len(labelled) + 1))


def test_a_prefilter_keeps_the_most_uncertain_rows() -> None:
    """A fifth of 8 unlabelled rows, rounded up, are rows 1 and 3, both 1 from a labelled one."""
    asked = line(10, labelled=[0, 2])
    assert list(prefilter("entropy", 0.2, "coreset").query(asked, 1)) == [1]
    # half of them are 1, 3, 4 and 5: the farthest from 0 and 2 is 5, the others are 1 from a pick
    assert list(prefilter("entropy", 0.5, "coreset").query(asked, 3)) == [5, 1, 3]


def test_a_prefilter_keeps_at_least_k_rows() -> None:
    """A share that is too small for k keeps k rows, all of which are picked."""
    picks = prefilter("entropy", 0.01, "random").query(line(10, labelled=[0, 2]), 4)
    assert sorted(picks) == [1, 3, 4, 5]


@pytest.mark.parametrize(("share", "kept"), [(0.07, 7), (0.29, 29), (0.071, 8), (1, 100)])
def test_a_share_is_taken_as_it_is_written(share: float, kept: int) -> None:
    """0.07 of 100 rows are 7 rows, though 0.07 * 100 is above 7 in floating point."""
    seen = []
    spy = Strategy(lambda asked, k: seen.append(asked.candidates) or asked.candidates[:k], "spy")
    prefilter("entropy", share, spy).query(line(100), 1)
    assert seen[0].tolist() == list(range(kept))


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), share=st.floats(0.01, 1))
def test_a_prefilter_is_its_slow_twin(seed: int, share: float) -> None:
    """Sort all candidates by their uncertainty, cut, and ask about the rows that are left."""
    asked, k = drawn_question(seed)
    scores = uwe.uncertainty.bvsb(asked.predictions).tolist()
    ordered = sorted(asked.pool.unlabelled.tolist(), key=lambda row: (-scores[row], row))
    most = max(k, int(np.ceil(Fraction(repr(share)) * len(ordered))))
    then = find_strategy("badge")
    expected = then.query(asked.among(np.array(sorted(ordered[:most]), dtype=np.int64)), k)
    assert prefilter("bvsb", share, "badge").query(asked, k).rows.tolist() == list(expected)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6))
@pytest.mark.parametrize("name", ["uwe", "random", "entropy", "coreset", "badge"])
def test_combinations_that_change_nothing(name: str, seed: int) -> None:
    """Everything kept, the whole share, never or at once switched: the strategy itself."""
    asked, k = drawn_question(seed)
    plain = list(find_strategy(name).query(asked, k))
    assert list(prefilter("entropy", 1, name).query(asked, k)) == plain
    assert list(mix({name: 1}).query(asked, k)) == plain
    assert list(switch("least_confident", 0, name).query(asked, k)) == plain
    assert list(switch(name, 10**9, "least_confident").query(asked, k)) == plain


def test_a_mix_shares_the_picks() -> None:
    """Of 5 picks 3.5 and 1.5: equal remainders, so the earlier is rounded up."""
    asked = line(12, labelled=[0])
    picks = list(mix({"entropy": 0.7, "coreset": 0.3}).query(asked, 5))
    assert picks[:4] == [1, 2, 3, 4]
    assert picks[4] == 11  # the farthest from what is labelled and from what entropy took
    swapped = list(mix({"coreset": 0.3, "entropy": 0.7}).query(asked, 5))
    assert swapped == [11, 5, 1, 2, 3]


def test_earlier_picks_are_taken_and_are_anchors() -> None:
    """Row 9 is the far end; once entropy has taken row 9 too, coreset keeps away from it."""
    least = ranked(lambda said: said.features[:, 0].double(), needs=Needs(features=True))
    picks = list(mix({least: 0.5, "coreset": 0.5}).query(line(10, labelled=[0]), 2))
    assert picks == [9, 4]


@given(
    shares=st.lists(st.integers(1, 50), min_size=1, max_size=6),
    k=st.integers(0, 300),
)
def test_rounding_by_largest_remainder(shares: list[int], k: int) -> None:
    """Counts sum to k, are within one of the quota, and no larger remainder was passed over."""
    exact = [Fraction(share, sum(shares)) for share in shares]
    counts = rounded(exact, k).tolist()
    assert sum(counts) == k
    up = [count - k * share // 1 for count, share in zip(counts, exact, strict=True)]
    assert set(up) <= {0, 1}
    rest = [k * share % 1 for share in exact]
    for one, raised in enumerate(up):
        for other, also in enumerate(up):
            if raised and not also:
                assert (rest[one], -one) > (rest[other], -other)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), shares=st.lists(st.integers(1, 9), min_size=2, max_size=4))
def test_a_mix_is_its_slow_twin(seed: int, shares: list[int]) -> None:
    """One part after another, with the rows taken so far left out."""
    asked, k = drawn_question(seed)
    names = ["entropy", "coreset", "bvsb", "least_confident"][: len(shares)]
    parts = {name: share / sum(shares) for name, share in zip(names, shares, strict=True)}
    expected: list[int] = []
    exact = [Fraction(repr(share)) for share in parts.values()]
    counts = rounded(exact, k).tolist()
    for name, count in zip(names, counts, strict=True):
        taken = np.array(expected, dtype=np.int64)
        expected += list(find_strategy(name).query(asked.after(taken), count))
    assert list(mix(parts).query(asked, k)) == expected


def test_each_part_draws_from_a_stream_of_its_own() -> None:
    """The first part draws as it would alone; no two parts have one seed, nor two queries."""
    seeds: list[int] = []

    def spy(asked: Question, k: int) -> np.ndarray:
        seeds.append(asked.seed)
        return asked.candidates[:k]

    thirds = {Strategy(spy, name, needs=Needs()): 1 / 3 for name in ("a", "b", "c")}
    for seed in (1, 2, 2**32 - 1):
        mix(thirds).query(line(20, seed=seed), 6)
    assert seeds[::3] == [1, 2, 2**32 - 1]
    assert len(set(seeds)) == 9
    assert all(0 <= seed < 2**32 for at, seed in enumerate(seeds) if at % 3)


def test_a_switch_looks_at_the_number_of_labels() -> None:
    """Below ``until`` the first, from there on the other."""
    made = switch("entropy", until=2, then="coreset")
    assert list(made.query(line(10, labelled=[0]), 1)) == [1]
    assert list(made.query(line(10, labelled=[0, 1]), 1)) == [9]


def test_picks_of_each_class() -> None:
    """Classes 0, 1, 2 of rows 0 to 8: the most uncertain of each, then the second of each.

    Of coreset the first is the far end of class 0; 1 is the row of class 1 that is farthest from 6,
    and 8 that of class 2 farthest from 6 and 1.
    """
    assert list(per_class("entropy").query(line(9), 5)) == [0, 1, 2, 3, 4]
    assert list(per_class("coreset").query(line(9), 3)) == [6, 1, 8]


def test_what_a_class_has_too_few_rows_for_goes_to_others() -> None:
    """Class 2 has one row left, so that the others get two more than a third."""
    asked = line(9, labelled=[2, 5])
    picks = list(per_class("entropy").query(asked, 6))
    assert picks == [0, 1, 8, 3, 4, 6]
    assert Counter(row % 3 for row in picks) == {0: 3, 1: 2, 2: 1}


@given(sizes=st.lists(st.integers(1, 12), min_size=1, max_size=6), data=st.data())
def test_balance_is_that_of_dealing_one_after_another(sizes: list[int], data: Any) -> None:
    """Deal one pick to each class in turn, leaving out those that have no rows left."""
    k = data.draw(st.integers(0, sum(sizes)))
    dealt = [0] * len(sizes)
    while sum(dealt) < k:
        for at, size in enumerate(sizes):
            if dealt[at] < size and sum(dealt) < k:
                dealt[at] += 1
    assert balanced(np.array(sizes), k).tolist() == dealt


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6))
def test_per_class_is_its_slow_twin(seed: int) -> None:
    """Each class's most uncertain rows, dealt one class after another."""
    asked, k = drawn_question(seed)
    scores = uwe.uncertainty.entropy(asked.predictions).tolist()
    classes = asked.predictions.predicted()
    queues: dict[int, list[int]] = {}
    for row in sorted(asked.pool.unlabelled.tolist(), key=lambda row: (-scores[row], row)):
        queues.setdefault(int(classes[row]), []).append(row)
    expected: list[int] = []
    while len(expected) < k:
        for number in sorted(queues):
            if queues[number] and len(expected) < k:
                expected.append(queues[number].pop(0))
    assert list(per_class("entropy").query(asked, k)) == expected


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6))
@pytest.mark.parametrize("combined", COMBINED)
def test_distinct_unlabelled_rows_of_any_pool(combined: str, seed: int) -> None:
    """Any size, any labelled rows, any k: exactly k distinct unlabelled rows."""
    asked, k = drawn_question(seed)
    passes = asked.predictions.logits + torch.arange(5.0)[:, None, None]
    said = Predictions(asked.predictions.logits, asked.predictions.features, passes)
    rows = COMBINED[combined].query(Question(said, asked.pool, seed), k).rows
    assert len(set(rows.tolist())) == k
    assert set(rows) <= set(asked.pool.unlabelled)


@pytest.mark.parametrize("combined", COMBINED)
def test_names_are_safe_and_needs_are_the_union(combined: str) -> None:
    """The name is part of file names; what one part needs, the whole needs."""
    made = COMBINED[combined]
    assert made.named(made.name) == made
    assert made.name.isascii()
    for name in ("badge", "uwe", "bald"):
        if name in made.name:
            assert made.needs.fields >= find_strategy(name).needs.fields
    if made.name.startswith("per_class"):
        assert "logits" in made.needs.fields
    assert COMBINED["mix of three"].needs.passes == 3


def test_names() -> None:
    """What the parts are called, in their order."""
    assert prefilter("entropy", 0.2, "badge").name == "prefilter-entropy-badge"
    assert mix({"badge": 0.5, coreset(): 0.5}).name == "mix-badge-coreset"
    assert switch("random", 5, per_class("uwe")).name == "switch-random-per_class-uwe"
    assert prefilter(lambda said: said.logits[:, 0], 0.5, "uwe").name == "prefilter-lambda-uwe"


def test_progress_counts_over_all_parts() -> None:
    """The parts of one query count up to its k."""
    stages: list[Stage] = []
    mix({"coreset": 0.5, "badge": 0.5}).query(line(20, progress=stages.append), 8)
    counts = [stage.done for stage in stages]
    assert counts == sorted(counts)
    assert 4 in counts
    assert stages[-1] == Stage("", 0, "select", 8, 8)


def test_a_part_that_answers_wrongly_is_named() -> None:
    """The part, not the combination."""
    wrong = Strategy(lambda asked, k: asked.pool.unlabelled[:k], name="wrong", needs=Needs())
    with pytest.raises(InputError, match=r"strategy wrong .* 3 .* not among the candidates"):
        mix({"entropy": 0.5, wrong: 0.5}).query(line(20), 6)


@pytest.mark.parametrize("make", [
    (lambda: prefilter("entropy", 0, "badge"), "a share of prefilter is 0; it must be above 0"),
    (lambda: prefilter("entropy", 1.5, "badge"), "a share of prefilter is 1.5"),
    (lambda: prefilter("entropy", float("nan"), "badge"), "a share of prefilter is nan"),
    (lambda: prefilter("entropy", "half", "badge"), "must be a number, not 'half'"),
    (lambda: prefilter("entrpy", 0.5, "badge"), "did you mean 'entropy'"),
    (lambda: prefilter("entropy", 0.5, "bagde"), "did you mean 'badge'"),
    (lambda: prefilter("entropy", 0.5, badge), "call it: badge"),
    (lambda: mix({"badge": 0.5, "random": 0.6}), "the shares of mix sum to 1.1, not to 1"),
    (lambda: mix({"badge": 1.0, "random": 0.0}), "a share of mix is 0.0"),
    (lambda: mix({"badge": 0.5, "randm": 0.5}), "did you mean 'random'"),
    (lambda: mix({"badge": None}), "must be a number, not None"),
    (lambda: mix({}), "mix needs shares by strategy"),
    (lambda: mix([("badge", 1.0)]), "mix needs shares by strategy"),
    (lambda: switch("random", -1, "badge"), "at least 0, not -1"),
    (lambda: switch("random", 1.5, "badge"), "at least 0, not 1.5"),
    (lambda: switch("random", True, "badge"), "at least 0, not True"),
    (lambda: switch("randm", 1, "badge"), "did you mean 'random'"),
    (lambda: per_class("bagde"), "did you mean 'badge'"),
    (lambda: per_class(None), "not an object of type NoneType"),
], ids=lambda case: case[1])  # fmt: skip
def test_bad_values_are_one_clear_line(make: Any) -> None:
    """What was wrong, the value, and what would be right."""
    work, words = make
    with pytest.raises(InputError, match=words) as error:
        work()
    assert "\n" not in str(error.value)


def test_what_a_part_needs_is_asked_for() -> None:
    """Select refuses a combination one part of which lacks something."""
    x = np.random.default_rng(0).normal(size=(30, 4))
    with pytest.raises(InputError, match="strategy mix-coreset-bald needs mc_probs, which is not"):
        uwe.select(x, 3, strategy=mix({"coreset": 0.5, "bald": 0.5}))
    with pytest.raises(InputError, match="per_class-coreset needs one of probs and logits"):
        uwe.select(x, 3, strategy=per_class("coreset"))
    picks = uwe.select(x, 3, strategy=mix({"coreset": 0.5, "random": 0.5}))
    assert picks.strategy == "mix-coreset-random"
    assert picks.uncertainty is None
