# ruff: noqa: RUF001  (text of other scripts is what is tested)
"""Text tables as spreadsheets, databases and data frames write them: read right, or refused."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwe.cli import main
from uwe.errors import DataError, InputError
from uwe.pool_files import open_pool
from uwe.tables import Table, open_table, read_ids, read_labels
from uwe.tables.delimited import _without_quotes

Refused = Callable[[list[str]], str]

ROWS = [["id", "x_0", "x_1", "name"], ["a", "0.5", "-1", "Zoé"], ["b", "2", "1e-3", "x, y; z"]]


def written(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def table_of(folder: Path, content: str | bytes, name: str = "t.csv") -> Table:
    return open_table(written(folder, content, name))


def as_text(separator: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator).writerows(ROWS)
    return out.getvalue()


def require_rows(table: Table) -> None:
    assert table.columns == ("id", "x_0", "x_1", "name")
    assert table.ids() == ["a", "b"]
    assert table.numbers("x").tolist() == [[0.5, -1.0], [2.0, 1e-3]]
    assert table.values("name") == ["Zoé", "x, y; z"]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_recognised(
    separator: str, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every separator is read under every name of a text table; an unusual one is said."""
    require_rows(table_of(tmp_path, as_text(separator), name))
    usual = {"t.csv": ","}.get(name, "\t")
    assert ("cells separated by" in caplog.text) == (separator != usual)


