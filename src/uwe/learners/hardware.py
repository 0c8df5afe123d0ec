"""What the hardware has: devices, arithmetic, memory; and asking it for the same bits again."""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch

from uwe._types import Images
from uwe.errors import InputError, require_known

__all__ = [
    "PRECISIONS",
    "deterministic",
    "fitted_batch",
    "give_back_memory",
    "has_bf16",
    "is_out_of_memory",
    "keep_freed_memory",
    "peak_memory_mb",
    "resolve_device",
    "resolve_precision",
    "seeded",
]

PRECISIONS = ("auto", "fp32", "bf16")
"""Choices of ``--precision``."""

_GLIBC = "libc.so.6"
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # as in malloc.h
# Between the 64 and 32 MiB that ResNet-18's maps of a batch of 256 have, so that an epoch's smaller
# last batch goes the way of the others.
_LEAST_GIVEN_BACK = 40 * 2**20
_AMPERE = 8
_BF16_FLAGS = {"avx512_bf16", "amx_bf16"}
_SHARE_OF_MEMORY = 8
# On the CPU a batch's widest map, of 64 channels, is 20 MiB in float32 and 32 in bf16: memory that
# is kept.
_PIXELS_A_BATCH = {
    "fp32": {"cuda": 2**21, "mps": 2**20, "cpu": 5 * 2**14},
    "bf16": {"cuda": 2**21, "mps": 2**20, "cpu": 2**18},
}
_LARGEST_BATCH = {"cuda": 4096, "mps": 1024, "cpu": 512}
_SMALLEST_WANTED = 16


def resolve_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is CUDA, MPS or the CPU, the first there is.

    Raises:
        InputError: it is unknown, or not there.

    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu"
    kind, _, number = name.partition(":")
    there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(_has_mps())}
    if kind not in there or (number and not number.isdecimal()):
        raise InputError(f"unknown device {name!r}; choose auto, cpu, cuda, cuda:N or mps")
    if int(number or 0) >= there[kind]:
        raise InputError(
            f"device {name!r} is not there (devices of that kind: {there[kind]}); "
            "--device auto takes what there is"
        )
    return torch.device(name)


def resolve_precision(name: str, device: torch.device) -> str:
    """``fp32`` or ``bf16``; ``auto`` is bf16 where the hardware computes in it.

    Raises:
        InputError: the name is unknown.

    >>> resolve_precision("bf16", torch.device("cpu"))
    'bf16'
    """
    require_known(name, PRECISIONS, "precision")
    if name != "auto":
        return name
    return "bf16" if has_bf16(device) else "fp32"


def has_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16, not merely takes it."""
    return _BF16[device.type](device)


def fitted_batch(
    image_shape: tuple[int, int, int], bytes_an_image: int, device: torch.device, precision: str
) -> int:
    """Rows in a batch of a pass: what is quick, as far as it fits.

    The measure is all the memory that the device has, not what is free just now, so that the batch
    and with it the last bits do not depend on what else is running. A pass takes at most an eighth
    of it, so that several runs share a device.

    Args:
        image_shape: height, width and channels.
        bytes_an_image: what all layers put out for one image; a pass holds fewer at once.
        device: where it runs.
        precision: ``fp32`` or ``bf16``.
    """
    height, width, _ = image_shape
    quick = max(_SMALLEST_WANTED, _PIXELS_A_BATCH[precision][device.type] // (height * width))
    fits = _total_memory(device) // _SHARE_OF_MEMORY // bytes_an_image
    return max(1, min(quick, fits, _LARGEST_BATCH[device.type]))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that an accelerator's or the machine's memory did not suffice.

    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"))
    True
    >>> is_out_of_memory(RuntimeError("shapes cannot be multiplied"))
    False
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _NO_MEMORY)


def peak_memory_mb(device: torch.device) -> float:
    """Peak of the accelerator's memory, or of the process's where there is none."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return _peak_of_process() / 2**20


def keep_freed_memory() -> None:
    """Let this process keep what it frees, where the C library is glibc.

    Otherwise every map of every batch comes from the system anew, page by page, and training a
    small network spends a fifth of its time there. Maps of 40 MiB and more come from what is kept
    or else from the system, and go back there: kept ones that fit no later map would be a fifth of
    a ResNet's memory. It is a setting of the whole process, so programs make it, never the library.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(_GLIBC)
        libc.mallopt(_M_MMAP_THRESHOLD, _LEAST_GIVEN_BACK)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def give_back_memory(x: Images) -> None:
    """Give back what is free, and the pages of ``x`` that were read if it is a mapped file.

    Between a pass and a training, whose blocks are of other sizes: neither then has to live beside
    what the other left. Whoever reads the file again finds its pages in the system's cache.
    """
    if isinstance(x, np.memmap) and x.mode == "r" and hasattr(mmap, "MADV_DONTNEED"):
        x._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]
    with suppress(OSError, AttributeError):
        ctypes.CDLL(_GLIBC).malloc_trim(0)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's own generators seeded within, and as they were afterwards."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """On CUDA, kernels that give the same bits every time."""
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
    return torch.backends.mps.is_available()


def _cuda_has_bf16(device: torch.device) -> bool:
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


def _peak_of_process() -> int:
    """Linux's own count; what ``getrusage`` tells begins at the peak of the parent."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def _total_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(machine, _limit_of_container(machine))


def _limit_of_container(machine: int) -> int:
    try:
        return int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return machine


_BF16: dict[str, Callable[[torch.device], bool]] = {
    "cuda": _cuda_has_bf16,
    "cpu": _cpu_has_bf16,
    "mps": lambda _: False,
}

_NO_MEMORY = ("can't allocate memory", "not enough memory", "CUDA out of memory")
