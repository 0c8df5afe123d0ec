"""Tables, report and pictures of metrics that are no accuracy: other units, and less is better."""

from __future__ import annotations

import csv
import gzip
import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

import uwe
from uwe import journal
from uwe._tensors import write_tensors
from uwe.cli import main
from uwe.errors import DataError, InputError, RunError
from uwe.journal import Answered, Queried, Trained
from uwe.report import build_report, curve_lines, summary_csv, write_report
from uwe.report.artefacts import data_of
from uwe.report.comparison import compare
from uwe.report.curves import curves_svg
from uwe.report.document import DataTable, Figure, Gallery, Report
from uwe.report.evidence import gather
from uwe.report.sections.picks import _colours
from uwe.report.units import Unit
from uwe.runs import (
    RunName,
    columns_of,
    find_curves,
    find_runs,
    label_cell,
    metric_of,
    read_cycles,
    read_others,
    task_of,
    write_cycles,
)
from uwe.runs.record import open_record
from uwe.statistics import class_f1
from uwe.tasks import Task, classification, multilabel, regression

BUDGETS = (10, 20, 40)
SHIFTS = {1: 0.0, 2: 0.3, 3: -0.3}  # of a seed, in both strategies
SCATTER = {1: 0.0, 2: 0.1, 3: -0.1}  # of the good strategy alone
ERRORS = {
    (name, seed): [value + SHIFTS[seed] + (name == "good") * SCATTER[seed] for value in means]
    for name, means in (("good", (8.0, 4.0, 2.0)), ("random", (8.0, 6.0, 4.0)))
    for seed in (1, 2, 3)
}
"""RMSE whose areas over the logarithm of the labels are 4.5 and 6: a difference of -1.5."""

MILLIMETRES = regression(unit="mm")


def tables_of(report: Report) -> dict[str, DataTable]:
    blocks = [block for section in report.sections for block in section.blocks]
    tables = [block.table if isinstance(block, Figure) else block for block in blocks]
    found = [each for each in (*tables, *report.summary) if isinstance(each, DataTable)]
    return {table.name: table for table in found}


def records(table: DataTable) -> list[dict[str, Any]]:
    keys = [column.key for column in table.columns]
    return [dict(zip(keys, row, strict=True)) for row in table.rows]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """The error in one line, and nothing else on standard error."""
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "Traceback" not in error
    return error


