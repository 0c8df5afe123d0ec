"""Records of runs: written, read back, and understood where an older version wrote them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import uwe
from uwe._tensors import write_tensors
from uwe.cli import main
from uwe.errors import InputError, RunError
from uwe.experiment import BUDGETS
from uwe.journal import Queried, Trained
from uwe.report import artefacts, build_report
from uwe.report.artefacts import events_of, pool_tensor
from uwe.runs import (
    RunName,
    RunStore,
    find_bounds,
    find_curves,
    find_runs,
    read_record,
)
from uwe.runs.record import fix_anew, open_record, records_in

RUN = RunName("run", "hub:a/birds", "small", 3, 7, "10-20", "uwe_x", "b")
NETWORK = {"dataset": "digits", "model": "small", "seed": 2, "rows of cycle 0": 10, "epochs": 8}
ASKED = {
    "dataset": "digits", "strategy": "uwe", "model": "small", "seed": 2, "epochs": 8,
    "budgets": [10, 20], "method_tag": "", "run_tag": "",
}  # fmt: skip
LOOP = {
    "dataset": "wine", "model": "sklearn:random_forest", "seed": 3, "rows of cycle 0": 6,
    "strategy": "uwe", "budgets": [6, 12],
}  # fmt: skip


def former(
    path: Path, settings: dict[str, Any], experiment: dict[str, Any], *, table: str = ""
) -> Path:
    """A record as versions wrote it whose records did not hold the name; and a table beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"format": 1, "settings": settings, "fixed": {"threads": 1}, "experiment": experiment}
    path.write_text(json.dumps({**record, "environment": {}, "made": "2026-01-01T00:00:00+00:00"}))
    if table:
        folder = path.parent / "al_cycle_result"
        folder.mkdir(exist_ok=True)
        text = f"n_labeled,te_accuracy\n10,{table}\n"
        (folder / f"{path.stem}_al_cycle_result.csv").write_text(text)
    return path


def recorded(folder: Path, name: RunName, **more: Any) -> uwe.runs.Record:
    path = name.files(folder).record
    return open_record(path, {}, experiment={}, fixed={}, name=name, **more)


@pytest.mark.parametrize(
    "name", [RUN, RUN.cycle0(), RunName("supervised", "digits", "small", 1, 9)]
)
def test_a_name_goes_to_json_and_back(name: RunName) -> None:
    """A name is read back as it was written, and fields of newer versions are left out."""
    value = json.loads(json.dumps(name.as_json()))
    assert RunName.from_json({**value, "something new": 1}) == name


@pytest.mark.parametrize(
    "change", [{"seed": "3"}, {"kind": "alc0"}, {"dataset": None}, {"epochs": 1.5}]
)
def test_a_name_that_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    """A field of another type, or an unknown kind, is named."""
    with pytest.raises(ValueError, match=next(iter(change))):
        RunName.from_json({**RUN.as_json(), **change})


def test_the_names_of_cycle_0_drop_strategy_and_tags() -> None:
    """All strategies of a seed and of all tags go on from the same cycle-0 files."""
    assert RUN.cycle0() == replace(RUN, method="uwe", run_tag="").cycle0()
    files = RUN.files(Path("r"))
    assert files.stem == "hub-a-birds_al_modsmall_s3_ne7_bid10-20_muwe_x_ctb"
    assert RUN.cycle0_files(files.folder) == RUN.cycle0().files(Path("r"))
    assert RUN.cycle0().stem == "hub-a-birds_alc0_modsmall_s3_ne7_bid10-20"


def test_a_record_holds_name_and_measure(tmp_path: Path) -> None:
    """What was written is read back, wherever the results folder was moved to."""
    recorded(tmp_path / "a", RUN, measure="bvsb")
    shutil.move(tmp_path / "a", tmp_path / "b")
    [record] = find_runs(tmp_path)
    assert (record.name, record.measure, record.format) == (RUN, "bvsb", 1)
    assert record.files == RUN.files(tmp_path / "b")
    assert record.cycle0_files == RUN.cycle0().files(tmp_path / "b")


def test_a_change_of_what_is_fixed_keeps_the_rest(tmp_path: Path) -> None:
    """Threads that change leave every other key of the record as it was."""
    path = former(tmp_path / "x.json", NETWORK, ASKED)
    before = json.loads(path.read_text())
    fix_anew(path, threads=4)
    assert json.loads(path.read_text()) == {**before, "fixed": {"threads": 4}}


