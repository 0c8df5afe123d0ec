"""A detector of centres: small, quick to train, and made to simulate active learning.

It does not compete with detectors that are trained for days. Each object is a peak in the map of
its class, at a quarter of the image's resolution; its size and the peak's offset are read there.

Source: Zhou, Wang, Krähenbühl (2019), Objects as points. Elliptic Gaussians: Liu, Zheng, Xu, Yang,
Cai (2020), Training-time-friendly network for real-time object detection.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from uwe.models.maps import Found, Truth
from uwe.models.resnet import ResNetBody

__all__ = ["STRIDE", "CentreNet", "focal_loss", "heatmaps"]

STRIDE = 4
_LARGE = 65  # a side whose stem has stride 4
_RARE = -2.19  # logit of 0.1, so that training does not begin with objects everywhere
_NARROW = 0.09  # deviation of a Gaussian, as a share of the box
_NARROWEST = 0.5  # of a place
_SIZE = 0.1  # weight of the loss of sizes, as in the source


class CentreNet(nn.Module):
    """Finds objects as peaks of class maps.

    Args:
        body: name of a residual network, such as ``resnet18``.
        channels: of the images.
        classes: number of classes.
        width: channels of the body's first stage.
        neck: channels of the map that peaks are read from, which are the features.
        most: peaks that are returned for each image, at most.
    """

    def __init__(
        self,
        *,
        channels: int,
        classes: int,
        body: str = "resnet18",
        width: int = 64,
        neck: int = 64,
        most: int = 100,
    ) -> None:
        super().__init__()
        self.body = ResNetBody(body, channels=channels, side=_LARGE, width=width)
        self.most = most
        deepest = self.body.width
        self.sides = nn.ModuleList(nn.Conv2d(deepest // 2**up, neck, 1) for up in (3, 2, 1, 0))
        self.neck = nn.Sequential(
            nn.Conv2d(neck, neck, 3, padding=1, bias=False),
            nn.BatchNorm2d(neck),
            nn.ReLU(inplace=True),
        )
        self.heat = nn.Conv2d(neck, classes, 1)
        self.shape = nn.Conv2d(neck, 4, 1)  # offset x, offset y, width, height, in places
        nn.init.constant_(self.heat.bias, _RARE)  # type: ignore[arg-type]  # it has a bias

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Class logits ``[b, c, h, w]``, shapes ``[b, 4, h, w]`` and features ``[b, d, h, w]``."""
        maps = self.body.maps(x)
        joined = self.sides[-1](maps[-1])
        for side, shallow in zip(reversed(self.sides[:-1]), reversed(maps[:-1]), strict=True):
            raised = functional.interpolate(joined, size=shallow.shape[2:], mode="nearest")
            joined = side(shallow) + raised
        with torch.autocast(x.device.type, enabled=False):
            features = self.neck(joined.float())
            return self.heat(features), self.shape(features), features

    def loss(self, images: torch.Tensor, truth: Truth) -> torch.Tensor:
        """Focal loss of the class maps, and the absolute error of offsets and sizes."""
        heat, shape, _ = self(images)
        height, width = heat.shape[2:]
        middles, sizes = _in_places(truth.corners)
        there = (truth.classes >= 0).float()
        peaks = torch.stack(
            [
                middles[..., 0].long().clamp(0, width - 1),
                middles[..., 1].long().clamp(0, height - 1),
            ],
            -1,
        )
        objects = there.sum().clamp(min=1)
        wanted = heatmaps(peaks, sizes, truth.classes, heat.shape[1], (height, width))
        read = _at(shape, peaks[..., 1] * width + peaks[..., 0])
        missed = (read - torch.cat([middles - peaks, sizes], -1)).abs() * there[..., None]
        return (
            focal_loss(heat, wanted) + missed[..., :2].sum() + _SIZE * missed[..., 2:].sum()
        ) / (objects)

    def found(self, images: torch.Tensor) -> Found:
        """The most probable peaks: places that no neighbour of the same class exceeds."""
        heat, shape, features = self(images)
        scores = heat.sigmoid()
        peaks = scores * (functional.max_pool2d(scores, 3, stride=1, padding=1) == scores)
        flat = peaks.flatten(1)
        best, at = flat.topk(min(self.most, flat.shape[1]), 1)
        height, width = heat.shape[2:]
        classes, place = at // (height * width), at % (height * width)
        each = _at(scores, place)
        none = 1 - each.amax(-1, keepdim=True)
        probs = torch.cat([each, none], -1)
        return Found(
            _corners(_at(shape, place), place, width, images.shape[2:]),
            best,
            classes,
            probs / probs.sum(-1, keepdim=True),
            _at(features, place),
        )


