"""Tickets: what a browser sends back with an answer, so that no answer reaches another item."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from uwe.label.errors import UnknownTicket

__all__ = ["Ticket", "Tickets"]

_FORM = re.compile(r"([0-9]{1,18})-([0-9]{1,18})-([0-9a-f]{32})", re.ASCII)


@dataclass(frozen=True)
class Ticket:
    """What a ticket says.

    Attributes:
        row: of the pool.
        basis: id of the person's last event about the row when the ticket was given; 0 without.
    """

    row: int
    basis: int


@dataclass(frozen=True)
class Tickets:
    """Gives tickets and reads them; one that another project or a browser made is refused.

    Attributes:
        secret: of the project.

    >>> tickets = Tickets(b"secret")
    >>> tickets.read(tickets.of("ann", 3, 12), "ann")
    Ticket(row=3, basis=12)
    """

    secret: bytes

    def of(self, by: str, row: int, basis: int) -> str:
        """The ticket of a person for a row; the same for the same arguments."""
        return f"{row}-{basis}-{self._signature(by, row, basis)}"

    def read(self, text: str, by: str) -> Ticket:
        """What a ticket of ``by`` says.

        Raises:
            UnknownTicket: it is no ticket of this person and project.
        """
        form = _FORM.fullmatch(text)
        ticket = Ticket(int(form[1]), int(form[2])) if form else None
        if (
            form
            and ticket
            and hmac.compare_digest(form[3], self._signature(by, ticket.row, ticket.basis))
        ):
            return ticket
        raise UnknownTicket(
            "the ticket was not given out by this project to this person; load the page again"
        )

    def _signature(self, by: str, row: int, basis: int) -> str:
        told = f"{row}-{basis}-{by}".encode()
        return hmac.new(self.secret, told, hashlib.sha256).hexdigest()[:32]
