"""The gradient of a dense loss by the last layer's weights, averaged over the places of an image.

A network whose last layer is linear at each place p has logits ``W f_p``. Of the mean cross-entropy
over the places, the gradient by W is the mean of the outer products of residual and feature. It has
c·d numbers an image, where a weighted embedding has d.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["gradient_over_places", "place_residual"]


def place_residual(probs: torch.Tensor) -> torch.Tensor:
    """What the most probable class, taken as the true one, leaves: ``p - onehot(argmax p)``.

    Args:
        probs: probabilities ``[..., c]``, the classes last.

    Returns:
        ``[..., c]``, which sums to 0 where ``probs`` sum to 1.

    >>> import torch
    >>> place_residual(torch.tensor([[0.75, 0.25], [0.5, 0.5]])).tolist()
    [[-0.25, 0.25], [-0.5, 0.5]]
    """
    best = probs.argmax(-1, keepdim=True)
    return probs.scatter_add(-1, best, -probs.new_ones(best.shape))


def gradient_over_places(
    probs: torch.Tensor, features: torch.Tensor, *, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Gradient of an image's mean loss by the last layer, were the predicted classes true.

    Formula: ``mean_p (p_p - onehot(argmax p_p)) ⊗ f_p``; 0 for an image without a place.

    Args:
        probs: probabilities ``[b, p, c]``.
        features: of the same places ``[b, p, d]``.
        weights: 1 for places that count and 0 for others ``[b, p]``; None: all count.

    Returns:
        ``[b, c·d]``: the d numbers of the first class, then those of the second, and so on.

    Source: Ash, Zhang, Krishnamurthy, Langford, Agarwal, "Deep Batch Active Learning by Diverse,
    Uncertain Gradient Lower Bounds", ICLR 2020; averaged over places as He, Cai, Liao, Foo, "Hybrid
    Active Learning with Uncertainty-Weighted Embeddings", TMLR 2024, compare it.

    >>> import torch
    >>> probs = torch.tensor([[[0.75, 0.25], [0.5, 0.5]]])
    >>> gradient_over_places(probs, torch.tensor([[[4.0], [2.0]]])).tolist()
    [[-1.0, 1.0]]
    """
    residual = place_residual(probs)
    if weights is None:
        count = probs.new_tensor(float(max(1, probs.shape[1])))
    else:
        residual = residual * weights[..., None]
        count = weights.sum(1).clamp(min=1)[:, None, None]
    return (residual.transpose(1, 2) @ features / count).flatten(1)
