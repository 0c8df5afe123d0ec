"""How good a project's model is by its audit: what is known, and the sentences for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from uwe._files import remove_unfinished_of, write_json
from uwe._json import json_value
from uwe._types import BoolArray, IntArray
from uwe.project.cross_fitting import Judged, Trial
from uwe.project.files import ProjectFiles
from uwe.project.settings import read_settings
from uwe.statistics import (
    Range,
    audited_share,
    gain_range,
    later_share,
    share_range,
    training_spread,
)

__all__ = [
    "LEAST_AUDIT",
    "LEAST_LABELS",
    "NEXT",
    "PATIENCE",
    "STOP_GAIN",
    "Estimates",
    "estimate_lines",
    "estimated",
    "not_enough",
    "read_estimates",
    "write_estimates",
]

LEAST_LABELS = 200
"""With fewer labels nothing is said: the simulation found no coverage there."""

LEAST_AUDIT = 30
"""With fewer labels of audit rows nothing is said."""

NEXT = 200
"""Labels of the forecast."""

STOP_GAIN = 0.02
"""Labelling may stop when the forecast gain is below this share of the rows."""

PATIENCE = 30.0
"""Seconds that judging may take after each training; what takes longer is done on request."""

_WIDEST = 0.3
_LEAST_POINTS = 3  # of a learning curve of random labels
_FORMAT = 1
_RANGES = ("current", "at_random", "at_random_later", "gain")
_NOT_KNOWN = "accuracy: not known yet"


@dataclass(frozen=True)
class Estimates:
    """What the audit says of the model of a training; shares are from 0 to 1.

    Attributes:
        training: its number.
        labels: that the model was trained on.
        audit: rows of the audit that have a label.
        skipped: rows of the audit that were skipped.
        waiting: rows of the audit that have no label yet.
        unknown: why nothing is known; empty if something is.
        current: the accuracy of the model on rows that are drawn like the pool.
        at_random: the accuracy of a model of ``random_labels`` random labels.
        random_labels: how many labels of audit rows that model has.
        at_random_later: a forecast of the accuracy with twice as many random labels.
        gain: a forecast of what the accuracy gains with `NEXT` further labels.
    """

    training: int
    labels: int
    audit: int
    skipped: int = 0
    waiting: int = 0
    unknown: str = ""
    current: Range | None = None
    at_random: Range | None = None
    random_labels: int = 0
    at_random_later: Range | None = None
    gain: Range | None = None

    def may_stop(self, stop_gain: float = STOP_GAIN) -> bool | None:
        """Whether the forecast gain is surely below ``stop_gain``; None where nothing is known."""
        return None if self.gain is None else self.gain.high < stop_gain

    def lines(self, stop_gain: float = STOP_GAIN) -> tuple[str, ...]:
        """What is known, a sentence each.

        Args:
            stop_gain: a share; labelling may stop when the forecast gain is below it.

        >>> Estimates(3, 1000, 145, current=Range(0.83, 0.78, 0.88)).lines()[0]
        'accuracy: with 1,000 labels 83 % (78 to 88)'
        """
        return (self._accuracy(), *self._forecast(stop_gain), *self._left_out())

    def _accuracy(self) -> str:
        if self.current is None:
            return f"{_NOT_KNOWN} ({self.unknown})" if self.unknown else _NOT_KNOWN
        known = [f"with {self.labels:,} labels {_percent(self.current)}"]
        if self.at_random is not None:
            known.append(f"with {self.random_labels:,} labels at random {_percent(self.at_random)}")
        if self.at_random_later is not None:
            later = _percent(self.at_random_later)
            known.append(f"with {2 * self.random_labels:,} at random {later}, a forecast")
        return "accuracy: " + "; ".join(known)

    def _forecast(self, stop_gain: float) -> Iterator[str]:
        if self.current is None:
            return
        if self.gain is None:
            yield f"another {NEXT:,} labels: not known yet"
            return
        points = [100 * each for each in self.gain]
        yield (
            f"another {NEXT:,} labels: {points[0]:+.1f} points ({points[1]:.1f} to "
            f"{points[2]:.1f}), a forecast"
        )
        if self.may_stop(stop_gain):
            yield (
                f"you may stop: by the forecast, another {NEXT:,} labels gain less than "
                f"{100 * stop_gain:g} points"
            )

    def _left_out(self) -> Iterator[str]:
        if self.skipped:
            yield (
                f"{_rows(self.skipped, 'was', 'were')} skipped: the accuracy is that of rows that "
                "people can label"
            )
        if self.waiting:
            yield f"{_rows(self.waiting, 'has', 'have')} no label yet"


def not_enough(labels: int, audit: int) -> str:
    """Why so few labels do not tell the accuracy; empty if they may.

    >>> not_enough(50, 50)
    '50 labels; 200 are needed'
    """
    if labels < LEAST_LABELS:
        return f"{labels:,} labels; {LEAST_LABELS:,} are needed"
    if audit < LEAST_AUDIT:
        return f"{audit:,} labels of audit rows; {LEAST_AUDIT} are needed"
    return ""


def estimated(found: Judged, counts: Estimates) -> Estimates:
    """What follows from the judged models.

    Args:
        found: the models.
        counts: with the numbers of labels and rows.
    """
    last = found.curve[-1]
    current = audited_share(last.right, last.sure, last.pool_sure)
    if current.width > _WIDEST:
        return replace(counts, unknown=f"{_percent(current)} says too little")
    labels, right = _stacked(found.curve)
    known = replace(counts, current=current, gain=_narrow(gain_range(labels, right, NEXT)))
    return replace(known, **_of_random(found.random))


def _of_random(trials: Sequence[Trial]) -> dict[str, Any]:
    """What is known of random labels, and the forecast of twice as many."""
    if len(trials) < _LEAST_POINTS:
        return {}
    sizes, right = _stacked(trials)
    size = int(sizes[-1])
    share = float(right[-1].mean())
    spread = training_spread(share, size)
    return {
        "at_random": _narrow(share_range(share, right.shape[1], spread=spread)),
        "random_labels": size,
        "at_random_later": _narrow(later_share(sizes, right, 2 * size)),
    }


def _stacked(trials: Sequence[Trial]) -> tuple[IntArray, BoolArray]:
    return np.array([each.labels for each in trials]), np.array([each.right for each in trials])


def _narrow(found: Range | None) -> Range | None:
    return found if found is not None and found.width <= _WIDEST else None


def write_estimates(path: Path, estimates: Estimates) -> None:
    """Write the estimates, whole or not at all."""
    remove_unfinished_of(path)
    write_json(path, {"format": _FORMAT, **json_value(vars(estimates))})


def read_estimates(path: Path) -> Estimates | None:
    """What was written last; None if nothing was, or another version wrote it.

    The file can be made again, so a damaged one is as good as none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != _FORMAT:
            return None
        return Estimates(**_with_ranges(content))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _with_ranges(content: Mapping[str, Any]) -> dict[str, Any]:
    ranges = {name: content[name] for name in _RANGES if content[name] is not None}
    return {**content, **{name: Range(*map(float, ends)) for name, ends in ranges.items()}}


def estimate_lines(files: ProjectFiles, stop_gain: float = STOP_GAIN) -> tuple[str, ...]:
    """What the last training's audit says, a sentence each; none without an audit.

    Args:
        files: of the project.
        stop_gain: a share; labelling may stop when the forecast gain is below it.
    """
    if not read_settings(files.settings).audit:
        return ()
    known = read_estimates(files.estimates)
    return (_NOT_KNOWN,) if known is None else known.lines(stop_gain)


def _percent(share: Range) -> str:
    mean, low, high = (f"{100 * min(max(each, 0.0), 1.0):.0f}" for each in share)
    return f"{mean} % ({low} to {high})"


def _rows(count: int, one: str, several: str) -> str:
    return f"{count:,} audit {f'row {one}' if count == 1 else f'rows {several}'}"
