"""What can go wrong, as one small tree.

    Exception
     └─ UweError            a mistake that the user can correct; the command line prints one line
         ├─ InputError      (ValueError) an option, a name, a number or a file does not fit
         ├─ DataError       (ValueError) a data set is missing, broken or inconsistent
         └─ RunError        (RuntimeError) a run cannot start, go on or be mixed with another

``except uwe.UweError`` catches them all. On the command line each is one line and exit code 2. So
is what a user's own module raises (`from_user` makes an UweError of it), memory that is too small,
and input that is no Unicode or nested too deeply. Any other exception is a fault of uwe: one line
that names the file with the traceback, and exit code 1.
"""

from __future__ import annotations

import difflib
import re
import sysconfig
import traceback
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

__all__ = [
    "DataError",
    "InputError",
    "RunError",
    "UweError",
    "close_matches",
    "damaged",
    "from_own",
    "from_user",
    "place_in_user_code",
    "reason_of",
    "require_known",
    "text_of",
    "told_of",
]


class UweError(Exception):
    """A mistake that the user can correct; the text says what is wrong and what to do."""


class InputError(UweError, ValueError):
    """An option, a name, a number or a file does not fit."""


class DataError(UweError, ValueError):
    """A data set is missing, broken or inconsistent."""


class RunError(UweError, RuntimeError):
    """A run cannot start, cannot go on, or would be mixed with another."""


def require_known(name: object, known: Iterable[str], what: str) -> str:
    """Return ``name`` if it is one of ``known``; otherwise raise with the close matches.

    >>> require_known("badge", ["uwe", "badge"], "strategy")
    'badge'
    >>> require_known("bagde", ["uwe", "badge"], "strategy")
    Traceback (most recent call last):
        ...
    uwe.errors.InputError: unknown strategy 'bagde'; did you mean 'badge'?
    """
    names = list(known)
    if not isinstance(name, str):
        raise InputError(f"a {what} must be text, not {name!r} of type {type(name).__name__}")
    if name in names:
        return name
    close = close_matches(name, names)
    hint = (
        "did you mean " + " or ".join(repr(match) for match in close) + "?"
        if close
        else "choose one of " + ", ".join(names)
    )
    raise InputError(f"unknown {what} {name!r}; {hint}")


def close_matches(name: str, known: Iterable[str]) -> list[str]:
    """Up to three of ``known`` that ``name`` may have been meant for, the closest first.

    >>> close_matches("rok", ["crow", "rook"])
    ['rook', 'crow']
    """
    return difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)


def text_of(error: BaseException, *, longest: int | None = None) -> str:
    """The message of an error in one line, or its type where it has none.

    Args:
        error: of any kind.
        longest: letters that are kept of the message; None: all.

    >>> text_of(ValueError("two\\nlines")), text_of(KeyError())
    ('two lines', 'KeyError')
    """
    return " ".join(str(error).split())[:longest] or type(error).__name__


def damaged(path: Path, error: Exception) -> DataError:
    """What cannot be read, and why, in one line."""
    return DataError(
        f"cannot read {path}: {text_of(error)}; the file may be incomplete; write it again"
    )


def reason_of(error: BaseException) -> str:
    """The type and the message of an error, in one line.

    >>> reason_of(KeyError("colour"))
    "KeyError: 'colour'"
    """
    told = " ".join(str(error).split())
    return f"{type(error).__name__}: {told}" if told else type(error).__name__


@dataclass(frozen=True)
class from_user:  # is called as a function
    """Call a user's code in here: what it raises is the user's mistake, and is said in one line.

    No generator makes this context: contextlib takes a RuntimeError that comes from a StopIteration
    for its own, and raises the StopIteration.

    Attributes:
        what: is called, such as ``fit() of mine``.
        kind: of the error that is raised instead.
        tell: what is said behind ``what``.

    Raises:
        UweError: the code raises it, or ``kind``, with type, message and line of any other error.

    >>> with from_user("fit() of mine"):
    ...     {}["colour"]
    Traceback (most recent call last):
        ...
    uwe.errors.RunError: fit() of mine failed: KeyError: 'colour'
    """

    what: str
    kind: type[UweError] = RunError
    tell: Callable[[BaseException], str] = field(default=lambda error: f" failed: {told_of(error)}")

    def __enter__(self) -> None:
        """Nothing is prepared."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Raise ``kind`` in the place of an error that is not of `uwe.errors`."""
        if isinstance(error, Exception | SystemExit) and not isinstance(error, UweError):
            raise self.kind(f"{self.what}{self.tell(error)}") from error


def from_own(function: object, what: str) -> AbstractContextManager[None]:
    """`from_user` where a function is not of uwe; what uwe's own functions raise is passed on.

    >>> with from_own(print, "choose() of mine"):
    ...     {}["colour"]
    Traceback (most recent call last):
        ...
    uwe.errors.RunError: choose() of mine failed: KeyError: 'colour'
    """
    named = getattr(function, "func", function)  # a functools.partial is of the function's module
    module = getattr(named, "__module__", None) or type(named).__module__
    return nullcontext() if module.partition(".")[0] == "uwe" else from_user(what)


def told_of(error: BaseException) -> str:
    """What a user's code raised, and the line of the user's file that it passed through.

    >>> told_of(SystemExit(3)), told_of(KeyError("colour"))
    ('it ends the program', "KeyError: 'colour'")
    """
    reason = "it ends the program" if isinstance(error, SystemExit) else reason_of(error)
    place = place_in_user_code(error)
    return f"{reason} ({place})" if place else reason


def place_in_user_code(error: BaseException) -> str | None:
    """The deepest line of a user's own file that the error passed through, if there is one.

    Files of uwe, of Python and of installed packages are nobody's own; nor is what called uwe. The
    notes of an error hold the traceback of another process.
    """
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    noted = _FRAME.findall("\n".join(getattr(error, "__notes__", ())))
    for passed in (frames, [(name, int(line)) for name, line in noted]):
        ours = [at for at, (name, _) in enumerate(passed) if _is_below(name, [_package()])]
        inside = passed[ours[0] :] if ours else []
        own = [place for place in inside if _is_own(place[0])]
        if own:
            name, line = own[-1]
            return f"line {line} of {name}"
    return None


_FRAME = re.compile(r'File "([^"]+)", line ([0-9]+)')


def _is_own(name: str) -> bool:
    """Whether a source file is a user's; ``<string>`` and the like are no files."""
    return not name.startswith("<") and not _is_below(name, [_package(), *_installed()])


def _is_below(name: str, folders: Iterable[str]) -> bool:
    return any(name.startswith(folder) for folder in folders)


@cache
def _package() -> str:
    return f"{Path(__file__).parent}/"


@cache
def _installed() -> tuple[str, ...]:
    """Folders of Python and of installed packages."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    found = {sysconfig.get_path(name) for name in names} - {None}
    return tuple(f"{Path(folder)}/" for folder in found)
