"""Where and with what figures were taken."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import torch

from benchmarks.timing import timed


def machine() -> dict[str, object]:
    """Where and with what the figures were taken."""
    return {
        "cpu": _cpu(),
        "threads": torch.get_num_threads(),
        "load": Path("/proc/loadavg").read_text().split()[0],
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "product_gflops": round(_product_rate() / 1e9),
        "read_gbytes": round(_read_rate() / 1e9, 1),
    }


def peak_mb(process: int | str = "self") -> float:
    """The most memory that a process (Linux) had resident so far; 0 once it has ended.

    What ``getrusage`` tells begins at the peak of the process that started it.
    """
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _product_rate() -> float:
    x = np.ones((8192, 512), np.float32)
    best = min(timed(lambda: x @ x[:1024].T) for _ in range(5))
    return 2 * 8192 * 1024 * 512 / best


def _read_rate() -> float:
    x = np.ones((58_000, 512), np.float32)
    return x.nbytes / min(timed(lambda: x @ x[0]) for _ in range(5))
