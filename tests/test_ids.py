"""Ids mean the same in every format and command, keep every digit, and can be read back."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import unicodedata
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

import uwe
from uwe.cli import main
from uwe.data.labelled_rows import load_labelled_rows
from uwe.pool_files import open_pool
from uwe.project import Project
from uwe.tables import IdRows, as_ids, checked_ids, matched, read_ids, read_labels
from uwe.tables.csv_text import csv_text

FEATURES = np.array([[0.0, 1.0], [5.0, 1.0], [9.0, 3.0]])
HASHES = [2**63 - 1, 2**63 + 1, 2**63 + 2]


def as_one_array(ids: Sequence[Any]) -> np.ndarray[Any, Any]:
    return np.array(ids, dtype=np.uint64 if ids and isinstance(ids[0], int) else None)


def as_npz(folder: Path, name: str, ids: Sequence[Any]) -> Path:
    path = folder / "pool.npz"
    np.savez(path, **{name: as_one_array(ids), "features": FEATURES[: len(ids)]})
    return path


def as_safetensors(folder: Path, name: str, ids: Sequence[Any]) -> Path:
    path = folder / "pool.safetensors"
    tensors = {"features": torch.from_numpy(FEATURES[: len(ids)])}
    save_file(tensors, path, metadata={name: json.dumps(list(ids))})
    return path


def as_npy_folder(folder: Path, name: str, ids: Sequence[Any]) -> Path:
    path = folder / "pool"
    path.mkdir()
    np.save(path / "features.npy", FEATURES[: len(ids)])
    np.save(path / f"{name}.npy", as_one_array(ids))
    return path


def as_text_folder(folder: Path, name: str, ids: Sequence[Any]) -> Path:
    path = folder / "pool"
    path.mkdir()
    np.save(path / "features.npy", FEATURES[: len(ids)])
    (path / f"{name}.txt").write_text("".join(f"{each}\n" for each in ids), encoding="utf-8")
    return path


def as_csv(folder: Path, name: str, ids: Sequence[Any]) -> Path:
    path = folder / "pool.csv"
    rows = [[each, *row] for each, row in zip(ids, FEATURES.tolist(), strict=False)]
    path.write_text(csv_text([name, "features_0", "features_1"], rows), encoding="utf-8")
    return path


def as_json_lines(folder: Path, name: str, ids: Sequence[Any]) -> Path:
    path = folder / "pool.jsonl"
    rows = zip(ids, FEATURES.tolist(), strict=False)
    lines = [json.dumps({name: each, "features": row}) + "\n" for each, row in rows]
    path.write_text("".join(lines))
    return path


def as_parquet(folder: Path, name: str, ids: Any) -> Path:
    path = folder / "pool.parquet"
    columns = {name: ids, "features": FEATURES[: len(ids)].tolist()}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


FORMATS = [
    as_npz,
    as_safetensors,
    as_npy_folder,
    as_text_folder,
    as_csv,
    as_json_lines,
    as_parquet,
]
Write = Callable[[Path, str, Sequence[Any]], Path]


def picked(path: Path, *more: str, out: str = "picks.csv") -> list[str]:
    """The ids of all picks, as another program reads them from the CSV."""
    output = path.parent / out
    assert main(["select", str(path), "-k", "2", "--strategy", "coreset", *more,
                 "-o", str(output), "--force"]) == 0  # fmt: skip
    with output.open(newline="", encoding="utf-8") as file:
        return [row["id"] for row in csv.DictReader(file)]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line with which a command refuses."""
    capsys.readouterr()
    assert main(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize("write", FORMATS)
@pytest.mark.parametrize("name", ["id", "ids"])
def test_id_and_ids_are_the_same(write: Write, name: str, tmp_path: Path) -> None:
    """Every format knows the ids by both names."""
    path = write(tmp_path, name, ["img0", "img1", "img2"])
    assert open_pool(path).ids(3) == ["img0", "img1", "img2"]
    assert set(picked(path)) < {"img0", "img1", "img2"}


@pytest.mark.parametrize("write", FORMATS)
def test_hashes_keep_every_digit(write: Write, tmp_path: Path) -> None:
    """Neighbouring 64-bit numbers on both sides of 2^63 stay apart, and picks name them."""
    ids = pyarrow.array(HASHES, pyarrow.uint64()) if write is as_parquet else HASHES
    path = write(tmp_path, "id", ids)
    assert open_pool(path).ids(3) == [str(each) for each in HASHES]
    assert picked(path, "--labelled", str(picks_file(tmp_path, HASHES[1]))) == [
        str(HASHES[0]),
        str(HASHES[2]),
    ]


def picks_file(folder: Path, name: Any) -> Path:
    path = folder / "done.txt"
    path.write_text(f"{name}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ([2**64 - 1, -(2**63), 2**80], [str(2**64 - 1), str(-(2**63)), str(2**80)]),
        ([np.uint64(2**63 + 1), np.int64(-1)], [str(2**63 + 1), "-1"]),
        ([Decimal(2**63 + 1), Decimal("3.00")], [str(2**63 + 1), "3"]),
        ([b"caf\xc3\xa9", "a"], ["café", "a"]),
        ([uuid.UUID(int=5)], ["00000000-0000-0000-0000-000000000005"]),
        ([None, float("nan"), "x"], ["", "", "x"]),
        (np.array(["a", "bc"]), ["a", "bc"]),
        (np.array([2**63 + 1, 2**63 + 2], np.uint64), [str(2**63 + 1), str(2**63 + 2)]),
        ([3.0, 4.0, None], ["3", "4", ""]),
    ],
)
def test_what_an_id_is(values: Any, ids: list[str]) -> None:
    """Whole numbers of any size and library, text, bytes and UUIDs are ids, to the digit."""
    assert as_ids(values, "ids") == ids


