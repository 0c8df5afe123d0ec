"""The tutorial on photos, step by step: its commands do what it says, the page's among them."""

from __future__ import annotations

import csv
import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import uwe.label.page
from doc_pages import DOCS, blocks, run_example, steps
from uwe.cli import main

PAGE = "photos.md"
ANSWERS = 40
PATIENCE = 400  # seconds for a training in the background, on a machine that does much else


def plain(line: str) -> str:
    """A line without places, secrets and widths, which differ from one time to the other."""
    line = re.sub(r"(http://127\.0\.0\.1:)\d+/\S*", r"\g<1>8765/", line)
    return " ".join(line.split())


def is_shown(shown: str, told: list[str]) -> bool:
    return any(plain(line).startswith(plain(shown)) for line in told)


@pytest.fixture
def person(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], str]:
    """Somebody who answers 40 items on the page and presses Ctrl-C; gives what was printed."""
    printed: list[str] = []

    def serve(app: Any, place: Any, *, ready: Callable[[], None]) -> None:
        ready()
        printed.append(capsys.readouterr().out)
        base = f"http://127.0.0.1:{place.port}"
        [address] = re.findall(r"http://\S+", printed[-1])
        browser = TestClient(app, base_url=base, headers={"Origin": base})
        assert browser.get(address).status_code == 200
        answer(browser)
        raise KeyboardInterrupt

    monkeypatch.setattr(uwe.label.page, "serve", serve)
    return lambda: "".join(printed)


def answer(browser: TestClient) -> None:
    """Label the items by what their names say, and wait where a batch is picked."""
    done, end = 0, time.monotonic() + PATIENCE
    while done < ANSWERS:
        assert time.monotonic() < end, "no batch was picked in the background"
        cards = browser.post("/deal", json={"n": 1, "holding": []}).json()["cards"]
        if not cards:
            time.sleep(0.2)
            continue
        label = re.sub(r".*-|\.png", "", cards[0]["id"])
        said = {"ticket": cards[0]["ticket"], "label": label}
        assert browser.post("/answer", json=said).status_code == 200
        done += 1


@pytest.mark.timeout(900)
def test_the_tutorial_works_from_top_to_bottom(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    person: Callable[[], str],
) -> None:
    """Every command ends well and prints the lines that the page shows."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    commands = 0
    for kind, text in blocks(PAGE):
        if kind == "python":
            run_example(text, names)
            continue
        for command, shown in steps(text) if kind == "console" else ():
            port = ["--port", "0"] if command.startswith("uwe label") else []
            code = main([*shlex.split(command)[1:], *port])
            out, err = capsys.readouterr()
            assert code == 0, err
            told = (person() + out).replace(str(tmp_path), "/home/ann").splitlines()
            assert [line for line in shown if not is_shown(line, told)] == [], f"{command}: {told}"
            commands += 1
    assert commands == len(re.findall(r"^\$ uwe", (DOCS / PAGE).read_text(), re.MULTILINE))
    with Path("all.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rest = [row for row in rows if not row["label"] and row["id"].endswith(".png")]
    right = sum(row["predicted"] in row["id"] for row in rest)
    assert right / len(rest) > 0.6  # by chance a third
