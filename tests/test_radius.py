"""The radius of a coverage, by hand and where labelled rows tell nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uwe.embedding import normalised
from uwe.errors import InputError
from uwe.points import Dense, Product
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.strategies import RADIUS_RULES, Question, Radius, coverage_radius, find_strategy, radius
from uwe.strategies.radius import given_radius, purity_radius

LINE = np.array([[0.0], [0.0], [1.0], [4.0], [9.0], [11.0]])


def nearest_different(x: np.ndarray) -> np.ndarray:
    """The obvious twin: all pairs, equal rows left out."""
    apart = np.sqrt(((x[:, None] - x[None]) ** 2).sum(2))
    return np.where(apart > 0, apart, np.inf).min(1)


@pytest.mark.parametrize(
    ("labelled", "rule", "value"),
    [
        ([2, 3, 4], "nearest-median", 3.0),  # 3, 3 and 5
        ([2, 3, 4], "nearest-min", 3.0),
        ([0, 1, 2, 3], "nearest-median", 1.0),  # 1, 1, 1 and 3; the copies do not count
        ([0, 1, 3, 5], "nearest-median", 4.0),  # 4, 4, 4 and 7
        ([3, 4, 5, 2], "nearest-median", 2.5),  # 3, 2, 2 and 3
        ([3, 4, 5, 2], "nearest-min", 2.0),
        ([4, 5], "nearest-median", 2.0),
    ],
)
def test_a_radius_is_worked_by_hand(labelled: list[int], rule: str, value: float) -> None:
    """The distance to the nearest different labelled row, then the median or the least."""
    found = coverage_radius(LINE, np.array(labelled), seed=0, rule=rule)
    assert found == Radius(value, f"{rule} of {len(labelled)} labelled rows")


@pytest.mark.parametrize("labelled", [[], [3], [0, 1]])
def test_without_two_different_labelled_rows_the_pool_tells(labelled: list[int]) -> None:
    """No label, one, or two copies: the rows of the pool are 1, 1, 1, 3, 2 and 2 apart."""
    found = coverage_radius(LINE, np.array(labelled, dtype=np.int64), seed=0)
    assert found == Radius(1.5, "nearest-median of 6 rows of the pool")


def test_of_a_large_pool_1000_rows_are_drawn_by_the_seed() -> None:
    """The same seed gives the same rows, another one others."""
    x = np.random.default_rng(0).normal(size=(3000, 2))
    none = np.zeros(0, dtype=np.int64)
    found = [coverage_radius(x, none, seed=seed) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    assert found[0].rule == "nearest-median of 1,000 rows of the pool"


def test_of_many_labelled_rows_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compared does not grow with the square of the labels."""
    x = np.random.default_rng(0).normal(size=(300, 2))
    monkeypatch.setattr(radius, "_MOST", 50)
    found = coverage_radius(x, np.arange(200), seed=3)
    assert found.rule == "nearest-median of 50 labelled rows"


def test_where_all_rows_are_equal_any_radius_will_do() -> None:
    """There is no length to find; it is said."""
    found = coverage_radius(np.ones((40, 3)), np.arange(4), seed=0)
    assert found == Radius(1.0, "any, since all rows are equal")


def test_a_few_other_rows_among_many_copies_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where labelled and drawn rows are all copies, the distance from one of them to others."""
    monkeypatch.setattr(radius, "_SAMPLE", 3)
    x = np.zeros((1000, 2))
    x[[700, 800]] = [[3.0, 4.0], [0.0, 7.0]]
    found = coverage_radius(x, np.array([1, 2]), seed=0)
    assert found == Radius(6.0, "median distance from row 0")


@given(st.integers(0, 2**20), st.integers(2, 40), st.sampled_from(RADIUS_RULES))
def test_a_radius_is_that_of_the_twin(seed: int, m: int, rule: str) -> None:
    """Grids with copies, far from the origin: all pairs written out give the same."""
    x = np.random.default_rng(seed).integers(-2, 3, (m, 2)) + 1e4
    near = nearest_different(x)
    found = coverage_radius(x, np.arange(m), seed=0, rule=rule)
    if np.isfinite(near).any():
        of = np.median if rule == "nearest-median" else np.min
        assert found.value == pytest.approx(of(near[np.isfinite(near)]), rel=1e-5)
    else:
        assert found.rule.startswith("any")


def test_blocks_of_rows_join_seamlessly(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many rows are compared at once changes nothing."""
    x = np.random.default_rng(1).normal(size=(90, 4))
    whole = coverage_radius(x, np.arange(90), seed=0)
    monkeypatch.setattr(radius, "_AT_ONCE", 7)
    assert coverage_radius(x, np.arange(90), seed=0) == whole


def test_multiples_of_a_row_are_equal_rows_once_they_have_length_one() -> None:
    """Rounding of 1/‖x‖ is no distance: the least one is that to another direction."""
    x = torch.tensor([[1.0, 2.0], [3.0, 6.0], [0.1, 0.2], [2.0, 1.0]], dtype=torch.float64)
    points = normalised("unit")(Predictions(torch.zeros(4, 2), x), np.arange(4))
    halves = Product(torch.ones(4, 1), x.half())
    for given_ in (points, halves):
        assert coverage_radius(given_, np.arange(4), seed=0, rule="nearest-min").value > 0.1


