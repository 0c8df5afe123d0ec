"""The tutorials on segmentation and detection, step by step: the commands do what they say."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doc_pages import DOCS, blocks, run_example, steps
from uwe.cli import main

pytest.importorskip("PIL")
pytest.importorskip("pycocotools")


def followed(page: str, told: Callable[[], tuple[str, str]]) -> int:
    """Follow a page from top to bottom; gives how many commands it has."""
    names: dict[str, Any] = {}
    commands = 0
    for kind, text in blocks(page):
        if kind == "python":
            run_example(text, names)
            continue
        for command, shown in steps(text) if kind == "console" else ():
            code = main(shlex.split(command)[1:])
            out, err = told()
            assert code == 0, f"{command}: {err}"
            lines = [" ".join(line.split()) for line in out.splitlines()]
            assert [line for line in shown if " ".join(line.split()) not in lines] == [], out
            commands += 1
    return commands


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", ["segmentation.md", "detection.md"])
def test_the_tutorial_works_from_top_to_bottom(
    page: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every command ends well and prints the lines that the page shows; the pictures are drawn."""
    monkeypatch.chdir(tmp_path)
    commands = followed(page, capsys.readouterr)
    assert commands == len(re.findall(r"^\$ uwe", (DOCS / page).read_text(), re.MULTILINE))
    [report] = Path("runs").rglob("report.html")
    assert "<small>predicted</small>" in report.read_text()
    assert '<ul class="legend"' in Path("picks.html").read_text()
