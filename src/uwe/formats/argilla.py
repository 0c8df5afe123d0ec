"""Records of Argilla 2, as its Python package writes them to JSON and to data sets."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from uwe.formats._format import Format
from uwe.formats.export import Entry, Export, Said
from uwe.formats.json_text import json_bytes, read_json, read_json_lines
from uwe.formats.peek import Peek
from uwe.formats.reading import (
    Destination,
    Found,
    Unreadable,
    as_list,
    as_object,
    as_text,
    rows_of,
)
from uwe.tables import LABEL_NAMES, LabelRows

__all__ = ["FORMAT", "user_id"]

_QUESTION, _NOTE = "label", "note"
_PEOPLE, _SETTLED = "uwe_people", "uwe_settled"
_RESPONSES = ".responses"
_STATUSES = ("submitted", "discarded", "draft", None)


def user_id(name: str) -> str:
    """The id of a person in an export: always the same for the same name.

    >>> user_id("ann")
    '4c4893d6-d2f1-573d-9d39-358e720e14e3'
    """
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"uwe:annotator:{name}"))


def _encode(export: Export) -> bytes:
    """A record for each item, with the responses of all people."""
    return json_bytes([_record(export, entry) for entry in export.entries])


def _read(path: Path, into: Destination) -> LabelRows:
    """The responses in records of Argilla."""
    found = partial(_found, into)
    if Peek(path).record:
        return rows_of(path, into, read_json_lines(path), found, unit="line")
    records = read_json(path)
    listed = records if isinstance(records, list) else [records]
    return rows_of(path, into, enumerate(listed, start=1), found, unit="record")


def _is_argilla(peek: Peek) -> bool:
    """Whether the first object is a record of Argilla, as it is or with its parts laid flat."""
    record = peek.listed
    nested = isinstance(record.get("fields"), dict) and isinstance(record.get("responses"), dict)
    return nested or any(name.endswith(_RESPONSES) for name in record)


def _record(export: Export, entry: Entry) -> dict[str, Any]:
    settled = next((said for said in entry.said if said.settled is not None), None)
    words = [said for said in entry.said if said.settled is None]
    people = [said.by for said in words]
    labels = [_response(said, _value(said.label)) for said in words]
    notes = [_response(said, said.note) for said in words if said.note]
    return {
        "id": entry.id,
        "fields": export.content(entry),
        "metadata": {
            **({_PEOPLE: people} if people else {}),
            **({} if settled is None else {_SETTLED: _settled_text(settled)}),
        },
        "suggestions": {},
        "responses": {
            **({_QUESTION: labels} if labels else {}),
            **({_NOTE: notes} if notes else {}),
        },
        "vectors": {},
    }


def _settled_text(said: Said) -> str:
    """A settled label as text, which Argilla's metadata can hold."""
    return json.dumps([said.label, said.by, said.settled], ensure_ascii=False)


def _value(label: Any) -> Any:
    """A label as Argilla's questions hold it: numbers are text, as no question takes fractions."""
    return repr(label) if isinstance(label, float) else label


def _response(said: Said, value: Any) -> dict[str, Any]:
    status = "discarded" if said.skip else "submitted"
    return {"value": value, "user_id": user_id(said.by), "status": status}


def _found(into: Destination, given: Any) -> Iterator[Found]:
    record = _nested(as_object(given, "a record"))
    names, text = _item(record)
    questions = _questions(record)
    answers = questions.get(_answered(into, questions), {})
    notes = questions.get(_NOTE, {})
    people = _people(record["metadata"])
    for user, (value, status) in answers.items():
        yield Found(
            names,
            value if status in ("submitted", None) else None,
            text=text,
            by=people.get(user, user),
            note=as_text(notes.get(user, (None, None))[0], "the note"),
            skip=status == "discarded",
        )
    if _SETTLED in record["metadata"]:
        yield _settled(names, text, record["metadata"][_SETTLED])


