"""`uwe embed` with segmentation and detection models, and `module:factory` that gives places."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import uwe
from uwe.cli import main
from uwe.embedder import Encoder, EncoderInput, embed, load_encoder
from uwe.embedder import dense_models as dense_models
from uwe.errors import InputError
from uwe.pool_files import PoolFile, open_pool

CPU = torch.device("cpu")
LABELS = 3


def pixels(n: int = 5, side: int = 32) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for _ in range(n)]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny models with random weights, as local folders."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("hub")
    torch.manual_seed(0)
    ones = [1, 1, 1, 1]
    small = {"num_labels": LABELS, "d_model": 8, "encoder_layers": 1, "decoder_layers": 1}
    heads = {f"{part}_attention_heads": 2 for part in ("encoder", "decoder")}
    widths = {f"{part}_ffn_dim": 8 for part in ("encoder", "decoder")}
    backbone = transformers.ResNetConfig(
        embedding_size=4, hidden_sizes=[4, 4, 8, 8], depths=ones, layer_type="basic",
        out_features=["stage4"],
    )  # fmt: skip
    queries = {"num_queries": 6, "use_timm_backbone": False, "backbone_config": backbone}
    swin = transformers.SwinConfig(
        image_size=32, embed_dim=8, depths=ones, num_heads=ones, window_size=2,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )  # fmt: skip
    configurations = {
        "SegformerForSemanticSegmentation": transformers.SegformerConfig(
            num_labels=LABELS, hidden_sizes=[4, 8, 8, 8], depths=ones, num_attention_heads=ones,
            sr_ratios=ones, decoder_hidden_size=8,
        ),
        "YolosForObjectDetection": transformers.YolosConfig(
            hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
            image_size=[32, 32], patch_size=16, num_detection_tokens=6, num_labels=LABELS,
        ),
        "ConditionalDetrForObjectDetection": transformers.ConditionalDetrConfig(
            **small, **heads, **widths, **queries
        ),
        "MaskFormerForInstanceSegmentation": transformers.MaskFormerConfig(
            backbone_config=swin, num_labels=LABELS, fpn_feature_size=32, mask_feature_size=8,
            decoder_config=transformers.DetrConfig(**small, **heads, **widths, num_queries=6),
        ),
    }  # fmt: skip
    for name, config in configurations.items():
        getattr(transformers, name)(config).save_pretrained(folder / name)
        processor = {
            "image_processor_type": f"{name.rpartition('For')[0]}ImageProcessor",
            "size": {"height": 32, "width": 32},
        }
        (folder / name / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five photos, in a folder that is the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "photos").mkdir()
    for row, each in enumerate(pixels()):
        Image.fromarray(each).save(tmp_path / "photos" / f"{row}.png")
    return tmp_path


def embedded(model: str, *options: str) -> PoolFile:
    arguments = ["embed", "photos", "--model", model, "-o", "p.safetensors", "--force"]
    assert main([*arguments, *options]) == 0
    return open_pool(Path("p.safetensors"))


def loaded(hub: Path, name: str) -> tuple[Any, Any]:
    """The model, and a batch of the photos."""
    import transformers

    model = getattr(transformers, name).from_pretrained(hub / name).eval()
    prepare = transformers.AutoImageProcessor.from_pretrained(hub / name)
    return model, prepare(images=pixels(), return_tensors="pt")


def test_segformer(hub: Path, photos: Path) -> None:
    """Features are those before the last layer, so that the layer gives the logits again."""
    name = "SegformerForSemanticSegmentation"
    pool = embedded(str(hub / name), "--measure", "margin")
    model, batch = loaded(hub, name)
    seen: list[torch.Tensor] = []
    model.decode_head.dropout.register_forward_hook(lambda *of: seen.append(of[-1]))
    with torch.inference_mode():
        logits = model(**batch).logits
    pairs = zip(logits.numpy(), seen[0].numpy(), strict=True)
    wanted = uwe.places(pairs, given="logits", axes="chw", measure="margin")
    np.testing.assert_allclose(pool.read("features"), wanted.features, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(pool.read("uncertainty"), wanted.uncertainty, rtol=1e-4)
    assert pool.container.weighted
    assert pool.values("places", "--with") == [64.0] * 5
    assert main(["select", "p.safetensors", "-k", "2", "-o", "picks.csv"]) == 0


@pytest.mark.parametrize(
    ("name", "columns", "measure"),
    [
        ("YolosForObjectDetection", LABELS + 1, "entropy"),
        ("ConditionalDetrForObjectDetection", LABELS, "objectness"),
    ],
)
def test_detectors(
    hub: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, name: str, columns: int, measure: str
) -> None:
    """Objects are the queries above the threshold; their states are the features."""
    model, batch = loaded(hub, name)
    with torch.inference_mode():
        said = model(**batch)
    assert said.logits.shape[-1] == columns
    convert = torch.sigmoid if measure == "objectness" else (lambda of: of.softmax(-1))
    scores = convert(said.logits)
    best = scores[..., :LABELS].amax(-1)
    threshold = float(best.median())  # half of the queries
    monkeypatch.setattr(dense_models, "_THRESHOLD", threshold)
    kept = best > threshold
    states = said.last_hidden_state[:, -6:]
    items = [(scores[row][kept[row]], states[row][kept[row]]) for row in range(5)]
    wanted = uwe.places(iter(items), measure=measure)
    pool = embedded(str(hub / name))
    np.testing.assert_allclose(pool.read("features"), wanted.features, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(pool.read("uncertainty"), wanted.uncertainty, rtol=1e-4)
    assert pool.values("places", "--with") == kept.sum(1).tolist()


def test_images_without_an_object_are_counted(
    hub: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no query is above the threshold, features are 0, and a line says how many."""
    monkeypatch.setattr(dense_models, "_THRESHOLD", 1.0)
    pool = embedded(str(hub / "YolosForObjectDetection"), "--place-option", "empty=0.5")
    assert pool.read("features").tolist() == [[0.0] * 8] * 5
    assert pool.read("uncertainty").tolist() == [0.5] * 5
    assert "5 of 5 images have no place that counts" in " ".join(capsys.readouterr().err.split())


