"""Pass strategies as values, and combine them."""

import tempfile

import numpy as np

import uwe
from uwe import strategies

STRATEGIES = {
    "a value": strategies.uwe(uncertainty="bvsb"),
    "k-center among the most uncertain half": strategies.prefilter("entropy", 0.5, then="coreset"),
    "three parts badge, one part random": strategies.mix({"badge": 0.75, "random": 0.25}),
    "coreset up to 40 labels, then bvsb": strategies.switch("coreset", 40, "bvsb"),
    "entropy, balanced over predicted classes": strategies.per_class("entropy"),
}

if __name__ == "__main__":
    rng = np.random.default_rng(0)
    features, probs = rng.normal(size=(500, 16)), rng.dirichlet(np.ones(4), 500)
    for what, strategy in STRATEGIES.items():
        picks = uwe.select(features, 5, probs=probs, labelled=range(10), strategy=strategy)
        print(f"{what}: {picks.rows}")

    [result] = uwe.run(
        uwe.Experiment(
            "sklearn:wine",
            model="sklearn:svm.SVC",
            model_options={"C": 10},
            strategy=STRATEGIES["k-center among the most uncertain half"].named("uncertain-half"),
            budgets=(12, 24),
            results=tempfile.mkdtemp(),
        )
    )
    print(result.table.parent.parent.name, result.accuracy)
