"""What a cycle costs, and what that may not change: precision, batches, memory, warm starts."""

from __future__ import annotations

import copy
import json
import logging
import re
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import uwe
from uwe._types import Stage
from uwe.cli import main
from uwe.cli.display import Display
from uwe.data import ImageRows, Preparation, load_dataset
from uwe.learners import (
    TorchLearner,
    Training,
    fitted_batch,
    give_back_memory,
    memory,
    recipe_for,
    resolve_precision,
    shrink_and_perturb,
)
from uwe.learners import torch as learner_module
from uwe.learners.batches import batches, steps_in
from uwe.learners.recipes import optimizer_of
from uwe.models import Classifier, ModelSpec, build_model, folded, model_size
from uwe.pool import Pool
from uwe.runs.record import fixed_number
from uwe.strategies import Question

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits() -> uwe.Dataset:
    return load_dataset("digits", pool_size=120, test_size=60)


def learner(**changes) -> TorchLearner:
    given = {
        "spec": ModelSpec("small", 10, (8, 8, 1)),
        "training": Training(epochs=2, batch=32),
        "preparation": Preparation((0.3,), (0.4,)),
        "device": CPU,
        "inference_batch": 64,
    }
    return TorchLearner(**{**given, **changes})


def experiment(results: Path, **changes) -> uwe.Experiment:
    given = {
        "budgets": (10, 16, 24),
        "model": "small",
        "epochs": 2,
        "pool_size": 80,
        "test_size": 40,
        "threads": 1,
        "device": "cpu",
    }
    return uwe.Experiment("digits", results=results, **{**given, **changes})


def record_of(results: Path, what: str) -> dict:
    [path] = results.rglob(f"*_{what}.json")
    return json.loads(path.read_text())


def test_bf16_is_for_the_body_alone(digits) -> None:
    """Convolutions put out bf16; weights, the head's input, logits and features are float32."""
    ours = learner(precision="bf16")
    model = ours.fit(digits.train.x, digits.train.y, classes=10, seed=1)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    seen: dict[str, torch.dtype] = {}
    model.body.dense.register_forward_hook(lambda _m, _x, out: seen.update(body=out.dtype))
    model.head.register_forward_pre_hook(lambda _m, x: seen.update(head=x[0].dtype))
    said = ours.predict_passes(model, digits.test.x, passes=2, seed=0)
    assert seen == {"body": torch.bfloat16, "head": torch.float32}
    assert {said.logits.dtype, said.features.dtype, said.mc_logits.dtype} == {torch.float32}
    assert said.logits.softmax(1).sum(1).sub(1).abs().max() < 1e-6


def test_logits_of_bf16_are_not_rounded_to_bf16(digits) -> None:
    """They have more digits than bf16 holds, and are near those of float32."""
    model = learner().fit(digits.train.x, digits.train.y, classes=10, seed=1)
    full, half = (
        learner(precision=name).predict(model, digits.test.x).logits for name in ("fp32", "bf16")
    )
    assert not torch.equal(half, half.bfloat16().float())
    assert 0 < (full - half).abs().max() < 0.1


@pytest.mark.parametrize(("flags", "chosen"), [("avx2 avx512_bf16", "bf16"), ("avx2", "fp32")])
def test_auto_is_bf16_where_the_processor_has_it(monkeypatch, flags: str, chosen: str) -> None:
    """The flags of the processor decide."""
    monkeypatch.setattr(Path, "read_text", lambda *_args, **_kw: f"flags\t\t: fpu {flags}\n")
    assert resolve_precision("auto", CPU) == chosen
    assert resolve_precision("fp32", CPU) == "fp32"


def test_auto_stays_with_what_the_record_says(tmp_path: Path) -> None:
    """A run that was made in bf16 goes on in bf16 anywhere; another choice is refused."""
    uwe.run(experiment(tmp_path, precision="bf16", cycles=1))
    uwe.run(experiment(tmp_path, precision="auto"))
    assert record_of(tmp_path, "muwe")["settings"]["precision"] == "bf16"
    with pytest.raises(uwe.RunError, match="precision is 'bf16' there and 'fp32' here"):
        uwe.run(experiment(tmp_path, precision="fp32"))


def test_the_log_says_what_auto_chose(tmp_path: Path) -> None:
    """Precision, threads and batches stand in the first line of a run."""
    uwe.run(experiment(tmp_path, cycles=0))
    [log] = tmp_path.rglob("*_alc0_*.log")
    first = log.read_text().splitlines()[0]
    assert f"1 threads, small, device cpu, precision {resolve_precision('auto', CPU)}" in first
    assert re.search(r"batches of \d+ in training and \d+ in passes", first)


