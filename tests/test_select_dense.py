"""`uwe select` on detections in COCO's form and on folders of maps."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import uwe
from uwe.cli import main
from uwe.dense import Reduction
from uwe.errors import DataError
from uwe.pool_files import open_detections, open_pool

MAPS = [np.random.default_rng(row).dirichlet(np.ones(3), (4, 5)) for row in range(12)]


def result(image: int, category: int, score: float, box: Any = (1, 2, 3, 4)) -> dict[str, Any]:
    return {"image_id": image, "category_id": category, "bbox": list(box), "score": score}


RESULTS = [
    result(5, 3, 0.5), result(5, 1, 1.0), result(7, 3, 0.9), result(9, 1, 0.6, (0, 0, 2, 2)),
]  # fmt: skip
ANNOTATIONS = {
    "images": [
        {"id": image, "file_name": f"{image}.jpg", "width": 20, "height": 10}
        for image in (5, 6, 7, 8, 9)
    ],
    "categories": [{"id": 3, "name": "wbc"}, {"id": 1, "name": "rbc"}, {"id": 4, "name": "none"}],
    "annotations": [],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve maps, detections in three images, and annotations of five images."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "maps").mkdir()
    for row, each in enumerate(MAPS):
        np.save(tmp_path / "maps" / f"m{row:02d}.npy", each)
    (tmp_path / "results.json").write_text(json.dumps(RESULTS))
    (tmp_path / "coco.json").write_text(json.dumps(ANNOTATIONS))
    return tmp_path


def picked(*arguments: str) -> list[dict[str, str]]:
    assert main(["select", *arguments, "-o", "picks.csv", "--force"]) == 0
    with Path("picks.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("strategy", [(), ("--strategy", "coreset"), ("--strategy", "uwe")])
def test_a_folder_of_maps_picks_as_the_saved_pool(folder: Path, strategy: tuple[str, ...]) -> None:
    """The same rows, ids and uncertainties, by measure and reduction."""
    pool = uwe.places("maps", measure="margin", reduce="top", top=0.25)
    pool.save("pool.safetensors")
    options = ["--measure", "margin", "--reduce", "top", "--place-option", "top=0.25"]
    here = picked("maps", "-k", "4", *options, *strategy)
    assert here == picked("pool.safetensors", "-k", "4", *strategy)
    assert [row["id"] for row in here] == [pool.ids[int(row["idx"])] for row in here]
    wanted = [pool.uncertainty[int(row["idx"])] for row in here]
    assert [float(row["uncertainty"]) for row in here] == pytest.approx(wanted)


def test_strategy_uwe_does_not_weigh_a_second_time(folder: Path) -> None:
    """Of weighted features `uwe` is k-center on them, as they are."""
    pool = uwe.places("maps")
    picks = [int(row["idx"]) for row in picked("maps", "-k", "5", "--strategy", "uwe")]
    assert picks == uwe.k_center(pool.features, 5).tolist()


def test_detections_by_hand(folder: Path) -> None:
    """An object weighs by the entropy of its score, in the column of its class."""
    pool = open_pool(Path("results.json"), images=Path("coco.json"))
    assert pool.ids(5) == ["5.jpg", "6.jpg", "7.jpg", "8.jpg", "9.jpg"]
    features, uncertainty = pool.read("features"), pool.read("uncertainty")
    of_nine, of_six = (-p * np.log2(p) - (1 - p) * np.log2(1 - p) for p in (0.9, 0.6))
    # classes in the order of their numbers: rbc, wbc, none
    wanted = [[0, 0.25, 0], [0, 0, 0], [0, 0.9 * of_nine, 0], [0, 0, 0], [0.6 * of_six, 0, 0]]
    np.testing.assert_allclose(features, wanted, rtol=1e-6)
    np.testing.assert_allclose(uncertainty, [0.5, 0, of_nine, 0, of_six])
    found = open_detections(Path("results.json"), Path("coco.json"))
    assert found.names == ("rbc", "wbc", "none")
    assert found.by_image["5.jpg"].corners.tolist() == [[1, 2, 4, 6], [1, 2, 4, 6]]
    assert found.by_image["5.jpg"].classes.tolist() == [1, 0]
    assert len(found.by_image["6.jpg"]) == 0


def test_detections_without_a_list_of_images(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only images with an object are in the pool; a list of ids adds the others, and says so."""
    assert open_detections(Path("results.json")).ids == ("5", "7", "9")
    assert {row["id"] for row in picked("results.json", "-k", "3")} == {"5", "7", "9"}
    Path("ids.txt").write_text("9\n5\n6\n7\n")
    capsys.readouterr()
    rows = picked("results.json", "-k", "4", "--image-list", "ids.txt", "--reduce", "sum")
    assert [row["idx"] for row in rows if row["id"] == "6"] == ["2"]
    told = " ".join(capsys.readouterr().err.split())
    assert "1 of 4 images have no place that counts, such as 6: features 0, uncertainty 0" in told


def test_results_may_name_images_by_number_or_by_file(folder: Path) -> None:
    """With annotations, the id of an image and its file name are the same image."""
    wanted = open_detections(Path("results.json"), Path("coco.json"))
    with_results(*({**each, "image_id": f"{each['image_id']}.jpg"} for each in RESULTS))()
    found = open_detections(Path("results.json"), Path("coco.json"))
    assert found.ids == wanted.ids
    for name in found.ids:
        assert found.by_image[name].scores.tolist() == wanted.by_image[name].scores.tolist()


