"""The results folder: names, tables of runs, curves over seeds, their summary and picture."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import uwe
from uwe.errors import DataError, InputError
from uwe.journal import Answered, Queried, Trained, replay
from uwe.report import curve_lines, plot_curves, random_target, summary_csv
from uwe.report.charts.colours import DARK, LIGHT
from uwe.report.curves import curves_svg
from uwe.runs import (
    Curve,
    RunName,
    Study,
    columns_of,
    cycle_rows,
    file_name,
    find_bounds,
    find_curves,
    initial_rows_file,
    read_acc_files,
    read_cycles,
    write_cycles,
    write_query,
)
from uwe.runs.record import open_record
from uwe.statistics import labels_to_target, rising
from uwe.tasks import classification

SVG = "{http://www.w3.org/2000/svg}"
RUN = ("cifar10", "vit", 3, 7, "exp1k")


def make_table(path: Path, rows: list[tuple[object, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{labels},{accuracy}" for labels, accuracy in rows]
    path.write_text("\n".join(["n_labeled,te_accuracy", *lines]) + "\n")
    return path


def make_run(
    folder: Path, method: str, seed: int, accuracies: list[float], budget_id: str = "10-20-40"
) -> Path:
    name = RunName("run", "digits", "small", seed, 1, budget_id, method)
    return make_named(folder, name, list(zip((10, 20, 40), accuracies, strict=False)))


def make_named(folder: Path, name: RunName, rows: list[tuple[object, object]]) -> Path:
    """A table with a record."""
    files = name.files(folder)
    if not files.record.exists():
        open_record(files.record, {}, experiment={}, fixed={}, name=name)
    return make_table(files.table, rows)


@pytest.mark.parametrize(
    ("attribute", "cycle", "expected"),
    [
        ("log", (), "{stem}.log"),
        ("table", (), "al_cycle_result/{stem}_al_cycle_result.csv"),
        ("query", (2,), "query/{stem}_cycle2_query.csv"),
        ("features", (2,), "query/{stem}_cycle2_trfeat.safetensors"),
        ("model", (0,), "train/{stem}_cycle0_model.safetensors"),
        ("training", (1,), "train/{stem}_cycle1_tr_info.csv"),
    ],
)
def test_names_of_a_strategys_files(attribute: str, cycle: tuple[int, ...], expected: str) -> None:
    """A strategy's files have the names of the paper's code, with tensors as safetensors."""
    files = RunName("run", *RUN, "uwe_x", "b").files(Path("results"))
    found = getattr(files, attribute)
    stem = "cifar10_al_modvit_s3_ne7_bidexp1k_muwe_x_ctb"
    path = found(*cycle) if cycle else found
    assert path == Path("results/cifar10/uwe_x", expected.format(stem=stem))


def test_name_of_the_uncertainties_says_the_measure() -> None:
    """The file of uncertainties carries the measure's name."""
    files = RunName("run", *RUN, "uwe").files(Path())
    assert files.uncertainty(1, "bvsb").name.endswith("_muwe_cycle1_trbvsb.safetensors")


def test_names_of_what_strategies_share() -> None:
    """Initial rows carry the seed; cycle 0 and the upper bound lie in folders of their own."""
    shared = Path("r/cifar10")
    initial = initial_rows_file(Path("r"), "cifar10", seed=3, budget_id="exp1k")
    assert initial == shared / "initialize/cifar10_s3_bidexp1k_init_lb.csv"
    first = RunName("cycle 0", *RUN).files(Path("r"))
    assert first.log == shared / "initialize/cifar10_alc0_modvit_s3_ne7_bidexp1k.log"
    bound = RunName("run", *RUN, "uwe").supervised().files(Path("r"))
    assert bound.table == shared / "supervised/cifar10_supervised_modvit_s3_ne7_result.csv"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("cifar10", "cifar10"), ("hub:a/b c", "hub-a-b-c"), ("hub:../../etc", "hub-etc")],
)
def test_a_data_sets_name_never_leaves_the_folder(name: str, expected: str) -> None:
    """A data set's name becomes one plain folder name."""
    assert file_name(name) == expected


