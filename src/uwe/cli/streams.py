"""Standard streams whose reader may go away while work goes on."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

__all__ = ["lasting_output"]

_GONE = (errno.EPIPE, errno.EIO)  # the pipe's reader ended; the terminal was closed


class _Lasting:
    """A stream that takes text also after its reader has gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or drop the text where nobody reads any more."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._close_off(error)
            return len(text)

    def flush(self) -> None:
        """Flush, likewise."""
        try:
            self._stream.flush()
        except OSError as error:
            self._close_off(error)

    def _close_off(self, error: OSError) -> None:
        """From now on the stream's file is the null device, for all that write to it."""
        if error.errno not in _GONE:
            raise error
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def lasting_output() -> Iterator[None]:
    """Within it, work goes on where the reader of standard output or error has gone.

    ``uwe run 2>&1 | head -1`` thus finishes its runs.
    """
    former = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (
        stream if stream is None else cast(TextIO, _Lasting(stream)) for stream in former
    )
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        sys.stdout, sys.stderr = former
