"""3x3 convolutions with a quarter of the multiplications, where that is faster.

A tile of 4x4 outputs depends on a window of 6x6 inputs. Window and weights are polynomials in two
variables. They are evaluated at 36 points, multiplied and interpolated, which takes 36
multiplications instead of 144. Over all tiles and channels that makes 36 matrix products. The
gradient of the input is a convolution with the weights turned by 180 degrees; that of the weights
takes the same steps backwards. `uwe.models.convolutions` switches between this module and
``nn.Conv2d``.

Source: Lavin, Gray (2016), Fast algorithms for convolutional neural networks, F(4x4, 3x3).
"""

from __future__ import annotations

import math
import threading
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

__all__ = ["Conv3x3", "convolved", "direct_gradients", "weight_gradient", "weights_at_points"]

_TILE, _WINDOW, _TAPS = 4, 6, 3
# And infinity. Of the points tried, these round least: half as much as 0, 1, -1, 2, -2.
_POINTS_OF_AXIS = (0.0, 0.75, -0.75, 1.5, -1.5)
_POINTS = _WINDOW**2
# Few channels make the transforms dear beside the products, the less so the slower the products.
_LEAST_CHANNELS = 64 if torch.backends.cpu.get_cpu_capability() == "AVX2" else 128
_LEAST_CHANNELS_OF_GRADIENT = 64
# Few tiles make it dear to evaluate the weights, and even to read them.
_CHANNELS_A_TILE, _CHANNELS_A_TILE_OF_FIXED = 8, 64
_TILES_AT_ONCE = 128


