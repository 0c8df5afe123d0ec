"""Settings of any type: a run is found again by what its record holds, or refused beforehand."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import uwe
from uwe._json import json_value, require_recordable, same_json
from uwe.errors import InputError, RunError
from uwe.experiment.threads import require_threads
from uwe.predictions import Predictions
from uwe.runs.record import fixed_number


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Rate:
    first: float


SETTINGS: list[Any] = [
    (1, 2), ((1,), [2, (3,)]), np.float32(0.1), np.int64(7), np.bool_(True), Path("a/b"),
    {1: "x", 2: {3: 4}}, float("nan"), [float("nan"), float("inf")], {3, 1, 2},
    frozenset({"b", "a"}), np.arange(3), torch.tensor([1.5]), torch.float16, 1 + 2j, b"ab",
    datetime.date(2025, 1, 2), Decimal("0.10"), Size.SMALL, Rate(0.5), range(3), None, "\udcff",
    {"deep": {(1, 2): (3, None)}},
]  # fmt: skip
OTHERS: list[Any] = [
    (1, 3), ((1,), [2, (4,)]), np.float32(0.2), np.int64(8), np.bool_(False), Path("a/c"),
    {1: "x", 2: {3: 5}}, 0.0, [float("nan"), 1.0], {3, 1}, frozenset({"b"}), np.arange(4),
    torch.tensor([2.5]), torch.float32, 1 + 3j, b"ac", datetime.date(2025, 1, 3), Decimal("0.1"),
    Size.LARGE, Rate(0.25), range(4), 0, "\udcfe", {"deep": {(1, 2): (3, 0)}},
]  # fmt: skip


class Nearest:
    """The nearest class mean."""

    name = "nearest"

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.trained = 0

    def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> Any:
        self.trained += 1
        return np.array(
            [x[y == c].mean(0) if (y == c).any() else x.mean(0) for c in range(classes)]
        )

    def predict(self, model: Any, x: Any) -> Any:
        return -((x[:, None] - model) ** 2).sum(2), x


class Full:
    """A learner with the whole interface, whose settings nobody adapts."""

    name = "full"

    def __init__(self, value: Any) -> None:
        self.settings = {"model": "full", "value": value}

    def fit(self, x: Any, y: Any, *, task: Any, seed: int, progress: Any = None) -> Any:
        return Nearest().fit(x, y, classes=len(task.classes), seed=seed)

    def predict(self, model: Any, x: Any, *, progress: Any = None) -> Predictions:
        logits, features = Nearest().predict(model, x)
        return Predictions(
            features=torch.as_tensor(features).float(),
            outputs={"logits": torch.as_tensor(logits).float()},
        )


@pytest.fixture(scope="module")
def data() -> uwe.Dataset:
    y = np.arange(60) % 3
    x = np.random.default_rng(0).normal(size=(60, 3)) + y[:, None]
    return uwe.Dataset.from_rows("rows", (x[:40], y[:40]), (x[40:], y[40:]))


MAKE: dict[str, Callable[[Any], Any]] = {
    "own": lambda value: Nearest(value=value),
    "full": Full,
}


@pytest.mark.parametrize("kind", list(MAKE))
@pytest.mark.parametrize("at", range(len(SETTINGS)))
def test_a_loop_resumes_with_settings_of_any_type(
    at: int, kind: str, data: uwe.Dataset, tmp_path: Path
) -> None:
    """The same value resumes, also after half of the run; another value is another run."""
    make = MAKE[kind]
    half = uwe.loop(make(SETTINGS[at]), data, "entropy", (6, 9), results=tmp_path, cycles=0)
    whole = uwe.loop(make(SETTINGS[at]), data, "entropy", (6, 9), results=tmp_path)
    again = uwe.loop(make(SETTINGS[at]), data, "entropy", (6, 9), results=tmp_path)
    assert half.labels.tolist() == [6]
    assert whole.labels.tolist() == again.labels.tolist() == [6, 9]
    with pytest.raises(RunError, match="other settings"):
        uwe.loop(make(OTHERS[at]), data, "entropy", (6, 9), results=tmp_path)


class Thing:
    """An object that says nothing of itself."""


def itself() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["value"] = value
    return value


@pytest.mark.parametrize("kind", list(MAKE))
@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Thing(), "is a Thing, of which a record can hold the type only"),
        ([1, Thing()], "is a Thing"),
        ({"x": {"y": Thing()}}, "'x', 'y' is a Thing"),
        ({1: "a", "1": "b"}, "has two keys that are written '1'"),
        (itself(), "holds itself"),
    ],
)
def test_what_a_record_cannot_hold_is_refused_before_a_file_is_made(
    value: Any, words: str, kind: str, data: uwe.Dataset, tmp_path: Path
) -> None:
    """One line that names learner and key; no folder, no lock."""
    with pytest.raises(InputError, match=words) as refusal:
        uwe.loop(MAKE[kind](value), data, "entropy", (6, 9), results=tmp_path / "r")
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("at", range(len(SETTINGS)))
def test_values_are_written_alike_only_if_they_are_equal(at: int) -> None:
    """What JSON gives back is written as the value is; another value is written otherwise."""
    written = json_value(SETTINGS[at])
    require_recordable(SETTINGS[at], "x")
    assert same_json(json.loads(json.dumps(written)), SETTINGS[at])
    assert not same_json(OTHERS[at], SETTINGS[at])


@pytest.mark.parametrize("share", [np.float64(0.5), np.float32(0.5), 0.5])
def test_options_of_a_project_may_be_numbers_of_numpy(share: Any, tmp_path: Path) -> None:
    """The folder is opened again with the same options; others are refused."""
    x = np.random.default_rng(0).normal(size=(30, 2))
    more = {"classes": ["a", "b"], "model_options": {"C": share}}
    uwe.Project(tmp_path / "p", x, **more)
    assert len(uwe.Project(tmp_path / "p", x, **more).ids) == 30
    with pytest.raises(InputError, match="holds another project: its model_options"):
        uwe.Project(tmp_path / "p", x, classes=["a", "b"], model_options={"C": 0.25})
    with pytest.raises(InputError, match="is a Thing"):
        uwe.Project(tmp_path / "q", x, classes=["a", "b"], model_options={"C": Thing()})
    assert not (tmp_path / "q").exists()


@pytest.mark.parametrize(("threads", "words"), [(10**6, "at most 1024"), (0, "at least 1"),
                                                (-3, "at least 1")])  # fmt: skip
def test_wrong_threads_are_refused_and_can_be_corrected(
    threads: int, words: str, data: uwe.Dataset, tmp_path: Path
) -> None:
    """Nothing is recorded of a number that cannot be had; the next call decides."""
    with pytest.raises(InputError, match=words):
        uwe.loop(Nearest(), data, "entropy", (6, 9), results=tmp_path / "r", threads=threads)
    assert not (tmp_path / "r").exists()
    done = uwe.loop(Nearest(), data, "entropy", (6, 9), results=tmp_path / "r", threads=1)
    assert done.labels.tolist() == [6, 9]


def test_threads_that_the_system_refuses_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number is tried, and the threads that were started end."""
    started: list[Any] = []

    class Refusing:
        def __init__(self, **_: Any) -> None:
            self.joined = False

        def start(self) -> None:
            if len(started) == 5:
                raise RuntimeError("can't start new thread")
            started.append(self)

        def join(self) -> None:
            self.joined = True

    monkeypatch.setattr("uwe.experiment.threads.threading.Thread", Refusing)
    with pytest.raises(InputError, match="the system refuses more than 5 threads"):
        require_threads(1021)
    assert [each.joined for each in started] == [True] * 5


