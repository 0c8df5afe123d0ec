"""Audit rows: a share of each batch that is a random sample of the whole pool.

Every row has a key that is drawn from the project's seed. The rows in the order of their keys are
one random permutation of the pool, and the audit is always a prefix of it. How far a batch moves
the prefix depends on the sizes of batches alone, never on labels, so the prefix is a random sample.
A row of it that was given out, labelled or skipped before counts without being asked again.

A row's key does not depend on how many rows there are. When the pool grows, the new rows take their
places in the permutation; the audit is then the prefix up to the first row that was not covered.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from uwe._random import derive_seed
from uwe._types import Rows, is_integral, is_real
from uwe.errors import InputError
from uwe.journal import Event, Queried
from uwe.pool import Pool

__all__ = [
    "NO_AUDIT",
    "AuditShare",
    "as_share",
    "asked_for_audit",
    "audit_order",
    "audit_rows",
    "next_audit",
    "quota",
]

_ROUNDING = 1e-9  # of a share times a number of rows


@dataclass(frozen=True)
class AuditShare:
    """What a batch takes from the permutation.

    Attributes:
        rows: of the batch that belong to the audit, in the order of the permutation.
        to: length of the prefix that is covered with them.
        of: rows of the pool.
    """

    rows: tuple[int, ...]
    to: int
    of: int

    @property
    def facts(self) -> dict[str, Any]:
        """What the journal records of it."""
        told = {"audit": list(self.rows), "audit_to": self.to, "audit_of": self.of}
        return told if self.of else {}


NO_AUDIT = AuditShare((), 0, 0)


def as_share(value: Any) -> float:
    """A share of the rows of each batch, at least 0 and below 1.

    Raises:
        InputError: it is none.

    >>> as_share(0.1)
    0.1
    """
    if not is_real(value) or not 0 <= value < 1:
        raise InputError(
            f"audit must be a share of at least 0 and below 1, such as 0.1, not {value!r}"
        )
    return float(value)


@lru_cache(maxsize=8)
def audit_order(n: int, seed: int) -> Rows:
    """The permutation: all rows of a pool in the order in which they are audited, int64 ``[n]``.

    The rows of a smaller pool keep their order. The array cannot be written to.

    Args:
        n: rows of the pool.
        seed: of the project.

    >>> [row for row in audit_order(9, 1).tolist() if row < 5] == audit_order(5, 1).tolist()
    True
    """
    keys = np.random.default_rng(derive_seed(seed, 0, "audit")).random(n)
    order: Rows = np.argsort(keys, kind="stable")
    order.flags.writeable = False
    return order


def audit_rows(events: Sequence[Event], n: int, seed: int) -> Rows:
    """The audit so far, a random sample of the pool, in the order of the permutation.

    The rows may be without an answer, and may have been picked by the strategy.

    Args:
        events: of the journal.
        n: rows of the pool.
        seed: of the project.

    >>> len(audit_rows([Queried(0, (3, 1), {"audit_to": 2, "audit_of": 5})], 5, 1))
    2
    """
    rows: Rows = audit_order(n, seed)[: _covered(events, n, seed)[0]]
    return rows


def asked_for_audit(events: Iterable[Event]) -> frozenset[int]:
    """The rows that were given out because of the audit; edited facts are not believed."""
    told = [event.facts.get("audit") for event in events if isinstance(event, Queried)]
    lists = [rows for rows in told if isinstance(rows, list)]
    return frozenset(row for rows in lists for row in rows if is_integral(row))


def quota(share: float, before: int, k: int) -> int:
    """By how many rows a batch moves the prefix; fractions are carried to the next batch.

    Formula: floor(s (b + k)) - floor(s b).

    Args:
        share: s, of each batch.
        before: b, rows of all earlier batches.
        k: rows of the batch.

    >>> [quota(0.1, before, 15) for before in (0, 15, 30, 45)]
    [1, 2, 1, 2]
    """
    return math.floor(share * (before + k) + _ROUNDING) - math.floor(share * before + _ROUNDING)


def next_audit(events: Sequence[Event], pool: Pool, moved: int, seed: int) -> AuditShare:
    """The audit rows of a batch that moves the prefix by ``moved`` rows.

    Rows that the audit of the smaller pool had covered do not count as moved over.

    Args:
        events: of the journal.
        pool: after these events.
        moved: as `quota` gives it.
        seed: of the project.
    """
    n = len(pool)
    order = audit_order(n, seed)
    start, earlier = _covered(events, n, seed)
    ahead = order[start : start + moved + len(earlier)]
    passed = np.cumsum(~np.isin(ahead, earlier))
    to = min(n, start + int(np.searchsorted(passed, moved)) + 1) if moved else start
    within = order[start:to]
    return AuditShare(tuple(within[~np.isin(within, pool.touched)].tolist()), to, n)


def _covered(events: Sequence[Event], n: int, seed: int) -> tuple[int, Rows]:
    """Length of the covered prefix; and the rows that were covered while the pool was smaller."""
    reached = dict(_reached(events))
    smaller = [audit_order(of, seed)[:to] for of, to in reached.items() if of < n]
    earlier = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *smaller]))
    if n in reached:
        return reached[n], earlier
    missing = np.flatnonzero(~np.isin(audit_order(n, seed), earlier))
    return int(missing[0]) if len(missing) else n, earlier


def _reached(events: Sequence[Event]) -> Iterator[tuple[int, int]]:
    """Rows of the pool and the covered length after each batch with an audit."""
    for event in events:
        if isinstance(event, Queried):
            of, to = (event.facts.get(name) for name in ("audit_of", "audit_to"))
            if is_integral(of) and is_integral(to) and 0 <= to <= of:
                yield of, to
