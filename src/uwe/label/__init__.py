"""People label a project: who has which item, what they answer, and the page that they use."""

from typing import TYPE_CHECKING

from uwe._lazy import lazily

if TYPE_CHECKING:
    from uwe.label.annotators import Annotators
    from uwe.label.cards import Card, Conflict, Past, Prediction, Progress, Saved, Why
    from uwe.label.desk import Desk
    from uwe.label.errors import (
        Late,
        NotYours,
        Refused,
        Settled,
        UnknownPerson,
        UnknownTicket,
    )

__all__ = [
    "Annotators",
    "Card",
    "Conflict",
    "Desk",
    "Late",
    "NotYours",
    "Past",
    "Prediction",
    "Progress",
    "Refused",
    "Saved",
    "Settled",
    "UnknownPerson",
    "UnknownTicket",
    "Why",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "annotators": ["Annotators"],
        "cards": ["Card", "Conflict", "Past", "Prediction", "Progress", "Saved", "Why"],
        "desk": ["Desk"],
        "errors": ["Late", "NotYours", "Refused", "Settled", "UnknownPerson", "UnknownTicket"],
    },
)
