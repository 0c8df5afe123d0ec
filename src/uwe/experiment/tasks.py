"""What several runs at once consist of: tasks, and what is said between processes about them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np

from uwe.data import Dataset, Split
from uwe.experiment.prepare import Prepared, cycle0_files_of
from uwe.experiment.settings import Experiment

__all__ = ["Job", "LentDataset", "Message", "lent", "next_ready", "tasks_of"]

Message: TypeAlias = tuple[str, Any]
"""A kind (``stage``, ``log``, ``done``, ``failed``) and what belongs to it."""

_ARRAYS = ("train", "test")


@dataclass(frozen=True)
class Job:
    """A piece of work for one process.

    Attributes:
        kind: ``cycle 0`` or ``run``.
        experiment: of which.
        name: for people.
        cycle0: the journal of the cycle-0 run that is made or gone on from.
    """

    kind: str
    experiment: Experiment
    name: str
    cycle0: Path


def tasks_of(prepared: Sequence[Prepared]) -> list[Job]:
    """The cycle-0 run of every seed once, and every run; in the order in which they are wanted."""
    tasks: list[Job] = []
    made: set[Path] = set()
    for each in prepared:
        path = cycle0_files_of(each).journal
        if path not in made:
            made.add(path)
            name = f"cycle 0, seed {each.experiment.seed}"
            tasks.append(Job("cycle 0", each.experiment, name, path))
        tasks.append(Job("run", each.experiment, each.name, path))
    return tasks


def next_ready(tasks: Sequence[Job], cycle0_done: Collection[Path]) -> Job | None:
    """The first task that waits for no other; None while there is none."""
    ready = (task for task in tasks if task.kind == "cycle 0" or task.cycle0 in cycle0_done)
    return next(ready, None)


@dataclass(frozen=True)
class LentDataset:
    """A data set whose arrays lie in files that several processes map into memory."""

    folder: Path
    rest: dict[str, Any]

    def open(self) -> Dataset:
        """The data set; its images are read when they are needed, and shared."""
        splits: dict[str, Any] = {name: self._split(name) for name in _ARRAYS}
        return Dataset(**self.rest, **splits)

    def _split(self, name: str) -> Split:
        return Split(
            np.load(self.folder / f"{name}_x.npy", mmap_mode="r"),
            np.load(self.folder / f"{name}_y.npy"),
        )


@contextmanager
def lent(dataset: Dataset | None) -> Iterator[LentDataset | None]:
    """A data set that was handed over, for other processes; None if every process loads its own."""
    if dataset is None:
        yield None
        return
    with TemporaryDirectory(prefix="uwe-") as folder:
        for name in _ARRAYS:
            split: Split = getattr(dataset, name)
            np.save(Path(folder) / f"{name}_x.npy", split.x)
            np.save(Path(folder) / f"{name}_y.npy", split.y)
        rest = {key: value for key, value in vars(dataset).items() if key not in _ARRAYS}
        yield LentDataset(Path(folder), rest)