def write_table(path: Path, columns: dict[str, list[float]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["n_labeled", *columns])
        writer.writerows(zip(BUDGETS, *columns.values(), strict=False))


def write_errors(folder: Path) -> Path:
    """Files of another program: RMSE of two strategies and three seeds."""
    for (name, seed), values in ERRORS.items():
        write_table(folder / f"{name}_s{seed}.csv", {"te_rmse": values})
    return folder


def write_run(
    folder: Path,
    method: str,
    seed: int,
    columns: dict[str, list[float]],
    *,
    task: dict[str, Any] | str | None,
    dataset: str = "made",
) -> RunName:
    """A run with a record that names its task."""
    name = RunName("run", dataset, "small", seed, 1, "10-20-40", method)
    files = name.files(folder)
    settings = {} if task is None else {"task": task}
    open_record(
        files.record, settings, experiment={}, fixed={}, name=name, measure="standard_deviation"
    )
    write_table(files.table, columns)
    return name


def write_regression(folder: Path) -> Path:
    for (name, seed), values in ERRORS.items():
        columns = {
            "te_rmse": values,
            "te_mae": [0.5 * value for value in values],
            "te_r2": [1 - value / 10 for value in values],
            "train_seconds": [1.0, 1.0, 1.0],
        }
        write_run(folder, name, seed, columns, task=MILLIMETRES.record)
    return folder


@pytest.fixture
def errors(tmp_path: Path) -> Path:
    """Runs of a regression in millimetres."""
    return write_regression(tmp_path / "runs")


def section(report: Any, title: str) -> str:
    """All text of a section."""
    [found] = [each for each in report.sections if each.title == title]
    return str(found.blocks)


def test_columns_follow_the_task() -> None:
    """The headline stands second, other metrics after the losses; classification has no others."""
    assert columns_of(classification()) == (
        "n_labeled", "te_accuracy", "q_accuracy", "query_time", "tr_loss", "lb_loss", "unlb_loss",
        "q_loss", "te_loss", "train_seconds", "pass_seconds", "peak_memory_mb", "device",
    )  # fmt: skip
    assert columns_of(multilabel(2)) == (
        "n_labeled", "te_micro_f1", "q_micro_f1", "query_time", "tr_loss", "lb_loss", "unlb_loss",
        "q_loss", "te_loss", "te_macro_f1", "te_map", "train_seconds", "pass_seconds",
        "peak_memory_mb", "device",
    )  # fmt: skip


def test_a_run_of_regression_is_written_and_read_back(tmp_path: Path) -> None:
    """The CSV has the columns of the task, and its headline is read by them."""
    events = [
        Queried(0, (1,)),
        Trained(0, {"n_labeled": 1, "te_rmse": 31.5, "te_mae": 20.0, "te_r2": -0.5}),
    ]
    write_cycles(tmp_path / "t.csv", events, task=regression())
    with (tmp_path / "t.csv").open(newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["te_rmse"], row["te_r2"], row["query_time"]) == ("31.5", "-0.5", "0.0")
    labels, values = read_cycles(tmp_path / "t.csv")
    assert (labels.tolist(), values.tolist()) == ([1], [31.5])


@pytest.mark.parametrize(
    ("task", "value", "cell"),
    [
        (classification(3), 2, 2),
        (classification(3), np.int64(2), 2),
        (classification(3), np.int64(-1), None),
        (multilabel(3), [0, 2], "0|2"),
        (multilabel(3), [], "[]"),
        (multilabel(3), np.array([1, 0, 1], dtype=np.int8), "0|2"),
        (multilabel(3), np.array([-1, -1, -1], dtype=np.int8), None),
        (regression(), 1.5, 1.5),
        (regression(), np.float64("nan"), None),
        (regression(), None, None),
    ],
)
def test_a_label_as_a_cell(task: Task, value: Any, cell: Any) -> None:
    """A label from a journal and one from an array give one cell; an unknown one is empty."""
    assert label_cell(task, value) == cell


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("te_rmse", "-1", "te_rmse is '-1'"),
        ("te_rmse", "inf", "te_rmse is 'inf'"),
        ("te_rmse", "", "te_rmse is ''"),
        ("te_micro_f1", "1.5", "te_micro_f1 is '1.5'"),
        ("te_mae", "1", "lacks the column 'te_accuracy' .or .*'te_micro_f1' or 'te_rmse'"),
    ],
)
def test_an_impossible_value_is_named(tmp_path: Path, column: str, value: str, words: str) -> None:
    """A value outside the bounds of the metric is refused with its column."""
    (tmp_path / "t.csv").write_text(f"n_labeled,{column}\n10,{value}\n")
    with pytest.raises(DataError, match=words):
        read_cycles(tmp_path / "t.csv")


def test_the_record_says_the_task(errors: Path) -> None:
    """Name and options come from the record; its metric has the unit."""
    record = next(find_runs(errors))
    assert (task_of(record).name, metric_of(record).axis) == (
        "regression",
        "RMSE, mm (lower is better)",
    )
    unknown = replace(record, settings={"task": "ranking"})
    with pytest.raises(RunError, match=r"task 'ranking'.*installed tasks are classification"):
        task_of(unknown)


def test_studies_differ_where_the_task_differs(tmp_path: Path) -> None:
    """Another task or option of it is another study; classification need not be named."""
    accuracy = {"te_accuracy": [0.5, 0.6, 0.7]}
    f1 = {"te_micro_f1": [0.5, 0.6, 0.7]}
    write_run(tmp_path, "a", 1, accuracy, task=None)
    write_run(tmp_path, "a", 2, accuracy, task=classification(2).record)
    write_run(tmp_path, "a", 3, f1, task="multilabel")
    write_run(tmp_path, "a", 4, f1, task=multilabel(2, reduce="max").record)
    curves = find_curves(tmp_path)
    assert sorted(curve.seeds for curve in curves) == [(1, 2), (3,), (4,)]
    studies = [curve.study for curve in curves]
    assert [study.details(studies) for study in studies] == [
        "task classification",
        "task multilabel",
        "task multilabel (reduce max)",
    ]


