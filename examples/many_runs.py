"""Compare strategies over seeds with a learner of your own, several runs at once."""

import tempfile

import numpy as np
from sklearn.datasets import load_wine

import uwe


class Nearest:
    """The nearest class mean."""

    name = "nearest-mean"
    settings = {"distance": "squared"}  # part of the record; change it when `fit` changes

    def fit(self, x, y, *, classes, seed):
        there = np.unique(y)
        return there, np.array([x[y == label].mean(0) for label in there]), classes

    def predict(self, model, x):
        there, means, classes = model
        logits = np.full((len(x), classes), -1e4)
        logits[:, there] = -((x[:, None] - means) ** 2).sum(2)
        return logits, x


if __name__ == "__main__":
    x, y = load_wine(return_X_y=True)
    x = (x - x.mean(0)) / x.std(0)
    test = np.arange(len(x)) % 3 == 0
    data = uwe.Dataset.from_rows("wine", (x[~test], y[~test]), (x[test], y[test]))
    results = uwe.loop(
        Nearest(),
        data,
        ["uwe", "badge", "random"],
        budgets=(6, 12, 24),
        seed=[1, 2, 3],
        jobs=2,
        results=tempfile.mkdtemp(),
    )
    for result in results:
        print(result.experiment.strategy, result.experiment.seed, result.accuracy.round(3))
