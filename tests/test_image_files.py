"""Folders of images: what is read, what is left out with a word, and ids on both sides."""

from __future__ import annotations

import json
import os
import shutil
import socket
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from uwe.cli import main
from uwe.data import load_dataset
from uwe.data.image_files import find_images, image_id
from uwe.embedder import open_source
from uwe.errors import DataError
from uwe.pool_files import open_pool

FORMAT_OF = {
    **dict.fromkeys([".jfif", ".jpe", ".jpeg"], "JPEG"),
    ".tif": "TIFF",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".ppm": "PPM",
    ".jp2": "JPEG2000",
    "": "PNG",
}


def picture(path: Path, kind: str = "PNG", shade: int = 9) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade, 200, 30)).save(path, kind)
    return path


def names(folder: Path) -> list[str]:
    return [image_id(file, folder) for file in find_images(folder).files]


def notes(folder: Path) -> list[str]:
    return list(find_images(folder).notes(folder))


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model of two lines in the working folder."""
    (tmp_path / "enc_files.py").write_text(
        "def mean():\n    return lambda x: (None, x.mean((2, 3)))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "enc_files:mean"


@pytest.mark.parametrize("suffix", FORMAT_OF)
def test_suffixes_in_use_are_read(suffix: str, tmp_path: Path) -> None:
    """Each usual suffix, in large letters too, and a file without a suffix that is an image."""
    picture(tmp_path / f"a{suffix}", FORMAT_OF[suffix])
    picture(tmp_path / f"b{suffix.upper()}", FORMAT_OF[suffix])
    assert names(tmp_path) == [f"a{suffix}", f"b{suffix.upper()}"]
    assert not notes(tmp_path)
    assert open_source(str(tmp_path)).fetch(0, 2)[1].shape == (8, 8, 3)


def test_a_folder_may_be_called_as_an_image_is(tmp_path: Path) -> None:
    """A folder trip.jpg is walked into by embed, runs and projects."""
    for name in ("cats", "dogs"):
        for row in range(5):
            picture(tmp_path / name / "trip.jpg" / f"{row}.png", shade=row)
    assert names(tmp_path)[0] == "cats/trip.jpg/0.png"
    assert "dogs/trip.jpg/3.png" in load_dataset("folder", data_dir=tmp_path).ids


def test_what_is_left_out_is_said_once(tmp_path: Path) -> None:
    """Files that are no images by their name, in one sentence with the first three."""
    picture(tmp_path / "a.png")
    for name in ("b.heic", "c/d.raw", "labels.csv", "x.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no image")
    (tmp_path / "README").write_text("BM is how a bitmap begins")
    assert names(tmp_path) == ["a.png"]
    assert notes(tmp_path) == [f"5 files were left out of {tmp_path}: README, b.heic, c/d.raw, …"]


def test_files_of_the_system_are_left_out_in_silence(tmp_path: Path) -> None:
    """What macOS and Windows put beside images is no image and no word worth."""
    picture(tmp_path / "a.png")
    for name in (
        "._a.png",
        ".DS_Store",
        "Thumbs.db",
        "desktop.ini",
        ".git/x.png",
        "__MACOSX/._a.png",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no image")
    assert (names(tmp_path), notes(tmp_path)) == (["a.png"], [])


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    """A linked folder is read; a loop, a way up and a second way to a folder are left out."""
    root = tmp_path / "photos"
    picture(root / "a.png")
    picture(root / "own" / "b.png")
    picture(tmp_path / "other" / "deep" / "c.png")
    for name, target in {"more": "../other", "again": "../other/deep", "self": ".", "up": "..",
                         "top": "/", "same": "own"}.items():  # fmt: skip
        (root / name).symlink_to(target)
    (tmp_path / "other" / "back").symlink_to(root)
    assert names(root) == ["a.png", "again/c.png", "own/b.png"]
    said = " ".join(notes(root))
    assert "3 links were left out" not in said
    assert f"4 links were left out of {root} (to a folder above): more/back, self, top, …" in said
    assert f"1 link was left out of {root} (to a folder that is read already): same" in said
    assert f"1 folder was left out of {root} (read already): more/deep" in said


def test_links_to_images_elsewhere_are_images(tmp_path: Path, model: str) -> None:
    """A folder of links, as the hub, DVC and git-annex make it: embedding, picks and the sheet."""
    for row, blob in enumerate(("3fa8", "77c0")):
        picture(tmp_path / "blobs" / blob, shade=row * 99)
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    (tmp_path / "photos" / "a.png").symlink_to("../blobs/3fa8")
    (tmp_path / "photos" / "sub" / "b.png").symlink_to(tmp_path / "blobs" / "77c0")
    (tmp_path / "photos" / "linked").symlink_to(tmp_path / "blobs")
    assert main(["embed", "photos", "-o", "p.safetensors", "--model", model]) == 0
    pool = open_pool(tmp_path / "p.safetensors")
    assert pool.ids(4) == ["a.png", "linked/3fa8", "linked/77c0", "sub/b.png"]
    arguments = ["select", "p.safetensors", "-k", "2", "--strategy", "coreset", "-o", "picks.txt"]
    assert main([*arguments, "--html", "s.html", "--images", "photos"]) == 0
    assert (tmp_path / "s.html").read_text().count('src="data:image/jpeg;base64,') == 2


def test_what_cannot_be_opened_is_named_and_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pipes, sockets, broken links and links to themselves end in a word, not in a hang."""
    picture(tmp_path / "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    monkeypatch.chdir(tmp_path)  # the name of a socket may not be long
    server = socket.socket(socket.AF_UNIX)
    server.bind("s.jpg")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "me.png").symlink_to("me.png")
    (tmp_path / "null.png").symlink_to("/dev/null")
    try:
        assert names(tmp_path) == ["a.png"]
        assert sorted(notes(tmp_path)) == [
            f"1 device was left out of {tmp_path}: null.png",
            f"1 named pipe was left out of {tmp_path}: pipe.png",
            f"1 socket was left out of {tmp_path}: s.jpg",
            f"2 broken links were left out of {tmp_path}: gone.png, me.png",
        ]
    finally:
        server.close()


