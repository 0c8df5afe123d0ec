"""Boxes as targets: where the objects of an image are, and of which class each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from uwe._types import BoolArray, FloatArray, Labels, is_finite
from uwe.errors import InputError, require_known
from uwe.tasks._task import Array, is_missing

__all__ = ["BoxTargets", "Boxes"]

_CORNERS = 4


@dataclass(frozen=True, eq=False)
class Boxes:
    """The boxes of one image.

    Attributes:
        corners: left, top, right and bottom in pixels, float64 ``[m, 4]``.
        classes: numbers of the classes, int64 ``[m]``.
        crowd: which boxes hold a crowd, as COCO's ``iscrowd``, bool ``[m]``.

    >>> Boxes(np.array([[0.0, 0.0, 2.0, 3.0]]), np.array([1])).areas.tolist()
    [6.0]
    """

    corners: FloatArray
    classes: Labels
    crowd: BoolArray = field(default_factory=lambda: np.zeros(0, np.bool_))

    def __post_init__(self) -> None:
        corners = np.asarray(self.corners, dtype=np.float64).reshape(-1, _CORNERS)
        classes = np.asarray(self.classes, dtype=np.int64).reshape(-1)
        crowd = np.asarray(self.crowd, dtype=np.bool_).reshape(-1)
        if len(crowd) == 0:
            crowd = np.zeros(len(classes), np.bool_)
        if not len(corners) == len(classes) == len(crowd):
            raise InputError(
                f"{len(corners)} boxes, but {len(classes)} classes and {len(crowd)} crowd flags"
            )
        for name, value in (("corners", corners), ("classes", classes), ("crowd", crowd)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.classes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Boxes) and self.as_json() == other.as_json()

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        return repr(self.as_json())

    @property
    def areas(self) -> FloatArray:
        """Width times height of each box, float64 ``[m]``; 0 where a corner is out of order."""
        sides = np.maximum(self.corners[:, 2:] - self.corners[:, :2], 0.0)
        areas: FloatArray = sides.prod(1)
        return areas

    def as_json(self) -> dict[str, Any]:
        """The boxes as a value of JSON."""
        crowd = {"crowd": self.crowd.astype(int).tolist()} if self.crowd.any() else {}
        return {"boxes": self.corners.tolist(), "classes": self.classes.tolist(), **crowd}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Boxes:
        """What `as_json` gave."""
        return cls(
            np.asarray(value["boxes"], dtype=np.float64),
            np.asarray(value["classes"], dtype=np.int64),
            np.asarray(value.get("crowd", ()), dtype=np.bool_),
        )


@dataclass(frozen=True)
class BoxTargets:
    """The boxes of each image: objects `Boxes` ``[n]``, None where missing.

    An image without a single object has `Boxes` of length 0, which is a label.

    Attributes:
        names: of the classes.
    """

    names: tuple[str, ...]

    rule = "the answer that was given last"

    @property
    def width(self) -> int:
        """One number a class, for each box."""
        return len(self.names)

    def encode(self, value: Any) -> dict[str, Any] | None:
        """Boxes as a value of JSON.

        Args:
            value: `Boxes`, or a list of ``{"class": name, "xyxy": [left, top, right, bottom]}``,
                with ``xywh`` (left, top, width, height) in the place of ``xyxy`` if that is known,
                and ``"crowd": True`` where a box holds a crowd.

        Raises:
            InputError: a class is unknown, or a box is malformed.

        >>> BoxTargets(("rbc", "wbc")).encode([{"class": "wbc", "xywh": [1, 2, 3, 4]}])
        {'boxes': [[1.0, 2.0, 4.0, 6.0]], 'classes': [1]}
        """
        if is_missing(value):
            return None
        if isinstance(value, Boxes):
            return value.as_json()
        if isinstance(value, Mapping) and "boxes" in value and "classes" in value:
            return self._from_numbers(value).as_json()
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise InputError(f"a label must be a list of boxes, not {value!r}")
        listed = [self._box(each) for each in value]
        return Boxes(
            np.array([corners for corners, _ in listed], dtype=np.float64),
            np.array([number for _, number in listed], dtype=np.int64),
            np.array([bool(each.get("crowd")) for each in value], dtype=np.bool_),
        ).as_json()

    def decode(self, value: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Boxes as people write them, as a list of ``{"class": name, "xyxy": [...]}``."""
        boxes = Boxes.from_json(value)
        columns = boxes.classes.tolist(), boxes.corners.tolist(), boxes.crowd.tolist()
        return [
            {"class": self.names[number], "xyxy": corners, **({"crowd": True} if crowd else {})}
            for number, corners, crowd in zip(*columns, strict=True)
        ]

    def array(self, values: Sequence[Any]) -> Array:
        """Boxes, None where missing."""
        found = np.empty(len(values), dtype=object)
        found[:] = [None if value is None else Boxes.from_json(value) for value in values]
        return found

    def checked(self, targets: Any) -> Array:
        """Boxes ``[n]``; None is missing.

        Raises:
            InputError: something else is among them, or a class is unknown; the row is named.
        """
        found = np.empty(len(targets), dtype=object)
        for row, value in enumerate(targets):
            if value is not None and not isinstance(value, Boxes):
                raise InputError(
                    f"label of row {row} must be Boxes, not of type {type(value).__name__}"
                )
            wrong = [] if value is None else self._outside(value)
            if wrong:
                raise InputError(
                    f"class {wrong[0]} of a box of row {row} is outside the {len(self.names)} "
                    f"classes (0 to {len(self.names) - 1})"
                )
            found[row] = value
        return found

    def known(self, targets: Array) -> BoolArray:
        """Rows that are not None."""
        return np.array([each is not None for each in targets], dtype=np.bool_)

    def values(self, targets: Array) -> list[Any]:
        """Boxes as values of JSON."""
        return [None if each is None else each.as_json() for each in targets]

    def settle(self, values: Sequence[Any]) -> Any:
        """The last answer."""
        return values[-1]

    def cell(self, value: Any) -> str:
        """Boxes as one cell of a table: their class numbers joined by ``|``; ``[]`` without any.

        >>> BoxTargets(("rbc", "wbc")).cell({"boxes": [[0, 0, 1, 1]] * 3, "classes": [0, 0, 1]})
        '0|0|1'
        """
        boxes = value if isinstance(value, Boxes) else Boxes.from_json(value)
        return "|".join(map(str, boxes.classes.tolist())) or "[]"

    def _outside(self, boxes: Boxes) -> list[int]:
        known = (boxes.classes >= 0) & (boxes.classes < len(self.names))
        wrong: list[int] = boxes.classes[~known].tolist()
        return wrong

    def _from_numbers(self, value: Mapping[str, Any]) -> Boxes:
        """Boxes of a value of JSON, checked: people may have written it."""
        try:
            boxes = Boxes.from_json(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"boxes must be rows of four numbers, and classes numbers, not {str(value)[:80]}"
            ) from error
        if not np.isfinite(boxes.corners).all():
            raise InputError(f"a box holds NaN or infinity: {str(value)[:80]}; correct it")
        if wrong := self._outside(boxes):
            raise InputError(
                f"class {wrong[0]} of a box is outside the {len(self.names)} classes "
                f"(0 to {len(self.names) - 1})"
            )
        return boxes

    @cached_property
    def _number(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.names)}

    def _box(self, value: Any) -> tuple[list[float], int]:
        if not isinstance(value, Mapping) or "class" not in value:
            raise InputError(f'a box must be {{"class": ..., "xyxy": [...]}}, not {value!r}')
        name = str(value["class"])
        number = self._number[require_known(name, self.names, "class")]
        kind = next((each for each in ("xyxy", "xywh") if each in value), None)
        given = None if kind is None else value[kind]
        is_listed = isinstance(given, Sequence | np.ndarray) and len(given) == _CORNERS
        if given is None or not is_listed or not all(map(is_finite, given)):
            raise InputError(f"a box needs xyxy or xywh with four numbers, not {str(value)[:80]}")
        left, top, third, fourth = map(float, given)
        far = [third, fourth] if kind == "xyxy" else [left + third, top + fourth]
        return [left, top, *far], number
