"""The functions that strategies are composed of; each of them returns a `Strategy`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from uwe import embedding as embeddings
from uwe._clock import Clock
from uwe._types import FloatArray, Rows, Scores
from uwe.errors import InputError, from_own, require_known
from uwe.strategies._kernels import KERNELS, Kernel
from uwe.strategies._naming import name_of
from uwe.strategies._picks import Picks
from uwe.strategies._question import Needs, Question
from uwe.strategies._strategy import Choose, Strategy
from uwe.strategies._weighing import KEPT_BY_WEIGHT, Times
from uwe.tasks import Task, measures_by_name
from uwe.uncertainty import (
    MEASURES,
    Measure,
    entropy,
    measured,
    mutual_information,
    standard_deviation,
)

if TYPE_CHECKING:
    import torch

    from uwe.points import Points
    from uwe.predictions import Predictions

__all__ = [
    "Given",
    "Represent",
    "Spread",
    "embedding_of",
    "find_measure",
    "needs_of",
    "primary_output",
    "ranked",
    "ranked_by",
    "represented_by",
    "scores_of",
    "spread",
]

Represented: TypeAlias = "Points | torch.Tensor | np.ndarray[Any, Any]"  # first axis: rows
Represent: TypeAlias = "Callable[[Predictions, Rows], Represented]"

_COPIED = 2**26  # numbers that are copied, at most, to leave some rows out
_LOGITS = Needs({"logits"})
_MULTIPLIED = "each row's uncertainty is multiplied by its weight"


EMBEDDINGS: dict[str, tuple[Represent, Needs]] = {
    "features": (embeddings.features, Needs(features=True)),
    "gradient": (embeddings.gradient, Needs({"logits"}, features=True)),
}


def ranked(measure: str | Measure, *, needs: Needs | None = None) -> Strategy:
    """The most uncertain rows, highest first; of equals, the lower row.

    Args:
        measure: ``entropy``, ``bvsb``, ``least_confident`` or ``margin``, or a function
            `Predictions` -> float64 ``[n]``, higher being more uncertain.
        needs: what the measure reads; by default logits and features for a function of yours.

    >>> ranked("bvsb").name, ranked("bvsb").needs.fields
    ('ranked-bvsb', frozenset({'logits'}))
    """
    found, name = find_measure(measure)
    return Strategy(
        _Ranked(found),
        name=f"ranked-{name}",
        options={"measure": measure},
        needs=needs or needs_of(found),
        measure=found,
        measure_name=name,
        is_measured=True,
        adapt=partial(_ranked_for, measure) if isinstance(measure, str) else None,
    )


def _ranked_for(measure: str, task: Task) -> Strategy:
    return ranked_by(task.measure(measure), measure, needs_of(task.measure(measure), task))


def ranked_by(measure: Measure, name: str, needs: Needs) -> Strategy:
    """`ranked` by a measure of a task, under the measure's own name."""
    return replace(ranked(measure, needs=needs), options={"measure": name}, measure_name=name)


def spread(
    embedding: str | Represent,
    kernel: str | Kernel = "k_center",
    *,
    anchored: bool = False,
    needs: Needs | None = None,
) -> Strategy:
    """Rows that are far apart in an embedding.

    Args:
        embedding: ``features`` or ``gradient``, `uwe.embedding.weighted`, or a function of yours:
            (`Predictions` of all rows, candidates) -> `Points` or an array whose first axis is the
            rows of the pool.
        kernel: ``k_center`` or ``k_means_pp``, or a `Kernel` of yours.
        anchored: whether the labelled rows are handed to the kernel as first centres.
        needs: what the embedding reads; by default logits and features for a function of yours.

    >>> spread("features", anchored=True).name
    'spread-features-k_center'
    """
    represent, reads = embedding_of(embedding)
    gradient = embedding == "gradient"
    pick = KERNELS[require_known(kernel, KERNELS, "kernel")] if isinstance(kernel, str) else kernel
    weight = represent.measure if isinstance(represent, embeddings.Weighted) else None
    return Strategy(
        Spread(represent, pick, anchored),
        name=f"spread-{name_of(embedding)}-{name_of(kernel)}",
        options={"embedding": embedding, "kernel": kernel, "anchored": anchored},
        needs=needs or reads,
        measure=weight or entropy,
        measure_name=name_of(weight or entropy),
        is_measured=weight is not None,
        adapt=partial(_gradients_for, kernel, anchored) if gradient else None,
    )


