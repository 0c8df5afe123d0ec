"""Metrics of segmentation and detection: hand-worked values, slow twins, and pycocotools itself."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from uwe.errors import InputError
from uwe.experiment import steps
from uwe.oracle import simulated
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.runs.cycles import label_cell
from uwe.strategies import needs_of
from uwe.tasks import Boxes, Mask, detection, segmentation

pytest.importorskip("pycocotools")

DATA = Path(os.environ.get("UWE_DATA_DIR") or Path(__file__).parents[2] / "shared" / "data")


def objects(values: list[Any]) -> np.ndarray:
    """An array of objects, one a row."""
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def pixels(rows: list[list[int]]) -> np.ndarray:
    return np.array(rows, dtype=np.uint8)


def of_masks(said: list[list[list[int]]]) -> Predictions:
    return Predictions(outputs={"predicted": torch.tensor(said, dtype=torch.uint8)})


def of_boxes(images: list[list[list[float]]]) -> Predictions:
    """Detections as left, top, right, bottom, score, class; rows of zeros fill up."""
    rows = torch.zeros(len(images), max(map(len, images)) + 1, 6)
    for row, boxes in zip(rows, images, strict=True):
        row[: len(boxes)] = torch.tensor(boxes).reshape(-1, 6)
    return Predictions(outputs={"detections": rows})


def measured(task, said: Predictions, y: np.ndarray) -> dict[str, float | None]:
    return {metric.name: metric.measured(said, y) for metric in task.metrics}


def test_four_pixels_by_hand() -> None:
    """One of three valid pixels is wrong: sky 1/2, road 1/2, and a car that nobody sees counts not.

    True sky sky road, predicted sky road road: sky TP 1, FN 1; road TP 1, FP 1. The fourth pixel
    is ignored, with any class predicted there.
    """
    task = segmentation(["sky", "road", "car"], ignore=9)
    y = objects([Mask.of(pixels([[0, 0], [1, 9]]))])
    found = measured(task, of_masks([[[0, 1], [1, 2]]]), y)
    assert found == {
        "miou": 0.5,
        "pixel_accuracy": pytest.approx(2 / 3),
        "iou_0_sky": 0.5,
        "iou_1_road": 0.5,
        "iou_2_car": None,
    }


def test_a_class_that_is_predicted_only_counts_as_zero() -> None:
    """A car is seen where there is none: its IoU is 0, and the mean is over three classes."""
    task = segmentation(["sky", "road", "car"])
    y = objects([Mask.of(pixels([[0, 0], [1, 1]]))])
    found = measured(task, of_masks([[[0, 0], [1, 2]]]), y)
    assert found["iou_2_car"] == 0.0
    assert found["miou"] == pytest.approx((1 + 0.5 + 0) / 3)


def test_masks_without_a_pixel_that_counts_have_no_value() -> None:
    """Where every pixel is ignored, or there is no image, no metric is defined."""
    task = segmentation(2, ignore=5)
    y = objects([Mask.of(pixels([[5, 5]]))])
    assert set(measured(task, of_masks([[[0, 1]]]), y).values()) == {None}
    none = np.zeros(0, dtype=np.int64)
    assert set(measured(task, of_masks([[[0, 1]]]).take(none), y[:0]).values()) == {None}


@st.composite
def judged_masks(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    """Predicted and true class numbers of a few small images, and how many classes there are."""
    c = draw(st.integers(1, 4))
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4)))
    said = draw(npst.arrays(np.uint8, shape, elements=st.integers(0, c - 1)))
    truth = draw(npst.arrays(np.uint8, shape, elements=st.integers(0, c)))
    return said, truth, c


@given(judged_masks())
def test_mean_overlap_is_that_of_counting_pixels(judged) -> None:
    """Sets of pixels, class by class, give the same mean; class number c is ignored."""
    said, truth, c = judged
    where = [at for at in np.ndindex(truth.shape) if truth[at] != c]
    overlaps = []
    for number in range(c):
        true = {at for at in where if truth[at] == number}
        guessed = {at for at in where if said[at] == number}
        if true | guessed:
            overlaps.append(len(true & guessed) / len(true | guessed))
    task, y = segmentation(c, ignore=c), objects([Mask.of(of) for of in truth])
    found = measured(task, Predictions(outputs={"predicted": torch.from_numpy(said)}), y)
    assert found["miou"] == (pytest.approx(np.mean(overlaps)) if overlaps else None)
    right = sum(said[at] == truth[at] for at in where)
    assert found["pixel_accuracy"] == (pytest.approx(right / len(where)) if where else None)


def test_a_class_that_is_ignored_is_no_part_of_the_mean() -> None:
    """Its pixels count nowhere, so predicting it elsewhere misses that pixel, and no more."""
    task, y = segmentation(3, ignore=0), objects([Mask.of(pixels([[0, 1, 1, 2]]))])
    found = measured(task, of_masks([[[0, 0, 1, 2]]]), y)
    assert [found[f"iou_{number}"] for number in range(3)] == [None, 0.5, 1.0]
    assert found["miou"] == 0.75
    assert found["pixel_accuracy"] == pytest.approx(2 / 3)


def test_sizes_and_classes_that_disagree_are_refused() -> None:
    """The error names both sizes, or the class and how many there are."""
    task, y = segmentation(2), objects([Mask.of(pixels([[0, 1]]))])
    with pytest.raises(InputError, match="image 0 is 1x1, but its mask 2x1"):
        task.headline.measured(of_masks([[[0]]]), y)
    beyond = objects([Mask.of(pixels([[0, 7]]))])
    with pytest.raises(InputError, match="class 7, but there are 2 classes"):
        task.headline.measured(of_masks([[[0, 1]]]), beyond)


def test_masks_in_memory_are_checked_by_row() -> None:
    """Class numbers of an array become masks; a number beyond the classes names row and pixels."""
    task = segmentation(2, ignore=255)
    checked = task.targets.checked(np.array([[[0, 1]], [[1, 255]]], dtype=np.uint8))
    assert [mask.name for mask in checked] == ["0", "1"]
    with pytest.raises(InputError, match="row 1: 2 pixels have the value 3"):
        task.targets.checked(np.array([[[0, 1]], [[3, 3]]], dtype=np.uint8))
    with pytest.raises(InputError, match="float64"):
        task.targets.checked(np.zeros((1, 2, 2)))


@pytest.mark.parametrize("ignore", [-1, 256, 1.5, True])
def test_ignore_is_a_number_of_8_bits(ignore) -> None:
    """Nothing else can be the value of a pixel."""
    with pytest.raises(InputError, match="ignore must be a whole number from 0 to 255"):
        segmentation(2, ignore=ignore)


def test_two_boxes_by_hand() -> None:
    """One box of two is found, by a detection that overlaps with 3/4; AP50 is 51/101, AP 306/1010.

    Of 101 recalls the first 51 (0 to 0.5) are reached with precision 1. The box counts at the IoUs
    0.50 to 0.75, which are 6 of 10.
    """
    task = detection(["cell"])
    y = objects([Boxes(np.array([[0.0, 0, 4, 4], [10.0, 10, 14, 14]]), np.array([0, 0]))])
    found = measured(task, of_boxes([[[0, 0, 3, 4, 0.9, 0]]]), y)
    assert found["map50"] == found["ap50_0_cell"] == pytest.approx(51 / 101)
    assert found["map"] == pytest.approx(0.6 * 51 / 101)


def test_a_false_alarm_lowers_precision_only_if_it_is_surer() -> None:
    """A wrong box before the right one halves the precision; one after it changes nothing."""
    task = detection(1)
    y = objects([Boxes(np.array([[0.0, 0, 4, 4]]), np.array([0]))])
    right, wrong = [0, 0, 4, 4], [20, 20, 24, 24]
    before = of_boxes([[[*wrong, 0.9, 0], [*right, 0.5, 0]]])
    after = of_boxes([[[*right, 0.9, 0], [*wrong, 0.5, 0]]])
    assert measured(task, before, y)["map50"] == pytest.approx(0.5)
    assert measured(task, after, y)["map50"] == pytest.approx(1.0)


def test_images_without_boxes_and_classes_without_boxes() -> None:
    """An empty image is a label; a class that is nowhere has no AP and is left out of the mean."""
    task = detection(["red", "white"])
    y = objects([Boxes(np.zeros((0, 4)), np.zeros(0)), Boxes(np.array([[0.0, 0, 4, 4]]), [0])])
    said = of_boxes([[[1, 1, 2, 2, 0.3, 1]], [[0, 0, 4, 4, 0.9, 0]]])
    found = measured(task, said, y)
    one = pytest.approx(1.0)
    assert found == {"map50": one, "map": one, "ap50_0_red": one, "ap50_1_white": None}
    nothing = measured(task, said.take(np.array([0])), y[:1])
    assert set(nothing.values()) == {None}


def test_a_crowd_is_neither_found_nor_missed() -> None:
    """Detections inside a crowd count nowhere, and the crowd is no box to be found."""
    task = detection(1)
    y = objects(
        [Boxes(np.array([[0.0, 0, 4, 4], [10.0, 10, 30, 30]]), [0, 0], np.array([False, True]))]
    )
    said = of_boxes([[[12, 12, 16, 16, 0.9, 0], [0, 0, 4, 4, 0.5, 0]]])
    assert measured(task, said, y)["map50"] == pytest.approx(1.0)


def test_detections_above_one_half_are_predicted() -> None:
    """A score of exactly 0.5 is not above it."""
    task = detection(2)
    [boxes] = task.predicted(of_boxes([[[0, 0, 1, 1, 0.75, 1], [2, 2, 3, 3, 0.5, 0]]]))
    assert boxes == Boxes(np.array([[0.0, 0, 1, 1]]), np.array([1]))


def test_the_measures_say_what_they_read() -> None:
    """A strategy that uses a measure or the weighted embedding needs that output alone."""
    for task in (segmentation(2), detection(2)):
        for name, measure in task.measures.items():
            assert needs_of(measure, task).fields == {name}
        embedding: Any = task.weighted("margin")
        said = Predictions(outputs={"weighted_margin": torch.tensor([[1.0, 2.0]])})
        assert embedding.reads == {"weighted_margin"}
        assert embedding(said, np.array([0])).x.tolist() == [[1.0, 2.0]]
        with pytest.raises(InputError, match="entropi"):
            task.weighted("entropi")
        assert pickle.loads(pickle.dumps(embedding)) == embedding


def test_a_cell_of_a_table_holds_a_name_or_class_numbers() -> None:
    """Of a mask its file, of boxes their classes."""
    masks, boxes = segmentation(2), detection(2)
    assert label_cell(masks, {"mask": "a.png", "digest": "00"}) == "a.png"
    assert label_cell(boxes, Boxes(np.zeros((0, 4)), [])) == "[]"
    assert label_cell(boxes, {"boxes": [[0, 0, 1, 1]] * 2, "classes": [1, 0]}) == "1|0"
    assert label_cell(boxes, None) is None


def test_a_loss_that_no_output_says_is_an_empty_cell() -> None:
    """Losses over parts of the pool are None; the headline over the queried rows is measured."""
    task = segmentation(2)
    y = objects([Mask.of(pixels([[0, 1]]))] * 6)
    pool = Pool.of(6, cycles={}, values=dict(enumerate(task.targets.values(y[:2]))))
    said = of_masks([[[0, 1]]] * 6)
    found = steps._losses(simulated(task, y), said, pool, np.arange(6))
    losses = dict.fromkeys(("tr_loss", "lb_loss", "unlb_loss", "q_loss"))
    assert found == {"q_miou": 1.0, **losses}


def cells_of_bccd() -> tuple[np.ndarray, list[tuple[int, int]]]:
    """The boxes of BCCD's validation images."""
    parquet = pytest.importorskip("pyarrow.parquet")
    file = DATA / "bccd" / "validation-00000-of-00001.parquet"
    if not file.is_file():
        pytest.skip(f"there is no {file}; UWE_DATA_DIR names the folder of the data")
    rows = parquet.read_table(file, columns=["objects", "width", "height"]).to_pylist()
    found = []
    for row in rows:
        corners = np.array(row["objects"]["bbox"], dtype=np.float64).reshape(-1, 4)
        boxes = Boxes(corners, np.array(row["objects"]["category"]))
        keep = boxes.areas > 0
        found.append(Boxes(corners[keep], boxes.classes[keep]))
    return objects(found), [(row["width"], row["height"]) for row in rows]


