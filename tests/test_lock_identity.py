"""A run whose lock, journal or folder is no longer its own stops and writes nothing more."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import uwe
from uwe import journal
from uwe._files import append_bytes, guarded, make_folder, write_text
from uwe.errors import RunError
from uwe.experiment.steps import Fit
from uwe.runs.lock import held

RUNNING = """
import sys, time
from pathlib import Path
import uwe
from uwe.cli import main
from uwe.experiment.steps import Fit

go, folder = Path(sys.argv[1]), sys.argv[2]
real = Fit.__call__

def slow(self, events, action):
    event = real(self, events, action)
    if action.cycle == 1:
        print("trained", flush=True)
        while not go.exists():
            time.sleep(0.01)
    return event

Fit.__call__ = slow
sys.exit(main(sys.argv[3:]))
"""


def command(results: Path) -> list[str]:
    return [
        "run", "sklearn:wine", "--strategy=entropy", "--budgets=8,12,16", "--threads=1",
        "--model=sklearn:logistic", f"--results={results}",
    ]  # fmt: skip


def whole_of(folder: Path) -> dict[str, bytes]:
    """What a folder holds, without logs and locks."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".log", ".lock", ".html")
    }


def lock_gone(results: Path) -> None:
    [lock] = results.rglob(".*_mentropy.lock")
    lock.unlink()


def folder_gone(results: Path) -> None:
    shutil.rmtree(results)


@pytest.mark.parametrize("take_away", [lock_gone, folder_gone])
def test_a_run_stops_when_another_process_has_begun_anew(
    take_away: Callable[[Path], None], tmp_path: Path
) -> None:
    """Two real processes: the first ends with one line and 2, the second's files stay as they are.

    The first stands between its second training and the note in the journal.
    """
    results, go = tmp_path / "r", tmp_path / "go"
    first = subprocess.Popen(
        [sys.executable, "-c", RUNNING, str(go), str(results), *command(results)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert first.stdout is not None
    assert first.stdout.readline() == "trained\n"
    take_away(results)
    second = subprocess.run(
        [sys.executable, "-m", "uwe", *command(results)], capture_output=True, text=True, check=True
    )
    assert second.returncode == 0
    before = whole_of(results)
    go.touch()
    _, told = first.communicate(timeout=60)
    assert first.returncode == 2
    last = told.splitlines()[-1]
    assert last.startswith("uwe: ")
    assert " while this process " in last  # its lock, or its journal
    assert "Traceback" not in told
    assert whole_of(results) == before


def wine(results: Path) -> uwe.Experiment:
    return uwe.Experiment(
        "sklearn:wine", strategy="entropy", budgets=(8, 12), model="sklearn:logistic", threads=1,
        results=results,
    )  # fmt: skip


def after_a_training(patched: pytest.MonkeyPatch, do: Callable[[], Any]) -> None:
    """Call ``do`` once the second model is trained and written, before the journal says so."""
    real = Fit.__call__

    def fitted(self: Fit, events: Any, action: Any) -> Any:
        event = real(self, events, action)
        if action.cycle == 1:
            do()
        return event

    patched.setattr(Fit, "__call__", fitted)


def test_a_run_stops_when_its_journal_was_removed_or_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removed, or written to by another process: no event is added to a journal of others."""

    def path() -> Path:
        [found] = tmp_path.rglob("*_mentropy.journal.jsonl")
        return found

    def go_on() -> None:
        journal.append(path(), journal.Trained(1, {"n_labeled": 12}))

    for number, (do, words) in enumerate(
        [(go_on, "was changed by another process"), (lambda: path().unlink(), "was removed")]
    ):
        with pytest.MonkeyPatch.context() as patched:
            after_a_training(patched, do)
            with pytest.raises(RunError, match=words):
                uwe.run(wine(tmp_path / f"{number}"))
        for lock in tmp_path.rglob("*.owner"):
            pytest.fail(f"{lock} was left")
        shutil.rmtree(tmp_path / f"{number}")


def test_the_owner_file_of_another_process_stays(tmp_path: Path) -> None:
    """Who lost the lock does not remove the name of who holds it now."""
    lock, owner = tmp_path / ".x.lock", tmp_path / ".x.owner"
    with held(lock, "the first"):
        lock.unlink()
        lock.touch()
        owner.write_text("process 2")
        with pytest.raises(RunError, match="was removed or replaced"):
            write_text(tmp_path / "x.txt", "never")
    assert owner.read_text() == "process 2"
    assert not (tmp_path / "x.txt").exists()


def test_every_way_of_writing_asks_first(tmp_path: Path) -> None:
    """Rename, append, and making a folder: a check that fails leaves everything as it was."""
    path = tmp_path / "a.txt"
    path.write_text("old")

    def lost() -> None:
        raise RunError("not ours")

    with guarded(lost):
        for do in (
            lambda: write_text(path, "new"),
            lambda: append_bytes(path, b"new", at=0),
            lambda: make_folder(tmp_path / "made"),
            lambda: journal.create(tmp_path / "j.jsonl"),
        ):
            with pytest.raises(RunError, match="not ours"):
                do()
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"
    write_text(path, "new")


def test_a_project_stops_when_its_lock_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers are not appended to a journal that another process may be writing to."""
    x = np.random.default_rng(0).normal(size=(30, 2))
    project = uwe.Project(tmp_path / "p.uwe", x, classes=["a", "b"])
    rows = project.ask(4)
    before = project.files.journal.read_bytes()
    real = journal.append

    def appended(path: Path, *events: Any) -> Any:
        project.files.tell_lock.unlink()
        return real(path, *events)

    monkeypatch.setattr(journal, "append", appended)
    with pytest.raises(RunError, match=r"\.tell\.lock was removed or replaced"):
        project.tell(rows, ["a"] * 4)
    monkeypatch.undo()
    assert project.files.journal.read_bytes() == before
    assert project.tell(rows, ["a"] * 4).new == 4


def test_a_training_of_a_project_stops_when_its_folder_was_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model of the former project does not get into the new one."""
    x = np.random.default_rng(0).normal(size=(30, 2))
    folder = tmp_path / "p.uwe"
    project = uwe.Project(folder, x, classes=["a", "b"])
    project.tell([0, 1, 2], ["a", "b", "a"])

    def predicted(*_: Any) -> Any:
        shutil.rmtree(folder)
        uwe.Project(folder, x, classes=["c", "d"])
        raise_when_writing_model()

    def raise_when_writing_model() -> None:
        write_text(project.files.predictions(1), "never")

    monkeypatch.setattr("uwe.project.trainer.Trainer._predicted", predicted)
    with pytest.raises(RunError, match=r"\.trainer\.lock was removed or replaced"):
        project.train()
    assert not project.files.predictions(1).exists()
    assert uwe.Project(folder, x, classes=["c", "d"]).state().labelled == 0