def test_rows_of_cycles_hold_what_was_measured(tmp_path: Path) -> None:
    """A cycle's row has the eight columns first, query_time 0 in cycle 0, blanks for no fact."""
    events = [
        Queried(0, (1, 2)),
        Answered((1, 2), (0, 1), "oracle"),
        Trained(0, {"n_labeled": 2, "te_accuracy": 0.5}),
        Queried(1, (0,), {"query_time": 1.5, "pass_seconds": 2.0}),
        Answered((0,), (1,), "oracle"),
        Trained(1, {"n_labeled": 3, "te_accuracy": 0.1 + 0.2, "unlb_loss": None}),
        Queried(2, (3,), {"query_time": 9.0}),
    ]
    write_cycles(tmp_path / "t.csv", events)
    with (tmp_path / "t.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert tuple(first)[:8] == (
        "n_labeled", "te_accuracy", "q_accuracy", "query_time",
        "tr_loss", "lb_loss", "unlb_loss", "q_loss",
    )  # fmt: skip
    assert tuple(first) == columns_of(classification())
    assert (first["n_labeled"], first["te_accuracy"], first["query_time"]) == ("2", "0.5", "0.0")
    assert (second["query_time"], second["pass_seconds"]) == ("1.5", "2.0")
    assert float(second["te_accuracy"]) == 0.1 + 0.2
    assert second["unlb_loss"] == ""
    assert [row["n_labeled"] for row in cycle_rows(events)] == [2, 3]


def test_query_file_keeps_the_order_of_picking(tmp_path: Path) -> None:
    """A query's file has rank, idx, label and pred first, in the order of picking, then the id."""
    query = Queried(1, (4, 0))
    pool = replay([query, Answered((0, 4), (7, 5), "oracle")], 5)
    write_query(
        tmp_path / "q.csv",
        query,
        pool=pool,
        ids=[f"row,{i}" for i in range(5)],
        predicted=np.array([9, 0, 0, 0, 3]),
        uncertainty=[0.25, 0, 0, 0, 0.5],
    )
    with (tmp_path / "q.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0][:4] == ["rank", "idx", "label", "pred"]
    assert rows[1:] == [
        ["0", "4", "5", "3", "row,4", "0.5"],
        ["1", "0", "7", "9", "row,0", "0.25"],
    ]


def test_accuracies_are_in_percent_with_the_samples_deviation(tmp_path: Path) -> None:
    """Mean and deviation are per cycle in percent, the deviation divided by n - 1."""
    paths = [
        str(make_table(tmp_path / f"{i}.csv", [(10, a), (20, b)]))
        for i, (a, b) in enumerate([(0.5, 0.6), (0.7, 0.6), (0.9, 0.6)])
    ]
    mean, std = read_acc_files({"d": {"b": {"uwe": paths, "one": paths[:1]}}}, "d", "b")
    np.testing.assert_allclose(mean["uwe"], [70, 60])
    np.testing.assert_allclose(std["uwe"], [20, 0], atol=1e-12)
    np.testing.assert_allclose(mean["one"], [50, 60])
    assert np.isnan(std["one"]).all()
    assert uwe.read_acc_files is read_acc_files


@pytest.mark.parametrize(
    ("dataset", "budget", "paths", "words"),
    [
        ("e", "b", [], "unknown data set 'e'"),
        ("d", "c", [], "unknown budget 'c'"),
        ("d", "b", [], "'uwe' has no files"),
        ("d", "b", ["nowhere.csv"], "there is no file nowhere.csv"),
    ],
)
def test_wrong_keys_and_files_are_named(
    dataset: str, budget: str, paths: list[str], words: str
) -> None:
    """A key or a file that is not there is an error that names it."""
    with pytest.raises(InputError, match=words):
        read_acc_files({"d": {"b": {"uwe": paths}}}, dataset, budget)


def test_runs_of_other_budgets_are_not_averaged(tmp_path: Path) -> None:
    """Runs whose budgets differ are refused with both lists."""
    paths = [
        make_table(tmp_path / "1.csv", [(10, 0.5), (20, 0.6)]),
        make_table(tmp_path / "2.csv", [(10, 0.5), (30, 0.6)]),
    ]
    with pytest.raises(InputError, match=r"\[10, 30\].*\[10, 20\]"):
        read_acc_files({"d": {"b": {"uwe": paths}}}, "d", "b")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n1,2\n", "lacks the column 'n_labeled'"),
        (b"", "is empty"),
        (b"n_labeled,te_accuracy\n", "has no rows"),
        (b"n_labeled,te_accuracy\n10,0.5\n20\n", "line 3 "),
        (b"n_labeled,te_accuracy\n10,nan\n", "line 2 "),
        (b"n_labeled,te_accuracy\ninf,0.5\n", "line 2 "),
        (b"n_labeled,te_accuracy\n10.5,0.5\n", "line 2 "),
        (b"n_labeled,te_accuracy\n10,50\n", "line 2 "),
        (b"n_labeled,te_accuracy\n20,0.5\n10,0.6\n", r"rising n_labeled, not \[20, 10\]"),
        (b"n_labeled,te_accuracy\n10,\x81\n", "is not UTF-8"),
    ],
)
def test_a_table_that_is_broken_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    """A file that holds no rows of results is an error that names file, line and value."""
    path = tmp_path / "broken.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        read_cycles(path)
    assert str(path) in str(caught.value)


