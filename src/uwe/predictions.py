"""What a model says of every row: the one thing that a pass over the pool produces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from uwe._types import Labels, Logits, Rows
from uwe.errors import InputError

__all__ = ["FIELDS", "Predictions"]

FIELDS = ("logits", "features", "mc_logits")
_ROWS_AT_ONCE = 16_384


@dataclass(frozen=True)
class Predictions:
    """Outputs of a network for n rows, in the rows' order.

    Attributes:
        logits: float32 ``[n, c]``, before the softmax.
        features: float32 ``[n, d]``, the input of the classifier.
        mc_logits: float32 ``[t, n, c]`` of t dropout passes, or None.

    Raises:
        InputError: the lengths disagree.

    >>> predictions = Predictions(torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.zeros(2, 3))
    >>> len(predictions), predictions.predicted().tolist()
    (2, [1, 0])
    """

    logits: Logits
    features: torch.Tensor
    mc_logits: torch.Tensor | None = None

    def __post_init__(self) -> None:
        n = len(self.logits)
        if len(self.features) != n:
            raise InputError(f"logits of {n} rows, but features of {len(self.features)}")
        if self.mc_logits is not None and self.mc_logits.shape[1:] != self.logits.shape:
            raise InputError(
                f"logits are {tuple(self.logits.shape)}, but those of each dropout pass "
                f"{tuple(self.mc_logits.shape[1:])}"
            )

    def __len__(self) -> int:
        return len(self.logits)

    def take(self, rows: Rows) -> Predictions:
        """Keep ``rows``, in that order."""
        at = torch.as_tensor(rows, device=self.logits.device)
        return Predictions(
            self.logits[at],
            self.features[at.to(self.features.device)],
            None if self.mc_logits is None else self.mc_logits[:, at],
        )

    def predicted(self) -> Labels:
        """The most probable class of each row, int64 ``[n]``; of equals, the lower."""
        labels: Labels = self.logits.argmax(1).cpu().numpy()
        return labels

    def first_not_finite(self, fields: Iterable[str] = FIELDS) -> int | None:
        """The first row with NaN or infinity in one of ``fields``, or None.

        >>> Predictions(torch.zeros(2, 3), torch.tensor([[0.0], [torch.inf]])).first_not_finite()
        1
        """
        given = [(name, tensor) for name in fields if (tensor := getattr(self, name)) is not None]
        for start in range(0, len(self), _ROWS_AT_ONCE):
            block = slice(start, start + _ROWS_AT_ONCE)
            finite = torch.ones(min(_ROWS_AT_ONCE, len(self) - start), dtype=torch.bool)
            for name, tensor in given:
                by_row = tensor.transpose(0, 1) if name == "mc_logits" else tensor
                finite &= by_row[block].isfinite().flatten(1).all(1).cpu()
            broken = (~finite).nonzero()
            if len(broken):
                return start + int(broken[0, 0])
        return None
