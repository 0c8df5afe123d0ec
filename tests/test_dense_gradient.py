"""The gradient over the places of an image: hand-worked, and against automatic differentiation."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from uwe.dense.gradient import gradient_over_places, place_residual


def slow(logits: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """The gradient of each image's mean cross-entropy at the predicted classes, by autograd."""
    found = []
    for scores, inputs in zip(logits, features, strict=True):
        weight = torch.zeros(scores.shape[1], inputs.shape[1], dtype=torch.float64)
        weight.requires_grad_()
        predicted = scores.argmax(1)
        # W enters as a change of 0, so that the logits may be any
        loss = functional.cross_entropy(scores + inputs @ weight.T, predicted)
        loss.backward()  # type: ignore[no-untyped-call]
        assert weight.grad is not None
        found.append(weight.grad.flatten())
    return torch.stack(found)


def test_four_pixels_by_hand() -> None:
    """Four pixels of two classes with one feature each give the mean of four products."""
    probs = torch.tensor([[[0.5, 0.5], [1.0, 0.0], [0.25, 0.75], [0.75, 0.25]]])
    features = torch.tensor([[[4.0], [8.0], [2.0], [2.0]]])
    # residuals of class 0: -0.5, 0, 0.25, -0.25; times 4, 8, 2, 2; the mean is -0.5
    assert gradient_over_places(probs, features).tolist() == [[-0.5, 0.5]]


@pytest.mark.parametrize(("places", "classes", "width"), [(1, 2, 1), (4, 3, 2), (9, 11, 5)])
def test_it_is_the_gradient_of_the_last_layer(places: int, classes: int, width: int) -> None:
    """Automatic differentiation of the mean loss by the weights gives the same numbers."""
    rng = torch.Generator().manual_seed(places)
    logits = torch.randn(3, places, classes, generator=rng, dtype=torch.float64)
    features = torch.randn(3, places, width, generator=rng, dtype=torch.float64)
    made = gradient_over_places(logits.softmax(-1), features)
    assert made.shape == (3, classes * width)
    torch.testing.assert_close(made, slow(logits, features))


def test_places_that_do_not_count_are_left_out() -> None:
    """The mean is over the places of weight 1; an image without one has a gradient of 0."""
    rng = torch.Generator().manual_seed(0)
    probs = torch.rand(2, 5, 3, generator=rng).softmax(-1)
    features = torch.randn(2, 5, 4, generator=rng)
    weights = torch.tensor([[1.0, 1.0, 0.0, 0.0, 0.0], [0.0] * 5])
    made = gradient_over_places(probs, features, weights=weights)
    torch.testing.assert_close(made[:1], gradient_over_places(probs[:1, :2], features[:1, :2]))
    assert not made[1].any()


@given(st.lists(st.floats(-20, 20), min_size=2, max_size=6))
def test_residuals_sum_to_nothing(logits: list[float]) -> None:
    """Probabilities sum to 1 and so does the true class: the residual sums to 0."""
    residual = place_residual(torch.tensor(logits, dtype=torch.float64).softmax(-1))
    assert abs(float(residual.sum())) < 1e-12
    assert int((residual < 0).sum()) <= 1
