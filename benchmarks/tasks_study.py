"""Multi-label and regression tables, ten seeds: ``python -m benchmarks.tasks_study``.

Four tables are run by the command line, as ``uwe run`` is: labels made by scikit-learn (a list
column in Parquet), Yeast (fourteen columns of 0 and 1), diabetes (scikit-learn has it), and
Friedman's first function with noise (a CSV). Then ``uwe report`` compares the strategies of each.
Tables, results and reports go into ``--folder``; finished runs are reused. It prints the mean and
deviation at each budget, and what the paired tests of the areas against ``random`` find.

Yeast has 2,417 genes, 103 numbers and 14 labels (Elisseeff and Weston, "A kernel method for
multi-labelled classification", NIPS 2001). The package ``river`` brings it. River is not needed by
uwe; install it in an environment of its own, which writes the file, and pass ``--yeast FILE``:

    python -m venv river && river/bin/pip install river pandas
    river/bin/python -c "import pandas, river.datasets as d; rows = list(d.Yeast()); \
        pandas.DataFrame([{**x, **{k: int(v) for k, v in y.items()}} for x, y in rows]) \
        .to_csv('yeast.csv', index=False)"

Without ``--yeast`` that table is left out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import make_friedman1, make_multilabel_classification

import uwe
from benchmarks.machine import machine
from uwe.cli import main as command_line
from uwe.strategies import ranked

BUDGETS = (20, 40, 80, 160, 320, 640)
SMALL_BUDGETS = BUDGETS[:-1]
MULTILABEL = ("uwe", "entropy", "badge", "coreset", "least_confident", "random")
REGRESSION = ("uwe", "coreset", "random")
YEAST_LABELS = tuple(f"Class{number}" for number in range(1, 15))
SEED_OF_TABLES = 1
_MANY = 10


@dataclass(frozen=True)
class Study:
    """One table and the runs over it.

    Attributes:
        name: of the folder of its results.
        dataset: what ``uwe run`` is given.
        model: as in ``--model``.
        strategies: names of strategies.
        budgets: labelled rows after each cycle.
        label: as in ``--label``.
        measures: measures by whose values alone rows are ranked; the command line has no name for
            these strategies.
    """

    name: str
    dataset: str
    model: str
    strategies: tuple[str, ...]
    budgets: tuple[int, ...] = BUDGETS
    label: str | None = None
    measures: tuple[str, ...] = ()

    def command(self, results: Path, seeds: str) -> list[str]:
        """The arguments of ``uwe``."""
        label = [] if self.label is None else ["--label", self.label]
        named = [part for name in self.strategies for part in ("--strategy", name)]
        budgets = ",".join(map(str, self.budgets))
        return [
            "run", self.dataset, *label, "--model", self.model, "--budgets", budgets,
            "--seeds", seeds, "--jobs", "1", "--threads", "1", "--results", str(results), *named,
        ]  # fmt: skip

    def ranked(self, results: Path, seeds: Sequence[int]) -> list[uwe.Experiment]:
        """The runs that the command line has no strategy for."""
        return [
            uwe.Experiment(
                self.dataset,
                label=self.label,
                model=self.model,
                strategy=ranked(measure),
                budgets=self.budgets,
                seed=seed,
                threads=1,
                results=results,
            )
            for measure in self.measures
            for seed in seeds
        ]


def write_labels(path: Path) -> None:
    """2,000 rows of 20 counts with 8 labels, as a list column of names."""
    x, y = make_multilabel_classification(
        n_samples=2000, n_features=20, n_classes=8, n_labels=3, random_state=SEED_OF_TABLES
    )
    names = [[f"label{at}" for at in np.flatnonzero(row)] for row in y]
    columns: dict[str, Any] = {f"x{at}": x[:, at] for at in range(x.shape[1])}
    columns["labels"] = pa.array(names, type=pa.list_(pa.string()))
    pq.write_table(pa.table(columns), path)


def write_friedman(path: Path) -> None:
    """5,000 rows of 10 numbers with a number that depends on five, and noise of deviation 1."""
    x, y = make_friedman1(n_samples=5000, n_features=10, noise=1.0, random_state=SEED_OF_TABLES)
    header = ",".join([*(f"x{at}" for at in range(x.shape[1])), "label"])
    np.savetxt(
        path, np.column_stack([x, y]), delimiter=",", header=header, comments="", fmt="%.17g"
    )


TABLES: dict[str, Callable[[Path], None]] = {
    "made_labels.parquet": write_labels,
    "friedman.csv": write_friedman,
}


def studies(folder: Path, yeast: Path | None) -> list[Study]:
    """Every study, whose tables are written where they are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in TABLES.items():
        if not (folder / name).exists():
            write(folder / name)
    made = str(folder / "made_labels.parquet")
    sd = ("standard_deviation",)
    yeast_study = () if yeast is None else (
        Study("yeast", str(yeast), "sklearn:logistic", MULTILABEL, label=",".join(YEAST_LABELS)),
    )  # fmt: skip
    return [
        Study("made_labels", made, "sklearn:logistic", MULTILABEL),
        *yeast_study,
        Study("diabetes", "sklearn:diabetes", "sklearn:forest", REGRESSION, SMALL_BUDGETS,
              measures=sd),
        Study("friedman", str(folder / "friedman.csv"), "sklearn:forest", REGRESSION, measures=sd),
    ]  # fmt: skip