def test_curves_pool_equals_only(tmp_path: Path) -> None:
    """Seeds of one method and study are one curve; another budget, method or tag is another."""
    make_run(tmp_path, "uwe", 1, [0.1, 0.2, 0.4])
    make_run(tmp_path, "uwe", 10, [0.3, 0.4])
    make_run(tmp_path, "uwe", 2, [0.5, 0.6, 0.6])
    make_run(tmp_path, "uwe_tag", 1, [0.1, 0.2])
    make_run(tmp_path, "uwe", 1, [0.1], budget_id="exp1k")
    curve, tagged, other = find_curves(tmp_path)
    assert (curve.study, curve.method) == (Study("digits", "small", "", "10-20-40"), "uwe")
    assert curve.seeds == (1, 2, 10)
    assert curve.labels.tolist() == [10, 20, 40]
    assert curve.n.tolist() == [3, 3, 2]
    np.testing.assert_allclose(curve.mean, [30, 40, 50])
    np.testing.assert_allclose(curve.std, [20, 20, math.sqrt(200)])
    assert tagged.method == "uwe_tag"
    assert other.study.budgets == "exp1k"


def test_curves_of_given_files_only(tmp_path: Path) -> None:
    """Only the groups of the files asked for are given, with all of their seeds."""
    wanted = make_run(tmp_path, "uwe", 1, [0.1])
    make_run(tmp_path, "uwe", 2, [0.3])
    make_run(tmp_path, "random", 1, [0.1])
    [curve] = find_curves(tmp_path, only={wanted})
    assert (curve.method, curve.seeds) == ("uwe", (1, 2))


def test_one_run_never_counts_twice(tmp_path: Path) -> None:
    """Two files of one name and seed below a folder are refused: n would be wrong."""
    make_run(tmp_path / "a", "uwe", 1, [0.1])
    make_run(tmp_path / "b", "uwe", 1, [0.1])
    with pytest.raises(InputError, match="same name and seed"):
        find_curves(tmp_path)


def test_seeds_of_other_budgets_are_not_pooled(tmp_path: Path) -> None:
    """Files of one name whose budgets differ are refused with both lists."""
    make_run(tmp_path, "uwe", 1, [0.1, 0.2])
    make_table(make_run(tmp_path, "uwe", 2, []), [(10, 0.1), (21, 0.2)])
    with pytest.raises(DataError, match=r"\[10, 21\].*\[10, 20\]"):
        find_curves(tmp_path)


