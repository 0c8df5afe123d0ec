"""Training recipes: rates over time, and the optimizer."""

from __future__ import annotations

import copy

import pytest
import torch

from uwe.errors import InputError
from uwe.learners import Training, recipe_for
from uwe.learners.recipes import optimizer_of


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


def test_the_fast_recipe_rises_and_falls_to_zero() -> None:
    """From a tenth of the rate to the whole at a fifth of the way, then to zero."""
    recipe = recipe_for("resnet18", epochs=10, batch=256, recipe="fast")
    share = [recipe.rate(epoch) / recipe.learning_rate for epoch in (0, 1, 2, 6, 10)]
    assert share == pytest.approx([0.1, 0.55, 1.0, 0.5, 0.0])
    assert recipe.smoothing > 0
    with pytest.raises(InputError, match="'fast' is not made for model 'vit'"):
        recipe_for("vit", epochs=10, batch=64, recipe="fast")


def test_no_epoch_is_an_error() -> None:
    """At least one is needed."""
    with pytest.raises(InputError, match="epochs are 0"):
        Training(epochs=0)


def test_gradients_and_momenta_that_are_there_from_the_start_change_nothing() -> None:
    """A few steps end at the weights of torch's own optimizer, which makes them when needed."""
    training = Training(learning_rate=0.1)
    x = torch.randn(16, 5, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    ours = torch.nn.Linear(5, 3)
    theirs = copy.deepcopy(ours)
    textbook = torch.optim.SGD(
        theirs.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    optimizer = optimizer_of(training, ours)
    assert all(weight.grad is not None for weight in ours.parameters())
    assert len(optimizer.state) == 2
    for _ in range(4):
        for model, each, to_none in ((ours, optimizer, False), (theirs, textbook, True)):
            each.zero_grad(set_to_none=to_none)
            model(x).square().sum().backward()
            each.step()
    assert all(map(torch.equal, ours.parameters(), theirs.parameters()))
