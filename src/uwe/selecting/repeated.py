"""Groups of equal or near rows of a pool as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from uwe.selecting.column_files import Columns

if TYPE_CHECKING:
    from uwe.selection import Duplicates

__all__ = ["groups_table"]


def groups_table(found: Duplicates, ids: Sequence[str]) -> Columns:
    """The columns of the table: a row for each member of a group of two rows or more.

    Args:
        found: the groups.
        ids: of all rows of the pool.

    >>> from uwe.selection import duplicates
    >>> table = groups_table(duplicates(np.array([[0.0], [1.0], [0.0]])), "abc")
    >>> table["id"], table["representative_id"], table["size"]
    (['a', 'c'], ['a', 'a'], [2, 2])
    """
    groups = found.groups()
    rows = [int(row) for group in groups for row in group]
    stands = found.representative[np.array(rows, dtype=np.int64)].tolist()
    return {
        "group": [number for number, group in enumerate(groups, 1) for _ in group],
        "idx": rows,
        "id": [ids[row] for row in rows],
        "size": [len(group) for group in groups for _ in group],
        "representative_idx": stands,
        "representative_id": [ids[row] for row in stands],
        "distance": [float(found.distance[row]) for row in rows],
    }