@pytest.mark.parametrize(
    "value", [True, 0.5, float("inf"), 2.0**53, np.float32(2**24), [1], b"\xff", Decimal("0.5")]
)
def test_what_no_id_is(value: Any) -> None:
    """A value that is no id, or that is no longer exact, is refused with its row."""
    with pytest.raises(uwe.DataError, match="whole numbers or text, but row 1 holds"):
        as_ids(["a", value], "ids")


def test_floating_ids_are_said(caplog: pytest.LogCaptureFixture) -> None:
    """Whole numbers that passed through floating ones are read as such, with one word."""
    assert as_ids([3.0, 4.0], "t.parquet: id") == ["3", "4"]
    [record] = caplog.records
    assert "t.parquet: id holds floating numbers" in record.getMessage()


def test_uint64_with_a_gap_is_refused_by_its_row(tmp_path: Path) -> None:
    """A missing id among hashes neither rounds the others nor becomes an id."""
    ids = pyarrow.array([HASHES[1], None, HASHES[2]], pyarrow.uint64())
    with pytest.raises(uwe.DataError, match="id is empty in row 1"):
        open_pool(as_parquet(tmp_path, "id", ids)).ids(3)


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (["a", "", "c"], "id is empty in row 1"),
        (["a", "  ", "c"], "id is empty in row 1"),
        (["a", "b", "a"], "the id 'a' repeats, in rows 0 and 2"),
    ],
)
@pytest.mark.parametrize("write", FORMATS)
def test_ids_that_tell_no_rows_apart_are_refused(
    write: Write, ids: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Empty and repeated ids are named before any work, and nothing is written."""
    path = write(tmp_path, "id", ids)
    out = tmp_path / "picks.csv"
    assert words in refused(
        capsys, "select", str(path), "-k", "1", "--strategy", "coreset", "-o", str(out)
    )
    assert not out.exists()


@pytest.mark.parametrize(
    "command",
    [
        ["run", "{}", "--model", "sklearn:logistic", "--budgets", "2,3"],
        ["init", "p.uwe", "{}", "--classes", "a,b"],
    ],
)
@pytest.mark.parametrize("ids", [["a", "", "c"], ["a", "b", "a"]])
def test_run_and_init_refuse_the_same_ids(
    command: list[str],
    ids: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Empty and repeated ids of a table are refused by every command."""
    monkeypatch.chdir(tmp_path)
    rows = [[each, at, "ab"[at % 2]] for at, each in enumerate(ids)]
    Path("t.csv").write_text(csv_text(["ids", "x", "label"], rows))
    said = refused(capsys, *(each.format("t.csv") for each in command))
    assert "is empty in row 1" in said or "repeats, in rows 0 and 2" in said
    assert not Path("p.uwe").exists()


def test_both_names_are_refused(tmp_path: Path) -> None:
    """Where ids and id are both there, nobody can tell which is meant, unless --key says it."""
    path = tmp_path / "pool.csv"
    path.write_text("id,ids,features_0\na,x,1\nb,y,2\n")
    with pytest.raises(uwe.DataError, match="'ids' and 'id', and both stand for ids"):
        open_pool(path)
    assert open_pool(path, {"ids": "id"}).ids(2) == ["a", "b"]
    labels = tmp_path / "labels.csv"
    labels.write_text("id,ids,label\na,x,crow\n")
    with pytest.raises(uwe.DataError, match="both stand for ids"):
        read_labels(labels)


ODD = ["a\rb", "a\nb", "a\r\nb", 'say "hi", he said', "u\u2028v\x85w\x0cx\x0by", " led", "\ufeffb"]


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_odd_ids_are_read_back(name: str, suffix: str, tmp_path: Path) -> None:
    """Picks of every format give the same id back, to other programs and to --exclude."""
    path = as_safetensors(tmp_path, "ids", [name, "b", "c"])
    out = tmp_path / f"picks{suffix}"
    assert main(["select", str(path), "-k", "3", "--strategy", "random", "-o", str(out)]) == 0
    assert set(read_ids(out)) == {name, "b", "c"}
    if suffix == ".csv":
        with out.open(newline="", encoding="utf-8") as file:
            assert {row["id"] for row in csv.DictReader(file)} == {name, "b", "c"}


@pytest.mark.parametrize("name", ["a\rb", "a\nb", "a\r\nb", "b\n", "a\u2028b", "a\x85b", "\ufeffb"])
def test_a_list_of_ids_refuses_line_breaks_before_the_work(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One id a line: an id of two lines is refused, also if it would not have been picked."""
    path = as_safetensors(tmp_path, "ids", ["b", name, "c"])
    out = tmp_path / "picks.txt"
    said = refused(capsys, "select", str(path), "-k", "1", "--strategy", "random", "-o", str(out))
    assert "one id a line" in said
    assert "row 1" in said
    assert not out.exists()


def test_only_a_line_feed_ends_an_id(tmp_path: Path) -> None:
    """U+2028, form feeds and the like are part of an id in ids.txt and in a list of ids."""
    ids = ["a\u2028b", "c\x85d", "e\x0cf\x0bg\x1ch"]
    path = as_text_folder(tmp_path, "ids", ids)
    assert open_pool(path).ids(3) == ids
    assert read_ids(path / "ids.txt") == ids
    assert picked(path, "--exclude", str(picks_file(tmp_path, ids[0])), out="p.csv") != []


def test_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    """ids.txt as Notepad writes it."""
    path = as_text_folder(tmp_path, "ids", [])
    np.save(path / "features.npy", FEATURES[:2])
    (path / "ids.txt").write_bytes(b"\xef\xbb\xbfa\r\nb\r\n")
    assert open_pool(path).ids(2) == ["a", "b"]


def test_ids_that_are_not_utf8_are_refused() -> None:
    """A file name of other bytes cannot be written as text."""
    with pytest.raises(uwe.DataError, match=r"not UTF-8 in row 1 .*'b\\udcff.png'"):
        checked_ids(["a", "b\udcff.png"], "ids")


COMPOSED, DECOMPOSED = "\u00fc.png", "u\u0308.png"


@pytest.mark.parametrize(("here", "there"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_composed_and_decomposed_ids_meet(here: str, there: str, tmp_path: Path) -> None:
    """A list from one system names the pool's ids of another; picks keep the pool's characters."""
    path = as_safetensors(tmp_path, "ids", [here, "b", "c"])
    rest = picked(path, "--exclude", str(picks_file(tmp_path, there)))
    assert set(rest) == {"b", "c"}
    assert here in picked(path, "--labelled", str(picks_file(tmp_path, "b")))


@pytest.mark.parametrize(("here", "there"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_labels_and_answers_meet_composed_and_decomposed(
    here: str, there: str, tmp_path: Path
) -> None:
    """--labels of a run and tell of a project find the item by its composed id."""
    data, labels = tmp_path / "t.csv", tmp_path / "labels.csv"
    data.write_text(csv_text(["id", "x"], [[here, 0], *([f"r{at}", at] for at in range(9))]))
    told = [[there, "crow"], *([f"r{at}", ["rook", "crow"][at % 2]] for at in range(9))]
    labels.write_text(csv_text(["id", "label"], told))
    found = load_labelled_rows(str(data), labels=labels)
    assert len(found.train) + len(found.test) == 10
    assert found.train.y[0] == found.classes.index("crow")
    project = Project(tmp_path / "p.uwe", data, classes=["crow", "rook"])
    assert main(["tell", str(tmp_path / "p.uwe"), str(labels)]) == 0
    assert project.labels()[here] == "crow"


def test_ids_that_differ_in_composition_alone_are_told_apart_exactly() -> None:
    """The exact id wins; where neither is exact, nothing is guessed."""
    rows = IdRows([COMPOSED, DECOMPOSED, "a"])
    assert [rows.row_of(each) for each in (COMPOSED, DECOMPOSED, "a", "z")] == [0, 1, 2, None]
    other = "\u1e69"  # s with two dots, in three spellings
    rows = IdRows(["s\u0323\u0307", "\u1e63\u0307"])
    with pytest.raises(uwe.DataError, match="may be that of row 0 or of row 1"):
        rows.row_of(other)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(min_size=1, max_size=6), unique=True, max_size=8))
def test_every_id_finds_its_own_row(ids: list[str]) -> None:
    """For any letters, an exact id gives its row, and a normal form none of other letters."""
    rows = IdRows(ids)
    assert [rows.row_of(each) for each in ids] == list(range(len(ids)))
    assert list(matched(ids, ids)) == list(range(len(ids)))
    for form in ("NFC", "NFD"):
        for row, each in enumerate(ids):
            composed = unicodedata.normalize(form, each)
            same = [
                at
                for at, of in enumerate(ids)
                if unicodedata.normalize("NFC", of) == unicodedata.normalize("NFC", each)
            ]
            if len(same) == 1:
                assert rows.row_of(composed) == row


@settings(deadline=None, max_examples=80)
@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5))
def test_every_cell_of_a_csv_is_read_back(rows: list[list[str]]) -> None:
    """Python's reader gives back every text with every kind of line break."""
    text = csv_text(["a", "b"], rows)
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["a", "b"], *rows]


@pytest.mark.parametrize(
    ("name", "computed"),
    [("=1+1", True), ("+cmd|x", True), ("@sum(a)", True), ("-a", True), ("-5", False),
     ("+4.5", False), ("a=1", False)],
)  # fmt: skip
def test_an_id_that_a_spreadsheet_computes_is_said_once(
    name: str, computed: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A formula is named in the log when picks become CSV, and only then."""
    path = as_safetensors(tmp_path, "ids", [name, "b", "c"])
    assert name in picked(path, "--exclude", str(picks_file(tmp_path, "b")))
    said = [each.getMessage() for each in caplog.records if "spreadsheet" in each.getMessage()]
    assert len(said) == computed
    assert all(repr(name) in each for each in said)


def test_one_long_id_costs_its_own_length(tmp_path: Path) -> None:
    """20,000 ids, one of them of 120,000 characters, need no array of the longest."""
    n = 20_000
    ids = ["x" * 120_000, *map(str, range(1, n))]
    path = tmp_path / "pool.parquet"
    columns = {"ids": ids, "uncertainty": np.linspace(0, 1, n)}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    code = (
        "import sys, resource; from pathlib import Path; from uwe.pool_files import open_pool;"
        "pool = open_pool(Path(sys.argv[1])); pool.read('uncertainty');"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        f"assert len(pool.ids({n})[0]) == 120_000;"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 100_000  # kB


def test_one_long_text_of_a_project_costs_its_own_length() -> None:
    """A list of texts from Python is never an array of the longest."""
    from uwe.project.sources import handed_over

    texts = ["a"] * 200_000 + ["b" * 200_000]  # as an array: 160 GB
    assert len(handed_over(texts)) == 200_001


def test_a_long_id_is_cut_in_messages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown id of 5,000 characters does not fill the screen."""
    path = as_safetensors(tmp_path, "ids", ["a", "b", "c"])
    done = picks_file(tmp_path, "z" * 5000)
    line = refused(
        capsys, "select", str(path), "-k", "1", "--strategy", "random", "--exclude", str(done)
    )
    assert len(line) < 500


def test_ids_of_rows_from_python() -> None:
    """from_rows takes ids of any library to the digit, and refuses those that repeat."""
    rows, y = np.zeros((3, 2)), np.array([0, 1, 0])
    data = uwe.Dataset.from_rows("d", (rows, y), ids=np.array(HASHES, np.uint64))
    assert data.ids == tuple(map(str, HASHES))
    with pytest.raises(uwe.DataError, match="repeats, in rows 0 and 2"):
        uwe.Dataset.from_rows("d", (rows, y), ids=["a", "b", "a"])


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "utf-8-sig"])
def test_a_list_of_ids_may_be_in_another_encoding(
    encoding: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """ids.txt of a folder is recognised as other text files are, and that is said."""
    (tmp_path / "pool").mkdir()
    np.save(tmp_path / "pool" / "features.npy", FEATURES)
    (tmp_path / "pool" / "ids.txt").write_bytes("a\r\nZo\u00e9\r\nc\r\n".encode(encoding))
    assert open_pool(tmp_path / "pool").ids(3) == ["a", "Zo\u00e9", "c"]
    assert ("read as" in caplog.text) == (encoding != "utf-8-sig")


def test_a_floating_id_is_shown_as_a_number() -> None:
    """An error shows 1.5, not NumPy's name of it."""
    with pytest.raises(uwe.DataError, match=r"row 1 holds 1\.5;"):
        as_ids(np.array([1.0, 1.5]), "ids")


def test_a_column_called_id_in_capitals_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """ID is no name of ids; since it looks like one, a run and a pool say that it is data."""
    path = tmp_path / "t.csv"
    lines = "".join(f"{at},{at % 7},{'ab'[at % 2]}\n" for at in range(30))
    path.write_text("ID,features_0,label\n" + lines)
    load_labelled_rows(str(path))
    assert "column 'ID' is data like any other" in caplog.text
    caplog.clear()
    assert open_pool(path).ids(30) == [str(at) for at in range(30)]
    assert "column 'ID' is data like any other" in caplog.text
    caplog.clear()
    open_pool(path, {"ids": "ID"}).ids(30)
    assert "column 'ID'" not in caplog.text
