"""The classes of what was queried where a label is a mask or several boxes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from uwe.data import Dataset
from uwe.report.document import Column, DataTable, Section, Text
from uwe.report.drawn import pixels_of
from uwe.report.sections.classes import by_class
from uwe.tasks import Masks, Task

__all__ = ["PARTS", "Parts", "parts_section"]

Counts: TypeAlias = npt.NDArray[np.int64]

_VALUES_OF_A_PIXEL = 256


@dataclass(frozen=True)
class Parts:
    """What the labels of a task consist of.

    Attributes:
        title: of the section.
        name: of several parts.
        counted: how many parts of each class a label has, int64 ``[c]``; None where it cannot be
            read.
    """

    title: str
    name: str
    counted: Callable[[Task, Any], Counts | None]


def _pixels_counted(task: Task, label: Any) -> Counts | None:
    pixels = pixels_of(task, label)
    if pixels is None or not isinstance(task.targets, Masks):
        return None
    counts: Counts = np.bincount(pixels.ravel(), minlength=_VALUES_OF_A_PIXEL)
    if task.targets.ignore is not None:  # it may be the number of a class
        counts[task.targets.ignore] = 0
    return counts[: len(task.classes)]


def _objects_counted(task: Task, label: Any) -> Counts | None:
    counts: Counts = np.bincount(np.array(label["classes"], np.int64), minlength=len(task.classes))
    return counts


PARTS: Mapping[str, Parts] = {
    "mask": Parts("Pixels of what was queried", "pixels", _pixels_counted),
    "boxes": Parts("Objects of what was queried", "objects", _objects_counted),
}
"""By the widget of a task."""


def parts_section(
    parts: Parts, found: Mapping[str, Sequence[Any]], data: Dataset | None, why: str
) -> Section:
    """Shares of classes among the pixels or the objects of the queried images.

    Args:
        parts: what a label consists of.
        found: the labels that were answered, by strategy.
        data: the study's data; None without.
        why: why there is none.
    """
    if data is None:
        return Section(parts.title, [Text(f"Left out, as the data is not at hand: {why}.")])
    counts = _counts_of(parts, found, data.task)
    sums = {name: np.sum(each, axis=0) for name, each in counts.items()}
    if not sums:
        return Section(parts.title, [Text("No label of the queried images can be read.")])
    told = (
        f"Share of each class, in percent, among the {parts.name} of the images queried after "
        "cycle 0, all runs together."
    )
    columns = (
        Column("strategy", "strategy"),
        Column("rows", "images"),
        Column("parts", f"{parts.name} an image", 1),
    )
    rows = tuple(
        (name, len(counts[name]), float(each.sum()) / len(counts[name]))
        for name, each in sums.items()
    )
    shares = [each / max(each.sum(), 1) for each in sums.values()]
    figure = by_class(
        DataTable("queried_classes", f"{parts.title}, %", (), ()),
        list(sums), shares, data.classes, most=max(float(np.max(shares)), 0.01),
    )  # fmt: skip
    table = DataTable("queried_parts", parts.title, columns, rows)
    return Section(parts.title, [Text(told), table, figure])


def _counts_of(
    parts: Parts, found: Mapping[str, Sequence[Any]], task: Task
) -> dict[str, list[Counts]]:
    """The counts of every label that can be read, by strategy; each label is read once."""
    read: dict[str, Counts | None] = {}
    counts: dict[str, list[Counts]] = {}
    for name, labels in found.items():
        for label in labels:
            key = json.dumps(label, sort_keys=True)
            if key not in read:
                read[key] = parts.counted(task, label)
            its = read[key]
            if its is not None:
                counts.setdefault(name, []).append(its)
    return counts
