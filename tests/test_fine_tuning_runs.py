"""Fine-tuned models in runs and projects: resumed runs, images, and what a command refuses."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import uwe
from tiny_models import encoder, image_network, reviews, texts_array
from uwe import _settings
from uwe.cli import main
from uwe.data import Dataset
from uwe.errors import InputError
from uwe.learners import make_learner
from uwe.tasks import classification
from uwe.testing import LearnerContract

pytest.importorskip("transformers")

NAMES = ("praise", "blame", "question")


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return encoder(tmp_path_factory.mktemp("models") / "bert")


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> str:
    return image_network(tmp_path_factory.mktemp("models") / "vit", side=8)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of texts with their classes."""
    path = tmp_path_factory.mktemp("data") / "reviews.csv"
    texts, y = reviews(120)
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["id", "words", "label"])
        named = [NAMES[of] for of in y.tolist()]
        ids = [f"r{at}" for at in range(len(texts))]
        writer.writerows(zip(ids, texts, named, strict=True))
    return path


def arguments(table: Path, model: str, results: Path, **more: str) -> list[str]:
    given = {"--text": "words", "--model": model, "--budgets": "12,24,36", "--epochs": "2",
             "--device": "cpu", "--precision": "fp32", "--results": str(results)}  # fmt: skip
    given |= {f"--{name.replace('_', '-')}": value for name, value in more.items()}
    return ["run", str(table), "--no-report", *(f"{name}={value}" for name, value in given.items())]


@pytest.mark.parametrize("options", [(), ("--model-option=frozen=true",)])
def test_a_resumed_run_equals_an_uninterrupted_one(
    bert: str,
    table: Path,
    options: tuple[str, ...],
    tmp_path: Path,
    outcome: Callable[[Path], dict[str, object]],
) -> None:
    """A run that stops after a cycle and goes on in new learners gives the same bytes."""
    assert main([*arguments(table, bert, tmp_path / "whole"), *options]) == 0
    assert main([*arguments(table, bert, tmp_path / "parts", cycles="1"), *options]) == 0
    assert main([*arguments(table, bert, tmp_path / "parts"), *options]) == 0
    assert outcome(tmp_path / "parts") == outcome(tmp_path / "whole")


@pytest.mark.parametrize("strategy", ["bald", "badge", "coreset", "margin"])
def test_every_kind_of_strategy_has_what_it_needs(
    bert: str, table: Path, strategy: str, tmp_path: Path
) -> None:
    """Passes with dropout, gradients, features and probabilities are given."""
    given = arguments(table, bert, tmp_path, strategy=strategy, budgets="12,24")
    assert main([*given, "--option=mc_passes=3"] if strategy == "bald" else given) == 0


def test_two_processes_share_the_work(
    bert: str, table: Path, tmp_path: Path, outcome: Callable[[Path], dict[str, object]]
) -> None:
    """Learners that are sent to worker processes give the bytes of a single process."""
    given = {"seeds": "1,2", "budgets": "12,24"}
    assert main(arguments(table, bert, tmp_path / "one", **given)) == 0
    assert main(arguments(table, bert, tmp_path / "two", jobs="2", **given)) == 0
    assert outcome(tmp_path / "two") == outcome(tmp_path / "one")


def test_the_record_names_what_decides(bert: str, table: Path, tmp_path: Path) -> None:
    """Weights, tokenizer and options are in the record, and the epochs in the files' names."""
    given = arguments(table, bert, tmp_path, budgets="12,24", epochs="3")
    assert main([*given, "--model-option=pooling=cls"]) == 0
    records = [json.loads(path.read_text()) for path in tmp_path.rglob("*ne3*.json")]
    found = [each["settings"] for each in records if "pretrained weights" in str(each)]
    assert found
    for each in found:
        assert each["pooling"] == "cls"
        assert each["epochs"] == 3
        assert each["recipe"]["optimizer"] == "adamw"


def test_a_model_of_words_still_gets_tf_idf(table: Path, bert: str) -> None:
    """One table is read in two ways, by the model that learns from it."""
    given: dict[str, Any] = {"text": "words", "label": "label"}
    assert uwe.load_dataset(str(table), **given).train.x.dtype == np.float32
    rows = uwe.load_dataset(str(table), **given, text_rows="texts").train.x
    assert all(isinstance(text, str) for text in rows)


