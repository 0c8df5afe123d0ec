# ruff: noqa: RUF001  (digits of other scripts are what is tested)
"""Typed tables and shards: every type that holds numbers is read, others are refused in a line."""

from __future__ import annotations

import decimal
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uwe.cli import main
from uwe.errors import DataError, InputError
from uwe.pool_files import open_pool
from uwe.tables import open_shards, open_table

pa = pytest.importorskip("pyarrow")
feather = pytest.importorskip("pyarrow.feather")
pq = pytest.importorskip("pyarrow.parquet")

Refused = Callable[[list[str]], str]
VECTORS = [[0.5, 1.0], [2.0, 3.0], [4.0, 5.0]]


def parquet(path: Path, table: Any) -> Path:
    pq.write_table(table, path)
    return path


def arrow_file(path: Path, table: Any) -> Path:
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table)
    return path


def arrow_stream(path: Path, table: Any) -> Path:
    with pa.ipc.new_stream(path, table.schema) as file:
        file.write_table(table)
    return path


def feather_file(path: Path, table: Any) -> Path:
    feather.write_feather(table, path)
    return path


WRITERS = [
    ("t.parquet", parquet),
    ("t.feather", feather_file),
    ("t.arrow", arrow_file),
    ("s.arrow", arrow_stream),
]


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_every_typed_format_gives_the_same_table(
    name: str, write: Callable[[Path, Any], Path], tmp_path: Path
) -> None:
    """Parquet, Feather, and Arrow as a file and as a stream, in several batches."""
    table = pa.table({"id": ["a", "b", "c"], "x": VECTORS, "n": [1, None, 3]})
    found = open_table(write(tmp_path / name, pa.concat_tables([table, table.slice(0, 1)])))
    assert (found.columns, len(found), found.ids()) == (("id", "x", "n"), 4, ["a", "b", "c", "a"])
    assert found.numbers("x").tolist() == [*VECTORS, VECTORS[0]]
    assert found.values("n") == [1, None, 3, 1]
    assert found.at([2], ["id"]) == [{"id": "c"}]
    assert found.plain == ("id", "n")
    with pytest.raises(DataError, match=r"row 1 of .*: column 'n' is empty"):
        found.numbers("n")


NUMBERS: dict[str, Any] = {
    "int8": pa.array([1, 2, 3], pa.int8()),
    "uint64": pa.array([1, 2, 3], pa.uint64()),
    "float16": pa.array(np.array([1, 2, 3], np.float16)),
    "decimal128": pa.array([decimal.Decimal(n) for n in (1, 2, 3)], pa.decimal128(9, 2)),
    "dictionary of numbers": pa.array([1.0, 2.0, 3.0]).dictionary_encode(),
}
LISTS: dict[str, Any] = {
    "list": pa.array(VECTORS),
    "large_list": pa.array(VECTORS, pa.large_list(pa.float32())),
    "fixed_size_list": pa.array(VECTORS, pa.list_(pa.float64(), 2)),
    "tensor": pa.FixedShapeTensorArray.from_numpy_ndarray(np.array(VECTORS)),
    "of decimals": pa.array(
        [[decimal.Decimal(str(n)) for n in row] for row in VECTORS], pa.list_(pa.decimal128(9, 2))
    ),
    "text": pa.array([json.dumps(row) for row in VECTORS], pa.large_string()),
    "text in a dictionary": pa.array([json.dumps(row) for row in VECTORS]).dictionary_encode(),
}


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
@pytest.mark.parametrize(("kind", "column"), [*NUMBERS.items(), *LISTS.items()])
def test_every_type_of_numbers_is_read(kind: str, column: Any, suffix: str, tmp_path: Path) -> None:
    """Plain, dictionary-encoded and decimal numbers; lists, tensors and vectors in text."""
    write = parquet if suffix == ".parquet" else feather_file
    table = open_table(write(tmp_path / f"t{suffix}", pa.table({"x": column})))
    expected = [1, 2, 3] if kind in NUMBERS else VECTORS
    found = table.numbers("x")
    assert found.tolist() == expected
    assert found.dtype.kind in "iuf"


