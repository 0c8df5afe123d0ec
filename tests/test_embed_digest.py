"""A half-done embedding goes on with the same model and the same items, or not at all."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from uwe.cli import main
from uwe.embedder import Encoder, EncoderInput, embed, open_source
from uwe.embedder import work as embed_work
from uwe.embedder.digests import state_digest
from uwe.errors import RunError
from uwe.pool_files import open_pool

CODE = """
import torch
def lengths(scale=1.0):
    return lambda texts: (None, torch.tensor([[scale * len(t), 1.0] for t in texts]))
def longer():
    return lengths(1.001)
def arrays():
    import numpy as np
    return lambda texts: (None, np.array([[float(len(t)), 2.0] for t in texts]))
def chance():
    return lambda texts: (None, torch.rand(len(texts), 2))
class Net(torch.nn.Module):
    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.layer = torch.nn.Linear(1, 2)
    def forward(self, texts):
        return None, self.layer(torch.tensor([[float(len(t))] for t in texts]))
class Silent(Net):
    def __init__(self):
        super().__init__()
        self.register_buffer("unused", torch.ones(3))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of 20 texts, and the module of models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    write_module(tmp_path, CODE)
    write_table(tmp_path, [f"{'x' * row} text" for row in range(20)])
    return tmp_path


def write_module(folder: Path, code: str) -> None:
    sys.modules.pop("enc_digest", None)
    (folder / "enc_digest.py").write_text(code)
    for cached in folder.glob("__pycache__/enc_digest*"):
        cached.unlink()


def write_table(folder: Path, texts: Sequence[str], kind: str = "cat") -> None:
    rows = [f"{row},{text},{kind}" for row, text in enumerate(texts)]
    (folder / "t.csv").write_text("\n".join(["id,words,label", *rows]))


def embedding(model: str, *more: str) -> int:
    sys.modules.pop("enc_digest", None)
    arguments = ["embed", "t.csv", "--text", "words", "--model", f"enc_digest:{model}"]
    return main([*arguments, "-o", "p.safetensors", "--batch", "4", *more])


def half_done(monkeypatch: pytest.MonkeyPatch, begin: Callable[[], Any], batches: int = 3) -> None:
    """Kill an embedding after some batches."""
    count, append = iter(range(99)), embed_work.append_batch

    def killed(folder: Path, tensors: Any, start: int) -> None:
        if next(count) == batches:
            raise KeyboardInterrupt
        append(folder, tensors, start)

    monkeypatch.setattr(embed_work, "append_batch", killed)
    try:
        assert begin() == 130
    finally:
        monkeypatch.setattr(embed_work, "append_batch", append)


def other_code(folder: Path) -> None:
    write_module(folder, CODE.replace("scale * len(t), 1.0", "scale * len(t), 1.01"))


def other_weights(folder: Path) -> None:
    write_module(folder, CODE.replace("seed=0", "seed=1"))


def other_forward(folder: Path) -> None:
    write_module(
        folder, CODE.replace("return None, self.layer(", "return None, 1.01 * self.layer(")
    )


def other_buffers(folder: Path) -> None:
    write_module(folder, CODE.replace("torch.ones(3)", "torch.zeros(3)"))


def half_precision(folder: Path) -> None:
    write_module(folder, CODE.replace("torch.nn.Linear(1, 2)", "torch.nn.Linear(1, 2).double()"))


def other_texts(folder: Path) -> None:
    write_table(folder, [f"{'y' * row} text" for row in range(20)])


def other_labels(folder: Path) -> None:
    write_table(folder, [f"{'x' * row} text" for row in range(20)], "dog")


def other_arrays(folder: Path) -> None:
    write_module(folder, CODE.replace("2.0] for", "3.0] for"))


def other_width(folder: Path) -> None:
    write_module(folder, CODE.replace("scale * len(t), 1.0", "scale * len(t), 1.0, 1.0"))


def more_rows(folder: Path) -> None:
    write_table(folder, [f"{'x' * row} text" for row in range(21)])


def nothing(folder: Path) -> None:
    """The same command again."""


