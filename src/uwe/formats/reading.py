"""Answers in the files of other tools: which item each is about, and what it says."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from uwe.errors import DataError, InputError
from uwe.tables import LabelRow, LabelRows, shown_id
from uwe.tasks import Task

if TYPE_CHECKING:
    from uwe.project import Items, Project
    from uwe.project.ids import Ids

__all__ = [
    "Destination",
    "Found",
    "Unreadable",
    "as_list",
    "as_number",
    "as_object",
    "as_text",
    "rows_of",
]

_SHOWN = 60


class Unreadable(ValueError):
    """A record is not understood; the text says why, and the caller names the record."""


@dataclass(frozen=True)
class Found:
    """What a record of a file says.

    Attributes:
        names: what may name the item: ids, paths or addresses; the first that fits counts.
        label: as the file has it; None where there is none.
        text: of the item, which finds it where no name does; or None.
        by: who said it, or None.
        seconds: how long it took, or None.
        note: a remark, or None.
        skip: whether the item was skipped.
        settled: how the label was decided over the answers, or None.
    """

    names: tuple[str, ...]
    label: Any
    text: str | None = None
    by: str | None = None
    seconds: float | None = None
    note: str | None = None
    skip: bool = False
    settled: str | None = None


@dataclass(frozen=True)
class Destination:
    """The project that a file is read for.

    Attributes:
        task: what is labelled.
        ids: of the pool.
        source: the folder or file of the items, or None.
        items: the pool.
        encoding: of a text table; None: recognised.
        is_complete: whether every image of the file was looked at: one without a shape has none,
            and shapes of a model that nobody changed are answers.
    """

    task: Task
    ids: Ids
    source: Path | None = None
    items: Items | None = field(default=None, repr=False)
    encoding: str | None = None
    is_complete: bool = False

    @classmethod
    def of(
        cls, project: Project, encoding: str | None = None, *, is_complete: bool = False
    ) -> Destination:
        """The destination that a project is."""
        source = project.settings.source
        root = Path(source) if source else None
        return cls(project.task, project.ids, root, project.items, encoding, is_complete)

    def id_of(self, found: Found) -> str:
        """The id of the item that a record is about.

        A name is an id; or a path or address whose end is an id; or a file name that one item alone
        has. Without a name, the text of the item finds it, where one item alone has it.

        Raises:
            Unreadable: no item is named, or several may be meant.
        """
        for name in found.names:
            if (there := self._by_name(name)) is not None:
                return there
        if found.text is not None and (row := self._by_text(found.text)) is not None:
            return self.ids[row]
        if found.names:
            try:
                self.ids.require(found.names[0])
            except InputError as error:
                raise Unreadable(str(error)) from error
        what = (
            "has no id" if found.text is None else f"the text {shown_id(found.text)} is no item's"
        )
        raise Unreadable(f"{what}; give the id, or the path of the item")

    def _by_name(self, name: str) -> str | None:
        if self.ids.row_of(name) is not None:
            return name
        paths = [path for path in _paths(name) if path]
        if self.source is not None:
            root = self.source.as_posix().rstrip("/") + "/"
            paths += [path.removeprefix(root) for path in paths if path.startswith(root)]
        for path in paths:
            parts = PurePosixPath(path).parts
            for start in range(len(parts) - 1):
                tail = "/".join(parts[start:])
                if self.ids.row_of(tail) is not None:
                    return tail
            if parts and (there := self._by_last_part(parts[-1], name)) is not None:
                return there
        return None

    def _by_last_part(self, part: str, name: str) -> str | None:
        rows = self._last_parts.get(part, [])
        if len(rows) > 1:
            raise Unreadable(
                f"{shown_id(name)} may be {shown_id(self.ids[rows[0]])} or "
                f"{shown_id(self.ids[rows[1]])}; write the path below the source"
            )
        return self.ids[rows[0]] if rows else None

    @cached_property
    def _last_parts(self) -> dict[str, list[int]]:
        """Rows by the last part of ids that are paths of images."""
        found: dict[str, list[int]] = {}
        if self.items is not None and self.items.kind == "images":
            for row, name in enumerate(self.ids):
                found.setdefault(name.rsplit("/", 1)[-1], []).append(row)
        return found

    def _by_text(self, text: str) -> int | None:
        rows = self._texts.get(text, [])
        if len(rows) > 1:
            raise Unreadable(
                f"the text {shown_id(text)} is that of {shown_id(self.ids[rows[0]])} and of "
                f"{shown_id(self.ids[rows[1]])}; give the id"
            )
        return rows[0] if rows else None

    @cached_property
    def _texts(self) -> dict[str, list[int]]:
        """Rows by their texts, where the pool is one of texts."""
        from uwe.selecting.items import Text

        found: dict[str, list[int]] = {}
        if self.items is not None and self.items.kind == "texts":
            for row in range(len(self.ids)):
                item = self.items.preview(row)
                if isinstance(item, Text):
                    found.setdefault(item.text, []).append(row)
        return found


def rows_of(
    path: Path,
    into: Destination,
    records: Iterable[tuple[int, Any]],
    read: Callable[[Any], Iterable[Found]],
    *,
    unit: str,
) -> LabelRows:
    """The answers of a file; records that are not understood are named in its ``problems``.

    Args:
        path: of the file.
        into: the project that it is read for.
        records: with their numbers.
        read: what a record says: nothing, or what each person said; raises `Unreadable`.
        unit: what the numbers count, such as ``line``.
    """
    rows: list[LabelRow] = []
    problems: list[str] = []
    for number, record in records:
        try:
            rows += _rows(into, number, read(record))
        except (Unreadable, DataError) as error:
            problems.append(f"{path}: {unit} {number}: {error}")
    return LabelRows(path, tuple(rows), unit, tuple(problems))


def _rows(into: Destination, number: int, found: Iterable[Found]) -> Iterator[LabelRow]:
    for each in list(found):
        yield LabelRow(into.id_of(each), each.label, number, each.by, each.seconds, each.note,
                       each.skip, each.settled)  # fmt: skip


def as_object(value: Any, what: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        Unreadable: it is none.
    """
    if not isinstance(value, dict):
        raise Unreadable(f"{what} must be an object, not {_shown(value)}")
    return value


def as_list(value: Any, what: str) -> list[Any]:
    """A list.

    Raises:
        Unreadable: it is none.
    """
    if not isinstance(value, list):
        raise Unreadable(f"{what} must be a list, not {_shown(value)}")
    return value


def as_text(value: Any, what: str) -> str | None:
    """A text or a whole number as text; None where there is none.

    Raises:
        Unreadable: it is anything else.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Unreadable(f"{what} must be text, not {_shown(value)}")
    return str(value)


def as_number(value: Any, what: str) -> float | None:
    """A number of at least 0; None where there is none.

    Raises:
        Unreadable: it is anything else.
    """
    if value is None:
        return None
    try:
        number = math.nan if isinstance(value, bool | list | dict) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise Unreadable(f"{what} must be a number of at least 0, not {_shown(value)}")
    return number


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _paths(name: str) -> Iterator[str]:
    """The paths that a name may be: itself, with slashes, and that of an address."""
    yield name
    if "\\" in name:
        yield name.replace("\\", "/")
    if "://" in name or name.startswith("/") or "%" in name or "?" in name:
        try:
            parts = urlsplit(name)
            asked = parse_qs(parts.query).get("d", [])  # of Label Studio's local files
        except ValueError:
            return
        yield from (*asked, unquote(parts.path))
