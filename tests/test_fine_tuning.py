"""Text models that are fine-tuned, frozen or not: the contract, learning, and what is refused."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tiny_models import WORDS, encoder, reviews, save_tokenizer, texts_array
from uwe.data import Dataset
from uwe.errors import DataError, InputError
from uwe.learners import Measured, Stochastic, check_model, make_learner, model_kind
from uwe.learners.fine_tuning import FineTuning, tuning_of
from uwe.learners.texts.order import longest_first, shuffled_by_length
from uwe.learners.texts.tokens import Tokens, padded
from uwe.tasks import Task, classification, multilabel, regression
from uwe.testing import LearnerContract

transformers = pytest.importorskip("transformers")

ROWS = 36
QUICK = {"device": "cpu", "precision": "fp32", "epochs": 2}


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return encoder(tmp_path_factory.mktemp("models") / "bert")


@pytest.fixture(scope="module")
def distilbert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return encoder(tmp_path_factory.mktemp("models") / "distilbert", "DistilBert")


def labels_of(task: Task, y: np.ndarray) -> Any:
    """The classes of the texts as the labels of a task."""
    return {
        "classification": lambda: y,
        "multilabel": lambda: np.stack([y == 0, y != 1, y == 2], 1).astype(np.int8),
        "regression": lambda: np.round(10.0 * y + 100.0, 1),
    }[task.name]()


def dataset_of(task: Task | str = "classification", n: int = ROWS) -> Dataset:
    texts, y = reviews(n)
    made = classification(3) if task == "classification" else task
    assert isinstance(made, Task)
    pair = (texts_array(texts), labels_of(made, y))
    return Dataset.from_rows("reviews", pair, pair, task=made)


def learner_of(model: str, dataset: Dataset | None = None, **given: Any) -> Any:
    network = {
        name: given.pop(name) for name in ("epochs", "dropout", "precision") if name in given
    }
    return make_learner(model, dataset or dataset_of(), options=given, network={**QUICK, **network})


class TextContract(LearnerContract):
    """The tests of learners on texts."""

    options: ClassVar[dict[str, Any]] = {}
    kind = "Bert"
    task = classification(3)

    @pytest.fixture(autouse=True)
    def _model(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        place = tmp_path_factory.getbasetemp() / f"contract-{self.kind}"
        self.model = f"hf:{place}" if place.exists() else encoder(place, self.kind)

    def make(self) -> Any:
        return learner_of(self.model, dataset_of(self.task), **self.options)

    def data(self) -> tuple[Any, Any, Task]:
        texts, y = reviews(ROWS)
        return texts_array(texts), labels_of(self.task, y), self.task


class TestFineTuned(TextContract):
    """BERT with a head, all of it trained."""


class TestFineTunedDistilBert(TextContract):
    """DistilBERT, which has no pooler and no token types, pooled by its first token."""

    kind = "DistilBert"
    options: ClassVar[dict[str, Any]] = {"pooling": "cls"}


class TestFrozen(TextContract):
    """A head on frozen features."""

    options: ClassVar[dict[str, Any]] = {"frozen": True}


class TestSeveralLabels(TextContract):
    """Several labels a text."""

    task = multilabel(["good", "no", "where"])


class TestNumbers(TextContract):
    """A number for each text."""

    task = regression()


class TestFrozenNumbers(TextContract):
    """A number for each text, of frozen features."""

    task = regression()
    options: ClassVar[dict[str, Any]] = {"frozen": True}


@pytest.mark.parametrize("options", [{"learning_rate": 1e-3}, {"frozen": True}])
def test_it_learns_what_a_word_gives_away(bert: str, options: dict[str, Any]) -> None:
    """On new texts, a trained model is right far more often than by chance."""
    texts, y = reviews(120)
    learner = learner_of(bert, epochs=20, **options)
    model = learner.fit(texts_array(texts), y, task=classification(3), seed=1)
    others, wanted = reviews(90, seed=5)
    found = learner.predict(model, texts_array(others))
    assert np.mean(found.logits.argmax(1).numpy() == wanted) > 0.75


def test_two_seeds_differ(bert: str) -> None:
    """Head, order and dropout follow the seed, so another seed gives another model."""
    texts, y = reviews(ROWS)
    learner, x = learner_of(bert), texts_array(texts)
    one, other = (
        learner.predict(learner.fit(x, y, task=classification(3), seed=seed), x) for seed in (1, 2)
    )
    assert not torch.equal(one.logits, other.logits)


def test_the_body_learns_unless_it_is_frozen(bert: str) -> None:
    """Features change with the training where the body is trained, and stay where it is not."""
    texts, y = reviews(ROWS)
    x, task = texts_array(texts), classification(3)
    for frozen in (False, True):
        learner = learner_of(bert, frozen=frozen, learning_rate=1e-3)
        few, all_ = (
            learner.predict(learner.fit(x[:k], y[:k], task=task, seed=1), x).features
            for k in (6, ROWS)
        )
        assert torch.equal(few, all_) == frozen


def test_pooled_features_are_those_of_the_pretrained_model(bert: str) -> None:
    """Frozen features are the mean of the model's own token vectors, padding left out."""
    texts, y = reviews(6)
    learner = learner_of(bert, frozen=True)
    model = learner.fit(texts_array(texts), y, task=classification(3), seed=1)
    found = learner.predict(model, texts_array(texts)).features
    folder = bert.removeprefix("hf:")
    own = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    for text, row in zip(texts, found, strict=True):
        with torch.inference_mode():
            hidden = own(**tokenizer(text, return_tensors="pt")).last_hidden_state
        torch.testing.assert_close(row, hidden[0].mean(0), rtol=1e-4, atol=1e-5)


