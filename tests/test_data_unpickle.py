"""The one unpickler: it reads plain arrays as NumPy does, and runs nothing."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uwe.data.unpickle import read_pickle
from uwe.errors import DataError


class Calls:
    """Pickles as a call of any function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def written(path: Path, value: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


ARRAYS = [
    np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
    np.arange(24, dtype=np.int16).reshape(2, 3, 4).transpose(2, 0, 1),
    np.arange(6, dtype=np.float32)[::2],
    np.array([1.5, -2.0], dtype=">f8"),
    np.array([True, False]),
    np.array(7, dtype=np.uint16),
]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays_come_back_as_they_were(tmp_path: Path, array: Any, protocol: int) -> None:
    """Every numeric array of every protocol is read as NumPy would read it."""
    path = written(tmp_path / "x.pkl", {"a": array, b"b": [(array, {"c": array})]}, protocol)
    content = read_pickle(path)
    for back in (content["a"], content["b"][0][0], content["b"][0][1]["c"]):
        assert back.dtype == array.dtype
        assert np.array_equal(back, array)
        assert back.shape == array.shape


def test_an_array_without_rows(tmp_path: Path) -> None:
    """An empty array keeps its shape."""
    path = written(tmp_path / "x.pkl", {"a": np.zeros((0, 3), dtype=np.int32)})
    assert read_pickle(path)["a"].shape == (0, 3)


def test_a_pickle_of_python_2(tmp_path: Path) -> None:
    """Strings of Python 2 come as bytes, keys as strings, and arrays all the same."""
    content = (
        b"(dp0\nS'data'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n"
        b"(I0\ntS'b'\ntRp4\n(I1\n(I2\nI2\ntcnumpy\ndtype\np5\n(S'u1'\nI0\nI1\ntRp6\n(I3\nS'|'\n"
        b"NNNI-1\nI-1\nI0\ntbI00\nS'\\x01\\x02\\x03\\xff'\ntbsS'labels'\np7\n(lp8\nI5\naI6\n"
        b"asS'name'\nS'a frog'\ns."
    )
    path = tmp_path / "x"
    path.write_bytes(content)
    assert read_pickle(path)["data"].tolist() == [[1, 2], [3, 255]]
    assert read_pickle(path)["labels"] == [5, 6]
    assert read_pickle(path)["name"] == b"a frog"


def test_a_malicious_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    """A pickle that calls a function is refused by the function's name; nothing happens."""
    mark = tmp_path / "mark"
    path = written(tmp_path / "x.pkl", {"data": Calls(os.mkdir, str(mark))})
    with pytest.raises(DataError, match=rf"^{path}: it names {os.mkdir.__module__}\.mkdir; only "):
        read_pickle(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": Calls(eval, "1")}, r"it names builtins\.eval"),
        ({"a": Calls(getattr, "", "upper")}, r"it names builtins\.getattr"),
        ({"a": OrderedDict(a=1)}, r"it names collections\.OrderedDict"),
        ({"a": np.float64(1)}, r"it names numpy\._?core\.multiarray\.scalar"),
        ({"a": np.array([1, "x", None], dtype=object)}, "array of type 'O8'"),
        ({"a": np.zeros(2, dtype=[("f", object)])}, "array of type 'V8'"),
        ({"a": np.zeros(2, dtype=[("f", int), ("g", [("h", object)])])}, "array of type 'V16'"),
        ({"a": np.array(["text"])}, "array of type 'U4'"),
        ({"a": np.dtype("u1")}, "a bare NumPy type"),
        ({"a": np.ndarray}, "a bare NumPy type"),
        ([1, 2], "holds a list, not a dictionary"),
    ],
)
def test_what_is_not_a_plain_array_is_refused(tmp_path: Path, value: object, message: str) -> None:
    """Objects, scalars, structures and strings of NumPy, and other types, are refused."""
    path = written(tmp_path / "x.pkl", value)
    with pytest.raises(DataError, match=message) as refusal:
        read_pickle(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def assembled(*parts: bytes) -> bytes:
    return b"\x80\x02}X\x01\x00\x00\x00a" + b"".join(parts) + b"s."


DTYPE = b"cnumpy\ndtype\n"
EMPTY_ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n)R"
CRAFTED = {
    "alters a function and hides it": assembled(DTYPE, b"}b0N"),
    "makes an array of a type that is no type": assembled(
        EMPTY_ARRAY, b"(K\x01(K\x01tK\x07K\x00U\x01atb"
    ),
    "makes an object array": assembled(DTYPE, b"(U\x02O8tR"),
    "turns a type into another": assembled(
        DTYPE, b"(U\x02u1tR(K\x03U\x01ONNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb"
    ),
    "leaves an array empty": assembled(EMPTY_ARRAY),
    "calls ndarray": assembled(b"cnumpy\nndarray\n((K\x02ttR"),
    "encodes as rot13": assembled(b"c_codecs\nencode\n(X\x01\x00\x00\x00aU\x05rot13tR"),
    "reads beyond its bytes": assembled(
        EMPTY_ARRAY, b"(K\x01(M\xff\xfftcnumpy\ndtype\n(U\x02u1tRK\x00U\x01atb"
    ),
    "holds itself": b"\x80\x02]q\x00h\x00a}X\x01\x00\x00\x00ah\x00s.",
    "holds itself in a dictionary": b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.",
    "asks for a persistent object": assembled(b"U\x01aQ"),
    "asks for an extension": assembled(b"\x82\x01"),
    "names with dots": assembled(b"\x8c\x05numpy\x8c\x10ndarray.__init__\x93"),
    "instantiates": assembled(b"(ios\nsystem\n"),
}


@pytest.mark.parametrize("content", CRAFTED.values(), ids=CRAFTED.keys())
def test_crafted_pickles_are_refused(tmp_path: Path, content: bytes) -> None:
    """A pickle that misuses the admitted names is a one-line DataError with the file's name."""
    path = tmp_path / "x.pkl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.pkl") as refusal:
        read_pickle(path)
    assert "\n" not in str(refusal.value)


def test_every_truncation_is_an_error(tmp_path: Path) -> None:
    """A pickle cut anywhere is a DataError, never another exception and never half a result."""
    whole = pickle.dumps({"data": np.arange(6, dtype=np.uint8), "labels": [1, 2]}, protocol=2)
    path = tmp_path / "x.pkl"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="is no whole pickle"):
            read_pickle(path)


def test_every_changed_byte_is_an_error_or_plain_data(tmp_path: Path) -> None:
    """Whatever one byte is changed to, nothing but a DataError or plain data comes out."""
    whole = pickle.dumps({"data": np.arange(4, dtype=np.uint8), "l": [1]}, protocol=2)
    path = tmp_path / "x.pkl"
    generator = np.random.default_rng(0)
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= int(generator.integers(1, 256))
        path.write_bytes(changed)
        try:
            content = read_pickle(path)
        except DataError:
            continue
        assert all(isinstance(value, list | np.ndarray | int | str) for value in content.values())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is a DataError that names it."""
    with pytest.raises(DataError, match=r"cannot read .*nope\.pkl: No such file"):
        read_pickle(tmp_path / "nope.pkl")
