"""One line of the journal: an event as JSON with check sums, and back.

``sum``, the last key, is the CRC-32 of the line without it. ``after``, the key before it, is the
CRC-32 of the whole line before: so a line that was taken out, doubled, moved, or put in from
another journal shows although it fits its own sum.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from uwe._files import dump_line
from uwe.errors import InputError, RunError
from uwe.journal.events import KINDS, Answered, Event, Queried, Trained
from uwe.journal.kinds import wrong_field

__all__ = [
    "FORMAT",
    "FORMER",
    "Header",
    "decode",
    "decode_former",
    "encode",
    "header",
    "is_whole",
    "read_header",
    "sum_of",
    "summed",
]

FORMAT = 2
FORMER = 1

_LONGEST_SHOWN = 60

_AFTER = "after"
_BEFORE_SUM = b',"sum":"'
_TAIL = len(_BEFORE_SUM) + len('00000000"}')

_KNOWN = {kind: {field.name for field in fields(of)} for kind, of in KINDS.items()}

_FORMER_KINDS: Mapping[str, tuple[type[Event], Mapping[str, str]]] = {
    "queried": (Queried, {"cycle": "cycle", "indices": "rows", "facts": "facts"}),
    "labelled": (Answered, {"indices": "rows", "labels": "values", "by": "by"}),
    "trained": (Trained, {"cycle": "cycle", "facts": "facts"}),
}
"""Events of format 1: the class that each became, and the fields that its fields became."""


@dataclass(frozen=True)
class Header:
    """What the first line of a journal says.

    Attributes:
        format: of its lines.
        run: what the files of the run are called; empty where the journal does not say.
    """

    format: int
    run: str = ""


def header(run: str = "") -> bytes:
    """The first line of a journal, without its newline.

    >>> header()
    b'{"uwe_journal":2}'
    """
    return dump_line({"uwe_journal": FORMAT, **({"run": run} if run else {})}).encode()


def read_header(path: Path, line: bytes) -> Header:
    """What the first line of a journal says.

    Raises:
        RunError: the file is no journal, or of a newer format.
    """
    try:
        content = json.loads(line)
        found, run = content["uwe_journal"], content.get("run", "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        begin = line[:40].decode(errors="replace")
        raise RunError(
            f"{path} is not a journal of uwe: it begins with {begin!r}; restore it from a copy"
        ) from error
    if type(found) is not int or found not in (FORMER, FORMAT):
        raise RunError(
            f"{path} has journal format {found}, and this version reads {FORMER} and {FORMAT}; "
            "use the version of uwe that wrote it"
        )
    if unknown := sorted(content.keys() - {"uwe_journal", "run"}):
        raise RunError(
            f"line 1 of {path} has {unknown[0]!r}, which a newer version of uwe wrote; use that "
            "version"
        )
    return Header(found, str(run))


def sum_of(line: bytes) -> str:
    """The check sum of a line, which the next line holds."""
    return f"{zlib.crc32(line):08x}"


def encode(event: Event, after: bytes) -> bytes:
    """An event as a line of format 2, without its newline.

    Args:
        event: with its id and time.
        after: the line before, without its newline.

    Raises:
        InputError: a value is not of JSON's types.
    """
    record = {key: value for key, value in vars(event).items() if value is not None}
    kind = type(event).__name__
    try:
        body = dump_line(
            {"event": kind.lower(), **record, _AFTER: sum_of(after)},
        ).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"{kind} cannot be written as JSON: {error}; give plain numbers, texts and lists"
        ) from error
    return body[:-1] + _BEFORE_SUM + b'%08x"}' % zlib.crc32(body)


def is_whole(line: bytes) -> bool:
    """Whether a line is a whole object of JSON; whether it is an event is not asked."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def summed(line: bytes) -> bool:
    """Whether a line ends with a check sum; whether it fits is not asked."""
    return line[-_TAIL:].startswith(_BEFORE_SUM)


def decode(path: Path, number: int, line: bytes) -> tuple[Event, str | None]:
    """The event of a line of format 2, and the check sum that it holds of the line before.

    Lines that earlier versions wrote hold no sum of the line before: None.

    Raises:
        RunError: the check sum does not fit, or a newer version wrote the line.
    """
    body = line[:-_TAIL] + b"}"
    if not summed(line) or line[-10:] != b'%08x"}' % zlib.crc32(body):
        raise RunError(
            f"line {number} of {path} does not fit its check sum: {_begin(line)}; "
            "it was damaged or edited; restore the file from a copy"
        )
    record = _object(path, number, line)
    del record["sum"]
    after = record.pop(_AFTER, None)
    name = record.pop("event", None)
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise RunError(
            f"line {number} of {path} holds the event {name!r}, which a newer version of uwe "
            "wrote; use that version"
        )
    if unknown := sorted(record.keys() - _KNOWN[name]):
        raise RunError(
            f"line {number} of {path} has the field {unknown[0]!r} of {name}, which a newer "
            "version of uwe wrote; use that version"
        )
    return _made(path, number, line, kind, record), None if after is None else str(after)


def decode_former(path: Path, number: int, line: bytes) -> Event:
    """The event of a line of format 1.

    Raises:
        RunError: it is no event of that format.
    """
    try:
        record = _object(path, number, line)
        kind, became = _FORMER_KINDS[record.pop("event")]
        values = {became[key]: value for key, value in record.items()}
    except (KeyError, TypeError) as error:
        raise _not_an_event(path, number, line) from error
    return _made(path, number, line, kind, {**values, "id": number - 1})


def _made(
    path: Path, number: int, line: bytes, kind: type[Event], record: Mapping[str, Any]
) -> Event:
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in record.items()
    }
    if (wrong := wrong_field(values)) is not None:
        raise _not_an_event(path, number, line, f"{wrong} is {_short(values[wrong])}")
    try:
        return kind(**values)
    except (TypeError, InputError) as error:
        raise _not_an_event(path, number, line) from error


def _object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _not_an_event(path, number, line) from error
    if not isinstance(record, dict):
        raise _not_an_event(path, number, line)
    return record


def _not_an_event(path: Path, number: int, line: bytes, why: str = "") -> RunError:
    return RunError(
        f"line {number} of {path} is not an event: {why or _begin(line)}; it was damaged or "
        "edited; restore the file from a copy"
    )


def _begin(line: bytes) -> str:
    return repr(line[:60].decode(errors="replace"))


def _short(value: Any) -> str:
    """A value as an error shows it."""
    shown = ascii(value)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
