"""Seeds: any whole number from 0 to 2^32 - 1, of any library; everything else is one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import uwe
from uwe._random import as_seed
from uwe.cli import main
from uwe.errors import InputError
from uwe.oracle import simulated
from uwe.pool import Pool
from uwe.selection import k_means_pp, uniform
from uwe.strategies import Question, find_strategy
from uwe.tasks import classification

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.arange(40) % 3

SAME = [7, np.int8(7), np.uint32(7), np.int64(7), np.array(7), torch.tensor(7)]
WRONG = [True, np.True_, torch.tensor(True), 1.0, np.float64(1), "1", None, [1], -1, np.int64(-1),
         2**32, 2**63, 10**400]  # fmt: skip


class Mean:
    """A learner that needs no training."""

    def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> int:
        return classes

    def predict(self, model: int, x: Any) -> Any:
        return np.zeros((len(x), model)), x


def data() -> uwe.Dataset:
    return uwe.Dataset.from_rows("rows", (X, Y), (X[:9], Y[:9]))


@pytest.mark.parametrize("seed", SAME, ids=repr)
@pytest.mark.parametrize("strategy", ["random", "badge", "uwe"])
def test_a_whole_number_of_any_library_is_a_seed(seed: Any, strategy: str) -> None:
    """The picks are those of Python's own number."""
    logits = np.random.default_rng(1).normal(size=(40, 3))
    own = uwe.select(X, 5, logits=logits, strategy=strategy, seed=seed)
    plain = uwe.select(X, 5, logits=logits, strategy=strategy, seed=7)
    assert own.rows.tolist() == plain.rows.tolist()


def test_both_ends_of_the_range_differ() -> None:
    """0 and the largest seed are taken and draw other rows."""
    rows = [uwe.select(X, 9, strategy="random", seed=seed).rows.tolist() for seed in (0, 2**32 - 1)]
    assert rows[0] != rows[1]


@pytest.mark.parametrize("seed", WRONG, ids=lambda seed: repr(seed)[:20])
def test_what_is_no_seed_is_refused_everywhere(seed: Any, tmp_path: Path) -> None:
    """One line that says the range, from every function that takes a seed."""
    question = {"predictions": uwe.Predictions(rows=9), "pool": Pool.untouched(9)}
    calls = [
        lambda: uwe.select(X, 3, strategy="random", seed=seed),
        lambda: uwe.select(X, 3, strategy="coreset", seed=seed),  # draws nothing
        lambda: uniform(9, 3, seed=seed),
        lambda: k_means_pp(X, 3, seed=seed),
        lambda: simulated(classification(3), Y, noise=0.1, seed=seed),
        lambda: Question(**question, seed=seed),
    ]
    if not isinstance(seed, list):
        calls.append(
            lambda: uwe.loop(Mean(), data(), "random", budgets=(3, 6), results=tmp_path, seed=seed)
        )
    for call in calls:
        with pytest.raises(InputError, match="seed must be") as caught:
            call()
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 120
    assert not list(tmp_path.iterdir())


def test_query_and_loop_take_numpys_integers(tmp_path: Path) -> None:
    """As `for seed in np.arange(3)` gives them; a loop over several gives as many results."""
    pytest.importorskip("sklearn")
    from sklearn.naive_bayes import GaussianNB

    model = GaussianNB().fit(X, Y)
    for seed in np.arange(2):
        own = uwe.query(model, X, 4, strategy="badge", seed=seed).rows.tolist()
        assert own == uwe.query(model, X, 4, strategy="badge", seed=int(seed)).rows.tolist()
    given: dict[str, Any] = {"budgets": (3, 6)}
    one = uwe.loop(Mean(), data(), "random", results=tmp_path / "a", seed=np.array(3), **given)
    plain = uwe.loop(Mean(), data(), "random", results=tmp_path / "b", seed=3, **given)
    assert [path.name for path in (one.table, plain.table)] == [plain.table.name] * 2
    assert one.table.name == plain.table.name
    more = uwe.loop(Mean(), data(), "random", results=tmp_path / "c", seed=np.arange(1, 3), **given)
    assert [result.experiment.seed for result in more] == [1, 2]
    assert all(type(result.experiment.seed) is int for result in more)


def test_a_question_holds_pythons_own_number() -> None:
    """The user's own strategy is asked with an int."""
    question = Question(uwe.Predictions(rows=9), Pool.untouched(9), seed=np.uint16(3))  # type: ignore[arg-type]
    assert type(question.seed) is int
    assert len(find_strategy("random").query(question, 2)) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["select", "pool.npz", "-k", "2", "--strategy", "random", "--seed", "4294967296"],
        ["select", "pool.npz", "-k", "2", "--strategy", "random", "--seed", "-1"],
        ["run", "digits", "--strategy", "random", "--seeds", "4294967296"],
        ["run", "digits", "--strategy", "random", "--seeds", "0"],
    ],
)
def test_the_command_line_says_the_range(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Exit code 2, one line, and no file."""
    monkeypatch.chdir(tmp_path)
    np.savez("pool.npz", features=X)
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "seed" in err
    assert [path.name for path in tmp_path.iterdir()] == ["pool.npz"]


def test_the_range_is_named() -> None:
    """From 0; the limit is written in full."""
    with pytest.raises(InputError, match="from 0 to 4294967295, not 4294967296"):
        as_seed(2**32)
