"""Damage: what a disk, a transfer, an editor or a stranger's program does to a file."""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "NO_IDS", "NO_NUMBERS", "ODD_IDS", "ODD_NUMBERS", "ODD_TEXTS", "damage_file", "odd_arrays",
    "odd_columns",
]  # fmt: skip

Array = np.ndarray[Any, Any]
Change = Callable[[random.Random, bytes], bytes]

NO_NUMBERS = (
    "nan", "NaN", "-nan", "inf", "-inf", "Infinity", "1e400", "-1e999", "", " ", "x", "1_000",
    "\x00", "--1", "0x10", "1e", "None", "null", "NULL", "N/A", "#DIV/0!", "true", "[1]", "1 2",
    "1,5", "1.2.3", "é", "\u2028", "\uff11_\uff12", "9" * 400, "1\n2", "\u22121", "=1+1", "1j",
)  # fmt: skip
"""What is no number and has to be refused where a number is wanted."""

ODD_NUMBERS = (
    "-0", "-0.0", "+1", "1e-400", "9223372036854775808", "18446744073709551615", "1e300", "1e38",
    "1e39", "\uff11\uff12", "٣", "00012", ".5", "5.", "1E5", "0.1" + "0" * 500 + "1", "5e-324",
)  # fmt: skip
"""Numbers, or what may pass as one."""

NO_IDS = ("", " ", "\t")
"""What is no id."""

ODD_IDS = (
    "nan", "NaN", "None", "null", "NA", "true", "007", "1.0", "1e3", "1_000", "0", "-1",
    "9223372036854775808", "18446744073709551615", "=1+1", "+1", "@x", "-", "--", "a,b", "a;b",
    'a"b', "'", "a\tb", "a\nb", "a\r\nb", "a\rb", "a\x00b", "a\x0bb", "a\x1cb", "a\x85b",
    "a\u2028b", "a\u2029b", "\ufeffa", "cafe\u0301", "\u202eabc", "\u200b", "😀", "İ", "ß",
    "../../x", "/etc/passwd", "~", "a/b", "[/x]", "[red]", "{x}", "%s", "<b>", "&amp;", "*", "#a",
    "a" * 5000, "\\n", "\\", "http://x/y?z=1", "image\u00a0.png", "x ", "\ud800",
)  # fmt: skip
"""Ids that are allowed somewhere: kept to the letter, or refused."""

ODD_TEXTS = (
    *ODD_IDS, "", " ", "?", "!", ".", "..", "a=b", "=", "a=", "=b", "a=b=c", "NAME=VALUE", ",",
    ",,", "1,2", "1-", "-1", "0x1", "1e3", "inf", "nan", "None", "true", "\\x00", "a b", "$HOME",
    "`id`", "x:y", ":", "os:system", "json:loads", "a.b:c", "..:x", "hub:", "hub:x/y", "sklearn:",
    "sklearn:nothing", "sklearn:svm.SVC", "é", "\udcff", "\U0010ffff", "-h", "--help", "--",
)  # fmt: skip


# Bytes


