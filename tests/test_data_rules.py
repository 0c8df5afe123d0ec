"""What holds for every source: names, options, the one-split rule, sizes of images."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import uwe.data
from uwe._types import Images, Stage
from uwe.data import dataset_lines, dataset_names, load_dataset
from uwe.data.images import decode_image, fit_image
from uwe.data.request import Request
from uwe.data.source import EncodedRows, Source, as_lazy, as_source, fitted, held_out
from uwe.data.splits import fingerprint_of
from uwe.errors import DataError, InputError

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UWE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


def rows(images: list[Images], y: list[int]) -> EncodedRows:
    return EncodedRows(
        np.array(y), tuple(f"{i}.png" for i in range(len(y))), lambda: as_lazy(images)
    )


def grey(side: int) -> Images:
    return np.zeros((side, side, 1), dtype=np.uint8)


def test_the_public_face_is_what_all_says() -> None:
    """`uwe.data` shows the names of `__all__`, its own modules, and nothing else."""
    shown = {
        name
        for name, value in vars(uwe.data).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert shown == set(uwe.data.__all__)


def test_every_data_set_has_a_line_of_its_own() -> None:
    """`dataset_lines` describes each name of `dataset_names` in one line, none of them twice."""
    lines = dataset_lines()
    assert tuple(lines) == dataset_names()
    assert all(line.endswith(".") or "images" in line for line in lines.values())
    assert len(set(lines.values())) == len(lines)


@pytest.mark.parametrize("name", ["cifar", "cifar11", "CIFAR10", "", "no such thing"])
def test_an_unknown_name_is_refused_with_the_names_there_are(name: str) -> None:
    """An unknown name is an InputError that names others, and the form for the hub."""
    with pytest.raises(InputError, match=r"unknown data set .*hub:NAME"):
        load_dataset(name)


def test_close_matches_are_named() -> None:
    """A slip of the pen is answered with what was probably meant."""
    with pytest.raises(InputError, match="did you mean 'mini_imagenet'"):
        load_dataset("miniimagenet")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 0}, "image size is 0; it must be from 1 to 2048"),
        ({"image_size": 2049}, "image size is 2049; it must be from 1 to 2048"),
        ({"test_fraction": 0.0}, "test fraction is 0.0; it must lie between 0 and 1"),
        ({"test_fraction": 1.0}, "test fraction is 1.0; it must lie between 0 and 1"),
        ({"test_fraction": float("nan")}, "test fraction is nan; it must lie between 0 and 1"),
        ({"pool_size": 0}, "pool size is 0; it must be at least 1"),
        ({"pool_size": 2000}, "pool size is 2000, but digits has 1442 rows"),
        ({"test_size": 356}, "test size is 356, but digits has 355 rows"),
        ({"data_dir": "."}, r"digits comes with scikit-learn .*--data-dir is \.; leave it out"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(options: dict[str, object], message: str) -> None:
    """A bad option is an InputError that says the value and what it must be."""
    with pytest.raises(InputError, match=message):
        load_dataset("digits", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["cifar10", "folder", "hub:x", "mini_imagenet", "fashion_mnist"])
def test_a_data_dir_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    """A missing data_dir is a DataError that names it, whatever the data set."""
    with pytest.raises(DataError, match=re.escape(f"there is no folder {tmp_path / 'nope'}")):
        load_dataset(name, data_dir=tmp_path / "nope")


def test_digits() -> None:
    """The digits are scikit-learn's, times 15, every fifth row of each class held out."""
    from sklearn import datasets

    bunch = datasets.load_digits()
    digits = load_dataset("digits")
    seen = dict.fromkeys(range(10), 0)
    test_rows = []
    for row, label in enumerate(bunch.target):
        seen[label] += 1
        if seen[label] % 5 == 0:
            test_rows.append(row)
    train_rows = [row for row in range(len(bunch.target)) if row not in set(test_rows)]
    assert digits.ids == tuple(map(str, train_rows))
    assert np.array_equal(digits.train.x[..., 0], bunch.images[train_rows] * 15)
    assert np.array_equal(digits.test.x[..., 0], bunch.images[test_rows] * 15)
    assert np.array_equal(digits.test.y, bunch.target[test_rows])
    assert digits.notes == (
        "digits has one split; every fifth row of each class is held out for testing: "
        "355 of 1,797 rows",
    )
    assert digits.name == "digits"
    assert not digits.preparation.flip


def test_the_channel_statistics_of_digits_are_those_of_its_pool() -> None:
    """The written-down mean and deviation of digits are the training rows'."""
    digits = load_dataset("digits")
    assert digits.preparation.mean[0] == pytest.approx(digits.train.x.mean() / 255, abs=1e-4)
    assert digits.preparation.std[0] == pytest.approx(digits.train.x.std() / 255, abs=1e-4)