@pytest.mark.parametrize(
    ("where", "settings", "experiment", "expected"),
    [
        (
            "uwe_t/digits_al_modsmall_s2_ne8_bid10-20_muwe_t_ctr",
            {**NETWORK, "strategy": "uwe"},
            {**ASKED, "method_tag": "_t", "run_tag": "r"},
            RunName("run", "digits", "small", 2, 8, "10-20", "uwe_t", "r"),
        ),
        (
            "uwe/digits_al_modsmall_s2_ne8_bidexp05k_muwe",
            {**NETWORK, "strategy": "uwe"},
            {**ASKED, "budgets": "exp05k"},
            RunName("run", "digits", "small", 2, 8, "exp05k", "uwe"),
        ),
        (
            "initialize/digits_alc0_modsmall_s2_ne8_bid10-20",
            NETWORK,
            ASKED,
            RunName("cycle 0", "digits", "small", 2, 8, "10-20"),
        ),
        (
            "supervised/digits_supervised_modsmall_s2_ne8",
            NETWORK,
            ASKED,
            RunName("supervised", "digits", "small", 2, 8),
        ),
        (
            "uwe_mine/wine_al_modsklearn-random-forest_s3_ne1_bid6-12_muwe_mine",
            LOOP,
            {**LOOP, "results": "r"},
            RunName("run", "wine", "sklearn:random_forest", 3, 1, "6-12", "uwe_mine"),
        ),
        (
            "uwe/wine_al_modsklearn-random-forest_s3_ne1_bidexp1k_muwe",
            LOOP,
            {**LOOP, "budgets": list(BUDGETS["exp1k"]), "results": "r"},
            RunName("run", "wine", "sklearn:random_forest", 3, 1, "exp1k", "uwe"),
        ),
        ("initialize/digits_s2_bid10-20_init_lb", {"dataset": "digits", "seed": 2}, ASKED, None),
        ("uwe/renamed", {**NETWORK, "strategy": "uwe"}, ASKED, None),
    ],
)
def test_former_records_are_understood(
    tmp_path: Path,
    where: str,
    settings: dict[str, Any],
    experiment: dict[str, Any],
    expected: RunName | None,
) -> None:
    """The name follows from the settings, and only where the record's own file has that name."""
    path = former(tmp_path / "results" / f"{where}.json", settings, experiment)
    assert read_record(path).name == expected
    assert [record.name for record in find_runs(tmp_path)] == ([expected] if expected else [])


def test_former_runs_and_new_ones_are_one_curve(tmp_path: Path) -> None:
    """Runs with and without the name in their records are pooled where all settings agree."""
    settings = {**NETWORK, "strategy": "uwe"}
    folder = tmp_path / "digits/uwe"
    former(folder / "digits_al_modsmall_s2_ne8_bid10-20_muwe.json", settings, ASKED, table="0.5")
    name = RunName("run", "digits", "small", 4, 8, "10-20", "uwe")
    files = name.files(tmp_path)
    open_record(files.record, {**settings, "seed": 4}, experiment={}, fixed={}, name=name)
    files.table.write_text("n_labeled,te_accuracy\n10,0.7\n")
    [curve] = find_curves(tmp_path)
    assert (curve.method, curve.seeds, curve.mean.tolist()) == ("uwe", (2, 4), [60.0])
    assert not curve.lacks_record


@pytest.mark.parametrize("content", ["[]", "{not json", '{"uwe_report": 1}', '{"format": 1}', "1"])
def test_other_json_files_are_no_records(tmp_path: Path, content: str) -> None:
    """A JSON file that is not a record is skipped in a folder and refused by its name."""
    (tmp_path / "other.json").write_text(content)
    assert list(records_in(tmp_path)) == []
    with pytest.raises(RunError, match=r"other\.json is not the record of a run"):
        read_record(tmp_path / "other.json")


def test_a_newer_format_is_refused_everywhere(tmp_path: Path) -> None:
    """A record of another format stops curves, too: nothing is read from it by guessing."""
    former(tmp_path / "x.json", NETWORK, ASKED)
    text = (tmp_path / "x.json").read_text().replace('"format": 1', '"format": 2')
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(RunError, match="format 2"):
        find_curves(tmp_path)


def test_a_run_without_a_table_is_no_curve_yet(tmp_path: Path) -> None:
    """A run that was just begun has a record and no results."""
    recorded(tmp_path, RUN)
    with pytest.raises(InputError, match="holds no results"):
        find_curves(tmp_path)
    assert find_bounds(tmp_path) == []


