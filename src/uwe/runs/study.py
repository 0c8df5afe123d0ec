"""A study and its curves: runs that may be compared, their mean and their deviation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from uwe._types import FloatArray
from uwe.runs.metric import ACCURACY, DEFAULT_TASK
from uwe.runs.record import Record
from uwe.tasks import Metric

__all__ = ["Curve", "Settings", "Study", "details_of"]

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
        return details_of([self, *others])[self]

    def bounds(self, curve: Curve) -> bool:
        """Whether ``curve`` is an upper bound of this study.

        An upper bound has one training, so it lacks the settings of a training that follows
        another (``start``).
        """
        other = curve.study
        if self.name[:3] != other.name[:3]:
            return False
        return tuple(pair for pair in self.settings if pair[0] not in _OF_CYCLES) == other.settings


def details_of(studies: Iterable[Study]) -> dict[Study, str]:
    """For each study, the settings in which others of its name differ from it (`Study.details`).

    >>> one, two = (Study("d", "m", "1", "b", (("rate", rate),)) for rate in ("0.1", "0.2"))
    >>> list(details_of([one, two]).values())
    ['rate 0.1', 'rate 0.2']
    """
    by_name: dict[tuple[str, str, str, str], dict[Study, dict[str, str]]] = {}
    for study in dict.fromkeys(studies):
        by_name.setdefault(study.name, {})[study] = dict(study.settings)
    return {study: told for its in by_name.values() for study, told in _differences(its).items()}


def _differences(its: Mapping[Study, Mapping[str, str]]) -> dict[Study, str]:
    """The same for studies of one name, with their settings."""
    values: dict[str, set[str | None]] = {key: set() for each in its.values() for key in each}
    fingerprints: dict[tuple[str | None, ...], set[str | None]] = {}
    for each in its.values():
        for key in values:
            values[key].add(each.get(key))
        fingerprints.setdefault(_sizes(each), set()).add(each.get(_FINGERPRINT))
    differing = sorted(key for key, found in values.items() if len(found) > 1)
    return {
        study: ", ".join(
            f"{key} {each.get(key, _WITHOUT.get(key, 'unknown'))}"
            for key in differing
            if key != _FINGERPRINT or len(fingerprints[_sizes(each)]) > 1
        )
        for study, each in its.items()
    }


def _sizes(settings: Mapping[str, str]) -> tuple[str | None, ...]:
    return tuple(settings.get(key) for key in _SIZES)


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

    @cached_property
    def n(self) -> npt.NDArray[np.int64]:
        """How many runs got to each budget."""
        runs: npt.NDArray[np.int64] = np.isfinite(self.values).sum(0)
        return runs

    @cached_property
    def mean(self) -> FloatArray:
        """Mean over the runs that got there, a share in percent."""
        mean: FloatArray = np.nansum(self.values, 0) / np.maximum(self.n, 1)
        return mean

    @cached_property
    def std(self) -> FloatArray:
        """The sample's deviation over those runs; NaN for fewer than two."""
        squares = np.nansum((self.values - self.mean) ** 2, 0)
        variance = np.where(self.n > 1, squares / np.maximum(self.n - 1, 1), np.nan)
        deviation: FloatArray = np.sqrt(variance)
        return deviation
