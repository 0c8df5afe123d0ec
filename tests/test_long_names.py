"""Names that no file system takes are shortened; the record holds the whole."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import uwe
from uwe.cli import main
from uwe.errors import RunError
from uwe.runs import RunName, find_runs, read_record
from uwe.runs.names import fitted_name, initial_rows_file

MANY = "-".join(map(str, range(2, 62)))


def names() -> st.SearchStrategy[RunName]:
    text = st.text(st.characters(categories=("L", "N")), max_size=300)
    return st.builds(
        RunName, st.sampled_from(["run", "cycle 0", "supervised"]), text, text,
        st.integers(1, 2**63), st.integers(1, 10**6), text, text, text,
    )  # fmt: skip


@given(names())
def test_every_name_fits_a_file_system(name: RunName) -> None:
    """No name of a file or folder of a run has more than 255 bytes, with the longest suffix."""
    files = name.files(Path("r"))
    for path in (
        files.journal.with_name(f".{files.journal.name}.lock"), files.record, files.table,
        files.uncertainty(999, "standard_deviation"), files.model(999),
    ):  # fmt: skip
        for part in path.parts:
            assert len(part.encode()) <= 255
            assert part.encode().decode() == part


@given(names(), names())
def test_two_names_never_meet_in_one_short_name(one: RunName, other: RunName) -> None:
    """The digest is of the whole name, so only a name that was not shortened may be another's."""
    if one.stem == other.stem:
        assert len(one.stem.encode()) < 150 or one.as_json() == other.as_json()


def test_names_that_differ_at_the_end_stay_apart() -> None:
    """Budgets, data sets and tags with a long common beginning."""
    stems = {
        RunName("run", "d" * length, "m", 1, 1, budgets, "uwe", tag).stem
        for length in (201, 202)
        for budgets in (MANY, f"{MANY}-62")
        for tag in ("t" * 200, "t" * 199 + "u")
    }
    assert len(stems) == 8
    folders = {RunName("run", "d" * n, "m", 1, 1).files(Path("r")).folder for n in (300, 301)}
    assert len(folders) == 2
    rows = {initial_rows_file(Path("r"), "d" * n, seed=1, budget_id=MANY) for n in (150, 151)}
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        (RunName("run", "hub:a/birds", "small", 1, 9, "10-20", "uwe"),
         "hub-a-birds_al_modsmall_s1_ne9_bid10-20_muwe"),
        (RunName("cycle 0", "digits", "m", 3, 1, "10"), "digits_alc0_modm_s3_ne1_bid10"),
        (RunName("run", "d" * 150, "m", 1, 1, "1-2", "uwe"),
         f"{'d' * 150}_al_modm_s1_ne1_bid1-2_muwe"),
    ],
)  # fmt: skip
def test_names_that_fit_stay_as_they_were(name: RunName, stem: str) -> None:
    """Runs that exist are found again."""
    assert name.stem == stem
    assert fitted_name("x" * 190) == "x" * 190


def table(path: Path) -> Path:
    """A small table with a name that is as long as a file system takes."""
    rng = np.random.default_rng(0)
    rows = [f"{a},{b},{'left' if a < 0 else 'right'}" for a, b in rng.normal(size=(120, 2))]
    path.write_text("x,y,label\n" + "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize(
    ("length", "more"),
    [
        (230, ["--budgets=4,8"]),
        (5, [f"--budgets={MANY.replace('-', ',')}"]),
        (5, ["--budgets=4,8", f"--run-tag={'t' * 230}"]),
        (5, ["--budgets=4,8", f"--method-tag={'ü' * 200}"]),
    ],
)
def test_a_run_with_a_long_name_runs_resumes_and_is_reported(
    length: int, more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`uwe run`, the same again, `uwe results` and `uwe report` over its folder."""
    source, results = table(tmp_path / f"{'n' * length}.csv"), tmp_path / "r"
    command = ["run", str(source), "--model=sklearn:logistic", "--strategy=uwe", *more]
    command += ["--threads=1", f"--results={results}"]
    assert main(command) == 0
    [record] = [each for each in find_runs(results) if each.name and each.name.kind == "run"]
    assert record.name is not None
    assert record.name.dataset == source.stem
    assert (
        "".join(more).endswith(record.name.budgets.replace("-", ","))
        or length != 5
        or (record.name.run_tag == "t" * 230 or record.name.method == "uwe" + "ü" * 200)
    )
    rows = record.files.table.read_text().splitlines()
    labels = [int(row.split(",")[0]) for row in rows[1:]]
    assert all(before < after for before, after in pairwise(labels))
    assert labels[-1] == int(more[0].rpartition(",")[2])
    before = record.files.table.read_bytes()
    assert main(command) == 0
    assert record.files.table.read_bytes() == before
    assert main(["results", str(results), f"--output={tmp_path / 'out'}"]) == 0
    assert main(["report", str(results), f"--html={tmp_path / 'report.html'}"]) == 0
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("field", "value"),
    [("method", "../x"), ("budgets", "1/2"), ("run_tag", "\0"), ("seed", "1"), ("kind", "other")],
)
def test_a_record_with_an_impossible_name_is_refused(
    field: str, value: Any, copied_run: Path
) -> None:
    """A name from a record cannot lead out of the folder."""
    [path] = (copied_run / "digits" / "uwe").glob("*.json")
    record = json.loads(path.read_text())
    record["run"][field] = value
    path.write_text(json.dumps(record))
    with pytest.raises(RunError, match="is not the record of a run") as refusal:
        read_record(path)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["日本", "../x", "a\nb", ".hidden", "u\u0308", "a/b", "x\0y"])
def test_data_sets_with_odd_names_stay_in_the_folder(name: str, tmp_path: Path) -> None:
    """Separators and control characters of a name do not become part of a path."""
    files = RunName("run", name, "m", 1, 1, "2", "uwe").files(tmp_path)
    assert files.record.resolve().is_relative_to(tmp_path.resolve())
    assert files.record.name.isprintable()
    assert not any(character in files.record.name for character in "/\\\0\n")


def test_two_data_sets_whose_names_read_alike_are_not_mixed(tmp_path: Path) -> None:
    """The record tells them apart."""
    x, y = np.arange(40.0)[:, None], np.arange(40) // 20
    for name in ("a/b", "a-b"):
        data = uwe.Dataset.from_rows(name, (x, y), (x, y))
        experiment = uwe.Experiment(
            name, strategy="random", budgets=(4, 6), model="sklearn:logistic", results=tmp_path
        )
        if name == "a/b":
            uwe.run(experiment, dataset=data)
            continue
        with pytest.raises(RunError, match="dataset is 'a/b' there and 'a-b' here"):
            uwe.run(experiment, dataset=data)
