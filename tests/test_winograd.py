"""3x3 convolutions by tiles: the slow twin is ``torch.nn.functional.conv2d``."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from uwe.errors import InputError
from uwe.models import ModelSpec, build_model, convolutions, folded, winograd
from uwe.models.winograd import Conv3x3, convolved, weight_gradient, weights_at_points

sizes = st.integers(1, 3).map(lambda n: 4 * n)


def random(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.fixture
def by_tiles(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The products that went by tiles, in order."""
    done: list[str] = []
    for name in ("convolved", "weight_gradient"):
        original = getattr(winograd, name)

        def spied(*given, _name=name, _original=original):
            done.append(_name)
            return _original(*given)

        monkeypatch.setattr(winograd, name, spied)
    return done


def test_the_sum_of_a_neighbourhood_by_hand() -> None:
    """Weights of one over an image of ones count the neighbours that are inside."""
    counts = convolved(torch.ones(1, 1, 4, 4), weights_at_points(torch.ones(1, 1, 3, 3)))[0, 0]
    expected = torch.tensor([[4, 6, 6, 4], [6, 9, 9, 6], [6, 9, 9, 6], [4, 6, 6, 4]])
    torch.testing.assert_close(counts, expected.float())


@settings(max_examples=60)
@given(
    b=st.integers(1, 60), channels_in=st.integers(1, 5), channels_out=st.integers(1, 5),
    h=sizes, w=sizes, seed=st.integers(0, 9), biased=st.booleans(),
)  # fmt: skip
def test_it_is_the_convolution(b, channels_in, channels_out, h, w, seed, biased) -> None:
    """In float64, to twelve digits, outputs and the gradient of the weights; up to 540 tiles."""
    x = random(b, channels_in, h, w, seed=seed)
    weight = random(channels_out, channels_in, 3, 3, seed=seed + 1).requires_grad_()
    of_y = random(b, channels_out, h, w, seed=seed + 2)
    bias = random(channels_out, seed=seed + 3) if biased else None
    y = functional.conv2d(x, weight, bias, padding=1)
    near = {"rtol": 1e-11, "atol": 1e-11}
    torch.testing.assert_close(
        convolved(x, weights_at_points(weight.detach()), bias), y.detach(), **near
    )
    [expected] = torch.autograd.grad(y, weight, of_y)
    torch.testing.assert_close(weight_gradient(x, of_y), expected, rtol=1e-10, atol=1e-9)


def trained(layer: torch.nn.Module, x: torch.Tensor, of_y: torch.Tensor) -> list[torch.Tensor]:
    """Outputs, gradient of the inputs, gradient of the weights."""
    x = x.clone().requires_grad_()
    layer.zero_grad()
    y = layer(x)
    y.backward(of_y)
    return [y.detach(), x.grad, layer.weight.grad]


@pytest.mark.parametrize(
    ("channels", "least", "went_by_tiles"),
    [
        (128, 128, ["convolved", "convolved", "weight_gradient"]),
        (64, 128, ["weight_gradient"]),
        (64, 64, ["convolved", "convolved", "weight_gradient"]),
    ],
)
def test_float32_agrees_with_float64_within_rounding(
    channels, least, went_by_tiles, by_tiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outputs and both gradients; with few channels only the weights' gradient goes by tiles."""
    monkeypatch.setattr(winograd, "_LEAST_CHANNELS", least)
    layer = Conv3x3(channels, channels).to(memory_format=torch.channels_last)
    exact = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False).double()
    exact.load_state_dict(layer.state_dict())
    x, of_y = (random(20, channels, 8, 8, seed=seed, dtype=torch.float32) for seed in (0, 1))
    found = trained(layer, x, of_y)
    assert by_tiles == went_by_tiles
    for each, expected in zip(found, trained(exact, x.double(), of_y.double()), strict=True):
        assert (each - expected).abs().max() < 2e-5 * expected.abs().max()


@pytest.mark.parametrize(
    ("channels", "shape"),
    [(128, (40, 6, 8)), (128, (40, 8, 7)), (128, (15, 4, 4)), (32, (40, 8, 8))],
    ids=["height", "width", "few tiles", "few channels"],
)
def test_elsewhere_it_is_torchs_own(channels, shape, by_tiles) -> None:
    """To the bit, forwards and backwards."""
    b, h, w = shape
    layer = Conv3x3(channels, channels)
    plain = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False)
    plain.load_state_dict(layer.state_dict())
    x, of_y = (random(b, channels, h, w, seed=seed, dtype=torch.float32) for seed in (0, 1))
    for each, expected in zip(trained(layer, x, of_y), trained(plain, x, of_y), strict=True):
        assert torch.equal(each, expected)
    assert not by_tiles


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions_are_torchs_own(dtype: torch.dtype, by_tiles: list[str]) -> None:
    """Under autocast, too."""
    x = random(40, 128, 4, 4, seed=0, dtype=torch.float32)
    layer = Conv3x3(128, 128)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    assert layer.to(dtype)(x.to(dtype)).dtype == dtype
    assert not by_tiles


