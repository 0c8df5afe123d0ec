"""What a person chooses about the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from uwe.errors import InputError
from uwe.project.shapes import label_words
from uwe.tasks import Task

__all__ = ["PageOptions", "written"]


def written(label: Any, nothing: str = "none of them") -> str:
    """A label as the page shows it; every digit of a number that a person typed.

    Args:
        label: as people write it.
        nothing: what is said of an empty list.

    >>> written(12345678.5), written(["crow", "jay"]), written([])
    ('12345678.5', 'crow, jay', 'none of them')
    >>> written([{"class": "rbc", "xyxy": [0, 0, 1, 1]}])
    '1 box: 1 rbc'
    """
    if (drawn := label_words(label)) is not None:
        return drawn
    if isinstance(label, int | float):
        return f"{label:.15g}"
    return label if isinstance(label, str) else ", ".join(label) or nothing


@dataclass(frozen=True)
class PageOptions:
    """What a person chooses about the page.

    Attributes:
        title: name of the project, for people.
        show: ``yes``, ``asked`` or ``never``: whether predictions are shown.
        guidelines: text in Markdown; empty for none.
        bounds: the least and the largest number that may be answered, or None.
        unit: of the numbers; empty for none.

    Raises:
        InputError: the bounds fall.
    """

    title: str
    show: str = "yes"
    guidelines: str = ""
    bounds: tuple[float, float] | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        if self.bounds is not None and not self.bounds[0] < self.bounds[1]:
            low, high = self.bounds
            raise InputError(
                f"a range goes from less to more, such as 0:100, not {written(low)}:{written(high)}"
            )

    def checked(self, task: Task, label: Any) -> Any:
        """An answer of the page, if it is within the bounds; the desk checks all else.

        Raises:
            InputError: it is not.

        >>> from uwe.tasks import regression
        >>> PageOptions("mass", bounds=(0, 10)).checked(regression(), 11)
        Traceback (most recent call last):
        uwe.errors.InputError: 11 is outside 0 to 10; give a number in this range
        """
        value = None if self.bounds is None else task.targets.encode(label)
        if self.bounds is not None and value is not None:
            low, high = self.bounds
            if not low <= value <= high:
                raise InputError(
                    f"{written(value)} is outside {written(low)} to {written(high)}; give a number "
                    "in this range"
                )
        return label
