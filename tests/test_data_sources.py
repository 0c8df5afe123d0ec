"""Every source, on small files made here, and what it says when they are wrong."""

from __future__ import annotations

import gzip
import pickle
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uwe._types import Images
from uwe.data import Dataset, check_dataset, load_dataset
from uwe.errors import DataError, InputError

Image = pytest.importorskip("PIL.Image")
datasets = pytest.importorskip("datasets")
pytest.importorskip("pyarrow")

TEN = tuple(f"class {number}" for number in range(10))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UWE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


def noise(rows: int, *shape: int, seed: int = 0) -> Images:
    return np.random.default_rng(seed).integers(0, 256, (rows, *shape), dtype=np.uint8)


def refuses(message: str, name: str, **options: Any) -> None:
    """Loading must fail with one line that has this message in it."""
    with pytest.raises(DataError, match=message) as refusal:
        load_dataset(name, **options)
    assert "\n" not in str(refusal.value)


def files_below(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


# CIFAR


def pickled(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol=2))


def batch(images: Images, labels: list[int], key: bytes = b"labels") -> dict[bytes, object]:
    flat = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(images), -1)
    return {b"data": flat, key: labels}


def cifar10_batches(folder: Path, images: Images, labels: list[int]) -> None:
    """Write five training batches and a test batch of equal length."""
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    size = len(images) // 6
    for at, name in enumerate(names):
        part = slice(at * size, (at + 1) * size)
        pickled(folder / name, batch(images[part], labels[part]))
    pickled(folder / "batches.meta", {b"label_names": [name.encode() for name in TEN]})


