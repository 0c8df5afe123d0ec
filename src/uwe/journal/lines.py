"""One line of the journal: an event as JSON with a check sum, and back."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from uwe._files import dump_line
from uwe.errors import InputError, RunError
from uwe.journal.events import KINDS, Answered, Event, Queried, Trained

__all__ = ["FORMAT", "FORMER", "decode", "decode_former", "encode", "format_of", "header", "summed"]

FORMAT = 2
FORMER = 1

_BEFORE_SUM = b',"sum":"'
_TAIL = len(_BEFORE_SUM) + len('00000000"}')

_KNOWN = {kind: {field.name for field in fields(of)} for kind, of in KINDS.items()}

_FORMER_KINDS: Mapping[str, tuple[type[Event], Mapping[str, str]]] = {
    "queried": (Queried, {"cycle": "cycle", "indices": "rows", "facts": "facts"}),
    "labelled": (Answered, {"indices": "rows", "labels": "values", "by": "by"}),
    "trained": (Trained, {"cycle": "cycle", "facts": "facts"}),
}
"""Events of format 1: the class that each became, and the fields that its fields became."""


def header() -> bytes:
    """The first line of a journal, without its newline."""
    return dump_line({"uwe_journal": FORMAT}).encode()


def format_of(path: Path, line: bytes) -> int:
    """The format that the first line of a journal names.

    Raises:
        RunError: the file is no journal, or of a newer format.
    """
    try:
        found = json.loads(line)["uwe_journal"]
    except (ValueError, KeyError, TypeError) as error:
        begin = line[:40].decode(errors="replace")
        raise RunError(f"{path} is not a journal of uwe: it begins with {begin!r}") from error
    if found not in (FORMER, FORMAT):
        raise RunError(
            f"{path} has journal format {found}, and this version reads {FORMER} and {FORMAT}; "
            "use the version of uwe that wrote it"
        )
    return int(found)


def encode(event: Event) -> bytes:
    """An event as a line of format 2, without its newline.

    Raises:
        InputError: a value is not of JSON's types.
    """
    record = {key: value for key, value in vars(event).items() if value is not None}
    kind = type(event).__name__
    try:
        body = dump_line({"event": kind.lower(), **record}).encode()
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{kind} cannot be written as JSON: {error}; give plain numbers, texts and lists"
        ) from error
    return body[:-1] + _BEFORE_SUM + b'%08x"}' % zlib.crc32(body)


def summed(line: bytes) -> bool:
    """Whether a line ends with a check sum; whether it fits is not asked."""
    return line[-_TAIL:].startswith(_BEFORE_SUM)


def decode(path: Path, number: int, line: bytes) -> Event:
    """The event of a line of format 2.

    Raises:
        RunError: the check sum does not fit, or a newer version wrote the line.
    """
    body = line[:-_TAIL] + b"}"
    if not summed(line) or line[-10:] != b'%08x"}' % zlib.crc32(body):
        raise RunError(
            f"line {number} of {path} does not fit its check sum: {_begin(line)}; "
            "it was damaged or edited; restore the file from a copy"
        )
    record = json.loads(body)
    name = record.pop("event", None)
    if (kind := KINDS.get(name)) is None:
        raise RunError(
            f"line {number} of {path} holds the event {name!r}, which a newer version of uwe "
            "wrote; use that version"
        )
    if unknown := sorted(record.keys() - _KNOWN[name]):
        raise RunError(
            f"line {number} of {path} has the field {unknown[0]!r} of {name}, which a newer "
            "version of uwe wrote; use that version"
        )
    return _made(path, number, line, kind, record)


def decode_former(path: Path, number: int, line: bytes) -> Event:
    """The event of a line of format 1.

    Raises:
        RunError: it is no event of that format.
    """
    try:
        record = json.loads(line)
        kind, became = _FORMER_KINDS[record.pop("event")]
        values = {became[key]: value for key, value in record.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _not_an_event(path, number, line) from error
    return _made(path, number, line, kind, {**values, "id": number - 1})


def _made(
    path: Path, number: int, line: bytes, kind: type[Event], record: Mapping[str, Any]
) -> Event:
    try:
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in record.items()
        }
        return kind(**values)
    except (TypeError, InputError) as error:
        raise _not_an_event(path, number, line) from error


def _not_an_event(path: Path, number: int, line: bytes) -> RunError:
    return RunError(
        f"line {number} of {path} is not an event: {_begin(line)}; it was damaged or edited; "
        "restore the file from a copy"
    )


def _begin(line: bytes) -> str:
    return repr(line[:60].decode(errors="replace"))
