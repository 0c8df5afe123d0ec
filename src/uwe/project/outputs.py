"""Outputs of a model outside a project, by which it picks when it trains no model itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from uwe._files import file_digest
from uwe._types import Progress, Rows
from uwe.errors import DataError, InputError, require_known
from uwe.journal import Event, Queried
from uwe.pool import Pool
from uwe.project.digests import digest
from uwe.project.ids import Ids
from uwe.project.matching import classes_of, names_by_row, note_on_numbers, notes_on, rows_of
from uwe.project.shapes import has_shapes
from uwe.strategies import Picks, Question, Strategy, Wishes, wished
from uwe.tasks import Task

if TYPE_CHECKING:
    import torch

    from uwe.dense import Reduction
    from uwe.pool_files import Detections, PoolFile

__all__ = [
    "LEAST_SCORE",
    "HowRead",
    "LastOutputs",
    "OwnOutputs",
    "last_outputs",
    "read_own_outputs",
]

LEAST_SCORE = 0.5
"""The smallest score of a box that people see, unless they say so."""

SizeOf: TypeAlias = "Callable[[int], tuple[int, int] | None]"
"""Gives width and height of the image of a row."""

_FACT = "outputs"
_LOOKED_AT = 1000  # images whose headers are read
_ARRAYS = ("probs", "logits", "mc_probs", "mean", "variance", "std", "mc_mean", "mc_variance")


@dataclass(frozen=True)
class HowRead:
    """How outputs are read.

    Attributes:
        images: of detections, annotations of COCO or a list of ids, which say which images there
            are; or None.
        places: options of `uwe.dense.Reduction`, such as ``given`` and ``reduce``.
    """

    images: Path | None = None
    places: Mapping[str, Any] = field(default_factory=dict)

    @property
    def record(self) -> dict[str, Any]:
        """What the journal records; nothing of the defaults."""
        images = {} if self.images is None else {"images": str(self.images)}
        return images | ({"places": dict(self.places)} if self.places else {})

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> HowRead:
        """What `record` gave."""
        images, places = record.get("images"), record.get("places")
        return cls(
            None if images is None else Path(str(images)),
            dict(places) if isinstance(places, Mapping) else {},
        )

    def refuse(self, path: Path) -> None:
        """Refuse options of places for a pool, which has none.

        Raises:
            InputError: there are such options.
        """
        if self.images is not None:
            raise InputError(f"--image-list is for detections in a .json, and {path} holds none")
        if self.places:
            raise InputError(f"--place-option is for maps and detections; {path} is a pool already")


@dataclass(frozen=True)
class OwnOutputs:
    """The outputs of a model outside the project, for its rows.

    Attributes:
        path: of the file or folder.
        digest: of its content; of a folder, of the names, sizes and times of its files.
        rows: of the project that have outputs, rising.
        arrays: features, uncertainty and the other outputs, by name, one entry a row of ``rows``.
        given: the boxes or the mask of a row, as `Shapes.given` takes them; None where the outputs
            have none.
        notes: what people should know of the outputs.
        how: they were read.
        is_weighted: whether the features are weighted by the uncertainty of places already.
    """

    path: Path
    digest: str
    rows: Rows
    arrays: Mapping[str, Any] = field(repr=False)
    given: Callable[[int], Any] = field(default=lambda row: None, repr=False)  # noqa: ARG005
    notes: tuple[str, ...] = ()
    how: HowRead = field(default_factory=HowRead)
    is_weighted: bool = True

    @property
    def facts(self) -> dict[str, Any]:
        """What the journal records."""
        told = {"path": str(self.path), "digest": self.digest, "rows": len(self.rows)}
        return {_FACT: told | self.how.record}

    def picks(
        self,
        k: int,
        pool: Pool,
        task: Task,
        strategy: Strategy,
        *,
        seed: int,
        wishes: Wishes,
        progress: Progress | None = None,
    ) -> Picks:
        """The strategy's picks among the rows that have outputs and are not given out.

        Args:
            k: how many rows; if fewer are left, those.
            pool: of the project.
            task: what is labelled.
            strategy: picks.
            seed: of every draw.
            wishes: for the picks.
            progress: callback.

        Raises:
            InputError: no row with outputs is left, the outputs lack what the strategy needs, or a
                wish cannot be met.
        """
        if not wishes.are_none and len(self.rows) < len(pool):
            raise InputError(
                f"wishes need outputs of all {len(pool):,} rows, and {self.path} has those of "
                f"{len(self.rows):,}; leave the wishes out"
            )
        left = len(np.setdiff1d(self.rows, pool.touched))
        if not left:
            raise InputError(
                f"no row with outputs in {self.path} is left: all {len(self.rows):,} were given "
                "out, labelled or skipped"
            )
        pick = _by_shapes if has_shapes(task) else _by_arrays
        ask = _Ask(min(k, left), _part(pool, self.rows), task, strategy, seed, wishes, progress)
        found = pick(self, ask)
        return _mapped(found, self.rows, len(pool))


def read_own_outputs(
    path: Path,
    ids: Ids,
    task: Task,
    strategy: Strategy,
    *,
    how: HowRead | None = None,
    size: SizeOf = lambda row: None,  # noqa: ARG005
    progress: Progress | None = None,
) -> OwnOutputs:
    """Read the outputs of a model outside the project, for its rows.

    Args:
        path: results of COCO, a folder of maps, or a pool with ids and features or uncertainties.
        ids: of the project.
        task: what is labelled.
        strategy: that picks; the uncertainty of a place is the measure of it.
        how: they are read.
        size: gives width and height of the image of a row, which boxes must fit; None where they
            are not known.
        progress: callback.

    Raises:
        InputError: no id of the outputs is one of the project.
        DataError: they cannot be read, or most boxes leave their images.
    """
    if not path.exists():
        raise DataError(
            f"{path} does not exist; outputs are a file of results, or a folder of maps"
        )
    read: _Read = _of_pool
    if has_shapes(task) and path.is_dir():
        read = _of_maps
    elif has_shapes(task) and path.suffix.lower() == ".json":
        read = partial(_of_detections, size=size)
    how = how or HowRead()
    return replace(read(path, ids, task, strategy, how, progress), how=how)


@dataclass(frozen=True)
class LastOutputs:
    """The outputs by which the last batch was picked.

    Attributes:
        path: of them.
        digest: of their content.
        how: they were read.
    """

    path: Path
    digest: str
    how: HowRead


def last_outputs(events: Sequence[Event]) -> LastOutputs | None:
    """The outputs by which the last batch was picked; None without any."""
    last = next((event for event in reversed(events) if isinstance(event, Queried)), None)
    told = {} if last is None else last.facts.get(_FACT)
    if not isinstance(told, Mapping) or not {"path", "digest"} <= set(told):
        return None
    return LastOutputs(Path(str(told["path"])), str(told["digest"]), HowRead.of(told))


_Read: TypeAlias = "Callable[[Path, Ids, Task, Strategy, HowRead, Progress | None], OwnOutputs]"


def _of_pool(
    path: Path,
    ids: Ids,
    task: Task,
    strategy: Strategy,
    how: HowRead,
    progress: Progress | None,
) -> OwnOutputs:
    from uwe.pool_files import open_pool

    del strategy, progress
    how.refuse(path)
    pool = open_pool(path)
    wanted = ("features", "uncertainty", *(() if has_shapes(task) else _ARRAYS))
    arrays = {name: array for name in wanted if (array := pool.read(name)) is not None}
    if not arrays:
        raise DataError(
            f"{path} holds neither features nor an uncertainty; its keys are {pool.shown()}"
        )
    found = _matched(path, _ids_of(pool, arrays), ids, arrays)
    return replace(found, is_weighted=pool.container.weighted)


def _ids_of(pool: PoolFile, arrays: Mapping[str, Any]) -> list[str]:
    name, array = next(iter(arrays.items()))
    return pool.ids(array.shape[1 if name.startswith("mc_") else 0])


def _of_maps(
    path: Path,
    ids: Ids,
    task: Task,
    strategy: Strategy,
    how: HowRead,
    progress: Progress | None,
) -> OwnOutputs:
    from uwe.pool_files import open_maps

    maps, reduction = open_maps(path), _reduction(task, strategy, how)
    found = _matched(path, maps.ids, ids, _arrays(path, reduction, how, progress))
    names = names_by_row(maps.ids, ids)
    return replace(
        found,
        given=lambda row: (
            maps.predicted(names[row], reduction.given, reduction.axes) if row in names else None
        ),
    )


def _of_detections(
    path: Path,
    ids: Ids,
    task: Task,
    strategy: Strategy,
    how: HowRead,
    progress: Progress | None,
    *,
    size: SizeOf,
) -> OwnOutputs:
    from uwe.pool_files import open_detections

    detections = open_detections(path, how.images)
    used = {number for each in detections.by_image.values() for number in each.classes.tolist()}
    numbers, notes = classes_of(path, detections.names, used, task.classes)
    if how.images is None:
        notes = (*notes, *note_on_numbers(path, detections.ids, ids))
    arrays = _arrays(path, _reduction(task, strategy, how), how, progress, detections)
    found = _matched(path, detections.ids, ids, arrays, notes)
    names = names_by_row(detections.ids, ids)
    _require_boxes_fit(detections, names, size, how.images)

    def given(row: int) -> Any:
        if row not in names:
            return None
        its = detections.by_image[names[row]]
        return np.column_stack([its.corners, its.scores, numbers[its.classes]])

    return replace(found, given=given)


def _require_boxes_fit(
    detections: Detections, names: Mapping[int, str], size: SizeOf, images: Path | None
) -> None:
    """Refuse boxes that are not in pixels of the images of the project, by some of the images.

    Raises:
        DataError: annotations give an image another size, or most boxes leave their images.
    """
    from uwe.pool_files.detections import require_inside

    filled = [row for row, name in names.items() if len(detections.by_image[name])]
    step = max(1, len(filled) // _LOOKED_AT)
    sizes: dict[str, tuple[int, int]] = {}
    for row in filled[::step]:
        with suppress(DataError):  # a broken image is skipped
            its = size(row)
            sizes |= {} if its is None else {names[row]: its}
    for name, its in sizes.items():
        said = detections.sizes.get(name, its)
        if said != its:
            raise DataError(
                f"{images} says that {name} is {said[0]:g}x{said[1]:g} pixels, and it is "
                f"{its[0]}x{its[1]}; boxes must be in pixels of the upright image"
            )
    require_inside(detections.path, detections.by_image, sizes)


def _reduction(task: Task, strategy: Strategy, how: HowRead) -> Reduction:
    """How places become a row: by the strategy's measure, unless another is given."""
    from uwe.dense import Reduction

    for name in how.places:
        require_known(name, [each.name for each in fields(Reduction)], "place option")
    return Reduction(**{"measure": _measure(task, strategy), **how.places})


