"""The report of segmentation and detection: metrics, classes, and pictures of the picks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import uwe
import uwe.report.build
from uwe import Predictions
from uwe.data import Dataset
from uwe.report import build_report, write_report
from uwe.report.charts import draw_heat
from uwe.report.document import DataTable, Figure, Gallery, Report
from uwe.report.drawn import pixels_of, views_of
from uwe.report.sections.classes import by_class
from uwe.report.sections.parts import PARTS
from uwe.runs import find_curves
from uwe.tasks import Boxes, Mask, Task, detection, segmentation

pytest.importorskip("PIL")
pytest.importorskip("pycocotools")

NAMES = ("ground", "disc")
HIGH, WIDE, ROWS = 24, 32, 30
BUDGETS = "4,8,12"
IGNORE = 9


def drawn_discs(rows: int = ROWS) -> tuple[Any, Any, Any]:
    """Images, masks and boxes of a disc each; the first row of pixels is ignored."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:HIGH, :WIDE]
    images = rng.integers(40, 90, (rows, HIGH, WIDE, 3), dtype=np.uint8)
    masks, boxes = np.empty(rows, object), np.empty(rows, object)
    for row in range(rows):
        across, down, r = rng.integers(8, 24), rng.integers(8, 16), rng.integers(3, 7)
        disc = (x - across) ** 2 + (y - down) ** 2 <= r**2
        images[row][disc] += 100
        pixels = disc.astype(np.uint8)
        pixels[0] = IGNORE
        masks[row] = Mask.of(pixels, f"{row}.png")
        corners = [across - r, down - r, across + r + 1, down + r + 1]
        boxes[row] = Boxes(np.array([corners], float), np.array([1]))
    return images, masks, boxes


