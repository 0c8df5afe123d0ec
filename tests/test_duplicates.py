"""Groups of equal and near rows, in Python and at the command line."""

from __future__ import annotations

import csv
import importlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import uwe
from uwe.cli import main
from uwe.selection import duplicates as kernel
from uwe.tables import open_table

module = importlib.import_module("uwe.selection.duplicates")


def obvious(x: Any, radius: float) -> list[int]:
    """The definition, a pair at a time."""
    exact = np.asarray(x, dtype=np.float64)
    found: list[int] = []
    for row in range(len(exact)):
        earlier = (each for each in range(row) if found[each] == each)
        near = (each for each in earlier if _apart(exact, row, each) <= radius)
        found.append(next(near, row))
    return found


def _apart(x: Any, row: int, other: int) -> float:
    return float(np.sqrt(((x[row] - x[other]) ** 2).sum()))


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"_BLOCK": 7, "_TILE": 3, "_WINDOW": 4, "_READ": 5, "_PAIRS": 3}
    for name, size in sizes.items():
        monkeypatch.setattr(module, name, size)


RADII = st.sampled_from([0.0, 0.1, 0.3, 1.0, 1.4142135623730951, 1.5, 2.0, 2.23606797749979, 9.0])
KINDS = st.sampled_from(["float16", "float32", "float64"])


@pytest.mark.parametrize("many", [0.0, 1.0], ids=["by products", "by directions"])
def test_groups_are_those_of_the_definition(
    many: float, small_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks, tiles and windows of any size give the groups that the definition gives."""
    monkeypatch.setattr(module, "_MANY", many)

    @given(st.integers(0, 2**32 - 1), RADII, KINDS, st.sampled_from([1.0, 0.1]), st.booleans())
    def holds(seed: int, radius: float, kind: str, step: float, far: bool) -> None:
        rng = np.random.default_rng(seed)
        shape = (rng.integers(1, 40), rng.integers(1, 5))
        x = (rng.integers(0, 4, shape) * step + 512 * far).astype(kind)
        found = kernel(x, radius)
        assert found.representative.tolist() == obvious(x, radius)
        exact = x.astype(np.float64)
        for row, of in enumerate(found.representative):
            assert found.distance[row] == pytest.approx(_apart(exact, row, of), rel=1e-12)

    holds()


def test_rows_in_several_blocks_and_columns() -> None:
    """Pools of more than one block and more columns than directions follow the definition."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(5000, 20)).astype(np.float32)
    x[4500:] = x[:500] + rng.normal(size=(500, 20)).astype(np.float32) * 0.01
    x[4200:4300] = x[100:200]
    found = uwe.duplicates(x, 0.1)
    expected = np.arange(5000)
    expected[4500:], expected[4200:4300] = np.arange(500), np.arange(100, 200)
    np.testing.assert_array_equal(found.representative, expected)


@pytest.mark.parametrize("radius", [1e-300, 1e4, 1e20, 1e150, 1e200, 1e308])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_radii_of_any_size(radius: float, scale: float) -> None:
    """A radius far below or above all distances is no overflow."""
    x = np.random.default_rng(0).integers(0, 3, (40, 2)) * scale
    assert uwe.duplicates(x, radius).representative.tolist() == obvious(x, radius)


def test_one_row_and_none() -> None:
    """A pool of one row, or of none, has no groups."""
    assert not uwe.duplicates(np.zeros((1, 1)), 1.0).groups()
    assert not uwe.duplicates(np.zeros((0, 3))).groups()


def test_zero_has_one_sign() -> None:
    """-0.0 equals 0.0, and the numbers beside it decide."""
    found = uwe.duplicates(np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, -1.0]]))
    assert found.representative.tolist() == [0, 0, 2]


