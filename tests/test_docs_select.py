"""The page on selecting from one's own data, from its first example to its last."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from doc_pages import blocks, run_example, steps
from uwe.cli import main


def test_the_page_works_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every example and every command, one after another in one folder, as a reader would."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    commands = 0
    for kind, text in blocks("select.md"):
        if kind == "python":
            run_example(text)
            continue
        for command, _ in steps(text):
            commands += 1
            assert main(shlex.split(command)[1:]) == 0, capsys.readouterr().err
    assert commands == 19
    assert {"picks.csv", "picks.jsonl", "picks.txt", "picks.html", "questions.safetensors"} <= {
        path.name for path in tmp_path.iterdir()
    }
