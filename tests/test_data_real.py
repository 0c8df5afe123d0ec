"""Real data, where it is there: complete, in order, with the statistics written down."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from uwe.data import load_dataset
from uwe.data.parquet import parquet_splits, parquet_table
from uwe.data.request import Request
from uwe.data.table import Columns, read_tables
from uwe.errors import DataError

pytest.importorskip("PIL.Image")
pytest.importorskip("pyarrow")

DATA = Path(os.environ.get("UWE_DATA_DIR") or Path(__file__).parents[2] / "shared" / "data")
CIFAR_MEAN = (125.3 / 255, 123.0 / 255, 113.9 / 255)
DEBIAN = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UWE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


def real(name: str) -> Path:
    if not (DATA / name).is_dir():
        pytest.skip(f"{DATA / name} is not there (UWE_DATA_DIR names another place)")
    return DATA / name


def rows_a_class(y: np.ndarray) -> set[int]:
    return set(np.bincount(y).tolist())


def test_cifar10_is_in_the_official_order() -> None:
    """The training labels of CIFAR-10's Parquet files begin as the official batches do."""
    table = parquet_table(parquet_splits(real("cifar10"))["train"])
    labels = list(table.values("label"))
    assert labels[:10] == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert rows_a_class(np.array(labels)) == {5000}
    assert table.features["label"]["names"][:2] == ["airplane", "automobile"]


def test_cifar10_has_the_statistics_written_down() -> None:
    """The mean of 1,000 of CIFAR-10's images is near that of its preparation."""
    table = parquet_table(parquet_splits(real("cifar10"))["train"])
    rows = read_tables(Request("cifar10"), table, None, Columns("img", "label")).rows
    images = np.stack([image() for image in islice(rows.images(), 1000)])
    assert images.shape == (1000, 32, 32, 3)
    assert images.mean(axis=(0, 1, 2)) / 255 == pytest.approx(CIFAR_MEAN, abs=0.02)


def test_cifar100_with_one_split() -> None:
    """The 10,000 rows of cifar100-10k are divided: 80 and 20 of each class."""
    data = load_dataset("cifar100", data_dir=real("cifar100-10k"))
    assert rows_a_class(data.train.y) == {80}
    assert rows_a_class(data.test.y) == {20}
    assert len(data.classes) == 100
    assert "2,000 of 10,000" in data.notes[0]


def test_mini_imagenet_10_by_the_hub_s_form() -> None:
    """hub:FOLDER reads train, and tests on validation."""
    data = load_dataset(f"hub:{real('mini-imagenet-10')}")
    assert data.train.x.shape == (2000, 84, 84, 3)
    assert data.test.x.shape == (500, 84, 84, 3)
    assert rows_a_class(data.train.y) == {200}
    assert data.notes == ()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bccd", "no column of class labels.*objects"),
        ("camvid", "no column of class labels.*annotation"),
        ("trec", "no column of images.*text"),
    ],
)
def test_data_for_other_tasks_is_refused(name: str, message: str) -> None:
    """Boxes, masks and texts are refused with the columns there are."""
    with pytest.raises(DataError, match=message):
        load_dataset(f"hub:{real(name)}")


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="the package dataset-fashion-mnist is not there")
def test_fashion_mnist_of_debian() -> None:
    """Debian's Fashion-MNIST is whole, and its statistics are those written down."""
    data = load_dataset("fashion_mnist")
    assert data.train.x.shape == (60000, 28, 28, 1)
    assert rows_a_class(data.test.y) == {1000}
    assert data.train.x.mean() / 255 == pytest.approx(data.preparation.mean[0], abs=1e-4)
    assert data.train.x.std() / 255 == pytest.approx(data.preparation.std[0], abs=1e-4)


def test_camvid_has_eleven_classes_and_an_ignored_one() -> None:
    """Masks of 240 x 180 pixels, whose 12th number counts nowhere; all splits are complete."""
    folder = real("camvid")
    options = {"ignore": 11}
    dataset = load_dataset(
        "hub:camvid", data_dir=folder.parent, task="segmentation", task_options=options
    )
    assert (len(dataset.train), len(dataset.test)) == (367, 101)
    assert dataset.classes == tuple(map(str, range(11)))
    [mask] = dataset.task.targets.read(dataset.train.y[:1])
    assert mask.shape == dataset.train.x.shape[1:3] == (180, 240)
    values = {int(v) for each in dataset.task.targets.read(dataset.test.y) for v in np.unique(each)}
    assert values == set(range(12))


def test_bccd_is_read_as_corners_and_loses_two_boxes() -> None:
    """Boxes are xyxy; as xywh most leave their image; two without area are left out and said."""
    folder = real("bccd")
    with pytest.raises(
        DataError, match=r"as xywh, 2,602 of 3,484 boxes .* as xyxy 0; give --boxes"
    ):
        load_dataset("hub:bccd", data_dir=folder.parent, task="detection")
    dataset = load_dataset("hub:bccd", data_dir=folder.parent, task="detection", boxes="xyxy")
    assert (len(dataset.train), len(dataset.test)) == (205, 87)
    assert dataset.classes == ("RBC", "WBC", "Platelets")
    assert any("2 boxes without area are left out" in note for note in dataset.notes)
    assert all((boxes.areas > 0).all() for boxes in dataset.train.y)