def perfect(corners: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return corners


def shifted(corners: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return corners + rng.normal(0, 8, (len(corners), 1))


def dropped(corners: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random((len(corners), 1)) < 0.3, np.nan, corners)


@pytest.mark.parametrize("change", [perfect, shifted, dropped])
def test_bccd_agrees_with_pycocotools(change, tmp_path: Path) -> None:
    """mAP@0.5 and COCO's mAP are what its own evaluation of JSON files prints."""
    truth, sizes = cells_of_bccd()
    rng = np.random.default_rng(1)
    images: list[list[list[float]]] = []
    for boxes in truth:
        moved = change(boxes.corners, rng)
        scores = rng.uniform(0.05, 1, len(boxes)).astype(np.float32)
        rows = np.column_stack([moved, scores, boxes.classes])[np.argsort(-scores)]
        images.append(rows[~np.isnan(rows).any(1)].tolist())
    stats = stats_of_coco(truth, sizes, images, tmp_path)
    found = measured(detection(["RBC", "WBC", "Platelets"]), of_boxes(images), truth)
    assert found["map"] == pytest.approx(stats[0], abs=1e-6)
    assert found["map50"] == pytest.approx(stats[1], abs=1e-6)
    assert change is not perfect or found["map"] == pytest.approx(1.0)
    assert change is perfect or 0.1 < found["map"] < 0.95


def stats_of_coco(
    truth: np.ndarray, sizes: list[tuple[int, int]], images: list[list[list[float]]], folder: Path
) -> list[float]:
    """COCO's own way: JSON files, loadRes and summarize, whose first two numbers are the mAPs."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    annotations = [
        {"image_id": image, "category_id": int(number) + 1, "bbox": [x0, y0, x1 - x0, y1 - y0],
         "area": (x1 - x0) * (y1 - y0), "iscrowd": 0}
        for image, boxes in enumerate(truth)
        for (x0, y0, x1, y1), number in zip(boxes.corners.tolist(), boxes.classes, strict=True)
    ]  # fmt: skip
    data = {
        "images": [{"id": at, "width": w, "height": h} for at, (w, h) in enumerate(sizes)],
        "categories": [{"id": at, "name": str(at)} for at in (1, 2, 3)],
        "annotations": [{**each, "id": at} for at, each in enumerate(annotations, start=1)],
    }
    results = [
        {"image_id": image, "category_id": int(number) + 1, "score": score,
         "bbox": [x0, y0, x1 - x0, y1 - y0]}
        for image, rows in enumerate(images)
        for x0, y0, x1, y1, score, number in rows
    ]  # fmt: skip
    (folder / "truth.json").write_text(json.dumps(data))
    (folder / "results.json").write_text(json.dumps(results))
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(folder / "truth.json"))
        evaluation = COCOeval(coco, coco.loadRes(str(folder / "results.json")), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return list(evaluation.stats)
