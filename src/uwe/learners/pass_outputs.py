"""The outputs of a pass over many rows, as they come from the network."""

from __future__ import annotations

import torch

from uwe.learners.scale import Scale, unscaled
from uwe.predictions import Predictions

__all__ = ["PassOutputs"]


class PassOutputs:
    """The outputs of a pass, batch by batch, in memory that is allocated once."""

    def __init__(self, n: int, device: torch.device) -> None:
        self.n = n
        self.device = device
        self.rows = 0
        self._whole: list[torch.Tensor] = []

    def add(
        self,
        logits: torch.Tensor,
        features: torch.Tensor,
        mc_logits: torch.Tensor,
        at: torch.Tensor | None = None,
    ) -> None:
        """Keep the outputs of the next rows, or of the rows ``at``, int64 ``[b]`` on the CPU."""
        parts = (logits, features, mc_logits.transpose(0, 1))
        if not self._whole:
            self._whole = [self._space(part.shape[1:]) for part in parts]
        end = self.rows + len(logits)
        for whole, part in zip(self._whole, parts, strict=True):
            if at is None:
                whole[self.rows : end].copy_(part, non_blocking=True)
            else:
                whole[at] = part.cpu()
        self.rows = end

    def predictions(self, output: str, scale: Scale) -> Predictions:
        """The outputs of all rows, under the output's name, in the labels' own unit."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        raw, features, mc_raw = self._whole
        drawn = mc_raw.transpose(0, 1).contiguous()
        return Predictions(
            outputs={output: unscaled(raw, output, scale)},
            features=features,
            passes={output: unscaled(drawn, output, scale)} if len(drawn) else None,
        )

    def _space(self, shape: torch.Size) -> torch.Tensor:
        with torch.inference_mode(mode=False):
            return torch.empty(self.n, *shape, pin_memory=self.device.type == "cuda")
