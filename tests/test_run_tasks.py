"""``uwe run`` on multi-label and regression tables: forms of labels, missing ones, the report."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from uwe.cli import main

ROWS = 80
NAMES = ("beach", "sea", "sunset")
BUDGETS = "10,16,22"
Columns = Mapping[str, Sequence[Any]]
Writer = Callable[[Path, Columns], Path]

NETS = '''
from torch import nn


def net(classes, shape):
    """Rows of numbers to one number a class, or to one number; with dropout."""
    return nn.Sequential(
        nn.Linear(shape[0], 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, classes)
    )
'''


def features(rows: int = ROWS) -> dict[str, list[Any]]:
    """Ids and four numbers a row, rounded so that every format has the same."""
    x = np.random.default_rng(3).normal(size=(rows, 4)).round(4)
    ids = [f"r{row}" for row in range(rows)]
    return {"id": ids, **{f"x{at}": x[:, at].tolist() for at in range(4)}}


def flags(columns: Columns) -> list[list[int]]:
    """A flag for each name, which a linear model learns."""
    first, second, third = (np.array(columns[f"x{at}"]) for at in range(3))
    found = np.stack([first > 0, second > 0.2, first + third > 0], axis=1).astype(int)
    found[0] = 0  # one row to which no class applies
    return [[int(flag) for flag in row] for row in found]


def names_of(columns: Columns) -> list[list[str]]:
    """The names of each row's classes."""
    return [[name for name, flag in zip(NAMES, row, strict=True) if flag] for row in flags(columns)]


def numbers(columns: Columns) -> list[float]:
    """A number a row, no two alike, between 1,000 and 10,000."""
    x = np.array(columns["x0"]) + 0.5 * np.array(columns["x1"])
    return [round(5000 + 900 * float(each) + row / 100, 2) for row, each in enumerate(x)]


def write_csv(path: Path, columns: Columns) -> Path:
    path = path.with_suffix(".csv")
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(columns)
        lines.writerows(zip(*columns.values(), strict=True))
    return path


def write_parquet(path: Path, columns: Columns) -> Path:
    path = path.with_suffix(".parquet")
    pq.write_table(pa.table(dict(columns)), path)
    return path


def write_json_lines(path: Path, columns: Columns) -> Path:
    path = path.with_suffix(".jsonl")
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def as_list(columns: Columns) -> Columns:
    return {**columns, "labels": names_of(columns)}


def as_text(columns: Columns) -> Columns:
    return {**columns, "labels": ["|".join(names) or "[]" for names in names_of(columns)]}


def as_flags(columns: Columns) -> Columns:
    by_name = zip(NAMES, zip(*flags(columns), strict=True), strict=True)
    return {**columns, **{name: list(each) for name, each in by_name}}


def multilabel_table(folder: Path) -> Path:
    return write_json_lines(folder / "mine", as_list(features()))


def regression_table(folder: Path) -> Path:
    columns = features()
    return write_csv(folder / "mine", {**columns, "label": numbers(columns)})


TABLES = {"multilabel": multilabel_table, "regression": regression_table}
MODELS = {
    "multilabel": ["--model", "sklearn:logistic"],
    "regression": ["--model", "sklearn:forest", "--model-option", "n_estimators=8"],
}
HEADLINES = {"multilabel": "te_micro_f1", "regression": "te_rmse"}
LEARNT = {"multilabel": ("te_map", 0.75), "regression": ("te_r2", 0.3)}


def command(table: Path, task: str, results: Path, *more: str) -> list[str]:
    """A small ``uwe run``, with a model of scikit-learn unless ``more`` names another one."""
    model = [] if "--model" in more else MODELS[task]
    return ["run", str(table), *model, "--budgets", BUDGETS, "--results", str(results), *more]


def rows_of(results: Path) -> list[dict[str, str]]:
    """The table of the one run of a results folder."""
    [path] = results.rglob("*_al_cycle_result.csv")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def asked_ids(results: Path) -> set[str]:
    """Ids in the initial rows and in the queries of a results folder."""
    return {
        line["id"]
        for name in ("*_init_lb.csv", "*_query.csv")
        for path in results.rglob(name)
        for line in csv.DictReader(path.read_text().splitlines())
    }


