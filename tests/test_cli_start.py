"""Help, lists and errors in arguments come quickly: torch and its like are not loaded for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "sklearn", "scipy", "matplotlib", "pandas", "datasets", "transformers")
RUN = ["run", "digits", "--model", "small", "--budgets", "20,40"]


def started(arguments: list[str], folder: Path) -> tuple[int, str, list[str]]:
    """Exit code, what was printed, and the heavy packages that were loaded."""
    code = (
        "import sys\n"
        "from uwe.cli import main\n"
        f"try: code = main({arguments!r})\n"
        "except SystemExit as exit: code = exit.code or 0\n"
        f"print('LOADED', code, *[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=folder
    )
    *printed, last = done.stdout.splitlines()
    assert last.startswith("LOADED "), done.stderr
    code_, *loaded = last.removeprefix("LOADED ").split()
    return int(code_), "\n".join(printed) + done.stderr, loaded


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["select", "--help"],
        ["report", "--help"],
        ["embed", "--help"],
        ["init", "--help"],
        ["next", "--help"],
        ["tell", "--help"],
        ["status", "--help"],
        ["list", "strategies"],
        ["list", "models"],
        ["list", "datasets"],
        ["list", "budgets"],
    ],
    ids=" ".join,
)
def test_help_and_lists_load_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    """``sys.modules`` holds neither torch nor the other large packages afterwards."""
    code, printed, loaded = started(arguments, tmp_path)
    assert code == 0
    assert len(printed) >= 5
    assert loaded == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rum"], "Did you mean"),
        (["run"], "requires an argument"),
        (["list", "strategy"], "did you mean 'strategies'"),
        ([*RUN, "--strategy", "bagde"], "did you mean 'badge'"),
        ([*RUN, "--uncertainty", "entrpy"], "did you mean 'entropy'"),
        ([*RUN, "--selection", "k_centre"], "did you mean 'k_center'"),
        ([*RUN, "--option", "colour=red"], "is used by none of the chosen strategies"),
        ([*RUN, "--strategy", "bald", "--mc-passes", "1"], "at least 2 of them"),
        (["run", "digits", "--model", "resnet19"], "did you mean 'resnet18'"),
        ([*RUN, "--recipe", "quick"], "Choose from"),
        ([*RUN, "--precision", "fp16"], "Choose from"),
        ([*RUN, "--device", "gpu"], "unknown device 'gpu'"),
        ([*RUN, "--epochs", "0"], "epochs must be at least 1, not 0"),
        ([*RUN, "--label-noise", "2"], "label noise must be at least 0 and at most 1, not 2"),
        ([*RUN, "--fine-tune-layers", "1"], "--fine-tune-layers is not used by model small"),
        ([*RUN, "--model-option", "a=1"], "--model-option a is not used by model small"),
        (["run", "digits", "--budgets", "40,20"], "budgets must rise"),
        ([*RUN, "--seeds", "3-1"], "is descending"),
        ([*RUN, "--log", "tensorbord"], "did you mean 'tensorboard'"),
        (["run", "sklearn:wine", "--model", "sklearn:logistic", "--epochs", "3"],
         "--epochs is not used by model sklearn:logistic"),
        (["run", "digits", "--model", "no_such_module:Net"], "there is no module 'no_such_module'"),
        (["run", "digits", "--config", "none.yaml"], "there is no configuration file"),
        (["select", "pool.csv", "-k", "3", "--strategy", "corset"], "did you mean 'coreset'"),
        (["select", "pool.csv", "-k", "3", "-o", "picks.doc"], "the format of picks.doc"),
        (["select", "pool.csv", "-k", "3", "--key", "features"], "--key takes NAME=VALUE"),
        ([*RUN, "--jobs", "0"], "jobs are 0"),
        (["run", "digist", "--model", "small"], "did you mean 'digits'"),
        (["run", "sklearn:wines", "--model", "sklearn:logistic"], "did you mean 'wine'"),
        (["run", "none.csv", "--model", "sklearn:logistic"], "there is no none.csv"),
        (["run", "sklearn:wine", "--model", "sklearn:logistic", "--strategy", "bald"],
         "needs 5 stochastic passes"),
        ([*RUN, "--image-size", "99999"], "image size is 99999"),
        ([*RUN, "--data-dir", "nowhere"], "there is no folder nowhere"),
        ([*RUN, "--label", "x"], "--label x is for tables and texts"),
        (["select", "pool.csv", "-k", "0"], "the number of picks is 0"),
        (["report"], "needs a results folder or CSV files"),
        (["report", "r", "--format", "pdf"], "Choose from"),
        (["embed", "photos", "--model", "m", "-o", "pool.csv"], "must end in .safetensors"),
        (["init", "p"], "name what is to be labelled"),
        (["init", "p", "nowhere"], "nowhere does not exist"),
        (["init", "p", ".", "--strategy", "bagde"], "did you mean 'badge'"),
        (["init", "p", ".", "--task", "clasification"], "did you mean 'classification'"),
        (["init", "p", ".", "--model", "resnet19"], "did you mean 'resnet18'"),
        (["init", "p", ".", "--classes", "a,,b"], "--classes are names separated by commas"),
        (["init", "p", ".", "--labels", "labels.txt"], "there is no file labels.txt"),
        (["init", "p", "--update"], "p does not exist"),
        (["init", "p", ".", "--update"], "leave SOURCE out"),
        (["next", "p"], "p does not exist"),
        (["next", "p", "-k", "0"], "at least 1, not 0"),
        (["next", "p", "-o", "rows.doc"], "rows.doc"),
        (["next", "p", "--with", "a"], "--with is for the file of --output"),
        (["tell", "p"], "requires an argument"),
        (["tell", "p", "labels.csv"], "p does not exist"),
        (["status", "p", "--labels", "labels.txt"], "must end in .csv"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)  # fmt: skip
def test_errors_in_arguments_load_nothing_heavy(
    arguments: list[str], words: str, tmp_path: Path
) -> None:
    """One line, exit code 2, nothing written, and no torch; a class that is named is imported."""
    code, printed, loaded = started(arguments, tmp_path)
    assert words in printed
    assert code == 2
    assert printed.strip().count("\n") == 0
    assert "torch" not in loaded
    assert loaded == [] or "sklearn:logistic" in arguments
    assert list(tmp_path.iterdir()) == []
