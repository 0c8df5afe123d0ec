"""An embedding seen as a metric: rows, their norms, and squared distances between them.

A representation knows how to compute its own distances; a selection kernel knows only geometry.
"""

from __future__ import annotations

from typing import Protocol

import torch

from uwe._types import Rows
from uwe.errors import InputError

__all__ = ["Dense", "Points", "Product"]


class Points(Protocol):
    """n rows of some space with Euclidean distance."""

    def __len__(self) -> int: ...

    def take(self, rows: Rows) -> Points:
        """Keep ``rows``, in that order."""
        ...

    def sqnorms(self) -> torch.Tensor:
        """Squared norm of every row, float64 ``[n]``."""
        ...

    def sqdist_to(self, other: Points, row: int) -> torch.Tensor:
        """Squared distance of every row to one row of ``other``, float64 ``[n]``."""
        ...


class Dense:
    """Rows of a matrix ``[n, d]``.

    >>> Dense(torch.tensor([[0.0, 0.0], [3.0, 4.0]])).sqnorms()
    tensor([ 0., 25.], dtype=torch.float64)
    """

    def __init__(self, x: torch.Tensor) -> None:
        self.x = x

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Rows) -> Dense:
        """Keep ``rows``, in that order."""
        return Dense(self.x[torch.as_tensor(rows, device=self.x.device)])

    def sqnorms(self) -> torch.Tensor:
        """Squared norm of every row, float64 ``[n]``."""
        return self.x.double().square().sum(1)

    def sqdist_to(self, other: Points, row: int) -> torch.Tensor:
        """Squared distance of every row to one row of ``other``, float64 ``[n]``."""
        if not isinstance(other, Dense):
            raise InputError(f"distances from Dense to {type(other).__name__} are not defined")
        return (self.x.double() - other.x[row].double()).square().sum(1)


class Product:
    """Rows that are outer products ``a_i ⊗ b_i``, never written out.

    Inner products are ``(a·a')(b·b')``; the ``c·d`` wide vectors do not exist.

    >>> Product(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 0.0]])).sqnorms()
    tensor([45.], dtype=torch.float64)
    """

    def __init__(self, a: torch.Tensor, b: torch.Tensor) -> None:
        if len(a) != len(b):
            raise InputError(f"factors of {len(a)} and {len(b)} rows; they must be equal")
        self.a = a
        self.b = b

    def __len__(self) -> int:
        return len(self.a)

    def take(self, rows: Rows) -> Product:
        """Keep ``rows``, in that order."""
        at = torch.as_tensor(rows, device=self.a.device)
        return Product(self.a[at], self.b[at])

    def sqnorms(self) -> torch.Tensor:
        """Squared norm of every row, float64 ``[n]``."""
        return self.a.double().square().sum(1) * self.b.double().square().sum(1)

    def sqdist_to(self, other: Points, row: int) -> torch.Tensor:
        """Squared distance of every row to one row of ``other``, float64 ``[n]``."""
        if not isinstance(other, Product):
            raise InputError(f"distances from Product to {type(other).__name__} are not defined")
        a, b = other.a[row].double(), other.b[row].double()
        inner = (self.a.double() @ a) * (self.b.double() @ b)
        centre = a.square().sum() * b.square().sum()
        return (self.sqnorms() + centre - 2 * inner).clamp_min(0)
