"""The learner that the benchmarks train: one of our networks by the paper's recipe."""

from __future__ import annotations

from uwe.data import Preparation
from uwe.learners import TorchLearner, fitted_batch, recipe_for, resolve_device, resolve_precision
from uwe.models import ModelSpec, model_size


def paper_learner(
    spec: ModelSpec, preparation: Preparation, *, epochs: int, precision: str = "auto"
) -> TorchLearner:
    """As a run would make it, on the device there is."""
    device = resolve_device("auto")
    chosen = resolve_precision(precision, device)
    return TorchLearner(
        spec,
        recipe_for(spec.name, epochs=epochs, batch=preparation.batch),
        preparation,
        device,
        fitted_batch(spec.image_shape, model_size(spec).image_bytes, device, chosen),
        chosen,
    )
