"""The certificate of weighted coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import uwe
from uwe.errors import InputError
from uwe.points import Product
from uwe.selection._reference import SHAPES, pool
from uwe.selection.coverage_certificate import certify_coverage
from uwe.selection.herd import herd


@pytest.mark.parametrize("kernel", ["rbf", "tophat"])
@pytest.mark.parametrize("shape", SHAPES)
def test_picks_of_herd_fall_short_by_nothing(shape: str, kernel: str) -> None:
    """The greedy's picks are the best at every turn, with weights, anchors and candidates."""
    x = pool(shape, 160, 5, 3)
    radius = float(x.std()) or 1.0
    given: dict[str, Any] = {
        "weights": np.random.default_rng(0).random(150),
        "anchors": x[150:],
        "candidates": np.arange(0, 150, 2),
    }
    picks = herd(x[:150], 30, radius=radius, kernel=kernel, **given)
    assert certify_coverage(x[:150], picks, radius=radius, kernel=kernel, **given) == 0.0


def test_two_picks_that_change_places_are_found() -> None:
    """A pick that comes too late or too early falls short, at its turn alone."""
    x = pool("gaussian", 300, 4, 1)
    picks = herd(x, 40, radius=1.0)
    picks[[5, 30]] = picks[[30, 5]]
    assert certify_coverage(x, picks, radius=1.0) > 1e-3
    assert certify_coverage(x, picks, radius=1.0, turns=[5]) > 1e-3
    assert certify_coverage(x, picks, radius=1.0, turns=[0, 1, 4]) == 0.0


def test_factors_are_certified() -> None:
    """Products need not be multiplied out."""
    rng = np.random.default_rng(2)
    points = Product(rng.normal(size=(90, 3)), rng.normal(size=(90, 4)))
    assert certify_coverage(points, herd(points, 20, radius=3.0), radius=3.0) == 0.0


def test_the_public_name_is_the_function() -> None:
    """``uwe.certify_coverage`` is this check."""
    assert uwe.certify_coverage is certify_coverage


@pytest.mark.parametrize(
    ("picks", "more", "said"),
    [
        ([0, 0], {}, "distinct rows"),
        ([3], {}, "distinct rows"),
        ([1], {"candidates": [0, 2]}, "distinct rows of the 2 candidates"),
        ([1], {"turns": [1]}, "turns must be from 0 to 0"),
    ],
)
def test_what_are_no_picks_is_refused(picks: list[int], more: dict[str, Any], said: str) -> None:
    """Repeated rows, unknown rows and turns that never came are refused."""
    with pytest.raises(InputError, match=said):
        certify_coverage(np.eye(3), np.array(picks), radius=1.0, **more)
