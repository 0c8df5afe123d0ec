"""scikit-activeml's MaxHerding, run by a Python of its own: ``peer_herding.py FILE.npz``.

The file holds x, k and gamma; prints seconds of 1 and of k picks as JSON.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np


def main(path: str) -> None:
    """Time two queries."""
    from skactiveml.pool import MaxHerding

    pool = np.load(path)
    x = pool["x"].astype(np.float64)
    y = np.full(len(x), np.nan)
    query = MaxHerding(
        normalize_samples=False, metric_dict={"gamma": float(pool["gamma"])}, random_state=0
    )
    seconds = []
    for k in (1, int(pool["k"])):
        start = time.perf_counter()
        query.query(x, y, batch_size=k)
        seconds.append(time.perf_counter() - start)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(sys.argv[1])