def parquet(
    path: Path,
    images: Images,
    labels: list[int],
    names: tuple[str, ...],
    columns: tuple[str, str] = ("img", "label"),
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    features = datasets.Features(
        {columns[0]: datasets.Image(), columns[1]: datasets.ClassLabel(names=list(names))}
    )
    pictures = [Image.fromarray(image.squeeze()) for image in images]
    table = datasets.Dataset.from_dict(
        {columns[0]: pictures, columns[1]: labels}, features=features
    )
    table.to_parquet(path)


LABELS = [number % 10 for number in range(60)]


@pytest.fixture(scope="module")
def cifar_images() -> Images:
    return noise(60, 32, 32, 3)


def check_cifar10(data: Dataset, images: Images) -> None:
    assert np.array_equal(data.train.x, images[:50])
    assert np.array_equal(data.test.x, images[50:])
    assert data.train.y.tolist() == LABELS[:50]
    assert data.test.y.tolist() == LABELS[50:]
    assert data.classes == TEN
    assert data.ids[:2] == ("0", "1")
    assert data.preparation.crop_padding == 4
    assert data.notes == ()


@pytest.mark.parametrize("where", [".", "cifar10", "cifar-10-batches-py"])
def test_cifar10_from_python_batches(tmp_path: Path, cifar_images: Images, where: str) -> None:
    """The official batches are read in the official order, from each place they may lie in."""
    cifar10_batches(tmp_path / where, cifar_images, LABELS)
    check_cifar10(load_dataset("cifar10", data_dir=tmp_path), cifar_images)


@pytest.mark.parametrize("where", [".", "cifar10", "cifar10/data"])
def test_cifar10_from_parquet(tmp_path: Path, cifar_images: Images, where: str) -> None:
    """Parquet files give the same rows, several files a split in the order of their names."""
    folder = tmp_path / where
    parquet(folder / "train-00000-of-00002.parquet", cifar_images[:30], LABELS[:30], TEN)
    parquet(folder / "train-00001-of-00002.parquet", cifar_images[30:50], LABELS[30:50], TEN)
    parquet(folder / "test-00000-of-00001.parquet", cifar_images[50:], LABELS[50:], TEN)
    before = files_below(tmp_path)
    check_cifar10(load_dataset("cifar10", data_dir=tmp_path), cifar_images)
    assert files_below(tmp_path) == before


def test_the_fingerprint_is_of_the_pixels(tmp_path: Path, cifar_images: Images) -> None:
    """Batches and Parquet files of the same pixels agree; one changed pixel differs."""
    cifar10_batches(tmp_path / "a", cifar_images, LABELS)
    parquet(tmp_path / "b/train-0.parquet", cifar_images[:50], LABELS[:50], TEN)
    parquet(tmp_path / "b/test-0.parquet", cifar_images[50:], LABELS[50:], TEN)
    changed = cifar_images.copy()
    changed[59, 31, 31, 2] ^= 1
    cifar10_batches(tmp_path / "c", changed, LABELS)
    a, b, c = (
        load_dataset("cifar10", data_dir=tmp_path / name).fingerprint for name in ("a", "b", "c")
    )
    assert a == b != c
    assert re.fullmatch("[0-9a-f]{32}", a)


def hundred(folder: Path, images: Images) -> None:
    labels = [*range(99, -1, -1)]
    names = [f"fine {number}".encode() for number in range(100)]
    pickled(folder / "train", batch(images, labels, b"fine_labels") | {b"coarse_labels": [0] * 100})
    pickled(folder / "test", batch(images[:2], [3, 4], b"fine_labels"))
    pickled(folder / "meta", {b"fine_label_names": names, b"coarse_label_names": [b"x"]})


def test_cifar100_from_python_batches(tmp_path: Path) -> None:
    """CIFAR-100 has its fine classes."""
    images = noise(100, 32, 32, 3)
    hundred(tmp_path / "cifar-100-python", images)
    data = load_dataset("cifar100", data_dir=tmp_path)
    assert np.array_equal(data.train.x, images)
    assert data.train.y.tolist() == [*range(99, -1, -1)]
    assert data.test.y.tolist() == [3, 4]
    assert data.classes[99] == "fine 99"


def test_parquet_with_one_split_is_divided(tmp_path: Path) -> None:
    """Of one split, every fifth row of each class is the test split, and the notes say so."""
    images = noise(20, 32, 32, 3)
    labels = [7, 8] * 10
    names = tuple(map(str, range(100)))
    parquet(tmp_path / "train-0.parquet", images, labels, names, ("img", "fine_label"))
    data = load_dataset("cifar100", data_dir=tmp_path)
    assert np.array_equal(data.test.x, images[[8, 9, 18, 19]])
    assert data.ids == tuple(str(row) for row in range(20) if row not in (8, 9, 18, 19))
    assert "every fifth row of each class is held out for testing: 4 of 20" in data.notes[0]
    half = load_dataset("cifar100", data_dir=tmp_path, test_fraction=0.5)
    assert np.array_equal(half.test.x, images[[2, 3, 6, 7, 10, 11, 14, 15, 18, 19]])


def test_a_fraction_for_cifar_with_its_test_split_is_refused(
    tmp_path: Path, cifar_images: Images
) -> None:
    """A test fraction is refused where there is a test split, also after a good load."""
    cifar10_batches(tmp_path, cifar_images, LABELS)
    load_dataset("cifar10", data_dir=tmp_path)
    with pytest.raises(InputError, match="cifar10 has a test split of its own"):
        load_dataset("cifar10", data_dir=tmp_path, test_fraction=0.2)


def test_an_empty_folder_says_what_was_looked_for_and_where(tmp_path: Path) -> None:
    """Without files the error names the places, the files and where to get them."""
    places = re.escape(f"is not in {tmp_path / 'cifar10'} or {tmp_path};")
    refuses(rf"{places}.*data_batch_1; get cifar-10-python\.tar\.gz", "cifar10", data_dir=tmp_path)


def test_a_packed_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    """If only the archive is there, the error says to unpack it."""
    (tmp_path / "cifar-100-python.tar.gz").touch()
    refuses(r"tar -xzf cifar-100-python\.tar\.gz", "cifar100", data_dir=tmp_path)


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
def test_a_missing_batch_is_named(tmp_path: Path, cifar_images: Images, name: str) -> None:
    """A missing file of the official batches is named."""
    cifar10_batches(tmp_path, cifar_images, LABELS)
    (tmp_path / name).unlink()
    refuses(rf"lacks {name}; unpack", "cifar10", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({b"labels": [1]}, r"data must be uint8 \(rows, 3072\), not NoneType"),
        ({b"data": np.zeros((1, 9), np.uint8)}, r"not uint8 \(1, 9\)"),
        ({b"data": np.zeros((1, 3072))}, r"not float64 \(1, 3072\)"),
        ({b"data": np.zeros((1, 3072), np.uint8)}, "labels must be a list of whole numbers"),
        ({b"data": np.zeros((1, 3072), np.uint8), b"labels": [True]}, "whole numbers"),
        ({b"data": np.zeros((1, 3072), np.uint8), b"labels": [1, 2]}, "1 images, but 2 labels"),
        ({b"data": np.zeros((1, 3072), np.uint8), b"labels": [10]}, "label 10 of row 0 is outside"),
        ([], "holds a list, not a dictionary"),
    ],
)
def test_a_broken_batch_is_named(
    tmp_path: Path, cifar_images: Images, content: object, message: str
) -> None:
    """A batch of the wrong form is an error that names the file and both values."""
    cifar10_batches(tmp_path, cifar_images, LABELS)
    pickled(tmp_path / "data_batch_3", content)
    refuses(f"data_batch_3.*{message}", "cifar10", data_dir=tmp_path)


