"""What every learner says of a network on a device: name, size, memory and batches."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import torch

from uwe.learners.memory import fitted_batch, peak_memory_mb
from uwe.learners.protocol import Footprint
from uwe.models import ModelSize

__all__ = ["OnDevice", "listed"]


class _Spec(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    def size(self) -> ModelSize: ...


class _Training(Protocol):
    @property
    def batch(self) -> int: ...


class OnDevice:
    """A learner whose network is computed on one device: what of `Measured` follows from that.

    Attributes:
        spec: the network.
        training: the recipe.
        device: of trainings and passes.
        inference_batch: rows in a batch of a pass.
        precision: ``fp32`` or ``bf16``.
    """

    spec: _Spec
    training: _Training
    device: torch.device
    inference_batch: int
    precision: str

    @property
    def name(self) -> str:
        """Name of the network."""
        return self.spec.name

    @cached_property
    def size(self) -> ModelSize:
        """Size of the network, measured at the first use."""
        return self.spec.size()

    @property
    def device_name(self) -> str:
        """Name of the device, such as ``cpu`` or ``cuda:0``."""
        return str(self.device)

    @property
    def footprint(self) -> Footprint:
        """Expected size of models and features."""
        return Footprint(self.size.bytes, self.size.features)

    def fitted_batch(self) -> int:
        """The batch of a pass that is fast and fits the memory of the device."""
        return fitted_batch(self.spec.shape, self.size.image_bytes, self.device, self.precision)

    def peak_memory_mb(self) -> float:
        """Peak of the memory so far, in MiB."""
        return peak_memory_mb(self.device)

    def describe(self) -> str:
        """Network, device, precision and batches, for the log."""
        return (
            f"{self.name}, device {self.device}, precision {self.precision}, batches of "
            f"{self.training.batch} in training and {self.inference_batch} in passes"
        )

    def autocast(self) -> torch.autocast:
        """Half precision of the body, where the learner uses it."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")


def listed(values: dict[str, Any]) -> dict[str, Any]:
    """Tuples as lists, as JSON returns them.

    >>> listed({"zoom": (0.8, 1.4)})
    {'zoom': [0.8, 1.4]}
    """
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}
