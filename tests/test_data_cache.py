"""The cache: decoded once, read back the same, whole or not there, nothing beside the data."""

from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uwe._types import Images
from uwe.data import Dataset, cache, load_dataset
from uwe.data.images import decode_image
from uwe.errors import DataError, InputError, UweError

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(autouse=True)
def entries(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache") / "made" / "at need"
    monkeypatch.setenv("UWE_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes of five images, one colour each."""
    root = tmp_path / "pictures"
    for label in ("a", "b"):
        (root / label).mkdir(parents=True)
        for number in range(5):
            colour = (number, ord(label), 7)
            Image.new("RGB", (3, 2), colour).save(root / label / f"{number}.png")
    return root


@pytest.fixture
def decodings(caplog: pytest.LogCaptureFixture) -> Any:
    """Give the number of decodings so far, from the log."""
    caplog.set_level(logging.INFO, logger="uwe.data")
    return lambda: sum(record.message.startswith("decoding") for record in caplog.records)


def load(pictures: Path, **options: Any) -> Dataset:
    return load_dataset("folder", data_dir=pictures, **options)


def entry_of(entries: Path) -> Path:
    (entry,) = (path for path in entries.iterdir() if path.is_dir())
    return entry


def same(one: Dataset, other: Dataset) -> bool:
    return (
        all(
            np.array_equal(getattr(ours, axis), getattr(theirs, axis))
            for ours, theirs in ((one.train, other.train), (one.test, other.test))
            for axis in ("x", "y")
        )
        and one.fingerprint == other.fingerprint
        and (one.ids, one.classes, one.notes) == (other.ids, other.classes, other.notes)
    )


def test_the_second_load_reads_the_first_one_s_arrays(
    entries: Path, pictures: Path, decodings: Any
) -> None:
    """A later load decodes nothing, maps the same arrays, and leaves the data as it was."""
    before = sorted(pictures.rglob("*"))
    first, second = load(pictures), load(pictures)
    assert decodings() == 1
    assert same(first, second)
    assert isinstance(second.train.x, np.memmap)
    assert not second.train.x.flags.writeable
    assert second.train.x.dtype == np.uint8
    assert second.train.x[1, 0, 0].tolist() == [1, ord("a"), 7]
    assert second.train.y.dtype == np.int64
    assert sorted(path.name for path in entry_of(entries).iterdir()) == [
        "meta.json",
        "test_x.npy",
        "test_y.npy",
        "train_x.npy",
        "train_y.npy",
    ]
    assert sorted(pictures.rglob("*")) == before


def test_a_changed_file_is_decoded_again(pictures: Path, decodings: Any) -> None:
    """New content under the same name is seen by its time, even if its size is the same."""
    first = load(pictures)
    file = pictures / "a" / "0.png"
    state = file.stat()
    content = bytearray(file.read_bytes())
    Image.new("RGB", (3, 2), (9, ord("a"), 7)).save(file)
    assert len(file.read_bytes()) == len(content)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    second = load(pictures)
    assert decodings() == 2
    assert second.train.x[0, 0, 0, 0] == 9
    assert first.fingerprint != second.fingerprint


def test_another_file_size_or_fraction_is_another_entry(pictures: Path, decodings: Any) -> None:
    """A removed file, an image size and a fraction each lead to an entry of their own."""
    load(pictures)
    load(pictures, image_size=2)
    load(pictures, test_fraction=0.5)
    (pictures / "a" / "0.png").unlink()
    load(pictures, test_fraction=0.5)
    assert decodings() == 4
    load(pictures, image_size=2, test_fraction=0.5)
    assert decodings() == 5


def test_another_folder_is_another_entry(pictures: Path, tmp_path: Path, decodings: Any) -> None:
    """Two folders whose files agree in names, sizes and times are not mistaken for another."""
    import shutil

    load(pictures)
    shutil.copytree(pictures, tmp_path / "other")
    load(tmp_path / "other")
    assert decodings() == 2


def test_limits_and_progress_share_the_entry(pictures: Path, decodings: Any) -> None:
    """A limit keeps first rows of the whole, if that is there."""
    whole = load(pictures)
    kept = len(whole.train) - 1
    small = load(pictures, pool_size=kept, progress=lambda stage: None)
    assert decodings() == 1
    assert np.array_equal(small.train.x, whole.train.x[:kept])


@pytest.mark.parametrize(
    "limits", [{"pool_size": 5}, {"test_size": 1}, {"pool_size": 6, "test_size": 1}]
)
def test_what_a_limit_leaves_out_is_not_decoded(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int]
) -> None:
    """Without the whole, only those rows are decoded; they are those of the whole, to the hash."""
    decoded: list[str] = []

    def counting(file: Path, mode: str, name: str) -> Images:
        decoded.append(name)
        return decode_image(file, mode, name)

    monkeypatch.setattr("uwe.data.folder.decode_image", counting)
    small = load(pictures, **limits)
    assert len(decoded) == len(small.train) + len(small.test) < 10
    load(pictures, **limits)
    assert len(decoded) == len(small.train) + len(small.test)
    limited = load(pictures).limited(limits.get("pool_size"), limits.get("test_size"))
    assert same(small, limited)


def test_limits_that_do_not_fit_are_refused_before_decoding(pictures: Path, decodings: Any) -> None:
    """One line, and no entry."""
    with pytest.raises(InputError, match="pool size is 100, but folder has"):
        load(pictures, pool_size=100)
    assert decodings() == 0


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def shorten(path: Path) -> None:
    np.save(path, np.load(path)[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("name", ["train_x.npy", "train_y.npy", "test_x.npy", "meta.json"])
@pytest.mark.parametrize("harm", [Path.unlink, truncate, empty])
def test_a_broken_entry_is_built_again(
    entries: Path, pictures: Path, decodings: Any, name: str, harm: Any
) -> None:
    """An entry that lacks a file or a byte is decoded again, to the same data."""
    first = load(pictures)
    whole = [np.array(first.train.x), np.array(first.test.x)]
    harm(entry_of(entries) / name)
    if name == "meta.json" and harm is truncate:
        truncate(entry_of(entries) / name)
    again = load(pictures)
    assert decodings() == 2
    assert np.array_equal(again.train.x, whole[0])
    assert np.array_equal(again.test.x, whole[1])
    load(pictures)
    assert decodings() == 2


def test_an_entry_that_disagrees_with_its_record_is_built_again(
    entries: Path, pictures: Path, decodings: Any
) -> None:
    """Arrays of other shapes than the record's, and a record of another form, are not used."""
    load(pictures)
    shorten(entry_of(entries) / "test_x.npy")
    shorten(entry_of(entries) / "test_y.npy")
    assert len(load(pictures).test) == 2
    meta = entry_of(entries) / "meta.json"
    record = json.loads(meta.read_text())
    del record["classes"]
    meta.write_text(json.dumps(record))
    assert load(pictures).classes == ("a", "b")
    assert decodings() == 3


def test_what_a_killed_process_left_is_cleared(
    entries: Path, pictures: Path, decodings: Any
) -> None:
    """A half-built entry is never read, and goes at the next build."""
    load(pictures)
    entry = entry_of(entries)
    part = entry.with_name(f".{entry.name}.part")
    entry.rename(part)
    truncate(part / "train_x.npy")
    load(pictures)
    assert decodings() == 2
    assert entry_of(entries) == entry


def test_a_failure_leaves_no_entry(entries: Path, pictures: Path) -> None:
    """An image that cannot be decoded, in the middle, leaves neither an entry nor a part."""
    broken = pictures / "b" / "3.png"
    broken.write_bytes(b"no image")
    with pytest.raises(DataError, match=str(broken)):
        load(pictures)
    assert [path for path in entries.iterdir() if path.is_dir()] == []


def test_a_cache_that_cannot_be_written_is_one_line(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache below a file is an UweError that names it and UWE_CACHE_DIR."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("UWE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(UweError, match=r"cannot write the cache .*cache: .*UWE_CACHE_DIR") as error:
        load(pictures)
    assert "\n" not in str(error.value)


def test_a_full_disk_is_one_line(
    entries: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is an UweError that says so, and leaves no entry."""

    def full(path: Path, array: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cache, "_write_labels", full)
    with pytest.raises(UweError, match=r"cannot write the cache .*: the disk is full; free some"):
        load(pictures)
    assert [path for path in entries.iterdir() if path.is_dir()] == []


def test_a_cache_that_can_only_be_read_serves(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the entry is there, nothing is written: a read-only cache serves."""
    load(pictures)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(cache._locks, "acquire", refuse)
    assert len(load(pictures).train) == 8


def test_without_a_variable_the_user_s_cache_folder_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """UWE_CACHE_DIR unset or empty means the user's cache folder."""
    monkeypatch.setenv("UWE_CACHE_DIR", "")
    assert cache.cache_folder().name == "uwe"
    monkeypatch.setenv("UWE_CACHE_DIR", "~/x")
    assert cache.cache_folder() == Path.home() / "x"


PROCESS = """
import sys, logging
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
from uwe.data import load_dataset
data = load_dataset("folder", data_dir=sys.argv[1])
print(len(data.train), data.fingerprint)
"""


def test_two_processes_decode_once(entries: Path, pictures: Path) -> None:
    """Of processes that start together one decodes, the others wait and read the same."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(pictures)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    printed = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert len({text.splitlines()[-1] for text in printed}) == 1
    assert sum("decoding" in text for text in printed) == 1
    assert entry_of(entries).is_dir()


KILLED = """
import sys, time
from uwe.data import images, load_dataset, folder
def slow(*arguments):
    print("decoding", flush=True)
    time.sleep(60)
folder.decode_image = slow
load_dataset("folder", data_dir=sys.argv[1])
"""


def test_a_kill_leaves_nothing_that_is_read(entries: Path, pictures: Path) -> None:
    """After a kill in the middle of decoding, the next load starts at once and is whole."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(pictures)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "decoding\n"
        process.kill()
    left = [path.name for path in entries.iterdir() if path.is_dir()]
    assert len(left) == 1
    assert left[0].endswith(".part")
    assert len(load(pictures).train) == 8
    assert not entry_of(entries).name.endswith(".part")


def test_rows_of_the_cache_are_in_the_source_s_order(pictures: Path) -> None:
    """Pool and test rows keep the order of the source, labels with them."""
    data = load(pictures, test_fraction=0.4)
    assert data.train.x[:, 0, 0, 0].tolist() == [0, 1, 3, 0, 1, 3]
    assert data.test.x[:, 0, 0, :2].tolist() == [[2, 97], [4, 97], [2, 98], [4, 98]]
    assert data.test.y.tolist() == [0, 0, 1, 1]
    assert data.ids[2] == "a/3.png"
