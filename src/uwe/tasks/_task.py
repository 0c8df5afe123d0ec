"""A task as a value: what is learnt, and everything that other rooms derive from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from uwe._types import BoolArray
from uwe.embedding import Embedding
from uwe.errors import InputError, from_own, require_known
from uwe.uncertainty import Measure

if TYPE_CHECKING:
    import torch

    from uwe.predictions import Predictions

__all__ = ["SHAPE_WIDGETS", "Array", "Loss", "MeanLoss", "Metric", "TargetKind", "Task"]

Array: TypeAlias = np.ndarray[Any, Any]
Loss: TypeAlias = "Callable[..., torch.Tensor]"
MeanLoss: TypeAlias = "Callable[[Predictions, Array], float | None]"

SHAPE_WIDGETS = frozenset({"mask", "boxes"})
"""The widgets of tasks whose labels are drawn on images."""

_PERCENT = 100.0


@dataclass(frozen=True)
class Metric:
    """A number that says how good predictions are.

    Attributes:
        name: in column names: ``te_`` and ``q_`` stand before it.
        label: for people.
        of: predictions of n rows and their targets give the number; None where there are no rows,
            or the metric is not defined on them.
        unit: ``%`` for a share, which is stored as 0..1 and shown in percent; otherwise what the
            number is measured in, empty for the target's own unit.
        higher_is_better: the direction.
        bounds: the least and the largest possible value, as stored.
    """

    name: str
    label: str
    of: Callable[[Predictions, Array], float | None]
    unit: str = "%"
    higher_is_better: bool = True
    bounds: tuple[float, float] = (0.0, 1.0)

    def measured(self, predictions: Predictions, targets: Array) -> float | None:
        """The number that ``of`` gives, looked at.

        Raises:
            InputError: it is no number.
            RunError: ``of`` is not of uwe, and raises an error that is not of `uwe.errors`.
        """
        with from_own(self.of, f"metric {self.name}"):
            given: Any = self.of(predictions, targets)
        if given is None:
            return None
        try:
            return float(given)
        except (TypeError, ValueError, RuntimeError) as error:
            kind = type(given).__name__
            raise InputError(f"metric {self.name} must give a number; it gave a {kind}") from error

    @property
    def scale(self) -> float:
        """What a stored value is multiplied by to be shown: 100 for a share."""
        return _PERCENT if self.unit == "%" else 1.0

    @property
    def sign(self) -> float:
        """1 where more is better, -1 where less is."""
        return 1.0 if self.higher_is_better else -1.0

    @property
    def test_column(self) -> str:
        """The column of the metric on the test rows."""
        return f"te_{self.name}"

    @property
    def query_column(self) -> str:
        """The column of the metric on the rows just queried."""
        return f"q_{self.name}"

    @property
    def axis(self) -> str:
        """The metric with its unit, as at the axis of a picture.

        >>> from uwe.tasks import regression
        >>> regression().headline.axis
        'RMSE (lower is better)'
        """
        unit = f", {self.unit}" if self.unit else ""
        return f"{self.label}{unit}" + ("" if self.higher_is_better else " (lower is better)")

    def as_json(self) -> dict[str, Any]:
        """Name, unit and direction, for a record."""
        direction = "higher" if self.higher_is_better else "lower"
        return {"name": self.name, "unit": self.unit, "better": direction}


class TargetKind(Protocol):
    """How the labels of a task are read, stored, checked and settled."""

    @property
    def rule(self) -> str:
        """How several people's answers about one row become one, for records."""
        ...

    @property
    def width(self) -> int:
        """Numbers that a model gives for each row."""
        ...

    def encode(self, value: Any) -> Any:
        """A label as people write it, as a value of JSON; None where there is no label.

        Raises:
            InputError: it is a label of another kind, or an unknown class.
        """
        ...

    def decode(self, value: Any) -> Any:
        """What `encode` gave, as people write it."""
        ...

    def array(self, values: Sequence[Any]) -> Array:
        """Values of `encode`, one a row; None is marked as missing."""
        ...

    def checked(self, targets: Any) -> Array:
        """Targets from Python in the array's own form, missing ones marked.

        Raises:
            InputError: type or shape does not fit, or a value is impossible; the row is named.
        """
        ...

    def known(self, targets: Array) -> BoolArray:
        """Which rows have a label, bool ``[n]``."""
        ...

    def values(self, targets: Array) -> list[Any]:
        """Rows of an array as values of JSON; None where missing."""
        ...

    def settle(self, values: Sequence[Any]) -> Any:
        """One value from several people's, in the order of answering."""
        ...


