"""Prodigy's JSON lines, as its documentation describes them: interfaces for classes and numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from uwe.errors import InputError
from uwe.formats._format import Format
from uwe.formats.export import Entry, Export, Said
from uwe.formats.json_text import json_lines_bytes, read_json_lines
from uwe.formats.peek import Peek
from uwe.formats.reading import (
    Destination,
    Found,
    Unreadable,
    as_list,
    as_number,
    as_object,
    as_text,
    rows_of,
)
from uwe.tables import ID_NAMES, LABEL_NAMES, LabelRows
from uwe.tasks import is_missing

__all__ = ["FORMAT"]

_ANSWERS = ("accept", "reject", "ignore")
_CONTENTS = ("text", "image", "html")
_OWN = ("_input_hash", "_task_hash", "_view_id", "_session_id", "_annotator_id")
_NAMELESS = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")
"""A session without a name is called after the time at which it began."""

_TYPED = "user_input"
_VIEWS: Mapping[str, Mapping[str, Any]] = {
    "choice": {"_view_id": "choice", "config": {"choice_style": "single"}},
    "choices": {"_view_id": "choice", "config": {"choice_style": "multiple"}},
    "number": {"_view_id": "text_input", "field_id": _TYPED},
}


def _encode(export: Export) -> bytes:
    """A task of Prodigy for each answer; rows about which nothing was said have no answer."""
    return json_lines_bytes([
        {**_task(export, entry), **(_answer(export, said) if said else {}), "meta": meta}
        for entry in export.entries
        for said in entry.said or (None,)
        for meta in [_meta(entry, said)]
    ])  # fmt: skip


def _read(path: Path, into: Destination) -> LabelRows:
    """The answers in annotated tasks of Prodigy."""
    return rows_of(path, into, read_json_lines(path), partial(_found, into), unit="line")


def _is_prodigy(peek: Peek) -> bool:
    """Whether the first line is a task of Prodigy."""
    record = peek.record
    if not any(name in record for name in _CONTENTS):
        return False
    if any(name in record for name in _OWN):
        return True
    is_table = all(any(name in record for name in names) for names in (ID_NAMES, LABEL_NAMES))
    return record.get("answer") in _ANSWERS and not is_table


def _task(export: Export, entry: Entry) -> dict[str, Any]:
    options = [{"id": name, "text": name} for name in export.task.classes]
    return {
        **export.content(entry),
        **({"options": options} if options else {}),
        **_VIEWS[export.task.widget],
    }


def _answer(export: Export, said: Said) -> dict[str, Any]:
    session = f"{export.name}-{said.by or 'rule'}"
    return {
        **({} if said.skip else _LABELS[export.task.widget](said.label)),
        "answer": "ignore" if said.skip else "accept",
        "_annotator_id": session,
        "_session_id": session,
        **({"_timestamp": _seconds_since_1970(said.at)} if said.at else {}),
    }


_LABELS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "choice": lambda label: {"accept": [label]},
    "choices": lambda label: {"accept": list(label)},
    "number": lambda label: {_TYPED: repr(label)},
}


def _meta(entry: Entry, said: Said | None) -> dict[str, Any]:
    """What Prodigy has no place for; it shows these in a corner and gives them back."""
    more = (
        {}
        if said is None
        else {
            "by": said.by,
            "seconds": said.seconds,
            "note": said.note or None,
            "settled": said.settled,
        }
    )
    return {"id": entry.id, **{name: value for name, value in more.items() if value is not None}}


def _seconds_since_1970(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp())


def _found(into: Destination, record: Any) -> Iterator[Found]:
    task = as_object(record, "a task")
    meta = task.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    answer = task.get("answer")
    if answer not in (*_ANSWERS, None):
        raise Unreadable(f"answer must be accept, reject or ignore, not {answer!r:.40}")
    names = (meta.get("id"), task.get("id"), task.get("path"), task.get("image"))
    yield Found(
        tuple(_names(names)),
        _label(into, task) if answer == "accept" else None,
        text=as_text(task.get("text"), "text"),
        by=_person(meta, task),
        seconds=as_number(meta.get("seconds"), "seconds"),
        note=as_text(meta.get("note"), "note"),
        skip=answer == "ignore",
        settled=as_text(meta.get("settled"), "settled"),
    )


def _names(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        name = as_text(value, "an id or path")
        if name is not None and not name.startswith("data:"):
            yield name


def _person(meta: Mapping[str, Any], task: Mapping[str, Any]) -> str | None:
    """Who answered; nobody who is known where the session has no name."""
    if "by" in meta:
        return as_text(meta["by"], "by")
    for name in ("_annotator_id", "_session_id"):
        found = as_text(task.get(name), name)
        if found is not None and not _NAMELESS.fullmatch(found):
            return found
    return None


def _label(into: Destination, task: Mapping[str, Any]) -> Any:
    """The label of an accepted task.

    Raises:
        Unreadable: it is of an interface without one.
    """
    if "accept" in task:
        options = task.get("options")
        names = [
            _option(into, each, options if isinstance(options, list) else [])
            for each in as_list(task["accept"], "accept")
        ]
        if into.task.widget == "choices":
            return names
        return (names or [None])[0] if len(names) < 2 else names
    if "label" in task:
        return [task["label"]] if into.task.widget == "choices" else task["label"]
    if _TYPED in task:
        return None if is_missing(task[_TYPED]) else task[_TYPED]
    raise Unreadable(
        f"it has none of accept, label and {_TYPED}; read are the interfaces choice, "
        "classification and text_input"
    )


def _option(into: Destination, chosen: Any, options: list[Any]) -> Any:
    """The class that an option stands for: by its id, or by its text where that is none."""
    try:
        _ = into.task.targets.encode(chosen)
    except InputError:
        for option in options:
            if isinstance(option, dict) and option.get("id") == chosen and "text" in option:
                return option["text"]
    return chosen


FORMAT = Format(
    "prodigy",
    "JSON lines of Prodigy, a task for each answer",
    _is_prodigy,
    _read,
    encode=_encode,
    suffixes=(".jsonl",),
)