@pytest.mark.parametrize(
    ("name", "value"),
    [("threads", 0), ("threads", 10**6), ("threads", -1), ("threads", True), ("threads", "2"),
     ("inference_batch", 0), ("inference_batch", -5), ("inference_batch", 1.5),
     ("inference_batch", 2**40), ("inference_batch", None)],
)  # fmt: skip
def test_a_record_with_impossible_numbers_is_refused(
    name: str, value: Any, data: uwe.Dataset, tmp_path: Path
) -> None:
    """The line names the record; nothing is computed."""
    uwe.loop(Nearest(), data, "entropy", (6, 9), results=tmp_path, cycles=0)
    [path] = tmp_path.rglob("*_mentropy.json")
    record = json.loads(path.read_text())
    record["fixed"][name] = value
    path.write_text(json.dumps(record))
    learner = Nearest()
    with pytest.raises(RunError, match=name) as refusal:
        uwe.loop(learner, data, "entropy", (6, 9), results=tmp_path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert learner.trained == 0
    with pytest.raises(RunError, match=name):
        fixed_number(path, name)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "1", "null", '"x"', "[" * 100_000, '{"format": []}', '{"format": 1}',
     '{"format": true, "settings": {}, "fixed": {}}', '{"format": 1, "settings": {}, "fixed": 3}',
     '{"format": 1, "settings": {}, "fixed": {}, "run": 3}',
     '{"format": 1, "settings": {}, "fixed": {}, "measure": [3]}'],
)  # fmt: skip
def test_a_broken_record_is_one_line(content: str, data: uwe.Dataset, tmp_path: Path) -> None:
    """Of any form: the record is named, and the journal is not touched."""
    uwe.loop(Nearest(), data, "entropy", (6, 9), results=tmp_path, cycles=0)
    [path] = tmp_path.rglob("*_mentropy.json")
    path.write_text(content)
    with pytest.raises(RunError) as refusal:
        uwe.loop(Nearest(), data, "entropy", (6, 9), results=tmp_path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
