"""Batches: images in their order, normalised, cropped and flipped."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from uwe.data import ImageRows, Preparation
from uwe.learners.batches import augmented, batches, normalised, steps_in

CPU = torch.device("cpu")


def test_images_come_in_order_from_a_file(tmp_path: Path) -> None:
    """A file that is mapped read-only gives every image once, in batches of the size asked for."""
    whole = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 1), dtype=np.uint8)
    np.save(tmp_path / "x.npy", whole)
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    parts = list(batches(x, steps_in(50, 8), CPU))
    assert [len(part) for part in parts] == [8] * 6 + [2]
    assert np.array_equal(torch.cat(parts).numpy(), whole)


def test_what_a_reader_meets_is_raised(tmp_path: Path) -> None:
    """An image that cannot be read ends the pass, and the reading thread ends, too."""
    rows = ImageRows(np.zeros((3, 2, 2, 1), np.uint8), np.array([0, 5]))
    threads = threading.active_count()
    with pytest.raises(IndexError, match="index 5"):
        list(batches(rows, steps_in(2, 1), CPU))
    assert threading.active_count() == threads


def test_crops_are_windows_of_the_padded_image() -> None:
    """Every crop is one of the (2p + 1)² windows, pixel for pixel, and many are drawn."""
    images = torch.arange(1, 1 + 64 * 3 * 4 * 4).reshape(64, 3, 4, 4).float()
    padded_crops = Preparation((0.0,), (1.0,), crop_padding=2)
    cropped = augmented(images, padded_crops, torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    seen = set()
    for image, crop in zip(padded, cropped, strict=True):
        places = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if torch.equal(image[:, y : y + 4, x : x + 4], crop)
        ]
        assert places
        seen.add(places[0])
    assert len(seen) > 15


def test_flips_mirror_half_of_the_images() -> None:
    """Each image is itself or its mirror image."""
    images = torch.randn(400, 1, 3, 5)
    flips = Preparation((0.0,), (1.0,), flip=True)
    out = augmented(images, flips, torch.Generator().manual_seed(0))
    mirrored = (out == images.flip(3)).flatten(1).all(1)
    same = (out == images).flatten(1).all(1)
    assert (mirrored ^ same).all()
    assert 150 < mirrored.sum() < 250


def test_pixels_are_normalised_by_channel() -> None:
    """(x / 255 - mean) / std, channels first."""
    preparation = Preparation((0.5, 0.25), (0.5, 0.125))
    x = torch.tensor([[[[255, 0]]]], dtype=torch.uint8)  # one pixel of two channels
    assert normalised(x, preparation).flatten().tolist() == [1.0, -2.0]
