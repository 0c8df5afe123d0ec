"""One contract for all strategies, over pools that a real run can come to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from uwe import _plugins
from uwe.errors import InputError
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.strategies import (
    Question,
    Strategy,
    describe_strategy,
    find_strategy,
    ranked,
    strategy_names,
    strategy_options,
)
from uwe.testing import StrategyContract

ALL = strategy_names()
VARIANTS = {
    **{name: (name, {}) for name in ALL},
    **{
        f"uwe-{measure}-{selection}": ("uwe", {"uncertainty": measure, "selection": selection})
        for measure in ("entropy", "bvsb", "least_confident")
        for selection in ("k_center", "k_center_anchored", "k_means_pp")
    },
}
DRAWN = ("random", "badge", "probcover", "typiclust")
DETERMINISTIC = [name for name in VARIANTS if name not in DRAWN]
DETERMINISTIC = [name for name in DETERMINISTIC if not name.endswith("k_means_pp")]
TIED = ("maxherding", "auto")
"""Two rows that cover only each other gain alike, so that a row's number decides."""


def make(variant: str) -> Strategy:
    name, options = VARIANTS[variant]
    return find_strategy(name, **options)


def ask(strategy: Strategy, predictions: Predictions, pool: Pool, k: int, seed: int) -> np.ndarray:
    return strategy.query(Question(predictions, pool, seed), k).rows


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch):
    """Pretend that packages with these entry points are installed."""

    def install(*points: EntryPoint) -> None:
        monkeypatch.setattr(_plugins, "entry_points", lambda group: EntryPoints(points))
        _plugins.plugins.cache_clear()

    yield install
    _plugins.plugins.cache_clear()


def generic(n: int = 40, c: int = 5, d: int = 6, t: int = 5, seed: int = 0) -> Predictions:
    """Predictions whose logits lie on a grid of 1/1024."""
    rng = torch.Generator().manual_seed(seed)
    grid = torch.randint(-4096, 4096, (t + 1, n, c), generator=rng) / 1024
    return Predictions(grid[0], torch.randn(n, d, generator=rng), grid[1:])


def no_class_zero(n: int) -> Predictions:
    given_ = generic(n)
    logits, passes = given_.logits.clone(), given_.mc_logits.clone()
    logits[:, 0] = passes[..., 0] = -50.0
    return Predictions(logits, given_.features, passes)


def certain(n: int) -> Predictions:
    """Every probability is 0 or 1 in float32."""
    logits = torch.full((n, 4), -1e4)
    logits[torch.arange(n), torch.arange(n) % 4] = 1e4
    return Predictions(logits, generic(n, d=3).features, logits.expand(5, n, 4))


