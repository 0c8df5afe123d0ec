"""Each measure against values worked by hand, and at the edges of probability."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from uwe.errors import InputError
from uwe.predictions import Predictions
from uwe.uncertainty import (
    MEASURES,
    binary_bvsb,
    binary_entropy,
    binary_least_confident,
    binary_margin,
    binary_mutual_information,
    bvsb,
    entropy,
    least_confident,
    margin,
    mutual_information,
    spread_of_means,
    standard_deviation,
)


def of_probs(*rows: tuple[float, ...]) -> Predictions:
    """Predictions whose softmax gives ``rows``."""
    return Predictions(torch.tensor(rows).log(), torch.zeros(len(rows), 1))


@pytest.mark.parametrize(
    ("measure", "probs", "value"),
    [
        (entropy, (0.5, 0.5), math.log(2)),
        (entropy, (0.5, 0.25, 0.25), 1.5 * math.log(2)),
        (entropy, (0.25, 0.25, 0.25, 0.25), math.log(4)),
        (bvsb, (0.5, 0.5), 1.0),
        (bvsb, (0.6, 0.3, 0.1), 0.5),
        (bvsb, (0.8, 0.2), 0.25),
        (least_confident, (0.5, 0.5), 0.5),
        (least_confident, (0.6, 0.3, 0.1), 0.4),
        (least_confident, (0.9, 0.1), 0.1),
        (margin, (0.5, 0.5), 1.0),
        (margin, (0.6, 0.3, 0.1), 0.7),
        (margin, (0.9, 0.1), 0.2),
    ],
)
def test_a_measure_has_its_hand_worked_value(measure, probs, value) -> None:
    """Formulas are fixed by values that can be checked on paper."""
    assert measure(of_probs(probs)).item() == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_a_probability_of_zero_is_certain_and_finite(measure) -> None:
    """A class of probability 0, even with an infinite logit, gives 0 and never NaN."""
    certain = Predictions(torch.tensor([[0.0, -1e30], [0.0, -torch.inf]]), torch.zeros(2, 1))
    assert measure(certain).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_confident_rows_still_rank(measure) -> None:
    """Rows whose confidence differs far below float32's grain keep their order."""
    logits = torch.tensor([[0.0, -40.0], [0.0, -30.0], [0.0, -20.0]])
    values = measure(Predictions(logits, torch.zeros(3, 1))).tolist()
    assert values == sorted(values)
    assert len(set(values)) > 1


def test_least_confident_and_entropy_are_not_lost_to_rounding() -> None:
    """1 - p₁ keeps its digits where p₁ rounds to 1 in float32, the margin in float64, too."""
    row = Predictions(torch.tensor([[0.0, -20.0]]), torch.zeros(1, 1))
    assert least_confident(row).item() == pytest.approx(math.exp(-20), rel=1e-6)
    rows = Predictions(torch.tensor([[0.0, -60.0, -60.0], [0.0, -60.0, -61.0]]), None)
    both = [3 * math.exp(-60), 2 * math.exp(-60) + math.exp(-61)]
    assert margin(rows).tolist() == pytest.approx(both, rel=1e-12)


def test_mutual_information_has_its_hand_worked_value() -> None:
    """Two passes at (0.9, 0.1) and (0.1, 0.9): H(0.5, 0.5) - H(0.9, 0.1)."""
    passes = torch.tensor([[[0.9, 0.1]], [[0.1, 0.9]]]).log()
    value = mutual_information(Predictions(passes[0], torch.zeros(1, 1), passes)).item()
    within = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert value == pytest.approx(math.log(2) - within, rel=1e-6)


def test_mutual_information_of_equal_passes_is_zero() -> None:
    """Passes that agree say nothing about the weights."""
    passes = torch.randn(1, 5, 4).expand(3, 5, 4)
    assert mutual_information(
        Predictions(passes[0], torch.zeros(5, 1), passes)
    ).tolist() == pytest.approx([0.0] * 5, abs=1e-12)


def test_mutual_information_without_passes_is_an_error() -> None:
    """What a measure lacks is named."""
    with pytest.raises(InputError, match="dropout passes"):
        mutual_information(of_probs((0.5, 0.5)))


logits_on_a_grid = npst.arrays(
    "int32", st.tuples(st.integers(1, 6), st.integers(2, 5)), elements=st.integers(-4096, 4096)
)


@given(logits_on_a_grid, st.sampled_from([-16.0, -0.5, 0.25, 1.0, 64.0]))
def test_a_power_of_two_added_to_the_logits_changes_nothing(grid, constant: float) -> None:
    """To the bit: such a constant can be added without rounding."""
    logits = torch.from_numpy(grid).float() / 1024
    features = torch.zeros(len(logits), 1)
    for measure in MEASURES.values():
        plain = measure(Predictions(logits, features))
        assert torch.equal(plain, measure(Predictions(logits + constant, features)))


