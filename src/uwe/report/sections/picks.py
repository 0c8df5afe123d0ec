"""What was picked: a sheet of items a cycle, and a map of the pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from uwe._types import FloatArray
from uwe.data import Dataset
from uwe.report.answers import answers_in, candidates, queries_in
from uwe.report.artefacts import Array, events_of, pool_predicted, pool_tensor
from uwe.report.charts import draw_scatter
from uwe.report.document import Block, Column, DataTable, Figure, Gallery, Picture, Section, Text
from uwe.report.drawn import is_drawn, pixels_of, views_of
from uwe.report.evidence import Evidence
from uwe.report.pictures import as_address, is_picture
from uwe.report.sections.words import label_told
from uwe.runs import Record
from uwe.selecting.overlays import legend_of
from uwe.tasks import Task

__all__ = ["pick_sections", "principal_components"]


_CYCLES, _PICKS, _MARKS, _POINTS = 6, 10, 12, 700
_CYCLES_DRAWN, _PICKS_DRAWN = 4, 6
_VALUES, _LETTERS, _COLOURS, _STEPS = 6, 120, 10, 5
_ROWS_AT_ONCE = 4096

REASONS = {
    "random": "drawn at random",
    "entropy": "most uncertain by entropy",
    "bvsb": "most uncertain: second against best class",
    "least_confident": "least confident",
    "margin": "most uncertain: two classes close in probability",
    "bald": "dropout passes disagree most",
    "auto": "chosen by what is known of the pool",
    "maxherding": "covers much that nothing covers yet",
    "uherding": "covers much that is uncertain",
    "probcover": "covers many rows that nothing covers yet",
    "typiclust": "typical of a cluster without labels",
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
    queries: Mapping[int, tuple[int, ...]]
    answers: Mapping[int, Any]
    data: Dataset

    @property
    def task(self) -> Task:
        return self.data.task

    @property
    def cycles(self) -> list[int]:
        """Cycles in which the strategy chose."""
        return [cycle for cycle in self.queries if cycle > 0]

    def answer_told(self, row: int) -> str:
        """What was answered about a row; the report knows no other label."""
        return label_told(self.task, self.answers.get(row))


def pick_sections(evidence: Evidence, data: Dataset | None, why: str) -> list[Section]:
    """One folded section a strategy, of its first seed's run.

    Args:
        evidence: the study.
        data: its data; None without.
        why: why there is none.
    """
    if data is None:
        return [Section("What was picked", [Text(f"Left out, as the data is not at hand: {why}.")])]
    first: dict[int, _Run] = {}
    for at, seed, _, record in evidence.runs():
        if at in first:
            continue
        events = events_of(record)
        if record is not None and events:
            curve = evidence.curves[at]
            queries, answers = queries_in(events), answers_in(events)
            first[at] = _Run(curve.method, curve.strategy, seed, record, queries, answers, data)
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
    if d > n:  # the covariance of 40,000 columns would take 13 GB
        centred = features - mean
        with _one_thread():
            axes = np.linalg.svd(centred, full_matrices=False)[2][:2].T
    else:
        scatter = np.zeros((d, d))
        for block in blocks:
            centred = features[block] - mean
            scatter += centred.T @ centred
        with _one_thread():
            _, vectors = np.linalg.eigh(scatter)
        axes = vectors[:, ::-1][:, :2]
    largest = np.abs(axes).argmax(0)
    axes = axes * np.where(axes[largest, np.arange(axes.shape[1])] < 0, -1.0, 1.0)
    found = np.zeros((n, 2))
    for block in blocks:
        found[block, : axes.shape[1]] = (features[block] - mean) @ axes
    return found


def _one_thread() -> AbstractContextManager[Any]:
    """Linear algebra in one thread: threads that wait for each other take up to 20 times as long.

    That happens where other processes compute, too, and the matrices are small. threadpoolctl
    comes with scikit-learn.
    """
    limits: AbstractContextManager[Any] = import_module("threadpoolctl").threadpool_limits(
        1, user_api="blas"
    )
    return limits


def _section(run: _Run) -> Section:
    drawn = is_drawn(run.task)
    most = _PICKS_DRAWN if drawn else _PICKS
    told = (
        f"The run of seed {run.seed}. Up to {most} picks of a cycle, in the order of picking, "
        "with their uncertainty by the model that decided the query, and the share of the "
        "unlabelled rows of which that model was more certain."
    )
    shown = _spread(run.cycles, _CYCLES_DRAWN if drawn else _CYCLES)
    sheet = _drawn_sheet if drawn else _sheet
    blocks: list[Block] = [Text(told), *(sheet(run, cycle) for cycle in shown), *_map(run)]
    return Section(f"What {run.method} picked", blocks, folded=True)


def _spread(cycles: Sequence[int], most: int) -> list[int]:
    """At most ``most`` of the cycles, evenly spread, the first and the last among them."""
    if len(cycles) <= most:
        return list(cycles)
    return [cycles[round(at)] for at in np.linspace(0, len(cycles) - 1, most)]


def _sheet(run: _Run, cycle: int) -> Gallery:
    rows = run.queries[cycle][:_PICKS]
    uncertainty = pool_tensor(run.record, cycle, "uncertainty")
    predicted = pool_predicted(run.record, cycle, run.task)
    left = candidates(run.queries, cycle, len(run.data.train))
    pictures = tuple(
        _picture(
            run,
            row,
            (
                *_facts(run, row, predicted),
                *_certainty(row, uncertainty, left),
                _reason(run),
            ),
        )
        for row in rows
    )
    return Gallery(f"Cycle {cycle}, from {len(left):,} unlabelled rows", pictures)


def _drawn_sheet(run: _Run, cycle: int) -> Gallery:
    """Picks with the answer and the prediction drawn over the image."""
    rows = run.queries[cycle][:_PICKS_DRAWN]
    uncertainty = pool_tensor(run.record, cycle, "uncertainty")
    outputs = pool_tensor(run.record, cycle, next(iter(run.task.outputs)))
    left = candidates(run.queries, cycle, len(run.data.train))
    pictures: list[Picture] = []
    classes: dict[int, str] = {}
    for row in rows:
        output = None if outputs is None else outputs[row]
        views = views_of(run.task, run.data.train.x[row], run.answers.get(row), output)
        told = _drawn_facts(run, row, output)
        facts = (*told, *_certainty(row, uncertainty, left), _reason(run))
        name = f"id {run.data.ids[row]}"
        pictures.append(Picture("", (name, *facts), tuple((e.what, e.source) for e in views)))
        for view in views:
            classes |= view.classes
    title = f"Cycle {cycle}, from {len(left):,} unlabelled rows"
    return Gallery(title, tuple(pictures), tuple(legend_of(classes)))


def _drawn_facts(run: _Run, row: int, output: Array | None) -> tuple[str, ...]:
    answer = run.answers.get(row)
    if answer is None or run.task.widget != "mask":
        return (run.answer_told(row),)
    return _pixels_told(pixels_of(run.task, answer), output, run.task)


def _pixels_told(truth: Array | None, output: Array | None, task: Task) -> tuple[str, ...]:
    """How many pixels are predicted as they were answered."""
    if truth is None:
        return ("the mask is not at hand",)
    if output is None or truth.shape != output.shape:
        return ()
    counted = truth != getattr(task.targets, "ignore", None)
    if not counted.any():
        return ("every pixel is ignored",)
    return (f"{100 * float(np.mean((truth == output)[counted])):.0f} % of pixels right",)


def _picture(run: _Run, row: int, facts: tuple[str, ...]) -> Picture:
    """The image, or else the row's name and its text or first values."""
    item: Any = run.data.train.x[row]
    if is_picture(item):
        return Picture(as_address(item), facts)
    return Picture("", (f"id {run.data.ids[row]}", _item_told(item), *facts))


