"""Whole runs on masks and boxes: strategies, resuming, and what a pass is asked for."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import uwe
from dense_scenes import dataset
from uwe import journal
from uwe._tensors import read_tensors
from uwe.errors import InputError
from uwe.experiment import make_plan, prepare
from uwe.journal import Event, Queried

BUDGETS = (4, 7, 10)
OPTIONS = {
    "segmentation": ("unet", {"width": 8, "levels": 2, "least_steps": 1}),
    "detection": ("centernet", {"width": 8, "neck": 8, "least_steps": 1}),
}
SERVING = (
    "uwe", "coreset", "random", "entropy", "margin", "least_confident", "badge", "maxherding",
    "uherding", "typiclust", "auto",
)  # fmt: skip
REFUSED = ("bald", "bvsb", "bait", "probcover")
TIMES = ("time", "seconds", "memory", "digest")


def experiment(kind: str, results: Path, strategy: str = "uwe", **given: Any) -> uwe.Experiment:
    model, options = OPTIONS[kind]
    return uwe.Experiment(
        "scenes", strategy=strategy, budgets=BUDGETS, model=model, model_options=options, epochs=2,
        device="cpu", precision="fp32", threads=1, results=results, **given,
    )  # fmt: skip


def rows(result: uwe.Result) -> list[dict[str, Any]]:
    """What a run found, without times."""
    return [
        {key: value for key, value in row.items() if not any(each in key for each in TIMES)}
        for row in result.rows
    ]


def picked(results: Path) -> dict[str, list[str]]:
    """The rows of each query, by the name of its file."""
    found = {}
    for path in sorted(results.rglob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        if lines and "idx" in lines[0]:
            found[path.name] = [line["idx"] for line in lines]
    return found


def query_of(events: Sequence[Event], cycle: int) -> Queried:
    """The query of a cycle."""
    return next(each for each in events if isinstance(each, Queried) and each.cycle == cycle)


@pytest.mark.parametrize("kind", ["segmentation", "detection"])
@pytest.mark.parametrize("strategy", SERVING)
def test_a_strategy_runs_to_its_budget(kind: str, strategy: str, tmp_path: Path) -> None:
    """Each strategy that serves dense tasks queries until the last budget, and is measured."""
    if strategy == "typiclust":
        pytest.importorskip("sklearn")
    [result] = uwe.run(experiment(kind, tmp_path, strategy), dataset=dataset(kind))
    assert result.labels.tolist() == list(BUDGETS)
    assert "_ne2_" in result.table.name  # a network's runs are named by their epochs
    assert result.metric.name == ("miou" if kind == "segmentation" else "map50")
    assert all(0 <= value <= 1 for value in result.values)


@pytest.mark.parametrize("kind", ["segmentation", "detection"])
@pytest.mark.parametrize("strategy", REFUSED)
def test_another_strategy_is_refused_before_the_work(
    kind: str, strategy: str, tmp_path: Path
) -> None:
    """One line says that it does not serve the task; nothing is written."""
    with pytest.raises(InputError, match=f"strategy {strategy} does not serve {kind}") as raised:
        uwe.run(experiment(kind, tmp_path / "none", strategy), dataset=dataset(kind))
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("kind", ["segmentation", "detection"])
@pytest.mark.parametrize("strategy", ["uwe", "badge"])
def test_a_resumed_run_equals_an_uninterrupted_one(
    kind: str, strategy: str, tmp_path: Path
) -> None:
    """A run that stops after each cycle picks the same rows and finds the same numbers."""
    data = dataset(kind)
    [whole] = uwe.run(experiment(kind, tmp_path / "whole", strategy), dataset=data)
    for cycles in (0, 1, 2):
        stopped = experiment(kind, tmp_path / "parts", strategy, cycles=cycles)
        uwe.run(stopped, dataset=data)
    [resumed] = uwe.run(experiment(kind, tmp_path / "parts", strategy), dataset=data)
    assert rows(resumed) == rows(whole)
    assert picked(tmp_path / "parts") == picked(tmp_path / "whole")


def test_the_gradient_is_in_the_files_of_badge_alone(tmp_path: Path) -> None:
    """The shared cycle-0 pass has no gradient; badge makes a pass of its own, uwe does not."""
    data = dataset("segmentation")
    asked = [experiment("segmentation", tmp_path, name) for name in ("badge", "uwe")]
    badge, weighted = prepare(asked, dataset=data)
    uwe.run([badge, weighted])
    usual = {name for name in data.task.outputs if name != "gradient"}
    assert set(read_tensors(badge.cycle0_files.pool_logits(0))) == usual
    for cycle in (1, 2):
        assert set(read_tensors(badge.files.pool_logits(cycle))) == usual | {"gradient"}
        assert set(read_tensors(weighted.files.pool_logits(cycle))) == usual
    seconds = [query_of(journal.read(each.files.journal), 1).facts for each in (badge, weighted)]
    assert seconds[0]["pass_seconds"] > 0
    assert seconds[1]["pass_seconds"] == 0


def test_a_warm_start_goes_on_from_the_model_before(tmp_path: Path) -> None:
    """A training that starts from the weights of the cycle before ends elsewhere."""
    data = dataset("segmentation")
    warm = experiment("segmentation", tmp_path / "warm", warm_start=True)
    cold = experiment("segmentation", tmp_path / "cold")
    [one], [other] = uwe.run(warm, dataset=data), uwe.run(cold, dataset=data)
    assert rows(one)[0] == rows(other)[0]
    assert one.values[1:].tolist() != other.values[1:].tolist()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"weighting": "rank"}, "weighting 'rank' is not used"),
        ({"power": 2.0}, "power 2.0 is not used"),
        ({"temperature": 2.0}, "temperature"),
        ({"uncertainty": "bvsb"}, "has no measure 'bvsb'"),
    ],
)
def test_a_second_weighting_is_refused(options: Any, line: str, tmp_path: Path) -> None:
    """Places are weighted one by one; what weighs rows is refused with a line."""
    asked = experiment("segmentation", tmp_path, options=options)
    with pytest.raises(InputError, match=line):
        prepare([asked], dataset=dataset("segmentation"))


def test_the_measure_of_uwe_is_that_of_its_places(tmp_path: Path) -> None:
    """With margin, the embedding that is weighted by margins is read, and margins are recorded."""
    asked = experiment("detection", tmp_path, options={"uncertainty": "margin"})
    [prepared] = prepare([asked], dataset=dataset("detection"))
    assert prepared.strategy.needs.fields == {"margin", "weighted_margin"}
    assert prepared.strategy.measure_name == "margin"
    assert prepared.strategy.is_measured


def test_objectness_weighs_the_places_of_a_detector(tmp_path: Path) -> None:
    """With objectness, its own weighted embedding is read, and the run ends."""
    asked = experiment("detection", tmp_path, options={"uncertainty": "objectness"})
    [prepared] = prepare([asked], dataset=dataset("detection"))
    assert prepared.strategy.needs.fields == {"objectness", "weighted_objectness"}
    [result] = uwe.run(prepared)
    assert result.labels.tolist() == list(BUDGETS)
    masks = experiment("segmentation", tmp_path, options={"uncertainty": "objectness"})
    with pytest.raises(InputError, match="segmentation has no measure 'objectness'"):
        prepare([masks], dataset=dataset("segmentation"))


def test_full_train_measures_every_epoch(tmp_path: Path) -> None:
    """The table of a training has the headline metric after each epoch."""
    asked = experiment("segmentation", tmp_path, full_train=True, cycles=0)
    [prepared] = prepare([asked], dataset=dataset("segmentation"))
    uwe.run(prepared)
    with prepared.cycle0_files.training(0).open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 2
    assert all(0 <= float(line["te_miou"]) <= 1 for line in lines)


def test_the_plan_counts_what_dense_outputs_take(tmp_path: Path) -> None:
    """The bytes of the plan are those that are written, to a half; badge makes one pass more."""
    data = dataset("segmentation")
    asked = [experiment("segmentation", tmp_path, name) for name in ("badge", "uwe")]
    prepared = prepare(asked, dataset=data)
    first, badge, weighted = make_plan(prepared)
    assert badge.inference_rows == weighted.inference_rows + len(data.train)
    uwe.run(prepared)
    written = sum(path.stat().st_size for path in tmp_path.rglob("*.safetensors"))
    planned = sum(plan.disk_bytes for plan in (first, badge, weighted))
    assert 0.5 * planned < written < 1.5 * planned