class Conv3x3(nn.Conv2d):
    """A 3x3 convolution of stride 1, its outputs as large as its inputs.

    On the CPU in float32 it multiplies a quarter as often where sides are multiples of four and
    tiles and channels are many, and is ``nn.Conv2d`` elsewhere. Outputs agree within rounding.
    """

    def __init__(self, channels_in: int, channels_out: int, *, bias: bool = False) -> None:
        super().__init__(channels_in, channels_out, 3, padding=1, bias=bias)
        self._at_points: torch.Tensor | None = None
        self._is_fixed = False

    def fix(self) -> None:
        """Promise that the weights will not change, so that passes evaluate them only once."""
        self._is_fixed = True

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``[b, channels_in, h, w]`` to ``[b, channels_out, h, w]``."""
        if not _can_be_tiled(x):
            return super().forward(x)
        is_pass = self._is_fixed and not torch.is_grad_enabled()
        if is_pass and _pays(x, self.weight, _LEAST_CHANNELS, _CHANNELS_A_TILE_OF_FIXED):
            if self._at_points is None:
                self._at_points = weights_at_points(self.weight)
            return convolved(x, self._at_points, self.bias)
        y: torch.Tensor = _Convolution.apply(x, self.weight)  # type: ignore[no-untyped-call]
        return y if self.bias is None else y + self.bias[:, None, None]


class _Convolution(torch.autograd.Function):
    """Each of the three products the way that pays."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        if _pays(x, weight, _LEAST_CHANNELS):
            return convolved(x, _at_points_for_now(weight))
        return functional.conv2d(x, weight, padding=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *of_outputs: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        [of_y] = of_outputs
        x, weight = ctx.saved_tensors
        wants_x, wants_weight = ctx.needs_input_grad
        return (
            _gradient_of_inputs(x, weight, of_y) if wants_x else None,
            _gradient_of_weights(x, weight, of_y) if wants_weight else None,
        )


def weights_at_points(weight: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """``[channels_out, channels_in, 3, 3]`` to ``[36, channels_in, channels_out]``."""
    channels_out, channels_in, _, _ = weight.shape
    taps = weight.permute(2, 3, 1, 0).reshape(_TAPS**2, -1)
    into = None if out is None else out.view(_POINTS, -1)
    at_points = torch.mm(_matrices(weight.dtype).weight, taps, out=into)
    return at_points.view(_POINTS, channels_in, channels_out)


def convolved(
    x: torch.Tensor, at_points: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """The convolution of images with weights that were evaluated at the points.

    Args:
        x: ``[b, channels_in, h, w]``, h and w multiples of four.
        at_points: ``[36, channels_in, channels_out]``.
        bias: ``[channels_out]``.

    Returns:
        ``[b, channels_out, h, w]``, channels last in memory.
    """
    b, _, h, w = x.shape
    channels = at_points.shape[2]
    y = x.new_empty(b, h, w, channels)
    rows = _rows_at_once(x)
    for part, into in zip(torch.split(x, rows), torch.split(y, rows), strict=True):
        windows = _windows_at_points(part)
        products = _scratch.take("products", x.dtype, _POINTS, windows.shape[1], channels)
        torch.bmm(windows, at_points, out=products)
        by_tiles = _by_tiles(into)
        tiles = _scratch.take("tiles", x.dtype, *by_tiles.shape)
        torch.mm(
            _matrices(x.dtype).output, products.view(_POINTS, -1), out=tiles.view(_TILE**2, -1)
        )
        by_tiles.copy_(tiles if bias is None else tiles.add_(bias))
    return y.permute(0, 3, 1, 2)


def weight_gradient(x: torch.Tensor, of_y: torch.Tensor) -> torch.Tensor:
    """The gradient of the weights ``[channels_out, channels_in, 3, 3]``.

    Args:
        x: inputs ``[b, channels_in, h, w]``, h and w multiples of four.
        of_y: gradient of the outputs ``[b, channels_out, h, w]``.
    """
    matrices = _matrices(x.dtype)
    channels_in, channels_out = x.shape[1], of_y.shape[1]
    of_weights = _scratch.take("weights", x.dtype, _POINTS, channels_in, channels_out).zero_()
    rows = _rows_at_once(x)
    for part, of_part in zip(torch.split(x, rows), torch.split(of_y, rows), strict=True):
        windows = _windows_at_points(part)
        by_tiles = _by_tiles(of_part.permute(0, 2, 3, 1))
        tiles = _scratch.take("tiles", x.dtype, *by_tiles.shape).copy_(by_tiles)
        of_products = _scratch.take("products", x.dtype, _POINTS, windows.shape[1], channels_out)
        torch.mm(matrices.output.T, tiles.view(_TILE**2, -1), out=of_products.view(_POINTS, -1))
        of_weights.baddbmm_(windows.transpose(1, 2), of_products)
    of_taps = matrices.weight.T @ of_weights.view(_POINTS, -1)
    return of_taps.view(_TAPS, _TAPS, channels_in, channels_out).permute(3, 2, 0, 1)


def direct_gradients(
    x: torch.Tensor, weight: torch.Tensor, of_y: torch.Tensor, wanted: tuple[bool, bool]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradients of inputs and weights that are wanted, torch's own way.

    ``torch.nn.grad.conv2d_input`` fills a stand-in for the inputs, as large as they are.
    """
    ones = [1, 1]
    of_x, of_weight, _ = torch.ops.aten.convolution_backward(
        of_y, x, weight, None, ones, ones, ones, False, [0, 0], 1, [*wanted, False]
    )
    return of_x, of_weight


class _Scratch(threading.local):
    """Memory that products pass through, kept by each thread for the next ones.

    Fresh memory would come from the system page by page, or break up the heap between the maps.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, torch.dtype], torch.Tensor] = {}

    def take(self, name: str, dtype: torch.dtype, *shape: int) -> torch.Tensor:
        """Memory of that name and shape, with whatever it last held."""
        n = math.prod(shape)
        kept = self._kept.get((name, dtype))
        if kept is None or len(kept) < n:
            with torch.inference_mode(mode=False):
                kept = self._kept[name, dtype] = torch.empty(n, dtype=dtype)
        return kept[:n].view(shape)


_scratch = _Scratch()


class _Matrices(NamedTuple):
    """What takes windows and weights to the points, and products from there to tiles."""

    input: torch.Tensor
    weight: torch.Tensor
    output: torch.Tensor


@cache
def _matrices(dtype: torch.dtype) -> _Matrices:
    """Of both axes at once; by transposition, inputs take the part of what is interpolated."""
    with torch.inference_mode(mode=False):
        axis = (torch.linalg.inv(_powers(_WINDOW)).T, _powers(_TAPS), _powers(_TILE).T)
        return _Matrices(*(torch.kron(each, each).to(dtype).contiguous() for each in axis))


def _powers(n: int) -> torch.Tensor:
    """Powers 0 to n - 1 of each point ``[6, n]``; at infinity the highest alone counts."""
    finite = torch.tensor(_POINTS_OF_AXIS, dtype=torch.float64)[:, None] ** torch.arange(n)
    return torch.cat([finite, torch.eye(n, dtype=torch.float64)[-1:]])


def _windows_at_points(x: torch.Tensor) -> torch.Tensor:
    """``[b, channels, h, w]`` to ``[36, tiles, channels]``."""
    b, channels, h, w = x.shape
    padded = _scratch.take("padded", x.dtype, b, h + 2, w + 2, channels).zero_()
    padded[:, 1:-1, 1:-1].copy_(x.permute(0, 2, 3, 1))
    views = padded.unfold(1, _WINDOW, _TILE).unfold(2, _WINDOW, _TILE).permute(4, 5, 0, 1, 2, 3)
    windows = _scratch.take("windows", x.dtype, *views.shape).copy_(views)
    at_points = _scratch.take("windows at points", x.dtype, _POINTS, b * _tiles(x), channels)
    torch.mm(_matrices(x.dtype).input, windows.view(_POINTS, -1), out=at_points.view(_POINTS, -1))
    return at_points


def _by_tiles(y: torch.Tensor) -> torch.Tensor:
    """A view of ``[b, h, w, channels]`` as ``[4, 4, b, h / 4, w / 4, channels]``."""
    b, h, w, channels = y.shape
    tiles = y.view(b, h // _TILE, _TILE, w // _TILE, _TILE, channels)
    return tiles.permute(2, 4, 0, 1, 3, 5)


def _at_points_for_now(weight: torch.Tensor) -> torch.Tensor:
    channels_out, channels_in, _, _ = weight.shape
    out = _scratch.take("weights", weight.dtype, _POINTS, channels_in, channels_out)
    return weights_at_points(weight, out)


def _gradient_of_inputs(x: torch.Tensor, weight: torch.Tensor, of_y: torch.Tensor) -> torch.Tensor:
    if _pays(x, weight, _LEAST_CHANNELS):
        return convolved(of_y, _at_points_for_now(weight.flip(2, 3).transpose(0, 1)))
    of_x, _ = direct_gradients(x, weight, of_y, (True, False))
    return of_x


def _gradient_of_weights(x: torch.Tensor, weight: torch.Tensor, of_y: torch.Tensor) -> torch.Tensor:
    if _pays(x, weight, _LEAST_CHANNELS_OF_GRADIENT):
        return weight_gradient(x, of_y)
    _, of_weight = direct_gradients(x, weight, of_y, (False, True))
    return of_weight


def _can_be_tiled(x: torch.Tensor) -> bool:
    is_plain = x.device.type == "cpu" and x.dtype == torch.float32
    is_cast = torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling()
    return is_plain and not is_cast and x.shape[2] % _TILE == 0 and x.shape[3] % _TILE == 0


def _pays(
    x: torch.Tensor, weight: torch.Tensor, least: int, channels_a_tile: int = _CHANNELS_A_TILE
) -> bool:
    """Whether channels and tiles are enough for tiles to be the quicker way."""
    channels = min(weight.shape[:2])
    return channels >= least and len(x) * _tiles(x) * channels_a_tile >= channels


def _rows_at_once(x: torch.Tensor) -> int:
    """Images whose windows stay in the cache."""
    return max(1, _TILES_AT_ONCE // _tiles(x))


def _tiles(x: torch.Tensor) -> int:
    return x.shape[2] // _TILE * (x.shape[3] // _TILE)
