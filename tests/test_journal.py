"""The journal is the state: what is read back, what is torn, what is refused."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwe import journal
from uwe.errors import InputError, RunError
from uwe.experiment import Query, Stop, Train, Wait, next_action
from uwe.journal import (
    Answered,
    Event,
    Queried,
    Settled,
    Skipped,
    Trained,
    Withdrawn,
    answer_counts,
    answers_by_row,
    replay,
)

EVENTS = [
    Queried(0, (3, 1), {}),
    Answered((1, 3), (0, 1), "oracle"),
    Trained(0, {"te_accuracy": 0.5, "q_loss": None}, seen=2),
    Queried(1, (0,), {"query_time": 0.25}),
]

EVERY_KIND = [
    Queried(2, (5, 4), {"why": {"measure": "entropy"}}),
    Answered((5,), ([0, 2],), "Änne", query=5, seconds=1.5),
    Answered((4, 2), (0.25, None), "bob", seconds=(1.0, 2.5), facts={"tool": "x"}),
    Skipped((4,), "bob", "too dark", query=5),
    Withdrawn((5,), "Änne", {"note": '"sum":"00000000"}'}),
    Settled((5,), ([1],), "review", by="cem"),
    Trained(2, {}, seen=10),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    journal.create(tmp_path / "run.jsonl", EVENTS)
    return tmp_path / "run.jsonl"


FORMER = """{"uwe_journal":1}
{"event":"queried","cycle":0,"indices":[3,1],"facts":{}}
{"event":"labelled","indices":[1,3],"labels":[0,1],"by":"oracle"}
{"event":"trained","cycle":0,"facts":{"te_accuracy":0.5,"q_loss":null}}
{"event":"queried","cycle":1,"indices":[0],"facts":{"query_time":0.25}}
"""


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """A journal of format 1 with the same events."""
    path = tmp_path / "former.jsonl"
    path.write_text(FORMER)
    return path


def test_what_was_written_is_read_back(path: Path) -> None:
    """Events of every kind survive the file with ids, times, and values of any JSON type."""
    added = journal.append(path, *EVERY_KIND)
    assert added == EVERY_KIND
    found = journal.read(path)
    assert found == [*EVENTS, *EVERY_KIND]
    assert [event.id for event in found] == list(range(1, 12))
    assert [event.at for event in found[4:]] == [event.at for event in added]
    assert [event.id for event in added] == list(range(5, 12))


def test_events_have_the_time_of_their_writing(path: Path) -> None:
    """The time is that of the append in UTC, in milliseconds; comparisons leave it out."""
    [event] = journal.append(path, Trained(1))
    assert event.at.endswith("Z")
    assert len(event.at) == len("2025-01-01T00:00:00.000Z")
    at = datetime.fromisoformat(event.at)
    assert abs(datetime.now(at.tzinfo) - at) < timedelta(minutes=1)
    assert event == Trained(1)


def test_events_that_are_copied_keep_their_times(path: Path, tmp_path: Path) -> None:
    """A journal that begins with the events of another has its own ids and their times."""
    there = [replace(event, at=f"2020-01-0{event.id}T") for event in journal.read(path)]
    copied = journal.create(tmp_path / "copy.jsonl", there[1:])
    assert [(event.id, event.at) for event in copied] == [
        (1, "2020-01-02T"), (2, "2020-01-03T"), (3, "2020-01-04T")
    ]  # fmt: skip
    assert journal.read(tmp_path / "copy.jsonl") == copied


def test_each_line_ends_with_the_check_sum_of_the_rest(path: Path) -> None:
    """The last key of a line is the CRC-32 of the line without that key."""
    journal.append(path, *EVERY_KIND)
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        assert list(json.loads(line))[-1] == "sum"
        body = line[: -len(',"sum":"01234567"}')] + "}"
        assert json.loads(line)["sum"] == f"{zlib.crc32(body.encode()):08x}"


def test_a_journal_that_is_not_there_has_no_events(tmp_path: Path) -> None:
    """No file is no event, not an error; the first append makes it, and no events make nothing."""
    path = tmp_path / "new" / "none.jsonl"
    assert journal.read(path) == []
    assert journal.append(path) == []
    assert not path.exists()
    journal.append(path, *EVENTS)
    assert journal.read(path) == EVENTS


def test_a_journal_is_not_made_over_another(path: Path) -> None:
    """What is there is never overwritten."""
    before = path.read_bytes()
    with pytest.raises(RunError, match="is there already"):
        journal.create(path, [])
    assert path.read_bytes() == before


def test_every_torn_tail_is_cut_off(path: Path) -> None:
    """Wherever a killed process stopped writing, the whole lines before it count."""
    whole = path.read_bytes()
    journal.append(path, Answered((0,), (2,), "oracle"))
    longer = path.read_bytes()
    for end in range(len(whole), len(longer)):
        path.write_bytes(longer[:end])
        assert journal.read(path) == EVENTS
        [event] = journal.append(path, Trained(1))
        assert event.id == 5
        assert path.read_bytes().startswith(whole + b'{"event":"trained"')
        assert journal.read(path) == [*EVENTS, Trained(1)]


@pytest.mark.parametrize("rows", [1, 100_000])
def test_ids_go_on_after_lines_of_any_length(rows: int, path: Path) -> None:
    """The last line is found although it or a torn line after it is longer than a block."""
    journal.append(path, Queried(2, tuple(range(10, 10 + rows))))
    with path.open("ab") as file:
        file.write(b'{"event":"answered","rows":[' + b"1," * rows)
    [event] = journal.append(path, Trained(2))
    assert event.id == 6
    assert [each.id for each in journal.read(path)] == [1, 2, 3, 4, 5, 6]


def test_a_write_that_fails_leaves_the_journal_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk, no part of several events stays."""
    before, write = path.read_bytes(), os.write

    def full(descriptor: int, content: Any) -> int:
        if len(content) > 200:
            return write(descriptor, content[:200])
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RunError, match="the disk is full"):
        journal.append(path, *EVERY_KIND)
    assert path.read_bytes() == before