def test_less_is_better_by_hand(errors: Path) -> None:
    """Rank 1, the better verdict, the beaten column and the target are those of low RMSE."""
    [evidence] = gather(find_curves(errors))
    found = compare(evidence)
    assert evidence.methods == ("good", "random")
    assert [area.mean for area in found.areas] == pytest.approx([4.5, 6.0])
    assert found.ranking.ranks.mean.tolist() == [1.0, 2.0]
    assert found.order == [0, 1]
    [pair] = found.pairs
    assert pair.difference.mean == pytest.approx(-1.5)
    assert pair.difference.deviation == pytest.approx(0.1)
    assert found.gain(pair) == pytest.approx(1.5)
    assert pair.differs
    assert found.penalty.plain == pytest.approx(np.array([[0, 2 / 3], [0, 0]]))
    assert found.target == pytest.approx(4.0)
    good, random = found.targets
    assert good.found.labels == pytest.approx(20)
    assert good.saving == pytest.approx(20)
    assert random.found.labels == pytest.approx(40)
    assert found.differences == (0.1, 0.05, 0.02)


def test_worse_is_worse_in_words(errors: Path) -> None:
    """Sentences, verdicts and the gain say that the lower RMSE is better, in its unit."""
    report = build_report(find_curves(errors))
    who, saved, power = report.sentences
    assert who == (
        "good has the smallest area, 4.500 mm; by Holm's test over all 1 pairs it is better than "
        "random (1 of 1 pairs differ)."
    )
    assert saved.startswith("good reaches random's last RMSE (4.000 mm) first, with 20 labels")
    assert "20 fewer than random (50 %)" in saved
    assert re_points(power) == "a difference of so many mm: 0.1"
    tables = tables_of(report)
    [pair] = records(tables["pairs"])
    assert (pair["first"], pair["second"], pair["verdict"]) == ("good", "random", "better")
    assert pair["difference"] == pytest.approx(-1.5)
    best, worst = records(tables["summary"])
    assert (best["strategy"], best["rank"], best["wins"], best["losses"]) == ("good", 1.0, 1, 0)
    assert (worst["strategy"], worst["wins"], worst["losses"]) == ("random", 0, 1)
    cost = {row["strategy"]: row["gain"] for row in records(tables["cost"])}
    assert cost == {"good": pytest.approx(1.5), "random": None}
    titles = [column.title for column in tables["cost"].columns]
    assert {"area, mm", "below random"} <= set(titles)
    assert not [
        column.title
        for name in ("summary", "areas", "pairs", "learning_curves", "power", "cost")
        for column in tables[name].columns
        if "%" in column.title and column.key != "saved_percent"
    ]
    told = section(report, "Area under the curve")
    assert "reads as a mean RMSE in mm over the budgets, and a smaller one is better" in told


def re_points(sentence: str) -> str:
    """The words about the seeds that are needed, up to the first difference."""
    start = sentence.index("a difference of so")
    return sentence[start : sentence.index(":", sentence.index(":") + 1)].removesuffix(":")


def test_beside_rmse_stand_the_other_metrics(errors: Path) -> None:
    """The task's other metrics come from the tables, at the last budget, as means over runs."""
    table = tables_of(build_report(find_curves(errors)))["measures"]
    assert table.title == "Beside RMSE"
    assert [column.title for column in table.columns] == [
        "strategy", "RMSE, mm", "MAE, mm", "R²", "runs",
    ]  # fmt: skip
    good = records(table)[0]
    assert (good["rmse"], good["mae"], good["r2"]) == pytest.approx((2.0, 1.0, 0.8))