def test_the_radius_has_six_digits_so_that_it_can_be_given_again() -> None:
    """What picks say is what was used: the same picks come from the number that they carry."""
    rng = torch.Generator().manual_seed(0)
    said = Predictions(torch.randn(60, 3, generator=rng), torch.randn(60, 5, generator=rng))
    rows = np.arange(6)
    question = Question(said, Pool.untouched(60).ask(rows, cycle=0).answer(rows, rows % 3), 1)
    found = find_strategy("maxherding").query(question, 8)
    again = find_strategy("maxherding", radius=found.facts["radius"]).query(question, 8)
    assert again.rows.tolist() == found.rows.tolist()
    assert again.facts == {"radius": found.facts["radius"], "radius_rule": "as given"}
    assert len(str(found.facts["radius"]).replace(".", "").lstrip("0")) <= 6


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), True, "wide"])
def test_a_radius_that_is_no_length_is_refused(value: object) -> None:
    """The value is named."""
    with pytest.raises(InputError, match="radius"):
        given_radius(value)
    with pytest.raises(InputError, match="radius"):
        find_strategy("maxherding", radius=value)


def test_an_unknown_rule_is_refused() -> None:
    """The close matches are listed."""
    with pytest.raises(InputError, match="did you mean 'nearest-median'"):
        coverage_radius(LINE, np.arange(3), seed=0, rule="nearest-mean")


def test_the_radius_of_a_purity_is_worked_by_hand() -> None:
    """Two clusters, 0 and 1 against 5 and 6: from 4 on the ball about 1 holds 5."""
    x = np.array([[0.0], [1.0], [5.0], [6.0]])
    assert purity_radius(x, 2, seed=0) == Radius(3.99999, "purity 0.95 of 2 clusters")
    assert purity_radius(x, 2, seed=0, purity=0.5).value == 4.99999  # rows 0 and 6 stay pure


def test_the_share_of_a_purity_is_exact() -> None:
    """One of ten rows need not be pure at 0.9, although 1 - 0.9 is below 0.1 in float64.

    Of five and five rows on a line, those at the gap meet the other cluster first: at 0.8 both may
    be impure, at 0.9 one of them. A share near 0 asks for one pure row.
    """
    x = np.array([0, 1, 2, 3, 4, 14, 16, 17, 18, 19], dtype=float)[:, None]
    nearest = sorted([14, 13, 12, 11, 10, 10, 12, 13, 14, 15])
    for purity, at in ((1.0, 0), (0.9, 1), (0.8, 2), (0.7, 3), (1e-20, 9)):
        found = purity_radius(x, 2, seed=0, purity=purity).value
        assert found == pytest.approx(nearest[at], rel=1e-5)
        assert found < nearest[at]


def test_a_purity_holds_at_its_radius_and_not_above() -> None:
    """Counted anew from all pairs of rows and the clusters themselves."""
    from uwe.selection.clusters import clusters

    x = np.random.default_rng(4).normal(size=(200, 3)).astype(np.float32)
    number = clusters(x, 4, seed=7)
    found = purity_radius(x, 4, seed=7, purity=0.9).value
    apart = np.sqrt(((x[:, None].astype(np.float64) - x[None]) ** 2).sum(2))

    def purity(at: float) -> float:
        return float(np.mean([(number[apart[i] <= at] == number[i]).all() for i in range(200)]))

    assert purity(found) >= 0.9 > purity(found * 1.001)


def test_one_cluster_tells_no_radius() -> None:
    """Equal rows are one cluster; fewer than two clusters, and a share of 0, are refused."""
    assert purity_radius(np.zeros((9, 2)), 3, seed=0).rule.startswith("any")
    for clusters, purity, words in ((1, 0.9, "at least 2 clusters"), (2, 0.0, "above 0")):
        with pytest.raises(InputError, match=words):
            purity_radius(LINE, clusters, seed=0, purity=purity)


def test_the_memory_of_points_is_not_copied_as_a_whole() -> None:
    """Of a large pool, the labelled rows and the drawn ones are taken, and no others."""
    taken: list[int] = []

    class Watched(Dense):
        def take(self, rows: np.ndarray) -> Dense:
            taken.append(len(rows))
            return super().take(rows)

    coverage_radius(Watched(np.random.default_rng(0).normal(size=(5000, 2))), np.arange(9), seed=0)
    assert taken == [9]


@pytest.mark.parametrize("scale", [2.0**-24, 2.0**24])
def test_the_radius_goes_with_the_unit_of_the_rows(scale: float) -> None:
    """What counts as equal is judged beside the norms, not beside one."""
    found = coverage_radius(LINE * scale, np.array([2, 3, 4]), seed=0)
    assert found.value == pytest.approx(3.0 * scale, rel=1e-5)
