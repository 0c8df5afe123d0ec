"""The Fisher design and `bait`: a twin with explicit inverses, and cases worked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import uwe
from uwe import Predictions
from uwe.errors import InputError
from uwe.pool import Pool
from uwe.selection import fisher
from uwe.selection.fisher import fisher_design
from uwe.strategies import Question, bait
from uwe.tasks import multilabel, regression

EQUAL = 1e-9
Matrix = npt.NDArray[np.float64]


def twin(
    v: Matrix, k: int, labelled: list[int], candidates: list[int], ridge: float, oversample: float
) -> list[int]:
    """Every trace by an inverse of its own."""
    fisher_of_all = v.T @ v

    def trace(rows: list[int]) -> float:
        moment = ridge * np.eye(v.shape[1]) + v[rows].T @ v[rows]
        return float(np.trace(np.linalg.inv(moment) @ fisher_of_all))

    picks: list[int] = []
    for _ in range(min(len(candidates), max(k, round(oversample * k)))):
        left = [row for row in candidates if row not in picks]
        gains = np.array(
            [trace(labelled + picks) - trace([*labelled, *picks, row]) for row in left]
        )
        picks.append(left[int(np.argmax(gains >= gains.max() * (1 - EQUAL)))])
    while len(picks) > k:
        others = [[each for each in picks if each != row] for row in picks]
        losses = np.array([trace(labelled + rest) - trace(labelled + picks) for rest in others])
        least = losses.min() * (1 + EQUAL)
        picks.remove(max(row for row, loss in zip(picks, losses, strict=True) if loss <= least))
    return picks


@st.composite
def designs(draw: st.DrawFn) -> tuple[Matrix, int, list[int], float, float]:
    """Rows, k, labelled rows, λ and the oversampling; some rows are equal."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, d = draw(st.integers(2, 16)), draw(st.integers(1, 4))
    rows = (
        rng.integers(-2, 3, (n, d)).astype(float)
        if draw(st.booleans())
        else rng.normal(size=(n, d))
    )
    rows = rows[rng.integers(0, n, n)] if draw(st.booleans()) else rows
    labelled = sorted(rng.choice(n, draw(st.integers(0, n - 1)), replace=False).tolist())
    k = draw(st.integers(1, n - len(labelled)))
    return rows, k, labelled, draw(st.sampled_from([1.0, 0.1])), draw(st.sampled_from([1, 1.5, 2]))


@given(designs())
@settings(max_examples=80, deadline=None)
def test_it_picks_what_explicit_inverses_pick(
    design: tuple[Matrix, int, list[int], float, float],
) -> None:
    """Rank-one steps give the picks of the twin, over equal rows, grids and labelled rows."""
    rows, k, labelled, ridge, oversample = design
    candidates = [row for row in range(len(rows)) if row not in labelled]
    found = fisher_design(
        rows,
        k,
        labelled=np.array(labelled, dtype=np.int64),
        candidates=np.array(candidates),
        regularisation=ridge,
        oversample=oversample,
    )
    assert found.tolist() == twin(rows, k, labelled, candidates, ridge, oversample)


def test_one_column_by_hand() -> None:
    """F = 14 and M = 1: rows 1, 2, 3 gain 14·v²/(1 + v²), which is 7, 11.2 and 12.6."""
    rows = np.array([[1.0], [2.0], [3.0]])
    assert fisher_design(rows, 1, oversample=1).tolist() == [2]
    assert fisher_design(rows, 3, oversample=1).tolist() == [2, 1, 0]


