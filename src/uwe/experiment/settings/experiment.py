"""An experiment: one data set, learner, strategy, seed, list of budgets and oracle."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from uwe._json import json_value
from uwe._random import as_seed
from uwe._settings import check_settings, documented, recorded, setting
from uwe.errors import InputError, require_known
from uwe.experiment.settings.parts import (
    DataOptions,
    LearnerOptions,
    OracleOptions,
    RunOptions,
    as_options,
)
from uwe.learners import NetworkOptions, epochs_for, model_name
from uwe.runs.budgets import BUDGETS, as_budgets, budget_id
from uwe.strategies import Strategy, as_strategy

__all__ = ["PARTS", "Experiment", "as_json", "epochs_of", "settings_of"]

PARTS: Mapping[str, type] = {
    "data": DataOptions,
    "learner": LearnerOptions,
    "network": NetworkOptions,
    "oracle": OracleOptions,
    "run": RunOptions,
}
"""The parts by the names of the experiment's fields."""

_PART_OF = {field.name: name for name, part in PARTS.items() for field, _ in documented(part)}
_STARTS = {"scratch": False, "warm": True}


@dataclass(frozen=True, init=False)
class Experiment:
    """One active-learning run.

    Options are given flat, ``Experiment("digits", model="small", epochs=20)``, or as parts,
    ``Experiment(data=DataOptions("digits"), network=NetworkOptions(epochs=20))``; a flat option
    replaces that of the part. Every option can be read flat, too: ``experiment.epochs``. The
    options and their documentation are those of the parts in `uwe.experiment.settings.parts`, and
    the flags of ``uwe run`` have the same names.

    Attributes:
        strategy: name of ``uwe list strategies``, or a strategy value.
        options: options of a strategy that is given by name, such as ``{"uncertainty": "bvsb"}``.
        seed: from 1 to 2³² - 1; everything random follows from it.
        budgets: labelled rows after each cycle, rising; or a name of ``uwe list budgets``.
        data: the data set.
        learner: the model.
        network: how a network is trained.
        oracle: who answers the queries.
        run: where the run writes, and what it keeps.

    Raises:
        InputError: a value does not fit; names are checked when the experiment is run.

    >>> Experiment("digits", budgets="20,40").budgets
    (20, 40)
    >>> Experiment("digits", label_noise=0.1).oracle
    OracleOptions(label_noise=0.1)
    """

    strategy: str | Strategy = setting(
        "uwe",
        "A name of `uwe list strategies`; may be given several times. Default: uwe.",
        record="strategy",
        cycle0=False,
        as_recorded=lambda strategy: getattr(strategy, "name", strategy),
        repeated=True,
    )
    options: Mapping[str, Any] = setting(
        {}, "NAME=VALUE, an option of the strategy.", flags=("--option",), repeated=True
    )
    seed: int = setting(
        1,
        "One seed or several: 3, 1-3, 1,5; from 1 to 4294967295.",
        at_least=1,
        record="seed",
        flags=("--seeds",),
    )
    budgets: str | tuple[int, ...] = setting(
        "exp05k",
        "Labelled rows after each cycle: a name of `uwe list budgets`, or 20,40,80.",
        record="budgets",
        cycle0=False,
        as_recorded=lambda budgets: list(BUDGETS[budgets] if isinstance(budgets, str) else budgets),
    )
    data: DataOptions = DataOptions()
    learner: LearnerOptions = LearnerOptions()
    network: NetworkOptions = NetworkOptions()
    oracle: OracleOptions = OracleOptions()
    run: RunOptions = RunOptions()

    def __init__(self, dataset: str | None = None, **given: Any) -> None:
        flat = given if dataset is None else {"dataset": dataset, **given}
        flat = _without_former_names(flat)
        known = {each.name for each in fields(self)}
        for name in flat:
            require_known(name, [*known, *_PART_OF], "option of Experiment")
        for each in fields(self):
            value = flat.get(each.name, _default_of(each))
            if each.name in PARTS and not isinstance(value, PARTS[each.name]):
                raise InputError(f"{each.name} must be {PARTS[each.name].__name__}, not {value!r}")
            mine = {name: flat[name] for name in flat if _PART_OF.get(name) == each.name}
            object.__setattr__(self, each.name, replace(value, **mine) if mine else value)
        object.__setattr__(self, "budgets", as_budgets(self.budgets))
        object.__setattr__(self, "options", as_options("options", self.options))
        if not self.data.dataset:
            raise InputError("an experiment needs a dataset; give its name")
        if not isinstance(self.strategy, str):
            as_strategy(self.strategy)  # refuses what is no strategy
        check_settings(self)
        as_seed(self.seed)

    def __getattr__(self, name: str) -> Any:
        part = _PART_OF.get(name)
        if part is None:
            raise AttributeError(f"an Experiment has no option {name!r}")
        return getattr(self.__dict__[part], name)

    @property
    def labels(self) -> tuple[int, ...]:
        """Labelled rows after each cycle."""
        return BUDGETS[self.budgets] if isinstance(self.budgets, str) else self.budgets

    @property
    def strategy_name(self) -> str:
        """The strategy's name."""
        return self.strategy if isinstance(self.strategy, str) else self.strategy.name

    @property
    def method(self) -> str:
        """The strategy with its tag, as in file names."""
        return f"{self.strategy_name}{self.run.method_tag}"

    @property
    def budget_id(self) -> str:
        """The budgets as in file names."""
        return budget_id(self.budgets)


