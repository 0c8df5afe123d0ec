"""A folder of maps: a file of outputs for each image, read when it is asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from threading import Barrier, local
from typing import Any, TypeVar

import numpy as np

from uwe.errors import DataError, require_known
from uwe.pool_files.arrays import open_npz, read_npy
from uwe.pool_files.container import Container

__all__ = ["Maps", "open_maps"]

Array = np.ndarray[Any, Any]
T = TypeVar("T")

_FEATURES = "features"
_WORKERS = 2
_OUTPUTS = ("probs", "logits")
_SUFFIXES = (".npy", ".npz")
_EVEN = {"probs": 0.5, "logits": 0.0}
"""Where two classes are equally probable."""
_MOST_CLASSES = 256  # of a map of classes in uint8


@dataclass(frozen=True)
class Maps:
    """Outputs in files, one file an image; ids are the names of the files without their suffix.

    A ``.npy`` holds the map ``[h, w, c]``, or the scores ``[m, c]`` of objects. A ``.npz`` holds
    them as ``probs``, as ``logits`` or as its only array, and may hold ``features`` beside them.

    Attributes:
        folder: of the files.
        files: in the order of their names.
    """

    folder: Path
    files: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.files)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """One for each file."""
        return tuple(file.stem for file in self.files)

    def read(self, name: str, given: str | None = None) -> tuple[Array, Array | None]:
        """The outputs of an image, and its features if the file holds any.

        Args:
            name: the id.
            given: ``probs`` or ``logits``, where the caller expects one of them.

        Raises:
            InputError: there is no such id.
            DataError: the file cannot be read, or holds something else.
        """
        require_known(name, self._by_id, "map")
        return _read(self._by_id[name], given)

    def predicted(self, name: str, given: str = "probs", axes: str = "hwc") -> Array:
        """The most probable class of each pixel of a map, uint8 ``[h, w]``.

        Args:
            name: the id.
            given: ``probs`` or ``logits``, which matters for a map of one column.
            axes: of the map, ``hwc`` or ``chw``.

        Raises:
            DataError: it is no map, or has more than 256 classes.
        """
        require_known(given, _EVEN, "form of outputs")
        outputs, _ = self.read(name)
        if outputs.ndim != len(axes):
            raise DataError(
                f"{self._by_id[name]} has the shape {outputs.shape}; a map has three axes"
            )
        axis = axes.index("c")
        if outputs.shape[axis] > _MOST_CLASSES:
            raise DataError(
                f"{self._by_id[name]} has {outputs.shape[axis]} classes; {_MOST_CLASSES} are drawn "
                "at most"
            )
        if outputs.shape[axis] == 1:  # the probability of the second of two classes
            second: Array = np.take(outputs, 0, axis) > _EVEN[given]
            return second.astype(np.uint8)
        classes: Array = outputs.argmax(axis).astype(np.uint8)
        return classes

    def each(self, given: str, work: Callable[[str, Array, Array | None], T]) -> Iterator[T]:
        """What ``work`` makes of the id, the outputs and the features of each image, in order.

        Threads read and work ahead, one image each.

        Args:
            given: ``probs`` or ``logits``, as in `read`.
            work: may be called in any thread; what it returns may not hold on to the arrays,
                whose memory is used again.
        """
        of_thread = local()

        def done(at: int) -> T:
            kept = getattr(of_thread, "kept", None)
            outputs, features = _read(self.files[at], given, kept)
            of_thread.kept = outputs
            return work(self.ids[at], outputs, features)

        with _threads() as pool:
            coming: deque[Future[T]] = deque()
            for at in range(len(self)):
                coming.append(pool.submit(done, at))
                if len(coming) > _WORKERS:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()

    @cached_property
    def _by_id(self) -> dict[str, Path]:
        return dict(zip(self.ids, self.files, strict=True))


def open_maps(folder: Path) -> Maps:
    """Look at a folder of maps.

    Raises:
        DataError: there is no such folder, it holds no ``.npy`` and no ``.npz``, or two files of
            the same name.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> np.save(folder / "street.npy", np.full((2, 2, 3), 1 / 3))
    >>> open_maps(folder).ids
    ('street',)
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder} of maps")
    files = sorted(file for file in folder.iterdir() if is_map(file))
    if not files:
        raise DataError(f"{folder} holds no maps; a map is a file .npy or .npz for each image")
    twice = [b for a, b in pairwise(files) if a.stem == b.stem]
    if twice:
        raise DataError(f"{folder} holds two maps of {twice[0].stem!r}; remove one")
    return Maps(folder, tuple(files))


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    """Threads in which torch uses one thread each: teams that share cores wait for each other.

    While they work, torch uses one thread in the calling thread, too, because the number that its
    matrix products take is one for the whole process.
    """
    import torch

    before = torch.get_num_threads()
    ready = Barrier(_WORKERS + 1)

    def begin() -> None:
        torch.set_num_threads(1)
        ready.wait()

    with ThreadPoolExecutor(_WORKERS) as pool:
        for _ in range(_WORKERS):
            pool.submit(begin)
        ready.wait()
        torch.set_num_threads(1)
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(before)


def is_map(file: Path) -> bool:
    """Whether the name of a file is that of a map."""
    return file.suffix.lower() in _SUFFIXES and not file.name.startswith(".")


def _read(file: Path, given: str | None, memory: Array | None = None) -> tuple[Array, Array | None]:
    if file.suffix.lower() == ".npy":
        return read_npy(file, memory), None
    found = open_npz(file)
    outputs = np.array(found.read(_outputs_of(found, given)))
    features = np.array(found.read(_FEATURES)) if _FEATURES in found.names else None
    return outputs, features


def _outputs_of(found: Container, given: str | None) -> str:
    """The name of the outputs in a .npz."""
    there = [name for name in _OUTPUTS if name in found.names]
    others = [name for name in found.names if name != _FEATURES]
    if given in there:
        return str(given)
    if given is not None and there:
        raise DataError(f"{found.path} holds {there[0]}, not {given}; say given={there[0]}")
    if there or len(others) == 1:
        return (there or others)[0]
    shown = ", ".join(found.names) or "nothing"
    raise DataError(
        f"{found.path} holds {shown}; a map is an array probs or logits, or the only array besides "
        "features"
    )
