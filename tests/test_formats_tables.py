"""Exports as tables: what a project says goes out, and comes in again with the same labels."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uwe.cli import main
from uwe.cli.project_words import answers_in
from uwe.errors import InputError
from uwe.formats import FORMATS, Said, export_of, find_format, read_answers, recognised, write
from uwe.project import Answer, Project, ProjectFiles, Told

TABLES = ("csv", "jsonl", "parquet")
CLASSES = ("crow", "a|b", "né; x", "[rook]", "7")
ODD = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=9)
IDS = st.lists(
    ODD.filter(lambda text: text.strip() == text), min_size=4, max_size=4, unique_by=str.casefold
)
PEOPLE = ("ann", "bo b", "Çelik")
LABELS: Mapping[str, st.SearchStrategy[Any]] = {
    "classification": st.sampled_from(CLASSES),
    "multilabel": st.lists(st.sampled_from(CLASSES), unique=True),
    "regression": st.floats(-1e9, 1e9),
}


def project(folder: Path, ids: Sequence[str], task: str) -> Project:
    """A project about four vectors with these ids."""
    pool = folder.parent / "pool"
    if not pool.exists():
        pool.mkdir()
        np.save(pool / "features.npy", np.eye(len(ids), dtype=np.float32))
        (pool / "ids.txt").write_text("\n".join(ids), encoding="utf-8")
    classes = () if task == "regression" else CLASSES
    model = "sklearn:ridge" if task == "regression" else "sklearn:logistic"
    return Project(folder, pool, model, task=task, classes=classes)


def told_from(path: Path, to: Project, name: str | None = None) -> Told:
    """Tell a file, recognised or of a format, without a problem."""
    chosen = recognised(path) if name is None else find_format(name)
    read = read_answers(path, chosen, to)
    told = to.take(answers_in(read.rows, by="annotator"))
    assert not (*read.rows.problems, *told.problems)
    return replace(told, known=told.known + read.known)


def changes(told: Told) -> tuple[int, ...]:
    return told.new, told.corrected, told.skipped, told.settled


def words(of: Project) -> list[Any]:
    """What stands in a project, without the times of writing and the batches; skips come last."""
    return [
        (entry.id, entry.label, sorted(map(_words, entry.said), key=lambda each: each[4]))
        for entry in export_of(of).entries
    ]


def _words(said: Said) -> tuple[Any, ...]:
    return said.by, said.label, said.seconds, said.note, said.skip, said.settled


@st.composite
def histories(draw: Callable[[Any], Any], task: str) -> list[tuple[str, Answer]]:
    """Answers, corrections, skips, withdrawals and settled labels of three people on four rows."""
    note = st.none() | ODD.filter(str.strip).map(str.strip)
    seconds = st.none() | st.floats(0, 1e6)
    made = []
    for _ in range(draw(st.integers(1, 12))):
        act = draw(st.sampled_from(["answer"] * 6 + ["skip", "settle", "withdraw"]))
        made.append((
            act,
            Answer(
                str(draw(st.integers(0, 3))),
                None if act == "skip" else draw(LABELS[task]),
                draw(st.sampled_from(PEOPLE)),
                seconds=draw(seconds) if act == "answer" else None,
                note=draw(note) if act in ("answer", "skip") else None,
                skip=act == "skip",
                settled="review" if act == "settle" else None,
            ),
        ))  # fmt: skip
    return made


def live(of: Project, history: Sequence[tuple[str, Answer]]) -> None:
    """Let people say what the history has."""
    for act, answer in history:
        answer = replace(answer, id=of.ids[int(answer.id)])
        if act == "withdraw":
            of.withdraw([answer.id], by=answer.by)
        else:
            of.take([answer], whole=True)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("task", LABELS)
@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_table_holds_everything_that_was_said(name: str, task: str, data: st.DataObject) -> None:
    """Told into a fresh project it gives the same words and labels, into the same one nothing."""
    ids, history = data.draw(IDS), data.draw(histories(task))
    base = Path(tempfile.mkdtemp())
    try:
        first = project(base / "first.uwe", ids, task)
        live(first, history)
        if not words(first):
            return
        path = base / f"labels.{name}"
        write(export_of(first), find_format(name), path)
        assert changes(told_from(path, first)) == (0, 0, 0, 0)
        second = project(base / "second.uwe", ids, task)
        told_from(path, second)
        assert words(second) == words(first)
        assert second.labels() == first.labels()
        before = second.files.journal.read_bytes()
        assert changes(told_from(path, second)) == (0, 0, 0, 0)
        assert second.files.journal.read_bytes() == before
    finally:
        shutil.rmtree(base)


def test_equal_votes_are_settled_alike_after_an_export(tmp_path: Path) -> None:
    """The answers of a row keep their order, which decides between equal votes."""
    first = project(tmp_path / "first.uwe", "abcd", "classification")
    first.tell(["a"], ["crow"], by="ann")
    first.tell(["b", "a"], ["crow", "7"], by="bo")
    first.tell(["b"], ["7"], by="ann")
    write(export_of(first), find_format("csv"), tmp_path / "x.csv")
    second = project(tmp_path / "second.uwe", "abcd", "classification")
    told_from(tmp_path / "x.csv", second)
    assert second.labels() == first.labels() == {"a": "crow", "b": "crow"}


@pytest.mark.parametrize("name", TABLES)
def test_tables_need_no_source(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The labels of a project whose source is gone are written all the same."""
    of = project(tmp_path / "p.uwe", "abcd", "multilabel")
    of.tell(["a", "c"], [["crow", "7"], []], by="ann")
    of.skip(["b"], "too dark", by="bo")
    shutil.rmtree(tmp_path / "pool")
    output = tmp_path / f"out.{name}"
    assert main(["export", str(of.files.folder), "-o", str(output)]) == 0
    told = capsys.readouterr().out
    assert told == f"2 labelled rows, answers of ann, bo, 1 skipped. Written: {output}\n"
    assert recognised(output).name == name