def test_several_events_are_one_write_and_one_sync(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round of answers costs one wait for the disk."""
    calls: Counter[str] = Counter()
    for name in ("write", "fsync"):
        real = getattr(os, name)

        def counted(*given: Any, name: str = name, real: Callable[..., Any] = real) -> Any:
            calls[name] += 1
            return real(*given)

        monkeypatch.setattr(os, name, counted)
    journal.append(path, *EVERY_KIND)
    assert calls["fsync"] == 1
    assert calls["write"] == 1


def test_values_that_json_does_not_have_are_refused(path: Path) -> None:
    """Nothing is written of events of which one cannot be written."""
    before = path.read_bytes()
    with pytest.raises(InputError, match="give plain numbers"):
        journal.append(path, Trained(1), Answered((0,), (np.int64(2),), "me"))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Queried(0, (1, 2, 1)), "row 1 is named twice"),
        (lambda: Answered((1, 2), (1,), "me"), "2 rows, but 1 values"),
        (lambda: Answered((1,), (1,), "me", seconds=(1.0, 2.0)), "1 rows, but 2 seconds"),
        (lambda: Settled((), (1,), "vote"), "0 rows, but 1 values"),
        (lambda: Withdrawn((4, 4), "me"), "row 4 is named twice"),
    ],
)
def test_events_that_make_no_sense_cannot_be_made(make: Callable[[], Event], words: str) -> None:
    """What replay could not read is refused before it is in the journal."""
    with pytest.raises(InputError, match=words):
        make()


def test_every_changed_byte_of_an_event_is_found(path: Path) -> None:
    """A line that does not fit its check sum is an error with file and line, also on append."""
    content = path.read_bytes()
    begin = content.index(b"\n") + 1
    last = content.rstrip(b"\n").rindex(b"\n") + 1
    for at in range(begin, len(content) - 1):
        if content[at] == ord("\n"):
            continue
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        number = content[:at].count(b"\n") + 1
        with pytest.raises(RunError, match=rf"line {number} of .*run.jsonl"):
            journal.read(path)
        if at >= last:
            with pytest.raises(RunError, match=rf"line {number} of .*run.jsonl"):
                journal.append(path, Trained(1))


@pytest.mark.parametrize("change", [lambda lines: lines[1:], lambda lines: [lines[0], *lines]])
def test_a_missing_or_doubled_line_is_found(
    change: Callable[[list[str]], list[str]], path: Path
) -> None:
    """Ids without gaps show what check sums of single lines cannot."""
    first, *lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([first, *change(lines)]))
    with pytest.raises(RunError, match="was removed or doubled"):
        journal.read(path)


def summed(record: dict[str, Any]) -> str:
    """A line of format 2."""
    body = json.dumps(record, separators=(",", ":"))
    return f'{body[:-1]},"sum":"{zlib.crc32(body.encode()):08x}"}}\n'


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"event": "sold", "id": 5, "at": ""}, "line 6 of .* the event 'sold', which a newer"),
        (
            {"event": "trained", "id": 5, "at": "", "cycle": 1, "facts": {}, "colour": 1},
            "line 6 of .* the field 'colour' of trained, which a newer",
        ),
        ({"event": "trained", "id": 5, "at": ""}, "line 6 of .* is not an event"),
        ({"id": 5}, "line 6 of .* the event None"),
    ],
)
def test_what_a_newer_version_wrote_is_not_dropped(
    record: dict[str, Any], words: str, path: Path
) -> None:
    """Unknown kinds and unknown fields are errors that say who wrote them."""
    with path.open("a") as file:
        file.write(summed(record))
    with pytest.raises(RunError, match=words):
        journal.read(path)


@pytest.mark.parametrize(
    "line", ["nonsense", '{"event":"skipped"}', '{"event":"queried"}', "[]", '{"event":[]}', "1"]
)
@pytest.mark.parametrize("journal_", ["path", "former"])
def test_a_broken_line_before_the_last_is_refused_by_number(
    journal_: str, line: str, request: pytest.FixtureRequest
) -> None:
    """What is no event is not skipped: the line is named, in both formats."""
    path = request.getfixturevalue(journal_)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], line, *lines[2:]]) + "\n")
    with pytest.raises(RunError, match="line 3"):
        journal.read(path)


@pytest.mark.parametrize("first", ['{"uwe_journal":3}', "idx,label", "", "[1]"])
def test_another_format_is_refused(path: Path, first: str) -> None:
    """A newer journal, or some other file, is not guessed at, and nothing is appended to it."""
    path.write_text("\n".join([first, *path.read_text().splitlines()[1:]]) + "\n")
    before = path.read_bytes()
    for do in (journal.read, lambda path: journal.append(path, Trained(1))):
        with pytest.raises(RunError, match="journal"):
            do(path)
    assert path.read_bytes() == before


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


def test_a_journal_of_format_1_goes_on_in_place(former: Path) -> None:
    """Its lines stay as they are and have ids by position; new lines follow with check sums."""
    found = journal.read(former)
    assert found == [replace(event, seen=None) if event == EVENTS[2] else event for event in EVENTS]
    assert [(event.id, event.at) for event in found] == [(1, ""), (2, ""), (3, ""), (4, "")]
    [first] = journal.append(former, *EVERY_KIND[1:2])
    [second] = journal.append(former, Trained(1))
    assert [first.id, second.id] == [5, 6]
    assert former.read_text().startswith(FORMER)
    assert journal.read(former) == [*found, EVERY_KIND[1], Trained(1)]


def test_every_torn_tail_of_format_1_is_cut_off(former: Path) -> None:
    """The whole lines count, with or without check sums."""
    cut = FORMER.encode()[: FORMER.rindex("\n", 0, -1) + 1]
    for end in range(len(cut), len(FORMER) - 1):
        former.write_text(FORMER[:end])
        [event] = journal.append(former, Trained(1))
        assert event.id == 4
        assert former.read_bytes().startswith(cut + b'{"event":"trained"')


@pytest.mark.parametrize("where", ["path", "former"])
def test_lines_without_check_sums_are_of_format_1_only(
    where: str, request: pytest.FixtureRequest
) -> None:
    """In a journal of format 2, or after a line with a sum, a line without one is refused."""
    path = request.getfixturevalue(where)
    journal.append(path, Trained(1))
    with path.open("a") as file:
        file.write('{"event":"trained","cycle":2,"facts":{}}\n')
    with pytest.raises(RunError, match=r"line 7 of .* check sum"):
        journal.read(path)


APPENDING = """
import sys
from pathlib import Path
from uwe import journal
from uwe.journal import Answered
path, who, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for number in range(count):
    rows = (2 * number, 2 * number + 1)
    said = journal.append(
        path, *(Answered((row,), (row,), who, facts={"text": "x" * 300}) for row in rows)
    )
    print(said[0].id, said[1].id, flush=True)
"""


def appending(path: Path, who: str, count: int) -> subprocess.Popen[str]:
    """A process that appends two answers at a time and prints their ids."""
    return subprocess.Popen(
        [sys.executable, "-c", APPENDING, str(path), who, str(count)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_eight_processes_append_at_once(tmp_path: Path) -> None:
    """Nothing is lost or doubled, ids are 1 to N, and the events of one append stay together."""
    path, each = tmp_path / "project.jsonl", 12
    processes = [appending(path, f"p{number}", each) for number in range(8)]
    told = [process.communicate(timeout=100)[0].split() for process in processes]
    events = journal.read(path)
    assert [event.id for event in events] == list(range(1, 16 * each + 1))
    for number, ids in enumerate(told):
        its = [event for event in events if isinstance(event, Answered) if event.by == f"p{number}"]
        assert [event.rows for event in its] == [(row,) for row in range(2 * each)]
        assert [str(event.id) for event in its] == ids
        assert all(b.id == a.id + 1 for a, b in zip(its[::2], its[1::2], strict=True))


def test_processes_killed_while_they_append_lose_nothing_they_reported(tmp_path: Path) -> None:
    """After SIGKILL at random moments, every id that was returned is in the journal."""
    path, rng = tmp_path / "project.jsonl", random.Random(0)
    journal.create(path)
    reported: dict[int, str] = {}
    for attempt in range(6):
        processes = [appending(path, f"{attempt}-{number}", 100_000) for number in range(2)]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()  # both are at work
        time.sleep(rng.random() / 10)
        for process in processes:
            process.send_signal(signal.SIGKILL)
        for number, process in enumerate(processes):
            lines = process.communicate(timeout=100)[0].split("\n")[:-1]
            reported |= {int(at): f"{attempt}-{number}" for line in lines for at in line.split()}
        if attempt % 2:
            with path.open("ab") as file:
                file.write(b'{"event":"answ')
    events = journal.read(path)
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert reported
    for at, who in reported.items():
        event = events[at - 1]
        assert isinstance(event, Answered)
        assert event.by == who


def test_the_next_action_follows_from_the_events() -> None:
    """Query, wait, train, and again, until the budgets are spent."""
    budgets = [2, 3]
    asked = [EVENTS[:at] for at in range(5)]
    actions = [next_action(events, budgets, 5) for events in asked]
    assert actions[0] == Query(0, 2)
    assert isinstance(actions[1], Wait)
    assert actions[1].rows.tolist() == [1, 3]
    assert actions[2:4] == [Train(0), Query(1, 1)]
    answered = [*EVENTS, Answered((0,), (2,), "oracle")]
    assert next_action(answered, budgets, 5) == Train(1)
    assert next_action([*answered, Trained(1)], budgets, 5) == Stop()


def test_part_of_an_answer_leaves_the_rest_outstanding() -> None:
    """Labels may come in pieces."""
    action = next_action([Queried(0, (4, 2, 0)), Answered((2,), (1,), "me")], [3], 5)
    assert isinstance(action, Wait)
    assert action.cycle == 0
    assert action.rows.tolist() == [0, 4]


def test_skipped_rows_are_not_waited_for_and_are_replaced() -> None:
    """A skipped row is not outstanding, and the next query asks for one row more."""
    events: list[Event] = [Queried(0, (4, 2, 0)), Answered((2, 0), (1, 1), "me")]
    assert isinstance(next_action(events, [3, 5], 9), Wait)
    events.append(Skipped((4,), "me", "blurred"))
    assert next_action(events, [3, 5], 9) == Train(0)
    assert next_action([*events, Trained(0)], [3, 5], 9) == Query(1, 3)


def test_a_row_waits_for_as_many_people_as_it_needs() -> None:
    """With two answers a row, one answer leaves it outstanding."""
    events: list[Event] = [Queried(0, (4,)), Answered((4,), (1,), "ann")]
    assert isinstance(next_action(events, [1], 9, answers=2), Wait)
    events.append(Answered((4,), (2,), "bob"))
    assert next_action(events, [1], 9, answers=2, settle=max) == Train(0)


@given(st.permutations(range(6)), st.integers(0, 6))
def test_the_order_in_which_labels_arrive_does_not_matter(order: list[int], cut: int) -> None:
    """Any order and any pieces give the same pool."""
    labels = {row: row % 3 for row in range(6)}
    pieces = [order[:cut], order[cut:]]
    events: list[Event] = [Queried(0, tuple(range(6)))]
    for rows in pieces:
        events.append(Answered(tuple(rows), tuple(labels[row] for row in rows), "me"))
    pool = journal.replay(events, 8)
    assert pool.labelled.tolist() == list(range(6))
    assert pool.label_of(range(8)) == [0, 1, 2, 0, 1, 2, None, None]


def test_a_settled_value_stands_until_it_is_taken_back() -> None:
    """Answers and skips do not change it; its person's withdrawal or another decision does."""
    events: list[Event] = [
        Answered((2,), (1,), "ann"),
        Settled((2,), (7,), "review", by="cem"),
        Answered((2,), (3,), "bob"),
        Skipped((2,), "dan", "dark"),
        Withdrawn((2,), "dan"),
    ]
    assert replay(events, 5).label_of([2]) == [7]
    assert replay([*events, Settled((2,), (8,), "review", by="ann")], 5).label_of([2]) == [8]
    with pytest.raises(RunError, match="row 2 has different answers: 1, 3"):
        replay([*events, Withdrawn((2,), "cem")], 5)


def test_what_a_rule_settled_falls_with_an_answer() -> None:
    """A decision of nobody's rests on the answers: if one is taken back, it is open again."""
    events: list[Event] = [
        Queried(0, (2,)),
        Answered((2,), (1,), "ann"),
        Settled((2,), (1,), "majority"),
        Withdrawn((2,), "ann"),
    ]
    assert replay(events[:3], 5).label_of([2]) == [1]
    assert replay(events, 5).outstanding.tolist() == [2]


def test_answers_that_differ_need_a_rule() -> None:
    """Without settle, different answers are an error; equal ones, and one's own change, are not."""
    ann, bob = Answered((2,), (1,), "ann"), Answered((2,), (3,), "bob")
    with pytest.raises(RunError, match="different answers: 1, 3"):
        replay([ann, bob], 5)
    assert replay([ann, bob], 5, settle=lambda values: values[-1]).values == [3]
    assert replay([ann, Answered((2,), (1,), "bob")], 5).values == [1]
    assert replay([ann, Answered((2,), (4,), "ann")], 5).values == [4]


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([Queried(0, (1,)), Queried(1, (2, 1))], "row 1 .* cycle 1: .* cycle 0"),
        ([Queried(0, (5,))], "row 5 is outside the pool of 5"),
        ([Answered((-1,), (0,), "me")], "row -1 is outside the pool of 5"),
        ([Skipped((7,), "me", "")], "row 7 is outside the pool of 5"),
    ],
)
def test_events_that_contradict_the_pool_are_refused(events: list[Event], words: str) -> None:
    """A row is asked about once, and is a row of the pool."""
    with pytest.raises(RunError, match=words):
        replay(events, 5)