def _item_told(item: Any) -> str:
    if hasattr(item, "nnz"):
        return f"{item.nnz:,} of {item.shape[-1]:,} values are not 0"
    if isinstance(item, str):
        return item if len(item) <= _LETTERS else f"{item[:_LETTERS]}\u2026"
    values = np.ravel(item).tolist()
    told = [f"{each:.4g}" if isinstance(each, float) else str(each) for each in values[:_VALUES]]
    return ", ".join(told) + (", \u2026" if len(values) > _VALUES else "")


def _facts(run: _Run, row: int, predicted: Array | None) -> tuple[str, ...]:
    answered = run.answer_told(row)
    if predicted is None:
        return (answered,)
    said = label_told(run.task, run.task.targets.values(predicted[row : row + 1])[0])
    return (answered, "predicted so" if said == answered else f"predicted {said}")


def _certainty(
    row: int, uncertainty: FloatArray | None, left: npt.NDArray[np.int64]
) -> tuple[str, ...]:
    if uncertainty is None:
        return ()
    share = float(np.mean(uncertainty[left] < uncertainty[row]))
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
    background = np.unique(np.linspace(0, len(places) - 1, _POINTS).astype(np.int64)).tolist()
    picked = [(c, row) for c in run.cycles for row in run.queries[c][:_MARKS]]
    colours, legend = _colours(run.task, _labels(run, cycle, background))
    chart = draw_scatter(
        [(*places[row].tolist(), its) for row, its in zip(background, colours, strict=True)],
        [(*places[row].tolist(), str(c)) for c, row in picked],
        title=f"Map of the pool: {run.method}",
    )
    kind = _KINDS.get(run.task.widget, "class")
    columns = (
        Column("row", "row"),
        Column(kind, kind),
        Column("cycle", "cycle"),
        Column("first", "first component", 3),
        Column("second", "second component", 3),
    )
    rows = tuple((int(row), run.answer_told(row), c, *places[row].tolist()) for c, row in picked)
    title = (
        "Map of the pool: first two principal components of the features that decided cycle "
        f"{cycle}; {len(background)} rows{_coloured_by(run.task, kind)}, the first {_MARKS} picks "
        "of each cycle by its number"
    )
    return [Figure(title, chart, DataTable(f"map_{run.method}", title, columns, rows), legend)]


