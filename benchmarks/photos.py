"""Photos labelled in rounds: ``python -m benchmarks.photos TRAIN.parquet TEST.parquet``.

The files have a column ``image`` (of Hugging Face ``datasets``: bytes of a file) and a column
``label``. The images of the first become a folder, a project is made as ``uwe init`` makes it, and
its labels answer. Each command is a process of its own. Prints, by number of labels, the seconds of
a core of the round's commands, and the accuracy on the images of the second file, of the rows that
the project asked about and of rows drawn at random.
"""

from __future__ import annotations

import csv
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet

from uwe.journal import Queried
from uwe.learners import make_learner
from uwe.project import Project
from uwe.project.trainer import dataset_of

ROUNDS, BATCH, DRAWS = 8, 50, 5
Truth = dict[str, str]


def unpacked(file: Path, folder: Path) -> Truth:
    """Write the images into a folder; the class of each by its id."""
    table = parquet.read_table(file)
    folder.mkdir()
    truth = {}
    images, labels = (table[name].to_pylist() for name in ("image", "label"))
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / f"{row:05}.jpg").write_bytes(image["bytes"])
        truth[f"{row:05}.jpg"] = f"class {label}"
    return truth


def ran(*arguments: str) -> float:
    """Run a command of uwe; seconds of a core."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "uwe", *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def answered(table: Path, truth: Truth) -> None:
    """Fill the column label of a batch."""
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "label": truth[row["id"]]} for row in rows)


def made(folder: Path, truth: Truth) -> str:
    """A project of a folder of images."""
    project = f"{folder}.uwe"
    seconds = ran("init", project, str(folder), "--classes", ",".join(sorted({*truth.values()})))
    print(f"init {seconds:.0f} s")
    return project


def round_of(project: str, number: int, truth: Truth) -> tuple[float, float, float]:
    """One round: seconds to pick, to record the answers, and to train and predict."""
    picked = ran("next", project, "-k", str(BATCH))
    table = Path(project) / "picks" / f"round-{number}.csv"
    answered(table, truth)
    told = ran("tell", project, str(table))
    return picked, told, ran("predict", project, "-o", f"{project}.csv", "--force")


def rows_of(project: Project, truth: Truth) -> tuple[Any, Any]:
    """Features and class numbers of all rows."""
    encode = project.task.targets.encode
    y = project.task.targets.array([encode(truth[name]) for name in project.ids])
    return project.items.learn(project.files.cache, None), y


def accuracy(project: Project, train: Any, test: Any, rows: Sequence[int]) -> float:
    """Of the project's model, trained on some rows, on the test rows."""
    (x, y), (test_x, test_y) = train, test
    data = dataset_of("photos", x, project.items, project.task)
    options = project.settings.model_options
    learner = make_learner(project.settings.model, data, options=options, network={})
    model = learner.fit(x[rows], y[rows], task=project.task, seed=1)
    return project.task.headline.measured(learner.predict(model, test_x), test_y) or 0.0


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        train, test = Path(name) / "photos", Path(name) / "others"
        truth, other_truth = unpacked(Path(sys.argv[1]), train), unpacked(Path(sys.argv[2]), test)
        folder, other = made(train, truth), made(test, other_truth)
        seconds = [round_of(folder, number, truth) for number in range(1, ROUNDS + 1)]
        project = Project.open(folder)
        known, held_out = rows_of(project, truth), rows_of(Project.open(other), other_truth)
        asked = [row for each in project.events() if isinstance(each, Queried) for row in each.rows]
        draws = [np.random.default_rng(seed).permutation(len(truth)) for seed in range(DRAWS)]
        print(f"{'labels':>6} {'next':>6} {'tell':>6} {'train':>6} {'accuracy':>9} {'random':>7}")
        for number, each in enumerate(seconds, start=1):
            n = number * BATCH
            right = accuracy(project, known, held_out, asked[:n])
            random = np.mean([accuracy(project, known, held_out, rows[:n]) for rows in draws])
            print(f"{n:6} {each[0]:6.1f} {each[1]:6.1f} {each[2]:6.1f} {right:9.3f} {random:7.3f}")


if __name__ == "__main__":
    main()
