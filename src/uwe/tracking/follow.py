"""Following runs by their journals: each cycle that is in the journal is logged once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uwe import journal
from uwe._plugins import called
from uwe._types import Progress, Stage
from uwe.runs import RunFiles, read_record
from uwe.runs.cycles import cycle_rows
from uwe.tracking.table import Tracker, find_tracker, require_trackers

__all__ = ["follow"]


@dataclass
class _Followed:
    """One run, and how many of its cycles have been logged."""

    files: RunFiles
    names: Sequence[str]
    results: Path
    trackers: list[Tracker] = field(default_factory=list)
    logged: int = 0

    def catch_up(self) -> None:
        rows = cycle_rows(journal.read(self.files.journal))
        for row in rows[self.logged :]:
            if not self.trackers:
                self.trackers = [self._begin(name) for name in self.names]
            for tracker in self.trackers:
                tracker.log(int(row["n_labeled"]), _numbers(row))
        self.logged = max(self.logged, len(rows))

    def close(self) -> None:
        for tracker in self.trackers:
            tracker.close()

    def _begin(self, name: str) -> Tracker:
        settings = read_record(self.files.record).settings
        made: Tracker = called(
            find_tracker(name), f"tracker {name}", self.results, self.files.stem, settings
        )
        return made


@contextmanager
def follow(
    runs: Mapping[str, RunFiles], names: Sequence[str], results: Path, *, then: Progress
) -> Iterator[Progress]:
    """Log runs while they go on: one row a cycle, as soon as the journal has it.

    Args:
        runs: files of each run, by the name that its `Stage` carries.
        names: of trackers.
        results: the results folder; trackers that write files put them into it.
        then: is called with every stage, too.

    Yields:
        The function to call with every `Stage` instead of ``then``.

    Raises:
        InputError: a name is unknown, or its package is missing.
    """
    require_trackers(names)
    followed = {run: _Followed(files, names, results) for run, files in runs.items()}
    last: list[tuple[str, str]] = []

    def told(stage: Stage) -> None:
        if last[-1:] != [(stage.run, stage.name)] and stage.run in followed:
            last[:] = [(stage.run, stage.name)]
            followed[stage.run].catch_up()
        then(stage)

    try:
        yield told if names else then
    finally:
        for each in followed.values() if names else ():
            each.catch_up()
            each.close()


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a row."""
    return {
        name: float(value)
        for name, value in row.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
