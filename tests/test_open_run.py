"""A run that people answer: it ends in peace where answers are missing, and goes on from there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import uwe
from uwe import journal
from uwe.experiment import Wait, next_action, prepare
from uwe.experiment.initial import draw_rows
from uwe.experiment.open_run import OpenRun
from uwe.experiment.opening import Opening, open_run
from uwe.journal import Answered, Event, Queried, Trained
from uwe.runs.cycles import TIMING_COLUMNS, cycle_rows

BUDGETS = (10, 15)


def opened(results: Path) -> OpenRun:
    """A run with its own cycle 0 and an oracle."""
    experiment = uwe.Experiment(
        "digits", strategy="uwe", budgets=BUDGETS, model="small", epochs=1, pool_size=60,
        test_size=30, threads=1, device="cpu", results=results,
    )  # fmt: skip
    [prepared] = prepare([experiment])
    opening = Opening(prepared.name, prepared.run, BUDGETS, prepared.settings(), prepared.strategy)
    return open_run(prepared, opening, initial=draw_rows(prepared))


def untimed(events: list[Event]) -> list[dict[str, object]]:
    """The rows of the cycles without timings."""
    return [
        {key: value for key, value in row.items()
         if key not in TIMING_COLUMNS and not key.endswith("_seconds")}
        for row in cycle_rows(events)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def by_oracle(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    """The events of the run with an oracle."""
    run = opened(tmp_path_factory.mktemp("oracle"))
    return run.finish(run.events(()), BUDGETS)


def test_a_run_without_an_oracle_waits_and_goes_on(by_oracle: list[Event], tmp_path: Path) -> None:
    """It ends at each query, and with the oracle's answers, told in pieces, it ends the same."""
    waits = 0
    while True:
        run = replace(opened(tmp_path), oracle=None)  # a process of its own each time
        events = run.finish(run.events(()), BUDGETS)
        assert journal.read(run.store.files.journal) == events
        action = next_action(events, BUDGETS, 60)
        if not isinstance(action, Wait):
            break
        waits += 1
        assert isinstance(events[-1], Queried)
        truth = opened(tmp_path).oracle
        assert truth is not None
        for rows in (action.rows[:3], action.rows[3:]):
            events.append(run.tell(events, rows.tolist(), truth(rows), by="ann"))
    assert waits == 2
    assert untimed(events) == untimed(by_oracle)
    queried = [event for event in events if isinstance(event, Queried)]
    assert queried[1].rows == next(
        event.rows for event in by_oracle if isinstance(event, Queried) and event.cycle == 1
    )
    assert [e.query for e in events if isinstance(e, Answered)] == [1, 1, 5, 5]


def test_a_query_file_leaves_labels_empty_that_are_not_known(tmp_path: Path) -> None:
    """Part of the answers are written at once, and a lost file is written again as it was."""
    run = opened(tmp_path)
    events = run.finish(run.events(()), BUDGETS[:1])
    run = replace(run, oracle=None)
    events = run.finish(events, BUDGETS)
    query = events[-1]
    assert isinstance(query, Queried)
    events.append(run.tell(events, query.rows[1:3], [4, 5], by="ann"))
    path = run.store.files.query(1)
    text = path.read_text()
    labels = [line.split(",")[2] for line in text.splitlines()[1:]]
    assert labels == ["", "4", "5", "", ""]
    path.unlink()
    run.events(())
    assert path.read_text() == text


def test_a_training_says_what_it_saw(by_oracle: list[Event]) -> None:
    """`Trained.seen` is the id of the last event before the training."""
    seen = [event.seen for event in by_oracle if isinstance(event, Trained)]
    assert seen == [event.id - 1 for event in by_oracle if isinstance(event, Trained)] == [2, 5]