class Guesses:
    """Says where an image is bright, wrong in fewer places the more labels it has seen."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.name = "guesses"
        self.settings: dict[str, Any] = {}

    def fit(self, x: Any, y: Any, *, task: Task, seed: int) -> tuple[int, int]:
        return len(x), seed

    def predict(self, model: tuple[int, int], x: Any) -> Predictions:
        images = np.asarray(x)
        rng = np.random.default_rng(model)
        flips = rng.random(images.shape[:3]) < 0.5 / model[0]
        said = (images[..., 0] > 120) ^ flips
        unsure = torch.from_numpy(rng.random(len(images))).float()
        features = torch.from_numpy(images.mean((1, 2))).float()
        named = ("entropy", "margin", "least_confident")
        first = self._first(said)
        return Predictions(
            features=features,
            outputs={
                **first,
                **dict.fromkeys(named, unsure),
                **{f"weighted_{name}": features for name in named},
            },
        )

    def _first(self, said: Any) -> dict[str, torch.Tensor]:
        if self.task.name == "segmentation":
            return {"predicted": torch.from_numpy(said.astype(np.uint8))}
        rows = np.zeros((len(said), 2, 6), np.float32)
        for at, pixels in enumerate(said):
            down, across = np.nonzero(pixels)
            if len(down):
                ends = across.min(), down.min(), across.max() + 1, down.max() + 1
                rows[at, 0] = (*ends, 0.8, 1)
        return {"detections": torch.from_numpy(rows), "objectness": torch.ones(len(said)) / 2}


def made(name: str) -> Dataset:
    images, masks, boxes = drawn_discs()
    by_name = {each.name: each.pixels for each in masks}
    tasks = {
        "segmentation": (segmentation(NAMES, ignore=IGNORE, read=lambda m: by_name[m.name]), masks),
        "detection": (detection(NAMES), boxes),
    }
    task, y = tasks[name]
    train, test = slice(0, 20), slice(20, None)
    return Dataset.from_arrays(
        "discs", (images[train], y[train]), (images[test], y[test]), classes=NAMES, task=task
    )


@pytest.fixture(params=["segmentation", "detection"], scope="module")
def study(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Report]:
    """The report of two strategies and two seeds, with its data at hand."""
    data, folder = made(request.param), tmp_path_factory.mktemp("runs")
    strategies = ["random", "coreset"]
    uwe.loop(Guesses(data.task), data, strategies, BUDGETS, seed=[1, 2], results=folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uwe.report.build, "data_of", lambda *_: (data, ""))
        return request.param, build_report(find_curves(folder))


def blocks(report: Report) -> Iterator[Any]:
    for section in report.sections:
        yield from section.blocks


def tables(report: Report) -> dict[str, DataTable]:
    found = (each.table if isinstance(each, Figure) else each for each in blocks(report))
    return {each.name: each for each in found if isinstance(each, DataTable)}


def test_the_headline_and_every_class_have_their_figures(study: tuple[str, Report]) -> None:
    """The table beside the headline is of the metrics of all classes, the other of each class."""
    name, report = study
    columns = [column.key for column in tables(report)["measures"].columns]
    assert (
        columns
        == {
            "segmentation": ["strategy", "miou", "pixel_accuracy", "n"],
            "detection": ["strategy", "map50", "map", "n"],
        }[name]
    )
    of_classes = tables(report)["per_class_metrics"]
    assert len(of_classes.rows) == 2
    assert [column.title for column in of_classes.columns][1:] == {
        "segmentation": ["IoU of ground", "IoU of disc"],
        "detection": ["AP at IoU 0.5 of ground", "AP at IoU 0.5 of disc"],
    }[name]


def test_an_abbreviation_keeps_its_letters_in_a_title(study: tuple[str, Report]) -> None:
    """mAP stays mAP at the beginning of a title, and mean IoU begins with a capital letter."""
    name, report = study
    titles = [each.title for each in blocks(report) if isinstance(each, Figure)]
    begin = {"segmentation": "Mean IoU", "detection": "mAP at IoU 0.5"}[name]
    assert f"{begin} against labels" in titles


def test_a_class_is_the_mean_of_its_runs(study: tuple[str, Report]) -> None:
    """With two classes, the mean of the classes' IoU is the mean IoU of the table beside it."""
    name, report = study
    if name == "detection":  # no ground is ever labelled
        assert all(row[1] is None for row in tables(report)["per_class_metrics"].rows)
        return
    of_classes = {row[0]: row[1:] for row in tables(report)["per_class_metrics"].rows}
    for strategy, miou, *_ in tables(report)["measures"].rows:
        assert np.mean(of_classes[strategy]) == pytest.approx(miou)


def test_picks_show_the_answer_beside_the_prediction(study: tuple[str, Report]) -> None:
    """Every pick has both pictures, and the legend names what is drawn."""
    name, report = study
    galleries = [each for each in blocks(report) if isinstance(each, Gallery)]
    assert len(galleries) == 4
    for gallery in galleries:
        assert [what for what, _ in gallery.pictures[0].views] == ["answered", "predicted"]
        assert all(src.startswith("data:image/jpeg") for _, src in gallery.pictures[0].views)
        shown = {"segmentation": ["ground", "disc"], "detection": ["disc"]}[name]
        assert [told for told, _ in gallery.legend] == shown
    told = " ".join(galleries[0].pictures[0].lines)
    assert {"segmentation": "% of pixels right", "detection": "1 disc"}[name] in told


def test_what_was_queried_is_counted_in_pixels_or_objects(study: tuple[str, Report]) -> None:
    """Eight images were queried after cycle 0 in each run; ignored pixels do not count."""
    name, report = study
    parts = tables(report)["queried_parts"]
    images, most = 2 * 8, {"segmentation": (HIGH - 1) * WIDE, "detection": 1}[name]
    assert [row[1:] for row in parts.rows] == [(images, most)] * 2
    for row in tables(report)["queried_classes"].rows:
        assert sum(row[1:]) == pytest.approx(100)