def record_of(results: Path) -> dict[str, Any]:
    """The record of the one run of a results folder."""
    [path] = [each for each in results.rglob("*_m*.json") if each.parent.name != "initialize"]
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@pytest.fixture(scope="module")
def multilabel_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs over a JSON-lines file of lists, for reading only."""
    folder = tmp_path_factory.mktemp("multilabel")
    assert main(command(multilabel_table(folder), "multilabel", folder / "results")) == 0
    return folder / "results"


@pytest.fixture
def refused_or_stopped(capsys: pytest.CaptureFixture[str]) -> Callable[[list[str]], str]:
    """The last line of a command that ends with exit code 2, without a traceback."""

    def line(arguments: list[str]) -> str:
        capsys.readouterr()
        assert main(arguments) == 2
        told = capsys.readouterr().err
        assert "Traceback" not in told
        last = told.splitlines()[-1]
        assert last.startswith("uwe: ")
        return last

    return line


FORMS: dict[str, tuple[Writer, Callable[[Columns], Columns], list[str]]] = {
    "list column of Parquet": (write_parquet, as_list, []),
    "text": (write_csv, as_text, ["--task", "multilabel"]),
    "columns of 0 and 1": (write_csv, as_flags, ["--label", ",".join(NAMES)]),
    "columns of 0 and 1 in Parquet": (write_parquet, as_flags, ["--label", ",".join(NAMES)]),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_several_labels_gives_the_same_run(
    form: str,
    multilabel_results: Path,
    tmp_path: Path,
    outcome: Callable[[Path], dict[str, object]],
) -> None:
    """Lists, texts with bars and columns of 0 and 1 give equal tables, queries and outputs."""
    write, change, options = FORMS[form]
    path = write(tmp_path / "mine", change(features()))
    assert main(command(path, "multilabel", tmp_path / "results", *options)) == 0
    assert outcome(tmp_path / "results") == outcome(multilabel_results)


def test_several_labels_are_measured_by_f1(multilabel_results: Path) -> None:
    """The table has the columns of the task, and the record names task and metrics."""
    rows = rows_of(multilabel_results)
    assert [row["n_labeled"] for row in rows] == BUDGETS.split(",")
    assert list(rows[0])[1] == "te_micro_f1"
    assert {"te_macro_f1", "te_map", "q_micro_f1"} <= set(rows[0])
    assert "te_accuracy" not in rows[0]
    task = record_of(multilabel_results)["settings"]["task"]
    assert (task["name"], task["reduce"]) == ("multilabel", "mean")


def test_numbers_with_fractions_are_regression(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command says that it took the labels for numbers, and why; tables have RMSE."""
    assert main(command(regression_table(tmp_path), "regression", tmp_path / "results")) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "the task is regression, since column label holds numbers with fractions" in told
    assert "test RMSE" in told
    rows = rows_of(tmp_path / "results")
    assert {"te_rmse", "te_mae", "te_r2", "q_rmse"} <= set(rows[0])
    assert record_of(tmp_path / "results")["settings"]["task"]["name"] == "regression"


def test_many_whole_numbers_need_a_task(
    tmp_path: Path, refused_or_stopped: Callable[[list[str]], str]
) -> None:
    """They may be classes or amounts, so the command asks, and takes them as it is told."""
    columns = features()
    amounts = [round(number) for number in numbers(columns)]
    path = write_csv(tmp_path / "mine", {**columns, "label": amounts})
    line = refused_or_stopped(command(path, "regression", tmp_path / "results"))
    assert "80 different whole numbers in 80 rows" in line
    assert "give --task classification or --task regression" in line
    assert not (tmp_path / "results").exists()
    given = command(path, "regression", tmp_path / "results", "--task", "regression")
    assert main(given) == 0
    assert "te_rmse" in rows_of(tmp_path / "results")[0]


@pytest.mark.parametrize("task", TABLES)
def test_labels_of_a_file_are_those_of_a_column(
    task: str, tmp_path: Path, outcome: Callable[[Path], dict[str, object]]
) -> None:
    """A file of ids and labels in another order gives the run that a column gives."""
    columns = features()
    labels: Sequence[Any] = names_of(columns) if task == "multilabel" else numbers(columns)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    whole = write_json_lines(tmp_path / "one" / "mine", {**columns, "label": labels})
    bare = write_json_lines(tmp_path / "two" / "mine", columns)
    apart = {"id": columns["id"][::-1], "label": labels[::-1]}
    file = write_json_lines(tmp_path / "labels", apart)
    assert main(command(whole, task, tmp_path / "by column")) == 0
    assert main(command(bare, task, tmp_path / "by file", "--labels", str(file))) == 0
    assert outcome(tmp_path / "by file") == outcome(tmp_path / "by column")


