"""How the program ends when Ctrl-C interrupts it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from uwe.cli import main
from uwe.learners import TorchLearner


def interrupt(monkeypatch: pytest.MonkeyPatch, training: int) -> None:
    """Press Ctrl-C at the end of the given training."""
    fit, trained = TorchLearner.fit, 0

    def interrupted(self: TorchLearner, *args: Any, **keywords: Any) -> Any:
        nonlocal trained
        trained += 1
        model = fit(self, *args, **keywords)
        if trained >= training:
            raise KeyboardInterrupt
        return model

    monkeypatch.setattr(TorchLearner, "fit", interrupted)


@pytest.mark.parametrize(
    ("training", "where"), [(1, "in seed 1, cycle 0"), (3, "in uwe, seed 1, cycle 2")]
)
def test_ctrl_c(
    tmp_path: Path,
    finished_run: Path,
    training: int,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
    stopped: Callable[..., str],
    small_run: Callable[..., list[str]],
    outcome: Callable[[Path], dict[str, object]],
) -> None:
    """Ctrl-C ends with exit code 130 and one line that says where, and how to resume."""
    with monkeypatch.context() as patched:
        interrupt(patched, training)
        line = stopped(small_run(tmp_path), code=130)
    assert where in line
    assert "the same command resumes there" in line
    assert main(small_run(tmp_path)) == 0
    assert outcome(tmp_path) == outcome(finished_run)


@pytest.mark.parametrize("program", [["-m", "uwe", "list", "models"], ["main.py", "--help"]])
def test_ctrl_c_while_it_is_being_loaded(program: list[str], tmp_path: Path) -> None:
    """Exit code 130 and one line, however early."""
    code = (
        "import builtins, runpy, sys\n"
        "real = builtins.__import__\n"
        "def slow(name, *rest, **more):\n"
        "    if name == 'rich.table': raise KeyboardInterrupt\n"
        "    return real(name, *rest, **more)\n"
        "builtins.__import__ = slow\n"
        f"sys.argv = {program[1:] if program[0] == '-m' else program!r}\n"
        + (
            "runpy.run_module('uwe', run_name='__main__')"
            if program[0] == "-m"
            else "runpy.run_path('main.py', run_name='__main__')"
        )
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert ended.returncode == 130
    assert ended.stderr.count("\n") == 1
    assert "interrupted before it began" in ended.stderr