def test_every_format_is_written(study: tuple[str, Report], tmp_path: Path) -> None:
    """The page holds its pictures, and Markdown and JSON tell the picks in words."""
    _, report = study
    for suffix in ("html", "md", "json"):
        write_report(report, tmp_path / f"report.{suffix}")
    page = (tmp_path / "report.html").read_text()
    assert 'class="gallery views"' in page
    assert "<small>predicted</small>" in page
    assert "background:#56b4e9" in page
    json.loads((tmp_path / "report.json").read_text())


def test_without_its_data_a_report_says_what_it_leaves_out(tmp_path: Path) -> None:
    """Classes, pixels and pictures are left out with the reason."""
    data = made("segmentation")
    uwe.loop(Guesses(data.task), data, ["random"], BUDGETS, seed=[1, 2], results=tmp_path)
    report = build_report(find_curves(tmp_path))
    told = str([section.blocks for section in report.sections])
    assert "The metrics of each class are left out" in told
    assert "Left out, as the data is not at hand" in told


def test_a_mask_that_cannot_be_read_is_left_out() -> None:
    """No picture of the answer, and the one of the prediction stays."""
    image = np.zeros((4, 6, 1), np.uint8)
    answer = {"mask": "a.png", "digest": "00"}
    task = segmentation(NAMES)
    assert pixels_of(task, answer) is None
    views = views_of(task, image, answer, np.zeros((4, 6), np.uint8))
    assert [view.what for view in views] == ["predicted"]
    assert views[0].classes == {0: "ground"}


@pytest.mark.parametrize("make", [segmentation, detection])
def test_a_pick_without_answer_and_prediction_has_no_picture(make: Callable[..., Task]) -> None:
    """Nothing is known, nothing is drawn."""
    assert views_of(make(NAMES), np.zeros((4, 6, 3), np.uint8), None, None) == ()


def test_a_run_that_stopped_early_is_not_in_the_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures of classes are of the last budget, which an unfinished run has not reached."""
    data = made("segmentation")
    uwe.loop(Guesses(data.task), data, ["random"], BUDGETS, seed=[1, 2], results=tmp_path)
    [table] = [path for path in tmp_path.rglob("*_al_cycle_result.csv") if "_s2_" in path.name]
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    monkeypatch.setattr(uwe.report.build, "data_of", lambda *_: (data, ""))
    found = tables(build_report(find_curves(tmp_path)))
    [(_, miou, _, n)], [(_, *of_classes)] = found["measures"].rows, found["per_class_metrics"].rows
    assert n == 1
    assert np.mean(of_classes) == pytest.approx(miou)


def test_an_ignored_class_has_no_pixels() -> None:
    """Pixels that count nowhere are not counted where their value is the number of a class."""
    mask = Mask.of(np.array([[0, 1, 1], [2, 2, 2]], np.uint8), "a.png")
    task = segmentation(("sky", "void", "road"), ignore=1, read=lambda _: mask.pixels)
    counts = PARTS["mask"].counted(task, task.targets.encode(mask))
    assert counts is not None
    assert counts.tolist() == [1, 0, 3]


def test_a_class_may_be_called_strategy() -> None:
    """No column of a class takes the place of the column of strategies."""
    figure = by_class(
        DataTable("t", "T", (), ()), ["uwe"], [np.array([0.5, 0.25])], ["strategy", "b"], most=1.0
    )
    assert [column.key for column in figure.table.columns] == ["strategy", "class strategy", "b"]
    assert figure.table.rows == (("uwe", 50.0, 25.0),)


def test_a_long_name_leaves_space_for_the_cells() -> None:
    """However long the name of a class is, its cells have a width and a height."""
    chart = draw_heat(["a" * 300], ["uwe", "b" * 300], [[0.5, 0.2]], title="t")
    sizes = re.findall(r'(?:width|height)="([^"]+)"', chart)
    assert len(sizes) == 4
    assert min(map(float, sizes)) > 5