@given(logits_on_a_grid)
def test_measures_stay_in_their_range(grid) -> None:
    """Entropy in [0, log c], the ratio in [0, 1], 1 - p₁ in [0, 1 - 1/c], the margin in [0, 1]."""
    logits = torch.from_numpy(grid).float() / 64
    c = logits.shape[1]
    given_ = Predictions(logits, torch.zeros(len(logits), 1))
    for measure, top in ((entropy, math.log(c)), (bvsb, 1.0), (least_confident, 1 - 1 / c),
                         (margin, 1.0)):  # fmt: skip
        values = measure(given_)
        assert values.isfinite().all()
        assert values.min() >= 0
        assert values.max() <= top + 1e-12


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_blocks_of_rows_join_seamlessly(measure, monkeypatch: pytest.MonkeyPatch) -> None:
    """A measure does not depend on how many rows are taken at once; no rows give no values."""
    rows = Predictions(torch.randn(23, 4), torch.zeros(23, 1))
    whole = measure(rows)
    monkeypatch.setattr("uwe.uncertainty._rows._ROWS_AT_ONCE", 5)
    assert torch.equal(whole, measure(rows))
    assert measure(rows.take(torch.arange(0).numpy())).shape == (0,)


def of_labels(*rows: tuple[float, ...]) -> Predictions:
    p = torch.tensor(rows, dtype=torch.float64)
    return Predictions(outputs={"binary_logits": p.log() - (1 - p).log()})


def h(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


REDUCED = {"mean": lambda a, b: (a + b) / 2, "max": max, "sum": lambda a, b: a + b}


@pytest.mark.parametrize("reduce", REDUCED)
def test_measures_of_labels_have_their_hand_worked_values(reduce: str) -> None:
    """Labels of probability 0.9 and 0.4, each on its own, then reduced."""
    row = of_labels((0.9, 0.4))
    expected = {
        binary_entropy: (h(0.9), h(0.4)),
        binary_bvsb: (0.1 / 0.9, 0.4 / 0.6),
        binary_least_confident: (0.1, 0.4),
        binary_margin: (0.2, 0.8),
    }
    for measure, (first, second) in expected.items():
        value = measure(row, reduce=reduce).item()
        assert value == pytest.approx(REDUCED[reduce](first, second), rel=1e-12)


@pytest.mark.parametrize("reduce", REDUCED)
def test_disagreement_about_labels_has_its_hand_worked_value(reduce: str) -> None:
    """Passes say 0.9 and 0.1 of one label, and 0.4 twice of the other: h(0.5) - h(0.9), and 0."""
    p = torch.tensor([[[0.9, 0.4]], [[0.1, 0.4]]], dtype=torch.float64)
    rows = Predictions(passes={"binary_logits": p.log() - (1 - p).log()})
    value = binary_mutual_information(rows, reduce=reduce).item()
    assert value == pytest.approx(REDUCED[reduce](math.log(2) - h(0.9), 0.0), rel=1e-9)


def test_measures_of_numbers_have_their_hand_worked_values() -> None:
    """The root of the variance, and the population deviation of the passes' means."""
    outputs = {"mean": torch.tensor([1.0, 2.0]), "variance": torch.tensor([9.0, 0.0])}
    assert standard_deviation(Predictions(outputs=outputs)).tolist() == [3.0, 0.0]
    passes = torch.tensor([[1.0, 5.0], [2.0, 5.0], [6.0, 5.0]])
    assert spread_of_means(Predictions(passes={"mean": passes})).tolist() == pytest.approx(
        [math.sqrt(14 / 3), 0.0]
    )


def test_measures_of_labels_survive_certainty() -> None:
    """At ±200 nothing is lost: the entropy of a certain label is 200 e^-200, not 0 or NaN."""
    row = Predictions(outputs={"binary_logits": torch.tensor([[200.0], [-200.0]])})
    tiny = pytest.approx([201 * math.exp(-200)] * 2, rel=1e-6)
    assert binary_entropy(row).tolist() == tiny
    assert binary_bvsb(row).tolist() == pytest.approx([math.exp(-200)] * 2, rel=1e-6)
    assert binary_least_confident(row).tolist() == pytest.approx([math.exp(-200)] * 2, rel=1e-6)
    assert binary_margin(row).tolist() == pytest.approx([2 * math.exp(-200)] * 2, rel=1e-6)


def test_what_the_new_measures_lack_is_named() -> None:
    """Passes, an output, or a reduction."""
    row = of_labels((0.5, 0.5))
    for measure in (binary_mutual_information, spread_of_means):
        with pytest.raises(InputError, match="mc_"):
            measure(row)
    with pytest.raises(InputError, match="unknown reduction 'median'"):
        binary_entropy(row, reduce="median")
    with pytest.raises(InputError, match="binary_logits"):
        binary_entropy(Predictions(torch.zeros(1, 2)))


@given(logits_on_a_grid, st.sampled_from(sorted(REDUCED)))
def test_a_label_and_its_opposite_are_equally_uncertain(grid, reduce: str) -> None:
    """Swapping what 1 means for a label changes nothing; every value is in its range."""
    logits = torch.from_numpy(grid).float() / 64
    plain, turned = (Predictions(outputs={"binary_logits": each}) for each in (logits, -logits))
    most = logits.shape[1] if reduce == "sum" else 1
    for measure, top in ((binary_entropy, math.log(2)), (binary_bvsb, 1.0),
                         (binary_least_confident, 0.5), (binary_margin, 1.0)):  # fmt: skip
        values = measure(plain, reduce=reduce)
        assert torch.equal(values, measure(turned, reduce=reduce))
        assert values.min() >= 0
        assert values.max() <= most * top + 1e-12