def test_views_runs_and_nested_lists_are_read(tmp_path: Path) -> None:
    """Types that Arrow files alone hold, with an offset, and tensors as lists of lists."""
    compute = pytest.importorskip("pyarrow.compute")
    columns = {
        "view": pa.array([[9.0, 9.0], *VECTORS], pa.list_view(pa.float64())).slice(1),
        "text": pa.array(["a", "b", "c"], pa.string_view()),
        "runs": compute.run_end_encode(pa.array([1.0, 1.0, 2.0])),
        "nested": pa.array([[[1, 2], [3, 4]]] * 3),
        "flags": pa.array([True, False, True]),
    }
    table = open_table(arrow_file(tmp_path / "t.arrow", pa.table(columns)))
    assert table.numbers("view").tolist() == VECTORS
    assert table.values("text") == ["a", "b", "c"]
    assert table.numbers("runs").tolist() == [1.0, 1.0, 2.0]
    assert table.numbers("nested").shape == (3, 2, 2)
    assert table.numbers("flags").tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array(["a", "b"]), "holds 'a', not a number"),
        (pa.array([b"a", b"b"]), "column .* holds binary, not numbers; convert the column"),
        (pa.array([1, 2], pa.timestamp("s")), "holds timestamp.ms., not numbers"),
        (pa.array([{"a": 1}, {"a": 2}]), "holds struct.*not numbers"),
        (pa.array([None, None]), "row 0 of .*: column 'x' is empty"),
        (pa.array([[1.0], []]), "row 1 of .*: column 'x' holds 0 numbers"),
        (pa.array([[], []], pa.list_(pa.float64())), "holds no numbers"),
        (pa.array([["a"], ["b"]]), "holds 'a', not a number"),
        (pa.array([[1.0, 2.0], [3.0, None]]), "row 1 of .*: column 'x' holds an empty number"),
    ],
)
def test_other_types_are_refused_in_a_line(column: Any, words: str, tmp_path: Path) -> None:
    """Row, file and column, and what is there instead of numbers."""
    table = open_table(parquet(tmp_path / "t.parquet", pa.table({"x": column})))
    with pytest.raises(DataError, match=words):
        table.numbers("x")


@pytest.mark.parametrize("name", ["t.parquet", "t.feather"])
@pytest.mark.parametrize("index", [None, "stamp", "id"])
def test_what_pandas_marks_as_an_index_is_no_column(
    index: str | None, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An index is left out, said, and read as ids if it is called so or asked for."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"uncertainty": [1.0, 2.0]}, index=pandas.Index([7, 5], name=index))
    path = tmp_path / name
    (frame.to_parquet if name == "t.parquet" else lambda to: feather_file(to, pa.table(frame)))(
        path
    )
    table = open_table(path)
    called = index or "__index_level_0__"
    assert (table.columns, table.index) == (("uncertainty",), (called,))
    assert f"{called!r} is an index, no feature" in caplog.text
    assert open_pool(path).ids(2) == (["7", "5"] if index == "id" else ["0", "1"])
    assert open_pool(path, {"ids": called}).ids(2) == ["7", "5"]


def test_metadata_that_lie_do_not_matter(tmp_path: Path) -> None:
    """An index that is not there, class names of texts, JSON that is none, and other shapes."""
    for key, value in (
        (b"pandas", b'{"index_columns": ["y", 3, {"kind": "range"}]}'),
        (b"pandas", b"[1]"),
        (b"pandas", b"\xff"),
        (b"huggingface", b'{"info": null}'),
        (b"huggingface", b'{"info": {"features": {"x": {"_type": "Image"}}}}'),
        (b"huggingface", b'{"info": {"features": {"x": {"_type": "ClassLabel", "names": 3}}}}'),
        (b"huggingface", b"[" * 100_000),
    ):
        table = pa.table({"x": [1.0, 2.0]}).replace_schema_metadata({key: value})
        found = open_table(parquet(tmp_path / "t.parquet", table))
        assert (found.columns, found.classes("x"), found.is_text("x")) == (("x",), None, False)
        assert found.numbers("x").tolist() == [1.0, 2.0]
        assert found.plain == ("x",)


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_a_damaged_file_is_one_line(
    name: str, write: Callable[[Path, Any], Path], tmp_path: Path
) -> None:
    """For any bytes that change or are cut: the right shape, or an error that names the file."""
    whole = write(
        tmp_path / name,
        pa.table({"id": ["a", "b", "c"], "x": VECTORS, "n": pa.array(["k", "l", "k"])}),
    ).read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        content = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 4)):
            content[at] = rng.integers(0, 256)
        if rng.random() < 0.2:
            content = content[: rng.integers(0, len(whole))]
        (tmp_path / name).write_bytes(content)
        problem = problem_of(tmp_path / name)
        assert problem is None or (name in problem and "\n" not in problem)
        refused += problem is not None
    assert refused > 20