def test_what_needs_no_gradient_gets_none(by_tiles: list[str]) -> None:
    """Frozen weights cost no product, nor do images."""
    x = random(40, 128, 4, 4, seed=0, dtype=torch.float32)
    layer = Conv3x3(128, 128)
    layer(x).sum().backward()
    assert by_tiles == ["convolved", "weight_gradient"]
    layer.weight.requires_grad_(False)
    layer.weight.grad = None
    layer(x.requires_grad_()).sum().backward()
    assert by_tiles[2:] == ["convolved", "convolved"]
    assert layer.weight.grad is None
    assert x.grad is not None


@pytest.mark.parametrize("b", [40, 2])
def test_fixed_weights_are_evaluated_once(b: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same outputs, and for fewer images than pay when they are evaluated each time."""
    x = random(b, 128, 4, 4, seed=0, dtype=torch.float32)
    layer = Conv3x3(128, 128, bias=True)
    expected = layer(x)
    layer.fix()
    with torch.inference_mode():
        first = layer(x)
        assert layer._at_points is not None
        monkeypatch.delattr(winograd, "weights_at_points")
        second = layer(x)
    torch.testing.assert_close(first, expected)
    assert torch.equal(first, second)


def test_a_whole_network_agrees_with_float64(by_tiles: list[str]) -> None:
    """ResNet-18 on batches that go by tiles: the gradient of a step, and a pass's logits.

    In float32 some activations fall on the other side of zero: torch's own gradient is off by up
    to 0.003, too.
    """
    model = build_model(ModelSpec("resnet18", 10, (16, 16, 3)))
    exact = build_model(ModelSpec("resnet18", 10, (16, 16, 3))).double()
    exact.load_state_dict(model.state_dict())
    x = random(64, 3, 16, 16, seed=0, dtype=torch.float32)
    y = torch.arange(64) % 10
    for network, images in ((model, x), (exact, x.double())):
        functional.cross_entropy(network(images)[0], y).backward()
    assert {"convolved", "weight_gradient"} == set(by_tiles)
    found, expected = (
        torch.cat([weight.grad.flatten() for weight in network.parameters()])
        for network in (model, exact)
    )
    assert (found - expected).norm() < 0.02 * expected.norm()
    with torch.inference_mode():
        said, expected = folded(model)(x)[0], exact.eval()(x.double())[0]
    assert (said - expected).abs().max() < 1e-3 * expected.abs().max()


def test_a_pass_goes_by_tiles_to_the_last_stage(
    by_tiles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There each image is a single tile: eight images are enough for ResNet-18's nine layers."""
    monkeypatch.setattr(winograd, "_LEAST_CHANNELS", 128)
    network = folded(build_model(ModelSpec("resnet18", 10, (32, 32, 3))))
    with torch.inference_mode():
        network(random(8, 3, 32, 32, seed=0, dtype=torch.float32))
    assert by_tiles == ["convolved"] * 9


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_networks_work_without_tiles(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the switch off, weights are the same, models are exchanged, and the record says so."""
    spec = ModelSpec(name, 10, (32, 32, 3))
    torch.manual_seed(0)
    with_tiles = build_model(spec)
    size = spec.size()
    assert "convolutions" not in spec.record(size)
    monkeypatch.setenv("UWE_CONVOLUTIONS", "torch")
    torch.manual_seed(0)
    without = build_model(spec)
    assert not any(isinstance(module, Conv3x3) for module in without.modules())
    assert any(isinstance(module, Conv3x3) for module in with_tiles.modules())
    theirs, ours = with_tiles.state_dict(), without.state_dict()
    assert list(theirs) == list(ours)
    assert all(torch.equal(theirs[key], ours[key]) for key in ours)
    without.load_state_dict(theirs)
    x = random(8, 3, 32, 32, seed=1, dtype=torch.float32)
    with torch.inference_mode():
        for one, other in zip(folded(without)(x), folded(with_tiles)(x), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)
    logits, _ = without.train()(x)
    logits.sum().backward()
    assert spec.record(size)["convolutions"] == "torch"


def test_the_implementation_can_be_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its line in the table, torch's convolution is the default and tiles are unknown."""
    monkeypatch.delitem(convolutions._IMPLEMENTATIONS, "tiles")
    model = build_model(ModelSpec("resnet18", 10, (8, 8, 1)))
    assert not any(isinstance(module, Conv3x3) for module in model.modules())
    assert convolutions.convolution_settings() == {"convolutions": "torch"}
    monkeypatch.setenv("UWE_CONVOLUTIONS", "tiles")
    with pytest.raises(InputError, match="unknown value of UWE_CONVOLUTIONS 'tiles'"):
        convolutions.convolution_3x3(1, 1)