def test_a_frozen_body_computes_each_text_once(bert: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training and passes of later cycles ask the body about new texts only."""
    from uwe.models.bodies import TextBody

    asked: list[int] = []
    forward = TextBody.forward

    def counted(self: TextBody, tokens: torch.Tensor) -> torch.Tensor:
        asked.append(tokens.shape[1])
        return forward(self, tokens)

    monkeypatch.setattr(TextBody, "forward", counted)
    texts, y = reviews(30)
    learner, x = learner_of(bert, frozen=True), texts_array(texts)
    learner.predict(learner.fit(x[:10], y[:10], task=classification(3), seed=1), x)
    first = len(asked)
    learner.predict(learner.fit(x[:20], y[:20], task=classification(3), seed=1), x[::-1])
    assert len(asked) == first > 0


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_frozen_features_do_not_depend_on_the_batch(bert: str, precision: str) -> None:
    """A text has the same features to the last bit alone and among others, in any order."""
    texts, y = reviews(40)
    x, task = texts_array(texts), classification(3)
    whole, parts = (learner_of(bert, frozen=True, precision=precision) for _ in range(2))
    model = whole.fit(x[:10], y[:10], task=task, seed=1)
    for part in (x[3:4], x[::-1][:11]):
        parts.predict(model, part)
    assert torch.equal(whole.predict(model, x).features, parts.predict(model, x).features)


def test_each_text_is_divided_into_tokens_once(bert: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs and passes reuse the tokens."""
    divided: list[str] = []
    of = Tokens._divided

    def counted(self: Tokens, texts: list[str]) -> list[bytes]:
        divided.extend(texts)
        return of(self, texts)

    monkeypatch.setattr(Tokens, "_divided", counted)
    texts, y = reviews(20)
    learner = learner_of(bert)
    model = learner.fit(texts_array(texts), y, task=classification(3), seed=1)
    learner.with_batch(3).predict(model, texts_array(texts))
    assert sorted(divided) == sorted(set(texts))


def test_a_warm_start_keeps_the_body(bert: str) -> None:
    """Without a step of training, a warm start changes the head alone."""
    texts, y = reviews(ROWS)
    x, task = texts_array(texts), classification(3)
    learner = learner_of(bert, epochs=1, learning_rate=1e-30)
    model = learner.fit(x, y, task=task, seed=1)
    warm = learner.fit_from(model, x, y, task=task, seed=2, perturb_seed=3)
    before, after = learner.predict(model, x), learner.predict(warm, x)
    torch.testing.assert_close(before.features, after.features)
    assert not torch.allclose(before.logits, after.logits)


def test_a_frozen_model_on_disk_is_the_head_alone(bert: str, tmp_path: Path) -> None:
    """A frozen body is not written with each model."""
    texts, y = reviews(6)
    sizes = {}
    for frozen in (False, True):
        learner = learner_of(bert, frozen=frozen)
        model = learner.fit(texts_array(texts), y, task=classification(3), seed=1)
        learner.save(model, tmp_path / f"{frozen}.safetensors")
        sizes[frozen] = (tmp_path / f"{frozen}.safetensors").stat().st_size
    assert sizes[True] < 4 * 3 * 33 + 500 < sizes[False]


def test_a_learner_that_is_sent_to_a_worker_predicts_the_same(bert: str) -> None:
    """A pickled learner has no tokens or features in it, and gives the same predictions."""
    texts, y = reviews(12)
    x = texts_array(texts)
    for frozen in (False, True):
        learner = learner_of(bert, frozen=frozen)
        model = learner.fit(x, y, task=classification(3), seed=1)
        before = len(pickle.dumps(learner_of(bert, frozen=frozen)))
        other = pickle.loads(pickle.dumps(learner))
        assert len(pickle.dumps(learner)) < 1.5 * before + 1000
        again = other.predict(other.fit(x, y, task=classification(3), seed=1), x)
        assert torch.equal(again.logits, learner.predict(model, x).logits)


def test_its_abilities_are_known(bert: str) -> None:
    """Both learners make passes and know their memory; the settings name what decides."""
    for frozen in (False, True):
        learner = learner_of(bert, frozen=frozen, dropout=0.3)
        assert isinstance(learner, Stochastic)
        assert isinstance(learner, Measured)
        settings_ = learner.settings
        assert settings_["model"] == bert
        assert settings_["dropout"] == 0.3
        assert settings_["recipe"]["optimizer"] == "adamw"
        assert settings_["recipe"]["clip"] == 1.0
        assert len(settings_["pretrained weights"]) == len(settings_["tokenizer"]) == 32
        assert settings_["max_length"] == 64  # all that the model takes
        assert settings_.get("frozen", False) is frozen


def test_use_changes_no_settings(bert: str) -> None:
    """A tokenizer remembers how it was called; two runs of one learner have the same settings."""
    texts, y = reviews(6)
    for frozen in (False, True):
        learner = learner_of(bert, frozen=frozen)
        before = dict(learner.settings)
        learner.predict(learner.fit(texts_array(texts), y, task=classification(3), seed=1),
                        texts_array(texts))  # fmt: skip
        assert (
            dict(learner.settings) == before == dict(pickle.loads(pickle.dumps(learner)).settings)
        )


def test_other_weights_are_other_settings(tmp_path: Path) -> None:
    """A folder whose weights have changed is not taken for the same model."""
    first = learner_of(encoder(tmp_path / "m")).settings
    encoder(tmp_path / "m", seed=1)
    assert learner_of(f"hf:{tmp_path / 'm'}").settings != first


def test_texts_that_are_cut_are_counted_once(bert: str, caplog: pytest.LogCaptureFixture) -> None:
    """The log says how many texts are longer than is read, and the rest of them decides nothing."""
    texts = ["good", "good " * 30 + "bad", "good " * 30 + "film", "bad"]
    dataset = Dataset.from_rows("long", (texts_array(texts), np.array([0, 1, 0, 1])))
    with caplog.at_level(logging.WARNING, "uwe"):
        learner = learner_of(bert, dataset, max_length=8)
        model = learner.fit(dataset.train.x, dataset.train.y, task=dataset.task, seed=1)
        found = learner.predict(model, dataset.train.x)
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "2 of 4 texts are longer than 8 tokens; the rest of them is not read. --model-option "
        "max_length=N reads more"
    ]
    assert torch.equal(found.logits[1], found.logits[2])


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=90),
    batch=st.integers(1, 9),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=50)
