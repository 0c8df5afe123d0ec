"""Means of a map over the cells of a coarser grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["cell_means"]


def cell_means(values: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """The mean of a map over each cell of a grid that covers the whole map.

    Formula: ``m_ij = Σ |cell_ij ∩ pixel_p| v_p / |cell_ij|``. The cells are equal rectangles. Where
    the sizes do not divide, a pixel counts in each cell with the area that it shares with it, so
    that the mean over the cells is the mean over the pixels.

    Args:
        values: ``[h, w]`` or ``[h, w, c]``, floating.
        shape: rows and columns of the grid.

    Returns:
        ``[*shape]`` or ``[*shape, c]``.

    >>> import torch
    >>> cell_means(torch.tensor([[0.0, 3.0, 6.0]]), (1, 2))
    tensor([[1., 5.]])
    """
    import torch

    if tuple(values.shape[:2]) == shape:
        return values
    down, across = (_shares(of, to, values) for of, to in zip(values.shape[:2], shape, strict=True))
    rows = torch.tensordot(down, values, 1)
    means: torch.Tensor = torch.tensordot(across, rows, ([1], [1])).movedim(0, 1)
    return means


def _shares(pixels: int, cells: int, like: torch.Tensor) -> torch.Tensor:
    """The share of each pixel in each cell along one side ``[cells, pixels]``; rows sum to 1."""
    import torch

    # in units of 1 / (pixels * cells) of the side, so that the bounds are whole numbers
    edges = torch.arange(cells + 1)[:, None] * pixels
    borders = torch.arange(pixels + 1)[None] * cells
    ends = torch.minimum(edges[1:], borders[:, 1:])
    shared = (ends - torch.maximum(edges[:-1], borders[:, :-1])).clamp_min(0)
    return (shared.double() / pixels).to(like)
