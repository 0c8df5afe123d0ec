"""Arrays of any type and layout: taken with the picks of the plain array, or refused in a line."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import uwe
from uwe._arrays import as_array, as_tensor
from uwe.cli import main
from uwe.errors import InputError

X = np.random.default_rng(0).integers(-8, 8, (20, 3)).astype(np.float64)
PICKS = uwe.select(X, 4, strategy="coreset").rows.tolist()


def packed() -> np.ndarray:
    records = np.zeros(20, dtype=[("flag", "i1"), ("x", "<f4", (3,))])
    records["x"] = X
    return records["x"]


def read_only() -> np.ndarray:
    array = X.copy()
    array.setflags(write=False)
    return array


class Exporting:
    """An array of a library that exports it as ``__array__``, as jax does."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        del dtype, copy
        return X


class Packed:
    """An array that exports its memory as DLPack alone."""

    def __dlpack__(self, **more: Any) -> Any:
        return X.__dlpack__(**more)

    def __dlpack_device__(self) -> Any:
        return X.__dlpack_device__()


TAKEN: dict[str, Callable[[], Any]] = {
    "a field of packed records": packed,
    "read-only": read_only,
    "columns first": lambda: np.asfortranarray(X),
    "rows backwards": lambda: X[::-1].copy()[::-1],
    "columns backwards": lambda: X[:, ::-1],
    "every second row": lambda: np.repeat(X, 2, axis=0)[::2],
    "big-endian float64": lambda: X.astype(">f8"),
    "big-endian int16": lambda: X.astype(">i2"),
    "float16": lambda: X.astype(np.float16),
    "long double": lambda: X.astype(np.longdouble),
    "int8": lambda: X.astype(np.int8),
    "uint32": lambda: (X + 8).astype(np.uint32),
    "uint64": lambda: (X + 8).astype(np.uint64),
    "lists": X.tolist,
    "masked, but nowhere": lambda: np.ma.MaskedArray(X),
    "a list of tensors that require a gradient": lambda: [
        torch.tensor(row, requires_grad=True) for row in X
    ],
    "a tensor that requires a gradient": lambda: torch.tensor(X, requires_grad=True),
    "bfloat16": lambda: torch.tensor(X).bfloat16(),
    "uint16 of torch": lambda: torch.tensor(X + 8).to(torch.uint16),
    "uint64 of torch": lambda: torch.tensor(X + 8).to(torch.uint64),
    **{
        name: lambda name=name: torch.tensor(X).to(getattr(torch, name))
        for name in ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
        if hasattr(torch, name)
    },
    "__array__": Exporting,
    "__dlpack__": Packed,
}


@pytest.mark.parametrize("name", TAKEN)
def test_every_type_and_layout_gives_the_same_picks(name: str) -> None:
    """Small whole numbers are exact in all of these types, so the picks are those of float64."""
    given = TAKEN[name]()
    if "float8_e5m2" in name:  # two bits of a fraction: the numbers are rounded
        rounded = as_tensor("x", given).double()
        assert (
            uwe.select(given, 4, strategy="coreset").rows.tolist()
            == uwe.select(rounded, 4, strategy="coreset").rows.tolist()
        )
        return
    own = uwe.select(given, 4, strategy="coreset")
    shifted = "uint" in name
    expected = uwe.select(X + 8, 4, strategy="coreset").rows.tolist() if shifted else PICKS
    assert own.rows.tolist() == expected


def test_frames_of_pandas_own_types_are_taken() -> None:
    """Nullable numbers and Arrow's are numbers; a gap among them is named as NaN."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X)
    for given in (frame, frame.astype("Float64"), frame.astype("int64").astype("Int64")):
        assert uwe.select(given, 4, strategy="coreset").rows.tolist() == PICKS
    frame = frame.astype("Float64")
    frame.iloc[6, 1] = pandas.NA
    with pytest.raises(InputError, match="features: row 6 holds NaN"):
        uwe.select(frame, 4, strategy="coreset")


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "sparse of torch": (lambda: torch.tensor(X).to_sparse(), r"features is sparse \(sparse_coo\)"),
    "masked": (
        lambda: np.ma.MaskedArray(X, mask=X > 5), "is a masked array, and row"),
    "complex": (lambda: X + 0j, "complex numbers, which have no order"),
    "complex of torch": (lambda: torch.tensor(X) + 0j, "is complex"),
    "records": (lambda: np.zeros(9, [("a", "f4"), ("b", "f4")]), "records with the fields a, b"),
    "dates": (lambda: np.zeros((9, 2), "M8[s]"), "features holds dates"),
    "text": (lambda: X.astype(str), "features holds text"),
    "bytes": (lambda: X.astype(bytes), "features holds bytes"),
    "an object among numbers": (
        lambda: np.array([[1.0, "a"]] * 9, dtype=object), "row 0 has 'a'"),
    "without values": (lambda: torch.ones(9, 2, device="meta"), "device meta"),
    "a dictionary": (lambda: {"a": X}, "features is a dict"),
    "a generator": (lambda: (row for row in X), "features is a generator"),
    "one number": (lambda: np.array(1.0), r"must be \[n, d\], not of shape \(\)"),
    "ragged": (lambda: [[1.0], [1.0, 2.0]], "rows differ in length"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_taken_is_one_line(name: str) -> None:
    """The array is named, and no other library's error comes through."""
    make, words = REFUSED[name]
    with pytest.raises(InputError, match=words) as caught:
        uwe.select(make(), 4, strategy="coreset")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array", "coo_matrix", "dok_matrix"])
