"""How well people agree: shares and coefficients, each with the reason where it is not defined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np

from uwe._optional import optional
from uwe.errors import InputError
from uwe.tasks import Task

__all__ = ["Answers", "Measure", "agreement_of"]

Answers: TypeAlias = Mapping[int, Mapping[str, Any]]
"""By row, the answers by person, in JSON."""

_EXTRA = "agreement"
_ONE_ANSWER = "no item was answered by two people"
_ONE_CLASS = "all answers name the same class"
_ONE_NUMBER = "all answers are the same number"


@dataclass(frozen=True)
class Measure:
    """How well people agree, as one number.

    Attributes:
        name: of the measure.
        about: the people or the class that it is about; empty for all.
        value: None where it is not defined.
        rows: items that it rests on.
        reason: why it is not defined.
    """

    name: str
    about: str
    value: float | None
    rows: int
    reason: str = ""


def agreement_of(answers: Answers, task: Task) -> list[Measure]:
    """How well people agree on the items that at least two of them answered.

    What was settled changes nothing. For one class an item: the share of pairs of answers that are
    equal, Cohen's kappa of each pair of people, Fleiss' kappa, and Krippendorff's alpha (nominal).
    For several classes an item: the share of equal answers, and alpha of each class. For numbers:
    the mean difference, and alpha (interval).

    Args:
        answers: that stand.
        task: what is labelled.

    Raises:
        InputError: a package of the extra ``agreement`` is missing.

    >>> from uwe.tasks import classification
    >>> both = {1: {"ann": 0, "bo": 0}, 2: {"ann": 0, "bo": 1}, 3: {"ann": 1}}
    >>> raw = agreement_of(both, classification(2))[0]
    >>> raw.name, raw.value, raw.rows
    ('raw agreement', 0.5, 2)
    """
    if task.widget not in _MEASURES:
        raise InputError(
            f"agreement is measured of classes and numbers, not of {task.name}; compare the files "
            "of 'uwe export'"
        )
    shared = {row: dict(its) for row, its in answers.items() if len(its) > 1}
    return list(_MEASURES[task.widget](shared, task))


def _of_one_class(shared: Answers, task: Task) -> Iterable[Measure]:
    n = len(task.classes)
    yield _raw(shared)
    yield from _cohen(shared)
    yield _fleiss(shared, n)
    yield _krippendorff(_counts(shared, n, lambda value: [value]), "nominal", _ONE_CLASS)


def _of_several_classes(shared: Answers, task: Task) -> Iterable[Measure]:
    yield _raw(shared)
    why = "it is defined for one class an item; see Krippendorff's alpha of each class"
    yield Measure("Cohen's kappa", "", None, len(shared), why)
    yield Measure("Fleiss' kappa", "", None, len(shared), why)
    for at, name in enumerate(task.classes):
        counts = _counts(shared, 2, partial(_says, at))
        yield _krippendorff(counts, "nominal", "all answers say the same of it", name)


def _of_numbers(shared: Answers, task: Task) -> Iterable[Measure]:
    del task
    differences = [
        abs(one - other) for its in shared.values() for one, other in combinations(its.values(), 2)
    ]
    mean = float(np.mean(differences)) if differences else None
    yield Measure("mean difference", "", mean, len(shared), "" if differences else _ONE_ANSWER)
    why = "it is defined for classes; see the mean difference and Krippendorff's alpha"
    yield Measure("Cohen's kappa", "", None, len(shared), why)
    yield Measure("Fleiss' kappa", "", None, len(shared), why)
    people = sorted({by for its in shared.values() for by in its})
    data = [[its.get(by, np.nan) for its in shared.values()] for by in people]
    is_constant = len({value for its in shared.values() for value in its.values()}) < 2
    reason = _ONE_ANSWER if not shared else _ONE_NUMBER if is_constant else ""
    alpha = None if reason else _alpha(reliability_data=data, level_of_measurement="interval")
    yield Measure("Krippendorff's alpha", "", alpha, len(shared), reason)


_MEASURES: Mapping[str, Callable[[Answers, Task], Iterable[Measure]]] = {
    "choice": _of_one_class,
    "choices": _of_several_classes,
    "number": _of_numbers,
}
"""By the widget of the task."""


def _raw(shared: Answers) -> Measure:
    """The share of pairs of answers that are equal; each item weighs the same."""
    shares = [
        float(np.mean([one == other for one, other in combinations(its.values(), 2)]))
        for its in shared.values()
    ]
    value = float(np.mean(shares)) if shares else None
    return Measure("raw agreement", "", value, len(shared), "" if shares else _ONE_ANSWER)


def _cohen(shared: Answers) -> Iterable[Measure]:
    """(p_o - p_e) / (1 - p_e) of each pair of people who share items."""
    people = sorted({by for its in shared.values() for by in its})
    if not shared:
        yield Measure("Cohen's kappa", "", None, 0, _ONE_ANSWER)
    for one, other in combinations(people, 2):
        both = [its for its in shared.values() if one in its and other in its]
        if not both:
            continue
        first, second = [its[one] for its in both], [its[other] for its in both]
        about = f"{one} and {other}"
        if len({*first, *second}) < 2:
            yield Measure("Cohen's kappa", about, None, len(both), _ONE_CLASS)
            continue
        scores = optional("sklearn.metrics", "Cohen's kappa", extra=_EXTRA)
        value = float(scores.cohen_kappa_score(first, second))
        yield Measure("Cohen's kappa", about, value, len(both))


def _fleiss(shared: Answers, classes: int) -> Measure:
    """Fleiss' kappa, which needs items with one number of answers: those with the most common."""
    if not shared:
        return Measure("Fleiss' kappa", "", None, 0, _ONE_ANSWER)
    lengths = Counter(len(its) for its in shared.values())
    most = max(lengths, key=lambda length: (lengths[length], length))
    equal = {row: its for row, its in shared.items() if len(its) == most}
    counts = _counts(equal, classes, lambda value: [value])
    about = "" if len(lengths) == 1 else f"items with {most} answers"
    if (counts.sum(0) > 0).sum() < 2:
        return Measure("Fleiss' kappa", about, None, len(equal), _ONE_CLASS)
    rater = optional("statsmodels.stats.inter_rater", "Fleiss' kappa", extra=_EXTRA)
    return Measure("Fleiss' kappa", about, float(rater.fleiss_kappa(counts)), len(equal))


def _krippendorff(counts: np.ndarray[Any, Any], level: str, same: str, about: str = "") -> Measure:
    name = "Krippendorff's alpha"
    if not len(counts):
        return Measure(name, about, None, 0, _ONE_ANSWER)
    if (counts.sum(0) > 0).sum() < 2:
        return Measure(name, about, None, len(counts), same)
    value = _alpha(value_counts=counts, level_of_measurement=level)
    return Measure(name, about, value, len(counts))


def _alpha(**data: Any) -> float:
    package = optional("krippendorff", "Krippendorff's alpha", extra=_EXTRA)
    return float(package.alpha(**data))


def _says(number: int, value: Sequence[int]) -> list[int]:
    """Whether a label has a class, as the number of a column."""
    return [int(number in value)]


def _counts(
    shared: Answers, classes: int, of: Callable[[Any], Sequence[int]]
) -> np.ndarray[Any, Any]:
    """How often each class was given to each item, ``[m, c]``."""
    counts = np.zeros((len(shared), classes), dtype=np.int64)
    for at, its in enumerate(shared.values()):
        for value in its.values():
            counts[at, of(value)] += 1
    return counts
