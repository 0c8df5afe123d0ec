"""The audit of a labelling project, simulated: ``python -m benchmarks.audit``.

A simulated project draws 3,000 rows of a set of features (``--data-dir``) as its pool, labels 50
rows at random and then what ``auto`` picks, a tenth of each batch for the audit, with a logistic
regression. At 100, 200 and 1,000 labels the functions of the library judge the model. The truth
is the accuracy on all rows outside the pool: 9,000 of Fashion-MNIST and CIFAR-10, 2,952 of TREC.

One line for each set, seed and number of labels is appended to a file of ``--folder``; lines that
it holds are not computed again. A line says which audit rows were right, so that formulas can be
compared without a new simulation. The tables are of the seeds that did not serve the design.

    python -m benchmarks.audit --seeds 1-220
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.features import Problem, problem
from uwe._random import derive_seed
from uwe._types import FloatArray, IntArray, Rows
from uwe.journal import Queried
from uwe.pool import Pool
from uwe.project.audit import asked_for_audit, audit_rows, next_audit, quota
from uwe.project.cross_fitting import Judged, Model, Train, Trial, judged
from uwe.project.estimates import LEAST_LABELS, NEXT, Estimates, estimated
from uwe.statistics import Range, mean_interval

Cells: TypeAlias = dict[tuple[str, int], list[dict[str, Any]]]

SHARE = 0.1
BATCHES = (50, 100, 200, 400, 1000, 1200)
"""Labels after each batch."""

JUDGED = (100, 200, 1000)
POOL = 3_000
DESIGN = range(1, 21)
"""Seeds that served to design the formulas; they are measured on others."""

WITHOUT = 4  # every fourth project is repeated without an audit
_DRAWS = 3
_LEAST = 1e-30
_TOLERANCE = 1e-2
_ITERATIONS = 200
_DIGITS = 1000  # of probabilities in the file


@lru_cache(maxsize=3)
def whole(data: Path, name: str) -> Problem:
    """A set, read once."""
    return problem(data, name)


@lru_cache(maxsize=1)
def parts(data: Path, name: str, seed: int) -> Problem:
    """The pool of a seed; its test rows are all others."""
    given = whole(data, name)
    x, y = np.concatenate([given.x, given.test_x]), np.concatenate([given.y, given.test_y])
    order = np.random.default_rng([seed, 7]).permutation(len(y))
    pool, rest = order[:POOL], order[POOL:]
    return Problem(name, x[pool], y[pool], x[rest], y[rest], given.penalty)


def fitted(given: Problem, rows: Rows) -> Any:
    """The classifier, fitted to some rows."""
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression

    labels = given.y[rows]
    if len(np.unique(labels)) == 1:
        return DummyClassifier().fit(given.x[rows], labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=given.penalty, max_iter=_ITERATIONS, tol=_TOLERANCE)
        return model.fit(given.x[rows], labels)


def accuracy(given: Problem, rows: Rows) -> float:
    """The truth: of a model of some rows, on the rows outside the pool."""
    return float((fitted(given, rows).predict(given.test_x) == given.test_y).mean())


def batches(given: Problem, seed: int, share: float) -> Iterator[tuple[list[Queried], Pool]]:
    """The events and the pool after each batch."""
    events: list[Queried] = []
    pool = Pool.untouched(POOL)
    for cycle, count in enumerate(BATCHES):
        k = count - len(pool.labelled)
        asked, facts = picked(given, events, pool, k, seed, share)
        events = [*events, Queried(cycle, tuple(asked.tolist()), facts)]
        pool = pool.ask(asked, cycle=cycle).answer(asked, given.y[asked])
        yield events, pool


def picked(
    given: Problem, events: Sequence[Queried], pool: Pool, k: int, seed: int, share: float
) -> tuple[Rows, Mapping[str, Any]]:
    """The rows of a batch, as a project picks them, and what the journal says of the audit."""
    import torch

    from uwe import Predictions
    from uwe.strategies import Question, find_strategy

    if not events and not share:
        return np.random.default_rng([seed, 8]).permutation(POOL)[:k], {}
    before = sum(len(event.rows) for event in events)
    moved = quota(share, before, k) if events else k
    audit = next_audit(events, pool, moved, seed) if share else None
    taken = np.sort(np.array(audit.rows if audit else (), dtype=np.int64))
    if not events:
        return taken, audit.facts if audit else {}
    model = fitted(given, pool.labelled)
    probs = np.zeros((POOL, given.classes))
    probs[:, model.classes_] = model.predict_proba(given.x)
    logits = torch.from_numpy(np.log(np.maximum(probs, _LEAST)))
    predictions = Predictions(logits, torch.from_numpy(given.x))
    question = Question(predictions, pool, derive_seed(seed, len(events), "query"), taken=taken)
    picks = find_strategy("auto").query(question, k - len(taken))
    return np.concatenate([taken, picks.rows]), audit.facts if audit else {}


def simulated(data: Path, name: str, seed: int) -> list[dict[str, Any]]:
    """One project: a line for each number of labels that is judged."""
    given = parts(data, name, seed)

    def train(rows: Rows) -> Model:
        model = fitted(given, rows)

        def told(others: Rows) -> tuple[IntArray, FloatArray]:
            probs = model.predict_proba(given.x[others])
            return model.classes_[probs.argmax(1)], probs.max(1).astype(np.float64)

        return told

    after = {len(pool.labelled): (events, pool) for events, pool in batches(given, seed, SHARE)}
    truth = {count: accuracy(given, pool.labelled) for count, (_, pool) in after.items()}
    without = dict[int, float]()
    if seed % WITHOUT == 0:
        plain = {len(pool.labelled): pool for _, pool in batches(given, seed, 0.0)}
        without = {count: accuracy(given, pool.labelled) for count, pool in plain.items()}
    return [
        {
            "set": name,
            "seed": seed,
            "labels": count,
            "accuracy": truth[count],
            "later": truth.get(count + NEXT),
            "without": without.get(count),
            **measured(given, train, after[count][0], seed),
        }
        for count in JUDGED
    ]


def measured(given: Problem, train: Train, events: Sequence[Queried], seed: int) -> dict[str, Any]:
    """What the audit of a project says after some batches, and what it took."""
    audit = audit_rows(events, POOL, seed)
    order = np.array([row for event in events for row in event.rows])
    start = time.process_time()
    found = judged(train, given.y, order, audit, seed=seed)
    seconds = time.process_time() - start
    size = found.random[-1].labels
    return {
        "asked": len(asked_for_audit(events)),
        "at_random": [random_accuracy(given, seed, times * size) for times in (1, 2)],
        "seconds": round(seconds, 3),
        **as_json(found),
    }


def random_accuracy(given: Problem, seed: int, size: int) -> float:
    """The truth of random labels: the mean over several draws."""
    rng = np.random.default_rng([seed, 9, int(size)])
    return float(np.mean([accuracy(given, rng.permutation(POOL)[:size]) for _ in range(_DRAWS)]))


def as_json(found: Judged) -> dict[str, Any]:
    """What was judged, as values of JSON."""
    return {
        name: [
            {
                "labels": trial.labels,
                "right": "".join("01"[int(each)] for each in trial.right),
                "sure": np.rint(trial.sure * _DIGITS).astype(int).tolist(),
                "pool_sure": round(trial.pool_sure, 5),
            }
            for trial in getattr(found, name)
        ]
        for name in ("curve", "random")
    }


def as_judged(line: Mapping[str, Any]) -> Judged:
    """What `as_json` wrote."""
    curve, random = (
        tuple(
            Trial(
                each["labels"],
                np.array([bit == "1" for bit in each["right"]]),
                np.array(each["sure"]) / _DIGITS,
                each["pool_sure"],
            )
            for each in line[name]
        )
        for name in ("curve", "random")
    )
    return Judged(curve, random)


def kept(folder: Path, name: str) -> list[dict[str, Any]]:
    """The lines that are there; a line that a killed process left torn is left out."""
    path = folder / f"{name}.jsonl"
    lines = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines


def complete(data: Path, folder: Path, sets: Sequence[str], seeds: Sequence[int]) -> None:
    """Compute what is missing, seed by seed."""
    import torch

    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    known = {(name, line["seed"]) for name in sets for line in kept(folder, name)}
    wanted = [(name, seed) for seed in seeds for name in sets if (name, seed) not in known]
    for done, (name, seed) in enumerate(wanted, 1):
        lines = simulated(data, name, seed)
        with (folder / f"{name}.jsonl").open("a") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))
        print(f"\r{done} of {len(wanted)} projects", end="", file=sys.stderr, flush=True)


def estimates_of(line: Mapping[str, Any]) -> Estimates:
    """What the library says of a project; also where it would not say it for want of labels."""
    audit = len(line["curve"][-1]["right"])
    return estimated(as_judged(line), Estimates(1, line["labels"], audit))


def accuracy_table(by_cell: Cells) -> Iterator[str]:
    """The accuracy of the current model, and of random labels."""
    yield (
        "| set, labels | n | said | true | error | covered | width | random labels | said | true "
        "| error | covered | width |"
    )
    yield "|---" * 13 + "|"
    for (name, labels), lines in by_cell.items():
        found = [estimates_of(line) for line in lines]
        now = _told([each.current for each in found], [line["accuracy"] for line in lines])
        random = [line["at_random"][0] for line in lines]
        drawn = _told([each.at_random for each in found], random)
        sizes = sorted({line["random"][-1]["labels"] for line in lines})
        known = labels >= LEAST_LABELS
        share = _said(each.at_random for each in found)
        told = f"{'/'.join(map(str, sizes))} | {share} | {100 * np.mean(random):.1f} | {drawn}"
        shown = _said(each.current for each in found) if known else "no"
        yield (
            f"| {name}, {labels:,} | {len(lines)} | {shown} | {_mean_percent(lines, 'accuracy')} | "
            f"{now} | {told if known else '| | | | |'} |"
        )


def forecast_table(by_cell: Cells) -> Iterator[str]:
    """The forecasts, and what the stopping rule did."""
    yield (
        "| set, labels | true gain | error | covered | width | said to stop at 1, 2, 3 points "
        "| of these too early | twice the random labels: said | error | covered | width |"
    )
    yield "|---" * 11 + "|"
    for (name, labels), lines in by_cell.items():
        if labels < LEAST_LABELS:
            continue
        found = [estimates_of(line) for line in lines]
        gains = [line["later"] - line["accuracy"] for line in lines]
        told = _told([each.gain for each in found], gains)
        stops = [[each.may_stop(points / 100) for each in found] for points in (1, 2, 3)]
        early = [
            sum(bool(stop) and gain >= points / 100 for stop, gain in zip(of, gains, strict=True))
            for points, of in zip((1, 2, 3), stops, strict=True)
        ]
        said = ", ".join(f"{100 * np.mean([bool(stop) for stop in of]):.0f} %" for of in stops)
        later = [each.at_random_later for each in found]
        drawn = _told(later, [line["at_random"][1] for line in lines])
        yield (
            f"| {name}, {labels:,} | {100 * np.mean(gains):+.1f} ± {100 * np.std(gains):.1f} | "
            f"{told} | {said} | {', '.join(map(str, early))} | {_said(later)} | {drawn} |"
        )


def cost_table(by_cell: Cells) -> Iterator[str]:
    """What the audit costs: rows that were asked for it, and accuracy."""
    yield "| set, labels | audit rows | asked for it | accuracy with, less without | n | seconds |"
    yield "|---" * 6 + "|"
    for (name, labels), lines in by_cell.items():
        both = [line for line in lines if line["without"] is not None]
        mean, low, high, _, n = mean_interval(
            [100 * (line["accuracy"] - line["without"]) for line in both]
        )
        rows = np.mean([len(line["curve"][-1]["right"]) for line in lines])
        asked, seconds = (np.mean([line[key] for line in lines]) for key in ("asked", "seconds"))
        yield (
            f"| {name}, {labels:,} | {rows:.0f} | {asked:.0f} | {mean:+.1f} ± "
            f"{(high - low) / 2:.1f} | {n} | {seconds:.1f} |"
        )


def _told(ranges: Sequence[Range | None], truths: Sequence[float]) -> str:
    """Mean error ± deviation, coverage and mean width of the ranges that were told."""
    pairs = [(of, true) for of, true in zip(ranges, truths, strict=True) if of is not None]
    if not pairs:
        return "| |"
    errors = [100 * (of.mean - true) for of, true in pairs]
    covered = np.mean([of.low <= true <= of.high for of, true in pairs])
    width = 100 * np.mean([of.width for of, _ in pairs])
    return f"{np.mean(errors):+.1f} ± {np.std(errors):.1f} | {100 * covered:.1f} % | {width:.1f}"


def _said(ranges: Iterable[Range | None]) -> str:
    """How often something was said."""
    return f"{100 * np.mean([each is not None for each in ranges]):.3g} %"


def _mean_percent(lines: Sequence[Mapping[str, Any]], key: str) -> str:
    return f"{100 * np.mean([line[key] for line in lines]):.1f}"


def cells(folder: Path, sets: Sequence[str], seeds: Sequence[int]) -> Cells:
    """The lines of each set and number of labels."""
    among = set(seeds)
    found: Cells = {}
    for name in sets:
        for labels in JUDGED:
            found[name, labels] = [
                line
                for line in kept(folder, name)
                if line["seed"] in among and line["labels"] == labels
            ]
    return {key: lines for key, lines in found.items() if lines}


def main() -> None:
    """Run what is missing of the simulation, and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=Path("../shared/data/features"))
    parser.add_argument("--folder", type=Path, default=Path("study/audit"))
    parser.add_argument("--sets", default="fashion,cifar10,trec")
    parser.add_argument("--seeds", default="1-220")
    parser.add_argument("--tables", action="store_true", help="compute nothing")
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    seeds = list(range(int(first), int(last or first) + 1))
    sets = given.sets.split(",")
    if not given.tables:
        complete(given.data_dir, given.folder, sets, seeds)
    found = cells(given.folder, sets, [seed for seed in seeds if seed not in DESIGN])
    for table in (accuracy_table, forecast_table, cost_table):
        print("\n".join(table(found)), end="\n\n")


if __name__ == "__main__":
    main()