def epochs_of(experiment: Experiment) -> int:
    """Epochs of every training; 1 for a model that is no network.

    >>> epochs_of(Experiment("digits", recipe="fast"))
    25
    """
    network = experiment.network
    return epochs_for(experiment.learner.model, recipe=network.recipe, given=network.epochs)


def settings_of(experiment: Experiment, *, cycle0: bool, network: bool) -> dict[str, Any]:
    """What the options themselves add to the record; data and learner tell the rest.

    Args:
        experiment: the experiment.
        cycle0: keep only what changes the model of cycle 0.
        network: whether the options of networks apply.
    """
    parts: list[Any] = [experiment, experiment.data, experiment.learner, experiment.oracle]
    if network:
        parts.append(experiment.network)
    found: dict[str, Any] = {}
    for part in parts:
        found |= recorded(part, cycle0=cycle0)
    return found


def as_json(experiment: Experiment) -> dict[str, Any]:
    """The experiment as it stands in records, flat; values of Python by their names."""
    own: dict[str, Any] = {
        "strategy": experiment.strategy_name,
        "options": dict(experiment.options),
        "seed": experiment.seed,
        "budgets": experiment.budgets,
    }
    parts = [getattr(experiment, name) for name in PARTS]
    rest = {each.name: getattr(part, each.name) for part in parts for each, _ in documented(part)}
    written: dict[str, Any] = json_value(
        {**own, **rest, "model": model_name(experiment.learner.model)}
    )
    return written


def _without_former_names(given: dict[str, Any]) -> dict[str, Any]:
    """``start="warm"`` and ``compiled=True`` by the names that the command line has, too."""
    renamed = dict(given)
    if "compiled" in renamed:
        renamed["compile"] = renamed.pop("compiled")
    if "start" in renamed:
        start = renamed.pop("start")
        renamed["warm_start"] = _STARTS[require_known(str(start), _STARTS, "start")]
    return renamed


def _default_of(each: Any) -> Any:
    return each.default_factory() if callable(each.default_factory) else each.default


def _signature() -> inspect.Signature:
    """The flat call, for editors and ``help``."""
    kind = inspect.Parameter.KEYWORD_ONLY
    own = [(each, each.type) for each in fields(Experiment)]
    flat = [(each, each.type) for part in PARTS.values() for each, _ in documented(part)]
    named = [
        inspect.Parameter(each.name, kind, default=_default_of(each), annotation=of)
        for each, of in (*flat[1:], *own)
    ]
    first = inspect.Parameter("dataset", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation="str")
    return inspect.Signature([first, *named])


Experiment.__signature__ = _signature()  # type: ignore[attr-defined]