def problem_of(path: Path) -> str | None:
    """What the reader says of a file; None where it reads all of it."""
    try:
        table = open_table(path)
        assert all(len(table.values(column)) == len(table) for column in table.columns)
        table.numbers(table.columns[1])
    except DataError as error:
        return str(error)
    return None


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".csv", ".csv.gz", ".jsonl"])
def test_shards_of_every_format_are_one_table(suffix: str, tmp_path: Path) -> None:
    """A folder of shards is a pool and a table; rows follow the order of the names."""
    import gzip

    folder = tmp_path / "pool"
    folder.mkdir()
    (folder / f"._a{suffix}").write_bytes(b"\x00\x05")
    (folder / "_SUCCESS").touch()
    for name, rows in (("b", [["c", 3.0]]), ("a", [["a", 1.0], ["b", 2.0]])):
        table = pa.table({"id": [row[0] for row in rows], "uncertainty": [row[1] for row in rows]})
        csv = "id,uncertainty\n" + "".join(f"{row[0]},{row[1]}\n" for row in rows)
        content = {
            ".csv": csv.encode(),
            ".csv.gz": gzip.compress(csv.encode()),
            ".jsonl": b"".join(json.dumps(row).encode() + b"\n" for row in table.to_pylist()),
        }.get(suffix)
        path = folder / f"{name}{suffix}"
        if content is None:
            (parquet if suffix == ".parquet" else feather_file)(path, table)
        else:
            path.write_bytes(content)
    table = open_table(folder)
    assert (len(table), table.ids()) == (3, ["a", "b", "c"])
    assert table.numbers("uncertainty").tolist() == [1.0, 2.0, 3.0]
    assert table.at([2, 0], ["id"]) == [{"id": "c"}, {"id": "a"}]
    assert [path.name for path in table.files] == [f"a{suffix}", f"b{suffix}"]
    assert table.where(2).endswith(f"of {folder / 'b'}{suffix}")
    assert open_pool(folder).ids(3) == ["a", "b", "c"]


def test_a_fault_in_a_shard_names_the_shard(tmp_path: Path) -> None:
    """The line is that of the shard, whichever row of the whole it is."""
    (tmp_path / "a.csv").write_text("x\n1\n2\n")
    (tmp_path / "b.csv").write_text("x\n3\n?\n")
    table = open_table(tmp_path)
    assert list(table.lines) == list(table.lines[:]) == [2, 3, 2, 3]
    with pytest.raises(DataError, match=r"line 3 of .*b\.csv: column 'x' holds '\?'"):
        table.numbers("x")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a.csv": "x,y\n1,2\n", "b.csv": "x\n1\n"}, "only a.csv has 'y'"),
        ({"a.csv": "x\n1\n", "b.csv": "x,z\n1,2\n"}, "only b.csv has 'z'"),
        ({"a.csv": "x\n1\n", "b.tsv": "x\n1\n"}, "several formats, a.csv and b.tsv"),
        ({"a.csv": "x\n"}, "has no rows"),
        ({"a.npz": ""}, "holds no tables"),
    ],
)
def test_shards_that_differ_are_refused(files: dict[str, str], words: str, tmp_path: Path) -> None:
    """Other columns, formats, and a folder without tables; both files are named."""
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=words):
        open_table(tmp_path)


def test_shards_of_other_types_are_refused_and_empty_ones_left_out(tmp_path: Path) -> None:
    """Text in one shard and numbers in another are no column; a shard without rows is none."""
    files = [
        parquet(tmp_path / "a.parquet", pa.table({"x": [1]})),
        parquet(tmp_path / "b.parquet", pa.table({"x": pa.array([], pa.string())})),
        parquet(tmp_path / "c.parquet", pa.table({"x": ["a"]})),
    ]
    assert open_shards(files[:2]).values("x") == [1]
    with pytest.raises(
        DataError, match=r"a\.parquet and .*c\.parquet differ: 'x' holds Value int64"
    ):
        open_shards(files)


