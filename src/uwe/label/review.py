"""A second look: conflicts that people decide, and labels that the model contradicts."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from uwe.errors import InputError
from uwe.journal import Settled
from uwe.label.acts import PAGE
from uwe.label.books import Books
from uwe.label.cards import Conflict, Saved, saved_by
from uwe.label.conflicts import proposed, worst_first
from uwe.label.dealing import Dealer
from uwe.label.doubting import Doubting
from uwe.label.reception import Reception
from uwe.label.relabel import Known, Relabelling, relabelling
from uwe.label.showing import Cards

__all__ = ["Review"]


class Review:
    """What of a project should be looked at again.

    The desk's lock is held in every call.

    Args:
        books: the journal.
        cards: of the project.
        dealer: gives rows to people.
        reception: looks at what people send.
        lock: of the desk.
    """

    def __init__(
        self,
        books: Books,
        cards: Cards,
        dealer: Dealer,
        reception: Reception,
        lock: threading.RLock,
    ) -> None:
        self._books = books
        self._board = books.board
        self._cards = cards
        self._dealer = dealer
        self._reception = reception
        self._lock = lock
        self._doubting = Doubting(self._relabelling)

    def conflicts(self, by: str) -> list[Conflict]:
        """Items that others answered differently, the worst first."""
        every = worst_first(self._board)
        return [self._conflict(row, given, by) for row, given in every.items() if by not in given]

    def settle(self, by: str, row: int, label: Any) -> Saved:
        """Write the label that a person decided; nothing where it stands already."""
        self._reception.require_row(row)
        value, standing = self._reception.value(row, label), self._board.standing
        if standing.settled.get(row) == (value, by):
            return replace(saved_by(self._board.acts.last[row, by]), is_new=False)
        self._reception.require_unsettled(row)
        name = self._reception.name(row)
        if row not in self._board.differing:
            raise InputError(f"nobody differs about the item {name}, so nothing is to settle")
        if by in standing.answers_of(row):
            raise InputError(
                f"{by} has answered the item {name}; a person who has not may settle it"
            )
        facts = {PAGE: True, "ticket": self._cards.ticket(row, by)}
        event = Settled((row,), (value,), "decided by a person", by, facts=facts)
        return saved_by(*self._books.write(event))

    @property
    def doubted(self) -> int | None:
        """How many labels the model contradicts; None until somebody asked."""
        found = self._doubting.found
        return None if found is None else len(found)

    def doubts(self, by: str, n: int) -> list[int]:
        """Rows whose label the model contradicts, for a person to look at; they become theirs."""
        if self._board.training is not None:
            self._doubting.look(self._board.training.id)
        settled = self._board.standing.settled
        rows = [
            each.row
            for each in self._doubting.found or ()
            if self._board.labels.get(each.row) == each.label and each.row not in settled
        ]
        self._dealer.offer(rows)
        chosen = [row for row in rows if self._is_for(row, by)][:n]
        for row in chosen:
            self._dealer.take_first(row, by)
        return chosen

    def _is_for(self, row: int, by: str) -> bool:
        """Whether a person has answered a row alone, or may answer it besides another."""
        return list(self._board.standing.answers_of(row)) == [by] or self._dealer.is_free(row, by)

    def _relabelling(self) -> Relabelling | None:
        """The labels to look at again; the lock is held only while they are copied."""
        with self._lock:
            known, model = Known.of(self._board), self._cards.model
        if model is None:
            return None
        project = self._books.project
        return relabelling(known, model, project.task, k=1, seed=project.settings.seed)

    def _conflict(self, row: int, answers: Mapping[str, Any], by: str) -> Conflict:
        project, written = self._books.project, self._cards.written
        proposal = proposed(list(answers.values()), project.task, self._cards.predicted(row))
        return Conflict(
            row,
            project.ids[row],
            {who: written(value) for who, value in answers.items()},
            written(proposal.value),
            proposal.why,
            self._cards.ticket(row, by),
        )
