"""Networks: shapes, stems, dropout passes, and the transformer from a random configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from uwe.errors import InputError
from uwe.models import Classifier, ModelSpec, build_model, folded, model_names, model_size

FEATURES = {"small": 128, "resnet18": 512, "resnet34": 512, "resnet50": 2048}
WEIGHTS = {"resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032,
           "resnet101": 44_549_160, "resnet152": 60_192_808}  # fmt: skip


def build(name: str, side: int = 32, channels: int = 3, **options) -> Classifier:
    return build_model(ModelSpec(name, 10, (side, side, channels), **options))


@pytest.fixture(scope="module")
def vit_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small transformer with random weights, saved as ``transformers`` saves one."""
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=5, num_attention_heads=2, intermediate_size=32,
        image_size=32, patch_size=16,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("vit")
    transformers.ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(("name", "width"), FEATURES.items())
@pytest.mark.parametrize(("side", "channels"), [(8, 1), (32, 3), (84, 3)])
def test_a_model_returns_logits_and_features(name, width, side, channels) -> None:
    """Shapes are [b, c] and [b, d] at every size of image."""
    logits, features = build(name, side, channels).eval()(torch.zeros(2, channels, side, side))
    assert logits.shape == (2, 10)
    assert features.shape == (2, width)


@pytest.mark.parametrize(("name", "weights"), WEIGHTS.items())
def test_a_resnet_has_the_published_number_of_weights(name: str, weights: int) -> None:
    """With 1,000 classes and the large stem, as counted in the literature."""
    with torch.device("meta"):
        model = build_model(ModelSpec(name, 1000, (224, 224, 3)))
    assert sum(weight.numel() for weight in model.parameters()) == weights


def test_the_stem_fits_the_image() -> None:
    """Small images keep their resolution; large ones are halved twice before the first stage."""
    small, large = build("resnet18", 32), build("resnet18", 84)
    assert small.body.stem(torch.zeros(1, 3, 32, 32)).shape[2:] == (32, 32)
    assert large.body.stem(torch.zeros(1, 3, 84, 84)).shape[2:] == (21, 21)


def test_the_features_are_the_classifiers_input() -> None:
    """Logits follow from the features by the last layer alone."""
    model = build("resnet18").eval()
    logits, features = model(torch.randn(3, 3, 32, 32))
    torch.testing.assert_close(model.head.linear(features), logits)


@pytest.mark.parametrize("name", ["small", "resnet18", "resnet50"])
def test_a_folded_network_says_the_same(name: str) -> None:
    """Its outputs agree within rounding, it has no BatchNorm, and the model is unchanged."""
    torch.manual_seed(0)
    model = build_model(ModelSpec(name, 10, (16, 16, 3)))
    model.train()(torch.randn(8, 3, 16, 16))  # running statistics of their own
    before = {key: value.clone() for key, value in model.state_dict().items()}
    x = torch.randn(4, 3, 16, 16)
    with torch.inference_mode():
        for ours, theirs in zip(folded(model)(x), model.eval()(x), strict=True):
            assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    kinds = {type(module).__name__ for module in folded(model).modules()}
    assert "BatchNorm2d" not in kinds
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_dropout_passes_differ_and_leave_the_model_alone(dropout: float) -> None:
    """Passes vary, BatchNorm statistics do not, and the plain output is that without dropout."""
    model = build("resnet18", dropout=dropout).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images = torch.randn(4, 3, 32, 32)
    with torch.inference_mode():
        logits, features, passes = model.predict(
            images, passes=3, rng=torch.Generator().manual_seed(1)
        )
        plain = model(images)
    assert passes.shape == (3, 4, 10)
    assert not torch.equal(passes[0], passes[1])
    torch.testing.assert_close((logits, features), plain)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_dropout_passes_keep_the_mean() -> None:
    """What is kept is scaled up: over many passes the logits average to the plain ones."""
    model = build("small", 8, 1).eval()
    images = torch.randn(1, 1, 8, 8)
    with torch.inference_mode():
        logits, _, passes = model.predict(images, passes=4000, rng=torch.Generator().manual_seed(1))
    torch.testing.assert_close(passes.mean(0), logits, atol=0.02, rtol=0.05)


