"""The flags of ``uwe run``, derived from the options of an experiment, and back."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from cyclopts import Parameter

from uwe._settings import Setting, documented, type_of
from uwe.cli.options import SHORT_FORMS, Number, Whole
from uwe.experiment import Experiment
from uwe.experiment.settings import PARTS

__all__ = [
    "Flag",
    "experiment_flags",
    "flag_parameters",
    "network_parameters",
    "repeated_flags",
    "template_options",
]

_AS_TEXT = ("seed", "budgets", "model")
"""Options that are written as text on the command line, regardless of their type in Python."""

_SWITCH = Parameter(negative=())
_STRICT: Mapping[Any, Any] = {int: Whole, float: Number}
"""Numbers as the command line reads them: 1_000 is none."""


@dataclass(frozen=True)
class Flag:
    """A flag of the command line that stands for an option of an experiment.

    Attributes:
        name: of the parameter, with underscores.
        option: name of the option in Python.
        field: of the option.
        setting: its documentation.
        kind: type of the value on the command line.
        default: value if the flag is not given.
    """

    name: str
    option: str
    field: Field[Any]
    setting: Setting
    kind: Any
    default: Any


def experiment_flags() -> Iterator[Flag]:
    """A flag for every option, in the order of the help."""
    for part in (PARTS["data"], Experiment, PARTS["learner"], PARTS["network"],
                 PARTS["oracle"], PARTS["run"]):  # fmt: skip
        for field, setting in documented(part):
            name = (setting.flags[0] if setting.flags else field.name).lstrip("-")
            kind, default = _on_command_line(part, field, setting)
            yield Flag(name.replace("-", "_"), field.name, field, setting, kind, default)


def flag_parameters() -> list[inspect.Parameter]:
    """The parameters of the command, for its signature."""
    made = [_parameter(flag) for flag in experiment_flags()]
    at = 1 + next(i for i, each in enumerate(made) if each.name == "option")
    for name, (kind, doc) in reversed(list(SHORT_FORMS.items())):
        made.insert(at, _keyword(name, kind | None, None, Parameter(help=doc)))
    return made


def network_parameters() -> list[inspect.Parameter]:
    """The parameters of the options of networks."""
    names = {field.name for field, _ in documented(PARTS["network"])}
    return [_parameter(flag) for flag in experiment_flags() if flag.option in names]


def repeated_flags() -> list[str]:
    """Names, with hyphens, of the flags that may be given several times."""
    return [flag.name.replace("_", "-") for flag in experiment_flags() if flag.setting.repeated]


def template_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the flags say about an experiment, by the names of its options.

    Strategies, their options and the seeds are left out, as one command has several of them.
    """
    apart = ("strategy", "options", "seed", "model_options", "task_options")
    return {
        flag.option: given[flag.name]
        for flag in experiment_flags()
        if flag.name in given and flag.option not in apart
    }


def _parameter(flag: Flag) -> inspect.Parameter:
    if flag.option == "dataset":
        return inspect.Parameter(
            "dataset",
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            annotation=Annotated[str, Parameter(help=flag.setting.doc)],
        )
    about = Parameter(help=flag.setting.doc)
    return _keyword(flag.name, flag.kind, flag.default, about)


def _keyword(name: str, kind: Any, default: Any, about: Parameter) -> inspect.Parameter:
    annotated: Any = Annotated[kind, about]
    if kind is bool or get_origin(_alternative(kind)) is list:
        annotated = Annotated[kind, about, _SWITCH]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotated
    )


def _on_command_line(part: type, field: Field[Any], setting: Setting) -> tuple[Any, Any]:
    """Type and default of a flag's value."""
    if setting.repeated:
        return list[str] | None, None
    if field.name in _AS_TEXT:
        return str, str(field.default)
    kind = type_of(part, field.name)
    alternative = _alternative(kind)
    if alternative in _STRICT:
        strict = _STRICT[alternative]
        kind = strict | None if alternative is not kind else strict
    return kind, None if field.default is MISSING else field.default


def _alternative(kind: Any) -> Any:
    """The type beside None of an optional type; any other type itself."""
    if get_origin(kind) in (Literal, list):
        return kind
    members = [each for each in get_args(kind) if each is not NoneType]
    return members[0] if len(members) == 1 else kind
