"""The pages in docs/ as tests run them: examples in Python, and commands with what they print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["DOCS", "blocks", "run_example", "steps"]

DOCS = Path(__file__).parent.parent / "docs"
_BLOCK = re.compile(r"```(python|console|text)\n(.*?)```", re.DOTALL)


def blocks(page: str) -> list[tuple[str, str]]:
    """The kinds and the texts of a page's blocks: ``python``, ``console`` and ``text``."""
    return _BLOCK.findall((DOCS / page).read_text())


def run_example(text: str, names: dict[str, Any] | None = None) -> None:
    """Run a block of Python as a program, or in the names of the blocks before it."""
    exec(compile(text, "example", "exec"), {"__name__": "__main__"} if names is None else names)


def steps(text: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a block, each with the lines that it prints."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command, shown
