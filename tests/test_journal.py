"""The journal is the state: what is read back, what is torn, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwe import journal
from uwe.errors import RunError
from uwe.experiment import Label, Query, Stop, Train, next_action
from uwe.journal import Labelled, Queried, Trained
from uwe.pool import Pool

EVENTS = [
    Queried(0, (3, 1), {}),
    Labelled((1, 3), (0, 1), "oracle"),
    Trained(0, {"te_accuracy": 0.5, "q_loss": None}),
    Queried(1, (0,), {"query_time": 0.25}),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    journal.create(tmp_path / "run.jsonl", EVENTS)
    return tmp_path / "run.jsonl"


def test_what_was_written_is_read_back(path: Path) -> None:
    """Events survive the file, numbers and empty facts included."""
    journal.append(path, Labelled((0,), (2,), "me"))
    assert journal.read(path) == [*EVENTS, Labelled((0,), (2,), "me")]


def test_a_journal_that_is_not_there_has_no_events(tmp_path: Path) -> None:
    """No file is no event, not an error."""
    assert journal.read(tmp_path / "none.jsonl") == []


def test_every_torn_tail_is_cut_off(path: Path) -> None:
    """Wherever a killed process stopped writing, the whole lines before it count."""
    whole = path.read_bytes()
    journal.append(path, Labelled((0,), (2,), "oracle"))
    longer = path.read_bytes()
    for end in range(len(whole), len(longer)):
        path.write_bytes(longer[:end])
        assert journal.read(path) == EVENTS
        journal.mend(path)
        assert path.read_bytes() == whole
        journal.append(path, Trained(1))
        assert journal.read(path) == [*EVENTS, Trained(1)]


@pytest.mark.parametrize("line", ["nonsense", '{"event":"skipped"}', '{"event":"queried"}', "[]"])
def test_a_broken_line_before_the_last_is_refused_by_number(path: Path, line: str) -> None:
    """What is no event is not skipped: the line is named."""
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], line, *lines[2:]]) + "\n")
    with pytest.raises(RunError, match="line 3"):
        journal.read(path)


@pytest.mark.parametrize("first", ['{"uwe_journal":2}', "idx,label", ""])
def test_another_format_is_refused(path: Path, first: str) -> None:
    """A newer journal, or some other file, is not guessed at."""
    path.write_text("\n".join([first, *path.read_text().splitlines()[1:]]) + "\n")
    with pytest.raises(RunError, match="journal"):
        journal.read(path)


@pytest.mark.parametrize(
    ("line", "content", "words"),
    [
        (3, "{broken\n", "line 3 of "),
        (3, '{"event":"sold"}\n', "line 3 of "),
        (0, "", "is not a journal of uwe"),
        (1, '{"uwe_journal":99}\n', "has journal format 99"),
    ],
)
def test_a_broken_journal_is_not_guessed_at(
    copied_run: Path,
    line: int,
    content: str,
    words: str,
    refused: Callable[[list[str]], str],
    small_run: Callable[..., list[str]],
    contents: Callable[[Path], dict[str, object]],
) -> None:
    """A journal that is broken before its last line is refused, and file and line are named."""
    [path] = (copied_run / "digits" / "uwe").glob("*.journal.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    lines[line - 1 : line] = [content]
    path.write_text("".join(lines) if line else "")
    before = contents(copied_run)
    refusal = refused(small_run(copied_run))
    assert words in refusal
    assert str(path) in refusal
    assert contents(copied_run) == before


def test_the_next_action_follows_from_the_events() -> None:
    """Query, label, train, and again, until the budgets are spent."""
    budgets = [2, 3]
    asked = [EVENTS[:at] for at in range(5)]
    actions = [next_action(events, budgets, 5) for events in asked]
    assert actions[0] == Query(0, 2)
    assert isinstance(actions[1], Label)
    assert actions[1].rows.tolist() == [1, 3]
    assert actions[2:4] == [Train(0), Query(1, 1)]
    answered = [*EVENTS, Labelled((0,), (2,), "oracle")]
    assert next_action(answered, budgets, 5) == Train(1)
    assert next_action([*answered, Trained(1)], budgets, 5) == Stop()


def test_part_of_an_answer_leaves_the_rest_outstanding() -> None:
    """Labels may come in pieces."""
    action = next_action([Queried(0, (4, 2, 0)), Labelled((2,), (1,), "me")], [3], 5)
    assert isinstance(action, Label)
    assert action.rows.tolist() == [0, 4]


@given(st.permutations(range(6)), st.integers(0, 6))
def test_the_order_in_which_labels_arrive_does_not_matter(order, cut: int) -> None:
    """Any order and any pieces give the same pool."""
    labels = {row: row % 3 for row in range(6)}
    pieces = [order[:cut], order[cut:]]
    events = [Queried(0, tuple(range(6)))]
    for rows in pieces:
        events.append(Labelled(tuple(rows), tuple(labels[row] for row in rows), "me"))
    pool = journal.replay(events, 8)
    assert pool.labelled.tolist() == list(range(6))
    assert pool.label.tolist() == [0, 1, 2, 0, 1, 2, -1, -1]


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (lambda pool: pool.buy([1], cycle=1), "queried in cycle 0"),
        (lambda pool: pool.buy([5], cycle=1), "outside the pool of 5"),
        (lambda pool: pool.buy([2, 2], cycle=1), "named twice"),
        (lambda pool: pool.answer([2], [0]), "was not queried"),
        (lambda pool: pool.answer([1], [0]), "has its label already"),
        (lambda pool: pool.answer([3], [0, 1]), "1 rows, but 2 labels"),
    ],
)
def test_the_pool_refuses_what_cannot_be(do, message: str) -> None:
    """A row is bought once and answered once."""
    pool = Pool.untouched(5).buy([1, 3], cycle=0).answer([1], [0])
    with pytest.raises(RunError, match=message):
        do(pool)


def test_the_pool_never_changes_in_place() -> None:
    """Every step gives a new pool."""
    pool = Pool.untouched(3)
    pool.buy([0], cycle=0).answer([0], [1])
    assert np.array_equal(pool.cycle, [-1, -1, -1])
