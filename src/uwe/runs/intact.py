"""Whether a run's files still say the same, before its table is shown."""

from __future__ import annotations

import logging
from functools import cache

from uwe import journal
from uwe.errors import RunError
from uwe.journal import Event, Trained
from uwe.runs.cycles import changed_line
from uwe.runs.metric import task_of
from uwe.runs.record import Record
from uwe.runs.tables import CycleRows

__all__ = ["events_of_run", "require_as_in_journal", "say_lost_table"]

log = logging.getLogger("uwe")


def events_of_run(record: Record) -> list[Event]:
    """The events of a run; none where its journal is not there.

    Raises:
        RunError: the journal is damaged, or of another run.
    """
    return journal.read(record.files.journal, run=record.files.stem)


def require_as_in_journal(record: Record, rows: CycleRows) -> None:
    """Refuse a table that contradicts the run's journal; say where one of them lacks lines.

    Args:
        record: of the run.
        rows: of the table.

    Raises:
        RunError: a line differs, or the journal is damaged.
    """
    files, events = record.files, events_of_run(record)
    if not events:
        return
    if (line := changed_line(files.table, events, task=task_of(record))) is not None:
        raise RunError(
            f"line {line} of {files.table} differs from {files.journal.name}: one of them was "
            "changed; the same 'uwe run' writes the table again from the journal"
        )
    there, made = len(rows[0]), _trainings(events)
    if there != made:
        _say_once(
            f"{files.table} has {there} rows, but {files.journal.name} has {made} trainings: one "
            "was cut, or the run is going on; the same 'uwe run' completes it"
        )


def say_lost_table(record: Record) -> None:
    """Say that a run is left out because its table is not there."""
    if _trainings(events_of_run(record)):
        _say_once(
            f"{record.files.table} is missing, so its run is left out; the same 'uwe run' writes "
            "it again from the journal"
        )


def _trainings(events: list[Event]) -> int:
    return sum(isinstance(event, Trained) for event in events)


@cache
def _say_once(told: str) -> None:
    log.warning("%s", told)
