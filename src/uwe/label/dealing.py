"""Which rows a person may be given, and which come next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from itertools import islice

from uwe.label.board import Board
from uwe.label.claims import Claims

__all__ = ["Dealer"]


class Dealer:
    """Gives rows to people so that each is asked of as many people as are wanted, and no more.

    Args:
        board: what the journal says.
        claims: who holds which rows.
    """

    def __init__(self, board: Board, claims: Claims) -> None:
        self._board = board
        self._claims = claims
        self._offered: frozenset[int] = frozenset()

    def offer(self, rows: Iterable[int]) -> None:
        """Labelled rows for which one more person may give a label, in place of earlier ones."""
        self._offered = frozenset(rows)

    def is_free(self, row: int, by: str) -> bool:
        """Whether a person may be asked about a row: it waits, and not for others alone."""
        if (row, by) in self._board.acts.said:
            return False
        return self._places(row) > len(self.others(row, by))

    def _places(self, row: int) -> int:
        """How many further people may be asked about a row."""
        is_offered = row in self._offered and row in self._board.labels
        is_known = row in self._board.differing or row in self._board.standing.settled
        return max(self._board.missing(row), int(is_offered and not is_known))

    def others(self, row: int, by: str) -> set[str]:
        """Who else holds a row and has not answered it."""
        answered = self._board.standing.answers_of(row)
        return {who for who in self._claims.holders(row) if who != by and who not in answered}

    def free(self, by: str) -> Iterator[int]:
        """The rows that a person may be given: first those that they hold, then in order."""
        held = self._claims.of(by)
        yield from (row for row in held if self.is_free(row, by))
        mine = set(held)
        yield from (row for row in self._board.waiting if row not in mine and self.is_free(row, by))

    def take(self, by: str, n: int, *, but: Set[int] = frozenset()) -> list[int]:
        """Give up to ``n`` rows to a person that are not among ``but``."""
        rows = list(islice((row for row in self.free(by) if row not in but), n))
        for row in rows:
            self._claims.take(row, by)
        return rows

    def take_first(self, row: int, by: str) -> bool:
        """Give a row to a person before all that they hold; whether they may have it."""
        is_free = self.is_free(row, by)
        if is_free:
            self._claims.put_first(row, by)
        return is_free

    def renew(self, row: int, by: str) -> None:
        """A person still has a row in front of them."""
        if self.is_free(row, by):
            self._claims.take(row, by)

    def has_fewer_than(self, rows: int) -> bool:
        """Whether fewer rows wait that nobody has answered or holds."""
        untouched = (
            row
            for row in self._board.waiting
            if not self._board.standing.answers_of(row) and not self._claims.holders(row)
        )
        return sum(1 for _ in islice(untouched, rows)) < rows