def duplicates(n: int) -> Predictions:
    given_ = generic(n)
    first = np.zeros(n, dtype=np.int64)
    first[: n // 8] = np.arange(n // 8)
    return given_.take(first)


def constant(n: int) -> Predictions:
    return Predictions(torch.zeros(n, 3), generic(n).features, torch.zeros(5, n, 3))


def zero_features(n: int) -> Predictions:
    given_ = generic(n)
    return Predictions(given_.logits, torch.zeros(n, 4), given_.mc_logits)


def far_away(n: int) -> Predictions:
    given_ = generic(n)
    return Predictions(given_.logits, given_.features + 1000.0, given_.mc_logits)


POOLS: dict[str, Callable[[int], Predictions]] = {
    "generic": generic,
    "zero probabilities": certain,
    "duplicates": duplicates,
    "constant uncertainty": constant,
    "one class absent": no_class_zero,
    "zero features": zero_features,
    "far from the origin": far_away,
}


def bought(n: int, labelled: int) -> Pool:
    rows = np.random.default_rng(3).permutation(n)[:labelled]
    return Pool.untouched(n).ask(rows, cycle=0).answer(rows, rows % 3)


class TestOurs(StrategyContract):
    """What is asked of other packages' strategies holds for ours, with each of their options."""

    @pytest.fixture(autouse=True, params=list(VARIANTS))
    def _variant(self, request: pytest.FixtureRequest) -> None:
        self.variant = request.param

    def make(self) -> Strategy:
        return make(self.variant)


def test_the_table_holds_the_eight_strategies() -> None:
    """All methods of the paper are there, each with a line and a source."""
    assert set(ALL) <= set(strategy_names())
    for name in ALL:
        line, source = describe_strategy(name)
        assert line.endswith(".")
        assert source


@pytest.mark.parametrize("labelled", [0, 1, 8, 39])
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_exactly_k_distinct_unlabelled_rows(variant: str, pool: str, labelled: int) -> None:
    """Whatever the pool is like, k distinct unlabelled rows, from none to all that are left."""
    n = 40
    predictions, state = POOLS[pool](n), bought(n, labelled)
    for k in {0, 1, min(7, n - labelled), n - labelled}:
        rows = ask(make(variant), predictions, state, k, 5)
        assert rows.dtype == np.int64
        assert len(rows) == k
        assert len(set(rows.tolist())) == k
        assert set(rows.tolist()) <= set(state.unlabelled.tolist())


@pytest.mark.parametrize("variant", VARIANTS)
def test_more_rows_than_are_left_is_an_error_with_both_numbers(variant: str) -> None:
    """The error says how many are asked for and how many there are."""
    with pytest.raises(InputError, match=r"33 rows .* only 32"):
        ask(make(variant), generic(), bought(40, 8), 33, 1)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_nan_and_infinity_name_their_row(variant: str, broken: float) -> None:
    """In everything that is read nothing is ranked, and nothing is replaced."""
    for field in make(variant).needs.fields:
        given_ = generic()
        getattr(given_, field)[..., 17, 2] = broken
        with pytest.raises(InputError, match="row 17"):
            ask(make(variant), given_, bought(40, 8), 3, 1)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_seed_decides(variant: str) -> None:
    """The same seed gives the same rows; only what draws depends on it."""
    picks = [ask(make(variant), generic(), bought(40, 8), 9, s).tolist() for s in (1, 1, 2)]
    assert picks[0] == picks[1]
    assert (picks[0] == picks[2]) == (variant in DETERMINISTIC)


def test_the_picks_are_the_same_in_another_process() -> None:
    """Nothing depends on hashes, addresses or what ran before."""
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from test_strategies import *\n"
        "print({v: ask(make(v), generic(), bought(40, 8), 9, 4).tolist() for v in VARIANTS})"
    )
    here = {v: ask(make(v), generic(), bought(40, 8), 9, 4).tolist() for v in VARIANTS}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        cwd=__file__.rpartition("/")[0],
    )  # fmt: skip
    assert done.stdout.strip() == str(here)


@pytest.mark.parametrize("constant", [-64.0, 0.5, 16.0])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_power_of_two_on_the_logits_changes_no_pick(variant: str, constant: float) -> None:
    """The softmax does not see it, and neither do we."""
    plain = generic()
    moved = Predictions(plain.logits + constant, plain.features, plain.mc_logits + constant)
    strategy, pool = make(variant), bought(40, 8)
    assert ask(strategy, plain, pool, 12, 2).tolist() == ask(strategy, moved, pool, 12, 2).tolist()


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**20))
@pytest.mark.parametrize("variant", [name for name in DETERMINISTIC if name not in TIED])
def test_permuted_rows_give_permuted_picks(variant: str, seed: int) -> None:
    """Where no two rows tie, a row's number does not matter."""
    n, k = 40, 9
    rng = torch.Generator().manual_seed(seed)
    passes = torch.randn(6, n, 5, generator=rng)
    plain = Predictions(passes[0], torch.randn(n, 6, generator=rng), passes[1:])
    pool = bought(n, 8)
    order = np.random.default_rng(seed).permutation(n)  # new row i is old row order[i]
    moved = plain.take(order)
    place = np.argsort(order)
    labelled = zip(place[pool.labelled].tolist(), pool.values, strict=True)
    moved_pool = Pool.of(n, cycles={}, values=dict(labelled))
    strategy = make(variant)
    before = ask(strategy, plain, pool, k, 1)
    after = ask(strategy, moved, moved_pool, k, 1)
    assert order[after].tolist() == before.tolist()


@pytest.mark.parametrize("variant", ["random", "badge"])
def test_permuted_rows_give_the_same_law(variant: str) -> None:
    """Where rows are drawn, how often each is drawn does not depend on its number."""
    n, k, draws = 6, 2, 3000
    plain = generic(n, seed=8)
    order = np.array([3, 0, 5, 1, 4, 2])
    counts = np.zeros((2, n))
    for seed in range(draws):
        for which, rows in enumerate((np.arange(n), order)):
            picks = ask(make(variant), plain.take(rows), Pool.untouched(n), k, seed)
            counts[which, rows[picks]] += 1
    there = counts.sum(0) > 0
    expected = counts[:, there].mean(0)
    chi_square = ((counts[:, there] - expected) ** 2 / expected).sum()
    assert chi_square < 22.5  # 99.9 % quantile at 6 degrees of freedom; draws are negatively bound