@dataclass(frozen=True, eq=False)
class Task:
    """What is learnt. Tables, curves, report and page derive their columns from it.

    Attributes:
        name: as in ``--task``.
        classes: names of the classes; empty where there are none.
        targets: how labels are read, stored and checked.
        outputs: what a model says of n rows: names, and axes such as ``n c``.
        metrics: the first is the headline.
        measures: uncertainty measures by name; the first is the default weight.
        disagreement: the measure of what stochastic passes disagree on, or None.
        mean_loss: predictions and targets give the mean loss in float64, for tables; None where
            the outputs do not say it.
        predicted: the most probable target of each row, in the form of ``targets``.
        loss: a network's raw outputs ``[b, width]`` and targets give the training loss; None where
            built-in networks do not train for the task.
        gradient: the embedding of gradients of the last layer; None where there is none.
        weighted: the embedding whose rows the named measure has weighted already, place by place;
            None where a row is one place.
        widget: how a person is asked: ``choice``, ``choices``, ``number``, ``mask`` or ``boxes``.
        options: what the task was made with, for records.

    >>> from uwe.tasks import classification
    >>> task = classification(["crow", "rook"])
    >>> task.headline.name, task.default_measure, task.targets.encode("rook")
    ('accuracy', 'entropy', 1)
    """

    name: str
    classes: tuple[str, ...]
    targets: TargetKind
    outputs: Mapping[str, str]
    metrics: tuple[Metric, ...]
    measures: Mapping[str, Measure]
    mean_loss: MeanLoss
    predicted: Callable[[Predictions], Array]
    disagreement: Measure | None = None
    loss: Loss | None = None
    gradient: Embedding | None = None
    weighted: Callable[[str], Embedding] | None = None
    widget: str = "choice"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what in ("outputs", "metrics", "measures"):
            if not getattr(self, what):
                raise InputError(f"task {self.name} has no {what}; give at least one")

    def __hash__(self) -> int:
        return hash((self.name, self.classes))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Task):
            return NotImplemented
        mine, theirs = (
            (each.name, each.classes, dict(each.options), list(each.measures), each.metrics)
            for each in (self, other)
        )
        return [*mine[:4], [m.name for m in mine[4]]] == [*theirs[:4], [m.name for m in theirs[4]]]

    @property
    def headline(self) -> Metric:
        """The first metric: curves, areas and tests are about it."""
        return self.metrics[0]

    @property
    def default_measure(self) -> str:
        """The name of the first measure."""
        return next(iter(self.measures))

    @property
    def width(self) -> int:
        """Numbers that a network gives for each row."""
        return self.targets.width

    def measure(self, name: str) -> Measure:
        """The measure of that name.

        Raises:
            InputError: the task has none of that name.
        """
        if name not in self.measures:
            raise InputError(
                f"{self.name} has no measure {name!r}; its measures are {', '.join(self.measures)}"
            )
        return self.measures[name]

    def metric(self, name: str) -> Metric:
        """The metric of that name.

        Raises:
            InputError: the task has none of that name.
        """
        names = {metric.name: metric for metric in self.metrics}
        return names[require_known(name, names, f"metric of {self.name}")]

    @property
    def record(self) -> dict[str, Any]:
        """The task as it stands in records."""
        return {
            "name": self.name,
            **dict(self.options),
            "metrics": [metric.as_json() for metric in self.metrics],
        }


def is_missing(value: Any) -> bool:
    """Whether a cell says that there is no label: None, NaN, NaT, pandas.NA or an empty text.

    >>> [is_missing(value) for value in (None, float("nan"), " ", 0, "0")]
    [True, True, True, False, False]
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    if isinstance(value, float | np.floating | Decimal):
        return math.isnan(value)
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    return type(value).__name__ in ("NAType", "NaTType")  # of pandas, which is not imported
