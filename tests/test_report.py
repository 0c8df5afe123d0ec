"""The report: what it says of studies that are whole, thin, broken or somebody else's."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import uwe
from uwe import journal
from uwe._tensors import read_tensors
from uwe.cli import main
from uwe.report import build_report, plot_curves, write_report
from uwe.report.charts.colours import colour
from uwe.report.comparison import compare
from uwe.report.document import DataTable, Figure, Report
from uwe.report.evidence import gather
from uwe.report.pictures import as_address, encode_png
from uwe.report.sections.picks import principal_components
from uwe.runs import (
    Curve,
    RunName,
    Study,
    find_bounds,
    find_curves,
    find_runs,
    read_others,
)
from uwe.runs.record import open_record
from uwe.statistics import mean_interval, paired_p

BUDGETS = (20, 40, 80, 160)
MEANS = {
    "uwe": (60.0, 80.0, 90.0, 95.0),
    "badge": (60.0, 79.8, 89.7, 95.0),
    "random": (60.0, 70.0, 80.0, 90.0),
}


def table_text(accuracy: np.ndarray[Any, Any], labels: tuple[int, ...] = BUDGETS) -> str:
    rows = [f"{n},{share!r}" for n, share in zip(labels, (accuracy / 100).tolist(), strict=False)]
    return "\n".join(["n_labeled,te_accuracy", *rows]) + "\n"


def write_study(
    folder: Path,
    *,
    seeds: int = 5,
    means: dict[str, tuple[float, ...]] = MEANS,
    dataset: str = "made",
    epochs: int = 1,
) -> Path:
    """Runs with the names of ours: noise of the seed is shared, noise of the run is small."""
    for seed in range(1, seeds + 1):
        shared = np.random.default_rng(seed).normal(0, 1.0)
        for at, (method, mean) in enumerate(means.items()):
            noise = np.random.default_rng((seed, at)).normal(0, 0.3, len(mean))
            name = RunName("run", dataset, "small", seed, epochs, "20-40-80-160", method)
            write_run(folder, name, table_text(np.array(mean) + shared + noise))
    return folder


def write_run(folder: Path, name: RunName, table: str) -> None:
    files = name.files(folder)
    open_record(files.record, {}, experiment={}, fixed={}, name=name)
    files.table.parent.mkdir(parents=True, exist_ok=True)
    files.table.write_text(table)


def write_others(folder: Path, names: dict[str, list[float]]) -> Path:
    for name, accuracy in names.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(table_text(np.array(accuracy)))
    return folder


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


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seeds of three made-up strategies; to be read only."""
    return write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real runs on digits, two strategies and two seeds, with their journals and logits."""
    folder = tmp_path_factory.mktemp("real")
    common = {"budgets": (20, 30, 40), "model": "small", "epochs": 1, "results": folder}
    uwe.run(
        [
            uwe.Experiment(
                "digits", strategy=name, seed=seed, pool_size=200, test_size=80, **common
            )
            for name in ("uwe", "random")
            for seed in (1, 2)
        ]
    )
    return folder


def test_areas_and_pairs_are_those_of_the_files(study: Path) -> None:
    """The table of pairs holds the paired difference, its interval and its p-value."""
    curves = find_curves(study)
    areas = {
        curve.method: [
            sum((before + after) / 2 for before, after in pairwise(run)) / 3
            for run in curve.values.tolist()
        ]
        for curve in curves
    }
    d = np.subtract(areas["uwe"], areas["random"])
    expected = mean_interval(d)
    rows = records(tables_of(build_report(curves))["pairs"])
    row = next(row for row in rows if (row["first"], row["second"]) == ("uwe", "random"))
    assert row["difference"] == pytest.approx(expected.mean)
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))
    assert row["p"] == pytest.approx(float(paired_p(d)))
    assert row["verdict"] == "better"


def test_sentences_say_who_what_and_how_sure(study: Path) -> None:
    """Three sentences: who is better by Holm, what is saved, what could have been found."""
    who, saved, power = build_report(find_curves(study)).sentences
    assert "better than random; no significant difference from badge" in who or (
        "better than random; no significant difference from uwe" in who
    )
    assert "over all 3 pairs" in who
    assert "2 of 3 pairs differ" in who
    assert re.search(r"reaches random's last accuracy \(\d+\.\d\d %\) first", saved)
    assert "fewer than random" in saved
    assert "Such intervals cover 9" in saved
    assert "5 paired seeds find a difference of" in power


def test_penalty_matrix_in_the_report_says_rows_beat_columns(study: Path) -> None:
    """The row of uwe says that it beats random at the three budgets that differ, of four."""
    rows = records(tables_of(build_report(find_curves(study)))["penalty"])
    by_name = {row["row"]: row for row in rows}
    assert by_name["uwe"]["random"] == 0.75
    assert by_name["random"]["uwe"] == 0.0
    assert by_name["mean of column"]["random"] == 0.75


def test_order_of_strategies_does_not_matter(study: Path) -> None:
    """The same figures come out whatever order the curves are given in."""
    curves = find_curves(study)
    one, other = build_report(curves), build_report(curves[::-1])
    assert one.sentences == other.sentences
    assert {frozenset(row.items()) for row in records(tables_of(one)["areas"])} == {
        frozenset(row.items()) for row in records(tables_of(other)["areas"])
    }


def test_two_seeds_are_not_tested(tmp_path: Path) -> None:
    """With fewer than three paired seeds there is no test, no verdict, and a sentence says so."""
    report = build_report(find_curves(write_study(tmp_path, seeds=2)))
    assert "2 paired seeds are too few to rank anything" in report.sentences[0]
    assert "too thin" in report.sentences[2]
    tables = tables_of(report)
    assert {row["verdict"] for row in records(tables["pairs"])} == {"not tested"}
    assert {row["p"] for row in records(tables["pairs"])} == {None}
    assert "penalty" not in tables
    assert "power" not in tables


def test_one_seed_has_no_intervals(tmp_path: Path) -> None:
    """One seed gives means without intervals, and the report is still written."""
    report = build_report(find_curves(write_study(tmp_path, seeds=1)))
    assert "1 paired seed is too few" in report.sentences[0]
    assert {row["low"] for row in records(tables_of(report)["learning_curves"])} == {None}
    write_report(report, tmp_path / "report.html")


def test_without_random_there_is_no_target_unless_it_is_given(tmp_path: Path) -> None:
    """No random baseline: no saving, said so; a target can be given."""
    means = {name: MEANS[name] for name in ("uwe", "badge")}
    curves = find_curves(write_study(tmp_path, means=means))
    report = build_report(curves)
    assert "no run of random" in report.sentences[1]
    assert "labels_to_target" not in tables_of(report)
    rows = records(tables_of(build_report(curves, target=85.0))["labels_to_target"])
    assert [row["saved"] for row in rows] == [None, None]
    assert all(40 < row["low"] < row["labels"] < row["high"] < 80 for row in rows)


def test_a_target_nobody_reaches(study: Path) -> None:
    """A target beyond all curves is "not reached", not a number."""
    report = build_report(find_curves(study), target=99.9)
    assert {row["labels"] for row in records(tables_of(report)["labels_to_target"])} == {
        "not reached"
    }
    assert "No strategy other than random reaches 99.90 %." in report.sentences[1]


def test_a_run_that_stops_early_is_marked(tmp_path: Path) -> None:
    """It counts to where it stops, has no area, and the report says so."""
    folder = write_study(tmp_path, seeds=4)
    [path] = folder.rglob("*_s2_*_muwe_al_cycle_result.csv")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    report = build_report(find_curves(folder))
    assert report.warnings == (
        "uwe, seed 2, stops at 40 of 160 labels: it counts to there, and has no area",
    )
    curves = records(tables_of(report)["learning_curves"])
    assert [row["n"] for row in curves if row["strategy"] == "uwe"] == [4, 4, 3, 3]
    assert [
        row["n"] for row in records(tables_of(report)["areas"]) if row["strategy"] == "uwe"
    ] == [3]


def test_seeds_that_one_strategy_lacks_are_told(tmp_path: Path) -> None:
    """Pairs are those seeds that both strategies have."""
    folder = write_study(tmp_path, seeds=4)
    next(folder.rglob("*_s3_*_mrandom_al_cycle_result.csv")).unlink()
    report = build_report(find_curves(folder))
    assert report.warnings == (
        "no seed 3 of random: two strategies are compared on the seeds that both have",
    )
    rows = records(tables_of(report)["pairs"])
    assert {row["n"] for row in rows if "random" in (row["first"], row["second"])} == {3}


def test_two_strategies_with_the_same_curve(tmp_path: Path) -> None:
    """Equal runs differ by nothing: p is 1, nobody is better, power is not told, and it is said."""
    folder = write_study(tmp_path, seeds=4)
    for record in list(find_runs(folder)):
        if record.name is not None and record.name.method == "uwe":
            twin = replace(record.name, method="twin")
            write_run(folder, twin, record.files.table.read_text())
    report = build_report(find_curves(folder))
    assert any("twin and uwe have the same accuracy in every run" in w for w in report.warnings)
    row = next(
        r
        for r in records(tables_of(report)["pairs"])
        if {r["first"], r["second"]} == {"twin", "uwe"}
    )
    assert (row["difference"], row["p"], row["verdict"]) == (0.0, 1.0, "no significant difference")
    write_report(report, tmp_path / "report.html")


def test_runs_that_differ_in_epochs_or_data_are_grouped(tmp_path: Path) -> None:
    """They are studies of their own, said so, with ranks over blocks of data set and seed."""
    write_study(tmp_path, dataset="a")
    write_study(tmp_path, dataset="b")
    write_study(tmp_path, dataset="b", epochs=2)
    report = build_report(find_curves(tmp_path))
    assert "3 studies, which are not pooled" in report.warnings[0]
    assert len(report.summary) == 3
    assert report.sections[0].title == "Mean ranks over all studies"
    [figure] = [b for b in report.sections[0].blocks if isinstance(b, Figure)]
    assert {row["blocks"] for row in records(figure.table)} == {15}


def test_other_peoples_files_are_read(tmp_path: Path) -> None:
    """Seed and strategy come from the name, or the folder; other columns do not matter."""
    runs = {f"margin_s{s}.csv": [50.0 + s, 60.0 + s, 70.0] for s in (1, 2, 3)}
    runs |= {f"random/seed{s}.csv": [50.0 + s, 55.0 + s, 60.0] for s in (1, 2, 3)}
    write_others(tmp_path, runs)
    curves = read_others(sorted(tmp_path.rglob("*.csv")))
    assert [(c.method, c.seeds) for c in curves] == [("margin", (1, 2, 3)), ("random", (1, 2, 3))]
    assert curves[0].study == curves[1].study
    assert curves[0].values[1].tolist() == pytest.approx([52, 62, 70])
    assert main(["report", str(tmp_path), "--format", "json"]) == 0
    found = json.loads((tmp_path / "report.json").read_text())
    assert "margin reaches random's last accuracy" in found["sentences"][1]


def test_other_peoples_budgets_are_grouped(tmp_path: Path) -> None:
    """Files with other budgets are another study; one that stops early belongs to its own."""
    write_others(tmp_path, {"a_s1.csv": [50.0, 60.0, 70.0], "a_s2.csv": [50.0, 60.0]})
    (tmp_path / "a_s3.csv").write_text(table_text(np.array([50.0, 60.0]), (20, 50)))
    curves = read_others(sorted(tmp_path.glob("*.csv")))
    assert [(c.study.budgets, c.seeds) for c in curves] == [("20-40-80", (1, 2)), ("20-50", (3,))]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a_s1.csv", "n_labeled,accuracy\n10,0.5\n", "a_s1.csv lacks the column 'te_accuracy'"),
        ("a_s1.csv", "n_labeled,te_accuracy\n10,0.5\n20,high\n", "line 3 of"),
        ("a_s1.csv", "n_labeled,te_accuracy\n10,50.0\n", "te_accuracy is '50.0'"),
        ("a_s1.csv", "n_labeled,te_accuracy\n20,0.5\n10,0.5\n", "rising"),
        ("margin.csv", "n_labeled,te_accuracy\n10,0.5\n", "holds no seed"),
    ],
)
def test_broken_files_are_named(
    name: str, text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing column, a word for a number, percents and falling labels: file and line, code 2."""
    (tmp_path / name).write_text(text)
    assert main(["report", str(tmp_path / name)]) == 2
    error = said(capsys)
    assert message in error
    assert name in error
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "pdf"], 'Invalid value "pdf" for --format'),
        (["--scale", "log2"], 'Invalid value "log2" for --scale'),
        (["--level", "95"], "level of an interval is 95.0"),
        (["--target", "0"], "target is 0.0"),
        (["--html", "page.txt"], "ends in .html"),
    ],
)
def test_wrong_options_write_nothing(
    arguments: list[str],
    message: str,
    study: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line, code 2, and no file."""
    assert main(["report", str(study), "--output", str(tmp_path), *arguments]) == 2
    assert message in said(capsys)
    assert not list(tmp_path.iterdir())


def test_missing_and_empty_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing named, nothing there, nothing in it, the same study twice: one line each."""
    assert main(["report"]) == 2
    assert "needs a results folder" in said(capsys)
    assert main(["report", str(tmp_path / "none")]) == 2
    assert "none" in said(capsys)
    assert main(["report", str(tmp_path)]) == 2
    assert "holds no results and no CSV files" in said(capsys)
    one, two = write_study(tmp_path / "one", seeds=1), write_study(tmp_path / "two", seeds=1)
    assert main(["report", str(one), str(two)]) == 2
    assert "is in two of the folders" in said(capsys)
    (tmp_path / "x").mkdir()
    for name in ("x/a_s1.csv", "a_s1.csv"):
        write_others(tmp_path, {name: [50.0]})
    assert main(["report", str(tmp_path / "a_s1.csv"), str(tmp_path / "x/a_s1.csv")]) == 2
    assert "same strategy and seed" in said(capsys)


def test_the_terminal_shows_80_columns(study: Path, tmp_path: Path) -> None:
    """The table and the sentences fit 80 columns."""
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "uwe", "report", str(study), "--output", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    *lines, written = done.stdout.splitlines()
    assert written.startswith("Written: ")
    assert max(map(len, lines)) <= 80
    assert "area, %" in lines[1]


def test_formats_agree_and_stay_as_they_are(study: Path, tmp_path: Path) -> None:
    """HTML, Markdown and JSON hold the same sentences; a second report changes no file."""
    command = ["report", str(study), "--output", str(tmp_path)]
    command += ["--format", "html", "--format", "md", "--format", "json"]
    assert main(command) == 0
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["report.html", "report.json", "report.md"]
    stamps = [file.stat().st_mtime_ns for file in files]
    page, record, text = (file.read_text() for file in files)
    for sentence in json.loads(record)["sentences"]:
        assert sentence in text
        assert sentence.replace(" %", "\u00a0%").replace("'", "&#x27;") in page
    assert main(command) == 0
    assert [file.stat().st_mtime_ns for file in files] == stamps


def test_a_table_as_csv_has_all_digits(study: Path) -> None:
    """CSV has keys for heads, and every digit of every number."""
    table = tables_of(build_report(find_curves(study)))["areas"]
    rows = list(csv.DictReader(io.StringIO(table.csv())))
    assert [float(row["area"]) for row in rows] == [row[1] for row in table.rows]


def test_a_page_asks_for_nothing(study: Path) -> None:
    """No address in the page leads outside of it."""
    curves = find_curves(study)
    from uwe.report.page import as_html

    page = as_html(build_report(curves))
    assert re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', page) == []
    assert re.findall(r"url\(|@import|https?://", page) == []


def test_names_are_escaped(tmp_path: Path) -> None:
    """A strategy called like a tag is text in every format."""
    write_others(tmp_path, {"<b>&_s1.csv": [50.0, 60.0], "random_s1.csv": [50.0, 60.0]})
    assert main(["report", str(tmp_path), "--format", "html", "--format", "md"]) == 0
    assert "<b>" not in (tmp_path / "report.html").read_text()
    assert "<b>" not in (tmp_path / "report.md").read_text()


def test_real_runs_show_measures_cost_and_picks(real: Path) -> None:
    """From journals, logits and the data itself: balance, calibration, cost, sheets and maps."""
    report = build_report(find_curves(real), find_bounds(real))
    tables = tables_of(report)
    row = next(row for row in records(tables["measures"]) if row["strategy"] == "uwe")
    [mean] = [row["mean"] for row in records(tables["learning_curves"])
              if (row["strategy"], row["n_labeled"]) == ("uwe", 40)]  # fmt: skip
    assert row["accuracy"] == pytest.approx(mean)
    assert {"cost", "queried_classes", "per_class_accuracy", "map_uwe", "map_random"} <= set(tables)
    queried = next(r for r in records(tables["queried_classes"]) if r["strategy"] == "uwe")
    assert sum(v for k, v in queried.items() if k != "strategy") == pytest.approx(100)
    paths = real.rglob("*_muwe_cycle*_query.csv")
    bought = [row["label"] for p in paths for row in csv.DictReader(io.StringIO(p.read_text()))]
    assert queried["3"] == pytest.approx(100 * bought.count("3") / len(bought))
    balance = next(r for r in records(tables["imbalance"]) if r["strategy"] == "uwe")
    counts = [bought.count(str(digit)) for digit in range(10)]
    assert balance["rows"] == len(bought) == 40
    assert balance["imbalance"] == max(counts) / min(counts)
    cost = next(row for row in records(tables["cost"]) if row["strategy"] == "uwe")
    spent = [
        sum(float(line["train_seconds"]) for line in list(csv.DictReader(io.StringIO(text)))[1:])
        for text in (p.read_text() for p in real.rglob("*_muwe_al_cycle_result.csv"))
    ]
    assert cost["train_seconds"] == pytest.approx(np.mean(spent))  # cycle 0 is shared
    assert cost["n"] == 2


def test_sheets_show_the_picks_in_their_order(real: Path) -> None:
    """Each picture is the row that was picked, with its class, prediction, uncertainty and why."""
    from uwe.report.document import Gallery

    report = build_report(find_curves(real))
    section = next(s for s in report.sections if s.title == "What uwe picked")
    galleries = [block for block in section.blocks if isinstance(block, Gallery)]
    assert [g.title for g in galleries] == [
        "Cycle 1, from 180 unlabelled rows",
        "Cycle 2, from 170 unlabelled rows",
    ]
    path = next(real.rglob("*_s1_*_muwe_cycle2_query.csv"))
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    data = uwe.load_dataset("digits", pool_size=200, test_size=80)
    files = next(each.files for each in find_runs(real) if each.files.query(2) == path)
    uncertainty = read_tensors(files.uncertainty(2, "entropy"))["uncertainty"]
    events = journal.read(files.journal)
    left = journal.replay([e for e in events if getattr(e, "cycle", 0) < 2][:6], 200).unlabelled
    for row, picture in zip(rows, galleries[1].pictures, strict=True):
        assert picture.source == as_address(data.train.x[int(row["idx"])])
        assert picture.lines[0] == row["label"]
        assert picture.lines[1] in ("predicted so", f"predicted {row['pred']}")
        above = float((uncertainty[left] < float(row["uncertainty"])).double().mean())
        assert picture.lines[2] == f"{float(row['uncertainty']):.3g}, above {100 * above:.0f} %"
        assert picture.lines[3] == "weighted features far from earlier picks"


def test_other_data_than_that_of_the_runs_is_not_shown(real: Path, tmp_path: Path) -> None:
    """A record of another fingerprint: images and test labels are left out, and it is said."""
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(real, folder)
    for path in folder.rglob("*.json"):
        text = path.read_text()
        path.write_text(re.sub(r'"data fingerprint": "\w+"', '"data fingerprint": "0"', text))
    report = build_report(find_curves(folder))
    assert "measures" not in tables_of(report)
    texts = [block for s in report.sections if s.title == "What was picked" for block in s.blocks]
    assert "is not the data that the runs were made from" in str(texts)


def test_uwe_run_ends_by_writing_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page lies in the results folder, and the last line says so."""
    command = ["run", "digits", "--model", "small", "--pool-size", "100", "--test-size", "40"]
    command += ["--epochs", "1", "--budgets", "20,30", "--results", str(tmp_path)]
    assert main(command) == 0
    assert (
        capsys.readouterr().out.splitlines()[-1] == f"What they show is in {tmp_path}/report.html."
    )
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_pictures_are_png() -> None:
    """Our PNG is read back by pillow, grey and in colour; a large image is thinned."""
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for channels in (1, 3):
        pixels = rng.integers(0, 256, (5, 7, channels), dtype=np.uint8)
        read = np.asarray(image.open(io.BytesIO(encode_png(pixels))))
        np.testing.assert_array_equal(read.reshape(pixels.shape), pixels)
    assert len(as_address(np.zeros((200, 130, 1), np.uint8))) < 200


def test_principal_components_are_those_of_svd() -> None:
    """Distances along the first two components agree with NumPy's singular values, in float64.

    For fewer and for more rows than are widened at a time; far from the origin, where float32
    would lose digits.
    """
    for n in (50, 9_000):
        z = np.random.default_rng(1).normal(100, 1, (n, 6)) * [5, 3, 1, 1, 1, 1]
        z = z.astype(np.float32)
        exact = z.astype(np.float64)
        left, values, _ = np.linalg.svd(exact - exact.mean(0), full_matrices=False)
        found = principal_components(z)
        np.testing.assert_allclose(np.abs(found), np.abs(left[:, :2] * values[:2]), atol=1e-8)
    assert principal_components(np.ones((3, 1))).shape == (3, 2)


def test_labels_to_target_pair_random_with_its_seed(study: Path) -> None:
    """Seeds shift all strategies alike here, so the interval is narrower than an unpaired one."""
    [evidence] = gather(find_curves(study))
    at = evidence.methods.index("uwe")
    paired = compare(evidence).targets[at].found
    target = compare(evidence).target
    alone = compare(evidence, target=target).targets[at].found
    assert paired.labels == pytest.approx(alone.labels)
    assert paired.high - paired.low < 0.7 * (alone.high - alone.low)


def make_large(folder: Path) -> list[Curve]:
    """8 strategies x 50 seeds x 20 budgets, as other people's files."""
    labels = tuple(100 * (at + 1) for at in range(20))
    for method in range(8):
        for seed in range(1, 51):
            rng = np.random.default_rng((method, seed))
            runs = 60 + 12 * np.log10(np.array(labels) / 100) + method / 4 + rng.normal(0, 0.5, 20)
            name = "random" if method == 0 else f"m{method}"
            (folder / f"{name}_s{seed}.csv").write_text(table_text(runs, labels))
    return read_others(sorted(folder.glob("*.csv")))


def test_a_large_study_is_reported(tmp_path: Path) -> None:
    """8 strategies x 50 seeds x 20 budgets: every run counts, and the page stays small."""
    report = build_report(make_large(tmp_path))
    assert {row["n"] for row in records(tables_of(report)["pairs"])} == {50}
    write_report(report, tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 500_000


def test_sixteen_strategies_look_different() -> None:
    """A colour that comes again is dotted, in lines, intervals and keys."""
    assert len({colour(at) for at in range(16)}) == 16
    style = resources.files("uwe.report.page").joinpath("style.css").read_text(encoding="utf-8")
    assert all(rule in style for rule in (".again.line", ".again.bar", ".key.again i"))


def test_a_path_that_is_not_there_is_named(tmp_path: Path, capsys) -> None:
    """Whatever its name looks like, it is said to be missing, not to be misnamed."""
    for name in ("results", "margin_s1.csv"):
        assert main(["report", str(tmp_path / name)]) == 2
        assert f"there is no {tmp_path / name}" in capsys.readouterr().err.replace("\n", " ")


def test_settings_that_are_no_unicode_do_not_cost_the_report(tmp_path: Path) -> None:
    """Half of a character, which a record may hold as an escape, is shown as that escape."""
    one, two = (
        Curve(Study("d", "m", "1", "2", (("rate", rate),)), "a", "a", (1,), np.array([10, 20]),
              np.array([[50.0, 60.0]]))
        for rate in ("\ud800[/x]", "2")
    )  # fmt: skip
    report = build_report([one, two])
    for suffix in ("html", "md", "json"):
        write_report(report, tmp_path / f"r.{suffix}")
        assert r"rate \ud800[/x]" in (tmp_path / f"r.{suffix}").read_text().replace("&#x5c;", "\\")
    plot_curves([one], tmp_path / "p.svg")