def test_upper_bounds_are_found(tmp_path: Path) -> None:
    """The upper bounds of all seeds are one curve of one budget."""
    for seed, accuracy in ((1, 0.8), (2, 0.9)):
        make_named(tmp_path, RunName("supervised", "digits", "small", seed, 1), [(150, accuracy)])
    make_run(tmp_path, "uwe", 1, [0.1])
    [bound] = find_bounds(tmp_path)
    assert (bound.labels.tolist(), bound.seeds) == ([150], (1, 2))
    np.testing.assert_allclose(bound.mean, [85])


@pytest.mark.parametrize("what", ["missing", "empty"])
def test_a_folder_without_results_is_an_error(tmp_path: Path, what: str) -> None:
    """A folder that is not there or holds no results is an error that names it."""
    folder = tmp_path / what
    if what == "empty":
        folder.mkdir()
    with pytest.raises(InputError, match=what):
        find_curves(folder)


def curve(method: str, accuracies: list[list[float]]) -> Curve:
    return Curve(
        Study("digits", "small", "1", "10-20-40"),
        method,
        method,
        tuple(range(1, len(accuracies) + 1)),
        np.array([10, 20, 40][: len(accuracies[0])]),
        np.array(accuracies),
    )


def test_lines_of_a_table_say_mean_deviation_and_labels_to_randoms_end() -> None:
    """A line has mean and deviation at each budget, n where it differs, labels to the target."""
    nan = math.nan
    curves = [
        curve("random", [[40, 50, 58], [40, 50, 62]]),
        curve("uwe", [[40, 60, 70], [50, 60, nan]]),
        curve("bvsb", [[10, 20]]),
    ]
    assert random_target(curves) == 60
    assert list(curve_lines(curves)) == [
        ["random", "40.0 ± 0.0", "50.0 ± 0.0", "60.0 ± 2.8", "40"],
        ["uwe", "45.0 ± 7.1", "60.0 ± 0.0", "70.0 (n=1)", "20"],
        ["bvsb", "10.0", "20.0", "", "not reached"],
    ]


def test_without_random_there_is_no_target() -> None:
    """Without random there is nothing to reach, and no column for it."""
    curves = [curve("uwe", [[40, 50, 60]])]
    assert random_target(curves) is None
    assert list(curve_lines(curves)) == [["uwe", "40.0", "50.0", "60.0"]]


def test_summary_has_a_line_for_every_budget() -> None:
    """The summary gives mean, sample deviation and n; a deviation of one run is empty."""
    lines = summary_csv([curve("uwe", [[40, 50], [50, math.nan]])]).splitlines()
    assert lines[0] == "dataset,model,epochs,budgets,settings,method,n_labeled,n_runs,mean,std"
    start = "digits,small,1,10-20-40,,uwe"
    deviation = math.sqrt(50)
    assert lines[1:] == [f"{start},10,2,45.0,{deviation!r}", f"{start},20,1,50.0,"]


def drawn(curves: list[Curve], bounds: list[Curve]) -> ElementTree.Element:
    return ElementTree.fromstring(curves_svg(curves, bounds).encode())


def texts(picture: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in picture.iter(f"{SVG}text")]


def classed(picture: ElementTree.Element, shape: str, *classes: str) -> list[ElementTree.Element]:
    return [
        each
        for each in picture.iter(f"{SVG}{shape}")
        if set(classes) <= set(each.get("class", "").split())
    ]