def test_the_size_is_known_without_the_weights() -> None:
    """Bytes on disk are those of the weights that are made."""
    spec = ModelSpec("resnet18", 10, (32, 32, 3))
    state = build_model(spec).state_dict().values()
    size = model_size(spec)
    assert size.bytes == sum(value.numel() * value.element_size() for value in state)
    assert size.features == 512


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "resnet19"}, "did you mean 'resnet18'"),
        ({"name": "resnet18", "dropout": 1.0}, "below 1"),
        ({"name": "resnet18", "fine_tune_layers": 2}, "does not use --fine-tune-layers"),
        ({"name": "small", "vit_weights": "x"}, "does not use --vit-weights"),
        ({"name": "vit", "fine_tune_layers": -1}, "0 or more"),
    ],
)
def test_a_model_that_cannot_be_is_refused(options, message: str) -> None:
    """Names, rates and options are checked before anything is built."""
    with pytest.raises(InputError, match=message):
        ModelSpec(classes=10, image_shape=(32, 32, 3), **options)


def test_images_too_small_are_refused() -> None:
    """The error names both sizes and the option that helps."""
    with pytest.raises(InputError, match=r"3x3.*4x4.*--image-size"):
        build("small", 3, 1)


def test_every_name_is_in_the_table() -> None:
    """The models of the paper, and the small one."""
    assert set(model_names()) == {*FEATURES, *WEIGHTS, "vit"}


@pytest.mark.parametrize(("side", "channels"), [(32, 3), (84, 3), (32, 1)])
def test_the_transformer_reads_images_at_their_own_size(vit_folder, side, channels) -> None:
    """Position embeddings are interpolated; features are 768 wide."""
    model = build("vit", side, channels, vit_weights=str(vit_folder)).eval()
    logits, features = model(torch.randn(2, channels, side, side))
    assert logits.shape == (2, 10)
    assert features.shape == (2, 768)
    assert model.dropout.p == 0.2


def test_the_transformer_concatenates_the_last_four_class_tokens(vit_folder) -> None:
    """The hidden row is the normed class tokens of the last four blocks, in order."""
    body = build("vit", vit_weights=str(vit_folder)).eval().body
    images = torch.randn(2, 3, 32, 32)
    hidden = body(images)
    assert hidden.shape == (2, 64)
    last = body.vit(images, interpolate_pos_encoding=True).last_hidden_state[:, 0]
    torch.testing.assert_close(hidden[:, -16:], last)


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_fine_tuning_trains_what_it_says(vit_folder, layers: int) -> None:
    """n > 0: LayerNorms of the last n blocks, the final one and the head; 0: everything."""
    model = build("vit", vit_weights=str(vit_folder), fine_tune_layers=layers)
    trained = {name for name, w in model.named_parameters() if w.requires_grad}
    if layers == 0:
        assert trained == {name for name, _ in model.named_parameters()}
        return
    blocks = range(5 - layers, 5)
    norms = {
        f"body.vit.layers.{block}.layernorm_{where}.{part}"
        for block in blocks
        for where in ("before", "after")
        for part in ("weight", "bias")
    }
    final = {"body.vit.layernorm.weight", "body.vit.layernorm.bias"}
    head = {
        f"head.{layer}.{part}" for layer in ("project", "linear") for part in ("weight", "bias")
    }
    assert trained == norms | final | head


def test_weights_that_cannot_be_had_are_one_line(tmp_path: Path) -> None:
    """Offline, or a wrong folder: the error names the option that takes a local folder."""
    pytest.importorskip("transformers")
    with pytest.raises(InputError, match="--vit-weights"):
        build("vit", vit_weights=str(tmp_path / "nothing"))


def test_too_many_blocks_are_refused(vit_folder) -> None:
    """The error says how many there are."""
    with pytest.raises(InputError, match=r"6.*5 blocks"):
        build("vit", vit_weights=str(vit_folder), fine_tune_layers=6)
