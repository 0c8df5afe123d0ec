"""Tasks: what is learnt, as values from which tables, curves and pages derive their columns.

`classification`, `multilabel`, `regression`, `segmentation` and `detection` make the built-in
tasks. Those of other packages come in through the same door, the entry-point group ``uwe.tasks``:
a function of the class names, with keyword options, that returns a `Task`. torch is imported when
something is computed.
"""

from __future__ import annotations

from uwe.tasks._table import (
    as_task,
    describe_task,
    find_task,
    known_tasks,
    measures_by_name,
    metric_of_column,
    task_names,
    task_options,
)
from uwe.tasks._task import SHAPE_WIDGETS, Array, Metric, TargetKind, Task, is_missing
from uwe.tasks.boxes import Boxes, BoxTargets
from uwe.tasks.classification import classification
from uwe.tasks.detection import detection
from uwe.tasks.masks import Mask, Masks
from uwe.tasks.multilabel import multilabel
from uwe.tasks.regression import regression
from uwe.tasks.segmentation import segmentation
from uwe.tasks.targets import Classes, Flags, Reals, are_labels

__all__ = [
    "SHAPE_WIDGETS",
    "Array",
    "BoxTargets",
    "Boxes",
    "Classes",
    "Flags",
    "Mask",
    "Masks",
    "Metric",
    "Reals",
    "TargetKind",
    "Task",
    "are_labels",
    "as_task",
    "classification",
    "describe_task",
    "detection",
    "find_task",
    "is_missing",
    "known_tasks",
    "measures_by_name",
    "metric_of_column",
    "multilabel",
    "regression",
    "segmentation",
    "task_names",
    "task_options",
]