def test_the_picture_has_title_axes_legend_bands_and_bounds() -> None:
    """A line each, a band for several runs, random dashed, a bound across, names by last mean."""
    curves = [curve("random", [[40, 50, 60]]), curve("<uwe>", [[40, 60, 70], [50, 60, math.nan]])]
    picture = drawn(curves, [curve("supervised", [[90]])])
    told = texts(picture)
    assert told[0] == "Learning curves: digits, small, 1 epochs"
    assert told[1] == "mean over 1 to 2 seeds; the band is one sample deviation"
    assert {"test accuracy, %", "labelled rows (logarithmic axis)", "10", "20", "40"} <= set(told)
    assert "all 10 labels" in told
    assert told[-2:] == ["<uwe>", "random"]
    assert len(classed(picture, "path", "line")) == 2
    [band] = classed(picture, "path", "band")
    assert band.get("class") == "band c0"
    assert len(classed(picture, "path", "line", "base")) == 1
    assert len(classed(picture, "line", "level")) == 1


def test_the_picture_stands_alone() -> None:
    """Colours are in the file, for light and dark paper; nothing outside the file is named."""
    text = curves_svg([curve("uwe", [[40, 50, 60]])])
    assert text.startswith("<?xml")
    assert "var(" not in text
    assert "prefers-color-scheme:dark" in text
    assert LIGHT["c0"] in text
    assert DARK["c0"] in text
    assert re.findall(r"url\(|@import|href|https?://(?!www.w3.org/2000/svg)", text) == []


def test_sixteen_curves_look_different() -> None:
    """No two of sixteen lines have one colour and one dash, and no name leaves the picture."""
    picture = drawn([curve(f"strategy {at}" * 3, [[at, 50, 60]]) for at in range(16)], [])
    lines = classed(picture, "path", "line")
    assert len({line.get("class") for line in lines}) == 16
    width, height = (float(picture.get(name, "0")) for name in ("width", "height"))
    for each in list(picture.iter(f"{SVG}text"))[-16:]:
        assert float(each.get("x", "0")) + 7 * len(each.text or "") < width
        assert float(each.get("y", "0")) < height


def test_the_picture_is_written_whole_and_once(tmp_path: Path) -> None:
    """The file is made with its folder; drawing the same again leaves it alone."""
    path = tmp_path / "deep" / "curves.svg"
    curves = [curve("random", [[40, 50, 60]])]
    plot_curves(curves, path)
    assert list(path.parent.iterdir()) == [path]
    stamp = path.stat().st_mtime_ns
    plot_curves(curves, path)
    assert path.stat().st_mtime_ns == stamp
    with pytest.raises(InputError, match=r"end in \.svg, not 'curves\.png'"):
        plot_curves(curves, path.with_suffix(".png"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([5], [5]),
        ([1, 2, 3], [1, 2, 3]),
        ([3, 2, 1], [2, 2, 2]),
        ([1, 5, 3, 4], [1, 4, 4, 4]),
        ([4, 1, 1, 6, 5], [2, 2, 2, 5.5, 5.5]),
        ([1, 1], [1, 1]),
    ],
)
def test_rising_by_hand(values: list[float], expected: list[float]) -> None:
    """Neighbours that fall are replaced by their mean until nothing falls."""
    assert rising(values).tolist() == expected


@pytest.mark.parametrize(
    ("accuracy", "target", "expected"),
    [
        ([50, 60, 70], 65, math.sqrt(200 * 400)),
        ([50, 60, 70], 62.5, 200 * 2**0.25),
        ([50, 60, 70], 50, 100),
        ([50, 60, 70], 10, 100),
        ([50, 60, 70], 70, 400),
        ([50, 60, 70], 70.1, None),
        ([50, 70, 60], 65, 200),
        ([50, 70, 60], 66, None),
        ([60, 60, 70], 65, math.sqrt(200 * 400)),
    ],
)
def test_labels_to_a_target_by_hand(
    accuracy: list[float], target: float, expected: float | None
) -> None:
    """The rising curve is read linearly in the logarithm of the labels."""
    found = labels_to_target([100, 200, 400], accuracy, target)
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("labels", "accuracy", "words"),
    [
        ([10, 20], [1.0], "2 budgets, but 1 accuracies"),
        ([20, 10], [1.0, 2.0], "labels must rise"),
        ([0, 10], [1.0, 2.0], "labels must rise"),
        ([10, 20], [1.0, math.nan], "must be finite"),
    ],
)
def test_labels_to_a_target_of_no_curve(
    labels: list[int], accuracy: list[float], words: str
) -> None:
    """What is no curve is refused with what is wrong."""
    with pytest.raises(InputError, match=words):
        labels_to_target(labels, accuracy, 1.0)


