"""Files of the working folder never stand for modules of Python or of packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from uwe import _plugins
from uwe.cli import main
from uwe.errors import InputError

ROOT = Path(__file__).parents[1]
SHADOWS = ("random", "csv", "queue", "numpy", "socket", "cloudpickle", "statistics")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose files say so when they are run, and a model."""
    for name in SHADOWS:
        (tmp_path / f"{name}.py").write_text(
            "from pathlib import Path\n"
            "Path(__file__).with_name('RUN').touch()\n"
            "raise SystemExit(9)\n"
        )
    (tmp_path / "mine.py").write_text(
        "def net(classes, shape):\n"
        "    import torch\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, classes))\n"
    )
    return tmp_path


RUN = ["run", "digits", "--strategy", "random", "--strategy", "entropy", "--budgets", "10,14",
       "--epochs", "1", "--pool-size", "60", "--test-size", "30", "--device", "cpu", "--no-report",
       "--results", "r"]  # fmt: skip


def command(folder: Path, *tokens: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *tokens], cwd=folder, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONSAFEPATH": ""},
        check=False,
    )  # fmt: skip
    assert not (folder / "RUN").exists(), done.stderr
    return done


def test_python_m_uwe_imports_nothing_of_the_working_folder(folder: Path) -> None:
    """Neither when it starts nor for its version."""
    assert command(folder, "-m", "uwe", "list", "budgets").returncode == 0
    assert command(folder, "-m", "uwe", "--version").stdout.startswith("0.")


def test_main_py_imports_nothing_that_stands_beside_it(folder: Path) -> None:
    """The paper's program may be copied into a folder of other scripts."""
    shutil.copy(ROOT / "main.py", folder)
    assert command(folder, "main.py", "--help").returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("model", ["small", "mine:net"])
def test_workers_import_nothing_of_the_working_folder(folder: Path, model: str) -> None:
    """With --jobs 2, also where the model is a module of that folder, which is found."""
    done = command(folder, "-m", "uwe", *RUN, "--model", model, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert len(list((folder / "r").rglob("*_al_cycle_result.csv"))) == 2


def test_a_module_of_python_goes_before_the_working_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """random:Random is Python's; a word says that the folder's file is not used."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(_plugins, "_ADDED", [])
    module = _plugins.own_module("random", "model random:Random")
    assert hasattr(module, "Random")
    assert not (folder / "RUN").exists()
    assert "random.py; rename the file" in caplog.text
    assert sys.path[-1] == str(folder)


def test_the_latest_working_folder_is_searched_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several working folders of one process, all after those of packages."""
    monkeypatch.setattr(sys, "path", ["packages"])
    monkeypatch.setattr(_plugins, "_ADDED", [])
    one, two = tmp_path / "one", tmp_path / "two"
    for each in (one, two, two, one):
        each.mkdir(exist_ok=True)
        monkeypatch.chdir(each)
        _plugins.add_working_folder()
    assert sys.path == ["packages", str(one), str(two)]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("def f(:\n", r"invalid syntax \(broken_module\.py, line 1\)"),
        ("\n\nraise ValueError('a\\nb')\n", r"ValueError: a b \(broken_module\.py, line 3\)"),
        ("raise SystemExit(3)\n", r"it ends the program \(broken_module\.py, line 1\)"),
        ("import not_there_at_all\n", r"No module named 'not_there_at_all'"),
        ("\x00", r"null bytes"),
    ],
)  # fmt: skip
def test_a_module_that_does_not_run_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, told: str
) -> None:
    """The model, the module, the error and its line are named."""
    (tmp_path / "broken_module.py").write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(_plugins, "_ADDED", [])
    with pytest.raises(InputError, match=told) as caught:
        _plugins.own_module("broken_module", "model broken_module:f")
    assert str(caught.value).startswith("model broken_module:f: cannot import broken_module: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model", ["mine:", ":net", ".mine:net", "mine:a b", "mi-ne:net"])
def test_names_that_name_nothing_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    """A module and a name are needed, with dots between words."""
    tokens = [*RUN[:-1], str(tmp_path / "r"), "--model", model]
    assert main(tokens) == 2
    assert "write module:name, such as mynet:Net" in capsys.readouterr().err


def test_main_is_no_module_of_the_user(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``__main__:x`` is a line, although Python has such a module."""
    assert main([*RUN[:-1], str(tmp_path / "r"), "--model", "__main__:x"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
