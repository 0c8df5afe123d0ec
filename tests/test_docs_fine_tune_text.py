"""The tutorial on fine-tuning a text classifier: its commands do what it says."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from doc_pages import DOCS, blocks, run_example, steps
from uwe.cli import main

pytest.importorskip("transformers")

PAGE = "fine-tune-text.md"


def plain(line: str) -> str:
    return " ".join(line.split())


def fill(path: Path, names: dict[str, Any]) -> None:
    """Write the class of each text into the column of labels, as a person would."""
    with Path("new.csv").open(newline="") as file:
        texts = {row["id"]: set(row["text"].split()) for row in csv.DictReader(file)}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        words = texts[row["id"]]
        row["label"] = next(kind for kind, of in names["KINDS"].items() if words & set(of))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.timeout(600)
def test_the_tutorial_works_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command ends well and prints the lines that the page shows."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    commands = 0
    for kind, text in blocks(PAGE):
        if kind == "python":
            run_example(text, names)
        for command, shown in steps(text) if kind == "console" else ():
            code = main(shlex.split(command)[1:])
            out, err = capsys.readouterr()
            assert code == 0, err
            told = out.replace(str(tmp_path), "/home/ann").splitlines()
            for line in shown:
                assert any(plain(each).startswith(plain(line)) for each in told), (command, out)
            if command.startswith("uwe run"):
                [row] = [line for line in told if "│ uwe " in line]
                first, *_, last = map(float, re.findall(r"\d+\.\d", row)[:3])
                assert last > first + 20  # the page says that it rises by 45 points
            if command.startswith("uwe next"):
                fill(Path(command.split()[-1]), names)
            commands += 1
    assert commands == len(re.findall(r"^\$ uwe", (DOCS / PAGE).read_text(), re.MULTILINE))
    with Path("all.csv").open(newline="") as file:
        rest = [row for row in csv.DictReader(file) if not row["label"]]
    with Path("new.csv").open(newline="") as file:
        texts = {row["id"]: row["text"] for row in csv.DictReader(file)}
    right = [set(texts[row["id"]].split()) & set(names["KINDS"][row["predicted"]]) for row in rest]
    assert len(rest) == 120
    assert sum(map(bool, right)) / len(rest) > 0.5  # by chance a third