def _flip(rng: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(rng.choice([1, 1, 1, 2, 8])):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut_end(rng: random.Random, body: bytes) -> bytes:
    return body[: rng.randrange(len(body))]


def _cut_inside(rng: random.Random, body: bytes) -> bytes:
    start, end = _span(rng, body)
    return body[:start] + body[end:]


def _insert(rng: random.Random, body: bytes) -> bytes:
    at = rng.randrange(len(body) + 1)
    more = rng.choice(
        [rng.randbytes(rng.choice([1, 2, 7, 100])), b"\0", b"\n", b"\r", b"\xff", b'"', b",", b"{",
         b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\x1a", b"nan", b"\xed\xa0\x80", b"}", b"["]
    )  # fmt: skip
    return body[:at] + more + body[at:]


def _twice(rng: random.Random, body: bytes) -> bytes:
    start, end = _span(rng, body)
    return body[:end] + body[start:]


def _swapped(rng: random.Random, body: bytes) -> bytes:
    a, b, c = sorted(rng.randrange(len(body) + 1) for _ in range(3))
    return body[:a] + body[b:c] + body[a:b] + body[c:]


def _zeros(rng: random.Random, body: bytes) -> bytes:
    start, end = _span(rng, body)
    return body[:start] + bytes(end - start) + body[end:]


def _written_over(rng: random.Random, body: bytes) -> bytes:
    start, end = _span(rng, body, most=8)
    return body[:start] + rng.choice([b"\xff", b"\x7f", b"\x80"]) * (end - start) + body[end:]


def _empty(rng: random.Random, body: bytes) -> bytes:
    return rng.choice([b"", b"\n", b"\0", b" ", b"\xef\xbb\xbf", b"\r\n\r\n", body[:1]])


def _after(rng: random.Random, body: bytes) -> bytes:
    return body + rng.choice([b"\0" * 100, b"x", b"\n\n", body, rng.randbytes(50)])


def _span(rng: random.Random, body: bytes, most: int = 64) -> tuple[int, int]:
    start = rng.randrange(len(body))
    return start, min(len(body), start + rng.randrange(1, most))


# Text


def _other_number(rng: random.Random, body: bytes) -> bytes:
    found = list(re.finditer(rb"-?\d+(\.\d+)?", body))
    if not found:
        return _insert(rng, body)
    where = rng.choice(found)
    odd = rng.choice([*NO_NUMBERS, *ODD_NUMBERS]).encode("utf-8", "surrogatepass")
    return body[: where.start()] + odd + body[where.end() :]


def _other_word(rng: random.Random, body: bytes) -> bytes:
    found = list(re.finditer(rb"[A-Za-z_][\w.]*", body))
    if not found:
        return _insert(rng, body)
    where = rng.choice(found)
    words = [each.group() for each in found]
    odd = rng.choice([*ODD_IDS, "features", "probs", "id", "labelled"])
    more = rng.choice([rng.choice(words), odd.encode("utf-8", "surrogatepass")])
    return body[: where.start()] + more + body[where.end() :]


def _lines(change: Callable[[random.Random, list[bytes]], list[bytes]]) -> Change:
    def changed(rng: random.Random, body: bytes) -> bytes:
        return b"\n".join(change(rng, body.split(b"\n")))

    changed.__name__ = change.__name__
    return changed


def _line_twice(rng: random.Random, lines: list[bytes]) -> list[bytes]:
    at = rng.randrange(len(lines))
    return [*lines[: at + 1], *lines[at:]]


def _line_out(rng: random.Random, lines: list[bytes]) -> list[bytes]:
    at = rng.randrange(len(lines))
    return [*lines[:at], *lines[at + 1 :]]


def _lines_swapped(rng: random.Random, lines: list[bytes]) -> list[bytes]:
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return lines


def _cell_out(rng: random.Random, lines: list[bytes]) -> list[bytes]:
    at = rng.randrange(len(lines))
    cells = lines[at].split(b",")
    del cells[rng.randrange(len(cells))]
    lines[at] = b",".join(cells)
    return lines


def _cell_twice(rng: random.Random, lines: list[bytes]) -> list[bytes]:
    at = rng.randrange(len(lines))
    cells = lines[at].split(b",")
    cells.insert(rng.randrange(len(cells) + 1), rng.choice(cells))
    lines[at] = b",".join(cells)
    return lines


def _other_json(rng: random.Random, lines: list[bytes]) -> list[bytes]:
    """A value in one line of JSON becomes another kind of value."""
    at = rng.randrange(len(lines))
    try:
        value = json.loads(lines[at])
    except (ValueError, RecursionError):
        return lines
    if isinstance(value, dict) and value:
        name = rng.choice(sorted(value))
        odd = rng.choice(_ODD_VALUES)
        way = rng.choice(["value", "value", "value", "name", "none"])
        if way == "value":
            value[name] = odd
        elif way == "name":
            value[str(odd)] = value.pop(name)
        else:
            del value[name]
    lines[at] = json.dumps(value).encode()
    return lines


_ODD_VALUES: Sequence[Any] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, 10**30, 1e300, -1e300, float("nan"), 0.5,
    float("inf"), float("-inf"), "", "x", "1", "nan", [], {}, [None], [[1, 2]], [1, "a"], {"a": 1},
    [1e308, 1e308], [True, False], "\ud800", "a" * 5000, [0] * 1000, {"": None}, [[]], "\x00",
)  # fmt: skip

_BYTES: Sequence[Change] = (
    _flip, _flip, _flip, _cut_end, _cut_inside, _insert, _twice, _swapped, _zeros, _written_over,
    _empty, _after,
)  # fmt: skip

_TEXT: Sequence[Change] = (
    _other_number, _other_number, _other_word, _other_word,
    *map(_lines, (_line_twice, _line_out, _lines_swapped, _cell_out, _cell_twice)),
    *map(_lines, (_other_json, _other_json, _other_json)),
)  # fmt: skip


# Headers


def _other_header(rng: random.Random, body: bytes) -> bytes:
    """The header of the first .npy in ``body`` says something else."""
    at = body.find(b"\x93NUMPY")
    if at < 0:
        return _flip(rng, body)
    end = body.find(b"\n", at)
    header = body[at + 10 : end]
    was = re.search(rb"'descr': '[^']*'", header)
    shape = re.search(rb"\([^)]*\)", header)
    changes = [
        (shape, rng.choice(_SHAPES)),
        (was, b"'descr': " + rng.choice(_KINDS)),
        (re.search(rb"True|False", header), rng.choice([b"True", b"False", b"None", b"2", b"[]"])),
        (re.search(rb"'shape'", header), rng.choice([b"'form'", b"shape", b"'descr'"])),
    ]
    found, more = rng.choice(changes)
    if found is None:
        return _flip(rng, body)
    changed = header[: found.start()] + more + header[found.end() :]
    if len(changed) <= len(header) or rng.random() < 0.5:
        changed = changed.rstrip().ljust(len(header))
    return body[: at + 10] + changed[: max(len(header), 1)] + body[end:]


_SHAPES = (
    b"()", b"(0,)", b"(0, 4)", b"(24,)", b"(24, 0)", b"(-24, 4)", b"(24, -4)", b"(9999999999, 4)",
    b"(24, 4, 1)", b"(2, 12, 4)", b"(1.5, 4)", b"('a',)", b"(True, 4)", b"(12, 8)", b"(96,)",
    b"(10**9,)", b"(99999999999999999999,)", b"(4, 24)", b"(23, 4)", b"(25, 4)", b"None", b"[24]",
)  # fmt: skip

_KINDS = (
    b"'<f8'", b"'>f4'", b"'|O'", b"'<c16'", b"'|S8'", b"'<U2'", b"'<M8[s]'", b"'<m8'", b"'|V8'",
    b"'?'", b"'<u8'", b"'<f16'", b"'x'", b"''", b"[('a', '<f4')]", b"[('a', '<f4', (2,))]",
    b"'<f4,<f4'", b"None", b"8", b"'<i0'", b"'<U0'", b"'|V0'", b"'O'", b"'<f2'", b"('<f4', (4,))",
)  # fmt: skip


def _other_tensor_header(rng: random.Random, body: bytes) -> bytes:
    """The header of a safetensors file says something else."""
    length = int.from_bytes(body[:8], "little")
    try:
        header = json.loads(body[8 : 8 + length])
        names = [name for name, of in header.items() if isinstance(of, dict) and "dtype" in of]
    except (ValueError, AttributeError):
        return _flip(rng, body)
    if not names:
        return _flip(rng, body)
    name = rng.choice(names)
    way = rng.randrange(7)
    if way == 0:
        header[name]["dtype"] = rng.choice(_TENSOR_KINDS)
    elif way == 1:
        header[name]["shape"] = rng.choice([[], [0], [24], [-1, 4], [2**62, 4], [24, 4, 1], "x"])
    elif way == 2:
        header[name]["data_offsets"] = rng.choice([[0, 0], [8, 0], [0, 2**40], [1, 97], [0], None])
    elif way == 3:
        header["__metadata__"] = rng.choice(_METADATA)
    elif way == 4:
        header[rng.choice(["", "é", "ids", "features", "a" * 999, "\x00"])] = header.pop(name)
    elif way == 5:
        del header[name]
    else:
        other = length + rng.choice([1, -1, 8, 2**40])
        return other.to_bytes(8, "little", signed=True) + body[8:]
    changed = json.dumps(header).encode()
    return len(changed).to_bytes(8, "little") + changed + body[8 + length :]


_METADATA: Sequence[Any] = (
    {}, {"ids": "x"}, {"ids": "[1, 2]"}, {"ids": 1}, {"ids": "[" * 3000}, {"task": "x"}, None, [],
)  # fmt: skip

_TENSOR_KINDS = (
    "F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "F6_E2M3", "BOOL", "U8", "I8", "U16", "I16", "U32",
    "U64", "I64", "F16", "BF16", "F32", "F64", "C64", "x", "", "f32",
)  # fmt: skip


def damage_file(rng: random.Random, path: Path) -> str:
    """Change the bytes of a file, and say how."""
    body = path.read_bytes()
    kinds: list[Change] = list(_BYTES)
    if _is_text(body):
        kinds = [*_BYTES, *_TEXT, *_TEXT]
    elif b"\x93NUMPY" in body[:400]:
        kinds = [*_BYTES, *[_other_header] * 8]
    elif path.suffix == ".safetensors":
        kinds = [*_BYTES, *[_other_tensor_header] * 8]
    done = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        if not body:
            break
        change = rng.choice(kinds)
        body = change(rng, body)
        done.append(getattr(change, "__name__", "change").strip("_"))
    path.write_bytes(body)
    return f"{path.name}: {', '.join(done)}"


def _is_text(body: bytes) -> bool:
    return b"\0" not in body and body[:4] not in (b"PAR1", b"\x93NUM") and body[:2] != b"\x1f\x8b"


# Arrays that are whole, but not what is wanted


def odd_arrays(rng: random.Random, arrays: Mapping[str, Array]) -> tuple[dict[str, Any], str, bool]:
    """Arrays of which one is odd; what was done; and whether it has to be refused."""
    name = rng.choice(sorted(arrays))
    about, change, refused = rng.choice(_ODD[name] + _ODD_ANY)
    changed = {**arrays, name: change(rng, arrays[name])}
    return changed, f"{name} {about}", refused


def _with(value: float) -> Callable[[random.Random, Array], Array]:
    def change(rng: random.Random, array: Array) -> Array:
        changed = array.astype(np.float64)
        changed[tuple(rng.randrange(size) for size in array.shape)] = value
        return changed

    return change


def _as(kind: Any) -> Callable[[random.Random, Array], Array]:
    return lambda _, array: array.astype(kind)


Odd = tuple[str, Callable[[random.Random, Array], Any], bool]

_ODD_ANY: list[Odd] = [
    ("has no rows", lambda _, a: a[:0], True),
    ("has one row fewer", lambda _, a: a[:-1], False),
    ("has one row more", lambda _, a: np.concatenate([a, a[-1:]]), False),
    ("has one more axis", lambda _, a: a[None], True),
    ("is one value", lambda _, a: a.ravel()[0], True),
    ("is structured", lambda _, a: np.zeros(len(a), [("a", "f4"), ("b", "i4")]), True),
    ("are dates", lambda _, a: np.zeros(a.shape, "M8[s]"), True),
    ("are spans", lambda _, a: np.zeros(a.shape, "m8[s]"), True),
    ("are objects", lambda _, a: a.astype(object), True),
    ("are bytes", lambda _, a: np.zeros(a.shape, "S3"), True),
    ("are raw", lambda _, a: np.zeros(a.shape, "V4"), True),
    ("have no width", lambda _, a: np.zeros((len(a), 0)), True),
]

_ODD: Mapping[str, list[Odd]] = {
    "features": [
        ("hold NaN", _with(np.nan), True),
        ("hold infinity", _with(np.inf), True),
        ("hold -infinity", _with(-np.inf), True),
        ("hold 1e300", _with(1e300), False),
        ("hold 1e-320", _with(1e-320), False),
        ("are complex", _as(complex), True),
        ("are text", _as("U8"), True),
        ("are yes and no", _as(bool), False),
        ("are near 2**64", lambda _, a: a.astype(np.uint64), False),
        ("are long double", _as(np.longdouble), False),
        ("are all equal", lambda _, a: np.ones_like(a), False),
    ],
    "probs": [
        ("hold NaN", _with(np.nan), True),
        ("hold infinity", _with(np.inf), True),
        ("hold -1", _with(-1.0), True),
        ("hold 2", _with(2.0), True),
        ("hold 1e300", _with(1e300), True),
        ("are complex", _as(complex), True),
        ("are text", _as("U8"), True),
        ("sum to 2", lambda _, a: a * 2, True),
        ("are all 0", lambda _, a: a * 0, True),
        ("of one class", lambda _, a: a[:, :1] * 0 + 1, False),
        ("are whole", lambda _, a: np.eye(a.shape[1], dtype=int)[np.arange(len(a)) % 3], False),
    ],
    "ids": [
        ("repeat", lambda _, a: np.concatenate([a[:-1], a[:1]]), True),
        ("are empty", lambda _, a: np.zeros(len(a), "U1"), True),
        (
            "are numbers",
            lambda _, a: np.arange(len(a), dtype=np.uint64) + np.uint64(2**64 - 99),
            False,
        ),
        ("are fractions", lambda _, a: np.arange(len(a)) + 0.5, True),
        ("are yes and no", lambda _, a: np.arange(len(a)) > 3, True),
    ],
    "labelled": [
        ("are outside", lambda _, a: np.array([0, len(a) + 99]), True),
        ("are negative", lambda _, a: np.array([-1]), True),
        ("are fractions", lambda _, a: np.array([0.5]), True),
        ("repeat", lambda _, a: np.array([1, 1]), False),
        ("are all", lambda _, a: np.ones(24, bool), True),
        ("are text", lambda _, a: a.astype("U5"), True),
        ("hold NaN", lambda _, a: np.array([np.nan]), True),
    ],
}


def odd_columns(rng: random.Random, table: Any) -> tuple[Any, str]:
    """An arrow table with one column of another type."""
    import pyarrow as pa

    at = rng.randrange(table.num_columns)
    about, values = rng.choice(_arrow_values(table.num_rows))
    name = table.column_names[at]
    way = rng.randrange(4)
    if way == 0:  # beside the column, under the same name
        return table.append_column(name, values), f"a second {name} of {about}"
    if way == 1:
        nulls = table.column(at).to_pylist()
        nulls[rng.randrange(len(nulls))] = None
        return table.set_column(at, name, pa.array(nulls)), f"{name} with an empty cell"
    return table.set_column(at, name, values), f"{name} of {about}"


def _arrow_values(n: int) -> list[tuple[str, Any]]:
    import datetime
    import decimal

    import pyarrow as pa

    day = datetime.date(2026, 1, 1)
    moment = datetime.datetime(2026, 1, 1)
    plain: list[tuple[Any, Any]] = [
        (pa.null(), None), (pa.bool_(), True), (pa.int8(), 1), (pa.uint64(), 2**64 - 1),
        (pa.int64(), -(2**63)), (pa.float32(), float("nan")), (pa.float64(), float("inf")),
        (pa.float64(), 1e300), (pa.float16(), np.float16(1)), (pa.string(), "x"),
        (pa.large_string(), ""), (pa.binary(), b"\xff"), (pa.large_binary(), b""),
        (pa.binary(3), b"abc"), (pa.date32(), day), (pa.date64(), day),
        (pa.timestamp("ns", "UTC"), moment), (pa.time64("us"), datetime.time(1)),
        (pa.duration("s"), datetime.timedelta(1)), (pa.decimal128(10, 2), decimal.Decimal("1.50")),
        (pa.decimal256(60, 2), decimal.Decimal("1.50")),
        (pa.list_(pa.float32()), [1.0, float("nan")]), (pa.list_(pa.float32()), []),
        (pa.list_(pa.float32()), None), (pa.list_(pa.string()), ["1", "2"]),
        (pa.list_(pa.list_(pa.float64())), [[1.0, 2.0], [3.0, 4.0]]),
        (pa.list_(pa.int64(), 0), []), (pa.list_(pa.float32(), 4), None),
        (pa.large_list(pa.float64()), [1.0, None]), (pa.list_(pa.decimal128(5, 1)), []),
        (pa.struct([("a", pa.int64())]), {"a": 1}), (pa.struct([]), {}),
        (pa.map_(pa.string(), pa.int64()), [("a", 1)]),
    ]  # fmt: skip
    made = [(f"{kind} ({value!r})", pa.array([value] * n, kind)) for kind, value in plain]
    ragged = [[1.0] * (1 + row % 3) for row in range(n)]
    mixed = pa.array([float(row) for row in range(n)]).dictionary_encode()
    return [*made, ("lists of several lengths", pa.array(ragged)), ("a dictionary", mixed)]


def npz_bytes(arrays: Mapping[str, Any], *, compressed: bool) -> bytes:
    """A zip file of arrays, objects pickled where there are any."""
    stream = io.BytesIO()
    way = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", way) as file:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=True)
            file.writestr(f"{name}.npy", member.getvalue())
    return stream.getvalue()