def _gradients_for(kernel: str | Kernel, anchored: bool, task: Task) -> Strategy:
    if task.gradient is None:
        raise InputError(
            "it has no gradient embedding, since the gradient at the prediction itself is zero; "
            "choose uwe, coreset or random"
        )
    reads = getattr(task.gradient, "reads", None)
    needs = Needs(reads) if reads else Needs({primary_output(task)}, features=True)
    made = spread(task.gradient, kernel, anchored=anchored, needs=needs)
    return replace(made, options={"embedding": "gradient"})


def find_measure(measure: str | Measure) -> tuple[Measure, str]:
    """A measure from its name or from a function, and its name in file names.

    Raises:
        InputError: the name is unknown, or it is neither a name nor a function.
    """
    if isinstance(measure, str):
        known = measures_by_name()
        return known[require_known(measure, known, "uncertainty")], measure
    if not callable(measure):
        raise InputError(
            f"an uncertainty must be the name of a measure ({', '.join(MEASURES)}) or a function, "
            f"not an object of type {type(measure).__name__}"
        )
    return measure, name_of(measure)


def needs_of(measure: Measure, task: Task | None = None) -> Needs:
    """What a measure reads.

    It is the measure's attribute ``needs`` if it has one, or the outputs that its attribute
    ``reads`` names; of a measure of a task, the task's outputs; of any other function, logits and
    features.
    """
    if any(measure is known for known in MEASURES.values()):
        return _LOGITS
    if measure is mutual_information:
        return Needs(passes=2)
    if measure is standard_deviation:
        return Needs({"variance"})
    own = getattr(measure, "needs", None)
    if isinstance(own, Needs):
        return own
    if isinstance(reads := getattr(measure, "reads", None), frozenset):
        return Needs(reads)
    if task is not None and measure in task.measures.values():
        return Needs(frozenset(task.outputs))
    return Needs({"logits"}, features=True)


def primary_output(task: Task) -> str:
    """The first output of a task: what a network's last layer gives."""
    return next(iter(task.outputs))


def scores_of(measure: Measure, question: Question) -> Scores:
    """The uncertainty of every row of the pool, checked: one finite number for each candidate.

    Raises:
        InputError: the lengths disagree, or a candidate's uncertainty is NaN or infinite.
    """
    import torch

    scores, candidates = measured(measure, question.predictions), question.candidates
    broken = ~scores[torch.as_tensor(candidates, device=scores.device)].isfinite()
    if broken.any():
        row = candidates[int(broken.nonzero()[0, 0])]
        raise InputError(f"the uncertainty {name_of(measure)} of row {row} is NaN or infinite")
    return scores


@dataclass(frozen=True, eq=False)
class Given:
    """A measure that was computed elsewhere: one number for each row."""

    scores: Scores
    needs: Needs = field(default_factory=Needs)

    def __call__(self, predictions: Predictions, /) -> Scores:  # noqa: ARG002 (a Measure)
        """The given scores; the predictions are not read."""
        return self.scores

    @property
    def record(self) -> dict[str, Any]:
        """How it stands among options: without the scores, which may be very many."""
        return {"kind": "given", "rows": len(self.scores)}


@dataclass(frozen=True)
class Spread:
    """Picks of a kernel on an embedding; made by `spread`.

    Attributes:
        represent: the embedding.
        kernel: picks among its rows.
        anchored: whether the labelled rows and the rows that are taken are first centres.
        follows: whether the rows that are taken are first centres, even where not ``anchored``.
    """

    represent: Represent
    kernel: Kernel
    anchored: bool
    follows: bool = False

    def __call__(self, question: Question, k: int) -> Picks:
        """Pick k rows."""
        clock = Clock()
        candidates, known = question.candidates, self._anchors(question)
        represented = represented_by(self.represent, question)
        anchors = _take(represented, known) if len(known) else None
        points = _take(represented, candidates)
        clock.lap("representation")
        with from_own(self.kernel, f"kernel {name_of(self.kernel)}"):
            at = self.kernel(
                points, k, anchors=anchors, seed=question.seed, progress=question.progress
            )
        clock.lap("selection")
        return Picks(_mapped(candidates, at, self.kernel), seconds=clock.seconds)

    def _anchors(self, question: Question) -> Rows:
        if self.anchored:
            return question.anchors
        taken = question.taken if self.follows else None
        return np.empty(0, dtype=np.int64) if taken is None else np.unique(taken)

    def continuing(self) -> Spread:
        """The same, keeping away from rows that are taken."""
        return replace(self, follows=True)

    @property
    def weight_rule(self) -> str:
        """What weights do, as a clause."""
        by_measure = isinstance(self.represent, embeddings.Weighted)
        return _MULTIPLIED if by_measure else KEPT_BY_WEIGHT

    def weighted_by(self, weights: FloatArray) -> Spread | None:
        """The same with the uncertainty multiplied by weights; None where none is used."""
        if not isinstance(self.represent, embeddings.Weighted):
            return None
        times = Times(self.represent.measure, weights)
        return replace(self, represent=replace(self.represent, measure=times))


