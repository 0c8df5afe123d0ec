"""Memory: its peak, batches that fit, and pages that are given back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from uwe.learners import fitted_batch, give_back_memory, memory, peak_memory_mb
from uwe.models import ModelSpec, model_size

CPU = torch.device("cpu")


def test_the_peak_of_memory_is_in_megabytes() -> None:
    """A process that has imported torch has taken between 50 MB and 50 GB."""
    assert 50 < peak_memory_mb(CPU) < 50_000


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak includes the parent's")
def test_the_peak_of_memory_is_not_that_of_the_parent() -> None:
    """A process that a large one starts tells of itself."""
    code = (
        "import torch; from uwe.learners import peak_memory_mb as p; print(p(torch.device('cpu')))"
    )
    large = np.ones(2**31, dtype=np.uint8)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(large) / 2**20 > 2 * float(done.stdout)


def test_a_batch_is_what_fits_an_eighth_of_the_memory(monkeypatch) -> None:
    """A batch is what fits the memory, at least one image, and at most 80 or, in bf16, 256."""
    size = model_size(ModelSpec("resnet18", 10, (32, 32, 3))).image_bytes
    assert size > 4 * 64 * 32 * 32  # one map of the first stage at least
    batch = {}
    for images in (0, 7, 70, 10**6):
        monkeypatch.setattr(memory, "_total_memory", lambda _, n=images: 8 * n * size)
        batch[images] = [
            fitted_batch((32, 32, 3), size, CPU, precision) for precision in ("fp32", "bf16")
        ]
    assert batch == {0: [1, 1], 7: [7, 7], 70: [70, 70], 10**6: [80, 256]}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_pages_of_a_file_that_were_read_are_given_back(tmp_path: Path) -> None:
    """The process no longer holds them, a slice is enough, and the file reads the same."""

    def held_mb() -> int:
        status = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in status if line.startswith("RssFile")).split()[1]) // 1024

    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.integers(0, 256, (4096, 64, 64, 3), dtype=np.uint8))
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    before = held_mb()
    total = int(x.sum())
    assert held_mb() - before > 40
    give_back_memory(x[:100])
    assert held_mb() - before < 10
    assert int(x.sum()) == total
    give_back_memory(np.zeros((1, 2, 2, 3), np.uint8))
