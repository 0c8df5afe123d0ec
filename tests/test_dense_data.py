"""Folders and columns of masks and boxes: what is read, what is said, and what is refused."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from uwe.data import Dataset, load_dataset
from uwe.data.dense.coco import rasterised
from uwe.data.dense.columns import _names_in
from uwe.data.dense.fitting import FORMS, BoxFitter, fitted_size
from uwe.data.dense.rows import GivenBoxes
from uwe.errors import DataError, InputError
from uwe.tasks import Boxes, segmentation

images = pytest.importorskip("PIL.Image")
arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("pycocotools")

WIDTH, HEIGHT = 6, 4


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UWE_CACHE_DIR", str(tmp_path / "cache"))


def write_image(path: Path, seed: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    images.fromarray(pixels).save(path)


def write_mask(path: Path, pixels: Any, mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = images.fromarray(np.asarray(pixels, dtype=np.uint8))
    if mode == "P":
        image.putpalette([40, 80, 120] * 256)
    image.save(path)


def mask_of(row: int) -> np.ndarray:
    """Classes 0 and 1, and one pixel of class 2 in odd rows."""
    pixels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    pixels[:, row % WIDTH :] = 1
    pixels[0, 0] = 2 * (row % 2)
    return pixels


def with_masks(folder: Path, n: int = 10, **more: Any) -> Path:
    for row in range(n):
        write_image(folder / "images" / f"{row}.png", row)
        write_mask(folder / "masks" / f"{row}.png", mask_of(row), **more)
    return folder


def load_masks(folder: Path, **more: Any) -> Dataset:
    return load_dataset("folder", data_dir=folder, task="segmentation", **more)


def load_boxes(folder: Path, **more: Any) -> Dataset:
    return load_dataset("folder", data_dir=folder, task="detection", **more)


def pixels_of(dataset: Dataset) -> list[list[list[int]]]:
    return [each.tolist() for each in dataset.task.targets.read(dataset.train.y)]


# masks in files


@pytest.mark.parametrize("mode", ["L", "P"])
def test_masks_of_a_folder_become_targets(tmp_path: Path, mode: str) -> None:
    """Grey values or palette indices are classes; every fifth image is held out."""
    dataset = load_masks(with_masks(tmp_path / "d", mode=mode))
    assert (len(dataset.train), len(dataset.test)) == (8, 2)
    assert dataset.ids[:2] == ("images/0.png", "images/1.png")
    assert dataset.classes == ("0", "1", "2")
    assert dataset.train.y[1].name == "masks/1.png"
    expected = [mask_of(row).tolist() for row in (0, 1, 2, 3, 5, 6, 7, 8)]
    assert pixels_of(dataset) == expected
    assert any("every fifth of the labelled images" in note for note in dataset.notes)


def test_the_cache_gives_the_same_masks(tmp_path: Path) -> None:
    """A second load, and a task that travelled to another process, read the same pixels."""
    folder = with_masks(tmp_path / "d")
    first, second = load_masks(folder), load_masks(folder)
    assert first.fingerprint == second.fingerprint
    assert pixels_of(first) == pixels_of(second)
    values = second.task.targets.values(second.train.y)
    again = pickle.loads(pickle.dumps(second.task)).targets
    read = again.read(again.array(json.loads(json.dumps(values))))
    assert [each.tolist() for each in read] == pixels_of(first)
    with pytest.raises(InputError, match=r"'none\.png' is none of the 10"):
        again.read(again.array([{"mask": "none.png", "digest": ""}]))


def test_a_changed_pixel_of_a_mask_changes_the_fingerprint(tmp_path: Path) -> None:
    """Images alone do not identify a data set of masks."""
    folder = with_masks(tmp_path / "d")
    before = load_masks(folder).fingerprint
    pixels = mask_of(3)
    pixels[2, 2] = 2
    write_mask(folder / "masks" / "3.png", pixels)
    assert load_masks(folder).fingerprint != before


def test_names_ignore_and_size(tmp_path: Path) -> None:
    """classes.txt names the classes, ignored pixels are no class, and the whole image is kept."""
    folder = with_masks(tmp_path / "d")
    (folder / "classes.txt").write_text("sky\nroad\n")
    dataset = load_masks(folder, task_options={"ignore": 2}, image_size=2)
    assert dataset.classes == ("sky", "road")
    assert dataset.task.options == {"ignore": 2}
    assert dataset.train.x.shape == (8, 2, 3, 3)
    nearest = [each[1::2, 1::2].tolist() for each in map(mask_of, (0, 1, 2, 3, 5, 6, 7, 8))]
    assert pixels_of(dataset) == nearest


@pytest.mark.parametrize("name", ["test", "val", "valid", "validation"])
@pytest.mark.parametrize("inside", [False, True])
def test_splits_of_their_own(tmp_path: Path, name: str, inside: bool) -> None:
    """train/images and test/images, or images/train and images/test."""
    for split, n in (("train", 3), (name, 2)):
        for row in range(n):
            parts = ("images", split) if inside else (split, "images")
            write_image(tmp_path.joinpath("d", *parts, f"{row}.png"), row)
            parts = ("masks", split) if inside else (split, "masks")
            write_mask(tmp_path.joinpath("d", *parts, f"{row}.png"), mask_of(row))
    dataset = load_masks(tmp_path / "d")
    assert (len(dataset.train), len(dataset.test)) == (3, 2)
    assert dataset.ids[0] == ("images/train/0.png" if inside else "train/images/0.png")
    assert pixels_of(dataset) == [mask_of(row).tolist() for row in range(3)]


def test_images_without_a_mask_stay_in_the_pool(tmp_path: Path) -> None:
    """They have no label there, are never test rows, and a note counts them."""
    folder = with_masks(tmp_path / "d")
    for row in (0, 4):
        (folder / "masks" / f"{row}.png").unlink()
    dataset = load_masks(folder)
    assert dataset.train.y[0] is None
    assert not dataset.task.targets.known(dataset.train.y)[0]
    assert all(mask is not None for mask in dataset.test.y)
    assert any("2 of 10 images have no label" in note for note in dataset.notes)
    assert len(dataset.answerable().train) == len(dataset.train) - 2


def test_first_rows_alone_are_decoded(tmp_path: Path) -> None:
    """A pool size keeps the first images and masks."""
    folder = with_masks(tmp_path / "d")
    write_mask(folder / "masks" / "9.png", np.zeros((1, 1)))
    dataset = load_masks(folder, pool_size=3, test_size=1)
    assert pixels_of(dataset) == [mask_of(row).tolist() for row in range(3)]


def write_damaged(folder: Path, what: str) -> None:
    """One mistake in the folder of `with_masks`."""
    mask = folder / "masks" / "7.png"
    if what == "other size":
        write_mask(mask, np.zeros((HEIGHT, WIDTH + 1)))
    elif what == "beyond":
        (folder / "classes.txt").write_text("sky\nroad\n")
    elif what == "colours":
        write_image(mask)
    elif what == "stray":
        for name in ("ghost", "spectre"):
            write_mask(folder / "masks" / f"{name}.png", mask_of(0))
    elif what == "two masks":
        images.fromarray(mask_of(0)).save(folder / "masks" / "7.bmp")
    elif what == "two images":
        write_image(folder / "images" / "7.bmp")
    elif what == "white":
        write_mask(mask, np.full((HEIGHT, WIDTH), 255))
    elif what == "wide":
        images.fromarray(np.full((HEIGHT, WIDTH), 300, dtype=np.uint16)).save(mask)
    elif what == "lossy":
        mask.unlink()
        images.fromarray(mask_of(0)).save(mask.with_suffix(".jpg"))
    elif what == "repeated class":
        (folder / "classes.txt").write_text("sky\nsky\n")
    elif what == "sizes":
        write_image(folder / "images" / "7.png", 7, (WIDTH, WIDTH))
        write_mask(mask, np.zeros((WIDTH, WIDTH)))
    elif what == "nothing":
        for file in (folder / "masks").iterdir():
            file.unlink()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("other size", r"masks/7\.png is 7x4 pixels, but its image images/7\.png is 6x4"),
        ("beyond", r"masks/1\.png: 1 pixels have the value 2, .* 2 classes \(0 to 1\).*--ignore 2"),
        ("colours", r"masks/7\.png is RGB; a mask holds class numbers"),
        ("stray", r"masks/ghost\.png belongs to no image: .* 2 mask files have none"),
        ("two masks", r"masks/7\.bmp and masks/7\.png are both the mask of one image"),
        ("two images", r"images/7\.bmp and images/7\.png would have one mask"),
        ("white", r"hold 0 to 2, and 255 in 24 pixels; give --ignore 255"),
        ("wide", r"masks/7\.png has values from 300 to 300; class numbers are 0 to 255"),
        ("lossy", r"masks/7\.jpg is JPEG, which changes numbers"),
        ("repeated class", r"classes\.txt names the class 'sky' twice"),
        ("sizes", r"images differ in size: training image 'images/0\.png' is 6x4, .*6x6"),
        ("nothing", r"has 10 images, but no labels for segmentation; looked for masks in masks/"),
    ],
)
def test_bad_masks_are_refused(tmp_path: Path, what: str, words: str) -> None:
    """Each mistake is one line with both values, and leaves no entry in the cache."""
    folder = with_masks(tmp_path / "d")
    write_damaged(folder, what)
    with pytest.raises(DataError, match=words) as caught:
        load_masks(folder)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").glob("*/meta.json"))


def grey_png(pixels: np.ndarray, bits: int) -> bytes:
    """A PNG of grey pixels with fewer than 8 bits, which Pillow does not write."""
    each = np.unpackbits(pixels[..., None], axis=-1)[..., -bits:].reshape(len(pixels), -1)
    rows = b"".join(b"\0" + np.packbits(row).tobytes() for row in each)
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], bits, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(of)) + kind + of + struct.pack(">I", zlib.crc32(kind + of))
        for kind, of in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("bits", [2, 4])
def test_masks_of_few_bits_hold_the_numbers_that_were_written(tmp_path: Path, bits: int) -> None:
    """A viewer brightens grey of 2 and of 4 bits; class numbers stay as they are."""
    folder = with_masks(tmp_path / "d")
    plain = pixels_of(load_masks(folder))
    for row in range(10):
        (folder / "masks" / f"{row}.png").write_bytes(grey_png(mask_of(row), bits))
    dataset = load_masks(folder)
    assert dataset.classes == ("0", "1", "2")
    assert pixels_of(dataset) == plain


def test_masks_are_turned_as_their_own_exif_says(tmp_path: Path) -> None:
    """A photo and its mask with one orientation fit; a mask without it is told what to do."""
    folder = with_masks(tmp_path / "d")
    for kind in ("images", "masks"):
        path = folder / kind / "3.png"
        with images.open(path) as image:
            turned, exif = image.transpose(images.Transpose.ROTATE_90), image.getexif()
        exif[0x0112] = 6  # upright after a turn by 90 degrees to the right
        turned.save(path, exif=exif)
    assert pixels_of(load_masks(folder))[3] == mask_of(3).tolist()
    turned.save(folder / "masks" / "3.png")
    with pytest.raises(DataError, match=r"3\.png is 4x6 pixels, .* 6x4; make .*EXIF says, so turn"):
        load_masks(folder)


def test_numbers_that_do_not_occur_are_said(tmp_path: Path) -> None:
    """Grey levels in the place of class numbers would become very many classes."""
    folder = with_masks(tmp_path / "d")
    assert not any("occur" in note for note in load_masks(folder).notes)
    for row in range(10):
        write_mask(folder / "masks" / f"{row}.png", mask_of(row) * 60)
    notes = load_masks(folder).notes
    assert any("of the class numbers 0 to 120 only 3 occur (0, 60, 120)" in note for note in notes)


def test_test_images_of_which_nothing_counts_are_refused(tmp_path: Path) -> None:
    """No metric is defined of ignored pixels alone, nor of images without a box."""
    folder = with_masks(tmp_path / "d", 5)
    write_mask(folder / "masks" / "4.png", np.full((HEIGHT, WIDTH), 9))
    words = "none of the 1 labelled test images has a pixel that is not 9, the ignored value"
    with pytest.raises(DataError, match=words):
        load_masks(folder, task_options={"ignore": 9})
    folder = with_coco(tmp_path / "b", coco([box(0, [0, 0, 1, 1])]))
    with pytest.raises(
        DataError, match="none of the 1 labelled test images has a box with an area"
    ):
        load_boxes(folder)


def test_an_empty_validation_set_is_refused(tmp_path: Path) -> None:
    """A split without images, or without a labelled one, cannot measure anything."""
    with_masks(tmp_path / "d" / "train", 3)
    (tmp_path / "d" / "val" / "images").mkdir(parents=True)
    with pytest.raises(DataError, match=r"no images below .*val/images"):
        load_masks(tmp_path / "d")
    write_image(tmp_path / "d" / "val" / "images" / "0.png")
    with pytest.raises(DataError, match="no labelled test image: 3 images are in the pool and 0"):
        load_masks(tmp_path / "d")


# boxes in files


BIRDS = {1: "crow", 2: "rook"}


def coco(
    annotations: Sequence[Mapping[str, Any]], n: int = 5, names: Mapping[int, str] = BIRDS
) -> dict[str, Any]:
    return {
        "images": [
            {"id": row + 10, "file_name": f"{row}.png", "width": WIDTH, "height": HEIGHT}
            for row in range(n)
        ],
        "categories": [{"id": number, "name": name} for number, name in names.items()],
        "annotations": [{"id": at, **each} for at, each in enumerate(annotations, start=1)],
    }


def box(image: int, numbers: Sequence[float], category: int = 1, **more: Any) -> dict[str, Any]:
    return {"image_id": image + 10, "category_id": category, "bbox": list(numbers), **more}


TESTED = box(4, [0, 0, 1, 1])  # of the image that is held out


def with_coco(folder: Path, found: Any, n: int = 5) -> Path:
    for row in range(n):
        write_image(folder / "images" / f"{row}.png", row)
    text = found if isinstance(found, str) else json.dumps(found)
    (folder / "annotations.json").write_text(text)
    return folder


def test_boxes_of_coco(tmp_path: Path) -> None:
    """xywh becomes corners, an image without annotations has no object, a crowd stays marked."""
    given = [
        box(0, [1, 1, 2, 3]), box(0, [0, 0, 6, 4], 2, iscrowd=1), box(2, [0, 0, 1, 1], 2), TESTED,
    ]  # fmt: skip
    dataset = load_boxes(with_coco(tmp_path / "d", coco(given)))
    assert dataset.classes == ("crow", "rook")
    first, second, third = dataset.train.y[:3]
    corners, crowd = np.array([[1.0, 1, 3, 4], [0, 0, 6, 4]]), np.array([False, True])
    assert first == Boxes(corners, np.array([0, 1]), crowd)
    assert len(second) == 0
    assert third.classes.tolist() == [1]
    assert len(dataset.test) == 1
    again = load_boxes(tmp_path / "d")
    assert again.fingerprint == dataset.fingerprint
    assert list(again.train.y) == list(dataset.train.y)


def test_categories_may_have_any_ids(tmp_path: Path) -> None:
    """They are classes in the order of their ids, and a note says so."""
    numbers = [0, 0, 1, 1]
    given = [box(0, numbers, 90), box(1, numbers, 7), box(4, numbers, 7)]
    found = coco(given, names={90: "b", 7: "a"})
    dataset = load_boxes(with_coco(tmp_path / "d", found))
    assert dataset.classes == ("a", "b")
    assert [boxes.classes.tolist() for boxes in dataset.train.y[:2]] == [[1], [0]]
    assert any(
        "are 7, 90; in their order they are the classes 0 to 1" in of for of in dataset.notes
    )


def test_boxes_that_cannot_be_kept_are_said(tmp_path: Path) -> None:
    """Without area and outside are left out, partly outside is cut; notes count them."""
    given = [
        box(0, [1, 1, 0, 3]), box(0, [8, 1, 2, 2]), box(1, [4, 2, 5, 4]), box(1, [9, 9, 1, 1]),
        box(1, [0, 0, 2, 2]), *(box(2, [0, 0, 1, 1]) for _ in range(6)), TESTED,
    ]  # fmt: skip
    dataset = load_boxes(with_coco(tmp_path / "d", coco(given)))
    assert len(dataset.train.y[0]) == 0
    assert dataset.train.y[1].corners.tolist() == [[4, 2, 6, 4], [0, 0, 2, 2]]
    said = " ".join(dataset.notes)
    assert "1 box without area is left out (0.png in annotations.json)" in said
    assert "2 boxes wholly outside their image are left out" in said
    assert "1 box partly outside its image is cut at its edge (1.png" in said


def test_boxes_follow_the_size_of_the_images(tmp_path: Path) -> None:
    """Resized to half, coordinates are halved in both directions."""
    found = coco([box(0, [2, 0, 4, 2]), TESTED])
    dataset = load_boxes(with_coco(tmp_path / "d", found), image_size=2)
    assert dataset.train.x.shape[1:3] == (2, 3)
    assert dataset.train.y[0].corners.tolist() == [[1.0, 0.0, 3.0, 1.0]]


def test_boxes_in_the_other_form_are_asked_about(tmp_path: Path) -> None:
    """Most boxes leave the image as xywh: the error counts both, and --boxes xyxy reads them."""
    folder = with_coco(tmp_path / "d", coco([box(0, [3, 2, 6, 4]), box(4, [4, 1, 5, 3])]))
    with pytest.raises(DataError, match=r"as xywh, 2 of 2 boxes leave .* as xyxy 0; give --boxes"):
        load_boxes(folder)
    dataset = load_boxes(folder, boxes="xyxy")
    assert dataset.train.y[0].corners.tolist() == [[3, 2, 6, 4]]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ("[1, 2", r"annotations\.json is no JSON"),
        ("[]", r"annotations\.json is no COCO file: it has no list 'images'"),
        ({"images": [], "annotations": []}, "no list 'categories'"),
        ({"images": [3], "annotations": [], "categories": []}, "'3' is no object"),
        (coco([box(40, [0, 0, 1, 1])]), "annotation 1 is of the image 50, which is not listed"),
        (coco([box(0, [0, 0, 1, 1], 5)]), "of the category 5, which is not listed"),
        (coco([box(0, [0, 0, 1])]), r"annotation 1 has the bbox \[0, 0, 1\]"),
        (coco([box(0, [0, 0, 1, float("nan")])]), "annotation 1 has the bbox"),
        (coco([box(0, [0, 0, 1, 10**400])]), "annotation 1 has the bbox"),
        (coco([box(7, [0, 0, 1, 1])], n=9), r"lists the image '7\.png', which is not in .*1 of 9"),
        (coco([], names={1: "a", 2: "a"}), "lists the category 'a' 2 times"),
        (
            coco([box(0, [0, 0, 1, 1], iscrowd="0")]),
            "annotation 1 has the iscrowd '0'; it must be 0",
        ),
        (
            coco([box(0, [0.1, 0.2, 0.5, 0.5]), box(4, [0, 0, 1, 1])]),
            "the numbers of all 2 boxes are from 0 to 1, as shares .* multiply by the width",
        ),
    ],
)
def test_bad_coco_is_refused(tmp_path: Path, found: Any, words: str) -> None:
    """Each mistake is one line that names the file and both values."""
    with pytest.raises(DataError, match=words) as caught:
        load_boxes(with_coco(tmp_path / "d", found))
    assert "\n" not in str(caught.value)


def test_an_image_twice_and_another_size_are_refused(tmp_path: Path) -> None:
    """The error names the image and how often it is there, or both sizes."""
    found = coco([box(0, [0, 0, 1, 1])])
    twice = {**found, "images": [*found["images"], {"id": 99, "file_name": "0.png"}]}
    with pytest.raises(DataError, match=r"lists the image '0\.png' 2 times"):
        load_boxes(with_coco(tmp_path / "d", twice))
    found["images"][0]["width"] = 60
    with pytest.raises(DataError, match=r"of an image of 60x4 pixels, but images/0\.png is 6x4"):
        load_boxes(with_coco(tmp_path / "e", found))


def voc(
    objects: Sequence[tuple[str, Sequence[int]]], size: tuple[int, int] = (WIDTH, HEIGHT)
) -> str:
    told = "".join(
        f"<object><name>{name}</name><bndbox>"
        + "".join(
            f"<{key}>{value}</{key}>"
            for key, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
        )
        + "</bndbox></object>"
        for name, corners in objects
    )
    about = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
    return f"<?xml version='1.0'?><annotation>{about}{told}</annotation>"


@pytest.mark.parametrize("folder", ["annotations", "images"])
def test_boxes_of_pascal_voc(tmp_path: Path, folder: str) -> None:
    """Pixels count from 1 with the last included: 1, 1, 6, 4 is the whole image; a note says so."""
    for row in range(5):
        write_image(tmp_path / "d" / "images" / f"{row}.png", row)
        path = tmp_path / "d" / folder / f"{row}.xml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(voc([("rook", (1, 1, 6, 4)), ("crow", (3, 2, 3, 2))] if row else []))
    dataset = load_boxes(tmp_path / "d")
    assert dataset.classes == ("crow", "rook")
    assert len(dataset.train.y[0]) == 0
    assert dataset.train.y[1].corners.tolist() == [[0, 0, 6, 4], [2, 1, 3, 2]]
    assert dataset.train.y[1].classes.tolist() == [1, 0]
    assert any("counts pixels from 1" in note for note in dataset.notes)


BOMB = "<!DOCTYPE a [<!ENTITY b 'bbb'>]><annotation><object><name>&b;</name></object></annotation>"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, r"0\.xml declares a document type"),
        ("<annotation>", r"0\.xml is no XML"),
        (voc([("", (1, 1, 2, 2))]), "object 0 has no name"),
        ("<annotation><object><name>a</name></object></annotation>", "object 0 lacks a bndbox"),
        (voc([("a", (1, 1, 2, 2))], (60, 40)), "of an image of 60x40 pixels, but .* is 6x4"),
        ('<?xml version="1.0" encoding="gbk"?><annotation/>', r"0\.xml cannot be read: .*as UTF-8"),
        (
            '<?xml version="1.0" encoding="x"?><annotation/>',
            "unknown encoding: x; save it as UTF-8",
        ),
    ],
)
def test_bad_xml_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """Entities are never expanded, and a box without numbers is no box."""
    for row in range(5):
        write_image(tmp_path / "d" / "images" / f"{row}.png", row)
    (tmp_path / "d" / "annotations").mkdir()
    for row in range(5):
        (tmp_path / "d" / "annotations" / f"{row}.xml").write_text(text)
    with pytest.raises(DataError, match=words) as caught:
        load_boxes(tmp_path / "d")
    assert "\n" not in str(caught.value)


def with_yolo(folder: Path, lines: Sequence[str | None]) -> Path:
    (folder / "labels").mkdir(parents=True)
    for row, text in enumerate(lines):
        write_image(folder / "images" / f"{row}.png", row)
        if text is not None:
            (folder / "labels" / f"{row}.txt").write_text(text)
    return folder


def test_boxes_of_yolo(tmp_path: Path) -> None:
    """Centre and sides are shares of the image; a polygon is its extent; names are in YAML."""
    polygon = "0 0 0 0.5 0 0.5 0.25"
    lines = ["1 0.5 0.5 1 0.5\n", polygon, "", None, *[polygon] * 4]
    folder = with_yolo(tmp_path / "d", lines)
    (folder / "data.yaml").write_text("names: {0: crow, 1: rook}\ntrain: ../train/images\n")
    dataset = load_boxes(folder)
    assert dataset.classes == ("crow", "rook")
    whole, extent, nothing, missing = dataset.train.y[:4]
    assert whole == Boxes(np.array([[0.0, 1, 6, 3]]), np.array([1]))
    assert extent == Boxes(np.array([[0.0, 0, 3, 1]]), np.array([0]))
    assert len(nothing) == 0
    assert missing is None
    assert any("1 images have no .txt file and are taken as not labelled" in of
               for of in dataset.notes)  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 0.5 0.5 1", r"labels/0\.txt, line 1 has 4 numbers"),
        ("0 320 240 50 50", "has the number 320; places and sizes are shares"),
        ("crow 0.5 0.5 1 1", "line 1: .*'crow'"),
        ("-1 0.5 0.5 1 1", "the class is -1"),
        ("10000 0.5 0.5 1 1", "the class is 10000; classes are numbered from 0 to 9,999"),
        ("0 nan 0.5 1 1", "has the number nan"),
        ("5 0.5 0.5 1 1", r"1 boxes have the class 5, which is outside the 2 classes \(0 to 1\)"),
    ],
)
def test_bad_yolo_is_refused(tmp_path: Path, line: str, words: str) -> None:
    """The error names the file and the line."""
    folder = with_yolo(tmp_path / "d", [line] * 5)
    (folder / "classes.txt").write_text("crow\nrook\n")
    with pytest.raises(DataError, match=words):
        load_boxes(folder)


# masks of COCO


def run_lengths(pixels: np.ndarray) -> list[int]:
    """Runs of 0 and 1 down the columns, the first of 0."""
    flat = pixels.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, len(flat)]).tolist()
    return [0, *counts] if flat[0] else counts


@pytest.mark.parametrize("seed", range(5))
def test_polygons_and_run_lengths_become_masks(seed: int) -> None:
    """Uncompressed and compressed RLE give the pixels they were made of; smaller objects on top."""
    from pycocotools import mask as coco_mask

    pixels = np.random.default_rng(seed).integers(0, 2, (HEIGHT, WIDTH), dtype=np.uint8)
    pixels[0] = 1
    size = (WIDTH, HEIGHT)
    plain = {"size": [HEIGHT, WIDTH], "counts": run_lengths(pixels)}
    short = coco_mask.encode(np.asfortranarray(pixels))
    text = {"size": short["size"], "counts": short["counts"].decode()}
    square = [[0.0, 0.0, 2.0, 0.0, 2.0, 1.0, 0.0, 1.0]]
    for rle in (plain, text):
        given = [
            {"category_id": 3, "segmentation": square},
            {"category_id": 5, "segmentation": rle},
        ]
        expected = pixels * 2
        expected[0, :2] = 1
        assert rasterised(given, size, {3: 1, 5: 2}, "a").tolist() == expected.tolist()


def test_masks_of_coco_have_a_background(tmp_path: Path) -> None:
    """What no polygon covers is class 0, and categories follow in the order of their ids."""
    square = [[0.0, 0.0, 2.0, 0.0, 2.0, 1.0, 0.0, 1.0]]
    given = [box(0, [0, 0, 2, 1], 2, segmentation=square)]
    dataset = load_masks(with_coco(tmp_path / "d", coco(given)))
    assert dataset.classes == ("background", "crow", "rook")
    found = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    found[0, :2] = 2
    assert pixels_of(dataset)[0] == found.tolist()
    assert dataset.train.y[0].name == "annotations.json:0.png"


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        (None, "annotation 1 has no segmentation that can be read"),
        ([[0, 0, 1, 1]], "a polygon has three points or more"),
        ({"size": [4, 6], "counts": [3]}, "runs add up to 3 pixels, not to 24"),
        ({"size": [2, 2], "counts": [4]}, "an RLE of 2x2 pixels, but its image is 6x4"),
        ({"size": [4, 6], "counts": "zzzz"}, "annotation 1 has no segmentation that can be read"),
        ({"counts": [24]}, "annotation 1 has no segmentation that can be read"),
        ({"size": [4, 6], "counts": [-1, 25]}, "annotation 1 has no segmentation that can be read"),
    ],
)
def test_bad_segmentations_are_refused(tmp_path: Path, segmentation: Any, words: str) -> None:
    """The annotation is named, and nothing is guessed."""
    given = [box(0, [0, 0, 2, 1], segmentation=segmentation)]
    with pytest.raises(DataError, match=words):
        load_masks(with_coco(tmp_path / "d", coco(given)))


# columns


def png(pixels: np.ndarray) -> dict[str, Any]:
    encoded = io.BytesIO()
    images.fromarray(pixels).save(encoded, "PNG")
    return {"bytes": encoded.getvalue(), "path": None}


def pictures(n: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(1)
    return [png(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)) for _ in range(n)]


def write_table(path: Path, columns: Mapping[str, Any], features: Any = None) -> None:
    table = arrow.table({name: arrow.array(of) for name, of in columns.items()})
    if features is not None:
        about = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": about})
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path)


@pytest.mark.parametrize("column", ["annotation", "mask", "label", "trimap"])
def test_a_column_of_masks(tmp_path: Path, column: str) -> None:
    """A second column of images holds the masks; a missing one is no label."""
    masks = [png(mask_of(row)) for row in range(10)]
    masks[3] = None
    write_table(tmp_path / "t" / "train.parquet", {"image": pictures(10), column: masks})
    dataset = load_dataset("hub:t", data_dir=tmp_path, task="segmentation")
    assert dataset.train.y[3] is None
    assert dataset.train.y[2].name == "train/2"
    known = dataset.answerable()
    assert pixels_of(known)[:3] == [mask_of(row).tolist() for row in range(3)]


CATEGORY = {"_type": "ClassLabel", "names": ["rbc", "wbc"]}
FORMS_OF_OBJECTS = {
    "lists": lambda rows: [
        {"bbox": [of[:4] for of in row], "category": [of[4] for of in row]} for row in rows
    ],
    "objects": lambda rows: [[{"bbox": of[:4], "category": of[4]} for of in row] for row in rows],
}


@pytest.mark.parametrize("form", FORMS_OF_OBJECTS)
def test_a_column_of_objects(tmp_path: Path, form: str) -> None:
    """Lists of boxes and categories, or a list of objects; names come from the description."""
    rows = [[[1.0, 1.0, 2.0, 3.0, 1]], [], *[[[0.0, 0.0, 1.0, 1.0, 0]]] * 3]
    sequence = {"_type": "Sequence", "feature": {"_type": "Value", "dtype": "float32"}}
    features = {
        "image": {"_type": "Image"},
        "objects": {"_type": "Sequence", "feature": {"bbox": sequence, "category": CATEGORY}},
    }
    columns = {"image": pictures(5), "objects": FORMS_OF_OBJECTS[form](rows)}
    write_table(tmp_path / "t" / "train.parquet", columns, features)
    dataset = load_dataset("hub:t", data_dir=tmp_path, task="detection")
    assert dataset.classes == ("rbc", "wbc")
    assert dataset.train.y[0] == Boxes(np.array([[1.0, 1, 3, 4]]), np.array([1]))
    assert len(dataset.train.y[1]) == 0


def test_without_a_task_masks_and_boxes_are_no_classes(tmp_path: Path) -> None:
    """The folders images and masks are not read as two classes; columns of objects need a task."""
    for kind in ("images", "masks"):
        write_image(tmp_path / "d" / "train" / kind / "0.png")
    with pytest.raises(InputError, match=r"images and masks, .* give --task segmentation"):
        load_dataset("folder", data_dir=tmp_path / "d")
    columns = {"image": pictures(5), "objects": [{"bbox": [], "category": []}] * 5}
    write_table(tmp_path / "t" / "train.parquet", columns)
    with pytest.raises(DataError, match=r"no column of class labels; .* give --task segmentation"):
        load_dataset("hub:t", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ({"bbox": [[0.0, 0.0, 1.0, 1.0]], "kind": [0]}, "row 0 of .* no objects with one bbox and"),
        (
            {"bbox": [[0.0, 0.0, 1.0]], "category": [0]},
            r"row 0 of .* has the bbox \[0.0, 0.0, 1.0\]",
        ),
        ({"bbox": [[]], "category": [0]}, r"row 0 of .* has the bbox \[\]; it must be four"),
        ({"bbox": [[0.0, 0.0, 1.0, 1.0]], "category": [-1]}, "train/0 has the category -1"),
        ({"bbox": [[0.0, 0.0, 1.0, 1.0]], "category": [2**40]}, "the classes are 0 to 9,999"),
        ({"bbox": [[0.0, 0.0, 1.0, 1.0]], "category": [[1]]}, r"row 0 of .* the category \[1\]"),
        (
            {"bbox": [[0.0, 0.0, 1.0, 1.0]], "category": [0], "iscrowd": [0, 1]},
            "train/0 has 1 boxes, but 2 crowd flags",
        ),
    ],
)
def test_bad_objects_are_refused(tmp_path: Path, objects: Any, words: str) -> None:
    """The row is named."""
    columns = {"image": pictures(5), "objects": [objects] * 5}
    write_table(tmp_path / "t" / "train.parquet", columns)
    with pytest.raises(DataError, match=words):
        load_dataset("hub:t", data_dir=tmp_path, task="detection")


@pytest.mark.parametrize("task", ["segmentation", "detection"])
def test_a_table_without_such_a_column_is_refused(tmp_path: Path, task: str) -> None:
    """The error lists the columns that there are."""
    columns = {"image": pictures(5), "label": [0, 1, 0, 1, 0]}
    write_table(tmp_path / "t" / "train.parquet", columns)
    with pytest.raises(DataError, match=r"no column .*image \(Image\), label \(int64\)"):
        load_dataset("hub:t", data_dir=tmp_path, task=task)


# arrays, options and the parts


def test_arrays_in_memory_are_a_data_set() -> None:
    """Masks of an array are read again from the values that a journal has."""
    x = np.zeros((3, HEIGHT, WIDTH, 3), dtype=np.uint8)
    masks = np.stack([mask_of(row) for row in range(3)])
    dataset = Dataset.from_arrays("mine", (x, masks), (x, masks), task=segmentation(3))
    values = dataset.task.targets.values(dataset.train.y)
    read = dataset.task.targets.read(dataset.task.targets.array(values))
    assert np.array_equal(read, masks)
    with pytest.raises(DataError, match="training label of row 1: 1 pixels have the value 2"):
        Dataset.from_arrays("mine", (x, masks), task=segmentation(2))


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        (
            "digits",
            {"task": "segmentation"},
            "is for the data sets folder and hub:NAME; digits",
        ),
        ("folder", {"task": "detection", "task_options": {"x": 1}}, "does not use 'x'"),
        ("folder", {"task": "segmentation", "task_options": {"read": 1}}, "option read"),
        ("folder", {"task": "segmentation", "label": "y"}, "--label y is not used"),
        ("folder", {"boxes": "xyxy"}, "--boxes xyxy is for --task detection"),
        ("folder", {"task": "detection", "boxes": "cxcywh"}, "xywh"),
        ("folder", {"task": "segmentation", "data_dir": None}, "needs --data-dir"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tmp_path: Path, name: str, options: dict[str, Any], words: str
) -> None:
    """Before anything is read."""
    given = {"data_dir": None if name == "digits" else tmp_path, **options}
    with pytest.raises(InputError, match=words):
        load_dataset(name, **given)


def test_forms_of_boxes_by_hand() -> None:
    """One box in an image of 10 x 20, written in each form."""
    corners = [2.0, 4.0, 6.0, 14.0]
    written = {
        "xyxy": corners,
        "corners": corners,
        "xywh": [2.0, 4.0, 4.0, 10.0],
        "shares": [0.4, 0.45, 0.4, 0.5],
    }
    assert set(written) == set(FORMS)
    for form, numbers in written.items():
        assert np.allclose(FORMS[form](np.array([numbers]), (10, 20)), [corners])


def test_a_box_at_the_edge_is_not_said_to_leave() -> None:
    """A pixel of rounding is cut without a word."""
    fitter = BoxFitter(None)
    given = GivenBoxes("a", np.array([[0.0, 0.0, 10.5, 5.0]]), "xyxy", np.array([0]))
    assert fitter.fit(given, (10, 5), "a").corners.tolist() == [[0, 0, 10, 5]]
    assert fitter.notes("x") == ()


def test_the_shorter_side_is_resized() -> None:
    """The other side follows, and is one pixel at least."""
    assert fitted_size((100, 50), 10) == (20, 10)
    assert fitted_size((50, 100), 10) == (10, 20)
    assert fitted_size((3, 7), None) == (3, 7)


def test_one_coco_file_may_serve_both_splits(tmp_path: Path) -> None:
    """DIR/annotations.json lists the images of train/ and test/ with their folders."""
    found = coco([box(0, [0, 0, 1, 1]), box(3, [1, 1, 2, 2], 2)], n=4)
    for row, split in enumerate(("train", "train", "train", "test")):
        write_image(tmp_path / "d" / split / "images" / f"{row}.png", row)
        found["images"][row]["file_name"] = f"{split}/images/{row}.png"
    (tmp_path / "d" / "annotations.json").write_text(json.dumps(found))
    dataset = load_boxes(tmp_path / "d")
    assert (len(dataset.train), len(dataset.test)) == (3, 1)
    assert dataset.test.y[0] == Boxes(np.array([[1.0, 1, 3, 3]]), np.array([1]))


def test_coco_files_beside_the_images_of_each_split(tmp_path: Path) -> None:
    """train/ and valid/ hold images and _annotations.coco.json; categories are matched by name."""
    for split, n, names in (("train", 3, {0: "rook", 1: "crow"}), ("valid", 2, {5: "crow"})):
        found = coco([box(0, [0, 0, 1, 1], max(names))], n=n, names=names)
        for row in range(n):
            write_image(tmp_path / "d" / split / f"{row}.png", row)
        path = tmp_path / "d" / split / "_annotations.coco.json"
        path.write_text(json.dumps(found))
    dataset = load_boxes(tmp_path / "d")
    assert dataset.classes == ("rook", "crow")
    assert dataset.train.y[0].classes.tolist() == dataset.test.y[0].classes.tolist() == [1]
    found["categories"][0]["name"] = "dove"
    path.write_text(json.dumps(found))
    with pytest.raises(DataError, match=r"has the category 'dove', which .* does not list"):
        load_boxes(tmp_path / "d")


@pytest.mark.parametrize(
    "feature",
    [
        {"bbox": {}, "category": {"_type": "Sequence", "feature": CATEGORY}},
        {"_type": "Sequence", "feature": {"bbox": {}, "category": CATEGORY}},
        [{"bbox": {}, "category": CATEGORY}],
        {"_type": "List", "feature": {"bbox": {}, "label": CATEGORY}},
        {"_type": "Nested", "dtype": "", "told": {"category": {"feature": CATEGORY}}},
    ],
)
def test_names_of_classes_are_found_in_every_description(feature: Any) -> None:
    """Each way in which the hub describes a column of objects."""
    assert _names_in(feature) == ("rbc", "wbc")
    assert _names_in({"_type": "Value", "dtype": "int64"}) == ()


@given(
    npst.arrays(np.float64, st.tuples(st.integers(0, 6), st.just(4)),
                elements=st.floats(-30, 30, width=32)),
    st.sampled_from(["xyxy", "xywh"]),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
)  # fmt: skip
def test_boxes_that_are_kept_are_inside(numbers, form: str, size: tuple[int, int]) -> None:
    """Every kept box has area and is inside the image; the others are counted."""
    fitter = BoxFitter(None)
    boxes = fitter.fit(GivenBoxes("a", numbers, form, np.arange(len(numbers))), size, "a")
    assert (boxes.corners >= 0).all()
    assert (boxes.corners <= [*size, *size]).all()
    assert (boxes.areas > 0).all()
    left_out = [names for what, names in fitter.found.items() if "left out" in what]
    assert len(boxes) + sum(map(len, left_out)) == len(numbers)
    corners = FORMS[form](numbers, size)[boxes.classes]
    assert np.array_equal(boxes.corners, corners.clip(0, [*size, *size]))