def test_models_of_queries_and_masks(hub: Path, photos: Path) -> None:
    """Each pixel has a probability of each class, as post-processing would sum them."""
    name = "MaskFormerForInstanceSegmentation"
    pool = embedded(str(hub / name))
    model, batch = loaded(hub, name)
    with torch.inference_mode():
        said = model(**batch)
    sums = torch.einsum(
        "bqc,bqhw->bhwc",
        said.class_queries_logits.softmax(-1)[..., :-1],
        said.masks_queries_logits.sigmoid(),
    )
    wanted = uwe.places((sums / sums.sum(-1, keepdim=True)).numpy())
    np.testing.assert_allclose(pool.read("features"), wanted.features, rtol=1e-4)
    np.testing.assert_allclose(pool.read("uncertainty"), wanted.uncertainty, rtol=1e-4)


def test_a_head_without_weights_is_refused(
    hub: Path, photos: Path, refused: Callable[[list[str]], str]
) -> None:
    """Its weights would be drawn at random."""
    import transformers

    name = "SegformerForSemanticSegmentation"
    model = transformers.SegformerForSemanticSegmentation.from_pretrained(hub / name)
    weights = {key: of for key, of in model.state_dict().items() if "classifier" not in key}
    model.save_pretrained(photos / "half", state_dict=weights)
    (photos / "half" / "preprocessor_config.json").write_text(
        (hub / name / "preprocessor_config.json").read_text()
    )
    line = refused(["embed", "photos", "--model", "half", "-o", "p.safetensors"])
    assert "no weights for 2 parts of SegformerForSemanticSegmentation" in line


# module:factory


def items(n: int) -> EncoderInput:
    ids = [str(row) for row in range(n)]
    return EncoderInput("texts", ids, lambda start, end: ids[start:end], "stamp")


MAPS = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 3, 4, 4)))
STATES = torch.from_numpy(np.random.default_rng(1).normal(size=(5, 2, 2, 2)))
OBJECTS = [np.random.default_rng(row).dirichlet(np.ones(3), row) for row in range(5)]

