"""Arguments that the command line refuses: one line, exit code 2, and no file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch


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
        ({"budgets": "10,,30"}, "not '10,,30'"),
        ({"budgets": "10,20,"}, "not '10,20,'"),
        ({"budgets": "20,151"}, "the budget 151 exceeds the pool of 150 rows"),
        ({"epochs": "0"}, "epochs must be at least 1, not 0"),
        ({"epochs": "1.5"}, "--epochs: '1.5' is not a whole number"),
        ({"epochs": "many"}, "--epochs: 'many' is not a whole number"),
        ({"seeds": "0"}, "seeds start at 1, but '0' holds 0"),
        ({"seeds": "0-2"}, "seeds start at 1, but '0-2' holds 0"),
        ({"seeds": "3-1"}, "the range of seeds '3-1' is descending; write 1-3"),
        ({"seeds": "1,1-2"}, "'1,1-2' contain a seed twice"),
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
        ({"dropout": "nan"}, "--dropout: 'nan' is not a number"),
        ({"test_fraction": "1"}, "test fraction must be above 0 and below 1, not 1"),
        ({"method_tag": "a/b"}, "method tag 'a/b'"),
        ({"strategy": "random", "uncertainty": "bvsb"}, "--uncertainty is used by none of"),
        ({"strategy": "uwe", "mc_passes": "5"}, "--mc-passes is used by none of"),
        ({"strategy": "bald", "mc_passes": "1"}, "at least 2 of them, not 1"),
        ({"strategy": "bald", "option": "mc_passes=x"}, "strategy bald must be a whole number"),
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
    refused: Callable[[list[str]], str],
    small_run: Callable[..., list[str]],
) -> None:
    """Bad input ends in one line that says what is wrong, exit code 2, and no file."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert words in refused([*small_run(tmp_path / "r", **changed), *dry])
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
        (["demo", "--seeds", "3-1"], "is descending"),
    ],
)
def test_commands_that_are_mistyped(
    tmp_path: Path,
    arguments: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    refused: Callable[[list[str]], str],
) -> None:
    """A mistyped command or option is one line that names it, with close matches."""
    monkeypatch.chdir(tmp_path)
    assert words in refused(arguments)
    assert list(tmp_path.iterdir()) == []


def test_data_that_is_not_there(
    tmp_path: Path,
    refused: Callable[[list[str]], str],
    small_run: Callable[..., list[str]],
) -> None:
    """A data folder without the data says what was looked for and where to get it."""
    data = tmp_path / "data"
    data.mkdir()
    line = refused(small_run(tmp_path / "r", dataset="cifar10", data_dir=str(data)))
    assert str(data) in line
    assert "data_batch_1" in line
    assert "https://" in line
    assert not (tmp_path / "r").exists()