def test_shards_are_a_pool_of_every_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``select``, ``run`` and ``init`` read a folder of CSV; each row is there once."""
    folder, bare = tmp_path / "rows", tmp_path / "unlabelled"
    for each in (folder, bare):
        each.mkdir()
    for at in range(3):
        rows = [f"r{at}{row},{row},{at},{'ab'[row % 2]}" for row in range(10)]
        lines = ["id,features_0,features_1,label", *rows]
        (folder / f"part-{at}.csv").write_text("\n".join(lines) + "\n")
        without = [line.rpartition(",")[0] for line in lines]
        (bare / f"part-{at}.csv").write_text("\n".join(without) + "\n")
    assert main(["select", str(bare), "-k", "30", "--strategy", "coreset"]) == 0
    picked = {line.split(",")[2] for line in capsys.readouterr().out.split()[1:]}
    assert picked == {f"r{at}{row}" for at in range(3) for row in range(10)}
    given = ["--model", "sklearn:logistic", "--budgets", "4,8", "--results", str(tmp_path / "r")]
    assert main(["run", str(folder), *given]) == 0
    assert main(["init", str(tmp_path / "p.uwe"), str(folder)]) == 0
    assert "30 rows" in capsys.readouterr().out.replace("vectors", "rows")


def test_compressed_parquet_and_encodings_of_typed_files_are_refused(tmp_path: Path) -> None:
    """A format that is compressed inside has no .gz, and no encoding."""
    path = parquet(tmp_path / "t.parquet", pa.table({"x": [1]}))
    with pytest.raises(InputError, match="has no encoding; leave --encoding cp1252 out"):
        open_table(path, "cp1252")
    with pytest.raises(InputError, match="compressed twice; unpack it"):
        open_table(path.rename(tmp_path / "t.parquet.gz"))


def test_a_folder_called_as_a_file_and_a_pipe(tmp_path: Path) -> None:
    """A folder ``x.csv`` of shards is read; a pipe is not opened, since it may never end."""
    import os

    folder = tmp_path / "x.csv"
    folder.mkdir()
    (folder / "part-0.csv").write_text("x\n1\n")
    assert open_table(folder).values("x") == ["1"]
    os.mkfifo(tmp_path / "p.csv")
    with pytest.raises(DataError, match="no regular file"):
        open_table(tmp_path / "p.csv")


def test_a_pool_without_rows_is_refused(tmp_path: Path, refused: Refused) -> None:
    """As for CSV: the file and that it has no rows."""
    for name, write in WRITERS:
        path = write(tmp_path / name, pa.table({"features": pa.array([], pa.list_(pa.float64()))}))
        assert f"{path} has no rows" in refused(["select", str(path), "-k", "1"])


def image() -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 10, 10)).save(out, "PNG")
    return out.getvalue()


IMAGES = {
    "struct of large types": pa.struct([("bytes", pa.large_binary()), ("path", pa.large_string())]),
    "struct in the other order": pa.struct([("path", pa.string()), ("bytes", pa.binary())]),
    "bytes alone": pa.struct([("bytes", pa.binary())]),
    "large binary": pa.large_binary(),
    "binary": pa.binary(),
}


@pytest.mark.parametrize("labels", ["dictionary", "large text"])
@pytest.mark.parametrize("kind", IMAGES)
def test_images_and_labels_of_other_writers(kind: str, labels: str, tmp_path: Path) -> None:
    """Columns as Polars and pandas write them are images and labels."""
    pytest.importorskip("PIL")
    from uwe import load_dataset

    values = [
        image() if "binary" in kind else {"bytes": image(), "path": "a.png"} for _ in range(10)
    ]
    names = pa.array(["cat", "dog"] * 5, pa.large_string())
    table = pa.table({
        "image": pa.array(values, IMAGES[kind]),
        "label": names.dictionary_encode() if labels == "dictionary" else names,
    })  # fmt: skip
    parquet(tmp_path / "train-00000-of-00001.parquet", table)
    data = load_dataset(f"hub:{tmp_path}")
    assert tuple(data.classes) == ("cat", "dog")
    assert np.asarray(data.train.x)[0, 0, 0].tolist() == [200, 10, 10]
    assert sorted(np.asarray(data.train.y).tolist()) == [0] * 4 + [1] * 4


def test_the_path_of_an_image_is_not_followed(tmp_path: Path) -> None:
    """A file that a Parquet file names is not opened, although it is there."""
    pytest.importorskip("PIL")
    from uwe import load_dataset

    (tmp_path / "secret.png").write_bytes(image())
    value = {"bytes": None, "path": str(tmp_path / "secret.png")}
    (tmp_path / "data").mkdir()
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array([value] * 10, kind), "label": ["cat", "dog"] * 5})
    parquet(tmp_path / "data" / "train-0.parquet", table)
    with pytest.raises(DataError, match="which is not followed"):
        load_dataset(f"hub:{tmp_path / 'data'}")


def test_a_wide_table_is_read_in_linear_time(tmp_path: Path) -> None:
    """Names are looked up once: 20,000 columns need no 20,000 x 20,000 comparisons."""
    n = 20_000
    (tmp_path / "t.csv").write_text(
        ",".join(f"x_{at}" for at in range(n)) + "\n" + ",".join("1" for _ in range(n)) + "\n"
    )
    table = open_table(tmp_path / "t.csv")
    assert table.blocks is table.blocks  # computed once
    assert table.numbers("x").shape == (1, n)


def test_results_of_other_programs(tmp_path: Path, refused: Refused) -> None:
    """Marks, semicolons, decimal commas, hidden files and percents in runs' tables."""
    from uwe.runs import read_cycles, read_others

    bom, semicolons = tmp_path / "m_s1.csv", tmp_path / "m_s2.csv"
    bom.write_bytes(b"\xef\xbb\xbfn_labeled,te_accuracy\n10,0.5\n20,0.75\n")
    semicolons.write_text(";n_labeled; te_accuracy\n0;10,0;0,25\n1;20,0;0,5\n")
    labels, values = read_cycles(semicolons)
    assert (labels.tolist(), values.tolist()) == ([10, 20], [0.25, 0.5])
    [curve] = read_others([bom, semicolons])
    assert curve.values.tolist() == [[50.0, 75.0], [25.0, 50.0]]
    (tmp_path / "._m_s1.csv").write_bytes(b"\x00\x05\x16\x07")
    assert main(["report", str(tmp_path), "--output", str(tmp_path / "out")]) == 0
    percent = tmp_path / "p" / "m_s3.csv"
    percent.parent.mkdir()
    percent.write_text("n_labeled,te_accuracy\n10,50.0\n")
    line = refused(["report", str(percent), "--output", str(tmp_path / "out2")])
    assert "line 2 of" in line
    assert "a share from 0 to 1 is wanted; divide percents by 100" in line


