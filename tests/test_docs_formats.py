"""The page on formats, from its first example to its last, with the output that it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from uwe.cli import main
from uwe.formats import FORMATS

PAGE = Path(__file__).parent.parent / "docs" / "formats.md"
BLOCK = re.compile(r"```(python|console|text)\n(.*?)```", re.DOTALL)


def test_the_page_works_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command prints what the page shows; those in blocks of text end with exit code 2."""
    monkeypatch.chdir(tmp_path)
    commands = 0
    for kind, text in BLOCK.findall(PAGE.read_text()):
        if kind == "python":
            exec(compile(text, "example", "exec"), {"__name__": "__main__"})
            continue
        for step in re.split(r"^\$ uwe ", text, flags=re.MULTILINE)[1:]:
            command, *shown = step.splitlines()
            capsys.readouterr()
            code = main(shlex.split(command))
            out, err = capsys.readouterr()
            assert code == (2 if kind == "text" else 0), err
            assert [*out.splitlines(), *(err.splitlines() if code else [])] == shown, command
            commands += 1
    assert commands == 11


def test_the_page_names_every_format() -> None:
    """The table has a row for each format."""
    table = PAGE.read_text().partition("\n- **People")[0]
    assert not [name for name in FORMATS if f"`{name}`" not in table and name != "label-studio"]
