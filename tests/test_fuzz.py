"""Changed files and odd arguments of every command end in exit code 0 or 2, and in nothing else.

``make fuzz`` does the same for longer, from a seed of its own.
"""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fuzz.argument_tries import VALID, commands
from fuzz.judge import faults
from fuzz.session import Session
from fuzz.themes import THEMES
from fuzz.tries import Outcome, Try

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks a process with threads")

SEED = 0
TRIES = {
    "same-pool": 100,
    "damaged-pool": 90,
    "odd-pool": 100,
    "id-files": 40,
    "arguments": 120,
    "paper-arguments": 30,
    "configurations": 30,
    "curves": 40,
    "runs": 30,
    "same-sources": 24,
    "damaged-sources": 24,
    "images": 24,
    "projects": 50,
    "labels": 40,
}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    base = tmp_path_factory.mktemp("fuzz")
    with Session(base, list(THEMES)) as made:
        yield made


@pytest.mark.parametrize("theme", TRIES)
def test_no_try_ends_in_another_way_than_is_documented(session: Session, theme: str) -> None:
    """Exit codes 0 and 2 alone, one line, whole files, unchanged inputs, and the right picks."""
    found = [session.tried(theme, SEED, number) for number in range(TRIES[theme])]
    told = [fault for fault in found if fault is not None]
    assert not told, "\n".join(["", *told])


def test_every_theme_is_tried() -> None:
    """A theme that is added is tried here, too."""
    assert TRIES.keys() == THEMES.keys()


def test_every_command_is_given_odd_arguments() -> None:
    """A command that is added has arguments to be varied."""
    assert commands().keys() == VALID.keys()


def test_a_try_is_the_same_each_time(tmp_path: Path) -> None:
    """One seed and number make one command, so a fault can be repeated."""
    make, _ = THEMES["configurations"]
    for number in range(5):
        made = []
        for name in ("first", "second"):
            folder = tmp_path / f"{name}{number}"
            folder.mkdir()
            tried = make(random.Random(f"1 {number}"), folder, None)
            made.append((tried.arguments, tried.about, (folder / "options.yaml").read_bytes()))
        assert made[0] == made[1]


def _outcome(code: int, err: str, *, hung: bool = False) -> Outcome:
    return Outcome(code, b"", err.encode(), hung, 0.1)


@pytest.mark.parametrize(
    ("outcome", "after", "fault"),
    [
        (_outcome(1, "uwe: x"), {}, "exit code 1"),
        (_outcome(-11, ""), {}, "exit code -11"),
        (_outcome(-9, "", hung=True), {}, "hangs"),
        (_outcome(2, "Traceback (most recent call last):\nuwe: x\n"), {}, "a traceback"),
        (_outcome(2, "uwe: x\nuwe: y\n"), {}, "two refusals"),
        (_outcome(2, "uwe: x\nnote\n"), {}, "the last line of a refusal"),
        (_outcome(0, "a.py:3: RuntimeWarning: overflow\n"), {}, "a warning of Python"),
        (_outcome(2, ""), {}, "the last line of a refusal"),
        (_outcome(2, "uwe: x\n"), {"work/a": b"2"}, "a refusal changed work/a"),
        (_outcome(2, "uwe: x\n"), {"work/a": b"1", "work/b": b""}, "a refusal changed work/b"),
        (_outcome(0, ""), {"work/a": b"2"}, "an input was changed: work/a"),
        (_outcome(0, ""), {"work/a": b"1", "work/.b.part": b""}, "an unfinished file is left"),
        (_outcome(0, ""), {"work/a": b"1", "tmp/x": b""}, "a temporary file is left"),
    ],
)
def test_the_judge_sees_each_fault(outcome: Outcome, after: dict[str, bytes], fault: str) -> None:
    """What the tries are looked at for is found where it is."""
    before = {"work/a": b"1"}
    found = faults(Try(["select"], ""), outcome, before, after or before)
    assert any(fault in each for each in found)


def test_the_judge_accepts_a_refusal_in_one_line() -> None:
    """A refusal that leaves everything as it was is no fault."""
    before = {"work/a": b"1"}
    assert faults(Try(["select"], ""), _outcome(2, "uwe: x\n"), before, before) == []