@pytest.mark.parametrize("name", ["small", "resnet18", "resnet50"])
def test_a_folded_network_says_the_same(name: str) -> None:
    """Its outputs agree within rounding, it has no BatchNorm left, and the model is as it was."""
    torch.manual_seed(0)
    model = build_model(ModelSpec(name, 10, (16, 16, 3)))
    model.train()(torch.randn(8, 3, 16, 16))  # running statistics of their own
    before = {key: value.clone() for key, value in model.state_dict().items()}
    x = torch.randn(4, 3, 16, 16)
    with torch.inference_mode():
        for ours, theirs in zip(folded(model)(x), model.eval()(x), strict=True):
            assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    kinds = {type(module).__name__ for module in folded(model).modules()}
    assert "BatchNorm2d" not in kinds
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_a_batch_is_what_fits_an_eighth_of_the_memory(monkeypatch) -> None:
    """Little memory makes it small, never less than one image; much does not make it endless."""
    size = model_size(ModelSpec("resnet18", 10, (32, 32, 3))).image_bytes
    assert size > 4 * 64 * 32 * 32  # one map of the first stage at least
    batch = {}
    for images in (0, 7, 70, 10**6):
        monkeypatch.setattr(memory, "_total_memory", lambda _, n=images: 8 * n * size)
        batch[images] = [
            fitted_batch((32, 32, 3), size, CPU, precision) for precision in ("fp32", "bf16")
        ]
    assert batch == {0: [1, 1], 7: [7, 7], 70: [70, 70], 10**6: [80, 256]}


def starve(monkeypatch: pytest.MonkeyPatch, most: int, error: type[Exception]) -> list[int]:
    """Let a pass run out of memory beyond ``most`` images; returns the sizes of all batches."""
    sizes: list[int] = []
    predict = Classifier.predict

    def starved(self, x, **options):
        sizes.append(len(x))
        if len(x) > most:
            raise error("can't allocate memory")
        return predict(self, x, **options)

    monkeypatch.setattr(Classifier, "predict", starved)
    return sizes


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, MemoryError])
def test_out_of_memory_halves_the_batch_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """It is recorded and logged, the run goes on, and later passes begin with what was recorded."""
    sizes = starve(monkeypatch, 20, error)
    [result] = uwe.run(experiment(tmp_path))
    assert result.labels.tolist() == [10, 16, 24]
    for what in ("alc0_*", "muwe"):
        [path] = tmp_path.rglob(f"*_{what}.json")
        batch = fixed_number(path, "inference_batch")
        assert 10 < batch <= 20
        assert f"to {batch} rows, and the record" in path.with_suffix(".log").read_text()
    too_large = [size for size in sizes if size > 20]
    assert len(too_large) == 2 * 5  # from 512 to 16 in each of the two runs; later passes know


def test_a_recorded_batch_is_taken_from_the_record(tmp_path, monkeypatch) -> None:
    """A run that was halved goes on with the halved batch where memory would suffice."""
    with monkeypatch.context() as patch:
        starve(patch, 20, MemoryError)
        uwe.run(experiment(tmp_path, cycles=1))
    [path] = tmp_path.rglob("*_muwe.json")
    batch = fixed_number(path, "inference_batch")
    sizes = starve(monkeypatch, 10**6, MemoryError)
    uwe.run(experiment(tmp_path))
    assert max(sizes) == batch


def test_an_image_that_does_not_fit_is_an_error(tmp_path, monkeypatch) -> None:
    """One line that says what to do, after halving down to one image."""
    sizes = starve(monkeypatch, 0, MemoryError)
    with pytest.raises(uwe.RunError, match="a single row does not fit the memory of cpu"):
        uwe.run(experiment(tmp_path))
    assert sizes[-1] == 1


def test_training_that_does_not_fit_is_an_error(tmp_path, monkeypatch) -> None:
    """The recipe's batch is not halved in silence."""

    def forward(self, x):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Classifier, "forward", forward)
    with pytest.raises(uwe.RunError, match="training batches of 32 images do not fit"):
        uwe.run(experiment(tmp_path))


def test_images_come_in_order_from_a_file(tmp_path: Path) -> None:
    """Read by one thread of its own, two batches ahead, from memory that cannot be written."""
    whole = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 1), dtype=np.uint8)
    np.save(tmp_path / "x.npy", whole)
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    parts = list(batches(x, steps_in(50, 8), CPU))
    assert [len(part) for part in parts] == [8] * 6 + [2]
    assert np.array_equal(torch.cat(parts).numpy(), whole)


