"""The command ``uwe results``: table, CSV and picture, and what it refuses."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

import uwe
from uwe.cli import main


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, small_run: Callable[..., list[str]]) -> Path:
    """A results folder with two strategies and one seed; to be read only."""
    folder = tmp_path_factory.mktemp("finished")
    assert main([*small_run(folder), "--strategy=uwe", "--strategy=random"]) == 0
    return folder


def test_results_prints_a_table_and_writes_csv_and_picture(
    finished: Path,
    tmp_path: Path,
    contents: Callable[[Path], dict[str, object]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """``uwe results`` prints each strategy, and writes a CSV and a picture of what it found."""
    before = contents(finished)
    capsys.readouterr()
    assert main(["results", str(finished), "--output", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "uwe" in out
    assert "random's last accuracy" in out
    picture = tmp_path / "out" / "curves_digits_modsmall_ne1_bid20-30-40.svg"
    assert ElementTree.parse(picture).getroot().tag.endswith("}svg")
    with (tmp_path / "out" / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], row["n_labeled"], row["n_runs"]) for row in rows] == [
        (method, labels, "1") for method in ("random", "uwe") for labels in ("20", "30", "40")
    ]
    [path] = (finished / "digits" / "uwe" / "al_cycle_result").iterdir()
    mean, _ = uwe.read_acc_files({"digits": {"b": {"uwe": [path]}}}, "digits", "b")
    assert [float(row["mean"]) for row in rows[3:]] == pytest.approx(mean["uwe"].tolist())
    assert contents(finished) == before


@pytest.mark.parametrize("content", [b"n_labeled,te_accuracy\n10,nan\n", b"\xff", b"a,b\n"])
def test_results_that_are_broken(
    tmp_path: Path,
    content: bytes,
    refused: Callable[[list[str]], str],
) -> None:
    """A results file that is broken is one line that names it, and nothing is written."""
    path = tmp_path / "d_al_modsmall_s1_ne1_bid10_muwe_al_cycle_result.csv"
    path.write_bytes(content)
    assert str(path) in refused(["results", str(tmp_path)])
    assert list(tmp_path.iterdir()) == [path]


def test_results_into_a_file(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An output folder that is a file is one line that names it."""
    (tmp_path / "file").write_text("precious")
    capsys.readouterr()
    assert main(["results", str(finished), "--output", str(tmp_path / "file")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"cannot write {tmp_path / 'file'}" in err


def one(folder: Path, pattern: str) -> Path:
    [path] = folder.rglob(pattern)
    return path


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


@pytest.mark.parametrize("command", ["results", "report"])
@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (
            lambda f: cut(one(f / "digits" / "uwe", "*.json")),
            "muwe.json is not the record of a run",
        ),
        (
            lambda f: changed(one(f / "digits" / "uwe", "*.json"), '"seed": 1', '"seed": 2'),
            "muwe.json is the record of another run, digits_al_modsmall_s2",
        ),
        (
            lambda f: changed(one(f, "*_al_cycle_result.csv"), "\n30,", "\n31,"),
            "line 3 of {f}/digits/uwe/al_cycle_result/digits_al_modsmall_s1",
        ),
        (
            lambda f: shutil.copy(one(f, "*alc0*.journal.jsonl"), one(f, "*_muwe.journal.jsonl")),
            "_muwe.journal.jsonl is the journal of another run",
        ),
    ],
    ids=["record cut", "record of another seed", "table changed", "journal of another run"],
)
def test_a_changed_file_of_a_run_is_refused(
    copied_run: Path,
    damage: Callable[[Path], object],
    told: str,
    command: str,
    refused: Callable[[list[str]], str],
) -> None:
    """A number that the run's journal does not hold is never shown, nor a run left out unsaid."""
    damage(copied_run)
    (copied_run / "report.html").unlink(missing_ok=True)
    assert told.format(f=copied_run) in refused([command, str(copied_run)])
    assert not list(copied_run.glob("*.*"))


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("*_cycle2_telogits.safetensors", "does not match its digest"),
        ("*_cycle2_trlogits.safetensors", "does not match its digest"),
        ("*_cycle2_trfeat.safetensors", "does not match its digest"),
    ],
)
def test_outputs_that_were_changed_are_not_reported(
    copied_run: Path, what: str, told: str, refused: Callable[[list[str]], str]
) -> None:
    """One bit is enough: the report's measures and maps come from these files."""
    path = one(copied_run, what)
    content = bytearray(path.read_bytes())
    content[-2] ^= 64
    path.write_bytes(content)
    told_of = refused(["report", str(copied_run)])
    assert told in told_of
    assert path.name in told_of


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (
            lambda path: path.write_text("".join(path.read_text().splitlines(True)[:-1])),
            "_al_cycle_result.csv has 2 rows, but ",
        ),
        (Path.unlink, "_al_cycle_result.csv is missing, so its run is left out"),
    ],
    ids=["cut", "removed"],
)
def test_a_table_that_lacks_lines_is_told(
    copied_run: Path,
    damage: Callable[[Path], object],
    told: str,
    small_run: Callable[..., list[str]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Of a run that goes on, or whose table was cut; ``uwe run`` writes it again."""
    path = one(copied_run, "*_al_cycle_result.csv")
    whole = path.read_text()
    damage(path)
    main(["results", str(copied_run), "--output", str(copied_run / "out")])
    assert sum(told in message for message in caplog.messages) == 1
    assert main([*small_run(copied_run), "--no-report"]) == 0
    assert path.read_text() == whole


def test_what_is_no_folder_is_told(tmp_path: Path, refused: Callable[[list[str]], str]) -> None:
    """A file where a folder is wanted, a FIFO as a table, and a data folder that is not there."""
    path = tmp_path / "a_s1.csv"
    path.write_text("n_labeled,te_accuracy\n10,0.5\n")
    os.mkfifo(tmp_path / "b_s1.csv")
    before = sorted(tmp_path.iterdir())
    assert f"{path} is no folder" in refused(["results", str(path)])
    assert "is no file and no folder" in refused(["report", str(tmp_path / "b_s1.csv")])
    given = ["report", str(path), "--data-dir", str(tmp_path / "none")]
    assert "there is no such folder" in refused(given)
    assert sorted(tmp_path.iterdir()) == before
