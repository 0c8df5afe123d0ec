"""One thread for each worker, and a cache of its own, before torch is imported."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch
from hypothesis import settings

from uwe.cli import main
from uwe.runs import TIMING_COLUMNS

SMALL = {
    "--model": "small",
    "--pool-size": "150",
    "--test-size": "60",
    "--epochs": "1",
    "--budgets": "20,30,40",
    "--device": "cpu",
}

CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]


settings.register_profile("no times", deadline=None)  # a busy machine makes no test fail
# A change is judged by the same examples whenever it is judged; other runs look for new ones.
settings.register_profile("repeatable", parent=settings.get_profile("no times"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "no times"))


@pytest.fixture(autouse=True, scope="session")
def _alone(tmp_path_factory: pytest.TempPathFactory):
    torch.set_num_threads(1)
    before = os.environ.get("UWE_CACHE_DIR")
    os.environ["UWE_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["UWE_CACHE_DIR"]
    else:
        os.environ["UWE_CACHE_DIR"] = before


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests go first, so that no worker is left alone with them at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs a browser: apt-get install chromium")
    api = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def outcome() -> Callable[[Path], dict[str, object]]:
    """What a results folder holds that has to be the same every time."""
    return _outcome


def _outcome(results: Path) -> dict[str, object]:
    """Every table of a results folder without its timing columns, and every tensor's bytes."""
    found: dict[str, object] = {}
    for path in sorted(results.rglob("*")):
        name = str(path.relative_to(results))
        if path.suffix == ".csv":
            lines = [line.split(",") for line in path.read_text().splitlines()]
            kept = [at for at, column in enumerate(lines[0]) if column not in TIMING_COLUMNS]
            found[name] = [[line[at] for at in kept] for line in lines]
        elif path.suffix == ".safetensors":
            found[name] = path.read_bytes()
    return found


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, object]]:
    """Bytes and time of every file in a folder, without logs, which grow, and locks."""
    return _contents


def _contents(folder: Path) -> dict[str, object]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".log", ".lock")
    }


@pytest.fixture(scope="session")
def small_run() -> Callable[..., list[str]]:
    """The arguments of a small ``uwe run``; keywords name its data set and change its options."""
    return _small_run


def _small_run(results: Path | str, *, dataset: str = "digits", **changed: str) -> list[str]:
    options = {f"--{name.replace('_', '-')}": value for name, value in changed.items()}
    given = {**SMALL, **options, "--results": str(results)}
    return ["run", dataset, *(f"{name}={value}" for name, value in given.items())]


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of a finished small run of uwe, for reading and copying only."""
    folder = tmp_path_factory.mktemp("finished")
    assert main(_small_run(folder)) == 0
    return folder


@pytest.fixture
def copied_run(finished_run: Path, tmp_path: Path) -> Path:
    """A copy of the finished small run, for a test to change."""
    shutil.copytree(finished_run, tmp_path / "copied")
    return tmp_path / "copied"


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[[list[str]], str]:
    """The one line with which a command refuses to start."""

    def line(arguments: list[str]) -> str:
        capsys.readouterr()
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert captured.err.startswith("uwe: ")
        assert "\x1b" not in captured.err
        return captured.err

    return line


@pytest.fixture
def stopped(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The last line of a command that stops during its work."""

    def last_line(arguments: list[str], *, code: int = 2) -> str:
        capsys.readouterr()
        assert main(arguments) == code
        *before, last = capsys.readouterr().err.splitlines()
        told = ("test accuracy", "held out for testing")
        assert not [line for line in before if line.strip() and not any(t in line for t in told)]
        assert last.startswith("uwe: ")
        return last

    return last_line