def test_an_empty_curve_reaches_nothing() -> None:
    """A curve without budgets reaches no target."""
    assert labels_to_target([], [], 1.0) is None


def recorded(folder: Path, seed: int, *, tag: str = "", **changes: object) -> None:
    """A finished run of real settings, with its record."""
    given = {
        "strategy": "uwe", "budgets": (10, 20), "model": "small", "epochs": 1, "pool_size": 60,
        "test_size": 30, "threads": 1, "device": "cpu", "run_tag": tag, "seed": seed,
    }  # fmt: skip
    uwe.run(uwe.Experiment("digits", results=folder, **{**given, **changes}))


def test_runs_of_other_settings_are_never_pooled(tmp_path: Path) -> None:
    """Another pool is another study; another option of a strategy is another curve; both say so."""
    recorded(tmp_path, 1)
    recorded(tmp_path, 2)
    recorded(tmp_path, 3, pool_size=70)
    recorded(tmp_path, 4, options={"uncertainty": "bvsb"})
    curves = find_curves(tmp_path)
    found = {(curve.method, curve.seeds) for curve in curves}
    assert found == {("uwe (entropy)", (1, 2)), ("uwe (bvsb)", (4,)), ("uwe", (3,))}
    other = next(curve.study for curve in curves if curve.seeds == (3,))
    studies = [curve.study for curve in curves]
    assert len(set(studies)) == 2
    assert other.details(studies) == "pool size 70"
    assert "pool size 70" in summary_csv(curves)


@pytest.mark.parametrize(
    ("mine", "others", "told"),
    [
        (("a", "60"), [("b", "60")], "data fingerprint a"),
        (("a", "60"), [("b", "70")], "pool size 60"),
        (("a", "60"), [("b", "70"), ("c", "60")], "data fingerprint a, pool size 60"),
        (("a", "60"), [("a", "60")], ""),
    ],
)
def test_a_fingerprint_is_told_where_sizes_do_not_tell_it(
    mine: tuple[str, str], others: list[tuple[str, str]], told: str
) -> None:
    """Other data of the same size is told apart by its fingerprint, other sizes by themselves."""

    def study(fingerprint: str, size: str) -> Study:
        settings = (("data fingerprint", fingerprint), ("pool size", size))
        return Study("digits", "small", "1", "10", settings)

    assert study(*mine).details([study(*mine), *(study(*other) for other in others)]) == told


def test_a_tag_does_not_hide_the_baseline(tmp_path: Path) -> None:
    """Random is the baseline by its strategy, whatever the run is tagged."""
    recorded(tmp_path, 1, strategy="random", tag="new")
    [curve] = find_curves(tmp_path)
    assert (curve.method, curve.strategy) == ("random_ctnew", "random")
    assert random_target([curve]) == curve.mean[-1]


def test_bounds_belong_to_studies_of_the_same_settings(tmp_path: Path) -> None:
    """An upper bound on another pool is no bound."""
    recorded(tmp_path, 1)
    for pool in (60, 70):
        uwe.supervise(
            uwe.Experiment(
                "digits",
                model="small",
                epochs=1,
                pool_size=pool,
                test_size=30,
                threads=1,
                device="cpu",
                budgets=(10,),
                results=tmp_path / str(pool),
            )
        )
    [curve] = find_curves(tmp_path)
    mine, other = find_bounds(tmp_path / "60"), find_bounds(tmp_path / "70")
    assert curve.study.bounds(mine[0])
    assert not curve.study.bounds(other[0])
