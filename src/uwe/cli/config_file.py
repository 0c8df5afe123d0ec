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


def read_options(
    path: Path,
    known: Collection[str],
    repeated: Collection[str],
    switches: Collection[str] = (),
) -> dict[str, Any]:
    """The options in a file, by their names with hyphens.

    Values are read as on the command line: 007 stays the text 007 until an option makes a number of
    it. A list is written as there, too, numbers with commas between them, except for the options
    that may be ``repeated``. An option that is null, or a switch that is false, is as if it were
    not there.

    Args:
        path: of the file.
        known: names of the options.
        repeated: those that may be given several times.
        switches: those that are true or false.

    Raises:
        InputError: the file is not there or is no YAML, or an option is not one of ``known``.
    """
    found: dict[str, Any] = {}
    seen: set[str] = set()
    for key, value in _mapping(path).items():
        name = str(key).replace("_", "-")
        try:
            require_known(name, known, "option")
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        if name in seen:
            raise InputError(f"{path}: {name} is given twice, with - and with _; leave one out")
        seen.add(name)
        if isinstance(value, Mapping) or _nested(value):
            raise InputError(
                f"{path}: {name} is {_short(value)}; it must be one value or a list of them"
            )
        if isinstance(value, list) and name not in repeated:
            value = ",".join(map(str, value))
        if name in switches:
            value = _switch(path, name, value)
        if value is not None and value is not False:
            found[name] = value
    return found


def _switch(path: Path, name: str, value: Any) -> bool | None:
    if value is None:
        return None
    word = str(value).lower()
    if word not in _WORDS:
        raise InputError(f"{path}: {name} is {value!r}; it must be true or false")
    return _WORDS[word]


_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
"""YAML's words for switches."""

_LARGEST = 2**20
_DEEPEST = 4


class _Loader(yaml.SafeLoader):
    """Reads every value as text, null apart; a key stands once."""


_Loader.yaml_implicit_resolvers = {
    first: [each for each in resolvers if each[0] == "tag:yaml.org,2002:null"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _unique(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    found = loader.construct_mapping(node)
    if len(found) < len(node.value):
        keys = [loader.construct_object(key) for key, _ in node.value]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise yaml.constructor.ConstructorError(
            None, None, f"{twice} is given twice; leave one out", node.start_mark
        )
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _unique)


def _mapping(path: Path) -> Mapping[Any, Any]:
    text = _text(path)
    try:
        _check_shape(path, text)
        content = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(f"{path}{line}: this is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise InputError(f"cannot read {path}: {' '.join(str(error).split())[:200]}") from error
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise InputError(f"{path} must hold lines such as 'epochs: 10', not {_short(content)}")
    return content


def _text(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"there is no configuration file {path}")
    try:
        if (size := path.stat().st_size) > _LARGEST:
            raise InputError(f"{path} has {size:,} bytes; a configuration has at most {_LARGEST:,}")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8; save the file as UTF-8") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _check_shape(path: Path, text: str) -> None:
    """Refuse aliases, which make a small file large, and nesting that no option has."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = 1 + (event.start_mark.line if event.start_mark else 0)
        if isinstance(event, yaml.AliasEvent):
            raise InputError(
                f"{path}, line {line}: *{event.anchor:.40} is an alias; write the value itself"
            )
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise InputError(
                f"{path}, line {line}: this is nested over {_DEEPEST} deep; an option has one "
                "value or a list of them"
            )


def _nested(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(each, list | dict) for each in value)


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else f"{text[:37]}..."
