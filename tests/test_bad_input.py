"""Bad input: one line on standard error, exit code 2, and every file as it was."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import uwe
from uwe.cli import main
from uwe.experiment import run_cycle0
from uwe.learners import TorchLearner
from uwe.runs.cycles import TIMING_COLUMNS

SMALL = {
    "--model": "small",
    "--pool-size": "150",
    "--test-size": "60",
    "--epochs": "1",
    "--budgets": "20,30,40",
    "--device": "cpu",
}


def command(results: Path | str, *, dataset: str = "digits", **changed: str) -> list[str]:
    """A small ``uwe run`` with some options changed."""
    options = {f"--{name.replace('_', '-')}": value for name, value in changed.items()}
    given = {**SMALL, **options, "--results": str(results)}
    return ["run", dataset, *(f"{name}={value}" for name, value in given.items())]


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which a command refuses to start."""
    capsys.readouterr()
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("uwe: ")
    assert "\x1b" not in captured.err
    return captured.err


def stopped(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 2) -> str:
    """The last line of a command that stops during its work."""
    capsys.readouterr()
    assert main(arguments) == code
    *before, last = capsys.readouterr().err.splitlines()
    told = ("test accuracy", "held out for testing")
    assert not [line for line in before if line.strip() and not any(t in line for t in told)]
    assert last.startswith("uwe: ")
    return last


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".log", ".lock")
    }


