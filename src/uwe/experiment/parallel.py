"""Several runs at once on one machine, each in a process of its own."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Pipe, wait
from pathlib import Path
from types import TracebackType
from typing import Any

from uwe._types import Progress
from uwe.errors import InputError, RunError
from uwe.experiment.tasks import Job, LentDataset, Message, next_ready

__all__ = ["do_tasks"]

log = logging.getLogger("uwe")

_MOST_DEATHS = 3


def do_tasks(
    tasks: Sequence[Job],
    *,
    jobs: int,
    dataset: LentDataset | None = None,
    progress: Progress | None = None,
) -> None:
    """Do all tasks, up to ``jobs`` at a time; a run that its process dies on goes on in another.

    Args:
        tasks: what to do, in the order in which it is wanted.
        jobs: how many processes.
        dataset: instead of the one that the experiments name.
        progress: is told how each of them goes.

    Raises:
        InputError: ``jobs`` is below 1.
        RunError: a task cannot go on, or its process died three times. What was finished is kept.
    """
    if jobs < 1:
        raise InputError(f"jobs are {jobs}; at least 1 is needed")
    with _Crew(min(jobs, len(tasks)), dataset, progress) as crew:
        crew.finish(tasks)


class _Worker:
    """A process, the connection to it, and what it is doing."""

    def __init__(self, dataset: LentDataset | None) -> None:
        self.connection, theirs = Pipe()
        self.task: Job | None = None
        with theirs:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "uwe.experiment.worker",
                    str(theirs.fileno()), str(os.getpid()),
                ],
                pass_fds=(theirs.fileno(),),
            )  # fmt: skip
        self.tell(dataset)

    def give(self, task: Job) -> None:
        """Begin a task."""
        self.task = task
        self.tell(task)

    def tell(self, what: object) -> None:
        """Send something; that the process is gone is found out when it is listened to."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(what)

    def heard(self) -> Message:
        """What it says next; ``died`` and its exit code if it is gone."""
        try:
            message: Message = self.connection.recv()
        except (EOFError, ConnectionResetError):
            return "died", self.process.wait()
        return message

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self.connection.close()
        self.process.terminate()
        self.process.wait()


class _Crew:
    """The workers, the tasks that wait, and what is done."""

    def __init__(self, size: int, dataset: LentDataset | None, progress: Progress | None) -> None:
        self.dataset = dataset
        self.progress = progress
        self.waiting: list[Job] = []
        self.cycle0_done: set[Path] = set()
        self.deaths: Counter[tuple[str, Path]] = Counter()
        self.workers = [_Worker(dataset) for _ in range(size)]

    def __enter__(self) -> _Crew:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self.workers:
            worker.end()

    def finish(self, tasks: Sequence[Job]) -> None:
        """Do all tasks."""
        self.waiting = list(tasks)
        self._hand_out()
        while busy := [worker for worker in self.workers if worker.task is not None]:
            by_connection: dict[Any, _Worker] = {worker.connection: worker for worker in busy}
            for connection in wait(list(by_connection)):
                worker = by_connection[connection]
                kind, content = worker.heard()
                _REACTIONS[kind](self, worker, content)
            self._hand_out()

    def _hand_out(self) -> None:
        for worker in self.workers:
            if worker.task is None and (task := next_ready(self.waiting, self.cycle0_done)):
                self.waiting.remove(task)
                worker.give(task)

    def on_stage(self, _worker: _Worker, stage: Any) -> None:
        """A worker says where it stands."""
        if self.progress is not None:
            self.progress(stage)

    def on_log(self, _worker: _Worker, record: dict[str, Any]) -> None:
        """A worker's log, beside ours; its run's own file has it already."""
        log.handle(logging.makeLogRecord(record))

    def on_done(self, worker: _Worker, _nothing: object) -> None:
        """A task is finished."""
        assert worker.task is not None
        if worker.task.kind == "cycle 0":
            self.cycle0_done.add(worker.task.cycle0)
        worker.task = None

    def on_failed(self, _worker: _Worker, error: Exception) -> None:
        """A task cannot be finished: as if it had been done here."""
        raise error

    def on_died(self, worker: _Worker, code: int) -> None:
        """A process is gone; its task goes on in another, from its journal."""
        task = worker.task
        assert task is not None
        which = (task.name, task.cycle0)
        self.deaths[which] += 1
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        if self.deaths[which] == _MOST_DEATHS:
            raise RunError(
                f"the process of {task.name} ended {_MOST_DEATHS} times, at last with {how}; "
                "what is finished is kept: give the same command with fewer --jobs"
            )
        log.warning(
            "the process of %s ended with %s; another goes on from the journal", task.name, how
        )
        self.workers[self.workers.index(worker)] = _Worker(self.dataset)
        self.waiting.insert(0, task)


_REACTIONS: dict[str, Callable[[_Crew, _Worker, Any], None]] = {
    "stage": _Crew.on_stage,
    "log": _Crew.on_log,
    "done": _Crew.on_done,
    "failed": _Crew.on_failed,
    "died": _Crew.on_died,
}
