"""Deep active learning: which samples to label next.

The public names; everything else may change from one version to the next. A name is imported when
it is first used: a command line that is interrupted while torch loads can then still say so.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uwe import strategies, tasks
    from uwe.data import Dataset, Preparation, Split, load_dataset
    from uwe.errors import DataError, InputError, RunError, UweError
    from uwe.experiment import Experiment, Result, loop, run, supervise
    from uwe.learners.sklearn import SklearnLearner
    from uwe.points import Product
    from uwe.pool_files import Places, places
    from uwe.predictions import Predictions
    from uwe.project import Project
    from uwe.runs import read_acc_files
    from uwe.selecting import Selection, query, select
    from uwe.selection import (
        Duplicates,
        Plan,
        certify,
        certify_coverage,
        duplicates,
        herd,
        k_center,
        k_means_pp,
        plan_selection,
    )
    from uwe.strategies import Picks, Quota, Strategy, Wishes, find_strategy
    from uwe.tasks import Task

    __version__: str

__all__ = [
    "DataError",
    "Dataset",
    "Duplicates",
    "Experiment",
    "InputError",
    "Picks",
    "Places",
    "Plan",
    "Predictions",
    "Preparation",
    "Product",
    "Project",
    "Quota",
    "Result",
    "RunError",
    "Selection",
    "SklearnLearner",
    "Split",
    "Strategy",
    "Task",
    "UweError",
    "Wishes",
    "__version__",
    "certify",
    "certify_coverage",
    "duplicates",
    "find_strategy",
    "herd",
    "k_center",
    "k_means_pp",
    "load_dataset",
    "loop",
    "places",
    "plan_selection",
    "query",
    "read_acc_files",
    "run",
    "select",
    "strategies",
    "supervise",
    "tasks",
]

_HOMES = {
    "data": ("Dataset", "Preparation", "Split", "load_dataset"),
    "errors": ("DataError", "InputError", "RunError", "UweError"),
    "experiment": ("Experiment", "Result", "loop", "run", "supervise"),
    "selecting": ("Selection", "query", "select"),
    "points": ("Product",),
    "pool_files": ("Places", "places"),
    "predictions": ("Predictions",),
    "project": ("Project",),
    "runs": ("read_acc_files",),
    "selection": (
        "Duplicates",
        "Plan",
        "certify",
        "certify_coverage",
        "duplicates",
        "herd",
        "k_center",
        "k_means_pp",
        "plan_selection",
    ),
    "learners.sklearn": ("SklearnLearner",),
    "strategies": ("Picks", "Quota", "Strategy", "Wishes", "find_strategy"),
    "tasks": ("Task",),
}
_ROOMS = ("strategies", "tasks")


def __getattr__(name: str) -> object:
    if name in _ROOMS:
        return _import_module(f"uwe.{name}")
    if name == "__version__":  # looked up late: importlib.metadata imports much of Python
        found: str = _import_module("importlib.metadata").version("uwe")
        return found
    for home, names in _HOMES.items():
        if name in names:
            value: object = getattr(_import_module(f"uwe.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'uwe' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
