"""Exit codes, and errors in one line.

0: done. 2: something that the user can correct. 130: interrupted. 1: a fault of uwe.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from cyclopts import CycloptsError, UnusedCliTokensError

from uwe import __version__
from uwe.cli.display import Display
from uwe.cli.signals import ended_by_signals, exit_code
from uwe.errors import UweError, place_in_user_code, reason_of

__all__ = ["shown", "spoken"]

T = TypeVar("T")

_DEBUG = "UWE_DEBUG"
"""If this variable is set, a traceback goes to standard error before the line."""
_LONGEST = 2_000
_FAULT, _MISTAKE = 1, 2
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "unable to allocate")


def spoken(program: str, work: Callable[[], Any]) -> int:
    """Do ``work``; a user's mistake is one line on standard error and exit code 2."""
    try:
        with ended_by_signals():
            work()
    except KeyboardInterrupt as interrupt:
        return _interrupted(program, interrupt)
    except SystemExit as end:
        if (place := place_in_user_code(end)) is None:
            raise
        _say(program, f"{place} ends the program; leave that out")
        return _MISTAKE
    except Exception as error:
        if (behind := _interrupt_behind(error)) is not None:
            return _interrupted(program, behind)
        if os.environ.get(_DEBUG):
            traceback.print_exc()
        told = _mistake(error)
        _say(program, _fault(error) if told is None else told)
        return _FAULT if told is None else _MISTAKE
    return 0


def _interrupted(program: str, interrupt: KeyboardInterrupt) -> int:
    """Say where the work stood, and return the exit code."""
    code, where = exit_code(interrupt), str(interrupt) or "before the first run"
    _say(
        program,
        f"{_ENDINGS.get(code, 'interrupted')} {where}; every finished step is kept, and the same "
        "command resumes there",
    )
    return code


def _interrupt_behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """The signal that led to an error: modules in C that are being imported make others of it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


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


def _mistake(error: Exception) -> str | None:
    """What the user can correct, if the error is of that kind."""
    if _is_out_of_memory(error):
        return f"not enough memory: {reason_of(error)}; give fewer rows, or a machine with more"
    for kinds, tell in _MISTAKES:
        if isinstance(error, kinds):
            return tell(error)
    place = place_in_user_code(error)
    return None if place is None else f"{reason_of(error)} ({place})"


def _unused(error: Any) -> str:
    return (
        f"unexpected argument {' '.join(map(repr, error.unused_tokens or ()))}; options begin with "
        "--"
    )


def _of_system(error: Any) -> str:
    """An error of the system; those that packages raise about damaged files have no number."""
    if error.errno is None:
        return f"cannot read the input: {reason_of(error)}"
    where = "" if error.filename is None else f": {error.filename}"
    return f"{error.strerror}{where}"


def _of_import(error: Any) -> str | None:
    """A package that is missing or broken; not a module of uwe itself."""
    place = place_in_user_code(error)
    if place is None and (not error.name or error.name.partition(".")[0] == "uwe"):
        return None
    return f"{reason_of(error)}{f' ({place})' if place else '; install it or repair it'}"


def _of_text(error: Any) -> str:
    place = place_in_user_code(error)
    return f"a text cannot be written or read: {reason_of(error)}{f' ({place})' if place else ''}"


def _nested(error: Any) -> str:
    place = place_in_user_code(error)
    return f"the input is nested too deeply: {reason_of(error)}{f' ({place})' if place else ''}"


_MISTAKES: tuple[tuple[type[Exception], Callable[[Any], str | None]], ...] = (
    (UnusedCliTokensError, _unused),
    (CycloptsError, str),
    (UweError, str),
    (OSError, _of_system),
    (ImportError, _of_import),
    (UnicodeError, _of_text),
    (RecursionError, _nested),
)
"""Kinds of errors that the user can correct, and how they are told; the first that fits."""


def _is_out_of_memory(error: Exception) -> bool:
    """Torch has no type of its own for the memory of the machine."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and not isinstance(error, UweError)
        and any(text in str(error).lower() for text in _NO_MEMORY)
    )


def _fault(error: Exception) -> str:
    """A fault of uwe: where its traceback is, and where to report it."""
    try:
        descriptor, name = tempfile.mkstemp(prefix="uwe-fault-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(_report_of(error))
    except OSError as unwritten:
        where = f"no traceback could be written ({unwritten.strerror}); {_DEBUG}=1 shows it"
        return f"a fault of uwe: {reason_of(error)}; {where}, for a report to the maintainers"
    return f"a fault of uwe: {reason_of(error)}; please report it with {name} to the maintainers"


def _report_of(error: Exception) -> str:
    """The traceback, the command and the versions."""
    lines = [
        f"uwe {__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"command: {sys.argv!r}",
        "".join(traceback.format_exception(error)),
    ]
    return "\n".join(lines)


def _say(program: str, message: str) -> None:
    """One line without characters that a terminal would obey, and of a length that can be read."""
    line = " ".join(message.split())
    line = "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in line
    )
    if len(line) > _LONGEST:
        line = f"{line[: _LONGEST // 2]} … {line[-_LONGEST // 2 :]}"
    print(f"{program}: {line}", file=sys.stderr)