def test_wrong_class_names_are_refused(tmp_path: Path, cifar_images: Images) -> None:
    """A list of names that is too short is an error with both counts."""
    cifar10_batches(tmp_path, cifar_images, LABELS)
    pickled(tmp_path / "batches.meta", {b"label_names": [b"a"]})
    refuses("must list 10 names under label_names, not 1", "cifar10", data_dir=tmp_path)


def test_other_parquet_files_are_not_taken_for_cifar(tmp_path: Path) -> None:
    """Parquet files of other columns or classes are not loaded under CIFAR's name."""
    images = noise(2, 32, 32, 3)
    parquet(tmp_path / "a/train-0.parquet", images, [0, 1], TEN, ("image", "label"))
    parquet(tmp_path / "b/train-0.parquet", images, [0, 1], ("cat", "dog"))
    parquet(tmp_path / "c/test-0.parquet", images, [0, 1], TEN)
    refuses(r"is not cifar10: images in img.*image \(Image\)", "cifar10", data_dir=tmp_path / "a")
    refuses("is not cifar10: it has 2 classes, not 10", "cifar10", data_dir=tmp_path / "b")
    refuses(r"no train-\*\.parquet; the splits there are test", "cifar10", data_dir=tmp_path / "c")


def test_a_missing_or_damaged_parquet_file_is_named(tmp_path: Path, cifar_images: Images) -> None:
    """A gap in numbered files, and a truncated file, are errors that name the file."""
    path = tmp_path / "train-00001-of-00002.parquet"
    parquet(path, cifar_images[:30], LABELS[:30], TEN)
    refuses("train-00000-of-00002.parquet is missing", "cifar10", data_dir=tmp_path)
    shutil.copy(path, tmp_path / "train-00000-of-00002.parquet")
    path.write_bytes(path.read_bytes()[:-50])
    refuses("cannot read .*train-00001-of-00002.parquet", "cifar10", data_dir=tmp_path)


# Fashion-MNIST


def idx(path: Path, array: Images, *, packed: bool) -> None:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    content = bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()
    target = path.with_name(f"{path.name}.gz") if packed else path
    target.write_bytes(gzip.compress(content) if packed else content)


def fashion(folder: Path, *, packed: bool = True) -> tuple[Images, Images]:
    folder.mkdir(parents=True, exist_ok=True)
    train, test = noise(20, 28, 28), noise(10, 28, 28, seed=1)
    for split, images in (("train", train), ("t10k", test)):
        labels = np.arange(len(images), dtype=np.uint8) % 10
        idx(folder / f"{split}-images-idx3-ubyte", images, packed=packed)
        idx(folder / f"{split}-labels-idx1-ubyte", labels, packed=packed)
    return train, test


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("where", [".", "fashion_mnist"])
def test_fashion_mnist(tmp_path: Path, where: str, packed: bool) -> None:
    """The idx files are read, packed or not, from both places."""
    train, test = fashion(tmp_path / where, packed=packed)
    data = load_dataset("fashion_mnist", data_dir=tmp_path)
    assert np.array_equal(data.train.x[..., 0], train)
    assert np.array_equal(data.test.x[..., 0], test)
    assert data.train.y.tolist() == [*range(10)] * 2
    assert data.classes[9] == "Ankle boot"
    assert data.image_shape == (28, 28, 1)


def test_fashion_mnist_looks_where_debian_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without data_dir the files of Debian's package are used."""
    from uwe.data import fashion_mnist

    train, _ = fashion(tmp_path)
    monkeypatch.setattr(fashion_mnist, "_DEBIAN", tmp_path)
    assert np.array_equal(load_dataset("fashion_mnist").train.x[..., 0], train)


