"""What own models may give, which items are left out, and what select reads of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from uwe.cli import main
from uwe.embedder import Encoder, EncoderInput, embed, open_source
from uwe.embedder import work as embed_work
from uwe.errors import DataError, InputError, RunError
from uwe.pool_files import long_texts, open_pool
from uwe.pool_files.long_texts import packed, unpacked

CPU = torch.device("cpu")


def texts(ids: list[str], labels: list[str | None] | None = None) -> EncoderInput:
    return EncoderInput("texts", ids, lambda start, end: ids[start:end], "stamp", labels)


def rows(items: list[Any]) -> torch.Tensor:
    return torch.tensor([[float(len(item)), 1.0] for item in items])


GIVEN = {
    "tensors": lambda items: (rows(items), rows(items)),
    "arrays": lambda items: (rows(items).numpy(), rows(items).numpy()),
    "doubles": lambda items: (None, rows(items).double().numpy()),
    "whole numbers": lambda items: (None, rows(items).int().numpy()),
    "halves": lambda items: (None, rows(items).half()),
    "brains": lambda items: (None, rows(items).bfloat16()),
    "lists": lambda items: (rows(items).tolist(), rows(items).tolist()),
    "lists of arrays": lambda items: (None, list(rows(items).numpy())),
    "lists of tensors": lambda items: (None, list(rows(items))),
    "a dict": lambda items: {"features": rows(items).numpy(), "logits": rows(items)},
    "a dict without logits": lambda items: {"features": rows(items)},
    "by columns": lambda items: (None, np.asfortranarray(rows(items).numpy())),
    "with a gradient": lambda items: (None, rows(items).requires_grad_()),
    "backwards": lambda items: (None, rows(items).numpy()[:, ::-1][:, ::-1]),
}


@pytest.mark.parametrize("given", GIVEN)
def test_what_a_model_may_give(given: str, tmp_path: Path) -> None:
    """Tensors, arrays, lists and dicts of any number type: the same features."""
    ids = ["a", "bcd", "ef", "g" * 9]
    embed(texts(ids), Encoder("mine", GIVEN[given]), tmp_path / "p.safetensors", batch=2)
    features = open_pool(tmp_path / "p.safetensors").read("features")
    assert features.tolist() == [[1.0, 1.0], [3.0, 1.0], [2.0, 1.0], [9.0, 1.0]]
    assert features.dtype == torch.float32


REFUSED = {
    "one tensor": (lambda items: rows(items), "must give .* not Tensor"),
    "a list of two": (lambda items: [None, rows(items)], "must give .* not list"),
    "three": (lambda items: (None, rows(items), 1), "not a tuple of NoneType, Tensor, int"),
    "nothing": (lambda _: None, "must give .* not NoneType"),
    "no features": (lambda items: (rows(items), None), "not a tuple of Tensor, NoneType"),
    "another dict": (lambda items: {"embedding": rows(items)}, "not a dict with embedding"),
    "too few rows": (lambda items: (None, rows(items)[1:]), r"features of shape \(1, 2\) for 2"),
    "too many rows": (lambda items: (None, rows(items * 2)), r"features of shape \(4, 2\) for 2"),
    "other logits": (lambda items: (rows(items)[1:], rows(items)), r"logits of shape \(1, 2\)"),
    "no columns": (lambda items: (None, rows(items)[:, :0]), r"features of shape \(2, 0\)"),
    "one axis": (lambda items: (None, rows(items)[:, 0]), r"features of shape \(2,\)"),
    "words": (lambda items: (None, np.array([items])), "gives ndarray as features, which is no"),
    "ragged": (lambda _: (None, [[1.0], [1.0, 2.0]]), "gives list as features, which is no"),
    "complex": (lambda items: (None, rows(items) * 1j), "gives complex features"),
    "sparse": (lambda items: (None, rows(items).to_sparse()), "gives sparse features"),
    "not a number": (
        lambda items: (None, rows(items) * np.nan),
        "NaN or infinity as features of a",
    ),
    "too large": (
        lambda items: (None, rows(items).double() * 1e300),
        "which float32 does not hold",
    ),
    "nan logits": (lambda items: (rows(items) * np.nan, rows(items)), "infinity as probs of a"),
    "failing": (
        lambda _: [][1],
        r"model mine failed: IndexError: list index .*\(line .*test_embed_out",
    ),
    "ending": (lambda _: sys.exit(0), r"model mine failed: it ends the program \(line "),
}


@pytest.mark.parametrize("given", REFUSED)
def test_what_a_model_may_not_give(given: str, tmp_path: Path) -> None:
    """One line that says what it gave, and nothing left behind."""
    encode, words = REFUSED[given]
    with pytest.raises((InputError, DataError), match=words):
        embed(texts(["a", "b"]), Encoder("mine", encode), tmp_path / "p.safetensors")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_too_little_memory_names_the_batch(error: Exception, tmp_path: Path) -> None:
    """What helps is a smaller batch."""

    def encode(_: list[Any]) -> Any:
        raise error

    with pytest.raises(RunError, match="out of memory with 2 items at once; lower --batch"):
        embed(texts(["a", "b"]), Encoder("mine", encode), tmp_path / "p.safetensors")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("json:loads", "json:loads() failed: "),
        ("own_models:raises", "own_models:raises() failed: OSError: no such weights (line 2 of "),
        ("own_models:exits", "own_models:exits() failed"),
        ("own_models:nothing", "own_models:nothing() gave NoneType"),
        ("own_models:number", "own_models:number is of type int; it must be a function"),
        ("own_models:absent", "model own_models:absent: own_models has no 'absent'"),
        ("own_broken:any", "model own_broken:any: cannot import own_broken: "),
        ("own_exits:any", "model own_exits:any: cannot import own_exits: "),
        (
            "own_models:fails",
            "model own_models:fails failed: RuntimeError: mat1 (line ",
        ),
        ("own_models:asks", "model own_models:asks failed: TypeError"),
    ],
)
def test_a_factory_that_fails_is_one_line(
    model: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each error of a module, its factory or its model: one line, exit code 2, no folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "own_models.py").write_text(
        "number = 3\n"
        "def raises(): raise OSError('no such weights')\n"
        "def exits(): raise SystemExit(1)\n"
        "def nothing(): pass\n"
        "def fails():\n"
        "    def model(x): raise RuntimeError('mat1')\n"
        "    return model\n"
        "def asks(): return lambda x, y: None\n"
    )
    (tmp_path / "own_broken.py").write_text("def any(:\n")
    (tmp_path / "own_exits.py").write_text("raise SystemExit('bye')\n")
    (tmp_path / "t.csv").write_text("words\none\n")
    try:
        code = main(["embed", "t.csv", "--text", "words", "--model", model, "-o", "p.safetensors"])
    finally:
        for name in ("own_models", "own_broken", "own_exits"):
            sys.modules.pop(name, None)
    assert code == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.glob("*.safetensors*")) + list(tmp_path.glob(".p.*"))


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (["a", "b", "a"], "the id 'a' repeats, in rows 0 and 2"),
        (["a", ""], "the id '' of row 1 is empty"),
        (["a", "  "], "of row 1 is empty"),
        (["a\nb"], "of row 0 holds a line break"),
        (["a\r"], "holds a line break"),
        (["a\u2028b"], "holds a line break"),
        (["\x85a"], "holds a line break"),
        (["a\udcff"], "is not UTF-8"),
    ],
)
def test_ids_that_cannot_be_read_back_are_refused(ids: list[str], words: str) -> None:
    """Before a model is loaded: repeated, empty, broken over lines, or not UTF-8."""
    with pytest.raises(DataError, match=words.replace("(", r"\(")):
        texts(ids)
    assert texts(["a b", "ü", "한", "0", "00", "A", "a"]).ids


def test_ids_of_a_table_are_refused_before_the_model_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the id, though the model does not exist."""
    (tmp_path / "t.jsonl").write_text('{"id": "x", "w": "one"}\n{"id": "x", "w": "two"}\n')
    arguments = ["embed", str(tmp_path / "t.jsonl"), "--text", "w", "--model", "no:model"]
    assert main([*arguments, "-o", str(tmp_path / "p.safetensors")]) == 2
    assert "the id 'x' repeats, in rows 0 and 1" in capsys.readouterr().err