def test_files_of_other_programs_with_rmse(tmp_path: Path) -> None:
    """A target is a number of the metric, and is reached from above."""
    write_errors(tmp_path)
    assert main(["report", str(tmp_path), "--format", "json", "--target", "5"]) == 0
    found = json.loads((tmp_path / "report.json").read_text())
    assert "good reaches 5.000 first, with 17 labels" in found["sentences"][1]
    rows = next(
        table["rows"]
        for each in found["sections"]
        for table in each["tables"]
        if table["name"] == "labels_to_target"
    )
    needed = {row["strategy"]: row["labels"] for row in rows}
    assert needed == {
        "good": pytest.approx(10 * 2**0.75),
        "random": pytest.approx(20 * math.sqrt(2)),
    }


@pytest.mark.parametrize(
    ("target", "words"),
    [("-1", "RMSE must be at least 0 and below inf"), ("nan", "--target: 'nan' is not a number")],
)
def test_a_target_outside_the_bounds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str, words: str
) -> None:
    """It is refused in the words of the metric, and nothing is written."""
    write_errors(tmp_path)
    assert main(["report", str(tmp_path), f"--target={target}"]) == 2
    assert words in said(capsys)
    assert not (tmp_path / "report.html").exists()


def test_a_target_above_all_percents_fits_rmse_only(tmp_path: Path) -> None:
    """1,000 is a target for RMSE, which everything reaches at once, and none for accuracy."""
    curves = read_others(sorted(write_errors(tmp_path).glob("*.csv")))
    rows = records(tables_of(build_report(curves, target=1000.0))["labels_to_target"])
    assert {row["labels"] for row in rows} == {10.0}
    write_table(tmp_path / "x_s1.csv", {"te_accuracy": [0.5, 0.6]})
    with pytest.raises(InputError, match="a percentage above 0, at most 100"):
        build_report(read_others([tmp_path / "x_s1.csv"]), target=1000.0)


def test_two_metrics_on_one_page(tmp_path: Path) -> None:
    """Joint ranks count low RMSE and high accuracy as best; the studies name their metrics."""
    write_errors(tmp_path)
    for seed in (1, 2, 3):
        for name, last in (("good", 0.9), ("random", 0.7)):
            values = [0.5 + seed / 100, 0.6, last]
            write_table(tmp_path / f"{name}-s{seed}.csv", {"te_accuracy": values})
    curves = read_others(sorted(tmp_path.glob("*.csv")))
    report = build_report(curves)
    assert "metric accuracy" in report.warnings[0]
    assert "metric RMSE" in report.warnings[0]
    assert report.sections[0].title == "Mean ranks over all studies"
    [_, figure] = report.sections[0].blocks
    ranks = {row["strategy"]: (row["rank"], row["blocks"]) for row in records(figure.table)}
    assert ranks == {"good": (1.0, 6), "random": (2.0, 6)}
    write_report(report, tmp_path / "report.html")


