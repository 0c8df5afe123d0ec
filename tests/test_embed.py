"""``uwe embed``: whole pools from images and texts, whatever the process goes through."""

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
from uwe.embedder import Encoder, EncoderInput, embed
from uwe.embedder import work as embed_work
from uwe.errors import DataError, InputError, RunError
from uwe.pool_files import open_pool


def texts(n: int = 23) -> EncoderInput:
    items = [f"text {row}" for row in range(n)]
    return EncoderInput("texts", items, lambda start, end: items[start:end], "stamp")


def encoder(asked: list[int] | None = None, *, classes: int | None = 3) -> Encoder:
    """Features that tell the row; notes how many items each call had."""

    def encode(items: list[Any]) -> tuple[torch.Tensor | None, torch.Tensor]:
        if asked is not None:
            asked.append(len(items))
        rows = torch.tensor([float(item.split()[1]) for item in items])
        logits = None if classes is None else rows[:, None] * torch.arange(classes)
        return logits, torch.stack([rows, rows**2], 1)

    return Encoder("mine", encode)


def test_a_pool_holds_every_row_in_order(tmp_path: Path) -> None:
    """Features, probabilities that sum to one, ids, and nothing left beside it."""
    out = tmp_path / "pool.safetensors"
    embed(texts(), encoder(), out, batch=5)
    pool = open_pool(out)
    assert pool.read("features")[:, 0].tolist() == [float(row) for row in range(23)]
    np.testing.assert_allclose(pool.read("probs").sum(1), 1, rtol=1e-6)
    assert pool.ids(23) == [f"text {row}" for row in range(23)]
    assert [path.name for path in tmp_path.iterdir()] == ["pool.safetensors"]
    embed(texts(), encoder(classes=None), tmp_path / "plain.safetensors")
    assert "probs" not in open_pool(tmp_path / "plain.safetensors")


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("torn", [0, 3])
def test_a_killed_process_goes_on_where_it_was(
    at: int, torn: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in any batch, even with half of it written, the file is the same in the end."""
    embed(texts(), encoder(), tmp_path / "whole.safetensors", batch=4)
    out, append, count = tmp_path / "cut.safetensors", embed_work.append_batch, iter(range(99))

    def killed(folder: Path, tensors: Any, start: int) -> None:
        if next(count) == at:
            part = {"features": tensors["features"][:torn]}
            append(folder, part, start)
            raise KeyboardInterrupt
        append(folder, tensors, start)

    monkeypatch.setattr(embed_work, "append_batch", killed)
    with pytest.raises(KeyboardInterrupt):
        embed(texts(), encoder(), out, batch=4)
    assert not out.exists()
    monkeypatch.undo()
    asked: list[int] = []
    embed(texts(), encoder(asked), out, batch=4)
    assert len(asked) == 6 - at + (
        at > 0
    )  # the first batch again, to see that the model is the same
    assert out.read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_another_embedding_is_not_mixed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is half done by another model, batch or source is refused with both values."""
    out = tmp_path / "pool.safetensors"

    def fetch(start: int, end: int) -> list[str]:
        if start >= 8:
            raise DataError("cannot decode")
        return texts().fetch(start, end)

    broken = EncoderInput("texts", texts().ids, fetch, "stamp")
    with pytest.raises(DataError):
        embed(broken, encoder(), out, batch=4)
    with pytest.raises(RunError, match="batch is 4 there and 5 here"):
        embed(texts(), encoder(), out, batch=5)
    other = EncoderInput("texts", texts().ids, texts().fetch, "other")
    with pytest.raises(RunError, match="items is 'stamp' there and 'other' here"):
        embed(other, encoder(), out, batch=4)
    embed(texts(), encoder(), out, batch=4)
    assert len(open_pool(out).read("features")) == 23


def test_what_a_model_may_not_give(tmp_path: Path) -> None:
    """NaN names the item; a wrong shape names both; nothing is written."""
    nan = Encoder("mine", lambda items: (None, torch.full((len(items), 2), torch.nan)))
    with pytest.raises(DataError, match="NaN or infinity as features of text 0"):
        embed(texts(), nan, tmp_path / "a.safetensors")
    flat = Encoder("mine", lambda items: (None, torch.zeros(2)))
    with pytest.raises(InputError, match=r"features of shape \(2,\) for 23 items"):
        embed(texts(), flat, tmp_path / "b.safetensors")
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for row in range(7):
        path = tmp_path / "images" / ("a" if row % 2 else "b") / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.fromarray(rng.integers(0, 255, (20 + row, 24, 3), dtype=np.uint8)).save(path)
    return tmp_path / "images"


def own_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "my_model", raising=False)
    (folder / "my_model.py").write_text(
        "def build():\n"
        "    return lambda x: (x.mean((2, 3)), x.flatten(1)[:, :5])\n"
        "def words():\n"
        "    import torch\n"
        "    return lambda texts: (None, torch.tensor([[float(len(t)), 1.0] for t in texts]))\n"
    )