def test_the_class_of_a_detection_is_its_category(folder: Path) -> None:
    """`class_mean` and `background` read the category, which the score does not tell."""
    pool = open_pool(Path("results.json"), reduction=Reduction(reduce="class_mean"))
    assert pool.read("uncertainty")[0] == pytest.approx(0.5)
    one = open_pool(Path("results.json"), reduction=Reduction(background=1))
    assert one.read("uncertainty")[:2].tolist() == [0.0, 0.0]


def with_results(*results: Any) -> Callable[[], None]:
    return lambda: Path("results.json").write_text(json.dumps(list(results))) and None


REFUSED: dict[str, tuple[Callable[[], Any], list[str], str]] = {
    "corners": (
        with_results(*(result(5, 1, 0.5, (10, 5, 18, 9)) for _ in range(3))),
        ["--image-list", "coco.json"],
        "3 of 3 boxes leave their image, such as one of 5.jpg; bbox must be x, y, width and heig",
    ),
    "image": (
        with_results(result(4, 1, 0.5)), ["--image-list", "coco.json"],
        "result 0 is of the image 4, which coco.json does not name",
    ),
    "category": (
        with_results(result(5, 2, 0.5)), ["--image-list", "coco.json"],
        "result 0 is of the category 2, which coco.json does not name",
    ),
    "score": (with_results(result(5, 1, 1.5)), [], "result 0 has the score 1.5, which is not"),
    "no image": (
        with_results(result(5, 1, 0.5) | {"image_id": None}), [], "result 0 has the image_id None",
    ),
    "width": (with_results(result(5, 1, 0.5, (0, 0, -1, 2))), [], "whose width or height is below"),
    "box": (with_results(result(5, 1, 0.5, (0, 0, 1))), [], "has the bbox [0, 0, 1], not x, y"),
    "lacking": (with_results({"image_id": 1}), [], "result 0 has no category_id; it has image_id"),
    "annotations": (
        lambda: None, ["--image-list", "results.json"],
        "results.json has no list of images; give annotations in COCO's form",
    ),
    "not a list": (
        lambda: Path("results.json").write_text("{}"), [], "results.json holds dict, not a list",
    ),
    "not JSON": (lambda: Path("results.json").write_text("["), [], "cannot read results.json"),
    "none": (with_results(), [], "there are no outputs; at least one image is needed"),
    "logits": (
        lambda: None, ["--place-option", "given=logits"],
        "given and axes are for maps; the scores in results.json are probabilities",
    ),
    "background": (
        lambda: None, ["--place-option", "background=2"],
        "background is class 2, but results.json has 2 classes",
    ),
    "unknown": (lambda: None, ["--place-option", "tip=1"], "unknown place option 'tip'; did you m"),
    "twice": (
        lambda: None, ["--measure", "margin", "--place-option", "measure=entropy"],
        "--measure and --place-option measure are both given; leave one out",
    ),
    "encoding": (lambda: None, ["--encoding", "cp1252"], "results.json is no table of text"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_detections_that_are_refused(
    folder: Path, refused: Callable[[list[str]], str], case: str
) -> None:
    """One line that names the result and what it holds; no file is written."""
    prepare, options, words = REFUSED[case]
    prepare()
    assert words in refused(["select", "results.json", "-k", "1", "-o", "picks.csv", *options])
    assert not Path("picks.csv").exists()


def test_rows_and_the_options_of_places_do_not_go_together(
    folder: Path, refused: Callable[[list[str]], str]
) -> None:
    """A pool of rows is not reduced again, and a list of images is for detections."""
    np.savez("pool.npz", features=np.ones((4, 2)), uncertainty=np.arange(4.0))
    line = refused(["select", "pool.npz", "-k", "1", "--measure", "entropy"])
    assert "pool.npz holds rows already" in line
    line = refused(["select", "maps", "-k", "1", "--image-list", "coco.json"])
    assert "--image-list is for detections in a .json, and maps holds none" in line


def test_a_folder_of_arrays_stays_a_pool(folder: Path) -> None:
    """Names of a pool's arrays, and those of --key, tell it from a folder of maps."""
    Path("pool").mkdir()
    np.save("pool/embedding.npy", np.random.default_rng(0).random((6, 2, 2)).reshape(6, 4))
    np.save("pool/uncertainty.npy", np.arange(6.0))
    assert len(picked("pool", "-k", "2", "--key", "features=embedding")) == 2
    Path("one").mkdir()
    np.save("one/embedding.npy", np.random.default_rng(0).random((6, 4)))
    assert len(picked("one", "-k", "2", "--key", "features=embedding")) == 2
    with pytest.raises(DataError, match="no 'x' for features"):
        open_pool(Path("one"), {"features": "x"})


def test_objects_in_a_folder_of_files(folder: Path) -> None:
    """Scores of two axes are objects where an option says that the folder holds places."""
    Path("boxes").mkdir()
    for row in range(4):
        np.save(f"boxes/{row}.npy", np.full((row, 2), 0.5))
    rows = picked("boxes", "-k", "4", "--measure", "entropy")
    assert sorted(float(row["uncertainty"]) for row in rows) == [0.0, 1.0, 1.0, 1.0]
