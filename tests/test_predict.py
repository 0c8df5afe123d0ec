"""``uwe predict`` and ``Project.predict``: what the last model says of every row."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from uwe.cli import main
from uwe.errors import InputError, RunError
from uwe.predictions import Predictions
from uwe.project import Project
from uwe.project.predicting import predicted_by
from uwe.tasks import multilabel


def table(path: Path, n: int = 40) -> Path:
    rng = np.random.default_rng(0)
    rows = [f"r{row},{3 * (row % 2) + rng.normal():.3f},{rng.normal():.3f}" for row in range(n)]
    path.write_text("\n".join(["id,a,b", *rows]) + "\n")
    return path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_is_written_with_what_people_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model is trained first; the file tells nothing new when it is told."""
    p, out = str(tmp_path / "p"), str(tmp_path / "all.csv")
    assert main(["init", p, str(table(tmp_path / "t.csv")), "--classes", "low,high"]) == 0
    project = Project.open(p)
    project.tell(range(10), ["low", "high"] * 5)
    assert main(["predict", p, "-o", out]) == 0
    assert "40 rows predicted by a model trained on 10 labels" in capsys.readouterr().out
    rows = read(Path(out))
    assert [row["id"] for row in rows] == list(project.ids)
    right = [row["predicted"] == ("low", "high")[at % 2] for at, row in enumerate(rows)]
    assert np.mean(right) > 0.8
    assert [row["label"] for row in rows] == ["low", "high"] * 5 + [""] * 30
    assert all(0.5 <= float(row["confidence"]) <= 1 for row in rows)
    before = len(project.events())
    assert main(["tell", p, out]) == 0
    assert len(project.events()) == before
    assert main(["predict", p, "-o", out]) == 2
    assert "--force" in capsys.readouterr().err


def test_several_classes_are_as_sure_as_the_least_sure_of_them() -> None:
    """Labels are names; the confidence is that of the decision nearest to one half."""
    logits = torch.tensor([[2.0, -0.5], [-1.0, -3.0]])
    found = predicted_by(
        Predictions(outputs={"binary_logits": logits}), multilabel(["wet", "cold"]), trained_on=2
    )
    assert [list(label) for label in found.labels] == [["wet"], []]
    assert found.confidence == pytest.approx([0.6225, 0.7311], abs=1e-4)


def test_numbers_have_no_confidence(tmp_path: Path) -> None:
    """The column stays empty; the numbers are as people write them."""
    x = np.arange(30, dtype=np.float64)[:, None]
    project = Project(tmp_path / "p", x, "sklearn:forest", task="regression")
    project.tell(range(0, 30, 3), [float(row) for row in range(0, 30, 3)])
    found = project.predict()
    assert found.confidence is None
    assert np.abs(np.array(found.labels) - x[:, 0]).mean() < 4


def test_what_cannot_be_predicted_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No labels, another suffix, a damaged file of predictions: nothing is written."""
    p = str(tmp_path / "p")
    assert main(["init", p, str(table(tmp_path / "t.csv")), "--classes", "low,high"]) == 0
    for out, words in (("a.csv", "no row is labelled"), ("a.txt", "must end in .csv")):
        assert main(["predict", p, "-o", str(tmp_path / out)]) == 2
        assert words in capsys.readouterr().err
        assert not (tmp_path / out).exists()
    project = Project.open(p)
    with pytest.raises(InputError, match="no row is labelled"):
        project.predict()
    project.tell([0, 1], ["low", "high"])
    project.train()
    damage(project)
    with pytest.raises(RunError, match=r"training-1\.safetensors"):
        project.predict()


def damage(project: Any) -> None:
    [path] = project.files.predictions(1).parent.iterdir()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
