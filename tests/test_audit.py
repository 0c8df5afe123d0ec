"""The audit of a project: a prefix of one random permutation, asked about a share at a time."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import uwe
from uwe.errors import InputError
from uwe.journal import Queried
from uwe.pool import Pool
from uwe.project.audit import (
    as_share,
    asked_for_audit,
    audit_order,
    audit_rows,
    next_audit,
    quota,
)

SIZES = st.integers(1, 60)
SEEDS = st.integers(1, 2**32 - 1)


def numbers(n: int = 80) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)


def project_in(folder: Path, n: int = 80, **more: Any) -> uwe.Project:
    return uwe.Project(folder / "p.uwe", numbers(n), classes=["no", "yes"], **more)


def answered(project: uwe.Project, k: int, **more: Any) -> uwe.Picks:
    picks = project.ask(k, **more)
    x = numbers(len(project.ids))
    project.tell(picks, ["yes" if x[row, 0] > 0 else "no" for row in picks])
    return picks


@given(SIZES, SIZES, SEEDS)
def test_rows_keep_their_order_when_the_pool_grows(n: int, more: int, seed: int) -> None:
    """The permutation of a grown pool is one of all rows, and holds the earlier one in order."""
    grown = audit_order(n + more, seed).tolist()
    assert sorted(grown) == list(range(n + more))
    assert [row for row in grown if row < n] == audit_order(n, seed).tolist()


def test_every_row_is_as_likely_to_come_first() -> None:
    """Over 4,000 seeds each of 8 rows comes first about 500 times, also a row added later."""
    first = Counter(int(audit_order(8, seed)[0]) for seed in range(1, 4001))
    assert all(abs(first[row] - 500) < 5 * np.sqrt(500) for row in range(8))


@given(st.floats(0, 0.99), st.lists(SIZES, max_size=30))
def test_the_share_is_right_over_batches(share: float, sizes: list[int]) -> None:
    """However rows are divided among batches, the audit moves by the share of their sum."""
    moved = [quota(share, sum(sizes[:at]), k) for at, k in enumerate(sizes)]
    assert abs(sum(moved) - share * sum(sizes)) <= 1
    assert all(0 <= each <= k for each, k in zip(moved, sizes, strict=True))


@settings(max_examples=60)
@given(
    SEEDS,
    st.lists(st.tuples(st.integers(0, 12), st.sets(st.integers(0, 59), max_size=9)), max_size=8),
    st.integers(20, 60),
    st.integers(0, 8),
)
def test_the_audit_is_a_prefix(
    seed: int, steps: list[tuple[int, set[int]]], before: int, grows_at: int
) -> None:
    """With any rows picked in between and a pool that grows, the audit is a covered prefix."""
    events: list[Any] = []
    n = before
    for number, (moved, others) in enumerate(steps):
        n = 60 if number >= grows_at else before
        pool = _pool(events, n)
        was = set(audit_rows(events, n, seed).tolist())
        share = next_audit(events, pool, moved, seed)
        known = set(pool.asked.tolist())
        picked = (*share.rows, *(row for row in others - known - set(share.rows) if row < n))
        assert known.isdisjoint(share.rows)
        events.append(Queried(number, picked, share.facts))
        rows = audit_rows(events, n, seed).tolist()
        assert rows == audit_order(n, seed)[: len(rows)].tolist()
        assert was <= set(rows) <= set(_pool(events, n).asked.tolist())
        assert asked_for_audit(events) >= set(share.rows)
        assert len(rows) >= min(n, len(was) + moved)


def _pool(events: list[Any], n: int) -> Pool:
    return Pool.of(n, cycles={row: e.cycle for e in events for row in e.rows}, values={})


def test_a_grown_pool_is_covered_from_the_start() -> None:
    """New rows that come before the covered ones are asked first, and the rest counts again."""
    seed, small = 3, audit_order(10, 3)[:4]
    events = [Queried(0, tuple(small.tolist()), {"audit_to": 4, "audit_of": 10})]
    grown = audit_order(20, seed)
    new = [row for row in grown.tolist() if row not in small]
    assert set(audit_rows(events, 20, seed).tolist()) <= set(small.tolist())
    share = next_audit(events, _pool(events, 20), 3, seed)
    assert list(share.rows) == new[:3]
    assert grown[share.to - 1] == new[2]


def test_the_first_batch_begins_the_audit(tmp_path: Path) -> None:
    """The first random rows are the prefix of the permutation, and are recorded as audit rows."""
    project = project_in(tmp_path)
    picks = project.ask(8)
    assert picks.rows.tolist() == audit_order(80, 1)[:8].tolist()
    assert picks.how == ["audit"] * 8
    [event] = [each for each in project.events() if isinstance(each, Queried)]
    assert event.facts["audit"] == picks.rows.tolist()
    assert (event.facts["audit_to"], event.facts["audit_of"]) == (8, 80)
    assert project.ask(8).how == ["audit"] * 8  # shown again


def test_a_share_of_each_batch_continues_the_prefix(tmp_path: Path) -> None:
    """Two of ten rows are the audit's; the prefix moves on, also over rows picked before."""
    project = project_in(tmp_path, audit=0.2)
    answered(project, 10)
    for number in range(1, 6):
        picks = answered(project, 10)
        assert len(set(picks)) == 10
        rows = audit_rows(project.events(), 80, 1)
        assert len(rows) == 10 + 2 * number
        assert set(rows.tolist()) <= set(project.pool().asked.tolist())
        assert picks.audit is not None
        assert set(picks.rows[picks.audit].tolist()) <= set(rows.tolist())
        table = project.files.picks(number + 1).read_text().splitlines()
        assert sum(",audit," in line for line in table) == picks.audit.sum()
        assert ("for the audit" in project.files.sheet(number + 1).read_text()) == any(picks.audit)


