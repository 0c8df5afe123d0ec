"""``uwe run`` on folders of masks and of boxes: whole runs, refusals, resuming."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dense_scenes import HEIGHT, WIDTH, scenes
from uwe.cli import main

Image = pytest.importorskip("PIL.Image")

FLAGS = (
    "--budgets", "4,8", "--epochs", "1", "--device", "cpu", "--threads", "1",
    "--precision", "fp32", "--test-fraction", "0.25", "--no-report",
)  # fmt: skip


def options(*given: str) -> list[str]:
    """Options of a model, and so few steps that a training takes no time."""
    return [part for option in (*given, "least_steps=1") for part in ("--model-option", option)]


UNET = ("--model", "unet", *options("width=8", "levels=2"))
CENTRES = ("--model", "centernet", *options("width=8", "neck=8"))


@pytest.fixture(scope="module")
def masks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images/ and masks/."""
    folder = tmp_path_factory.mktemp("masks")
    x, found, _ = scenes(16)
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for row, (image, mask) in enumerate(zip(x, found, strict=True)):
        Image.fromarray(image).save(folder / "images" / f"{row:02}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{row:02}.png")
    return folder


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images/ and COCO's annotations.json."""
    folder = tmp_path_factory.mktemp("boxes")
    x, _, found = scenes(16)
    (folder / "images").mkdir()
    listed: dict[str, list[Any]] = {"images": [], "annotations": [], "categories": []}
    for number, name in enumerate(("red", "blue"), start=1):
        listed["categories"].append({"id": number, "name": name})
    for row, (image, each) in enumerate(zip(x, found, strict=True)):
        name = f"{row:02}.png"
        Image.fromarray(image).save(folder / "images" / name)
        size = {"width": WIDTH, "height": HEIGHT}
        listed["images"].append({"id": row, "file_name": name, **size})
        for corners, number in zip(each.corners.tolist(), each.classes.tolist(), strict=True):
            left, top, right, bottom = corners
            listed["annotations"].append(
                {
                    "id": len(listed["annotations"]) + 1,
                    "image_id": row,
                    "category_id": number + 1,
                    "bbox": [left, top, right - left, bottom - top],
                    "area": (right - left) * (bottom - top),
                    "iscrowd": 0,
                }
            )
    (folder / "annotations.json").write_text(json.dumps(listed), encoding="utf-8")
    return folder


def run(task: str, data: Path, results: Path, *flags: str) -> int:
    given = ["run", "folder", "--task", task, "--data-dir", str(data), "--results", str(results)]
    return main([*given, *FLAGS, *flags])


def test_masks_from_a_folder(
    masks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder of images and masks is run to the end, and a second call has nothing to do."""
    asked = ("--strategy", "uwe", "--strategy", "badge", *UNET)
    assert run("segmentation", masks, tmp_path, *asked) == 0
    told = capsys.readouterr()
    assert "mean IoU" in told.out + told.err
    tables = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*.csv"))}
    assert run("segmentation", masks, tmp_path, *asked) == 0
    assert tables == {path: path.read_bytes() for path in sorted(tmp_path.rglob("*.csv"))}


def test_boxes_from_a_folder(
    boxes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder of images and COCO's boxes is run to the end."""
    assert run("detection", boxes, tmp_path, "--strategy", "uwe", *CENTRES) == 0
    told = capsys.readouterr()
    assert "mAP at IoU 0.5" in told.out + told.err


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (("--model", "resnet18"), "choose unet or segformer"),
        (CENTRES, "model centernet serves detection, and the task is segmentation"),
        (("--model", "sklearn:forest"), "sklearn:forest"),
        ((*UNET, "--strategy", "bald"), "strategy bald does not serve segmentation"),
        ((*UNET, "--compile"), "--compile is not used by model unet"),
    ],
)
def test_what_does_not_fit_is_one_line(
    flags: tuple[str, ...],
    line: str,
    masks: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2 and one line, and no file of results."""
    given = ["run", "folder", "--task", "segmentation", "--data-dir", str(masks)]
    assert main([*given, "--results", str(tmp_path / "none"), *FLAGS, *flags]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert line in told[-1]
    assert not (tmp_path / "none").exists()
