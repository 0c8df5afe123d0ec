"""Logging to other programs: TensorBoard read back, the others against stand-ins."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from uwe.cli import main
from uwe.runs import find_curves

RUN = [
    *("run", "digits", "--model", "small", "--pool-size", "100", "--test-size", "40"),
    *("--epochs", "1", "--strategy", "random"),
]
STEM = "digits_al_modsmall_s1_ne1_bid20-30-40_mrandom"


def run(folder: Path, *more: str) -> int:
    return main([*RUN, "--budgets", "20,30,40", "--results", str(folder), *more])


def accuracies(folder: Path) -> list[float]:
    [curve] = find_curves(folder)
    shares: list[float] = (curve.accuracies[0] / 100).tolist()
    return shares


def test_tensorboard_has_every_cycle_once(tmp_path: Path) -> None:
    """Each cycle's numbers at its number of labels; a second command doubles nothing."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):
        assert run(tmp_path, "--log", "tensorboard") == 0
    board = EventAccumulator(str(tmp_path / "tensorboard" / STEM))
    board.Reload()
    found = board.Scalars("te_accuracy")
    assert [each.step for each in found] == [20, 30, 40]
    assert [each.value for each in found] == pytest.approx(accuracies(tmp_path))
    assert "train_seconds" in board.Tags()["scalars"]


class StandIn:
    """The calls of MLflow's client that are used, kept in memory."""

    def __init__(self) -> None:
        self.experiments: list[str] = []
        self.runs: dict[str, Any] = {}

    def get_experiment_by_name(self, name: str) -> object:
        return SimpleNamespace(experiment_id="7") if name in self.experiments else None

    def create_experiment(self, name: str) -> str:
        self.experiments.append(name)
        return "7"

    def search_runs(self, experiments: list[str], query: str) -> list[Any]:
        assert experiments == ["7"]
        return [run for name, run in self.runs.items() if f"'{name}'" in query]

    def create_run(self, experiment: str, run_name: str) -> Any:
        run = SimpleNamespace(
            info=SimpleNamespace(run_id=run_name), params={}, metrics=[], ended=False
        )
        self.runs[run_name] = run
        return run

    def log_param(self, run: str, name: str, value: str) -> None:
        self.runs[run].params[name] = value

    def log_metric(self, run: str, name: str, value: float, step: int) -> None:
        self.runs[run].metrics.append((name, value, step))

    def get_metric_history(self, run: str, name: str) -> list[Any]:
        return [SimpleNamespace(step=s) for n, _, s in self.runs[run].metrics if n == name]

    def set_terminated(self, run: str) -> None:
        self.runs[run].ended = True


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **members: Any) -> None:
    module = ModuleType(name)
    vars(module).update(members)
    monkeypatch.setitem(sys.modules, name, module)


def test_mlflow_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run has its settings and every cycle once, though it was started three times."""
    client = StandIn()
    stand_in(monkeypatch, "mlflow", MlflowClient=lambda: client)
    assert run(tmp_path, "--log", "mlflow") == 0
    assert run(tmp_path, "--log", "mlflow") == 0
    [(name, found)] = client.runs.items()
    assert name == STEM
    assert found.params["seed"] == "1"
    assert found.ended
    logged = [(step, value) for metric, value, step in found.metrics if metric == "te_accuracy"]
    assert logged == list(zip((20, 30, 40), accuracies(tmp_path), strict=True))


def test_wandb_gets_every_cycle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of the same identity is gone on with; its numbers stand at their labels."""
    began: list[dict[str, Any]] = []
    logged: list[tuple[int, float]] = []
    finished: list[bool] = []

    def init(**settings: Any) -> Any:
        began.append(settings)
        return SimpleNamespace(
            log=lambda values, step: logged.append((step, values["te_accuracy"])),
            finish=lambda: finished.append(True),
        )

    stand_in(monkeypatch, "wandb", init=init, Settings=dict)
    assert run(tmp_path, "--log", "wandb") == 0
    assert [(each["id"], each["resume"]) for each in began] == [(STEM, "allow")]
    assert began[0]["config"]["seed"] == 1
    assert logged == list(zip((20, 30, 40), accuracies(tmp_path), strict=True))
    assert finished == [True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--log", "tensorbord"], "unknown tracker 'tensorbord'; did you mean 'tensorboard'?"),
        (["--log", "wandb", "--log", "wandb"], "tracker wandb is named twice"),
        (["--log", "wandb"], "pip install 'uwe[wandb]'"),
    ],
)
def test_what_cannot_be_logged_to_stops_before_anything(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An unknown tracker, one twice, one that is not installed: one line, code 2, no file."""
    if "twice" in message:
        stand_in(monkeypatch, "wandb")
    else:
        monkeypatch.setitem(sys.modules, "wandb", None)
    assert run(tmp_path / "r", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "r").exists()
