"""Items that people answered differently: which to decide first, and what is proposed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from uwe.errors import InputError, require_known
from uwe.tasks import Task

if TYPE_CHECKING:
    from uwe.label.board import Board

__all__ = ["RULES", "Proposal", "proposed", "rule_of", "strife", "worst_first"]


@dataclass(frozen=True)
class Proposal:
    """A label that is proposed for an item.

    Attributes:
        value: in JSON.
        why: in words.
    """

    value: Any
    why: str


def strife(values: Sequence[Any]) -> float:
    """How much answers differ: the share that is not the most frequent one; of numbers, the range.

    >>> strife([1, 0]), strife([2.0, 5.0])
    (0.5, 3.0)
    """
    if all(isinstance(value, float) for value in values):
        return float(max(values) - min(values))
    votes = _votes(values)
    return 1 - max(votes.values()) / len(values)


def worst_first(board: Board) -> dict[int, dict[str, Any]]:
    """The answers of the items that people answered differently, by row, the worst first."""
    answers = {row: board.standing.answers_of(row) for row in sorted(board.differing)}
    return dict(sorted(answers.items(), key=lambda each: -strife(list(each[1].values()))))


def proposed(values: Sequence[Any], task: Task, model: Any = None) -> Proposal:
    """The label that is proposed for an item, and why.

    The answer of most people; of equal votes, the one that the model gives.

    Args:
        values: the answers in JSON, in the order of answering.
        task: says how answers become one label.
        model: what the model says in JSON, or None.

    >>> from uwe.tasks import classification
    >>> proposed([1, 0], classification(["crow", "rook"]), model=0)
    Proposal(value=0, why='1 of 2 people, and the model')
    """
    if task.widget == "number":
        return Proposal(median(values), f"the median of {len(values)} numbers")
    if task.widget != "choice":
        return Proposal(task.targets.settle(values), task.targets.rule)
    votes = _votes(values)
    most = max(votes.values())
    first = [value for value in votes if votes[value] == most]
    if len(first) == 1:
        return Proposal(first[0], f"{most} of {len(values)} people")
    if model in first:
        return Proposal(model, f"{most} of {len(values)} people, and the model")
    return Proposal(first[0], f"{most} of {len(values)} people, as often as another answer")


Rule = Callable[[Sequence[Any], Task], Any]


def _majority(values: Sequence[Any], task: Task) -> Any:
    """What more than half of the people say; None where there is no such answer."""
    if task.widget == "choices":
        return _majority_of_each(values)
    votes = _votes(values)
    best = max(votes, key=lambda value: votes[value])
    return best if 2 * votes[best] > len(values) else None


def _majority_of_each(values: Sequence[Sequence[int]]) -> list[int] | None:
    votes = Counter(number for value in values for number in value)
    if any(2 * count == len(values) for count in votes.values()):
        return None
    return sorted(number for number, count in votes.items() if 2 * count > len(values))


RULES: Mapping[str, tuple[Rule, tuple[str, ...]]] = {
    "majority": (_majority, ("choice", "choices")),
    "mean": (lambda values, _: fmean(values), ("number",)),
    "median": (lambda values, _: median(values), ("number",)),
}
"""Rules that settle conflicts, and the widgets of the tasks that they are for."""


def rule_of(name: str, task: Task) -> Callable[[Sequence[Any]], Any]:
    """The rule of that name: answers give the label, or None where the rule decides nothing.

    Raises:
        InputError: there is none, or it does not fit the task.

    >>> from uwe.tasks import classification
    >>> rule = rule_of("majority", classification(2))
    >>> rule([1, 1, 0]), rule([1, 0])
    (1, None)
    """
    fitting = [each for each, (_, widgets) in RULES.items() if task.widget in widgets]
    rule, widgets = RULES[require_known(name, RULES, "rule")]
    if not fitting:
        raise InputError(f"no rule settles {task.name}; a person decides at the page")
    if task.widget not in widgets:
        raise InputError(f"{name} is no rule for {task.name}; choose one of {', '.join(fitting)}")
    return lambda values: rule(values, task)


def _votes(values: Sequence[Any]) -> Counter[Any]:
    return Counter(_hashable(value) for value in values)


def _hashable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return json.dumps(value, sort_keys=True)
    return tuple(value) if isinstance(value, list) else value