def _arrays(
    path: Path,
    reduction: Reduction,
    how: HowRead,
    progress: Progress | None,
    detections: Detections | None = None,
) -> dict[str, Any]:
    """Features and uncertainty of each image."""
    from uwe.pool_files.dense_outputs import open_outputs

    pool = open_outputs(path, reduction, how.images, progress, detections)
    return {name: pool.read(name) for name in ("features", "uncertainty")}


def _measure(task: Task, strategy: Strategy) -> str:
    """The measure of a place: that of the strategy, or the task's default."""
    name = strategy.measure_name
    return name if name in task.measures else task.default_measure


def _matched(
    path: Path,
    names: Sequence[str],
    ids: Ids,
    arrays: Mapping[str, Any],
    notes: tuple[str, ...] = (),
) -> OwnOutputs:
    """The outputs of the rows that names of outputs are about, in the order of the rows.

    Raises:
        InputError: none of the names is about a row.
    """
    at = {row: place for place, row in enumerate(rows_of(names, ids)) if row is not None}
    if not at:
        raise InputError(
            f"none of the {len(names):,} ids in {path}, such as {names[0]!r}, is one of the "
            f"project, such as {ids[0]!r}; give the outputs the ids of the project"
        )
    rows = np.array(sorted(at), dtype=np.int64)
    order = np.array([at[row] for row in rows.tolist()], dtype=np.int64)
    taken = {
        name: array[:, order] if name.startswith("mc_") else array[order]
        for name, array in arrays.items()
    }
    told = (*notes, *notes_on(path, names, ids, len(at)))
    return OwnOutputs(path.resolve(), _digest(path), rows, taken, notes=told)


