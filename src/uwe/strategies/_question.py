"""What a strategy is asked, and what it needs to answer."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from uwe._random import as_seed
from uwe._types import Progress, Rows
from uwe.errors import InputError
from uwe.pool import Pool
from uwe.tasks import Task

if TYPE_CHECKING:
    from uwe.predictions import Predictions

__all__ = ["Needs", "Question"]

PASSES = "mc_"  # as in `uwe.predictions`, which loads torch


@dataclass(frozen=True)
class Needs:
    """What a strategy reads; anything else may be omitted.

    Attributes:
        outputs: names of the model's outputs, such as ``{"logits"}``.
        features: whether the features are read.
        passes: number of stochastic passes; 0 where none are read.
        passes_of: the output whose passes are read.
        optional: names of further fields of `Predictions` that are read where they are known.

    >>> (Needs({"logits"}) | Needs(features=True, passes=5)).fields == {
    ...     "logits", "features", "mc_logits"}
    True
    """

    outputs: Set[str] = frozenset()
    features: bool = False
    passes: int = 0
    passes_of: str = "logits"
    optional: Set[str] = frozenset()

    def __post_init__(self) -> None:
        for name in ("outputs", "optional"):
            if not isinstance(getattr(self, name), Set):
                raise InputError(f"{name} must be a set of names, not {getattr(self, name)!r}")
            object.__setattr__(self, name, frozenset(getattr(self, name)))

    def __or__(self, other: Needs) -> Needs:
        return Needs(
            self.outputs | other.outputs,
            self.features or other.features,
            max(self.passes, other.passes),
            self.passes_of if self.passes >= other.passes else other.passes_of,
            self.optional | other.optional,
        )

    @property
    def fields(self) -> frozenset[str]:
        """Names of the fields of `Predictions` that must be known."""
        features = {"features"} if self.features else set()
        passes = {PASSES + self.passes_of} if self.passes else set()
        return frozenset(self.outputs) | features | passes

    def read(self, known: Set[str]) -> frozenset[str]:
        """The fields that are read of those that are known.

        >>> sorted(Needs(features=True, optional={"logits"}).read({"features", "logits", "mean"}))
        ['features', 'logits']
        """
        return (self.fields | self.optional) & frozenset(known)


@dataclass(frozen=True, eq=False, repr=False)
class Question:
    """Everything that a query may look at.

    Attributes:
        predictions: of every row of the pool, in pool order.
        pool: which rows are labelled.
        seed: of every draw, from 0 to 2³² - 1.
        progress: called with a `Stage` while the rows are picked, or None.
        restricted: the only rows that may be picked, or None for all unlabelled rows.
        taken: rows that another strategy has already picked in the same query, or None. They
            are no candidates, and count as anchors.
        task: what is learnt; None is classification.
        has_labels: whether the pool's values are labels; False where only it is known which rows
            are labelled. A row whose value is None is labelled, and its label is not known.
    """

    predictions: Predictions
    pool: Pool
    seed: int
    progress: Progress | None = None
    restricted: Rows | None = None
    taken: Rows | None = None
    task: Task | None = None
    has_labels: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", as_seed(self.seed))

    def __repr__(self) -> str:
        candidates, n = len(self.candidates), len(self.pool)
        labelled = len(self.pool.labelled)
        return f"Question({candidates:,} of {n:,} rows, {labelled:,} labelled, seed {self.seed})"

    @property
    def candidates(self) -> Rows:
        """Rows that may be picked, rising."""
        rows = self.pool.unlabelled if self.restricted is None else np.unique(self.restricted)
        return rows if self.taken is None else np.setdiff1d(rows, self.taken, assume_unique=True)

    @property
    def anchors(self) -> Rows:
        """Rows to keep away from, rising: the labelled rows, and the rows already taken."""
        rows = self.pool.labelled
        return rows if self.taken is None else np.union1d(rows, self.taken)

    def among(self, rows: Rows) -> Question:
        """The same question, with ``rows`` as the only candidates."""
        return replace(self, restricted=rows)

    def after(self, rows: Rows) -> Question:
        """The same question once ``rows`` have been picked, too."""
        earlier = [] if self.taken is None else [self.taken]
        return replace(self, taken=np.concatenate([*earlier, rows]))