N = 6
ROWS = st.lists(st.integers(0, N - 1), max_size=4, unique=True).map(tuple)
PEOPLE = st.sampled_from(["ann", "bob", "cem"])


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events of every kind in any order, where no row is asked about twice."""
    asked: set[int] = set()
    events: list[Event] = []
    for cycle in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from([Queried, Answered, Answered, Skipped, Withdrawn, Settled]))
        rows, by = draw(ROWS), draw(PEOPLE)
        if kind is Queried:
            rows = tuple(row for row in rows if row not in asked)
            asked |= set(rows)
        values = tuple(draw(st.integers(0, 3)) for _ in rows)
        made: dict[type[Event], Event] = {
            Queried: Queried(cycle, rows),
            Answered: Answered(rows, values, by),
            Skipped: Skipped(rows, by, ""),
            Withdrawn: Withdrawn(rows, by),
            Settled: Settled(rows, values, "vote", by=draw(st.sampled_from(["", by]))),
        }
        events.append(made[kind])
    return events


class Twin:
    """The same, slowly and with dense arrays, one event after another and row by row."""

    def __init__(self) -> None:
        self.cycle = np.full(N, -1)
        self.answers: list[list[tuple[str, int]]] = [[] for _ in range(N)]
        self.skips: list[list[str]] = [[] for _ in range(N)]
        self.settled: list[tuple[str, int] | None] = [None] * N

    def silence(self, row: int, by: str) -> None:
        self.answers[row] = [each for each in self.answers[row] if each[0] != by]
        self.skips[row] = [each for each in self.skips[row] if each != by]

    def note(self, event: Event) -> None:
        for at, row in enumerate(getattr(event, "rows", ())):
            if isinstance(event, Queried):
                self.cycle[row] = event.cycle
            elif isinstance(event, Answered):
                self.silence(row, event.by)
                self.answers[row].append((event.by, event.values[at]))
            elif isinstance(event, Skipped):
                self.silence(row, event.by)
                self.skips[row].append(event.by)
            elif isinstance(event, Settled):
                self.settled[row] = (event.by, event.values[at])
            elif isinstance(event, Withdrawn):
                self.silence(row, event.by)
                settled = self.settled[row]
                if settled is not None and settled[0] in ("", event.by):
                    self.settled[row] = None

    def state(self, row: int, needed: int) -> tuple[str, Any]:
        settled = self.settled[row]
        if settled is not None:
            return "labelled", settled[1]
        if self.skips[row]:
            return "skipped", None
        if len(self.answers[row]) >= needed:
            return "labelled", sum(value * 4**i for i, (_, value) in enumerate(self.answers[row]))
        return ("candidate" if self.cycle[row] < 0 else "outstanding"), None


@given(histories(), st.integers(1, 3))
def test_replay_equals_a_slow_twin(events: list[Event], needed: int) -> None:
    """For any events, the pool and the views say what the twin says of each row."""
    twin = Twin()
    for event in events:
        twin.note(event)
    states = [twin.state(row, needed) for row in range(N)]
    pool = replay(
        events, N, answers=needed,
        settle=lambda values: sum(value * 4**i for i, value in enumerate(values)),
    )  # fmt: skip

    def rows(state: str) -> list[int]:
        return [row for row in range(N) if states[row][0] == state]

    labelled = rows("labelled")
    assert pool.labelled.tolist() == labelled
    assert pool.values == [states[row][1] for row in labelled]
    assert pool.label_of(range(N)) == [value for _, value in states]
    assert pool.skipped.tolist() == rows("skipped")
    assert pool.outstanding.tolist() == rows("outstanding")
    assert pool.unlabelled.tolist() == rows("candidate")
    assert pool.cycle_of(range(N)).tolist() == twin.cycle.tolist()
    assert pool.asked.tolist() == np.flatnonzero(twin.cycle >= 0).tolist()
    assert pool.unasked.tolist() == [row for row in labelled if twin.cycle[row] < 0]
    by_row = {row: dict(its) for row, its in enumerate(twin.answers) if its}
    assert answers_by_row(events) == by_row
    assert all(list(its) == list(by_row[row]) for row, its in answers_by_row(events).items())
    assert answer_counts(events) == Counter(by for its in by_row.values() for by in its)


def test_replay_costs_what_was_asked(tmp_path: Path) -> None:
    """A pool of 10**8 rows with 1,000 answers takes no memory for the other rows."""
    n = 10**8
    rows = tuple(random.Random(0).sample(range(n), 1000))
    path = tmp_path / "large.jsonl"
    journal.create(path, [Queried(0, rows), Answered(rows, (1,) * 1000, "me")])
    tracemalloc.start()
    pool = replay(journal.read(path), n)
    assert pool.ask([5, 6], cycle=1).answer([5], [0]).outstanding.tolist() == [6]
    assert len(pool.labelled) == 1000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5e7


def test_many_short_events_are_read_quickly(tmp_path: Path) -> None:
    """Ten thousand answers, one a line, take well below a second."""
    path = tmp_path / "many.jsonl"
    journal.create(path, [Answered((row,), (row % 7,), f"p{row % 3}") for row in range(10_000)])
    begin = time.process_time()
    pool = replay(journal.read(path), 10**6)
    assert time.process_time() - begin < 1
    assert len(pool.labelled) == 10_000
