"""JSON as other tools write it, read without trust: one value, or one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from uwe.errors import DataError
from uwe.tables.json_lines import refuse_constant, with_keys_once

__all__ = ["json_bytes", "json_lines_bytes", "read_json", "read_json_lines"]


def read_json(path: Path) -> Any:
    """The value of a file that is one JSON text.

    Raises:
        DataError: it is none, or is nested too deeply.
    """
    return _value(str(path), path.read_bytes())


def read_json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """The values of JSON lines with the numbers of their lines; blank lines are skipped.

    Raises:
        DataError: a line is no JSON; the line is named.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip(b"\xef\xbb\xbf \t\r\n"):
                yield number, _value(f"line {number} of {path}", line)


def json_bytes(value: Any) -> bytes:
    """A value as indented JSON in UTF-8."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def json_lines_bytes(values: list[Any]) -> bytes:
    """Values as JSON lines in UTF-8."""
    lines = [json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n" for value in values]
    return "".join(lines).encode()


def _value(where: str, content: bytes) -> Any:
    try:
        return json.loads(
            content.decode("utf-8-sig"),
            parse_constant=refuse_constant,
            object_pairs_hook=with_keys_once,
        )
    except UnicodeDecodeError:
        raise DataError(f"{where} is not UTF-8; save the file as UTF-8") from None
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise DataError(f"{where} is no JSON ({why}); write it again") from error
