"""The rows of a project as they were when they were taken in, and what has changed since.

A file that has the size and the time that were noted is taken as unchanged. Any other is read, and
its digests are compared: copying a folder changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from uwe._files import remove_unfinished_of, write_text
from uwe.errors import DataError, RunError
from uwe.project.digests import digest
from uwe.project.ids import Ids, Names, RowNumbers
from uwe.project.items import Items

__all__ = [
    "Change",
    "Manifest",
    "compared",
    "extended",
    "read_manifest",
    "taken_in",
    "write_manifest",
]

_FORMAT = 1
_SHOWN = 3
_END = ', "sum": "0123456789abcdef"}'


@dataclass(frozen=True)
class Manifest:
    """The rows of a project.

    Attributes:
        kind: of the items.
        ids: of the rows, in their order; rows that are added later come last.
        digests: one for each row, or for each block of rows.
        stamps: sizes and times of the files that were read, by name.
        block: rows of a digest.
    """

    kind: str
    ids: Ids
    digests: tuple[str, ...]
    stamps: Mapping[str, Sequence[int]]
    block: int = 1


@dataclass(frozen=True)
class Change:
    """How a source differs from the rows that were taken in.

    Attributes:
        added: ids of new rows.
        gone: ids that are no longer there.
        changed: ids, or ranges of rows, whose content differs.
        manifest: the rows with the files' present sizes and times.
    """

    added: tuple[str, ...]
    gone: tuple[str, ...]
    changed: tuple[str, ...]
    manifest: Manifest

    def refuse_losses(self, source: str) -> None:
        """Refuse a source that has lost or changed rows.

        Raises:
            DataError: it has; the first rows are named.
        """
        for rows, what in ((self.gone, "no longer has"), (self.changed, "has changed")):
            if rows:
                more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
                named = ", ".join(map(repr, rows[:_SHOWN]))
                raise DataError(
                    f"{source} {what} {named}{more}, which the project was made with; put the "
                    "rows back as they were, or make another project"
                )


def taken_in(items: Items) -> Manifest:
    """The manifest of a new project."""
    return Manifest(
        items.kind,
        items.ids,
        tuple(items.digests(None, len(items))),
        dict(items.stamps),
        items.block,
    )


def compared(known: Manifest, items: Items) -> Change:
    """How ``items`` differ from the rows that are known.

    Raises:
        DataError: rows had names and now have numbers, or the other way round.
    """
    same_files = bool(known.stamps) and dict(items.stamps) == dict(known.stamps)
    if same_files and len(items.ids) == len(known.ids):
        return Change((), (), (), known)
    if isinstance(known.ids, RowNumbers) != isinstance(items.ids, RowNumbers):
        gained = "has ids now" if isinstance(known.ids, RowNumbers) else "has no ids any more"
        raise DataError(
            f"the source {gained}, unlike when the project was made; restore it, or make another "
            "project"
        )
    compare = _numbered if isinstance(known.ids, RowNumbers) else _listed
    added, gone, changed = compare(known, items)
    return Change(added, gone, changed, replace(known, stamps=dict(items.stamps)))


def extended(known: Manifest, items: Items) -> Manifest:
    """The known rows in their order, and the new ones of ``items`` behind them."""
    fresh = taken_in(items)
    if isinstance(known.ids, RowNumbers):
        return fresh
    matched = {fresh.ids.row_of(name) for name in known.ids}
    gained = (name for row, name in enumerate(fresh.ids) if row not in matched)
    order = [*known.ids, *gained]
    digests = tuple(fresh.digests[_row(fresh, name)] for name in order)
    return replace(fresh, ids=Names(tuple(order)), digests=digests)


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write the rows of a project, whole or not at all; the lock of those who tell is held."""
    remove_unfinished_of(path)
    numbered = isinstance(manifest.ids, RowNumbers)
    content = {
        "format": _FORMAT,
        "kind": manifest.kind,
        "rows": len(manifest.ids),
        "ids": None if numbered else list(manifest.ids),
        "block": manifest.block,
        "digests": manifest.digests,
        "stamps": manifest.stamps,
    }
    write_text(path, _with_sum(json.dumps(content, ensure_ascii=False)) + "\n")


def read_manifest(path: Path) -> Manifest:
    """Read the rows of a project.

    Raises:
        RunError: the file is missing or is no list of rows.
    """
    try:
        text = path.read_text(encoding="utf-8").rstrip("\n")
        content: dict[str, Any] = json.loads(text)
        if "sum" in content and text != _with_sum(text[: -len(_END)] + "}"):
            raise RunError(
                f"{path} does not fit its check sum; it was damaged or edited; restore it from a "
                "copy"
            )
        if content["format"] != _FORMAT:
            raise RunError(
                f"{path} has format {content['format']}, and this version reads {_FORMAT}; use "
                "the version of uwe that wrote it"
            )
        ids = content["ids"]
        return Manifest(
            content["kind"],
            RowNumbers(content["rows"]) if ids is None else Names(tuple(ids)),
            tuple(content["digests"]),
            content["stamps"],
            content["block"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(
            f"{path} is missing or damaged ({type(error).__name__}); restore it from a copy"
        ) from error


def _with_sum(text: str) -> str:
    """A text of JSON with its check sum as the last key."""
    return f'{text[:-1]}, "sum": "{digest(text.encode())}"}}'


def _listed(known: Manifest, items: Items) -> tuple[tuple[str, ...], ...]:
    there = {name: row for name in known.ids if (row := items.ids.row_of(name)) is not None}
    matched = set(there.values())
    gone = tuple(name for name in known.ids if name not in there)
    added = tuple(name for row, name in enumerate(items.ids) if row not in matched)
    kept = [name for name, row in there.items() if _is_new_file(known, items, name, row)]
    found = items.digests([there[name] for name in kept], len(items))
    changed = tuple(
        name
        for name, digest in zip(kept, found, strict=True)
        if known.digests[_row(known, name)] != digest
    )
    return added, gone, changed


def _is_new_file(known: Manifest, items: Items, name: str, row: int) -> bool:
    """Whether the row must be read: its file, or the file of all rows, has another stamp."""
    if name in known.stamps:
        return items.stamps.get(items.ids[row]) != known.stamps[name]
    return True


def _row(known: Manifest, name: str) -> int:
    row = known.ids.row_of(name)
    assert row is not None
    return row


def _numbered(known: Manifest, items: Items) -> tuple[tuple[str, ...], ...]:
    n, now, block = len(known.ids), len(items.ids), known.block
    gone = tuple(f"rows {now} to {n - 1}" for _ in range(1) if now < n)
    added = tuple(f"rows {n} to {now - 1}" for _ in range(1) if now > n)
    blocks = len(known.digests) if now >= n else now // block  # a block that lost rows is not read
    found = items.digests(list(range(blocks)), min(n, now))
    changed = tuple(
        f"rows {at * block} to {min((at + 1) * block, n) - 1}"
        for at, digest in enumerate(found)
        if known.digests[at] != digest
    )
    return added, gone, changed
