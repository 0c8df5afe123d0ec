"""A strategy as a value: what it needs, and the function that answers a question with picks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from uwe._json import json_value, require_recordable
from uwe._types import Rows, is_integral
from uwe.errors import InputError, from_own
from uwe.strategies._naming import checked_name
from uwe.strategies._picks import Picks
from uwe.strategies._question import Needs, Question
from uwe.tasks import Task
from uwe.uncertainty import Measure, entropy

__all__ = ["Choose", "Strategy"]

Choose: TypeAlias = Callable[[Question, int], "Picks | Rows"]

_ADVICE = {
    "variance": "; use a model that gives one (a forest, a Gaussian process, an ensemble), or a "
    "strategy that needs none, such as coreset"
}
_LOGITS_AND_FEATURES = Needs({"logits"}, features=True)


@dataclass(frozen=True, repr=False)
class Strategy:
    """How the next rows are chosen: a function from a question to picks, and what it needs.

    Attributes:
        choose: gives k distinct rows of ``question.candidates``, as `Picks` or int64 ``[k]``.
        name: in tables, messages and file names.
        options: the options with their defaults, in the types of JSON.
        needs: what ``choose`` and ``measure`` read.
        measure: the uncertainty that is written beside the picks.
        measure_name: its name in file names.
        is_measured: whether the picks depend on ``measure``.
        adapt: gives the strategy for a `Task`, or raises an `InputError` that says why it has none;
            None for a strategy that is the same for every task.

    >>> import torch
    >>> from uwe import Predictions
    >>> from uwe.pool import Pool
    >>> lowest = Strategy(lambda question, k: question.candidates[:k], name="lowest", needs=Needs())
    >>> predictions = Predictions(torch.zeros(5, 2), torch.zeros(5, 1))
    >>> list(lowest.query(Question(predictions, Pool.untouched(5), seed=1), 2))
    [0, 1]
    """

    choose: Choose
    name: str = "own"
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: Needs = _LOGITS_AND_FEATURES
    measure: Measure = entropy
    measure_name: str = "entropy"
    is_measured: bool = False
    adapt: Callable[[Task], Strategy] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not callable(self.choose) or not callable(self.measure):
            raise InputError("choose and measure of a Strategy must be functions")
        if not isinstance(self.needs, Needs):
            raise InputError(f"needs of a Strategy must be Needs(...), not {self.needs!r}")
        checked_name(self.name)
        checked_name(self.measure_name)
        require_recordable(self.options, f"the options of strategy {self.name}")
        object.__setattr__(self, "options", json_value(self.options))

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"Strategy({self.name!r}{options})"

    @property
    def record(self) -> dict[str, Any]:
        """Name and options: how a strategy stands among the options of another one."""
        return {"name": self.name, "options": self.options}

    def named(self, name: str) -> Strategy:
        """The same strategy under another name; ``options`` then say what it was called.

        Raises:
            InputError: the name cannot be part of a file name.
        """
        if name == self.name:
            return self
        return replace(self, name=name, options={"renamed_from": self.name, **self.options})

    def for_task(self, task: Task) -> Strategy:
        """The strategy as it is for a task: it weighs and ranks by a measure of the task.

        A strategy that depends on no measure writes the task's first one beside its picks.

        Raises:
            InputError: the strategy does not serve the task; the reason is given.

        >>> from uwe.strategies import uwe
        >>> from uwe.tasks import regression
        >>> uwe().for_task(regression()).options["uncertainty"]
        'standard_deviation'
        """
        try:
            with from_own(self.adapt, f"adapt() of strategy {self.name}"):
                given: Any = self if self.adapt is None else self.adapt(task)
        except InputError as error:
            raise InputError(f"strategy {self.name} does not serve {task.name}: {error}") from error
        if not isinstance(given, Strategy):
            kind = type(given).__name__
            raise InputError(
                f"adapt() of strategy {self.name} must give a Strategy; it gave a {kind}"
            )
        made: Strategy = given
        if not made.is_measured and made.measure is entropy:
            name = task.default_measure
            made = replace(made, measure=task.measures[name], measure_name=name)
        options = {
            name: made.options.get(name) if value is None else value
            for name, value in self.options.items()
        }
        return replace(made, name=self.name, options=options, adapt=self.adapt)

    def query(self, question: Question, k: int) -> Picks:
        """The ``k`` rows to label next, in the order of picking.

        Args:
            question: predictions, pool, seed and progress.
            k: how many rows to pick.

        Returns:
            Distinct rows of the question's candidates, and the seconds that the parts took.

        Raises:
            InputError: fewer than k rows are unlabelled, the lengths disagree, an output that is
                needed is missing or not finite, or ``choose`` returned something else than k
                distinct candidates.
        """
        asked = self if question.task is None else self.for_task(question.task)
        _require_answerable(asked, question, k)
        return asked.answer(question, k)

    def answer(self, question: Question, k: int) -> Picks:
        """As `query`, for a question that has been checked already: how strategies ask strategies.

        Raises:
            InputError: ``choose`` returned something else than k distinct candidates.
            RunError: ``choose`` is not of uwe, and raises an error that is not of `uwe.errors`.
        """
        if not k:
            return Picks(np.empty(0, dtype=np.int64), self.name)
        start = time.perf_counter()
        with from_own(self.choose, f"choose() of strategy {self.name}"):
            given: Any = self.choose(question, k)
        picks = given if isinstance(given, Picks) else Picks(given)
        fault = _fault(picks.rows, question, k)
        if fault:
            raise InputError(
                f"strategy {self.name} must return {k} distinct unlabelled rows as int64; it "
                f"returned {fault}"
            )
        with from_own(self.choose, f"adding the seconds of strategy {self.name}"):
            seconds = _whole(picks.seconds, time.perf_counter() - start)
        return replace(picks, strategy=self.name, seconds=seconds)


def _whole(seconds: Mapping[str, float], total: float) -> dict[str, float]:
    """The seconds of the parts, with what belongs to no part added to the selection."""
    rest = max(0.0, total - sum(seconds.values()))
    return {**seconds, "selection": seconds.get("selection", 0.0) + rest}


def _require_answerable(strategy: Strategy, question: Question, k: int) -> None:
    predictions, pool = question.predictions, question.pool
    if len(predictions) != len(pool):
        raise InputError(f"predictions of {len(predictions)} rows for a pool of {len(pool)}")
    _require_count(question, k)
    needs = strategy.needs
    if needs.passes and needs.passes_of not in predictions.passes:
        raise InputError(
            f"strategy {strategy.name} needs the {needs.passes_of} of {needs.passes} dropout "
            "passes; the predictions hold none"
        )
    lacking = sorted(needs.fields - predictions.fields)
    if lacking:
        known = ", ".join(sorted(predictions.fields)) or "nothing"
        raise InputError(
            f"strategy {strategy.name} needs {lacking[0]}, and the predictions hold {known}"
            + _ADVICE.get(lacking[0], "")
        )
    read = needs.read(predictions.fields)
    if "logits" in read and predictions.logits.shape[-1:] == (1,):
        raise InputError(
            f"strategy {strategy.name} needs the logits of two classes or more; the predictions "
            "hold one column. For two classes give two columns, 0 and the logit"
        )
    row = predictions.first_not_finite(read)
    if row is not None:
        raise InputError(
            f"the model's output for pool row {row} is NaN or infinite "
            f"({predictions.odd_output(row, read)}); no rows can be chosen"
        )


def _require_count(question: Question, k: int) -> None:
    if question.restricted is not None:
        other = np.setdiff1d(question.restricted, question.pool.unlabelled)
        if len(other):
            raise InputError(f"row {other[0]} cannot be a candidate: it is not unlabelled")
    if not is_integral(k):
        raise InputError(f"the number of rows to pick must be a whole number, not {k!r}")
    if k < 0:
        raise InputError(f"cannot pick {k} rows")
    left = len(question.candidates)
    if k > left:
        raise InputError(f"{k} rows are to be picked, but only {left} are unlabelled")


def _fault(rows: Any, question: Question, k: int) -> str | None:
    """What is wrong with an answer, in words that follow "returned"."""
    if not isinstance(rows, np.ndarray):
        return f"an object of type {type(rows).__name__}"
    if rows.dtype != np.int64 or rows.ndim != 1:
        return f"an array of {rows.dtype} of shape {rows.shape}"
    if len(rows) != k:
        return f"{len(rows)} rows"
    unique, counts = np.unique(rows, return_counts=True)
    if len(unique) < k:
        return f"row {unique[counts > 1][0]} twice"
    other = np.setdiff1d(unique, question.candidates, assume_unique=True)
    return f"row {other[0]}, which is not among the candidates" if len(other) else None
