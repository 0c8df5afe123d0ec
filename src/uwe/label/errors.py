"""What the desk refuses: mistakes that a page tells apart by their code.

InputError
 └─ Refused             the desk does not take what a person sent
     ├─ Late            the item changed since the ticket was given
     ├─ Settled         the item's label was settled
     ├─ NotYours        the item is with another person
     ├─ UnknownTicket   the ticket is not of this project
     └─ UnknownPerson   nobody of that name labels here
"""

from __future__ import annotations

from typing import ClassVar

from uwe.errors import InputError

__all__ = ["Late", "NotYours", "Refused", "Settled", "UnknownPerson", "UnknownTicket"]


class Refused(InputError):
    """The desk does not take what a person sent; nothing is recorded.

    Attributes:
        code: the kind of the refusal, for a page.
    """

    code: ClassVar[str] = "refused"


class Late(Refused):
    """The item was answered, undone or handed to another since the ticket was given."""

    code = "late"


class Settled(Refused):
    """The item's label was settled, so that no answer can change it."""

    code = "settled"


class NotYours(Refused):
    """The item is with another person."""

    code = "not-yours"


class UnknownTicket(Refused):
    """The ticket was not given out by this project."""

    code = "unknown-ticket"


class UnknownPerson(Refused):
    """Nobody of that name labels this project."""

    code = "unknown-person"
