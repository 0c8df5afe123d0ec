"""Whole experiments: what is measured, of which model, from how many passes."""

from __future__ import annotations

import csv
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import uwe
from uwe.data.labelled_rows import load_labelled_rows
from uwe.learners import TorchLearner, resolve_precision
from uwe.models import ModelSpec, build_model
from uwe.tasks.classification import accuracy, mean_cross_entropy

BUDGETS = (10, 16, 24)


def experiment(results: Path, **changes) -> uwe.Experiment:
    given = {
        "strategy": "uwe",
        "budgets": BUDGETS,
        "model": "small",
        "epochs": 2,
        "pool_size": 80,
        "test_size": 40,
        "threads": 1,
        "device": "cpu",
        "keep_predictions": "all",
    }
    return uwe.Experiment("digits", results=results, **{**given, **changes})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[uwe.Result, Path]:
    results = tmp_path_factory.mktemp("finished")
    [result] = uwe.run(experiment(results))
    return result, results / "digits"


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The number of rows of every pass that is made."""
    rows: list[int] = []
    predict = TorchLearner.predict

    def counted(self, model, x, **options):
        rows.append(len(x))
        return predict(self, model, x, **options)

    predict_passes = TorchLearner.predict_passes

    def counted_passes(self, model, x, **options):
        rows.append(len(x))
        return predict_passes(self, model, x, **options)

    monkeypatch.setattr(TorchLearner, "predict", counted)
    monkeypatch.setattr(TorchLearner, "predict_passes", counted_passes)
    return rows


def tensor(folder: Path, pattern: str) -> torch.Tensor:
    [path] = folder.rglob(pattern)
    [value] = load_file(path).values()
    return value


def queries(folder: Path, cycle: int) -> list[dict[str, str]]:
    [path] = (folder / "uwe" / "query").glob(f"*_cycle{cycle}_query.csv")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def initial(folder: Path) -> list[int]:
    [path] = (folder / "initialize").glob("*_init_lb.csv")
    with path.open(newline="") as file:
        return [int(line["idx"]) for line in csv.DictReader(file)]


def test_one_pass_over_the_pool_a_cycle(tmp_path: Path, passes: list[int]) -> None:
    """Three trainings make three passes over the test rows and two over the pool of 80."""
    uwe.run(experiment(tmp_path))
    assert sorted(passes) == [40, 40, 40, 80, 80]


def test_dropout_passes_are_part_of_the_one_pass(tmp_path: Path, passes: list[int]) -> None:
    """BALD asks for one pass of its own in every cycle, whatever the number of dropout passes."""
    uwe.run(experiment(tmp_path, strategy="bald", options={"mc_passes": 7}))
    assert sorted(passes) == [40, 40, 40, 80, 80, 80]


def test_every_row_is_bought_once(finished) -> None:
    """Initial rows and queries are distinct, and as many as the budgets say."""
    _, folder = finished
    bought = [initial(folder), *([int(q["idx"]) for q in queries(folder, c)] for c in (1, 2))]
    assert [len(rows) for rows in bought] == [10, 6, 8]
    assert len({row for rows in bought for row in rows}) == 24


@pytest.mark.parametrize("cycle", [1, 2])
def test_the_columns_are_of_the_model_before_the_purchase(finished, cycle: int) -> None:
    """Losses and the accuracy of the query follow from the logits that decided it."""
    result, folder = finished
    data = uwe.load_dataset("digits", pool_size=80, test_size=40)
    logits = tensor(folder / "uwe", f"*_cycle{cycle}_trlogits.safetensors")
    asked = [[int(q["idx"]) for q in queries(folder, c)] for c in range(1, cycle + 1)]
    labelled = np.concatenate([initial(folder), *asked])
    rest = np.setdiff1d(np.arange(80), labelled)
    row, y = result.rows[cycle], data.train.y
    bought = np.array(asked[-1])
    assert row["tr_loss"] == pytest.approx(mean_cross_entropy(logits, y))
    assert row["lb_loss"] == pytest.approx(mean_cross_entropy(logits[labelled], y[labelled]))
    assert row["unlb_loss"] == pytest.approx(mean_cross_entropy(logits[rest], y[rest]))
    assert row["q_loss"] == pytest.approx(mean_cross_entropy(logits[bought], y[bought]))
    assert row["q_accuracy"] == pytest.approx(accuracy(logits[bought], y[bought]))
    assert row["n_labeled"] == BUDGETS[cycle]


@pytest.mark.parametrize("cycle", [0, 1, 2])
def test_the_test_accuracy_is_of_the_new_model(finished, cycle: int) -> None:
    """The saved model of a cycle, loaded again, has the accuracy that the table gives it."""
    result, folder = finished
    data = uwe.load_dataset("digits", pool_size=80, test_size=40)
    where = "uwe/train/*_cycle{}_model" if cycle else "initialize/*_model"
    [path] = folder.glob(where.format(cycle) + ".safetensors")
    model = build_model(ModelSpec("small", 10, (8, 8, 1)))
    model.load_state_dict(load_file(path))
    x = torch.from_numpy(data.test.x).permute(0, 3, 1, 2).float() / 255
    mean, std = data.preparation.mean[0], data.preparation.std[0]
    with torch.inference_mode():
        logits, _ = model.eval()((x - mean) / std)
    assert result.rows[cycle]["te_accuracy"] == accuracy(logits, data.test.y)


def test_row_0_is_the_cycle_0_model_over_the_whole_pool(finished) -> None:
    """query_time 0; q_accuracy and q_loss over every pool row, by the cycle-0 model."""
    result, folder = finished
    data = uwe.load_dataset("digits", pool_size=80, test_size=40)
    logits = tensor(folder / "initialize", "*_trlogits.safetensors")
    first = result.rows[0]
    assert first["query_time"] == 0
    assert first["q_accuracy"] == pytest.approx(accuracy(logits, data.train.y))
    assert (
        first["q_loss"]
        == first["tr_loss"]
        == pytest.approx(mean_cross_entropy(logits, data.train.y))
    )


def test_a_query_file_says_what_is_known_of_each_pick(finished) -> None:
    """rank, row, true label, predicted label, id and uncertainty of the model that decided."""
    _, folder = finished
    data = uwe.load_dataset("digits", pool_size=80, test_size=40)
    logits = tensor(folder / "uwe", "*_cycle2_trlogits.safetensors")
    scores = tensor(folder / "uwe", "*_cycle2_trentropy.safetensors")
    for rank, line in enumerate(queries(folder, 2)):
        row = int(line["idx"])
        assert int(line["rank"]) == rank
        assert int(line["label"]) == data.train.y[row]
        assert int(line["pred"]) == logits[row].argmax()
        assert line["id"] == data.ids[row]
        assert float(line["uncertainty"]) == scores[row].item()


def test_the_record_says_with_what_a_run_was_made(finished) -> None:
    """Settings, data fingerprint, versions, hardware and threads."""
    _, folder = finished
    [path] = (folder / "uwe").glob("*_muwe.json")
    record = json.loads(path.read_text())
    data = uwe.load_dataset("digits", pool_size=80, test_size=40)
    assert record["settings"]["data fingerprint"] == data.fingerprint
    assert record["settings"]["option uncertainty"] == "entropy"
    assert record["fixed"]["threads"] == 1
    assert record["environment"]["versions"]["torch"] == torch.__version__
    assert record["environment"]["processor"]


def test_strategies_do_not_disturb_each_other(finished, tmp_path: Path) -> None:
    """A run gives the same picks alone, after others, and for another strategy's seed."""
    result, _ = finished
    several = [experiment(tmp_path, strategy=name) for name in ("random", "badge", "uwe")]
    *_, again = uwe.run(several)
    assert [row["te_loss"] for row in again.rows] == [row["te_loss"] for row in result.rows]