_KINDS = {"number": "label", "mask": "mask", "boxes": "objects"}
"""By the widget of a task, what a label is called; a class where it is not named."""

_UNCOLOURED = ("mask", "boxes")
"""Widgets of labels that are no one class."""


def _coloured_by(task: Task, kind: str) -> str:
    if task.widget in _UNCOLOURED:
        return ""
    return f" coloured by the {kind} that was answered or else predicted"


def _labels(run: _Run, cycle: int, rows: Sequence[int]) -> list[Any]:
    """The answer about each row, or else what the model of ``cycle`` predicts; None without."""
    if run.task.widget in _UNCOLOURED:
        return [None] * len(rows)
    predicted = pool_predicted(run.record, cycle, run.task)
    said: list[Any] = [None] * len(rows)
    if predicted is not None:
        said = run.task.targets.values(predicted[list(rows)])
    return [run.answers.get(row, its) for row, its in zip(rows, said, strict=True)]


def _first(label: Any) -> int | None:
    """The class of a row, the first of several, or None."""
    if isinstance(label, list | tuple):
        return label[0] if label else None
    number: int | None = label
    return number


def _colours(task: Task, labels: Sequence[Any]) -> tuple[list[str], tuple[tuple[str, str], ...]]:
    """The class of each label's colour, and what the colours mean.

    Of several classes the first one counts; numbers are coloured by fifths of them; masks and
    boxes are not coloured.
    """
    if task.widget in _UNCOLOURED:
        return ["base"] * len(labels), ()
    if task.widget != "number":
        firsts = [_first(each) for each in labels]
        names = tuple((name, f"k{at}") for at, name in enumerate(task.classes[:_COLOURS]))
        return ["base" if at is None else f"k{at % _COLOURS}" for at in firsts], names
    known = [each for each in labels if each is not None]
    if not known:
        return ["base"] * len(labels), ()
    ends = np.quantile(known, np.linspace(0, 1, _STEPS + 1)[1:])
    told = tuple((f"up to {label_told(task, float(end))}", f"k{at}") for at, end in enumerate(ends))
    places = [-1 if each is None else int(np.searchsorted(ends, each)) for each in labels]
    return ["base" if at < 0 else f"k{min(at, _STEPS - 1)}" for at in places], told
