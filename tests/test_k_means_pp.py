"""D² sampling in batches: the law of one draw after another."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import torch

from uwe._random import generator
from uwe.errors import InputError, UweError
from uwe.points import Points, Product, as_points
from uwe.selection import _reference as slow
from uwe.selection._nearest import Nearest
from uwe.selection._norms import take_norms
from uwe.selection._plan import Plan, make_plan
from uwe.selection.k_means_pp import Sampler, _sampled, k_means_pp, rounded_up

SMALL = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 1.0], [1.0, 1.0], [1.0, 1.0]])


def batched(
    x: np.ndarray | Points, k: int, *, seed: int, anchors: np.ndarray | None = None
) -> np.ndarray:
    """The kernel of large pools on a small one."""
    points, known = as_points(x), None if anchors is None else as_points(anchors)
    return _sampled(points, k, seed, known, make_plan(points, k, k, None), lambda *_: None)[0]


KERNELS = pytest.mark.parametrize("kernel", [batched, k_means_pp], ids=["batches", "plain"])


def law(
    x: np.ndarray, k: int, first: int | None, anchors: np.ndarray
) -> dict[tuple[int, ...], float]:
    """The probability of every sequence of picks, written out."""
    chances: dict[tuple[int, ...], float] = {}
    for sequence in itertools.permutations(range(len(x)), k):
        chance = 1.0
        for i, row in enumerate(sequence):
            if i == 0 and first is not None:
                chance *= row == first
                continue
            centres = np.vstack([anchors, x[list(sequence[:i])]])
            weight = ((x[:, None] - centres[None]) ** 2).sum(2).min(1)
            weight[list(sequence[:i])] = 0
            left = np.ones(len(x))
            left[list(sequence[:i])] = 0
            weight = weight if weight.any() else left
            chance *= weight[row] / weight.sum()
        if chance:
            chances[sequence] = chance
    return chances


def chi_square(seen: Counter[tuple[int, ...]], chances: dict[tuple[int, ...], float]) -> float:
    """Standard deviations by which the chi-square statistic exceeds its mean."""
    draws = sum(seen.values())
    assert set(seen) <= set(chances)
    statistic = sum((seen[s] - draws * p) ** 2 / (draws * p) for s, p in chances.items())
    freedom = len(chances) - 1
    return (statistic - freedom) / np.sqrt(2 * freedom)


@KERNELS
@pytest.mark.parametrize("k", [2, 3])
def test_sequences_have_the_law_of_one_draw_after_another(
    kernel: Callable[..., np.ndarray], k: int
) -> None:
    seen = Counter(tuple(kernel(SMALL, k, seed=s).tolist()) for s in range(1500))
    assert chi_square(seen, law(SMALL, k, 3, np.empty((0, 2)))) < 4


def test_rows_whose_weight_halved_are_accepted_half_as_often() -> None:
    # A grid so wide that no pick lowers another row's weight; every second weight is half of what
    # it was when the weights were taken.
    places = np.stack(np.meshgrid(*[10.0 * np.arange(200)] * 2), axis=-1).reshape(-1, 2)
    points = as_points(places)
    plan = make_plan(points, 1, 1, None)
    norms = take_norms(points, 1000)
    near = Nearest(points, norms.frame, norms.sq, plan, len(points), None)
    near.sqdist[:] = np.where(np.arange(len(points)) % 2, 0.5, 1.0)
    sampler = Sampler(near, generator(3), len(points), distances=False)
    sampler.weight = np.ones(len(points))
    sampler.cumulative = np.cumsum(sampler.weight)
    while sampler.done < 12_000:
        sampler.batch()
    halved = near.picks[: sampler.done] % 2
    full = len(points) / 2 - (np.cumsum(1 - halved) - (1 - halved))
    half = len(points) / 2 - (np.cumsum(halved) - halved)
    chance = 0.5 * half / (full + 0.5 * half)
    assert abs((halved - chance).sum()) < 3 * np.sqrt((chance * (1 - chance)).sum())


@KERNELS
def test_with_anchors_the_first_pick_is_drawn_too(kernel: Callable[..., np.ndarray]) -> None:
    anchors = np.array([[0.0, 0.0], [4.0, 4.0]])
    seen = Counter(tuple(kernel(SMALL, 2, seed=s, anchors=anchors).tolist()) for s in range(1500))
    assert chi_square(seen, law(SMALL, 2, None, anchors)) < 4


@KERNELS
def test_where_no_weight_is_left_the_rest_is_uniform(kernel: Callable[..., np.ndarray]) -> None:
    equal = np.ones((4, 2))
    seen = Counter(tuple(kernel(equal, 3, seed=s).tolist()) for s in range(1200))
    assert chi_square(seen, law(equal, 3, 0, np.empty((0, 2)))) < 4


@KERNELS
def test_factors_have_the_law_of_the_rows_written_out(kernel: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 2)), rng.normal(size=(5, 3))
    wide = (a[:, :, None] * b[:, None, :]).reshape(5, -1)
    first = int((wide**2).sum(1).argmax())
    seen = Counter(tuple(kernel(Product(a, b), 3, seed=s).tolist()) for s in range(1200))
    assert chi_square(seen, law(wide, 3, first, np.empty((0, 6)))) < 4


def potential(x: np.ndarray, picks: np.ndarray) -> float:
    gap = torch.cdist(torch.from_numpy(x), torch.from_numpy(x[picks]))
    return float(gap.amin(1).square().sum())


def test_on_a_large_pool_the_potential_is_that_of_one_draw_after_another() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2500, 5)) * rng.random((2500, 1)) ** 3
    points = as_points(x)
    ours = [potential(x, k_means_pp(points, 250, seed=s)) for s in range(12)]
    theirs = [potential(x, slow.k_means_pp(points, 250, seed=s)) for s in range(12)]
    spread = np.sqrt((np.var(ours, ddof=1) + np.var(theirs, ddof=1)) / 12)
    assert abs(np.mean(ours) - np.mean(theirs)) < 4 * spread


@pytest.mark.parametrize("seed", [0, 1])
def test_memory_and_threads_change_no_pick(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(4000, 20)) * rng.random((4000, 1)) ** 2).astype(np.float32)
    picks, distance = k_means_pp(x, 500, seed=seed, return_distance=True)
    before = torch.get_num_threads()
    try:
        for threads, memory in ((1, None), (2, "3MB"), (1, "1MB")):
            torch.set_num_threads(threads)
            again, apart = k_means_pp(x, 500, seed=seed, max_memory=memory, return_distance=True)
            np.testing.assert_array_equal(again, picks)
            np.testing.assert_array_equal(apart, distance)
    finally:
        torch.set_num_threads(before)


def test_tables_in_torch_as_on_a_gpu_give_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.from_numpy(np.random.default_rng(5).normal(size=(1500, 12))).float()
    for points in (as_points(x), Product(torch.rand(1500, 3), x)):
        expected = batched(points, 300, seed=1)
        with monkeypatch.context() as patched:
            patched.setattr("uwe.points._rows.in_numpy", lambda _device: False)
            np.testing.assert_array_equal(batched(points, 300, seed=1), expected)


def test_weights_are_the_exact_distances_rounded_up_whatever_the_memory() -> None:
    x = np.random.default_rng(2).normal(size=(2500, 300)).astype(np.float32) + 1.5
    points, norms = as_points(x), take_norms(as_points(x), 100)
    for size in (60, 300, 2500):
        near = Nearest(points, norms.frame, norms.sq, Plan(size, size, 9, 8), 50, None)
        near.add(np.arange(40))
        sampler = Sampler(near, generator(0), 50, distances=False)
        sampler.refresh()
        exact = np.min([slow.distances(points, points, row) for row in range(40)], axis=0)
        exact[:40] = 0.0
        np.testing.assert_array_equal(sampler.weight, rounded_up(exact))
        assert (sampler.weight >= exact).all()
        assert (sampler.weight <= exact * (1 + 1 / 16)).all()


def test_numbers_of_four_digits_round_up_to_themselves() -> None:
    grid = np.array([1.0, 1.0625, 1.9375, 3.0, 2.0**-1000, 0.0])
    np.testing.assert_array_equal(rounded_up(grid), grid)
    above = np.nextafter(grid, np.inf)
    assert (rounded_up(above) > grid).all()


@KERNELS
@pytest.mark.parametrize("n", [1, 2, 7, 300])
@pytest.mark.parametrize("d", [1, 3])
def test_rows_are_distinct_whatever_is_equal(
    kernel: Callable[..., np.ndarray], n: int, d: int
) -> None:
    rng = np.random.default_rng(n)
    for x in (rng.normal(size=(n, d)), rng.integers(0, 2, (n, d)) * 1.0, np.zeros((n, d))):
        for k in {0, 1, n // 2, n}:
            picks = kernel(x, k, seed=5)
            assert picks.dtype == np.int64
            assert len(picks) == k == len(set(picks.tolist()))


def test_distances_are_those_when_picked() -> None:
    x = np.random.default_rng(3).normal(size=(400, 4))
    picks, distance = k_means_pp(x, 60, seed=2, return_distance=True)
    assert distance[0] == np.inf
    for i in range(1, 60):
        gap = np.sqrt(((x[picks[:i]] - x[picks[i]]) ** 2).sum(1)).min()
        assert distance[i] == pytest.approx(gap, rel=1e-12)


def test_another_seed_draws_other_rows_and_the_same_seed_the_same() -> None:
    x = np.random.default_rng(0).normal(size=(1000, 4))
    first = k_means_pp(x, 20, seed=1).tolist()
    assert first == k_means_pp(x, 20, seed=1).tolist()
    assert first != k_means_pp(x, 20, seed=2).tolist()


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="5 picks of 3 rows"):
        k_means_pp(np.zeros((3, 2)), 5, seed=0)
    with pytest.raises(UweError, match="row 2 "):
        k_means_pp(np.array([[0.0], [1.0], [np.nan]]), 1, seed=0)
    with pytest.raises(InputError, match="max_memory"):
        k_means_pp(np.zeros((3, 2)), 1, seed=0, max_memory="much")
