"""Several runs at once consist of jobs; what is said between processes about them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from uwe.experiment.prepared import Prepared
from uwe.runs import has_own_cycle0

__all__ = ["Job", "Message", "jobs_of", "next_ready"]

Message: TypeAlias = tuple[str, Any]
"""A kind (``stage``, ``log``, ``done``, ``failed``) and what belongs to it."""


@dataclass(frozen=True)
class Job:
    """A piece of work for one process.

    Attributes:
        kind: ``cycle 0`` or ``run``.
        number: position of its experiment among those that every process was given.
        name: name for people.
        cycle0: journal of the cycle-0 run that is made or gone on from; None for a run that has
            its own.
    """

    kind: Literal["cycle 0", "run"]
    number: int
    name: str
    cycle0: Path | None


def jobs_of(prepared: Sequence[Prepared]) -> list[Job]:
    """The cycle-0 run of every seed once, and every run; in the order of the experiments."""
    jobs: list[Job] = []
    made: set[Path] = set()
    for number, each in enumerate(prepared):
        path = None if has_own_cycle0(each.files) else each.cycle0_files.journal
        if path is not None and path not in made:
            made.add(path)
            jobs.append(Job("cycle 0", number, f"cycle 0, seed {each.experiment.seed}", path))
        jobs.append(Job("run", number, each.name, path))
    return jobs


def next_ready(jobs: Sequence[Job], cycle0_done: Collection[Path]) -> Job | None:
    """The first job that waits for no other; None while there is none."""
    for job in jobs:
        if job.kind == "cycle 0" or job.cycle0 is None or job.cycle0 in cycle0_done:
            return job
    return None
