"""Runs as other programs show them: TensorBoard, MLflow and Weights & Biases."""

from uwe.tracking.follow import follow
from uwe.tracking.trackers import TRACKERS, Tracker, require_trackers

__all__ = ["TRACKERS", "Tracker", "follow", "require_trackers"]
