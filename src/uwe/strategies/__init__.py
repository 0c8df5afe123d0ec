"""The table of strategies: a name, its options, and the functions it is made of.

A strategy is a function with keyword options that returns a `Strategy`. Its signature is the list
of its options; its docstring's first line is what ``uwe list strategies`` shows, and the paragraph
behind ``Source:`` is where it comes from. Built-in strategies and those of other packages come in
through the same door, the entry-point group ``uwe.strategies``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, TypeAlias

import torch

from uwe import embedding, selection, uncertainty
from uwe._types import Rows, Scores
from uwe.errors import InputError, require_known
from uwe.points import Points, Subset
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.uncertainty import MEASURES, Measure

__all__ = [
    "Strategy",
    "StrategyFactory",
    "describe_strategy",
    "find_strategy",
    "strategy_names",
    "strategy_options",
]

Represented: TypeAlias = "Points | Scores"
Advance: TypeAlias = Callable[[int, int], None]  # picks so far, picks in all

_FEATURES = frozenset({"features"})
_LOGITS = frozenset({"logits"})
_COPIED = 2**26  # numbers that are copied, at most, to leave some rows out
StrategyFactory: TypeAlias = Callable[..., "Strategy"]


class Selection(Protocol):
    """Picks k positions among what is represented."""

    def __call__(
        self, candidates: Represented, k: int, *, anchors: Represented | None, seed: int
    ) -> Rows:
        """Positions among ``candidates``, in the order of picking."""
        ...


@dataclass(frozen=True)
class Strategy:
    """How the next rows are chosen: a representation, and a selection on it.

    Attributes:
        represent: predictions of all rows and the candidates among them -> one score or point
            for every row.
        select: picks among the candidates' scores or points.
        anchored: whether the labelled rows' points are handed to ``select`` as first centres.
        mc_passes: how many dropout passes the predictions must hold.
        measure: the uncertainty that is written beside the picks.
        measure_name: its name in file names.
        needs: the fields of `Predictions` that are looked at; no other need be known.
    """

    represent: Callable[[Predictions, Rows], Represented]
    select: Selection
    anchored: bool = False
    mc_passes: int = 0
    measure: Measure = uncertainty.entropy
    measure_name: str = "entropy"
    needs: frozenset[str] = frozenset({"features", "logits"})

    def query(
        self,
        predictions: Predictions,
        pool: Pool,
        k: int,
        *,
        seed: int,
        progress: Advance | None = None,
        note: Callable[[str], None] | None = None,
    ) -> Rows:
        """The ``k`` unlabelled rows to label next, in the order of picking.

        Args:
            predictions: of every row of the pool.
            pool: which rows are labelled.
            k: how many rows to pick.
            seed: of whatever is drawn.
            progress: called with the picks so far and with k, where the selection tells them.
            note: told ``representation`` and ``selection`` when each of them is done.

        Returns:
            int64 ``[k]``, distinct dataset rows.

        Raises:
            InputError: fewer than k rows are unlabelled, or the lengths disagree.
        """
        candidates = pool.unlabelled
        _check_query(predictions, pool, k, len(candidates))
        represented = self.represent(predictions, candidates)
        labelled = pool.labelled
        anchors = _take(represented, labelled) if self.anchored and len(labelled) else None
        points = _take(represented, candidates)
        (note or _ignore)("representation")
        select = self.select if progress is None else _telling(self.select, progress)
        picks = select(points, k, anchors=anchors, seed=seed)
        (note or _ignore)("selection")
        return candidates[picks]


def uwe(*, uncertainty: str | Measure = "entropy", selection: str = "k_center") -> Strategy:
    """Uncertainty-weighted embeddings, then greedy k-center: uncertain and diverse at once.

    Args:
        uncertainty: the weight's measure, ``entropy``, ``bvsb`` or ``least_confident``, or a
            function of your own, which may do without logits.
        selection: ``k_center`` among the unlabelled rows, ``k_center_anchored`` with the labelled
            rows as first centres, or ``k_means_pp`` (D² sampling).

    Source: He, Cai, Liao, Foo, "Hybrid Active Learning with Uncertainty-Weighted Embeddings",
    TMLR 2024.
    """
    require_known(selection, _SELECTIONS, "selection")
    select, anchored = _SELECTIONS[selection]
    own = callable(uncertainty)
    measure = uncertainty if callable(uncertainty) else _measure(uncertainty)
    return Strategy(
        embedding.weighted(measure),
        select,
        anchored=anchored,
        measure=measure,
        measure_name="uncertainty" if own else str(uncertainty),
        needs=_FEATURES if own else _FEATURES | _LOGITS,
    )


def random() -> Strategy:
    """Rows drawn uniformly: the baseline that every other strategy has to beat.

    Source: no paper; the plain baseline.
    """
    return Strategy(_nothing, _uniform, needs=frozenset())


def entropy() -> Strategy:
    """The rows with the highest entropy of the class probabilities.

    Source: Shannon, "A Mathematical Theory of Communication", 1948; as a query Settles, "Active
    Learning Literature Survey", 2009.
    """
    return _most_uncertain("entropy")


def bvsb() -> Strategy:
    """The rows whose two most probable classes are closest, best versus second best (p₂/p₁).

    Source: Joshi, Porikli, Papanikolopoulos, "Multi-Class Active Learning for Image
    Classification", CVPR 2009.
    """
    return _most_uncertain("bvsb")


def least_confident() -> Strategy:
    """The rows whose most probable class is least probable.

    Source: Lewis, Gale, "A Sequential Algorithm for Training Text Classifiers", SIGIR 1994.
    """
    return _most_uncertain("least_confident")


def coreset() -> Strategy:
    """Greedy k-center on the features, from the labelled rows as first centres.

    Source: Sener, Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set
    Approach", ICLR 2018.
    """
    return Strategy(embedding.features, _k_center, anchored=True, needs=_FEATURES)


def badge() -> Strategy:
    """D² sampling (k-means++) on the gradients of the last layer.

    Source: Ash, Zhang, Krishnamurthy, Langford, Agarwal, "Deep Batch Active Learning by Diverse,
    Uncertain Gradient Lower Bounds", ICLR 2020.
    """
    return Strategy(embedding.gradient, _k_means_pp)


def bald(*, mc_passes: int = 5) -> Strategy:
    """The rows on which dropout passes disagree most (mutual information of label and weights).

    Args:
        mc_passes: how many dropout passes.

    Source: Houlsby, Huszár, Ghahramani, Lengyel, "Bayesian Active Learning for Classification and
    Preference Learning", 2011; Gal, Islam, Ghahramani, "Deep Bayesian Active Learning with Image
    Data", ICML 2017.
    """
    if mc_passes < 2:
        raise InputError(
            f"bald compares dropout passes and needs at least 2 of them, not {mc_passes}"
        )
    return Strategy(
        _scores(uncertainty.mutual_information),
        _top_k,
        mc_passes=mc_passes,
        measure=uncertainty.mutual_information,
        measure_name="mutual_information",
        needs=frozenset({"mc_logits"}),
    )


def find_strategy(name: str, **options: Any) -> Strategy:
    """The strategy of that name, with its options.

    Raises:
        InputError: the name is not known, or an option is not one of the strategy's.

    >>> find_strategy("uwe", uncertainty="bvsb").measure_name
    'bvsb'
    """
    factory = _factory(name)
    allowed = strategy_options(name)
    for option in options:
        if option not in allowed:
            has = f"its options are {', '.join(allowed)}" if allowed else "it has no options"
            raise InputError(f"strategy {name} does not use {option!r}; {has}")
    return factory(**options)


def strategy_names() -> list[str]:
    """Names of all strategies: the built-in ones first, then those of other packages."""
    return list(_table())


def strategy_options(name: str) -> dict[str, Any]:
    """The options of a strategy and their defaults.

    >>> strategy_options("uwe")
    {'uncertainty': 'entropy', 'selection': 'k_center'}
    """
    parameters = inspect.signature(_factory(name)).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}


def describe_strategy(name: str) -> tuple[str, str]:
    """One line about a strategy, and its source."""
    text = inspect.getdoc(_factory(name)) or ""
    line = text.partition("\n")[0]
    _, _, source = text.partition("Source:")
    return line, " ".join(source.split())


def _factory(name: str) -> StrategyFactory:
    table = _table()
    require_known(name, table, "strategy")
    factory: StrategyFactory = table[name].load()
    return factory


@functools.cache
def _table() -> Mapping[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    own = f"{__name__}:"
    points = sorted(
        entry_points(group="uwe.strategies"), key=lambda point: not point.value.startswith(own)
    )
    for point in points:
        earlier = found.setdefault(point.name, point)
        if earlier.value != point.value:
            raise InputError(
                f"two packages register a strategy {point.name!r}: {earlier.value} and "
                f"{point.value}; uninstall one of them"
            )
    return found


def _most_uncertain(name: str) -> Strategy:
    measure = MEASURES[name]
    return Strategy(_scores(measure), _top_k, measure=measure, measure_name=name, needs=_LOGITS)


def _measure(name: str) -> Measure:
    return MEASURES[require_known(name, MEASURES, "uncertainty")]


def _scores(measure: Measure) -> Callable[[Predictions, Rows], Scores]:
    return lambda predictions, _candidates: measure(predictions)


def _nothing(predictions: Predictions, _candidates: Rows) -> Scores:
    return torch.zeros(len(predictions), dtype=torch.float64)


def _uniform(candidates: Represented, k: int, *, anchors: Represented | None, seed: int) -> Rows:
    del anchors
    return selection.uniform(len(candidates), k, seed=seed)


def _top_k(candidates: Represented, k: int, *, anchors: Represented | None, seed: int) -> Rows:
    del anchors, seed
    assert isinstance(candidates, torch.Tensor)
    return selection.top_k(candidates, k)


def _k_center(
    candidates: Represented,
    k: int,
    *,
    anchors: Represented | None,
    seed: int,
    progress: Advance | None = None,
) -> Rows:
    del seed
    first = _points_or_none(anchors)
    return selection.k_center(_points(candidates), k, anchors=first, progress=progress)


def _k_means_pp(
    candidates: Represented,
    k: int,
    *,
    anchors: Represented | None,
    seed: int,
    progress: Advance | None = None,
) -> Rows:
    first = _points_or_none(anchors)
    return selection.k_means_pp(_points(candidates), k, seed=seed, anchors=first, progress=progress)


_SELECTIONS: dict[str, tuple[Selection, bool]] = {
    "k_center": (_k_center, False),
    "k_center_anchored": (_k_center, True),
    "k_means_pp": (_k_means_pp, False),
}


_TELLING: tuple[Callable[..., Rows], ...] = (_k_center, _k_means_pp)
"""The selections that say how far they are."""


def _telling(select: Selection, progress: Advance) -> Selection:
    told = next((each for each in _TELLING if each is select), None)
    return select if told is None else functools.partial(told, progress=progress)


def _ignore(_done: str) -> None:
    return None


def _points(represented: Represented) -> Points:
    assert not isinstance(represented, torch.Tensor)
    return represented


def _points_or_none(represented: Represented | None) -> Points | None:
    return None if represented is None else _points(represented)


def _take(represented: Represented, rows: Rows) -> Represented:
    if len(rows) == len(represented):
        return represented  # the rows of a pool rise: these are all of them
    if isinstance(represented, torch.Tensor):
        return represented[torch.as_tensor(rows, device=represented.device)]
    if len(rows) * represented.width > _COPIED:
        return Subset(represented, rows)
    return represented.take(rows)


def _check_query(predictions: Predictions, pool: Pool, k: int, candidates: int) -> None:
    if len(predictions) != len(pool):
        raise InputError(f"predictions of {len(predictions)} rows for a pool of {len(pool)}")
    if k < 0:
        raise InputError(f"cannot pick {k} rows")
    if k > candidates:
        raise InputError(f"{k} rows are to be picked, but only {candidates} are unlabelled")
    row = predictions.first_not_finite()
    if row is not None:
        raise InputError(
            f"the network's output for pool row {row} is NaN or infinite; nothing can be ranked"
        )
