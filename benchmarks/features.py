"""Strategies on frozen features with a linear classifier: ``python -m benchmarks.features``.

Five sets of features (``--data-dir``; its README says how they were made), a logistic regression,
paired seeds. A seed draws as many first rows as there are classes; then budgets double up to 128
labels a class or half of the pool, and a strategy picks what is missing. Rows are divided so that
their mean norm is 16. One line for each set, seed, strategy and budget is appended to a file of
``--folder``; what is there is not computed again. Two processes of one thread each do the work.

It prints the mean accuracy over the logarithm of the budgets against ``random``, with Student
intervals over the seeds, and the same at each budget. ``--judge`` compares ``auto`` on the seeds
that did not serve its design with the strategy that was best on those that did.

    python -m benchmarks.features --seeds 1-20
    python -m benchmarks.features --seeds 1-20 --judge
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from uwe._types import FloatArray, IntArray, Rows
from uwe.statistics import area, holm, mean_interval, paired_p

SETS = {"mini10": 1.0, "fashion": 1.0, "cifar10": 1.0, "cifar100": 1.0, "trec": 0.1}
"""The sets, and the inverse strength C of the classifier's penalty."""

STRATEGIES = (
    "random",
    "auto",
    "uherding",
    "maxherding",
    "typiclust",
    "badge",
    "margin",
    "uwe",
    "uwe:uncertainty=margin,selection=k_means_pp",
    "entropy",
    "coreset",
)
DESIGN = range(1, 11)
"""Seeds that served to design ``auto``; it is judged on others."""

_NORM = 16.0
_A_CLASS = 128
_ITERATIONS = 200
_LEAST = 1e-30  # of a probability
_LEVEL = 0.05

Floats: TypeAlias = FloatArray
Curves: TypeAlias = dict[str, dict[int, dict[int, float]]]  # strategy, seed, budget: accuracy