def test_every_row_is_in_one_batch(lengths: list[int], batch: int, seed: int) -> None:
    """Both orders hold each row once, in batches that are full but for the last of a group."""
    rng = torch.Generator().manual_seed(seed)
    for batches in (shuffled_by_length(lengths, batch, rng), longest_first(lengths, batch)):
        rows = np.concatenate(batches)
        assert sorted(rows.tolist()) == list(range(len(lengths)))
        assert max(map(len, batches)) <= batch
        assert len(batches) == -(-len(lengths) // batch)


def test_batches_of_like_length_waste_little() -> None:
    """Sorted groups need far fewer places than batches in random order."""
    lengths = np.random.default_rng(0).integers(1, 100, 800)
    rng = torch.Generator().manual_seed(0)
    places = sum(lengths[rows].max() * len(rows) for rows in shuffled_by_length(lengths, 16, rng))
    at_random = sum(lengths[at : at + 16].max() * 16 for at in range(0, 800, 16))
    assert places - lengths.sum() < 0.3 * (at_random - lengths.sum())


def test_the_order_differs_by_epoch_and_not_by_chance() -> None:
    """A generator gives other batches in the next epoch, and the same ones for the same seed."""
    lengths = [3] * 40
    first, second = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    one = [rows.tolist() for rows in shuffled_by_length(lengths, 4, first)]
    assert one == [rows.tolist() for rows in shuffled_by_length(lengths, 4, second)]
    assert one != [rows.tolist() for rows in shuffled_by_length(lengths, 4, first)]


def test_padding_is_masked() -> None:
    """A row that is filled up has the padding's token and a mask of 0 there."""
    ids, mask = padded([np.array([4], np.int32), np.array([5, 6, 7], np.int32)], padding=9)
    assert ids.tolist() == [[4, 9, 9], [5, 6, 7]]
    assert mask.tolist() == [[1, 0, 0], [1, 1, 1]]


def test_rates_by_default() -> None:
    """A body is trained carefully, a head on frozen features is not."""
    rates = [
        FineTuning(frozen=frozen).training(kind, 3).learning_rate
        for kind in ("texts", "images")
        for frozen in (False, True)
    ]
    assert rates == [2e-5, 1e-2, 1e-4, 1e-2]
    training = FineTuning(warm_up=0.5).training("texts", epochs=4)
    assert training.rate(2) == training.learning_rate
    assert training.rate(1) < training.rate(2) > training.rate(3) > training.rate(3.9) > 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rate": 1}, "unknown option of model hf:m 'rate'"),
        ({"batch": "0"}, "--model-option of hf:m: batch must be at least 1, not 0"),
        ({"frozen": "maybe"}, "--model-option of hf:m: frozen must be True or False, not 'maybe'"),
        ({"pooling": "max"}, "--model-option of hf:m: unknown pooling 'max'"),
        ({"learning_rate": 0}, "--model-option of hf:m: learning rate must be above 0, not 0"),
        ({"warm_up": 1}, "--model-option of hf:m: warm up must be at least 0 and below 1, not 1"),
    ],
)
def test_an_odd_option_is_refused(options: dict[str, Any], told: str) -> None:
    """Names, types and ranges of options are checked before anything is loaded."""
    with pytest.raises(InputError) as caught:
        tuning_of("hf:m", options)
    assert told in str(caught.value)