GIVEN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "maps": ({"maps": MAPS}, {"outputs": MAPS, "given": "logits", "axes": "chw"}),
    "maps and features": (
        {"maps": MAPS, "features": STATES},
        {"outputs": MAPS, "features": STATES, "given": "logits", "axes": "chw"},
    ),
    "probabilities": (
        {"maps": MAPS.softmax(1), "given": "probs"},
        {"outputs": MAPS.softmax(1), "axes": "chw"},
    ),
    "scores": ({"scores": OBJECTS}, {"outputs": OBJECTS}),
    "scores of one class": (
        {"scores": [of[:, 0] for of in OBJECTS], "measure": "objectness"},
        {"outputs": [of[:, :1] for of in OBJECTS], "measure": "objectness"},
    ),
}


@pytest.mark.parametrize("given", GIVEN)
def test_what_a_model_of_places_may_give(given: str, tmp_path: Path) -> None:
    """The rows are those of `uwe.places`, in batches of any size."""
    said, arguments = GIVEN[given]

    def encode(ids: list[str]) -> dict[str, Any]:
        rows = slice(int(ids[0]), int(ids[-1]) + 1)
        return {key: of if isinstance(of, str) else of[rows] for key, of in said.items()}

    wanted = uwe.places(**arguments)
    for batch in (3, 32):
        out = tmp_path / f"{batch}.safetensors"
        embed(items(5), Encoder("mine", encode), out, batch=batch)
        np.testing.assert_allclose(open_pool(out).read("features"), wanted.features, rtol=1e-5)
        np.testing.assert_allclose(
            open_pool(out).read("uncertainty"), wanted.uncertainty, rtol=1e-5
        )


REFUSED = {
    "too few": ({"maps": MAPS[:4]}, "gives maps of 4 items for 5 items"),
    "too few features": ({"maps": MAPS, "features": STATES[:4]}, "features of 4 items for 5"),
    "logits as scores": ({"scores": [of * 9 - 3 for of in OBJECTS]}, "item 1 of a batch of mine"),
    "widths": ({"scores": [np.ones((1, c)) / c for c in range(2, 7)]}, "2 and 3 and 4 and 5 and 6"),
    "nothing": ({"scores": [[]] * 5}, "from which no features"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_model_of_places_may_not_give(case: str, tmp_path: Path) -> None:
    """One line that says what it gave, and nothing left behind."""
    said, words = REFUSED[case]
    with pytest.raises(uwe.UweError, match=words):
        embed(items(5), Encoder("mine", lambda _: said), tmp_path / "p.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_options_of_places_are_for_models_of_places(
    photos: Path, refused: Callable[[list[str]], str]
) -> None:
    """A model of whole images has no use for them; a wrong one is refused before a model loads."""
    (photos / "enc_dense.py").write_text(
        "def whole():\n    return lambda x: (None, x.mean((2, 3)))\n"
        "def maps():\n    return lambda x: {'maps': x}\n"
    )
    common = ["embed", "photos", "-o", "p.safetensors", "--model"]
    line = refused([*common, "enc_dense:whole", "--measure", "margin"])
    assert "gives features of whole items, so measure of places are not used" in line
    assert "unknown reduction 'men'" in refused([*common, "no:model", "--reduce", "men"])
    whole = embedded("enc_dense:maps", "--reduce", "sum").read("uncertainty")
    mean = embedded("enc_dense:maps").read("uncertainty")
    np.testing.assert_allclose(whole, mean * 32 * 32, rtol=1e-5)


def test_other_options_are_another_embedding(photos: Path) -> None:
    """What is half done by another reduction is not continued."""
    (photos / "enc_dense2.py").write_text("def maps():\n    return lambda x: {'maps': x}\n")
    plain = load_encoder("enc_dense2:maps", "images", device=CPU)
    other = load_encoder("enc_dense2:maps", "images", device=CPU, places={"reduce": "max"})
    assert plain.identity != other.identity
    with pytest.raises(InputError, match="unknown measure 'x'"):
        load_encoder("enc_dense2:maps", "images", device=CPU, places={"measure": "x"})
