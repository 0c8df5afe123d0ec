"""The command ``uwe select``, used as a person uses it: every format in, every format out."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import uwe
from uwe.cli import main
from uwe.pool_files import open_pool
from uwe.selecting.tables import COLUMNS
from uwe.tables import open_table

N = 40


def arrays() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    return {
        "features": rng.normal(size=(N, 3)).astype(np.float32),
        "probs": rng.dirichlet(np.ones(4), N).astype(np.float32),
        "uncertainty": rng.random(N),
        "ids": np.array([f"é {row}" for row in range(N)]),
        "labelled": np.arange(N) % 10 == 3,
    }


def without(*names: str) -> dict[str, Any]:
    return {name: array for name, array in arrays().items() if name not in names}


def as_npz(folder: Path, data: dict[str, Any]) -> Path:
    np.savez(folder / "pool.npz", **data)
    return folder / "pool.npz"


def as_packed_npz(folder: Path, data: dict[str, Any]) -> Path:
    np.savez_compressed(folder / "pool.npz", **data)
    return folder / "pool.npz"


def as_npy_folder(folder: Path, data: dict[str, Any]) -> Path:
    (folder / "pool").mkdir()
    for name, array in data.items():
        np.save(folder / "pool" / f"{name}.npy", array)
    return folder / "pool"


def as_npy_folder_with_text(folder: Path, data: dict[str, Any]) -> Path:
    path = as_npy_folder(folder, {name: of for name, of in data.items() if name != "ids"})
    (path / "ids.txt").write_text("".join(f"{name}\n" for name in data["ids"]))
    return path


def as_safetensors(folder: Path, data: dict[str, Any]) -> Path:
    tensors = {name: torch.from_numpy(of) for name, of in data.items() if name != "ids"}
    save_file(tensors, folder / "pool.safetensors", {"ids": json.dumps(data["ids"].tolist())})
    return folder / "pool.safetensors"


def as_columns(data: dict[str, Any]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for name, array in data.items():
        for at in range(array.shape[1] if array.ndim > 1 else 0):
            columns[f"{name}_{at}"] = array[:, at].tolist()
        if array.ndim == 1:
            columns[name] = array.tolist()
    return columns


def as_csv(folder: Path, data: dict[str, Any]) -> Path:
    columns = as_columns(data)
    with (folder / "pool.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return folder / "pool.csv"


def as_tsv(folder: Path, data: dict[str, Any]) -> Path:
    path = folder / "pool.tsv"
    path.write_text(as_csv(folder, data).read_text().replace(",", "\t"))
    return path


def as_json_lines(folder: Path, data: dict[str, Any]) -> Path:
    """List columns, and ids that are called id."""
    columns = {"id" if name == "ids" else name: of.tolist() for name, of in data.items()}
    rows = zip(*columns.values(), strict=True)
    lines = (json.dumps(dict(zip(columns, row, strict=True))) for row in rows)
    (folder / "pool.jsonl").write_text("\n".join(lines))
    return folder / "pool.jsonl"


def as_parquet(folder: Path, data: dict[str, Any]) -> Path:
    """List columns."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {name: of.tolist() for name, of in data.items()}
    parquet.write_table(arrow.table(columns), folder / "pool.parquet")
    return folder / "pool.parquet"


