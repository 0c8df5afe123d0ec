"""Plans: runs that the disk cannot hold are refused before they start."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import uwe
from uwe.cli import main
from uwe.experiment import run_cycle0


@pytest.mark.parametrize("more", [[], ["--dry-run"], ["--supervised"]])
def test_a_disk_that_is_too_small(
    tmp_path: Path,
    more: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    small_run: Callable[..., list[str]],
) -> None:
    """Runs that will not fit are refused with both sizes before they start."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**20))
    capsys.readouterr()
    assert main([*small_run(tmp_path / "r"), *more]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "MiB" in err
    assert "1 MiB free" in err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("work", [uwe.run, uwe.supervise, run_cycle0])
def test_a_disk_that_is_too_small_for_python(
    tmp_path: Path,
    work: Callable[[uwe.Experiment], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Runs from Python that will not fit are refused before they start, too."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    small = uwe.Experiment(
        "digits", model="small", budgets=(20, 30), epochs=1, device="cpu", results=tmp_path / "r"
    )
    with pytest.raises(uwe.RunError, match="0 MiB free"):
        work(small)
    assert list(tmp_path.iterdir()) == []