def test_seeds_have_files_of_their_own(tmp_path: Path) -> None:
    """Initial rows carry the seed in their name, and differ."""
    uwe.run([experiment(tmp_path, seed=seed, cycles=0) for seed in (1, 2)])
    files = sorted((tmp_path / "digits" / "initialize").glob("*_init_lb.csv"))
    assert [file.name for file in files] == [
        f"digits_s{seed}_bid10-16-24_init_lb.csv" for seed in (1, 2)
    ]
    assert files[0].read_text() != files[1].read_text()


def test_the_supervised_model_is_trained_on_every_label(tmp_path: Path) -> None:
    """The upper bound has one row, with the whole pool labelled."""
    result = uwe.supervise(experiment(tmp_path))
    assert result.labels.tolist() == [80]
    assert result.rows[0]["unlb_loss"] is None
    assert uwe.supervise(experiment(tmp_path)).rows == result.rows


def test_bald_without_dropout_says_so(tmp_path: Path) -> None:
    """At rate 0 the passes use 0.2, and the log says it; at another rate it is the model's."""
    uwe.run(experiment(tmp_path / "none", strategy="bald", cycles=1))
    uwe.run(experiment(tmp_path / "some", strategy="bald", cycles=1, dropout=0.3))
    logs = [next((tmp_path / each).rglob("*_mbald.log")).read_text() for each in ("none", "some")]
    assert "rate of 0.2" in logs[0]
    assert "rate of" not in logs[1]


