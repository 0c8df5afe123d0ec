"""What a model gives for a batch: looked at, and made a pair of tensors."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from uwe.errors import (
    InputError,
    RunError,
    UweError,
    place_in_user_code,
    reason_of,
    text_of,
    told_of,
)

__all__ = ["Encoded", "checked", "failure"]

Encoded: TypeAlias = tuple[torch.Tensor | None, torch.Tensor]  # logits [b, c] or None, features

_WANTED = "(logits or None, features), or a dict with features and, if it classifies, logits"


def checked(name: str, said: Any, n: int) -> Encoded:
    """Logits ``[n, c]`` or None, and features ``[n, d]``, float32 on the CPU.

    Args:
        name: of the model, for an error.
        said: a pair or a dict of tensors, arrays or lists.
        n: items of the batch.

    Raises:
        InputError: it is anything else, or has another number of rows.
    """
    logits, features = _pair(name, said)
    return (
        None if logits is None else _matrix(name, "logits", logits, n),
        _matrix(name, "features", features, n),
    )


def failure(name: str, error: Exception | SystemExit, n: int) -> UweError:
    """What a model raised for a batch of ``n`` items, as one line."""
    if isinstance(error, UweError):
        return error
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return RunError(f"model {name} is out of memory with {n} items at once; lower --batch")
    if place_in_user_code(error) is not None or isinstance(error, SystemExit):
        return InputError(f"model {name} failed: {told_of(error)}")
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return InputError(f"model {name} failed: {reason_of(error)[:300]}{where}")


def _pair(name: str, said: Any) -> tuple[Any, Any]:
    if isinstance(said, Mapping) and said.get("features") is not None:
        return said.get("logits"), said["features"]
    if isinstance(said, tuple) and len(said) == 2 and said[1] is not None:
        return said[0], said[1]
    raise InputError(f"model {name} must give {_WANTED}, not {_shown(said)}")


def _shown(said: Any) -> str:
    if isinstance(said, Mapping):
        return f"a {type(said).__name__} with {', '.join(map(str, said)) or 'nothing'}"
    if isinstance(said, tuple):
        return f"a tuple of {', '.join(type(each).__name__ for each in said) or 'nothing'}"
    return type(said).__name__


def _matrix(name: str, what: str, value: Any, n: int) -> torch.Tensor:
    tensor = _tensor(name, what, value)
    if tensor.ndim != 2 or len(tensor) != n or not tensor.shape[1]:
        raise InputError(
            f"model {name} gives {what} of shape {tuple(tensor.shape)} for {n} items, not [{n}, …]"
        )
    floats = tensor.float().cpu()
    if tensor.dtype == torch.float64:
        large = (tensor.cpu().isfinite() & ~floats.isfinite()).nonzero()
        if len(large):
            row, column = large[0].tolist()
            raise InputError(
                f"model {name} gives {what} of up to {float(tensor[row, column]):g}, which float32 "
                "does not hold; scale them"
            )
    return floats


def _tensor(name: str, what: str, value: Any) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided or value.is_complex():
            kind = "complex" if value.is_complex() else "sparse"
            raise InputError(f"model {name} gives {kind} {what}; give a dense tensor of floats")
        return value.detach()
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise ValueError(f"an array of {array.dtype}")
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(
            f"model {name} gives {type(value).__name__} as {what}, which is no array of numbers: "
            f"{text_of(error, longest=200)}"
        ) from error
    return torch.from_numpy(array.astype(np.float32 if array.dtype.itemsize < 4 else np.float64))