def test_a_direction_that_is_known_gains_little() -> None:
    """F = diag(8, 2): row (2, 0) gains 8·4/5; once it is labelled M = diag(5, 1), its double gains
    (4·8/25)/(1 + 4/5) = 0.71 and (0, 1) gains 2·1/2 = 1.
    """
    rows = np.array([[2.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert fisher_design(rows, 1, oversample=1).tolist() == [0]
    after = fisher_design(
        rows, 1, labelled=np.array([0]), candidates=np.array([1, 2, 3]), oversample=1
    )
    assert after.tolist() == [2]


def test_rows_that_are_picked_too_many_are_dropped_again() -> None:
    """Some pool has better rows once a pick in excess is dropped; both are the twin's."""
    rng = np.random.default_rng(3)
    changed = 0
    for _ in range(30):
        rows = rng.normal(size=(12, 3))
        every = list(range(12))
        greedy, dropped = (fisher_design(rows, 3, oversample=many).tolist() for many in (1, 2))
        assert dropped == twin(rows, 3, [], every, 1.0, 2)
        changed += set(greedy) != set(dropped)
    assert changed > 0


def test_blocks_and_refreshes_change_no_pick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows made anew in short blocks, and forms computed at every pick, give the same rows."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 12)) * 10.0 ** rng.uniform(-2, 2, 12)
    whole = fisher_design(rows, 60, weights=rng.random(300), regularisation=0.01).tolist()
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 12)) * 10.0 ** rng.uniform(-2, 2, 12)
    for name, value in (("_HELD", 0), ("_ROWS", 7), ("_STEPS", 1)):
        monkeypatch.setattr(fisher, name, value)
    assert fisher_design(rows, 60, weights=rng.random(300), regularisation=0.01).tolist() == whole


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_any_floating_type_is_read_as_float64(dtype: torch.dtype) -> None:
    """A tensor of few bits gives the picks of the same numbers in float64."""
    rows = torch.randn(40, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    assert fisher_design(rows, 8).tolist() == fisher_design(rows.double().numpy(), 8).tolist()


def test_a_file_is_read_where_it_is(tmp_path: Path) -> None:
    """A memory-mapped pool gives the picks of the array."""
    rows = np.random.default_rng(1).normal(size=(50, 4))
    np.save(tmp_path / "x.npy", rows)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert fisher_design(mapped, 9).tolist() == fisher_design(rows, 9).tolist()


def test_rows_of_zeros_are_taken_from_the_lowest() -> None:
    """Where no row gains anything, the lower rows are picked."""
    assert fisher_design(np.zeros((5, 2)), 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 4}, "asked for 4 picks of 3 candidates"),
        ({"regularisation": 0.0}, "regularisation is 0.0; it must be a number above 0"),
        ({"oversample": 0.5}, "oversample is 0.5; it must be a number of at least 1"),
    ],
)
def test_what_cannot_be_done_is_refused(options: dict[str, float], message: str) -> None:
    """One line names the value and the bound."""
    arguments = {"k": 1, **options}
    with pytest.raises(InputError, match=message):
        fisher_design(np.eye(3), arguments.pop("k"), **arguments)


def test_rows_too_large_to_be_squared_are_refused() -> None:
    """Infinity in a sum of squares would decide every gain."""
    with pytest.raises(InputError, match="exceeds float64; scale the features"):
        fisher_design(np.full((3, 2), 1e200), 1)


@pytest.mark.parametrize("labelled", [[], [1]])
def test_a_regularisation_that_rounding_loses_is_refused(labelled: list[int]) -> None:
    """Of λ = 1 beside 10¹⁶ no digit is left in float64, and every gain would be noise."""
    x, known = np.array([[1.0, 2.0], [1e8, 0.0], [3.0, 1.0]]), np.array(labelled, dtype=int)
    rows = np.setdiff1d(np.arange(3), known)
    with pytest.raises(InputError, match=r"is 1e\+16, beside which a regularisation of 1 is lost"):
        fisher_design(x, 1, labelled=known, candidates=rows)
    assert len(fisher_design(x, 1, labelled=known, candidates=rows, regularisation=1e3)) == 1


def test_bait_weighs_rows_by_their_largest_probability() -> None:
    """Features are equal, so the row whose largest probability is nearest to a half is picked."""
    probabilities = np.array([[0.9, 0.05, 0.05], [0.55, 0.4, 0.05], [0.35, 0.33, 0.32]])
    picks = uwe.select(np.ones((3, 1)), 2, probs=probabilities, strategy="bait")
    # √(p (1 - p)) of 0.9, 0.55 and 0.35 is 0.3, 0.497 and 0.477
    assert picks.rows.tolist() == [1, 2]


def test_bait_of_numbers_reads_features_alone() -> None:
    """For regression the Fisher embedding of a row is the row itself."""
    rows = np.random.default_rng(2).normal(size=(20, 3))
    predictions = Predictions(features=torch.from_numpy(rows))
    pool = Pool.untouched(20)
    picks = bait().query(Question(predictions, pool, seed=1, task=regression()), 4)
    assert picks.rows.tolist() == fisher_design(rows, 4).tolist()


def test_bait_of_several_labels_is_refused_with_its_reason() -> None:
    """Each label would have a part of its own, so the form of rank one does not exist."""
    with pytest.raises(
        InputError, match=r"bait does not serve multilabel: .* a part for each label"
    ):
        bait().for_task(multilabel(["a", "b"]))


@pytest.mark.parametrize("options", [{"regularisation": -1.0}, {"oversample": float("nan")}])
def test_options_of_bait_are_checked_when_it_is_made(options: dict[str, float]) -> None:
    """A wrong number is refused before anything is computed."""
    with pytest.raises(InputError, match="of bait is"):
        bait(**options)
