"""What distances are taken on, against arrays written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from uwe.embedding import features, gradient, weighted
from uwe.errors import InputError
from uwe.points import Dense, Product
from uwe.predictions import Predictions
from uwe.uncertainty import bvsb, entropy


def some(n: int = 7, c: int = 4, d: int = 3) -> Predictions:
    rng = torch.Generator().manual_seed(0)
    return Predictions(torch.randn(n, c, generator=rng), torch.randn(n, d, generator=rng))


def test_features_are_the_features() -> None:
    """Core-Set's embedding changes nothing."""
    given = some()
    points = features(given, np.arange(7))
    assert isinstance(points, Dense)
    assert torch.equal(points.x, given.features)


def test_the_gradient_is_the_outer_product_of_residual_and_features() -> None:
    """The factors multiply to (p - onehot) ⊗ features, written out."""
    given = some()
    points = gradient(given, np.arange(7))
    assert isinstance(points, Product)
    probs = given.logits.double().softmax(1)
    onehot = torch.nn.functional.one_hot(given.logits.argmax(1), 4)
    written = torch.einsum("nc,nd->ncd", probs - onehot, given.features.double())
    ours = torch.einsum("nc,nd->ncd", points.a.double(), points.b.double())
    torch.testing.assert_close(ours, written, rtol=1e-5, atol=1e-7)


def test_the_gradient_is_the_derivative_of_the_loss() -> None:
    """What BADGE calls a gradient is what autograd gives for the last layer's weights."""
    given = some(n=1)
    weight = torch.randn(4, 3, requires_grad=True)
    logits = given.features @ weight.T
    label = logits.argmax(1)
    torch.nn.functional.cross_entropy(logits, label).backward()
    points = gradient(Predictions(logits.detach(), given.features), np.arange(1))
    assert isinstance(points, Product)
    torch.testing.assert_close(torch.outer(points.a[0], points.b[0]), weight.grad)


def test_the_gradient_keeps_its_digits_where_the_model_is_certain() -> None:
    """p - 1 does not vanish where p rounds to 1."""
    points = gradient(Predictions(torch.tensor([[0.0, -30.0]]), torch.ones(1, 1)), np.arange(1))
    assert isinstance(points, Product)
    assert points.a[0, 0] == pytest.approx(-np.exp(-30), rel=1e-5)


def test_weights_run_from_zero_to_one_over_the_candidates() -> None:
    """Minimum and maximum are the candidates'; other rows are clipped."""
    logits = torch.tensor([[0.0, 0.0], [0.0, 1.0], [0.0, 2.0], [0.0, 9.0]])
    given = Predictions(logits, torch.ones(4, 1))
    points = weighted(bvsb)(given, np.array([1, 2]))
    assert isinstance(points, Dense)
    assert points.x[:, 0].tolist() == [1.0, 1.0, 0.0, 0.0]


def test_weights_are_one_where_all_candidates_are_equally_uncertain() -> None:
    """No division by zero: the embedding is then the features."""
    given = Predictions(torch.zeros(5, 3), torch.randn(5, 2))
    points = weighted(entropy)(given, np.arange(5))
    assert isinstance(points, Dense)
    assert torch.equal(points.x, given.features)


def test_lengths_that_disagree_are_named() -> None:
    """Predictions say both lengths."""
    with pytest.raises(InputError, match=r"3 rows.*2"):
        Predictions(torch.zeros(3, 2), torch.zeros(2, 1))
    with pytest.raises(InputError, match=r"\(3, 2\).*\(4, 2\)"):
        Predictions(torch.zeros(3, 2), torch.zeros(3, 1), torch.zeros(5, 4, 2))