def test_the_log_says_where_the_time_went(finished) -> None:
    """Training, pool pass, representation and selection, writing."""
    _, folder = finished
    text = next((folder / "uwe").glob("*.log")).read_text()
    for part in ("training", "pool pass", "representation", "selection", "writing"):
        assert f"{part}" in text
    assert not logging.getLogger("uwe").handlers


def test_a_cycle_says_where_its_time_went(tmp_path: Path) -> None:
    """One line of each cycle names all parts, and the journal holds those of the query."""
    level = logging.getLogger("uwe").level
    uwe.run(experiment(tmp_path))
    [log] = (tmp_path / "digits" / "uwe").glob("*.log")
    lines = [line for line in log.read_text().splitlines() if "representation" in line]
    assert len(lines) == 2
    for part in ("training", "pool pass", "representation", "selection", "test pass", "writing"):
        assert all(f"{part} " in line for line in lines)
    [path] = (tmp_path / "digits" / "uwe").glob("*.journal.jsonl")
    asked = [json.loads(line) for line in path.read_text().splitlines() if '"queried"' in line]
    facts = asked[-1]["facts"]
    parts = facts["representation_seconds"] + facts["selection_seconds"]
    assert facts["query_time"] == pytest.approx(parts)
    assert logging.getLogger("uwe").level == level


def test_the_log_says_what_auto_chose(tmp_path: Path) -> None:
    """The first line of a run gives precision, threads and batches."""
    uwe.run(experiment(tmp_path, cycles=0))
    [log] = tmp_path.rglob("*_alc0_*.log")
    first = log.read_text().splitlines()[0]
    chosen = resolve_precision("auto", torch.device("cpu"))
    assert f"1 threads, small, device cpu, precision {chosen}" in first
    assert re.search(r"batches of \d+ in training and \d+ in passes", first)


def test_auto_stays_with_what_the_record_says(tmp_path: Path) -> None:
    """A run that began in bf16 resumes in bf16 on any machine, and another choice is refused."""
    uwe.run(experiment(tmp_path, precision="bf16", cycles=1))
    uwe.run(experiment(tmp_path, precision="auto"))
    [path] = tmp_path.rglob("*_muwe.json")
    assert json.loads(path.read_text())["settings"]["precision"] == "bf16"
    with pytest.raises(uwe.RunError, match="precision is 'bf16' there and 'fp32' here"):
        uwe.run(experiment(tmp_path, precision="fp32"))


def own_data(seed: int = 0) -> uwe.Dataset:
    rng = np.random.default_rng(seed)
    train, test = (
        (rng.integers(0, 255, (n, 12, 10, 3), dtype=np.uint8), np.arange(n, dtype=np.int32) % 3)
        for n in (30, 12)
    )
    return uwe.Dataset.from_arrays("mine", train, test)


def own_experiment(results: Path, **changes) -> uwe.Experiment:
    given = {"budgets": (3, 6), "model": "small", "epochs": 1, "strategy": "badge"}
    return uwe.Experiment("mine", results=results, **{**given, **changes})


def test_a_data_set_of_ones_own(tmp_path: Path) -> None:
    """Two arrays a split are enough; other pixels under the same name are refused."""
    [result] = uwe.run(own_experiment(tmp_path), dataset=own_data())
    assert result.labels.tolist() == [3, 6]
    with pytest.raises(uwe.RunError, match="data fingerprint is"):
        uwe.run(own_experiment(tmp_path), dataset=own_data(seed=1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"image_size": 8}, "image_size is not used"), ({"data_dir": "/"}, "data_dir is not used")],
)
def test_what_a_given_data_set_does_not_use_is_refused(tmp_path, changes, message) -> None:
    """Nothing may say how to load what is not loaded."""
    with pytest.raises(uwe.InputError, match=message):
        uwe.run(own_experiment(tmp_path, **changes), dataset=own_data())


