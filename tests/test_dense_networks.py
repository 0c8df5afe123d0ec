"""The networks of dense tasks: shapes, what a detector reads from its maps, and weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from uwe.errors import InputError
from uwe.models.centernet import CentreNet, focal_loss, heatmaps
from uwe.models.dense_spec import DenseSpec
from uwe.models.maps import Maps, Truth
from uwe.models.unet import UNet


@pytest.mark.parametrize("size", [(1, 1), (7, 13), (24, 32), (45, 60)])
@pytest.mark.parametrize(("stride", "levels"), [(1, 3), (2, 4)])
def test_a_u_net_takes_images_of_any_size(size: tuple[int, int], stride: int, levels: int) -> None:
    """There is a place for each square of ``stride`` pixels, cut ones included."""
    model = UNet(channels=2, classes=5, width=8, levels=levels, stride=stride).eval()
    maps = model(torch.zeros(2, 2, *size))
    places = tuple(-(-side // stride) for side in size)
    assert maps.logits.shape == (2, 5, *places)
    assert maps.features.shape == (2, 8, *places)
    assert maps.resized(*size).shape == (2, 5, *size)


def test_levels_whose_width_would_need_all_memory_are_refused() -> None:
    """The width doubles at each level, so twenty of them are a mistake, and eight are the most."""
    with pytest.raises(InputError, match="levels must be a whole number from 1 to 8, not 20"):
        DenseSpec("unet", 2, (32, 32, 3), {"levels": 20})
    assert DenseSpec("unet", 2, (32, 32, 3), {"levels": 8}).options == {"levels": 8}


def test_the_logits_of_a_u_net_are_linear_in_its_features() -> None:
    """The last layer is one linear map at each place, as the gradient over places assumes."""
    torch.manual_seed(0)
    model = UNet(channels=1, classes=3, width=8, levels=2).eval()
    maps = model(torch.randn(1, 1, 8, 8))
    weight, bias = model.head.weight[:, :, 0, 0], model.head.bias
    assert bias is not None
    made = torch.einsum("cd,bdhw->bchw", weight, maps.features) + bias[:, None, None]
    torch.testing.assert_close(made, maps.logits)


class Drawn(CentreNet):
    """The detector with maps that are given."""

    def __init__(self, heat: torch.Tensor, shape: torch.Tensor) -> None:
        super().__init__(channels=1, classes=heat.shape[1], width=8, neck=8, most=3)
        self.given = heat, shape, torch.arange(heat[0, 0].numel()).reshape(1, 1, *heat.shape[2:])

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        heat, shape, features = self.given
        return heat, shape, features.float()


def test_two_boxes_by_hand() -> None:
    """Two peaks give two boxes at four times their place; a smaller neighbour gives none."""
    heat = torch.full((1, 2, 4, 5), -9.0)
    heat[0, 1, 1, 1], heat[0, 1, 1, 2] = 2.0, 1.0  # a peak and its neighbour
    heat[0, 0, 3, 4] = 0.0
    shape = torch.zeros(1, 4, 4, 5)
    shape[0, :, 1, 1] = torch.tensor([0.5, 0.5, 2.0, 1.0])
    shape[0, :, 3, 4] = torch.tensor([0.0, 0.5, 2.0, 4.0])
    found = Drawn(heat, shape).found(torch.zeros(1, 1, 16, 20))
    assert found.scores[0, :2].tolist() == pytest.approx([0.880797, 0.5])
    assert found.classes[0, :2].tolist() == [1, 0]
    assert found.corners[0, 0].tolist() == [2.0, 4.0, 10.0, 8.0]  # 4 · (1.5 ± 1, 1.5 ± 0.5)
    assert found.corners[0, 1].tolist() == [12.0, 6.0, 20.0, 16.0]  # cut at the image's edges
    assert found.features[0, :2, 0].tolist() == [6.0, 19.0]  # rows of five places
    assert found.scores[0, 2] < 0.01
    torch.testing.assert_close(found.probs.sum(-1), torch.ones(1, 3))
    assert found.probs[0, 1].tolist() == pytest.approx([0.5, 0.0, 0.5], abs=1e-3)


def test_the_loss_is_least_at_the_truth() -> None:
    """Maps with the peak, the offset and the size of a box cost less than any that differ."""
    truth = Truth(torch.tensor([[[2.0, 4.0, 10.0, 8.0], [0.0] * 4]]), torch.tensor([[0, -1]]))
    heat, shape = torch.full((1, 1, 4, 5), -12.0), torch.zeros(1, 4, 4, 5)
    heat[0, 0, 1, 1], shape[0, :, 1, 1] = 12.0, torch.tensor([0.5, 0.5, 2.0, 1.0])
    images = torch.zeros(1, 1, 16, 20)
    right = float(Drawn(heat, shape).loss(images, truth))
    assert right < 0.01
    for change in (heat.roll(1, 3), heat * 0):
        assert float(Drawn(change, shape).loss(images, truth)) > right + 1
    assert float(Drawn(heat, shape + 1).loss(images, truth)) == pytest.approx(2 + 0.2, abs=0.01)


def test_an_image_without_boxes_teaches_that_nothing_is_there() -> None:
    """The loss of an empty image falls with every score."""
    truth = Truth(torch.zeros(1, 1, 4), torch.tensor([[-1]]))
    heat, shape = torch.zeros(1, 1, 2, 2), torch.zeros(1, 4, 2, 2)
    images = torch.zeros(1, 1, 8, 8)
    losses = [float(Drawn(heat - level, shape).loss(images, truth)) for level in (0, 2, 4)]
    assert losses == sorted(losses, reverse=True)


def test_gaussians_of_one_class_join_by_their_maximum() -> None:
    """Each peak is 1 where its own object is, also beside a larger one of the same class."""
    peaks = torch.tensor([[[1, 1], [3, 1], [2, 2]]])
    sizes = torch.tensor([[[30.0, 30.0], [1.0, 1.0], [1.0, 1.0]]])
    made = heatmaps(peaks, sizes, torch.tensor([[0, 0, -1]]), 2, (4, 5))
    assert made[0, 0, 1, [1, 3]].tolist() == [1.0, 1.0]
    assert made[0, 0].max() == 1.0
    assert not made[0, 1].any()


def test_the_focal_loss_spares_what_is_near_a_peak() -> None:
    """A probable place beside a peak costs less than the same place far from any."""
    logits = torch.tensor([[[[3.0]]]])
    near, far = (focal_loss(logits, torch.full((1, 1, 1, 1), wanted)) for wanted in (0.8, 0.0))
    assert float(near) < float(far) / 100


class TestOfTheHub:
    """Networks of transformers, drawn at random."""

    @pytest.fixture(autouse=True)
    def _needs_transformers(self) -> None:
        pytest.importorskip("transformers")

    def test_segformer_gives_maps_of_a_quarter(self, tmp_path: Path) -> None:
        """A small configuration gives logits and the input of its last layer; a folder is read."""
        from uwe.models.hub_dense import Segformer

        options: dict[str, Any] = {
            "hidden_sizes": [8, 8, 16, 16],
            "num_attention_heads": [1, 1, 2, 2],
            "depths": [1, 1, 1, 1],
            "decoder_hidden_size": 12,
        }
        model = Segformer(channels=3, classes=4, **options).eval()
        maps = model(torch.zeros(2, 3, 32, 48))
        assert isinstance(maps, Maps)
        assert maps.logits.shape == (2, 4, 8, 12)
        assert maps.features.shape == (2, 12, 8, 12)
        model.body.save_pretrained(tmp_path)
        again = Segformer(channels=3, classes=4, weights=str(tmp_path)).eval()
        torch.testing.assert_close(again(torch.ones(1, 3, 32, 32)), model(torch.ones(1, 3, 32, 32)))

    def test_yolos_learns_and_finds(self) -> None:
        """The loss of a batch with and without boxes has a gradient, and boxes are in the image."""
        pytest.importorskip("scipy")
        from uwe.models.hub_dense import Yolos

        torch.manual_seed(0)
        model = Yolos(
            channels=3, classes=2, shape=(30, 40), num_hidden_layers=1, hidden_size=24,
            intermediate_size=24, num_detection_tokens=5,
        )  # fmt: skip
        truth = Truth(torch.tensor([[[4.0, 4.0, 20.0, 20.0]]] * 2), torch.tensor([[1], [-1]]))
        model.loss(torch.randn(2, 3, 30, 40), truth).backward()  # type: ignore[no-untyped-call]
        found = model.eval().found(torch.randn(2, 3, 30, 40))
        assert found.corners.shape == (2, 5, 4)
        assert found.features.shape == (2, 5, 24)
        assert (found.scores.diff(dim=1) <= 0).all()
        limit = torch.tensor([40.0, 30.0, 40.0, 30.0])
        assert ((found.corners >= 0) & (found.corners <= limit)).all()
        torch.testing.assert_close(found.probs[..., :-1].amax(-1), found.scores)