def test_an_option_of_texts_is_refused_for_images() -> None:
    """Images have no tokens."""
    with pytest.raises(InputError, match="--model-option pooling is for texts, and hf:m is given"):
        tuning_of("hf:m", {"pooling": "cls"}, "images")


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("hf:", "hf: needs a name of the hub or a folder"),
        ("hf:./missing", "the folder missing is not there"),
        ("hf:a/b/c", "the folder a/b/c is not there"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(model: str, told: str) -> None:
    """What can be told by the name alone is told at once."""
    assert model_kind(model) == "pretrained"
    with pytest.raises(InputError) as caught:
        check_model(model, {}, {})
    assert told in str(caught.value)


def test_options_of_other_networks_are_refused() -> None:
    """There is one recipe."""
    with pytest.raises(InputError, match="--recipe is not used by model hf:bert; leave it out"):
        check_model("hf:bert", {}, {"recipe": "fast"})


def refusal(model: str, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        learner_of(model, **options)
    told = str(caught.value)
    assert "\n" not in told
    return told


def without(*names: str) -> Callable[[Path], None]:
    def remove(folder: Path) -> None:
        for name in names:
            (folder / name).unlink(missing_ok=True)

    return remove


def as_pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


def with_too_many_words(folder: Path) -> None:
    save_tokenizer(folder, [*WORDS, "more"])


def broken(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"broken")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (
            without("vocab.txt", "tokenizer.json", "tokenizer_config.json"),
            "has no tokenizer (none of tokenizer.json, vocab.txt, vocab.json)",
        ),
        (as_pickle, "has its weights in pytorch_model.bin, a pickle, which could run code"),
        (without("model.safetensors"), "has no weights (model.safetensors)"),
        (without("config.json"), "holds no config.json"),
        (with_too_many_words, "has 22 tokens, but the model has 21"),
        (broken, "cannot load model hf:"),
    ],
)
def test_a_folder_that_lacks_something_is_refused(
    damage: Callable[[Path], None], told: str, tmp_path: Path
) -> None:
    """One line says what is missing and what to do; a pickle is never opened."""
    model = encoder(tmp_path / "m")
    damage(tmp_path / "m")
    assert told in refusal(model)


