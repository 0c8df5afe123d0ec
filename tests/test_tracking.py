"""Logging to other programs: TensorBoard read back, the others against stand-ins."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from uwe import _plugins
from uwe._plugins import plugins
from uwe.cli import main
from uwe.runs import find_curves
from uwe.tracking import tracker_names

RUN = [
    *("run", "digits", "--model", "small", "--pool-size", "100", "--test-size", "40"),
    *("--epochs", "1", "--strategy", "random"),
]
STEM = "digits_al_modsmall_s1_ne1_bid20-30-40_mrandom"


def run(folder: Path, *more: str) -> int:
    return main([*RUN, "--budgets", "20,30,40", "--results", str(folder), *more])


def accuracies(folder: Path) -> list[float]:
    [curve] = find_curves(folder)
    shares: list[float] = (curve.values[0] / 100).tolist()
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


@pytest.fixture
def another_package(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """A function that registers one more tracker beside the built-in ones."""

    def registered(name: str, value: str) -> None:
        own = EntryPoint(name, value, "uwe.trackers")
        real = entry_points

        def found(group: str) -> EntryPoints:
            also = [own] if group == own.group else []
            return EntryPoints([*also, *real(group=group)])

        monkeypatch.setattr(_plugins, "entry_points", found)
        plugins.cache_clear()

    yield registered
    plugins.cache_clear()


def test_a_tracker_of_another_package_is_logged_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, another_package: Callable[[str, str], None]
) -> None:
    """A registered function without ``require`` gets the folder, the run's name and every cycle."""
    began: list[tuple[Path, str, int]] = []
    logged: list[tuple[int, float]] = []

    def notebook(folder: Path, run: str, settings: dict[str, Any]) -> Any:
        began.append((folder, run, settings["seed"]))
        return SimpleNamespace(
            log=lambda step, values: logged.append((step, values["te_accuracy"])),
            close=lambda: None,
        )

    stand_in(monkeypatch, "notebook_of_theirs", notebook=notebook)
    another_package("notebook", "notebook_of_theirs:notebook")
    assert tracker_names()[-1] == "notebook"
    assert run(tmp_path, "--log", "notebook") == 0
    assert began == [(tmp_path, STEM, 1)]
    assert logged == list(zip((20, 30, 40), accuracies(tmp_path), strict=True))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wandb", "two packages register 'wandb' in the entry-point group uwe.trackers"),
        ("broken", "uwe.trackers (no_such_module:a) cannot be imported"),
    ],
)
def test_a_tracker_that_cannot_be_used_stops_before_anything(
    name: str,
    message: str,
    tmp_path: Path,
    another_package: Callable[[str, str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One name from two packages, or a module that is missing: one line, code 2, no file."""
    another_package(name, "no_such_module:a")
    assert run(tmp_path / "r", "--log", name) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_a_trackers_name_is_checked_without_its_package_and_without_torch() -> None:
    """Names are known and unknown names refused before any client or torch is imported."""
    code = (
        "import sys, uwe.tracking as t; t.tracker_names(); t.find_tracker('tensorboard')\n"
        "try: t.require_trackers(['tensorbord'])\n"
        "except t.table.InputError: pass\n"
        "print([m for m in ('torch', 'tensorboard', 'mlflow', 'wandb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
