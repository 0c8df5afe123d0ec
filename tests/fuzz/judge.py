"""What is wrong with the outcome of a try."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fuzz.tries import Contents, Outcome, Try

__all__ = ["faults", "has_picks", "kind_of", "picks_in", "same_picks"]

_WARNING = re.compile(r"\.py:\d+: \w*Warning: .*")
_WORDS = re.compile(r"\d+|'[^']*'|\"[^\"]*\"|\[.*\]")
_KEPT_OPEN = (".log", ".lock")  # logs grow, and locks stay
_NUMBERS = ("uncertainty", "percentile", "distance")
_NEAR = 1e-5

Rows = list[dict[str, Any]]


def faults(tried: Try, outcome: Outcome, before: Contents, after: Contents) -> list[str]:
    """Everything that is wrong, a line each."""
    found = [*_of_the_end(tried, outcome), *_of_the_words(tried, outcome)]
    found += _of_the_files(tried, outcome, before, after)
    return found


def _of_the_end(tried: Try, outcome: Outcome) -> list[str]:
    if outcome.hung:
        return [f"hangs: killed after {outcome.seconds:.0f} s"]
    if outcome.code not in (0, 2, 130):
        return [f"exit code {outcome.code}"]
    if outcome.code not in tried.must:
        return [f"exit code {outcome.code}, where {' or '.join(map(str, tried.must))} is right"]
    return []


def _of_the_words(tried: Try, outcome: Outcome) -> list[str]:
    text = outcome.err.decode(errors="replace")
    if "Traceback (most recent call last)" in text:
        return ["a traceback on standard error"]
    if warning := _WARNING.search(text):
        return [f"a warning of Python: {warning[0]!r:.200}"]
    return _of_the_refusal(tried, text) if outcome.code == 2 else []


def _of_the_refusal(tried: Try, text: str) -> list[str]:
    """The last line is the refusal; lines before it say what was recognised, or are the log."""
    *notes, last = text.removesuffix("\n").split("\n")
    begin = f"{tried.program}: "
    if not last.startswith(begin) or len(last) <= len(begin):
        return [f"the last line of a refusal is {last!r:.200}"]
    if any(note.startswith(begin) for note in notes):
        return [f"two refusals: {notes[-1]!r:.100} and {last!r:.100}"]
    if len(last) > tried.longest:
        return [f"the line of a refusal has {len(last):,} characters"]
    return []


def _of_the_files(tried: Try, outcome: Outcome, before: Contents, after: Contents) -> list[str]:
    names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    names = {name for name in names if not name.endswith(_KEPT_OPEN)}
    found = [f"an unfinished file is left: {name}" for name in sorted(names) if ".part" in name]
    found += [f"a temporary file is left: {name}" for name in names if name.startswith("tmp/")]
    may = tried.writes if outcome.code == 0 else tried.may_change
    names = {name for name in names if not _is_below(name, may) and ".part" not in name}
    if outcome.code == 2:
        found += [f"a refusal changed {name}" for name in sorted(names)][:5]
    elif outcome.code == 0:
        found += [f"an input was changed: {name}" for name in sorted(names & set(before))][:5]
    return found


def _is_below(name: str, tops: Sequence[str]) -> bool:
    return any(name == top or name.startswith(f"{top}/") or top == "" for top in tops)


def kind_of(fault: str, outcome: Outcome) -> str:
    """A name for faults that have one cause: the innermost line of ours, and the error."""
    text = outcome.err.decode(errors="replace") + outcome.trace
    frames = re.findall(r'File ".*?/src/(uwe/[^"]+)", line (\d+), in (\w+)', text)
    lines = [
        line for line in text.splitlines() if re.match(r"[\w.]+(Error|Exception|Warning)", line)
    ]
    if frames and lines:
        path, number, function = frames[-1]
        return f"{lines[-1].split(':')[0]} in {path}:{number} {function}"
    told = outcome.code and not fault.startswith(("a refusal changed", "an unfinished"))
    end = text.strip().splitlines()[-1:] if told else []
    return _WORDS.sub("N", "; ".join([fault, *end]))[:160]


# Picks


def picks_in(folder: Path, outcome: Outcome, output: str) -> Rows:
    """The picks that a command wrote, in any format, read by other code than ours."""
    body = outcome.out if output == "-" else (folder / output).read_bytes()
    return _READERS[Path(output).suffix](body)


def _csv_rows(body: bytes) -> Rows:
    return [dict(row) for row in csv.DictReader(io.StringIO(body.decode(), newline=""))]


def _json_rows(body: bytes) -> Rows:
    return [json.loads(line) for line in body.decode().removesuffix("\n").split("\n")]


def _parquet_rows(body: bytes) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: Rows = pq.read_table(pa.BufferReader(body), use_threads=False).to_pylist()
    return rows


def _id_rows(body: bytes) -> Rows:
    return [{"id": line} for line in body.decode().removesuffix("\n").split("\n")]


_READERS: Mapping[str, Callable[[bytes], Rows]] = {
    "": _csv_rows,
    ".csv": _csv_rows,
    ".jsonl": _json_rows,
    ".parquet": _parquet_rows,
    ".txt": _id_rows,
}


def has_picks(k: int, ids: Sequence[str | None] | None, output: str) -> Callable[..., str | None]:
    """A check: there are k picks, all distinct, and each id is that of its row.

    Args:
        k: how many.
        ids: of the rows of the pool, None where it is not known; or None.
        output: where the picks are.
    """

    def check(folder: Path, outcome: Outcome) -> str | None:
        try:
            rows = picks_in(folder, outcome, output)
        except Exception as error:
            return f"the picks cannot be read back: {error!r:.200}"
        named = [row["id"] for row in rows]
        if len(rows) != k or len(set(named)) != k:
            return f"{len(rows)} picks with {len(set(named))} ids, not {k}"
        if ids is None:
            return None
        if any("idx" in row and not 0 <= int(row["idx"]) < len(ids) for row in rows):
            return f"a pick is no row of the pool: {rows}"
        for row in rows:
            right = ids[int(row["idx"])] if "idx" in row else row["id"]
            if right is not None and str(row["id"]) != right:
                return f"row {row.get('idx')} is {right!r}, but the picks call it {row['id']!r}"
        if None not in ids and not set(map(str, named)) <= set(ids):
            return f"ids of the picks that are no ids of the pool: {set(named) - set(ids)}"
        return None

    return check


def same_picks(right: Rows, output: str) -> Callable[..., str | None]:
    """A check: the picks are ``right``, in order; numbers differ by rounding alone."""

    def check(folder: Path, outcome: Outcome) -> str | None:
        try:
            rows = picks_in(folder, outcome, output)
        except Exception as error:
            return f"the picks cannot be read back: {error!r:.200}"
        named, wanted = [row["id"] for row in rows], [row["id"] for row in right]
        if named != wanted:
            return f"picks {named}, not {wanted}"
        for row, other in zip(rows, right, strict=True):
            unlike = [name for name in row if not _is_same(name, row[name], other[name])]
            if unlike:
                name = unlike[0]
                return f"{name} of {row['id']} is {row[name]!r}, not {other[name]!r}"
        return None

    return check


def _is_same(name: str, value: Any, right: Any) -> bool:
    value, right = ("" if each is None else each for each in (value, right))
    if name not in _NUMBERS or "" in (value, right):
        return str(value) == str(right)
    return math.isclose(float(value), float(right), rel_tol=_NEAR, abs_tol=_NEAR)