def test_single_rows_carry_the_share(tmp_path: Path) -> None:
    """Asked for one row at a time, a tenth of them belongs to the audit."""
    project = project_in(tmp_path, strategy="entropy")
    answered(project, 5)
    picked = [answered(project, 1).how for _ in range(15)]
    assert picked.count(["audit"]) <= 2
    assert len(audit_rows(project.events(), 80, 1)) == 5 + 2


def test_a_project_without_audit_picks_as_before(tmp_path: Path) -> None:
    """Settings of an earlier version have no audit: picks, tables and journal say nothing of it."""
    project = project_in(tmp_path, audit=0)
    path = project.files.settings
    content = json.loads(path.read_text())
    assert content.pop("audit") == 0
    path.write_text(json.dumps(content))
    older = project_in(tmp_path)  # no audit is given: that of the project counts
    assert older.settings.audit == 0
    assert answered(older, 6).how is None
    assert answered(older, 6).rows.tolist() == EARLIER
    asked = [event for event in older.events() if isinstance(event, Queried)]
    assert not any("audit" in name for event in asked for name in event.facts)


EARLIER = [61, 26, 13, 79, 66, 28]
"""What the version before the audit picked there."""


def test_the_audit_pauses_for_wishes(tmp_path: Path) -> None:
    """Rows that wishes exclude are not asked: the prefix stays, and a note says so."""
    project = project_in(tmp_path, audit=0.5)
    answered(project, 10)
    picks = answered(project, 10, wishes=uwe.Wishes(where=np.arange(40)))
    assert max(picks.rows) < 40
    assert picks.audit is None
    assert any("the audit pauses" in note for note in picks.notes)
    assert len(audit_rows(project.events(), 80, 1)) == 10
    assert answered(project, 10).audit.sum() >= 1
    assert len(audit_rows(project.events(), 80, 1)) == 15


def test_another_share_is_another_project(tmp_path: Path) -> None:
    """A project that is there keeps its share; another one is refused, and so is no share."""
    project_in(tmp_path)
    assert project_in(tmp_path).settings.audit == 0.1
    with pytest.raises(InputError, match=r"its audit is 0\.1, not 0\.2"):
        project_in(tmp_path, audit=0.2)
    for wrong in (-0.1, 1, "much", None, float("nan"), True):
        with pytest.raises(InputError, match="audit must be a share"):
            as_share(wrong)
