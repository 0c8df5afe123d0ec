"""Typical rows of clusters, by hand and against all pairs written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uwe.errors import InputError
from uwe.points import Dense, Product
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.selection import density
from uwe.selection.clusters import clusters
from uwe.selection.density import neighbour_distance
from uwe.strategies import Question, find_strategy, typicality
from uwe.testing import StrategyContract

# three groups of 5, 6 and 7 rows from 0, 100 and 200 on; the second row of each is the most typical
STEPS = [0.0, 1.0, 2.0, 4.5, 6.0, 7.5, 9.0]
GROUPS = {0: 5, 100: 6, 200: 7}
LINE = torch.tensor([[at + step] for at, size in GROUPS.items() for step in STEPS[:size]]).double()


def asked(x: torch.Tensor, labelled: list[int] = [], seed: int = 1) -> Question:  # noqa: B006
    pool = Pool.of(len(x), cycles={}, values=dict.fromkeys(labelled, 0))
    return Question(Predictions(features=x, rows=len(x)), pool, seed)


def made(**options: object):
    return find_strategy("typiclust", normalise="none", **options)


def mean_of_nearest(x: np.ndarray, k: int) -> np.ndarray:
    """The obvious twin: all pairs, sorted."""
    apart = np.sqrt(((x[:, None] - x[None]) ** 2).sum(2))
    np.fill_diagonal(apart, np.inf)
    return np.sort(apart, axis=1)[:, : min(k, len(x) - 1)].mean(1)


def test_the_largest_clusters_come_first_and_their_typical_rows() -> None:
    """Three clusters for three picks: of 7, 6 and 5 rows; in each the row amid its neighbours."""
    picks = made(neighbours=2).query(asked(LINE), 3)
    assert picks.facts == {"clusters": 3}
    assert list(picks) == [12, 6, 1]


def test_clusters_with_labels_come_after_those_without() -> None:
    """Row 12 of the largest cluster is labelled: of four clusters, its part without one is left."""
    picks = made(neighbours=2, max_clusters=3).query(asked(LINE, [12]), 4)
    assert list(picks)[:2] == [6, 1]
    assert picks[2] > 10  # all have one now; the largest is the first to have two
    assert picks[2] != 12
    assert 5 <= picks[3] <= 10


def test_a_cluster_of_fewer_than_five_rows_comes_last() -> None:
    """Two rows far away are passed over as long as other clusters have rows."""
    x = torch.cat([LINE, torch.tensor([[1e4], [1e4 + 1]], dtype=torch.float64)])
    rows = list(made(max_clusters=4).query(asked(x), 20))
    assert set(rows[:18]) == set(range(18))
    assert set(rows[18:]) == {18, 19}


def test_where_all_clusters_are_small_they_are_taken_all_the_same() -> None:
    """Six rows, one cluster for each: the lower rows first."""
    x = torch.arange(6.0)[:, None] ** 2
    assert list(made().query(asked(x), 6)) == [0, 1, 2, 3, 4, 5]


def test_there_are_as_many_clusters_as_labels_and_picks_but_no_more_than_the_most() -> None:
    """min(labelled + k, max_clusters, n)."""
    x = torch.randn(90, 3, generator=torch.Generator().manual_seed(0))
    assert made().query(asked(x, [1, 2]), 5).facts == {"clusters": 7}
    assert made(max_clusters=4).query(asked(x, [1, 2]), 5).facts == {"clusters": 4}
    assert made().query(asked(x, list(range(85))), 5).facts == {"clusters": 90}


def test_copies_are_typical_and_the_lower_row_is_picked() -> None:
    """Rows 3 to 9 are equal: their neighbours are at 0, and of equally typical rows the lower."""
    x = torch.tensor([[0.0], [1.0], [2.0]] + [[5.0]] * 7 + [[6.0]])
    assert list(made(neighbours=3).query(asked(x), 1)) == [3]
    assert made(neighbours=3).query(asked(x, [3]), 2).facts == {"clusters": 3}
    assert list(made(neighbours=3, max_clusters=1).query(asked(x, [3]), 2)) == [4, 5]


def test_a_pool_of_copies_is_one_cluster() -> None:
    """Fewer clusters than asked for, without a warning."""
    picks = made().query(asked(torch.ones(40, 2)), 6)
    assert picks.facts == {"clusters": 1}
    assert list(picks) == [0, 1, 2, 3, 4, 5]


def test_of_a_large_cluster_the_typicality_of_some_rows_is_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are drawn by the seed; when they are used up the others follow in their order."""
    monkeypatch.setattr(typicality, "_MOST", 5)
    x = torch.randn(30, 2, generator=torch.Generator().manual_seed(0))
    rows = [list(made(max_clusters=1).query(asked(x, seed=seed), 30)) for seed in (1, 1, 2)]
    assert rows[0] == rows[1] != rows[2]
    assert sorted(rows[0]) == list(range(30))
    assert rows[0][5:] == sorted(rows[0][5:])


