"""Data sets for other processes: mapped where a file holds them, copied otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

import uwe
from uwe.experiment import Experiment, prepare
from uwe.experiment.lending import Lent, MappedArray, lent, opened

Y = np.arange(40) % 2


class Mean:
    """Says the same of every row."""

    def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> Any:
        return classes

    def predict(self, model: Any, x: Any) -> Any:
        return np.zeros((x.shape[0], model)), np.zeros((x.shape[0], 1))


def sent(x: Any, tmp_path: Path) -> tuple[Lent, Any]:
    """What another process is given, and the pool that it opens."""
    data = uwe.Dataset.from_rows("rows", (x, Y), (x, Y))
    experiment = Experiment("rows", model=Mean(), budgets=(2, 4), results=tmp_path / "r")
    with lent(prepare([experiment], dataset=data)) as shared:
        [there] = opened(cloudpickle.loads(cloudpickle.dumps(shared)))
        pool = there.dataset.train.x
        return shared, pool.copy() if isinstance(pool, np.ndarray) else pool


@pytest.fixture
def mapped(tmp_path: Path) -> np.ndarray[Any, Any]:
    """More rows than the pool has, mapped from a file."""
    x = np.arange(90.0 * 3).reshape(90, 3)
    np.save(tmp_path / "x.npy", x)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


@pytest.mark.parametrize("part", [slice(0, 40), slice(50, 90)], ids=["first", "last"])
def test_a_stretch_of_a_mapped_file_is_mapped_again(
    mapped: np.ndarray[Any, Any], part: slice, tmp_path: Path
) -> None:
    """The worker maps the same bytes, wherever they begin; nothing is copied."""
    shared, pool = sent(mapped[part], tmp_path)
    rows = shared.datasets[0].splits["train"][0]
    assert isinstance(rows, MappedArray)
    assert rows.path.name == "x.npy"
    assert np.array_equal(pool, mapped[part])


def test_rows_that_are_no_stretch_are_copied(mapped: np.ndarray[Any, Any], tmp_path: Path) -> None:
    """Every second row of a mapped file goes to a file of its own."""
    shared, pool = sent(mapped[:80:2], tmp_path)
    assert shared.datasets[0].splits["train"][0].path.name != "x.npy"
    assert np.array_equal(pool, mapped[:80:2])


def test_what_was_changed_in_memory_is_what_a_worker_gets(tmp_path: Path) -> None:
    """A copy-on-write map differs from its file."""
    np.save(tmp_path / "x.npy", np.zeros((40, 3)))
    x = np.load(tmp_path / "x.npy", mmap_mode="c")
    x += 1
    assert sent(x, tmp_path)[1].min() == 1


def test_a_file_that_was_replaced_is_not_read(mapped: np.ndarray[Any, Any], tmp_path: Path) -> None:
    """The map still holds the former bytes, and so do the workers."""
    np.save(tmp_path / "other.npy", np.zeros((90, 3)))
    (tmp_path / "other.npy").replace(tmp_path / "x.npy")
    assert np.array_equal(sent(mapped[:40], tmp_path)[1], mapped[:40])


def test_texts_and_sparse_rows_are_sent_as_they_are(tmp_path: Path) -> None:
    """No file can map them."""
    sparse = pytest.importorskip("scipy.sparse")
    texts = [f"text {row}" for row in range(40)]
    assert sent(texts, tmp_path)[1].tolist() == texts
    rows = sparse.random_array((40, 9), density=0.3, rng=np.random.default_rng(0), format="csr")
    assert (sent(rows, tmp_path)[1] != rows).nnz == 0
