"""Greedy weighted coverage with lazy bounds: the picks of the slow twin, for every input."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import uwe
from uwe._types import Stage
from uwe.errors import InputError
from uwe.points import Points, Product, as_points
from uwe.selection import _reference as slow
from uwe.selection._coverage import Coverage
from uwe.selection._gain import KERNELS, quantum_of, units
from uwe.selection._lazy import Search
from uwe.selection._norms import take_norms
from uwe.selection._reference import SHAPES, pool
from uwe.selection._scene import Scene, Sizes
from uwe.selection._sweep import Sweep
from uwe.selection.herd import _herd, herd

sizes = st.builds(
    Sizes,
    rows=st.integers(1, 40),
    centres=st.integers(1, 40),
    pairs=st.integers(1, 20),
    columns=st.sampled_from([300, 5000, 2**24]),
    crowd=st.sampled_from([1024, 2, 2]),
)


def both(
    points: Points,
    k: int,
    radius: float,
    *,
    cut: Sizes | None = None,
    kernel: str = "rbf",
    weights: Any = None,
    anchors: Points | None = None,
    candidates: Any = None,
) -> None:
    """Assert that kernel and twin agree on every pick and every gain, to the last bit."""
    n = len(points)
    weights = np.ones(n) if weights is None else weights
    rows = np.arange(n) if candidates is None else candidates
    expected, gains = slow.herd(
        points,
        k,
        kernel=KERNELS[kernel],
        radius=radius,
        weights=weights,
        anchors=anchors,
        candidates=rows,
    )
    picks, gain = _herd(
        points,
        k,
        kernel=kernel,
        radius=radius,
        weights=weights,
        anchors=anchors,
        candidates=rows,
        sizes=Sizes() if cut is None else cut,
    )
    np.testing.assert_array_equal(picks, expected)
    np.testing.assert_array_equal(gain, gains * quantum_of(n, float(weights.max(initial=0.0))))


def spread_of(x: np.ndarray) -> float:
    """A length of the size of the distances between rows."""
    return float(np.sqrt(np.square(x - x.mean(0)).sum(1).mean())) or 1.0


def weights_of(kind: str, n: int, seed: int) -> np.ndarray:
    """Weights that go wrong in one way or another."""
    rng = np.random.default_rng(seed)
    return {
        "ones": np.ones(n),
        "some zero": rng.random(n) * rng.integers(0, 2, n),
        "zeros": np.zeros(n),
        "uneven": rng.random(n) ** 20,
        "tiny": rng.random(n) * 1e-200,
        "huge": rng.random(n) * 1e200,
    }[kind]


WEIGHTS = ("ones", "some zero", "zeros", "uneven", "tiny", "huge")


@settings(deadline=None, max_examples=60)
@given(
    shape=st.sampled_from(SHAPES),
    n=st.integers(1, 50),
    d=st.sampled_from([1, 2, 3, 8, 65]),
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0, 1),
    kind=st.sampled_from(["float64", "float32", "float16", "bfloat16"]),
    anchors=st.sampled_from([0, 0, 1, 12]),
    kernel=st.sampled_from(["rbf", "tophat"]),
    weight=st.sampled_from(WEIGHTS),
    length=st.sampled_from([1e-30, 0.01, 0.1, 0.3, 1.0, 3.0, 1e6]),
    allowed=st.floats(0, 1),
    cut=sizes,
)
def test_picks_and_gains_are_those_of_one_at_a_time_to_the_last_bit(
    shape: str,
    n: int,
    d: int,
    seed: int,
    share: float,
    kind: str,
    anchors: int,
    kernel: str,
    weight: str,
    length: float,
    allowed: float,
    cut: Sizes,
) -> None:
    """Whatever rows, weights, anchors, candidates, radius and pieces, the twin's picks come out."""
    if kind == "float16" and shape in ("far", "outlier", "tiny"):
        kind = "float32"
    x = torch.from_numpy(pool(shape, n + anchors, d, seed)).to(getattr(torch, kind))
    points, known = as_points(x[:n]), as_points(x[n:]) if anchors else None
    radius = max(1e-140, length * spread_of(x.double().numpy()))
    rng = np.random.default_rng(seed)
    candidates = np.flatnonzero(rng.random(n) <= allowed) if share < 0.5 else np.arange(n)
    both(
        points,
        round(share * len(candidates)),
        radius,
        cut=cut,
        kernel=kernel,
        weights=weights_of(weight, n, seed),
        anchors=known,
        candidates=candidates,
    )