def test_broken_idx_files_are_named(tmp_path: Path) -> None:
    """Missing, truncated, foreign and inconsistent idx files are named."""
    refuses("is not in .*t10k-labels-idx1-ubyte", "fashion_mnist", data_dir=tmp_path)
    fashion(tmp_path)
    labels = tmp_path / "train-labels-idx1-ubyte.gz"
    whole = labels.read_bytes()
    labels.write_bytes(whole[:-9])
    refuses("cannot read .*train-labels-idx1-ubyte.gz", "fashion_mnist", data_dir=tmp_path)
    labels.write_bytes(gzip.compress(gzip.decompress(whole)[:-1]))
    refuses("holds 27 bytes, but its header tells of 28", "fashion_mnist", data_dir=tmp_path)
    labels.write_bytes(gzip.compress(gzip.decompress(whole) + b"\0" * 10**6))
    refuses("holds more bytes, but its header tells of 28", "fashion_mnist", data_dir=tmp_path)
    labels.write_bytes(gzip.compress(b"\0\0\x08\x01\xff\xff\xff\xff" + b"\0" * 10**6))
    refuses("tells of 4,294,967,295 bytes, more than", "fashion_mnist", data_dir=tmp_path)
    labels.write_bytes(gzip.compress(b"\0\0\x08\x03"))
    refuses("no idx file of bytes with 1 axes", "fashion_mnist", data_dir=tmp_path)
    shutil.copy(tmp_path / "t10k-labels-idx1-ubyte.gz", labels)
    refuses("has 20 images, but .* has 10 labels", "fashion_mnist", data_dir=tmp_path)
    labels.unlink()
    refuses(r"lacks train-labels-idx1-ubyte \(or", "fashion_mnist", data_dir=tmp_path)


def test_class_names_that_are_no_text_are_refused(tmp_path: Path, cifar_images: Images) -> None:
    """Names of classes that are not UTF-8 are named with their file, in CIFAR and mini-ImageNet."""
    folder = tmp_path / "c"
    cifar10_batches(folder, cifar_images, LABELS)
    names = [b"caf\xe9", *(f"c{row}".encode() for row in range(9))]
    pickled(folder / "batches.meta", {b"label_names": names})
    refuses(r"batches\.meta: the class name b'caf.*' is not UTF-8", "cifar10", data_dir=folder)
    rows = {b"caf\xe9": list(range(10))}
    mini_imagenet(tmp_path / "m", class_dict=rows)
    refuses(r"val\.pkl: the class name b'caf.*' is not UTF-8", "mini_imagenet",
            data_dir=tmp_path / "m")  # fmt: skip


# mini-ImageNet


def mini_imagenet(folder: Path, **changed: object) -> dict[str, Images]:
    """Write two classes of ten rows in train, one each in val and test."""
    layout = {"train": ("n02", "n01"), "val": ("n04",), "test": ("n03",)}
    written = {}
    for seed, (part, names) in enumerate(layout.items()):
        images = noise(10 * len(names), 6, 5, 3, seed=seed)
        rows = {name: list(range(at, len(images), len(names))) for at, name in enumerate(names)}
        content = {"image_data": images, "class_dict": rows}
        if part == "val":
            content.update(changed)
        pickled(folder / f"mini-imagenet-cache-{part}.pkl", content)
        written.update({name: images[rows[name]] for name in names})
    return written


@pytest.mark.parametrize("where", [".", "mini_imagenet", "miniimagenet"])
def test_mini_imagenet(tmp_path: Path, where: str) -> None:
    """Classes in the files' order; of each the first fifth of the rows is the test split."""
    written = mini_imagenet(tmp_path / where)
    data = load_dataset("mini_imagenet", data_dir=tmp_path)
    assert data.classes == ("n02", "n01", "n04", "n03")
    assert np.array_equal(data.test.x, np.concatenate([written[n][:2] for n in data.classes]))
    assert np.array_equal(data.train.x, np.concatenate([written[n][2:] for n in data.classes]))
    assert data.train.y.tolist() == [label for label in range(4) for _ in range(8)]
    assert data.ids[0] == "n02/2"
    assert data.preparation.batch == 64


