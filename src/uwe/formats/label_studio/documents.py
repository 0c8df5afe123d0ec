"""Files of Label Studio: its exports JSON and JSON_MIN as answers, and tasks with annotations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from uwe.data.images import upright_size
from uwe.formats._format import ANY_LABELS, Format
from uwe.formats.drawn import DrawnPart, parts_given, parts_of
from uwe.formats.export import Entry, Export, Said
from uwe.formats.json_text import json_bytes, read_json
from uwe.formats.label_studio.annotations import (
    BY,
    ID,
    NOTE,
    SETTLED,
    Words,
    person_of,
    seconds_of,
    words_in,
)
from uwe.formats.label_studio.labelling import Controls, own_controls
from uwe.formats.label_studio.results import label_in, result_of
from uwe.formats.label_studio.scored_labels import MODEL
from uwe.formats.label_studio.shapes import DrawnLabel, drawn_label
from uwe.formats.peek import Peek
from uwe.formats.reading import Destination, Found, Unreadable, as_list, as_object, rows_of
from uwe.project.outlines import Outlines
from uwe.tables import LabelRows
from uwe.tasks import SHAPE_WIDGETS, Task

__all__ = ["FORMAT", "encode", "read"]

_JSON = Mapping[str, Any]

_OF_A_TASK = ("annotations", "predictions", "completions")
_OF_A_SHORT_RECORD = ("annotation_id", "annotator", "lead_time")
_UPLOADED = re.compile(r"/data/upload/(?:[0-9]+/)?[0-9a-f]{8}-(.+)")


def _is_label_studio(peek: Peek) -> bool:
    """Whether a file is a list of tasks, or a short export."""
    if not peek.head.startswith(b"["):
        return False
    return _is_task(peek.listed) or _is_short(peek.listed)


def _is_task(record: _JSON) -> bool:
    return isinstance(record.get("data"), dict) and any(name in record for name in _OF_A_TASK)


def _is_short(record: _JSON) -> bool:
    return all(name in record for name in _OF_A_SHORT_RECORD)


def read(path: Path, into: Destination) -> LabelRows:
    """The answers in an export of Label Studio.

    Drafts and predictions are no answers. An export names people by their numbers.

    Raises:
        DataError: it is no JSON.
    """
    document = read_json(path)
    every = list(enumerate(document, start=1)) if isinstance(document, list) else [(1, document)]
    records = _without_earlier(every)
    return rows_of(path, into, records, lambda record: _found(record, into.task), unit="task")


def _without_earlier(records: Sequence[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """The records of a short export, of each task and person the last alone; all of a long one."""
    last: dict[str, tuple[int, Any]] = {}
    for number, record in records:
        is_short = isinstance(record, Mapping) and _is_short(record)
        key = repr((record.get("id"), record["annotator"])) if is_short else str(number)
        if key not in last or _order(record) > _order(last[key][1]):
            last[key] = number, record
    return list(last.values())


def _order(record: _JSON) -> tuple[str, str]:
    return str(record.get("updated_at") or ""), str(record.get("annotation_id")).zfill(20)


def _found(record: Any, task: Task) -> Iterator[Found]:
    each = as_object(record, "a task")
    if _is_short(each):
        yield from _of_short(each, task)
        return
    data = as_object(each.get("data"), "data")
    last: dict[tuple[str, bool], Words] = {}
    for name in _OF_A_TASK:
        as_list(each.get(name) or [], name)
    for said in words_in(each, task):
        key = said.by, said.settled is not None
        if key not in last or said.order > last[key].order:
            last[key] = said
    names, text = _names(data)
    for said in last.values():
        yield Found(
            names, said.label, text, said.by, said.seconds, said.note, said.skip, said.settled
        )


def _of_short(record: _JSON, task: Task) -> Iterator[Found]:
    """The answer in a record of JSON_MIN; of a task that nobody annotated there is none."""
    if record.get("annotation_id") is None:
        return
    keys = list(record)
    start = keys.index("id") + 1 if "id" in record else 0
    outputs = keys[start : keys.index("annotator")]
    name = "label" if "label" in record or len(outputs) != 1 else outputs[0]
    names, text = _names({key: record[key] for key in keys[:start] if key != "id"} or record)
    yield Found(
        names,
        _short_label(record.get(name), task),
        text,
        person_of(record.get("annotator"), {}),
        seconds_of(record.get("lead_time")),
    )


def _short_label(value: Any, task: Task) -> Any:
    """A label as JSON_MIN has it: a name, ``{"choices": [...]}`` or ``[{"number": 2.5}]``."""
    if task.widget in SHAPE_WIDGETS:
        return _short_shapes(value, task)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping):
        value = value[0]
    if isinstance(value, Mapping):
        value = value.get("choices", value.get("number"))
    if value is None and task.widget == "choices":
        return []
    return value


def _short_shapes(value: Any, task: Task) -> Outlines:
    """The shapes as JSON_MIN has them: values that say the size of the image."""
    listed = [each for each in value if isinstance(each, Mapping)] if value else []
    kinds = ("rectanglelabels", "brushlabels", "polygonlabels")
    result = [
        {**each, "type": next((kind for kind in kinds if kind in each), ""), "value": each}
        for each in listed
    ]
    found = label_in(result, task)
    assert isinstance(found, Outlines)
    return found


def _names(data: _JSON) -> tuple[tuple[str, ...], str | None]:
    """What may name the item of a task, and its text.

    Raises:
        Unreadable: the id is no text.
    """
    if ID in data:
        if isinstance(data[ID], bool) or not isinstance(data[ID], str | int):
            raise Unreadable(f"{ID} must be text, not {data[ID]!r:.60}")
        return (str(data[ID]),), None
    texts = [value for value in data.values() if isinstance(value, str)]
    paths = [value for value in texts if not value.startswith("data:")]
    uploads = [match[1] for value in paths if (match := _UPLOADED.fullmatch(value))]
    text = data.get("text") if isinstance(data.get("text"), str) else None
    return (*uploads, *paths), text or (texts[0] if len(texts) == 1 else None)


def encode(export: Export) -> bytes:
    """Tasks with annotations, as Label Studio imports them.

    An image is a JPEG of at most 800 pixels inside the file; with boxes and masks, the image
    itself. Label Studio makes the person who imports the author of every annotation; `uwe tell`
    reads who answered.
    """
    controls = own_controls(export.task, export.kind)
    return json_bytes([_task(export, entry, controls) for entry in export.entries])


def _task(export: Export, entry: Entry, controls: Controls) -> dict[str, Any]:
    given = _given(export, entry, controls)
    return {
        "data": {ID: entry.id, controls.data: _content(export, entry)},
        "annotations": [_annotation(export, entry, said, controls) for said in entry.said],
        "predictions": [] if given is None else [given],
    }


def _given(export: Export, entry: Entry, controls: Controls) -> dict[str, Any] | None:
    """The boxes or the mask of a model as a prediction; None without any."""
    if entry.given is None:
        return None
    label = _drawn(export, entry, parts_given(export.task, entry.given))
    score = min(entry.given.scores, default=None)
    return {
        "model_version": MODEL,
        **({} if score is None else {"score": score}),
        "result": result_of(label, controls),
    }


def _drawn(export: Export, entry: Entry, parts: Sequence[DrawnPart]) -> DrawnLabel:
    from uwe.formats.label_studio.pictures import sent_picture

    size = upright_size(export.image(entry), entry.id)
    return drawn_label(parts, size, sent_picture(export.pool, entry.row))


def _content(export: Export, entry: Entry) -> Any:
    from uwe.formats.label_studio.pictures import data_url, sent_picture
    from uwe.formats.label_studio.sending import content_of

    if export.task.widget in SHAPE_WIDGETS:  # masks need the size of the picture
        return sent_picture(export.pool, entry.row).url
    if export.kind == "images":
        return data_url(export.pool, entry.row)
    return content_of(export.pool.preview(entry.row))


def _annotation(export: Export, entry: Entry, said: Said, controls: Controls) -> dict[str, Any]:
    label = said.label
    if label is not None and export.task.widget in SHAPE_WIDGETS:
        label = _drawn(export, entry, parts_of(export.task, label))
    return {
        "result": [] if said.skip else result_of(label, controls),
        "was_cancelled": said.skip,
        **({} if said.settled is None else {"ground_truth": True, SETTLED: said.settled}),
        **({} if said.seconds is None else {"lead_time": said.seconds}),
        BY: said.by,
        **({NOTE: said.note} if said.note else {}),
    }


FORMAT = Format(
    "label-studio",
    "tasks and annotations of Label Studio, as its JSON and JSON_MIN",
    _is_label_studio,
    read,
    encode=encode,
    suffixes=(".json",),
    widgets=ANY_LABELS,
)
