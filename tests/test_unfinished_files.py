"""Unfinished files: not foreseeable, never behind a link, removed by their own run alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from uwe import _files
from uwe._files import remove_unfinished, remove_unfinished_of, write_text, write_whole
from uwe.errors import RunError
from uwe.project.files import ProjectFiles
from uwe.runs.names import RunName

TOKEN = "0123456789abcdef"


def name_of(budgets: str, *, seed: int = 1, tag: str = "", kind: str = "run") -> RunName:
    method = "uwe" if kind == "run" else ""
    return RunName(kind, "digits", "small", seed, 9, budgets, method, tag)  # type: ignore[arg-type]


def left_behind(path: Path, token: str = TOKEN) -> Path:
    """What a killed process leaves of the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{token}.part")
    part.write_text("half")
    return part


def all_files(name: RunName, results: Path) -> list[Path]:
    files = name.files(results)
    of_all = [files.record, files.log, files.journal, files.table]
    owner = files.lock.with_suffix(".owner")
    each = [files.query, files.features, files.pool_logits, files.test_logits, files.model,
            files.training, lambda cycle: files.uncertainty(cycle, "entropy")]  # fmt: skip
    return [*of_all, owner, *(make(cycle) for cycle in (0, 12) for make in each)]


@pytest.mark.parametrize(
    "other",
    [
        name_of("20-40-60"),
        name_of("20-40", tag="b"),
        name_of("20-40", tag="a.json"),
        name_of("20-40", seed=12),
    ],
    ids=["more budgets", "a tag", "a tag like a suffix", "a longer seed"],
)
def test_a_run_removes_its_own_files_alone(tmp_path: Path, other: RunName) -> None:
    """All unfinished files of a run go, and those of runs whose names begin alike stay."""
    own = name_of("20-40")
    mine = [left_behind(path) for path in all_files(own, tmp_path)]
    theirs = [left_behind(path) for path in all_files(other, tmp_path)]
    files = own.files(tmp_path)
    remove_unfinished(files.folder, files.owns)
    assert not any(path.exists() for path in mine)
    assert all(path.exists() for path in theirs)


def test_cycle_0_and_the_initial_rows_keep_apart(tmp_path: Path) -> None:
    """Runs without cycles own their files by exact names, too."""
    own, other = (name_of(budgets, kind="cycle 0").files(tmp_path) for budgets in ("9", "9-10"))
    assert own.owns(own.model(0).name)
    assert own.owns(own.table.name)
    assert not own.owns(other.model(0).name)
    assert not own.owns(other.record.name)
    rows = own.folder / "digits_s1_bid9_init_lb.csv"
    part, longer = left_behind(rows), left_behind(rows.with_name("digits_s1_bid9_init_lb.csv.x"))
    remove_unfinished_of(rows)
    assert not part.exists()
    assert longer.exists()


def test_names_are_not_foreseeable_and_files_of_others_stay(tmp_path: Path) -> None:
    """Two writes have two names, and a file that is no unfinished file of ours is left alone."""
    seen = []

    def write(file: object) -> None:
        seen.extend(path.name for path in tmp_path.glob(".*.part"))

    for _ in range(2):
        write_whole(tmp_path / "a.csv", write)  # type: ignore[arg-type]
    assert len(set(seen)) == 2
    assert not list(tmp_path.glob("*.part"))
    foreign = [tmp_path / ".a.csv.part", tmp_path / ".a.csv.mine.part", tmp_path / "a.csv.7.part"]
    for path in foreign:
        path.write_text("mine")
    remove_unfinished(tmp_path, lambda name: True)
    assert all(path.read_text() == "mine" for path in foreign)


def test_a_link_at_the_unfinished_name_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a name that was foreseen leads nowhere: the file is made anew or not at all."""
    precious = tmp_path / "precious"
    precious.write_text("mine")
    monkeypatch.setattr(_files, "_unfinished_name", lambda name: f".{name}.part")
    (tmp_path / ".a.csv.part").symlink_to(precious)
    with pytest.raises(RunError, match="cannot write"):
        write_text(tmp_path / "a.csv", "new")
    assert precious.read_text() == "mine"
    assert not (tmp_path / "a.csv").exists()


def test_a_snapshot_of_hard_links_is_not_written_into(tmp_path: Path) -> None:
    """Another name of the file keeps the old content."""
    write_text(tmp_path / "a.csv", "old")
    os.link(tmp_path / "a.csv", tmp_path / "snapshot.csv")
    write_text(tmp_path / "a.csv", "new")
    assert (tmp_path / "snapshot.csv").read_text() == "old"
    assert (tmp_path / "a.csv").read_text() == "new"


@pytest.mark.parametrize("letters", [1, 230, 250, 251])
def test_a_name_of_every_length_that_a_file_may_have_is_written(
    tmp_path: Path, letters: int
) -> None:
    """The unfinished file's longer name is shortened where it would not fit."""
    path = tmp_path / ("é" * (letters // 2) + "x" * (letters % 2) + ".csv")
    write_text(path, "new")
    assert path.read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_longer_name_is_refused_in_a_line(tmp_path: Path) -> None:
    """The file system's limit is named, not its error."""
    with pytest.raises(RunError, match="its name is too long"):
        write_text(tmp_path / ("x" * 252 + ".csv"), "new")


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("round-12.csv", True),
        ("training-3.safetensors", True),
        ("images-64-0a.npy", True),
        ("journal.jsonl", True),
        ("thesis.csv", False),
        ("round-x.csv", False),
        ("myround-1.csv", False),
    ],
)
def test_a_project_owns_its_own_names(name: str, own: bool) -> None:
    """Unfinished files of other programs in a project's folder stay."""
    assert ProjectFiles(Path("p")).owns(name) is own


@pytest.mark.parametrize(
    "target",
    [
        lambda files: files.settings,
        lambda files: files.picks(1),
        lambda files: files.trainer_lock.with_suffix(".owner"),
    ],
    ids=["settings", "picks", "owner"],
)
def test_a_project_removes_what_its_killed_processes_left(
    tmp_path: Path, target: Callable[[ProjectFiles], Path]
) -> None:
    """The next process that writes the same file removes what was left of it."""
    import numpy as np

    import uwe

    x = np.random.default_rng(0).normal(size=(40, 2))
    project = uwe.Project(tmp_path / "p.uwe", x, "sklearn:logistic", classes=["a", "b"])
    part = left_behind(target(project.files))
    rows = project.ask(6)
    project.tell(rows, ["a" if x[row, 0] > 0 else "b" for row in rows])
    project.train()
    project.add_classes(["c"])
    assert not part.exists()
