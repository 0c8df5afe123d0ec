"""Networks as learners: what they learn, what is reproducible, and in which precision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import uwe
from uwe.data import ImageRows, Preparation, load_dataset
from uwe.errors import InputError
from uwe.learners import (
    TorchLearner,
    Training,
    recipe_for,
    shrink_and_perturb,
)
from uwe.learners import torch as learner_module
from uwe.models import Classifier, ModelSpec
from uwe.tasks import classification

TEN = classification(10)
SEVEN = classification(7)


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


def test_a_network_learns_digits(digits) -> None:
    """Twenty epochs on 200 digits are right on most of the others."""
    ours = learner(training=Training(epochs=20, batch=32), preparation=digits.preparation)
    history = []
    model = ours.fit(digits.train.x, digits.train.y, task=TEN, seed=1, progress=history.append)
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
    first = weights(learner().fit(x, y, task=TEN, seed=3))
    state = torch.get_rng_state()
    torch.rand(17)
    again = weights(learner().fit(x, y, task=TEN, seed=3))
    other = weights(learner().fit(x, y, task=TEN, seed=4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.set_rng_state(state)


def test_training_leaves_torchs_generator_as_it_was(digits) -> None:
    """A caller's own random numbers do not change."""
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    ours = learner(spec=ModelSpec("small", 10, (8, 8, 1), dropout=0.5))
    ours.fit(digits.train.x, digits.train.y, task=TEN, seed=3)
    assert torch.equal(torch.rand(3), expected)


def test_a_restored_model_says_the_same(digits) -> None:
    """Weights that went through a file give the same bits."""
    ours = learner()
    model = ours.fit(digits.train.x, digits.train.y, task=TEN, seed=1)
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
        digits.train.x[:n],
        digits.train.y[:n],
        task=TEN,
        seed=1,
        progress=history.append,
    )
    assert weights(trained).isfinite().all()
    assert 0 <= history[0].accuracy <= 1


def test_a_model_goes_on_from_start(digits) -> None:
    """A warm start trains the shrunk and perturbed weights, and leaves ``start`` as it was."""
    ours = learner(training=Training(epochs=1, batch=32))
    x, y = digits.train.x, digits.train.y
    start = ours.fresh(seed=9)
    before = weights(start).clone()
    warm = ours.fit_from(start, x, y, task=TEN, seed=1, perturb_seed=2)
    assert torch.equal(weights(start), before)
    by_hand = ours.trained(shrink_and_perturb(start, seed=2), x, y, TEN, 1, None)
    assert torch.equal(weights(warm), weights(by_hand))
    assert not torch.equal(weights(warm), weights(ours.fit(x, y, task=TEN, seed=1)))


def test_predictions_do_not_depend_on_training_mode(digits) -> None:
    """A pass uses the running statistics, and gives the mode back."""
    ours = learner()
    model = ours.fit(digits.train.x, digits.train.y, task=TEN, seed=1)
    model.train()
    first = ours.predict(model, digits.test.x).logits
    assert model.training
    model.eval()
    assert torch.equal(first, ours.predict(model, digits.test.x).logits)


def test_dropout_passes_come_in_rows_order(digits) -> None:
    """[t, n, c] over all batches, the same for the same seed."""
    ours = learner()
    model = ours.fit(digits.train.x, digits.train.y, task=TEN, seed=1)
    first, again, other = (
        ours.predict_passes(model, digits.test.x, passes=4, seed=s).mc_logits for s in (1, 1, 2)
    )
    assert first.shape == (4, 100, 10)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_class_count_that_disagrees_is_an_error(digits) -> None:
    """Both counts are named."""
    with pytest.raises(InputError, match=r"small has 10 classes, but the data has 7"):
        learner().fit(digits.train.x, digits.train.y, task=SEVEN, seed=1)


