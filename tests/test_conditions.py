"""Conditions on columns: what they mean, and what they refuse."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pytest

from uwe.errors import DataError, InputError
from uwe.tables import open_table
from uwe.tables.conditions import met
from uwe.tables.typed import kind_of, typed_array, typed_column, typed_texts

DAY, MOMENT = datetime.date, datetime.datetime
COLUMNS: dict[str, list[Any]] = {
    "camera": ["north", "south", None, "north"],
    "blur": [0.1, 0.5, None, 0.2],
    "n": [1, 2, 3, None],
    "code": ["007", "7", "8", "x"],
    "day": [DAY(2024, 1, 1), DAY(2024, 2, 1), None, DAY(2024, 3, 1)],
    "at": [MOMENT(2024, 1, 1, 3), None, MOMENT(2024, 1, 2), MOMENT(2024, 1, 3)],
    "ok": [True, False, None, True],
    "my col": [1.0, 2.0, 3.0, 4.0],
    "grüße": [1, 2, 3, 4],
    "select": [1, 2, 3, 4],
    'q"uo': [1, 2, 3, 4],
    "a.b": [1, 2, 3, 4],
    "date": [1, 2, 3, 4],
    "order": [1, 2, 3, 4],
    "empty": [None, None, None, None],
}


def column(name: str) -> Any:
    if name not in COLUMNS:
        raise DataError(f"there is no column {name!r}")
    return typed_array(COLUMNS[name], name)


MEANT = [
    ("camera == 'north'", [0, 3], 1),
    ("camera = 'north'", [0, 3], 1),
    ("camera == 'north' and blur < 0.3", [0, 3], 1),
    ("camera == 'south' or blur < 0.15", [0, 1], 1),
    ("camera != 'north'", [1], 1),
    ("camera <> 'north'", [1], 1),
    ("not camera == 'north'", [1], 1),
    ("not camera == 'north' and blur > 0.3", [1], 1),
    ("'north' == camera", [0, 3], 1),
    ("camera < 'o'", [0, 3], 1),
    ("camera in ('south', 'west')", [1], 1),
    ("camera not in ('south', 'west')", [0, 3], 1),
    ("n in (1, 2.5, 3)", [0, 2], 1),
    ("camera like 'n%'", [0, 3], 1),
    ("camera not like 'n%'", [1], 1),
    ("camera ilike 'SO_TH'", [1], 1),
    ("code == '007'", [0], 0),
    ("blur between 0.1 and 0.2", [0, 3], 1),
    ("n not between 1 and 2", [2], 1),
    ("n > -1", [0, 1, 2], 1),
    ("n < 99999999999999999999", [0, 1, 2], 1),
    ("n >= 2e0", [1, 2], 1),
    ("n > blur", [0, 1], 2),
    ("blur is null", [2], 0),
    ("blur is not null", [0, 1, 3], 0),
    ("blur is null or blur < 0.15", [0, 2], 0),
    ("ok", [0, 3], 1),
    ("not ok", [1], 1),
    ("ok == false", [1], 1),
    ("ok is not true", [1, 2], 0),
    ("day > '2024-01-15'", [1, 3], 1),
    ("day == date '2024-01-01'", [0], 1),
    ("day in ('2024-01-01', '2024-03-01')", [0, 3], 1),
    ("day < '2024-01-01 03:00'", [0], 1),
    ("at > '2024-01-02'", [3], 1),
    ("at == '2024-01-01 03:00'", [0], 1),
    ("at < day", [3], 2),
    ('"my col" < 3', [0, 1], 0),
    ("grüße <= 1", [0], 0),
    ('"select" == 4', [3], 0),
    ('"q""uo" == 2', [1], 0),
    ("a.b == 2", [1], 0),
    ('date == 2 or "order" == 3', [1, 2], 0),
    ("((n == 1))", [0], 1),
    ("n == 1 -- a remark", [0], 1),
    ("empty == 1", [], 4),
    ("empty < 'x' or n == 1", [0], 3),
    ("empty is null", [0, 1, 2, 3], 0),
    ("camera == 'it''s'", [], 1),
]


@pytest.mark.parametrize(("condition", "rows", "unknown"), MEANT, ids=[each[0] for each in MEANT])
def test_what_a_condition_means(condition: str, rows: list[int], unknown: int) -> None:
    """The rows that meet a condition, and how many have no value that would say."""
    found = met(condition, column)
    assert np.flatnonzero(found.rows).tolist() == rows
    assert found.unknown == unknown


REFUSED = [
    ("camera == 3", "column 'camera' (text) with 3; write '3' for text"),
    ("code == 7", "column 'code' (text) with 7; write '7' for text"),
    ("code > 7", "write '7' for text"),
    ("code between 1 and 9", "write '1' for text"),
    ("camera in (1, 2)", "write '1' for text"),
    ("blur == '0.1'", "column 'blur' (numbers) with '0.1'; write a number without quotes"),
    ("n in ('1')", "write a number without quotes"),
    ("n == 1 or camera == 3", "write '3' for text"),
    ("code == n", "column 'code' (text) with column 'n' (numbers)"),
    ("n like '1%'", "like compares text with a pattern"),
    ("ok == 1", "column 'ok' (true and false) with 1"),
    ("ok == 'true'", "column 'ok' (true and false) with 'true'"),
    ("ok > false", "true and false have no order"),
    ("ok between false and true", "true and false have no order"),
    ("day > 5", "column 'day' (dates) with 5"),
    ("day > '15.1.2024'", "'15.1.2024' is none; write it as '2024-01-31'"),
    ("day > '2024-02-30'", "'2024-02-30' is none"),
    ("camera == null", "write is null, or is not null"),
    ("n", "column 'n' (numbers) is neither true nor false"),
    ("n and ok", "column 'n' (numbers) is neither true nor false"),
    ("'x'", "'x' is neither true nor false"),
    ("1 < n < 3", "'1 < n < 3' compares '1 < n' with 3"),
    ("true", "names no column of the pool"),
    ("1 == 1", "names no column of the pool"),
    ("", "--where is empty"),
    ("   ", "--where is empty"),
    ("n ==", "is not understood"),
    ("n === 1", "is not understood"),
    ("n == 1 and", "near 'and'"),
    ("camera == 'north", "is not understood"),
    ("n == 1; drop table t", "near 'drop'"),
    ("n == 1, ok", "is not understood"),
    ("select == 1", 'a word of SQL in "double quotes"'),
    ("if == 1", "does not know"),
    ("n == (select max(n) from t)", "does not know '(SELECT MAX(n) FROM t)'"),
    ("n in (select n from read_csv('/etc/passwd'))", "does not know"),
    ("exists(select * from read_csv('/etc/passwd'))", "does not know"),
    ("n == read_csv('/etc/passwd')", "does not know"),
    ("max(n) == n", "does not know 'MAX(n)'"),
    ("count(*) > 1", "does not know 'COUNT(*)'"),
    ("random() < 0.5", "does not know"),
    ("row_number() over () < 3", "does not know"),
    ("n + 1 == 2", "does not know 'n + 1'"),
    ("lower(camera) == 'north'", "does not know"),
    ("cast(n as text) == '1'", "values are not cast"),
    ("n::text == '1'", "values are not cast"),
    ("day == date(n)", "does not know"),
    ("n is distinct from 1", "does not know"),
    ("camera like 'a!%' escape '!'", "does not know"),
    ("n in camera", "does not know"),
    ("n in ()", "names no values"),
    ("-n == 1", "only a number can be negative"),
    ("*", "does not know"),
    ("a.* == 1", "name a column"),
    ("@x == 1", "does not know"),
    ("? == n", "does not know"),
    ("current_date > day", "does not know"),
    ("case when ok then ok else ok end", "does not know"),
    ("(" * 3000 + "n == 1" + ")" * 3000, "write a shorter condition"),
    (" or ".join(["n == 1"] * 5000), "write a shorter condition"),
]


@pytest.mark.parametrize(("condition", "said"), REFUSED, ids=[each[0][:40] for each in REFUSED])
def test_what_a_condition_may_not_hold(condition: str, said: str) -> None:
    """Other kinds, functions, queries and casts are errors of one line, never an empty answer."""
    with pytest.raises(InputError) as raised:
        met(condition, column)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize(
    ("condition", "hint"), [("north == 1", False), ('camera == "north"', True)]
)
def test_a_column_that_is_not_there(condition: str, hint: bool) -> None:
    """The error is that of the table; a name in double quotes may have been meant as text."""
    with pytest.raises(DataError, match="there is no column 'north'") as raised:
        met(condition, column)
    assert ("text stands in 'single quotes'" in str(raised.value)) == hint


NUMBERS = {
    "x": arrow.array([1, 2**63 - 1, None]),
    "u": arrow.array([2**64 - 1, 1, 2], arrow.uint64()),
    "h": arrow.array([1.5, 2, 3], arrow.float16()),
    "i": arrow.array([1, 2, 3], arrow.int8()),
}


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("x == 9223372036854775807", [1]),
        ("x == 9223372036854775806", []),
        ("x < 1e400", [0, 1]),
        ("x > -9223372036854775809", [0, 1]),
        ("u > 1", [0, 2]),
        ("u > -1", [0, 1, 2]),
        ("u == x", []),
        ("h > 1.5", [1, 2]),
        ("h == h", [0, 1, 2]),
        ("h >= i", [0, 1, 2]),
        ("i < 1000", [0, 1, 2]),
        ("i < 1.5", [0]),
    ],
)
def test_numbers_of_any_type(condition: str, rows: list[int]) -> None:
    """Whole numbers are compared to the digit; others, and those above int64, as float64."""
    assert np.flatnonzero(met(condition, NUMBERS.__getitem__).rows).tolist() == rows


def test_whole_numbers_above_int64() -> None:
    """JSON may hold them; they become float64."""
    assert typed_array([2**70, 1], "x").to_pylist() == [2.0**70, 1.0]


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without sqlglot the error says what to install."""
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    with pytest.raises(InputError, match=r"pip install 'uwe\[where\]'"):
        met("n == 1", column)