def test_a_folder_of_images_by_a_function_of_ones_own(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """From images to picks with a contact sheet, in two commands."""
    own_model(tmp_path, monkeypatch)
    embed_it = ["embed", str(images), "-o", "pool.safetensors", "--model", "my_model:build"]
    assert main(embed_it) == 2
    assert "give --image-size N to make them equal" in capsys.readouterr().err
    assert main([*embed_it, "--image-size", "16"]) == 0
    pool = open_pool(tmp_path / "pool.safetensors")
    assert pool.ids(7)[0] == "a/1.png"
    assert pool.read("features").shape == (7, 5)
    select = ["select", "pool.safetensors", "-k", "3", "-o", "picks.txt"]
    assert main([*select, "--html", "picks.html", "--images", str(images)]) == 0
    assert len((tmp_path / "picks.txt").read_text().split()) == 3
    capsys.readouterr()
    assert main([*embed_it, "--image-size", "16"]) == 2
    assert "pool.safetensors exists" in capsys.readouterr().err


def test_a_text_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """A column of a CSV or a Parquet file, with the ids beside it."""
    own_model(tmp_path, monkeypatch)
    (tmp_path / "t.csv").write_text("id,words\nx,one\ny,three\n")
    arguments = ["embed", "t.csv", "--text", "words", "--model", "my_model:words"]
    assert main([*arguments, "-o", "p.safetensors"]) == 0
    pool = open_pool(tmp_path / "p.safetensors")
    assert pool.read("features")[:, 0].tolist() == [3.0, 5.0]
    assert pool.ids(2) == ["x", "y"]
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    (tmp_path / "set").mkdir()
    table = arrow.table({"words": ["one", "three"]})
    parquet.write_table(table, tmp_path / "set" / "train-00000-of-00001.parquet")
    arguments[1] = "set"
    assert main([*arguments, "-o", "q.safetensors"]) == 0
    assert open_pool(tmp_path / "q.safetensors").read("features")[:, 0].tolist() == [3.0, 5.0]


@pytest.mark.parametrize("column", ["label", "labels", "kind"])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_labels_are_carried_along(
    column: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows with a label are labelled rows of the pool, their texts in the metadata; ids stay."""
    own_model(tmp_path, monkeypatch)
    rows = [("x", "one", "cat"), ("y", "three", ""), ("z", "seven", "dog")]
    if suffix == ".csv":
        lines = [f"id,words,{column}", *(",".join(row) for row in rows)]
    else:
        names = ("id", "words", column)
        lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
    (tmp_path / f"t{suffix}").write_text("\n".join(lines))
    arguments = ["embed", f"t{suffix}", "--text", "words", "--model", "my_model:words"]
    named = ["--label", "kind"] if column == "kind" else []
    assert main([*arguments, *named, "-o", "p.safetensors"]) == 0
    pool = open_pool(tmp_path / "p.safetensors")
    assert pool.read("labelled").tolist() == [True, False, True]
    assert pool.ids(3) == ["x", "y", "z"]
    assert pool.read("features")[:, 0].tolist() == [3.0, 5.0, 5.0]
    with safe_open(tmp_path / "p.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["labels"]) == ["cat", None, "dog"]
    assert main(["select", "p.safetensors", "-k", "1", "--strategy", "coreset"]) == 0
    assert main(["select", "p.safetensors", "-k", "2", "--strategy", "coreset"]) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["t.csv", "--text", "words", "--model", "my_model:words", "--label", "kind"],
         "has no column 'kind'; its"),
        ([".", "--model", "my_model:build", "--label", "kind"], "give --text COLUMN, too"),
        (["nowhere", "--model", "my_model:build"], "there is no folder nowhere of images"),
        ([".", "--model", "my_model:build"], "there are no images"),
        (["t.csv", "--text", "word", "--model", "my_model:words"], "has no column 'word'; its"),
        (["t.csv", "--text", "words", "--model", "my_model:nothing"], "my_model has no 'nothing'"),
        (["t.csv", "--text", "words", "--model", "./no-model"], "cannot load model ./no-model"),
        (["t.csv", "--text", "words", "--model", "my_model:words", "--batch", "0"], "batch is 0"),
        (["t.csv", "--text", "words", "--model", "m:w", "--image-size", "9"], "leave one out"),
        (["t.csv", "--text", "words", "--model", "m:w", "-o", "x.npz"], "must end in .safetensors"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    """Exit code 2, what is wrong, and no output."""
    own_model(tmp_path, monkeypatch)
    (tmp_path / "t.csv").write_text("words\none\n")
    output = [] if "-o" in arguments else ["-o", "out.safetensors"]
    capsys.readouterr()
    assert main(["embed", *arguments, *output]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("uwe: ")
    assert words in last
    assert not list(tmp_path.glob("*.safetensors"))


HEADS: dict[str, dict[str, Any]] = {
    "bert": {"num_labels": 3},
    "labels": {"num_labels": 3, "problem_type": "multi_label_classification"},
    "number": {"num_labels": 1},
    "numbers": {"num_labels": 2, "problem_type": "regression"},
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two image models and a text model with random weights, as a hub has them."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("hub")
    torch.manual_seed(0)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
             "intermediate_size": 16}  # fmt: skip
    vit = transformers.ViTConfig(**small, image_size=16, patch_size=8, num_labels=4)
    processor = {"image_processor_type": "ViTImageProcessor", "size": {"height": 16, "width": 16}}
    for name, kind in (("vit", "ViTForImageClassification"), ("plain", "ViTModel")):
        getattr(transformers, kind)(vit).save_pretrained(folder / name)
        (folder / name / "preprocessor_config.json").write_text(json.dumps(processor))
    for name, head in HEADS.items():
        bert = transformers.BertConfig(vocab_size=7, **small, **head)
        transformers.BertForSequenceClassification(bert).save_pretrained(folder / name)
        vocabulary = folder / name / "vocab.txt"
        vocabulary.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\none\ntwo\n")
        transformers.BertTokenizer(str(vocabulary)).save_pretrained(folder / name)
    return folder


def test_models_of_transformers(
    hub: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A classifier gives what its last layer is given, and probabilities; a plain model pools."""
    monkeypatch.chdir(tmp_path)
    for name in ("vit", "plain"):
        out = tmp_path / f"{name}.safetensors"
        assert main(["embed", str(images), "-o", str(out), "--model", str(hub / name)]) == 0
        assert open_pool(out).read("features").shape == (7, 16)
    probs = open_pool(tmp_path / "vit.safetensors").read("probs")
    assert probs.shape == (7, 4)
    import transformers

    model = transformers.ViTForImageClassification.from_pretrained(hub / "vit").eval()
    features = open_pool(tmp_path / "vit.safetensors").read("features")
    with torch.inference_mode():
        again = model.classifier(features).softmax(1)
    np.testing.assert_allclose(again, probs, atol=1e-5)
    assert "probs" not in open_pool(tmp_path / "plain.safetensors")


def test_a_text_classifier_of_transformers(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Padding changes nothing: a batch of two lengths gives what each text alone gives."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("words\none\none two two two\n")
    arguments = ["embed", "t.csv", "--text", "words", "--model", str(hub / "bert")]
    assert main([*arguments, "-o", "two.safetensors"]) == 0
    assert main([*arguments, "-o", "one.safetensors", "--batch", "1"]) == 0
    pools = [open_pool(tmp_path / f"{name}.safetensors") for name in ("two", "one")]
    for key in ("features", "probs"):
        np.testing.assert_allclose(*(pool.read(key) for pool in pools), atol=1e-5)
    with safe_open(tmp_path / "one.safetensors", framework="pt") as file:
        assert file.metadata()["model"] == str(hub / "bert")


def test_a_head_of_labels_or_numbers_is_read_as_its_problem_type(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Labels get a sigmoid each, one output is a number, and the metadata say which task it is."""
    import transformers

    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("words\none\none two two two\ntwo\n")
    arguments = ["embed", "t.csv", "--text", "words", "--batch", "1"]
    tasks = {"bert": "classification", "labels": "multilabel", "number": "regression"}
    for name, task in tasks.items():
        out = f"{name}.safetensors"
        assert main([*arguments, "--model", str(hub / name), "-o", out]) == 0
        with safe_open(tmp_path / out, framework="pt") as file:
            assert file.metadata()["task"] == task
            said = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        model = transformers.AutoModelForSequenceClassification.from_pretrained(hub / name).eval()
        with torch.inference_mode():
            logits = model.classifier(said["features"])
        expected = {
            "classification": ("probs", logits.softmax(1)),
            "multilabel": ("probs", logits.sigmoid()),
            "regression": ("mean", logits),
        }[task]
        assert set(said) == {"features", expected[0]}
        np.testing.assert_allclose(said[expected[0]], expected[1], atol=1e-5)
    capsys.readouterr()
    assert main([*arguments, "--model", str(hub / "numbers"), "-o", "n.safetensors"]) == 2
    assert "predicts 2 numbers for an item" in capsys.readouterr().err


def test_a_single_logit_is_that_of_the_second_class(tmp_path: Path) -> None:
    """Its probability is a sigmoid's, not a softmax of one column, which is always 1."""
    embed(texts(5), Encoder("mine", one_logit), tmp_path / "p.safetensors")
    probs = open_pool(tmp_path / "p.safetensors").read("probs")
    np.testing.assert_allclose(probs[:, 0], 1 / (1 + np.exp(-np.arange(5.0))), rtol=1e-6)


def one_logit(items: list[Any]) -> tuple[torch.Tensor, torch.Tensor]:
    rows = torch.tensor([[float(item.split()[1])] for item in items])
    return rows, rows
