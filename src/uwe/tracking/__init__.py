"""Logging of runs to other programs: TensorBoard, MLflow, Weights & Biases, and plug-ins."""

from uwe.tracking.follow import follow
from uwe.tracking.table import (
    Tracker,
    TrackerFactory,
    describe_tracker,
    find_tracker,
    require_trackers,
    tracker_names,
)

__all__ = [
    "Tracker",
    "TrackerFactory",
    "describe_tracker",
    "find_tracker",
    "follow",
    "require_trackers",
    "tracker_names",
]
