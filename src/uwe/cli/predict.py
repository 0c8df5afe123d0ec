"""The command ``uwe predict``: what a project's model says of every row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uwe._files import expanded, write_text
from uwe.cli.options import Output, Switch
from uwe.cli.outputs import check_output
from uwe.cli.project import files_of
from uwe.cli.speaking import shown
from uwe.errors import InputError
from uwe.formats.tables import written_label
from uwe.project.files import ProjectFiles
from uwe.project.settings import read_settings
from uwe.tables.csv_text import csv_text, say_formulas

if TYPE_CHECKING:
    from uwe.project import Predicted, Project

__all__ = ["predict_command"]

_COLUMNS = ("id", "predicted", "confidence", "label")


def predict_command(
    project: Path,
    *,
    output: Output,
    force: Switch = False,
) -> None:
    """Write what the model says of every row of a project; it is trained first if labels changed.

    Parameters
    ----------
    project
        Folder of the project.
    output
        A file .csv with the columns id, predicted, confidence (the probability of the class; of
        several classes that of the least sure one; empty for numbers), and label: what people
        said, empty for the rows that nobody labelled.
    force
        Overwrite an output file that exists.
    """
    if output.suffix.lower() != ".csv":
        raise InputError(f"predictions are written as .csv, so {output} must end in .csv")
    output = check_output(output, force=force, sources=files_of(project))
    files = ProjectFiles(expanded(project))
    files.require()
    task = read_settings(files.settings).make_task()
    if task.widget == "mask":
        raise InputError(
            f"a table holds no masks, so those of {task.name} are not written; 'uwe export "
            "--what to-label' writes those of a batch"
        )

    from uwe.project import Project

    def work(display: Any) -> tuple[Project, Predicted]:
        opened = Project.open(project, progress=display)
        return opened, opened.predict()

    opened, predicted = shown(work)
    labels = opened.labels()
    say_formulas("id", opened.ids)
    write_text(output, csv_text(_COLUMNS, _rows(opened, predicted, labels)))
    print(
        f"{len(opened.ids):,} rows predicted by a model trained on {predicted.trained_on:,} "
        f"labels; people labelled {len(labels):,} of them. Written: {output}"
    )


def _rows(
    opened: Project, predicted: Predicted, labels: dict[str, Any]
) -> Iterator[tuple[str, str, str, str]]:
    sure: Sequence[float | None] = predicted.confidence or [None] * len(predicted.labels)
    for name, label, share in zip(opened.ids, predicted.labels, sure, strict=True):
        told = written_label(labels[name]) if name in labels else ""
        yield name, written_label(label), "" if share is None else f"{share:.4f}", told