@pytest.mark.parametrize(
    ("kind", "sizes", "told"),
    [
        ("GPT2", {"n_embd": 16, "n_layer": 1, "n_head": 2}, "is of type gpt2, a decoder"),
        (
            "T5",
            {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2},
            "is of type t5, an encoder with a decoder",
        ),
        ("ViT", {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
                 "intermediate_size": 16}, "is of type vit, made for something else"),
    ],
)  # fmt: skip
def test_a_model_that_is_no_encoder_of_texts_is_refused(
    kind: str, sizes: dict[str, int], told: str, tmp_path: Path
) -> None:
    """Decoders, models of two parts and networks for images are named as such."""
    config = getattr(transformers, f"{kind}Config")(**sizes)
    getattr(transformers, f"{kind}Model")(config).save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    assert f"{told}; for texts give an encoder, such as BERT" in refusal(f"hf:{tmp_path}")


def test_a_checkpoint_without_all_weights_is_refused(tmp_path: Path) -> None:
    """Weights that would be drawn at random are named."""
    model = encoder(tmp_path / "m")
    more = transformers.BertConfig.from_pretrained(tmp_path / "m", num_hidden_layers=3)
    more.save_pretrained(tmp_path / "m")
    assert "parts of BertModel, such as encoder.layer.2." in refusal(model)


def test_a_name_of_the_hub_without_the_hub_is_one_line() -> None:
    """Nothing is downloaded in tests, so a model that is not in the cache cannot be had."""
    told = refusal("hf:nobody/no-such-model")
    assert "model hf:nobody/no-such-model is no folder here, is not in the cache of the hub" in told


def test_more_tokens_than_the_model_takes_are_refused(bert: str) -> None:
    """The default is cut to what the model takes; a number that is asked for is not."""
    assert "max_length is 100, but model" in refusal(bert, max_length=100)
    assert learner_of(bert).tokens.limit == 64


def test_rows_of_numbers_are_refused(bert: str) -> None:
    """The line names the option that gives texts."""
    x = np.zeros((4, 2), dtype=np.float32)
    dataset = Dataset.from_rows("numbers", (x, np.array([0, 1, 0, 1])))
    with pytest.raises(InputError, match="learns from texts \\(name their column with --text\\)"):
        learner_of(bert, dataset)


