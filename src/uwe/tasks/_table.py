"""The table of tasks: names, and the functions that make them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from uwe._plugins import PlugIn, called, loaded, plugins, require_options
from uwe.errors import InputError, require_known
from uwe.tasks._task import Metric, Task
from uwe.uncertainty import Measure

__all__ = [
    "as_task",
    "describe_task",
    "find_task",
    "known_tasks",
    "measures_by_name",
    "metric_of_column",
    "task_names",
    "task_options",
]

_GROUP, _OWN = "uwe.tasks", "uwe.tasks:"


def task_names() -> list[str]:
    """Names of all tasks: the built-in ones first, then those of other packages."""
    return list(_registered())


def find_task(name: str, classes: Sequence[str] | int = (), /, **options: Any) -> Task:
    """The task of that name.

    Args:
        name: ``classification``, ``multilabel``, ``regression``, ``segmentation``, ``detection``,
            or that of a plug-in.
        classes: names of the classes, or how many there are; none for numbers.
        options: of the task.

    Raises:
        InputError: the name is unknown, or an option does not belong to the task.

    >>> find_task("multilabel", ["a", "b"], reduce="max").options
    {'reduce': 'max'}
    """
    factory = loaded(_registered()[require_known(name, task_names(), "task")])
    allowed = task_options(name)
    for option in options:
        if option not in allowed:
            has = f"its options are {', '.join(allowed)}" if allowed else "it has no options"
            raise InputError(f"task {name} does not use {option!r}; {has}")
    require_options(factory, f"task {name}", options)
    made: object = called(factory, f"task {name}", classes, **options)
    if not isinstance(made, Task):
        raise InputError(
            f"task {name} is broken: {factory.__module__}.{factory.__qualname__} must return a "
            f"Task, not an object of type {type(made).__name__}"
        )
    return made


def as_task(task: str | Task, classes: Sequence[str] | int = (), **options: Any) -> Task:
    """A task from its name and options, or the value itself.

    Raises:
        InputError: it is neither, the name is unknown, or options are given beside a value.

    >>> as_task("regression").name
    'regression'
    """
    if isinstance(task, str):
        return find_task(task, classes, **options)
    if not isinstance(task, Task):
        raise InputError(
            "a task must be a name such as 'multilabel' or a value such as "
            f"uwe.tasks.multilabel(...), not an object of type {type(task).__name__}"
        )
    if options:
        raise InputError(
            f"task {task.name} is given as a value, and {', '.join(options)} beside it; give "
            "options where the value is made"
        )
    return task


def task_options(name: str) -> dict[str, Any]:
    """The options of a task and their defaults.

    >>> task_options("multilabel")
    {'reduce': 'mean'}
    """
    parameters = inspect.signature(loaded(_registered()[name])).parameters.values()
    return {each.name: each.default for each in list(parameters)[1:]}


def describe_task(name: str) -> str:
    """One line about a task.

    >>> describe_task("regression")
    'A number a row: mean and variance, squared error, RMSE.'
    """
    text = inspect.getdoc(loaded(_registered()[require_known(name, task_names(), "task")])) or ""
    return text.partition("\n")[0]


def metric_of_column(columns: Sequence[str]) -> Metric | None:
    """The headline metric whose column of test results is among ``columns``; None without one.

    >>> metric_of_column(["n_labeled", "te_rmse"]).higher_is_better
    False
    """
    headlines = (task.headline for task in known_tasks())
    return next((each for each in headlines if each.test_column in columns), None)


def known_tasks() -> Iterator[Task]:
    """All tasks with their default options; a name that two packages register comes last.

    Raises:
        InputError: a name that two packages register is reached.
    """
    table = _registered()
    return map(find_task, sorted(table, key=lambda name: not table[name].is_sole))


def measures_by_name() -> dict[str, Measure]:
    """The measures of all tasks; of one name, that of the first task.

    A task whose name two packages register is left out.

    >>> list(measures_by_name())
    ['entropy', 'bvsb', 'least_confident', 'margin', 'objectness', 'standard_deviation']
    """
    found: dict[str, Measure] = {}
    for name, plugin in _registered().items():
        for measure, of in find_task(name).measures.items() if plugin.is_sole else ():
            found.setdefault(measure, of)
    return found


def _registered() -> Mapping[str, PlugIn]:
    """The plug-ins of all tasks by name, the built-in ones first."""
    return plugins(_GROUP, _OWN)