# broken images


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten images of a pixel that tells the row; 2 and 5 have no header, 7 is cut in the middle."""
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path / "photos"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    for row in range(10):
        noise[0, 0] = row * 20
        image.fromarray(noise).save(folder / f"{row}.png")
    for row in (2, 5):
        (folder / f"{row}.png").write_bytes(b"not an image")
    whole = (folder / "7.png").read_bytes()
    (folder / "7.png").write_bytes(whole[: len(whole) // 2])
    return folder


def corner(seen: list[int] | None = None) -> Encoder:
    def encode(items: list[Any]) -> Any:
        values = torch.tensor([[float(item[0, 0, 0])] for item in items])
        if seen is not None:
            seen.extend(int(value) // 20 for value in values)
        return torch.cat([values, -values], 1) / 20, values

    return Encoder("mine", encode)


def test_a_broken_image_is_named_before_the_model_works(photos: Path, tmp_path: Path) -> None:
    """By its header: the first is named, the others are counted, and there is nothing to undo."""
    seen: list[int] = []
    with pytest.raises(DataError, match=r"image .*2\.png: .*--skip-broken.*; 1 more are broken"):
        embed(open_source(str(photos)), corner(seen), tmp_path / "p.safetensors", batch=3)
    assert seen == []
    assert not list(tmp_path.glob(".p.*"))


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 32])
def test_broken_images_are_left_out_and_listed(
    batch: int, photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Rows, ids and probabilities stay together, and metadata and log name what is missing."""
    with caplog.at_level("INFO", logger="uwe"):
        done = embed(
            open_source(str(photos)), corner(), tmp_path / "p.safetensors",
            batch=batch, skip_broken=True,
        )  # fmt: skip
    assert (done.rows, list(done.skipped)) == (7, ["2.png", "5.png", "7.png"])
    pool = open_pool(tmp_path / "p.safetensors")
    assert pool.ids(7) == [f"{row}.png" for row in (0, 1, 3, 4, 6, 8, 9)]
    values = pool.read("features")[:, 0]
    assert values.tolist() == [20.0 * row for row in (0, 1, 3, 4, 6, 8, 9)]
    torch.testing.assert_close(pool.read("probs")[:, 0], (values / 10).sigmoid())
    with safe_open(tmp_path / "p.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["skipped"]) == ["2.png", "5.png", "7.png"]
    for name in ("2.png", "5.png", "7.png"):
        assert f"left out {name}: cannot decode the image" in caplog.text


def test_only_broken_images_at_the_beginning_and_the_end(photos: Path, tmp_path: Path) -> None:
    """Whole batches of broken images, before the widths are known and at the very end."""
    for row in (0, 1, 8, 9):
        (photos / f"{row}.png").write_bytes(b"not an image")
    out = tmp_path / "p.safetensors"
    embed(open_source(str(photos)), corner(), out, batch=2, skip_broken=True)
    assert open_pool(out).ids(3) == ["3.png", "4.png", "6.png"]
    assert open_pool(out).read("features")[:, 0].tolist() == [60.0, 80.0, 120.0]
    for path in photos.iterdir():
        path.write_bytes(b"not an image")
    with pytest.raises(DataError, match="none of the 10 images can be read"):
        embed(open_source(str(photos)), corner(), tmp_path / "q.safetensors", skip_broken=True)
    assert not (tmp_path / "q.safetensors").exists()


@pytest.mark.parametrize("at", range(4))
def test_a_killed_embedding_with_broken_images_goes_on(
    at: int, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool is that of one go; without --skip-broken the half-done work is not continued."""
    source, out = open_source(str(photos)), tmp_path / "p.safetensors"
    embed(source, corner(), tmp_path / "whole.safetensors", batch=3, skip_broken=True)
    append, count = embed_work.append_batch, iter(range(99))

    def killed(folder: Path, tensors: Any, start: int) -> None:
        if next(count) == at:
            raise KeyboardInterrupt
        append(folder, tensors, start)

    monkeypatch.setattr(embed_work, "append_batch", killed)
    with pytest.raises(KeyboardInterrupt):
        embed(source, corner(), out, batch=3, skip_broken=True)
    monkeypatch.setattr(embed_work, "append_batch", append)
    with pytest.raises(DataError, match="skip-broken"):
        embed(source, corner(), out, batch=3)
    embed(source, corner(), out, batch=3, skip_broken=True)
    assert out.read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_work_before_a_broken_image_is_kept(photos: Path, tmp_path: Path) -> None:
    """An image whose pixels end early stops the work in one line; the option then goes on."""
    for row in (2, 5):
        (photos / f"{row}.png").unlink()
    out, seen = tmp_path / "p.safetensors", list[int]()
    with pytest.raises(DataError, match=r"image .*7\.png: image file is truncated.*--skip-broken"):
        embed(open_source(str(photos)), corner(seen), out, batch=2)
    assert seen == [0, 1, 3, 4]
    seen.clear()
    embed(open_source(str(photos)), corner(seen), out, batch=2, skip_broken=True)
    assert seen == [0, 1, 6, 8, 9]
    assert open_pool(out).ids(7) == [f"{row}.png" for row in (0, 1, 3, 4, 6, 8, 9)]


def test_the_option_of_the_command(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """--skip-broken lists what it leaves out on standard error, and is refused for texts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    code = "def mean():\n    return lambda x: (None, x.mean((2, 3)))\n"
    (tmp_path / "enc_broken.py").write_text(code)
    arguments = ["embed", str(photos), "--model", "enc_broken:mean", "-o", "p.safetensors"]
    assert main(arguments) == 2
    assert "2.png" in capsys.readouterr().err
    assert main([*arguments, "--skip-broken"]) == 0
    told = capsys.readouterr()
    assert "7 images by" in told.out
    assert all(f"left out {row}.png" in " ".join(told.err.split()) for row in (2, 5, 7))
    (tmp_path / "t.csv").write_text("words\none\n")
    texts_of = ["embed", "t.csv", "--text", "words", "--model", "enc_broken:mean"]
    assert main([*texts_of, "-o", "q.safetensors", "--skip-broken"]) == 2
    assert "--skip-broken is for a folder of images" in capsys.readouterr().err


def test_an_output_that_could_not_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    """A folder, a name too long for a file system, and a link where half-done work is kept."""
    seen: list[Any] = []
    asks = Encoder("mine", lambda items: seen.append(items))
    (tmp_path / "d.safetensors").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".l.safetensors.embedding").symlink_to(tmp_path / "elsewhere")
    (tmp_path / ".m.safetensors.embedding").mkdir()
    (tmp_path / ".m.safetensors.embedding" / "features.f32").symlink_to(tmp_path / "victim")
    for name, words in (
        ("d.safetensors", "is a folder"),
        ("ü" * 110 + ".safetensors", "more than 200 bytes"),
        ("l.safetensors", "is a link"),
        ("m.safetensors", r"features\.f32 is a link"),
    ):
        with pytest.raises((InputError, RunError), match=words):
            embed(texts(["a"]), asks, tmp_path / name)
    assert seen == []
    assert not (tmp_path / "victim").exists()
    assert not list((tmp_path / "elsewhere").iterdir())


# long lists of ids


@pytest.mark.parametrize("limit", [200, 400, 100_000_000])
def test_ids_too_long_for_a_header_are_read_back(
    limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the header would be longer than readers take, ids are tensors that select reads."""
    monkeypatch.setattr(long_texts, "HEADER_LIMIT", limit)
    ids = [f"{'ü' * row}/{row}" for row in range(40)]
    labels = [f"kind {row}" if row % 2 else None for row in range(40)]
    out = tmp_path / "p.safetensors"
    embed(texts(ids, labels), Encoder("mine", lambda items: (None, rows(items))), out, batch=7)
    pool = open_pool(out)
    assert pool.ids(40) == ids
    assert pool.read("labelled").tolist() == [bool(row % 2) for row in range(40)]
    assert pool.read("features")[:, 0].tolist() == [float(len(name)) for name in ids]
    with safe_open(out, framework="pt") as file:
        in_tensors = "ids.utf8" in file.keys()  # noqa: SIM118  it is no dict
        assert in_tensors == (limit < 10_000)
        header = int.from_bytes(out.read_bytes()[:8], "little")
        assert ("ids" in (file.metadata() or {})) != in_tensors
    assert header < 1000 or not in_tensors
    picks = tmp_path / "picks.txt"
    arguments = ["select", str(out), "-k", "3", "--strategy", "coreset", "-o", str(picks)]
    assert main(arguments) == 0
    assert set(picks.read_text(encoding="utf-8").split()) < set(ids)


def test_packed_texts_that_do_not_fit_are_refused() -> None:
    """Ends that fall, lie outside, or cut a letter in two."""
    text, ends = packed(["ab", "", "ü"])
    utf8 = np.frombuffer(text, dtype=np.uint8)
    assert unpacked(utf8, ends, "x") == ["ab", "", "ü"]
    assert unpacked(utf8[:0], ends[:0], "x") == []
    for wrong in ([2, 2, 5], [2, 1, 4], [-1, 2, 4], [3, 3, 4]):
        with pytest.raises(DataError, match="x"):
            unpacked(utf8, np.array(wrong), "x")
