"""Several runs at once on one machine, each in a process of its own."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Pipe, wait
from pathlib import Path
from types import TracebackType
from typing import Any

from uwe._optional import optional
from uwe._types import Progress
from uwe.errors import InputError, RunError
from uwe.experiment.jobs import Job, Message, jobs_of, next_ready
from uwe.experiment.lending import Lent, lent
from uwe.experiment.prepared import Prepared

__all__ = ["do_jobs"]

log = logging.getLogger("uwe")

_MOST_DEATHS = 3
_END_SECONDS = 5.0


def do_jobs(prepared: Sequence[Prepared], *, jobs: int, progress: Progress | None = None) -> None:
    """Do all runs, up to ``jobs`` at a time; a run whose process dies goes on in another.

    Args:
        prepared: the checked experiments, in the order in which they are wanted.
        jobs: number of processes.
        progress: callback for the stages of all of them.

    Raises:
        InputError: ``jobs`` is below 1, or an experiment cannot be sent to another process.
        RunError: a run cannot go on, or its process died three times. What was finished is kept.
    """
    if jobs < 1:
        raise InputError(f"jobs are {jobs}; at least 1 is needed")
    wanted = jobs_of(prepared)
    with lent(prepared) as shared, _Crew(min(jobs, len(wanted)), shared, progress) as crew:
        crew.finish(wanted)


def _packed(shared: Lent) -> bytes:
    """The experiments as bytes; classes and functions of a script or a notebook go along."""
    try:
        packed: bytes = optional("cloudpickle", "running several jobs").dumps(shared)
    except Exception as error:  # objects of the user may raise anything
        raise InputError(
            f"the learner or strategy cannot be sent to other processes ({error}); use jobs=1"
        ) from error
    return packed


class _Worker:
    """A worker process, its connection, and its current job."""

    def __init__(self, packed: bytes, folder: Path) -> None:
        self.connection, theirs = Pipe()
        self.job: Job | None = None
        with theirs, _interrupts_held():
            self.process = subprocess.Popen(
                [
                    sys.executable, "-P", "-m", "uwe.experiment.worker",
                    str(theirs.fileno()), str(os.getpid()), str(folder),
                ],
                pass_fds=(theirs.fileno(),),
            )  # fmt: skip
        self.tell(sys.path)
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send_bytes(packed)

    def give(self, job: Job) -> None:
        """Begin a job."""
        self.job = job
        self.tell(job)

    def tell(self, what: object) -> None:
        """Send something; a lost process is noticed at the next read."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(what)

    def heard(self) -> Message:
        """The worker's next message; ``died`` and the exit code if it is gone."""
        try:
            message: Message = self.connection.recv()
        except (EOFError, ConnectionResetError):
            return "died", self.process.wait()
        return message

    def end(self) -> None:
        """Tell the process to end, at any point of its work."""
        self.connection.close()
        self.process.terminate()

    def gone(self) -> None:
        """Wait until the process has ended; one that was stopped, as by Ctrl-Z, is killed."""
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """A process that is started here never gets Ctrl-C, not even while it loads."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Crew:
    """The workers, the jobs that wait, and what is done."""

    def __init__(self, size: int, shared: Lent, progress: Progress | None) -> None:
        self.size = size
        self.packed = _packed(shared)
        self.folder = shared.folder
        self.progress = progress
        self.waiting: list[Job] = []
        self.cycle0_done: set[Path] = set()
        self.deaths: Counter[tuple[str, Path | None]] = Counter()
        self.workers: list[_Worker] = []

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
        for worker in self.workers:
            worker.gone()

    def finish(self, jobs: Sequence[Job]) -> None:
        """Do all jobs."""
        self.waiting = list(jobs)
        for _ in range(self.size):
            self.workers.append(_Worker(self.packed, self.folder))
        self._hand_out()
        while busy := [worker for worker in self.workers if worker.job is not None]:
            by_connection: dict[Any, _Worker] = {worker.connection: worker for worker in busy}
            for connection in wait(list(by_connection)):
                worker = by_connection[connection]
                kind, content = worker.heard()
                _REACTIONS[kind](self, worker, content)
            self._hand_out()

    def _hand_out(self) -> None:
        for worker in self.workers:
            if worker.job is None and (job := next_ready(self.waiting, self.cycle0_done)):
                self.waiting.remove(job)
                worker.give(job)

    def on_stage(self, _worker: _Worker, stage: Any) -> None:
        """A worker says where it stands."""
        if self.progress is not None:
            self.progress(stage)

    def on_log(self, _worker: _Worker, record: dict[str, Any]) -> None:
        """A worker's log, beside ours; its run's own file has it already."""
        log.handle(logging.makeLogRecord(record))

    def on_done(self, worker: _Worker, _nothing: object) -> None:
        """A job is finished."""
        assert worker.job is not None
        if worker.job.kind == "cycle 0" and worker.job.cycle0 is not None:
            self.cycle0_done.add(worker.job.cycle0)
        worker.job = None

    def on_failed(self, _worker: _Worker, error: Exception) -> None:
        """A job cannot be finished: its error is raised in this process."""
        raise error

    def on_died(self, worker: _Worker, code: int) -> None:
        """A process is gone; its job goes on in another, from its journal."""
        job = worker.job
        assert job is not None
        which = (job.name, job.cycle0)
        self.deaths[which] += 1
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        if self.deaths[which] == _MOST_DEATHS:
            raise RunError(
                f"the process of {job.name} ended {_MOST_DEATHS} times; the last cause was {how}; "
                "what is finished is kept: give the same command with fewer --jobs"
            )
        log.warning(
            "the process of %s ended with %s; another goes on from the journal", job.name, how
        )
        self.workers[self.workers.index(worker)] = _Worker(self.packed, self.folder)
        self.waiting.insert(0, job)


_REACTIONS: dict[str, Callable[[_Crew, _Worker, Any], None]] = {
    "stage": _Crew.on_stage,
    "log": _Crew.on_log,
    "done": _Crew.on_done,
    "failed": _Crew.on_failed,
    "died": _Crew.on_died,
}
