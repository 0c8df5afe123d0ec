"""The command line: parsing and printing only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from uwe.cli.terminals import of_any_kind

__all__ = ["main", "paper"]

INTERRUPTED = 130

_SHOW_ONLY = {"agreement", "list", "status"}
_SHOW_ONLY_WITH = {"--version", "--help", "-h", "--dry-run"}
"""Commands, and options of all commands, that make nothing but what they show."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``uwe`` and return its exit code."""

    def load() -> Callable[[Sequence[str] | None], int]:
        from uwe.cli.commands import main as loaded

        return loaded

    return _loaded("uwe", load, arguments)


def paper(arguments: Sequence[str] | None = None) -> int:
    """Run the actions of the paper's code, ``main.py``, and return its exit code."""

    def load() -> Callable[[Sequence[str] | None], int]:
        from uwe.cli.paper_flags import main as loaded

        return loaded

    return _loaded("main.py", load, arguments)


def _loaded(
    program: str,
    load: Callable[[], Callable[[Sequence[str] | None], int]],
    arguments: Sequence[str] | None,
) -> int:
    """Import a program, which takes seconds, and run it."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    is_the_result = bool(_SHOW_ONLY & {*tokens[:1]} or _SHOW_ONLY_WITH & {*tokens}) or not tokens
    with of_any_kind() as shown:
        try:
            run = load()
        except KeyboardInterrupt:
            print(f"{program}: interrupted before it began; nothing was changed", file=sys.stderr)
            return INTERRUPTED
        return shown.exit_code(program, run(tokens), is_the_result=is_the_result)
