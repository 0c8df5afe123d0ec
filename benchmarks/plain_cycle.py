"""The plain way, to measure against: ``python -m benchmarks.plain_cycle --data DIR --out FILE``.

Active learning with uncertainty-weighted embeddings as one writes it first: a ``DataLoader`` of two
workers, transforms image by image, float32, and a pass of its own for the pool, the labelled, the
unlabelled and the queried rows. It shares no code with the package.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import torch
from PIL import Image
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

MEAN = np.array([125.3, 123.0, 113.9], dtype=np.float32) / 255
STD = np.array([63.0, 62.1, 66.7], dtype=np.float32) / 255


def read(folder: Path, split: str, n: int) -> tuple[list[Image.Image], list[int]]:
    """The first ``n`` images of a split, decoded one by one."""
    images: list[Image.Image] = []
    labels: list[int] = []
    for path in sorted(folder.rglob(f"{split}-*.parquet")):
        table = parquet.read_table(path).slice(0, n - len(images))
        for row in table.to_pylist():
            images.append(Image.open(io.BytesIO(row["img"]["bytes"])).convert("RGB"))
            labels.append(row["label"])
    return images, labels


def to_tensor(image: Image.Image) -> torch.Tensor:
    """One image, normalised."""
    pixels = (np.asarray(image, dtype=np.float32) / 255 - MEAN) / STD
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def augment(image: Image.Image) -> torch.Tensor:
    """One image, cropped at random from its padding, mirrored or not, normalised."""
    padded = Image.new("RGB", (40, 40))
    padded.paste(image, (4, 4))
    x, y = random.randint(0, 8), random.randint(0, 8)
    crop = padded.crop((x, y, x + 32, y + 32))
    if random.random() < 0.5:
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return to_tensor(crop)


class Rows(TorchDataset):  # type: ignore[type-arg]
    """Rows of a split, each transformed when it is asked for."""

    def __init__(
        self,
        images: list[Image.Image],
        labels: list[int],
        rows: list[int],
        transform: Callable[[Image.Image], torch.Tensor],
    ) -> None:
        self.images, self.labels, self.rows = images, labels, rows
        self.transform = transform

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: int) -> tuple[torch.Tensor, int]:
        row = self.rows[at]
        return self.transform(self.images[row]), self.labels[row]


class Block(nn.Module):
    """A basic block of ResNet-18."""

    def __init__(self, into: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(into, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.short = nn.Sequential()
        if stride != 1 or into != width:
            self.short = nn.Sequential(
                nn.Conv2d(into, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Two convolutions beside the shortcut."""
        out = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(out)) + self.short(x))


class ResNet18(nn.Module):
    """For images of 32x32."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()
        ]  # fmt: skip
        into = 64
        for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            layers += [Block(into, width, stride), Block(width, width, 1)]
            into = width
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(512, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and features."""
        features = self.body(x)
        return self.head(features), features


def loader(rows: Rows, *, shuffle: bool) -> DataLoader[object]:
    """Batches of 256 by two workers."""
    return DataLoader(rows, batch_size=256, shuffle=shuffle, num_workers=2)


def train(rows: Rows, epochs: int) -> ResNet18:
    """From scratch, by the recipe of the paper."""
    model = ResNet18(10).train()
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.02, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    schedule = torch.optim.lr_scheduler.MultiStepLR(
        optimizer, [math.ceil(0.6 * epochs), math.ceil(0.8 * epochs)], gamma=0.5
    )
    for _ in range(epochs):
        for x, y in loader(rows, shuffle=True):
            loss = functional.cross_entropy(model(x)[0], y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    return model


@torch.no_grad()
def outputs(model: ResNet18, rows: Rows) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits, features and labels of all rows, in one pass."""
    model.eval()
    parts = [(*model(x), y) for x, y in loader(rows, shuffle=False)]
    logits, features, labels = zip(*parts, strict=True)
    return torch.cat(logits), torch.cat(features), torch.cat(labels)


def measured(model: ResNet18, rows: Rows) -> tuple[float, float]:
    """Loss and accuracy over all rows."""
    logits, _, labels = outputs(model, rows)
    right = (logits.argmax(1) == labels).float().mean()
    return functional.cross_entropy(logits, labels).item(), right.item()


def choose(logits: torch.Tensor, features: torch.Tensor, k: int) -> list[int]:
    """Greedy k-center on features weighted by scaled entropy."""
    logs = logits.log_softmax(1)
    entropy = -(logs.exp() * logs).sum(1)
    weight = (entropy - entropy.min()) / (entropy.max() - entropy.min())
    z = features * weight[:, None]
    picks = [int(z.norm(dim=1).argmax())]
    nearest = (z - z[picks[0]]).norm(dim=1)
    while len(picks) < k:
        picks.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, (z - z[picks[-1]]).norm(dim=1))
    return picks


def main() -> None:
    """The whole experiment; one row of the CSV a cycle, as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pool", type=int, default=5000)
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--budgets", default="500,1000,1500")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    random.seed(given.seed)
    torch.manual_seed(given.seed)
    images, labels = read(given.data, "train", given.pool)
    test = Rows(*read(given.data, "test", given.test), list(range(given.test)), to_tensor)

    def rows_of(rows: list[int]) -> Rows:
        return Rows(images, labels, rows, to_tensor)

    budgets = [int(each) for each in given.budgets.split(",")]
    every = list(range(given.pool))
    labelled = random.sample(every, budgets[0])
    with given.out.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["n_labeled", "te_accuracy", "seconds_of_passes", "seconds_of_training"])
        model: ResNet18 | None = None
        for budget in budgets:
            begin = time.perf_counter()
            if model is not None:
                rest = sorted(set(every) - set(labelled))
                logits, features, _ = outputs(model, rows_of(every))
                picks = choose(logits[rest], features[rest], budget - len(labelled))
                queried = [rest[at] for at in picks]
                labelled += queried
                for rows in (labelled, sorted(set(rest) - set(queried)), queried):
                    measured(model, rows_of(rows))
            passed = time.perf_counter()
            model = train(Rows(images, labels, labelled, augment), given.epochs)
            trained = time.perf_counter()
            if budget == budgets[0]:
                measured(model, rows_of(every))
            _, accuracy = measured(model, test)
            table.writerow([budget, accuracy, passed - begin, trained - passed])
            file.flush()


if __name__ == "__main__":
    main()
