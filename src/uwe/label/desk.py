"""A desk: hands out the rows that were picked, and takes what people say about them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from uwe.errors import InputError, require_known
from uwe.label.ahead import Ahead, command_of
from uwe.label.annotators import Annotators
from uwe.label.books import Books
from uwe.label.cards import Card, Conflict, Past, Progress, Saved, saved_by
from uwe.label.claims import Claims
from uwe.label.dealing import Dealer
from uwe.label.errors import NotYours
from uwe.label.grid import nearest_first
from uwe.label.reception import Reception
from uwe.label.review import Review
from uwe.label.sayings import Saying, event_of, seconds_in, shown_in, text_in
from uwe.label.shares import people_wanted, require_share
from uwe.label.showing import Cards
from uwe.label.tickets import Tickets
from uwe.label.undoing import undoing
from uwe.project import Project
from uwe.project.estimates import estimate_lines
from uwe.project.picking import require_count
from uwe.project.pictures import Picture

__all__ = ["Desk"]

_SHOW = ("yes", "asked", "never")
"""When a prediction is shown: with the item, when the person asks for it, never."""

_MOST_AT_ONCE = 200


class Desk:
    """Hands out items of a project to people, and writes what they say to the journal.

    An answer is on the disk when the call returns. Calls may come from several threads; other
    processes may tell, train and pick meanwhile. Make one with `Desk.open`.

    Attributes:
        project: whose items are labelled.
        people: who labels.
    """

    def __init__(
        self,
        project: Project,
        people: Annotators,
        *,
        overlap: float,
        is_shown: bool,
        blind: float,
        claim_seconds: float,
    ) -> None:
        self.project = project
        self.people = people
        self._lock = threading.RLock()
        tickets = Tickets(people.secret)
        self._claims = Claims(claim_seconds)
        self._books = Books(project, people_wanted(project.settings, overlap))
        self._board = self._books.board
        self._dealer = Dealer(self._board, self._claims)
        self._cards = Cards(project, self._board, tickets, is_shown=is_shown, blind=blind)
        self._reception = Reception(project, people, self._board, self._dealer, tickets)
        self._review = Review(self._books, self._cards, self._dealer, self._reception, self._lock)
        self._ahead: Ahead | None = None

    @classmethod
    def open(
        cls,
        project: Project,
        *,
        people: Annotators,
        batch: int = 50,
        ahead: int = 20,
        overlap: float = 0.0,
        show: str = "yes",
        blind: float = 0.1,
        claim_seconds: float = 600,
        train: bool = True,
    ) -> Desk:
        """Open a desk, and start to pick the next batch if few rows are left.

        Args:
            project: whose items are labelled.
            people: who labels.
            batch: rows of the batches that are picked while people label.
            ahead: how many rows must be open and free; with fewer, or none, the next batch is
                picked.
            overlap: share of the rows that two people are asked about.
            show: when a prediction is shown: ``yes``, ``asked`` or ``never``.
            blind: share of the rows whose prediction nobody sees before the answer; rows that
                measure the model are always among them.
            claim_seconds: how long an item stays with a person who does not answer.
            train: whether models are trained and batches picked at all.

        Raises:
            InputError: an option does not fit, or ``overlap`` is given for a single person.
        """
        require_count(batch)
        require_known(show, _SHOW, "value of show")
        require_share(blind, "blind")
        if require_share(overlap, "overlap") and len(people) < 2:
            raise InputError(
                "overlap asks two people about an item, but there is one annotator; name several"
            )
        if ahead < 0 or not claim_seconds > 0:
            raise InputError("ahead must be at least 0, and claim_seconds above 0")
        desk = cls(
            project,
            people,
            overlap=overlap,
            is_shown=show != "never",
            blind=blind,
            claim_seconds=claim_seconds,
        )
        if train and project.settings.source:
            command = command_of(project.files.folder, batch)
            desk._ahead = Ahead(command, lambda: desk._is_short(ahead))
            desk._ahead.look()
        return desk

    def hand_out(self, by: str, n: int = 1, *, holding: Sequence[str] = ()) -> list[Card]:
        """Items for a person to answer, the current one first; they are the person's for a while.

        What the person holds already comes first. Nobody gets an item twice.

        Args:
            by: the person.
            n: how many items, at most; 0 renews those of ``holding`` alone.
            holding: tickets that the person's browser already shows; they are renewed, and not
                given again.
        """
        if n:
            require_count(n)
        with self._at_desk(by):
            shown = {ticket.row for ticket in self._reception.readable(holding, by)}
            for row in shown:
                self._dealer.renew(row, by)
            rows = self._dealer.take(by, min(n, _MOST_AT_ONCE), but=shown)
            return [self._cards.of(row, by) for row in rows]

    def again(self, by: str, row: int) -> Card:
        """An item that the person answered or skipped, or an open one that nobody else has.

        Raises:
            Settled: its label was settled.
            NotYours: another person has it, or has answered it.
        """
        with self._at_desk(by):
            self._reception.require_row(row)
            self._reception.require_unsettled(row)
            is_theirs = (row, by) in self._board.acts.said
            if not is_theirs and not self._dealer.take_first(row, by):
                name = self._reception.name(row)
                raise NotYours(f"the item {name} is not open for you; take the next one")
            return self._cards.of(row, by)

    def answer(
        self,
        by: str,
        ticket: str,
        label: Any,
        *,
        seconds: float | None = None,
        shown: str = "no",
        note: str = "",
        flagged: bool = False,
    ) -> Saved:
        """Write an answer; the same ticket and label change nothing the second time.

        Args:
            by: the person.
            ticket: of the item.
            label: as people write it.
            seconds: that it took.
            shown: whether the person saw the prediction before: ``no``, ``asked`` or ``yes``.
            note: a remark.
            flagged: whether the person flags the item.

        Raises:
            InputError: it is no label of the task.
            Late: the item was answered otherwise, undone, or given to another since the ticket.
            Settled: its label was settled.
            NotYours: the ticket is another person's.
            UnknownTicket: it is none of this project.
        """
        saying = Saying(label, None, text_in(note, "the note"), bool(flagged))
        return self._say(by, {ticket: saying}, seconds=seconds, shown=shown)[0]

    def skip(
        self,
        by: str,
        ticket: str,
        reason: str,
        *,
        seconds: float | None = None,
        shown: str = "no",
        note: str = "",
        flagged: bool = False,
    ) -> Saved:
        """Write that a person cannot answer; the arguments and errors are those of `answer`."""
        told = text_in(reason, "the reason"), text_in(note, "the note")
        saying = Saying(None, *told, bool(flagged))
        return self._say(by, {ticket: saying}, seconds=seconds, shown=shown)[0]

    def answer_many(
        self, by: str, labels: Mapping[str, Any], *, seconds: float | None = None
    ) -> list[Saved]:
        """Write answers about several items as one event: all of them, or none.

        Args:
            by: the person.
            labels: by ticket.
            seconds: that all of them took.

        Raises:
            InputError: as `answer`.
        """
        sayings = {ticket: Saying(label) for ticket, label in labels.items()}
        return self._say(by, sayings, seconds=seconds, shown=None)

    def undo(self, by: str, *, once: str = "") -> Card | None:
        """Take back the person's last act at the page that stands, and give the item again.

        What the person said before that act stands again. None where nothing is left to undo.

        Args:
            by: the person.
            once: name of the request; the same name takes back nothing the second time.
        """
        once = text_in(once, "the name of the request")
        with self._at_desk(by), self._books.telling():
            if (row := self._board.acts.undone.get((by, once))) is not None:
                return self._cards.of(row, by)
            found = self._board.acts.undoable(by)
            if found is None:
                return None
            event, layers = found
            self._books.write(*undoing(by, event, layers, once=once, query_of=self._query_of))
            for row in reversed(layers):
                self._dealer.take_first(row, by)
            return self._cards.of(next(iter(layers)), by)

    def history(self, by: str, n: int = 10) -> list[Past]:
        """What the person said last at the page and still says, the last first."""
        with self._at_desk(by):
            recent = islice(self._board.acts.recent(by), max(n, 0))
            return [self._cards.past(row, said) for row, said in recent]

    def alike(self, by: str, n: int = 24) -> list[Card]:
        """The person's current item, and open items that look most like it; they become theirs.

        They are nearest in the features of the last model; nothing where there are no features.
        """
        require_count(n)
        with self._at_desk(by):
            model, rows = self._cards.model, list(self._dealer.free(by))
            features = model.features(rows) if model is not None and rows else None
            if features is None:
                return []
            order = nearest_first(features[1:], features[0])
            chosen = [rows[0], *(rows[1 + at] for at in order)][: min(n, _MOST_AT_ONCE)]
            for row in chosen:
                self._claims.take(row, by)
            return [self._cards.of(row, by) for row in chosen]

    def drawn_picture(self, by: str, row: int) -> Picture | None:
        """The image of a row with the boxes or the mask of a model; None where none are shown.

        Raises:
            DataError: the image cannot be read.
            RunError: the file of a mask is missing or was changed.
        """
        with self._at_desk(by):
            self._reception.require_row(row)
            return self._cards.drawn_picture(row)

    def progress(self, by: str) -> Progress:
        """How far the labelling has come."""
        with self._at_desk(by):
            board, ahead = self._board, self._ahead
            return Progress(
                rows=board.n,
                labelled=len(board.labels),
                skipped=len(board.skipped),
                open=len(board.waiting),
                mine=len(board.standing.said.get(by, ())),
                by_class=board.by_class(self.project.task),
                seconds_an_item=board.acts.seconds_an_item(by),
                batch=len(board.batches) or None,
                training=ahead is not None and ahead.is_running,
                trouble=None if ahead is None else ahead.trouble,
                estimate=estimate_lines(self.project.files),
                doubts=self._review.doubted,
            )

    def doubts(self, by: str, n: int = 10) -> list[Card]:
        """Labelled items whose label the model contradicts, the least supported first.

        The first call after a training begins a search in a thread, and gives what was found
        before. A person looks at their own answers again, and gives one more answer about those of
        others; where answers then differ, the item is a conflict.

        Args:
            by: the person.
            n: how many items, at most.
        """
        require_count(n)
        with self._at_desk(by):
            return [self._cards.of(row, by) for row in self._review.doubts(by, n)]

    def conflicts(self, by: str) -> list[Conflict]:
        """Items that others answered differently, for this person to decide; the worst first."""
        with self._at_desk(by):
            return self._review.conflicts(by)

    def settle(self, by: str, row: int, label: Any) -> Saved:
        """Decide the label of an item that others answered differently.

        Raises:
            InputError: nobody differs about it, the person is one of those who answered, or it is
                no label.
            Settled: somebody decided otherwise meanwhile.
        """
        with self._at_desk(by), self._books.telling():
            return self._review.settle(by, row, label)

    def release(self, by: str) -> None:
        """Give back what the person holds and has not answered."""
        with self._lock:
            self._claims.drop_all(by)
        self._look_ahead()

    def close(self) -> None:
        """End the training and picking, if a process is at it; every answer is on the disk."""
        if self._ahead is not None:
            self._ahead.close()

    @contextmanager
    def _at_desk(self, by: str) -> Iterator[None]:
        """One thread at a time, which knows what other processes wrote; then look ahead.

        Raises:
            UnknownPerson: nobody of that name labels here.
        """
        with self._lock:
            self.people.require(by)
            self._books.catch_up()
            yield
        self._look_ahead()

    def _say(
        self,
        by: str,
        sayings: Mapping[str, Saying],
        *,
        seconds: float | None,
        shown: str | None,
    ) -> list[Saved]:
        """Write what a person says, by ticket, as one event; what stands already is not written."""
        seconds, shown = seconds_in(seconds), None if shown is None else shown_in(shown)
        with self._at_desk(by), self._books.telling():
            saved: dict[str, Saved] = {}
            new: dict[str, tuple[int, Saying]] = {}
            for text, said in sayings.items():
                ticket = self._reception.read(text, by)
                saying = self._reception.in_json(ticket.row, said)
                known = self._reception.known(ticket, by, saying)
                if known is None:
                    new[text] = ticket.row, saying
                else:
                    saved[text] = known
            if new:
                rows = dict(new.values())
                facts = self._cards.facts(by, list(new), list(rows), shown)
                query = self._query_of(list(rows))
                event = event_of(by, rows, query=query, seconds=seconds, facts=facts)
                now = saved_by(*self._books.write(event))
                saved |= dict.fromkeys(new, now)
                for row in rows:
                    self._claims.drop(row, by)
            return [saved[text] for text in sayings]

    def _query_of(self, rows: Sequence[int]) -> int | None:
        """The id of the event that asked about all of some rows, or None."""
        found = {self._board.queries.get(row) for row in rows}
        return found.pop() if len(found) == 1 else None

    def _is_short(self, ahead: int) -> bool:
        """Whether few rows are open and free, and others are left to pick."""
        with self._lock:
            self._books.catch_up()
            return self._board.left > 0 and self._dealer.has_fewer_than(max(ahead, 1))

    def _look_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead.look()
