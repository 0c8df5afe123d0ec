"""What dense networks say, reduced to a few numbers an image: against loops over the places."""

from __future__ import annotations

import math

import pytest
import torch

from uwe.dense import PLACE_MEASURES, place_uncertainty
from uwe.learners.dense.reading import found_outputs, map_outputs
from uwe.models.maps import Found, Maps


def test_an_image_of_four_pixels_by_hand() -> None:
    """Two sure pixels and two wholly unsure ones: half the entropy, half of their features."""
    sure, unsure = [50.0, -50.0], [0.0, 0.0]
    logits = torch.tensor([[sure, unsure], [unsure, sure]]).permute(2, 0, 1)[None]
    features = torch.tensor([[[[1.0, 2.0], [4.0, 8.0]]]])
    made = map_outputs(Maps(logits, features), 2, 2, set())
    assert made["entropy"].tolist() == [0.5]
    assert made["weighted_entropy"].tolist() == [[1.5]]  # (2 + 4) / 4
    assert made["features"].tolist() == [[3.75]]
    assert made["predicted"].tolist() == [[[0, 0], [0, 0]]]
    assert "gradient" not in made


@pytest.mark.parametrize("measure", PLACE_MEASURES)
@pytest.mark.parametrize("coarser", ["neither", "features", "logits"])
def test_maps_against_a_loop(measure: str, coarser: str) -> None:
    """Each measure, and the features it weighs, are means over the places of the coarser map."""
    rng = torch.Generator().manual_seed(1)
    side = {"neither": (4, 4), "features": (4, 2), "logits": (2, 4)}[coarser]
    logits = torch.randn(2, 3, side[0], 6, generator=rng)
    features = torch.randn(2, 5, side[1], 6, generator=rng)
    made = map_outputs(Maps(logits, features), 8, 12, {"gradient"})
    rows = min(side)
    for image in range(2):
        weighted, doubts = torch.zeros(5), []
        for y in range(rows):
            for x in range(6):
                step, over = side[0] // rows, side[1] // rows
                these = [logits[image, :, y * step + at, x].softmax(0) for at in range(step)]
                doubt = torch.stack([place_uncertainty(each, measure) for each in these]).mean()
                feature = features[image, :, y * over : (y + 1) * over, x].mean(1)
                weighted += doubt * feature
                doubts.append(doubt)
        torch.testing.assert_close(made[measure][image], torch.stack(doubts).mean())
        torch.testing.assert_close(made[f"weighted_{measure}"][image], weighted / (rows * 6))
    assert made["predicted"].shape == (2, 8, 12)
    assert made["predicted"].dtype == torch.uint8
    assert made["gradient"].shape == (2, 15)


def objects(scores: list[float], features: list[list[float]]) -> Found:
    """The objects of one image with two classes, of the first class each."""
    first = torch.tensor([scores])
    rest = 1 - first
    probs = torch.stack([first, torch.zeros_like(first), rest], -1)
    return Found(
        torch.arange(4.0 * len(scores)).reshape(1, -1, 4),
        first,
        torch.zeros(1, len(scores), dtype=torch.int64),
        probs,
        torch.tensor([features]),
    )


def test_two_objects_by_hand() -> None:
    """Objects of scores 0.5 and 1: objectness and margin are 1 and 0, and half of a feature."""
    made = found_outputs(objects([1.0, 0.5, 0.001], [[8.0], [2.0], [100.0]]), set())
    assert made["objectness"].tolist() == [0.5]
    assert made["margin"].tolist() == [0.5]
    assert made["weighted_margin"].tolist() == [[1.0]]
    assert made["features"].tolist() == [[5.0]]
    half = math.log(2) / math.log(3)  # two of three classes alike
    assert made["entropy"].tolist() == pytest.approx([half / 2])


def test_what_is_next_to_nothing_is_not_listed() -> None:
    """A detection of score 0.001 is a row of zeros; the others are corners, score and class."""
    listed = found_outputs(objects([1.0, 0.5, 0.001], [[8.0], [2.0], [100.0]]), set())["detections"]
    assert listed[0, 1].tolist() == [4.0, 5.0, 6.0, 7.0, 0.5, 0.0]
    assert not listed[0, 2].any()


def test_an_image_without_an_object_has_a_place() -> None:
    """Where no score reaches 0.1, the most probable place stands for the image."""
    made = found_outputs(objects([0.05, 0.04], [[8.0], [2.0]]), {"gradient"})
    assert made["features"].tolist() == [[8.0]]
    bits = -(0.05 * math.log2(0.05) + 0.95 * math.log2(0.95))
    assert made["objectness"].tolist() == pytest.approx([bits])
    assert made["gradient"].tolist()[0] == pytest.approx([0.4, 0.0, -0.4])
