"""Following a journal: only what is new is read, and nothing is believed that was changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwe import journal
from uwe.errors import RunError
from uwe.journal import (
    Answered,
    Event,
    Fitting,
    Follower,
    Queried,
    Settled,
    Skipped,
    Standing,
    Trained,
    Withdrawn,
    answers_by_row,
    replay,
)

ROWS = 5


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def skip(row: int) -> Event:
    return Skipped((row,), "ann", "dark")


def test_each_look_gives_what_is_new(path: Path) -> None:
    """Before there is a journal there is nothing; then each event is given once, in order."""
    follower = Follower(path)
    assert follower.look() == []
    for row in range(3):
        journal.append(path, skip(row), skip(row + 10))
        [one, two] = follower.look()
        assert (one.id, two.id) == (2 * row + 1, 2 * row + 2)
        assert follower.look() == []
    assert Follower(path).look() == journal.read(path)


def test_an_unfinished_line_waits(path: Path) -> None:
    """A line without its newline is read once it is whole, or not at all if it is cut off."""
    journal.append(path, skip(0))
    follower = Follower(path)
    follower.look()
    whole = path.read_bytes()
    journal.append(path, skip(1))
    line = path.read_bytes()[len(whole) :]
    path.write_bytes(whole + line[:20])
    assert follower.look() == []
    path.write_bytes(whole + line)
    assert [event.rows for event in follower.look()] == [(1,)]
    path.write_bytes(whole + line + b'{"torn')
    assert follower.look() == []
    journal.append(path, skip(2))
    assert [event.rows for event in follower.look()] == [(2,)]


def test_a_damaged_line_is_named(path: Path) -> None:
    """Check sums and ids are looked at as `read` does."""
    journal.append(path, skip(0))
    follower = Follower(path)
    follower.look()
    journal.append(path, skip(1))
    path.write_bytes(path.read_bytes().replace(b'"rows":[1]', b'"rows":[7]'))
    with pytest.raises(RunError, match=r"line 3 .* does not fit its check sum"):
        follower.look()


def test_a_journal_that_was_replaced_is_refused(path: Path, tmp_path: Path) -> None:
    """Another file, a shorter one, an edited one or none: the follower says so."""
    journal.append(path, skip(0), skip(1))
    other = tmp_path / "other.jsonl"
    journal.append(other, skip(3), skip(4), skip(5))
    content = path.read_bytes()
    for changed in (other.read_bytes(), content[:-40], content.replace(b"dark", b"lark")):
        follower = Follower(path)
        path.write_bytes(content)
        follower.look()
        path.write_bytes(changed)
        with pytest.raises(RunError, match="changed by something else than an append"):
            follower.look()
    path.write_bytes(content)
    follower = Follower(path)
    follower.look()
    path.unlink()
    with pytest.raises(RunError, match="was removed"):
        follower.look()


def test_a_copy_of_a_journal_with_two_names_is_the_same_journal(path: Path) -> None:
    """A journal that a snapshot links is copied by an append; the follower goes on."""
    journal.append(path, skip(0))
    follower = Follower(path)
    follower.look()
    os.link(path, path.with_name("snapshot.jsonl"))
    journal.append(path, skip(1))
    assert [event.rows for event in follower.look()] == [(1,)]


def test_a_journal_of_another_run_is_refused(path: Path) -> None:
    """As `read` does."""
    journal.create(path, run="mine")
    with pytest.raises(RunError, match="another run"):
        Follower(path, "other").look()


def test_events_fit_each_other_some_at_a_time() -> None:
    """An answer may name a query of an earlier call, and not one that is not there."""
    fitting = Fitting(Path("j"))
    fitting.require([Queried(0, (1,), id=1)], 3, is_label=lambda _: True)
    fitting.require([Answered((1,), (0,), "ann", query=1, id=2)], 3, is_label=lambda _: True)
    with pytest.raises(RunError, match="answers query 2"):
        fitting.require([Answered((1,), (0,), "ann", query=2, id=3)], 3, is_label=lambda _: True)
    with pytest.raises(RunError, match="names row 3"):
        fitting.require([skip(3)], 3, is_label=lambda _: True)


rows = st.sets(st.integers(0, ROWS - 1), min_size=1).map(tuple)
people = st.sampled_from(["ann", "bo"])


@st.composite
def said(draw: st.DrawFn) -> Event:
    named, by = draw(rows), draw(people)
    value = draw(st.integers(0, 2))
    values = (value,) * len(named)
    return draw(
        st.sampled_from(
            [
                Answered(named, values, by),
                Skipped(named, by, "dark"),
                Withdrawn(named, by),
                Settled(named, values, "majority", draw(st.sampled_from(["", "cleo", by]))),
                Trained(1),
            ]
        )
    )


@given(st.lists(said(), max_size=20), st.integers(1, 2))
def test_events_that_are_applied_one_at_a_time_say_what_a_replay_says(
    events: list[Event], answers: int
) -> None:
    """For every row: its answers, who skipped it, and its label."""
    standing = Standing()
    for event in events:
        standing.apply(event)
    pool = replay(events, ROWS, settle=lambda values: tuple(values), answers=answers)
    labels = [
        standing.label_of(row, settle=lambda values: tuple(values), answers=answers)
        for row in range(ROWS)
    ]
    assert labels == pool.label_of(range(ROWS))
    by_row = answers_by_row(events)
    for row in range(ROWS):
        assert list(standing.answers_of(row).items()) == list(by_row.get(row, {}).items())
    skipped = {row for row in range(ROWS) if standing.skipped_by(row)}
    assert skipped - standing.settled.keys() == set(pool.skipped.tolist())
