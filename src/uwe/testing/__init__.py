"""What every strategy has to keep, for authors of strategies in other packages.

from uwe.testing import check_strategy

def test_contract():
    check_strategy("mine")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from uwe._types import Rows
from uwe.errors import InputError
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.strategies import Strategy, describe_strategy, find_strategy

__all__ = ["POOLS", "check_strategy"]

_N = 40
_CLASSES = 5
_WIDTH = 6


def check_strategy(strategy: str | Strategy, **options: Any) -> None:
    """Ask a strategy for rows of pools that a real run can come to, and check what it answers.

    Whatever the pool: exactly k distinct unlabelled rows, from none to all that are left; the same
    rows for the same seed; none from NaN; nothing changed that was handed over; and no look at what
    is not among its ``needs``. A strategy that is found by name has a line that describes it and a
    source.

    Args:
        strategy: the name under which it is registered (entry-point group ``uwe.strategies``), or
            the strategy itself.
        options: its own.

    Raises:
        AssertionError: it does not keep one of these; the text says which, and on what pool.

    >>> check_strategy("uwe", uncertainty="bvsb")
    """
    made = find_strategy(strategy, **options) if isinstance(strategy, str) else strategy
    if isinstance(strategy, str):
        _described(strategy)
    for name, make in POOLS.items():
        predictions = _with_passes(make(_N), made)
        for labelled in (0, 1, 8, _N - 1):
            _picks_distinct_rows(made, predictions, labelled, f"{name}, {labelled} labelled")
    _is_decided_by_the_seed(made)
    _refuses_what_it_cannot_do(made)
    _looks_at_its_needs_alone(made)


def generic(n: int, *, seed: int = 0) -> Predictions:
    """Random logits and features."""
    rng = torch.Generator().manual_seed(seed)
    return Predictions(
        torch.randn(n, _CLASSES, generator=rng), torch.randn(n, _WIDTH, generator=rng)
    )


def certain(n: int) -> Predictions:
    """Every probability is 0 or 1 in float32."""
    logits = torch.full((n, _CLASSES), -1e4)
    logits[torch.arange(n), torch.arange(n) % _CLASSES] = 1e4
    return replace(generic(n), logits=logits)


def duplicates(n: int) -> Predictions:
    """A few distinct rows, and many copies of the first."""
    first = np.zeros(n, dtype=np.int64)
    first[: n // 8] = np.arange(n // 8)
    return generic(n).take(first)


def constant(n: int) -> Predictions:
    """All rows equally uncertain."""
    return replace(generic(n), logits=torch.zeros(n, _CLASSES))


def without_features(n: int) -> Predictions:
    """All rows at one place."""
    return replace(generic(n), features=torch.zeros(n, _WIDTH))


def far_away(n: int) -> Predictions:
    """Features far from the origin, beside which their differences are small."""
    plain = generic(n)
    return replace(plain, features=plain.features + 1000.0)


POOLS: dict[str, Callable[[int], Predictions]] = {
    "generic": generic,
    "probabilities of 0 and 1": certain,
    "duplicates": duplicates,
    "constant uncertainty": constant,
    "equal features": without_features,
    "far from the origin": far_away,
}
"""Pools that a real run can come to, by name."""


def _with_passes(predictions: Predictions, strategy: Strategy) -> Predictions:
    """The passes that the strategy asks for: noise on the logits."""
    if not strategy.mc_passes:
        return predictions
    rng = torch.Generator().manual_seed(1)
    shape = (strategy.mc_passes, *predictions.logits.shape)
    noise = torch.randn(shape, generator=rng)
    return replace(predictions, mc_logits=predictions.logits + noise)


def _bought(labelled: int) -> Pool:
    rows = np.random.default_rng(3).permutation(_N)[:labelled]
    pool = Pool.untouched(_N)
    return pool.buy(rows, cycle=0).answer(rows, rows % _CLASSES) if labelled else pool


def _described(name: str) -> None:
    line, source = describe_strategy(name)
    _claim(line.strip() != "", f"strategy {name} has a docstring whose first line describes it")
    _claim(source != "", f"the docstring of strategy {name} has a paragraph 'Source:'")


def _picks_distinct_rows(
    strategy: Strategy, predictions: Predictions, labelled: int, where: str
) -> None:
    pool, left = _bought(labelled), _N - labelled
    before = _copied(predictions)
    for k in sorted({0, 1, min(7, left), left}):
        rows = _query(strategy, predictions, pool, k)
        _claim(rows.dtype == np.int64, f"rows are int64, not {rows.dtype} ({where})")
        _claim(len(rows) == k, f"{len(rows)} rows for k = {k} ({where})")
        _claim(len(np.unique(rows)) == k, f"rows are distinct for k = {k} ({where})")
        _claim(set(rows) <= set(pool.unlabelled), f"only unlabelled rows are picked ({where})")
    for name, tensor in _tensors(predictions):
        _claim(bool(torch.equal(tensor, before[name])), f"{name} are left as they were ({where})")


def _is_decided_by_the_seed(strategy: Strategy) -> None:
    predictions, pool = _with_passes(generic(_N), strategy), _bought(8)
    picks = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        np.random.seed(noise)
        picks.append(_query(strategy, predictions, pool, 9).tolist())
    _claim(picks[0] == picks[1], "the same seed gives the same rows, whatever else was drawn")


def _refuses_what_it_cannot_do(strategy: Strategy) -> None:
    predictions, pool = _with_passes(generic(_N), strategy), _bought(8)
    _claim_refusal(lambda: _query(strategy, predictions, pool, 33), "more rows than are left")
    broken = predictions.features.clone()
    broken[17, 2] = torch.nan
    with_nan = replace(predictions, features=broken)
    _claim_refusal(lambda: _query(strategy, with_nan, pool, 3), "features of NaN")


def _looks_at_its_needs_alone(strategy: Strategy) -> None:
    predictions, pool = _with_passes(generic(_N), strategy), _bought(8)
    whole = _query(strategy, predictions, pool, 9).tolist()
    other = _with_passes(generic(_N, seed=9), strategy)
    for name, tensor in _tensors(other):
        if name not in strategy.needs:
            changed = replace(predictions, **{name: tensor})
            rows = _query(strategy, changed, pool, 9).tolist()
            _claim(rows == whole, f"{name} are not among its needs, and change nothing")


def _query(strategy: Strategy, predictions: Predictions, pool: Pool, k: int) -> Rows:
    return strategy.query(predictions, pool, k, seed=5)


def _tensors(predictions: Predictions) -> Iterator[tuple[str, torch.Tensor]]:
    for name in ("logits", "features", "mc_logits"):
        if (tensor := getattr(predictions, name)) is not None:
            yield name, tensor


def _copied(predictions: Predictions) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in _tensors(predictions)}


def _claim(true: bool, what: str) -> None:
    if not true:
        raise AssertionError(f"not kept: {what}")


def _claim_refusal(work: Callable[[], Any], what: str) -> None:
    try:
        work()
    except InputError:
        return
    raise AssertionError(f"not kept: {what} are refused")
