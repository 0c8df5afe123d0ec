"""Standard output and standard error as they are: closed, of another encoding, full, of no width.

The work of a command does not depend on them. What cannot be shown is left out, and the command
says so at its end where it can; a pipe whose reader has left is no error of the work.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from uwe.errors import InputError

__all__ = ["READER_LEFT", "Shown", "of_any_kind", "require_standard_output", "write_utf8"]

READER_LEFT = 141
"""The exit code of a program whose reader has left: 128 and the number of SIGPIPE."""

_SIZES = {"COLUMNS": (20, 10_000), "LINES": (1, 10_000)}
"""Sizes of a terminal that are believed; any other counts as not given."""

_PLAIN = {
    "\u00b1": "+-",
    "\u00b7": "-",
    "\u00d7": "x",
    "\u2013": "-",
    "\u2014": "-",
    "\u2022": "-",
    "\u2026": "...",
    "\u2192": "->",
    "\u2212": "-",
    "\u2264": "<=",
    "\u2265": ">=",
}
"""Signs in our texts, for encodings that lack them; other characters become escapes."""


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    written = (_PLAIN.get(sign) or _escaped(sign) for sign in lacking)
    return "".join(written), error.end


def _escaped(sign: str) -> str:
    return sign.encode("ascii", "backslashreplace").decode("ascii")


codecs.register_error("uwe.plain", cast(Any, _plain))


class Stream:
    """A standard stream whose errors do not end the work.

    Attributes:
        is_closed: whether there is nothing to write to.
        error: the first error of writing, if there was one.
        wrote: whether anything was written.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.is_closed = stream is None or stream.closed
        self.error: OSError | None = None
        self.wrote = False
        self._stream = io.StringIO() if stream is None or self.is_closed else stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write ``text``, unless there was an error before."""
        self.wrote = self.wrote or bool(text)
        if not self.is_closed and self.error is None:
            try:
                self._stream.write(text)
            except OSError as error:
                self._leave(error)
            except UnicodeEncodeError:  # of a stream whose errors cannot be set
                self._stream.write(text.encode("ascii", "uwe.plain").decode("ascii"))
            except ValueError:  # it was closed
                if not self._stream.closed:
                    raise
                self.is_closed = True
        return len(text)

    def writelines(self, lines: Sequence[str]) -> None:
        """Write some texts."""
        for line in lines:
            self.write(line)

    def write_utf8(self, text: str) -> None:
        """Write ``text`` as UTF-8, as in a file, unless a person looks at it."""
        buffer = getattr(self._stream, "buffer", None)
        if buffer is None or self.is_closed or self._stream.isatty():
            self.write(text)
            return
        self.flush()
        self.wrote = True
        if self.error is None:
            try:
                buffer.write(text.encode("utf-8", "backslashreplace"))
                buffer.flush()
            except OSError as error:
                self._leave(error)

    def flush(self) -> None:
        """Write out what is held back."""
        if not self.is_closed and self.error is None:
            try:
                self._stream.flush()
            except OSError as error:
                self._leave(error)
            except ValueError:  # it was closed
                if not self._stream.closed:
                    raise
                self.is_closed = True

    def _leave(self, error: OSError) -> None:
        """From now on, write to nowhere; also what Python still holds back at its end."""
        self.error = error
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


class Shown:
    """Standard output and standard error of one command."""

    def __init__(self, out: Stream, err: Stream) -> None:
        self.out, self.err = out, err

    def exit_code(self, program: str, code: int, *, is_the_result: bool) -> int:
        """The exit code of a command that ended with ``code``, and what was lost, in a line.

        Args:
            program: its name.
            code: of the work.
            is_the_result: whether the command makes nothing but what it shows.
        """
        self.out.flush()
        self.err.flush()
        if code:
            return code
        if self.out.is_closed and self.out.wrote and is_the_result:
            print(f"{program}: standard output is closed; nothing was shown", file=sys.stderr)
            return 2
        if self.out.error is None:
            return 0
        if self.out.error.errno == errno.EPIPE:
            return READER_LEFT
        reason = self.out.error.strerror or str(self.out.error)
        print(
            f"{program}: cannot write to standard output: {reason}; all files are written",
            file=sys.stderr,
        )
        return 2


@contextmanager
def of_any_kind() -> Iterator[Shown]:
    """For the time of a command, standard streams and sizes that no terminal can break."""
    _occupy_closed()
    streams = sys.stdout, sys.stderr
    handlers = [getattr(stream, "errors", None) for stream in streams]
    sizes = {name: os.environ.get(name) for name in _SIZES}
    shown = Shown(*(Stream(stream) for stream in streams))
    for name in _not_believed(os.environ):
        del os.environ[name]
    _set_errors(streams, ["uwe.plain", "uwe.plain"])
    sys.stdout, sys.stderr = cast(TextIO, shown.out), cast(TextIO, shown.err)
    try:
        yield shown
    finally:
        shown.out.flush()
        shown.err.flush()
        sys.stdout, sys.stderr = streams
        _set_errors(streams, handlers)
        os.environ.update({name: size for name, size in sizes.items() if size is not None})


def require_standard_output() -> None:
    """Refuse to begin work whose result goes to a standard output that is closed.

    Raises:
        InputError: it is closed.
    """
    if sys.stdout is None or getattr(sys.stdout, "is_closed", False):
        raise InputError("standard output is closed; name a file with -o FILE")


def write_utf8(text: str) -> None:
    """Write ``text`` to standard output as UTF-8, as in a file; for people in their encoding."""
    write = getattr(sys.stdout, "write_utf8", sys.stdout.write)
    write(text)


def _occupy_closed() -> None:
    """Open the descriptors 0 to 2 where they are closed, so that no file gets one of them."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)


def _not_believed(environment: Mapping[str, str]) -> list[str]:
    """The variables whose size no terminal has."""
    given = {name: environment[name] for name in _SIZES if name in environment}
    return [
        name
        for name, size in given.items()
        if not re.fullmatch("[0-9]{1,5}", size)
        or not _SIZES[name][0] <= int(size) <= _SIZES[name][1]
    ]


def _set_errors(streams: Sequence[TextIO | None], handlers: Sequence[str | None]) -> None:
    for stream, handler in zip(streams, handlers, strict=True):
        if isinstance(stream, io.TextIOWrapper) and not stream.closed and handler is not None:
            stream.reconfigure(errors=handler)
