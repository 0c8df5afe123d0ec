"""Greedy k-center in blocks: the picks of the slow twin, whatever the input and the blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from uwe._types import Stage
from uwe.errors import InputError, UweError
from uwe.points import Product, as_points
from uwe.selection import _reference as slow
from uwe.selection._nearest import Nearest
from uwe.selection._norms import take_norms
from uwe.selection._plan import Plan, make_plan
from uwe.selection._reference import SHAPES, pool
from uwe.selection.certificate import certify
from uwe.selection.k_center import _k_center, k_center


def quiet(stage: Stage) -> None:
    """A progress callback that looks away."""


plans = st.builds(
    Plan,
    tile_rows=st.integers(1, 50),
    tile_centres=st.integers(1, 50),
    pairs=st.integers(1, 20),
    block=st.integers(1, 40),
    cells=st.sampled_from([1, 2, 5, 16]),
    steps=st.sampled_from([None, None, torch.float32, torch.float64]),
)
WAYS = (
    Plan(512, 512, 64, 256),
    Plan(512, 512, 64, 256, cells=16),
    Plan(512, 512, 64, 256, steps=torch.float32),
    Plan(512, 512, 64, 256, steps=torch.float64),
)


@settings(deadline=None, max_examples=250)
@given(
    shape=st.sampled_from(SHAPES),
    n=st.integers(1, 60),
    d=st.sampled_from([1, 2, 3, 8, 65]),
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0, 1),
    kind=st.sampled_from(["float64", "float32", "float16", "bfloat16"]),
    anchors=st.integers(0, 30),
    plan=plans,
)
def test_picks_and_distances_are_those_of_one_at_a_time_to_the_last_bit(
    shape: str, n: int, d: int, seed: int, share: float, kind: str, anchors: int, plan: Plan
) -> None:
    if kind == "float16" and shape in ("far", "outlier", "tiny"):
        kind = "float32"
    x = torch.from_numpy(pool(shape, n + anchors, d, seed)).to(getattr(torch, kind))
    points, known = as_points(x[:n]), as_points(x[n:]) if anchors else None
    k = round(share * n)
    expected, apart = slow.k_center(points, k, anchors=known)
    picks, distance = _k_center(points, k, known, plan, quiet)
    np.testing.assert_array_equal(picks, expected)
    np.testing.assert_array_equal(distance, apart)
    found, _ = _k_center(points, k, known, plan, quiet, distances=False)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(k_center(points, k, anchors=known), expected)


@settings(deadline=None, max_examples=100)
@given(
    shape=st.sampled_from(SHAPES),
    n=st.integers(1, 40),
    c=st.sampled_from([2, 10]),
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0, 1),
    anchors=st.integers(0, 20),
    plan=plans,
)
def test_products_are_picked_as_one_at_a_time(
    shape: str, n: int, c: int, seed: int, share: float, anchors: int, plan: Plan
) -> None:
    a, b = pool("weighted", n + anchors, c, seed), pool(shape, n + anchors, 5, seed + 1)
    points = Product(a[:n].astype(np.float32), b[:n])
    known = Product(a[n:].astype(np.float32), b[n:]) if anchors else None
    k = round(share * n)
    expected, apart = slow.k_center(points, k, anchors=known)
    picks, distance = _k_center(points, k, known, plan, quiet)
    np.testing.assert_array_equal(picks, expected)
    np.testing.assert_array_equal(distance, apart)


@pytest.mark.parametrize("d", [2, 64])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_way_picks_as_one_at_a_time_from_thousands(shape: str, d: int) -> None:
    points = as_points(pool(shape, 3000, d, 7).astype(np.float32))
    expected, apart = slow.k_center(points, 300)
    np.testing.assert_array_equal(k_center(points, 300), expected)
    for way in WAYS:
        picks, distance = _k_center(points, 300, None, way, quiet)
        np.testing.assert_array_equal(picks, expected)
        np.testing.assert_array_equal(distance, apart)


def test_blocks_memory_and_threads_change_no_bit() -> None:
    x = pool("weighted", 2500, 24, 3).astype(np.float32)
    picks, distance = k_center(x, 200, return_distance=True)
    before = torch.get_num_threads()
    try:
        for threads, memory in ((1, None), (2, "3MB"), (1, "1.5MB"), (2, "1MB")):
            torch.set_num_threads(threads)
            points = as_points(x)
            for plan in (make_plan(points, 200, 200, memory), *WAYS):
                again, apart = _k_center(points, 200, None, plan, quiet)
                np.testing.assert_array_equal(again, picks)
                np.testing.assert_array_equal(apart, distance)
            np.testing.assert_array_equal(k_center(x, 200, max_memory=memory), picks)
    finally:
        torch.set_num_threads(before)


def test_equal_distances_go_to_the_lower_row() -> None:
    square = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    assert k_center(square, 4).tolist() == [0, 2, 1, 3]
    assert k_center(np.ones((50, 3)), 50).tolist() == list(range(50))
    cross = np.repeat(np.vstack([np.eye(20), -np.eye(20)]), 30, axis=0)
    np.testing.assert_array_equal(k_center(cross, 200), slow.k_center(as_points(cross), 200)[0])


def test_the_order_of_rows_changes_only_which_of_equals_is_picked() -> None:
    x = pool("gaussian", 500, 6, 11)
    order = np.random.default_rng(0).permutation(500)
    np.testing.assert_array_equal(order[k_center(x[order], 60)], k_center(x, 60))


def test_a_first_pick_without_anchors_has_the_largest_norm_before_any_mean_is_subtracted() -> None:
    x = np.array([[10.0], [10.5], [8.0], [11.0], [2.0]])
    picks, distance = k_center(x, 2, return_distance=True)
    assert picks.tolist() == [3, 4]
    assert distance.tolist() == [np.inf, 9.0]


def test_anchors_are_centres_that_cannot_be_picked() -> None:
    x = np.array([[0.0], [1.0], [5.0]])
    picks, distance = k_center(x, 2, anchors=np.array([[5.0], [5.1]]), return_distance=True)
    assert picks.tolist() == [0, 1]
    assert distance.tolist() == [5.0, 1.0]


def test_thousands_of_anchors_are_met_as_one_after_another() -> None:
    x = pool("weighted", 5000, 16, 5).astype(np.float32)
    points, known = as_points(x[:2000]), as_points(x[2000:])
    expected, _ = slow.k_center(points, 200, anchors=known)
    np.testing.assert_array_equal(k_center(points, 200, anchors=known), expected)
    for way in WAYS:
        np.testing.assert_array_equal(_k_center(points, 200, known, way, quiet)[0], expected)


def test_tens_of_thousands_of_anchors_are_met_in_blocks() -> None:
    x = pool("gaussian", 24_300, 3, 8).astype(np.float32)
    points, known = as_points(x[:300]), as_points(x[300:])
    expected, apart = slow.k_center(points, 40, anchors=known)
    for way in WAYS:
        picks, distance = _k_center(points, 40, known, way, quiet)
        np.testing.assert_array_equal(picks, expected)
        np.testing.assert_array_equal(distance, apart)


@pytest.mark.parametrize("classes", [2, 100, 1000])
def test_factors_of_few_and_many_classes_are_picked_as_one_at_a_time(classes: int) -> None:
    rng = np.random.default_rng(classes)
    logits = rng.normal(size=(250, classes)) * 3
    a = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    a[np.arange(250), logits.argmax(1)] -= 1
    points = Product(a.astype(np.float32), rng.random((250, 16)).astype(np.float32))
    expected, _ = slow.k_center(points, 60)
    for way in WAYS:
        np.testing.assert_array_equal(_k_center(points, 60, None, way, quiet)[0], expected)


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_rows_of_thousands_of_columns_are_picked_as_one_at_a_time(kind: torch.dtype) -> None:
    points = as_points(torch.from_numpy(pool("weighted", 150, 3000, 2)).to(kind))
    expected, apart = slow.k_center(points, 50)
    for way in WAYS:
        picks, distance = _k_center(points, 50, None, way, quiet)
        np.testing.assert_array_equal(picks, expected)
        np.testing.assert_array_equal(distance, apart)


@pytest.mark.parametrize("shape", SHAPES)
def test_tables_in_torch_as_on_a_gpu_give_the_same_picks(
    shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.from_numpy(pool(shape, 900, 12, 4)).float()
    for points in (as_points(x), Product(torch.rand(900, 3), x)):
        expected, apart = slow.k_center(points, 120)
        with monkeypatch.context() as patched:
            patched.setattr("uwe.points._rows.in_numpy", lambda _device: False)
            for way in WAYS[:2]:
                picks, distance = _k_center(points, 120, None, way, quiet)
                np.testing.assert_array_equal(picks, expected)
                np.testing.assert_array_equal(distance, apart)


def test_cells_that_save_nothing_are_given_up() -> None:
    points = as_points(pool("gaussian", 2000, 64, 1).astype(np.float32))
    norms = take_norms(points, 512)
    for patience, kept in ((0.0, False), (np.inf, True)):
        plan = replace(WAYS[1], cells=4, patience=patience)
        near = Nearest(points, norms.frame, norms.sq, plan, 1000, None)
        near.add(np.arange(1000))
        rows = near.stale(np.arange(2000))
        near.glance(rows)
        near.approach(rows, near.upper(), 0.0)
        assert (near.cells is not None) == kept
        near.settle(rows)
        exact = np.min([slow.distances(points, points, row) for row in range(1000)], axis=0)
        np.testing.assert_array_equal(near.sqdist[rows], exact[rows])


def test_progress_counts_up_to_k() -> None:
    seen: list[tuple[int, int]] = []

    def note(stage: Stage) -> None:
        assert (stage.run, stage.name) == ("", "select")
        seen.append((stage.done, stage.total))

    k_center(pool("gaussian", 300, 4, 0), 100, progress=note)
    assert seen[-1] == (100, 100)
    assert seen == sorted(seen)


@pytest.mark.parametrize("k", [-1, 4])
def test_a_k_out_of_range_is_refused_with_both_numbers(k: int) -> None:
    with pytest.raises(InputError, match=rf"{k} picks of 3 rows"):
        k_center(np.zeros((3, 2)), k)


def test_no_rows_and_no_picks_are_no_error() -> None:
    assert k_center(np.zeros((0, 2)), 0).tolist() == []
    assert k_center(np.zeros((3, 2)), 0).tolist() == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16])
def test_nan_and_infinity_are_refused_by_row(value: float, kind: type) -> None:
    x = np.ones((2000, 3), dtype=kind)
    x[1234, 1] = value
    with pytest.raises(UweError, match="row 1234 "):
        k_center(x, 3)
    with pytest.raises(UweError, match="row 1234 "):
        k_center(Product(np.ones((2000, 2)), x), 3)


def test_nan_in_an_anchor_is_refused() -> None:
    with pytest.raises(UweError, match="anchors: row 1 "):
        k_center(np.ones((3, 2)), 1, anchors=np.array([[0.0, 0.0], [0.0, np.nan]]))


def test_rows_whose_squares_overflow_float32_are_picked_as_they_should_be() -> None:
    x = pool("gaussian", 3000, 4, 1)
    x[1001] = 1e25
    x[17] = -3e90
    expected, _ = slow.k_center(as_points(x), 20)
    np.testing.assert_array_equal(k_center(x, 20), expected)


def test_anchors_of_another_width_are_refused_with_both_widths() -> None:
    with pytest.raises(InputError, match=r"rows are 2 wide, but anchors are 3 wide"):
        k_center(np.zeros((3, 2)), 1, anchors=np.zeros((1, 3)))
    with pytest.raises(InputError, match="anchors"):
        k_center(Product(np.zeros((3, 2)), np.zeros((3, 2))), 1, anchors=np.zeros((1, 4)))


def test_a_file_gives_the_picks_of_memory(tmp_path: object) -> None:
    x = pool("weighted", 3000, 20, 2).astype(np.float16)
    np.save(f"{tmp_path}/x.npy", x)
    mapped = np.load(f"{tmp_path}/x.npy", mmap_mode="r")
    np.testing.assert_array_equal(k_center(mapped, 100, max_memory="4MB"), k_center(x, 100))


def test_the_input_is_left_as_it_was() -> None:
    x = pool("far", 500, 4, 0).astype(np.float32)
    copy = x.copy()
    k_center(x, 50, anchors=x[:10])
    np.testing.assert_array_equal(x, copy)


def test_picks_are_certified() -> None:
    x = pool("weighted", 2000, 10, 4)
    assert certify(x, k_center(x, 150)) == 0.0
