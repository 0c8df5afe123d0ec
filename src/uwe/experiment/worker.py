"""A process that does tasks: ``python -m uwe.experiment.worker CONNECTION``, started by `parallel`.

It says over its connection how it goes, and ends when whoever started it is gone.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

from uwe.data import Dataset
from uwe.experiment.runs import run, run_cycle0
from uwe.experiment.tasks import Job, LentDataset
from uwe.learners import keep_freed_memory

__all__ = ["serve"]

_POLL_SECONDS = 0.5

_KINDS: Mapping[str, Callable[..., Any]] = {"cycle 0": run_cycle0, "run": run}

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
    """Do one task after another, until the other side has no more."""
    log.addHandler(_Forward(connection))
    log.setLevel(logging.INFO)
    lent: LentDataset | None = connection.recv()
    dataset = None if lent is None else lent.open()
    while (task := connection.recv()) is not None:
        connection.send(_outcome(task, dataset, connection))


def _outcome(task: Job, dataset: Dataset | None, connection: Connection) -> tuple[str, object]:
    try:
        _KINDS[task.kind](
            task.experiment,
            dataset=dataset,
            progress=lambda stage: connection.send(("stage", stage)),
        )
    except Exception as error:
        error.add_note(traceback.format_exc())
        return "failed", error
    return "done", None


def _end_with(parent: int) -> None:
    """End this process when ``parent`` has ended, however that came."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Serve over the connection whose number was given."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    number, parent = map(int, sys.argv[1:])
    _end_with(parent)
    keep_freed_memory()
    try:
        serve(Connection(number))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        sys.exit(1)


if __name__ == "__main__":
    main()