def test_results_show_the_metric(errors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Title, target line and curves.csv name the metric, its unit and its direction."""
    assert main(["results", str(errors)]) == 0
    out = capsys.readouterr().out
    assert "test RMSE in mm (lower is better), mean" in out
    assert "4.00 mm is random's last RMSE" in out
    with (errors / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["metric"] for row in rows} == {"rmse"}
    assert float(rows[0]["mean"]) == pytest.approx(8.0)
    assert "metric" not in summary_csv([])
    good, random = curve_lines(find_curves(errors))
    assert (good[0], good[-1], random[-1]) == ("good", "20", "40")


def test_the_picture_names_the_lowest_curve_first(errors: Path) -> None:
    """The legend begins with the best last value, and the axis says which direction is better."""
    picture = curves_svg(find_curves(errors))
    assert "test RMSE, mm (lower is better)" in picture
    assert picture.rindex(">good</text>") < picture.rindex(">random</text>")


@pytest.mark.parametrize(
    ("task", "values", "shown"),
    [
        (classification(2), [93.25], "93.25 %"),
        (regression(), [0.01234], "0.01234"),
        (regression(unit="mm"), [31.2], "31.20 mm"),
        (regression(), [123456.0], "123456"),
        (regression(), [0.0], "0.000"),
        (regression(), [math.nan], "nan"),
    ],
)
def test_numbers_have_four_figures(task: Task, values: list[float], shown: str) -> None:
    """Percents have two decimals; other values four figures, with their unit."""
    unit = Unit.of(task.headline, np.array(values))
    assert unit.value(values[0]) == (shown if shown != "nan" else "nan")


def test_f1_of_each_class_agrees_with_scikit_learn() -> None:
    """Over random flags; a class that is neither there nor predicted has none."""
    rng = np.random.default_rng(0)
    said_, true = (rng.integers(0, 2, (30, 4)) for _ in range(2))
    expected = f1_score(true, said_, average=None)
    assert class_f1(said_, true) == pytest.approx(expected)
    said_[:, 3] = true[:, 3] = 0
    assert np.isnan(class_f1(said_, true)[3])
    with pytest.raises(InputError, match=r"\(30, 4\), but labels of shape \(30, 3\)"):
        class_f1(said_, true[:, :3])


def made_data(task: Task, x: Any, test_y: Any) -> Any:
    """What the report reads of a data set; the labels of its pool are not there."""
    return SimpleNamespace(
        task=task,
        train=Pool(x),
        test=SimpleNamespace(y=test_y),
        classes=task.classes,
        ids=tuple(f"n{at}" for at in range(len(x))),
    )


class Pool:
    """Rows without labels."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def __len__(self) -> int:
        return len(self.x)


def write_passes(
    files: Any, cycle: int, outputs: dict[str, torch.Tensor], n: int, measure: str
) -> None:
    """The files of a pass over a pool of ``n`` rows."""
    generator = torch.Generator().manual_seed(cycle)
    features = torch.randn(n, 3, generator=generator)
    write_tensors(files.pool_logits(cycle), outputs)
    write_tensors(files.features(cycle), {"features": features})
    write_tensors(files.uncertainty(cycle, measure), {"uncertainty": torch.arange(n) / n})


def test_a_regression_from_its_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Picks show answer and predicted mean; the numbers that were answered have mean and spread."""
    columns = {"te_rmse": [8.0, 4.0, 2.0]}
    name = write_run(tmp_path, "good", 1, columns, task=MILLIMETRES.record)
    files = name.files(tmp_path)
    events = [
        Queried(0, (0,)), Answered((0,), (7.0,), "oracle"),
        Queried(1, (3, 1)), Answered((3,), (2.5,), "ann"),
        Queried(2, (4,)), Answered((4,), (4,), "ann"),
    ]  # fmt: skip
    journal.create(files.journal, events)
    mean = torch.tensor([7.0, 1.0, 2.0, 2.5, 4.5, 5.0])
    for cycle in (1, 2):
        outputs = {"mean": mean, "variance": torch.ones(6)}
        write_passes(files, cycle, outputs, 6, "standard_deviation")
    data = made_data(MILLIMETRES, np.arange(48.0).reshape(6, 8), np.zeros(2))
    monkeypatch.setattr("uwe.report.build.data_of", lambda *_: (data, ""))
    report = build_report(find_curves(tmp_path))
    [row] = records(tables_of(report)["queried_numbers"])
    assert (row["rows"], row["mean"], row["deviation"]) == (
        2,
        3.25,
        pytest.approx(1.5 * math.sqrt(0.5)),
    )
    [picked] = [each for each in report.sections if each.title == "What good picked"]
    first, second = [each for each in picked.blocks if isinstance(each, Gallery)]
    assert first.title == "Cycle 1, from 5 unlabelled rows"
    assert [picture.lines[:4] for picture in first.pictures] == [
        ("id n3", "24, 25, 26, 27, 28, 29, …", "2.500 mm", "predicted so"),
        ("id n1", "8, 9, 10, 11, 12, 13, …", "not labelled", "predicted 1.000 mm"),
    ]
    assert second.pictures[0].lines[2:4] == ("4.000 mm", "predicted 4.500 mm")
    assert [r["label"] for r in records(tables_of(report)["map_good"])] == [
        "2.500 mm", "not labelled", "4.000 mm",
    ]  # fmt: skip
    [map_] = [each for each in picked.blocks if isinstance(each, Figure)]
    assert [name for name, _ in map_.legend] == [
        "up to 2.000 mm", "up to 2.500 mm", "up to 4.000 mm", "up to 5.000 mm", "up to 7.000 mm",
    ]  # fmt: skip
    write_report(report, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "<img" not in page
    assert "id n3<br>" in page


def test_a_multilabel_run_from_its_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every class of an answer counts; F1 of each class comes from the stored outputs."""
    task = multilabel(["beach", "sea", "sunset"])
    columns = {
        "te_micro_f1": [0.5, 0.6, 0.8],
        "te_macro_f1": [0.4, 0.5, 0.75],
        "te_map": [0.3, 0.4, 0.5],
    }
    name = write_run(tmp_path, "good", 1, columns, task=task.record)
    files = name.files(tmp_path)
    events = [
        Queried(0, (0,)), Answered((0,), ([2],), "oracle"),
        Queried(1, (3, 1)), Answered((3, 1), ([0, 1], []), "ann"),
        Queried(2, (4, 2)), Answered((4, 2), ([0], [0, 2]), "ann"),
    ]  # fmt: skip
    journal.create(files.journal, events)
    pool = torch.tensor([[1.0, -1.0, -1.0]] * 6)
    for cycle in (1, 2):
        write_passes(files, cycle, {"binary_logits": pool}, 6, "standard_deviation")
    said_ = torch.tensor([[1.0, 1.0, -1.0], [1.0, -1.0, -1.0]])
    write_tensors(files.test_logits(2), {"binary_logits": said_})
    texts = np.array([f"text {at} " + "long " * 40 for at in range(6)], dtype=object)
    data = made_data(task, texts, np.array([[1, 1, 0], [0, 0, 0]]))
    monkeypatch.setattr("uwe.report.build.data_of", lambda *_: (data, ""))
    report = build_report(find_curves(tmp_path))
    tables = tables_of(report)
    [measures] = records(tables["measures"])
    assert (measures["micro_f1"], measures["map"]) == pytest.approx((80.0, 50.0))
    [f1] = records(tables["per_class_f1"])
    assert (f1["beach"], f1["sea"], f1["sunset"]) == (pytest.approx(200 / 3), 100.0, None)
    [queried] = records(tables["queried_classes"])
    assert [queried[each] for each in task.classes] == [75.0, 25.0, 25.0]
    [balance] = records(tables["imbalance"])
    assert (balance["rows"], balance["imbalance"]) == (4, 3.0)
    [picked] = [each for each in report.sections if each.title == "What good picked"]
    first = next(each for each in picked.blocks if isinstance(each, Gallery))
    assert [picture.lines[2:4] for picture in first.pictures] == [
        ("beach, sea", "predicted beach"),
        ("no class", "predicted beach"),
    ]
    assert first.pictures[0].lines[1].endswith("…")
    assert "mean average precision, %" in [column.title for column in tables["measures"].columns]
    write_report(report, tmp_path / "report.html")


def test_colours_of_the_map() -> None:
    """The first of several classes counts, fifths of numbers, and grey where nothing is known."""
    colours, legend = _colours(multilabel(["a", "b"]), [[1, 0], [], None])
    assert (colours, legend) == (["k1", "base", "base"], (("a", "k0"), ("b", "k1")))
    colours, legend = _colours(regression(), [0.0, 5.0, None, 2.0, 3.0, 4.0])
    assert colours == ["k0", "k4", "base", "k1", "k2", "k3"]
    assert legend[-1] == ("up to 5.000", "k4")
    assert _colours(regression(), [None]) == (["base"], ())


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on digits; to be read only."""
    folder = tmp_path_factory.mktemp("digits")
    uwe.run(
        uwe.Experiment(
            "digits", strategy="entropy", budgets=(20, 30, 40), model="small", epochs=1,
            pool_size=200, test_size=80, device="cpu", threads=1, results=folder,
        )
    )  # fmt: skip
    return folder


def test_the_report_does_not_know_the_labels_of_the_pool(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With other labels in the pool's data set the report is the same, byte for byte."""
    curves = find_curves(digits)
    [evidence] = gather(curves)
    data, _ = data_of(evidence, None)
    assert data is not None
    other = replace(data, train=replace(data.train, y=(data.train.y + 1) % 10))
    reports = []
    for each in (data, other):
        monkeypatch.setattr("uwe.report.build.data_of", lambda *_, each=each: (each, ""))
        reports.append(build_report(curves))
    assert reports[0] == reports[1]
    assert "whole pool" not in str(reports[0])


def test_a_pick_without_an_answer_is_not_labelled(digits: Path, tmp_path: Path) -> None:
    """Where the last answers are missing in the journal, the report does not fill them in."""
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(digits, folder)
    files = next(each.files for each in find_runs(folder) if each.files.cycles)
    events = journal.read(files.journal)
    last = max(at for at, event in enumerate(events) if isinstance(event, Answered))
    files.journal.unlink()
    journal.create(files.journal, events[:last])
    report = build_report(find_curves(folder))
    [picked] = [each for each in report.sections if each.title == "What entropy picked"]
    first, second = [each for each in picked.blocks if isinstance(each, Gallery)]
    assert "not labelled" not in {picture.lines[0] for picture in first.pictures}
    assert {picture.lines[0] for picture in second.pictures} == {"not labelled"}
    rows = records(tables_of(report)["map_entropy"])
    assert {row["class"] for row in rows if row["cycle"] == 2} == {"not labelled"}


@pytest.mark.parametrize("source", ["sklearn:wine", "file"])
def test_a_run_on_a_table_shows_its_rows(source: str, tmp_path: Path) -> None:
    """The table is found again, and each pick has its id and its first values."""
    if source == "file":
        source = str(tmp_path / "mine.csv")
        rng = np.random.default_rng(0)
        rows = [f"{rng.normal():.3f},{rng.normal():.3f},{'ab'[at % 2]}" for at in range(80)]
        Path(source).write_text("\n".join(["x,y,label", *rows]) + "\n")
    uwe.run(
        uwe.Experiment(
            source, strategy="entropy", budgets=(20, 25), model="sklearn:logistic",
            results=tmp_path / "runs",
        )
    )  # fmt: skip
    report = build_report(find_curves(tmp_path / "runs"))
    assert "measures" in tables_of(report)
    [picked] = [each for each in report.sections if each.title == "What entropy picked"]
    gallery = next(each for each in picked.blocks if isinstance(each, Gallery))
    [path] = (tmp_path / "runs").rglob("*_cycle1_query.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [picture.lines[0] for picture in gallery.pictures] == [f"id {r['id']}" for r in rows]
    assert all(picture.source == "" for picture in gallery.pictures)
    write_report(report, tmp_path / "report.html")


@pytest.mark.parametrize("rmse", ["3e18", "9e99", "1e-320"])
def test_runs_that_diverged_are_drawn(tmp_path: Path, rmse: str) -> None:
    """One value far above or below 1, and no spread: charts and tables have it."""
    (tmp_path / "a_s1.csv").write_text(f"n_labeled,te_rmse\n10,{rmse}\n20,{rmse}\n")
    assert main(["report", str(tmp_path)]) == 0
    assert (tmp_path / "report.html").is_file()


def test_a_value_whose_square_is_no_number_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Means and deviations of it would overflow."""
    (tmp_path / "a_s1.csv").write_text("n_labeled,te_rmse\n10,3\n20,1e300\n")
    assert main(["report", str(tmp_path)]) == 2
    assert "a_s1.csv is too large to be averaged: te_rmse is '1e300'" in capsys.readouterr().err


def test_compressed_tables_are_read_beside_others(tmp_path: Path) -> None:
    """None is left out of a folder unsaid, and ``.csv`` is no part of the strategy."""
    text = "n_labeled,te_accuracy\n10,0.5\n20,0.7\n"
    (tmp_path / "a_s1.csv").write_text(text)
    (tmp_path / "b_s1.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert main(["report", str(tmp_path), "--format", "json"]) == 0
    [table] = json.loads((tmp_path / "report.json").read_text())["summary"]
    assert sorted(row["strategy"] for row in table["rows"]) == ["a", "b"]