@pytest.mark.parametrize(
    ("content", "columns", "said"),
    [
        ("size, mm;weight\n1,5;2\n", ("size", "mm;weight"), "although semicolons fit, too"),
        ("a;b,c\n1;2\n3;4\n", ("a", "b,c"), "cells separated by semicolons"),
        ("id,a|b\nr,1\n", ("id", "a|b"), ""),
        ("text\nHello; world\nA|B\n", ("text",), ""),
    ],
)
def test_a_separator_that_is_in_doubt_is_said(
    content: str,
    columns: tuple[str, ...],
    said: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The rows decide; where two separators fit, the usual one is taken with a word."""
    assert table_of(tmp_path, content).columns == columns
    assert (said in caplog.text) if said else not caplog.text


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", "read as UTF-16"),
        ("utf-16-le", "read as UTF-16"),
        ("utf-16-be", "read as UTF-16"),
        ("utf-32", "read as UTF-32"),
        ("cp1252", "read as Windows-1252"),
    ],
)
def test_the_encoding_is_recognised_and_said(
    encoding: str, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """UTF-8 and UTF-16 with a mark and without, and Western text of Windows."""
    require_rows(table_of(tmp_path, as_text(",").encode(encoding)))
    assert [record.message for record in caplog.records] == (
        [f"{tmp_path / 't.csv'}: {said}"] if said else []
    )


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("id,name\na,Привет\n", "cp1251"),
        ("id,name\na,日本語\n", "shift_jis"),
        ("id,name\na,ő\n", "cp1250"),
    ],
)
def test_other_encodings_are_named_by_the_user(
    text: str, encoding: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another script is not taken for Western text; ``--encoding`` reads it."""
    path = written(tmp_path, text.encode(encoding))
    if encoding != "cp1250":
        with pytest.raises(DataError, match=r"line 2 of .* is not UTF-8 .* or pass --encoding"):
            open_table(path)
    found = open_table(path, encoding)
    assert [found.columns, found.values(found.columns[1])] == [
        tuple(text.splitlines()[0].split(",")),
        [text.splitlines()[1].split(",")[1]],
    ]
    assert not caplog.records
    with pytest.raises(DataError, match=r"line 2 of .* is not utf-8; pass the right --encoding"):
        open_table(path, "utf-8")
    for wrong in ("latin-99", "base64", "zip"):
        with pytest.raises(InputError, match="no encoding"):
            open_table(path, wrong)


def test_damaged_text_is_not_taken_for_another_encoding(tmp_path: Path) -> None:
    """One broken letter among others in UTF-8, zero bytes, and archives are refused."""
    for content, words in (
        ("id,name\na,Zoé\n".encode() + b"b,\xff\n", "line 3 of .* is not UTF-8 .byte 0xff."),
        (b"id,name\na,\x00\n", "line 2 of .* holds a zero byte"),
        (b"PK\x03\x04id,x\n", "is a zip file"),
        (gzip.compress(b"id,x\na,1\n"), r"compressed by gzip; call it t\.csv\.gz"),
        (codecs.BOM_UTF8 + b"id,x\na,\xff\n", "line 2 of .* is not UTF-8"),
    ):
        with pytest.raises(DataError, match=words):
            table_of(tmp_path, content)
    with pytest.raises(InputError, match="byte-order mark of utf-8, but --encoding is cp1252"):
        open_table(written(tmp_path, codecs.BOM_UTF8 + b"id\na\n"), "cp1252")


@pytest.mark.parametrize("name", ["t.csv.gz", "t.tsv.gz", "T.CSV.GZ", "t.txt.gz"])
def test_compressed_text_is_read(name: str, tmp_path: Path) -> None:
    """Any text table may be compressed; what is cut or is no gzip is one line."""
    whole = gzip.compress(as_text("\t").encode())
    require_rows(table_of(tmp_path, whole, name))
    for content in (whole[:-9], b"id\na\n", whole[:40] + b"??" + whole[42:]):
        with pytest.raises(DataError, match="cannot read"):
            table_of(tmp_path, content, name)


def test_json_lines_in_other_encodings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """JSON lines are read from the same text files as CSV."""
    text = json.dumps({"id": "a", "name": "Zoé"}, ensure_ascii=False) + "\n"
    for content in (text.encode("utf-16"), text.encode("cp1252")):
        assert table_of(tmp_path, content, "t.jsonl").values("name") == ["Zoé"]
    packed = gzip.compress(text.encode())
    assert table_of(tmp_path, packed, "t.jsonl.gz").values("name") == ["Zoé"]
    assert len(caplog.records) == 2


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("id;x\na;1,5\nb;-2\nc;0,25E1\n", [1.5, -2.0, 2.5]),
        ("id\tx\na\t1,5\nb\t2,0\nc\t,5\n", [1.5, 2.0, 0.5]),
        ('id|x\na|"1,5"\nb|3\nc|1\n', [1.5, 3.0, 1.0]),
    ],
)
def test_decimal_commas_are_numbers_and_said(
    content: str, values: list[float], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where commas do not separate, a column of numbers may have decimal commas."""
    table = table_of(tmp_path, content)
    assert table.numbers("x").tolist() == values
    assert [float(each) for each in table.values("x")] == values
    assert "decimal commas in column 'x'" in caplog.text


def test_what_may_be_no_decimal_comma_stays_text(tmp_path: Path) -> None:
    """Points beside commas, groups of thousands and texts are not rewritten."""
    for cells in (("1.5", "1,5"), ("1.234,5", "2"), ("1,234,567", "2,5"), ("a,b", "1,5")):
        content = "id;x\n" + "".join(f"r{n};{each}\n" for n, each in enumerate(cells))
        table = table_of(tmp_path, content)
        assert table.values("x") == list(cells)
        with pytest.raises(DataError, match=r"line [23] of .*: column 'x' holds"):
            table.numbers("x")
    assert table_of(tmp_path, "id;x\n1,5;2\n2,5;3\n").ids() == ["1,5", "2,5"]


@pytest.mark.parametrize(
    "content",
    [
        "id, x, text\na, 1, b c\nd, 2, e\n",
        'id, x, text\n"a", 1, "b c"\n"d", 2, "e"\n',
        'id,x,text\na,1, "b c"\nd,2, "e"\n',
        "id ,x ,text\na,1,b c\nd,2,e\n",
    ],
)
def test_blanks_around_names_and_behind_separators_belong_to_no_cell(
    content: str, tmp_path: Path
) -> None:
    """They are left out of names, and of cells where they follow every separator."""
    table = table_of(tmp_path, content)
    assert table.columns == ("id", "x", "text")
    assert [table.ids(), table.numbers("x").tolist()] == [["a", "d"], [1.0, 2.0]]
    assert table.values("text") == ["b c", "e"]


def test_blanks_of_texts_are_kept(tmp_path: Path) -> None:
    """A text that begins with a blank keeps it where no separator is followed by one as a rule."""
    assert table_of(tmp_path, "id,text\na, b\nc,d\n").values("text") == [" b", "d"]


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    """Blank lines, cells over several lines and a line 'sep=;' do not shift the numbers."""
    for content, line in (
        ("\nid,x\n\na,1\n\nb,\n", 6),
        ('id,x\n"a\nb",1\nc,\n', 4),
        ("id,x\r\na,1\r\n\r\nb,\r\n", 4),
        ("id,x\ra,1\rb,\r", 3),
        ("sep=;\nid;x\na;1\nb;\n", 4),
        ('sep=;\n"id";x\n"a\n";1\nb;\n', 5),
    ):
        with pytest.raises(DataError, match=rf"line {line} of .*t\.csv: column 'x' is empty"):
            table_of(tmp_path, content).numbers("x")


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_row_of_another_width_names_its_line(quote: str, tmp_path: Path) -> None:
    """Too few and too many cells, by the fast parser and by the strict one."""
    for row, cells in (("1", 1), ("1,2,3", 3)):
        content = f"{quote}a{quote},b\n1,2\n\n{row}\n"
        with pytest.raises(DataError, match=f"line 4 has {cells} cells, but there are 2 columns"):
            table_of(tmp_path, content)
    with pytest.raises(DataError, match=r"line 3 of .* opens a quote"):
        table_of(tmp_path, 'a,b\n1,2\n3,"4\n5,6\n')
    with pytest.raises(DataError, match=r"line 2: .*expected after"):
        table_of(tmp_path, 'a,b\n"1"x,2\n')


@given(
    st.lists(
        st.lists(st.text("abé 1.-;\t|", max_size=4), min_size=3, max_size=3),
        min_size=1,
        max_size=6,
    )
)
def test_the_fast_parser_agrees_with_the_strict_one(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    """Without quotes both give the cells of the module csv, and its lines."""
    content = "\n".join(["a,b,c", *map(",".join, rows)]) + "\n"
    table = table_of(tmp_path_factory.mktemp("t"), content)
    assert [list(row) for row in zip(*map(table.values, "abc"), strict=True)] == rows
    assert list(table.lines) == list(range(2, len(rows) + 2))
    quoted = table_of(tmp_path_factory.mktemp("t"), content.replace("a,b", '"a",b', 1))
    assert list(map(quoted.values, "abc")) == list(map(table.values, "abc"))


def test_a_ragged_text_is_left_to_the_strict_parser() -> None:
    """The fast parser gives nothing where a line does not fit."""
    from uwe.tables.dialects import Dialect

    assert _without_quotes(b"a,b\n1\n", 4, 1, Dialect(), 2) is None


def test_cells_of_any_length(tmp_path: Path) -> None:
    """A cell may be longer than the module csv and a block of Arrow allow; the limit stays."""
    before = csv.field_size_limit()
    long = "a" * 300_000
    assert table_of(tmp_path, f'id,text\n1,{long}\n2,"b"\n').values("text") == [long, "b"]
    assert table_of(tmp_path, f"id,text\n1,{long}\n2,b\n").values("text") == [long, "b"]
    longer = "a" * (1 << 25)
    assert table_of(tmp_path, f"id,text\n1,{longer}\n2,b\n").values("text") == [longer, "b"]
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("content", "index", "columns"),
    [
        (",x,label\n0,1,a\n1,2,b\n", ("Unnamed: 0",), ("x", "label")),
        ('"","x","label"\n"1",1,"a"\n"2",2,"b"\n', ("Unnamed: 0",), ("x", "label")),
        (",,x\na,0,1\na,1,2\n", ("Unnamed: 0", "Unnamed: 1"), ("x",)),
        ("Unnamed: 0,x\n0,1\n1,2\n", ("Unnamed: 0",), ("x",)),
        (",Unnamed: 0,x\n0,0,1\n1,1,2\n", ("Unnamed: 0.1", "Unnamed: 0"), ("x",)),
        ("x,__index_level_0__\n1,5\n2,6\n", ("__index_level_0__",), ("x",)),
    ],
)
def test_an_index_is_no_column(
    content: str,
    index: tuple[str, ...],
    columns: tuple[str, ...],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What pandas and R write before the first name is said, and read only by its name."""
    table = table_of(tmp_path, content)
    assert (table.index, table.columns, table.plain) == (index, columns, columns)
    assert table.numbers("x").tolist() == [1.0, 2.0]
    assert len(table.ids(index[0]) or ()) == 2
    assert "index, no feature" in caplog.text


def test_other_columns_need_names(tmp_path: Path) -> None:
    """A column without a name that is not the first is refused, as are two of one name."""
    with pytest.raises(DataError, match=r"column 2 of .* has no name"):
        table_of(tmp_path, "a,,b\n1,2,3\n")
    with pytest.raises(DataError, match="two columns 'a'"):
        table_of(tmp_path, "a, a\n1,2\n")


@pytest.mark.parametrize(
    "cells",
    [
        ("[0.5, 1]", "[2,3]"),
        ("{0.5,1}", "{2,3}"),
        ("[0.5 1. ]", "[2 3]"),
        (" [5e-1,1]", "[ 2 , 3 ]"),
    ],
)
def test_vectors_in_text_are_lists(cells: tuple[str, str], tmp_path: Path) -> None:
    """pgvector, PostgreSQL's arrays and NumPy's print are read from CSV, JSON and Parquet."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = "\n".join(json.dumps({"features": cell}) for cell in cells)
    parquet.write_table(arrow.table({"features": list(cells)}), tmp_path / "t.parquet")
    quoted = "".join(f'"{cell}"\n' for cell in cells)
    for table in (
        table_of(tmp_path, f"features\n{quoted}"),
        table_of(tmp_path, rows, "t.jsonl"),
        open_table(tmp_path / "t.parquet"),
    ):
        assert table.numbers("features").tolist() == [[0.5, 1.0], [2.0, 3.0]]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("", "is empty"),
        ("[1,2,3]", "holds 3 numbers, but the first row holds 2"),
        ("[1,]", "not all numbers"),
        ("[1,null]", "not all numbers"),
        ("[1 2, 3]", "not all numbers"),
        ("[1 2 ... 8]", "was shortened"),
        ("[1,2", "not a vector"),
        ("(1,2)", "not a vector"),
        ("1;2", "not a vector"),
        ("[1_0,2]", "not all numbers"),
    ],
)
def test_a_vector_that_is_none_names_its_line(cell: str, words: str, tmp_path: Path) -> None:
    """What is cut, ragged or ambiguous is refused."""
    table = table_of(tmp_path, f'features\n"[1,2]"\n"{cell}"\n')
    with pytest.raises(DataError, match=rf"line 3 of .*: column 'features' .*{words}"):
        table.numbers("features")


@pytest.mark.parametrize("cell", ["NA", "abc", "1_000", "0x10", "１", "1,5", "1.2.3", "-"])
def test_what_is_no_number_names_line_and_column(cell: str, tmp_path: Path) -> None:
    """Python's own notations are no numbers of a table."""
    table = table_of(tmp_path, f'x,y\n1,2\n 3 ,4\n"{cell}",6\n')
    with pytest.raises(DataError, match=rf"line 4 of .*: column 'x' holds '{cell}', not a number"):
        table.numbers("x")
    assert table.numbers("y").tolist() == [2.0, 4.0, 6.0]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("features_0", "features_2"), "none of number 1"),
        (("features_2", "features_3"), "none of number 1"),
        (("features_1", "features_2", "features_4"), "none of number 3"),
        (("features_0", "features_1", "features_01"), "'features_01' and 'features_1' are one"),
        (("prob_0", "prob_cat"), "'prob_0' and 'prob_cat' cannot both be columns"),
    ],
)
def test_a_block_with_a_gap_names_the_number(
    names: tuple[str, ...], words: str, tmp_path: Path, refused: Refused
) -> None:
    """A lost column, one that is there twice, and names among numbers."""
    cells = ",".join("0.5" for _ in names)
    path = written(tmp_path, f"{','.join(names)}\n{cells}\n{cells}\n")
    strategy = "coreset" if names[0].startswith("f") else "entropy"
    assert words in refused(["select", str(path), "-k", "1", "--strategy", strategy])