def test_mini_imagenet_lies_by_custom_below_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without data_dir the place of the paper's code is looked in."""
    monkeypatch.chdir(tmp_path)
    refuses("mini_imagenet is not in dataset/miniimagenet", "mini_imagenet")
    mini_imagenet(tmp_path / "dataset" / "miniimagenet")
    assert len(load_dataset("mini_imagenet").train) == 32


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"image_data": [1]}, "image_data must be uint8 .* not no array"),
        ({"image_data": np.zeros((2, 3, 3), np.uint8)}, r"not uint8 \(2, 3, 3\)"),
        ({"image_data": np.zeros((2, 3, 3, 3))}, r"not float64 \(2, 3, 3, 3\)"),
        ({"class_dict": [1]}, "class_dict must map"),
        ({"class_dict": {"n04": "no"}}, "rows of class n04 must be whole numbers"),
        ({"class_dict": {"n04": [0, 10]}}, "n04 names row 10, but there are 10 images"),
        ({"class_dict": {"n04": [0, -1]}}, "n04 names row -1"),
        ({"class_dict": {"n04": [0, 0]}}, "names a row that is named twice"),
        ({"class_dict": {"n04": [0], "n05": [0]}}, "n05 names a row that is named twice"),
    ],
)
def test_a_broken_mini_imagenet_file_is_named(
    tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    """A pickle of the wrong form is an error that names it."""
    mini_imagenet(tmp_path, **changed)
    refuses(f"cache-val.pkl.*{message}", "mini_imagenet", data_dir=tmp_path)


def test_mini_imagenet_takes_no_fraction_and_needs_all_files(tmp_path: Path) -> None:
    """A fraction is refused, a missing file named, a class in two files as well."""
    mini_imagenet(tmp_path)
    with pytest.raises(InputError, match="has a test split of its own"):
        load_dataset("mini_imagenet", data_dir=tmp_path, test_fraction=0.2)
    test = tmp_path / "mini-imagenet-cache-test.pkl"
    shutil.copy(tmp_path / "mini-imagenet-cache-val.pkl", test)
    refuses("the class n04 is in two of", "mini_imagenet", data_dir=tmp_path)
    test.unlink()
    refuses("lacks mini-imagenet-cache-test.pkl; all", "mini_imagenet", data_dir=tmp_path)


# folder


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (5, 4)) -> Images:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = noise(1, size[1], size[0], 3, seed=seed)[0]
    Image.fromarray(image).save(path)
    return image


def test_a_folder_of_classes(tmp_path: Path) -> None:
    """Classes and files are sorted; hidden and other files are ignored; ids are file names."""
    images = {
        name: picture(tmp_path / name, seed)
        for seed, name in enumerate(
            [f"{of}/{number}.png" for of in ("dog", "cat") for number in range(5)]
        )
    }
    picture(tmp_path / ".hidden/x.png")
    picture(tmp_path / "cat/.x.png")
    picture(tmp_path / "cat/.thumbs/x.png")
    (tmp_path / "cat/notes.txt").write_text("no image")
    before = files_below(tmp_path)
    data = load_dataset("folder", data_dir=tmp_path)
    assert data.classes == ("cat", "dog")
    assert data.ids == tuple(f"{of}/{number}.png" for of in ("cat", "dog") for number in range(4))
    assert np.array_equal(data.train.x, np.stack([images[name] for name in data.ids]))
    assert np.array_equal(data.test.x, np.stack([images["cat/4.png"], images["dog/4.png"]]))
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("name", ["test", "val", "valid", "validation"])
def test_a_folder_with_splits(tmp_path: Path, name: str) -> None:
    """train and test (or val and its kin) are the splits; test classes may be fewer."""
    for of in ("a", "b"):
        picture(tmp_path / f"train/{of}/deeper/1.PNG")
    picture(tmp_path / f"{name}/b/2.bmp")
    data = load_dataset("folder", data_dir=tmp_path)
    assert data.ids == ("train/a/deeper/1.PNG", "train/b/deeper/1.PNG")
    assert data.test.y.tolist() == [1]
    with pytest.raises(InputError, match="test split of its own"):
        load_dataset("folder", data_dir=tmp_path, test_fraction=0.5)
    picture(tmp_path / f"{name}/c/2.bmp")
    refuses("the class c has test images, but no training images", "folder", data_dir=tmp_path)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    """A folder `train` that holds images is a class; splits left out are noted."""
    for of in ("train", "car"):
        for number in range(5):
            picture(tmp_path / f"a/{of}/{number}.png")
    picture(tmp_path / "a/stray.png")
    data = load_dataset("folder", data_dir=tmp_path / "a")
    assert data.classes == ("car", "train")
    assert "1 images lie in" in data.notes[0]
    for split in ("train", "test", "val"):
        for of in ("x", "y"):
            picture(tmp_path / f"b/{split}/{of}/1.png")
    assert "the splits val are left out" in load_dataset("folder", data_dir=tmp_path / "b").notes[0]


