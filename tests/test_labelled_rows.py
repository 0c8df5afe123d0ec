"""Tables and texts with labels: what ``uwe run`` takes, and which row is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from uwe.cli import main
from uwe.data.labelled_rows import load_labelled_rows
from uwe.errors import DataError, InputError

DATA = Path(os.environ.get("UWE_DATA_DIR", Path(__file__).parent.parent.parent / "shared" / "data"))


def rows_csv(folder: Path, *, bad: str = "") -> Path:
    rng = np.random.default_rng(1)
    lines = ["ids,a,b,kind,words"]
    for row in range(60):
        kind = "x" if row % 3 else "y"
        a = rng.normal() + 3 * (row % 3 == 0)
        lines.append(f"r{row},{a},{rng.normal()},{kind},{kind}word{row % 4} and more")
    if bad:
        lines[5] = bad
    path = folder / "mine.csv"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("model", ["sklearn:logistic", "sklearn:forest"])
@pytest.mark.parametrize("text", [True, False])
def test_uwe_run_takes_tables_and_texts(
    text: bool, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A CSV with a label column is enough for a run, whose queries name the ids of its rows."""
    path = rows_csv(tmp_path)
    if not text:
        lines = [line.rpartition(",")[0] for line in path.read_text().splitlines()]
        path.write_text("\n".join(lines))
    column = ["--text", "words"] if text else []
    command = ["run", str(path), "--label", "kind", *column, "--model", model]
    command += ["--budgets", "8,16", "--strategy", "uwe", "--strategy", "random"]
    assert main([*command, "--results", str(tmp_path / "results")]) == 0
    assert "mine, sklearn-" in capsys.readouterr().out
    [query] = (tmp_path / "results" / "mine" / "uwe" / "query").glob("*_cycle1_query.csv")
    assert query.read_text().splitlines()[1].split(",")[4].startswith("r")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--label", "sort"], "no column 'sort'; its columns are 'ids', 'a', 'b', 'kind', 'words'"),
        (["--label", "kind"], "--text words takes it as text"),
        (["--label", "kind", "--text", "word"], "has no column 'word'"),
        (["--label", "kind", "--text", "words", "--epochs", "5"], "--epochs is not used by model"),
        (["--label", "kind", "--text", "words", "--model", "sklearn:logistics"],
         "did you mean 'logistic'"),
        (["--label", "kind", "--text", "words", "--budgets", "10,99"], "exceeds the pool of 48"),
        (["--label", "kind", "--text", "words", "--model", "small"], "rows of mine are no images"),
    ],
)  # fmt: skip
def test_rows_that_do_not_fit(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options that do not fit the table are one line and exit code 2, and leave no results."""
    path = rows_csv(tmp_path)
    given = ["--model", "sklearn:logistic", "--budgets", "8,16", *options]
    kept = dict(zip(given[::2], [*given[1::2], ""], strict=False))
    arguments = [part for flag, value in kept.items() for part in (flag, value) if part]
    assert main(["run", str(path), *arguments, "--results", str(tmp_path / "r")]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "r").exists()


def test_broken_labels_and_cells_name_their_row(tmp_path: Path) -> None:
    """Too few rows and unknown names are errors."""
    few = tmp_path / "few.csv"
    few.write_text("a,kind\n1,x\n2,y\n")
    with pytest.raises(DataError, match=r"of 2 rows of .* 0 would be test rows"):
        load_labelled_rows(str(few), label="kind")
    with pytest.raises(DataError, match="there is no nowhere"):
        load_labelled_rows("nowhere")
    with pytest.raises(InputError, match="did you mean 'wine'"):
        load_labelled_rows("sklearn:wines")
    with pytest.raises(InputError, match="knows its labels"):
        load_labelled_rows("sklearn:wine", label="x")


def test_rows_without_a_label_stay_in_the_pool(tmp_path: Path) -> None:
    """An empty label is no class, its row is no test row, and a simulation leaves it out."""
    path = rows_csv(tmp_path, bad="r4,1,2,,w")
    data = load_labelled_rows(str(path), label="kind", text="words")
    [row] = np.flatnonzero(data.train.y == -1)
    assert data.ids[row] == "r4"
    asked = data.answerable()
    assert "r4" not in asked.ids
    assert len(asked.train) == len(data.train) - 1
    assert "1 of 49 pool rows have no label" in asked.notes[-1]


def test_trec_has_its_rows() -> None:
    """The TREC questions are 5,452 pool rows and 500 test rows in six classes."""
    if not (DATA / "trec").is_dir():
        pytest.skip(f"{DATA}/trec is not there")
    trec = load_labelled_rows("trec", data_dir=DATA, label="coarse_label", text="text")
    assert (len(trec.train), len(trec.test), len(trec.classes)) == (5452, 500, 6)
    assert "ABBR" in trec.classes


@pytest.mark.parametrize("suffix", [".tsv", ".jsonl"])
def test_every_format_of_tables_is_a_data_set(suffix: str, tmp_path: Path) -> None:
    """Tab-separated text and JSON lines give the rows that CSV gives; the label may be labels."""
    lines = [line.split(",") for line in rows_csv(tmp_path).read_text().splitlines()]
    lines[0][3] = "labels"
    path = tmp_path / f"mine{suffix}"
    if suffix == ".tsv":
        path.write_text("\n".join("\t".join(line) for line in lines))
    else:
        rows = (dict(zip(lines[0], of, strict=True)) for of in lines[1:])
        path.write_text("\n".join(map(json.dumps, rows)))
    data = load_labelled_rows(str(path), text="words")
    same = load_labelled_rows(str(tmp_path / "mine.csv"), text="words", label="kind")
    assert list(data.ids) == list(same.ids)
    assert data.classes == same.classes
    assert (data.train.y == same.train.y).all()