def test_a_folder_that_cannot_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images behind missing permissions are not left out in silence."""
    picture(tmp_path / "a.png")
    picture(tmp_path / "shut" / "b.png")
    scandir = os.scandir

    def refused(path: Path) -> object:
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(DataError, match=r"cannot read the folder .*shut: Permission denied"):
        find_images(tmp_path)


def test_a_run_says_what_it_leaves_out_and_reads_the_same(tmp_path: Path) -> None:
    """The data set 'folder' has the images of embed, and its notes name the rest."""
    for row in range(5):
        picture(tmp_path / "d" / "cats" / f"{row}.jfif", "JPEG", row)
        picture(tmp_path / "elsewhere" / f"{row}", "PNG", row)
    (tmp_path / "d" / "dogs").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "d" / "all").symlink_to(tmp_path / "d")
    (tmp_path / "d" / "cats" / "x.heic").write_bytes(b"")
    (tmp_path / "d" / "stray.txt").write_bytes(b"")
    data = load_dataset("folder", data_dir=tmp_path / "d", test_fraction=0.4)
    assert data.classes == ("cats", "dogs")
    assert len(data.train) + len(data.test) == 10
    assert f"1 file was left out of {tmp_path / 'd'}: cats/x.heic" in data.notes
    assert f"1 file was left out of {tmp_path / 'd'}: stray.txt" in data.notes


@pytest.mark.parametrize("suffix", [".png", ""])
@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC"), ("NFKC", "NFC")])
def test_composed_and_decomposed_names_meet(
    forms: tuple[str, str], suffix: str, tmp_path: Path
) -> None:
    """An id in one Unicode form finds the file in another, for the sheet and for labels."""
    of_pool, of_files = forms
    pictures = [f"{letter}.png" for letter in "üé한"]
    for row, name in enumerate(pictures):
        picture(tmp_path / "photos" / "Å" / unicodedata.normalize(of_files, name), shade=row)
    folder = tmp_path / "photos" / "Å"
    shown = [
        unicodedata.normalize(of_pool, name).removesuffix(".png") + suffix for name in pictures
    ]
    save_file({"features": np.eye(3, dtype=np.float32)}, tmp_path / "p.safetensors",
              metadata={"ids": json.dumps(shown)})  # fmt: skip
    arguments = ["select", str(tmp_path / "p.safetensors"), "-k", "3", "--strategy", "coreset"]
    arguments += ["-o", str(tmp_path / "picks.txt"), "--html", str(tmp_path / "s.html")]
    assert main([*arguments, "--images", str(folder)]) == 0
    assert (tmp_path / "s.html").read_text().count('src="data:image/jpeg;base64,') == 3


def test_labels_of_another_unicode_form_are_those_of_the_images(tmp_path: Path) -> None:
    """A table of labels written on another system names decomposed files."""
    lines = ["id,label"]
    for row in range(10):
        name = f"ü{row}.png"
        picture(tmp_path / "photos" / unicodedata.normalize("NFD", name), shade=row)
        lines.append(f"{unicodedata.normalize('NFC', name)},{'even' if row % 2 else 'odd'}")
    (tmp_path / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    data = load_dataset("folder", data_dir=tmp_path / "photos", labels=tmp_path / "labels.csv")
    assert sorted(data.train.y.tolist() + data.test.y.tolist()) == [0] * 5 + [1] * 5
    seen = dict(zip(data.ids, data.train.y.tolist(), strict=True))
    assert seen[unicodedata.normalize("NFD", "ü1.png")] == data.classes.index("even")


def test_ids_lead_nowhere_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An id with .. or from the root is refused; one name for two images is no guess."""
    picture(tmp_path / "secret.png")
    picture(tmp_path / "photos" / "a.png")
    picture(tmp_path / "photos" / "a.jpg", "JPEG")
    for name, words in (
        ("../secret.png", "leads out of"),
        (str(tmp_path / "secret.png"), "leads out of"),
        ("a", "may be a.jpg or a.png"),
        ("x" * 5000, "there is no image of id"),
        ("b", "there is no image of id"),
    ):
        save_file({"features": np.eye(1, dtype=np.float32)}, tmp_path / "p.safetensors",
                  metadata={"ids": json.dumps([name])})  # fmt: skip
        arguments = ["select", str(tmp_path / "p.safetensors"), "-k", "1", "--strategy", "coreset"]
        arguments += ["-o", str(tmp_path / "picks.txt"), "--html", str(tmp_path / "s.html")]
        assert main([*arguments, "--images", str(tmp_path / "photos")]) == 2
        assert words in capsys.readouterr().err
        assert not (tmp_path / "picks.txt").exists()


