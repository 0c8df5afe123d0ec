"""The memory of devices and of the process: peaks, batches that fit, and giving memory back."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from uwe._types import Images

__all__ = [
    "fitted_batch",
    "give_back_memory",
    "is_out_of_memory",
    "keep_freed_memory",
    "peak_memory_mb",
]

_GLIBC = "libc.so.6"
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # as in malloc.h
# Between the 64 and 32 MiB that ResNet-18's maps of a batch of 256 have, so that an epoch's smaller
# last batch goes the way of the others.
_LEAST_GIVEN_BACK = 40 * 2**20
_SHARE_OF_MEMORY = 8
# On the CPU a batch's widest map, of 64 channels, is 20 MiB in float32 and 32 in bf16: memory that
# is kept.
_PIXELS_A_BATCH = {
    "fp32": {"cuda": 2**21, "mps": 2**20, "cpu": 5 * 2**14},
    "bf16": {"cuda": 2**21, "mps": 2**20, "cpu": 2**18},
}
_LARGEST_BATCH = {"cuda": 4096, "mps": 1024, "cpu": 512}
_SMALLEST_WANTED = 16
_MEMORY_IF_UNKNOWN = 8 * 2**30
_IMAGE_AXES = 3


def fitted_batch(
    shape: tuple[int, ...], bytes_an_image: int, device: torch.device, precision: str
) -> int:
    """Rows in a batch of a pass: the batch that is fast, or a smaller one that fits.

    The batch depends on the whole memory of the device, not on what is free at the moment, so that
    the batch, and with it the last bits, do not depend on other processes. A pass takes at most an
    eighth of the memory, so that several runs can share a device.

    Args:
        shape: height, width and channels of an image, or the shape of a row.
        bytes_an_image: size of the outputs of all layers for one image or row; a pass holds fewer
            of them at once.
        device: device of the pass.
        precision: ``fp32`` or ``bf16``.
    """
    height, width = shape[:2] if len(shape) == _IMAGE_AXES else (1, 1)
    quick = max(_SMALLEST_WANTED, _PIXELS_A_BATCH[precision][device.type] // (height * width))
    fits = _total_memory(device) // _SHARE_OF_MEMORY // bytes_an_image
    return max(1, min(quick, fits, _LARGEST_BATCH[device.type]))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` means that the memory of an accelerator or of the machine was too small.

    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"))
    True
    >>> is_out_of_memory(RuntimeError("shapes cannot be multiplied"))
    False
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _NO_MEMORY)


def peak_memory_mb(device: torch.device) -> float:
    """Peak of the accelerator's memory, or of the process's on the CPU, in MiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return _peak_of_process() / 2**20


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, if the C library is glibc.

    Otherwise the system provides every map of every batch anew, page by page, and training a small
    network spends a fifth of its time on that. Maps of 40 MiB and more still go back to the system:
    kept ones that fit no later map would be a fifth of a ResNet's memory. The setting concerns the
    whole process, so only programs call this function, never the library.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(_GLIBC)
        libc.mallopt(_M_MMAP_THRESHOLD, _LEAST_GIVEN_BACK)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def give_back_memory(x: Images) -> None:
    """Give free memory back to the system, and the pages of ``x`` if it is a mapped file.

    It is called between a pass and a training, whose blocks have other sizes, so that neither needs
    memory beside what the other one left. If the file is read again, its pages come from the
    system's cache.
    """
    if isinstance(x, np.memmap) and x.mode == "r" and hasattr(mmap, "MADV_DONTNEED"):
        x._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]
    with suppress(OSError, AttributeError):
        ctypes.CDLL(_GLIBC).malloc_trim(0)


def _peak_of_process() -> int:
    """Linux's own count; the count of ``getrusage`` begins at the peak of the parent process.

    0 where the system has neither.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024
    except (OSError, StopIteration):
        return _peak_of_getrusage()


def _peak_of_getrusage() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _total_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    machine = _memory_of_machine()
    return min(machine, _limit_of_container(machine))


def _memory_of_machine() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return _MEMORY_IF_UNKNOWN


def _limit_of_container(machine: int) -> int:
    try:
        return int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return machine


_NO_MEMORY = ("can't allocate memory", "not enough memory", "CUDA out of memory")