def test_a_table_without_a_record_is_read_like_one_of_another_program(tmp_path: Path) -> None:
    """It is a study of its own, even under the name of a known one; the report tells why."""
    kept, lost = (RunName("run", "digits", "small", seed, 8, "10-20", "uwe") for seed in (1, 2))
    for name in (kept, lost):
        recorded(tmp_path, name)
        table = name.files(tmp_path).table
        table.parent.mkdir(parents=True, exist_ok=True)
        table.write_text("n_labeled,te_accuracy\n10,0.5\n20,0.6\n")
    lost.files(tmp_path).record.unlink()
    own, other = find_curves(tmp_path)
    assert (own.seeds, own.lacks_record, len(own.records)) == ((1,), False, 1)
    assert (other.seeds, other.lacks_record, other.records) == ((2,), True, ())
    assert (other.study.model, other.study.settings) == ("", ())
    warnings = build_report([own, other]).warnings
    assert any("no record was found of digits_al_" in each for each in warnings)
    assert not any("no record" in each for each in build_report([own]).warnings)
    [only] = find_curves(tmp_path, only={kept.files(tmp_path).table})
    assert only.seeds == (1,)


def test_the_table_of_runs_without_records_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`uwe results` shows such tables under their folder's name, and the picture has that name."""
    table = replace(RUN, run_tag="").files(tmp_path).table
    table.parent.mkdir(parents=True)
    table.write_text("n_labeled,te_accuracy\n10,0.5\n20,0.6\n")
    assert main(["results", str(tmp_path)]) == 0
    assert "al_cycle_result, no record: test accuracy in percent" in capsys.readouterr().out
    assert (tmp_path / "curves_al_cycle_result_bid10-20.svg").is_file()


def save(path: Path, name: str, value: float) -> None:
    write_tensors(path, {name: torch.tensor([[value]])})


def test_logits_of_cycle_0_are_the_runs_own_or_those_it_began_with(tmp_path: Path) -> None:
    """A run that trained its own cycle 0 shows that one; others show the one that is shared."""
    record = recorded(tmp_path, RUN)
    assert artefacts.test_logits(record, 0, "logits") is None
    save(record.cycle0_files.test_logits(0), "logits", 1.0)
    assert artefacts.test_logits(record, 0, "logits") == 1.0
    assert artefacts.test_logits(record, 1, "logits") is None
    save(record.files.test_logits(0), "logits", 2.0)
    assert artefacts.test_logits(record, 0, "logits") == 2.0
    assert artefacts.test_logits(None, 0, "logits") is None


def test_uncertainties_are_found_by_the_measures_name(tmp_path: Path) -> None:
    """A record names the measure; for a former record the known measures are tried."""
    record = recorded(tmp_path, RUN, measure="surprise")
    save(record.files.uncertainty(1, "bvsb"), "uncertainty", 1.0)
    assert pool_tensor(record, 1, "uncertainty") is None
    assert pool_tensor(replace(record, measure=None), 1, "uncertainty") == 1.0
    save(record.files.uncertainty(1, "surprise"), "uncertainty", 2.0)
    assert pool_tensor(record, 1, "uncertainty") == 2.0
    assert pool_tensor(record, 1, "features") is None


def test_a_run_of_a_learner_records_name_and_measure(tmp_path: Path) -> None:
    """The records of all three kinds of runs hold the names of their files."""
    small = {"budgets": (10, 20), "model": "small", "epochs": 1, "results": tmp_path}
    rows = {"pool_size": 60, "test_size": 30}
    experiment = uwe.Experiment("digits", strategy="bvsb", method_tag="x", **small, **rows)
    uwe.run(experiment)
    uwe.supervise(experiment)
    found = {record.name.kind: record for record in find_runs(tmp_path) if record.name}
    assert set(found) == {"run", "cycle 0", "supervised"}
    assert all(json.loads(each.path.read_text())["run"] for each in found.values())
    assert all(each.files.record == each.path for each in found.values())
    assert found["run"].measure == "bvsb"
    assert found["run"].cycle0_files == found["cycle 0"].files


def test_the_store_of_a_run_keeps_events_in_order(tmp_path: Path) -> None:
    """Events that were appended are read back; a store without a journal has none."""
    store = RunStore(RUN, RUN.files(tmp_path))
    assert store.events() == []
    made = store.open_record({"seed": 3}, experiment={}, fixed={"threads": 1}, measure="entropy")
    assert store.open_journal([Queried(0, (1,))]) == [Queried(0, (1,))]
    store.append(Trained(0, {"n_labeled": 1}))
    with store.files.journal.open("a") as file:
        file.write('{"event":"torn')
    assert store.open_journal([]) == [Queried(0, (1,)), Trained(0, {"n_labeled": 1})]
    assert store.events() == [Queried(0, (1,)), Trained(0, {"n_labeled": 1})]
    assert read_record(store.files.record) == made
    assert events_of(made) == store.events()
    with pytest.raises(RunError, match="seed is 3 there and 4 here"):
        store.open_record({"seed": 4}, experiment={}, fixed={})


