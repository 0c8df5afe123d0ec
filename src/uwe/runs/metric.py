"""What a run is measured by: its task, from the record or from the columns of its table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from uwe.errors import RunError
from uwe.runs.record import Record
from uwe.tasks import Metric, Task, classification, find_task, task_names, task_options

__all__ = ["ACCURACY", "DEFAULT_TASK", "metric_of", "task_of", "task_told"]

_SETTING = "task"

DEFAULT_TASK: Task = classification()
"""The task of a record that names none."""

ACCURACY: Metric = DEFAULT_TASK.headline


def task_of(record: Record) -> Task:
    """The task of a run, without the names of its classes.

    Raises:
        RunError: no installed package has the task.
    """
    said: Any = record.settings.get(_SETTING, DEFAULT_TASK.name)
    named: Mapping[str, Any] = said if isinstance(said, Mapping) else {"name": said}
    name = named.get("name")
    if name not in task_names():
        raise RunError(
            f"{record.path} is of the task {name!r}, but the installed tasks are "
            f"{', '.join(task_names())}; install the package that has it"
        )
    options = {option: named[option] for option in task_options(name) if option in named}
    return find_task(name, **options)


def metric_of(record: Record) -> Metric:
    """The headline metric of a run."""
    return task_of(record).headline


def task_told(task: Task) -> str:
    """A task with the options that are not the default.

    >>> task_told(find_task("multilabel", reduce="max")), task_told(find_task("multilabel"))
    ('multilabel (reduce max)', 'multilabel')
    """
    usual = task_options(task.name)
    others = [f"{key} {value}" for key, value in task.options.items() if usual.get(key) != value]
    return f"{task.name} ({', '.join(others)})" if others else task.name