def test_blocks_of_numbers_from_0_and_from_1(tmp_path: Path) -> None:
    """Blocks begin at 0 or 1, in any order of columns, padded with zeros or not."""
    content = "x_2,x_1,y_00,y_01,x_3\n2,1,0,1,3\n"
    table = table_of(tmp_path, content)
    assert table.numbers("x").tolist() == [[1.0, 2.0, 3.0]]
    assert table.numbers("y").tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize("start", ["prob_", "probs_", "proba_", "probability.", "prob-"])
def test_columns_of_classes_are_a_block(
    start: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Probabilities by class name rank the rows as a block does, and keep the names."""
    content = f"id,{start}cat,{start}dog\na,0.9,0.1\nb,0.45,0.55\nc,0.7,0.3\n"
    path = written(tmp_path, content)
    table = open_table(path)
    assert table.numbers("probs").tolist() == [[0.9, 0.1], [0.45, 0.55], [0.7, 0.3]]
    assert table.classes("probs") == ("cat", "dog")
    assert main(["select", str(path), "-k", "2", "--strategy", "entropy"]) == 0
    assert [line.split(",")[2] for line in capsys.readouterr().out.split()[1:]] == ["b", "c"]


def test_a_single_column_of_that_name_is_no_block(tmp_path: Path) -> None:
    """A column ``prob_max`` alone is a column."""
    assert "probs" not in table_of(tmp_path, "id,prob_max\na,1\n").blocks


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"a": 1}\n{"a": NaN}\n', "line 2 of .* is no JSON .NaN is no value"),
        ('{"a": 1}\n{"a": -Infinity}\n', "line 2 of .* is no JSON .-Infinity"),
        ('{"a": 1}\n\n{"a": 1, "a": 2}\n', "line 3 of .*the key 'a' is there twice"),
        ('{"a": 1}\n{"a": {"b": 1, "b": 2}}\n', "line 2 of .*the key 'b' is there twice"),
        ('{"a": 1}\n{"a": 2', "line 2 of .* is no JSON"),
        ('{"a": 1}\n{"a": "\\ud800"}\n', "line 2 of .* surrogate"),
        ("[" * 100_000 + "\n", "line 1 of .* is no JSON"),
        ("{}\n{}\n", "has no columns"),
    ],
)
def test_what_is_no_json_names_its_line(content: str, words: str, tmp_path: Path) -> None:
    """Python's extensions of JSON are refused, as is what would be dropped."""
    with pytest.raises(DataError, match=words):
        table_of(tmp_path, content, "t.jsonl")


def test_lists_of_ids_and_labels_are_read_alike(tmp_path: Path) -> None:
    """Labels and lists of ids come from the same reader, with an encoding of their own."""
    content = "id;label\nZoé;chat\nb;chien\n".encode("cp1252")
    labels = read_labels(written(tmp_path, content, "labels.csv"))
    assert [(row.id, row.label, row.line) for row in labels] == [
        ("Zoé", "chat", 2),
        ("b", "chien", 3),
    ]
    assert read_ids(tmp_path / "labels.csv") == ["Zoé", "b"]
    assert read_ids(written(tmp_path, "a\nПривет\n".encode("cp1251"), "i.txt"), "cp1251") == [
        "a",
        "Привет",
    ]
    assert read_ids(written(tmp_path, "a\u2028b\r\nc\u0085\rd\n", "i.txt")) == [
        "a\u2028b",
        "c\u0085",
        "d",
    ]


def test_a_run_of_a_table_with_an_index_is_by_chance(tmp_path: Path) -> None:
    """An index that tells the label is no feature: a forest on noise is right by chance."""
    from uwe import load_dataset

    rng = np.random.default_rng(0)
    labels = np.arange(300) // 100
    order = rng.permutation(300)
    noise = rng.normal(size=(300, 2))
    rows = "".join(f"{at},{noise[at, 0]},{noise[at, 1]},{labels[at]}\n" for at in order)
    data = load_dataset(str(written(tmp_path, f",a,b,label\n{rows}")))
    assert data.train.x.shape == (240, 2)
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(50, random_state=0).fit(data.train.x, data.train.y)
    assert forest.score(data.test.x, data.test.y) < 0.55


@pytest.mark.parametrize("command", ["run", "init", "select", "embed"])
def test_an_empty_cell_is_named_the_same_way_by_every_command(
    command: str, tmp_path: Path, refused: Refused
) -> None:
    """Line, file and column; no command proposes to take numbers as text."""
    (tmp_path / "enc.py").write_text("def lens():\n    return lambda t: (None, t)\n")
    path = written(tmp_path, "features_0,features_1,label\n1,2,a\n3,,b\n5,6,a\n7,8,b\n")
    arguments = {
        "run": [
            "--model",
            "sklearn:logistic",
            "--budgets",
            "1,2",
            "--results",
            str(tmp_path / "r"),
        ],
        "init": [],
        "select": ["-k", "1", "--strategy", "coreset"],
        "embed": ["--text", "features_1", "--model", "x:y", "-o", str(tmp_path / "p.safetensors")],
    }[command]
    before = [str(tmp_path / "p.uwe")] if command == "init" else []
    given = [command, *before, str(path), *arguments]
    if command == "embed":
        path.write_text("features_1,label\nx,a\n ,b\n")
        from uwe.embedder import open_source

        with pytest.raises(DataError, match=r"line 3 of .*: column 'features_1' is empty"):
            open_source(str(path), text="features_1")
        return
    line = refused(given)
    assert f"line 3 of {path}: column 'features_1' is empty" in line
    assert "--text" not in line


def test_the_command_line_says_what_it_recognised(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """``uwe select`` reads the pool and logs one line."""
    content = "id;uncertainty\nZoé;0,5\nb;0,75\n".encode("cp1252")
    with caplog.at_level(logging.WARNING, "uwe"):
        assert main(["select", str(written(tmp_path, content)), "-k", "1"]) == 0
    assert capfd.readouterr().out.split("\n")[1].startswith("0,1,b,0.75")
    [record] = caplog.records
    assert record.message == (
        f"{tmp_path / 't.csv'}: read as Windows-1252; cells separated by semicolons; "
        "decimal commas in column 'uncertainty'"
    )


def test_the_encoding_of_a_pool_and_of_a_list_of_ids(
    tmp_path: Path, refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--encoding`` is for every text file that is read, and refused where there is none."""
    pool = written(tmp_path, "id,uncertainty\nПривет,1\nНочь,2\n".encode("cp1251"))
    done = written(tmp_path, "Ночь\n".encode("cp1251"), "done.txt")
    given = ["select", str(pool), "-k", "1", "--exclude", str(done)]
    assert "pass --encoding" in refused(given)
    assert main([*given, "--encoding", "cp1251"]) == 0
    assert "Привет" in capsys.readouterr().out
    np.savez(tmp_path / "p.npz", uncertainty=[1.0, 2.0], ids=np.array(["Привет", "Ночь"]))
    given = ["select", str(tmp_path / "p.npz"), "-k", "1", "--encoding", "cp1251"]
    assert "is no table of text" in refused(given)
    assert main([*given, "--exclude", str(done)]) == 0
    assert "Привет" in capsys.readouterr().out
    assert open_pool(pool, encoding="cp1251").ids(2) == ["Привет", "Ночь"]


def test_a_point_between_thousands_is_no_decimal_point(tmp_path: Path) -> None:
    """Beside decimal commas, 1.000 is a thousand: read as one it would be wrong in silence."""
    path = tmp_path / "t.csv"
    path.write_text("n;x\n1.000;0,5\n12.500;0,6\n")
    with pytest.raises(DataError, match=r"'n' .* holds '1\.000', where column 'x' has dec"):
        open_table(path)
    path.write_text("n;x\n1.000;5\n12.500;6\n")
    assert list(open_table(path).values("n")) == ["1.000", "12.500"]
    path.write_text("n;x\n1.25;0,5\n12.500;0,6\n")
    assert list(open_table(path).values("n")) == ["1.25", "12.500"]