@dataclass(frozen=True)
class Problem:
    """A set of features, scaled, with its labels."""

    name: str
    x: Any
    y: IntArray
    test_x: Any
    test_y: IntArray
    penalty: float

    @property
    def classes(self) -> int:
        """How many there are."""
        return int(self.y.max()) + 1

    @property
    def budgets(self) -> list[int]:
        """Numbers of labelled rows, from one a class."""
        most = min(_A_CLASS * self.classes, len(self.y) // 2)
        doubled = [self.classes]
        while doubled[-1] * 2 < most:
            doubled.append(doubled[-1] * 2)
        return [*doubled, most]


@dataclass(frozen=True)
class Step:
    """One budget of one run: a line of a file."""

    set: str
    seed: int
    strategy: str
    budget: int
    accuracy: float
    pick_seconds: float
    fit_seconds: float
    chosen: str = ""


@lru_cache(maxsize=2)
def problem(folder: Path, name: str) -> Problem:
    """Read a set."""
    with np.load(folder / f"{name}.npz") as file:
        x, test_x = file["x"].astype(np.float32), file["test_x"].astype(np.float32)
        y, test_y = file["y"].astype(np.int64), file["test_y"].astype(np.int64)
    scale = np.float32(_NORM / np.linalg.norm(x, axis=1).mean())
    return Problem(name, x * scale, y, test_x * scale, test_y, SETS.get(name, 1.0))


@lru_cache(maxsize=4)
def first_fit(folder: Path, name: str, seed: int) -> tuple[Rows, Any]:
    """The first rows of a seed and the classifier of them, which all strategies share."""
    given = problem(folder, name)
    rows = np.random.default_rng([seed, 1]).permutation(len(given.y))[: given.classes]
    return rows, fitted(given, rows)


def fitted(given: Problem, rows: Rows) -> Any:
    """The classifier, fitted to some rows."""
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression

    labels = given.y[rows]
    if len(np.unique(labels)) == 1:
        return DummyClassifier().fit(given.x[rows], labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 200 iterations are all it gets
        model = LogisticRegression(C=given.penalty, max_iter=_ITERATIONS)
        return model.fit(given.x[rows], labels)


def run(folder: Path, name: str, seed: int, strategy: str) -> list[Step]:
    """One strategy over all budgets of a seed."""
    given = problem(folder, name)
    start = time.perf_counter()
    rows, model = first_fit(folder, name, seed)
    steps, pick_seconds, chosen = [], 0.0, ""
    for cycle, budget in enumerate(given.budgets):
        if cycle:
            start = time.perf_counter()
            picks, chosen = picked(given, model, rows, budget - len(rows), strategy, (seed, cycle))
            pick_seconds = time.perf_counter() - start
            rows = np.concatenate([rows, picks])
            start = time.perf_counter()
            model = fitted(given, rows)
        accuracy = float((model.predict(given.test_x) == given.test_y).mean())
        seconds = time.perf_counter() - start
        steps.append(
            Step(name, seed, strategy, budget, accuracy, round(pick_seconds, 3), round(seconds, 3),
                 chosen)
        )  # fmt: skip
    return steps


def picked(
    given: Problem, model: Any, rows: Rows, k: int, strategy: str, at: tuple[int, int]
) -> tuple[Rows, str]:
    """The rows that a strategy picks, and which one it let pick."""
    import torch

    from uwe import Predictions
    from uwe._random import derive_seed
    from uwe.pool import Pool
    from uwe.strategies import Question

    probs = np.zeros((len(given.x), given.classes))
    probs[:, model.classes_] = model.predict_proba(given.x)
    logits = torch.from_numpy(np.log(np.maximum(probs, _LEAST)))
    predictions = Predictions(logits, torch.from_numpy(given.x))
    pool = Pool.untouched(len(given.x)).answer_unasked(rows, given.y[rows])
    question = Question(predictions, pool, derive_seed(*at, "query"))
    picks = made(strategy).query(question, k)
    return picks.rows, str(picks.facts.get("chosen", ""))


@lru_cache
def made(strategy: str) -> Any:
    """A strategy from its name, and after a colon options such as ``selection=k_means_pp``."""
    from uwe.strategies import find_strategy

    name, _, options = strategy.partition(":")
    pairs = (pair.partition("=") for pair in options.split(",") if pair)
    return find_strategy(name, **{option: _value(text) for option, _, text in pairs})


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def kept(folder: Path, name: str) -> list[Step]:
    """The lines that are there; a line that a killed process left torn is left out."""
    path = folder / f"{name}.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    steps = []
    for line in lines:
        try:
            steps.append(Step(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return steps


def complete(
    data: Path, folder: Path, sets: Sequence[str], seeds: Sequence[int], strategies: Sequence[str]
) -> None:
    """Compute what is missing, the dearest sets first."""
    wanted = {}
    for name in sorted(sets, key=lambda name: -problem(data, name).classes):
        known = {(step.seed, step.strategy, step.budget) for step in kept(folder, name)}
        budgets = problem(data, name).budgets
        for seed in seeds:
            for strategy in strategies:
                left = {each for each in budgets if (seed, strategy, each) not in known}
                if left:
                    wanted[name, seed, strategy] = left
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=_alone) as pool:
        runs = {pool.submit(run, data, *key): key for key in wanted}
        for done, future in enumerate(as_completed(runs), 1):
            key = runs[future]
            lines = [
                json.dumps(asdict(step)) + "\n"
                for step in future.result()
                if step.budget in wanted[key]
            ]
            with (folder / f"{key[0]}.jsonl").open("a") as file:
                file.write("".join(lines))
            print(f"\r{done} of {len(runs)} runs", end="", file=sys.stderr, flush=True)


def _alone() -> None:
    """One thread for this process."""
    import torch

    torch.set_num_threads(1)


def curves(steps: Iterable[Step], seeds: Iterable[int]) -> Curves:
    """Accuracy in percent by strategy, seed and budget."""
    among = set(seeds)
    found: Curves = defaultdict(lambda: defaultdict(dict))
    for step in steps:
        if step.seed in among:
            found[step.strategy][step.seed][step.budget] = 100 * step.accuracy
    return found


def differences(found: Curves, one: str, other: str) -> tuple[list[int], Floats, Floats]:
    """Budgets; of seeds that have both, the difference of areas ``[s]`` and at budgets ``[s, b]``.

    Args:
        found: from `curves`.
        one: a strategy.
        other: a strategy that is subtracted.
    """
    budgets = sorted({each for by in found[one].values() for each in by})
    seeds = [
        seed
        for seed in sorted(set(found[one]) & set(found[other]))
        if len(found[one][seed]) == len(found[other][seed]) == len(budgets)
    ]
    ours, theirs = (
        np.array([[found[each][seed][budget] for budget in budgets] for seed in seeds])
        for each in (one, other)
    )
    return budgets, area(budgets, ours) - area(budgets, theirs), ours - theirs


def against_random(found: Curves, strategies: Sequence[str]) -> Iterator[tuple[str, Floats, float]]:
    """Each strategy with its differences of areas, and the p-value after Holm."""
    others = [each for each in strategies if each != "random" and each in found]
    apart = [differences(found, each, "random")[1] for each in others]
    corrected = holm([float(paired_p(each)) for each in apart])
    yield from zip(others, apart, corrected.tolist(), strict=True)


def area_table(by_set: dict[str, Curves], strategies: Sequence[str]) -> Iterator[str]:
    """Mean accuracy over log budgets, in points against random."""
    cells: dict[str, dict[str, str]] = defaultdict(dict)
    for name, found in by_set.items():
        rows = list(against_random(found, strategies))
        best = max((float(apart.mean()) for _, apart, _ in rows), default=0.0)
        for strategy, apart, p in rows:
            mean, low, high, _, _ = mean_interval(apart)
            star = "\\*" if p < _LEVEL else ""
            text = f"{mean:+.1f} ± {(high - low) / 2:.1f}{star}"
            cells[strategy][name] = f"**{text}**" if mean == best else text
    counts = {name: len(found["random"]) for name, found in by_set.items()}
    yield "| strategy | " + " | ".join(f"{name}, n = {counts[name]}" for name in by_set) + " |"
    yield "|---" * (len(by_set) + 1) + "|"
    for strategy in strategies:
        if strategy in cells:
            row = (cells[strategy].get(name, "") for name in by_set)
            yield f"| `{strategy}` | " + " | ".join(row) + " |"


def budget_table(name: str, found: Curves, strategies: Sequence[str]) -> Iterator[str]:
    """Accuracy at each budget, in points against random."""
    shown = [each for each in strategies if each != "random" and each in found]
    budgets = differences(found, "random", "random")[0]
    random = np.array([[by[each] for each in budgets] for by in found["random"].values()])
    yield f"| {name} | " + " | ".join(f"{budget:,}" for budget in budgets) + " |"
    yield "|---" * (len(budgets) + 1) + "|"
    yield "| `random`, percent | " + " | ".join(f"{each:.1f}" for each in random.mean(0)) + " |"
    for strategy in shown:
        apart = differences(found, strategy, "random")[2]
        yield f"| `{strategy}` | " + " | ".join(f"{each:+.1f}" for each in apart.mean(0)) + " |"


def judged(by_set: dict[str, list[Step]], seeds: Sequence[int]) -> Iterator[str]:
    """``auto`` on seeds that did not serve its design, against the best strategy of those that did.

    Args:
        by_set: the steps of each set.
        seeds: all seeds.
    """
    design = [seed for seed in seeds if seed in DESIGN]
    others = [seed for seed in seeds if seed not in DESIGN]
    yield (
        "| set | best on the design's seeds | `auto` against it | n | worst budget: points, p "
        "after Holm | `auto` against random | worst budget against random: points, p after Holm |"
    )
    yield "|---" * 7 + "|"
    shortfalls = []
    for name, steps in by_set.items():
        known, held = curves(steps, design), curves(steps, others)
        rivals = [each for each in known if each not in ("auto", "random")]
        best = max(rivals, key=lambda each: float(differences(known, each, "random")[1].mean()))
        cells = []
        for rival in (best, "random"):
            budgets, areas, apart = differences(held, "auto", rival)
            mean, low, high, _, n = mean_interval(areas)
            cells += [f"{mean:+.2f} ± {(high - low) / 2:.2f}", _worst(budgets, apart)]
            if rival == best:
                shortfalls.append(-mean)
        yield f"| {name} | `{best}` | {cells[0]} | {n} | {cells[1]} | {cells[2]} | {cells[3]} |"
    yield ""
    yield (
        f"Mean shortfall {np.mean(shortfalls):+.2f} points (at most 0.5 wanted), the largest "
        f"{max(shortfalls):+.2f} (at most 1.5)."
    )


def _worst(budgets: Sequence[int], apart: Floats) -> str:
    """The budget at which a strategy is most significantly below, or the lowest mean."""
    means = apart.mean(0)
    corrected = holm(paired_p(apart[:, 1:]))  # all strategies share the first rows
    below = np.where(means[1:] < 0, corrected, 1.0)
    at = int(below.argmin()) if below.min() < 1 else int(means[1:].argmin())
    return f"{budgets[1 + at]:,}: {means[1 + at]:+.2f}, {corrected[at]:.2g}"


def main() -> None:
    """Run what is missing of the study, and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=Path("../shared/data/features"))
    parser.add_argument("--folder", type=Path, default=Path("study/features"))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--seeds", default="1-10")
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--judge", action="store_true")
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # of the processes, which are started anew
    first, _, last = given.seeds.partition("-")
    seeds = list(range(int(first), int(last or first) + 1))
    sets = given.sets.split(",")
    start = time.perf_counter()
    complete(given.data_dir, given.folder, sets, seeds, given.strategies)
    print(f"{(time.perf_counter() - start) / 60:.1f} minutes")
    steps = {name: kept(given.folder, name) for name in sets}
    if given.judge:
        print("\n".join(judged(steps, seeds)))
        return
    by_set = {name: curves(of, seeds) for name, of in steps.items()}
    print("\n".join(area_table(by_set, given.strategies)))
    for name, found in by_set.items():
        print()
        print("\n".join(budget_table(name, found, given.strategies)))


if __name__ == "__main__":
    main()
