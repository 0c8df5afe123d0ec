"""Results folders that a run cannot use are refused before the first file is written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.parametrize("below", ["", "r", "r/deep"])
def test_a_results_folder_that_is_a_file(
    tmp_path: Path,
    below: str,
    refused: Callable[[list[str]], str],
    small_run: Callable[..., list[str]],
) -> None:
    """A results folder that is a file, or is below one, is refused, and the file is named."""
    file = tmp_path / "file"
    file.write_text("precious")
    assert f"{file} is a file" in refused(small_run(file / below))
    assert file.read_text() == "precious"


@pytest.mark.parametrize("name", ["digits", "digits/uwe", "digits/initialize"])
def test_a_folder_in_the_results_that_is_a_file(
    tmp_path: Path,
    name: str,
    refused: Callable[[list[str]], str],
    small_run: Callable[..., list[str]],
    contents: Callable[[Path], dict[str, object]],
) -> None:
    """A file where a run needs a folder is found before any work is done."""
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("precious")
    assert f"{file} is a file" in refused(small_run(tmp_path))
    assert list(contents(tmp_path)) == [name]
    assert file.read_text() == "precious"


def test_a_results_folder_that_cannot_be_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: Callable[[list[str]], str],
    small_run: Callable[..., list[str]],
) -> None:
    """A folder without permission to write is refused, and its name is given."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert f"{tmp_path} cannot be written" in refused(small_run(tmp_path / "r"))
    assert list(tmp_path.iterdir()) == []