def test_what_a_reader_meets_is_raised(tmp_path: Path) -> None:
    """An image that cannot be read ends the pass, and no thread stays behind."""
    rows = ImageRows(np.zeros((3, 2, 2, 1), np.uint8), np.array([0, 5]))
    threads = threading.active_count()
    with pytest.raises(IndexError, match="index 5"):
        list(batches(rows, steps_in(2, 1), CPU))
    assert threading.active_count() == threads


def test_training_on_rows_of_a_file_is_training_on_a_copy(digits) -> None:
    """The same bits, whether images are copied first or read batch by batch."""
    rows = np.array([5, 3, 77, 20, 11, 8])
    copied, read = (
        learner().fit(x, digits.train.y[rows], classes=10, seed=1).state_dict()
        for x in (digits.train.x[rows], ImageRows(digits.train.x, rows))
    )
    assert all(torch.equal(copied[key], read[key]) for key in copied)
    assert ImageRows(digits.train.x, rows).nbytes == digits.train.x[rows].nbytes


def test_the_fast_recipe_rises_and_falls_to_zero() -> None:
    """From a tenth of the rate to the whole at a fifth of the way, then to zero."""
    recipe = recipe_for("resnet18", epochs=10, batch=256, recipe="fast")
    share = [recipe.rate(epoch) / recipe.learning_rate for epoch in (0, 1, 2, 6, 10)]
    assert share == pytest.approx([0.1, 0.55, 1.0, 0.5, 0.0])
    assert recipe.smoothing > 0
    with pytest.raises(uwe.InputError, match="'fast' is not made for model 'vit'"):
        recipe_for("vit", epochs=10, batch=64, recipe="fast")


def test_the_fast_recipe_crops_half_as_far(digits, monkeypatch) -> None:
    """Of the data set's padding the recipe takes a share, rounded up; nothing else changes."""
    seen = []
    whole = learner_module.augmented
    monkeypatch.setattr(
        learner_module, "augmented", lambda x, how, rng: seen.append(how) or whole(x, how, rng)
    )
    recipe = recipe_for("small", epochs=1, batch=64, recipe="fast")
    preparation = replace(digits.preparation, crop_padding=3)
    replace(learner(training=recipe), preparation=preparation).fit(
        digits.train.x[:64], digits.train.y[:64], classes=10, seed=1
    )
    assert seen == [replace(preparation, crop_padding=2)]
    paper = recipe_for("small", epochs=1, batch=64)
    assert paper.prepared(preparation) == preparation


def test_a_schedule_moves_within_an_epoch(digits, monkeypatch) -> None:
    """The rate is set for every batch."""
    asked = []
    rate = Training.rate
    monkeypatch.setattr(Training, "rate", lambda self, e: asked.append(e) or rate(self, e))
    ours = learner(training=Training(epochs=2, batch=60, schedule="one_cycle"))
    ours.fit(digits.train.x, digits.train.y, classes=10, seed=1)
    assert asked == [0, 0.5, 1, 1.5]


def test_warm_weights_are_shrunk_and_perturbed() -> None:
    """0.6 w + N(0, 0.01²), the same for the same seed; running statistics stay."""
    first, second, before = (build_model(ModelSpec("small", 10, (8, 8, 1))) for _ in range(3))
    first.body.maps[1].running_mean += 1.0
    for model in (second, before):
        model.load_state_dict(first.state_dict())
    shrink_and_perturb(first, seed=3)
    shrink_and_perturb(second, seed=3)
    old, new = (torch.cat([p.flatten() for p in m.parameters()]) for m in (before, first))
    noise = (new - 0.6 * old).detach()
    assert noise.std().item() == pytest.approx(0.01, rel=0.05)
    assert torch.equal(first.state_dict()["head.linear.weight"], second.head.linear.weight)
    assert (first.body.maps[1].running_mean == 1).all()


def test_a_warm_start_begins_with_the_last_cycle(tmp_path: Path, outcome) -> None:
    """Cycle 0 is from scratch as ever, later models differ, and a run in parts ends the same."""
    runs = {}
    for start, folder in (("scratch", "cold"), ("warm", "warm")):
        [runs[start]] = uwe.run(experiment(tmp_path / folder, start=start))
    cold, warm = ([row["te_loss"] for row in runs[start].rows] for start in ("scratch", "warm"))
    assert cold[0] == warm[0]
    assert all(a != b for a, b in zip(cold[1:], warm[1:], strict=True))
    uwe.run(experiment(tmp_path / "parts", start="warm", cycles=1))
    uwe.run(experiment(tmp_path / "parts", start="warm"))
    assert outcome(tmp_path / "parts") == outcome(tmp_path / "warm")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": "quick"}, "unknown recipe 'quick'"),
        ({"precision": "fp16"}, "unknown precision 'fp16'; did you mean 'bf16'"),
        ({"start": "hot"}, "unknown start 'hot'"),
    ],
)
def test_an_unknown_choice_is_an_error(tmp_path, changes, message: str) -> None:
    """It is named with what can be chosen."""
    with pytest.raises(uwe.InputError, match=message):
        experiment(tmp_path, **changes)