@pytest.mark.parametrize("cell", ["1_0", "１０", "9999999999999999999999", "18446744073709551615"])
def test_counts_of_labels_that_are_none(cell: str, tmp_path: Path, refused: Refused) -> None:
    """Python's own notations and counts beyond all tables are no rows of results."""
    path = tmp_path / "m_s1.csv"
    path.write_text(f"n_labeled,te_accuracy\n{cell},0.5\n")
    line = refused(["report", str(path), "--output", str(tmp_path / "out")])
    assert f"line 2 of {path} is not a row of results" in line


def test_a_report_reads_every_encoding(tmp_path: Path) -> None:
    """Curves and costs come from one reader."""
    for at, encoding in enumerate(("utf-16", "utf-8-sig"), 1):
        content = f"n_labeled,te_accuracy,query_time\n10,0.5,0.{at}\n20,0.75,0.2\n"
        (tmp_path / f"m_s{at}.csv").write_bytes(content.encode(encoding))
    assert main(["report", str(tmp_path), "--output", str(tmp_path / "out")]) == 0


def test_shards_that_differ_in_the_width_of_offsets_alone_are_one_table(tmp_path: Path) -> None:
    """Text and large text, lists and large lists mean the same."""
    kinds = [
        (pa.string(), pa.list_(pa.float64())),
        (pa.large_string(), pa.large_list(pa.float64())),
        (pa.string(), pa.list_(pa.float64(), 2)),
    ]
    for at, (text, vector) in enumerate(kinds):
        table = pa.table({
            "id": pa.array([f"r{at}"], text), "x": pa.array([[at, 1.0]], vector),
        })  # fmt: skip
        parquet(tmp_path / f"{at}.parquet", table)
    table = open_table(tmp_path)
    assert table.ids() == ["r0", "r1", "r2"]
    assert table.numbers("x").tolist() == [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["[[1,2],[3,4]]", "[[1,2],[3]]"], "line 2 of {}: column 'features' holds lists of other"),
        (["[[1,2],[3]]", "[[1,2],[3]]"], "line 1 of {}: column 'features' holds lists of several"),
        (["[[1,2],[3,4]]", "[1,2]"], "line 2 of {}: column 'features' holds lists of other"),
    ],
)
def test_nested_lists_of_several_lengths_name_their_line(
    rows: list[str], words: str, tmp_path: Path
) -> None:
    """No array can be made of them, so the first row that differs is named."""
    path = tmp_path / "t.jsonl"
    path.write_text("".join(f'{{"features": {row}}}\n' for row in rows))
    with pytest.raises(DataError, match=re.escape(words.format(path))):
        open_table(path).numbers("features")
