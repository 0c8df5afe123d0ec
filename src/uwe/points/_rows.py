"""Rows of a matrix, wherever it lies: read, brought to a precision, shifted and scaled."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from uwe._types import BoolArray, FloatArray
from uwe.errors import InputError
from uwe.points._geometry import Array, Matrix, Span

__all__ = [
    "as_matrix",
    "finite_rows",
    "float64_rows",
    "gamma_of",
    "home_of",
    "in_numpy",
    "joined",
    "largest",
    "like",
    "power_of_two",
    "product",
    "rows_of",
    "sampled",
    "sqnorms",
    "tiny_of",
    "working_rows",
]

_UNIT_ROUNDOFF = {torch.float32: 2.0**-24, torch.float64: 2.0**-53}
_TF32_ROUNDOFF = 2.0**-11
_NUMPY: dict[torch.dtype, Any] = {
    torch.float64: np.dtype(np.float64),
    torch.float32: np.dtype(np.float32),
    torch.float16: np.dtype(np.float16),
}
_FLOATS = ("float64", "float32", "float16", "bfloat16")
_GRAIN = 2**15  # numbers that torch converts in one thread: its threads and BLAS's would clash
_SAMPLE = 256  # rows that a frame is fitted on, at most


def as_matrix(x: Array) -> Array:
    """A matrix of a floating type: an array where numpy can see its memory, else a tensor."""
    if x.ndim != 2 or x.shape[1] == 0:
        raise InputError(
            f"points must be a matrix [n, d] with d > 0, not of shape {tuple(x.shape)}"
        )
    if str(x.dtype).removeprefix("torch.") not in _FLOATS:
        raise InputError(f"points are of type {x.dtype}; give one of {', '.join(_FLOATS)}")
    if isinstance(x, torch.Tensor):
        x = x.detach()
        return x.numpy() if x.device.type == "cpu" and x.dtype in _NUMPY else x
    return x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))


def home_of(x: Array, device: torch.device | str | None) -> torch.device:
    """Where to compute: on ``device``, or where the rows are."""
    if device is not None:
        return torch.device(device)
    return x.device if isinstance(x, torch.Tensor) else torch.device("cpu")


def in_numpy(device: torch.device) -> bool:
    """Whether tables are numpy's: on the host, where small operations cost least in it."""
    return device.type == "cpu"


def rows_of(x: Array, span: Span) -> Array:
    """Rows in their own type, where they are; a slice is a view."""
    if isinstance(span, slice):
        view: Array = x[span]
        return view
    if isinstance(x, np.ndarray):
        own: Array = np.asarray(x).take(span, axis=0)
        return own
    rows: Array = x.index_select(0, torch.as_tensor(span, device=x.device))
    return rows


def working_rows(
    x: Array,
    span: Span,
    origin: FloatArray | None,
    scale: float,
    dtype: torch.dtype,
    device: torch.device,
) -> Matrix:
    """``(x - origin) · scale``, rounded once (the origin is a float32 number in each column).

    An array where the device is the host, else a tensor.
    """
    own = rows_of(x, span)
    if not in_numpy(device):
        rows = torch.as_tensor(own).to(device)
        rows = rows.to(torch.promote_types(rows.dtype, dtype))
        shift = None if origin is None else torch.from_numpy(origin).to(rows)
        framed: Matrix = _framed(rows, shift, scale).to(dtype)
        return framed
    kind = _NUMPY[dtype]
    widest = np.promote_types(own.dtype, kind) if isinstance(own, np.ndarray) else kind
    moved = None if origin is None else origin.astype(widest)
    return _framed(_in(own, widest), moved, scale).astype(kind, copy=False)


def _framed(rows: Any, shift: Any, scale: float) -> Any:
    if shift is not None:
        rows = rows - shift
    return rows if scale == 1.0 else rows * scale