def test_a_flat_folder_of_images_has_labels_in_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ids are the files' names; an image that the file does not name is left out and said."""
    images = tmp_path / "images"
    images.mkdir()
    lines = ["id,label"]
    for row in range(60):
        grey = np.full((8, 8, 3), 60 if row % 2 else 190, dtype=np.uint8)
        Image.fromarray(grey).save(images / f"{row:02}.png")
        lines += [f"{row:02}.png,{'dark' if row % 2 else 'light'}"] if row > 4 else []
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    given = [
        "run", "folder", "--data-dir", str(images), "--labels", str(tmp_path / "labels.csv"),
        "--model", "small", "--epochs", "1", "--device", "cpu", "--budgets", BUDGETS,
        "--results", str(tmp_path / "results"),
    ]  # fmt: skip
    assert main(given) == 0
    assert "5 of 50 pool rows have no label" in " ".join(capsys.readouterr().err.split())
    assert "te_accuracy" in rows_of(tmp_path / "results")[0]
    ids = asked_ids(tmp_path / "results")
    assert len(ids) == 22
    assert not ids & {f"{row:02}.png" for row in range(5)}


@pytest.mark.parametrize("task", TABLES)
def test_rows_without_a_label_are_left_out_and_said(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every fourth row has no label; it is never queried, and the command says how many."""
    columns = features()
    labels: Sequence[Any] = names_of(columns) if task == "multilabel" else numbers(columns)
    some = [label if row % 4 else None for row, label in enumerate(labels)]
    path = write_json_lines(tmp_path / "mine", {**columns, "label": some})
    assert main(command(path, task, tmp_path / "results")) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "20 of 68 pool rows have no label and are left out of the simulation" in told
    ids = asked_ids(tmp_path / "results")
    assert len(ids) == 22
    assert not ids & {f"r{row}" for row in range(0, ROWS, 4)}


def test_no_file_of_a_run_holds_a_label_that_was_not_answered(tmp_path: Path) -> None:
    """No two numbers are alike; those of rows that nobody was asked about stand in no file."""
    table = regression_table(tmp_path)
    lines = list(csv.DictReader(table.read_text().splitlines()))
    results = tmp_path / "results"
    assert main(command(table, "regression", results)) == 0
    assert main(["report", str(results), "--format", "html", "--format", "json"]) == 0
    texts = [
        path.read_text()
        for path in results.rglob("*")
        if path.suffix in (".csv", ".json", ".jsonl", ".html", ".log")
    ]
    asked = asked_ids(results)
    assert len(asked) == 22
    for row in lines:
        assert any(row["label"] in text for text in texts) == (row["id"] in asked), row


@pytest.mark.parametrize("task", TABLES)
@pytest.mark.parametrize("options", [[], ["--task"]])
def test_a_table_without_any_label_is_for_people(
    options: list[str],
    task: str,
    tmp_path: Path,
    refused_or_stopped: Callable[[list[str]], str],
) -> None:
    """Nothing can be simulated; the one line says which command labels it."""
    columns = features()
    path = write_csv(tmp_path / "mine", {**columns, "label": [""] * ROWS})
    given = [*options, task] if options else []
    line = refused_or_stopped(command(path, task, tmp_path / "results", *given))
    assert "mine" in line
    assert "uwe init" in line
    assert not (tmp_path / "results").exists()


def test_an_option_of_the_task_is_recorded(tmp_path: Path, multilabel_results: Path) -> None:
    """``--task-option reduce=max`` stands in the record, and the queries differ from the mean's."""
    table = multilabel_table(tmp_path)
    given = ["--task", "multilabel", "--task-option", "reduce=max"]
    assert main(command(table, "multilabel", tmp_path / "results", *given)) == 0
    assert record_of(tmp_path / "results")["settings"]["task"]["reduce"] == "max"
    assert asked_ids(tmp_path / "results") != asked_ids(multilabel_results)


@pytest.mark.parametrize("task", TABLES)
def test_label_noise_is_of_classes_only(
    task: str, tmp_path: Path, refused_or_stopped: Callable[[list[str]], str]
) -> None:
    """There is no other class to answer with, so the command refuses and writes nothing."""
    given = command(TABLES[task](tmp_path), task, tmp_path / "results", "--label-noise", "0.1")
    line = refused_or_stopped(given)
    assert f"label noise draws another class, which {task} does not have" in line
    assert not (tmp_path / "results").exists()


class Killed(BaseException):
    """Nothing catches it, as nothing catches a signal."""


@pytest.mark.parametrize("task", TABLES)
def test_a_run_that_is_killed_goes_on(
    task: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    outcome: Callable[[Path], dict[str, object]],
) -> None:
    """A process that ends at its n-th synced write leaves a run that ends as one undisturbed."""
    table = TABLES[task](tmp_path)
    assert main(command(table, task, tmp_path / "whole")) == 0
    sync = os.fsync
    for last in (3, 14, 31):
        left = last

        def cut(descriptor: int) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            sync(descriptor)

        again = command(table, task, tmp_path / f"{last}")
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", cut)
            with pytest.raises(Killed):
                main(again)
        assert main(again) == 0
        assert outcome(tmp_path / f"{last}") == outcome(tmp_path / "whole")


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options for a network of the user's own, in a module of the working folder."""
    name = f"nets_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{name}.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return ["--model", f"{name}:net", "--device", "cpu", "--epochs", "150"]


@pytest.mark.parametrize("task", TABLES)
def test_a_network_trains_on_a_table(task: str, net: list[str], tmp_path: Path) -> None:
    """With 22 labels it is better on the test rows than a constant, by a metric of the task, and
    the table of its training names the headline."""
    table = TABLES[task](tmp_path)
    given = [*net, "--strategy", "coreset", "--full-train"]
    assert main(command(table, task, tmp_path / "results", *given)) == 0
    last = rows_of(tmp_path / "results")[-1]
    assert float(last[LEARNT[task][0]]) > LEARNT[task][1]
    [path] = (tmp_path / "results").rglob("*_cycle2_tr_info.csv")
    epochs = list(csv.DictReader(path.read_text().splitlines()))
    assert list(epochs[0])[3:] == ["te_loss", HEADLINES[task]]
    assert float(epochs[-1][HEADLINES[task]]) == pytest.approx(float(last[HEADLINES[task]]))


@pytest.mark.parametrize("task", TABLES)
def test_bald_asks_dropout_passes(task: str, net: list[str], tmp_path: Path) -> None:
    """Queries by the disagreement of four passes are answered, and the record has their number."""
    given = [*net, "--strategy", "bald", "--mc-passes", "4"]
    assert main(command(TABLES[task](tmp_path), task, tmp_path / "results", *given)) == 0
    assert [row["n_labeled"] for row in rows_of(tmp_path / "results")] == BUDGETS.split(",")
    settings = record_of(tmp_path / "results")["settings"]
    assert (settings["strategy"], settings["option mc_passes"]) == ("bald", 4)


@pytest.fixture(scope="module")
def compared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of two strategies and three seeds of a task, for reading only."""
    task = request.param
    folder = tmp_path_factory.mktemp(f"compared_{task}")
    given = ["--strategy", "uwe", "--strategy", "random", "--seeds", "1-3"]
    assert main(command(TABLES[task](folder), task, folder / "results", *given)) == 0
    return folder / "results"


@pytest.mark.parametrize("compared", ["multilabel"], indirect=True)
def test_the_report_of_several_labels(
    compared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tables, page and Markdown name micro F1, in percent, and no accuracy."""
    assert main(["results", str(compared), "--output", str(tmp_path)]) == 0
    assert "micro F1 in percent" in capsys.readouterr().out
    written(compared, tmp_path)
    page, text = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    for found in (page, text):
        assert "micro F1" in found
        assert "lower is better" not in found
    made = json.loads((tmp_path / "report.json").read_text())
    measures = rows_in(made, "measures")
    assert {"micro_f1", "macro_f1", "map"} <= set(measures[0])
    [best, _] = rows_in(made, "areas")
    assert 0 <= best["area"] <= 100


@pytest.mark.parametrize("compared", ["regression"], indirect=True)
def test_the_report_of_numbers(
    compared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The strategy with the smaller area of RMSE comes first and has the better mean rank."""
    assert main(["results", str(compared), "--output", str(tmp_path)]) == 0
    assert "RMSE (lower is better)" in " ".join(capsys.readouterr().out.split())
    written(compared, tmp_path)
    assert "RMSE (lower is better)" in (tmp_path / "report.html").read_text()
    assert "RMSE" in (tmp_path / "report.md").read_text()
    made = json.loads((tmp_path / "report.json").read_text())
    first, second = made["summary"][0]["rows"]
    assert first["area"] < second["area"]
    assert {"rmse", "mae", "r2"} <= set(rows_in(made, "measures")[0])


def written(results: Path, folder: Path) -> None:
    """Write the three formats of the report into a folder."""
    formats = [part for name in ("html", "md", "json") for part in ("--format", name)]
    assert main(["report", str(results), "--output", str(folder), *formats]) == 0


def rows_in(report: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The rows of a table of a report in JSON."""
    [rows] = [
        table["rows"]
        for section in report["sections"]
        for table in section["tables"]
        if table["name"] == name
    ]
    return list(rows)


def test_a_strategy_that_needs_a_variance_is_refused_before_a_network_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network gives a number without a variance: the default says so and writes nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "linear_net.py").write_text(
        "import torch\ndef make(classes, shape):\n    return torch.nn.Linear(shape[0], classes)\n"
    )
    command = ["run", "sklearn:diabetes", "--model", "linear_net:make", "--epochs", "1"]
    assert main([*command, "--budgets", "10,20", "--results", str(tmp_path / "results")]) == 2
    assert "strategy uwe needs variance, which a network does not give; choose bald" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "results").exists()