def represented_by(represent: Represent, question: Question) -> Represented:
    """The embedding of all rows of the pool.

    Raises:
        InputError: it gives neither Points nor an array, or another number of rows.
    """
    named, n = f"embedding {name_of(represent)}", len(question.predictions)
    with from_own(represent, named):
        represented: Any = represent(question.predictions, question.candidates)
    rows = getattr(represented, "shape", None)
    if not (hasattr(represented, "row_bytes") or rows):
        kind = type(represented).__name__
        raise InputError(f"{named} must give Points or an array; it gave a {kind}")
    if len(represented) != n:
        raise InputError(f"{named} gave {len(represented)} rows for a pool of {n}")
    found: Represented = represented
    return found


@dataclass(frozen=True)
class _Ranked:
    measure: Measure
    weight_rule: ClassVar[str] = _MULTIPLIED

    def weighted_by(self, weights: FloatArray) -> Choose:
        """Ranked by the measure times the weights."""
        return _Ranked(Times(self.measure, weights))

    def __call__(self, question: Question, k: int) -> Picks:
        from uwe.selection import top_k

        clock, candidates = Clock(), question.candidates
        scores = _take(scores_of(self.measure, question), candidates)
        clock.lap("representation")
        rows = candidates[top_k(scores, k)]
        clock.lap("selection")
        return Picks(rows, seconds=clock.seconds)


def embedding_of(embedding: str | Represent) -> tuple[Represent, Needs]:
    """An embedding from its name or from a function, and what it reads.

    An attribute ``reads`` of a function names the outputs that it reads.
    """
    if isinstance(embedding, str):
        return EMBEDDINGS[require_known(embedding, EMBEDDINGS, "embedding")]
    if isinstance(embedding, embeddings.Weighted):
        return embedding, needs_of(embedding.measure) | Needs(features=True)
    if isinstance(embedding, embeddings.Normalised):
        return embedding, embedding_of(embedding.of)[1]
    if isinstance(reads := getattr(embedding, "reads", None), frozenset):
        return embedding, Needs(reads)
    known = [needs for represent, needs in EMBEDDINGS.values() if represent is embedding]
    return embedding, known[0] if known else Needs({"logits"}, features=True)


def _mapped(candidates: Rows, at: Any, kernel: Kernel) -> Rows:
    """Rows of the pool at positions among the candidates."""
    positions = np.asarray(at)
    if positions.dtype.kind not in "iu" or positions.ndim != 1:
        raise InputError(
            f"kernel {name_of(kernel)} must return positions as whole numbers [k]; it returned an "
            f"array of {positions.dtype} of shape {positions.shape}"
        )
    outside = positions[(positions < 0) | (positions >= len(candidates))]
    if len(outside):
        raise InputError(
            f"kernel {name_of(kernel)} returned position {outside[0]} among {len(candidates)} "
            "candidates"
        )
    rows: Rows = candidates[positions]
    return rows


def _take(represented: Any, rows: Rows) -> Any:
    """Those rows of points or of an array."""
    if len(rows) == len(represented):
        return represented  # the rows of a pool rise: these are all of them
    if isinstance(represented, np.ndarray):
        return represented[rows]
    if not hasattr(represented, "row_bytes"):
        import torch

        return represented[torch.as_tensor(rows, device=represented.device)]
    if len(rows) * represented.width > _COPIED:
        from uwe.points import Subset

        return Subset(represented, rows)
    return represented.take(rows)
