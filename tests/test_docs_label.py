"""The pages on labelling: every example works, and prints what the page shows."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

from doc_pages import blocks, run_example, steps
from uwe.cli import main

PAGES = {"label.md": 27, "annotators.md": 6}
"""The pages, and how many commands each has."""


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
    for kind, text in blocks(page):
        if kind == "python":
            run_example(text)
            capsys.readouterr()
            continue
        for command, shown in steps(text):
            code = done(command, monkeypatch)
            out, err = capsys.readouterr()
            assert code == (2 if kind == "text" else 0), err
            told = [*out.splitlines(), *(err.splitlines() if kind == "text" else [])]
            told = [line.rstrip().replace(str(tmp_path), "/home/ann") for line in told]
            assert list(map(plain, told)) == [plain(line.rstrip()) for line in shown], command
            commands += 1
    assert commands == PAGES[page]