def as_wide_parquet(folder: Path, data: dict[str, Any]) -> Path:
    """Blocks of columns."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table(as_columns(data)), folder / "pool.parquet")
    return folder / "pool.parquet"


FORMATS = [
    as_npz, as_packed_npz, as_npy_folder, as_npy_folder_with_text, as_safetensors, as_csv,
    as_json_lines, as_tsv, as_parquet, as_wide_parquet,
]  # fmt: skip


def picked(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def expected(**arguments: Any) -> uwe.Selection:
    data = arrays()
    given = {"uncertainty": data["uncertainty"], "labelled": data["labelled"], **arguments}
    return uwe.select(data["features"], 6, **given)


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which the command refuses; nothing is printed and nothing written."""
    capsys.readouterr()
    assert main(["select", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("uwe: ")
    return captured.err


@pytest.mark.parametrize("write", FORMATS)
def test_every_format_holds_the_same_pool(
    write: Callable[[Path, dict[str, Any]], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever file a pool is in, its picks are those of ``uwe.select``, with their ids."""
    pool = write(tmp_path, arrays())
    assert main(["select", str(pool), "-k", "6"]) == 0
    rows = picked(capsys.readouterr().out)
    there = expected()
    assert [int(row["idx"]) for row in rows] == there.rows.tolist()
    assert [row["id"] for row in rows] == [f"é {row}" for row in there]
    assert [float(row["distance"]) for row in rows] == pytest.approx(there.distance, rel=1e-6)
    assert [int(row["stands_for"]) for row in rows] == there.stands_for.tolist()
    assert [float(row["percentile"]) for row in rows] == there.percentile.tolist()
    assert list(rows[0]) == list(COLUMNS)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".txt"])
def test_the_suffix_chooses_the_output(suffix: str, tmp_path: Path) -> None:
    """CSV, JSON lines, Parquet and a list of ids hold the same picks."""
    pool, out = as_npz(tmp_path, arrays()), tmp_path / f"picks{suffix}"
    assert main(["select", str(pool), "-k", "6", "-o", str(out)]) == 0
    there = [f"é {row}" for row in expected()]
    read = {
        ".csv": lambda: [row["id"] for row in picked(out.read_text())],
        ".jsonl": lambda: [json.loads(line)["id"] for line in out.read_text().splitlines()],
        ".parquet": lambda: [row.as_py() for row in pytest.importorskip("pyarrow.parquet")
                             .read_table(out)["id"]],
        ".txt": lambda: out.read_text().splitlines(),
    }  # fmt: skip
    assert read[suffix]() == there
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([out.name, "pool.npz"])


def test_stored_arrays_are_mapped(tmp_path: Path) -> None:
    """Neither ``.npy`` nor an uncompressed ``.npz`` is read into memory, nor copied later."""
    data = arrays()
    (tmp_path / "a").mkdir()
    for pool in (as_npz(tmp_path, data), as_npy_folder(tmp_path / "a", data)):
        features = open_pool(pool).read("features")
        assert isinstance(features, np.memmap)
        assert features.tolist() == data["features"].tolist()
        by_columns = {**data, "features": np.asfortranarray(data["features"])}
    assert open_pool(as_npz(tmp_path, by_columns)).read("features").tolist() == (
        data["features"].tolist()
    )


def test_keys_can_be_called_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--key`` says what the pool calls them; a name that is not there lists those that are."""
    data = arrays()
    pool = as_csv(
        tmp_path, {"emb": data["features"], "score": data["uncertainty"], "name": data["ids"]}
    )
    renamed = ["--key", "features=emb", "--key", "uncertainty=score", "--key", "ids=name"]
    assert main(["select", str(pool), "-k", "6", *renamed]) == 0
    rows = picked(capsys.readouterr().out)
    assert [row["id"] for row in rows] == [f"é {row}" for row in expected(labelled=None)]
    line = refused([str(pool), "-k", "6", "--key", "features=embed"], capsys)
    assert "has no 'embed' for features; its keys are 'emb', 'score', 'name', 'emb_0'" in line
    assert "did you mean 'features'" in refused(
        [str(pool), "-k", "1", "--key", "feature=emb"], capsys
    )
    assert "--key takes NAME=VALUE" in refused([str(pool), "-k", "1", "--key", "emb"], capsys)


def test_the_pools_uncertainty_goes_before_a_measure_unless_one_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both may be in a file; ``--uncertainty`` decides, and strategies that rank use their own."""
    data, pool = arrays(), as_npz(tmp_path, arrays())
    main(["select", str(pool), "-k", "6", "--uncertainty", "bvsb"])
    rows = [int(row["idx"]) for row in picked(capsys.readouterr().out)]
    by_measure = expected(probs=data["probs"], uncertainty="bvsb")
    assert rows == by_measure.rows.tolist() != expected().rows.tolist()
    assert main(["select", str(pool), "-k", "6", "--strategy", "entropy"]) == 0
    assert main(["select", str(pool), "-k", "6", "--strategy", "random"]) == 0


def test_a_matrix_alone_is_a_pool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One ``.npy`` file is features; rows are their own ids."""
    np.save(tmp_path / "x.npy", arrays()["features"])
    assert main(["select", str(tmp_path / "x.npy"), "-k", "3", "--strategy", "coreset"]) == 0
    rows = picked(capsys.readouterr().out)
    assert [row["id"] for row in rows] == [row["idx"] for row in rows]
    assert rows[0]["distance"] == rows[0]["nearest_id"] == rows[0]["uncertainty"] == ""


def broken_row(name: str, row: int, value: float) -> dict[str, Any]:
    data = without("uncertainty")
    data[name] = data[name].copy()
    data[name][row] = value
    return data


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        ({**arrays(), "probs": arrays()["probs"][:30]}, ["--uncertainty", "bvsb"],
         "features has 40 rows, but probs has 30"),
        ({**arrays(), "uncertainty": np.ones(7)}, [], "40 rows, but uncertainty has 7"),
        ({**arrays(), "ids": np.arange(9)}, [], "has 40 rows, but 9 ids"),
        ({**arrays(), "ids": np.arange(40) % 39}, [], "the id '0' repeats, in rows 0 and 39"),
        (broken_row("probs", 4, 0.5), [], "probs: row 4 sums to 2, not to 1"),
        (broken_row("probs", 4, -0.5), [], "probs: row 4 holds a negative number"),
        (broken_row("features", 11, np.nan), [], "features: row 11 holds NaN"),
        (without("features"), ["--strategy", "uwe"], "needs features, which"),
        (without("uncertainty", "probs"), ["--strategy", "uwe"],
         "needs probs or logits or uncertainty, which"),
        (without("uncertainty", "probs", "features"), [],
         "auto needs one of features, probs, logits, mc_probs, uncertainty, and"),
        (arrays(), ["--strategy", "bald"], "needs mc_probs, which"),
        (arrays(), ["--strategy", "bagde"], "did you mean 'badge'"),
        (arrays(), ["--uncertainty", "entrpy"], "did you mean 'entropy'"),
        (arrays(), ["--strategy", "badge", "--selection", "k_center"], "does not use 'selection'"),
        (arrays(), ["-k", "37"], "37 rows are to be picked, but only 36 of the 40"),
        (arrays(), ["-k", "0"], "the number of picks is 0"),
        (arrays(), ["-k", "2.5"], "'2.5' is not a whole number"),
        (arrays(), ["-o", "picks.xls"], "picks are written as .csv, .jsonl, .parquet, .txt"),
        (arrays(), ["--images", "."], "give --html FILE, too"),
        (arrays(), ["--html", "x.html", "--images", "nowhere"], "there is no folder nowhere"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_leaves_no_file(
    data: dict[str, Any],
    options: list[str],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is wrong, both values, exit code 2, and the folder as it was."""
    monkeypatch.chdir(tmp_path)
    pool = as_npz(tmp_path, data)
    chosen = options if "-k" in options else ["-k", "6", *options]
    chosen = chosen if "-o" in chosen else [*chosen, "-o", "picks.csv"]
    assert words in refused([str(pool), *chosen], capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["pool.npz"]


def cut(path: Path) -> Path:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 4])
    return path


@pytest.mark.parametrize("write", [as_npz, as_packed_npz, as_safetensors, as_parquet])
def test_a_half_written_file_is_refused(
    write: Callable[[Path, dict[str, Any]], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A file that lacks its end is not read as far as it goes."""
    pool = cut(write(tmp_path, arrays()))
    assert f"cannot read {pool}: " in refused([str(pool), "-k", "6"], capsys)


def test_other_files_that_are_no_pool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half an array, a half-written line, no file, no format, an empty folder."""
    x = arrays()["features"]
    np.save(tmp_path / "x.npy", x)
    assert "cannot read" in refused([str(cut(tmp_path / "x.npy")), "-k", "1"], capsys)
    short = tmp_path / "pool.csv"
    short.write_text("features_0,features_1,uncertainty\n1,2,3\n4,5")
    assert "line 3 has 2 cells, but there are 3 columns" in refused([str(short), "-k", "1"], capsys)
    short.write_text("features_0,features_0\n1,2\n")
    assert "two columns 'features_0'" in refused([str(short), "-k", "1"], capsys)
    short.write_text("")
    assert "is empty" in refused([str(short), "-k", "1"], capsys)
    assert "there is no file" in refused([str(tmp_path / "no.npz"), "-k", "1"], capsys)
    assert "is not known; a pool is .npy" in refused([str(tmp_path / "no.xls"), "-k", "1"], capsys)
    (tmp_path / "empty").mkdir()
    assert "holds no .npy files" in refused([str(tmp_path / "empty"), "-k", "1"], capsys)


def test_nothing_is_unpickled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Object arrays, and pickles that call themselves arrays, are refused unread."""
    marker = tmp_path / "was-run"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (marker,))

    objects = np.array([Evil(), 1], dtype=object)
    np.savez(tmp_path / "pool.npz", features=objects, uncertainty=np.ones(2))
    line = refused([str(tmp_path / "pool.npz"), "-k", "1"], capsys)
    assert "features in" in line
    assert "nothing is unpickled" in line
    np.save(tmp_path / "x.npy", objects, allow_pickle=True)
    assert "nothing is unpickled" in refused([str(tmp_path / "x.npy"), "-k", "1"], capsys)
    with zipfile.ZipFile(tmp_path / "fake.npz", "w") as file:
        file.writestr("features.npy", b"\x80\x04.")
    fake = [str(tmp_path / "fake.npz"), "-k", "1", "--strategy", "coreset"]
    assert "cannot read" in refused(fake, capsys)
    assert not marker.exists()


def test_a_column_of_mixed_types_names_its_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Text among numbers, an empty cell, a text column, lists of differing lengths."""
    pool = tmp_path / "pool.csv"
    for cell, words in (("abc", "holds 'abc', not a number"), ("", "is empty")):
        pool.write_text(f"features_0,uncertainty\n1,2\n{cell},3\n")
        line = refused([str(pool), "-k", "1"], capsys)
        assert f"line 3 of {pool}: column 'features_0' {words}" in line
    pool.write_text("features_0,uncertainty,labelled\n1,2,maybe\n2,3,0\n")
    assert f"line 2 of {pool}: column 'labelled' holds 'maybe'" in refused(
        [str(pool), "-k", "1"], capsys
    )
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    wrong = {
        "row 0 of {}: column 'features' holds 'a', not a number": ["a", "b"],
        "row 1 of {}: column 'features' holds 1 numbers, but the first row holds 2": [
            [1.0, 2.0],
            [3.0],
        ],
        "row 1 of {}: column 'features' is empty": [[1.0, 2.0], None],
        "row 1 of {}: column 'features' holds an empty number": [[1.0, 2.0], [3.0, None]],
    }
    for words, column in wrong.items():
        table = arrow.table({"features": column, "uncertainty": [1.0, 2.0]})
        parquet.write_table(table, tmp_path / "pool.parquet")
        assert words.format(tmp_path / "pool.parquet") in refused(
            [str(tmp_path / "pool.parquet"), "-k", "1"], capsys
        )


def test_an_output_that_exists_is_kept_without_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the picks nor the contact sheet overwrite anything unless told to."""
    pool = as_npz(tmp_path, arrays())
    out, sheet = tmp_path / "picks.csv", tmp_path / "picks.html"
    for there, options in ((out, ["-o", str(out)]), (sheet, ["--html", str(sheet)])):
        there.write_text("mine")
        assert f"{there} exists" in refused([str(pool), "-k", "6", *options], capsys)
        assert there.read_text() == "mine"
    both = ["-o", str(out), "--html", str(sheet), "--force"]
    assert main(["select", str(pool), "-k", "6", *both]) == 0
    assert len(picked(out.read_text())) == 6
    assert "picked by auto" in sheet.read_text()


def test_a_table_of_uncertainties_is_ranked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of ids and uncertainties needs neither features nor a strategy."""
    (tmp_path / "pool.csv").write_text("ids,uncertainty,labelled\na,0.5,0\nb,0.9,1\nc,0.7,0\n")
    assert main(["select", str(tmp_path / "pool.csv"), "-k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[2] for line in lines[1:]] == ["c", "a"]
    named = ["select", str(tmp_path / "pool.csv"), "-k", "2", "--strategy", "uwe"]
    assert main(named) == 2
    assert "strategy uwe needs features" in capsys.readouterr().err


def test_a_dash_is_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``-o -`` writes what no ``-o`` writes."""
    pool = str(as_npz(tmp_path, arrays()))
    assert main(["select", pool, "-k", "6"]) == 0
    plain = capsys.readouterr().out
    assert main(["select", pool, "-k", "6", "-o", "-"]) == 0
    assert capsys.readouterr().out == plain
    assert [path.name for path in tmp_path.iterdir()] == ["pool.npz"]


def test_files_of_ids_say_what_is_labelled_and_excluded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Labelled ids join the pool's own labelled rows, excluded ids are only not picked."""
    pool = as_npz(tmp_path, arrays())
    (tmp_path / "done.txt").write_text("é 0\né 3\n")
    (tmp_path / "more.csv").write_text("id,label\né 7,x\n")
    (tmp_path / "out.csv").write_text("ids\né 11\né 12\n")
    files = ["--labelled", str(tmp_path / "done.txt"), "--labelled", str(tmp_path / "more.csv"),
             "--exclude", str(tmp_path / "out.csv")]  # fmt: skip
    assert main(["select", str(pool), "-k", "6", "--strategy", "coreset", *files]) == 0
    rows = [int(row["idx"]) for row in picked(capsys.readouterr().out)]
    own = np.flatnonzero(arrays()["labelled"])
    same = uwe.select(
        arrays()["features"], 6, strategy="coreset", labelled=np.union1d(own, [0, 3, 7]),
        exclude=[11, 12],
    )  # fmt: skip
    assert rows == same.rows.tolist()
    by_rows = {**arrays(), "labelled": own}
    assert main(["select", str(as_npz(tmp_path, by_rows)), "-k", "6", "--strategy", "coreset",
                 *files]) == 0  # fmt: skip
    assert [int(row["idx"]) for row in picked(capsys.readouterr().out)] == rows


def test_earlier_picks_are_not_picked_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One file of picks after another covers the unlabelled rows."""
    pool, seen = str(as_npz(tmp_path, arrays())), set()
    files: list[str] = []
    for turn in range(6):
        out = tmp_path / f"picks{turn}.csv"
        assert main(["select", pool, "-k", "6", "-o", str(out), *files]) == 0
        seen |= {row["id"] for row in picked(out.read_text())}
        files += ["--exclude", str(out)]
    assert len(seen) == 36
    capsys.readouterr()
    line = refused([pool, "-k", "1", *files], capsys)
    assert "1 rows are to be picked, but only 0 of the 40 are unlabelled and not excluded" in line


@pytest.mark.parametrize("flag", ["--labelled", "--exclude"])
def test_an_id_that_is_not_in_the_pool_is_named(
    flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first such id, how many there are, and close matches."""
    pool = str(as_npz(tmp_path, arrays()))
    file = tmp_path / "ids.txt"
    file.write_text("é 1\né 111\n")
    line = refused([pool, "-k", "6", flag, str(file)], capsys)
    assert f"{flag} {file} has the id 'é 111', but {pool} has no such id; did you mean" in line
    assert "'é 11'" in line
    file.write_text("wholly\nother\n")
    line = refused([pool, "-k", "6", flag, str(file)], capsys)
    assert "the id 'wholly' and 1 more, but" in line
    assert "its ids are 'é 0', 'é 1', 'é 2', …" in line
    assert "there is no file" in refused([pool, "-k", "6", flag, "nowhere.txt"], capsys)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_columns_of_the_pool_stand_beside_the_picks(suffix: str, tmp_path: Path) -> None:
    """``--with`` appends columns of the pool under their own names, in the order given."""
    pool, out = tmp_path / "pool.csv", tmp_path / f"picks{suffix}"
    pool.write_text('id,uncertainty,kind,words\na,0.5,x,"one, two"\nb,0.9,y,three\n')
    arguments = ["select", str(pool), "-k", "2", "-o", str(out)]
    assert main([*arguments, "--with", "words", "--with", "kind"]) == 0
    table = open_table(out)
    assert table.columns == (*COLUMNS, "words", "kind")
    assert table.values("words") == ["three", "one, two"]
    assert table.values("kind") == ["y", "x"]


def test_columns_that_cannot_stand_beside_the_picks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name of the schema, a column that is not there, an array that is no column, mixed types."""
    pool = tmp_path / "pool.jsonl"
    pool.write_text(
        '{"id": "a", "uncertainty": 1, "v": 1}\n{"id": "b", "uncertainty": 2, "v": "x"}'
    )
    line = refused([str(pool), "-k", "1", "--with", "id"], capsys)
    assert "picks have a column 'id' of their own" in line
    line = refused([str(pool), "-k", "1", "--with", "w"], capsys)
    assert "has no column 'w'; its columns are 'id', 'uncertainty', 'v'" in line
    pytest.importorskip("pyarrow")
    out = tmp_path / "out.parquet"
    line = refused([str(pool), "-k", "2", "--with", "v", "-o", str(out)], capsys)
    assert "column v mixes types" in line
    assert not out.exists()
    arrays_there = str(as_npz(tmp_path, arrays()))
    line = refused([arrays_there, "-k", "1", "--with", "probs"], capsys)
    assert "probs must be [n] for --with, not of shape (40, 4)" in line
    assert "has no 'w' for --with" in refused([arrays_there, "-k", "1", "--with", "w"], capsys)
    both = ["--text", "v", "--images", str(tmp_path), "--html", "x.html"]
    assert "leave one out" in refused([str(pool), "-k", "1", *both], capsys)
    assert "give --html FILE" in refused([str(pool), "-k", "1", "--text", "v"], capsys)