def test_a_given_data_set_must_be_the_one_that_is_named(tmp_path: Path) -> None:
    """Files carry one name and settings the other; they must be equal."""
    with pytest.raises(uwe.InputError, match=r"'digits'.*'mine'"):
        uwe.run(experiment(tmp_path, pool_size=None, test_size=None), dataset=own_data())


def test_a_network_wants_images(tmp_path: Path) -> None:
    """Rows that are no images are refused by their data set's name, and nothing is written."""
    iris = load_labelled_rows("sklearn:iris")
    network = uwe.Experiment("iris", budgets=(6, 12), model="small", results=tmp_path / "r")
    with pytest.raises(uwe.DataError, match="rows of iris are no images"):
        uwe.run(network, dataset=iris)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": "1"}, "seed must be a whole number"),
        ({"epochs": 1.5}, "epochs must be a whole number"),
        ({"budgets": (20.7, 40)}, "budgets must be whole numbers"),
        ({"budgets": 20}, "budgets must be whole numbers"),
    ],
)
def test_an_experiment_takes_whole_numbers(tmp_path, changes, message: str) -> None:
    """Nothing is rounded in silence."""
    with pytest.raises(uwe.InputError, match=message):
        experiment(tmp_path, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preparation": uwe.Preparation((0.5,), (0.2,))}, "3 channels, but 1 means"),
        (
            {"test": uwe.Split(np.zeros((2, 4, 4, 3), np.uint8), np.full(2, 0.5))},
            "must be whole numbers",
        ),
        ({"ids": ("a",)}, "1 ids for 30"),
    ],
)
def test_a_data_set_that_does_not_fit_is_refused(changes, message: str) -> None:
    """Types, channels and lengths are checked when the data set is made."""
    with pytest.raises(uwe.DataError, match=message):
        replace(own_data(), **changes)


def test_a_pool_cut_to_one_class_is_refused() -> None:
    """The first rows of sorted data hold one class: nothing could be learnt from them."""
    x, y = np.zeros((9, 4, 4, 1), np.uint8), np.arange(9) // 3
    data = uwe.Dataset.from_arrays("sorted", (x, y), (x, y))
    with pytest.raises(uwe.InputError, match="first 3 rows of the pool are all of class '0'"):
        data.limited(3, None)
    assert len(data.limited(4, None).train) == 4


def test_the_transformer_runs_like_any_model(tmp_path: Path) -> None:
    """A whole run with a transformer of random weights, BALD's passes through its dropout."""
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32,
        image_size=32, patch_size=16,
    )  # fmt: skip
    transformers.ViTModel(config, add_pooling_layer=False).save_pretrained(tmp_path / "vit")
    given = experiment(
        tmp_path / "results", strategy="bald", model="vit", image_size=32, cycles=1,
        vit_weights=str(tmp_path / "vit"), pool_size=30, test_size=20, epochs=1,
    )  # fmt: skip
    [result] = uwe.run(given)
    assert result.labels.tolist() == [10, 16]


def test_another_cycle_0_under_a_run_is_refused(tmp_path: Path) -> None:
    """A run does not go on from a cycle-0 model that it did not begin with."""
    uwe.run(experiment(tmp_path, cycles=1))
    [model] = (tmp_path / "digits" / "initialize").glob("*_model.safetensors")
    model.write_bytes(model.read_bytes()[:-1] + b"\x01")
    with pytest.raises(uwe.RunError, match="does not match the model recorded in its journal"):
        uwe.run(experiment(tmp_path))


def test_losses_in_pieces_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss of many rows of many classes, of which a part is copied at once, is the mean."""
    from uwe.experiment import steps
    from uwe.oracle import simulated
    from uwe.pool import Pool
    from uwe.predictions import Predictions
    from uwe.tasks import classification

    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 50)
    predictions = Predictions(torch.from_numpy(rng.normal(size=(50, 3))))
    oracle = simulated(classification(3), y, noise=0.0, seed=1)
    pool = Pool.untouched(50).answer_unasked(np.arange(7), y[:7])
    whole = steps._losses(oracle, predictions, pool, np.arange(7))
    monkeypatch.setattr(steps, "_AT_ONCE", 16)
    assert steps._losses(oracle, predictions, pool, np.arange(7)) == pytest.approx(whole)