def markdown(report: Path) -> Iterator[str]:
    """What a report in JSON says of one study: means and deviations, areas, tests against random.

    The best mean at each budget after the first is bold.
    """
    made = json.loads(report.read_text())
    tables = {each["name"]: each["rows"] for part in made["sections"] for each in part["tables"]}
    by_place = {(row["strategy"], row["n_labeled"]): row for row in tables["learning_curves"]}
    budgets = sorted({labels for _, labels in by_place})
    [headline] = {each["title"] for part in made["sections"] for each in part["tables"]
                  if each["name"] == "learning_curves"}  # fmt: skip
    best = min if headline.startswith("RMSE") else max
    against = {row["first"]: row for row in tables["against_random"]}
    tops = {n: best(row["mean"] for (_, m), row in by_place.items() if m == n) for n in budgets}
    yield f"{made['title']}: {headline}"
    yield "| strategy | " + " | ".join(f"{n:,}" for n in budgets) + " | area | against random |"
    yield "|---" * (len(budgets) + 3) + "|"
    for area in tables["areas"]:
        name = area["strategy"]
        cells = [_cell(by_place[name, n], tops[n], n == budgets[0]) for n in budgets]
        mean = f"{area['area']:.2f} ± {(area['high'] - area['low']) / 2:.2f}"
        yield f"| `{name}` | " + " | ".join([*cells, mean, _verdict(against.get(name))]) + " |"


def _cell(row: Mapping[str, Any], top: float, is_first: bool) -> str:
    digits = 1 if top >= _MANY else 2
    mean = f"{row['mean']:.{digits}f}"
    shown = f"**{mean}**" if row["mean"] == top and not is_first else mean
    return f"{shown} ± {row['deviation']:.{digits}f}"


def _verdict(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    return f"{row['difference']:+.2f}, p = {row['p']:.2g}, Holm {row['p_holm']:.2g}"


def main() -> None:
    """Run the studies from wherever they stand."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("study/tasks"))
    parser.add_argument("--yeast", type=Path, default=None)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    start = time.perf_counter()
    for study in studies(given.folder, given.yeast):
        results = given.folder / study.name
        command = study.command(results, f"1-{given.seeds}")
        print("$ uwe", *command, flush=True)
        if command_line(command):
            raise SystemExit(f"the runs of {study.name} stopped")
        if study.measures:
            uwe.run(study.ranked(results, range(1, given.seeds + 1)))
        formats = [part for name in ("html", "json") for part in ("--format", name)]
        command_line(["report", str(results), *formats])
        print("\n".join(markdown(results / "report.json")))
        print(f"{study.name}: {time.perf_counter() - start:.0f} s", flush=True)
    print(json.dumps(machine(), indent=2))


if __name__ == "__main__":
    main()
