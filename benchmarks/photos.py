"""A folder of photos labelled in rounds: ``python -m benchmarks.photos FILE.parquet``.

The file has a column ``image`` (of Hugging Face ``datasets``: bytes of a file) and a column
``label``. Its images become files of a folder, a project is made as ``uwe init`` makes it, and the
labels of the file answer. Each command is a process of its own. Prints, by number of labels, the
seconds of a core of the round's commands, and the accuracy on the rows without a label, by the
strategy and by rows drawn at random.
"""

from __future__ import annotations

import csv
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet

from uwe.learners import make_learner
from uwe.project import Project
from uwe.project.trainer import dataset_of

ROUNDS, BATCH, DRAWS = 8, 50, 5


def unpacked(file: Path, folder: Path) -> dict[str, str]:
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


def answered(table: Path, truth: dict[str, str]) -> None:
    """Fill the column label of a batch."""
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "label": truth[row["id"]]} for row in rows)


def accuracy(file: Path, truth: dict[str, str]) -> float:
    """Share of the rows without a label that are predicted right."""
    with file.open(newline="") as text:
        rest = [row for row in csv.DictReader(text) if not row["label"]]
    return float(np.mean([row["predicted"] == truth[row["id"]] for row in rest]))


def at_random(project: Project, truth: dict[str, str], n: int) -> float:
    """The mean accuracy on the other rows of models of ``n`` rows drawn at random."""
    x = project.items.learn(project.files.cache, None)
    y = project.task.targets.array([project.task.targets.encode(truth[i]) for i in project.ids])
    data = dataset_of("photos", x, project.items, project.task)
    settings = project.settings
    learner = make_learner(settings.model, data, options=settings.model_options, network={})
    found = []
    for seed in range(DRAWS):
        rows = np.random.default_rng(seed).permutation(len(x))
        model = learner.fit(x[rows[:n]], y[rows[:n]], task=project.task, seed=seed + 1)
        predictions = learner.predict(model, x[rows[n:]])
        found.append(project.task.headline.measured(predictions, y[rows[n:]]) or 0.0)
    return float(np.mean(found))


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth = unpacked(Path(sys.argv[1]), folder / "photos")
        classes = ",".join(sorted(set(truth.values())))
        project, out = str(folder / "photos.uwe"), folder / "all.csv"
        print(f"init {ran('init', project, str(folder / 'photos'), '--classes', classes):.0f} s")
        print(f"{'labels':>6} {'next':>6} {'tell':>6} {'train':>6} {'accuracy':>9} {'random':>7}")
        for number in range(1, ROUNDS + 1):
            picked = ran("next", project, "-k", str(BATCH))
            table = Path(project) / "picks" / f"round-{number}.csv"
            answered(table, truth)
            told = ran("tell", project, str(table))
            trained = ran("predict", project, "-o", str(out), "--force")
            n, right = number * BATCH, accuracy(out, truth)
            drawn = at_random(Project.open(project), truth, n)
            print(
                f"{n:6} {picked:6.1f} {told:6.1f} {trained:6.1f} {right:9.3f} {drawn:7.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
