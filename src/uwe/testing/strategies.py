"""What every strategy has to do, as tests that a package can run on its own strategies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

from uwe._types import Rows
from uwe.errors import InputError
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.strategies import Question, Strategy, as_strategy, describe_strategy
from uwe.testing.claims import claim, claim_refusal
from uwe.testing.pools import POOLS, generic

__all__ = ["StrategyContract", "check_strategy"]

_N = 40
_LABELLED = (0, 1, 8, _N - 1)
_CLASSES = 5
_SEED = 5


class StrategyContract:
    """The tests that a strategy has to pass; inherit from it in a test module of pytest.

    Attributes:
        strategy: the value, or the name under which it is registered. Override `make` where it
            takes more to make one.

    Example::

        from uwe.testing import StrategyContract

        class TestMine(StrategyContract):
            strategy = mine(sharpness=2.0)
    """

    strategy: str | Strategy

    def make(self) -> Strategy:
        """The strategy that is tested."""
        return as_strategy(self.strategy)

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """A test for each pool, where a test takes one; pytest calls this."""
        if "pool" in metafunc.fixturenames:
            metafunc.parametrize("pool", list(POOLS))

    def test_exactly_k_distinct_unlabelled_rows(self, pool: str) -> None:
        """A query gives k distinct unlabelled rows, from none to all that are left."""
        made = self.make()
        predictions = _with_passes(POOLS[pool](_N), made)
        for labelled in _LABELLED:
            left = _N - labelled
            for k in sorted({0, 1, min(7, left), left}):
                question = Question(predictions, _pool(labelled), _SEED)
                _picks_are_valid(made, question, k, f"{pool}, {labelled} labelled")

    def test_a_restricted_question_is_answered_from_its_candidates(self, pool: str) -> None:
        """Combinators ask about some rows only; picks come from these alone."""
        made = self.make()
        predictions = _with_passes(POOLS[pool](_N), made)
        plain = Question(predictions, _pool(8), _SEED)
        some, taken = plain.candidates[3::3], plain.candidates[3:10]
        for k in (1, 5, len(some)):
            _picks_are_valid(made, plain.among(some), k, f"{pool}, {len(some)} candidates")
        left = len(np.setdiff1d(some, taken))
        _picks_are_valid(made, plain.among(some).after(taken), left, f"{pool}, some rows taken")

    def test_nothing_that_it_reads_is_changed(self, pool: str) -> None:
        """Predictions and pool are left as they were."""
        made, pool_ = self.make(), _pool(8)
        predictions = _with_passes(POOLS[pool](_N), made)
        before = {name: tensor.clone() for name, tensor in _tensors(predictions)}
        marks = _marks(pool_)
        _answer(made, Question(predictions, pool_, _SEED), 7, pool)
        for name, tensor in _tensors(predictions):
            claim(bool(torch.equal(tensor, before[name])), f"a query changes the {name} ({pool})")
        claim(_marks(pool_) == marks, f"a query changes the pool ({pool})")

    def test_the_seed_decides(self) -> None:
        """The same seed gives the same rows, regardless of earlier draws."""
        made, picks = self.make(), []
        question = Question(_with_passes(generic(_N), made), _pool(8), _SEED)
        for noise in (1, 2):
            torch.manual_seed(noise)
            np.random.seed(noise)
            picks.append(_answer(made, question, 9).tolist())
        claim(picks[0] == picks[1], f"the same seed gives {picks[0]} and {picks[1]}")

    def test_more_rows_than_are_left_are_refused(self) -> None:
        """An InputError, not fewer rows."""
        made = self.make()
        question = Question(_with_passes(generic(_N), made), _pool(8), _SEED)
        claim_refusal(
            lambda: made.query(question, 33),
            "33 of 32 unlabelled rows are accepted",
        )

    def test_nan_is_refused(self) -> None:
        """NaN or infinity in a field that is needed is an InputError; nothing is ranked by it."""
        made = self.make()
        predictions = _with_passes(generic(_N), made)
        for name in sorted(made.needs.read(predictions.fields)):
            for value in (torch.nan, torch.inf):
                broken = predictions.field(name).clone()
                broken[..., 17, 2] = value
                question = Question(predictions.having(**{name: broken}), _pool(8), _SEED)
                claim_refusal(
                    partial(made.query, question, 3), f"{value} in the {name} is accepted"
                )

    def test_only_its_needs_change_its_picks(self) -> None:
        """Fields that are not among the needs may hold any numbers, NaN too."""
        made = self.make()
        predictions = _with_passes(generic(_N), made)
        whole = _answer(made, Question(predictions, _pool(8), _SEED), 9).tolist()
        other = _with_passes(generic(_N, seed=9), made)
        for name, tensor in _tensors(other):
            if name in made.needs.read(predictions.fields):
                continue
            for changed in (tensor, torch.full_like(tensor, torch.nan)):
                question = Question(predictions.having(**{name: changed}), _pool(8), _SEED)
                rows = _answer(made, question, 9, f"other {name}").tolist()
                claim(rows == whole, f"the {name} are not among its needs, but change its picks")

    def test_it_fits_a_record(self) -> None:
        """The options are JSON, and the measure is one number for each row."""
        made = self.make()
        record = json.loads(json.dumps(made.record))
        claim(record == made.record, f"the options change when written as JSON: {made.options}")
        scores = made.measure(_with_passes(generic(_N), made))
        claim(tuple(scores.shape) == (_N,), f"its measure gives an array of shape {scores.shape}")

    def test_it_is_described(self) -> None:
        """A strategy that is tested by name has a line that describes it, and a source."""
        if not isinstance(name := getattr(self, "strategy", None), str):
            return
        line, source = describe_strategy(name)
        claim(line.strip() != "", f"the docstring of {name} has no first line")
        claim(source != "", f"the docstring of {name} has no paragraph 'Source:'")


def check_strategy(strategy: str | Strategy, **options: Any) -> None:
    """Run all tests of `StrategyContract` on a strategy, without pytest.

    Args:
        strategy: the name under which it is registered, or a value.
        options: of a strategy that is given by name.

    Raises:
        AssertionError: a test fails; the text says which claim, and on what pool.

    >>> check_strategy("uwe", uncertainty="bvsb")
    """

    class Contract(StrategyContract):
        def make(self) -> Strategy:
            return as_strategy(strategy, options)

    contract = Contract()
    contract.strategy = strategy
    for name in [name for name in vars(StrategyContract) if name.startswith("test_")]:
        test = getattr(contract, name)
        pools = POOLS if "pool" in test.__code__.co_varnames[: test.__code__.co_argcount] else ()
        for pool in pools:
            test(pool)
        if not pools:
            test()


def _picks_are_valid(strategy: Strategy, question: Question, k: int, where: str) -> None:
    rows = _answer(strategy, question, k, f"k = {k}, {where}")
    claim(rows.dtype == np.int64, f"rows are {rows.dtype}, not int64 ({where})")
    claim(len(rows) == k, f"{len(rows)} rows for k = {k} ({where})")
    claim(len(np.unique(rows)) == k, f"rows are not distinct for k = {k} ({where})")
    claim(set(rows) <= set(question.candidates), f"a row is not a candidate ({where})")


def _answer(strategy: Strategy, question: Question, k: int, where: str = "") -> Rows:
    """The rows of a query that has to succeed."""
    try:
        return strategy.query(question, k).rows
    except InputError as error:
        raise AssertionError(
            f"contract broken: {error}" + (f" ({where})" if where else "")
        ) from error


def _with_passes(predictions: Predictions, strategy: Strategy) -> Predictions:
    """The passes that the strategy asks for: noise on the logits."""
    if not strategy.needs.passes:
        return predictions
    rng = torch.Generator().manual_seed(1)
    shape = (strategy.needs.passes, *predictions.logits.shape)
    noise = torch.randn(shape, generator=rng)
    return predictions.having(mc_logits=predictions.logits + noise)


def _pool(labelled: int) -> Pool:
    rows = np.random.default_rng(3).permutation(_N)[:labelled]
    pool = Pool.untouched(_N)
    return pool.ask(rows, cycle=0).answer(rows, rows % _CLASSES)


def _marks(pool: Pool) -> tuple[object, ...]:
    """What a pool says of its rows."""
    asked, skipped = pool.asked.tolist(), pool.skipped.tolist()
    return asked, pool.cycle_of(asked).tolist(), pool.labelled.tolist(), pool.values, skipped


def _tensors(predictions: Predictions) -> Iterator[tuple[str, torch.Tensor]]:
    for name in sorted(predictions.fields):
        yield name, predictions.field(name)
