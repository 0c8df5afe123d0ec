"""Experiments: what they are, what is to be done next, and doing it."""

from typing import TYPE_CHECKING

from uwe._lazy import lazily

if TYPE_CHECKING:
    from uwe.experiment.actions import Action, Query, Stop, Train, Wait, next_action
    from uwe.experiment.engine import Result, initialize, run, run_cycle0, supervise
    from uwe.experiment.learning_loop import loop
    from uwe.experiment.plan import RunPlan, make_plan, require_disk_space, supervised_plan
    from uwe.experiment.prepared import Prepared, check_arguments, prepare
    from uwe.experiment.settings import (
        BUDGETS,
        DataOptions,
        Experiment,
        LearnerOptions,
        NetworkOptions,
        OracleOptions,
        RunOptions,
        budget_id,
        parse_budgets,
    )

__all__ = [
    "BUDGETS",
    "Action",
    "DataOptions",
    "Experiment",
    "LearnerOptions",
    "NetworkOptions",
    "OracleOptions",
    "Prepared",
    "Query",
    "Result",
    "RunOptions",
    "RunPlan",
    "Stop",
    "Train",
    "Wait",
    "budget_id",
    "check_arguments",
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

__getattr__, __dir__ = lazily(
    __name__,
    {
        "actions": ("Action", "Query", "Stop", "Train", "Wait", "next_action"),
        "engine": ("Result", "initialize", "run", "run_cycle0", "supervise"),
        "learning_loop": ("loop",),
        "plan": ("RunPlan", "make_plan", "require_disk_space", "supervised_plan"),
        "prepared": ("Prepared", "check_arguments", "prepare"),
        "settings": (
            "BUDGETS",
            "DataOptions",
            "Experiment",
            "LearnerOptions",
            "NetworkOptions",
            "OracleOptions",
            "RunOptions",
            "budget_id",
            "parse_budgets",
        ),
    },
)
