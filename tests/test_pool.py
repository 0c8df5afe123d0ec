"""The pool: what is asked, answered, skipped and left, without a cost for the other rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from uwe.errors import RunError
from uwe.pool import Pool


@pytest.fixture
def pool() -> Pool:
    """Of five rows, 1 is labelled, 3 outstanding, 4 skipped, 0 and 2 candidates."""
    return Pool.untouched(5).ask([1, 3, 4], cycle=0).answer([1], [0]).skip([4])


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (lambda pool: pool.ask([1], cycle=1), "row 1 .*asked about in cycle 0"),
        (lambda pool: pool.ask([5], cycle=1), "outside the pool of 5"),
        (lambda pool: pool.ask([2, 2], cycle=1), "row 2 is named twice"),
        (lambda pool: pool.skip([2]).ask([2], cycle=1), "row 2 .*was skipped already"),
        (lambda pool: pool.answer_unasked([2], [1]).ask([2], cycle=1), "has its value already"),
        (lambda pool: pool.answer([2], [0]), "row 2 .*was not asked about"),
        (lambda pool: pool.answer([1], [0]), "row 1 .*has its value already"),
        (lambda pool: pool.answer([4], [0]), "row 4 .*was skipped already"),
        (lambda pool: pool.answer([3], [0, 1]), "1 rows, but 2 values"),
        (lambda pool: pool.answer_unasked([3], [0]), "row 3 .*asked about in cycle 0"),
        (lambda pool: pool.answer_unasked([-1], [0]), "row -1 is outside"),
        (lambda pool: pool.skip([1]), "row 1 cannot be skipped: it has its value"),
        (lambda pool: pool.skip([4]), "row 4 cannot be skipped: it was skipped"),
        (lambda pool: pool.labels([3]), "the value of row 3 is None, not a class number"),
        (lambda pool: pool.answer([3], [0.5]).labels(), "row 3 is 0.5, not a class number"),
        (lambda pool: pool.cycle_of([9]), "row 9 is outside"),
        (
            lambda pool: Pool.of(5, cycles={}, values={1: 1}, skipped=[1]),
            "row 1 cannot be labelled and skipped",
        ),
    ],
)
def test_the_pool_refuses_what_cannot_be(
    do: Callable[[Pool], Pool], message: str, pool: Pool
) -> None:
    """A row is asked about once and answered once."""
    with pytest.raises(RunError, match=message):
        do(pool)


def test_each_row_is_in_one_state(pool: Pool) -> None:
    """Labelled, outstanding, skipped, or a candidate."""
    assert len(pool) == 5
    assert pool.labelled.tolist() == [1]
    assert pool.outstanding.tolist() == [3]
    assert pool.skipped.tolist() == [4]
    assert pool.unlabelled.tolist() == [0, 2]
    assert sorted({*pool.touched, *pool.unlabelled}) == list(range(len(pool)))
    assert pool.asked.tolist() == [1, 3, 4]
    assert pool.unasked.tolist() == []
    later = pool.ask([2], cycle=1).answer_unasked([0], [9])
    assert later.cycle_of([0, 1, 2]).tolist() == [-1, 0, 1]
    assert later.asked_in(1).tolist() == [2]
    assert later.unasked.tolist() == [0]
    assert later.labels().tolist() == [9, 0]
    assert later.labels([1, 0]).tolist() == [0, 9]
    assert later.labels().dtype == later.labelled.dtype == later.unlabelled.dtype == np.int64


def test_values_stay_beside_their_rows() -> None:
    """Values are any JSON values, in the order of the rising rows."""
    pool = Pool.untouched(9).ask([7, 2, 4], cycle=0).answer([7, 2], [[1, 2], 0.5])
    assert pool.values == [0.5, [1, 2]]
    assert pool.label_of([7, 4, 2]) == [[1, 2], None, 0.5]
    same = Pool.of(9, cycles={7: 0, 2: 0, 4: 0}, values={7: [1, 2], 2: 0.5})
    assert same.values == pool.values
    assert same.asked.tolist() == pool.asked.tolist()


def test_the_pool_never_changes_in_place(pool: Pool) -> None:
    """Every step gives a new pool, and what a pool gives out is a copy."""
    pool.ask([0], cycle=1).answer([0], [1]).skip([2])
    for rows in (pool.labelled, pool.asked, pool.skipped, pool.outstanding, pool.unlabelled,
                 pool.touched):  # fmt: skip
        rows[:] = 0
    pool.values.append(5)
    pool.cycle_of([1])[:] = 7
    pool.asked_in(0)[:] = 0
    test_each_row_is_in_one_state(pool)
