"""Cells: what they rule out is out of reach, what they promise holds."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from uwe.points import Points, Product, as_points
from uwe.selection import _reference as slow
from uwe.selection._cells import Cells
from uwe.selection._nearest import Nearest
from uwe.selection._norms import take_norms
from uwe.selection._plan import Plan
from uwe.selection._reference import SHAPES, pool


def cells_of(points: Points, centres: np.ndarray, cells: int) -> tuple[Cells, float]:
    """Cells that know of some rows as centres, and the unit of their squared distances."""
    norms = take_norms(points, 16)
    found = Cells(points, norms.frame, norms.sq, cells, len(centres))
    found.assign(slice(0, len(points)), points.tile(slice(0, len(points)), norms.frame))
    found.add(points.tile(centres, norms.frame))
    return found, norms.frame.unit


def gaps(points: Points, centres: np.ndarray) -> np.ndarray:
    """Exact squared distances of all rows to the centres, ``[n, centres]``."""
    return np.stack([slow.distances(points, points, int(row)) for row in centres], axis=1)


inputs = given(
    shape=st.sampled_from(SHAPES),
    n=st.integers(2, 80),
    d=st.sampled_from([1, 2, 9, 65]),
    seed=st.integers(0, 2**32 - 1),
    cells=st.integers(1, 9),
    outer=st.booleans(),
)


def drawn(shape: str, n: int, d: int, seed: int, *, outer: bool) -> tuple[Points, np.ndarray]:
    x = pool(shape, n, d, seed).astype(np.float32)
    points = Product(pool("gaussian", n, 3, seed + 1), x) if outer else as_points(x)
    rng = np.random.default_rng(seed)
    return points, np.sort(rng.permutation(n)[: max(1, n // 3)])


@settings(deadline=None, max_examples=150)
@inputs
def test_a_centre_that_is_ruled_out_is_farther_than_the_limit(
    shape: str, n: int, d: int, seed: int, cells: int, outer: bool
) -> None:
    points, centres = drawn(shape, n, d, seed, outer=outer)
    found, unit = cells_of(points, centres, cells)
    exact = gaps(points, centres)
    limit = exact[:, ::2].min(1)
    met = np.zeros(exact.shape, dtype=bool)
    start = np.random.default_rng(seed).integers(0, len(centres), n)
    for meeting in found.meetings(np.arange(n), start, limit / unit):
        met[np.ix_(meeting.rows, meeting.centres)] = True
    unmet = ~met & (np.arange(len(centres)) >= start[:, None])
    assert (exact > limit[:, None])[unmet].all()


@settings(deadline=None, max_examples=100)
@inputs
def test_no_row_is_farther_than_its_ceiling(
    shape: str, n: int, d: int, seed: int, cells: int, outer: bool
) -> None:
    points, centres = drawn(shape, n, d, seed, outer=outer)
    found, unit = cells_of(points, centres, cells)
    assert (gaps(points, centres).min(1) <= found.ceiling() * unit).all()


def test_distant_clusters_are_ruled_out() -> None:
    x = np.concatenate([pool("gaussian", 50, 4, at) + 1000 * at for at in range(4)])
    points = as_points(x.astype(np.float32))
    centres = np.arange(0, 200, 10)
    found, unit = cells_of(points, centres, 4)
    limit = gaps(points, centres).min(1) / unit
    zero = np.zeros(200, dtype=np.int64)
    met = sum(len(m.rows) * len(m.centres) for m in found.meetings(np.arange(200), zero, limit))
    assert met <= 200 * 5


def test_a_glance_lowers_bounds_and_never_below_the_distance() -> None:
    points = as_points(pool("weighted", 600, 8, 3).astype(np.float32))
    norms = take_norms(points, 64)
    near = Nearest(points, norms.frame, norms.sq, Plan(64, 64, 16, 32, cells=8), 200, None)
    near.add(np.arange(0, 600, 3))
    rows = np.flatnonzero(near.sqdist > 0)
    near.glance(rows)
    exact = gaps(points, np.arange(0, 600, 3)).min(1)
    assert np.isfinite(near.sqdist[rows]).all()
    assert (near.sqdist[rows] >= exact[rows]).all()
    near.update_by_cell(rows, near.upper())
    near.settle(rows)
    np.testing.assert_array_equal(near.sqdist[rows], exact[rows])