@settings(deadline=None, max_examples=30)
@given(
    side=st.integers(1, 3),
    n=st.integers(1, 60),
    d=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
    kernel=st.sampled_from(["rbf", "tophat"]),
    radius=st.sampled_from([0.5, 1.0, np.sqrt(2.0), 2.0]),
    cut=sizes,
)
def test_ties_on_grids_of_small_integers_go_to_the_lower_row(
    side: int, n: int, d: int, seed: int, kernel: str, radius: float, cut: Sizes
) -> None:
    """Repeated rows and equal gains are picked in the order of the twin, up to the last row."""
    x = np.random.default_rng(seed).integers(-side, side + 1, (n, d)).astype(np.float32)
    both(as_points(x), n, radius, cut=cut, kernel=kernel)


@settings(deadline=None, max_examples=30)
@given(
    shape=st.sampled_from(SHAPES),
    n=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
    anchors=st.sampled_from([0, 9]),
    cut=sizes,
)
def test_products_are_picked_as_one_at_a_time(
    shape: str, n: int, seed: int, anchors: int, cut: Sizes
) -> None:
    """Factors that are never multiplied out give the twin's picks."""
    a, b = pool("weighted", n + anchors, 3, seed), pool(shape, n + anchors, 5, seed + 1)
    points = Product(a[:n].astype(np.float32), b[:n])
    known = Product(a[n:].astype(np.float32), b[n:]) if anchors else None
    length = float(np.sqrt(points.exact(slice(0, n)).sqnorms().mean())) or 1.0
    both(points, n // 2, length, cut=cut, anchors=known)


@pytest.mark.parametrize("few", [1, 4, 64])
@pytest.mark.parametrize("columns", [40_000, 100_000, 2**24])
def test_a_wrong_guess_costs_time_and_no_pick(
    few: int, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guesses from bad samples lead to columns of the wrong state, which are corrected."""
    monkeypatch.setattr("uwe.selection._foresight._FEW", few)
    monkeypatch.setattr("uwe.selection._foresight._AGAIN", 8)
    x = pool("gaussian", 420, 6, 3).astype(np.float32)
    cut = Sizes(rows=64, centres=64, columns=columns, crowd=2)
    weights = weights_of("uneven", 400, 1)
    for length in (0.3, 1.0):
        both(as_points(x[:400]), 120, length * spread_of(x), cut=cut)
        both(as_points(x[:400]), 120, length * spread_of(x), cut=cut, weights=weights)
        both(as_points(x[:400]), 60, length * spread_of(x), cut=cut, anchors=as_points(x[400:]))
        some = np.arange(0, 400, 3)
        both(as_points(x[:400]), 60, length * spread_of(x), cut=cut, candidates=some)


def test_columns_of_a_wrong_guess_are_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are covered less than was foreseen are read again, and no other row."""
    corrected: list[int] = []
    correct = Search._correct

    def noted(self: Search, wrong: np.ndarray) -> None:
        corrected.append(int(wrong.sum()))
        correct(self, wrong)

    monkeypatch.setattr(Search, "_correct", noted)
    monkeypatch.setattr("uwe.selection._foresight._FEW", 1)
    monkeypatch.setattr("uwe.selection._foresight._AGAIN", 8)
    x = pool("gaussian", 600, 6, 3).astype(np.float32)
    cut = Sizes(rows=64, centres=64, columns=600_000, crowd=2)
    both(as_points(x), 100, 0.5 * spread_of(x), cut=cut)
    assert corrected
    assert 0 < corrected[0] < 600


def test_bounds_are_above_what_they_bound() -> None:
    """Kernel values that are kept, and sums over all rows, are never below the exact ones."""
    x = pool("gaussian", 300, 40, 5).astype(np.float32)
    points = as_points(x)
    radius, ones = spread_of(x), np.ones(300)
    quantum = quantum_of(300, 1.0)
    norms = take_norms(points, 128)
    scene = Scene(points, norms, KERNELS["rbf"], radius, ones, quantum, Sizes(rows=64, centres=64))
    cover = Coverage(scene)
    floors = [cover.floor.copy()]
    exact = np.stack([slow.distances(points, points, row) for row in range(300)])
    value = KERNELS["rbf"].of(exact, radius * radius)
    covered = [np.zeros(300)]
    for pick in (5, 17, 200):
        cover.take(np.arange(300), value[pick])
        floors.append(cover.floor.copy())
        covered.append(cover.covered.copy())
    sweep = Sweep(scene, np.arange(300), floors, keep=True, room=2**24)
    for bound, state in zip(sweep.bounds, covered, strict=True):
        gain = np.array([units(ones, value[row] - state, quantum).sum() for row in range(300)])
        assert (bound >= gain).all()
        assert (bound <= gain * 1.02 + 1e-2 / quantum).all()
    for at, column in sweep.columns():
        kept = column.value * scene.step
        assert (kept >= value[at][column.rows]).all()
        assert (kept <= value[at][column.rows] + 1e-3).all()
        live = np.flatnonzero((value[at] > cover.covered) & np.isfinite(cover.floor))
        assert set(live) <= set(column.rows.tolist())


@pytest.mark.parametrize("length", [0.1, 0.5, 2.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_hundreds_of_rows_are_picked_as_one_at_a_time(shape: str, length: float) -> None:
    """Pools of several tiles give the twin's picks."""
    x = pool(shape, 700, 24, 7).astype(np.float32)
    cut = Sizes(rows=128, centres=96, pairs=64, crowd=100)
    both(as_points(x), 60, length * spread_of(x), cut=cut)
    both(as_points(x[:600]), 60, length * spread_of(x), cut=cut, anchors=as_points(x[600:]))


@pytest.mark.parametrize("shape", SHAPES)
def test_tables_in_torch_as_on_a_gpu_give_the_same_picks(
    shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Products of tensors lead to the twin's picks, too."""
    x = torch.from_numpy(pool(shape, 300, 12, 4)).float()
    monkeypatch.setattr("uwe.points._rows.in_numpy", lambda _device: False)
    both(as_points(x), 50, spread_of(x.double().numpy()), cut=Sizes(rows=64, centres=50))


def test_a_hand_worked_case() -> None:
    """Of rows at 0, 1, 2 and 9, the middle one covers three; then the far one, then the lower."""
    x = np.array([[0.0], [1.0], [2.0], [9.0]])
    picks, gain = herd(x, 4, radius=1.0, kernel="tophat", return_gain=True)
    assert picks.tolist() == [1, 3, 0, 2]
    assert gain.tolist() == [3.0, 1.0, 0.0, 0.0]


def test_weights_move_the_first_pick() -> None:
    """A row that counts ten times draws the pick to itself."""
    x = np.array([[0.0], [1.0], [2.0], [9.0]])
    assert herd(x, 1, radius=1.0, weights=[1, 1, 1, 10.0]).tolist() == [3]


def test_anchors_cover_and_cannot_be_picked() -> None:
    """What an anchor covers adds nothing to a gain."""
    x = np.array([[0.0], [0.1], [5.0]])
    assert herd(x, 1, radius=1.0, anchors=np.array([[0.05]])).tolist() == [2]


@pytest.mark.parametrize("candidates", [[3, 0], np.array([True, False, False, True])])
def test_only_candidates_are_picked_but_all_rows_count(candidates: Any) -> None:
    """The candidate next to two rows that may not be picked comes first."""
    x = np.array([[9.0], [1.0], [1.2], [0.9]])
    assert herd(x, 2, radius=1.0, candidates=candidates).tolist() == [3, 0]


def test_without_weight_the_lower_rows_are_picked() -> None:
    """Gains of zero are equal."""
    assert herd(np.eye(5), 5, radius=1.0, weights=np.zeros(5)).tolist() == [0, 1, 2, 3, 4]
    assert herd(np.ones((6, 2)), 6, radius=1.0).tolist() == [0, 1, 2, 3, 4, 5]


def test_blocks_memory_and_threads_change_no_bit() -> None:
    """Every memory and number of threads gives the same picks and gains."""
    x = pool("weighted", 1500, 24, 3).astype(np.float32)
    picks, gain = herd(x, 80, radius=3.0, return_gain=True)
    before = torch.get_num_threads()
    try:
        for threads, memory in ((1, None), (2, "20MB"), (1, "3MB"), (2, "1MB")):
            torch.set_num_threads(threads)
            again, same = herd(x, 80, radius=3.0, max_memory=memory, return_gain=True)
            np.testing.assert_array_equal(again, picks)
            np.testing.assert_array_equal(same, gain)
    finally:
        torch.set_num_threads(before)


def test_a_file_gives_the_picks_of_memory(tmp_path: Path) -> None:
    """A memory-mapped float16 file is read in blocks to the same end."""
    x = pool("weighted", 2000, 20, 2).astype(np.float16)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    expected = herd(x, 60, radius=2.0)
    np.testing.assert_array_equal(herd(mapped, 60, radius=2.0, max_memory="4MB"), expected)


@pytest.mark.parametrize(
    ("kind", "memory"),
    [(np.float16, 4_000_000), (np.float32, 12_000_000), (np.float16, 60_000_000)],
)
def test_memory_is_kept_to(kind: type, memory: int) -> None:
    """What is allocated stays below ``max_memory``, which the plan tells before."""
    x = pool("gaussian", 6000, 32, 1).astype(kind)
    plan = uwe.plan_selection(x, 40, method="herd", max_memory=memory)
    assert plan.bytes <= memory
    tracemalloc.start()
    try:
        herd(x, 40, radius=6.0, max_memory=memory)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < memory


def test_a_plan_needs_a_known_method() -> None:
    """Methods that do not exist are refused by name."""
    with pytest.raises(InputError, match="k_medoids"):
        uwe.plan_selection(np.zeros((5, 2)), 1, method="k_medoids")


def test_progress_counts_up_to_k() -> None:
    """Each pick is told."""
    seen: list[tuple[str, int, int]] = []
    herd(
        pool("gaussian", 50, 4, 0),
        10,
        radius=1.0,
        progress=lambda stage: seen.append((stage.name, stage.done, stage.total)),
    )
    assert seen == [("select", done, 10) for done in range(1, 11)]
    assert Stage("", 0, *seen[0]).run == ""


def test_the_public_name_is_the_kernel() -> None:
    """``uwe.herd`` picks like the module's function."""
    assert uwe.herd is herd


def test_no_rows_and_no_picks_are_no_error() -> None:
    """Nothing is picked from nothing."""
    assert herd(np.zeros((0, 2)), 0, radius=1.0).tolist() == []
    assert herd(np.zeros((3, 2)), 0, radius=1.0).tolist() == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"radius": 0.0}, "radius is 0.0"),
        ({"radius": float("nan")}, "radius is nan"),
        ({"radius": float("inf")}, "radius is inf"),
        ({"kernel": "cosine"}, "kernel"),
        ({"weights": [1.0, 2.0]}, r"weights are of shape \(2,\), but there are 3 rows"),
        ({"weights": [1.0, -2.0, 0.0]}, "the weight of row 1 is -2.0"),
        ({"weights": [1.0, 2.0, float("nan")]}, "the weight of row 2 is nan"),
        ({"candidates": [0]}, "asked for 2 picks of 1 candidates"),
        ({"candidates": [0, 3]}, "candidate 3 is not among the rows 0 to 2"),
        ({"candidates": [0, 0]}, "name 2 rows, of which 1 differ"),
        ({"candidates": [0.0, 1.0]}, "row numbers or a mask"),
        ({"candidates": np.ones(4, bool)}, "mask of candidates"),
        ({"k": 4}, "4 picks of 3 rows"),
        ({"max_memory": 100}, "max_memory is 100 bytes"),
        ({"anchors": np.ones((1, 3))}, "anchors are 3 wide"),
        ({"x": np.array([[1.0], [np.nan], [0.0]])}, "row 1 holds NaN"),
        ({"x": np.array([[1.0], [0.0], [np.inf]])}, "row 2 holds NaN"),
    ],
)
def test_wrong_arguments_are_refused_with_their_values(wrong: dict[str, Any], said: str) -> None:
    """One line says what does not fit."""
    arguments: dict[str, Any] = {"x": np.eye(3)[:, :2], "k": 2, "radius": 1.0, **wrong}
    with pytest.raises(InputError, match=said):
        herd(arguments.pop("x"), arguments.pop("k"), **arguments)