def test_compiling_is_asked_for_the_body_alone(digits, monkeypatch) -> None:
    """``torch.compile`` gets the body of each fresh network, and only if it is wanted."""
    asked: list[torch.nn.Module] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: asked.append(self))
    learner().fresh(seed=1)
    model = learner(compiled=True).fresh(seed=1)
    assert asked == [model.body]


def test_a_cycle_says_where_its_time_went(tmp_path: Path) -> None:
    """One line a cycle names all parts; the journal holds those of the query."""
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
    assert logging.getLogger("uwe").level == logging.NOTSET


def test_the_command_line_has_it_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Options reach the record; without ``--epochs`` the fast recipe takes 25."""
    given = (
        "run digits --strategy random --model small --pool-size 40 --test-size 20 --budgets 10,20 "
        "--recipe fast --precision bf16 --warm-start --jobs 2 --threads 1 --device cpu --results"
    )
    assert main([*given.split(), str(tmp_path)]) == 0
    capsys.readouterr()
    settings = record_of(tmp_path, "mrandom")["settings"]
    assert (settings["precision"], settings["start"], settings["epochs"]) == ("bf16", "warm", 25)
    assert settings["recipe"]["schedule"] == "one_cycle"
    assert main([*given.replace("--jobs 2", "--jobs 0").split(), str(tmp_path)]) == 2
    assert "jobs are 0" in capsys.readouterr().err


def test_a_query_tells_its_parts(digits) -> None:
    """The seconds of the representation and of the selection."""
    model = learner().fit(digits.train.x, digits.train.y, classes=10, seed=1)
    said = learner().predict(model, digits.train.x)
    question = Question(said, Pool.untouched(120), seed=1)
    picks = uwe.find_strategy("uwe").query(question, 5)
    assert list(picks.seconds) == ["representation", "selection"]
    assert min(picks.seconds.values()) > 0


def test_each_run_has_a_bar_of_its_own() -> None:
    """Stages of several runs do not overwrite each other; a cycle's end removes the run's bar."""
    display = Display()
    for run, done in (("a", 1), ("b", 2), ("a", 3)):
        display(Stage(run, 1, "train", done, 9))
    assert {task.description: task.completed for task in display._bars.tasks[1:]} == {
        "a, cycle 1: train": 3, "b, cycle 1: train": 2,
    }  # fmt: skip
    display(Stage("a", 1, "cycle", 2, 3))
    assert [task.description for task in display._bars.tasks[1:]] == ["b, cycle 1: train"]


def test_gradients_and_momenta_that_are_there_from_the_start_change_nothing() -> None:
    """A few steps end at the weights of torch's own optimizer, which makes them when needed."""
    training = Training(learning_rate=0.1)
    x = torch.randn(16, 5, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    ours = torch.nn.Linear(5, 3)
    theirs = copy.deepcopy(ours)
    textbook = torch.optim.SGD(
        theirs.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    optimizer = optimizer_of(training, ours)
    assert all(weight.grad is not None for weight in ours.parameters())
    assert len(optimizer.state) == 2
    for _ in range(4):
        for model, each, to_none in ((ours, optimizer, False), (theirs, textbook, True)):
            each.zero_grad(set_to_none=to_none)
            model(x).square().sum().backward()
            each.step()
    assert all(map(torch.equal, ours.parameters(), theirs.parameters()))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_pages_of_a_file_that_were_read_are_given_back(tmp_path: Path) -> None:
    """The process no longer holds them, a slice will do, and what is read stays the same."""

    def held_mb() -> int:
        status = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in status if line.startswith("RssFile")).split()[1]) // 1024

    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.integers(0, 256, (4096, 64, 64, 3), dtype=np.uint8))
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    before = held_mb()
    total = int(x.sum())
    assert held_mb() - before > 40
    give_back_memory(x[:100])
    assert held_mb() - before < 10
    assert int(x.sum()) == total
    give_back_memory(np.zeros((1, 2, 2, 3), np.uint8))