@pytest.mark.parametrize("name", ["max_clusters", "neighbours"])
@pytest.mark.parametrize("value", [0, -3, 2.0, True])
def test_a_number_that_is_none_is_refused(name: str, value: object) -> None:
    """The option and the value are named."""
    with pytest.raises(InputError, match=name):
        find_strategy("typiclust", **{name: value})


def test_a_mean_distance_is_worked_by_hand() -> None:
    """Of 0, 1, 3 and 3: to two neighbours 2, 1.5, 1 and 1; to one 1, 1, 0 and 0."""
    x = np.array([[0.0], [1.0], [3.0], [3.0]])
    assert neighbour_distance(x, 2).tolist() == [2.0, 1.5, 1.0, 1.0]
    assert neighbour_distance(x, 1).tolist() == [1.0, 1.0, 0.0, 0.0]
    assert neighbour_distance(x, 1, rows=np.array([3, 0])).tolist() == [0.0, 1.0]
    assert neighbour_distance(x, 9).tolist() == neighbour_distance(x, 3).tolist()
    assert neighbour_distance(x[:1], 5).tolist() == [0.0]


@given(st.integers(0, 2**20), st.integers(1, 40), st.integers(1, 25), st.booleans())
def test_mean_distances_are_those_of_the_twin(seed: int, n: int, k: int, grid: bool) -> None:
    """On grids with copies and far from the origin; as a matrix and as products."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, (n, 3)) + 1e4 if grid else rng.normal(size=(n, 3))
    expected = mean_of_nearest(x.astype(np.float64), k) if n > 1 else np.zeros(1)
    for points in (Dense(x.astype(np.float64)), Product(np.ones((n, 1)), x.astype(np.float64))):
        np.testing.assert_allclose(neighbour_distance(points, k), expected, rtol=1e-8, atol=1e-12)


def test_equal_rows_are_equally_typical_in_every_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounding in products of rows breaks no tie."""
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(40, 17)), 3, axis=0)[rng.permutation(120)]
    whole = neighbour_distance(x, 7)
    monkeypatch.setattr(density, "_PAIRS", 500)
    assert neighbour_distance(x, 7).tolist() == whole.tolist()
    _, same = np.unique(x, axis=0, return_inverse=True)
    assert all(len(set(whole[same == each].tolist())) == 1 for each in range(40))


def test_clusters_are_numbered_by_their_first_rows() -> None:
    """Groups are found, and their numbers do not depend on the seed."""
    x = np.array([[9.0], [0.0], [9.1], [0.2], [50.0]], dtype=np.float32)
    for seed in range(4):
        assert clusters(x, 3, seed=seed).tolist() == [0, 1, 0, 1, 2]
    assert clusters(x, 1, seed=0).tolist() == [0] * 5
    with pytest.raises(InputError, match="6 clusters of 5 rows"):
        clusters(x, 6, seed=0)


def test_many_rows_are_clustered_by_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where rows times clusters are many, and with the same groups."""
    monkeypatch.setattr("uwe.selection.clusters._PAIRS", 10)
    rng = np.random.default_rng(0)
    x = (rng.integers(0, 3, (300, 1)) * 50 + rng.normal(size=(300, 2))).astype(np.float32)
    found = clusters(x, 3, seed=1)
    assert found.tolist() == clusters(x, 3, seed=1).tolist()
    assert all(np.ptp(x[found == each, 0]) < 20 for each in range(3))


def test_without_scikit_learn_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, and what to install."""
    monkeypatch.setitem(__import__("sys").modules, "sklearn.cluster", None)
    with pytest.raises(InputError, match=r"clustering needs sklearn .*install it") as refused:
        made().query(asked(LINE), 2)
    assert "\n" not in str(refused.value)


VARIANTS = {
    "many neighbours": find_strategy("typiclust", neighbours=100, normalise="standard"),
    "two clusters": find_strategy("typiclust", max_clusters=2),
}


class TestTypical(StrategyContract):
    """What is asked of every strategy, with other options."""

    @pytest.fixture(autouse=True, params=list(VARIANTS))
    def _one(self, request: pytest.FixtureRequest) -> None:
        self.strategy = VARIANTS[request.param]
