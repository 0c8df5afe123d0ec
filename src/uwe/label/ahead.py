"""Training and picking ahead of the people: a process of its own, so that nobody waits for it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["Ahead", "command_of"]

log = logging.getLogger("uwe")

_NICE = 10
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0
_GRACE_SECONDS = 5.0
_NONE_LEFT = "no row is left"
_PROGRAM = "uwe: "


def command_of(folder: Path, batch: int) -> list[str]:
    """The command that trains if labels changed, and picks the next batch of a project.

    >>> command_of(Path("birds.uwe"), 50)[1:]
    ['-m', 'uwe', 'next', 'birds.uwe', '--k', '50', '--more']
    """
    return [sys.executable, "-m", "uwe", "next", str(folder), "--k", str(batch), "--more"]


class Ahead:
    """Runs one process at a time that trains and picks, whenever it is wanted.

    After a failure it waits, longer each time, before the next try.

    Args:
        command: of the process.
        is_wanted: whether further rows are wanted now; called in a thread of this object.
        first_pause: seconds of the pause after a first failure.

    Attributes:
        trouble: why the last process failed, in one line; None after a success.
    """

    def __init__(
        self,
        command: Sequence[str],
        is_wanted: Callable[[], bool],
        *,
        first_pause: float = _FIRST_PAUSE,
    ) -> None:
        self.trouble: str | None = None
        self._command = list(command)
        self._is_wanted = is_wanted
        self._first_pause = self._pause = first_pause
        self._nudged = threading.Event()
        self._closing = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="uwe-ahead", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether a process trains or picks at this moment."""
        return self._process is not None

    def look(self) -> None:
        """Look soon whether further rows are wanted; returns at once."""
        self._nudged.set()

    def close(self) -> None:
        """End the process, if one is running, and start no other."""
        self._closing.set()
        self._nudged.set()
        with self._starting:
            process = self._process
        if process is not None:
            _end(process)
        self._thread.join(_GRACE_SECONDS)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._nudged.wait()
            self._nudged.clear()
            try:
                is_wanted = not self._closing.is_set() and self._is_wanted()
            except Exception as error:  # a damaged journal, for one: it is shown, and tried again
                self.trouble = str(error)
                is_wanted = False
            if is_wanted and not self._succeeds():
                self._closing.wait(self._pause)
                self._pause = min(2 * self._pause, _LONGEST_PAUSE)
                self._nudged.set()

    def _succeeds(self) -> bool:
        """Run one process; whether it did its work, or found that none is left."""
        with self._starting:
            if self._closing.is_set():
                return True
            try:
                process = _started(self._command)
            except OSError as error:
                self.trouble = f"cannot start the training: {error.strerror or error}"
                return False
            self._process = process
        _, told = process.communicate()
        self._process = None
        if self._closing.is_set():
            return True
        line = _last_line(told)
        if process.returncode == 0 or _NONE_LEFT in line:
            self.trouble, self._pause = None, self._first_pause
            self._nudged.set()  # more may be wanted already
            return True
        self.trouble = line or f"the training ended with exit code {process.returncode}"
        log.warning("training and picking failed: %s", self.trouble)
        return False


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with suppress(OSError, AttributeError):  # people come first; not every system knows it
        os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and those that it started; it leaves its files as a killed process does."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with suppress(OSError):
            os.killpg(process.pid, kind)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
            return


def _last_line(told: bytes) -> str:
    lines = [line.strip() for line in told.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix(_PROGRAM) if lines else ""
