"""The page on formats, from its first example to its last, with the output that it shows."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from doc_pages import DOCS, blocks, run_example, steps
from uwe.cli import main
from uwe.formats import FORMATS

PAGE = "formats.md"


def test_the_page_works_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command prints what the page shows; those in blocks of text end with exit code 2."""
    monkeypatch.chdir(tmp_path)
    commands = 0
    for kind, text in blocks(PAGE):
        if kind == "python":
            run_example(text)
            continue
        for command, shown in steps(text):
            capsys.readouterr()
            code = main(shlex.split(command)[1:])
            out, err = capsys.readouterr()
            assert code == (2 if kind == "text" else 0), err
            assert [*out.splitlines(), *(err.splitlines() if code else [])] == shown, command
            commands += 1
    assert commands == 11


def test_the_page_names_every_format() -> None:
    """The table has a row for each format."""
    table = (DOCS / PAGE).read_text().partition("\n- **People")[0]
    assert not [name for name in FORMATS if f"`{name}`" not in table and name != "label-studio"]
