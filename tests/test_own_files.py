"""The files of a run are its own: another run's, or a damaged one, is refused or made again."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import uwe
from uwe.errors import InputError, RunError, UweError
from uwe.experiment import initialize
from uwe.project.files import ProjectFiles
from uwe.runs import find_runs
from uwe.runs.cycles import TIMING_COLUMNS

KINDS: dict[str, dict[str, Any]] = {
    "network": {
        "dataset": "digits", "model": "small", "epochs": 1, "pool_size": 60, "test_size": 30,
        "device": "cpu",
    },
    "estimator": {"dataset": "sklearn:wine", "model": "sklearn:logistic"},
}  # fmt: skip


def experiment(results: Path, seed: int, kind: str, **changed: Any) -> uwe.Experiment:
    return uwe.Experiment(
        seed=seed, strategy="uwe", budgets=(8, 12, 16), threads=1, results=results,
        **KINDS[kind], **changed,
    )  # fmt: skip


def tables(folder: Path, seed: int) -> dict[str, list[dict[str, str]]]:
    """The strategy's tables of a seed, without times."""
    found = {}
    for path in sorted(folder.rglob(f"*_s{seed}_*_muwe_*.csv")):
        if path.name.endswith(("_query.csv", "_result.csv")):
            with path.open(newline="") as file:
                found[path.name] = [
                    {name: cell for name, cell in row.items() if name not in TIMING_COLUMNS}
                    for row in csv.DictReader(file)
                ]
    return found


Ready = Callable[[str, int], tuple[Path, dict[str, Any]]]


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Ready:
    """Two seeds that stand after some cycles, and the tables of seed 1 when it is done."""
    made: dict[tuple[str, int], tuple[Path, dict[str, Any]]] = {}

    def stopped(kind: str, cycles: int) -> tuple[Path, dict[str, Any]]:
        if (kind, cycles) not in made:
            folder, whole = (tmp_path_factory.mktemp(name) for name in ("half", "whole"))
            uwe.run([experiment(folder, seed, kind, cycles=cycles) for seed in (1, 2)])
            shutil.copytree(folder, whole, dirs_exist_ok=True)
            uwe.run(experiment(whole, 1, kind))
            made[kind, cycles] = folder, tables(whole, 1)
        return made[kind, cycles]

    return stopped


def resumed(folder: Path, kind: str) -> dict[str, Any] | None:
    """The tables of seed 1, or None where the run is refused in one line."""
    try:
        uwe.run(experiment(folder, 1, kind))
    except UweError as error:
        message = str(error)
        assert "\n" not in message
        return None
    return tables(folder, 1)


def own(folder: Path) -> list[Path]:
    """Every file of seed 1 that seed 2 has as well."""
    found = [path for path in sorted(folder.rglob("*_s1_*")) if path.is_file()]
    return [path for path in found if not path.name.startswith(".") and path.suffix != ".log"]


def of_seed_2(path: Path) -> Path:
    return path.with_name(path.name.replace("_s1_", "_s2_"))


@pytest.mark.parametrize("kind", ["network", "estimator"])
@pytest.mark.parametrize("cycles", [0, 1])
def test_a_file_of_another_seed_never_changes_the_picks(
    kind: str, cycles: int, ready: Ready, tmp_path: Path
) -> None:
    """Each file of seed 1 replaced by that of seed 2: refused, or the tables of seed 1."""
    half, expected = ready(kind, cycles)
    refused = []
    for at, path in enumerate(own(half)):
        folder = tmp_path / f"{at}"
        shutil.copytree(half, folder)
        copied = folder / path.relative_to(half)
        shutil.copyfile(of_seed_2(copied), copied)
        found = resumed(folder, kind)
        assert found in (None, expected), path.name
        if found is None:
            refused.append(path.name)
    ends = {name.split("_bid8-12-16")[1] for name in refused}
    assert {"_muwe.journal.jsonl", "_muwe.json", "_init_lb.csv", ".journal.jsonl"} <= ends
    if kind == "network":  # of the other learner, the number of labels is kept, which is the same
        assert {"_model.safetensors", "_muwe_cycle1_model.safetensors"} & ends
    if cycles == 0:
        assert {"_trlogits.safetensors", "_trfeat.safetensors"} <= ends or kind == "estimator"


@pytest.mark.parametrize(("kind", "cycles"), [("network", 0), ("network", 1), ("estimator", 0)])
def test_a_flipped_bit_in_a_tensor_never_changes_the_picks(
    kind: str, cycles: int, ready: Ready, tmp_path: Path
) -> None:
    """One bit near the start, in the middle and at the end of each file that is read back."""
    half, expected = ready(kind, cycles)
    refused = 0
    for path in [each for each in own(half) if each.suffix == ".safetensors"]:
        content = path.read_bytes()
        for at in (9, len(content) // 2, len(content) - 2):
            folder = tmp_path / f"{path.name[-30:]}-{at}"
            shutil.copytree(half, folder)
            broken = content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :]
            (folder / path.relative_to(half)).write_bytes(broken)
            found = resumed(folder, kind)
            assert found in (None, expected), (path.name, at)
            refused += found is None
    assert refused >= 3


