"""The pages on labelling: every example works, and prints what the page shows."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

from uwe.cli import main

DOCS = Path(__file__).parent.parent / "docs"
PAGES = {"label.md": 22, "annotators.md": 6}
"""The pages, and how many commands each has."""

BLOCK = re.compile(r"```(python|console|text)\n(.*?)```", re.DOTALL)


def steps(text: str) -> list[tuple[str, list[str]]]:
    """The commands of a block, each with the lines that it prints."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        else:
            found[-1][1].append(line.rstrip())
    return found


def done(command: str, monkeypatch: pytest.MonkeyPatch) -> int:
    program, *arguments = shlex.split(command)
    if program == "uwe":
        return main(arguments)
    monkeypatch.setattr(sys, "argv", arguments)
    runpy.run_path(arguments[0])
    return 0


def plain(line: str) -> str:
    """A line without what a network's features decide, which differ from machine to machine."""
    return re.sub(r"picked by auto \(.+: \w+\), with", "picked by auto, with", line)


@pytest.mark.parametrize("page", PAGES)
def test_the_page_works_from_top_to_bottom(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command prints what the page shows; those in blocks of text end with exit code 2."""
    monkeypatch.chdir(tmp_path)
    commands = 0
    for kind, text in BLOCK.findall((DOCS / page).read_text()):
        if kind == "python":
            exec(compile(text, "example", "exec"), {"__name__": "__main__"})
            capsys.readouterr()
            continue
        for command, shown in steps(text):
            code = done(command, monkeypatch)
            out, err = capsys.readouterr()
            assert code == (2 if kind == "text" else 0), err
            told = [*out.splitlines(), *(err.splitlines() if kind == "text" else [])]
            told = [line.rstrip().replace(str(tmp_path), "/home/ann") for line in told]
            assert list(map(plain, told)) == list(map(plain, shown)), command
            commands += 1
    assert commands == PAGES[page]