def test_rows_of_one_key_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every row has one key, unequal rows still have groups of their own."""
    monkeypatch.setattr(module, "_MIX", np.uint64(0))
    x = np.array([[1.0], [2.0], [1.0], [3.0], [2.0]])
    assert uwe.duplicates(x).representative.tolist() == [0, 1, 0, 3, 1]


def test_a_chain_is_cut_at_the_radius() -> None:
    """Groups are stars: a row that is near a member, and far from the first, begins its own."""
    found = uwe.duplicates(np.array([[0.0], [1.0], [2.0], [3.0]]), 1.0)
    assert found.representative.tolist() == [0, 0, 2, 2]
    assert [group.tolist() for group in found.groups()] == [[0, 1], [2, 3]]
    assert found.repeated.tolist() == [1, 3]


def test_a_memory_map_and_a_tensor_give_the_same(tmp_path: Path) -> None:
    """Where the numbers are does not matter."""
    x = np.random.default_rng(0).integers(0, 3, (50, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    found = [uwe.duplicates(each, 1.0).representative.tolist() for each in
             (x, mapped, torch.from_numpy(x), torch.from_numpy(x).bfloat16())]  # fmt: skip
    assert found[0] == found[1] == found[2] == found[3]


@pytest.mark.parametrize("radius", [-1.0, float("nan"), float("inf"), True, "1"])
def test_a_radius_is_a_number(radius: Any) -> None:
    """A radius below 0, no number or infinite is refused."""
    with pytest.raises(uwe.InputError, match="radius"):
        uwe.duplicates(np.zeros((2, 2)), radius)


def test_rows_are_finite() -> None:
    """NaN is named with its row."""
    with pytest.raises(uwe.InputError, match="row 1 holds NaN"):
        uwe.duplicates(np.array([[0.0], [np.nan]]))


def pool(folder: Path) -> str:
    x = np.array([[0.0, 0.0], [5.0, 5.0], [0.0, 0.0], [3.0, 4.0], [5.0, 5.5], [0.0, 0.0]])
    np.savez(folder / "pool.npz", features=x, ids=np.array(list("abcdef")))
    return str(folder / "pool.npz")


HEADER = "group,idx,id,size,representative_idx,representative_id,distance"


def test_the_command_lists_groups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output has a row for each member, standard error the sum."""
    assert main(["duplicates", pool(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        HEADER, "1,0,a,3,0,a,0.0", "1,2,c,3,0,a,0.0", "1,5,f,3,0,a,0.0"
    ]  # fmt: skip
    assert "1 group of rows that are equal: 2 of 6 rows repeat another." in said.err


def test_the_command_takes_a_radius(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a radius near rows are listed with their distance."""
    assert main(["duplicates", pool(tmp_path), "--radius", "0.5"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["group"], row["id"], row["distance"]) for row in rows[3:]] == [
        ("2", "b", "0.0"), ("2", "e", "0.5")
    ]  # fmt: skip


def test_every_format_holds_the_same(tmp_path: Path) -> None:
    """CSV, JSON lines and Parquet have the same columns; a list has the ids that repeat others."""
    path = pool(tmp_path)
    for suffix in ("csv", "jsonl", "parquet", "txt"):
        assert (
            main(["duplicates", path, "--radius", "0.5", "-o", str(tmp_path / f"x.{suffix}")]) == 0
        )
    tables = [open_table(tmp_path / f"x.{suffix}") for suffix in ("csv", "jsonl", "parquet")]
    for name in HEADER.split(","):
        first, *others = ([str(value) for value in table.values(name)] for table in tables)
        assert all(other == first for other in others)
    assert (tmp_path / "x.txt").read_text() == "c\nf\ne\n"
    row = json.loads((tmp_path / "x.jsonl").read_text().splitlines()[0])
    assert row["representative_id"] == "a"


def test_repeated_rows_can_be_excluded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The list of ids goes to ``uwe select --exclude``."""
    path, copies = pool(tmp_path), str(tmp_path / "copies.txt")
    assert main(["duplicates", path, "-o", copies]) == 0
    capsys.readouterr()
    assert main(["select", path, "-k", "4", "--strategy", "random", "--exclude", copies]) == 0
    picked = {row["id"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert not {"c", "f"} & picked
    assert main(["select", path, "-k", "5", "--strategy", "random", "--exclude", copies]) == 2


def test_a_pool_without_groups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No groups: the table has its header alone."""
    np.save(tmp_path / "x.npy", np.eye(3))
    assert main(["duplicates", str(tmp_path / "x.npy"), "-o", str(tmp_path / "x.csv")]) == 0
    assert "No two of 3 rows are equal." in capsys.readouterr().out
    assert (tmp_path / "x.csv").read_text() == f"{HEADER}\n"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--radius", "-1"], "--radius is -1.0"),
        (["--radius", "nan"], "'nan' is not a number"),
        (["-o", "x.foo"], "a list of ids is .txt, a table .csv, .jsonl, .parquet"),
        (["--key", "features=x"], "has no 'x' for features"),
    ],
)
def test_what_is_refused(
    more: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistake is one line and exit code 2."""
    assert main(["duplicates", pool(tmp_path), *more]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_pool_without_features_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The keys of the pool are named."""
    np.savez(tmp_path / "pool.npz", probs=np.full((3, 2), 0.5))
    assert main(["duplicates", str(tmp_path / "pool.npz")]) == 2
    assert "holds no features; its keys are 'probs'" in capsys.readouterr().err
