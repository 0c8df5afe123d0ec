"""The built-in trackers, each a few lines around the client of another program.

Such a client is imported when a run is logged to it, not before.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from uwe.errors import InputError

__all__ = ["MLflow", "TensorBoard", "WandB"]

PROJECT = "uwe"


class TensorBoard:
    """One folder of event files for each run; TensorBoard hides what the run logged before."""

    def __init__(self, folder: Path, run: str, settings: Mapping[str, Any]) -> None:
        board = _imported("tensorboard", "torch.utils.tensorboard")
        self._writer = board.SummaryWriter(str(folder / "tensorboard" / run), purge_step=0)
        self._writer.add_text("settings", "\n\n".join(f"{k}: {v}" for k, v in settings.items()))

    @staticmethod
    def require() -> None:
        """Check that the package is installed."""
        _imported("tensorboard", "tensorboard")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write the numbers of one cycle."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()


class MLflow:
    """A run of the experiment ``uwe`` at MLFLOW_TRACKING_URI; an existing run is continued."""

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
        self._logged = {metric.step for metric in history}

    @staticmethod
    def require() -> None:
        """Check that the package is installed."""
        _imported("mlflow", "mlflow")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Send the numbers of one cycle, unless MLflow has them."""
        if step in self._logged:
            return
        for name, value in {**values, "n_labeled": float(step)}.items():
            self._client.log_metric(self._run, name, value, step=step)

    def close(self) -> None:
        """Mark the run as finished."""
        self._client.set_terminated(self._run)


class WandB:
    """A run of the project ``uwe``; WANDB_MODE=offline keeps it on this machine."""

    def __init__(self, folder: Path, run: str, settings: Mapping[str, Any]) -> None:
        wandb = _imported("wandb", "wandb")
        folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=PROJECT, id=run, name=run, dir=str(folder), config=dict(settings),
            resume="allow", reinit="create_new", settings=wandb.Settings(silent=True),
        )  # fmt: skip

    @staticmethod
    def require() -> None:
        """Check that the package is installed."""
        _imported("wandb", "wandb")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Send the numbers of one cycle."""
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()


def _imported(extra: str, module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"--log {extra} needs a package that is missing ({error}); install it: "
            f"pip install 'uwe[{extra}]'"
        ) from error
