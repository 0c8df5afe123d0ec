"""``main.py``: the four actions under the flags of the paper's code."""

from __future__ import annotations

import csv
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import uwe.cli
from uwe.learners import TorchLearner
from uwe.runs.cycles import TIMING_COLUMNS

PROGRAM = Path(__file__).parents[1] / "main.py"
DATA = [
    *("--dataset", "digits", "--pool_size", "150", "--test_size", "60", "--n_epoch", "1"),
]
SMALL = [*DATA, "--model", "small"]
BUDGET = ["--budget_id", "20,30,40"]
STEM = "digits_al_modsmall_s1_ne1_bid20-30-40_m"


@pytest.fixture(scope="module")
def main() -> Callable[[list[str]], int]:
    spec = importlib.util.spec_from_file_location("paper_main", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    called: Callable[[list[str]], int] = module.main
    return called


@pytest.fixture(autouse=True)
def _without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


def untimed(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k not in TIMING_COLUMNS} for row in rows]


def files(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".log", ".lock")
    }


def test_the_actions_one_after_another(
    main: Callable[[list[str]], int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each action does its part under the paper's file names, and none does another's again."""
    trained: list[int] = []
    fit = TorchLearner.fit

    def counted(self: TorchLearner, *args: object, **keywords: object) -> object:
        trained.append(1)
        return fit(self, *args, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(TorchLearner, "fit", counted)
    given = [*SMALL, "--results", str(tmp_path)]
    shared = tmp_path / "digits" / "initialize"

    given_to_draw = [*DATA, "--results", str(tmp_path)]
    assert main(["--action", "initialize", *given_to_draw, *BUDGET]) == 0
    assert [path.name for path in shared.glob("*.csv")] == ["digits_s1_bid20-30-40_init_lb.csv"]
    assert len(trained) == 0

    assert main(["--action", "alc0", *given, *BUDGET, "--gpu_id", "0"]) == 0
    err = capsys.readouterr().err
    assert err.count("there is no CUDA device 0; running on the CPU") == 1
    assert (shared / "digits_alc0_modsmall_s1_ne1_bid20-30-40_model.safetensors").is_file()
    assert len(trained) == 1
    before = files(tmp_path)

    more = ["--method", "uwe", "--method_tag", "_t", "--run_tag", "r", "--selection", "kmeans_pp"]
    assert main(["--action", "al", *given, *BUDGET, *more, "--uncertainty", "bvsb"]) == 0
    assert len(trained) == 3
    folder = tmp_path / "digits" / "uwe_t"
    expected = {
        f"{kind}/{STEM}uwe_t_ctr_cycle{cycle}_{end}"
        for cycle in (1, 2)
        for kind, end in [
            ("query", "query.csv"),
            ("query", "trbvsb.safetensors"),
            ("query", "trfeat.safetensors"),
            ("train", "model.safetensors"),
            ("train", "tr_info.csv"),
        ]
    }
    expected |= {f"{STEM}uwe_t_ctr.log", f"al_cycle_result/{STEM}uwe_t_ctr_al_cycle_result.csv"}
    there = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    assert expected <= there

    assert main(["--action", "supervised", *given]) == 0
    assert len(trained) == 4
    name = "digits_supervised_modsmall_s1_ne1_result.csv"
    [row] = untimed(tmp_path / "digits" / "supervised" / name)
    assert row["n_labeled"] == "150"
    after = files(tmp_path)
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("method", ["uwe", "badge"])
def test_al_picks_what_uwe_run_picks(
    main: Callable[[list[str]], int], tmp_path: Path, method: str
) -> None:
    """``main.py --action al`` alone and ``uwe run`` pick the same rows and get the same table."""
    paper, ours = tmp_path / "paper", tmp_path / "ours"
    assert (
        main(["--action", "al", *SMALL, *BUDGET, "--method", method, "--results", str(paper)]) == 0
    )
    command = ["run", *[word.replace("pool_", "pool-").replace("test_", "test-")
                        .replace("--n_epoch", "--epochs") for word in SMALL]]  # fmt: skip
    more = ["--budgets", "20,30,40", "--strategy", method, "--results", str(ours)]
    assert uwe.cli.main([*command, *more]) == 0
    names = [str(path.relative_to(paper)) for path in paper.rglob("*.csv")]
    assert len(names) == 1 + 1 + 1 + 1 + 2 + 2  # rows, cycle 0 and its epochs, table, query, epochs
    for name in names:
        assert untimed(paper / name) == untimed(ours / name)


def test_cycles_can_be_done_one_at_a_time(main: Callable[[list[str]], int], tmp_path: Path) -> None:
    """``--al_cycle`` stops after so many cycles; without it the run goes on to its end."""
    given = ["--action", "al", "--method", "entropy", *SMALL, *BUDGET, "--results", str(tmp_path)]
    name = f"digits/entropy/al_cycle_result/{STEM}entropy_al_cycle_result.csv"
    for more, rows in ((["--al_cycle", "0"], 1), (["--al_cycle", "1"], 2), ([], 3)):
        assert main([*given, *more]) == 0
        assert len(untimed(tmp_path / name)) == rows


def test_full_train_measures_every_epoch(main: Callable[[list[str]], int], tmp_path: Path) -> None:
    """``--full_train 1`` fills the test columns of the epochs, and 0 leaves them empty."""
    for value in ("0", "1"):
        folder = tmp_path / value
        given = ["--action", "alc0", *SMALL, *BUDGET, "--results", str(folder)]
        assert main([*given, "--full_train", value]) == 0
        [path] = folder.rglob("*_tr_info.csv")
        [row] = untimed(path)
        assert list(row) == ["epoch", "tr_loss", "tr_acc", "te_loss", "te_acc"]
        assert (row["te_acc"] != "") == (value == "1")


AL = ["--action", "al", *SMALL, *BUDGET]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: --action, --dataset"),
        (["--action", "all", *SMALL], "unknown action 'all'; did you mean 'al'"),
        (AL, "--action al needs --method"),
        ([*AL[:2], *SMALL, "--method", "uwe"], "--action al needs --budget_id"),
        ([*AL, "--method", "uw"], "unknown method 'uw'; did you mean 'uwe'"),
        ([*AL, "--method", ""], "unknown method ''"),
        ([*AL, "--method"], "--method: expected one argument"),
        ([*AL, "--method", "uwe", "--budget_id", ""], "not ''"),
        ([*AL, "--method", "uwe", "--budget_id", "30,20"], "budgets must rise"),
        ([*AL, "--method", "uwe", "--budget_id", "20,300"], "choose smaller --budget_id"),
        ([*AL, "--method", "uwe", "--dataset", "digit"], "did you mean 'digits'"),
        ([*AL, "--method", "uwe", "--model", "smal"], "did you mean 'small'"),
        ([*AL, "--method", "uwe", "--seed", "x"], "--seed: 'x' is not a whole number"),
        ([*AL, "--method", "uwe", "--seed", "0"], "seed must be at least 1, not 0"),
        ([*AL, "--method", "uwe", "--n_epoch", "1.5"], "--n_epoch: '1.5' is not a whole number"),
        ([*AL, "--method", "uwe", "--n_epoch", "0"], "epochs must be at least 1, not 0"),
        ([*AL, "--method", "uwe", "--full_train", "2"], "--full_train: invalid choice: 2"),
        ([*AL, "--method", "uwe", "--al_cycle", "-1"], "cycles must be at least 0, not -1"),
        ([*AL, "--method", "uwe", "--gpu_id", "-1"], "--gpu_id is -1"),
        ([*AL, "--method", "uwe", "--epoch", "1"], "unknown flag '--epoch'; did you mean '--n_ep"),
        ([*AL, "--method", "uwe", "--budget-id", "1"], "'--budget-id'; did you mean '--budget_id'"),
        ([*AL, "--method", "uwe", "extra"], "unexpected argument 'extra'"),
        ([*AL, "--method", "random", "--uncertainty", "bvsb"], "random does not use --uncertainty"),
        ([*AL, "--method", "badge", "--selection", "kmeans_pp"], "badge does not use --selection"),
        ([*AL, "--method", "uwe", "--n_pass", "3"], "--method uwe does not use --n_pass"),
        (
            [*AL, "--method", "uwe", "--fine_tune_layers", "1"],
            "--fine_tune_layers is not used by",
        ),
        ([*AL, "--method", "uwe", "--selection", "k_center"], "did you mean 'k_center_greedy'"),
        ([*AL, "--method", "uwe", "--uncertainty", "bvs"], "did you mean 'bvsb'"),
        ([*AL, "--method", "bald", "--n_pass", "1"], "at least 2 of them, not 1"),
        ([*AL, "--method", "uwe", "--pool_size", "0"], "pool size must be at least 1, not 0"),
        ([*AL, "--method", "uwe", "--data_dir", "/nowhere"], "--data_dir must name one"),
        ([*AL, "--method", "uwe", "--results", "/dev/null"], "--results must name a folder"),
        (
            [*AL, "--method", "uwe", "--gpu_id", "0", "--pool_size", "0"],
            "pool size must be at least 1, not 0",
        ),
        (["--action", "alc0", *SMALL, *BUDGET, "--method", "uwe"], "alc0 does not use --method"),
        (["--action", "alc0", *SMALL], "--action alc0 needs --budget_id"),
        (["--action", "initialize", *DATA, *BUDGET, "--full_train", "0"], "--full_train; leave"),
        (["--action", "initialize", *SMALL, *BUDGET], "does not use --model"),
        (["--action", "initialize", *DATA, *BUDGET, "--gpu_id", "0"], "does not use --gpu_id"),
        (["--action", "supervised", *SMALL, *BUDGET], "supervised does not use --budget_id"),
        (["--action", "supervised", *SMALL, "--al_cycle", "1"], "does not use --al_cycle"),
    ],
)
def test_bad_flags_leave_no_file(
    main: Callable[[list[str]], int],
    tmp_path: Path,
    arguments: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A flag that is wrong, missing or not used is one line in these flags' own spelling."""
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("main.py: ")
    assert words in captured.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("selection", "ours"),
    [
        ("kmeans_pp", "k_means_pp"),
        ("k_center_greedy", "k_center_anchored"),
        ("k_center_greedy_unlb", "k_center"),
        ("none", "k_center"),
    ],
)
def test_the_papers_words_for_selections(
    main: Callable[[list[str]], int], tmp_path: Path, selection: str, ours: str
) -> None:
    """Each selection of the paper's code is ours of another name; none is the strategy's own."""
    given = ["--action", "al", "--method", "uwe", *SMALL, *BUDGET, "--al_cycle", "0"]
    assert main([*given, "--selection", selection, "--results", str(tmp_path)]) == 0
    record = (tmp_path / "digits" / "uwe" / f"{STEM}uwe.json").read_text()
    assert f'"option selection": "{ours}"' in record


def test_other_settings_name_this_programs_flags(
    main: Callable[[list[str]], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What to do about other settings is said in these flags' spelling."""
    given = ["--action", "al", "--method", "uwe", *SMALL, *BUDGET, "--results", str(tmp_path)]
    assert main([*given, "--al_cycle", "0"]) == 0
    capsys.readouterr()
    assert main([*given, "--uncertainty", "bvsb"]) == 2
    assert "'bvsb' here; choose another --results folder or a --method_tag" in (
        capsys.readouterr().err
    )


def test_the_program_itself(tmp_path: Path) -> None:
    """``python main.py`` runs from any folder, and ends with its exit code."""
    ended = subprocess.run(
        [sys.executable, PROGRAM, "--action", "initialize", *DATA, *BUDGET],
        cwd=tmp_path, capture_output=True, text=True, check=False, env=dict(os.environ),
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "initialize is done; its files are in results/digits\n"
    assert (tmp_path / "results/digits/initialize/digits_s1_bid20-30-40_init_lb.csv").is_file()
