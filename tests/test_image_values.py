"""Pixels: one conversion of every kind of image, and nothing black or white without a word."""

from __future__ import annotations

import base64
import io
import os
import struct
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from uwe.data import load_dataset
from uwe.data.images import FORMATS, decode_image, size_of_image
from uwe.embedder import open_source
from uwe.errors import DataError
from uwe.project.images import images_in
from uwe.selecting.sheet import thumbnail

RAMP = np.linspace(0, 65535, 256, dtype=np.uint16).reshape(16, 16)


def png(width: int, height: int, depth: int, colours: int, rows: bytes) -> bytes:
    """A PNG file by hand, of a kind that Pillow does not write."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    )


def sixteen_bits(values: np.ndarray, colours: int) -> bytes:
    """A 16-bit PNG of values [h, w] or [h, w, c]."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(values.shape[1], values.shape[0], 16, colours, rows)


def written(folder: Path, name: str, values: np.ndarray) -> Path:
    folder.mkdir(exist_ok=True)
    Image.fromarray(values).save(folder / name)
    return folder / name


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.jp2", "x.pgm"])
def test_sixteen_bits_keep_their_upper_eight(name: str, tmp_path: Path) -> None:
    """A 16-bit ramp stays a ramp in each format that holds one."""
    path = tmp_path / name
    if name.endswith(".pgm"):
        path.write_bytes(b"P5\n16 16\n65535\n" + RAMP.astype(">u2").tobytes())
    else:
        Image.fromarray(RAMP).save(path)
    assert (decode_image(path, "L", name)[..., 0] == RAMP // 256).all()
    assert (decode_image(path, "RGB", name) == (RAMP // 256)[..., None]).all()


@pytest.mark.parametrize(("colours", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_colours_of_sixteen_bits_are_scaled_as_grey_ones(colours: int, channels: int) -> None:
    """Grey, colour, and both with transparency: the same values give the same pixels."""
    values = np.repeat(RAMP[..., None], channels, 2)
    values = values[..., 0] if channels == 1 else values
    assert (decode_image(sixteen_bits(values, colours), "RGB", "x") == RAMP[..., None] // 256).all()


@pytest.mark.parametrize(("colours", "channels"), [(0, 1), (2, 3)])
def test_twelve_bits_in_sixteen_are_refused(colours: int, channels: int) -> None:
    """Values up to 4095 of 65535 would be black in silence, so they are refused with advice."""
    values = np.repeat(RAMP[..., None] // 16, channels, 2)
    values = values[..., 0] if channels == 1 else values
    with pytest.raises(DataError, match=r"image m\.png has more than 8 bits .* nearly black; conv"):
        decode_image(sixteen_bits(values, colours), "RGB", "m.png")


def test_floats_must_be_between_0_and_1(tmp_path: Path) -> None:
    """Floats in 0..1 are scaled; any other range, NaN, and 32-bit integers are named."""
    share = (RAMP / 65535).astype(np.float32)
    path = written(tmp_path, "x.tif", share)
    assert (decode_image(path, "L", "x")[..., 0] == np.rint(share * 255)).all()
    for values, words in (
        (share * 255, "floats from 0 to 255"),
        (share - 0.5, "floats from -0.5 to 0.5"),
        (np.full((4, 4), np.nan, dtype=np.float32), "floats from nan"),
        (RAMP.astype(np.int32), "32-bit or signed channels"),
        (share / 100, "nearly black"),
    ):
        with pytest.raises(DataError, match=words):
            decode_image(written(tmp_path, "y.tif", values), "RGB", "y")


def test_every_reader_gives_the_same_pixels(tmp_path: Path) -> None:
    """Embedding, training, a project and the contact sheet see one 16-bit image alike."""
    for name in ("a", "b"):
        for row in range(3):
            (tmp_path / "photos" / name).mkdir(parents=True, exist_ok=True)
            shifted = np.roll(RAMP, row, 0)
            Image.fromarray(shifted).save(tmp_path / "photos" / name / f"{row}.png")
    wanted = np.repeat((RAMP // 256)[..., None], 3, 2)
    folder = tmp_path / "photos"
    assert (open_source(str(folder)).fetch(0, 1)[0] == wanted).all()
    data = load_dataset("folder", data_dir=folder, test_fraction=0.4)
    first = data.train.x[data.ids.index("a/0.png")]
    assert (first == wanted).all()
    assert (np.asarray(images_in(folder, None).learn(tmp_path / "cache", None)[0]) == wanted).all()
    shown = thumbnail(folder / "a" / "0.png").partition(",")[2]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown))), dtype=int)
    assert abs(pixels - wanted).mean() < 4


def test_modes_that_are_converted(tmp_path: Path) -> None:
    """One bit, CMYK, a palette, grey with transparency, and a turned photograph."""
    assert (
        decode_image(png(8, 1, 1, 0, b"\0\xf0"), "L", "x")[0, :, 0].tolist() == [255] * 4 + [0] * 4
    )
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "c.tif")
    assert decode_image(tmp_path / "c.tif", "RGB", "c")[0, 0].tolist() == [255, 0, 0]
    Image.new("LA", (4, 4), (70, 255)).save(tmp_path / "la.png")
    assert decode_image(tmp_path / "la.png", "RGB", "la")[0, 0].tolist() == [70] * 3
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RAMP[:8]).save(tmp_path / "turned.png", exif=exif)
    turned = decode_image(tmp_path / "turned.png", "L", "t")[..., 0]
    assert (turned == np.rot90(RAMP[:8] // 256, -1)).all()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    """Two frames of two colours: the first."""
    file, frames = io.BytesIO(), [Image.new("RGB", (8, 8), shade) for shade in ("red", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], **options)
    assert decode_image(file.getvalue(), "RGB", "x")[4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_drawing_in_transparency_alone_is_refused(mode: str, tmp_path: Path) -> None:
    """A black sign on nothing is black where transparency is dropped, so it is refused."""
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (2, 2, 6, 6))
    if mode == "P":
        image = Image.new("P", (8, 8), 0)
        image.putpalette([0, 0, 0, 0, 0, 0])
        image.paste(1, (2, 2, 6, 6))
        image.save(tmp_path / "s.png", transparency=0)
    else:
        image.convert(mode).save(tmp_path / "s.png")
    with pytest.raises(DataError, match="one colour only where its transparency is dropped"):
        decode_image(tmp_path / "s.png", "RGB", "s.png")
    Image.new("RGBA", (8, 8), (0, 0, 0, 255)).save(tmp_path / "opaque.png")
    assert decode_image(tmp_path / "opaque.png", "RGB", "o").max() == 0


def test_no_program_is_started_for_a_picture(tmp_path: Path) -> None:
    """PostScript, Windows metafiles and other formats in a .png are refused by name."""
    assert not {"EPS", "WMF", "FPX", "SPIDER", "IM", "PSD"} & set(FORMATS)
    for content in (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
        b"\xd7\xcd\xc6\x9a" + b"\0" * 60,
        b"8BPS\0\1" + b"\0" * 60,
    ):
        (tmp_path / "x.png").write_bytes(content)
        for read in (decode_image, lambda path, _, name: size_of_image(path, name)):
            with pytest.raises(DataError, match=r"image x\.png: it is none of JPEG, PNG"):
                read(tmp_path / "x.png", "RGB", "x.png")
            with pytest.raises(DataError, match="it is none of JPEG, PNG"):
                read(content, "RGB", "x.png")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"../blobs/a0f3", "holds the text '../blobs/a0f3', as a link does"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        (b"no image at all", "it is none of JPEG, PNG"),
        (b"", "it is none of JPEG, PNG"),
    ],
)
def test_what_stands_in_place_of_an_image_is_recognised(
    content: bytes, words: str, tmp_path: Path
) -> None:
    """A link that became text and a pointer of Git LFS are called so."""
    (tmp_path / "a.png").write_bytes(content)
    for encoded in (content, tmp_path / "a.png"):
        with pytest.raises(DataError, match=words):
            decode_image(encoded, "RGB", "a.png")


@pytest.mark.parametrize(
    ("side", "words"), [(30_000, "more than 178,956,970"), (12_000, "12000x12000 pixels, but its")]
)
def test_an_image_far_larger_than_its_file_is_refused_with_little_memory(
    side: int, words: str, tmp_path: Path
) -> None:
    """900 and 144 million pixels of a small file are not decoded: 600 MB of memory are enough."""
    (tmp_path / "bomb.png").write_bytes(png(side, side, 8, 0, b"\0" * (side + 1)))
    code = f"""
        import resource
        from pathlib import Path
        from PIL import Image
        from uwe.data.images import decode_image
        from uwe.errors import DataError
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            decode_image(Path({str(tmp_path / "bomb.png")!r}), "RGB", "bomb.png")
        except DataError as error:
            print(error)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    message, more = done.stdout.strip().splitlines()
    assert words in message
    assert int(more) * (1 if sys.platform == "darwin" else 1024) < 100_000_000


def test_a_large_photograph_is_no_bomb() -> None:
    """An image of 36 million pixels whose file is of a photograph's size is read, in silence."""
    noise = np.random.default_rng(0).integers(0, 255, (750, 750), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(np.tile(noise, (8, 8))).save(file, "JPEG", quality=30)
    assert decode_image(file.getvalue(), "L", "x").shape == (6000, 6000, 1)


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    """A named pipe would wait without end; a folder and a missing file are named, too."""
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match=r"pipe\.png is no file but a named pipe"):
        decode_image(tmp_path / "pipe.png", "RGB", str(tmp_path / "pipe.png"))
    with pytest.raises(DataError, match="no file but a folder"):
        decode_image(tmp_path, "RGB", str(tmp_path))
    with pytest.raises(DataError, match="No such file"):
        decode_image(tmp_path / "none.png", "RGB", "none.png")
