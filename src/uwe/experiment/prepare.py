"""Checking everything about experiments before the first file is written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from uwe._files import nearest_existing
from uwe._types import Progress
from uwe.data import Dataset, load_dataset
from uwe.errors import InputError
from uwe.experiment.settings import (
    Experiment,
    budget_id,
    check_model,
    cycle0_settings,
    model_spec,
    run_settings,
)
from uwe.learners import resolve_device, resolve_precision
from uwe.models import ModelSize, ModelSpec, model_size
from uwe.runs import RunFiles, al_files, cycle0_files, supervised_files
from uwe.runs.record import recorded_setting
from uwe.strategies import Strategy, find_strategy, strategy_options

_LONGEST_STEM = 190
"""A file name has 255 bytes, of which up to 60 are the cycle, the kind and a suffix."""

__all__ = ["Prepared", "cycle0_files_of", "files_of", "prepare", "supervised_files_of"]


@dataclass(frozen=True)
class Prepared:
    """An experiment whose every setting has been checked; nothing has been written yet."""

    experiment: Experiment
    dataset: Dataset
    device: torch.device
    options: dict[str, Any]
    budget_id: str
    model: ModelSize
    precision: str

    @property
    def name(self) -> str:
        """The run's name for people."""
        return f"{self.experiment.method}, seed {self.experiment.seed}"

    def first_settings(self, rows: int) -> dict[str, Any]:
        """All that can change the model of cycle 0, trained on ``rows`` labels."""
        return cycle0_settings(
            self.experiment,
            self.dataset,
            rows,
            pretrained=self.model.pretrained,
            precision=self.precision,
        )

    def settings(self) -> dict[str, Any]:
        """All that can change a pick or an accuracy of the run."""
        return run_settings(
            self.experiment,
            self.dataset,
            self.options,
            pretrained=self.model.pretrained,
            precision=self.precision,
        )


def prepare(
    experiments: Sequence[Experiment],
    *,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
) -> list[Prepared]:
    """Check everything that can be checked before the first file is written."""
    if not experiments:
        raise InputError("there is nothing to run: no strategy or no seed was given")
    for experiment in experiments:
        _check_folder(experiment.results)
        resolve_device(experiment.device)
        check_model(experiment)
    options = [_full_options(experiment) for experiment in experiments]
    datasets: dict[tuple[Any, ...], Dataset] = {}
    sizes: dict[ModelSpec, ModelSize] = {}
    prepared = []
    for experiment, its_options in zip(experiments, options, strict=True):
        key = _data_key(experiment)
        if key not in datasets:
            datasets[key] = _loaded(experiment, dataset, progress)
        _check_budgets(experiment, len(datasets[key].train))
        spec = model_spec(experiment, datasets[key])
        if spec not in sizes:
            sizes[spec] = model_size(spec)
        prepared.append(
            Prepared(
                experiment,
                datasets[key],
                resolve_device(experiment.device),
                its_options,
                budget_id(experiment),
                sizes[spec],
                _precision(experiment),
            )
        )
    for each in prepared:
        _check_files(each)
    return prepared


def files_of(prepared: Prepared) -> RunFiles:
    """The files of a strategy's run."""
    experiment = prepared.experiment
    return al_files(
        experiment.results,
        experiment.dataset,
        model=experiment.model,
        seed=experiment.seed,
        epochs=experiment.epochs,
        budget_id=prepared.budget_id,
        method=experiment.method,
        run_tag=experiment.run_tag,
    )


def cycle0_files_of(prepared: Prepared) -> RunFiles:
    """The files of the cycle-0 run that the strategy's run goes on from."""
    return _cycle0_files(prepared.experiment)


def supervised_files_of(prepared: Prepared) -> RunFiles:
    """The files of the upper bound."""
    return _supervised_files(prepared.experiment)


