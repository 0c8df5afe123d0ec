"""Images in columns of tables: their bytes are read, and no path in them is followed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from uwe.data import hub, load_dataset
from uwe.data.table import Columns, Table, read_tables
from uwe.errors import DataError

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
datasets = pytest.importorskip("datasets")


def encoded(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 0, 0)).save(file, "PNG")
    return file.getvalue()


def shard(folder: Path, images: list[dict[str, Any]]) -> Path:
    """A folder of Parquet as the hub has it, its labels turn by turn."""
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    )
    table = pa.table({"image": images, "label": [row % 2 for row in range(len(images))]})
    folder.mkdir()
    described = table.replace_schema_metadata(features.arrow_schema.metadata)
    parquet.write_table(described, folder / "train-00000-of-00001.parquet")
    return folder


def test_bytes_are_read_and_the_path_beside_them_is_only_a_name(tmp_path: Path) -> None:
    """The hub writes the name of the file beside its bytes; it need not exist."""
    images = [{"bytes": encoded(row * 20), "path": f"{row}.png"} for row in range(10)]
    data = load_dataset(f"hub:{shard(tmp_path / 'set', images)}")
    pixels = np.concatenate([np.asarray(split.x)[:, 0, 0, 0] for split in (data.train, data.test)])
    assert sorted(pixels.tolist()) == [row * 20 for row in range(10)]


@pytest.mark.parametrize("path", ["absolute", "secret.png", "../secret.png", "file:///etc/passwd"])
def test_a_path_without_bytes_is_not_followed(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table of another user names no file of this machine."""
    secret = tmp_path / "secret.png"
    secret.write_bytes(encoded(255))
    monkeypatch.chdir(tmp_path)
    named = str(secret) if path == "absolute" else path
    images = [{"bytes": encoded(0), "path": "a.png"}] * 9 + [{"bytes": None, "path": named}]
    with pytest.raises(DataError, match=r"row 9 of .* is only a path, .*not followed; write"):
        load_dataset(f"hub:{shard(tmp_path / 'set', images)}")


def test_files_that_the_hub_downloaded_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data set of image files is a table of paths into the download folder; only these count."""
    monkeypatch.setenv("UWE_CACHE_DIR", str(tmp_path / "cache"))
    inside = tmp_path / "cache" / "hub" / "downloads"
    inside.mkdir(parents=True)
    for row in range(10):
        (inside / f"{row}.png").write_bytes(encoded(row * 20))
    (tmp_path / "secret.png").write_bytes(encoded(255))

    def loads(paths: list[str]) -> Any:
        features = {"image": {"_type": "Image"}, "label": {"_type": "Value", "dtype": "int64"}}
        columns = {
            "image": [{"bytes": None, "path": path} for path in paths],
            "label": [row % 2 for row in range(10)],
        }
        table = Table("t", features, lambda name: iter(columns[name]), hub._downloads())
        return lambda request: read_tables(request, table, None, Columns("image", "label"))

    from uwe.data.request import Request
    from uwe.data.source import fitted

    request = Request("hub:x", None, None, None, None, None, None)
    own = [str(inside / f"{row}.png") for row in range(10)]
    source = loads(own)(request)
    assert [image[0, 0, 0] for image in fitted(source, request)] == [row * 20 for row in range(10)]
    for other in (str(tmp_path / "secret.png"), str(inside / ".." / ".." / ".." / "secret.png")):
        with pytest.raises(DataError, match="is only a path"):
            list(fitted(loads([*own[:9], other])(request), request))


def test_a_picture_of_another_kind_starts_no_program(tmp_path: Path) -> None:
    """PostScript in a column of images is refused by its row."""
    images = [{"bytes": encoded(0), "path": None}] * 9
    images += [{"bytes": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "path": "x.png"}]
    with pytest.raises(DataError, match=r"row 9 of .*it is none of JPEG, PNG"):
        load_dataset(f"hub:{shard(tmp_path / 'set', images)}")
