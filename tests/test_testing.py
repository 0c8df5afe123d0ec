"""The contract suite for strategies of other packages: it passes ours, and finds what is wrong."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path

import numpy as np
import pytest
import torch

import uwe
from uwe import _plugins
from uwe.cli import main
from uwe.strategies import Needs, Picks, Question, Strategy, ranked, strategy_names
from uwe.testing import StrategyContract, check_strategy

LOGITS = Needs({"logits"})


def scores(predictions):
    return predictions.logits.double().amax(1)


def mine(*, sharpness: float = 1.0) -> Strategy:
    """The rows with the largest logit.

    Source: nobody; an example.
    """
    return ranked(lambda predictions: scores(predictions) * sharpness, needs=LOGITS)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch):
    """Pretend that a package with strategy ``mine`` is installed."""
    module = type(sys)("a_package_with_a_strategy")
    module.mine = mine
    monkeypatch.setitem(sys.modules, module.__name__, module)
    own = EntryPoint("mine", f"{module.__name__}:mine", "uwe.strategies")
    real = entry_points(group="uwe.strategies")
    of = {"uwe.strategies": EntryPoints([*real, own])}
    monkeypatch.setattr(
        _plugins, "entry_points", lambda group: of.get(group) or entry_points(group=group)
    )
    _plugins.plugins.cache_clear()
    yield
    _plugins.plugins.cache_clear()


@pytest.mark.parametrize("name", strategy_names())
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


def falling(question: Question) -> np.ndarray:
    candidates = question.candidates
    best = scores(question.predictions)[candidates]
    return candidates[np.argsort(-best.numpy(), kind="stable")]


def wrong(choose, *, needs: Needs = LOGITS, **changes) -> Strategy:
    return Strategy(choose, needs=needs, name="wrong", **changes)


def one_row(question, k):
    return np.repeat(falling(question)[:1], k)


def too_many(question, k):
    return np.resize(falling(question), k + 1)


def by_chance(question, k):
    return question.candidates[torch.randperm(len(question.candidates))[:k].numpy()]


def spoils(question, k):
    question.predictions.features.zero_()
    return falling(question)[:k]


def as_list(question, k):
    return falling(question)[:k].tolist()


def positions(question, k):
    return np.arange(k)


def forgets_candidates(question, k):
    return falling(replace(question, restricted=None))[:k]


def marks_its_picks(question, k):
    rows = falling(question)[:k]
    question.pool._cycles[:] = 7  # nothing public changes a pool
    return rows


class Careless(Strategy):
    """Checks either that all is finite or that enough rows are left, and then answers anyhow."""

    def query(self, question: Question, k: int) -> Picks:
        left = len(question.candidates)
        finite = question.predictions.first_not_finite() is None
        if not finite if self.options else k > left:
            raise uwe.InputError("refused")
        return self.answer(question, min(k, left))


WRONG = {
    r"returned row \d+ twice": wrong(one_row),
    "returned 2 rows": wrong(too_many),
    "object of type list": wrong(as_list),
    "which is not among the candidates": wrong(positions),
    "which is not among the candidates .*, 10 candidates": wrong(forgets_candidates),
    "the same seed gives": wrong(by_chance),
    "changes the features": wrong(spoils, needs=Needs({"logits"}, features=True)),
    "the logits are not among its needs": wrong(lambda q, k: falling(q)[:k], needs=Needs()),
    "nan in the logits is accepted": Careless(lambda q, k: falling(q)[:k], needs=LOGITS),
    "33 of 32 unlabelled rows are accepted": Careless(
        lambda q, k: falling(q)[:k], needs=LOGITS, options={"finite": True}
    ),
    "the options change when written as JSON": wrong(
        lambda q, k: falling(q)[:k], options={"sharpness": float("nan")}
    ),
    "changes the pool": wrong(marks_its_picks),
    "its measure gives an array of shape": wrong(
        lambda q, k: falling(q)[:k], measure=lambda predictions: predictions.logits
    ),
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


class TestMine(StrategyContract):
    """A value of a package, tested as its author would."""

    strategy = mine(sharpness=2.0)


class TestRegistered(StrategyContract):
    """A name."""

    strategy = "badge"


def test_each_claim_is_a_test_of_its_own(tmp_path: Path) -> None:
    """An author sees which claim fails, and on what pool; the others pass."""
    (tmp_path / "test_theirs.py").write_text(
        "import numpy as np\n"
        "from uwe.strategies import Needs, Strategy\n"
        "from uwe.testing import StrategyContract\n"
        "def first(question, k):\n"
        "    equal = not question.predictions.features.any()\n"
        "    return np.zeros(k, np.int64) if equal else question.candidates[:k]\n"
        "class TestFirst(StrategyContract):\n"
        "    strategy = Strategy(first, needs=Needs(features=True))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    failed = {line.split(" - ")[0] for line in done.stdout.splitlines() if line[:6] == "FAILED"}
    prefix = "FAILED test_theirs.py::TestFirst::test_"
    assert failed == {
        prefix + "exactly_k_distinct_unlabelled_rows[equal features]",
        prefix + "a_restricted_question_is_answered_from_its_candidates[equal features]",
        prefix + "nothing_that_it_reads_is_changed[equal features]",
    }
    assert "3 failed, 24 passed" in done.stdout


def test_the_suite_does_not_import_pytest() -> None:
    """It is part of the library, which does not depend on pytest."""
    code = "import sys; from uwe.testing import check_strategy as check; check('random'); "
    code += "print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