def _in(rows: Array, kind: Any) -> Any:
    """Rows on the host in another precision, in numpy's memory; as they are where they have it.

    From 16 bits torch is several times faster than numpy.
    """
    if isinstance(rows, np.ndarray) and rows.dtype != np.float16:
        return rows.astype(kind, copy=False)
    wide = np.empty(tuple(rows.shape), dtype=kind)
    step = max(1, _GRAIN // rows.shape[1])
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        torch.from_numpy(wide[part]).copy_(_tensor(rows[part]))
    return wide


def _tensor(rows: Array) -> torch.Tensor:
    if isinstance(rows, torch.Tensor):
        return rows
    return torch.from_numpy(rows if rows.flags.writeable else rows.copy())


def float64_rows(x: Array, span: Span) -> FloatArray:
    """Rows in float64 on the host."""
    rows = rows_of(x, span)
    on_host = rows.cpu() if isinstance(rows, torch.Tensor) else rows
    exact: FloatArray = _in(on_host, np.dtype(np.float64))
    return exact


def finite_rows(x: Array, span: Span) -> BoolArray:
    """Which rows hold neither NaN nor infinity."""
    rows = rows_of(x, span)
    if isinstance(rows, np.ndarray):
        return np.asarray(np.isfinite(rows).all(1))
    there: BoolArray = rows.isfinite().all(1).cpu().numpy()
    return there


def sampled(x: Array, rows: Span | None) -> FloatArray:
    """A few rows from first to last in float64, or those asked for."""
    many = min(_SAMPLE, max(32, len(x) // 64))
    step = max(1, len(x) // many)
    return float64_rows(x, slice(0, step * many, step) if rows is None else rows)


def largest(x: FloatArray) -> float:
    """The largest absolute value."""
    return float(np.abs(x).max()) if x.size else 0.0


def power_of_two(size: float, most: int) -> float:
    """1 where float32 can square numbers of that size, else what brings them near 1."""
    if size == 0.0 or not np.isfinite(size) or 1e-8 < size < 1e8:
        return 1.0
    return float(2.0 ** -np.clip(np.rint(np.log2(size)), -most, most))


def sqnorms(x: Matrix) -> FloatArray:
    """Squared norm of each row, as the rows' precision rounds it."""
    if isinstance(x, np.ndarray):
        on_host: FloatArray = np.einsum("ij,ij->i", x, x).astype(np.float64)
        return on_host
    squares: FloatArray = (x * x).sum(1).cpu().numpy().astype(np.float64)
    return squares


def product(x: Matrix, y: Matrix) -> Matrix:
    """``x yᵀ``: numpy's on the host, where it is the faster one, else torch's.

    BLAS computes on what its vector registers hold past the last column, and can set the
    "invalid" flag where every entry of the result is right. Finite factors have no other way to
    it than an overflow, which numpy still reports.
    """
    with np.errstate(invalid="ignore"):
        return x @ y.T


def gamma_of(width: int, dtype: torch.dtype, device: torch.device) -> float:
    """Bound on the relative error of a sum of products in any order, with what goes into it."""
    roundoff = _UNIT_ROUNDOFF[dtype]
    if device.type == "cuda" and dtype == torch.float32 and torch.backends.cuda.matmul.allow_tf32:
        return 1.01 * (2 * _TF32_ROUNDOFF + (width + 16) * roundoff)
    return 1.01 * (width + 16) * roundoff


def tiny_of(dtype: torch.dtype) -> float:
    """What underflow may take from a squared distance."""
    return 1e-36 if dtype == torch.float32 else 1e-290


def joined(x: Matrix, y: Matrix) -> Matrix:
    """The rows of one table, then those of the other."""
    return np.concatenate([x, y]) if isinstance(x, np.ndarray) else torch.cat([x, y])


def like(values: FloatArray, table: Matrix) -> Matrix:
    """Host numbers in the precision and the place of a table."""
    if isinstance(table, np.ndarray):
        return values.astype(table.dtype)
    return torch.from_numpy(values).to(table)
