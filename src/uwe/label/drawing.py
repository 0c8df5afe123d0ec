"""The boxes and masks of a model, as the page shows them over images."""

from __future__ import annotations

import json
from collections.abc import Mapping

from uwe.journal import Queried
from uwe.label.cards import Prediction
from uwe.project import Project
from uwe.project.digests import digest
from uwe.project.given import drawn_over, drawn_shapes, given_in
from uwe.project.pictures import Picture
from uwe.project.shapes import GivenShapes, MaskFiles, label_in_json
from uwe.selecting.overlays import Drawn, legend

__all__ = ["GivenAtDesk"]


class GivenAtDesk:
    """What models gave the rows of batches; each file is read when a row of it is first shown.

    Args:
        project: whose rows they are.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._batches: dict[int, Mapping[int, GivenShapes]] = {}

    def value(self, row: int, batch: Queried | None) -> object:
        """The boxes or the mask of a row as the journal holds labels; None without any."""
        given = self._of(row, batch)
        return None if given is None else dict(given.value)

    def prediction(self, row: int, batch: Queried | None) -> Prediction | None:
        """The boxes or the mask of a row; None without any, and where they cannot be drawn."""
        given = self._of(row, batch)
        drawn = None if given is None else self._drawn(row, given)
        if given is None or drawn is None:
            return None
        label = label_in_json(self._project.task.targets.decode(given.value))
        tag = digest(json.dumps(given.record, sort_keys=True).encode())
        return Prediction(label, None, legend=tuple(legend(drawn)), drawn=tag)

    def picture(self, row: int, batch: Queried | None) -> Picture | None:
        """The image of a row with its boxes or its mask; None without any.

        Raises:
            DataError: the image cannot be read.
            RunError: the file of the mask is missing or was changed.
        """
        given = self._of(row, batch)
        drawn = None if given is None else self._drawn(row, given)
        picture = None if drawn is None else self._project.items.picture(row)
        return None if drawn is None or picture is None else drawn_over(picture, drawn)

    def _drawn(self, row: int, given: GivenShapes) -> Drawn | None:
        size = self._project.items.size(row)
        if size is None:
            return None
        masks = MaskFiles(self._project.files.masks)
        return drawn_shapes(given, self._project.task, masks, size)

    def _of(self, row: int, batch: Queried | None) -> GivenShapes | None:
        if batch is None:
            return None
        if batch.cycle not in self._batches:
            found = given_in(self._project.files, [batch.cycle + 1], self._project.task)
            self._batches[batch.cycle] = found
        return self._batches[batch.cycle].get(row)