def test_the_parser_writes_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """What the parser thinks of a word is in the error alone."""
    with pytest.raises(InputError):
        met("if == 1", column)
    assert not caplog.records


TEXTS = [
    (["1", "2", ""], "number", [1, 2, None]),
    (["1", "2.5", " "], "number", [1.0, 2.5, None]),
    ([" 1e3 ", "-.5"], "number", [1000.0, -0.5]),
    (["1", "nan", "NaN"], "number", [1, None, None]),
    (["9007199254740993", "1"], "number", [9007199254740993, 1]),
    (["007", "8"], "text", ["007", "8"]),
    (["0", "0.5"], "number", [0.0, 0.5]),
    (["1", "x"], "text", ["1", "x"]),
    (["1_000"], "text", ["1_000"]),
    (["٣"], "text", ["٣"]),
    (["[1, 2]", "[3, 4]"], "text", ["[1, 2]", "[3, 4]"]),
    (["True", "false", ""], "truth", [True, False, None]),
    (["true", "0"], "text", ["true", "0"]),
    (["2024-01-31", ""], "date", [DAY(2024, 1, 31), None]),
    (["2024-01-31", "2024-02-01 10:30"], "date", [MOMENT(2024, 1, 31), MOMENT(2024, 2, 1, 10, 30)]),
    (["2024-02-30"], "text", ["2024-02-30"]),
    (["", " "], None, [None, None]),
]


