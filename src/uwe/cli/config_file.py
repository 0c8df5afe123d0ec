"""Options from a YAML file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from uwe._files import expanded
from uwe.errors import InputError, require_known

__all__ = ["named_files", "read_options"]


def named_files(tokens: Sequence[str]) -> list[Path]:
    """The files that the tokens of a command line name with ``--config``.

    >>> named_files(["digits", "--config", "a.yaml"])
    [PosixPath('a.yaml')]
    """
    paths = [token.partition("=")[2] for token in tokens if token.startswith("--config=")]
    paths += [after for token, after in pairwise(tokens) if token == "--config"]
    return [expanded(path) for path in paths]


def read_options(path: Path, known: Collection[str], repeated: Collection[str]) -> dict[str, Any]:
    """The options in a file, by their names with hyphens.

    A list is written as on the command line, numbers with commas between them, except for the
    options that may be ``repeated``. An option that is null or false is as if it were not there.

    Raises:
        InputError: the file is not there or is no YAML, or an option is not one of ``known``.
    """
    found = {}
    for key, value in _mapping(path).items():
        name = str(key).replace("_", "-")
        try:
            require_known(name, known, "option")
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        if isinstance(value, Mapping) or _nested(value):
            raise InputError(f"{path}: {name} is {value!r}; it must be one value or a list of them")
        if isinstance(value, list) and name not in repeated:
            value = ",".join(map(str, value))
        if value is not None and value is not False:
            found[name] = value
    return found


def _mapping(path: Path) -> Mapping[Any, Any]:
    if not path.is_file():
        raise InputError(f"there is no configuration file {path}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(f"{path}{line}: this is not YAML: {error.problem}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise InputError(f"{path} must hold lines such as 'epochs: 10', not {content!r:.40}")
    return content


def _nested(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(each, list | dict) for each in value)
