"""What a project's last model says of rows, as predictions of Label Studio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from uwe.errors import RunError
from uwe.formats.drawn import parts_given
from uwe.formats.label_studio.labelling import Controls
from uwe.formats.label_studio.pictures import sent_picture
from uwe.formats.label_studio.results import result_of
from uwe.formats.label_studio.shapes import drawn_label
from uwe.journal import Queried
from uwe.project import Project
from uwe.project.given import given_in
from uwe.project.training import last_training, scope_of
from uwe.tasks import SHAPE_WIDGETS

__all__ = ["MODEL", "ScoredLabel", "hidden_prediction", "prediction_of", "scored_labels"]

MODEL = "uwe"
"""The version of every prediction: Label Studio orders tasks by the predictions of one version."""

_TRIES = 5
_DIGITS = 4


@dataclass(frozen=True)
class ScoredLabel:
    """The label that a model gives a row.

    Attributes:
        label: the most probable one, as people write it; boxes and masks as they are drawn.
        score: share of the pool of which the model is less certain: 0 for the row that it is least
            certain of. Label Studio gives out the task of the lowest score first.
    """

    label: Any
    score: float


def scored_labels(project: Project, rows: Sequence[int]) -> Mapping[int, ScoredLabel]:
    """What the last model says of some rows; empty while no model knows all rows and classes.

    Raises:
        RunError: its predictions are missing or damaged.
    """
    if project.task.widget in SHAPE_WIDGETS:
        return _drawn_labels(project, rows)
    from uwe.project.trainer import outputs_of  # loads torch

    task = project.task
    for _ in range(_TRIES):
        events = project.events()
        last = last_training(events)
        scope = scope_of(len(project.ids), task)
        if not rows or last is None or any(last.facts.get(name) != scope[name] for name in scope):
            return {}
        try:
            return _scored(project, outputs_of(last, events, project.files), rows)
        except RunError:
            if last_training(project.events()) == last:
                raise  # else another process has trained, and removed the earlier predictions
    raise RunError(f"other processes trained the project {_TRIES} times over; try again")


def _drawn_labels(project: Project, rows: Sequence[int]) -> dict[int, ScoredLabel]:
    """The boxes or masks that a model gave the rows, those that were picked first before others."""
    events = project.events()
    asked = [row for event in events if isinstance(event, Queried) for row in event.rows]
    place = {row: at for at, row in enumerate(asked)}
    batches = [event.cycle + 1 for event in events if isinstance(event, Queried)]
    given, items = given_in(project.files, batches, project.task), project.items
    found: dict[int, ScoredLabel] = {}
    for row in rows:
        size = items.size(row) if row in given else None
        if size is not None:
            parts = parts_given(project.task, given[row])
            label = drawn_label(parts, size, sent_picture(items, row))
            found[row] = ScoredLabel(label, round(place[row] / len(asked), _DIGITS))
    return found


def _scored(project: Project, predictions: Any, rows: Sequence[int]) -> dict[int, ScoredLabel]:
    from uwe.selecting.reasons import percentiles  # loads torch
    from uwe.uncertainty import measured

    targets = project.task.targets
    at = np.array(rows, dtype=np.int64)
    labels = targets.values(project.task.predicted(predictions)[at])
    measure = project.task.measures[project.task.default_measure]
    scores = measured(measure, predictions).cpu()
    shares = 1.0 - percentiles(scores, np.arange(len(scores)), at) / 100.0
    return {
        row: ScoredLabel(targets.decode(label), round(float(share), _DIGITS))
        for row, label, share in zip(rows, labels, shares, strict=True)
        if label is not None
    }


def prediction_of(scored: ScoredLabel, controls: Controls) -> dict[str, Any]:
    """A prediction with its label.

    >>> crow, controls = ScoredLabel("crow", 0.25), Controls("label", "item", "text", "choices")
    >>> prediction_of(crow, controls)["result"][0]["value"]
    {'choices': ['crow']}
    """
    return {**hidden_prediction(scored), "result": result_of(scored.label, controls)}


def hidden_prediction(scored: ScoredLabel) -> dict[str, Any]:
    """A prediction that orders a task and shows nothing.

    >>> hidden_prediction(ScoredLabel("crow", 0.25))
    {'model_version': 'uwe', 'score': 0.25, 'result': []}
    """
    return {"model_version": MODEL, "score": scored.score, "result": []}
