"""Points: distances that keep their bits, tiles that keep their bounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from uwe.errors import InputError
from uwe.points import Dense, Points, Product, as_points, ordered_sum
from uwe.selection._bounds import bounds, reach

ROWS = slice(0, 40)


def dense(seed: int, n: int = 40, d: int = 7, dtype: type = np.float32) -> Dense:
    return Dense(np.random.default_rng(seed).normal(size=(n, d)).astype(dtype))


def product(seed: int, n: int = 40, c: int = 3, d: int = 5) -> Product:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, c)), rng.normal(size=(n, d))
    return Product((a * 10.0 ** rng.integers(-2, 3, (n, 1))).astype(np.float32), b)


def written_out(points: Points) -> np.ndarray:
    if isinstance(points, Product):
        a, b = (np.asarray(x, dtype=np.float64) for x in (points.a, points.b))
        return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)
    assert isinstance(points, Dense)
    return torch.as_tensor(points.x).double().numpy()


@pytest.mark.parametrize("points", [dense(1), product(2)], ids=["dense", "product"])
def test_exact_distances_are_those_of_the_rows_written_out(points: Points) -> None:
    wide = written_out(points)
    exact = points.exact(ROWS)
    for row in range(3):
        expected = ((wide - wide[row]) ** 2).sum(1)
        np.testing.assert_allclose(exact.sqdist(exact.take(np.array([row]))), expected, atol=1e-9)
    np.testing.assert_allclose(exact.sqnorms(), (wide**2).sum(1))


@pytest.mark.parametrize("points", [dense(3), product(4)], ids=["dense", "product"])
def test_exact_distances_have_the_same_bits_in_any_company_and_direction(points: Points) -> None:
    together = points.exact(ROWS).sqdist(points.exact(np.array([5])))
    for row in range(40):
        alone = points.exact(np.array([row])).sqdist(points.exact(np.array([5])))
        back = points.exact(np.array([5])).sqdist(points.exact(np.array([row])))
        assert together[row] == alone[0] == back[0]


@pytest.mark.parametrize("points", [dense(5), product(6)], ids=["dense", "product"])
def test_equal_rows_are_exactly_0_apart(points: Points) -> None:
    assert not points.exact(ROWS).sqdist(points.exact(ROWS)).any()


def test_an_unbalanced_product_loses_no_digits() -> None:
    a = np.array([[1e3], [1e-3]])
    near = Product(a, np.array([[1e-3], [1e3 * (1 + 1e-9)]]))
    exact = near.exact(slice(0, 2)).sqdist(near.exact(np.array([0])))
    assert exact[1] == pytest.approx(1e-18, rel=1e-6)


def test_an_ordered_sum_takes_every_term_once() -> None:
    for width in range(1, 400):
        assert ordered_sum(np.arange(width, dtype=np.float64)[None]) == width * (width - 1) / 2


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    d=st.sampled_from([1, 2, 17, 300]),
    size=st.sampled_from([1e-20, 1.0, 1e15]),
    away=st.sampled_from([0.0, 1.0, 1e4]),
    kind=st.sampled_from([np.float64, np.float32, np.float16]),
)
def test_bounds_hold_the_distance_and_reach_turns_them_round(
    seed: int, d: int, size: float, away: float, kind: type
) -> None:
    rng = np.random.default_rng(seed)
    if kind is np.float16:
        size, away = 1.0, min(away, 100.0)
    x = ((rng.normal(size=(30, d)) * rng.uniform(0, 3, (30, 1)) + away) * size).astype(kind)
    points = as_points(x)
    frame = points.frame()
    tile = points.tile(slice(0, 30), frame)
    offsets = tile.offsets(tile)
    low, high = (
        side * frame.unit for side in bounds(offsets.astype(np.float64), tile.sq[:, None], tile)
    )
    for row in range(30):
        exact = points.exact(slice(0, 30)).sqdist(points.exact(np.array([row])))
        assert (low[:, row] <= exact).all()
        assert (exact <= high[:, row]).all()
        farthest = reach(exact / frame.unit, tile.sq, tile)
        assert (offsets[:, row] <= farthest).all()


def test_the_bound_is_tight_where_rounding_is_at_its_worst() -> None:
    # Entries that all round the same way: the bound may not be ten thousand times too wide.
    x = np.full((2, 514), 1 + 2.0**-12 + 2.0**-23, dtype=np.float32)
    x[1] *= np.float32(1.5)
    points = as_points(x)
    frame = points.frame()
    tile = points.tile(slice(0, 2), frame)
    low, high = bounds(tile.offsets(tile).astype(np.float64), tile.sq[:, None], tile)
    assert (high - low).max() < 1e-2 * float(tile.sq.max())


def test_a_far_mean_is_subtracted() -> None:
    x = np.random.default_rng(0).normal(size=(100, 4)) + 1e6
    points = as_points(x)
    tile = points.tile(slice(0, 100), points.frame())
    assert float(tile.sq.max()) < 100


@pytest.mark.parametrize("bad", [np.zeros(3), np.zeros((3, 0)), np.zeros((3, 2), dtype=np.int64)])
def test_what_is_no_matrix_of_floats_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(InputError, match="points"):
        as_points(bad)


def test_something_else_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="list"):
        as_points([[1.0]])  # type: ignore[arg-type]


def test_factors_of_different_length_are_refused() -> None:
    with pytest.raises(InputError, match="3 and 2"):
        Product(np.zeros((3, 1)), np.zeros((2, 1)))


def test_rows_come_from_tensors_arrays_read_only_arrays_and_files_alike(tmp_path: object) -> None:
    x = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)
    np.save(f"{tmp_path}/x.npy", x)
    fixed = x.copy()
    fixed.flags.writeable = False
    rows = np.array([4, 1, 19])
    sources = [x, torch.from_numpy(x), fixed, np.load(f"{tmp_path}/x.npy", mmap_mode="r"), x[:, :]]
    expected = as_points(x).exact(rows).sqnorms()
    for source in sources:
        points = as_points(source)
        assert (points.exact(rows).sqnorms() == expected).all()
        assert (points.take(rows).exact(slice(0, 3)).sqnorms() == expected).all()
