"""The store of runs: the journal and the record of one, and all runs in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uwe import journal
from uwe._files import remove_unfinished
from uwe.journal import Event, Trained
from uwe.runs.names import RunFiles, RunName
from uwe.runs.record import (
    OTHER_FOLDER,
    Record,
    open_record,
    records_in,
    require_same_settings,
)

__all__ = ["RunStore", "find_runs", "has_own_cycle0"]


@dataclass(frozen=True)
class RunStore:
    """Journal and record of one run.

    Attributes:
        name: of the run.
        files: of the run.
    """

    name: RunName
    files: RunFiles

    def open_journal(self, first: Sequence[Event] = ()) -> list[Event]:
        """The events of the journal; a new journal begins with ``first``.

        What a killed process left unfinished is removed.
        """
        remove_unfinished(self.files.folder, self.files.owns)
        if not self.files.journal.exists():
            return journal.create(self.files.journal, first, run=self.files.stem)
        return self.events()

    def events(self) -> list[Event]:
        """The events of the journal; none where there is no journal."""
        return journal.read(self.files.journal, run=self.files.stem)

    def append(self, event: Event, known: Sequence[Event] | None = None) -> Event:
        """Append an event and wait until it is on the disk; returns it with its id and time.

        Args:
            event: to append.
            known: the events of the journal so far; None where they are not compared.

        Raises:
            RunError: the journal does not end with the last of them.
        """
        if known is not None:
            journal.require_last(self.files.journal, known)
        [stamped] = journal.append(self.files.journal, event)
        return stamped

    def open_record(
        self,
        settings: Mapping[str, Any],
        *,
        experiment: Mapping[str, Any],
        fixed: Mapping[str, Any],
        measure: str | None = None,
        remedy: str = OTHER_FOLDER,
    ) -> Record:
        """Make the record, or read it and compare its settings; arguments as `open_record`.

        Raises:
            RunError: the settings differ, or a journal has lost its record.
        """
        require_same_settings(self.files.record, self.files.journal, settings, remedy=remedy)
        return open_record(
            self.files.record, settings, experiment=experiment, fixed=fixed, name=self.name,
            measure=measure, remedy=remedy,
        )  # fmt: skip


def has_own_cycle0(files: RunFiles) -> bool:
    """Whether a strategy's run made its cycle 0 itself, as `uwe.loop` did in earlier versions."""
    if not files.journal.exists():
        return False
    events = journal.read(files.journal, run=files.stem)
    began = any(isinstance(event, Trained) for event in events)
    return not began or files.model(0).exists()


def find_runs(folder: Path) -> Iterator[Record]:
    """The records of all runs below a folder; `Record.files` are the files of each.

    Raises:
        RunError: a record has a format that this version does not read.
    """
    return (record for record in records_in(folder) if record.name is not None)
