"""The contract suite for strategies of other packages: it passes ours, and finds what is wrong."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import numpy as np
import pytest
import torch

import uwe
from uwe import strategies
from uwe.cli import main
from uwe.strategies import Strategy
from uwe.testing import check_strategy


def scores(predictions, _candidates):
    return predictions.logits.double().amax(1)


def falling(candidates, k, *, anchors, seed):
    return np.argsort(-candidates.numpy(), kind="stable")[:k]


def mine(*, sharpness: float = 1.0) -> Strategy:
    """The rows with the largest logit.

    Source: nobody; an example.
    """
    return Strategy(lambda p, c: scores(p, c) * sharpness, falling, needs=frozenset({"logits"}))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch):
    """Pretend that a package with strategy ``mine`` is installed."""
    module = type(sys)("a_package_with_a_strategy")
    module.mine = mine
    monkeypatch.setitem(sys.modules, module.__name__, module)
    own = EntryPoint("mine", f"{module.__name__}:mine", "uwe.strategies")
    real = strategies.entry_points(group="uwe.strategies")
    monkeypatch.setattr(strategies, "entry_points", lambda group: EntryPoints([*real, own]))
    strategies._table.cache_clear()
    yield
    strategies._table.cache_clear()


@pytest.mark.parametrize(
    "name", ["uwe", "random", "entropy", "bvsb", "least_confident", "coreset", "badge", "bald"]
)
def test_our_own_strategies_keep_the_contract(name: str) -> None:
    """What we ask of others we keep."""
    check_strategy(name)


def test_a_strategy_of_a_package_is_checked_and_used_everywhere(
    installed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its name, in ``uwe.select``, ``uwe select`` and ``uwe list``, with its options."""
    check_strategy("mine", sharpness=2.0)
    logits = np.random.default_rng(0).normal(size=(30, 3))
    best = np.argsort(-logits.max(1))[:4].tolist()
    assert uwe.select(None, 4, logits=logits, strategy="mine", sharpness=3.0).rows.tolist() == best
    np.savez(tmp_path / "pool.npz", logits=logits)
    command = ["select", str(tmp_path / "pool.npz"), "-k", "4", "--strategy", "mine"]
    assert main([*command, "--option", "sharpness=2", "-o", str(tmp_path / "picks.txt")]) == 0
    assert (tmp_path / "picks.txt").read_text().split() == [str(row) for row in best]
    assert main(["list", "strategies"]) == 0
    assert "The rows with the largest logit." in capsys.readouterr().out


def changed(select=falling, represent=scores, needs=("logits",)) -> Strategy:
    return Strategy(represent, select, needs=frozenset(needs))


def spoils(predictions, candidates):
    predictions.features.zero_()
    return scores(predictions, candidates)


WRONG = {
    "rows are distinct": changed(lambda c, k, *, anchors, seed: np.zeros(k, dtype=np.int64)),
    "rows for k =": changed(lambda c, k, *, anchors, seed: falling(c, k + 1, anchors=0, seed=0)),
    "the same seed": changed(lambda c, k, *, anchors, seed: torch.randperm(len(c))[:k].numpy()),
    "are left as they were": changed(represent=spoils, needs=("logits", "features")),
    "not among its needs": changed(needs=()),
}


@pytest.mark.parametrize("words", WRONG)
def test_what_is_wrong_is_found(words: str) -> None:
    """Each broken strategy fails, and the text says of what."""
    with pytest.raises(AssertionError, match=words):
        check_strategy(WRONG[words])


def test_a_strategy_without_a_word_is_found(installed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that describes it, and where it comes from."""
    monkeypatch.setattr(mine, "__doc__", "The rows with the largest logit.")
    with pytest.raises(AssertionError, match="Source"):
        check_strategy("mine")
