"""The trackers: each a few lines around another program's client, imported when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from uwe.errors import InputError, require_known

__all__ = ["TRACKERS", "Tracker", "require_trackers"]

PROJECT = "uwe"


class Tracker(Protocol):
    """Where the rows of one run go."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Note the numbers of one cycle; ``step`` is the number of labelled rows."""
        ...

    def close(self) -> None:
        """Nothing more comes."""
        ...


class _TensorBoard:
    """One folder of event files for each run; what a run logged before is hidden, not doubled."""

    def __init__(self, folder: Path, run: str, settings: Mapping[str, Any]) -> None:
        board = _imported("tensorboard", "torch.utils.tensorboard")
        self._writer = board.SummaryWriter(str(folder / "tensorboard" / run), purge_step=0)
        self._writer.add_text("settings", "\n\n".join(f"{k}: {v}" for k, v in settings.items()))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class _MLflow:
    """A run of the experiment ``uwe`` at MLFLOW_TRACKING_URI; a run that is there goes on."""

    def __init__(self, folder: Path, run: str, settings: Mapping[str, Any]) -> None:
        del folder
        self._client = _imported("mlflow", "mlflow").MlflowClient()
        found = self._client.get_experiment_by_name(PROJECT)
        where = found.experiment_id if found else self._client.create_experiment(PROJECT)
        known = self._client.search_runs([where], f"attributes.run_name = '{run}'")
        self._run = (
            known[0] if known else self._client.create_run(where, run_name=run)
        ).info.run_id
        if not known:
            for name, value in settings.items():
                self._client.log_param(self._run, name.replace(":", " "), str(value)[:500])
        history = self._client.get_metric_history(self._run, "n_labeled")
        self._there = {metric.step for metric in history}

    def log(self, step: int, values: Mapping[str, float]) -> None:
        if step in self._there:
            return
        for name, value in {**values, "n_labeled": float(step)}.items():
            self._client.log_metric(self._run, name, value, step=step)

    def close(self) -> None:
        self._client.set_terminated(self._run)


class _WandB:
    """A run of the project ``uwe``; WANDB_MODE=offline keeps it on this machine."""

    def __init__(self, folder: Path, run: str, settings: Mapping[str, Any]) -> None:
        wandb = _imported("wandb", "wandb")
        folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=PROJECT, id=run, name=run, dir=str(folder), config=dict(settings),
            resume="allow", reinit="create_new", settings=wandb.Settings(silent=True),
        )  # fmt: skip

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()


TRACKERS: Mapping[str, Callable[[Path, str, Mapping[str, Any]], Tracker]] = {
    "tensorboard": _TensorBoard,
    "mlflow": _MLflow,
    "wandb": _WandB,
}
"""From a name to what begins (or goes on with) the run of that name, beside a results folder."""

_MODULES = {"tensorboard": "torch.utils.tensorboard", "mlflow": "mlflow", "wandb": "wandb"}


def require_trackers(names: Sequence[str]) -> None:
    """Refuse what is unknown or not installed, before anything is run.

    Raises:
        InputError: a name is unknown or twice there, or its package is missing.
    """
    for name in names:
        require_known(name, TRACKERS, "tracker")
        if list(names).count(name) > 1:
            raise InputError(f"tracker {name} is named twice")
        _imported(name, _MODULES[name])


def _imported(extra: str, module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"--log {extra} needs a package that is missing ({error}); install it: "
            f"pip install 'uwe[{extra}]'"
        ) from error
