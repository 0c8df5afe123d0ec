"""Conflicts of a project that a rule settles, where it decides anything."""

from __future__ import annotations

from dataclasses import dataclass

from uwe.journal import Settled
from uwe.label.books import Books
from uwe.label.conflicts import rule_of

__all__ = ["Settlement", "settle_by_rule"]


@dataclass(frozen=True)
class Settlement:
    """What became of the conflicts of a project.

    Attributes:
        settled: rows whose label the rule decided.
        left: rows that it left to people, such as those with equal votes.
    """

    settled: tuple[int, ...]
    left: tuple[int, ...]


def settle_by_rule(books: Books, name: str) -> Settlement:
    """Settle the conflicts of a project by a rule; one event holds all that it decides.

    An answer that is taken back later takes the decision back, too.

    Args:
        books: of the project.
        name: ``majority`` of classes; ``mean`` or ``median`` of numbers.

    Raises:
        InputError: there is no such rule, or it does not fit the task.
    """
    rule = rule_of(name, books.project.task)
    with books.telling():
        board = books.board
        decided = {
            row: rule(list(board.standing.answers_of(row).values()))
            for row in sorted(board.differing)
        }
        settled = {row: value for row, value in decided.items() if value is not None}
        if settled:
            books.write(Settled(tuple(settled), tuple(settled.values()), name))
    return Settlement(tuple(settled), tuple(row for row in decided if row not in settled))