def test_everything_is_the_whole_pool(tmp_path: Path) -> None:
    """With --all the rows without a label are there, too; telling them says nothing."""
    of = project(tmp_path / "p.uwe", "abcd", "classification")
    path = tmp_path / "x.jsonl"
    assert main(["export", str(of.files.folder), "-o", str(path), "--all"]) == 0
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [*"abcd"]
    told = told_from(path, of)
    assert changes(told) == (0, 0, 0, 0)
    assert told.empty == 4


REFUSED: Mapping[str, tuple[list[str], str]] = {
    "nothing": (
        ["-o", "x.csv"],
        "p has no label and no skipped row, so there is nothing to export",
    ),
    "unknown": (["-o", "x.csv", "--format", "csvs"], "unknown format 'csvs'; did you mean 'csv'"),
    "suffix": (["-o", "x.txt", "--format", "csv"], "csv is written as .csv, so x.txt must end in"),
    "no format": (["-o", "x"], "x does not say its format; give --format, one of csv, jsonl, "),
    "journal": (
        ["-o", "p.uwe/journal.jsonl", "--force"],
        "p.uwe/journal.jsonl is the project's journal.jsonl and would be lost",
    ),
    "source": (["-o", "pool/x.csv", "--force"], "pool/x.csv is a file of the source"),
    "exists": (["-o", "there.csv"], "there.csv exists; choose another name, or --force"),
    "copy": (["-o", "x.csv", "--copy"], "--copy is for folders, and csv is a file; leave it out"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_export_that_cannot_be_written_is_refused_in_one_line(
    case: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    contents: Callable[[Path], Any],
) -> None:
    """Exit code 2, one line, and no file is changed."""
    monkeypatch.chdir(tmp_path)
    project(tmp_path / "p.uwe", "abcd", "classification")
    (tmp_path / "there.csv").write_text("mine")
    (tmp_path / "pool/x.csv").write_text("mine")
    before = contents(tmp_path)
    arguments, message = REFUSED[case]
    assert main(["export", "p.uwe", *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line
    assert contents(tmp_path) == before


def test_a_project_that_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the folder."""
    assert main(["export", str(tmp_path / "no.uwe"), "-o", str(tmp_path / "x.csv")]) == 2
    assert "no.uwe does not exist" in capsys.readouterr().err


def test_a_renamed_class_is_read_under_its_new_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--rename OLD=NEW takes the labels of a file that was written before a class was renamed."""
    of = project(tmp_path / "p.uwe", "abcd", "classification")
    path = tmp_path / "old.csv"
    path.write_text("id,label\na,Crow\nb,7\n")
    assert main(["tell", str(of.files.folder), str(path)]) == 2
    assert "--add-class NAME adds a class, --rename OLD=NEW renames one" in capsys.readouterr().err
    assert main(["tell", str(of.files.folder), str(path), "--rename", "Crow=crow"]) == 0
    assert of.labels() == {"a": "crow", "b": "7"}
    for wrong in ("Crow", "=crow", "Crow="):
        assert main(["tell", str(of.files.folder), str(path), "--rename", wrong]) == 2
        assert f"--rename takes OLD=NEW, not '{wrong}'" in capsys.readouterr().err


def test_a_format_may_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--format decides; an unknown name lists close matches, and an unknown file all formats."""
    of = project(tmp_path / "p.uwe", "abcd", "classification")
    path = tmp_path / "labels.unknown"
    path.write_text("id,label\na,crow\n")
    folder = str(of.files.folder)
    assert main(["tell", folder, str(path)]) == 2
    assert f"if it is one of {', '.join(FORMATS)}, say so" in capsys.readouterr().err
    assert main(["tell", folder, str(path), "--format", "parquett"]) == 2
    assert "did you mean 'parquet'?" in capsys.readouterr().err


def test_a_huge_number_is_refused(tmp_path: Path) -> None:
    """A whole number beyond float64 is no label of a regression; it ends in no traceback."""
    of = project(tmp_path / "p.uwe", "abcd", "regression")
    with pytest.raises(InputError, match="is not a number"):
        of.tell(["a"], [10**400])


def test_every_format_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """`uwe list formats` has a line for each."""
    assert main(["list", "formats"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(FORMATS)


def test_files_of_a_project_name_what_they_hold(tmp_path: Path) -> None:
    """A settled label goes out with its rule and its person, and counts after it came in."""
    first = project(tmp_path / "first.uwe", "abcd", "classification")
    first.tell(["a"], ["crow"], by="ann")
    first.settle(["a"], ["7"], by="cy")
    write(export_of(first), find_format("csv"), tmp_path / "x.csv")
    second = project(tmp_path / "second.uwe", "abcd", "classification")
    assert changes(told_from(tmp_path / "x.csv", second)) == (1, 0, 0, 1)
    assert second.labels() == {"a": "7"}
    assert words(second) == words(first)
    assert ProjectFiles(tmp_path / "second.uwe").journal.is_file()
