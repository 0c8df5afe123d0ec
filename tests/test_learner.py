"""Training and passes: the recipe, the augmentation, and what is reproducible."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from uwe.data import Preparation, load_dataset
from uwe.errors import InputError
from uwe.learners import (
    TorchLearner,
    Training,
    recipe_for,
    resolve_device,
    shrink_and_perturb,
)
from uwe.learners.batches import augmented, normalised
from uwe.models import ModelSpec


def learner(**changes) -> TorchLearner:
    given = {
        "spec": ModelSpec("small", 10, (8, 8, 1)),
        "training": Training(epochs=2, batch=32),
        "preparation": Preparation((0.3,), (0.4,)),
        "device": torch.device("cpu"),
        "inference_batch": 64,
    }
    return TorchLearner(**{**given, **changes})


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits", pool_size=200, test_size=100)


def weights(model) -> torch.Tensor:
    return torch.cat([value.flatten().double() for value in model.state_dict().values()])


def test_the_paper_recipe() -> None:
    """SGD at 0.02, halved at 60 % and 80 % of any length; Adam at 5e-5 for the transformer."""
    recipe = recipe_for("resnet18", epochs=100, batch=256)
    assert (recipe.optimizer, recipe.momentum, recipe.weight_decay) == ("sgd", 0.9, 5e-4)
    assert [recipe.rate(epoch) for epoch in (0, 59, 60, 79, 80, 99)] == [
        0.02, 0.02, 0.01, 0.01, 0.005, 0.005,
    ]  # fmt: skip
    assert [Training(epochs=5).rate(epoch) for epoch in range(5)] == [0.02] * 3 + [0.01, 0.005]
    vit = recipe_for("vit", epochs=10, batch=64)
    assert (vit.optimizer, vit.learning_rate, vit.batch) == ("adam", 5e-5, 64)


def test_a_network_learns_digits(digits) -> None:
    """Twenty epochs on 200 digits are right on most of the others."""
    ours = learner(training=Training(epochs=20, batch=32), preparation=digits.preparation)
    history = []
    model = ours.fit(digits.train.x, digits.train.y, classes=10, seed=1, progress=history.append)
    predicted = ours.predict(model, digits.test.x).predicted()
    assert np.mean(predicted == digits.test.y) > 0.8
    assert [(epoch.name, epoch.done, epoch.total) for epoch in history] == [
        ("train", number, 20) for number in range(1, 21)
    ]
    assert history[-1].loss < history[0].loss
    assert 0.9 < history[-1].accuracy <= 1


def test_the_seed_decides_the_model(digits) -> None:
    """The same seed gives the same bits, whatever torch's own generator has been through."""
    x, y = digits.train.x, digits.train.y
    torch.manual_seed(1)
    first = weights(learner().fit(x, y, classes=10, seed=3))
    state = torch.get_rng_state()
    torch.rand(17)
    again = weights(learner().fit(x, y, classes=10, seed=3))
    other = weights(learner().fit(x, y, classes=10, seed=4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.set_rng_state(state)


def test_training_leaves_torchs_generator_as_it_was(digits) -> None:
    """A caller's own random numbers do not change."""
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    ours = learner(spec=ModelSpec("small", 10, (8, 8, 1), dropout=0.5))
    ours.fit(digits.train.x, digits.train.y, classes=10, seed=3)
    assert torch.equal(torch.rand(3), expected)


def test_a_restored_model_says_the_same(digits) -> None:
    """Weights that went through a file give the same bits."""
    ours = learner()
    model = ours.fit(digits.train.x, digits.train.y, classes=10, seed=1)
    restored = ours.restore({name: value.clone() for name, value in model.state_dict().items()})
    before, after = (ours.predict(each, digits.test.x) for each in (model, restored))
    assert torch.equal(before.logits, after.logits)
    assert torch.equal(before.features, after.features)


@pytest.mark.parametrize("n", [1, 2, 32, 33, 65])
@pytest.mark.parametrize("model", ["small", "resnet18"])
def test_any_number_of_labels_can_be_trained_on(digits, n: int, model: str) -> None:
    """A single row, or a last batch of one, is no problem for BatchNorm."""
    ours = learner(spec=ModelSpec(model, 10, (8, 8, 1)), training=Training(epochs=1, batch=32))
    history = []
    trained = ours.fit(
        digits.train.x[:n], digits.train.y[:n], classes=10, seed=1, progress=history.append
    )
    assert weights(trained).isfinite().all()
    assert 0 <= history[0].accuracy <= 1


def test_a_model_goes_on_from_start(digits) -> None:
    """A warm start trains the shrunk and perturbed weights, and leaves ``start`` as it was."""
    ours = learner(training=Training(epochs=1, batch=32))
    x, y = digits.train.x, digits.train.y
    start = ours.fresh(seed=9)
    before = weights(start).clone()
    warm = ours.fit_from(start, x, y, classes=10, seed=1, perturb_seed=2)
    assert torch.equal(weights(start), before)
    by_hand = ours._trained(shrink_and_perturb(start, seed=2), x, y, 1, None)
    assert torch.equal(weights(warm), weights(by_hand))
    assert not torch.equal(weights(warm), weights(ours.fit(x, y, classes=10, seed=1)))


def test_predictions_do_not_depend_on_training_mode(digits) -> None:
    """A pass uses the running statistics, and gives the mode back."""
    ours = learner()
    model = ours.fit(digits.train.x, digits.train.y, classes=10, seed=1)
    model.train()
    first = ours.predict(model, digits.test.x).logits
    assert model.training
    model.eval()
    assert torch.equal(first, ours.predict(model, digits.test.x).logits)


def test_dropout_passes_come_in_rows_order(digits) -> None:
    """[t, n, c] over all batches, the same for the same seed."""
    ours = learner()
    model = ours.fit(digits.train.x, digits.train.y, classes=10, seed=1)
    first, again, other = (
        ours.predict_passes(model, digits.test.x, passes=4, seed=s).mc_logits for s in (1, 1, 2)
    )
    assert first.shape == (4, 100, 10)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


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


def test_a_class_count_that_disagrees_is_an_error(digits) -> None:
    """Both counts are named."""
    with pytest.raises(InputError, match=r"small has 10 classes, but the data has 7"):
        learner().fit(digits.train.x, digits.train.y, classes=7, seed=1)


def test_no_epoch_is_an_error() -> None:
    """At least one is needed."""
    with pytest.raises(InputError, match="epochs are 0"):
        Training(epochs=0)


@pytest.mark.parametrize("name", ["cuda:99", "tpu", "cuda:x"])
def test_a_device_that_is_not_there_is_an_error(name: str) -> None:
    """The error names the device and what can be chosen."""
    with pytest.raises(InputError, match=name):
        resolve_device(name)


def test_auto_is_a_device_that_is_there() -> None:
    """``auto`` always works."""
    assert resolve_device("auto").type in ("cpu", "cuda", "mps")