def without_last_event(folder: Path, seed: int) -> None:
    """Take back the last event of a strategy's run, as if it had been killed before."""
    [path] = folder.rglob(f"*_s{seed}_*_muwe.journal.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    assert json.loads(lines[-1])["event"] == "trained"
    path.write_bytes(b"".join(lines[:-1]))


@pytest.mark.parametrize("what", ["pool_logits", "uncertainty"])
@pytest.mark.parametrize("kept", [True, False])
def test_the_predictions_of_an_answered_query_are_compared(
    what: str, kept: bool, ready: Ready, tmp_path: Path
) -> None:
    """They are read for the losses of the cycle, and for a table of picks that was lost."""
    half, expected = ready("estimator", 1)
    folder = tmp_path / "r"
    shutil.copytree(half, folder)
    without_last_event(folder, 1)
    files = next(each.files for each in find_runs(folder) if each.files.query(1).exists()
                 if "_s1_" in each.path.name)  # fmt: skip
    path = files.pool_logits(1) if what == "pool_logits" else files.uncertainty(1, "entropy")
    shutil.copyfile(of_seed_2(path), path)
    if not kept:
        files.query(1).unlink()
    if kept and what == "uncertainty":
        assert resumed(folder, "estimator") == expected
        return
    with pytest.raises(RunError, match=f"{path.name} does not match its digest"):
        uwe.run(experiment(folder, 1, "estimator"))


def test_runs_without_digests_go_on(ready: Ready, tmp_path: Path) -> None:
    """The events of earlier versions hold none; their runs end the same."""
    half, expected = ready("estimator", 1)
    folder = tmp_path / "r"
    shutil.copytree(half, folder)
    for path in folder.rglob("*.journal.jsonl"):
        lines = ['{"uwe_journal":1}']
        for line in path.read_text().splitlines()[1:]:
            event = json.loads(line)
            facts = {k: v for k, v in event.get("facts", {}).items() if k != "digests"}
            lines.append(json.dumps({
                "queried": lambda e, f: {"event": "queried", "cycle": e["cycle"],
                                         "indices": e["rows"], "facts": f},
                "answered": lambda e, _: {"event": "labelled", "indices": e["rows"],
                                          "labels": e["values"], "by": e["by"]},
                "trained": lambda e, f: {"event": "trained", "cycle": e["cycle"], "facts": f},
            }[event["event"]](event, facts)))  # fmt: skip
        path.write_text("".join(f"{line}\n" for line in lines))
    assert resumed(folder, "estimator") == expected


def test_a_table_that_differs_is_written_again_with_a_word(
    ready: Ready, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The tables follow from the journal: a changed figure or pick does not stay."""
    half, expected = ready("estimator", 1)
    folder = tmp_path / "r"
    shutil.copytree(half, folder)
    [table] = folder.rglob("*_s1_*_muwe_*_result.csv")
    [query] = folder.rglob("*_s1_*_query.csv")
    table.write_text(table.read_text().replace("\n8,0.", "\n8,0.9", 1))
    shutil.copyfile(of_seed_2(query), query)
    assert resumed(folder, "estimator") == expected
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert any(f"line 2 of {table} differs from" in line for line in said)
    assert any(f"{query} has other rows than" in line for line in said)


def test_initial_rows_of_another_seed_are_refused_before_cycle_0(tmp_path: Path) -> None:
    """Before the journal is there, the rows are compared with what the seed draws."""
    for seed in (1, 2):
        initialize(experiment(tmp_path, seed, "estimator"))
    [path] = tmp_path.rglob("*_s1_*_init_lb.csv")
    shutil.copyfile(of_seed_2(path), path)
    with pytest.raises(RunError, match=f"{path.name} names other rows than seed 1 draws"):
        uwe.run(experiment(tmp_path, 1, "estimator"))


def linked_copy(folder: Path, to: Path) -> dict[Path, bytes]:
    """A snapshot that is made of hard links, as ``cp -al`` makes it, and what it holds."""
    for path in sorted(folder.rglob("*")):
        target = to / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            os.link(path, target)
    return {path: path.read_bytes() for path in to.rglob("*") if path.is_file()}


@pytest.mark.parametrize("work_on", ["r", "snapshot"])
def test_a_snapshot_of_a_run_is_not_written_into(
    work_on: str, ready: Ready, tmp_path: Path
) -> None:
    """Going on in either of the two leaves the other as it is, its log and journal included."""
    half, expected = ready("estimator", 1)
    folder, snapshot = tmp_path / "r", tmp_path / "snapshot"
    shutil.copytree(half, folder)
    held = linked_copy(folder, snapshot)
    other = snapshot if work_on == "r" else folder
    before = {path: path.read_bytes() for path in other.rglob("*") if path.is_file()}
    assert resumed(tmp_path / work_on, "estimator") == expected
    assert {path: path.read_bytes() for path in other.rglob("*") if path.is_file()} == before
    assert held


@pytest.fixture
def project(tmp_path: Path) -> uwe.Project:
    """A project with a model."""
    x = np.random.default_rng(0).normal(size=(40, 2))
    project = uwe.Project(tmp_path / "p.uwe", x, classes=["left", "right"])
    rows = project.ask(6)
    project.tell(rows, ["right" if x[row, 0] > 0 else "left" for row in rows])
    project.train()
    return project


def flip(path: Path, at: int, bit: int = 1) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :])


def test_the_predictions_of_a_project_are_compared(project: uwe.Project) -> None:
    """A damaged file is refused; after another label, the model is trained again."""
    path = project.files.predictions(1)
    flip(path, path.stat().st_size - 3)
    with pytest.raises(RunError, match=r"training-1.safetensors does not match its digest"):
        project.ask(3)
    left = project.pool().unlabelled
    project.tell([int(left[0])], ["left"])
    assert len(project.ask(3)) == 3


def test_the_rows_of_a_project_have_a_check_sum(project: uwe.Project, tmp_path: Path) -> None:
    """No flipped bit in the list of rows is believed; a list without a sum is read."""
    path = project.files.rows
    content = path.read_bytes()
    x = np.random.default_rng(0).normal(size=(40, 2))
    for at in range(len(content)):
        flip(path, at, 4)
        try:
            again = uwe.Project(tmp_path / "p.uwe", x, classes=["left", "right"])
        except UweError as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert len(again.ids) == 40
        path.write_bytes(content)
    record = json.loads(content)
    del record["sum"]
    path.write_text(json.dumps(record))
    assert len(uwe.Project(tmp_path / "p.uwe", x, classes=["left", "right"]).ids) == 40


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("classes", 5), ("classes", [1]), ("options", []), ("strategy", 3), ("seed", "x"),
        ("seed", 0), ("image_size", "x"), ("source", None), ("task_options", "x"), ("answers", -1),
        ("rule", None), ("model", []), ("format", []), ("format", 9), ("colour", 1),
    ],
)  # fmt: skip
def test_settings_of_a_project_that_were_edited_are_refused(
    name: str, value: Any, project: uwe.Project, tmp_path: Path
) -> None:
    """Every setting is of its kind, or one line names the file."""
    path = project.files.settings
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises((RunError, InputError), match=r"project\.json|p\.uwe"):
        uwe.Project(tmp_path / "p.uwe", np.zeros((40, 2)), classes=["left", "right"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda e: {**e, "cycle": 4} if e["event"] == "queried" else e, "is of batch 5, but 1"),
        (lambda e: {**e, "cycle": 3} if e["event"] == "trained" else e, "is training 3, but 1"),
        (lambda e: {**e, "values": [7] * len(e["values"])} if e["event"] == "answered" else e,
         "has the label 7"),
        (lambda e: {**e, "rows": [99, *e["rows"][1:]]} if e["event"] == "queried" else e,
         "names row 99, but the pool has 40 rows"),
    ],
)  # fmt: skip
def test_a_journal_of_a_project_that_was_edited_is_refused(
    change: Callable[[dict[str, Any]], dict[str, Any]], words: str, project: uwe.Project
) -> None:
    """Also where the sums of the lines were made to fit."""
    import zlib

    path = ProjectFiles(project.files.folder).journal
    first, *lines = path.read_text().splitlines()
    written = [first]
    for line in lines:
        event = {k: v for k, v in change(json.loads(line)).items() if k not in ("sum", "after")}
        event["after"] = f"{zlib.crc32(written[-1].encode()):08x}"
        body = json.dumps(event, separators=(",", ":"))
        written.append(f'{body[:-1]},"sum":"{zlib.crc32(body.encode()):08x}"}}')
    path.write_text("".join(f"{line}\n" for line in written))
    with pytest.raises(RunError, match=words):
        project.state()


def test_a_snapshot_of_a_project_is_not_written_into(project: uwe.Project, tmp_path: Path) -> None:
    """Labels that are told later are in the project alone."""
    held = linked_copy(project.files.folder, tmp_path / "snapshot.uwe")
    rows = project.ask(3)
    project.tell(rows, ["left"] * 3)
    project.train()
    assert {path: path.read_bytes() for path in held} == held
    assert project.state().labelled == 9
