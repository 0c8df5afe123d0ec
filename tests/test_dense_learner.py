"""Learners of masks and boxes: the contract, what they learn, and what they refuse."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from dense_scenes import HEIGHT, WIDTH, boxes_task, dataset, masks_task, scenes
from uwe.data import Dataset
from uwe.errors import InputError, RunError
from uwe.learners import Chooses, DenseLearner, Keeps, Learner, Measured, WarmStarts, make_learner
from uwe.learners.catalogue import check_model, describe_model, model_kind, model_names
from uwe.models.maps import Found, Truth
from uwe.tasks import Boxes, Masks, classification
from uwe.testing import LearnerContract

ROWS = 36
FAST = {"epochs": 2, "precision": "fp32", "device": "cpu"}
SMALL = {"width": 8, "levels": 3, "least_steps": 1}
TINY = {"width": 8, "neck": 8, "least_steps": 1}


def learner(model: Any, data: Dataset, options: Any, **network: Any) -> DenseLearner:
    made = make_learner(model, data, options=options, network={**FAST, **network})
    assert isinstance(made, DenseLearner)
    return made


class TestUNet(LearnerContract):
    """A U-Net on masks."""

    def data(self) -> Any:
        x, masks, _ = scenes(ROWS)
        task, [y] = masks_task(masks)
        return x, y, task

    def make(self) -> Learner:
        return learner("unet", dataset("segmentation"), SMALL)

    def test_equal_labels_are_enough(self) -> None:
        """The masks of a first cycle may all be of one class."""
        x, masks, _ = scenes(4)
        task, [y] = masks_task([np.zeros_like(mask) for mask in masks])
        made = self.make()
        assert made.predict(made.fit(x, y, task=task, seed=1), x).first_not_finite() is None


class TestCentreNet(LearnerContract):
    """The detector of centres on boxes."""

    def data(self) -> Any:
        x, _, boxes = scenes(ROWS)
        task, [y] = boxes_task(boxes)
        return x, y, task

    def make(self) -> Learner:
        return learner("centernet", dataset("detection"), TINY)

    def test_a_class_without_a_row_keeps_its_column(self) -> None:
        """The boxes of a first cycle may be of one class."""
        x, _, boxes = scenes(ROWS)
        some = [row for row, each in enumerate(boxes) if not each.classes.any()]
        task, [y] = boxes_task(boxes)
        made = self.make()
        assert made.predict(made.fit(x[some], y[some], task=task, seed=1), x).rows == ROWS

    def test_equal_labels_are_enough(self) -> None:
        """The images of a first cycle may have no object at all."""
        x, _, boxes = scenes(4)
        task, [y] = boxes_task([Boxes(np.zeros((0, 4)), np.zeros(0, np.int64)) for _ in boxes])
        made = self.make()
        assert made.predict(made.fit(x, y, task=task, seed=1), x).first_not_finite() is None


@pytest.mark.parametrize(
    ("kind", "model", "options", "least"),
    [
        ("segmentation", "unet", {"width": 8, "levels": 3, "learning_rate": 0.01}, 0.75),
        ("detection", "centernet", {"width": 8, "neck": 16, "learning_rate": 0.01}, 0.5),
    ],
)
def test_squares_are_learnt(kind: str, model: str, options: Any, least: float) -> None:
    """From 24 scenes a small network learns most of the squares of eight others."""
    data = dataset(kind)
    made = learner(model, data, {**options, "least_steps": 150}, epochs=30)
    trained = made.fit(data.train.x, data.train.y, task=data.task, seed=1)
    value = data.task.headline.measured(made.predict(trained, data.test.x), data.test.y)
    assert value is not None
    assert value > least


def test_the_abilities_are_those_of_the_protocols() -> None:
    """It keeps models, starts warm, gives what is asked for, and knows its memory."""
    made = learner("unet", dataset("segmentation"), SMALL)
    for ability in (Keeps, WarmStarts, Chooses, Measured):
        assert isinstance(made, ability)
    assert made.footprint.features == 8
    assert made.fitted_batch() >= 16


@pytest.mark.parametrize("kind", ["segmentation", "detection"])
def test_the_gradient_is_made_only_where_it_is_asked_for(kind: str) -> None:
    """predict leaves the gradient out; predict_wanted gives it, and the rest is the same."""
    data = dataset(kind, pool=6, test=2)
    model, options = ("unet", SMALL) if kind == "segmentation" else ("centernet", TINY)
    made = learner(model, data, options)
    trained = made.fresh(seed=1)
    plain = made.predict(trained, data.train.x)
    wanted = made.predict_wanted(trained, data.train.x, wanted=frozenset({"gradient"}))
    assert "gradient" not in plain.fields
    columns = 3 * 8  # three classes each: of masks; of boxes two and no object
    assert wanted.field("gradient").shape == (6, columns)
    assert wanted.fields == plain.fields | {"gradient"}
    for name in plain.fields:
        assert torch.equal(plain.field(name), wanted.field(name))
    assert list(plain.outputs) == [name for name in data.task.outputs if name != "gradient"]


def test_ignored_pixels_teach_nothing() -> None:
    """Half of each mask is left out, whichever number says so; the whole mask teaches more."""
    x, masks, _ = scenes(6)
    fits = []
    left = np.arange(WIDTH) < WIDTH // 2
    for ignore in (255, 7):
        task, [y] = masks_task([np.where(left, ignore, mask).astype(np.uint8) for mask in masks])
        assert isinstance(task.targets, Masks)
        task = replace(task, targets=replace(task.targets, ignore=ignore))
        made = learner("unet", dataset("segmentation"), SMALL)
        fits.append(made.predict(made.fit(x, y, task=task, seed=1), x).field("entropy"))
    assert torch.equal(fits[0], fits[1])
    task, [whole] = masks_task(masks)
    other = made.predict(made.fit(x, whole, task=task, seed=1), x).field("entropy")
    assert not torch.equal(fits[0], other)


def test_a_wholly_ignored_mask_gives_no_loss() -> None:
    """Where every pixel is ignored the loss is 0 and the network stays finite."""
    x, masks, _ = scenes(3)
    task, [y] = masks_task([np.full_like(mask, 255) for mask in masks])
    made = learner("unet", dataset("segmentation"), SMALL)
    losses: list[float] = []
    model = made.fit(x, y, task=task, seed=1, progress=lambda epoch: losses.append(epoch.loss))  # type: ignore[attr-defined]
    assert losses == [0.0, 0.0]
    assert made.predict(model, x).first_not_finite() is None


def test_a_mask_of_another_size_is_named() -> None:
    """A mask that is no pixel for pixel partner of its image stops the training."""
    x, masks, _ = scenes(2)
    task, [y] = masks_task([masks[0], masks[1][:-1]])
    made = learner("unet", dataset("segmentation"), SMALL)
    with pytest.raises(InputError, match=re.escape("mask '0-1.png' is 32x23, but its image 32x24")):
        made.fit(x, y, task=task, seed=1)


def test_a_learner_of_another_task_is_refused() -> None:
    """A learner made for masks does not train on boxes, nor on other classes."""
    made = learner("unet", dataset("segmentation"), SMALL)
    x, _, boxes = scenes(2)
    task, [y] = boxes_task(boxes)
    with pytest.raises(InputError, match="serves segmentation, and the task is detection"):
        made.fit(x, y, task=task, seed=1)
    other = replace(made, spec=replace(made.spec, classes=7))
    masks, [targets] = masks_task(scenes(2)[1])
    with pytest.raises(InputError, match="has 7 classes, but the data has 3"):
        other.fit(x, targets, task=masks, seed=1)


def test_another_network_s_weights_are_refused(tmp_path: Any) -> None:
    """A file of a wider network is named."""
    made = learner("unet", dataset("segmentation"), SMALL)
    wide = learner("unet", dataset("segmentation"), {**SMALL, "width": 16})
    wide.save(wide.fresh(seed=1), tmp_path / "model.safetensors")
    with pytest.raises(RunError, match="does not fit model unet"):
        made.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("model", "kind", "line"),
    [
        ("resnet18", "segmentation", "choose unet or segformer or a learner of your own"),
        ("resnet18", "detection", "choose centernet or yolos or a learner of your own"),
        ("unet", "detection", "unet serves segmentation, and the task is detection; choose"),
        ("centernet", "segmentation", "choose unet or segformer"),
    ],
)
def test_a_model_for_another_task_is_refused(model: str, kind: str, line: str) -> None:
    """One line says so, and names the models that fit."""
    with pytest.raises(InputError, match=line) as raised:
        make_learner(model, dataset(kind))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "network", "line"),
    [
        ({"widht": 8}, {}, "widht"),
        ({"width": 0}, {}, "width must be a whole number of at least 1, not 0"),
        ({"batch": 0}, {}, "batch must be a whole number of at least 1, not 0"),
        ({"learning_rate": -1.0}, {}, "learning_rate must be a number above 0"),
        ({}, {"compile": True}, "--compile is not used by model unet"),
        ({}, {"dropout": 0.1}, "--dropout is not used by model unet"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(options: Any, network: Any, line: str) -> None:
    """A name or a value that the network cannot have ends in one line."""
    with pytest.raises(InputError, match=line) as raised:
        make_learner("unet", dataset("segmentation"), options=options, network=network)
    assert "\n" not in str(raised.value)


def test_dense_models_are_listed_and_refused_for_classes() -> None:
    """The list has their names and lines; for classes others are named."""
    assert {"unet", "segformer", "centernet", "yolos"} <= set(model_names())
    assert "masks" in describe_model("unet")
    assert model_kind("centernet") == "dense"
    with pytest.raises(InputError, match="unet serves segmentation, and the task is class"):
        check_model("unet", {}, {}, task=classification(2))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("segmentation", "unet"),
        ("segmentation", "segformer"),
        ("detection", "centernet"),
        ("detection", "yolos"),
    ],
)
def test_every_model_trains_and_predicts_in_both_precisions(
    kind: str, model: str, precision: str, tmp_path: Any
) -> None:
    """One epoch gives finite outputs in float32, and a saved model gives the same."""
    if model in ("segformer", "yolos"):
        pytest.importorskip("transformers")
        pytest.importorskip("scipy")
    data = dataset(kind, pool=4, test=3)
    made = learner(model, data, {"least_steps": 1}, epochs=1, precision=precision)
    trained = made.fit(data.train.x, data.train.y, task=data.task, seed=1)
    said = made.predict_wanted(trained, data.test.x, wanted={"gradient"})
    assert said.first_not_finite() is None
    assert {said.field(name).dtype for name in said.fields - {"predicted"}} == {torch.float32}
    made.save(trained, tmp_path / "model.safetensors")
    again = made.predict(made.load(tmp_path / "model.safetensors"), data.test.x)
    for name in again.fields:
        assert torch.equal(again.field(name), said.field(name)), name


class Logits(nn.Module):
    """A segmentation network of one's own that returns logits alone, at half the resolution."""

    def __init__(self, classes: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(shape[2], 6, 3, 2, 1), nn.ReLU())
        self.head = nn.Conv2d(6, classes, 1)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.body(x))


