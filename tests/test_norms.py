"""A warning where the length of the rows decides what is picked."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import uwe
from uwe.cli import main
from uwe.selecting.norms import told_norms


def rows(spread: float, n: int = 600, d: int = 16) -> np.ndarray[Any, Any]:
    """Directions at random, of lengths that are log-normal."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x * rng.lognormal(0, spread, (n, 1))


def warnings_of(caplog: pytest.LogCaptureFixture, x: Any, **options: Any) -> list[str]:
    caplog.clear()
    logits = np.random.default_rng(1).normal(size=(len(x), 3))
    with caplog.at_level(logging.WARNING, logger="uwe"):
        uwe.select(x, options.pop("k", 20), logits=logits, **options)
    return [record.getMessage() for record in caplog.records]


def test_the_rule_by_hand() -> None:
    """Lengths 1 to 100: median 50.5, 99th percentile 99.01; picks above 95 of them decide."""
    lengths = np.arange(1.0, 101.0)
    assert "longer than those of 96 % of the candidates" in told_norms(lengths, np.full(10, 97.0))
    assert told_norms(lengths, np.full(10, 96.0)) == ""  # 95 % are shorter, not more
    assert told_norms(lengths, np.array([1.0] * 6 + [100.0] * 4)) == ""  # most picks are short
    alike = lengths + 100  # median 150.5, 99th percentile 199.01: less than 1.5 times it
    assert told_norms(alike, np.full(10, 200.0)) == ""


@pytest.mark.parametrize("strategy", ["coreset", "uwe"])
def test_it_is_said_where_long_rows_are_picked(
    strategy: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One line with both numbers and what to do; rows of length 1 end it."""
    [told] = warnings_of(caplog, rows(0.7), strategy=strategy)
    assert "half of the picks have features longer than those of 9" in told
    assert "give the strategy normalise=unit (--normalise unit)" in told
    assert warnings_of(caplog, rows(0.7), strategy=strategy, normalise="unit") == []


@pytest.mark.parametrize(
    "options",
    [
        {"strategy": "random"},
        {"strategy": "entropy"},
        {"strategy": "badge"},
        {"strategy": "uwe", "selection": "k_means_pp"},
        {"strategy": "coreset", "k": 9},
    ],
)
def test_it_is_not_said_of_others(
    options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Strategies that do not compare the features as they are, draws, and a handful of picks."""
    assert warnings_of(caplog, rows(0.2), **options) == []


@pytest.mark.parametrize("strategy", ["coreset", "uwe"])
@pytest.mark.parametrize("width", [16, 256])
def test_it_is_not_said_of_rows_that_are_about_equally_long(
    strategy: str, width: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Gaussians, whose longest rows k-center picks as well, are no case for a warning."""
    x = np.random.default_rng(2).normal(size=(600, width))
    assert warnings_of(caplog, x, strategy=strategy) == []


def test_the_command_says_it_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The picks are written, and the warning stands beside them."""
    np.savez(tmp_path / "pool.npz", features=rows(0.7))
    done = main(["select", str(tmp_path / "pool.npz"), "-k", "20", "--strategy", "coreset",
                 "-o", str(tmp_path / "picks.csv")])  # fmt: skip
    said = " ".join(capsys.readouterr().err.split())
    assert done == 0
    assert "so distances follow lengths; give the strategy normalise=unit" in said
    assert (tmp_path / "picks.csv").exists()
