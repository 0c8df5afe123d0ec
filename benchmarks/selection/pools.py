"""What is selected from: features of a small network on real images, and synthetic rows."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from uwe.points import Product

FASHION = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True)
class Network:
    """A small network trained here for seconds, and the images that it was not trained on."""

    body: torch.nn.Module
    head: torch.nn.Linear
    pool: torch.Tensor  # [n, 784]

    def features(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Features and logits of the first n images."""
        with torch.no_grad():
            z = torch.cat([self.body(part) for part in self.pool[:n].split(4096)])
            return z, self.head(z)


def train(data: Path, width: int, classes: int, rows: int = 2000) -> Network:
    """Train on a few images; many classes are clusters of images."""
    torch.manual_seed(0)
    raw = gzip.decompress((data / "train-images-idx3-ubyte.gz").read_bytes())
    x = torch.frombuffer(bytearray(raw[16:]), dtype=torch.uint8).view(-1, 784).float()
    x = (x / 255 - 0.286) / 0.353
    raw = gzip.decompress((data / "train-labels-idx1-ubyte.gz").read_bytes())
    y = torch.frombuffer(bytearray(raw[8:]), dtype=torch.uint8).long()
    if classes > 10:
        y = torch.cdist(x, x[torch.randperm(len(x))[:classes]]).argmin(1)
    body = torch.nn.Sequential(
        torch.nn.Linear(784, width), torch.nn.ReLU(), torch.nn.Linear(width, width), torch.nn.ReLU()
    )
    head = torch.nn.Linear(width, classes)
    optimiser = torch.optim.Adam([*body.parameters(), *head.parameters()], 1e-3)
    for _ in range(12):
        for some in torch.randperm(rows).split(128):
            loss = torch.nn.functional.cross_entropy(head(body(x[some])), y[some])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return Network(body, head, x[rows:])


def weighted(z: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """The uncertainty-weighted embedding, by entropy."""
    logs = logits.log_softmax(1)
    entropy = -(logs.exp() * logs).sum(1)
    weight = (entropy - entropy.min()) / (entropy.max() - entropy.min())
    return (weight[:, None] * z).contiguous()


def gradient(z: torch.Tensor, logits: torch.Tensor) -> Product:
    """BADGE's embedding in factors."""
    residual = logits.softmax(1)
    residual[torch.arange(len(z)), logits.argmax(1)] -= 1
    return Product(residual, z)


def gaussian(n: int, d: int) -> np.ndarray:
    """Rows without any structure."""
    return np.random.default_rng(0).normal(size=(n, d)).astype(np.float32)


def clusters(n: int, d: int) -> np.ndarray:
    """A hundred balls."""
    rng = np.random.default_rng(1)
    return (rng.normal(size=(100, d))[rng.integers(0, 100, n)] * 10 + gaussian(n, d)).astype(
        np.float32
    )
