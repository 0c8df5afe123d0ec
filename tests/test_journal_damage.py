"""A journal that was damaged or edited is refused in one line, or says what it said before."""

from __future__ import annotations

import json
import logging
import os
import shutil
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import uwe
from uwe import journal
from uwe.cli import main
from uwe.errors import RunError, UweError
from uwe.experiment.course import require_course
from uwe.journal import Answered, Event, Queried, Settled, Skipped, Trained, Withdrawn
from uwe.tasks import Classes, Flags, Reals, are_labels

EVENTS: list[Event] = [
    Queried(0, (3, 1), {"query_time": 0.5}),
    Answered((1, 3), (0, 1), "oracle", query=1),
    Trained(0, {"n_labeled": 2, "te_accuracy": 0.5, "q_loss": None}, seen=2),
    Queried(1, (0,), {"digests": {"pool_logits": "aa"}}),
]
FORMER = """{"uwe_journal":1}
{"event":"queried","cycle":0,"indices":[3,1],"facts":{}}
{"event":"labelled","indices":[1,3],"labels":[0,1],"by":"oracle"}
{"event":"trained","cycle":0,"facts":{"te_accuracy":0.5,"q_loss":null}}
{"event":"queried","cycle":1,"indices":[0],"facts":{"query_time":0.25}}
"""


def small(path: Path, *, run: str = "digits_s1") -> bytes:
    journal.create(path, EVENTS, run=run)
    return path.read_bytes()


def outcome(path: Path) -> list[Event] | None:
    """The events, or None where the journal is refused in one line."""
    try:
        return journal.read(path, run="digits_s1")
    except UweError as error:
        message = str(error)
    assert "\n" not in message
    assert str(path) in message
    return None


def require_plausible(path: Path, events: list[Event]) -> None:
    """What a run asks of its events."""
    task = Classes(("a", "b"))
    journal.require_fitting(path, events, 5, is_label=partial(are_labels, task))
    require_course(path, events, 5)


@pytest.mark.parametrize("run", ["digits_s1", ""])
def test_no_flipped_bit_changes_what_a_journal_says(run: str, tmp_path: Path) -> None:
    """Each bit of each byte: refused, or the same events; an append to it is refused, or fits."""
    path = tmp_path / "run.jsonl"
    content = small(path, run=run)
    whole = journal.read(path)
    refused = 0
    for at in range(len(content)):
        for bit in range(8):
            path.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
            found = outcome(path)
            refused += found is None
            assert found in (None, whole), (at, bit)
    assert refused > 8 * len(content) - 80


def test_no_flipped_bit_is_appended_to(tmp_path: Path) -> None:
    """A damaged last line, or first line, is not written behind."""
    path = tmp_path / "run.jsonl"
    content = small(path)
    first, last = content.index(b"\n"), content.rindex(b"\n", 0, -1) + 1
    for at in (*range(first), *range(last, len(content))):
        for bit in range(8):
            path.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
            before = path.read_bytes()
            try:
                journal.append(path, Trained(1))
            except RunError:
                assert path.read_bytes() == before
                continue
            assert outcome(path) in (None, [*EVENTS, Trained(1)]), (at, bit)


def test_a_flipped_bit_of_format_1_is_no_traceback(tmp_path: Path) -> None:
    """Lines without check sums: one line, or events of the right kinds in the right order."""
    path = tmp_path / "run.jsonl"
    content = FORMER.encode()
    whole = None
    for at in range(-1, len(content)):
        for bit in range(8) if at >= 0 else (0,):
            broken = content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
            path.write_bytes(broken if at >= 0 else content)
            found = outcome(path)
            whole = found if whole is None else whole
            if found is None:
                continue
            try:
                require_plausible(path, found)
            except RunError:
                continue
            cycles = [event.cycle for event in found if isinstance(event, Queried | Trained)]
            assert cycles == [0, 0, 1][: len(cycles)], (at, bit)


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [*lines[:2], *lines[3:]],
        lambda lines: [*lines[:3], lines[2], *lines[3:]],
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        lambda lines: lines[:1] + lines[2:],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [*lines[:-2], lines[-1]],
        lambda lines: lines[1:],
        lambda lines: [lines[0], *lines],
        lambda lines: lines[::-1],
    ],
)
def test_lines_that_were_moved_removed_or_doubled_are_noticed(
    change: Callable[[list[bytes]], list[bytes]], tmp_path: Path
) -> None:
    """The order of the lines is part of what is summed."""
    path = tmp_path / "run.jsonl"
    small(path)
    path.write_bytes(b"".join(change(lines_of(path))))
    assert outcome(path) is None


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_line_of_another_run_is_noticed(number: int, tmp_path: Path) -> None:
    """A line with its own right sum and the right number, but from another seed's journal."""
    path, other = tmp_path / "run.jsonl", tmp_path / "other.jsonl"
    small(path)
    journal.create(other, [replace(event, at="2020") for event in EVENTS], run="digits_s2")
    lines, theirs = lines_of(path), lines_of(other)
    path.write_bytes(b"".join([*lines[:number], theirs[number], *lines[number + 1 :]]))
    found = outcome(path)
    assert found is None or number == 4  # the last line is followed by none
    journal.append(other, Trained(1))
    shutil.copy(other, path)
    with pytest.raises(RunError, match="the journal of another run"):
        journal.read(path, run="digits_s1")


