"""A process that does jobs, started by `parallel`: ``python -m uwe.experiment.worker``.

Its arguments are the number of its connection, the process that started it, and the folder of the
data that it is lent. It is given the checked experiments once, reports over its connection how it
goes, and ends when the process that started it is gone; then it removes that folder, as nobody else
can.
"""

from __future__ import annotations

import functools
import logging
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

from uwe._types import Progress
from uwe.errors import InputError, RunError, reason_of
from uwe.experiment.engine import ensure_cycle0, run_one
from uwe.experiment.jobs import Job
from uwe.experiment.lending import Lent, opened
from uwe.experiment.prepared import Prepared
from uwe.learners import keep_freed_memory

__all__ = ["serve"]

_POLL_SECONDS = 0.5

_KINDS: Mapping[str, Callable[[Prepared, Progress], Any]] = {
    "cycle 0": ensure_cycle0,
    "run": run_one,
}

log = logging.getLogger("uwe")


class _Forward(logging.Handler):
    """Hands over what the log says."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(logging.INFO)
        self.connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        """Send the record, its text filled in."""
        told = {**vars(record), "msg": record.getMessage(), "args": (), "exc_info": None}
        self.connection.send(("log", told))


def serve(connection: Connection) -> None:
    """Do one job after another, until the other side has no more."""
    log.addHandler(_Forward(connection))
    log.setLevel(logging.INFO)
    sys.path[:] = connection.recv()
    packed = connection.recv_bytes()
    while (job := connection.recv()) is not None:
        connection.send(_outcome(job, packed, connection))


def _outcome(job: Job, packed: bytes, connection: Connection) -> tuple[str, object]:
    try:
        prepared = _experiments(packed)[job.number]
        _KINDS[job.kind](prepared, lambda stage: connection.send(("stage", stage)))
    except Exception as error:
        error.add_note(traceback.format_exc())
        return "failed", _sendable(error)
    return "done", None


def _sendable(error: Exception) -> Exception:
    """An error that another process can read: itself, or another with its text."""
    try:
        ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:  # an error of a package may not allow either
        told = RunError(reason_of(error))
        told.__notes__ = list(getattr(error, "__notes__", ()))
        return told
    return error


@functools.cache
def _experiments(packed: bytes) -> list[Prepared]:
    """The experiments that this process was given, opened once."""
    try:
        lent: Lent = ForkingPickler.loads(packed)
        return opened(lent)
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"the learner or strategy cannot be opened in another process ({error}); put it into "
            "a module that can be imported, or use jobs=1"
        ) from error


def _end_with(parent: int, folder: str) -> None:
    """End this process when ``parent`` has ended in any way, and remove the data it lent."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Serve over the connection whose number was given."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    number, parent, folder = sys.argv[1:]
    _end_with(int(parent), folder)
    keep_freed_memory()
    try:
        serve(Connection(int(number)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        _leave(int(parent), folder)


def _leave(parent: int, folder: str) -> None:
    """End after the connection was closed; a parent that was killed removes nothing itself."""
    if os.getppid() != parent:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
