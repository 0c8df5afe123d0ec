"""The initial rows: a file of them that does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: lines[:-1], "holds 19 rows, but cycle 0 has 20"),
        (lambda lines: [*lines[:-1], lines[1]], "or listed twice"),
        (lambda lines: [*lines[:-1], "19,150,0,150\n"], "row 150, which is outside the pool"),
        (lambda lines: [*lines[:-1], "19,x,0,150\n"], "is not a file of initial rows"),
        (lambda lines: ["a,b\n", *lines[1:]], "is not a file of initial rows"),
    ],
)
def test_initial_rows_that_were_edited(
    copied_run: Path,
    change: Any,
    words: str,
    refused: Callable[[list[str]], str],
    small_run: Callable[..., list[str]],
) -> None:
    """A file of initial rows that does not fit the run is an error that names it."""
    [path] = (copied_run / "digits" / "initialize").glob("*_init_lb.csv")
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))
    line = refused(small_run(copied_run))
    assert words in line
    assert str(path) in line