def focal_loss(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Sum of the focal loss over class maps, whose peaks alone are 1.

    Formula: ``-(1 - p)² log p`` where ``wanted`` is 1, elsewhere
    ``-(1 - wanted)⁴ p² log (1 - p)``.

    Args:
        logits: ``[b, c, h, w]``.
        wanted: 0 to 1, of the same shape.

    >>> focal_loss(torch.zeros(1, 1, 1, 2), torch.tensor([[[[1.0, 0.0]]]])).item() == (
    ...     2 * 0.25 * torch.tensor(2.0).log().item())
    True
    """
    probs = logits.sigmoid()
    hits = -((1 - probs) ** 2) * functional.logsigmoid(logits)
    misses = -((1 - wanted) ** 4) * probs**2 * functional.logsigmoid(-logits)
    return torch.where(wanted == 1, hits, misses).sum()


def heatmaps(
    peaks: torch.Tensor,
    sizes: torch.Tensor,
    classes: torch.Tensor,
    count: int,
    shape: tuple[int, int],
) -> torch.Tensor:
    """A map for each class: 1 at each object's centre, falling as a Gaussian of its size.

    Args:
        peaks: places of the centres, x and y, int64 ``[b, m, 2]``.
        sizes: width and height in places ``[b, m, 2]``.
        classes: int64 ``[b, m]``; -1 where there is no object.
        count: number of classes.
        shape: height and width of the maps.

    Returns:
        ``[b, count, h, w]``.

    >>> peaks, sizes = torch.tensor([[[1, 0]]]), torch.ones(1, 1, 2)
    >>> heatmaps(peaks, sizes, torch.tensor([[0]]), 2, (1, 3))[0]
    tensor([[[0.1353, 1.0000, 0.1353]],
    <BLANKLINE>
            [[0.0000, 0.0000, 0.0000]]])
    """
    height, width = shape
    deviation = (_NARROW * sizes).clamp(min=_NARROWEST)
    x = torch.arange(width, device=peaks.device) - peaks[..., :1]  # [b, m, w]
    y = torch.arange(height, device=peaks.device) - peaks[..., 1:]  # [b, m, h]
    across = (x / deviation[..., :1]) ** 2
    down = (y / deviation[..., 1:]) ** 2
    bumps = torch.exp(-(down[..., :, None] + across[..., None, :]) / 2)  # [b, m, h, w]
    return torch.stack(
        [
            (bumps * (classes == number)[..., None, None]).amax(1)
            if bumps.shape[1]
            else bumps.new_zeros(len(bumps), height, width)
            for number in range(count)
        ],
        1,
    )


def _in_places(corners: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Centres and sizes of boxes, in places."""
    low, high = corners[..., :2] / STRIDE, corners[..., 2:] / STRIDE
    return (low + high) / 2, high - low


def _at(maps: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """The columns of maps ``[b, c, h, w]`` at places ``[b, k]``, as ``[b, k, c]``."""
    flat = maps.flatten(2).transpose(1, 2)
    return flat.gather(1, place[..., None].expand(-1, -1, flat.shape[2]))


def _corners(
    shape: torch.Tensor, place: torch.Tensor, width: int, size: torch.Size
) -> torch.Tensor:
    """Boxes in pixels ``[b, k, 4]``, cut at the image's edges."""
    peaks = torch.stack([place % width, place // width], -1)
    middle, half = peaks + shape[..., :2], shape[..., 2:].clamp(min=0) / 2
    edges = torch.tensor([size[1], size[0]], device=shape.device)
    low = (STRIDE * (middle - half)).clamp(min=0).minimum(edges)
    high = (STRIDE * (middle + half)).clamp(min=0).minimum(edges)
    return torch.cat([low, high], -1)
