"""Exit codes, and errors in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from cyclopts import CycloptsError, UnusedCliTokensError

from uwe.cli.display import Display
from uwe.cli.signals import ended_by_signals, exit_code
from uwe.errors import UweError

__all__ = ["shown", "spoken"]

T = TypeVar("T")


def spoken(program: str, work: Callable[[], Any]) -> int:
    """Do ``work``; a user's mistake is one line on standard error and exit code 2."""
    try:
        with ended_by_signals():
            work()
    except UnusedCliTokensError as error:
        shown = " ".join(map(repr, error.unused_tokens or ()))
        return _say(program, f"unexpected argument {shown}; options begin with --")
    except (UweError, CycloptsError) as error:
        return _say(program, str(error))
    except OSError as error:
        if error.errno is None:
            raise
        where = "" if error.filename is None else f": {error.filename}"
        return _say(program, f"{error.strerror}{where}")
    except KeyboardInterrupt as interrupt:
        code, where = exit_code(interrupt), str(interrupt) or "before the first run"
        _say(
            program,
            f"{_ENDINGS.get(code, 'interrupted')} {where}; every finished step is kept, and the "
            "same command resumes there",
        )
        return code
    return 0


def shown(work: Callable[[Display], T]) -> T:
    """Do ``work`` under a live display."""
    from uwe.learners import keep_freed_memory

    keep_freed_memory()
    with Display() as display:
        try:
            return work(display)
        except KeyboardInterrupt as interrupt:
            interrupt.args = (display.standing(),)
            raise


_ENDINGS = {143: "ended by SIGTERM", 129: "ended by SIGHUP"}
"""What ended the work, by the exit code; Ctrl-C otherwise."""


def _say(program: str, message: str) -> int:
    print(f"{program}: {' '.join(message.split())}", file=sys.stderr)
    return 2
