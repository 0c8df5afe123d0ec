"""A study and its curves: runs that may be compared, their mean and their deviation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from uwe._types import FloatArray
from uwe.runs.metric import ACCURACY, DEFAULT_TASK
from uwe.runs.record import Record
from uwe.tasks import Metric

__all__ = ["Curve", "Settings", "Study"]

Settings: TypeAlias = tuple[tuple[str, str], ...]

_OF_CYCLES = {"start"}  # settings that only a training after another has
_WITHOUT = {"task": DEFAULT_TASK.name, "metric": ACCURACY.label}  # of a study that has no such key
_SIZES, _FINGERPRINT = ("pool size", "test size"), "data fingerprint"


@dataclass(frozen=True, order=True)
class Study:
    """What runs must have in common to be compared.

    Attributes:
        dataset: its name.
        model: its name.
        epochs: of every training.
        budgets: their name.
        settings: everything else that can change a result, from the runs' records, and the task
            if it is not classification; of tables of other programs the metric alone, if it is
            not the accuracy.
    """

    dataset: str
    model: str
    epochs: str
    budgets: str
    settings: Settings = ()

    @property
    def name(self) -> tuple[str, str, str, str]:
        """Data set, model, epochs and budgets, as in file names."""
        return (self.dataset, self.model, self.epochs, self.budgets)

    def details(self, others: Sequence[Study]) -> str:
        """The settings in which studies of the same name differ from this one.

        The fingerprint is left out where the sizes of the data differ, too.
        """
        same = [dict(other.settings) for other in others if other.name == self.name]
        mine = dict(self.settings)
        keys = sorted({key for other in same for key in other})
        told = [key for key in keys if any(other.get(key) != mine.get(key) for other in same)]
        sized = [other for other in same if all(other.get(key) == mine.get(key) for key in _SIZES)]
        if _FINGERPRINT in told and len({other.get(_FINGERPRINT) for other in sized}) == 1:
            told.remove(_FINGERPRINT)
        return ", ".join(f"{key} {mine.get(key, _WITHOUT.get(key, 'unknown'))}" for key in told)

    def bounds(self, curve: Curve) -> bool:
        """Whether ``curve`` is an upper bound of this study.

        An upper bound has one training, so it lacks the settings of a training that follows
        another (``start``).
        """
        other = curve.study
        mine = tuple(pair for pair in self.settings if pair[0] not in _OF_CYCLES)
        return self.name[:3] == other.name[:3] and mine == other.settings


@dataclass(frozen=True)
class Curve:
    """The headline metric against labels of one method over several seeds.

    Attributes:
        study: only curves of one study are compared.
        method: the strategy with its tags, and the options in which it differs from others of
            that name.
        strategy: its name alone.
        seeds: one for each run.
        labels: int64 ``[b]``, rows labelled at each budget.
        values: float64 ``[runs, b]`` of the metric, a share in percent; NaN where a run has not
            got there.
        paths: of the runs' tables.
        records: of the runs; empty for tables of other programs.
        lacks_record: whether the tables are in a results folder but have no record.
        metric: what the values are.
    """

    study: Study
    method: str
    strategy: str
    seeds: tuple[int, ...]
    labels: npt.NDArray[np.int64]
    values: FloatArray
    paths: tuple[Path, ...] = ()
    records: tuple[Record, ...] = ()
    lacks_record: bool = False
    metric: Metric = ACCURACY

    @property
    def n(self) -> npt.NDArray[np.int64]:
        """How many runs got to each budget."""
        runs: npt.NDArray[np.int64] = np.isfinite(self.values).sum(0)
        return runs

    @property
    def mean(self) -> FloatArray:
        """Mean over the runs that got there, a share in percent."""
        mean: FloatArray = np.nansum(self.values, 0) / np.maximum(self.n, 1)
        return mean

    @property
    def std(self) -> FloatArray:
        """The sample's deviation over those runs; NaN for fewer than two."""
        squares = np.nansum((self.values - self.mean) ** 2, 0)
        variance = np.where(self.n > 1, squares / np.maximum(self.n - 1, 1), np.nan)
        deviation: FloatArray = np.sqrt(variance)
        return deviation
