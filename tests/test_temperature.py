"""The temperature that the labelled rows suggest, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import uwe
from uwe.errors import InputError
from uwe.points import Dense
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.strategies import Question, find_strategy
from uwe.strategies.temperature import fitted_temperature
from uwe.tasks import multilabel, regression
from uwe.uncertainty import entropy, tempered

LINE = torch.tensor([[0.0], [1.0], [2.1], [10.0], [11.0], [30.0], [31.0]], dtype=torch.float64)


def asked(labels: dict[int, int | None], scale: float = 9.0, **more: object) -> Question:
    logits = torch.zeros(7, 2)
    logits[:, 0] = scale
    return Question(Predictions(logits, LINE), Pool.of(7, cycles={}, values=labels), 1, **more)


def confidence(scale: float, temperature: float) -> float:
    return 1 / (1 + math.exp(-scale / temperature))


def test_the_mean_confidence_becomes_the_expected_accuracy() -> None:
    """Of four labels three agree with their nearest: (3 + 1) / (4 + 2), by hand; T solves it."""
    question = asked({0: 1, 1: 1, 2: 0, 3: 0})  # row 3's nearest is 2; row 2's is 1
    found = fitted_temperature(Dense(LINE), question)
    assert confidence(9.0, found.value) == pytest.approx(4 / 6, rel=1e-3)
    assert found.value == pytest.approx(9 / math.log(2), rel=1e-3)
    assert found.rule.startswith("fitted to an accuracy of 0.67 (3 of 4 labelled rows agree")


@pytest.mark.parametrize("scale", [0.5, 5.0, 50.0])
def test_the_scale_of_the_logits_does_not_matter(scale: float) -> None:
    """Twice the logits give twice the temperature, and the same weights."""
    labels = {0: 1, 1: 1, 2: 0, 3: 0}
    found = fitted_temperature(Dense(LINE), asked(labels, scale))
    assert found.value / scale == pytest.approx(1 / math.log(2), rel=1e-3)


def test_labels_that_disagree_make_the_logits_flat() -> None:
    """No row agrees: the accuracy is below chance, and the temperature the hottest."""
    assert fitted_temperature(Dense(LINE), asked({0: 1, 1: 0})).value == 100.0
    few = fitted_temperature(Dense(LINE), asked({0: 1}))
    assert (few.value, few.rule) == (100.0, "fitted to chance, known labels being too few (1)")


def test_a_row_whose_label_is_not_known_tells_nothing() -> None:
    """It is labelled, and left out of the agreement."""
    known = fitted_temperature(Dense(LINE), asked({0: 1, 1: 1, 3: 0}))
    with_others = fitted_temperature(Dense(LINE), asked({0: 1, 1: 1, 2: None, 3: 0}))
    assert "2 of 3 labelled rows agree" in known.rule
    assert "2 of 3 labelled rows agree" in with_others.rule


def test_neighbours_are_the_nearest_also_far_from_the_origin() -> None:
    """Products of such rows have lost the digits of their distances; rows 3 and 4 are a pair."""
    x = 1e10 + torch.tensor([[0.0], [1.0], [2.0], [10.0], [11.0], [-1e10]], dtype=torch.float64)
    logits = torch.ones(6, 2) * torch.tensor([3.0, 0.0])
    values = {0: 1, 1: 1, 2: 0, 3: 0, 4: 0, 5: 1}
    question = Question(Predictions(logits, x), Pool.of(6, cycles={}, values=values), 1)
    assert "(5 of 6 labelled rows agree" in fitted_temperature(Dense(x), question).rule


def test_where_labels_or_classes_are_not_known_it_is_refused() -> None:
    """A mask alone, and labels of several classes a row; a number is what to give."""
    made = find_strategy("uherding", temperature="fit")
    x, probs = LINE.numpy(), np.full((7, 2), 0.5)
    with pytest.raises(InputError, match="only their numbers are known; give the labels, or a"):
        uwe.select(x, 2, probs=probs, labelled=[0, 1], strategy=made)
    said = Predictions(outputs={"binary_logits": torch.zeros(7, 2)}, features=LINE)
    question = Question(said, Pool.untouched(7), 1, task=multilabel(2))
    with pytest.raises(InputError, match="needs one class a row, and the task is multilabel"):
        made.query(question, 2)


def test_a_task_that_a_temperature_does_not_fit_is_refused_before_anything_is_trained() -> None:
    """Numbers have no logits, and a row of labels has no single class."""
    for temperature in (2.0, "fit"):
        with pytest.raises(InputError, match="divides logits, and its outputs"):
            find_strategy("uherding", temperature=temperature).for_task(regression())
    with pytest.raises(InputError, match="needs one class a row"):
        find_strategy("uherding", temperature="fit").for_task(multilabel(2))
    assert find_strategy("uherding", temperature=2.0).for_task(multilabel(2)).measure is not None


def test_the_temperature_stands_beside_the_picks_and_can_be_given_again() -> None:
    """The picks of ``fit`` are those of the number that they carry."""
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=(80, 3)))
    y = (x[:, 0] > 0).long().tolist()
    logits = torch.from_numpy(rng.normal(size=(80, 2)) * 20)
    pool = Pool.of(80, cycles={}, values={row: y[row] for row in range(20)})
    question = Question(Predictions(logits, x), pool, 1)
    found = find_strategy("uherding", temperature="fit").query(question, 9)
    again = find_strategy("uherding", temperature=found.facts["temperature"]).query(question, 9)
    assert list(again) == list(found)
    assert list(found) != list(find_strategy("uherding").query(question, 9))
    assert "labelled rows agree with their nearest labelled neighbour" in found.told


def test_a_tempered_measure_is_the_measure_of_divided_logits() -> None:
    """Worked by dividing first; at 1 it is the measure itself, by name, too."""
    said = Predictions(torch.tensor([[4.0, 0.0], [0.0, 2.0]]), torch.zeros(2, 1))
    halved = Predictions(said.logits / 2, torch.zeros(2, 1))
    made = tempered(entropy, 2.0)
    assert torch.equal(made(said), entropy(halved))
    assert made.__name__ == "entropy"
    assert tempered(entropy, 1) is entropy
    for value in (0.0, -1.0, math.inf, math.nan, True, "2"):
        with pytest.raises(InputError, match="a temperature must be a number above 0"):
            tempered(entropy, value)
