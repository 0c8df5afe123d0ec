"""Checking everything about experiments before the first file is written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from uwe._files import nearest_existing
from uwe._json import json_value, require_recordable
from uwe._types import Progress
from uwe._unicode import is_unicode
from uwe.data import Dataset, load_dataset
from uwe.errors import InputError
from uwe.experiment.settings import Experiment, epochs_of, settings_of
from uwe.experiment.threads import require_threads
from uwe.learners import (
    Chooses,
    Learner,
    WarmStarts,
    check_model,
    make_learner,
    model_kind,
    model_name,
    require_passes,
    takes_texts,
)
from uwe.oracle import Simulated, check_noise, simulated
from uwe.runs import RunFiles, RunName
from uwe.runs.record import recorded_setting
from uwe.strategies import (
    Strategy,
    as_strategy,
    find_strategy,
    strategy_names,
    strategy_options,
)

__all__ = ["Prepared", "check_arguments", "oracle_of", "prepare", "require_distinct"]


@dataclass(frozen=True)
class Prepared:
    """An experiment whose every setting has been checked; nothing has been written yet.

    Attributes:
        experiment: what is run.
        dataset: its data.
        learner: its learner.
        strategy: its strategy.
        run: name of the run's files.
    """

    experiment: Experiment
    dataset: Dataset
    learner: Learner
    strategy: Strategy
    run: RunName

    @property
    def name(self) -> str:
        """The run's name for people."""
        return f"{self.experiment.method}, seed {self.experiment.seed}"

    @property
    def files(self) -> RunFiles:
        """Files of the strategy's run."""
        return self.run.files(self.experiment.run.results)

    @property
    def cycle0_files(self) -> RunFiles:
        """Files of the cycle-0 run that all strategies of the seed share."""
        return self.run.cycle0().files(self.experiment.run.results)

    @property
    def supervised_files(self) -> RunFiles:
        """Files of the upper bound."""
        return self.run.supervised().files(self.experiment.run.results)

    def first_settings(self, rows: int) -> dict[str, Any]:
        """All that can change the model of cycle 0, trained on ``rows`` labels."""
        settings: dict[str, Any] = json_value(
            {
                **_about_data(self.dataset),
                **self.learner.settings,
                **settings_of(self.experiment, cycle0=True, network=_is_network(self.learner)),
                "rows of cycle 0": rows,
            }
        )
        return settings

    def settings(self) -> dict[str, Any]:
        """All that can change a pick or an accuracy of the run."""
        return {
            **self.first_settings(self.experiment.labels[0]),
            **settings_of(self.experiment, cycle0=False, network=_is_network(self.learner)),
            **{f"option {name}": value for name, value in self.strategy.options.items()},
        }


def check_arguments(experiment: Experiment) -> Strategy:
    """Check all that can be told without the data, and return the experiment's strategy.

    Raises:
        InputError: a name, an option or a folder does not fit.
    """
    _check_unicode(experiment.run.results)
    check_folder(experiment.run.results)
    if experiment.run.threads is not None:
        require_threads(experiment.run.threads)
    learner = experiment.learner
    check_model(learner.model, learner.model_options, vars(experiment.network))
    strategy = _strategy(experiment)
    if strategy.needs.passes and model_kind(learner.model) == "sklearn":
        raise InputError(
            f"strategy {strategy.name} needs {strategy.needs.passes} stochastic passes, which "
            f"{model_name(learner.model)} does not have; choose another strategy"
        )
    return strategy


def prepare(
    experiments: Sequence[Experiment],
    *,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
) -> list[Prepared]:
    """Check everything that can be checked before the first file is written.

    Data sets and learners that experiments have in common are made once.

    Raises:
        InputError: a setting does not fit.
        DataError: the data set is missing or broken.
    """
    if not experiments:
        raise InputError("there is nothing to run: no strategy or no seed was given")
    strategies = [check_arguments(experiment) for experiment in experiments]
    datasets: dict[Any, Dataset] = {}
    learners: dict[Any, Learner] = {}
    prepared = []
    for experiment, strategy in zip(experiments, strategies, strict=True):
        raw = takes_texts(experiment.learner.model)
        if (key := repr((experiment.data, raw))) not in datasets:
            datasets[key] = _loaded(experiment, dataset, progress).answerable()
        task = datasets[key].task
        run = _run_name(experiment, datasets[key])
        each = (key, id(experiment.learner.model), repr(experiment.learner.model_options),
                experiment.network, precision := _precision(experiment, run))  # fmt: skip
        if each not in learners:
            learners[each] = _learner(experiment, datasets[key], precision)
        learner = learners[each]
        run = run if _is_network(learner) else replace(run, epochs=1)
        prepared.append(Prepared(experiment, datasets[key], learner, strategy.for_task(task), run))
        _check(prepared[-1])
    require_distinct(prepared)
    return prepared


def require_distinct(prepared: Sequence[Prepared]) -> None:
    """Refuse experiments whose runs would have the same files.

    Raises:
        InputError: two of them have.
    """
    first: dict[Path, Prepared] = {}
    for each in prepared:
        earlier = first.setdefault(each.files.record, each)
        if earlier is not each:
            raise InputError(
                f"two experiments are named {each.name} and would have the same files; give one of "
                "them a method_tag, or its strategy another name with .named(...)"
            )


def oracle_of(prepared: Prepared) -> Simulated:
    """The simulated oracle of an experiment."""
    return simulated(
        prepared.dataset.task,
        prepared.dataset.train.y,
        noise=prepared.experiment.oracle.label_noise,
        seed=prepared.experiment.seed,
    )