def test_a_text_without_tokens_is_named(tmp_path: Path) -> None:
    """A tokenizer without marks gives no token for an empty text, so there are no features."""
    model = encoder(tmp_path / "m")
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {word: at for at, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    plain = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(tmp_path / "m")
    dataset = Dataset.from_rows(
        "gap", (texts_array(["good", "", "bad", "fine"]), np.array([0, 1, 0, 1]))
    )
    learner = learner_of(model, dataset)
    with pytest.raises(DataError, match="the text '' has no tokens"):
        learner.fit(dataset.train.x, dataset.train.y, task=dataset.task, seed=1)


SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
         "intermediate_size": 64, "max_position_embeddings": 64}  # fmt: skip


def saved(folder: Path, kind: str, **sizes: Any) -> str:
    """A tiny encoder of another architecture, with the tokenizer of the others."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(vocab_size=len(WORDS) + 5, **sizes)
    getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)
    save_tokenizer(folder)
    return f"hf:{folder}"


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("FNet", {name: of for name, of in SMALL.items() if name != "num_attention_heads"}),
        ("ConvBert", {**SMALL, "embedding_size": 32}),
    ],
)
def test_an_encoder_that_reads_padding_is_refused(
    kind: str, sizes: dict[str, int], frozen: bool, tmp_path: Path
) -> None:
    """A body that gives a text other features beside longer texts is named, not trained."""
    told = refusal(saved(tmp_path, kind, **sizes), frozen=frozen)
    assert f"of type {kind.lower()}, mixes padding into its features" in told


def test_an_encoder_that_needs_more_than_tokens_is_refused(tmp_path: Path) -> None:
    """A model whose forward pass takes no tokens is refused in one line."""
    model = saved(
        tmp_path, "Perceiver", num_latents=4, d_latents=16, d_model=32, num_blocks=1,
        num_self_attends_per_block=1, num_self_attention_heads=2, num_cross_attention_heads=2,
        max_position_embeddings=64,
    )  # fmt: skip
    assert "of type perceiver, does not read tokens alone: " in refusal(model)


def test_an_encoder_that_calls_its_pooler_without_asking_learns(tmp_path: Path) -> None:
    """SqueezeBERT has a pooler in every forward pass; it is left out of the model on disk."""
    groups = dict.fromkeys(
        ["q_groups", "k_groups", "v_groups", "post_attention_groups", "intermediate_groups",
         "output_groups"], 1
    )  # fmt: skip
    learner = learner_of(saved(tmp_path, "SqueezeBert", **SMALL, **groups, embedding_size=32))
    texts, y = reviews(6)
    model = learner.fit(texts_array(texts), y, task=classification(3), seed=1)
    assert learner.predict(model, texts_array(texts)).logits.shape == (6, 3)
    assert not any("pooler" in name for name in model.state_dict())


@pytest.mark.parametrize("kind", ["Bert", "DistilBert"])
def test_predictions_do_not_depend_on_the_batch(kind: str, tmp_path: Path) -> None:
    """A fine-tuned model says the same of a text alone and filled up beside longer ones."""
    texts, y = reviews(ROWS)
    learner = learner_of(encoder(tmp_path, kind))
    model = learner.fit(texts_array(texts), y, task=classification(3), seed=1)
    together = learner.predict(model, texts_array(texts))
    alone = learner.with_batch(1).predict(model, texts_array(texts))
    torch.testing.assert_close(alone.logits, together.logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(alone.features, together.features, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n", [1, 3, 50])
def test_features_of_equal_rows_are_not_blown_up(n: int) -> None:
    """Rows that differ by rounding alone leave the scale of other rows as it is."""
    from uwe.models.tuned import Standardised

    row = torch.randn(1, 768, generator=torch.Generator().manual_seed(0))
    standardised = Standardised(768)
    standardised.measure(row.repeat(n, 1))
    assert standardised(row + 1).abs().max() < 2