@pytest.mark.parametrize(
    ("model", "change", "words"),
    [
        ("lengths", other_code, "gives other features for"),
        ("arrays", other_arrays, "gives other features for"),
        ("lengths", other_width, "features of width 2 before and features of width 3 now"),
        ("chance", nothing, "or it is random"),
        ("Net", other_weights, "the weights there differ from those here"),
        ("Net", other_forward, "gives other features for"),
        ("Silent", other_buffers, "the weights there differ"),
        ("Net", half_precision, "dtype is 'torch.float32' there and 'torch.float64' here"),
        ("lengths", other_texts, "the texts there differ from those here"),
        ("lengths", other_labels, "the labels there differ from those here"),
        ("lengths", more_rows, "rows is 20 there and 21 here"),
    ],
)  # fmt: skip
def test_what_changed_is_named_and_nothing_is_mixed(
    model: str,
    change: Callable[[Path], None],
    words: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Other code, weights, precision, texts or labels end a resumed embedding in one line."""
    half_done(monkeypatch, lambda: embedding(model))
    change(folder)
    capsys.readouterr()
    assert embedding(model) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("uwe: half done in .p.safetensors.embedding is another embedding: ")
    assert words in last
    assert "remove that folder to start anew" in last
    assert not Path("p.safetensors").exists()


@pytest.mark.parametrize("model", ["lengths", "arrays", "Net"])
@pytest.mark.parametrize("batches", [1, 3, 4])
def test_the_same_model_goes_on(
    model: str, batches: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a change the pool of a resumed embedding is that of an embedding at once."""
    del folder
    half_done(monkeypatch, lambda: embedding(model), batches)
    assert embedding(model) == 0
    resumed = Path("p.safetensors").read_bytes()
    assert embedding(model, "--force") == 0
    assert Path("p.safetensors").read_bytes() == resumed


def test_another_image_size_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of the images is one of the settings that a record holds."""
    image = pytest.importorskip("PIL.Image")
    (folder / "photos").mkdir()
    for row in range(9):
        image.new("RGB", (20, 20), (row, 0, 0)).save(folder / "photos" / f"{row}.png")
    mean = Encoder("mine", lambda items: (None, torch.tensor([[x.mean()] for x in items])))

    def at(size: int) -> int:
        embed(open_source("photos", image_size=size), mean, Path("p.safetensors"), batch=4)
        return 0

    def interrupted() -> int:
        try:
            return at(16)
        except KeyboardInterrupt:
            return 130

    half_done(monkeypatch, interrupted, 1)
    with pytest.raises(RunError, match="image size is 16 there and 8 here"):
        at(8)
    assert at(16) == 0


def numbers(n: int, seen: list[int] | None = None) -> tuple[EncoderInput, Encoder]:
    def encode(items: list[Any]) -> Any:
        if seen is not None:
            seen.extend(int(item) for item in items)
        rows = torch.tensor([[float(item)] for item in items])
        return rows * torch.arange(3), torch.cat([rows, rows**2], 1)

    items = [str(row) for row in range(n)]
    return EncoderInput("texts", items, lambda a, b: items[a:b], "stamp"), Encoder("mine", encode)


@pytest.mark.parametrize("seed", range(12))
def test_damaged_parts_are_computed_again(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flipped bit in any file of half-done work, or a cut one: the same pool, or one line."""
    rng = random.Random(seed)
    whole, out = tmp_path / "whole.safetensors", tmp_path / "p.safetensors"
    embed(*numbers(23), whole, batch=4)

    def begin() -> int:
        try:
            embed(*numbers(23), out, batch=4)
        except KeyboardInterrupt:
            return 130
        return 0

    half_done(monkeypatch, begin, 4)
    folder = tmp_path / ".p.safetensors.embedding"
    files = sorted(path for path in folder.iterdir() if path.name != ".lock")
    path = files[seed % len(files)]
    content = bytearray(path.read_bytes())
    if seed < 8:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(7)
    else:
        del content[rng.randrange(len(content)) :]
    path.write_bytes(content)
    refused = False
    try:
        embed(*numbers(23), out, batch=4)
    except RunError as error:
        refused = "start anew" in str(error)
    assert refused or out.read_bytes() == whole.read_bytes()
    assert not (refused and out.exists())


def test_batches_before_the_damage_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the damaged batch and those after it are computed again, and that is said."""
    out = tmp_path / "p.safetensors"

    def begin() -> int:
        try:
            embed(*numbers(23), out, batch=4)
        except KeyboardInterrupt:
            return 130
        return 0

    half_done(monkeypatch, begin, 4)
    part = tmp_path / ".p.safetensors.embedding" / "features.f32"
    content = np.fromfile(part, dtype=np.float32)
    content[2 * 9] += 1  # row 9, of the third batch
    content.tofile(part)
    seen: list[int] = []
    with caplog.at_level("INFO", logger="uwe"):
        embed(*numbers(23, seen), out, batch=4)
    assert sorted(seen) == sorted([*range(4), *range(8, 23)])
    assert "8 rows are damaged or come after damaged ones" in caplog.text
    assert open_pool(out).read("features")[:, 0].tolist() == [float(row) for row in range(23)]


def test_the_digest_of_weights_sees_every_tensor() -> None:
    """One bit of any parameter or buffer, its name, type or shape: another digest."""
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    digests = {state_digest(net)}
    for tensor in [*net.parameters(), *net.buffers()]:
        with torch.no_grad():
            tensor.reshape(-1)[-1].add_(1)
        digests.add(state_digest(net))
    digests.add(state_digest(net.double()))
    digests.add(state_digest(net.to(torch.bfloat16)))
    digests.add(state_digest(torch.nn.Sequential(net)))
    assert len(digests) == 1 + 7 + 3
    assert state_digest(net) == state_digest(net)


def test_a_record_of_another_version_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work that was begun without digests cannot be judged, so it is not continued."""
    half_done(monkeypatch, lambda: embedding("lengths"))
    path = folder / ".p.safetensors.embedding" / "record.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps({"settings": told["settings"], "widths": told["widths"]}))
    assert embedding("lengths") == 2


def test_a_checkpoint_with_other_weights_under_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder of transformers whose weights, vocabulary or configuration changed is refused."""
    transformers = pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path, ["one"] * 4 + ["two one"] * 16)

    def save(seed: int = 0, vocabulary: str = "one\ntwo", act: str = "gelu") -> None:
        torch.manual_seed(seed)
        config = transformers.BertConfig(
            vocab_size=7, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=16, hidden_act=act,
        )  # fmt: skip
        transformers.BertModel(config).save_pretrained("bert")
        Path("vocab.txt").write_text(f"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n{vocabulary}\n")
        transformers.BertTokenizer("vocab.txt").save_pretrained("bert")

    def run() -> int:
        arguments = ["embed", "t.csv", "--text", "words", "--model", "bert", "--batch", "4"]
        return main([*arguments, "-o", "p.safetensors"])

    save()
    half_done(monkeypatch, run)
    for change, words in (
        ({"seed": 1}, "the weights there differ"),
        ({"vocabulary": "one\nthree"}, "the preparation there differ"),
        ({"act": "relu"}, "the configuration there differ"),
    ):
        save(**change)  # type: ignore[arg-type]
        capsys.readouterr()
        assert run() == 2
        assert words in capsys.readouterr().err.splitlines()[-1]
    save()
    assert run() == 0
