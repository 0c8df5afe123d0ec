"""Texts by models of the hub: pooled as they say, cut where they must be, never by chance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from uwe.cli import main
from uwe.embedder import Encoder, load_encoder
from uwe.errors import InputError
from uwe.pool_files import open_pool

transformers = pytest.importorskip("transformers")

SMALL: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
}  # fmt: skip
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "one", "two"]
TEXTS = ["one", "one two two one two"]
CPU = torch.device("cpu")


def tokenizer(folder: Path, **more: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    transformers.BertTokenizer(str(folder / "vocab.txt"), **more).save_pretrained(folder)


def bert(
    folder: Path, kind: str = "BertModel", *, vocabulary: Path | None = None, **more: Any
) -> Any:
    """A small model with random weights, and its tokenizer beside it."""
    torch.manual_seed(0)
    keywords = {"add_pooling_layer": False} if more.pop("without_pooler", False) else {}
    config = transformers.BertConfig(vocab_size=len(WORDS), **SMALL, **more)
    model = getattr(transformers, kind)(config, **keywords).eval()
    model.save_pretrained(folder)
    tokenizer(folder)
    return model


def hidden(model: Any, folder: Path, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """The vectors of all tokens, and the mask."""
    tokens = transformers.AutoTokenizer.from_pretrained(folder)(
        texts, padding=True, return_tensors="pt"
    )
    with torch.inference_mode():
        return model(**tokens).last_hidden_state, tokens["attention_mask"]


def mean(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return torch.stack([of[on.bool()].mean(0) for of, on in zip(states, mask, strict=True)])


@pytest.mark.parametrize("kind", ["BertForMaskedLM", "without"])
def test_a_model_without_a_pooler_is_pooled_by_the_mean(kind: str, tmp_path: Path) -> None:
    """Weights of a pooler that the checkpoint lacks are not drawn: two loads give one vector."""
    if kind == "without":
        model = bert(tmp_path / "m", without_pooler=True)
    else:
        model = bert(tmp_path / "m", kind).bert
    first, second = (load_encoder(str(tmp_path / "m"), "texts", device=CPU) for _ in range(2))
    features = first(TEXTS)[1]
    torch.testing.assert_close(features, second(TEXTS)[1], rtol=0, atol=0)
    torch.testing.assert_close(features, mean(*hidden(model, tmp_path / "m", TEXTS)))


def test_a_trained_pooler_is_used(tmp_path: Path) -> None:
    """A checkpoint with a pooler gives what the pooler gives."""
    model = bert(tmp_path / "m")
    tokens = transformers.AutoTokenizer.from_pretrained(tmp_path / "m")(
        TEXTS, padding=True, return_tensors="pt"
    )
    with torch.inference_mode():
        wanted = model(**tokens).pooler_output
    torch.testing.assert_close(
        load_encoder(str(tmp_path / "m"), "texts", device=CPU)(TEXTS)[1], wanted
    )


def rewrite(folder: Path, **changes: Any) -> None:
    """Change a model's configuration behind its weights."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_classifier_that_was_never_trained_gives_no_probabilities(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A head that the checkpoint lacks is not drawn at random; features stay, and it is said."""
    bert(tmp_path / "m")
    rewrite(tmp_path / "m", architectures=["BertForSequenceClassification"])
    (tmp_path / "t.csv").write_text("words\n" + "\n".join(TEXTS))
    arguments = [
        "embed",
        str(tmp_path / "t.csv"),
        "--text",
        "words",
        "--model",
        str(tmp_path / "m"),
    ]
    assert main([*arguments, "-o", str(tmp_path / "p.safetensors")]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "has no weights for its classifier (classifier.bias); the pool gets features and" in told
    pool = open_pool(tmp_path / "p.safetensors")
    assert "probs" not in pool
    assert "mean" not in pool
    assert pool.read("features").shape == (2, 16)


def test_a_head_of_another_width_gives_no_probabilities(tmp_path: Path) -> None:
    """A configuration of one label over weights of three: neither is guessed."""
    bert(tmp_path / "m", "BertForSequenceClassification", num_labels=3)
    rewrite(tmp_path / "m", id2label={"0": "a"}, label2id={"a": 0})
    encoder = load_encoder(str(tmp_path / "m"), "texts", device=CPU)
    assert encoder(TEXTS)[0] is None
    assert "no weights for its classifier" in encoder.notes[0]


@pytest.mark.parametrize("missing", ["encoder", "embeddings"])
def test_weights_that_matter_are_not_drawn(missing: str, tmp_path: Path) -> None:
    """A checkpoint that lacks a part of its network is refused with the part's name."""
    from safetensors.torch import load_file, save_file

    bert(tmp_path / "m")
    path = tmp_path / "m" / "model.safetensors"
    kept = {name: of for name, of in load_file(path).items() if not name.startswith(missing)}
    save_file(kept, path, metadata={"format": "pt"})
    with pytest.raises(
        InputError, match=rf"no weights for \d+ parts of BertModel, such as {missing}"
    ):
        load_encoder(str(tmp_path / "m"), "texts", device=CPU)


# sentence-transformers


def sentences(
    folder: Path, pooling: dict[str, Any], *, modules: tuple[str, ...] = (), inner: str = ""
) -> Any:
    """A folder as sentence-transformers writes it."""
    model = bert(folder / inner)
    kinds = ("Transformer", "Pooling", *modules)
    listed = [
        {"idx": at, "name": str(at), "path": inner if at == 0 else f"{at}_{kind}",
         "type": f"sentence_transformers.models.{kind}"}
        for at, kind in enumerate(kinds)
    ]  # fmt: skip
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return model


def last(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return torch.stack([of[int(on.sum()) - 1] for of, on in zip(states, mask, strict=True)])


def weighted(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    rows = []
    for of, on in zip(states, mask, strict=True):
        weights = torch.arange(1.0, int(on.sum()) + 1)
        rows.append((of[on.bool()] * weights[:, None]).sum(0) / weights.sum())
    return torch.stack(rows)


def largest(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return torch.stack([of[on.bool()].amax(0) for of, on in zip(states, mask, strict=True)])


def root(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return mean(states, mask) * mask.sum(1, keepdim=True).sqrt()


WANTED = {
    "cls_token": lambda states, _: states[:, 0],
    "mean_tokens": mean,
    "max_tokens": largest,
    "mean_sqrt_len_tokens": root,
    "weightedmean_tokens": weighted,
    "lasttoken": last,
}


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("mode", WANTED)
def test_a_folder_of_sentence_transformers_is_pooled_as_it_says(
    mode: str, normalised: bool, tmp_path: Path
) -> None:
    """Each of its poolings, with padding in the batch, with and without division by the length."""
    every = {f"pooling_mode_{name}": name == mode for name in WANTED}
    modules = ("Normalize",) if normalised else ()
    model = sentences(tmp_path / "m", {"word_embedding_dimension": 16, **every}, modules=modules)
    wanted = WANTED[mode](*hidden(model, tmp_path / "m", TEXTS))
    if normalised:
        wanted = wanted / wanted.norm(dim=1, keepdim=True)
    logits, features, *_ = load_encoder(str(tmp_path / "m"), "texts", device=CPU)(TEXTS)
    assert logits is None
    torch.testing.assert_close(features, wanted)


def test_several_poolings_stand_side_by_side(tmp_path: Path) -> None:
    """In the order of sentence-transformers: cls, max, mean; also from a folder 0_Transformer."""
    on = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True,
          "pooling_mode_max_tokens": True}  # fmt: skip
    model = sentences(tmp_path / "m", on, inner="0_Transformer")
    states, mask = hidden(model, tmp_path / "m" / "0_Transformer", TEXTS)
    wanted = torch.cat([states[:, 0], largest(states, mask), mean(states, mask)], 1)
    torch.testing.assert_close(
        load_encoder(str(tmp_path / "m"), "texts", device=CPU)(TEXTS)[1], wanted
    )


def test_the_newer_form_of_the_pooling_is_read(tmp_path: Path) -> None:
    """One key that names the pooling, as newer versions write it."""
    model = sentences(tmp_path / "m", {"pooling_mode": "lasttoken"})
    wanted = last(*hidden(model, tmp_path / "m", TEXTS))
    torch.testing.assert_close(
        load_encoder(str(tmp_path / "m"), "texts", device=CPU)(TEXTS)[1], wanted
    )


def test_small_letters_prompts_and_lengths_are_applied(tmp_path: Path) -> None:
    """do_lower_case, the default prompt and max_seq_length change what the model reads."""
    model = sentences(tmp_path / "m", {"pooling_mode_mean_tokens": True})
    told = {"max_seq_length": 5, "do_lower_case": True}
    (tmp_path / "m" / "sentence_bert_config.json").write_text(json.dumps(told))
    prompts = {"default_prompt_name": "query", "prompts": {"query": "two "}}
    (tmp_path / "m" / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    encoder = load_encoder(str(tmp_path / "m"), "texts", device=CPU)
    wanted = mean(*hidden(model, tmp_path / "m", ["two one", "two one two"]))
    torch.testing.assert_close(encoder(["ONE", "One two two two two"])[1], wanted)
    assert encoder.cut(["ONE", "One two two two two"]) == 1


@pytest.mark.parametrize(
    ("modules", "pooling", "words"),
    [
        (
            ("Dense",),
            {"pooling_mode_mean_tokens": True},
            "has the module Dense, which uwe",
        ),
        (("LayerNorm",), {"pooling_mode_mean_tokens": True}, "has the module LayerNorm"),
        ((), {"pooling_mode_median_tokens": True}, "names the pooling 'median'"),
        ((), {"pooling_mode_mean_tokens": False}, "names no pooling"),
    ],
)
def test_what_is_not_applied_is_refused(
    modules: tuple[str, ...], pooling: dict[str, Any], words: str, tmp_path: Path
) -> None:
    """A module or a pooling that is not known is named; nothing is left out in silence."""
    sentences(tmp_path / "m", pooling, modules=modules)
    with pytest.raises(InputError, match=words):
        load_encoder(str(tmp_path / "m"), "texts", device=CPU)


# lengths


def cut_by(encoder: Encoder, words: int) -> int:
    return encoder.cut([" ".join(["one"] * words)])


@pytest.mark.parametrize("told", ["tokenizer", "positions"])
def test_long_texts_are_cut_to_what_the_model_takes(
    told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the tokenizer's limit or the model's positions; how many were cut is said at the end."""
    model = bert(tmp_path / "m", max_position_embeddings=8 if told == "positions" else 512)
    tokenizer(tmp_path / "m", **({"model_max_length": 8} if told == "tokenizer" else {}))
    long = " ".join(["one", "two"] * 20)
    (tmp_path / "t.csv").write_text("words\n" + "\n".join(["one", long, "two", long]))
    arguments = [
        "embed",
        str(tmp_path / "t.csv"),
        "--text",
        "words",
        "--model",
        str(tmp_path / "m"),
    ]
    assert main([*arguments, "-o", str(tmp_path / "p.safetensors"), "--batch", "3"]) == 0
    told_words = " ".join(capsys.readouterr().err.split())
    assert f"2 texts were cut to the 8 tokens that model {tmp_path / 'm'} takes" in told_words
    assert "longer than the specified maximum" not in told_words
    pool = open_pool(tmp_path / "p.safetensors").read("features")
    tokens = transformers.AutoTokenizer.from_pretrained(tmp_path / "m")(
        [long], truncation=True, max_length=8, return_tensors="pt"
    )
    with torch.inference_mode():
        torch.testing.assert_close(pool[1:2], model(**tokens).pooler_output, atol=1e-5, rtol=1e-4)


def test_texts_that_just_fit_are_not_cut(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Six words and two special tokens fit into eight; seven do not, for any bytes."""
    bert(tmp_path / "m", max_position_embeddings=8)
    encoder = load_encoder(str(tmp_path / "m"), "texts", device=CPU)
    assert [cut_by(encoder, words) for words in (1, 6, 7, 50)] == [0, 0, 1, 1]
    assert encoder.limit == 8


def test_roberta_keeps_its_first_positions(tmp_path: Path) -> None:
    """Its positions begin behind the padding's, so that of 12 positions 10 can be used."""
    torch.manual_seed(0)
    config = transformers.RobertaConfig(
        vocab_size=len(WORDS), max_position_embeddings=12, pad_token_id=1, **SMALL
    )
    transformers.RobertaModel(config).save_pretrained(tmp_path / "m")
    tokenizer(tmp_path / "m")
    encoder = load_encoder(str(tmp_path / "m"), "texts", device=CPU)
    assert encoder.limit == 10
    assert torch.isfinite(encoder([" ".join(["one"] * 30)])[1]).all()


def gpt(folder: Path, kind: str = "GPT2Model", **more: Any) -> Any:
    """A model whose tokenizer has no token for padding."""
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=3, n_positions=16, n_embd=16, n_layer=1, n_head=2, bos_token_id=2,
        eos_token_id=2, **more,
    )  # fmt: skip
    model = getattr(transformers, kind)(config).eval()
    model.save_pretrained(folder)
    tokenizers = pytest.importorskip("tokenizers")
    own = tokenizers.Tokenizer(tokenizers.models.WordLevel({"one": 0, "two": 1, "<e>": 2}, "two"))
    own.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=own, eos_token="<e>").save_pretrained(
        folder
    )
    return model


def test_a_tokenizer_without_padding_is_given_one(tmp_path: Path) -> None:
    """Texts of two lengths in a batch give what each gives alone."""
    gpt(tmp_path / "m", "GPT2ForSequenceClassification", num_labels=3)
    encoder = load_encoder(str(tmp_path / "m"), "texts", device=CPU)
    together = encoder(["one", "one two two"])
    for row, text in enumerate(["one", "one two two"]):
        logits, features, *_ = encoder([text])
        assert together[0] is not None
        assert logits is not None
        torch.testing.assert_close(together[0][row], logits[0], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(together[1][row], features[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("texts", [["one", ""], ["", ""]])
def test_a_text_without_tokens_is_named(texts: list[str], tmp_path: Path) -> None:
    """An empty text has no mean over its tokens; a vector of zeros would be a lie."""
    gpt(tmp_path / "m")
    encoder = load_encoder(str(tmp_path / "m"), "texts", device=CPU)
    with pytest.raises(ValueError, match="the text '' has no tokens"):
        encoder(texts)


def test_no_code_of_a_checkpoint_is_run_and_nobody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configuration that names code of its own is refused without a question."""
    bert(tmp_path / "m")
    (tmp_path / "m" / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass C: ...\n")
    rewrite(
        tmp_path / "m", model_type="mine", auto_map={"AutoConfig": "evil.C", "AutoModel": "evil.C"}
    )

    def asked(*_: object) -> str:
        raise AssertionError("asked")

    monkeypatch.setattr("builtins.input", asked)
    with pytest.raises(InputError, match="cannot load model"):
        load_encoder(str(tmp_path / "m"), "texts", device=CPU)
    assert not (tmp_path / "ran").exists()


def test_features_of_one_text_do_not_depend_on_its_batch(tmp_path: Path) -> None:
    """With a mean over tokens, padding changes nothing."""
    bert(tmp_path / "m", without_pooler=True)
    encoder = load_encoder(str(tmp_path / "m"), "texts", device=CPU)
    alone = torch.cat([encoder([text])[1] for text in TEXTS])
    np.testing.assert_allclose(encoder(TEXTS)[1], alone, atol=1e-5)


def test_a_model_in_the_home_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A leading ~ of --model=~/net, which no shell expands, is the home folder."""
    bert(tmp_path / "net")
    capsys.readouterr()
    monkeypatch.setenv("HOME", str(tmp_path))
    encoder = load_encoder("~/net", "texts", device=torch.device("cpu"))
    assert encoder(["a"])[1].shape[0] == 1
    assert capsys.readouterr().err == ""
    with pytest.raises(InputError, match="--model is empty"):
        load_encoder(" ", "texts", device=torch.device("cpu"))
