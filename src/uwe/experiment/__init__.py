"""Experiments: what they are, what is to be done next, and doing it."""

from uwe.experiment.actions import Action, Label, Query, Stop, Train, next_action
from uwe.experiment.own import loop
from uwe.experiment.plan import RunPlan, make_plan, require_disk_space, supervised_plan
from uwe.experiment.prepare import Prepared, files_of, prepare
from uwe.experiment.runs import Result, initialize, run, run_cycle0, supervise
from uwe.experiment.settings import BUDGETS, Experiment, budget_id, parse_budgets

__all__ = [
    "BUDGETS",
    "Action",
    "Experiment",
    "Label",
    "Prepared",
    "Query",
    "Result",
    "RunPlan",
    "Stop",
    "Train",
    "budget_id",
    "files_of",
    "initialize",
    "loop",
    "make_plan",
    "next_action",
    "parse_budgets",
    "prepare",
    "require_disk_space",
    "run",
    "run_cycle0",
    "supervise",
    "supervised_plan",
]
