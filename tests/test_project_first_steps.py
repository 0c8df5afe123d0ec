"""What a new user of labelling projects sees on the command line."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from uwe.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a table of texts and a pool of embeddings."""
    monkeypatch.chdir(tmp_path)
    lines = [f"q{row},{('where is', 'who wrote')[row % 2]} {row}" for row in range(30)]
    Path("texts.csv").write_text("\n".join(["id,question", *lines]))
    features = np.random.default_rng(0).normal(size=(30, 40)).astype(np.float32)
    np.savez("pool.npz", features=features)
    return tmp_path


def started(*arguments: str) -> None:
    assert main(["init", "mine.uwe", *arguments, "--classes", "a,b"]) == 0


def test_a_table_of_texts_without_text_is_told_of_the_option(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A column of words among numbers most often is the column of texts."""
    assert main(["init", "mine.uwe", "texts.csv", "--classes", "a,b"]) == 2
    assert "--text question" in capsys.readouterr().err


def test_rows_of_two_open_batches_are_named_with_the_files_of_both(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rows that are shown again are in the tables of the batches that gave them out."""
    started("texts.csv", "--text", "question")
    assert main(["next", "mine.uwe", "-k", "3"]) == 0
    assert "drawn at random" in capsys.readouterr().out
    assert main(["next", "mine.uwe", "-k", "2", "--more"]) == 0
    assert "round-1.csv" not in capsys.readouterr().out
    assert main(["next", "mine.uwe"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("5 rows")
    assert "tell mine.uwe mine.uwe/picks/round-1.csv" in told
    assert "tell mine.uwe mine.uwe/picks/round-2.csv" in told


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_an_output_file_can_be_filled_and_told(folder: Path, suffix: str) -> None:
    """It has an empty column of labels beside the columns of the source."""
    started("texts.csv", "--text", "question")
    output = f"out.{suffix}"
    assert main(["next", "mine.uwe", "-k", "3", "-o", output, "--with", "question"]) == 0
    assert main(["tell", "mine.uwe", output]) == 0
    if suffix == "csv":
        rows = list(csv.DictReader(Path(output).read_text().splitlines()))
        assert {(row["label"], row["question"][:2]) for row in rows} <= {("", "wh")}
        assert len(rows) == 3


def test_a_sheet_shows_embeddings_in_one_line_and_no_empty_label(folder: Path) -> None:
    """Forty numbers say nothing to a person, and the label is what the person adds."""
    started("pool.npz")
    assert main(["next", "mine.uwe", "-k", "3"]) == 0
    page = Path("mine.uwe/picks/round-1.html").read_text()
    assert page.count("40 numbers: ") == 3
    assert "<dt>label</dt>" not in page
    assert Path("mine.uwe/picks/round-1.csv").read_text().startswith("rank,idx,id,")
