"""The page on selecting from one's own data, from its first example to its last."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from uwe.cli import main

PAGE = Path(__file__).parent.parent / "docs" / "select.md"
BLOCK = re.compile(r"```(python|console)\n(.*?)```", re.DOTALL)


def test_the_page_works_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every example and every command, one after another in one folder, as a reader would."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    commands = 0
    for kind, text in BLOCK.findall(PAGE.read_text()):
        if kind == "python":
            exec(compile(text, "example", "exec"), {"__name__": "__main__"})
            continue
        for line in text.splitlines():
            if line.startswith("$ uwe "):
                commands += 1
                assert main(shlex.split(line.removeprefix("$ uwe "))) == 0, capsys.readouterr().err
    assert commands == 17
    assert {"picks.csv", "picks.jsonl", "picks.txt", "picks.html", "questions.safetensors"} <= {
        path.name for path in tmp_path.iterdir()
    }
