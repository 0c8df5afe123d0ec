"""scikit-activeml's CoreSet and Badge, run by a Python of its own: ``peer.py FILE.npz``.

The file holds x, y (labels of the first rows), k; prints seconds of each as JSON.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np


def main(path: str) -> None:
    """Time one query of each."""
    from skactiveml.classifier import SklearnClassifier
    from skactiveml.pool import Badge, CoreSet
    from sklearn.linear_model import LogisticRegression

    pool = np.load(path)
    x, k = pool["x"].astype(np.float64), int(pool["k"])
    y = np.full(len(x), np.nan)
    y[: len(pool["y"])] = pool["y"]
    seconds = {}
    start = time.perf_counter()
    CoreSet(random_state=0).query(x, y, batch_size=k)
    seconds["CoreSet"] = time.perf_counter() - start
    classes = np.unique(pool["y"])
    model = SklearnClassifier(LogisticRegression(), classes=classes, random_state=0).fit(x, y)
    start = time.perf_counter()
    Badge(random_state=0).query(x, y, clf=model, batch_size=k, fit_clf=False)
    seconds["Badge"] = time.perf_counter() - start
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(sys.argv[1])