class Pair(Logits):
    """The same with features of its own."""

    def forward(self, x: torch.Tensor) -> Any:
        hidden = self.body(x)
        return self.head(hidden), hidden[:, :2]


class Flat(Logits):
    """The same with one number a class for the whole image."""

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.body(x)).mean((2, 3))


class Blobs(nn.Module):
    """A detector of one's own, which learns one box for all images."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.box = nn.Parameter(torch.zeros(4))
        self.classes = classes

    def loss(self, images: torch.Tensor, truth: Truth) -> torch.Tensor:
        return (self.box - truth.corners[:, 0]).abs().mean() + 0 * images.mean()

    def found(self, images: torch.Tensor) -> Found:
        b = len(images)
        probs = torch.full((b, 1, self.classes + 1), 1 / (self.classes + 1))
        zeros = torch.zeros(b, 1, dtype=torch.int64)
        return Found(
            self.box.expand(b, 1, 4), probs[..., 0], zeros, probs, images.mean((2, 3))[:, None]
        )


@pytest.mark.parametrize(("make", "width"), [(Logits, 6), (Pair, 2)])
def test_a_segmentation_network_of_one_s_own(make: Any, width: int) -> None:
    """Logits are enough: their features are the input of the last convolution."""
    data = dataset("segmentation")
    made = learner(make, data, {"batch": 4})
    assert made.training.batch == 4
    model = made.fit(data.train.x[:8], data.train.y[:8], task=data.task, seed=1)
    said = made.predict(model, data.test.x)
    assert said.field("weighted_entropy").shape == (8, width)
    assert said.field("predicted").shape == (8, HEIGHT, WIDTH)


def test_a_detector_of_one_s_own() -> None:
    """A module with loss and found is a detector."""
    data = dataset("detection")
    made = learner(Blobs, data, {"learning_rate": 0.1})
    model = made.fit(data.train.x[:8], data.train.y[:8], task=data.task, seed=1)
    said = made.predict(model, data.test.x)
    assert said.field("detections").shape == (8, 1, 6)
    assert said.features is not None
    assert said.features.shape == (8, 3)


@pytest.mark.parametrize(
    ("make", "kind", "line"),
    [
        (Flat, "segmentation", r"gives logits of shape \(1, 3\); they must be \[b, c, h, w\]"),
        (Logits, "detection", "has no method loss, which a network for detection needs"),
    ],
)
def test_a_network_of_one_s_own_that_does_not_fit(make: Any, kind: str, line: str) -> None:
    """What a network of one's own lacks is said in one line before any training."""
    with pytest.raises(InputError, match=line):
        make_learner(make, dataset(kind))