@pytest.mark.parametrize(("cells", "kind", "values"), TEXTS, ids=[str(each[0]) for each in TEXTS])
def test_what_cells_of_text_are(cells: list[str], kind: str | None, values: list[Any]) -> None:
    """A column of text is what all its cells are written as."""
    found = typed_texts(cells)
    assert kind_of(found.type) == kind
    assert found.to_pylist() == values


def test_times_with_a_zone() -> None:
    """Moments of several zones are compared as moments, and a moment without one is in UTC."""
    at = typed_texts(["2024-01-01T10:00Z", "2024-01-01T10:00+02:00"])
    found = met("at < '2024-01-01 09:00'", {"at": at}.__getitem__)
    assert found.rows.tolist() == [False, True]


def test_values_that_mix_types() -> None:
    """Text beside numbers, and lists, are refused with the column's name."""
    with pytest.raises(DataError, match="column 'x' mixes types"):
        typed_array([1, "a"], "column 'x'")
    with pytest.raises(DataError, match="column 'x' holds list<"):
        typed_array([[1.0], [2.0]], "column 'x'")


def as_jsonl(path: Path) -> None:
    path.write_text('{"id": 1, "blur": 0.5, "code": "7", "day": "2024-01-31"}\n{"id": 2}\n')


def as_csv(path: Path) -> None:
    path.write_text("id,blur,code,day\n1,0.5,x7,2024-01-31\n2,,,\n")


def as_parquet(path: Path) -> None:
    import pyarrow.parquet as parquet

    day = arrow.array(["2024-01-31", None])
    columns = {"id": [1, 2], "blur": [0.5, float("nan")], "code": ["7", None], "day": day}
    parquet.write_table(arrow.table(columns), path)


@pytest.mark.parametrize(
    ("suffix", "write"), [("csv", as_csv), ("jsonl", as_jsonl), ("parquet", as_parquet)]
)
def test_every_format_has_the_same_kinds(
    suffix: str, write: Callable[[Path], None], tmp_path: Path
) -> None:
    """Ids are text, numbers numbers, text text and ISO dates dates, in every format."""
    write(tmp_path / f"t.{suffix}")
    table = open_table(tmp_path / f"t.{suffix}")
    found = {name: typed_column(table, name) for name in ("id", "blur", "code", "day")}
    assert [kind_of(of.type) for of in found.values()] == ["text", "number", "text", "date"]
    assert found["id"].to_pylist() == ["1", "2"]
    assert all(found[name].null_count == 1 for name in ("blur", "code", "day"))


def test_a_decimal_and_a_category_are_columns(tmp_path: Path) -> None:
    """Parquet's decimal numbers and its categories compare as numbers and as text."""
    import decimal

    import pyarrow.parquet as parquet

    columns = {
        "price": arrow.array([decimal.Decimal("1.50"), decimal.Decimal("2.25")]),
        "kind": arrow.array(["a", "b"]).dictionary_encode(),
    }
    parquet.write_table(arrow.table(columns), tmp_path / "t.parquet")
    table = open_table(tmp_path / "t.parquet")
    found = met("price > 2 and kind == 'b'", lambda name: typed_column(table, name))
    assert found.rows.tolist() == [False, True]
