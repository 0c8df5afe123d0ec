"""The scripts in ``examples/`` run as they are, in a folder of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"

SAYS = {
    "own_network": ["[20 40]"],
    "label_in_terminal": ["no class 'town'", "30 rows, 5 labelled, 2 given out)"],
    "strategy_values": ["a value: [", "uncertain-half ["],
    "many_runs": ["uwe 1 [", "badge 2 [", "random 3 ["],
}


ASKS_A_SERVER = {"label_studio_loop"}
"""Scripts that need a program which is not installed here."""

TYPED = {"label_in_terminal": "place\nperson\n\ndate\nplace\ntown\ndate\n"}
"""What a person types."""

LEAVES = {"label_in_terminal": {"texts.uwe"}}
"""What a script leaves in the folder in which it runs."""


def test_every_example_is_tested() -> None:
    """The tables above name each script."""
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(SAYS) | ASKS_A_SERVER


@pytest.mark.parametrize("name", sorted(ASKS_A_SERVER))
def test_an_example_that_asks_a_server_says_how_to_call_it(name: str, tmp_path: Path) -> None:
    """Without arguments it prints what it does and what it needs."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"python examples/{name}.py" in done.stderr


@pytest.mark.parametrize("name", list(SAYS))
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    """It ends with exit code 0, without a warning, and prints what it says."""
    environment = {**os.environ, "PYTHONWARNINGS": "error", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environment,
        input=TYPED.get(name, ""),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for words in SAYS[name]:
        assert words in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == LEAVES.get(name, set())


def test_the_example_of_a_network_is_a_model_of_the_command_line(tmp_path: Path) -> None:
    """``--model own_network:Net`` with an option, in the folder of the script."""
    command = "run digits --model own_network:Net --model-option width=8 --epochs 1 --threads 1 "
    command += "--budgets 20,30 --pool-size 100 --test-size 40 --strategy uwe --strategy bald"
    done = subprocess.run(
        [sys.executable, "-m", "uwe", *command.split(), "--results", str(tmp_path / "r")],
        capture_output=True, text=True, check=False, cwd=EXAMPLES,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    tables = sorted(path.name for path in (tmp_path / "r").rglob("*_al_cycle_result.csv"))
    assert [name.split("_mod")[1].split("_s1")[0] for name in tables] == ["own-network-Net"] * 2