def test_bad_folders_say_what_is_wrong(tmp_path: Path) -> None:
    """No folder, no images, an empty class, one class, a broken image: each has its line."""
    with pytest.raises(InputError, match="folder needs --data-dir DIR"):
        load_dataset("folder")
    refuses("there are no images in folders below", "folder", data_dir=tmp_path)
    for number in range(5):
        picture(tmp_path / f"a/{number}.png")
    refuses(
        "at least two classes are needed to tell apart; there is 'a'", "folder", data_dir=tmp_path
    )
    (tmp_path / "b").mkdir()
    refuses(f"there are no images in {tmp_path / 'b'}", "folder", data_dir=tmp_path)
    (tmp_path / "b/broken.jpg").write_bytes(b"no image")
    refuses(f"cannot decode the image {tmp_path / 'b/broken.jpg'}", "folder", data_dir=tmp_path)


def test_sizes_that_differ_are_named_and_can_be_made_equal(tmp_path: Path) -> None:
    """Two sizes are named with their files; an image size makes them equal."""
    for number in range(5):
        picture(tmp_path / f"a/{number}.png")
        picture(tmp_path / f"b/{number}.png", size=(7, 9))
    refuses(
        "training row 'a/0.png' is 5x4, training row 'b/0.png' is 7x9; give --image-size N",
        "folder",
        data_dir=tmp_path,
    )
    assert load_dataset("folder", data_dir=tmp_path, image_size=6).image_shape == (6, 6, 3)


@pytest.mark.parametrize("split", [b"\xff", b"a\xff"])
def test_a_file_name_that_is_no_text_is_refused(tmp_path: Path, split: bytes) -> None:
    """A name that is not UTF-8 cannot be written into a table, so it is refused early."""
    import os

    picture(tmp_path / "a/1.png")
    folder = os.fsencode(tmp_path) + b"/" + split
    try:
        os.mkdir(folder)  # noqa: PTH102  a Path would decode the name
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    shutil.copy(os.fsencode(tmp_path / "a/1.png"), folder + b"/1.png")
    refuses(r"udcff/1\.png' is not UTF-8; rename it", "folder", data_dir=tmp_path)


# hub


def test_hub_reads_a_local_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """hub:DIR reads Parquet files; validation is the test split if there is no other."""
    images = noise(6, 4, 5, 3)
    columns = ("picture", "label")
    parquet(tmp_path / "mine/train-0.parquet", images[:4], [0, 1, 0, 1], ("a", "b"), columns)
    parquet(tmp_path / "mine/validation-0.parquet", images[4:], [1, 0], ("a", "b"), columns)
    before = files_below(tmp_path)
    monkeypatch.chdir(tmp_path)
    data = load_dataset("hub:mine")
    assert data.name == "hub:mine"
    assert np.array_equal(data.train.x, images[:4])
    assert np.array_equal(data.test.x, images[4:])
    assert data.test.y.tolist() == [1, 0]
    for same in (
        load_dataset(f"hub:{tmp_path}/mine"),
        load_dataset("hub:mine", data_dir=tmp_path),
        load_dataset("hub:somebody/mine", data_dir=tmp_path),
        load_dataset("hub:anything", data_dir=tmp_path / "mine"),
    ):
        assert same.fingerprint == data.fingerprint
    assert files_below(tmp_path) == before


def table_of(path: Path, **columns: list[object]) -> Path:
    """Write columns without the hub's description."""
    from pyarrow import parquet as pq
    from pyarrow import table

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(columns), path)
    return path.parent


def encoded(images: Images, folder: Path) -> list[bytes]:
    folder.mkdir(exist_ok=True)
    for at, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{at}.png")
    return [(folder / f"{at}.png").read_bytes() for at in range(len(images))]