def check_folder(folder: Path) -> None:
    """Check that a folder can be made and written, as far as can be seen without doing so.

    Raises:
        InputError: it cannot.
    """
    there = nearest_existing(folder)
    if not there.is_dir():
        raise InputError(f"{there} is a file; --results must name a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"{there} cannot be written; choose another --results folder")


def _is_network(learner: Learner) -> bool:
    """Whether the options of networks apply; a factory may also make another learner."""
    from uwe.learners import trains_network  # loads torch

    return trains_network(learner)


def _strategy(experiment: Experiment) -> Strategy:
    try:
        strategy = as_strategy(experiment.strategy, experiment.options)
        _require_identified(strategy)
        return strategy
    except TypeError as error:
        shown = ", ".join(f"{name}={value!r}" for name, value in experiment.options.items())
        raise InputError(
            f"strategy {experiment.strategy_name} cannot take {shown}: {error}"
        ) from error


def _require_identified(strategy: Strategy) -> None:
    """A run is found again by the strategy's name and options, so they must tell it apart."""
    if strategy.name == "own" or "lambda" in strategy.name.split("-"):
        raise InputError(
            f"the strategy {strategy.name!r} has no name of its own, so its runs could be mixed "
            'with others; give it one with .named("...")'
        )
    if strategy.name not in strategy_names():
        return
    try:
        same = find_strategy(strategy.name, **strategy.options).choose == strategy.choose
    except (InputError, TypeError):  # options that are recorded by name, such as functions
        known = strategy_options(strategy.name)
        same = bool(strategy.options) and strategy.options.keys() <= known.keys()
    if not same:
        raise InputError(
            f"the strategy is named {strategy.name!r}, which is the name of another strategy; give "
            'it a name of its own with .named("...")'
        )


def _run_name(experiment: Experiment, dataset: Dataset) -> RunName:
    return RunName(
        kind="run",
        dataset=dataset.name,
        model=model_name(experiment.learner.model),
        seed=experiment.seed,
        epochs=epochs_of(experiment),
        budgets=experiment.budget_id,
        method=experiment.method,
        run_tag=experiment.run.run_tag,
    )


def _precision(experiment: Experiment, run: RunName) -> str:
    """The precision asked for; ``auto`` is that of the seed's first models, where they exist."""
    if experiment.network.precision == "auto":
        for name in (run.cycle0(), run.supervised()):
            record = name.files(experiment.run.results).record
            if (recorded := recorded_setting(record, "precision")) is not None:
                return str(recorded)
    return experiment.network.precision


def _learner(experiment: Experiment, dataset: Dataset, precision: str) -> Learner:
    options = {**vars(experiment.network), "precision": precision}
    return make_learner(
        experiment.learner.model,
        dataset,
        options=experiment.learner.model_options,
        network=options,
    )


def _loaded(experiment: Experiment, dataset: Dataset | None, progress: Progress | None) -> Dataset:
    data = experiment.data
    if dataset is not None:
        _check_given(experiment, dataset)
        return dataset.limited(data.pool_size, data.test_size)
    return load_dataset(
        data.dataset,
        **data.source,
        text_rows="texts" if takes_texts(experiment.learner.model) else "tf-idf",
        pool_size=data.pool_size,
        test_size=data.test_size,
        progress=progress,
    )


def _check_given(experiment: Experiment, dataset: Dataset) -> None:
    """A data set that is handed over is not loaded, so no option may say how."""
    for option, value in experiment.data.source.items():
        if value is not None:
            raise InputError(f"a data set is handed over, so {option} is not used; leave it out")
    if experiment.data.dataset != dataset.name:
        raise InputError(
            f"the experiment is on {experiment.data.dataset!r}, but the data set that is handed "
            f"over is {dataset.name!r}; give both one name"
        )


def _check(prepared: Prepared) -> None:
    last, n = prepared.experiment.labels[-1], len(prepared.dataset.train)
    if last > n:
        raise InputError(
            f"the budget {last} exceeds the pool of {n} rows; choose smaller --budgets"
        )
    _check_abilities(prepared)
    require_recordable(prepared.learner.settings, f"settings of {prepared.learner.name}")
    check_noise(prepared.dataset.task, prepared.experiment.oracle.label_noise)
    for files in (prepared.files, prepared.cycle0_files, prepared.supervised_files):
        check_folder(files.folder)


def _check_abilities(prepared: Prepared) -> None:
    """The learner can give what the strategy and the options ask for."""
    learner = prepared.learner
    require_passes(learner, prepared.strategy.needs.passes)
    _check_outputs(prepared)
    if prepared.experiment.network.warm_start and not isinstance(learner, WarmStarts):
        raise InputError(f"{learner.name} cannot start from an earlier model; leave warm_start out")


def _check_outputs(prepared: Prepared) -> None:
    """A network gives one output, which must be all that the strategy reads."""
    if not _is_network(prepared.learner) or isinstance(prepared.learner, Chooses):
        return
    given = {next(iter(prepared.dataset.task.outputs))}
    lacking = sorted(prepared.strategy.needs.outputs - given)
    if lacking:
        raise InputError(
            f"strategy {prepared.strategy.name} needs {lacking[0]}, which a network does not give; "
            "choose bald, which compares dropout passes, a strategy that needs none, such as "
            "coreset, or a model such as sklearn:forest"
        )


def _about_data(dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        "pool size": len(dataset.train),
        "test size": len(dataset.test),
        "data fingerprint": dataset.fingerprint,
        **({} if dataset.task.name == "classification" else {"task": dataset.task.record}),
    }


def _check_unicode(folder: Path) -> None:
    """Models cannot be written below a name that is not Unicode."""
    if not is_unicode(str(folder)):
        raise InputError(
            f"the name of the results folder, {str(folder)!r}, is not Unicode; choose another name"
        )
