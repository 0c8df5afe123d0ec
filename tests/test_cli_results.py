"""The command ``uwe results``: table, CSV and picture, and what it refuses."""

from __future__ import annotations

import csv
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
