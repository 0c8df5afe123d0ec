"""Configuration files of ``uwe run``: what they hold, and what is refused in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from uwe.cli import main


def test_a_configuration_file_holds_any_option(tmp_path: Path) -> None:
    """A real run from a file alone: every value in it arrives, the results folder, too."""
    results = tmp_path / "elsewhere"
    config = tmp_path / "run.yaml"
    config.write_text(
        "dataset: digits\nstrategy: [random, bald]\nseeds: 2\nbudgets: [10, 14]\nmodel: small\n"
        "epochs: 1\nmc-passes: 3\ndropout: 0.1\npool-size: 60\ntest_size: 30\ndevice: cpu\n"
        f"threads: 1\nresults: {results}\nkeep-predictions: all\nmethod-tag: x\nrun-tag: y\n"
        "full-train: true\n"
    )
    assert main(["run", "--config", str(config)]) == 0
    [path] = (results / "digits" / "baldx").glob("*_s2_*_mbaldx_cty.json")
    record = json.loads(path.read_text())
    settings = {name: record["settings"][name] for name in ("pool size", "test size", "dropout")}
    assert settings == {"pool size": 60, "test size": 30, "dropout": 0.1}
    assert record["settings"]["option mc_passes"] == 3
    assert record["experiment"]["full_train"] is True
    assert (results / "digits" / "randomx").is_dir()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: [1,\n b", "line 2: this is not YAML"),
        (b"epoch: 3", "unknown option 'epoch'; did you mean 'epochs'"),
        (b"config: x", "unknown option 'config'"),
        (b"run:\n  epochs: 3", "unknown option 'run'"),
        (b"- 1\n- 2", "must hold lines such as 'epochs: 10', not ['1', '2']"),
        (b"hello", "not 'hello'"),
        (b"epochs: \xff", "is not UTF-8; save the file as UTF-8"),
        (b"threads: lots", "'lots' is not a whole number"),
        (b"threads: 1.5", "'1.5' is not a whole number"),
        (b"seeds: {1: 2}", "seeds is {'1': '2'}"),
        (b"seeds: 3-1", "is descending"),
    ],
)
def test_configuration_files_that_do_not_fit(
    tmp_path: Path,
    content: bytes,
    words: str,
    refused: Callable[[list[str]], str],
    small_run: Callable[..., list[str]],
) -> None:
    """A configuration file that cannot be read or does not fit is one line that names it."""
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    line = refused([*small_run(tmp_path / "r"), "--config", str(path)])
    assert words in line
    assert str(path) in line or words == "is descending"
    assert not (tmp_path / "r").exists()
