"""Signals that end a command: what they leave behind is what Ctrl-C leaves."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Ended", "ended_by_signals", "exit_code"]

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # Windows has no SIGHUP
_PATIENCE = 5.0  # seconds for cleaning up, in which the same signal again is no news


class Ended(KeyboardInterrupt):
    """The process was told to end by a signal.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Within it SIGTERM and SIGHUP are raised as `Ended`, so that every ``with`` cleans up.

    A signal that is ignored, as SIGHUP is under nohup, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {each: signal.getsignal(each) for each in _SIGNALS}
    ours = [each for each, handler in former.items() if handler == signal.SIG_DFL]
    first = 0.0

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal first
        del frame
        if first and time.monotonic() - first < _PATIENCE:
            return
        first = time.monotonic()
        raise Ended(number)

    for each in ours:
        signal.signal(each, end)
    try:
        yield
    finally:
        for each in ours:
            signal.signal(each, signal.SIG_DFL)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """128 and the number of the signal: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.

    >>> exit_code(KeyboardInterrupt()), exit_code(Ended(signal.SIGTERM))
    (130, 143)
    """
    return 128 + getattr(interrupt, "number", signal.SIGINT)