def test_pool_size_and_test_size_keep_the_first_rows() -> None:
    """Limits keep the first rows and their ids; the fingerprint is of what is kept."""
    whole, small = load_dataset("digits"), load_dataset("digits", pool_size=7, test_size=3)
    assert (len(small.train), len(small.test)) == (7, 3)
    assert np.array_equal(small.train.x, whole.train.x[:7])
    assert small.ids == whole.ids[:7]
    assert small.fingerprint == fingerprint_of(small.train, small.test, small.classes)
    assert whole.limited(len(whole.train), None).fingerprint == whole.fingerprint


def test_digits_at_another_size_and_fraction() -> None:
    """Size and fraction change pixels and rows, and so the fingerprint."""
    other = load_dataset("digits", image_size=12, test_fraction=0.5)
    assert other.image_shape == (12, 12, 1)
    assert len(other.test) == sum(int(count) // 2 for count in np.bincount(_digit_labels()))
    assert "a fraction 0.5" in other.notes[0]
    assert other.fingerprint != load_dataset("digits").fingerprint


def _digit_labels() -> Images:
    from sklearn import datasets

    target: Images = datasets.load_digits().target
    return target


@pytest.mark.parametrize(
    ("fraction", "rows_of_ten"),
    [
        ("1/5", [4, 9]),
        ("1/10", [9]),
        ("1/2", [1, 3, 5, 7, 9]),
        ("3/10", [3, 6, 9]),
        ("9/10", [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("1/11", []),
    ],
)
def test_the_one_split_rule_by_hand(fraction: str, rows_of_ten: list[int]) -> None:
    """Row i of a class is a test row if the floor of (i + 1)f is above that of if."""
    y = np.zeros(10, dtype=np.int64)
    assert held_out(y, Fraction(fraction)).nonzero()[0].tolist() == rows_of_ten


def test_the_one_split_rule_counts_within_classes() -> None:
    """Positions are counted within each class, in order."""
    y = np.array([0, 1, 0, 0, 1, 0, 0, 1, 1, 1])
    assert held_out(y, Fraction(1, 5)).nonzero()[0].tolist() == [6, 9]


def test_a_fraction_is_the_decimal_number_that_was_written() -> None:
    """0.29 of 100 rows are 29 rows; the binary number next to 0.29 would give 28."""
    assert int(100 * 0.29) == 28
    request = Request("x", test_fraction=0.29)
    assert held_out(np.zeros(100, dtype=np.int64), request.fraction).sum() == 29


def test_a_long_fraction_does_not_overflow() -> None:
    """A fraction with 17 digits is still computed exactly."""
    request = Request("x", test_fraction=0.12345678901234567)
    assert held_out(np.zeros(5000, dtype=np.int64), request.fraction).sum() == 617


def test_a_fraction_for_a_source_with_a_test_split_is_refused() -> None:
    """A test fraction is never silently ignored."""
    both = rows([grey(2)] * 2, [0, 1])
    with pytest.raises(InputError, match=r"x has a test split of its own.*\(0\.3\)"):
        as_source(Request("x", test_fraction=0.3), ("a", "b"), both, both)


@pytest.mark.parametrize(
    ("y", "classes", "message"),
    [
        ([0, 1, 2], ("a", "b"), r"label 2 of training row '2.png' is outside the 2 classes"),
        ([0, -2, 1], ("a", "b"), r"label -2 of training row '1.png' is outside the 2 classes"),
        ([0] * 10, ("a",), "at least two classes are needed to tell apart; there is 'a'"),
        ([], (), "at least two classes are needed to tell apart; there is none"),
        ([0, 1, 1], ("a", "b"), "of 3 rows 0 are test rows and 3 training rows"),
    ],
)
def test_labels_that_cannot_be_learned_from(
    y: list[int], classes: tuple[str, ...], message: str
) -> None:
    """Wrong labels, one class and an empty split are errors before anything is decoded."""
    with pytest.raises(DataError, match=message):
        as_source(Request("x"), classes, rows([], y), None)


def two_classes(images: list[Images]) -> Source:
    train = rows(images, [0, 1] * (len(images) // 2))
    return as_source(Request("x", test_fraction=0.5), ("a", "b"), train, None)


def test_images_of_several_sizes_are_an_error_that_names_two() -> None:
    """Differing sizes are named with their rows; an image size makes them equal."""
    source = two_classes([grey(2), grey(2), grey(2), np.zeros((4, 3, 1), np.uint8)])
    with pytest.raises(
        DataError,
        match=r"training row '0.png' is 2x2, test row '3.png' is 3x4; give --image-size N",
    ):
        list(fitted(source, Request("x")))
    shapes = {image.shape for image in fitted(source, Request("x", image_size=3))}
    assert shapes == {(3, 3, 1)}


@pytest.mark.parametrize("count", [3, 5])
def test_as_many_images_as_labels(count: int) -> None:
    """A stream that gives too few or too many images is an error."""
    four = two_classes([grey(2)] * 4)
    images = [grey(2)] * count
    broken = Source(
        EncodedRows(four.rows.y, four.rows.ids, lambda: as_lazy(images)), four.is_test, four.classes
    )
    with pytest.raises(DataError, match="images"):
        list(fitted(broken, Request("x")))


def test_progress_goes_up_to_the_total() -> None:
    """The progress callback is told of growing numbers, the last of them the total."""
    stages: list[Stage] = []
    source = two_classes([grey(1)] * 600)
    list(fitted(source, Request("x", progress=stages.append)))
    assert [stage.done for stage in stages] == [256, 512, 600]
    assert {(stage.name, stage.total) for stage in stages} == {("decode x", 600)}


def test_fit_crops_the_centre() -> None:
    """An image twice as wide as high keeps its middle half."""
    image = np.zeros((4, 8, 3), dtype=np.uint8)
    image[:, 2:6] = 200
    fitting = fit_image(image, 4)
    assert fitting.shape == (4, 4, 3)
    assert (fitting == 200).all()


def test_fit_averages_when_it_shrinks() -> None:
    """Shrinking is antialiased: a fine checkerboard becomes grey."""
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 200).astype(np.uint8)[:, :, None]
    fitting = fit_image(board, 4)
    assert fitting.shape == (4, 4, 1)
    assert (np.abs(fitting.astype(int) - 100) <= 2).all()


def test_fit_leaves_an_image_of_the_right_size_alone() -> None:
    """No size, or the size it has, gives the very image back."""
    image = grey(4)
    assert fit_image(image, None) is image
    assert fit_image(image, 4) is image


def saved(path: Path, image: object, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[attr-defined]
    return path


def test_kinds_of_images_become_rgb(tmp_path: Path) -> None:
    """Grey, palette (with and without transparency) and RGBA images decode to three channels."""
    colour = Image.new("RGB", (3, 2), (10, 200, 30))
    palette = colour.convert("P", palette=Image.Palette.ADAPTIVE)
    files = [
        saved(tmp_path / "grey.png", colour.convert("L")),
        saved(tmp_path / "rgba.png", colour.convert("RGBA")),
        saved(tmp_path / "palette.png", palette),
        saved(tmp_path / "transparent.png", palette, transparency=b"\x00\x80"),
        saved(tmp_path / "x.webp", colour, lossless=True),
        saved(tmp_path / "x.gif", palette),
        saved(tmp_path / "x.tiff", colour),
        saved(tmp_path / "x.bmp", colour),
    ]
    decoded = [decode_image(file, "RGB", file.name) for file in files]
    assert {image.shape for image in decoded} == {(2, 3, 3)}
    for image in decoded[1:]:
        assert image[0, 0].tolist() == [10, 200, 30]


def test_photographs_are_turned_upright(tmp_path: Path) -> None:
    """A photograph whose EXIF data says that it lies on its side is turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    file = saved(tmp_path / "x.jpg", Image.new("RGB", (8, 4)), exif=exif)
    assert decode_image(file, "RGB", "x").shape == (8, 4, 3)


def test_sixteen_bits_are_scaled_by_their_range(tmp_path: Path) -> None:
    """A 16-bit image keeps its upper 8 bits: it is neither clipped to white nor cut to black."""
    file = saved(tmp_path / "x.png", Image.fromarray(np.full((2, 2), 40000, dtype=np.uint16)))
    assert decode_image(file, "RGB", "x.png").tolist() == [[[40000 // 256] * 3] * 2] * 2


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 20])
def test_what_cannot_be_decoded_is_named(content: bytes) -> None:
    """Garbage is a one-line DataError that names the image."""
    with pytest.raises(DataError, match=r"^cannot decode the image a/b\.png: [^\n]+$"):
        decode_image(content, "RGB", "a/b.png")


def test_a_truncated_image_is_an_error(tmp_path: Path) -> None:
    """Half an image is an error, not half a grey picture."""
    noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    content = saved(tmp_path / "x.png", Image.fromarray(noise)).read_bytes()
    with pytest.raises(DataError, match="cannot decode the image x"):
        decode_image(content[: len(content) // 2], "RGB", "x")


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Pillow the error says which extra to install."""
    import importlib

    def without(module: str, package: str | None = None) -> object:
        raise ImportError(f"No module named {module!r}")

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(InputError, match=r"needs PIL .*pip install 'uwe\[images\]'"):
        decode_image(b"", "RGB", "x")


def test_a_failing_file_system_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder that cannot be listed is a DataError that names it."""

    def refuse(self: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied", str(self))

    (tmp_path / "a").mkdir()
    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match=re.escape(f"cannot read {tmp_path}: Permission denied")):
        load_dataset("folder", data_dir=tmp_path)


def test_digits_need_no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The digits load where nothing can be written."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("UWE_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert len(load_dataset("digits").classes) == 10


def test_loading_logs_nothing_but_information(caplog: pytest.LogCaptureFixture) -> None:
    """A quiet load stays quiet above the level of information."""
    with caplog.at_level(logging.WARNING, logger="uwe.data"):
        load_dataset("digits")
    assert not caplog.records
