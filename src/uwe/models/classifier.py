"""The interface of networks, and the built-in ones: a body, dropout, and a head."""

from __future__ import annotations

import torch
from torch import nn

from uwe._types import Logits

__all__ = ["FALLBACK_RATE", "Classifier", "FineTuned", "Head", "LinearHead", "Network"]

FALLBACK_RATE = 0.2
"""The rate of dropout passes through a model that was trained without dropout."""


class Network(nn.Module):
    """A module whose forward pass returns (logits ``[b, c]``, features ``[b, d]``), in float32.

    Attributes:
        body: the part that computes in half precision and that ``torch.compile`` works on.
        scale: of numbers that are learnt: what is added to the output times the second.
    """

    body: nn.Module
    scale: tuple[float, float] = (0.0, 1.0)

    @property
    def drawn(self) -> nn.Module:
        """The part whose weights are drawn before a training; the rest is pretrained."""
        return self

    def predict(
        self, x: torch.Tensor, *, passes: int, rng: torch.Generator
    ) -> tuple[Logits, torch.Tensor, torch.Tensor]:
        """Logits and features in evaluation mode, and the logits of ``passes`` with dropout.

        Returns:
            logits ``[b, c]``, features ``[b, d]``, pass logits ``[t, b, c]``.
        """
        raise NotImplementedError


class Head(nn.Module):
    """The part behind the dropout: (logits, features) of the body's output.

    Attributes:
        linear: the classifier; its input are the features.
    """

    linear: nn.Linear


class LinearHead(Head):
    """One linear layer; the features are its input."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, classes)

    def forward(self, hidden: torch.Tensor) -> tuple[Logits, torch.Tensor]:
        """Map ``[b, width]`` to logits ``[b, c]`` and features ``[b, width]``."""
        return self.linear(hidden), hidden


class Classifier(Network):
    """A network that returns (logits, features), with dropout before its head.

    Under autocast the body alone computes in half precision; weights, head, logits and features
    are in float32.

    Args:
        body: images ``[b, channels, h, w]`` to ``[b, w]``.
        head: ``[b, w]`` to (logits ``[b, c]``, features ``[b, d]``).
        dropout: rate between the two while training.
    """

    def __init__(self, body: nn.Module, head: Head, *, dropout: float) -> None:
        super().__init__()
        self.body = body
        self.dropout = nn.Dropout(dropout)
        self.head = head

    def forward(self, x: torch.Tensor) -> tuple[Logits, torch.Tensor]:
        """Map images to logits ``[b, c]`` and features ``[b, d]``."""
        hidden = self._hidden(x)
        with _full_precision(hidden):
            logits, features = self.head(self.dropout(hidden))
        return logits, features

    def predict(
        self, x: torch.Tensor, *, passes: int, rng: torch.Generator
    ) -> tuple[Logits, torch.Tensor, torch.Tensor]:
        """Logits and features without dropout, and the logits of ``passes`` with it.

        The body, and so every BatchNorm, is evaluated once and left as it is; only what lies
        behind the dropout is evaluated again. A model trained without dropout uses a rate of 0.2.

        Returns:
            logits ``[b, c]``, features ``[b, d]``, pass logits ``[t, b, c]``.
        """
        hidden = self._hidden(x)
        rate = self.dropout.p or FALLBACK_RATE
        with _full_precision(hidden):
            logits, features = self.head(hidden)
            drawn = [self.head(_dropped(hidden, rate, rng))[0] for _ in range(passes)]
        return logits, features, torch.stack(drawn) if drawn else logits.new_empty(0, *logits.shape)

    def _hidden(self, x: torch.Tensor) -> torch.Tensor:
        """What the body gives, in the precision of the weights even where autocast is on."""
        hidden: torch.Tensor = self.body(x)
        return hidden.to(self.head.linear.weight.dtype)


class FineTuned(Classifier):
    """A classifier with a pretrained body; a warm start shrinks and perturbs its head alone."""

    @property
    def drawn(self) -> nn.Module:
        """The head."""
        return self.head


def _full_precision(like: torch.Tensor) -> torch.autocast:
    """The head and its logits are never computed in half precision."""
    return torch.autocast(like.device.type, enabled=False)


def _dropped(hidden: torch.Tensor, rate: float, rng: torch.Generator) -> torch.Tensor:
    kept = torch.rand(hidden.shape, generator=rng) >= rate
    return hidden * kept.to(hidden.device, hidden.dtype) / (1 - rate)
