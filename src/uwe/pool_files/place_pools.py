"""Outputs at places of images, one image after another, as a pool of embeddings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt

from uwe._files import expanded, write_whole
from uwe._tensors import header_of, write_header
from uwe._types import FloatArray, IntArray, Progress, Stage
from uwe.dense import Reduced, Reduction
from uwe.dense.reduction import AXES
from uwe.errors import DataError, InputError
from uwe.pool_files import long_texts
from uwe.pool_files.maps import open_maps
from uwe.tables import as_ids, checked_ids

__all__ = ["Places", "place_pool", "places"]

_PAIR = 2
_END = object()


@dataclass(frozen=True)
class Places:
    """A pool that outputs at places became, one row an image.

    The features are weighted by the uncertainty of each place already. The form of `uwe` for such
    outputs is a selection of them without a second weight: ``uwe.select(places.features, k,
    strategy="coreset")``. Other strategies weigh the rows by ``uncertainty``.

    Attributes:
        features: weighted embeddings, float32 ``[n, d]``.
        uncertainty: of each image, float64 ``[n]``.
        counts: places of each image that count, int64 ``[n]``.
        ids: what people call the images.
        notes: what people should know of the outputs.
        reduction: how they were reduced.
    """

    features: npt.NDArray[np.float32]
    uncertainty: FloatArray
    counts: IntArray
    ids: tuple[str, ...]
    notes: tuple[str, ...]
    reduction: Reduction

    def __len__(self) -> int:
        return len(self.ids)

    def save(self, path: Path | str) -> None:
        """Write a ``.safetensors`` for ``uwe select``.

        Raises:
            InputError: the name ends in something else.
            RunError: the file cannot be written.
        """
        path = expanded(path)
        if path.suffix != ".safetensors":
            raise InputError(f"{path} must end in .safetensors")
        write_whole(path, self._write)

    def _write(self, file: BinaryIO) -> None:
        n, d = self.features.shape
        metadata = {"weighted by": self.reduction.measure, "reduce": self.reduction.reduce}
        arrays: _Arrays = {
            "uncertainty": ("F64", [n], self.uncertainty),
            "places": ("I64", [n], self.counts),
            "features": ("F32", [n, d], self.features),
        }
        header = _header(arrays, {**metadata, "ids": json.dumps(self.ids)})
        if len(header) > long_texts.HEADER_LIMIT:
            utf8, ends = long_texts.packed(self.ids)
            of_text, of_ends = long_texts.names_of("ids")
            text = np.frombuffer(utf8, np.uint8)
            arrays = {of_ends: ("I64", [n], ends), **arrays, of_text: ("U8", [len(utf8)], text)}
            header = _header(arrays, metadata)
        write_header(file, header)
        for _, _, array in arrays.values():
            file.write(np.ascontiguousarray(array).tobytes())


_Arrays: TypeAlias = "dict[str, tuple[str, list[int], np.ndarray[Any, Any]]]"
"""Type, shape and numbers of arrays by name, wider numbers first."""


def _header(arrays: _Arrays, metadata: Mapping[str, str]) -> bytes:
    told = ((name, kind, shape, array.nbytes) for name, (kind, shape, array) in arrays.items())
    return header_of(told, metadata)


def places(
    outputs: Iterable[Any] | Path | str,
    features: Iterable[Any] | None = None,
    *,
    given: str = "probs",
    measure: str = "entropy",
    reduce: str = "mean",
    top: float = 0.1,
    axes: str = "hwc",
    background: int | None = None,
    empty: float = 0.0,
    ids: Sequence[Any] | None = None,
    progress: Progress | None = None,
) -> Places:
    """One row of a pool for each image, of what a model says at the places of the image.

    Places are the pixels of a map of a segmentation model, or the objects that a detector found.
    The outputs are read one image after another and never held together.

    Formula: ``z = Σ w_p u_p f_p`` and ``u = Σ w_p u_p``, ``u_p`` being the uncertainty of a place
    and ``f_p`` its features, or its probabilities where there are no features; the weights
    ``w_p = 1 / P`` of ``reduce="mean"`` and the other weights are those of `uwe.dense.Reduction`.

    Args:
        outputs: any iterable, such as a generator or an array ``[n, h, w, c]``. An item is a map
            ``[h, w, c]``, or the scores ``[m, c]`` or ``[m]`` of m objects; or a tuple of it and
            its features. Maps of one column and scores ``[m]`` are the probability of the second of
            two classes. Or a folder of ``.npy`` and ``.npz`` files, one an image, of which the
            next is read while one is reduced; see `uwe.pool_files.Maps`.
        features: one item for each of ``outputs``: ``[h', w', d]`` of a map, ``[m, d]`` of objects.
            If h' and w' are not the map's, the uncertainty is averaged over each cell of the
            features.
        given: ``probs`` or ``logits``.
        measure: of a place: ``entropy``, ``margin`` or ``least_confident`` of probabilities that
            sum to 1, or ``objectness``, the binary entropy of the largest score.
        reduce: ``mean``, ``top`` (the mean over the most uncertain places), ``max``, ``sum``, or
            ``class_mean`` (the mean within each predicted class, then over classes).
        top: share of the places that ``reduce="top"`` takes.
        axes: of maps and their features: ``hwc`` or ``chw``.
        background: number of a class; places where it is predicted do not count.
        empty: uncertainty of an image without a place that counts, such as one without a detection;
            its features are 0.
        ids: what people call the images; by default the names of the files, or row numbers.
        progress: called with a `Stage` after each image.

    Returns:
        Features and uncertainties, for `uwe.select` or `Places.save`.

    Raises:
        InputError: an option does not fit, there is no image, or the images differ in the number of
            classes or features.
        DataError: an image's numbers are NaN or infinite, or no probabilities; it is named.

    Source: the form for dense outputs of uncertainty-weighted embeddings, as uwe states it.

    >>> import numpy as np
    >>> maps = [np.full((1, 2, 2), 0.5), np.array([[[1.0, 0.0], [1.0, 0.0]]])]
    >>> pool = places(maps)
    >>> pool.features.tolist(), pool.uncertainty.tolist()
    ([[0.5, 0.5], [0.0, 0.0]], [1.0, 0.0])
    """
    reduction = Reduction(given, measure, reduce, top, axes, background, empty)
    names = None if ids is None else as_ids(ids, "ids")
    if isinstance(outputs, str | Path):
        if features is not None:
            raise InputError(
                f"features= goes with a stream of outputs; of the folder {outputs} they are read "
                "from its .npz files"
            )
        maps = open_maps(expanded(outputs))
        rows = maps.each(given, reduction.of)
        return place_pool(reduction, rows, names or maps.ids, len(maps), progress)
    stream = outputs if features is None else _joined(outputs, features)
    total = next((len(each) for each in (outputs, names) if isinstance(each, Sized)), None)
    rows = (reduction.of(_called(names, at), *_pair(item)) for at, item in enumerate(stream))
    return place_pool(reduction, rows, names, total, progress)


def place_pool(
    reduction: Reduction,
    stream: Iterable[Reduced],
    ids: Sequence[str] | None,
    total: int | None = None,
    progress: Progress | None = None,
) -> Places:
    """The pool of images that are reduced one after another.

    Args:
        reduction: what reduces them.
        stream: what stands for each image.
        ids: one for each; None: row numbers.
        total: number of images, where it is known.
        progress: called with a `Stage` after each image.

    Raises:
        InputError: there are more or fewer images than ids, or none; or as `places`.
        DataError: as `places`.
    """
    if ids is not None:
        checked_ids(list(ids), "ids")
    rows: list[_Row] = []
    first: dict[str, tuple[str, int]] = {}
    for at, reduced in enumerate(stream):
        _require_equal(first, _called(ids, at), reduced)
        rows.append(_Row.of(reduced))
        if progress is not None:
            progress(Stage("", 0, "reduce places", at + 1, total or at + 1))
    if not rows:
        raise InputError("there are no outputs; at least one image is needed")
    if ids is not None and len(ids) != len(rows):
        raise InputError(f"there are {len(ids)} ids, but {len(rows)} images; give an id for each")
    if "features" not in first:
        raise InputError(
            f"none of the {len(rows)} images has a place, so that the number of classes is unknown;"
            " give empty scores of shape [0, classes]"
        )
    told = tuple(map(str, range(len(rows)))) if ids is None else tuple(ids)
    return _gathered(reduction, rows, first["features"][1], told)


@dataclass(frozen=True)
class _Row:
    """What is kept of an image: its features ``[d]`` or None, and what else `Places` holds."""

    features: npt.NDArray[np.float32] | None
    uncertainty: float
    count: int
    classes: int | None
    is_odd: bool
    is_turned: bool

    @classmethod
    def of(cls, reduced: Reduced) -> _Row:
        with np.errstate(over="ignore"):  # said by `_gathered`
            features = None if reduced.features is None else reduced.features.astype(np.float32)
        return cls(
            features,
            reduced.uncertainty,
            reduced.count,
            reduced.classes,
            reduced.is_odd,
            reduced.is_turned,
        )


def _gathered(
    reduction: Reduction, rows: Sequence[_Row], width: int, ids: tuple[str, ...]
) -> Places:
    features = np.zeros((len(rows), width), np.float32)
    for row, each in enumerate(rows):
        if each.features is not None:
            features[row] = each.features
    if not np.isfinite(features).all():
        row = int((~np.isfinite(features)).any(1).argmax())
        raise DataError(f"the embedding of {ids[row]} is too large for float32; scale the features")
    counts = np.array([each.count for each in rows], dtype=np.int64)
    return Places(
        features,
        np.array([each.uncertainty for each in rows]),
        counts,
        ids,
        tuple(_notes(reduction, rows, counts, ids)),
        reduction,
    )


def _notes(
    reduction: Reduction, rows: Sequence[_Row], counts: IntArray, ids: Sequence[str]
) -> Iterator[str]:
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        yield (
            f"{len(empty)} of {len(rows)} images have no place that counts, such as "
            f"{ids[empty[0]]}: features 0, uncertainty {reduction.empty:g}"
        )
    if all(row.is_odd or not row.count for row in rows) and counts.any():
        yield (
            "the outputs are given as logits, but all are from 0 to 1 and sum to 1; "
            "if they are probabilities, say given=probs"
        )
    if all(row.is_turned or not row.count for row in rows) and counts.any():
        classes = next(row.classes for row in rows if row.count)
        other = next(each for each in AXES if each != reduction.axes)
        yield (
            f"the maps have {classes} classes and far fewer rows or columns; if their axes are in "
            f"another order, say axes={other}"
        )


def _require_equal(first: dict[str, tuple[str, int]], name: str, reduced: Reduced) -> None:
    """Compare the widths with those of the first image that has any."""
    widths = {
        "classes": reduced.classes,
        "features": None if reduced.features is None else len(reduced.features),
    }
    for what, width in widths.items():
        if width is None:
            continue
        earlier, before = first.setdefault(what, (name, width))
        if before != width:
            raise InputError(
                f"{name} has {width} {what}, but {earlier} has {before}; all images need the same"
            )


def _called(ids: Sequence[str] | None, at: int) -> str:
    if ids is not None and at >= len(ids):
        raise InputError(f"there are {len(ids)} ids, but more images; give an id for each")
    return f"image {at}" if ids is None else ids[at]


def _pair(item: Any) -> tuple[Any, Any]:
    return item if isinstance(item, tuple) and len(item) == _PAIR else (item, None)


def _joined(outputs: Iterable[Any], features: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    others = iter(features)
    for at, item in enumerate(outputs):
        if isinstance(item, tuple):
            raise InputError(
                f"image {at} is a tuple, and features= is given, too; leave one of them out"
            )
        more = next(others, _END)
        if more is _END:
            raise InputError(f"there are features of {at} images, but more outputs")
        yield item, more
    if next(others, _END) is not _END:
        raise InputError("there are features of more images than outputs")