def test_the_last_line_of_another_run_is_noticed(tmp_path: Path) -> None:
    """It holds the sum of a line that is not there."""
    path, other = tmp_path / "run.jsonl", tmp_path / "other.jsonl"
    small(path)
    journal.create(other, [*EVENTS[:2], replace(EVENTS[2], facts={"n_labeled": 3}), EVENTS[3]])
    path.write_bytes(b"".join([*lines_of(path)[:-1], lines_of(other)[-1]]))
    assert outcome(path) is None


def test_journals_without_the_sum_of_the_line_before_go_on(tmp_path: Path) -> None:
    """What an earlier version wrote is read; from the first new line on, each holds that sum."""
    path = tmp_path / "run.jsonl"
    small(path)
    lines = [b'{"uwe_journal":2}\n']
    for line in lines_of(path)[1:]:
        record = json.loads(line)
        del record["after"], record["sum"]
        lines.append(summed(record))
    path.write_bytes(b"".join(lines))
    assert journal.read(path) == EVENTS
    journal.append(path, Answered((0,), (1,), "oracle", query=4), Trained(1, seen=5))
    assert len(journal.read(path)) == 6
    former = lines_of(path)
    path.write_bytes(b"".join([*former[:4], former[3], *former[5:]]))
    assert outcome(path) is None
    path.write_bytes(b"".join([*former, summed({"event": "trained", "id": 7, "cycle": 2})]))
    with pytest.raises(RunError, match=r"line 8 of .* does not follow the line before it"):
        journal.read(path)


def summed(record: dict[str, Any]) -> bytes:
    """A line of format 2 with a right check sum of its own."""
    body = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
    return f'{body[:-1]},"sum":"{zlib.crc32(body.encode()):08x}"}}\n'.encode()


VALUES: list[Any] = [
    None, True, -1, -5, 2**63, 10**40, 1.5, float("nan"), float("inf"), "3", "", [], [[]], {},
    [1.5], ["1"], [True], [None], [-1], [2**70], [[0]], [3, 3], {"a": 1}, 0, 7, [0], [4],
]  # fmt: skip


def resummed(record: dict[str, Any], before: bytes) -> bytes:
    """A line that fits the line before and its own sum, as an editor that knows both writes it."""
    record = {key: value for key, value in record.items() if key not in ("after", "sum")}
    return summed({**record, "after": f"{zlib.crc32(before):08x}"})


@pytest.mark.parametrize("former", [False, True])
def test_edited_fields_are_no_traceback(former: bool, tmp_path: Path) -> None:
    """Every field of every event, every wrong value: one line, with the line or event named."""
    path = tmp_path / "run.jsonl"
    small(path)
    content = FORMER.encode() if former else path.read_bytes()
    lines = content.splitlines(keepends=True)
    for number in range(1, len(lines)):
        record = json.loads(lines[number])
        names = [name for name in record if name not in ("after", "sum")]
        for name in (*names, *(f"facts.{fact}" for fact in record.get("facts", {}))):
            for value in VALUES:
                changed = json.loads(lines[number])
                if name.startswith("facts."):
                    changed["facts"][name.removeprefix("facts.")] = value
                else:
                    changed[name] = value
                edited = [*lines[:number], b"", *lines[number + 1 :]]
                edited[number] = json.dumps(changed).encode() + b"\n"
                if not former:
                    for at in range(number, len(lines)):
                        its = changed if at == number else json.loads(lines[at])
                        edited[at] = resummed(its, edited[at - 1].rstrip(b"\n"))
                path.write_bytes(b"".join(edited))
                found = outcome(path)
                if found is None:
                    continue
                with suppress(RunError):  # any other error fails
                    require_plausible(path, found)
                    journal.replay(found, 5)


