"""Cards of the desk as the page's script reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uwe._json import json_value
from uwe.errors import DataError
from uwe.project.shapes import label_words
from uwe.selecting.items import Image, Text, Values, value_text

if TYPE_CHECKING:
    from uwe.label.cards import Card
    from uwe.project import Items

__all__ = ["as_json", "shown_item"]

_LETTERS = 200_000
_VALUES = 500


def as_json(card: Card, items: Items, *, hides_predictions: bool = False) -> dict[str, Any]:
    """A card with its item; a blind card says nothing that gives a label away.

    Args:
        card: of the desk.
        items: of the project.
        hides_predictions: whether no prediction is ever shown.
    """
    blind = card.blind or hides_predictions
    prediction = None if blind or card.prediction is None else card.prediction
    return {
        "row": card.row,
        "id": card.id,
        "ticket": card.ticket,
        "batch": card.batch,
        "blind": card.blind,
        "item": shown_item(items, card.row, card.id),
        "why": _why(card, items, blind=blind),
        "prediction": None
        if prediction is None
        else {
            "label": json_value(prediction.label),
            "confidence": prediction.confidence,
            "ranked": [[name, share] for name, share in prediction.ranked],
            "legend": [list(each) for each in prediction.legend],
            "drawn": prediction.drawn,
            "told": label_words(prediction.label),
        },
        "answer": json_value(card.answer),
        "answer_told": label_words(card.answer),
        "skipped": card.skipped,
        "note": card.note,
        "flagged": card.flagged,
    }


def shown_item(items: Items, row: int, name: str) -> dict[str, Any]:
    """What is shown of a row: the address of its image, its text, or its values."""
    if items.kind == "images":
        return {"kind": "image", "alt": name}
    try:
        item = items.preview(row)
    except DataError as error:
        return {"kind": "broken", "reason": str(error)}
    if isinstance(item, Text):
        return {"kind": "text", "text": item.text[:_LETTERS]}
    if isinstance(item, Values):
        values = list(item.values.items())
        shown = [[column, value_text(value)] for column, value in values[:_VALUES]]
        return {"kind": "values", "values": shown, "more": max(0, len(values) - _VALUES)}
    assert isinstance(item, Image)
    return {"kind": "image", "alt": name}


def _why(card: Card, items: Items, *, blind: bool) -> dict[str, Any]:
    why = card.why
    neighbour = None
    if why.neighbour is not None and not blind:
        row = items.ids.row_of(why.neighbour)
        has_image = items.kind == "images" and row is not None
        neighbour = {
            "id": why.neighbour,
            "label": label_words(why.neighbour_label) or why.neighbour_label,
            "row": row if has_image else None,
        }
    return {
        "lines": list(why.lines),
        "neighbour": neighbour,
        "stands_for": why.stands_for,
        "percentile": why.percentile,
        "is_audit": why.is_audit,
    }