def _nested(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record with the parts that Argilla lays flat put together again."""
    if not any(name.endswith(_RESPONSES) for name in record):
        metadata = record.get("metadata")
        return {**record, "metadata": metadata if isinstance(metadata, dict) else {}}
    responses = {
        name.removesuffix(_RESPONSES): _joined(name, record)
        for name, values in record.items()
        if name.endswith(_RESPONSES) and values is not None
    }
    own = {name: record[name] for name in (_PEOPLE, _SETTLED) if record.get(name) is not None}
    fields = {name: record.get(name) for name in ("text", "image")}
    return {"id": record.get("id"), "fields": fields, "metadata": own, "responses": responses}


def _joined(name: str, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The responses to one question, of which values, users and states are lists of their own."""
    values = as_list(record[name], name)
    users = as_list(record.get(f"{name}.users") or [None] * len(values), f"{name}.users")
    states = as_list(record.get(f"{name}.status") or [None] * len(values), f"{name}.status")
    if not len(values) == len(users) == len(states):
        raise Unreadable(f"{name} has {len(values)} values and {len(users)} users")
    return [
        {"value": value, "user_id": user, "status": state}
        for value, user, state in zip(values, users, states, strict=True)
    ]


def _item(record: Mapping[str, Any]) -> tuple[tuple[str, ...], str | None]:
    """What names the item, and its text."""
    fields = as_object(record.get("fields") or {}, "fields")
    given = (as_text(record.get("id"), "id"), fields.get("image"))
    names = [each for each in given if isinstance(each, str) and not each.startswith("data:")]
    text = fields.get("text")
    return tuple(names), text if isinstance(text, str) else None


def _questions(record: Mapping[str, Any]) -> dict[str, dict[str, tuple[Any, str | None]]]:
    """By question and user, the value of the response and its state."""
    found: dict[str, dict[str, tuple[Any, str | None]]] = {}
    for question, responses in as_object(record.get("responses") or {}, "responses").items():
        for each in as_list(responses, f"the responses to {question}"):
            response = as_object(each, f"a response to {question}")
            status = response.get("status")
            if status not in _STATUSES:
                raise Unreadable(f"the status of a response is {status!r:.40}")
            user = as_text(response.get("user_id"), "user_id")
            if user is None:
                raise Unreadable(f"a response to {question} has no user_id")
            of = found.setdefault(question, {})
            if user in of:
                raise Unreadable(f"{user} has two responses to {question}; keep one")
            of[user] = (response.get("value"), status)
    return found


def _answered(into: Destination, questions: Mapping[str, Any]) -> str:
    """The question whose responses are the labels.

    Raises:
        Unreadable: it cannot be told.
    """
    for name in (*LABEL_NAMES, into.task.name):
        if name in questions:
            return name
    left = [name for name in questions if name != _NOTE]
    if len(left) > 1:
        raise Unreadable(
            f"it has responses to the questions {', '.join(left)}; call the one that asks for the "
            f"label {_QUESTION!r}"
        )
    return left[0] if left else _QUESTION


def _people(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Names by the ids that an export gave them."""
    names = metadata.get(_PEOPLE) or []
    return {user_id(name): name for name in as_list(names, _PEOPLE) if isinstance(name, str)}


def _settled(names: tuple[str, ...], text: str | None, given: Any) -> Found:
    try:
        label, by, rule = json.loads(given)
    except (TypeError, ValueError, RecursionError):
        raise Unreadable(f"{_SETTLED} is {given!r:.40}, which uwe did not write") from None
    by, rule = as_text(by, _SETTLED), as_text(rule, _SETTLED)
    return Found(names, label, text=text, by=by, settled=rule or "settled")


FORMAT = Format(
    "argilla",
    "records of Argilla 2 in JSON, with everybody's responses",
    _is_argilla,
    _read,
    encode=_encode,
    suffixes=(".json",),
)
