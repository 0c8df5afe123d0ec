"""How values of a metric are written: their decimals, their unit, and the words for differences."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from uwe._types import FloatArray
from uwe.tasks import Metric

__all__ = ["Unit"]

_DIGITS_OF_PERCENT, _FIGURES, _MOST = 2, 4, 8


@dataclass(frozen=True)
class Unit:
    """How values of a metric are written.

    Attributes:
        metric: what the values are; a share is given in percent.
        digits: decimals.

    >>> from uwe.tasks import regression
    >>> unit = Unit.of(regression(unit="mm").headline, np.array([31.25, 28.0]))
    >>> unit.value(31.25), unit.titled("area"), unit.best
    ('31.25 mm', 'area, mm', 'smallest')
    """

    metric: Metric
    digits: int

    @classmethod
    def of(cls, metric: Metric, values: FloatArray) -> Unit:
        """Two decimals for percents; otherwise four figures of the largest value."""
        if metric.unit == "%":
            return cls(metric, _DIGITS_OF_PERCENT)
        sizes = np.abs(values[np.isfinite(values)])
        largest = float(sizes.max()) if sizes.size else 0.0
        places = math.floor(math.log10(largest)) + 1 if largest > 0 else 1
        return cls(metric, min(max(_FIGURES - places, 0), _MOST))

    @property
    def is_percent(self) -> bool:
        """Whether the values are shares in percent."""
        return self.metric.unit == "%"

    @property
    def sign(self) -> float:
        """1 where more is better, -1 where less is."""
        return self.metric.sign

    @property
    def points(self) -> str:
        """What a difference is measured in; empty for a number without a unit."""
        return "points" if self.is_percent else self.metric.unit

    @property
    def best(self) -> str:
        """Which area is the best one."""
        return "largest" if self.metric.higher_is_better else "smallest"

    @property
    def told(self) -> str:
        """The metric in a sentence.

        >>> from uwe.tasks import classification
        >>> Unit(classification().headline, 2).told
        'accuracy in percent'
        """
        if not self.metric.unit:
            return self.metric.label
        return f"{self.metric.label} in {'percent' if self.is_percent else self.metric.unit}"

    @property
    def averaged(self) -> str:
        """The mean of the metric, which may be a mean itself.

        >>> from uwe.tasks import classification, segmentation
        >>> Unit(classification().headline, 2).averaged, Unit(segmentation().headline, 2).averaged
        ('mean accuracy', 'mean IoU')
        """
        label = self.metric.label
        return label if label.startswith("mean ") else f"mean {label}"

    @property
    def heading(self) -> str:
        """The metric at the beginning of a title; an abbreviation such as mAP stays as it is."""
        label = self.metric.label
        return label if label[1:2].isupper() else label[:1].upper() + label[1:]

    @property
    def direction(self) -> str:
        """What a reader has to know where less is better."""
        return "" if self.metric.higher_is_better else " (lower is better)"

    def number(self, value: float, digits: int | None = None) -> str:
        """A value without its unit."""
        return f"{value:.{self.digits if digits is None else digits}f}"

    def value(self, value: float, digits: int | None = None) -> str:
        """A value with its unit."""
        unit = f" {self.metric.unit}" if self.metric.unit else ""
        return self.number(value, digits) + unit

    def difference(self, value: float) -> str:
        """A difference with its unit."""
        return self.number(value) + (f" {self.points}" if self.points else "")

    def titled(self, what: str) -> str:
        """The title of a column or an axis of values."""
        return f"{what}, {self.metric.unit}" if self.metric.unit else what
