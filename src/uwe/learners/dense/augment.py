"""Images with masks or boxes, mirrored, zoomed and moved at random: one affine map an image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from uwe.models.maps import Truth

__all__ = ["IGNORED", "Move", "drawn_moves", "moved_boxes", "moved_images", "moved_masks", "tinted"]

IGNORED = -1
"""The class of pixels that no loss counts."""

_LEAST_LEFT = 0.25  # share of a box that must stay inside


@dataclass(frozen=True)
class Move:
    """Where the pixels of augmented images come from: ``source = factor · target + shift``.

    Coordinates go from -1 to 1 over the image.

    Attributes:
        factor: x and y ``[b, 2]``; x is negative where an image is mirrored.
        shift: x and y ``[b, 2]``.
    """

    factor: torch.Tensor
    shift: torch.Tensor


def drawn_moves(
    count: int, zoom: tuple[float, float], rng: torch.Generator, device: torch.device
) -> Move:
    """A random move for each image: mirrored or not, enlarged, and cut anywhere.

    Args:
        count: number of images.
        zoom: least and largest factor of the enlargement; the factor is uniform in its logarithm.
        rng: of the draws.
        device: of the images.
    """
    low, high = (torch.tensor(each).log() for each in zoom)
    scale = torch.exp(low + (high - low) * torch.rand(count, 1, generator=rng))
    mirror = torch.where(torch.rand(count, 1, generator=rng) < 0.5, -1.0, 1.0)
    factor = torch.cat([mirror, torch.ones_like(mirror)], 1) / scale
    room = (1 - 1 / scale).abs()
    shift = room * (2 * torch.rand(count, 2, generator=rng) - 1)
    return Move(factor.to(device), shift.to(device))


def moved_images(images: torch.Tensor, move: Move) -> torch.Tensor:
    """Images ``[b, channels, h, w]`` after a move; what was outside becomes 0, the mean colour."""
    moved = _sampled(images, move, "bilinear")
    return moved.contiguous(memory_format=torch.channels_last)


def moved_masks(masks: torch.Tensor, move: Move) -> torch.Tensor:
    """Class numbers int64 ``[b, h, w]`` after a move; what was outside is ignored."""
    numbers = (masks - IGNORED).float()[:, None]
    return _sampled(numbers, move, "nearest")[:, 0].round().long() + IGNORED


def moved_boxes(truth: Truth, move: Move, height: int, width: int) -> Truth:
    """Boxes after a move, cut at the image's edges; of what leaves it, nothing stays.

    A box of which less than a quarter stays inside is dropped.
    """
    size = torch.tensor([width, height], dtype=torch.float32, device=truth.corners.device)
    ends = truth.corners.reshape(*truth.corners.shape[:2], 2, 2)  # [b, m, 2 ends, xy]
    there = (2 * ends / size - 1 - move.shift[:, None, None]) / move.factor[:, None, None]
    ends = (there + 1) / 2 * size
    whole = torch.cat([ends.amin(2), ends.amax(2)], -1)
    cut = torch.minimum(whole.clamp(min=0), torch.cat([size, size]))
    kept = (_areas(cut) >= _LEAST_LEFT * _areas(whole)) & (truth.classes >= 0)
    return Truth(cut, torch.where(kept, truth.classes, IGNORED))


def tinted(images: torch.Tensor, colour: float, rng: torch.Generator) -> torch.Tensor:
    """Normalised images with another contrast and brightness each."""
    draws = (2 * torch.rand(2, len(images), 1, 1, 1, generator=rng) - 1).to(images.device) * colour
    tinted: torch.Tensor = images * (1 + draws[0]) + draws[1]
    return tinted


def _areas(corners: torch.Tensor) -> torch.Tensor:
    return (corners[..., 2:] - corners[..., :2]).prod(-1)


def _sampled(maps: torch.Tensor, move: Move, mode: str) -> torch.Tensor:
    theta = torch.cat([torch.diag_embed(move.factor), move.shift[..., None]], -1)
    grid = functional.affine_grid(theta, list(maps.shape), align_corners=False)
    return functional.grid_sample(maps, grid, mode=mode, align_corners=False)
