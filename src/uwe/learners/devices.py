"""Devices and their arithmetic, and how to get the same bits again; torch loads at first use."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from uwe.errors import InputError, require_known

if TYPE_CHECKING:
    import torch

__all__ = [
    "PRECISIONS",
    "check_device_name",
    "deterministic",
    "has_bf16",
    "resolve_device",
    "resolve_precision",
    "seeded",
]

PRECISIONS = ("auto", "fp32", "bf16")
"""Choices of ``--precision``."""

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:[0-9]+)?")
_AMPERE = 8
_BF16_FLAGS = {"avx512_bf16", "amx_bf16"}


def check_device_name(name: str) -> str:
    """Check that ``name`` can name a device; whether this machine has it is not checked.

    Raises:
        InputError: it cannot.

    >>> check_device_name("cuda:1")
    'cuda:1'
    """
    if not _DEVICE.fullmatch(name):
        raise InputError(f"unknown device {name!r}; choose auto, cpu, cuda, cuda:N or mps")
    return name


def resolve_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is CUDA, MPS or the CPU, the first that is available.

    Raises:
        InputError: the name is unknown, or this machine has no such device.

    >>> resolve_device("cpu")
    device(type='cpu')
    """
    import torch

    check_device_name(name)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu"
    kind, _, number = name.partition(":")
    available = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(_has_mps())}
    if int(number or 0) >= available[kind]:
        raise InputError(
            f"device {name!r} is not available (devices of that kind: {available[kind]}); "
            "--device auto chooses an available one"
        )
    return torch.device(name)


def resolve_precision(name: str, device: torch.device) -> str:
    """``fp32`` or ``bf16``; ``auto`` is bf16 where the hardware computes in it.

    Raises:
        InputError: the name is unknown.

    >>> resolve_precision("bf16", resolve_device("cpu"))
    'bf16'
    """
    require_known(name, PRECISIONS, "precision")
    if name != "auto":
        return name
    return "bf16" if has_bf16(device) else "fp32"


def has_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16, not merely takes it."""
    return _BF16[device.type](device)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's own generators inside the block, and restore them afterwards."""
    import torch

    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """On CUDA, use kernels that give the same bits every time."""
    import torch

    if device.type != "cuda":
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    cudnn = torch.backends.cudnn
    before = (cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32)
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = True, False, False
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = before
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)


def _has_mps() -> bool:
    import torch

    return torch.backends.mps.is_available()


def _cuda_has_bf16(device: torch.device) -> bool:
    import torch

    major, _ = torch.cuda.get_device_capability(device)
    return major >= _AMPERE


def _cpu_has_bf16(device: torch.device) -> bool:
    del device
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return not _BF16_FLAGS.isdisjoint(flags.split())


_BF16: dict[str, Callable[[torch.device], bool]] = {
    "cuda": _cuda_has_bf16,
    "cpu": _cpu_has_bf16,
    "mps": lambda _: False,
}
