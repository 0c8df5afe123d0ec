"""Passes: a batch that does not fit is halved, and an output that is not finite stops the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import uwe
from uwe.cli import main
from uwe.experiment.passes import Passes
from uwe.learners import TorchLearner
from uwe.models import Classifier
from uwe.runs.record import fixed_number
from uwe.tasks import classification, multilabel, regression


def experiment(results: Path, **changes) -> uwe.Experiment:
    given = {
        "budgets": (10, 16, 24),
        "model": "small",
        "epochs": 2,
        "pool_size": 80,
        "test_size": 40,
        "threads": 1,
        "device": "cpu",
    }
    return uwe.Experiment("digits", results=results, **{**given, **changes})


def starve(monkeypatch: pytest.MonkeyPatch, most: int, error: type[Exception]) -> list[int]:
    """Let a pass run out of memory beyond ``most`` images; returns the sizes of all batches."""
    sizes: list[int] = []
    predict = Classifier.predict

    def starved(self, x, **options):
        sizes.append(len(x))
        if len(x) > most:
            raise error("can't allocate memory")
        return predict(self, x, **options)

    monkeypatch.setattr(Classifier, "predict", starved)
    return sizes


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, MemoryError])
def test_out_of_memory_halves_the_batch_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """The halved batch is recorded and logged, and every later pass begins with it."""
    sizes = starve(monkeypatch, 20, error)
    [result] = uwe.run(experiment(tmp_path))
    assert result.labels.tolist() == [10, 16, 24]
    for what in ("alc0_*", "muwe"):
        [path] = tmp_path.rglob(f"*_{what}.json")
        batch = fixed_number(path, "inference_batch")
        assert 10 < batch <= 20
        assert f"to {batch} rows, and the record" in path.with_suffix(".log").read_text()
    too_large = [size for size in sizes if size > 20]
    assert len(too_large) == 2 * 5  # from 512 to 16 in each of the two runs; later passes know


def test_a_recorded_batch_is_taken_from_the_record(tmp_path, monkeypatch) -> None:
    """A run whose batch was halved resumes with that batch, even if the memory is now enough."""
    with monkeypatch.context() as patch:
        starve(patch, 20, MemoryError)
        uwe.run(experiment(tmp_path, cycles=1))
    [path] = tmp_path.rglob("*_muwe.json")
    batch = fixed_number(path, "inference_batch")
    sizes = starve(monkeypatch, 10**6, MemoryError)
    uwe.run(experiment(tmp_path))
    assert max(sizes) == batch


def test_an_image_that_does_not_fit_is_an_error(tmp_path, monkeypatch) -> None:
    """If one image does not fit, the run ends with an error that names the device."""
    sizes = starve(monkeypatch, 0, MemoryError)
    with pytest.raises(uwe.RunError, match="a single row does not fit the memory of cpu"):
        uwe.run(experiment(tmp_path))
    assert sizes[-1] == 1


def poison(monkeypatch: pytest.MonkeyPatch, training: int) -> None:
    """Fill the weights of the given training's model, and of every later one, with NaN."""
    fit, trained = TorchLearner.fit, 0

    def poisoned(self: TorchLearner, *args: Any, **keywords: Any) -> Any:
        nonlocal trained
        trained += 1
        model = fit(self, *args, **keywords)
        if trained >= training:
            for weight in model.parameters():
                weight.data.fill_(float("nan"))
        return model

    monkeypatch.setattr(TorchLearner, "fit", poisoned)


@pytest.mark.parametrize("training", [1, 2, 3])
def test_nan_in_the_networks_output(
    tmp_path: Path,
    finished_run: Path,
    training: int,
    monkeypatch: pytest.MonkeyPatch,
    stopped: Callable[..., str],
    small_run: Callable[..., list[str]],
    outcome: Callable[[Path], dict[str, object]],
) -> None:
    """NaN stops the work, cycle and first row are named, and the same command resumes the run."""
    with monkeypatch.context() as patched:
        poison(patched, training)
        line = stopped(small_run(tmp_path))
    assert f"cycle {training - 1}: the model's output for test row 0 is NaN" in line
    tables = list(tmp_path.rglob("*_al_cycle_result.csv"))
    assert [len(path.read_text().splitlines()) - 1 for path in tables] == (
        [training - 1] if training > 1 else []
    )
    models = {path.name.split("_")[-2] for path in tmp_path.rglob("*_model.safetensors")}
    assert len(models) == training - 1
    assert main(small_run(tmp_path)) == 0
    assert outcome(tmp_path) == outcome(finished_run)


@pytest.mark.parametrize(
    ("task", "outputs", "words"),
    [
        (regression(), {"mean": [4, 1]}, r"returned mean of shape \[4, 1\] for 4 numbers"),
        (regression(), {"mean": [4], "variance": [4, 2]}, r"variance of shape \[4, 2\] for 4 num"),
        (multilabel(3), {"binary_logits": [4, 2]}, r"binary_logits of shape \[4, 2\] for 3"),
        (multilabel(3), {"logits": [4, 3]}, "returned logits, but no binary_logits, which multi"),
        (classification(3), {"logits": [4, 2]}, r"returned logits of shape \[4, 2\] for 3 classes"),
        (classification(3), {"logits": [3, 3]}, "returned 3 rows for 4 items"),
    ],
)
def test_outputs_have_the_axes_of_the_task(
    task: uwe.Task, outputs: dict[str, list[int]], words: str
) -> None:
    """An output that is missing or of another shape is one line that names both."""
    said = uwe.Predictions(outputs={name: torch.zeros(shape) for name, shape in outputs.items()})
    learner: Any = SimpleNamespace(name="mine")
    dataset: Any = SimpleNamespace(task=task, test=range(4))
    passes = Passes("run", learner, dataset, Path("none.json"), 1)
    with pytest.raises(uwe.InputError, match=words):
        passes._checked("test", 0, said)


def test_the_output_that_is_not_finite_is_named() -> None:
    """The first such row, and the field that it is in."""
    said = uwe.Predictions(outputs={"mean": torch.zeros(4), "variance": torch.ones(4)})
    said.outputs["variance"][2] = torch.inf
    learner: Any = SimpleNamespace(name="mine")
    dataset: Any = SimpleNamespace(task=regression(), test=range(4))
    passes = Passes("run", learner, dataset, Path("none.json"), 1)
    with pytest.raises(uwe.RunError, match=r"test row 2 is NaN or infinite .* in its variance"):
        passes._checked("test", 0, said)
