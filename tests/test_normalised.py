"""Rows of unit length, and columns of one scale, against arrays written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uwe import embedding
from uwe.embedding import NORMALISATIONS, features, gradient, normalised, weighted
from uwe.errors import InputError
from uwe.points import Dense, Product
from uwe.predictions import Predictions
from uwe.strategies import spread
from uwe.uncertainty import entropy

THREE = torch.tensor([[3.0, 4.0], [0.0, 0.0], [-5.0, 12.0]])
UNIT = np.array([[0.6, 0.8], [0.0, 0.0], [-5 / 13, 12 / 13]])


def of(x: torch.Tensor) -> Predictions:
    return Predictions(torch.zeros(len(x), 2), x)


def written(points: Dense | Product) -> np.ndarray:
    if isinstance(points, Dense):
        return np.asarray(points.x, dtype=np.float64)
    a, b = (np.asarray(each, dtype=np.float64) for each in (points.a, points.b))
    return np.einsum("nc,nd->ncd", a, b).reshape(len(a), -1)


def test_unit_rows_have_length_one_and_zero_rows_stay_zero() -> None:
    """(3, 4) becomes (0.6, 0.8), worked by hand."""
    made = written(normalised("unit")(of(THREE), np.arange(3)))
    np.testing.assert_allclose(made, UNIT, atol=1e-7)


@pytest.mark.parametrize("reason", ["16 bits", "large"])
def test_unit_rows_of_a_large_pool_are_not_copied(
    reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows in 16 bits, and pools of many numbers, become products over the memory as given."""
    x = THREE.half() if reason == "16 bits" else THREE
    if reason == "large":
        monkeypatch.setattr(embedding, "_MULTIPLIED_OUT", 5)
    points = normalised("unit")(of(x), np.arange(3))
    assert isinstance(points, Product)
    assert points.b.data_ptr() == x.data_ptr()
    np.testing.assert_allclose(written(points), UNIT, atol=1e-7)


def test_unit_rows_of_a_gradient_have_length_one() -> None:
    """The norm of an outer product is the product of the factors' norms."""
    rng = torch.Generator().manual_seed(0)
    said = Predictions(torch.randn(6, 3, generator=rng), torch.randn(6, 4, generator=rng))
    made = written(normalised("unit", gradient)(said, np.arange(6)))
    plain = written(gradient(said, np.arange(6)))
    np.testing.assert_allclose(made, plain / np.linalg.norm(plain, axis=1)[:, None], rtol=1e-5)


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
def test_unit_rows_do_not_depend_on_the_length_of_a_row(seed: int, factor: float) -> None:
    """A row and a multiple of it become one row, up to rounding."""
    x = np.random.default_rng(seed).normal(size=(1, 5))
    both = torch.from_numpy(np.concatenate([x, x * factor]))
    one, other = written(normalised("unit")(of(both), np.arange(2)))
    np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_stays_so(value: float) -> None:
    """NaN and infinity are never turned into a row of zeros, so that a kernel names the row."""
    x = THREE.clone()
    x[2, 0] = value
    for how in ("unit", "standard"):
        points = normalised(how)(of(x), np.arange(3))
        assert not points.finite(slice(0, 3))[2], how
        assert how == "standard" or points.finite(slice(0, 3))[:2].all()


def test_standard_columns_are_fitted_on_the_candidates() -> None:
    """Mean 2 and deviation 1 of rows 0 and 1; a constant column is only shifted; all by hand."""
    x = torch.tensor([[1.0, 5.0], [3.0, 5.0], [6.0, 7.0]])
    points = normalised("standard")(of(x), np.array([0, 1]))
    assert written(points).tolist() == [[-1.0, 0.0], [1.0, 0.0], [4.0, 2.0]]


@pytest.mark.parametrize("value", [0.1, 1e6 + 0.1])
def test_a_constant_column_is_not_divided_by_rounding(value: float) -> None:
    """A column of equal numbers whose mean rounds stays near zero."""
    x = torch.full((1000, 2), value, dtype=torch.float64)
    made = written(normalised("standard")(of(x), np.arange(1000)))
    assert np.abs(made).max() < 1e-6


@pytest.mark.parametrize("scale", [2.0**-600, 2.0**600])
def test_a_column_of_any_scale_is_standardised(scale: float) -> None:
    """Its squares are 0 or infinite in float64, and its rows are those of scale 1."""
    x = torch.tensor([[1.0], [3.0], [6.0]], dtype=torch.float64)
    plain, scaled = (normalised("standard")(of(each), np.array([0, 1])) for each in (x, x * scale))
    assert written(scaled).tolist() == written(plain).tolist() == [[-1.0], [1.0], [4.0]]


def test_standard_of_products_is_refused() -> None:
    """Columns of an outer product are never written out, so they have no scale."""
    with pytest.raises(InputError, match=r"matrix \[n, d\]; the embedding gave Product points"):
        normalised("standard", gradient)(of(THREE), np.arange(3))


def test_none_is_the_embedding_itself_and_an_unknown_way_is_refused() -> None:
    """Nothing is wrapped for nothing, and the close matches are listed."""
    assert normalised("none") is features
    assert NORMALISATIONS == ("none", "unit", "standard")
    with pytest.raises(InputError, match="did you mean 'unit'"):
        normalised("units")


def test_a_composition_takes_it_and_knows_what_it_reads() -> None:
    """Its needs are those of the embedding inside; its name says what is done."""
    made = spread(normalised("unit"), anchored=True)
    assert (made.name, made.needs.fields) == ("spread-features-unit-k_center", {"features"})
    inside = spread(normalised("unit", weighted(entropy)))
    assert inside.needs.fields == {"features", "logits"}
