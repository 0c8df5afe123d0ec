"""Metrics of tasks are those of scikit-learn, on all that it defines."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from uwe.predictions import Predictions
from uwe.tasks import multilabel, regression

metrics = pytest.importorskip("sklearn.metrics")

SHAPES = st.tuples(st.integers(2, 12), st.integers(1, 4))


@st.composite
def judged_labels(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Logits with many ties, and flags."""
    n, c = draw(SHAPES)
    logits = draw(npst.arrays("int8", (n, c), elements=st.integers(-3, 3)))
    flags = draw(npst.arrays("int8", (n, c), elements=st.integers(0, 1)))
    return logits.astype(np.float32) / 2, flags


def of_labels(logits: np.ndarray, flags: np.ndarray) -> dict[str, float | None]:
    said = Predictions(outputs={"binary_logits": torch.from_numpy(logits)})
    return {each.name: each.of(said, flags) for each in multilabel(flags.shape[1]).metrics}


@given(judged_labels())
def test_f1_is_that_of_scikit_learn(judged) -> None:
    """Micro as it is; macro over the labels that apply or are predicted."""
    logits, flags = judged
    ours, said = of_labels(logits, flags), (logits > 0).astype(np.int8)
    micro = metrics.f1_score(flags.ravel(), said.ravel(), zero_division=0.0)
    assert ours["micro_f1"] == pytest.approx(micro, abs=1e-12)
    there = (flags.any(0)) | (said.any(0))
    if not there.any():
        assert ours["macro_f1"] is None
        return
    each = [
        metrics.f1_score(flags[:, at], said[:, at], zero_division=0.0)
        for at in np.flatnonzero(there)
    ]
    assert ours["macro_f1"] == pytest.approx(np.mean(each), abs=1e-12)


@given(judged_labels())
def test_average_precision_is_that_of_scikit_learn(judged) -> None:
    """Ties count once; a label that applies to no row has none."""
    logits, flags = judged
    there = np.flatnonzero(flags.any(0))
    ours = of_labels(logits, flags)["map"]
    if not len(there):
        assert ours is None
        return
    theirs = [metrics.average_precision_score(flags[:, at], logits[:, at]) for at in there]
    assert ours == pytest.approx(np.mean(theirs), abs=1e-12)


NUMBERS = st.floats(-100, 100, width=32)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=20))
def test_metrics_of_numbers_are_those_of_scikit_learn(pairs) -> None:
    """RMSE, MAE, R² and the mean loss; R² is not defined where all targets are equal."""
    mean, y = np.array(pairs, dtype=np.float64).T
    said = Predictions(outputs={"mean": torch.from_numpy(mean)})
    task = regression()
    ours = {each.name: each.of(said, y) for each in task.metrics}
    assert ours["rmse"] == pytest.approx(metrics.root_mean_squared_error(y, mean), rel=1e-9)
    assert ours["mae"] == pytest.approx(metrics.mean_absolute_error(y, mean), rel=1e-9)
    assert task.mean_loss(said, y) == pytest.approx(metrics.mean_squared_error(y, mean), rel=1e-9)
    if np.ptp(y) > 1e-3:
        assert ours["r2"] == pytest.approx(metrics.r2_score(y, mean), rel=1e-6, abs=1e-9)
    assert regression().metric("r2").of(said, np.zeros(len(y))) is None


@given(judged_labels())
def test_the_mean_loss_of_labels_is_the_log_loss(judged) -> None:
    """Mean over rows and labels of the binary log loss."""
    logits, flags = judged
    said = Predictions(outputs={"binary_logits": torch.from_numpy(logits)})
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    theirs = metrics.log_loss(flags.ravel(), p.ravel(), labels=[0, 1])
    ours = multilabel(flags.shape[1]).mean_loss(said, flags)
    assert ours == pytest.approx(theirs, rel=1e-9)