def _digest(path: Path) -> str:
    if path.is_file():
        return file_digest(path)
    files = sorted(each for each in path.iterdir() if each.is_file())
    stamps = [(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files]
    return digest(repr(stamps).encode())


def _part(pool: Pool, rows: Rows) -> Pool:
    """The pool of some of its rows; what their labels are is not looked at."""

    def at(of: Rows) -> list[int]:
        there: list[int] = np.searchsorted(rows, np.intersect1d(rows, of)).tolist()
        return there

    return Pool.of(
        len(rows),
        cycles=dict.fromkeys(at(pool.asked), 0),
        values=dict.fromkeys(at(pool.labelled)),
        skipped=at(pool.skipped),
    )


@dataclass(frozen=True)
class _Ask:
    """A query of the rows that have outputs.

    Attributes:
        k: how many rows.
        pool: of the rows that have outputs alone.
        task: what is learnt.
        strategy: picks.
        seed: of every draw.
        wishes: of the batch.
        progress: callback.
    """

    k: int
    pool: Pool
    task: Task
    strategy: Strategy
    seed: int
    wishes: Wishes
    progress: Progress | None


def _by_shapes(own: OwnOutputs, ask: _Ask) -> Picks:
    """Picks by embeddings that are weighted place by place, and by uncertainties."""
    import torch

    from uwe.predictions import Predictions
    from uwe.selecting.reasons import explained

    arrays = {name: torch.as_tensor(array) for name, array in own.arrays.items()}
    features, scores = arrays.get("features"), arrays.get("uncertainty")
    outputs = {} if scores is None else dict.fromkeys(ask.task.measures, scores.double())
    if features is not None:
        features = features if features.dtype == torch.float64 else features.float()
        weighted = _weighted(own, features, scores)
        outputs |= (
            {} if weighted is None else {f"weighted_{it}": weighted for it in ask.task.measures}
        )
    predictions = Predictions(outputs=outputs, features=features, rows=len(ask.pool))
    lacking = sorted(ask.strategy.needs.fields - predictions.fields)
    if lacking:
        raise InputError(
            f"strategy {ask.strategy.name} needs {' and '.join(lacking)}, which {own.path} does "
            "not say; its outputs are features and an uncertainty"
        )
    question = Question(
        predictions, ask.pool, ask.seed, ask.progress, task=ask.task, has_labels=False
    )
    picks = wished(ask.strategy, ask.wishes).query(question, ask.k)
    picks = replace(picks, strategy=picks.strategy or ask.strategy.name)
    return explained(picks, ask.strategy, question, progress=ask.progress)


def _weighted(
    own: OwnOutputs, features: torch.Tensor, scores: torch.Tensor | None
) -> torch.Tensor | None:
    """The features of images, weighted; None where nothing weighs them."""
    if own.is_weighted or scores is None:
        return features if own.is_weighted else None
    return features * scores.to(features)[:, None]


def _by_arrays(own: OwnOutputs, ask: _Ask) -> Picks:
    """Picks as those of `uwe.select`."""
    from uwe.selecting.arrays import picked
    from uwe.selecting.offer import offered

    arrays = dict(own.arrays)
    blocked = np.setdiff1d(ask.pool.touched, ask.pool.labelled)
    offer = offered(
        arrays.pop("features", None),
        uncertainty=arrays.pop("uncertainty", None),
        arrays=arrays,
        labelled=ask.pool.labelled if len(ask.pool.labelled) else None,
        exclude=blocked if len(blocked) else None,
        task=ask.task,
        rows=len(ask.pool),
    )
    return picked(
        offer, ask.k, strategy=ask.strategy, seed=ask.seed, progress=ask.progress, wishes=ask.wishes
    )


def _mapped(picks: Picks, rows: Rows, n: int) -> Picks:
    """Picks of a part of a pool as rows of the pool."""
    nearest = picks.nearest
    if nearest is not None:
        nearest = np.where(nearest >= 0, rows[nearest], -1)
    is_whole = len(rows) == n
    assigned = None if picks.assigned is None or not is_whole else rows[picks.assigned]
    return replace(picks, rows=rows[picks.rows], nearest=nearest, assigned=assigned, n=n)
