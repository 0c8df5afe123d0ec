"""Passes over pool and test rows: made once, checked, and kept in files."""

from __future__ import annotations

import logging
import time
from typing import Any

import torch

from uwe._files import read_tensors, write_tensors
from uwe._random import derive_seed
from uwe.errors import RunError
from uwe.experiment.work import Work
from uwe.learners import is_out_of_memory
from uwe.models import FALLBACK_RATE
from uwe.predictions import Predictions
from uwe.runs.record import fix_anew, fixed_number
from uwe.uncertainty import entropy

__all__ = ["model_before", "pool_predictions", "predict", "save_predictions"]

log = logging.getLogger("uwe")


def pool_predictions(work: Work, cycle: int) -> tuple[Predictions, float]:
    """What the model before ``cycle`` says of the pool, and the seconds that the pass took.

    The pass of the cycle-0 model was made with it; only dropout passes need another.
    """
    assert work.strategy is not None
    passes = work.strategy.mc_passes
    if cycle == 1 and work.base is not None and not passes:
        logits = read_tensors(work.base.pool_logits(0))["logits"]
        return Predictions(logits, read_tensors(work.base.features(0))["features"]), 0.0
    model = model_before(work, cycle)
    if passes and not model.dropout.p:
        log.info(
            "%s, cycle %d: the model has no dropout; its %d passes use a rate of %g behind the "
            "features, and change nothing else",
            work.name, cycle, passes, FALLBACK_RATE,
            extra={"screen": True} if cycle == 1 else None,
        )  # fmt: skip
    start = time.perf_counter()
    predictions = predict(work, cycle, model, "pool", mc_passes=passes)
    return predictions, time.perf_counter() - start


def model_before(work: Work, cycle: int) -> Any:
    """The model that was trained in the cycle before."""
    files = work.base if cycle == 1 and work.base is not None else work.files
    return work.learner.restore(read_tensors(files.model(cycle - 1)))


def predict(work: Work, cycle: int, model: Any, split: str, *, mc_passes: int = 0) -> Predictions:
    """What ``model`` says of every row of ``split``, ``pool`` or ``test``.

    Where memory does not suffice, the pass begins anew with half the batch, which is recorded, so
    that every pass that is kept was made with one batch.

    Raises:
        RunError: an output is not finite, or a single row does not fit.
    """
    while True:
        batch = fixed_number(work.files.record, "inference_batch")
        try:
            return _pass_of(work, cycle, model, split, batch, mc_passes)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            _halve(work, cycle, split, batch, error)


def _pass_of(
    work: Work, cycle: int, model: Any, split: str, batch: int, mc_passes: int
) -> Predictions:
    x = work.dataset.train.x if split == "pool" else work.dataset.test.x
    predictions = work.learner.with_batch(batch).predict(
        model,
        x,
        mc_passes=mc_passes,
        seed=derive_seed(work.seed, cycle, "dropout passes"),
        progress=lambda done: work.tell(cycle, f"{split} pass", done, len(x)),
    )
    return _checked(work, cycle, split, predictions)


def _halve(work: Work, cycle: int, split: str, batch: int, error: Exception) -> None:
    if batch == 1:
        raise RunError(
            f"{work.name}, cycle {cycle}: a single row does not fit the memory of "
            f"{work.learner.device}; choose a smaller --model or --image-size"
        ) from error
    fix_anew(work.files.record, inference_batch=batch // 2)
    log.warning(
        "%s, cycle %d: out of memory in the %s pass; its batch goes from %d to %d images, as the "
        "record says from now on",
        work.name, cycle, split, batch, batch // 2,
    )  # fmt: skip


def _checked(work: Work, cycle: int, split: str, predictions: Predictions) -> Predictions:
    row = predictions.first_not_finite()
    if row is not None:
        raise RunError(
            f"{work.name}, cycle {cycle}: the network's output for {split} row {row} is NaN or "
            "infinite (the first such row); the training diverged. Every finished cycle is kept"
        )
    return predictions


def save_predictions(work: Work, cycle: int, predictions: Predictions) -> None:
    """Write what the pass that decided the query of ``cycle`` said of the pool."""
    name, scores = _uncertainty(work, predictions)
    write_tensors(work.files.pool_logits(cycle), {"logits": predictions.logits})
    write_tensors(work.files.features(cycle), {"features": predictions.features})
    write_tensors(work.files.uncertainty(cycle, name), {"uncertainty": scores})
    if not work.keep_all:
        for earlier in range(cycle):
            work.files.features(earlier).unlink(missing_ok=True)


def _uncertainty(work: Work, predictions: Predictions) -> tuple[str, torch.Tensor]:
    if work.strategy is None:
        return "entropy", entropy(predictions)
    return work.strategy.measure_name, work.strategy.measure(predictions)