def _cycle0_files(experiment: Experiment) -> RunFiles:
    return cycle0_files(
        experiment.results,
        experiment.dataset,
        model=experiment.model,
        seed=experiment.seed,
        epochs=experiment.epochs,
        budget_id=budget_id(experiment),
    )


def _supervised_files(experiment: Experiment) -> RunFiles:
    return supervised_files(
        experiment.results,
        experiment.dataset,
        model=experiment.model,
        seed=experiment.seed,
        epochs=experiment.epochs,
    )


def _precision(experiment: Experiment) -> str:
    """What is asked for; ``auto`` is what the seed's first models were made with, if there are."""
    if experiment.precision == "auto":
        for files in (_cycle0_files(experiment), _supervised_files(experiment)):
            if (recorded := recorded_setting(files.record, "precision")) is not None:
                return str(recorded)
    return resolve_precision(experiment.precision, resolve_device(experiment.device))


def _full_options(experiment: Experiment) -> dict[str, Any]:
    return strategy_with_options(experiment)[1]


def strategy_with_options(experiment: Experiment) -> tuple[Strategy, dict[str, Any]]:
    """The strategy, and its options with their defaults."""
    try:
        strategy = find_strategy(experiment.strategy, **experiment.options)
    except TypeError as error:
        shown = ", ".join(f"{name}={value!r}" for name, value in experiment.options.items())
        raise InputError(f"strategy {experiment.strategy} cannot take {shown}: {error}") from error
    return strategy, {**strategy_options(experiment.strategy), **experiment.options}


def _data_key(experiment: Experiment) -> tuple[Any, ...]:
    return (
        experiment.dataset,
        experiment.data_dir,
        experiment.image_size,
        experiment.test_fraction,
        experiment.pool_size,
        experiment.test_size,
    )


def _loaded(experiment: Experiment, dataset: Dataset | None, progress: Progress | None) -> Dataset:
    if dataset is not None:
        _check_given(experiment, dataset)
        return dataset.limited(experiment.pool_size, experiment.test_size)
    return load_dataset(
        experiment.dataset,
        data_dir=experiment.data_dir,
        image_size=experiment.image_size,
        test_fraction=experiment.test_fraction,
        pool_size=experiment.pool_size,
        test_size=experiment.test_size,
        progress=progress,
    )


def _check_given(experiment: Experiment, dataset: Dataset) -> None:
    """A data set that is handed over is not loaded, so nothing may say how."""
    for option in ("data_dir", "image_size", "test_fraction"):
        if getattr(experiment, option) is not None:
            raise InputError(f"a data set is handed over, so {option} is not used; leave it out")
    if experiment.dataset != dataset.name:
        raise InputError(
            f"the experiment is on {experiment.dataset!r}, but the data set that is handed over is "
            f"{dataset.name!r}; give both one name"
        )


def _check_budgets(experiment: Experiment, n: int) -> None:
    last = experiment.labels[-1]
    if last > n:
        raise InputError(
            f"the budget {last} exceeds the pool of {n} rows; choose smaller --budgets"
        )


def _check_files(prepared: Prepared) -> None:
    """The run's own folders can be written, and its files' names are short enough."""
    for files in (files_of(prepared), cycle0_files_of(prepared), supervised_files_of(prepared)):
        require_names(files)


def require_names(files: RunFiles) -> None:
    """Check that files of these names can be written.

    Raises:
        InputError: a name is too long, or the folder cannot be written.
    """
    if (length := len(files.stem.encode())) > _LONGEST_STEM:
        raise InputError(
            f"the names of the run's files would begin with {length} characters, and "
            f"{_LONGEST_STEM} are possible; give fewer budgets or shorter tags"
        )
    _check_folder(files.folder)


def _check_folder(folder: Path) -> None:
    """The results folder can be made and written, as far as can be seen without doing so."""
    there = nearest_existing(folder)
    if not there.is_dir():
        raise InputError(f"{there} is a file; --results must name a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"{there} cannot be written; choose another --results folder")
