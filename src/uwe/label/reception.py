"""Where what people send is looked at: whose ticket it is, and whether it may be written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from uwe.errors import InputError
from uwe.label.annotators import Annotators
from uwe.label.board import Board
from uwe.label.cards import Saved
from uwe.label.dealing import Dealer
from uwe.label.errors import Late, NotYours, Settled, UnknownTicket
from uwe.label.sayings import Saying
from uwe.label.tickets import Ticket, Tickets
from uwe.project import Project
from uwe.tables import shown_id

__all__ = ["Reception"]


class Reception:
    """Looks at what people send before anything is written.

    Args:
        project: whose items are labelled.
        people: who labels.
        board: what the journal says.
        dealer: knows who may be asked about what.
        tickets: reads the tickets.
    """

    def __init__(
        self,
        project: Project,
        people: Annotators,
        board: Board,
        dealer: Dealer,
        tickets: Tickets,
    ) -> None:
        self._project = project
        self._people = people
        self._board = board
        self._dealer = dealer
        self._tickets = tickets

    def read(self, text: str, by: str) -> Ticket:
        """What a ticket says.

        Raises:
            NotYours: it is another person's.
            UnknownTicket: it is none of this project.
        """
        for name in (by, *self._people.tokens):
            with suppress(UnknownTicket):
                ticket = self._tickets.read(text, name)
                if name != by:
                    raise NotYours("the item was given to another person; take the next one")
                self.require_row(ticket.row)
                return ticket
        return self._tickets.read(text, by)

    def readable(self, tickets: Sequence[str], by: str) -> Iterator[Ticket]:
        """Those of some tickets that are this person's."""
        for text in tickets:
            with suppress(UnknownTicket):
                yield self._tickets.read(text, by)

    def known(self, ticket: Ticket, by: str, saying: Saying) -> Saved | None:
        """Where what is said stands already; None if it is to be written.

        Raises:
            Late: the person's last event about the row came after the ticket, and the same does not
                stand; or the row is no longer open for them.
            Settled: its label was settled.
        """
        acts, row = self._board.acts, ticket.row
        said, is_late = acts.said.get((row, by)), acts.basis(row, by) != ticket.basis
        if said is not None and (
            saying.adds_nothing_to(said) or (is_late and saying.is_kept_in(said))
        ):
            return Saved(said.event, said.at, is_new=False)
        name = self.name(row)
        if is_late:
            what = "undone" if said is None else "answered otherwise"
            raise Late(f"the item {name} was {what} meanwhile; look at it again")
        self.require_unsettled(row)
        if said is None and not self._dealer.is_free(row, by):
            held = self._dealer.others(row, by)
            what = "is now with another person" if held else "was labelled or skipped meanwhile"
            raise Late(f"the item {name} {what}; take the next one")
        return None

    def in_json(self, row: int, saying: Saying) -> Saying:
        """What is said, with its label in JSON.

        Raises:
            InputError: the label is none of the task.
        """
        if saying.reason is not None:
            return saying
        return replace(saying, value=self.value(row, saying.value))

    def value(self, row: int, label: Any) -> Any:
        """A label of a row in JSON.

        Raises:
            InputError: it is none of the task.
        """
        prepared = self._project.prepared(row, label)
        value = self._project.task.targets.encode(prepared)
        if value is None:
            raise InputError("there is no label; give one, or skip the item")
        return value

    def name(self, row: int) -> str:
        """What a message calls an item."""
        return shown_id(self._project.ids[row])

    def require_row(self, row: int) -> None:
        """Refuse a row that is not of the pool.

        Raises:
            InputError: it is not.
        """
        if not 0 <= row < self._board.n:
            raise InputError(f"there is no row {row}; rows are 0 to {self._board.n - 1}")

    def require_unsettled(self, row: int) -> None:
        """Refuse a row whose label was settled.

        Raises:
            Settled: it was.
        """
        if row in self._board.standing.settled:
            raise Settled(
                f"the label of the item {self.name(row)} was settled; an answer cannot change it"
            )