def test_sparse_rows_are_sent_to_query(kind: str) -> None:
    """The line says how they are made dense, and who takes them as they are."""
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(InputError, match=rf"sparse \({kind}\).*toarray\(\).*uwe\.query"):
        uwe.select(getattr(sparse, kind)(X), 4, strategy="coreset")
    with pytest.raises(InputError, match=r"probs is sparse.*toarray\(\)"):
        uwe.select(X, 4, probs=sparse.csr_matrix(np.eye(20)), strategy="entropy")


def test_other_arrays_are_taken_like_features() -> None:
    """Probabilities and an uncertainty in 8 bits, and a mask of torch."""
    probs = torch.tensor([[0.5, 0.5], [0.25, 0.75], [0.0, 1.0]]).to(torch.float8_e4m3fn)
    assert uwe.select(None, 3, probs=probs, strategy="entropy").rows.tolist() == [0, 1, 2]
    own = torch.tensor([0.5, 2.0, 1.0]).to(torch.float8_e5m2)
    assert uwe.select(None, 3, uncertainty=own).rows.tolist() == [1, 2, 0]
    labelled = torch.arange(20) == PICKS[0]
    assert PICKS[0] not in uwe.select(X, 4, strategy="coreset", labelled=labelled).rows


def test_an_array_keeps_its_own_memory() -> None:
    """Nothing large is copied: the tensor and the array share their numbers."""
    assert as_tensor("x", X).data_ptr() == X.ctypes.data
    tensor = torch.tensor(X)
    assert as_array("x", tensor).ctypes.data == tensor.data_ptr()


def safetensors(path: Path, kind: str, size: float) -> Path:
    """A file whose features ``[4, 4]`` are of a type that torch may lack."""
    data = bytes(range(int(16 * size)))
    header = {"features": {"dtype": kind, "shape": [4, 4], "data_offsets": [0, len(data)]}}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


@pytest.mark.parametrize(
    ("kind", "size"),
    [("BOOL", 1), ("U8", 1), ("I8", 1), ("F8_E5M2", 1), ("F8_E4M3", 1), ("F8_E8M0", 1),
     ("I16", 2), ("U16", 2), ("F16", 2), ("BF16", 2), ("I32", 4), ("U32", 4), ("F32", 4),
     ("I64", 8), ("U64", 8), ("F4", 0.5), ("F6_E2M3", 0.75), ("C64", 8)],
)  # fmt: skip
def test_safetensors_of_every_type_end_in_picks_or_a_line(
    kind: str, size: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 0 with two picks, or 2 with one line that names the array."""
    path = safetensors(tmp_path / "pool.safetensors", kind, size)
    if kind == "BOOL":
        data = path.read_bytes()
        path.write_bytes(data[:-16] + bytes([0, 1] * 8))
    code = main(["select", str(path), "-k", "2", "--strategy", "coreset"])
    out, err = capsys.readouterr()
    refused = kind in ("F4", "F6_E2M3", "C64")
    assert code == (2 if refused else 0)
    assert len(out.splitlines()) == (0 if refused else 3)
    if refused:
        assert err.count("\n") == 1
        assert "features" in err


def test_a_float8_pool_picks_what_its_float32_twin_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The picks, distances and what each stands for are the same."""
    from safetensors.torch import save_file

    eighths = torch.tensor(X / 8).to(torch.float8_e4m3fn)
    save_file({"features": eighths}, tmp_path / "a.safetensors")
    save_file({"features": eighths.float()}, tmp_path / "b.safetensors")
    tables = []
    for name in ("a", "b"):
        assert main(["select", str(tmp_path / f"{name}.safetensors"), "-k", "5",
                     "--strategy", "coreset"]) == 0  # fmt: skip
        tables.append(capsys.readouterr().out)
    assert tables[0] == tables[1]
