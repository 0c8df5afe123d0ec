"""A temperature that makes a model as sure of unlabelled rows as it can be expected to be right.

A query cannot train the model again, so the labelled rows, which the model was fitted to, cannot
say how sure it should be. What is held back from the model is the unlabelled rows: on them its
mean confidence is made equal to an accuracy that the labelled rows suggest, that of their nearest
labelled neighbours, each row left out in turn. With few labels that accuracy is near chance, the
logits become flat, and all rows weigh alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np

from uwe.errors import InputError
from uwe.strategies._question import Question
from uwe.strategies._sampling import few
from uwe.strategies.agreement import agreement_of
from uwe.tasks import Task

if TYPE_CHECKING:
    import torch

    from uwe.points import Points

__all__ = ["FIT", "Temperature", "fitted_temperature", "refuse_temperature", "require_tempered"]

FIT: Final = "fit"
"""The temperature that `fitted_temperature` finds."""

_MOST = 4_096  # candidates that are looked at
_COLDEST, _HOTTEST = 0.01, 100.0
_STEPS = 40
_FEWEST = 2  # labels of which a neighbour can agree


@dataclass(frozen=True)
class Temperature:
    """What logits are divided by, and where it comes from.

    Attributes:
        value: above 0.
        rule: in words.
    """

    value: float
    rule: str

    @property
    def facts(self) -> dict[str, Any]:
        """As `Picks` carry it."""
        return {"temperature": self.value, "temperature_rule": self.rule}


def fitted_temperature(points: Points, question: Question) -> Temperature:
    """The temperature at which the mean confidence on the candidates is the expected accuracy.

    Formula: T with ``mean_i max_c softmax(z_i / T)_c = (a + 1) / (m + C)``, i over the candidates;
    of m labelled rows, a have the label of their nearest labelled neighbour, the lower one of
    equally near ones; C classes. T is from 0.01 to 100.

    Args:
        points: all rows of the pool, in which neighbours are near.
        question: with logits, and the labels of the labelled rows.

    Raises:
        InputError: the labels are not known, or what is learnt is not one class a row.

    Source: of this package. The temperature as a calibration, Guo, Pleiss, Sun, Weinberger (2017),
    On calibration of modern neural networks; its place in a query, Bae et al. (2025), Uncertainty
    herding, which fits it by training the model again on parts of the labels.
    """
    classes = _require_classes(question)
    agreement = agreement_of(question, points)
    agreed, judged = agreement.agreeing, agreement.judged
    if judged < _FEWEST:
        return Temperature(_HOTTEST, f"fitted to chance, known labels being too few ({judged})")
    accuracy = (agreed + 1) / (judged + classes)
    among = few(question.candidates, _MOST, question.seed)
    value = _matching(question.predictions.logits[among].double().cpu(), accuracy)
    return Temperature(
        float(f"{value:.4g}"),
        f"fitted to an accuracy of {accuracy:.2f} ({agreed} of {judged} labelled rows agree "
        "with their nearest labelled neighbour)",
    )


def refuse_temperature(reason: str, temperature: float | str) -> NoReturn:
    """Refuse a temperature where there are no logits.

    Args:
        reason: why there are none, as a clause.
        temperature: that was given.

    Raises:
        InputError: always.
    """
    shown = temperature if isinstance(temperature, str) else f"{temperature:g}"
    raise InputError(f"temperature {shown} divides logits, and {reason}; leave temperature out")


def require_tempered(temperature: float | str, task: Task) -> None:
    """Refuse a temperature that divides nothing, or that the labels of a task cannot tell.

    Raises:
        InputError: the task has no logits; or it is ``fit``, and a row has not one class.
    """
    if temperature != 1 and not any("logits" in output for output in task.outputs):
        refuse_temperature("its outputs are none", temperature)
    if temperature == FIT and "logits" not in task.outputs:
        raise InputError(
            f"temperature {FIT!r} needs one class a row, and the task is {task.name}; give a number"
        )


def _require_classes(question: Question) -> int:
    if question.task is not None:
        require_tempered(FIT, question.task)
    if not question.has_labels:
        raise InputError(
            f"temperature {FIT!r} needs the labels of the labelled rows, and only their numbers "
            "are known; give the labels, or a number"
        )
    return int(question.predictions.logits.shape[1])


def _matching(logits: torch.Tensor, confidence: float) -> float:
    """The temperature at which rows are that sure in the mean, by bisection of its logarithm."""
    low, high = np.log(_COLDEST), np.log(_HOTTEST)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        sure = float((logits / float(np.exp(middle))).softmax(1).amax(1).mean())
        low, high = (middle, high) if sure > confidence else (low, middle)
    return float(np.exp(high))
