"""The options of an experiment."""

from uwe.experiment.settings.experiment import (
    PARTS,
    Experiment,
    as_json,
    epochs_of,
    settings_of,
)
from uwe.experiment.settings.parts import (
    DataOptions,
    LearnerOptions,
    OracleOptions,
    RunOptions,
)
from uwe.learners.network_options import NetworkOptions
from uwe.runs.budgets import BUDGETS, budget_id, parse_budgets

__all__ = [
    "BUDGETS",
    "PARTS",
    "DataOptions",
    "Experiment",
    "LearnerOptions",
    "NetworkOptions",
    "OracleOptions",
    "RunOptions",
    "as_json",
    "budget_id",
    "epochs_of",
    "parse_budgets",
    "settings_of",
]