@given(st.binary(max_size=40), st.integers(0, 600), st.integers(0, 40))
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_in_a_journal_are_no_traceback(
    tmp_path: Path, piece: bytes, at: int, gone: int
) -> None:
    """Some bytes replaced by others: refused in one line, a torn last line, or the same events."""
    path = tmp_path / "run.jsonl"
    path.unlink(missing_ok=True)
    content = small(path)
    path.write_bytes(content[:at] + piece + content[at + gone :])
    found = outcome(path)
    if found is not None:
        assert found == EVENTS[: len(found)]


def test_a_torn_last_line_is_dropped_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The line of a process that was killed does not count, and that is said once."""
    path = tmp_path / "run.jsonl"
    small(path)
    with path.open("ab") as file:
        file.write(b'{"event":"trained","id":5,')
    with caplog.at_level(logging.WARNING, "uwe"):
        assert journal.read(path) == EVENTS
        assert journal.read(path) == EVENTS
        journal.append(path, Trained(1))
    [said] = [record.getMessage() for record in caplog.records]
    assert "ends in an unfinished line" in said
    assert str(path) in said
    assert journal.read(path) == [*EVENTS, Trained(1)]


def test_a_whole_last_line_with_a_wrong_sum_is_refused(tmp_path: Path) -> None:
    """A line that ends in a newline was written whole, so it is not torn."""
    path = tmp_path / "run.jsonl"
    content = small(path)
    path.write_bytes(content.replace(b'"cycle":1', b'"cycle":2'))
    for do in (journal.read, lambda path: journal.append(path, Trained(1))):
        with pytest.raises(RunError, match=r"line 5 of .* check sum"):
            do(path)


def test_a_process_that_does_not_know_the_last_event_does_not_append(tmp_path: Path) -> None:
    """Removed, replaced, or written to by another process: the first stops."""
    path = tmp_path / "run.jsonl"
    small(path)
    known = journal.read(path)
    journal.require_last(path, known)
    journal.append(path, Trained(1))
    with pytest.raises(RunError, match="was changed by another process"):
        journal.require_last(path, known)
    path.unlink()
    with pytest.raises(RunError, match="was removed"):
        journal.require_last(path, known)


@pytest.mark.parametrize("format_", [1, 2])
def test_a_snapshot_of_hard_links_is_not_written_into(format_: int, tmp_path: Path) -> None:
    """The other name of the file keeps what it had; the journal goes on by itself."""
    path, snapshot = tmp_path / "run.jsonl", tmp_path / "snapshot.jsonl"
    small(path)
    if format_ == 1:
        path.write_text(FORMER)
    before = path.read_bytes()
    os.link(path, snapshot)
    journal.append(path, Trained(1))
    journal.append(path, Trained(2))
    assert snapshot.read_bytes() == before
    assert path.read_bytes().startswith(before)
    assert [event.id for event in journal.read(path)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([Queried(1, (0,))], "a query of cycle 1, but the query of cycle 0 comes next"),
        ([Trained(0)], "the training of cycle 0, but the query of cycle 0 comes next"),
        ([*EVENTS[:3], Trained(0)], "training of cycle 0, but the query of cycle 1 comes next"),
        ([*EVENTS[:2], Queried(1, (0,))], "but the training of cycle 0 comes next"),
        ([*EVENTS[:3], Queried(7, (0,))], "a query of cycle 7"),
        ([EVENTS[0], Answered((2,), (1,), "ann")], "answers row 2, which nobody asked about"),
        ([EVENTS[0], Trained(0)], "row 1 has no answer"),
        ([*EVENTS[:2], Trained(0, {"n_labeled": 9})], "has n_labeled 9, but 2 rows are labelled"),
        ([*EVENTS[:2], Trained(0, {"te_loss": "x"})], "the fact te_loss 'x', which is no number"),
        ([*EVENTS[:2], Trained(0, {"digests": 4})], "the fact digests 4"),
        ([*EVENTS[:2], Trained(0, seen=1)], "has seen event 1, but follows event 2"),
    ],
)
def test_events_that_no_run_writes_are_refused(
    events: list[Event], words: str, tmp_path: Path
) -> None:
    """Cycles follow each other, answers follow questions, and trainings have all labels."""
    path = tmp_path / "run.jsonl"
    journal.create(path, events)
    with pytest.raises(RunError, match=words):
        require_course(path, journal.read(path), 5)


def test_answers_are_compared_with_the_oracle_and_rows_with_the_draw(tmp_path: Path) -> None:
    """A simulation knows what its oracle says, so a changed label shows without a check sum."""
    path = tmp_path / "run.jsonl"

    def oracle(rows: Any) -> list[Any]:
        return [0] * len(rows)

    with pytest.raises(RunError, match="says 1 of row 3, but the oracle says 0"):
        require_course(path, EVENTS, 5, oracle=oracle)
    with pytest.raises(RunError, match="names other initial rows"):
        require_course(path, EVENTS, 5, initial=np.array([3, 2]))
    require_course(path, EVENTS, 5, initial=np.array([1, 3]))


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([Queried(0, (5,))], "names row 5, but the pool has 5 rows"),
        ([Answered((1,), (2,), "ann")], "has the label 2, which the task does not have"),
        ([Answered((1,), (-1,), "ann")], "has the label -1"),
        ([Answered((1,), (0.5,), "ann")], "has the label 0.5"),
        ([Answered((1,), ("a",), "ann")], "has the label 'a'"),
        ([Settled((1, 2), (1, [0]), "review")], r"has the label \[0\]"),
        ([Answered((1,), (1,), "ann", query=1)], "answers query 1, which is not there"),
        ([Skipped((1,), "ann", "dark", query=9)], "answers query 9"),
        ([Withdrawn((9,), "ann")], "names row 9"),
        ([Trained(1, seen=4)], "has seen event 4, which comes later"),
    ],
)
def test_events_that_do_not_fit_the_pool_are_refused(
    events: list[Event], words: str, tmp_path: Path
) -> None:
    """Rows are of the pool, values are labels, and events name events that are there."""
    path = tmp_path / "run.jsonl"
    journal.create(path, events)
    is_label = partial(are_labels, Classes(("a", "b")))
    with pytest.raises(RunError, match=words):
        journal.require_fitting(path, journal.read(path), 5, is_label=is_label)


def test_labels_of_every_task_are_told_from_other_values() -> None:
    """What `encode` gives is a label, and nothing else is."""
    assert are_labels(Classes(("a", "b")), [0, 1, None])
    assert are_labels(Flags(("a", "b")), [[0, 1], [1, 0], [], None])
    assert are_labels(Reals(), [1, -2.5, None])
    for value in (2, -1, True, "0", [0], {}, 10**30, float("nan")):
        assert not are_labels(Classes(("a", "b")), [0, value])
    for value in ([2], [-1], 3, "ab", [0.5], [None], {}):
        assert not are_labels(Flags(("a", "b")), [[0], value])
    for value in (float("nan"), float("inf"), "1", [1.0], {}, 10**400):
        assert not are_labels(Reals(), [0.5, value])


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """A run that stands after its second training, of three."""
    uwe.run(experiment(tmp_path / "half", cycles=1))
    return tmp_path / "half"


def experiment(results: Path, **changed: Any) -> uwe.Experiment:
    given = {"strategy": "entropy", "budgets": (6, 9, 12), "model": "sklearn:logistic"}
    return uwe.Experiment("sklearn:wine", threads=1, results=results, **given, **changed)


def tables(folder: Path) -> dict[str, bytes]:
    """What the run has chosen, and the labels and losses of its cycles."""
    found = {path.name: path.read_bytes() for path in folder.rglob("*_query.csv")}
    for path in folder.rglob("*_result.csv"):
        rows = [line.split(b",")[:3] for line in path.read_bytes().splitlines()]
        found[path.name] = b"\n".join(map(b",".join, rows))
    return found


def test_a_run_with_a_flipped_bit_in_its_journal_is_refused_or_ends_the_same(
    half: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the command line: one line and exit code 2, or the tables of the run."""
    uwe.run(experiment(tmp_path / "whole"))
    expected = tables(tmp_path / "whole")
    [path] = half.rglob("*_mentropy.journal.jsonl")
    content = path.read_bytes()
    command = [
        "run", "sklearn:wine", "--strategy=entropy", "--budgets=6,9,12", "--model=sklearn:logistic",
        "--threads=1",
    ]  # fmt: skip
    for at in np.linspace(0, len(content) - 1, 12).astype(int).tolist():
        folder = tmp_path / f"{at}"
        shutil.copytree(half, folder)
        copied = folder / path.relative_to(half)
        copied.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        capsys.readouterr()
        code = main([*command, f"--results={folder}"])
        assert code in (0, 2)
        if code == 0:
            assert tables(folder) == expected
        else:
            assert str(copied) in capsys.readouterr().err.splitlines()[-1]