@pytest.mark.parametrize("values", [["x", "y"], [5, -3], [True, False]])
def test_hub_takes_numbers_or_strings_as_labels(tmp_path: Path, values: list[object]) -> None:
    """Without class labels a column called label is taken; its sorted values are the classes."""
    images = noise(10, 4, 4, 3)
    structs: list[object] = [{"bytes": b, "path": None} for b in encoded(images, tmp_path / "p")]
    folder = table_of(tmp_path / "d/train-0.parquet", image=structs, label=values * 5)
    data = load_dataset(f"hub:{folder}")
    assert data.classes == tuple(map(str, sorted(values)))  # type: ignore[type-var]
    assert data.train.y[0] == sorted(values).index(values[0])  # type: ignore[type-var]
    assert "one split" in data.notes[0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": ["a"], "label": [1]}, r"no column of images; its columns are text \(string\)"),
        ({"image": [b"x"], "width": [1]}, r"no column of class labels; its columns are image"),
        ({"a": [b"x"], "b": [b"y"], "label": [1]}, "several columns of images"),
        ({"image": [b"x", b"x"], "label": [1, None]}, "row 1 of .* has the label None"),
        ({"image": [b"", None], "label": ["a", "b"]}, "of 2 rows 0 are test rows"),
    ],
)
def test_tables_that_do_not_fit_say_why(
    tmp_path: Path, columns: dict[str, list[object]], message: str
) -> None:
    """An unfit table is an error that lists its columns or names the row."""
    refuses(message, f"hub:{table_of(tmp_path / 'd/train-0.parquet', **columns)}")


def test_a_row_without_image_is_named(tmp_path: Path) -> None:
    """A null image, and one that cannot be decoded, are named by row and file."""
    columns: dict[str, list[object]] = {"image": [b"x", None] * 5, "label": [0, 1] * 5}
    folder = table_of(tmp_path / "d/train-0.parquet", **columns)
    refuses("cannot decode the image in row 0 of .*train-0.parquet", f"hub:{folder}")
    good: list[object] = [*encoded(noise(1, 4, 4, 3), tmp_path / "p"), None]
    table_of(tmp_path / "d/train-0.parquet", image=good * 5, label=[0, 1] * 5)
    refuses("there is no image in row 1 of .*train-0.parquet", f"hub:{folder}")


def test_a_label_out_of_range_is_named(tmp_path: Path) -> None:
    """The hub marks hidden test labels by -1: such a split cannot be tested on."""
    images = noise(4, 4, 4, 3)
    parquet(tmp_path / "train-0.parquet", images, [0, 1, 0, 1], ("a", "b"))
    parquet(tmp_path / "test-0.parquet", images[:2], [0, -1], ("a", "b"))
    refuses("row 1 of .*test-0.parquet has the label -1, which is none", f"hub:{tmp_path}")


def test_several_label_columns(tmp_path: Path) -> None:
    """Of several columns of class labels, label or fine_label is taken; else it is an error."""
    images = [Image.fromarray(image) for image in noise(10, 4, 4, 3)]

    def load(*names: str) -> Dataset:
        labels = {
            name: datasets.ClassLabel(names=[f"{name} {at}" for at in (0, 1)]) for name in names
        }
        content = {"image": images} | {name: [0, 1] * 5 for name in names}
        features = datasets.Features({"image": datasets.Image()} | labels)
        folder = tmp_path / "-".join(names)
        folder.mkdir()
        table = datasets.Dataset.from_dict(content, features=features)
        table.to_parquet(folder / "train-0.parquet")
        return load_dataset(f"hub:{folder}")

    assert load("coarse_label", "fine_label").classes[0] == "fine_label 0"
    assert load("fine_label", "label").classes[0] == "label 0"
    assert load("kind").classes[0] == "kind 0"
    with pytest.raises(DataError, match=r"several columns of class labels.*colour \(ClassLabel\)"):
        load("colour", "form")


def test_splits_that_differ_are_refused(tmp_path: Path) -> None:
    """Other classes in the test split, or no split to train on, are errors."""
    images = noise(4, 4, 4, 3)
    parquet(tmp_path / "train-0.parquet", images, [0, 1, 0, 1], ("a", "b"))
    parquet(tmp_path / "test-0.parquet", images, [0, 1, 0, 1], ("b", "a"))
    refuses("the column label of .* differs", f"hub:{tmp_path}")
    (tmp_path / "train-0.parquet").rename(tmp_path / "extra-0.parquet")
    refuses("has the splits extra, test; train and one of test", f"hub:{tmp_path}")