def test_curves_and_trackers_need_no_torch(tmp_path: Path) -> None:
    """Reading records, curves and trackers' names imports neither torch nor a plotting library."""
    recorded(tmp_path, RUN)
    table = RUN.files(tmp_path).table
    table.parent.mkdir(parents=True)
    table.write_text("n_labeled,te_accuracy\n10,0.5\n")
    code = (
        "import sys, pathlib, uwe.report, uwe.tracking\n"
        "from uwe.runs import find_curves, find_bounds\n"
        f"uwe.report.build_report(find_curves(pathlib.Path({str(tmp_path)!r})))\n"
        "print([m for m in ('torch', 'matplotlib', 'PIL', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("changed", "differences"),
    [
        ({"uncertainty": "bvsb"}, ["uncertainty is 'entropy' there and 'bvsb' here"]),
        ({"selection": "k_means_pp"}, ["selection is 'k_center' there and 'k_means_pp' here"]),
        ({"pool_size": "140"}, ["pool size is 150 there and 140 here"]),
        ({"test_size": "50"}, ["test size is 60 there and 50 here"]),
        (
            {"dropout": "0.2", "pool_size": "100"},
            ["dropout is 0.0 there and 0.2 here", "pool size is 150 there and 100 here"],
        ),
    ],
)
@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_other_settings_are_never_mixed(
    finished_run: Path,
    changed: dict[str, str],
    differences: list[str],
    dry: list[str],
    refused: Callable[[list[str]], str],
    small_run: Callable[..., list[str]],
    contents: Callable[[Path], dict[str, object]],
) -> None:
    """A run with other settings under the same name is refused with each difference shown."""
    before = contents(finished_run)
    line = refused([*small_run(finished_run, **changed), *dry])
    assert all(difference in line for difference in differences)
    assert "--results" in line
    assert contents(finished_run) == before


def test_other_settings_are_seen_before_the_first_run(
    copied_run: Path,
    refused: Callable[[list[str]], str],
    small_run: Callable[..., list[str]],
    contents: Callable[[Path], dict[str, object]],
) -> None:
    """A later run that will be refused is refused before an earlier one is started."""
    before = contents(copied_run)
    arguments = [*small_run(copied_run, seeds="2,1", uncertainty="bvsb"), "--strategy=uwe"]
    assert "'bvsb' here" in refused(arguments)
    assert contents(copied_run) == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{not json", "is not the record of a run"),
        ("[]", "is not the record of a run"),
        ('{"format": 1}', "it lacks 'settings'"),
        ('{"format": 1, "settings": [], "fixed": {}}', "is not the record of a run"),
        ('{"format": 9, "settings": {}, "fixed": {}}', "has format 9"),
        (None, "has lost its record"),
    ],
)
def test_a_broken_record_is_not_guessed_at(
    copied_run: Path,
    content: str | None,
    words: str,
    refused: Callable[[list[str]], str],
    small_run: Callable[..., list[str]],
    contents: Callable[[Path], dict[str, object]],
) -> None:
    """A record that cannot be read, or is gone, is an error that names it."""
    [path] = (copied_run / "digits" / "uwe").glob("*_muwe.json")
    path.unlink()
    if content is not None:
        path.write_text(content)
    before = contents(copied_run)
    refusal = refused(small_run(copied_run))
    assert words in refusal
    assert path.name in refusal
    assert contents(copied_run) == before


def test_a_record_without_its_threads(
    copied_run: Path,
    refused: Callable[[list[str]], str],
    small_run: Callable[..., list[str]],
) -> None:
    """A record that lacks what it fixes is refused with what it lacks."""
    [path] = (copied_run / "digits" / "uwe").glob("*_muwe.json")
    record = json.loads(path.read_text())
    del record["fixed"]["threads"]
    path.write_text(json.dumps(record))
    assert "it lacks 'threads'" in refused(small_run(copied_run))


@pytest.mark.parametrize("bits", [1, 31, 16, 128, 64.0, True, "64", None])
def test_a_record_with_other_bits_is_refused(
    copied_run: Path,
    bits: object,
    refused: Callable[[list[str]], str],
    small_run: Callable[..., list[str]],
) -> None:
    """Outputs are kept in 32 or 64 bits; another number would change picks in silence."""
    [path] = (copied_run / "digits" / "uwe").glob("*_muwe.json")
    record = json.loads(path.read_text())
    record["fixed"]["float_bits"] = bits
    path.write_text(json.dumps(record))
    assert "float_bits" in refused(small_run(copied_run))
