"""Which pick each row of a pool stands behind, as a table: whose label it would inherit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from uwe.errors import InputError
from uwe.selecting.column_files import Columns
from uwe.strategies import Picks

__all__ = ["COLUMNS", "assignment"]

COLUMNS = ("idx", "id", "pick_idx", "pick_id", "distance")
"""The columns of the table, in order."""


def assignment(picks: Picks, ids: Sequence[str], features: Any) -> Columns:
    """The columns of the table, one entry for each row of the pool.

    Args:
        picks: of `uwe.select`, with features.
        ids: of all rows of the pool.
        features: ``[n, d]``, as they were given for the picks; for the distance of each row to its
            pick.

    Raises:
        InputError: the picks were made without features.

    >>> from uwe.selecting import select
    >>> x = [[0.0], [1.0], [5.0]]
    >>> assignment(select(x, 2, strategy="coreset"), "abc", x)["pick_id"]
    ['a', 'a', 'c']
    """
    from uwe.selecting.offer import features_of_pool  # loads torch
    from uwe.selecting.reasons import distances_between

    if picks.assigned is None:
        raise InputError("the pool holds no features, so no row is nearer to one pick than another")
    rows = np.arange(len(picks.assigned))
    apart = distances_between(features_of_pool(features), rows, picks.assigned)
    return {
        "idx": rows.tolist(),
        "id": list(ids),
        "pick_idx": picks.assigned.tolist(),
        "pick_id": [ids[row] for row in picks.assigned],
        "distance": apart.tolist(),
    }
