"""The certificate, and plans."""

from __future__ import annotations

import itertools
import tracemalloc
from functools import partial

import numpy as np
import pytest

from uwe.errors import InputError
from uwe.points import Product, as_points
from uwe.selection import _reference as slow
from uwe.selection._plan import parse_memory
from uwe.selection.certificate import certify
from uwe.selection.k_center import k_center
from uwe.selection.k_means_pp import k_means_pp
from uwe.selection.planning import plan_selection


def shortfall(x: np.ndarray, picks: np.ndarray) -> float:
    """The certificate's formula, one pick at a time."""
    norms = np.sqrt((x**2).sum(1))
    worst = 1 - norms[picks[0]] / norms.max()
    nearest = np.full(len(x), np.inf)
    for before, pick in itertools.pairwise(picks):
        nearest = np.minimum(nearest, np.sqrt(((x - x[before]) ** 2).sum(1)))
        worst = max(worst, 1 - nearest[pick] / nearest.max() if nearest.max() else 0.0)
    return worst


@pytest.mark.parametrize("seed", range(5))
def test_picks_at_random_fall_short_by_the_formula(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1500, 6))
    picks = rng.permutation(1500)[:200]
    assert certify(x, picks) == pytest.approx(shortfall(x, picks), rel=1e-9)


def test_the_slow_twin_falls_short_by_nothing() -> None:
    rng = np.random.default_rng(0)
    for points in (
        as_points(rng.integers(-1, 2, (300, 3)).astype(np.float32)),
        as_points(np.ones((40, 2))),
        Product(rng.normal(size=(200, 3)), rng.normal(size=(200, 4))),
    ):
        picks, _ = slow.k_center(points, 40)
        assert certify(points, picks) < 1e-9


def test_two_picks_that_change_places_are_found() -> None:
    x = np.random.default_rng(1).normal(size=(800, 5))
    picks = k_center(x, 100)
    assert certify(x, picks) == 0.0
    picks[[40, 70]] = picks[[70, 40]]
    assert certify(x, picks) > 1e-3


def test_anchors_count_as_centres() -> None:
    x = np.array([[0.0], [1.0], [10.0]])
    assert certify(x, np.array([0]), anchors=np.array([[9.0]])) == 0.0
    assert certify(x, np.array([2]), anchors=np.array([[9.0]])) == pytest.approx(8 / 9)


@pytest.mark.parametrize("picks", [[0, 0], [3], [-1]])
def test_what_are_no_picks_is_refused(picks: list[int]) -> None:
    with pytest.raises(InputError, match="distinct rows"):
        certify(np.zeros((3, 1)), np.array(picks))


def test_a_plan_is_known_before_the_work() -> None:
    x = np.zeros((5000, 64), dtype=np.float32)
    small, large = (plan_selection(x, 100, max_memory=m) for m in ("1MB", "200MB"))
    assert small.bytes <= 1_000_000 < large.bytes <= 200_000_000
    assert small.block < large.block
    assert large.pairs_at_most == 5000 * 100
    assert large.seconds > 0
    assert large.seconds_at_most > 0
    assert plan_selection(x, 2, max_memory="200MB").passes == 2


def test_too_little_memory_is_refused_with_both_numbers() -> None:
    with pytest.raises(InputError, match=r"max_memory is 1,000 bytes, but 5,000 rows .* need \d"):
        k_center(np.zeros((5000, 64)), 3, max_memory=1000)


def test_memory_reads_as_people_write_it() -> None:
    assert parse_memory("1.5GB") == 1_500_000_000
    assert parse_memory(" 64 kb") == 64_000
    with pytest.raises(InputError, match="two"):
        parse_memory("two")


POOL = np.random.default_rng(0).normal(size=(20_000, 64)).astype(np.float32)


@pytest.mark.parametrize("memory", [3_500_000, 8_000_000, 60_000_000])
@pytest.mark.parametrize(
    "x",
    [
        POOL,
        POOL.astype(np.float16),
        POOL + 1000,
        np.repeat(POOL[:200], 100, axis=0),
        Product(POOL[:, :10].copy(), POOL[:, :48].copy()),
        POOL[:, :1].copy(),
    ],
    ids=["float32", "float16", "far", "duplicates", "factors", "one column"],
)
def test_memory_is_kept_to(x: np.ndarray | Product, memory: int) -> None:
    for select in (k_center, partial(k_means_pp, seed=1)):
        tracemalloc.start()
        try:
            select(x, 200, max_memory=memory)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < memory


def test_a_plan_takes_cells_only_where_they_fit() -> None:
    x = np.zeros((50_000, 64), dtype=np.float32)
    roomy, tight = (plan_selection(x, 20_000, max_memory=m) for m in (None, "9MB"))
    assert roomy.cells > 1
    assert tight.cells < roomy.cells
    assert tight.bytes <= 9_000_000