def test_a_run_of_an_object_of_texts(bert: str, tmp_path: Path) -> None:
    """A data set from Python whose rows are texts needs no column."""
    texts, y = reviews(60)
    pair = (texts_array(texts), y)
    dataset = Dataset.from_rows("mine", pair, pair, classes=NAMES)
    experiment = uwe.Experiment(
        "mine", model=bert, epochs=1, budgets=(6, 12), results=tmp_path, device="cpu"
    )
    assert len(uwe.run(experiment, dataset=dataset)[0].accuracy) == 2


def test_a_project_learns_from_the_texts_themselves(
    bert: str, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """uwe init, next and tell with a model of the hub; another process goes on with it."""
    pool = tmp_path / "pool.csv"
    texts, y = reviews(60)
    with pool.open("w", newline="") as out:
        csv.writer(out).writerows([["id", "words"], *([f"r{at}", text] for at, text in
                                                      enumerate(texts))])  # fmt: skip
    folder = str(tmp_path / "p.uwe")
    given = ["--text", "words", "--model", bert, "--epochs", "2", "--classes", ",".join(NAMES),
             "--strategy", "uwe"]  # fmt: skip
    assert main(["init", folder, str(pool), *given]) == 0
    for _ in range(2):
        assert main(["next", folder, "-k", "12", "-o", str(tmp_path / "picks.csv")]) == 0
        with (tmp_path / "picks.csv").open(newline="") as file:
            picked = [row["id"] for row in csv.DictReader(file)]
        assert len(picked) == 12
        with (tmp_path / "answers.csv").open("w", newline="") as out:
            answers = [[each, NAMES[y[int(each[1:])]]] for each in picked]
            csv.writer(out).writerows([["id", "label"], *answers])
        assert main(["tell", folder, str(tmp_path / "answers.csv")]) == 0
        (tmp_path / "picks.csv").unlink()
    capsys.readouterr()
    project = uwe.Project.open(folder)
    assert project.train()
    assert project.settings.model == bert
    assert set(project.predict().labels) <= set(NAMES)


def test_a_project_of_a_list_of_texts(bert: str, tmp_path: Path) -> None:
    """A pool from Python is read as it is, too."""
    texts, y = reviews(30)
    project = uwe.Project(tmp_path / "p", texts, bert, classes=NAMES, network={"epochs": 1})
    rows = [int(each) for each in project.ask(9)]
    project.tell(rows, [NAMES[y[row]] for row in rows])
    assert project.train()


def small_images(n: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Dark, grey and bright images of 8 x 8 pixels."""
    y = np.arange(n) % 3
    noise = np.random.default_rng(0).integers(0, 40, (n, 8, 8, 3))
    return (noise + 90 * y[:, None, None, None]).astype(np.uint8), y


def image_learner(model: str, **options: Any) -> Any:
    x, y = small_images()
    dataset = Dataset.from_arrays("shades", (x, y), (x, y))
    return make_learner(model, dataset, options=options,
                        network={"device": "cpu", "precision": "fp32", "epochs": 2})  # fmt: skip


class ImageContract(LearnerContract):
    """The tests of learners on images."""

    frozen = False

    @pytest.fixture(autouse=True)
    def _model(self, vit: str) -> None:
        self.model = vit

    def make(self) -> Any:
        return image_learner(self.model, frozen=self.frozen)

    def data(self) -> tuple[Any, Any, Any]:
        return *small_images(36), classification(3)


class TestFineTunedImages(ImageContract):
    """A vision transformer, all of it trained."""


class TestFrozenImages(ImageContract):
    """A head on features of a vision transformer."""

    frozen = True


@pytest.mark.parametrize("frozen", [False, True])
def test_efficientnet_is_fine_tuned_and_keeps_its_statistics(frozen: bool) -> None:
    """The backbone of 'uwe label' is a model, too; few images do not change its BatchNorms."""
    pytest.importorskip("efficientnet_lite_pytorch")
    x, y = small_images()
    big = x.repeat(4, 1).repeat(4, 2)
    dataset = Dataset.from_arrays("shades", (big, y), (big, y))
    learner = make_learner("efficientnet-lite0", dataset, options={"frozen": frozen},
                           network={"device": "cpu", "epochs": 4})  # fmt: skip
    model = learner.fit(big, y, task=dataset.task, seed=1)
    found = learner.predict(model, big)
    assert found.features is not None
    assert found.features.shape == (24, 1280)
    if not frozen:
        from uwe.models.efficientnet import load_efficientnet

        before, after = load_efficientnet().state_dict(), model.state_dict()
        for name in (each for each in before if "running" in each):
            np.testing.assert_array_equal(before[name], after[f"body.network.{name}"])
        assert not np.array_equal(before["_conv_stem.weight"],
                                  after["body.network._conv_stem.weight"])  # fmt: skip
    else:
        assert np.mean(found.logits.argmax(1).numpy() == y) > 0.9


def test_grey_images_are_repeated_to_three_channels(vit: str) -> None:
    """An image of one channel is predicted as the same image in three equal channels."""
    x, y = small_images()
    grey = x[..., :1]
    learners = [
        make_learner(vit, Dataset.from_arrays("g", (each, y), (each, y)),
                     options={"frozen": True}, network={"device": "cpu", "epochs": 1})
        for each in (grey, grey.repeat(3, 3))
    ]  # fmt: skip
    features = [
        learner.predict(learner.fit(each, y, task=classification(3), seed=1), each).features
        for learner, each in zip(learners, (grey, grey.repeat(3, 3)), strict=True)
    ]
    np.testing.assert_allclose(features[0], features[1], rtol=1e-5, atol=1e-6)


def test_a_network_without_its_statistics_is_refused(vit: str, tmp_path: Path) -> None:
    """How images are normalised is not guessed."""
    shutil.copytree(vit.removeprefix("hf:"), tmp_path / "v")
    (tmp_path / "v" / "preprocessor_config.json").unlink()
    with pytest.raises(InputError, match="does not say how images are normalised"):
        image_learner(f"hf:{tmp_path / 'v'}")


def test_an_encoder_of_texts_is_refused_for_images(bert: str) -> None:
    """The line names the type that is there and a type that fits."""
    with pytest.raises(InputError, match="is of type bert, made for something else; for images"):
        image_learner(bert)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--model-option=speed=1"], "unknown option of model hf:"),
        (["--recipe=fast"], "--recipe is not used by model hf:"),
        (["--compile"], "--compile is not used by model hf:"),
        (["--model-option=max_length=900"], "max_length is 900, but model hf:"),
    ],
)
def test_a_command_refuses_in_one_line(
    bert: str,
    table: Path,
    more: list[str],
    told: str,
    tmp_path: Path,
    stopped: Callable[..., str],
) -> None:
    """Nothing is written before it is known that the model can be trained."""
    assert told in stopped([*arguments(table, bert, tmp_path / "r"), *more])
    assert not (tmp_path / "r").exists()


def test_a_table_of_numbers_is_refused(bert: str, tmp_path: Path, stopped: Any) -> None:
    """The line says which option names the texts."""
    (tmp_path / "n.csv").write_text("a,label\n" + "\n".join(f"{n},{n % 2}" for n in range(40)))
    given = ["run", str(tmp_path / "n.csv"), "--model", bert, "--budgets", "4,8",
             "--results", str(tmp_path / "r")]  # fmt: skip
    assert "learns from texts (name their column with --text) or images" in stopped(given)


def test_efficientnet_reads_no_texts(table: Path, tmp_path: Path, stopped: Any) -> None:
    """A network for images is refused on a column of texts."""
    told = stopped(arguments(table, "efficientnet-lite0", tmp_path / "r"))
    assert "model efficientnet-lite0 learns from images" in told


def test_every_option_has_a_line_of_documentation() -> None:
    """The page of models names each option of a model that is fine-tuned."""
    from uwe.learners.fine_tuning import FineTuning

    page = (Path(__file__).parent.parent / "docs" / "models.md").read_text()
    for each, _ in _settings.documented(FineTuning):
        assert f"`{each.name}" in page


def test_a_project_finds_its_model_from_any_folder(
    bert: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that was named below the working folder is found from another one."""
    here, elsewhere = Path(bert.removeprefix("hf:")).parent, tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "pool.csv").write_text("id,words\na,good film\nb,bad film\nc,which film\n")
    monkeypatch.chdir(here)
    folder = str(tmp_path / "p.uwe")
    given = ["--text", "words", "--model", "hf:bert", "--epochs", "1", "--classes", "yes,no"]
    assert main(["init", folder, str(tmp_path / "pool.csv"), *given]) == 0
    monkeypatch.chdir(elsewhere)
    project = uwe.Project.open(folder)
    project.tell(["a", "b"], ["yes", "no"])
    assert project.train()
    assert project.settings.model == f"hf:{(here / 'bert').resolve()}"