def outcome(folder: Path) -> dict[str, Any]:
    """Query files and tables, timing columns aside."""
    found: dict[str, Any] = {}
    for path in folder.rglob("*.csv"):
        with path.open(newline="") as file:
            rows = [
                {key: value for key, value in row.items() if key not in TIMING_COLUMNS}
                for row in csv.DictReader(file)
            ]
        found[str(path.relative_to(folder))] = rows
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of uwe; to be read or copied only."""
    folder = tmp_path_factory.mktemp("finished")
    assert main(command(folder)) == 0
    return folder


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "copied")
    return tmp_path / "copied"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"strategy": "bagde"}, "unknown strategy 'bagde'; did you mean 'badge'"),
        ({"dataset": "digist"}, "unknown data set 'digist'; did you mean 'digits'"),
        ({"model": "resnet19"}, "unknown model 'resnet19'; did you mean 'resnet18'"),
        ({"budgets": "exp5x"}, "unknown budget 'exp5x'; did you mean 'exp5k'"),
        ({"keep_predictions": "al"}, '"al" for --keep-predictions. Choose from: "last", "all"'),
        ({"epoch": "1"}, "--epoch. Did you mean --epochs?"),
        ({"uncertainty": "entrpy"}, "unknown uncertainty 'entrpy'; did you mean 'entropy'"),
        ({"selection": "k_centre"}, "unknown selection 'k_centre'; did you mean 'k_center'"),
        ({"budgets": "20,10"}, "budgets must rise, but 10 comes after 20"),
        ({"budgets": "20,20"}, "budgets must rise, but 20 comes after 20"),
        ({"budgets": "0,20"}, "the first budget is 0"),
        ({"budgets": "-5,20"}, "the first budget is -5"),
        ({"budgets": "20,--5"}, "not '20,--5'"),
        ({"budgets": "20,2.5"}, "not '20,2.5'"),
        ({"budgets": ","}, "not ','"),
        ({"budgets": "20,151"}, "the budget 151 exceeds the pool of 150 rows"),
        ({"epochs": "0"}, "epochs must be at least 1, not 0"),
        ({"epochs": "1.5"}, "--epochs: '1.5' is not a whole number"),
        ({"epochs": "many"}, "--epochs: 'many' is not a whole number"),
        ({"seeds": "0"}, "seeds start at 1, but '0' holds 0"),
        ({"seeds": "0-2"}, "seeds start at 1, but '0-2' holds 0"),
        ({"seeds": "3-1"}, "the range of seeds '3-1' falls; write 1-3"),
        ({"seeds": "1,1-2"}, "'1,1-2' name one seed twice"),
        ({"seeds": "a"}, "not 'a'"),
        ({"seeds": ""}, "not ''"),
        ({"seeds": "1-999999999"}, "more than 1,000 seeds"),
        ({"device": "cuda"}, "device 'cuda' is not available (devices of that kind: 0)"),
        ({"device": "cuda:7"}, "device 'cuda:7' is not available"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
        ({"pool_size": "0"}, "pool size must be at least 1, not 0"),
        ({"pool_size": "99999"}, "pool size is 99999, but digits has 1442 rows"),
        ({"test_size": "-1"}, "test size must be at least 1, not -1"),
        ({"threads": "0"}, "threads must be at least 1, not 0"),
        ({"dropout": "1"}, "dropout must be at least 0 and below 1, not 1"),
        ({"dropout": "nan"}, "dropout must be at least 0 and below 1, not nan"),
        ({"test_fraction": "1"}, "test fraction must be above 0 and below 1, not 1"),
        ({"method_tag": "a/b"}, "method tag 'a/b'"),
        ({"run_tag": "x" * 200}, "190 are possible; give fewer budgets or shorter tags"),
        ({"strategy": "random", "uncertainty": "bvsb"}, "--uncertainty is used by none of"),
        ({"strategy": "uwe", "mc_passes": "5"}, "--mc-passes is used by none of"),
        ({"strategy": "bald", "mc_passes": "1"}, "at least 2 of them, not 1"),
        ({"strategy": "bald", "option": "mc_passes=x"}, "at least 2 of them, not 'x'"),
        ({"uncertainty": "bvsb", "option": "uncertainty=bvsb"}, "given twice, by --uncertainty"),
        ({"option": "x"}, "--option takes NAME=VALUE, not 'x'"),
        ({"model": "resnet18", "fine_tune_layers": "1"}, "--fine-tune-layers is not used by model"),
        ({"dataset": "cifar10", "model": "resnet19"}, "unknown model 'resnet19'"),
        ({"data_dir": "/nowhere"}, "there is no folder /nowhere; --data-dir"),
        ({"config": "/nowhere.yaml"}, "there is no configuration file /nowhere.yaml"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_what_can_be_seen_before_leaves_no_file(
    tmp_path: Path,
    changed: dict[str, str],
    words: str,
    dry: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Bad input is one line with what is wrong and exit code 2, and the results folder is not."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert words in refused([*command(tmp_path / "r", **changed), *dry], capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rnu"], 'Did you mean "run"?'),
        (["run"], "requires an argument"),
        (["run", "digits", "--epochs"], "--epochs requires an argument"),
        (["run", "digits", "extra"], "unexpected argument 'extra'"),
        (["run", "digits", "--full-train", "maybe"], "unexpected argument 'maybe'"),
        (["run", "digits", "--seeds", "1", "--seeds", "2"], "--seeds specified multiple times"),
        (["run", "digits", "--strategy", "uwe", "--strategy", "uwe"], "uwe is named twice"),
        (["run", "digits", "--config"], "--config requires an argument"),
        (["list", "strategy"], "did you mean 'strategies'"),
        (["list"], "requires an argument"),
        (["results"], "requires an argument"),
        (["results", "/nowhere"], "there is no folder /nowhere"),
        (["demo", "--seed", "1"], "Did you mean --seeds?"),
        (["demo", "--seeds", "3-1"], "falls"),
    ],
)
def test_commands_that_are_mistyped(
    tmp_path: Path,
    arguments: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A mistyped command or option is one line that names it, with close matches."""
    monkeypatch.chdir(tmp_path)
    assert words in refused(arguments, capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: [1,\n b", "line 2: this is not YAML"),
        (b"epoch: 3", "unknown option 'epoch'; did you mean 'epochs'"),
        (b"config: x", "unknown option 'config'"),
        (b"run:\n  epochs: 3", "unknown option 'run'"),
        (b"- 1\n- 2", "must hold lines such as 'epochs: 10', not [1, 2]"),
        (b"hello", "not 'hello'"),
        (b"epochs: \xff", "cannot read"),
        (b"threads: lots", "'lots' is not a whole number"),
        (b"threads: 1.5", "'1.5' is not a whole number"),
        (b"seeds: {1: 2}", "seeds is {1: 2}"),
        (b"seeds: 3-1", "falls"),
    ],
)
def test_configuration_files_that_do_not_fit(
    tmp_path: Path, content: bytes, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A configuration file that cannot be read or does not fit is one line that names it."""
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    line = refused([*command(tmp_path / "r"), "--config", str(path)], capsys)
    assert words in line
    assert str(path) in line or words == "falls"
    assert not (tmp_path / "r").exists()


def test_data_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A data folder without the data says what was looked for and where to get it."""
    data = tmp_path / "data"
    data.mkdir()
    line = refused(command(tmp_path / "r", dataset="cifar10", data_dir=str(data)), capsys)
    assert str(data) in line
    assert "data_batch_1" in line
    assert "https://" in line
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("below", ["", "r", "r/deep"])
def test_a_results_folder_that_is_a_file(
    tmp_path: Path, below: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A results folder that is a file, or lies below one, is refused by that file's name."""
    file = tmp_path / "file"
    file.write_text("precious")
    assert f"{file} is a file" in refused(command(file / below), capsys)
    assert file.read_text() == "precious"


@pytest.mark.parametrize("name", ["digits", "digits/uwe", "digits/initialize"])
def test_a_folder_in_the_results_that_is_a_file(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file where a run needs a folder is seen before anything is done."""
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("precious")
    assert f"{file} is a file" in refused(command(tmp_path), capsys)
    assert contents(tmp_path) == {name: b"precious"}


def test_a_results_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder without permission is refused by its name."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert f"{tmp_path} cannot be written" in refused(command(tmp_path / "r"), capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("more", [[], ["--dry-run"], ["--supervised"]])
def test_a_disk_that_is_too_small(
    tmp_path: Path,
    more: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Runs that will not fit are refused with both sizes before they start."""

    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**20))
    capsys.readouterr()
    assert main([*command(tmp_path / "r"), *more]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "MiB" in err
    assert "1 MiB free" in err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("work", [uwe.run, uwe.supervise, run_cycle0])
def test_a_disk_that_is_too_small_for_python(
    tmp_path: Path, work: Callable[[uwe.Experiment], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From Python, too, what will not fit is refused before it starts."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    small = uwe.Experiment(
        "digits", model="small", budgets=(20, 30), epochs=1, device="cpu", results=tmp_path / "r"
    )
    with pytest.raises(uwe.RunError, match="0 MiB free"):
        work(small)
    assert list(tmp_path.iterdir()) == []


class FullDisk:
    """From the n-th time on that something is synced to the disk, it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
        self.calls = 0
        fsync = os.fsync

        def full(descriptor: int) -> None:
            self.calls += 1
            if self.calls > after:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", full)


def test_a_disk_that_fills_up_loses_nothing(
    tmp_path: Path,
    finished: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Wherever the disk fills up, one line says so, no part of a file is left, what was finished
    stays, and the same command resumes there to the outcome of a run that was never stopped."""
    steps = 0
    expected = outcome(finished)
    for after in (0, 9, 26, 47, 10**6):
        results = tmp_path / str(after)
        with monkeypatch.context() as patched:
            disk = FullDisk(patched, after)
            capsys.readouterr()
            code = main(command(results))
            err = capsys.readouterr().err
        if code == 0:
            steps = disk.calls
        else:
            assert "the disk is full" in err.splitlines()[-1]
            assert "Traceback" not in err
            assert not list(results.rglob("*.part"))
            before = outcome(results)
            kept = [name for name in before if not name.endswith("_result.csv")]
            assert all(before[name] == expected[name] for name in kept)
            assert main(command(results)) == 0
        assert outcome(results) == expected
    assert steps > 60


@pytest.mark.parametrize("kind", ["model", "trlogits", "tr_info", "query.csv"])
def test_a_full_disk_while_writing(
    tmp_path: Path,
    finished: Path,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A disk that is full in the middle of a file leaves no part of it behind."""
    opened = Path.open

    def full(self: Path, mode: str = "r", *args: Any, **keywords: Any) -> Any:
        if "w" in mode and kind in self.name:
            with opened(self, "wb") as file:
                file.write(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened(self, mode, *args, **keywords)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        assert "the disk is full" in stopped(command(tmp_path), capsys)
    assert not [name for name in contents(tmp_path) if name.endswith(".part") or kind in name]
    assert main(command(tmp_path)) == 0
    assert outcome(tmp_path) == outcome(finished)


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs Linux's full device")
def test_a_log_that_cannot_be_written(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log on a full disk stops the work in one line, as every other file does."""
    [log] = (copied / "digits" / "uwe").glob("*.log")
    log.unlink()
    log.symlink_to("/dev/full")
    line = refused(command(copied), capsys)
    assert f"cannot write {log}: the disk is full" in line


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
    finished: Path,
    changed: dict[str, str],
    differences: list[str],
    dry: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A run with other settings under the same name is refused with each difference shown."""
    before = contents(finished)
    line = refused([*command(finished, **changed), *dry], capsys)
    assert all(difference in line for difference in differences)
    assert "--results" in line
    assert contents(finished) == before


def test_other_settings_are_seen_before_the_first_run(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A later run that will be refused is refused before an earlier one is started."""
    before = contents(copied)
    arguments = [*command(copied, seeds="2,1", uncertainty="bvsb"), "--strategy=uwe"]
    assert "'bvsb' here" in refused(arguments, capsys)
    assert contents(copied) == before


def run_file(folder: Path, suffix: str) -> Path:
    [path] = (folder / "digits" / "uwe").glob(f"*{suffix}")
    return path


@pytest.mark.parametrize(
    ("line", "content", "words"),
    [
        (3, "{broken\n", "line 3 of "),
        (3, '{"event":"sold"}\n', "line 3 of "),
        (0, "", "is not a journal of uwe"),
        (1, '{"uwe_journal":99}\n', "has journal format 99"),
    ],
)
def test_a_broken_journal_is_not_guessed_at(
    copied: Path, line: int, content: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A journal that is broken before its last line is refused by file and line."""
    path = run_file(copied, ".journal.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    lines[line - 1 : line] = [content]
    path.write_text("".join(lines) if line else "")
    before = contents(copied)
    refusal = refused(command(copied), capsys)
    assert words in refusal
    assert str(path) in refusal
    assert contents(copied) == before


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
    copied: Path, content: str | None, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A record that cannot be read, or is gone, is refused by its name."""
    path = run_file(copied, "_muwe.json")
    path.unlink()
    if content is not None:
        path.write_text(content)
    before = contents(copied)
    refusal = refused(command(copied), capsys)
    assert words in refusal
    assert path.name in refusal
    assert contents(copied) == before


def test_a_record_without_its_threads(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A record that lacks what it fixes is refused with what it lacks."""
    path = run_file(copied, "_muwe.json")
    record = json.loads(path.read_text())
    del record["fixed"]["threads"]
    path.write_text(json.dumps(record))
    assert "it lacks 'threads'" in refused(command(copied), capsys)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: lines[:-1], "holds 19 rows, but cycle 0 has 20"),
        (lambda lines: [*lines[:-1], lines[1]], "or listed twice"),
        (lambda lines: [*lines[:-1], "19,150,0,150\n"], "row 150, which is outside the pool"),
        (lambda lines: [*lines[:-1], "19,x,0,150\n"], "is not a file of initial rows"),
        (lambda lines: ["a,b\n", *lines[1:]], "is not a file of initial rows"),
    ],
)
def test_initial_rows_that_were_edited(
    copied: Path, change: Any, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of initial rows that does not fit is refused by its name."""
    [path] = (copied / "digits" / "initialize").glob("*_init_lb.csv")
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))
    line = refused(command(copied), capsys)
    assert words in line
    assert str(path) in line


def broken_from(monkeypatch: pytest.MonkeyPatch, training: int, then: Any) -> None:
    """Let ``then`` happen to the model of the given training and of every later one."""
    fit, trained = TorchLearner.fit, [0]

    def broken(self: TorchLearner, *args: Any, **keywords: Any) -> Any:
        trained[0] += 1
        model = fit(self, *args, **keywords)
        if trained[0] >= training:
            then(model)
        return model

    monkeypatch.setattr(TorchLearner, "fit", broken)


def poisoned(model: torch.nn.Module) -> None:
    for weight in model.parameters():
        weight.data.fill_(float("nan"))


def interrupted(_model: torch.nn.Module) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("training", [1, 2, 3])
def test_nan_in_the_networks_output(
    tmp_path: Path,
    finished: Path,
    training: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """NaN stops the work, with cycle and first row named; finished cycles stay and can go on."""
    with monkeypatch.context() as patched:
        broken_from(patched, training, poisoned)
        line = stopped(command(tmp_path), capsys)
    assert f"cycle {training - 1}: the model's output for test row 0 is NaN" in line
    tables = list(tmp_path.rglob("*_al_cycle_result.csv"))
    assert [len(outcome(tmp_path)[str(path.relative_to(tmp_path))]) for path in tables] == (
        [training - 1] if training > 1 else []
    )
    models = {path.name.split("_")[-2] for path in tmp_path.rglob("*_model.safetensors")}
    assert len(models) == training - 1
    assert main(command(tmp_path)) == 0
    assert outcome(tmp_path) == outcome(finished)


@pytest.mark.parametrize(
    ("training", "where"), [(1, "in seed 1, cycle 0"), (3, "in uwe, seed 1, cycle 2")]
)
def test_ctrl_c(
    tmp_path: Path,
    finished: Path,
    training: int,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ctrl-C ends with exit code 130 and one line that says where, and how to go on."""
    with monkeypatch.context() as patched:
        broken_from(patched, training, interrupted)
        line = stopped(command(tmp_path), capsys, code=130)
    assert where in line
    assert "the same command resumes there" in line
    assert main(command(tmp_path)) == 0
    assert outcome(tmp_path) == outcome(finished)


@pytest.mark.parametrize("content", [b"n_labeled,te_accuracy\n10,nan\n", b"\xff", b"a,b\n"])
def test_results_that_are_broken(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """A results file that is broken is one line that names it, and nothing is written."""
    path = tmp_path / "d_al_modsmall_s1_ne1_bid10_muwe_al_cycle_result.csv"
    path.write_bytes(content)
    assert str(path) in refused(["results", str(tmp_path)], capsys)
    assert list(tmp_path.iterdir()) == [path]


def test_results_into_a_file(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An output folder that is a file is one line that names it."""
    (tmp_path / "file").write_text("precious")
    capsys.readouterr()
    assert main(["results", str(finished), "--output", str(tmp_path / "file")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"cannot write {tmp_path / 'file'}" in err
