"""Augmented images, masks and boxes go the same way."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from uwe.learners.dense.augment import (
    IGNORED,
    Move,
    drawn_moves,
    moved_boxes,
    moved_images,
    moved_masks,
    tinted,
)
from uwe.models.maps import Truth

CPU = torch.device("cpu")


def mirrored(count: int = 1) -> Move:
    return Move(torch.tensor([[-1.0, 1.0]] * count), torch.zeros(count, 2))


def test_a_mirrored_image_by_hand() -> None:
    """Columns change their order in image and mask, and a box is as far from the other edge."""
    image = torch.arange(8.0).reshape(1, 1, 2, 4)
    mask = torch.arange(8).reshape(1, 2, 4)
    truth = Truth(torch.tensor([[[0.0, 0.0, 1.0, 2.0]]]), torch.tensor([[2]]))
    torch.testing.assert_close(moved_images(image, mirrored()), image.flip(3))
    assert torch.equal(moved_masks(mask, mirrored()), mask.flip(2))
    moved = moved_boxes(truth, mirrored(), 2, 4)
    assert moved.corners.tolist() == [[[3.0, 0.0, 4.0, 2.0]]]
    assert moved.classes.tolist() == [[2]]


def test_what_comes_from_outside_is_ignored() -> None:
    """An image at half its size leaves a frame that is 0 in the image and ignored in the mask."""
    half = Move(torch.full((1, 2), 2.0), torch.zeros(1, 2))
    mask = moved_masks(torch.ones(1, 8, 8, dtype=torch.int64), half)
    assert (mask[0, 2:6, 2:6] == 1).all()
    assert int((mask == IGNORED).sum()) == 48
    assert not moved_images(torch.ones(1, 1, 8, 8), half)[0, 0, 0].any()


def test_a_box_that_leaves_the_image_is_dropped() -> None:
    """Of two boxes, the one with less than a quarter inside becomes no box."""
    twice = Move(torch.full((1, 2), 0.5), torch.full((1, 2), 0.5))  # the lower right quarter
    boxes = torch.tensor([[[0.0, 0.0, 5.0, 5.0], [4.0, 4.0, 6.0, 8.0]]])
    moved = moved_boxes(Truth(boxes, torch.tensor([[0, 1]])), twice, 8, 8)
    assert moved.classes.tolist() == [[IGNORED, 1]]
    assert moved.corners[0, 1].tolist() == [0.0, 0.0, 4.0, 8.0]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), left=st.integers(8, 20), top=st.integers(8, 20))
def test_a_box_stays_around_its_object(seed: int, left: int, top: int) -> None:
    """After any move, the box of a rectangle is where the pixels of its mask are, to a pixel."""
    side = 48
    mask = torch.zeros(1, side, side, dtype=torch.int64)
    mask[0, top : top + 16, left : left + 12] = 1
    corners = torch.tensor([[[left, top, left + 12, top + 16]]], dtype=torch.float32)
    move = drawn_moves(1, (0.8, 1.4), torch.Generator().manual_seed(seed), CPU)
    moved = moved_boxes(Truth(corners, torch.tensor([[0]])), move, side, side)
    rows, columns = (moved_masks(mask, move)[0] == 1).nonzero(as_tuple=True)
    if moved.classes[0, 0] == IGNORED or not len(rows):
        return
    drawn = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert moved.corners[0, 0].tolist() == pytest.approx([float(each) for each in drawn], abs=1)


def test_the_seed_decides_and_images_differ() -> None:
    """The same seed draws the same moves and tints, and each image gets its own."""

    def drawn(seed: int) -> tuple[Move, torch.Tensor]:
        rng = torch.Generator().manual_seed(seed)
        return drawn_moves(6, (0.8, 1.4), rng, CPU), tinted(torch.ones(6, 1, 2, 2), 0.2, rng)

    (one, tint), (same, again), (other, _) = drawn(1), drawn(1), drawn(2)
    assert torch.equal(one.factor, same.factor)
    assert torch.equal(tint, again)
    assert not torch.equal(one.factor, other.factor)
    assert len(set(one.factor[:, 0].tolist())) == 6
    assert len(set(tint[:, 0, 0, 0].tolist())) == 6
