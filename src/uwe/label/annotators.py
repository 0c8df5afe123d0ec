"""The people who label a project, and the token that each signs in with."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from uwe._files import remove_unfinished_of, write_private
from uwe._unicode import composed, is_one_line
from uwe.errors import InputError, RunError
from uwe.label.errors import UnknownPerson
from uwe.project.answers import NAMELESS, person
from uwe.project.files import ProjectFiles
from uwe.project.locks import waited

__all__ = ["Annotators", "whose_token"]

_FORMAT = 1
_BYTES = 24
_LONGEST = 80


@dataclass(frozen=True)
class Annotators:
    """The people who label a project.

    Attributes:
        tokens: of each person, by name.
        secret: signs the tickets of the project.
    """

    tokens: Mapping[str, str]
    secret: bytes = field(repr=False)

    @classmethod
    def load_or_make(cls, files: ProjectFiles, names: Sequence[str] = ()) -> Annotators:
        """The people of a project; those who are new get a token, and the file is written.

        The file is readable by its owner alone. Without any name, there is one person.

        Args:
            files: of the project.
            names: of people; those of earlier calls stay.

        Raises:
            InputError: a name is empty, is given twice, or has a comma or a line break.
            RunError: the file is damaged.

        >>> import tempfile
        >>> from pathlib import Path
        >>> files = ProjectFiles(Path(tempfile.mkdtemp()))
        >>> people = Annotators.load_or_make(files, ["ann", "bo"])
        >>> list(people.tokens)
        ['ann', 'bo']
        """
        wanted = _checked(names)
        with waited(files.tell_lock):
            known = _read(files) if files.annotators.is_file() else None
            there = {} if known is None else dict(known.tokens)
            new = [name for name in wanted or ([] if there else [NAMELESS]) if name not in there]
            if known is not None and not new:
                return known
            tokens = there | {name: secrets.token_urlsafe(_BYTES) for name in new}
            made = cls(
                MappingProxyType(tokens), secrets.token_bytes(32) if known is None else known.secret
            )
            remove_unfinished_of(files.annotators)
            content = {"format": _FORMAT, "secret": made.secret.hex(), "people": tokens}
            write_private(files.annotators, json.dumps(content, indent=2) + "\n")
        return made

    def __len__(self) -> int:
        return len(self.tokens)

    def require(self, name: str) -> str:
        """The name, if it is one of these people.

        Raises:
            UnknownPerson: it is not.
        """
        if name not in self.tokens:
            people = ", ".join(self.tokens)
            raise UnknownPerson(f"nobody called {name!r} labels this project; there are {people}")
        return name


def whose_token(token: str, tokens: Mapping[str, str]) -> str | None:
    """The person whose token it is, or None; all tokens are compared, each in constant time.

    >>> tokens = {"ann": "a1", "bo": "b2"}
    >>> whose_token("b2", tokens), whose_token("guessed", tokens)
    ('bo', None)
    """
    given = token.encode(errors="replace")
    found = None
    for name, own in tokens.items():
        if hmac.compare_digest(own.encode(), given):
            found = name
    return found


def _checked(names: Sequence[str]) -> list[str]:
    if isinstance(names, str):
        raise InputError(f"annotators must be a list of names, not the text {names!r}")
    found = [composed(person(name)) for name in names]
    for at, name in enumerate(found):
        if "," in name or not is_one_line(name) or len(name) > _LONGEST:
            raise InputError(
                f"the name {name[:_LONGEST]!r} has a comma, a line break or more than {_LONGEST} "
                "letters; choose another name"
            )
        if name in found[:at]:
            raise InputError(f"the annotator {name!r} is named twice; name everybody once")
    return found


def _read(files: ProjectFiles) -> Annotators:
    path = files.annotators
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        tokens, secret = content["people"], bytes.fromhex(content["secret"])
        if content["format"] != _FORMAT or not all(
            isinstance(each, str) and each for pair in tokens.items() for each in pair
        ):
            raise ValueError("its format is not known")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(
            f"{path} is damaged ({type(error).__name__}); remove it, and every annotator gets a "
            "new address"
        ) from error
    return Annotators(MappingProxyType(dict(tokens)), secret)
