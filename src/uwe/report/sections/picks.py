"""What was picked: a sheet of images a cycle, and a map of the pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uwe._types import FloatArray
from uwe.data import Dataset
from uwe.journal import Event, Queried, replay
from uwe.pool import Pool
from uwe.report.artefacts import events_of, pool_tensor
from uwe.report.charts import draw_scatter
from uwe.report.document import Block, Column, DataTable, Figure, Gallery, Picture, Section, Text
from uwe.report.evidence import Evidence
from uwe.report.pictures import as_address
from uwe.runs import Record

__all__ = ["pick_sections", "principal_components"]


_CYCLES, _PICKS, _MARKS, _POINTS = 6, 10, 12, 700
_ROWS_AT_ONCE = 4096

REASONS = {
    "random": "drawn at random",
    "entropy": "most uncertain by entropy",
    "bvsb": "most uncertain: second against best class",
    "least_confident": "least confident",
    "bald": "dropout passes disagree most",
    "coreset": "far from labelled rows and earlier picks",
    "badge": "long gradient, unlike earlier picks",
    "uwe": "weighted features far from earlier picks",
}
"""Why a strategy picks a row, in a few words."""


@dataclass(frozen=True)
class _Run:
    """One run whose picks are shown."""

    method: str
    strategy: str
    seed: int
    record: Record
    events: Sequence[Event]
    data: Dataset

    def query(self, cycle: int) -> Queried:
        return next(e for e in self.events if isinstance(e, Queried) and e.cycle == cycle)

    def pool_before(self, cycle: int) -> Pool:
        """The pool as the query of ``cycle`` found it."""
        before = self.events[: self.events.index(self.query(cycle))]
        return replay(before, len(self.data.train))

    @property
    def cycles(self) -> list[int]:
        """Cycles in which the strategy chose."""
        return [e.cycle for e in self.events if isinstance(e, Queried) and e.cycle > 0]


def pick_sections(evidence: Evidence, data: Dataset | None, why: str) -> list[Section]:
    """One folded section a strategy, of its first seed's run.

    Args:
        evidence: the study.
        data: its data; None without.
        why: why there is none.
    """
    if data is None:
        return [
            Section("What was picked", [Text(f"Left out, as the images are not at hand: {why}.")])
        ]
    first: dict[int, _Run] = {}
    for at, seed, _, record in evidence.runs():
        if at in first:
            continue
        events = events_of(record)
        if record is not None and events:
            curve = evidence.curves[at]
            first[at] = _Run(curve.method, curve.strategy, seed, record, events, data)
    return [_section(run) for run in first.values()]


def principal_components(features: FloatArray) -> FloatArray:
    """The first two principal components of rows, ``[n, 2]``.

    Formula: (x - mean) v, v the eigenvectors of the covariance with the largest eigenvalues; each
    component's sign is such that its largest loading is positive. Computed in float64, to which
    only some thousand rows are widened at a time.

    Args:
        features: ``[n, d]``.

    Source: Pearson (1901), On lines and planes of closest fit.

    >>> principal_components(np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0]])).tolist()
    [[-2.0, 0.0], [0.0, 0.0], [2.0, 0.0]]
    """
    n, d = features.shape
    mean = features.mean(0, dtype=np.float64)
    blocks = [slice(start, start + _ROWS_AT_ONCE) for start in range(0, n, _ROWS_AT_ONCE)]
    scatter = np.zeros((d, d))
    for block in blocks:
        centred = features[block] - mean
        scatter += centred.T @ centred
    _, vectors = np.linalg.eigh(scatter)
    axes = vectors[:, ::-1][:, :2]
    largest = np.abs(axes).argmax(0)
    axes = axes * np.where(axes[largest, np.arange(axes.shape[1])] < 0, -1.0, 1.0)
    found = np.zeros((n, 2))
    for block in blocks:
        found[block, : axes.shape[1]] = (features[block] - mean) @ axes
    return found


def _section(run: _Run) -> Section:
    told = (
        f"The run of seed {run.seed}. Up to {_PICKS} picks of a cycle, in the order of picking, "
        "with their uncertainty by the model that decided the query, and the share of the "
        "unlabelled rows of which that model was more certain."
    )
    shown = _spread(run.cycles, _CYCLES)
    blocks: list[Block] = [Text(told), *(_sheet(run, cycle) for cycle in shown), *_map(run)]
    return Section(f"What {run.method} picked", blocks, folded=True)


def _spread(cycles: Sequence[int], most: int) -> list[int]:
    """At most ``most`` of the cycles, evenly spread, the first and the last among them."""
    if len(cycles) <= most:
        return list(cycles)
    return [cycles[round(at)] for at in np.linspace(0, len(cycles) - 1, most)]


def _sheet(run: _Run, cycle: int) -> Gallery:
    rows = run.query(cycle).rows[:_PICKS]
    uncertainty = pool_tensor(run.record, cycle, "uncertainty")
    logits = pool_tensor(run.record, cycle, "logits")
    candidates = run.pool_before(cycle).unlabelled
    pictures = tuple(
        Picture(
            as_address(run.data.train.x[row]),
            (*_facts(run, row, logits), *_certainty(row, uncertainty, candidates), _reason(run)),
        )
        for row in rows
    )
    return Gallery(f"Cycle {cycle}, from {len(candidates):,} unlabelled rows", pictures)


def _facts(run: _Run, row: int, logits: FloatArray | None) -> tuple[str, ...]:
    is_class = run.data.classes[run.data.train.y[row]]
    if logits is None:
        return (is_class,)
    said = run.data.classes[int(logits[row].argmax())]
    return (is_class, "predicted so" if said == is_class else f"predicted {said}")


def _certainty(
    row: int, uncertainty: FloatArray | None, candidates: npt.NDArray[np.int64]
) -> tuple[str, ...]:
    if uncertainty is None:
        return ()
    share = float(np.mean(uncertainty[candidates] < uncertainty[row]))
    return (f"{uncertainty[row]:.3g}, above {100 * share:.0f} %",)


def _reason(run: _Run) -> str:
    return REASONS.get(run.strategy, f"chosen by {run.strategy}")


def _map(run: _Run) -> list[Block]:
    """The pool by the model before the last query whose features were kept."""
    for cycle in reversed(run.cycles):
        features = pool_tensor(run.record, cycle, "features")
        if features is not None:
            break
    else:
        return []
    places = principal_components(features)
    y, classes = run.data.train.y, run.data.classes
    background = np.unique(np.linspace(0, len(y) - 1, _POINTS).astype(np.int64))
    picked = [(c, row) for c in run.cycles for row in run.query(c).rows[:_MARKS]]
    chart = draw_scatter(
        [(*places[row].tolist(), f"k{y[row] % 10}") for row in background],
        [(*places[row].tolist(), str(c)) for c, row in picked],
        title=f"Map of the pool: {run.method}",
    )
    columns = (
        Column("row", "row"),
        Column("class", "class"),
        Column("cycle", "cycle"),
        Column("first", "first component", 3),
        Column("second", "second component", 3),
    )
    rows = tuple((int(row), classes[y[row]], c, *places[row].tolist()) for c, row in picked)
    title = (
        "Map of the pool: first two principal components of the features that decided cycle "
        f"{cycle}; {len(background)} rows coloured by class, the first {_MARKS} picks of each "
        "cycle by its number"
    )
    legend = tuple((name, f"k{at % 10}") for at, name in enumerate(classes[:10]))
    return [Figure(title, chart, DataTable(f"map_{run.method}", title, columns, rows), legend)]