def test_names_that_no_table_can_hold_are_refused_before_the_model_runs(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not UTF-8, or with a line break: named by embed and by init, with nothing written."""
    picture(tmp_path / "photos" / "a.png")
    for name in (b"b\xff.png", b"b\n.png", "b\u2028.png".encode(), b"b\r.png"):
        other = os.fsencode(tmp_path / "photos") + b"/" + name
        try:
            shutil.copy(os.fsencode(tmp_path / "photos" / "a.png"), other)
        except OSError:
            pytest.skip("this file system takes UTF-8 names only")
        assert main(["embed", "photos", "-o", "p.safetensors", "--model", "no_such:model"]) == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert "is not UTF-8; rename it" in last or "holds a line break; rename it" in last
        assert main(["init", "project", "photos", "--classes", "a,b", "--embed", model]) == 2
        assert "rename it" in capsys.readouterr().err
        assert not (tmp_path / "project").exists()
        Path(os.fsdecode(other)).unlink()
    assert [path.name for path in tmp_path.glob("*.safetensors*")] == []


def test_embed_says_what_it_leaves_out(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on standard error, and exit code 0."""
    picture(tmp_path / "photos" / "a.png")
    (tmp_path / "photos" / "b.heic").write_bytes(b"")
    assert main(["embed", "photos", "-o", "p.safetensors", "--model", model]) == 0
    assert "1 file was left out of photos: b.heic" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "photos" / "a.png").unlink()
    assert main(["embed", "photos", "-o", "q.safetensors", "--model", model]) == 2
    assert "1 file was left out of photos: b.heic" in capsys.readouterr().err


def test_a_project_says_what_it_leaves_out_when_it_is_made(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once, by init; its later commands say nothing of it."""
    for row in range(4):
        picture(tmp_path / "photos" / f"{row}.jfif", "JPEG", row)
    (tmp_path / "photos" / "b.heic").write_bytes(b"")
    assert main(["init", "p", "photos", "--classes", "a,b", "--embed", model]) == 0
    assert "1 file was left out of" in capsys.readouterr().err
    assert main(["next", "p", "-k", "2"]) == 0
    assert "left out" not in capsys.readouterr().err
