"""What a project is: source, task, model and strategy, as one value that is written once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import NoneType
from typing import Any

from uwe._files import remove_unfinished_of, write_json
from uwe._json import json_value, require_recordable
from uwe._random import as_seed
from uwe.errors import InputError, RunError
from uwe.project.audit import as_share
from uwe.tasks import Task, find_task

__all__ = ["NO_MODEL", "ProjectSettings", "read_settings", "write_settings"]

NO_MODEL = "none"
"""The model of a project that trains none: people bring the outputs of their own."""

_FORMAT = 1
_MAPPINGS = ("task_options", "model_options", "network", "options")


@dataclass(frozen=True)
class ProjectSettings:
    """What a project is.

    Attributes:
        source: absolute path of the items; empty where they are handed over from Python.
        task: name of the task.
        classes: names of the classes, in the order of their numbers.
        task_options: options of the task.
        model: name of the model; of a value of Python, its name; `NO_MODEL` for none.
        model_options: options of the model.
        network: options of a network that differ from the defaults.
        strategy: name of the strategy.
        options: options of the strategy.
        seed: of every draw, from 1 to 2³² - 1.
        answers: how many people must answer a row before it counts as labelled.
        rule: how several answers become one.
        label: the source's column of labels, or None.
        text: the source's column of texts, or None.
        embed: the model that turns images or texts into features, or None.
        image_size: side of the square images, or None for their own size.
        encoding: of the source, if it is text; None: recognised.
        audit: share of each batch that is a random sample of the pool; 0 for none, which is what
            the projects of earlier versions have.
    """

    source: str
    task: str
    classes: tuple[str, ...]
    task_options: Mapping[str, Any] = field(default_factory=dict)
    model: str = "sklearn:logistic"
    model_options: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    strategy: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 1
    answers: int = 1
    rule: str = ""
    label: str | None = None
    text: str | None = None
    embed: str | None = None
    image_size: int | None = None
    encoding: str | None = None
    audit: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", as_seed(self.seed))
        object.__setattr__(self, "audit", as_share(self.audit))
        for name, value in (("seed", self.seed), ("answers", self.answers)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(f"{name} must be a whole number of at least 1, not {value!r}")
        for name in _MAPPINGS:
            if not isinstance(getattr(self, name), Mapping):
                value = getattr(self, name)
                raise InputError(f"{name} must be a mapping from names to values, not {value!r}")
            require_recordable(getattr(self, name), name)

    @property
    def has_model(self) -> bool:
        """Whether the project trains a model."""
        return self.model != NO_MODEL

    def make_task(self) -> Task:
        """The task.

        Raises:
            InputError: its name or an option is unknown.
        """
        return find_task(self.task, self.classes, **self.task_options)


def write_settings(path: Path, settings: ProjectSettings) -> None:
    """Write the settings, whole or not at all; the lock of those who tell is held."""
    remove_unfinished_of(path)
    write_json(path, {"format": _FORMAT, **json_value(vars(settings))})


def read_settings(path: Path) -> ProjectSettings:
    """Read the settings of a project.

    Raises:
        RunError: the file is no project's, or of another format.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = content.pop("format")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(
            f"{path} is damaged ({type(error).__name__}); restore it from a copy"
        ) from error
    if found != _FORMAT:
        raise RunError(
            f"{path} has format {found}, and this version reads {_FORMAT}; use the version of uwe "
            "that wrote it"
        )
    unknown = sorted(set(content) - {each.name for each in fields(ProjectSettings)})
    if unknown:
        raise RunError(f"{path} has {unknown[0]!r}, which this version does not know; update uwe")
    try:
        return ProjectSettings(**{**content, "classes": tuple(_require_kinds(content)["classes"])})
    except (KeyError, TypeError, InputError) as error:
        raise RunError(f"{path} is damaged ({error}); restore it from a copy") from error


def _require_kinds(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """TypeError where a setting is of another type than the settings that are written."""
    for name, kinds in _KINDS.items():
        if name in content and not isinstance(content[name], kinds):
            raise TypeError(f"{name} is {content[name]!r}")
    if not all(isinstance(each, str) for each in content["classes"]):
        raise TypeError(f"classes are {content['classes']!r}")
    return content


_KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("source", "task", "model", "strategy", "rule"), (str,)),
    **dict.fromkeys(("label", "text", "embed"), (str, NoneType)),
    **dict.fromkeys(_MAPPINGS, (dict,)),
    "classes": (list,),
    "image_size": (int, NoneType),
}
