"""Clusters of rows by k-means; scikit-learn's, made the same for every number of threads."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from uwe._optional import optional
from uwe._types import IntArray
from uwe.errors import InputError

__all__ = ["clusters"]

_PAIRS = 10**7  # of rows and clusters, up to which all rows are looked at in every step
_STEPS = 20
_BATCH = 5_000
_STARTS = 1
_PURPOSE = "clustering"


def clusters(x: np.ndarray[Any, Any], count: int, *, seed: int) -> IntArray:
    """The number of each row's cluster, from 0; clusters are numbered by their first rows.

    Lloyd's k-means, at most 20 steps of it, where rows times clusters are at most 10⁷, and by
    batches of 5,000 rows beyond. Fewer clusters come back where fewer rows differ, or where some
    stay empty.

    Args:
        x: rows ``[n, d]``, finite, float32 or float64.
        count: how many clusters, from 1 to n.
        seed: of the first centres and the batches.

    Raises:
        InputError: scikit-learn is not installed, or count is out of range.

    Source: Sculley (2010), Web-scale k-means clustering; Arthur, Vassilvitskii (2007),
    k-means++: the advantages of careful seeding.

    >>> clusters(np.array([[9.0], [0.0], [9.1], [0.2]]), 2, seed=0).tolist()
    [0, 1, 0, 1]
    """
    if not 1 <= count <= len(x):
        raise InputError(f"{count} clusters of {len(x)} rows; give a number from 1 to {len(x)}")
    if count == 1:
        return np.zeros(len(x), dtype=np.int64)
    cluster = optional("sklearn.cluster", _PURPOSE)
    limits = optional("threadpoolctl", _PURPOSE).threadpool_limits
    model = (
        cluster.KMeans(count, n_init=_STARTS, random_state=seed, max_iter=_STEPS)
        if len(x) * count <= _PAIRS
        else cluster.MiniBatchKMeans(
            count, n_init=_STARTS, random_state=seed, batch_size=_BATCH, compute_labels=True
        )
    )
    with limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer rows differ than there are clusters
        found = model.fit_predict(x)
    return _by_first_row(np.asarray(found, dtype=np.int64))


def _by_first_row(numbers: IntArray) -> IntArray:
    """The same clusters, numbered in the order of their first rows."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    ordered: IntArray = rank[inverse]
    return ordered