def test_uwe_options_choose() -> None:
    """Measure and selection really change what is picked."""
    picks = {
        variant: tuple(ask(make(variant), generic(), bought(40, 8), 9, 1).tolist())
        for variant in VARIANTS
        if variant.startswith("uwe-")
    }
    assert len(set(picks.values())) >= 7
    assert picks["uwe-entropy-k_center"] == tuple(
        ask(make("uwe"), generic(), bought(40, 8), 9, 1).tolist()
    )


def test_uwe_starts_with_the_largest_weighted_norm() -> None:
    """The first pick is the row whose uncertainty times features is longest."""
    given_, pool = generic(), bought(40, 8)
    probs = given_.logits.double().softmax(1)
    u = -(probs * probs.log()).sum(1)
    left = torch.from_numpy(pool.unlabelled)
    w = (u - u[left].min()) / (u[left].max() - u[left].min())
    norms = (w[:, None] * given_.features.double()).norm(dim=1)
    expected = int(left[norms[left].argmax()])
    assert ask(make("uwe"), given_, pool, 3, 1)[0] == expected


def test_coreset_keeps_away_from_what_is_labelled() -> None:
    """The labelled rows are the first centres: on a line the far end is picked."""
    features = torch.arange(10.0)[:, None]
    pool = Pool.untouched(10).ask([8], cycle=0).answer([8], [0])
    rows = ask(find_strategy("coreset"), Predictions(torch.zeros(10, 2), features), pool, 2, 1)
    assert rows.tolist() == [0, 4]


def test_badge_knows_classes_from_the_logits_alone() -> None:
    """A class that is never predicted is still a class."""
    points = find_strategy("badge").choose.represent(no_class_zero(10), np.arange(10))
    assert points.a.shape == (10, 5)


def test_bald_needs_passes() -> None:
    """Predictions without dropout passes are refused by name."""
    plain = generic()
    with pytest.raises(InputError, match="dropout passes"):
        ask(find_strategy("bald"), Predictions(plain.logits, plain.features), bought(40, 8), 3, 1)
    with pytest.raises(InputError, match="at least 2"):
        find_strategy("bald", mc_passes=1)


def test_an_unknown_name_lists_close_matches() -> None:
    """A typing error is answered with what was meant."""
    with pytest.raises(InputError, match="did you mean 'badge'"):
        find_strategy("bagde")
    with pytest.raises(InputError, match="did you mean 'entropy'"):
        find_strategy("uwe", uncertainty="entropie")
    with pytest.raises(InputError, match="k_center"):
        find_strategy("uwe", selection="k-center")


@pytest.mark.parametrize("name", ALL)
def test_an_option_that_is_not_used_is_an_error(name: str) -> None:
    """No strategy takes an option in silence."""
    assert "colour" not in strategy_options(name)
    with pytest.raises(InputError, match="does not use 'colour'"):
        find_strategy(name, colour="red")


def test_two_packages_cannot_claim_one_name(installed) -> None:
    """A clash of names is an error that names both, where the name is used."""
    group = "uwe.strategies"
    installed(
        EntryPoint("uwe", "uwe.strategies:uwe", group), EntryPoint("uwe", "other:mine", group)
    )
    assert strategy_names() == ["uwe"]
    with pytest.raises(InputError, match="other:mine"):
        find_strategy("uwe")


def test_another_packages_strategy_comes_in_by_the_same_door(
    monkeypatch: pytest.MonkeyPatch, installed
) -> None:
    """An entry point is enough; its signature is the list of its options."""
    point = EntryPoint("mine", "test_strategies_plugin:mine", "uwe.strategies")
    module = type(sys)("test_strategies_plugin")
    module.mine = lambda *, sharpness=1.0: ranked(
        lambda predictions: predictions.logits[:, 0].double() * sharpness
    )
    monkeypatch.setitem(sys.modules, "test_strategies_plugin", module)
    installed(point)
    assert strategy_options("mine") == {"sharpness": 1.0}
    rows = ask(find_strategy("mine", sharpness=2.0), generic(), bought(40, 8), 3, 1)
    best = generic().logits[:, 0][bought(40, 8).unlabelled].topk(3).indices
    assert rows.tolist() == bought(40, 8).unlabelled[best].tolist()


def test_a_query_tells_its_parts() -> None:
    """Picks hold the seconds of the representation and of the selection."""
    question = Question(generic(120), Pool.untouched(120), seed=1)
    picks = find_strategy("uwe").query(question, 5)
    assert list(picks.seconds) == ["representation", "selection"]
    assert min(picks.seconds.values()) > 0
