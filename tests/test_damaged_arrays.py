"""Damaged and hostile files of arrays: one line, little memory, never other numbers."""

from __future__ import annotations

import io
import json
import resource
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uwe.cli import main
from uwe.errors import UweError
from uwe.pool_files import open_pool

X = np.random.default_rng(0).normal(size=(12, 3))
IDS = np.array([f"item {row}" for row in range(12)])


def npy(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that version 3 needs NumPy 1.17
        np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


def header(shape: str, descr: str = "'<f8'", data: bytes = X.tobytes()) -> bytes:
    """An array whose header says what it likes."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text + b"\n" + data


def npz(method: int = zipfile.ZIP_DEFLATED, **members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def safetensors(header_text: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header_text)) + header_text + data


ONE = b'"features":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}'
FLOATS = np.ones(4, np.float32).tobytes()

DAMAGED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "empty": (".npy", lambda: b""),
    "no magic": (".npy", lambda: b"text, not an array"),
    "cut in the header": (".npy", lambda: npy(X)[:60]),
    "cut in the numbers": (".npy", lambda: npy(X)[:-8]),
    "more numbers than its header says": (".npy", lambda: npy(X) + b"12345678"),
    "a header that is no dictionary": (".npy", lambda: header("(12, 3")),
    "a header that calls a function": (".npy", lambda: header("(open('x'), 3)")),
    "a shape of 10^12 rows": (".npy", lambda: header("(1000000000000, 3)")),
    "a shape beyond 64 bits": (".npy", lambda: header(f"({2**70}, 3)")),
    "a negative shape": (".npy", lambda: header("(-12, 3)")),
    "a shape of truth values": (".npy", lambda: header("(True, 36)")),
    "objects": (".npy", lambda: header("(12, 3)", "'|O'")),
    "numbers of no bytes": (".npy", lambda: header("(1000000000000,)", "'<U0'", b"")),
    "a type that does not exist": (".npy", lambda: header("(12, 3)", "'<q9'")),
    "records": (".npy", lambda: npy(np.zeros(4, [("a", "f4"), ("b", "f4")]))),
    "dates": (".npy", lambda: npy(np.zeros((4, 2), "M8[s]"))),
    "text": (".npy", lambda: npy(X.astype(str))),
    "no zip": (".npz", lambda: b"PK\x03\x04 and nothing else"),
    "a member with objects": (".npz", lambda: npz(features=header("(12, 3)", "'|O'"))),
    "a member that claims 10^12 rows": (
        ".npz", lambda: npz(features=header("(1000000000000, 3)"))),
    "a stored member that claims too much": (
        ".npz", lambda: npz(zipfile.ZIP_STORED, features=header("(13, 3)"))),
    "a stored member that claims too little": (
        ".npz", lambda: npz(zipfile.ZIP_STORED, features=header("(11, 3)"))),
    "a stored member with a changed byte": (
        ".npz", lambda: changed(npz(zipfile.ZIP_STORED, features=npy(X)), 300)),
    "a deflated member with a changed byte": (".npz", lambda: changed(npz(features=npy(X)), 200)),
    "a member of another version of zip": (".npz", lambda: at_entry(npz(features=npy(X)), 6, 173)),
    "an encrypted member": (".npz", lambda: at_entry(npz(features=npy(X)), 8, 1)),
    "an unknown compression": (".npz", lambda: at_entry(npz(features=npy(X)), 10, 77)),
    "a member that becomes 4 GiB": (".npz", lambda: sized(npz(features=npy(X)), 2**32 - 2)),
    "no header": (".safetensors", lambda: b"{}"),
    "a header of 2^60 bytes": (".safetensors", lambda: struct.pack("<Q", 2**60) + b"{}"),
    "a header that is no JSON": (".safetensors", lambda: safetensors(b"{" + ONE)),
    "a header that is not UTF-8": (
        ".safetensors", lambda: safetensors(b'{"__metadata__":{"a":"\xff"},' + ONE + b"}", FLOATS)),
    "offsets beyond the file": (
        ".safetensors", lambda: safetensors(b"{" + ONE.replace(b"16]", b"160]") + b"}", FLOATS)),
    "a shape that overflows": (
        ".safetensors",
        lambda: safetensors(b"{" + ONE.replace(b"[2,2]", b"[%d,%d]" % (2**62, 2**62)) + b"}")),
    "numbers that nobody claims": (
        ".safetensors", lambda: safetensors(b"{" + ONE + b"}", FLOATS * 2)),
    "a name twice": (
        ".safetensors", lambda: safetensors(b"{" + ONE + b"," + ONE + b"}", FLOATS)),
    "ids in lists without end": (
        ".safetensors",
        lambda: safetensors(
            b'{"__metadata__":{"ids":"' + b"[" * 9000 + b'"},' + ONE + b"}", FLOATS)),
    "ids that are no names": (
        ".safetensors",
        lambda: safetensors(b'{"__metadata__":{"ids":"[null, 1.5]"},' + ONE + b"}", FLOATS)),
}  # fmt: skip


def changed(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def at_entry(content: bytes, at: int, value: int) -> bytes:
    """Two bytes of the entry in the central directory, and of the member's own header."""
    entry, own = content.index(b"PK\x01\x02"), content.index(b"PK\x03\x04")
    made = bytearray(content)
    made[entry + at : entry + at + 2] = struct.pack("<H", value)
    made[own + at - 2 : own + at] = struct.pack("<H", value)
    return bytes(made)


def sized(content: bytes, size: int) -> bytes:
    entry = content.index(b"PK\x01\x02")
    return content[: entry + 24] + struct.pack("<I", size) + content[entry + 28 :]


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, the file named, nothing on standard output, and little memory."""
    suffix, make = DAMAGED[name]
    path = tmp_path / f"pool{suffix}"
    path.write_bytes(make())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    code = main(["select", str(path), "-k", "1", "--strategy", "coreset"])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "pool" in err or "features" in err
    assert len(err) < 400 + len(str(path))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_every_version_and_compression_is_read(
    version: tuple[int, int], method: int, tmp_path: Path
) -> None:
    """The numbers are those that were written, by rows and by columns."""
    (tmp_path / "a.npy").write_bytes(npy(X, version))
    assert np.array_equal(open_pool(tmp_path / "a.npy").read("features"), X)
    members = {"features": npy(np.asfortranarray(X), version), "ids": npy(IDS, version)}
    (tmp_path / "a.npz").write_bytes(npz(method, **members))
    pool = open_pool(tmp_path / "a.npz")
    assert np.array_equal(pool.read("features"), X)
    assert pool.ids(12) == IDS.tolist()


def test_an_array_without_rows_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Empty, and without axes."""
    for name, array, words in (("a", X[:0], "is empty"), ("b", np.array(1.0), "of shape ()")):
        np.save(tmp_path / f"{name}.npy", array)
        np.savez(tmp_path / f"{name}.npz", features=array)
        for suffix in ("npy", "npz"):
            path = str(tmp_path / f"{name}.{suffix}")
            assert main(["select", path, "-k", "1", "--strategy", "coreset"]) == 2
            assert words in capsys.readouterr().err


def test_a_compressed_array_larger_than_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is read; the same array without compression is mapped and needs none."""
    from uwe.pool_files import arrays

    np.savez_compressed(tmp_path / "a.npz", features=X)
    np.savez(tmp_path / "b.npz", features=X)
    monkeypatch.setattr(arrays, "_free_memory", lambda: X.nbytes - 1)
    with pytest.raises(UweError, match=r"compressed and takes .*without compression"):
        open_pool(tmp_path / "a.npz").read("features")
    assert np.array_equal(open_pool(tmp_path / "b.npz").read("features"), X)


def test_a_name_twice_in_a_zip_is_refused(tmp_path: Path) -> None:
    """Which of the two was meant is not known."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("features.npy", npy(X))
        archive.writestr("features.npy", npy(X + 1))
    (tmp_path / "a.npz").write_bytes(file.getvalue())
    with pytest.raises(UweError, match="holds 'features' twice"):
        open_pool(tmp_path / "a.npz")


def test_arrays_of_other_rows_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both arrays and both numbers."""
    np.savez(tmp_path / "a.npz", features=X, probs=np.ones((11, 2)) / 2)
    assert main(["select", str(tmp_path / "a.npz"), "-k", "1"]) == 2
    assert "features has 12 rows, but probs has 11" in capsys.readouterr().err


WHOLE = {
    ".npy": npy(X),
    ".npz": npz(features=npy(X), ids=npy(IDS)),
    ".stored.npz": npz(zipfile.ZIP_STORED, features=npy(X), ids=npy(IDS)),
    ".safetensors": safetensors(
        b'{"__metadata__":{"ids":' + json.dumps(json.dumps(IDS.tolist())).encode() + b"},"
        b'"features":{"dtype":"F64","shape":[12,3],"data_offsets":[0,288]}}',
        X.tobytes(),
    ),
}


@pytest.mark.parametrize("suffix", WHOLE)
@settings(
    max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(data=st.data())
def test_changed_bytes_never_end_in_another_error(
    suffix: str, tmp_path: Path, data: st.DataObject
) -> None:
    """A pool with some bytes changed or cut is read, or refused by an error of uwe; a zip file
    whose arrays are read gives the numbers that were written."""
    content = bytearray(WHOLE[suffix])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.sampled_from([len(content), len(content) // 2, 40]))]
    path = tmp_path / f"pool{suffix}"
    path.write_bytes(content)
    try:
        pool = open_pool(path)
        features = pool.read("features")
        if features is not None:
            pool.ids(len(features) if np.ndim(features) else 0)
    except UweError as error:
        assert "\n" not in str(error)  # noqa: PT017 (most changes are refused, some are not)
        return
    if suffix.endswith("npz") and features is not None:
        assert np.array_equal(features, X)
