"""Which pick each row of the pool stands behind."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

import uwe
from uwe.cli import main

X = np.random.default_rng(0).integers(-9, 9, (60, 2)).astype(np.float64)
IDS = [f"row {number}" for number in range(60)]


def pool(folder: Path, **more: object) -> str:
    np.savez(folder / "pool.npz", features=X, ids=np.array(IDS), **more)  # type: ignore[arg-type]
    return str(folder / "pool.npz")


def expected(picks: uwe.Picks) -> list[int]:
    """The slow twin: of equal distances, the earlier pick."""
    gaps = ((X[:, None] - X[picks.rows]) ** 2).sum(2)
    return picks.rows[gaps.argmin(1)].tolist()


@pytest.mark.parametrize("strategy", ["coreset", "random", "uwe", "badge", "entropy"])
@pytest.mark.parametrize("k", [1, 7, 60])
def test_every_row_has_its_nearest_pick(strategy: str, k: int) -> None:
    """Of equals the earlier; the counts are stands_for; labelled rows count, too."""
    logits = np.random.default_rng(1).normal(size=(60, 3))
    picks = uwe.select(X, k, logits=logits, strategy=strategy)
    assert picks.assigned is not None
    assert picks.stands_for is not None
    assert picks.assigned.tolist() == expected(picks)
    counts = [int((picks.assigned == row).sum()) for row in picks]
    assert counts == picks.stands_for.tolist()


def test_far_from_the_origin_the_nearest_is_still_found() -> None:
    """Seconds since 1970 differ in digits that float32 lacks."""
    seconds = 1.7e9 + np.arange(50.0)[:, None]
    picks = uwe.select(seconds, 3, strategy="coreset")
    gaps = abs(seconds - seconds[picks.rows].T)
    assert picks.assigned is not None
    assert picks.assigned.tolist() == picks.rows[gaps.argmin(1)].tolist()


def test_without_features_nothing_is_assigned() -> None:
    """None, as the other reasons that need features."""
    assert uwe.select(None, 2, logits=np.eye(4), strategy="entropy").assigned is None


def read(path: Path) -> list[dict[str, object]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        rows: list[dict[str, object]] = parquet.read_table(path).to_pylist()
        return rows
    kinds = {"idx": int, "pick_idx": int, "distance": float}
    lines = csv.DictReader(io.StringIO(path.read_text()))
    return [{name: kinds.get(name, str)(cell) for name, cell in row.items()} for row in lines]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_the_command_writes_a_row_for_each_row(suffix: str, tmp_path: Path) -> None:
    """Ids and rows of both, and the distance between them, beside the picks."""
    out = tmp_path / f"assigned{suffix}"
    given = ["select", pool(tmp_path), "-k", "5", "--strategy", "coreset"]
    assert main([*given, "-o", str(tmp_path / "picks.csv"), "--assign", str(out)]) == 0
    rows = read(out)
    picks = uwe.select(X, 5, strategy="coreset")
    assert [row["idx"] for row in rows] == list(range(60))
    assert [row["id"] for row in rows] == IDS
    assert [row["pick_idx"] for row in rows] == expected(picks)
    assert [row["pick_id"] for row in rows] == [IDS[row] for row in expected(picks)]
    gaps = np.sqrt(((X - X[expected(picks)]) ** 2).sum(1))
    assert [row["distance"] for row in rows] == gaps.tolist()


@pytest.mark.parametrize(
    ("name", "words"),
    [("assigned.txt", "format of"), ("picks.csv", "are one file"), ("there.csv", "exists"),
     ("pool.npz", "format of")],
)  # fmt: skip
def test_what_cannot_be_written_is_refused_before_the_work(
    name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and no picks."""
    (tmp_path / "there.csv").write_text("mine\n")
    given = ["select", pool(tmp_path), "-k", "5", "--strategy", "coreset"]
    given += ["-o", str(tmp_path / "picks.csv"), "--assign", str(tmp_path / name)]
    assert main(given) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
    assert not (tmp_path / "picks.csv").exists()
    assert (tmp_path / "there.csv").read_text() == "mine\n"


def test_a_pool_without_features_has_no_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The option is refused in a line."""
    np.savez(tmp_path / "pool.npz", logits=np.eye(4))
    given = ["select", str(tmp_path / "pool.npz"), "-k", "2", "--strategy", "entropy"]
    assert main([*given, "--assign", str(tmp_path / "a.csv")]) == 2
    assert "--assign compares features" in capsys.readouterr().err
