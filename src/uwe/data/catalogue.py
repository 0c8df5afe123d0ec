"""The table of data sets, and the one door to them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from uwe._types import Progress
from uwe.data.cifar import load_cifar10, load_cifar100
from uwe.data.dataset import Dataset
from uwe.data.digits import load_digits
from uwe.data.fashion_mnist import load_fashion_mnist
from uwe.data.folder import load_folder
from uwe.data.hub import HUB_PREFIX, load_hub
from uwe.data.mini_imagenet import load_mini_imagenet
from uwe.data.request import Request
from uwe.errors import DataError, InputError, require_known

__all__ = ["dataset_lines", "dataset_names", "load_dataset"]

_HUB = f"{HUB_PREFIX}NAME"

_LOADERS: Mapping[str, Callable[[Request], Dataset]] = MappingProxyType(
    {
        "digits": load_digits,
        "fashion_mnist": load_fashion_mnist,
        "cifar10": load_cifar10,
        "cifar100": load_cifar100,
        "mini_imagenet": load_mini_imagenet,
        "folder": load_folder,
        _HUB: load_hub,
    }
)


def dataset_names() -> tuple[str, ...]:
    """Names for ``load_dataset``; ``hub:NAME`` stands for any data set of the hub."""
    return tuple(_LOADERS)


def dataset_lines() -> dict[str, str]:
    """One line of text on each data set: the first line of its loader's docstring."""
    return {
        name: (inspect.getdoc(loader) or "").partition("\n")[0] for name, loader in _LOADERS.items()
    }


def load_dataset(
    name: str,
    *,
    data_dir: str | Path | None = None,
    image_size: int | None = None,
    test_fraction: float | None = None,
    pool_size: int | None = None,
    test_size: int | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Load a data set: decoded at the first call, memory-mapped from the cache later.

    Args:
        name: one of ``dataset_names()``.
        data_dir: where the files are; looked for in ``data_dir/name``, then in ``data_dir``.
        image_size: resize the shorter side to this many pixels and crop the centre square.
        test_fraction: the part of each class that is held out for testing, of a source with
            one split; 0.2 if it is None.
        pool_size: keep the first rows of the pool only; others are not decoded.
        test_size: keep the first test rows only, likewise.
        progress: called now and then while images are decoded.

    Returns:
        the data set, images as uint8.

    Raises:
        InputError: a name or an option does not fit.
        DataError: the data set is missing, broken or inconsistent.
        UweError: the cache cannot be written.

    >>> load_dataset("digits").image_shape
    (8, 8, 1)
    """
    request = Request(
        name=name,
        data_dir=None if data_dir is None else Path(data_dir).expanduser(),
        image_size=image_size,
        test_fraction=test_fraction,
        pool_size=pool_size,
        test_size=test_size,
        progress=progress,
    )
    try:
        return _loader(name)(request).limited(pool_size, test_size)
    except OSError as error:
        raise DataError(f"cannot read {error.filename}: {error.strerror or error}") from error


def _loader(name: str) -> Callable[[Request], Dataset]:
    if name.startswith(HUB_PREFIX):
        return _LOADERS[_HUB]
    try:
        return _LOADERS[require_known(name, _LOADERS, "data set")]
    except InputError as error:
        raise InputError(
            f"{error} ({_HUB} is for an image data set of the Hugging Face hub or a folder "
            "of Parquet files"
        ) from None