def test_bf16_is_for_the_body_alone(digits) -> None:
    """Convolutions put out bf16; weights, the head's input, logits and features are float32."""
    ours = learner(precision="bf16")
    model = ours.fit(digits.train.x[:120], digits.train.y[:120], task=TEN, seed=1)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    seen: dict[str, torch.dtype] = {}
    model.body.dense.register_forward_hook(lambda _m, _x, out: seen.update(body=out.dtype))
    model.head.register_forward_pre_hook(lambda _m, x: seen.update(head=x[0].dtype))
    said = ours.predict_passes(model, digits.test.x, passes=2, seed=0)
    assert seen == {"body": torch.bfloat16, "head": torch.float32}
    assert {said.logits.dtype, said.features.dtype, said.mc_logits.dtype} == {torch.float32}
    assert said.logits.softmax(1).sum(1).sub(1).abs().max() < 1e-6


def test_logits_of_bf16_are_not_rounded_to_bf16(digits) -> None:
    """They have more digits than bf16 holds, and are near those of float32."""
    model = learner().fit(digits.train.x[:120], digits.train.y[:120], task=TEN, seed=1)
    full, half = (
        learner(precision=name).predict(model, digits.test.x).logits for name in ("fp32", "bf16")
    )
    assert not torch.equal(half, half.bfloat16().float())
    assert 0 < (full - half).abs().max() < 0.1


def test_training_on_rows_of_a_file_is_training_on_a_copy(digits) -> None:
    """The same bits, whether images are copied first or read batch by batch."""
    rows = np.array([5, 3, 77, 20, 11, 8])
    copied, read = (
        learner().fit(x, digits.train.y[rows], task=TEN, seed=1).state_dict()
        for x in (digits.train.x[rows], ImageRows(digits.train.x, rows))
    )
    assert all(torch.equal(copied[key], read[key]) for key in copied)
    assert ImageRows(digits.train.x, rows).nbytes == digits.train.x[rows].nbytes


def test_the_fast_recipe_crops_half_as_far(digits, monkeypatch) -> None:
    """Of the data set's padding the recipe takes a share, rounded up; nothing else changes."""
    seen = []
    whole = learner_module.augmented
    monkeypatch.setattr(
        learner_module, "augmented", lambda x, how, rng: seen.append(how) or whole(x, how, rng)
    )
    recipe = recipe_for("small", epochs=1, batch=64, recipe="fast")
    preparation = replace(digits.preparation, crop_padding=3)
    replace(learner(training=recipe), preparation=preparation).fit(
        digits.train.x[:64], digits.train.y[:64], task=TEN, seed=1
    )
    assert seen == [replace(preparation, crop_padding=2)]
    paper = recipe_for("small", epochs=1, batch=64)
    assert paper.prepared(preparation) == preparation


def test_a_schedule_moves_within_an_epoch(digits, monkeypatch) -> None:
    """The rate is set for every batch."""
    asked = []
    rate = Training.rate
    monkeypatch.setattr(Training, "rate", lambda self, e: asked.append(e) or rate(self, e))
    ours = learner(training=Training(epochs=2, batch=60, schedule="one_cycle"))
    ours.fit(digits.train.x[:120], digits.train.y[:120], task=TEN, seed=1)
    assert asked == [0, 0.5, 1, 1.5]


def test_compiling_is_asked_for_the_body_alone(digits, monkeypatch) -> None:
    """``torch.compile`` gets the body of each fresh network, and only if it is wanted."""
    asked: list[torch.nn.Module] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: asked.append(self))
    learner().fresh(seed=1)
    model = learner(compiled=True).fresh(seed=1)
    assert asked == [model.body]


def test_training_that_does_not_fit_is_an_error(tmp_path, monkeypatch) -> None:
    """The recipe's batch is not halved in silence."""

    def forward(self, x):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Classifier, "forward", forward)
    sizes = {"budgets": (10, 16), "epochs": 2, "pool_size": 80, "test_size": 40}
    experiment = uwe.Experiment("digits", model="small", device="cpu", results=tmp_path, **sizes)
    with pytest.raises(uwe.RunError, match="training batches of 32 images do not fit"):
        uwe.run(experiment)
