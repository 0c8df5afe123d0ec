"""Contact sheets of pools that are maps or detections: what is drawn, and under which names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from uwe.cli import main
from uwe.dense import Reduction
from uwe.selecting.drawing import draws_of
from uwe.selecting.overlays import DrawnBoxes, DrawnMask

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six photos of 40 x 30, a map of three classes for each, and results of a detector."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    Path("photos").mkdir()
    Path("maps").mkdir()
    images, results = [], []
    for row in range(6):
        pixels = rng.integers(0, 255, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(f"photos/{row:02}.png")
        np.save(f"maps/{row:02}.npy", rng.dirichlet([1, 1, 1], (15, 20)))
        images.append({"id": row, "file_name": f"{row:02}.png", "width": 40, "height": 30})
        about = {"image_id": row, "bbox": [4, 4, 20, 10], "category_id": 1 + row % 2}
        results += [{**about, "score": (4 + row) / 10}, {**about, "score": 0.1}] if row else []
    categories = [{"id": 1, "name": "crow"}, {"id": 2, "name": "<jay>"}]
    parts = {"images": images, "annotations": [], "categories": categories}
    Path("photos.json").write_text(json.dumps(parts))
    Path("results.json").write_text(json.dumps(results))
    return tmp_path


def sheet(*arguments: str) -> str:
    shown = ("--images", "photos", "-o", "picks.csv", "--html", "picks.html", "--force")
    assert main(["select", *arguments, "-k", "5", *shown]) == 0
    return Path("picks.html").read_text()


def names_in(page: str) -> list[str]:
    legend = page[page.index('<ul class="legend"') : page.index("</ul>")]
    return re.findall(r"</i>([^<]+)</li>", legend)


@pytest.mark.usefixtures("folder")
def test_masks_of_maps_are_drawn_under_names_or_numbers() -> None:
    """The legend has the names that are given, and numbers without."""
    assert names_in(sheet("maps", "--classes", "sky, road,tree")) == ["sky", "road", "tree"]
    assert names_in(sheet("maps")) == ["class 0", "class 1", "class 2"]


@pytest.mark.usefixtures("folder")
def test_boxes_of_detections_are_drawn_under_the_names_of_the_list() -> None:
    """Categories name the classes; without the list they are told by number."""
    assert names_in(sheet("results.json", "--image-list", "photos.json")) == ["crow", "&lt;jay&gt;"]
    assert names_in(sheet("results.json")) == ["1", "2"]


@pytest.mark.usefixtures("folder")
def test_unsure_boxes_are_not_drawn() -> None:
    """Of two boxes of an image, the one with a score of 0.1 is left out; an image may have none."""
    draws = draws_of(Path("results.json"), images=Path("photos.json"))
    assert draws is not None
    drawn = [draws(f"{row:02}.png", (40, 30)) for row in range(3)]
    assert all(isinstance(each, DrawnBoxes) for each in drawn)
    assert [each.scores for each in drawn if isinstance(each, DrawnBoxes)] == [[], [0.5], [0.6]]


@pytest.mark.usefixtures("folder")
def test_maps_are_read_as_they_were_reduced() -> None:
    """Logits with the classes first are told by the reduction: the second class is the largest."""
    Path("logits").mkdir()
    np.save("logits/a.npy", np.stack([np.zeros((2, 3)), np.ones((2, 3))]))
    draws = draws_of(Path("logits"), reduction=Reduction(given="logits", axes="chw"))
    assert draws is not None
    drawn = draws("a", (3, 2))
    assert isinstance(drawn, DrawnMask)
    assert (drawn.pixels == 1).all()
    assert drawn.pixels.shape == (2, 3)


@pytest.mark.usefixtures("folder")
def test_scores_of_objects_are_not_drawn() -> None:
    """A folder of scores [m, c] does not say where the objects are."""
    Path("scores").mkdir()
    np.save("scores/a.npy", np.full((4, 2), 0.5))
    draws = draws_of(Path("scores"))
    assert draws is not None
    assert draws("a", (3, 2)) is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["maps", "--classes", "a,b"], "give --images FOLDER"),
        (["results.json", "--classes", "a,b", "--images", "photos", "--html", "p.html"],
         "--image-list names those of detections"),
        (["rows", "--classes", "a,b", "--images", "photos", "--html", "p.html"],
         "rows holds rows, so leave it out"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("folder")
def test_names_that_name_nothing_are_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error says what to give, and no file is written."""
    Path("rows").mkdir()
    np.save("rows/features.npy", np.ones((6, 2)))
    assert main(["select", *arguments, "-k", "2", "-o", "picks.csv"]) == 2
    assert told in capsys.readouterr().err
    assert not Path("picks.csv").exists()
