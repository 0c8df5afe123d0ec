"""Cards: an item with the reason for it, the model's prediction, and what the person said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from uwe.label.acts import Said
from uwe.label.board import Board
from uwe.label.cards import Card, Past, Prediction
from uwe.label.drawing import GivenAtDesk
from uwe.label.predicted import Model
from uwe.label.reasons import Reasons
from uwe.label.shares import in_share
from uwe.label.tickets import Tickets
from uwe.project import Project
from uwe.project.pictures import Picture
from uwe.project.shapes import has_shapes, label_in_json

__all__ = ["Cards"]


class Cards:
    """Makes the cards of a project.

    Args:
        project: whose items they show.
        board: what the journal says.
        tickets: signs a ticket for each card.
        is_shown: whether predictions are shown at all.
        blind: share of the rows whose prediction is not shown.
    """

    def __init__(
        self, project: Project, board: Board, tickets: Tickets, *, is_shown: bool, blind: float
    ) -> None:
        self._project = project
        self._board = board
        self._tickets = tickets
        self._is_shown = is_shown
        self._blind = blind
        self._reasons = Reasons(project.files, project.ids)
        self._given = GivenAtDesk(project) if has_shapes(project.task) else None
        self._model: tuple[int, Model] | None = None
        self._said: dict[tuple[int, str], Any] = {}  # by the model, of the card that a person has

    def of(self, row: int, by: str) -> Card:
        """The card of a row for a person."""
        batch, said = self._board.batch_of(row), self._board.acts.said.get((row, by))
        is_blind = self.is_blind(row)
        self._said[row, by] = self.predicted(row)
        nearest = self._reasons.nearest(row, batch)
        return Card(
            row=row,
            id=self._project.ids[row],
            ticket=self.ticket(row, by),
            batch=None if batch is None else batch.cycle + 1,
            why=self._reasons.of(
                row,
                batch,
                is_audit=row in self._board.audit,
                label=None if nearest is None else self.written(self._board.labels.get(nearest)),
            ),
            prediction=self.prediction(row) if self._is_shown and not is_blind else None,
            blind=is_blind,
            answer=None if said is None else self.written(said.value),
            skipped=None if said is None else said.reason,
            note="" if said is None else said.note,
            flagged=said is not None and said.flagged,
        )

    def past(self, row: int, said: Said) -> Past:
        """What a person said about a row, for the history."""
        label = self.written(said.value)
        return Past(
            said.event, row, self._project.ids[row], label, said.reason, said.at, said.flagged
        )

    def ticket(self, row: int, by: str) -> str:
        """The ticket of a person for a row."""
        return self._tickets.of(by, row, self._board.acts.basis(row, by))

    def is_blind(self, row: int) -> bool:
        """Whether a row is answered without the prediction; rows that measure the model are.

        Boxes and masks are always shown: the page cannot draw others.
        """
        if self._given is not None:
            return False
        seed = self._project.settings.seed
        return row in self._board.audit or in_share(row, self._blind, seed=seed, role="blind")

    def facts(
        self, by: str, tickets: Sequence[str], rows: Sequence[int], shown: str | None
    ) -> dict[str, Any]:
        """What the journal records of an answer besides the label.

        The prediction is that of the card, also where another model was trained since.

        Args:
            by: the person.
            tickets: of the rows.
            rows: that are answered at once.
            shown: whether the person saw the prediction of the row; None where it is not known.
        """
        if shown is None:
            return {"tickets": list(tickets)}
        [row] = rows
        known = self._said.pop((row, by), None)
        predicted = self.predicted(row) if known is None else known
        return {
            "ticket": tickets[0],
            "shown": "no" if self.is_blind(row) else shown,
            **({} if predicted is None else {"predicted": predicted}),
        }

    def prediction(self, row: int) -> Prediction | None:
        """What the last model says of a row, or None."""
        if self._given is not None:
            return self._given.prediction(row, self._board.batch_of(row))
        model = self.model
        return None if model is None else model.prediction(row)

    def predicted(self, row: int) -> Any:
        """The most probable label of a row in JSON, or None."""
        if self._given is not None:
            return self._given.value(row, self._board.batch_of(row))
        model = self.model
        return None if model is None else model.value(row)

    def written(self, value: Any) -> Any:
        """A label as people write it, in the types of JSON; None of None."""
        return None if value is None else label_in_json(self._project.task.targets.decode(value))

    def drawn_picture(self, row: int) -> Picture | None:
        """The image of a row with the boxes or the mask of a model; None where none are shown.

        Raises:
            DataError: the image cannot be read.
            RunError: the file of the mask is missing or was changed.
        """
        if self._given is None or not self._is_shown:
            return None
        return self._given.picture(row, self._board.batch_of(row))

    @property
    def model(self) -> Model | None:
        """The last model of this pool and these classes, or None."""
        training, task = self._board.training, self._project.task
        if training is None:
            return None
        if (
            self._model is None
            or self._model[0] != training.id
            or (self._model[1].classes != task.classes)
        ):
            model = Model(self._project.files, training, task, self._board.n)
            self._model = training.id, model
        return self._model[1]
