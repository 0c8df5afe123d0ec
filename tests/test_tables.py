"""Tables in files: every format gives the same cells, and what is wrong names its line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwe.cli import main
from uwe.errors import DataError, InputError
from uwe.tables import open_shards, open_table, read_ids, read_labels

COLUMNS: dict[str, list[Any]] = {
    "id": ["a", "é", "c,d", 'e"f'],
    "x_1": [1.5, 2.0, -3.0, 1e-300],
    "x_0": [0.1, 0.2, 0.3, 0.4],
    "n": [1, 2, 3, 4],
}
"""A table with ids that need quoting and a block whose columns are not in order."""

Writer = Callable[[Path, dict[str, list[Any]]], Path]


def delimited(name: str, delimiter: str) -> Writer:
    def write(folder: Path, columns: dict[str, list[Any]]) -> Path:
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
        return folder / name

    return write


def json_lines(folder: Path, columns: dict[str, list[Any]]) -> Path:
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    (folder / "t.jsonl").write_text("\n\n".join(map(json.dumps, rows)))
    return folder / "t.jsonl"


def ndjson(folder: Path, columns: dict[str, list[Any]]) -> Path:
    return json_lines(folder, columns).rename(folder / "t.ndjson")


def parquet(folder: Path, columns: dict[str, list[Any]], name: str = "t.parquet") -> Path:
    arrow, files = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    files.write_table(arrow.table(columns), folder / name)
    return folder / name


FORMATS = [delimited("t.csv", ","), delimited("t.tsv", "\t"), json_lines, ndjson, parquet]
TEXTS = FORMATS[:2]


@pytest.mark.parametrize("write", FORMATS)
def test_every_format_gives_the_same_table(write: Writer, tmp_path: Path) -> None:
    """Columns, rows, texts, numbers and blocks do not depend on the format."""
    table = open_table(write(tmp_path, COLUMNS))
    assert table.columns == tuple(COLUMNS)
    assert len(table) == table.n == 4
    assert table.text("id") == table.ids() == COLUMNS["id"]
    assert table.text("n") == ["1", "2", "3", "4"]
    assert table.numbers("n").tolist() == [1, 2, 3, 4]
    expected = np.column_stack([COLUMNS["x_0"], COLUMNS["x_1"]])
    np.testing.assert_array_equal(table.numbers("x"), expected)
    assert table.at([3, 0], ["id"]) == [{"id": 'e"f'}, {"id": "a"}]
    assert table.plain == table.columns


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])), min_size=1, max_size=5
    )
)
def test_any_text_comes_back_from_every_text_format(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    """Quotes, delimiters, blanks and letters of any language are kept as they are."""
    folder = tmp_path_factory.mktemp("texts")
    columns = {"id": [str(row) for row in range(len(texts))], "text": texts}
    for write in FORMATS[:4]:
        assert open_table(write(folder, columns)).text("text") == texts


def test_values_are_those_of_the_format(tmp_path: Path) -> None:
    """Text formats give text, and an empty cell as empty text; others give values and None."""
    columns = {"id": ["a", "b"], "v": [1, None]}
    for write in TEXTS:
        table = open_table(write(tmp_path, columns))
        assert table.values("v") == table.text("v") == ["1", ""]
    for write in (json_lines, parquet):
        table = open_table(write(tmp_path, columns))
        assert table.values("v") == [1, None]
        assert table.text("v") == ["1", None]


@pytest.mark.parametrize("write", [json_lines, parquet])
def test_lists_are_matrices(write: Writer, tmp_path: Path) -> None:
    """A column of lists of one length is ``[n, d]`` and no plain column."""
    table = open_table(write(tmp_path, {"id": [1, 2], "x": [[1.0, 2.0], [3.0, 4.0]]}))
    assert table.numbers("x").tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert table.ids() == ["1", "2"]
    assert table.plain == ("id",)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([1, "abc"], "column 'x' holds 'abc', not a number"),
        ([1, None], "column 'x' is empty"),
        ([[1, 2], [3]], "column 'x' holds 1 numbers, but the first row holds 2"),
        ([[1, 2], 3], "column 'x' holds 3"),
        ([[1, 2], [1, "a"]], "column 'x' holds"),
    ],
)
def test_what_is_no_number_names_its_row(column: list[Any], words: str, tmp_path: Path) -> None:
    """JSON lines name the first line that does not fit, the file and the column."""
    table = open_table(json_lines(tmp_path, {"x": column}))
    with pytest.raises(DataError, match=rf"line 3 of .*t\.jsonl: {words}"):
        table.numbers("x")


def test_a_line_that_lacks_a_key_has_no_value_there(tmp_path: Path) -> None:
    """Columns of JSON lines are all keys in the order in which they appear."""
    path = tmp_path / "t.jsonl"
    path.write_text('{"id": "a"}\n{"label": "x", "id": "b"}\n')
    table = open_table(path)
    assert table.columns == ("id", "label")
    assert table.values("label") == [None, "x"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.jsonl", '{"a": 1}\n{"a": ', r"line 2 of .* is no JSON"),
        ("t.jsonl", '{"a": 1}\n[1]', r"line 2 of .* must be an object"),
        ("t.jsonl", "\n", "has no rows"),
        ("t.tsv", "a\tb\n1\n", "line 2 has 1 cells, but there are 2 columns"),
        ("t.csv", "a,a\n1,2\n", "two columns 'a'"),
        ("t.csv", "a,b\n", "has no rows"),
        ("t.csv", 'a\n"b', "line 2 of .* opens a quote"),
        ("t.parquet", "PAR1", "cannot read"),
    ],
)
def test_a_broken_table_names_its_line(name: str, content: str, words: str, tmp_path: Path) -> None:
    """The file and the line are named; nothing is read as far as it goes."""
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=words) as caught:
        open_table(tmp_path / name)
    assert name in str(caught.value)


def test_other_formats_and_files_are_refused(tmp_path: Path) -> None:
    """An unknown suffix lists the formats; a missing file and a missing column are named."""
    with pytest.raises(InputError, match=r"a table is \.csv, \.tsv, .*\.feather"):
        open_table(tmp_path / "t.xls")
    with pytest.raises(DataError, match="there is no file"):
        open_table(tmp_path / "t.csv")
    table = open_table(TEXTS[0](tmp_path, COLUMNS))
    with pytest.raises(DataError, match=r"no column 'xx_1'; its columns are 'id'.*mean 'x_1'"):
        table.values("xx_1")
    with pytest.raises(DataError, match="no column 'y'"):
        table.numbers("y")


def test_shards_are_one_table(tmp_path: Path) -> None:
    """Rows of several Parquet files follow one another; other columns are refused."""
    files = [parquet(tmp_path, {"x": [1, 2]}, "a.parquet")]
    files.append(parquet(tmp_path, {"x": [3]}, "b.parquet"))
    table = open_shards(files)
    assert (table.n, table.values("x"), table.numbers("x").tolist()) == (3, [1, 2, 3], [1, 2, 3])
    files.append(parquet(tmp_path, {"y": [3]}, "c.parquet"))
    with pytest.raises(DataError, match=r"columns of .* differ"):
        open_shards(files)


@pytest.mark.parametrize("names", [("id", "label"), ("ids", "labels")])
@pytest.mark.parametrize("write", FORMATS)
def test_labels_come_from_every_format(
    write: Writer, names: tuple[str, str], tmp_path: Path
) -> None:
    """Ids, labels and the optional columns; an empty label is None, and rows know their line."""
    columns = {names[0]: ["a", "b", "c"], names[1]: ["cat", None, "dog"],
               "by": ["Ada", None, None], "seconds": [1.5, None, 0], "skip": [False, True, None],
               "note": [None, "blurred", None]}  # fmt: skip
    labels = read_labels(write(tmp_path, columns))
    assert [(row.id, row.label) for row in labels] == [("a", "cat"), ("b", None), ("c", "dog")]
    assert [row.by for row in labels] == ["Ada", None, None]
    assert [row.seconds for row in labels] == [1.5, None, 0.0]
    assert [row.skip for row in labels] == [False, True, False]
    assert [row.note for row in labels] == [None, "blurred", None]
    lines = {"t.csv": [2, 3, 4], "t.tsv": [2, 3, 4], "t.parquet": [0, 1, 2]}
    assert [row.line for row in labels] == lines.get(labels.path.name, [1, 3, 5])


def test_labels_have_the_types_of_the_format(tmp_path: Path) -> None:
    """JSON keeps numbers and lists; CSV gives text."""
    columns = {"id": [1, 2, 3], "label": [0, ["a", "b"], False]}
    assert [row.label for row in read_labels(json_lines(tmp_path, columns))] == columns["label"]
    path = TEXTS[0](tmp_path, {"id": [1], "label": [0]})
    assert [(row.id, row.label) for row in read_labels(path)] == [("1", "0")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("name,label\na,x\n", "no column 'id' or 'ids'; its columns are 'name', 'label'"),
        ("id,kind\na,x\n", "no column 'label' or 'labels'; its columns are 'id', 'kind'"),
        ("id,label\na,x\n,y\n", "line 3 has no id"),
        ("id,label\na,x\nb,y\na,z\n", "id 'a' has the label 'x' in line 2 and 'z' in line 4"),
        ("id,label\na,x\na,\n", "id 'a' has the label 'x' in line 2 and None in line 3"),
        ("id,label,seconds\na,x,long\n", "line 2 holds 'long' as seconds; give a number"),
        ("id,label,seconds\na,x,-1\n", "line 2 holds '-1' as seconds; give a number"),
        ("id,label,skip\na,x,perhaps\n", "line 2 holds 'perhaps' as skip; use true and false"),
    ],
)
def test_labels_that_cannot_be_used_name_their_line(
    content: str, words: str, tmp_path: Path
) -> None:
    """A missing column, an empty id, two labels of one id, and cells of another kind."""
    (tmp_path / "labels.csv").write_text(content)
    with pytest.raises(DataError, match=words):
        read_labels(tmp_path / "labels.csv")


def test_a_repeated_row_with_the_same_label_counts_once(tmp_path: Path) -> None:
    """The first of them is kept, with its line."""
    (tmp_path / "labels.csv").write_text("id,label\na,x\nb,y\na,x\n")
    assert [(row.id, row.line) for row in read_labels(tmp_path / "labels.csv")] == [
        ("a", 2),
        ("b", 3),
    ]


def test_ids_come_from_lists_and_tables(tmp_path: Path) -> None:
    """One id a line with either line end, or a column; a repeated id is given once."""
    (tmp_path / "ids.txt").write_bytes(b"\xef\xbb\xbfb c\r\na\r\n\r\nb c\r\n")
    assert read_ids(tmp_path / "ids.txt") == ["b c", "a"]
    for write in FORMATS:
        assert read_ids(write(tmp_path, COLUMNS)) == COLUMNS["id"]
    with pytest.raises(InputError, match=r"ids are \.txt or a table \.csv"):
        read_ids(tmp_path / "ids.doc")
    with pytest.raises(DataError, match="there is no file"):
        read_ids(tmp_path / "other.txt")
    with pytest.raises(DataError, match="no column 'id' or 'ids'; its columns are 'x'"):
        read_ids(TEXTS[0](tmp_path, {"x": [1]}))
    with pytest.raises(DataError, match="line 2 has no id"):
        read_ids(TEXTS[0](tmp_path, {"id": ["", "b"], "x": [1, 2]}))
    with pytest.raises(DataError, match=r"ids must be whole numbers .* but line 3 holds 1\.5"):
        read_ids(json_lines(tmp_path, {"ids": [1, 1.5]}))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".txt"])
def test_picks_are_lists_of_ids(suffix: str, tmp_path: Path) -> None:
    """Each file that ``uwe select`` writes can be given back as ids."""
    pool = TEXTS[0](tmp_path, {"id": ["a", "b", "c"], "uncertainty": [0.3, 0.1, 0.2]})
    picks = tmp_path / f"picks{suffix}"
    assert main(["select", str(pool), "-k", "2", "-o", str(picks)]) == 0
    assert read_ids(picks) == ["a", "c"]