def test_hub_folders_that_are_none_are_named(tmp_path: Path) -> None:
    """A path that is no folder, a folder without Parquet files, an empty name: each is named."""
    refuses("there is no folder .*nope", f"hub:{tmp_path / 'nope'}")
    refuses("holds no Parquet files", f"hub:{tmp_path}")
    refuses("found no Parquet files .*leave out --data-dir", "hub:a/b", data_dir=tmp_path)
    with pytest.raises(InputError, match="hub: needs a name"):
        load_dataset("hub:")


def hub_of(**splits: tuple[Images, list[int]]) -> Any:
    """What `datasets.load_dataset` would give."""
    features = datasets.Features(
        {"img": datasets.Image(), "label": datasets.ClassLabel(names=list(TEN))}
    )
    return datasets.DatasetDict(
        {
            name: datasets.Dataset.from_dict(
                {"img": [Image.fromarray(i) for i in images], "label": labels}, features=features
            )
            for name, (images, labels) in splits.items()
        }
    )


def test_the_hub_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cifar_images: Images
) -> None:
    """CIFAR-10 without data_dir comes from the hub, and later from the cache, offline."""
    calls: list[tuple[str, str]] = []

    def load(name: str, *, cache_dir: str, trust_remote_code: bool) -> Any:
        assert not trust_remote_code
        calls.append((name, cache_dir))
        return hub_of(train=(cifar_images[:50], LABELS[:50]), test=(cifar_images[50:], LABELS[50:]))

    monkeypatch.setattr(datasets, "load_dataset", load)
    check_cifar10(load_dataset("cifar10"), cifar_images)
    check_cifar10(load_dataset("cifar10"), cifar_images)
    assert [name for name, _ in calls] == ["uoft-cs/cifar10"]
    same = load_dataset("hub:uoft-cs/cifar10")
    assert same.fingerprint == load_dataset("cifar10").fingerprint
    assert same.preparation.batch == 64


def test_a_hub_that_cannot_be_reached_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong at the hub is one line that says what to do."""

    def fail(name: str, **_: Any) -> Any:
        raise ConnectionError("Couldn't reach it\non the Hub")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    message = "cannot load .*Couldn't reach it on the Hub.*HF_HUB_OFFLINE=1.*--data-dir"
    refuses(message, "cifar100")
    refuses(message, "hub:some/thing")


def test_fashion_mnist_from_the_hub_is_grey(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fashion-MNIST of the hub has one channel and the fingerprint of the idx files' pixels."""
    from uwe.data import fashion_mnist

    train, test = fashion(tmp_path / "files")
    names = list(fashion_mnist._CLASSES)
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=names)}
    )
    splits = {
        name: datasets.Dataset.from_dict(
            {
                "image": [Image.fromarray(image) for image in images],
                "label": [row % 10 for row in range(len(images))],
            },
            features=features,
        )
        for name, images in (("train", train), ("test", test))
    }
    monkeypatch.setattr(datasets, "load_dataset", lambda name, **_: splits)
    monkeypatch.setattr(fashion_mnist, "_DEBIAN", tmp_path / "nowhere")
    data = load_dataset("fashion_mnist")
    assert data.image_shape == (28, 28, 1)
    from_files = load_dataset("fashion_mnist", data_dir=tmp_path / "files")
    assert data.fingerprint == from_files.fingerprint


@pytest.mark.parametrize("options", [{}, {"image_size": 8}])
def test_a_folder_of_images_in_the_place_of_a_table_is_told_how_it_is_named(
    tmp_path: Path, options: dict[str, int]
) -> None:
    """The message says 'folder' and --data-dir, with or without a size; a nested table is read."""
    (tmp_path / "photos" / "crow").mkdir(parents=True)
    (tmp_path / "photos" / "crow" / "1.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"'folder' with --data-dir .*photos"):
        check_dataset(str(tmp_path / "photos"), **options)
    (tmp_path / "photos" / "t.csv").write_text("x,label\n1,a\n2,b\n")
    if not options:
        check_dataset(str(tmp_path / "photos"))
