"""An embedding seen as a metric: rows, their norms, and squared distances between them.

A representation knows its own cancellation and rounding; a selection kernel knows only geometry.
Two views of the same rows serve it. A ``Tile`` holds float32 (or float64) rows ready for matrix
products, with a bound on what rounding can do. An ``Exact`` holds rows in float64 as they were
given; its distances are *the* distances: each is summed in one fixed order that depends on the
number of features alone, so that it has the same bits on every machine, in every block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch

from uwe._types import IntArray, Rows
from uwe.errors import InputError

__all__ = [
    "Array",
    "BoolArray",
    "Dense",
    "Exact",
    "FloatArray",
    "Frame",
    "Points",
    "Product",
    "Span",
    "Tile",
    "as_points",
    "pairwise_sum",
]

FloatArray: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
BoolArray: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
Array: TypeAlias = "torch.Tensor | np.ndarray[Any, Any]"  # [n, d] of a floating type
Span: TypeAlias = "slice | IntArray"  # which rows

_UNIT_ROUNDOFF = {torch.float32: 2.0**-24, torch.float64: 2.0**-53}
_FLOATS = ("float64", "float32", "float16", "bfloat16")
_SAMPLE = 256  # rows that the origin is fitted on, at most


def pairwise_sum(terms: Any) -> Any:
    """Sum over the last axis in one fixed order, by halves; ``terms`` is used up.

    Only element-wise additions are made, so the result depends on the number of terms alone:
    neither on the other axes nor on threads, blocks or the processor.

    >>> pairwise_sum(np.array([[1.0, 2.0, 4.0]]))
    array([7.])
    """
    width = terms.shape[-1]
    while width > 1:
        half = (width + 1) // 2
        terms[..., : width - half] += terms[..., half:width]
        width = half
    return terms[..., 0]


class Exact(Protocol):
    """Some rows in float64, as given."""

    def __len__(self) -> int: ...

    def take(self, at: IntArray) -> Exact:
        """Keep the rows at ``at``."""
        ...

    def columns(self) -> Exact:
        """Lay the rows out so that all of them meet one row soonest."""
        ...

    def sqdist(self, other: Exact) -> FloatArray:
        """Squared distance of each row to the same row of ``other``; one row meets all."""
        ...

    def sqnorms(self) -> FloatArray:
        """Squared norm of each row."""
        ...


class Tile(Protocol):
    """Some rows in working precision, shifted and scaled by a frame."""

    @property
    def sq(self) -> torch.Tensor:
        """Squared norms ``[m]``."""
        ...

    @property
    def gamma(self) -> float:
        """Bound on the relative rounding of a norm, or of an inner product beside ``|x||c|``."""
        ...

    def __len__(self) -> int: ...

    def take(self, at: IntArray) -> Tile:
        """Keep the rows at ``at``."""
        ...

    def part(self, span: slice) -> Tile:
        """Keep the rows in ``span``, without a copy."""
        ...

    def offsets(self, centres: Tile) -> torch.Tensor:
        """``‖c‖² - 2⟨x, c⟩`` of rows x and centres c, ``[m, j]``; ``‖x‖²`` less than a distance."""
        ...

    def inner(self, row: int, factor: float, out: Any) -> None:
        """Write ``factor · ⟨x, c⟩`` of rows x on the host, c being one of them, to ``out [m]``."""
        ...


@dataclass(frozen=True)
class Frame:
    """Where tiles have their origin, and their unit of length.

    Attributes:
        origin: float64 ``[d]`` that is subtracted from every row, or None.
        scales: powers of two by which the rows' factors are multiplied.
        unit: what one unit of squared length in a tile is in squared units of the rows.
    """

    origin: torch.Tensor | None
    scales: tuple[float, ...]
    unit: float


class Points(Protocol):
    """n rows of some space with Euclidean distance.

    Attributes:
        width: numbers that are multiplied for one inner product.
        device: where tiles live.
    """

    width: int
    device: torch.device

    def __len__(self) -> int: ...

    def take(self, rows: Rows) -> Points:
        """Keep ``rows``, in that order."""
        ...

    def frame(self, rows: Span | None = None) -> Frame:
        """An origin and a unit in which distances between ``rows`` suffer little from rounding."""
        ...

    def tile(self, span: Span, frame: Frame, dtype: torch.dtype = torch.float32) -> Tile:
        """The rows in ``span``, ready for products."""
        ...

    def exact(self, span: Span) -> Exact:
        """The rows in ``span`` in float64, as given."""
        ...

    def finite(self, span: Span) -> BoolArray:
        """Which rows in ``span`` hold numbers only, neither NaN nor infinity."""
        ...

    def row_bytes(self) -> int:
        """Bytes of one row of a float32 tile."""
        ...


@dataclass(frozen=True)
class _DenseExact:
    x: Any  # float64 [m, d], on the host or the device

    def __len__(self) -> int:
        return len(self.x)

    def take(self, at: IntArray) -> _DenseExact:
        return _DenseExact(self.x[at])

    def columns(self) -> _DenseExact:
        return _DenseExact(np.asfortranarray(self.x)) if isinstance(self.x, np.ndarray) else self

    def sqdist(self, other: Exact) -> FloatArray:
        assert isinstance(other, _DenseExact)
        gap = self.x - other.x
        gap *= gap
        return _to_host(pairwise_sum(gap))

    def sqnorms(self) -> FloatArray:
        return _to_host(pairwise_sum(self.x * self.x))


@dataclass(frozen=True)
class _DenseTile:
    x: torch.Tensor  # [m, d]
    sq: torch.Tensor  # [m]
    gamma: float

    def __len__(self) -> int:
        return len(self.x)

    def take(self, at: IntArray) -> _DenseTile:
        where = torch.from_numpy(at).to(self.x.device)
        return _DenseTile(self.x.index_select(0, where), self.sq[where], self.gamma)

    def part(self, span: slice) -> _DenseTile:
        return _DenseTile(self.x[span], self.sq[span], self.gamma)

    def offsets(self, centres: Tile) -> torch.Tensor:
        assert isinstance(centres, _DenseTile)
        return torch.addmm(centres.sq, self.x, centres.x.T, alpha=-2)

    def inner(self, row: int, factor: float, out: Any) -> None:
        # numpy's BLAS is faster than torch's at a matrix times a vector
        x = self.x.numpy()
        np.matmul(x, x[row] * x.dtype.type(factor), out=out)


class Dense:
    """Rows of a matrix ``[n, d]``: a tensor, an array or a memory-mapped file.

    >>> Dense(torch.tensor([[0.0, 0.0], [3.0, 4.0]])).exact(slice(0, 2)).sqnorms()
    array([ 0., 25.])
    """

    def __init__(self, x: Array, *, device: torch.device | str | None = None) -> None:
        self.x = _checked(x)
        self.width = int(self.x.shape[1])
        self.device = _home(self.x, device)

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Rows) -> Dense:
        """Keep ``rows``, in that order."""
        return Dense(_rows(self.x, rows), device=self.device)

    def frame(self, rows: Span | None = None) -> Frame:
        """Subtract a mean that is large beside the spread; scale what float32 cannot square."""
        sample = _sampled(self.x, rows).double()
        mean = sample.mean(0).float().double()
        spread = (sample - mean).square().sum()
        shifted = bool(len(sample) * mean.square().sum() > 0.25 * spread) and _all_finite(mean)
        scale = _power_of_two((sample - mean if shifted else sample).abs().amax(), 480)
        return Frame(mean if shifted else None, (scale,), scale**-2.0)

    def tile(self, span: Span, frame: Frame, dtype: torch.dtype = torch.float32) -> _DenseTile:
        """The rows in ``span``, ready for products."""
        x = _framed(_rows(self.x, span), frame.origin, frame.scales[0], dtype, self.device)
        return _DenseTile(x, _sqnorms(x), _gamma(self.width, dtype))

    def exact(self, span: Span) -> _DenseExact:
        """The rows in ``span`` in float64, as given."""
        return _DenseExact(_as_array(_in_float64(self.x, span, self.device)))

    def finite(self, span: Span) -> BoolArray:
        """Which rows in ``span`` hold numbers only, neither NaN nor infinity."""
        return _finite_rows(self.x, span)

    def row_bytes(self) -> int:
        """Bytes of one row of a float32 tile."""
        return 4 * self.width


@dataclass(frozen=True)
class _ProductExact:
    a: Any  # float64 [m, c]
    b: Any  # float64 [m, d]

    def __len__(self) -> int:
        return max(len(self.a), len(self.b))

    def take(self, at: IntArray) -> _ProductExact:
        return _ProductExact(self.a[at], self.b[at])

    def columns(self) -> _ProductExact:
        return self

    def sqdist(self, other: Exact) -> FloatArray:
        # a⊗b - a'⊗b' = (a-a')⊗m + l⊗(b-b') with the means l, m of the factors: no large terms
        # cancel, equal factors give 0, and x, x' may change places.
        assert isinstance(other, _ProductExact)
        a, across, mean_a = _gap_and_mean(self.a, other.a)
        b, along, mean_b = _gap_and_mean(self.b, other.b)
        return np.maximum(_to_host(a * mean_b + mean_a * b + 2.0 * across * along), 0.0)

    def sqnorms(self) -> FloatArray:
        return _to_host(pairwise_sum(self.a * self.a) * pairwise_sum(self.b * self.b))


@dataclass(frozen=True)
class _ProductTile:
    a: torch.Tensor  # [m, c]
    b: torch.Tensor  # [m, d]
    sq: torch.Tensor  # [m]
    gamma: float

    def __len__(self) -> int:
        return len(self.a)

    def take(self, at: IntArray) -> _ProductTile:
        where = torch.from_numpy(at).to(self.a.device)
        a, b = self.a.index_select(0, where), self.b.index_select(0, where)
        return _ProductTile(a, b, self.sq[where], self.gamma)

    def part(self, span: slice) -> _ProductTile:
        return _ProductTile(self.a[span], self.b[span], self.sq[span], self.gamma)

    def offsets(self, centres: Tile) -> torch.Tensor:
        assert isinstance(centres, _ProductTile)
        inner = (self.a @ centres.a.T).mul_(self.b @ centres.b.T)
        return torch.sub(centres.sq, inner, alpha=2, out=inner)

    def inner(self, row: int, factor: float, out: Any) -> None:
        a, b = self.a.numpy(), self.b.numpy()
        np.matmul(a, a[row] * a.dtype.type(factor), out=out)
        out *= b @ b[row]


class Product:
    """Rows that are outer products ``a_i ⊗ b_i``, never written out.

    Inner products are ``(a·a')(b·b')``; the ``c·d`` wide vectors do not exist.

    Args:
        a: ``[n, c]``, as a rule the narrow factor.
        b: ``[n, d]``.
        device: where to compute, by default where ``b`` is.

    Raises:
        InputError: the factors differ in length, or are not matrices of a floating type.

    >>> Product(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 0.0]])).exact(slice(0, 1)).sqnorms()
    array([45.])
    """

    def __init__(self, a: Array, b: Array, *, device: torch.device | str | None = None) -> None:
        self.a, self.b = _checked(a), _checked(b)
        if len(self.a) != len(self.b):
            raise InputError(f"factors of {len(a)} and {len(b)} rows; they must be equal")
        self.width = int(self.a.shape[1] + self.b.shape[1])
        self.device = _home(self.b, device)

    def __len__(self) -> int:
        return len(self.a)

    def take(self, rows: Rows) -> Product:
        """Keep ``rows``, in that order."""
        return Product(_rows(self.a, rows), _rows(self.b, rows), device=self.device)

    def frame(self, rows: Span | None = None) -> Frame:
        """Scale what float32 cannot square."""
        largest = [_sampled(x, rows).double().abs().amax() for x in (self.a, self.b)]
        first, second = (_power_of_two(size, 240) for size in largest)
        return Frame(None, (first, second), (first * second) ** -2.0)

    def tile(self, span: Span, frame: Frame, dtype: torch.dtype = torch.float32) -> _ProductTile:
        """The rows in ``span``, ready for products."""
        a = _framed(_rows(self.a, span), None, frame.scales[0], dtype, self.device)
        b = _framed(_rows(self.b, span), None, frame.scales[1], dtype, self.device)
        return _ProductTile(a, b, _sqnorms(a) * _sqnorms(b), _gamma(self.width, dtype))

    def exact(self, span: Span) -> _ProductExact:
        """The rows in ``span`` in float64, as given."""
        a = _in_float64(self.a, span, self.device)
        a, b = _balanced(a, _in_float64(self.b, span, self.device))
        return _ProductExact(_as_array(a), _as_array(b))

    def finite(self, span: Span) -> BoolArray:
        """Which rows in ``span`` hold numbers only, neither NaN nor infinity."""
        return _finite_rows(self.a, span) & _finite_rows(self.b, span)

    def row_bytes(self) -> int:
        """Bytes of one row of a float32 tile."""
        return 4 * self.width


def _gap_and_mean(x: Any, y: Any) -> Any:
    """Of ``g = x - y`` and ``m = (x + y) / 2``: ``‖g‖²``, ``⟨g, m⟩`` and ``‖m‖²`` of each row."""
    gap, mean = x - y, (x + y) * 0.5
    stack = np.stack if isinstance(gap, np.ndarray) else torch.stack
    return pairwise_sum(stack([gap * gap, gap * mean, mean * mean]))


def as_points(x: Points | Array, *, device: torch.device | str | None = None) -> Points:
    """See an array, a tensor or a memory-mapped file ``[n, d]`` as points; points stay as they are.

    Raises:
        InputError: not a matrix, no columns, or not of a floating type.

    >>> len(as_points(np.zeros((3, 2))))
    3
    """
    if isinstance(x, Product) and device is not None:
        return Product(x.a, x.b, device=device)
    if isinstance(x, Dense) and device is not None:
        return Dense(x.x, device=device)
    if isinstance(x, torch.Tensor | np.ndarray):
        return Dense(x, device=device)
    if not hasattr(x, "tile"):
        raise InputError(f"points must be an array, a tensor or Points, not {type(x).__name__}")
    return x


def _checked(x: Array) -> Array:
    """A matrix of a floating type; a plain writable array becomes a tensor of the same memory."""
    if x.ndim != 2 or x.shape[1] == 0:
        raise InputError(
            f"points must be a matrix [n, d] with d > 0, not of shape {tuple(x.shape)}"
        )
    if str(x.dtype).removeprefix("torch.") not in _FLOATS:
        raise InputError(f"points are of type {x.dtype}; give one of {', '.join(_FLOATS)}")
    if isinstance(x, torch.Tensor):
        return x.detach()
    plain = not isinstance(x, np.memmap) and x.flags.writeable and x.flags.c_contiguous
    return torch.from_numpy(x) if plain else x


def _home(x: Array, device: torch.device | str | None) -> torch.device:
    if device is not None:
        return torch.device(device)
    return x.device if isinstance(x, torch.Tensor) else torch.device("cpu")


def _rows(x: Array, span: Span) -> torch.Tensor:
    """Rows as a tensor of their own type, where they are; a slice of a tensor is a view."""
    if isinstance(x, np.ndarray):
        return torch.from_numpy(np.array(x[span]))
    if isinstance(span, slice):
        view: torch.Tensor = x[span]
        return view
    return x.index_select(0, torch.as_tensor(span, device=x.device))


def _sampled(x: Array, rows: Span | None) -> torch.Tensor:
    many = min(_SAMPLE, max(32, len(x) // 64))
    step = max(1, len(x) // many)
    return _rows(x, slice(0, step * many, step) if rows is None else rows)


def _all_finite(x: torch.Tensor) -> bool:
    return bool(x.isfinite().all())


def _finite_rows(x: Array, span: Span) -> BoolArray:
    finite: BoolArray = _rows(x, span).isfinite().all(1).cpu().numpy()
    return finite


def _framed(
    x: torch.Tensor,
    origin: torch.Tensor | None,
    scale: float,
    dtype: torch.dtype,
    device: torch.device,
) -> torch.Tensor:
    """``(x - origin) · scale``, rounded once (the origin is a float32 number in each column)."""
    wide = torch.promote_types(x.dtype, dtype)
    x = x.to(device=device, dtype=wide)
    if origin is not None:
        x = x - origin.to(device=device, dtype=wide)
    if scale != 1.0:
        x = x * scale
    return x.to(dtype)


def _in_float64(x: Array, span: Span, device: torch.device) -> torch.Tensor:
    return _rows(x, span).to(device=device, dtype=torch.float64)


def _as_array(x: torch.Tensor) -> Any:
    """A numpy array on the host, where small operations cost least; a tensor elsewhere."""
    return x.numpy() if x.device.type == "cpu" else x


def _balanced(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Move powers of two between the factors of each row until they are about equally long.

    ``a ⊗ b`` stays what it was; the terms that cancel in a distance stay near its norms.
    """
    size_a, size_b = a.abs().amax(1), b.abs().amax(1)
    more = torch.frexp(size_b).exponent.long() - torch.frexp(size_a).exponent.long()
    shift = more.div(2, rounding_mode="floor")
    factor: torch.Tensor = ((shift + 1023) << 52).view(torch.float64)
    inverse: torch.Tensor = ((1023 - shift) << 52).view(torch.float64)
    empty = (size_a == 0) | (size_b == 0)
    factor[empty], inverse[empty] = 0.0, 0.0
    return a * factor[:, None], b * inverse[:, None]


def _sqnorms(x: torch.Tensor) -> torch.Tensor:
    squares: torch.Tensor = torch.linalg.vector_norm(x, dim=1).square_()
    return squares


def _gamma(width: int, dtype: torch.dtype) -> float:
    """Bound on the relative error of a sum of products in any order, with what goes into it."""
    return 1.01 * (width + 16) * _UNIT_ROUNDOFF[dtype]


def _power_of_two(largest: torch.Tensor, most: int) -> float:
    """1 where float32 can square numbers of that size, else what brings them near 1."""
    size = float(largest)
    if size == 0.0 or not np.isfinite(size) or 1e-8 < size < 1e8:
        return 1.0
    return float(2.0 ** -np.clip(np.rint(np.log2(size)), -most, most))


def _to_host(x: Any) -> FloatArray:
    host: FloatArray = x.cpu().numpy() if isinstance(x, torch.Tensor) else x
    return host
