"""Signals and closed pipes: what they leave behind, and how commands end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from uwe.cli.signals import Ended, ended_by_signals, exit_code
from uwe.cli.speaking import spoken
from uwe.cli.terminals import READER_LEFT
from uwe.errors import InputError

LONG = ["run", "digits", "--strategy", "random", "--strategy", "entropy", "--model", "small",
        "--budgets", "20,40,80,160,320,640", "--epochs", "200", "--device", "cpu", "--jobs", "2",
        "--results", "r"]  # fmt: skip
SHORT = ["run", "digits", "--strategy", "random", "--budgets", "10,14", "--model", "small",
         "--epochs", "1", "--pool-size", "60", "--test-size", "30", "--device", "cpu",
         "--results", "r"]  # fmt: skip


def started(folder: Path, tokens: list[str]) -> subprocess.Popen[str]:
    temporary = folder / "tmp"
    temporary.mkdir()
    with (folder / "err").open("w") as err:
        return subprocess.Popen(
            [sys.executable, "-m", "uwe", *tokens],
            cwd=folder,
            env={**os.environ, "TMPDIR": str(temporary)},
            stdout=subprocess.DEVNULL,
            stderr=err,
            text=True,
            start_new_session=True,
        )


def lent(folder: Path) -> list[Path]:
    """The temporary folders of data lent to workers."""
    return list((folder / "tmp").glob("uwe-*"))


def workers(folder: Path) -> list[int]:
    """The worker processes that were given a folder below this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if "uwe.experiment.worker" in line and str(folder) in line:
            found.append(int(path.parent.name))
    return found


def until(fits: Callable[[], object], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not fits():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads /proc")
@pytest.mark.parametrize(
    ("number", "code", "told"),
    [
        (signal.SIGTERM, 143, "ended by SIGTERM"),
        (signal.SIGHUP, 129, "ended by SIGHUP"),
        (signal.SIGINT, 130, "interrupted"),
    ],
)
def test_a_signal_while_workers_load_is_one_line(
    tmp_path: Path, number: int, code: int, told: str
) -> None:
    """The whole group gets it; no worker prints a traceback, no data and no process is left."""
    process = started(tmp_path, LONG)
    until(lambda: workers(tmp_path))
    os.killpg(process.pid, number)
    assert process.wait(60) == code
    until(lambda: not workers(tmp_path))
    error = (tmp_path / "err").read_text()
    assert "Traceback" not in error
    last = error.splitlines()[-1]
    assert last.startswith(f"uwe: {told} ")
    assert lent(tmp_path) == []


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads /proc")
def test_workers_of_a_killed_process_end_and_remove_the_data(tmp_path: Path) -> None:
    """SIGKILL cannot be caught: the workers notice, remove what they were lent, and end."""
    process = started(tmp_path, LONG)
    until(lambda: workers(tmp_path))
    assert lent(tmp_path)
    process.kill()
    process.wait(60)
    until(lambda: not workers(tmp_path))
    assert lent(tmp_path) == []
    assert "Traceback" not in (tmp_path / "err").read_text()


@pytest.mark.parametrize("read", [b"", b"x"])
def test_a_run_goes_on_when_its_reader_has_gone(tmp_path: Path, read: bytes) -> None:
    """As with ``uwe run 2>&1 | head -1``: the run is finished; the code is that of SIGPIPE."""
    process = subprocess.Popen(
        [sys.executable, "-m", "uwe", *SHORT],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    if read:
        process.stdout.readline()
    process.stdout.close()
    assert process.wait(120) == READER_LEFT
    assert (tmp_path / "r" / "report.html").is_file()
    [table] = (tmp_path / "r").rglob("*_al_cycle_result.csv")
    assert len(table.read_text().splitlines()) == 3


def test_signals_unwind_and_give_their_code(capsys: pytest.CaptureFixture[str]) -> None:
    """What stands in a ``with`` is cleaned up, and the code is 128 and the number."""
    cleaned = []

    def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        finally:
            cleaned.append(True)
            os.kill(os.getpid(), signal.SIGTERM)  # impatience does not cut the cleaning short
            time.sleep(0.01)
            cleaned.append(True)

    assert spoken("uwe", work) == 143
    assert cleaned == [True, True]
    assert capsys.readouterr().err.count("\n") == 1
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_an_ignored_signal_stays_ignored() -> None:
    """A command under nohup outlives its terminal."""
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, former)


def test_codes_of_signals() -> None:
    """By convention."""
    found = [exit_code(each) for each in (KeyboardInterrupt(), Ended(15), Ended(1))]
    assert found == [130, 143, 129]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_that_became_another_error_is_told_as_the_signal(
    capsys: pytest.CaptureFixture[str], number: int, code: int
) -> None:
    """Modules in C make an ImportError of it, which looked like a package that is missing."""

    def work() -> None:
        try:
            try:
                os.kill(os.getpid(), number)
                time.sleep(5)
            except KeyboardInterrupt as interrupt:
                raise ImportError("initialization failed") from interrupt
        except ImportError as error:
            raise InputError("a model needs sklearn; install it") from error

    assert spoken("uwe", work) == code
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "the same command resumes there" in error
