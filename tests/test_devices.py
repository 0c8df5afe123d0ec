"""Devices and their precision: which are chosen, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from uwe.errors import InputError
from uwe.learners import resolve_device, resolve_precision


@pytest.mark.parametrize("name", ["cuda:99", "tpu", "cuda:x"])
def test_a_device_that_is_not_there_is_an_error(name: str) -> None:
    """The error names the device and what can be chosen."""
    with pytest.raises(InputError, match=name):
        resolve_device(name)


def test_auto_is_a_device_that_is_there() -> None:
    """``auto`` always works."""
    assert resolve_device("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize(("flags", "chosen"), [("avx2 avx512_bf16", "bf16"), ("avx2", "fp32")])
def test_auto_is_bf16_where_the_processor_has_it(monkeypatch, flags: str, chosen: str) -> None:
    """The flags of the processor decide."""
    cpu = torch.device("cpu")
    monkeypatch.setattr(Path, "read_text", lambda *_args, **_kw: f"flags\t\t: fpu {flags}\n")
    assert resolve_precision("auto", cpu) == chosen
    assert resolve_precision("fp32", cpu) == "fp32"
