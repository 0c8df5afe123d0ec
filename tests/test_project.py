"""Labelling projects from Python: ask, tell, train, and what several people say."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import uwe
from uwe import journal
from uwe.data import load_dataset
from uwe.errors import InputError
from uwe.journal import Queried, Trained
from uwe.project import Answer, Project, ProjectFiles
from uwe.tasks import find_task

BIRDS = ("crow", "jay", "rook")


def rows_of_numbers(n: int = 60, d: int = 3, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def bird(row: np.ndarray[Any, Any]) -> str:
    return BIRDS[int(np.argmax(row[:3]))]


def project_in(
    folder: Path, x: Any = None, learner: Any = "sklearn:logistic", **more: Any
) -> Project:
    given = {"classes": BIRDS, **more}
    return uwe.Project(folder / "p.uwe", rows_of_numbers() if x is None else x, learner, **given)


class Nearest:
    """An own learner: the class of the nearest labelled row."""

    name = "nearest"

    def __init__(self) -> None:
        self.fits = 0

    def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> Any:
        del seed
        self.fits += 1
        return np.asarray(x), np.asarray(y), classes

    def predict(self, model: Any, x: Any) -> Any:
        there, y, classes = model
        distance = ((np.asarray(x)[:, None] - there[None]) ** 2).sum(-1)
        return np.eye(classes, dtype=np.float32)[y[distance.argmin(1)]] * 3, np.asarray(x)


def test_the_project_is_public() -> None:
    """``uwe.Project`` is the class of ``uwe.project``."""
    assert uwe.Project is Project


@pytest.mark.parametrize("strategy", ["uwe", "badge", "random", "entropy"])
def test_rounds_of_ask_tell_and_train(tmp_path: Path, strategy: str) -> None:
    """Each round gives new rows; the first is drawn at random, later ones by the strategy."""
    x = rows_of_numbers()
    project = project_in(tmp_path, x, strategy=strategy)
    given: list[int] = []
    for number in range(3):
        picks = project.ask(6)
        assert len(picks) == 6
        assert picks.strategy.startswith("random" if number == 0 else strategy)
        given += picks.rows.tolist()
        told = project.tell(picks, [bird(x[row]) for row in picks], by="ann")
        assert (told.new, told.problems) == (6, ())
    assert len(set(given)) == 18
    state = project.state()
    assert (state.labelled, state.outstanding, state.batches, state.unasked) == (18, 0, 3, 0)
    assert state.trained_on == 12
    assert state.is_stale
    assert project.train()
    assert not project.train()
    assert not project.state().is_stale


def test_an_object_of_ones_own_learns(tmp_path: Path) -> None:
    """An object with fit and predict is trained once for each change of the labels."""
    x, learner = rows_of_numbers(), Nearest()
    project = project_in(tmp_path, x, learner)
    rows = project.ask(9)
    project.tell(rows, [bird(x[row]) for row in rows])
    picks = project.ask(4)
    assert learner.fits == 1
    project.ask(4)
    assert learner.fits == 1
    assert set(picks).isdisjoint(project.pool().labelled.tolist())


@pytest.mark.parametrize("strategy", ["uwe", "bald"])
def test_a_network_learns_from_images(tmp_path: Path, strategy: str) -> None:
    """A built-in network is trained on the labelled images; dropout passes reach the strategy."""
    data = load_dataset("digits")
    x = uwe.Dataset(
        "little", uwe.Split(data.train.x[:60], data.train.y[:60]),
        uwe.Split(data.test.x[:0], data.test.y[:0]), data.task, data.preparation,
        ids=tuple(data.ids[:60]), fingerprint="",
    )  # fmt: skip
    network = {"epochs": 1, "device": "cpu", "dropout": 0.5}
    project = uwe.Project(
        tmp_path / "p", x, "small", classes=data.classes, strategy=strategy, network=network
    )
    rows = project.ask(12)
    project.tell(rows, [data.classes[data.train.y[row]] for row in rows])
    picks = project.ask(5)
    assert picks.strategy.startswith(strategy)
    assert set(picks).isdisjoint(rows)
    [trained] = [event for event in project.events() if isinstance(event, Trained)]
    assert trained.seen == 2
    assert trained.facts["model"] == "small"


def test_several_classes_a_row(tmp_path: Path) -> None:
    """Flags are told as ``a|b``, as lists of JSON or of Python; ``[]`` is no class."""
    x = rows_of_numbers()
    project = project_in(tmp_path, x, "sklearn:forest", task="multilabel", classes=("a", "b", "c"),
                         model_options={"n_estimators": 5})  # fmt: skip
    rows = project.ask(8).rows.tolist()
    said = ["a|b", '["c", "a"]', ["b"], "[]", "a", "b|c", "c", "a;b;c"]
    project.tell(rows, said)
    expected = [["a", "b"], ["a", "c"], ["b"], [], ["a"], ["b", "c"], ["c"], ["a", "b", "c"]]
    labels = project.labels()
    assert [labels[str(row)] for row in rows] == expected
    assert project.state().by_class == {"a": 4, "b": 4, "c": 4}
    assert len(project.ask(3)) == 3


def test_numbers_as_labels(tmp_path: Path) -> None:
    """Regression: several people's numbers become their mean, and a forest is trained."""
    x = rows_of_numbers()
    project = project_in(tmp_path, x, "sklearn:forest", task="regression", classes=(),
                         answers_per_row=2, model_options={"n_estimators": 5})  # fmt: skip
    rows = project.ask(6)
    project.tell(rows, [float(row) for row in rows], by="ann")
    assert project.state().labelled == 0
    project.tell(rows, [float(row) + 1 for row in rows], by="bob")
    assert project.labels() == {str(row): row + 0.5 for row in rows}
    assert project.state().disagreements == 6
    assert len(project.ask(3)) == 3
    assert json.loads(project.files.settings.read_text())["rule"] == "mean"


def test_the_majority_counts(tmp_path: Path) -> None:
    """Of three people's answers the class that two gave counts; the rule is recorded."""
    project = project_in(tmp_path, answers_per_row=3)
    [row] = project.ask(1)
    for by, answer in (("ann", "crow"), ("bob", "rook"), ("eve", "rook")):
        assert project.state().outstanding == 1
        assert project.ask(1).rows.tolist() == [row]
        project.tell([row], [answer], by=by)
    assert project.labels() == {str(row): "rook"}
    assert json.loads(project.files.settings.read_text())["rule"].startswith("majority")
    project.tell([row], ["crow"], by="eve")
    assert project.labels() == {str(row): "crow"}
    assert project.state().by_person == {"ann": 1, "bob": 1, "eve": 1}


def test_skip_withdraw_and_settle(tmp_path: Path) -> None:
    """A skipped row is not given again and does not count; a settled label counts before all."""
    project = project_in(tmp_path, rows_of_numbers(6))
    a, b, c, d = project.ask(4)
    project.tell([a, b, c], ["crow", "jay", "rook"], by="ann")
    project.skip([b], "blurred", by="bob")
    project.withdraw([c], by="ann")
    project.settle([a], ["rook"], by="eve")
    assert project.labels() == {str(a): "rook"}
    assert (project.state().skipped, project.state().outstanding) == (1, 2)
    assert project.ask(9).rows.tolist() == [c, d]
    assert set(project.ask(9, more=True)).isdisjoint({a, b, c, d})
    with pytest.raises(uwe.InputError, match="no row is left"):
        project.ask(1, more=True)


@pytest.mark.parametrize(
    ("rows", "answers", "words"),
    [
        ([0, 1], ["crow"], "2 rows, but 1 answers"),
        ([60], ["crow"], "there is no row 60; rows are 0 to 59"),
        ([-1], ["crow"], "there is no row -1"),
        ([0.5], ["crow"], "not by 0.5"),
        ([True], ["crow"], "not by True"),
        (["60"], ["crow"], "ids are the row numbers 0 to 59"),
        ([0, 1], ["crow", "crwo"], "item '1': unknown class 'crwo'; did you mean 'crow'"),
        ([0, 0], ["crow", "jay"], "two answers of ann, 'crow' and 'jay'"),
        ([0], [["crow"]], "is not the name of a class"),
    ],
)
def test_answers_that_are_not_understood_change_nothing(
    tmp_path: Path, rows: list[Any], answers: list[Any], words: str
) -> None:
    """One wrong answer is named, and nothing of the call is recorded."""
    project = project_in(tmp_path)
    with pytest.raises(uwe.InputError, match=words):
        project.tell(rows, answers, by="ann")
    assert project.events() == []


def test_a_number_must_be_finite(tmp_path: Path) -> None:
    """Regression: infinity and words are refused with the item named; NaN is no answer."""
    project = project_in(tmp_path, learner="sklearn:forest", task="regression", classes=())
    assert project.tell([3], [float("nan")]).empty == 1
    for answer in ("nan", float("inf"), "crow", True):
        with pytest.raises(uwe.InputError, match="'3'"):
            project.tell([3], [answer])
    with pytest.raises(uwe.InputError, match=r"item '3' has no label"):
        project.settle([3], [None])
    assert project.events() == []


def test_answers_of_rows_that_were_never_asked(tmp_path: Path) -> None:
    """They count, apart; ``strict`` refuses them and keeps the others."""
    project = project_in(tmp_path)
    [asked] = project.ask(1)
    other = (asked + 1) % 60
    answers = [Answer(str(row), "crow", "ann") for row in (asked, other)]
    told = project.take(answers, strict=True)
    assert told.new == 1
    assert "never given out" in told.problems[0]
    told = project.take(answers)
    assert (told.new, told.known, told.unasked) == (1, 1, 1)
    assert project.state().unasked == 1


def test_a_row_is_never_given_twice_whoever_asks(tmp_path: Path) -> None:
    """Answered, skipped and outstanding rows are left out until none is left; k may be larger."""
    project = project_in(tmp_path, rows_of_numbers(10))
    project.tell([3], ["crow"])
    project.skip([4])
    first = project.ask(5, more=True).rows.tolist()
    rest = project.ask(50, more=True).rows.tolist()
    assert sorted([*first, *rest, 3, 4]) == list(range(10))


def test_asking_does_not_wait_for_a_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While another process trains, the last model decides, and the log says so."""
    x = rows_of_numbers()
    project = project_in(tmp_path, x)
    first = project.ask(8)
    project.tell(first, [bird(x[row]) for row in first])
    second = project.ask(4)
    project.tell(second, [bird(x[row]) for row in second])
    with FileLock(project.files.trainer_lock), caplog.at_level(logging.WARNING, logger="uwe"):
        third = project.ask(4)
        with pytest.raises(uwe.RunError, match="is being worked on by"):
            project.train()
    assert "another process is training; the last model decides" in caplog.text
    assert third.strategy == "auto"
    assert project.state().trained_on == 8
    project.ask(4, more=True)
    assert project.state().trained_on == 12


def test_new_classes_while_another_process_trains(tmp_path: Path) -> None:
    """A model that does not know all classes is not asked; rows are drawn at random."""
    x = rows_of_numbers()
    project = project_in(tmp_path, x)
    other = project_in(tmp_path, x)
    rows = project.ask(8)
    project.tell(rows, [bird(x[row]) for row in rows])
    project.train()
    project.add_classes(["owl", "crow"])
    assert project.task.classes == (*BIRDS, "owl")
    with FileLock(project.files.trainer_lock):
        [row] = project.ask(1)
    assert project.pool().cycle_of([row]).tolist() == [1]
    project.tell([row], ["owl"])
    assert other.labels()[str(row)] == "owl"
    assert other.ask(2).strategy == "auto"


def test_reopening_needs_the_same_project(tmp_path: Path) -> None:
    """Other settings or another pool are refused; classes may be left out."""
    x = rows_of_numbers()
    project_in(tmp_path, x).tell([1], ["crow"])
    assert project_in(tmp_path, x, classes=()).labels() == {"1": "crow"}
    for changed, words in (
        ({"strategy": "badge"}, "its strategy is 'auto', not 'badge'"),
        ({"classes": ("crow", "owl")}, "its classes is"),
        ({"seed": 2}, "its seed is 1, not 2"),
        ({"learner": "sklearn:forest"}, "its model is"),
    ):
        with pytest.raises(uwe.InputError, match=words):
            project_in(tmp_path, x, **changed)
    with pytest.raises(uwe.DataError, match="has changed 'rows 0 to 59'"):
        project_in(tmp_path, x + 1)
    with pytest.raises(uwe.DataError, match="no longer has 'rows 50 to 59'"):
        project_in(tmp_path, x[:50])
    with pytest.raises(uwe.InputError, match="handed over from Python"):
        Project.open(tmp_path / "p.uwe")


def test_rows_that_are_gained_are_taken_in_on_demand(tmp_path: Path) -> None:
    """New rows take no part until `update`; then the model learns about them before it picks."""
    x = rows_of_numbers(80)
    project = project_in(tmp_path, x[:60])
    rows = project.ask(8)
    project.tell(rows, [bird(x[row]) for row in rows])
    project.train()
    grown = project_in(tmp_path, x)
    assert grown.gained == 20
    assert len(grown.ids) == 60
    assert max(grown.ask(60)) < 60
    assert grown.update() == ("rows 60 to 79",)
    assert grown.update() == ()
    assert grown.state().is_stale
    assert sorted(grown.ask(99, more=True)) == list(range(60, 80))
    for _ in range(2):
        with pytest.raises(uwe.RunError, match="open the project again"):
            project.state()


def test_a_changed_row_is_found_although_rows_were_gained(tmp_path: Path) -> None:
    """The rows that there were are compared, whether or not others follow."""
    x = rows_of_numbers(80)
    project_in(tmp_path, x[:60])
    changed = x.copy()
    changed[59] += 1
    with pytest.raises(uwe.DataError, match="has changed"):
        project_in(tmp_path, changed)


@pytest.mark.parametrize(
    ("pool", "learner", "more", "words"),
    [
        (rows_of_numbers(), "small", {}, "images"),
        (rows_of_numbers()[:, 0], "sklearn:logistic", {}, "a pool is rows of numbers"),
        (rows_of_numbers(), "sklearn:logistic", {"classes": ()}, "the classes are not known"),
        (rows_of_numbers(), "sklearn:linear_model.Ridge", {}, "Ridge"),
        (rows_of_numbers(), "sklearn:logistic", {"strategy": "bald"}, "stochastic passes"),
        (rows_of_numbers(), "sklearn:logistic", {"strategy": "bagde"}, "did you mean 'badge'"),
        (rows_of_numbers(), "sklearn:logistic", {"labels": {"99": "crow"}}, "no item '99'"),
        (rows_of_numbers(), "sklearn:logistic", {"labels": {"9": "owl"}}, "unknown class 'owl'"),
        (rows_of_numbers(), "sklearn:logistic", {"answers_per_row": 0}, "at least 1, not 0"),
    ],
)
def test_what_does_not_fit_leaves_no_folder(
    tmp_path: Path, pool: Any, learner: Any, more: dict[str, Any], words: str
) -> None:
    """A project that cannot be made leaves nothing behind, neither its folder nor those above."""
    with pytest.raises(uwe.UweError, match=words):
        project_in(tmp_path / "a" / "b", pool, learner, **more)
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """A folder with other files, or a file, is no place for a project."""
    (tmp_path / "p.uwe").mkdir()
    (tmp_path / "p.uwe" / "thesis.tex").write_text("mine")
    with pytest.raises(uwe.InputError, match=r"is no project and holds 'thesis\.tex'"):
        project_in(tmp_path)
    assert [path.name for path in (tmp_path / "p.uwe").iterdir()] == ["thesis.tex"]
    (tmp_path / "p.uwe" / "thesis.tex").unlink()
    assert project_in(tmp_path).state().rows == 60


def test_texts_and_labels_that_there_are(tmp_path: Path) -> None:
    """A list of texts is learnt from as TF-IDF; labels by id count as never given out."""
    texts = [f"{bird_} number {at}" for at in range(10) for bird_ in BIRDS]
    project = project_in(tmp_path, texts, labels={"0": "crow", "1": "jay", "2": "rook"})
    assert project.state().unasked == 3
    picks = project.ask(3)
    assert picks.strategy == "auto"
    assert set(picks).isdisjoint({0, 1, 2})
    assert project.task.classes == BIRDS


def test_a_task_as_a_value(tmp_path: Path) -> None:
    """A task is accepted wherever its name is."""
    project = project_in(tmp_path, task=find_task("classification", BIRDS), classes=())
    project.tell([0], ["jay"])
    assert project_in(tmp_path, task=find_task("classification", BIRDS)).labels() == {"0": "jay"}


def test_seconds_and_notes_are_kept(tmp_path: Path) -> None:
    """Timed answers keep their seconds beside others that are not timed; notes are kept by row."""
    project = project_in(tmp_path)
    answers = [
        Answer("1", "crow", "ann", seconds=2.5), Answer("2", "jay", "ann", note="far away"),
        Answer("3", None, "ann", note="dark", skip=True),
    ]  # fmt: skip
    assert project.take(answers).skipped == 1
    timed, untimed, skipped = project.events()
    assert (timed.seconds, untimed.seconds) == ((2.5,), None)
    assert untimed.facts == {"notes": {"2": "far away"}}
    assert skipped.reason == "dark"
    assert project.take(answers).known == 3
    assert len(project.events()) == 3


PEOPLE = st.sampled_from(["ann", "bob", "eve"])
ROWS = st.lists(st.integers(0, 11), min_size=1, max_size=4, unique=True)
STEPS = st.one_of(
    st.tuples(st.just("ask"), st.integers(1, 4), st.booleans()),
    st.tuples(st.just("tell"), PEOPLE, ROWS, st.integers(0, 2)),
    st.tuples(st.just("skip"), PEOPLE, ROWS),
    st.tuples(st.just("withdraw"), PEOPLE, ROWS),
)


class Twin:
    """What a project should know, kept in the plainest way."""

    def __init__(self, answers: int) -> None:
        self.answers_per_row = answers
        self.asked: list[int] = []
        self.batches = 0
        self.said: dict[tuple[int, str], int] = {}
        self.skipped: set[tuple[int, str]] = set()

    def tell(self, by: str, rows: list[int], value: int) -> None:
        for row in rows:
            if self.said.get((row, by)) != value:
                self.said.pop((row, by), None)
                self.said[row, by] = value
            self.skipped.discard((row, by))

    def skip(self, by: str, rows: list[int]) -> None:
        for row in rows:
            self.said.pop((row, by), None)
            self.skipped.add((row, by))

    def withdraw(self, by: str, rows: list[int]) -> None:
        for row in rows:
            self.said.pop((row, by), None)
            self.skipped.discard((row, by))

    def labels(self) -> dict[str, str]:
        found = {}
        for row in range(12):
            votes = [value for (of, _), value in self.said.items() if of == row]
            is_skipped = any(of == row for of, _ in self.skipped)
            if len(votes) >= self.answers_per_row and not is_skipped:
                counts = Counter(votes)
                found[str(row)] = BIRDS[max(counts, key=lambda v: (counts[v], -votes.index(v)))]
        return found

    def open_rows(self) -> list[int]:
        labelled, skipped = self.labels(), {row for row, _ in self.skipped}
        return [row for row in self.asked if str(row) not in labelled and row not in skipped]

    def left(self) -> set[int]:
        skipped = {row for row, _ in self.skipped}
        return set(range(12)) - set(self.asked) - skipped - {int(row) for row in self.labels()}


@given(steps=st.lists(STEPS, max_size=12), answers=st.integers(1, 2))
@settings(max_examples=25, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
def test_any_sequence_of_steps_is_as_its_twin(
    tmp_path: Path, steps: list[tuple[Any, ...]], answers: int
) -> None:
    """No row is given out twice, and state and labels are those of the plainest bookkeeping."""
    shutil.rmtree(tmp_path / "p.uwe", ignore_errors=True)
    project = project_in(tmp_path, rows_of_numbers(12), Nearest(), strategy="random",
                         answers_per_row=answers)  # fmt: skip
    twin = Twin(answers)
    for kind, *told in steps:
        if kind == "ask":
            k, more = told
            if twin.open_rows() and not more:
                assert project.ask(k).rows.tolist() == twin.open_rows()
            elif not twin.left():
                with pytest.raises(uwe.InputError, match="no row is left"):
                    project.ask(k, more=more)
            else:
                rows = project.ask(k, more=more).rows.tolist()
                assert len(rows) == min(k, len(twin.left()))
                assert set(rows) <= twin.left()
                twin.asked += rows
                twin.batches += 1
        elif kind == "tell":
            by, rows, value = told
            project.tell(rows, [BIRDS[value]] * len(rows), by=by)
            twin.tell(by, rows, value)
        else:
            by, rows = told
            getattr(project, kind)(rows, by=by)
            getattr(twin, kind)(by, rows)
    state, labels = project.state(), twin.labels()
    assert project.labels() == labels
    assert (state.labelled, state.outstanding) == (len(labels), len(twin.open_rows()))
    assert state.skipped == len({row for row, _ in twin.skipped})
    assert state.unasked == len({int(row) for row in labels} - set(twin.asked))
    assert state.batches == twin.batches
    assert state.by_class == {name: list(labels.values()).count(name) for name in BIRDS}
    assert state.by_person == dict(Counter(by for _, by in twin.said))
    values = [{v for (of, _), v in twin.said.items() if of == row} for row in range(12)]
    assert state.disagreements == sum(len(each) > 1 for each in values)


TELLER = """
import sys
from uwe.project import Answer, Project
folder, by, rows = sys.argv[1], sys.argv[2], range(int(sys.argv[3]), int(sys.argv[4]))
project = Project.open(folder)
sys.stdin.readline()
for row in rows:
    project.take([Answer(str(row), "crow" if row % 2 else "rook", by)])
"""


def npy_pool(folder: Path, x: np.ndarray[Any, Any]) -> Path:
    folder.mkdir(parents=True)
    np.save(folder / "features.npy", x)
    return folder


@pytest.mark.slow
def test_eight_processes_tell_at_once(tmp_path: Path) -> None:
    """Some tell the same answers: nothing is lost, and nothing is doubled."""
    source = npy_pool(tmp_path / "pool", rows_of_numbers(400))
    project = project_in(tmp_path, source)
    spans = [("ann", 0, 25), ("ann", 0, 25), ("ann", 20, 45), ("bob", 0, 25), ("bob", 0, 25),
             ("eve", 30, 55), ("eve", 55, 80), ("dan", 10, 35)]  # fmt: skip
    started = [
        subprocess.Popen(
            [sys.executable, "-c", TELLER, str(project.files.folder), by, str(first), str(end)],
            stdin=subprocess.PIPE,
        )
        for by, first, end in spans
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.close()
    assert [process.wait() for process in started] == [0] * 8
    expected = {(by, row) for by, first, end in spans for row in range(first, end)}
    told = [(event.by, row) for event in project.events() for row in event.rows]
    assert len(told) == len(set(told))
    assert set(told) == expected
    assert project.labels() == {str(row): "crow" if row % 2 else "rook" for row in range(80)}


ASKER = """
import sys
from uwe.project import Project
project = Project.open(sys.argv[1])
sys.stdin.readline()
print(*project.ask(7, more=sys.argv[2] == "more"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("more", ["more", "again"])
def test_processes_that_ask_at_once(tmp_path: Path, more: str) -> None:
    """With ``more`` no row goes to two of them; without it all get the one batch."""
    source = npy_pool(tmp_path / "pool", rows_of_numbers())
    project = project_in(tmp_path, source)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", ASKER, str(project.files.folder), more],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    given = [process.communicate()[0].split() for process in started]
    assert [len(rows) for rows in given] == [7, 7, 7]
    batches = [event for event in project.events() if isinstance(event, Queried)]
    assert len(batches) == (3 if more == "more" else 1)
    assert len({row for rows in given for row in rows}) == 7 * len(batches)
    for batch in batches:
        with project.files.picks(batch.cycle + 1).open() as file:
            assert [int(line.split(",")[1]) for line in file.readlines()[1:]] == list(batch.rows)


SLOW_LEARNER = """
import sys, time
from pathlib import Path
import numpy as np
import uwe
folder, pool = Path(sys.argv[1]), sys.argv[2]
class Slow:
    name = "slow"
    def fit(self, x, y, *, classes, seed):
        (folder / "training").touch()
        while not (folder / "go on").exists():
            time.sleep(0.01)
    def predict(self, model, x):
        return np.zeros((len(x), 3), dtype=np.float32), x
uwe.Project(folder / "p.uwe", pool, Slow(), classes=("crow", "jay", "rook")).train()
"""


@pytest.mark.slow
def test_telling_does_not_wait_for_a_training(tmp_path: Path) -> None:
    """Answers are recorded while another process trains; that model's event says what it saw."""

    class Slow(Nearest):
        name = "slow"

    source = npy_pool(tmp_path / "pool", rows_of_numbers())
    project = project_in(tmp_path, source, Slow())
    project.tell(project.ask(4), ["crow", "jay", "rook", "crow"])
    seen = project.events()[-1].id
    process = subprocess.Popen([sys.executable, "-c", SLOW_LEARNER, str(tmp_path), str(source)])
    try:
        while not (tmp_path / "training").exists():
            assert process.poll() is None
        free = sorted(set(range(60)) - set(project.pool().asked.tolist()))[:2]
        project.tell(free, ["jay", "jay"], by="bob")
        project.skip(free[:1], by="bob")
        given = project.ask(3).rows.tolist()
        assert process.poll() is None
    finally:
        (tmp_path / "go on").touch()
        assert process.wait() == 0
    *_, trained = project.events()
    assert isinstance(trained, Trained)
    assert trained.seen == seen
    assert trained.facts["n_labeled"] == 4
    assert set(given).isdisjoint(free)
    assert project.state().is_stale


def test_a_large_pool_costs_what_was_told(tmp_path: Path) -> None:
    """Ten million rows: opening, telling and replaying allocate no array of that length."""
    n = 10_000_000
    folder = tmp_path / "pool"
    folder.mkdir()
    sparse_features(folder / "features.npy", n)
    project_in(tmp_path, folder)
    rows = range(0, n, n // 1_000)
    project = Project.open(tmp_path / "p.uwe")  # what is imported on the way is not counted
    tracemalloc.start()
    project = Project.open(tmp_path / "p.uwe")
    project.tell(list(rows), ["crow"] * len(rows))
    state = project.state()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (state.rows, state.labelled) == (n, 1_000)
    assert peak < 50e6
    assert len(project.ids) == n


def sparse_features(path: Path, n: int) -> None:
    """A file of n x 1 zeros that takes no room on the disk."""
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (n, 1)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 4 * n)


def test_the_journal_vouches_for_what_is_there(tmp_path: Path) -> None:
    """Picks, sheet and predictions are there whenever an event names them."""
    x = rows_of_numbers()
    project = project_in(tmp_path, x)
    append, files = journal.append, ProjectFiles(tmp_path / "p.uwe")
    named: list[str] = []

    def checked(path: Path, *events: Any) -> Any:
        for event in events:
            named.append(type(event).__name__)
            if isinstance(event, Queried):
                assert files.picks(event.cycle + 1).is_file()
                assert files.sheet(event.cycle + 1).is_file()
            if isinstance(event, Trained):
                assert files.predictions(event.cycle).is_file()
        return append(path, *events)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(journal, "append", checked)
        rows = project.ask(6)
        project.tell(rows, [bird(x[row]) for row in rows])
        project.ask(6)
    assert named == ["Queried", "Answered", "Trained", "Queried"]


def test_a_series_is_aligned_or_refused(tmp_path: Path) -> None:
    """The index of a pandas Series must be the ids in the order of the rows, or positions."""
    pandas = pytest.importorskip("pandas")
    x = np.random.default_rng(0).normal(size=(20, 2))
    project = uwe.Project(tmp_path / "p", x, "sklearn:logistic", classes=["a", "b"])
    names = ["4", "2", "7"]
    assert project.tell(names, pandas.Series(["a", "b", "a"], index=names)).new == 3
    assert project.tell(["1", "3"], pandas.Series(["a", "b"])).new == 2
    turned = pandas.Series(["b", "a", "a"], index=["2", "4", "7"])
    with pytest.raises(uwe.InputError, match="has '2' in place 0, where the rows have '4'"):
        project.tell(names, turned)
    assert project.labels() == {"1": "a", "2": "b", "3": "b", "4": "a", "7": "a"}


def test_what_is_no_time_no_person_and_no_row_is_refused(tmp_path: Path) -> None:
    """Negative seconds, an empty name, a bare text and a stranger's withdrawal change nothing."""
    x = np.random.default_rng(0).normal(size=(20, 2))
    project = uwe.Project(tmp_path / "p", x, classes=["a", "b"])
    for work, message in (
        (lambda: project.tell([1], ["a"], seconds=[-5]), "seconds must be a number of at least 0"),
        (lambda: project.tell([1], ["a"], seconds=[float("nan")]), "not nan"),
        (lambda: project.skip([1], by=" "), "who answered is empty"),
        (lambda: project.skip("12"), "must be a list of row numbers or ids, not the text '12'"),
        (lambda: project.withdraw([1], by=""), "who answered is empty"),
        (
            lambda: project.tell([1], {1: "a"}),
            "must be a list in the order of the rows, not a dict",
        ),
        (lambda: project.add_classes(["c,d"]), "the class 'c,d' holds a comma"),
    ):
        with pytest.raises(uwe.InputError, match=message):
            work()
    assert project.events() == []


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda at, x: Project(at, x, classes="crow"), "not the text 'crow'"),
        (lambda at, x: Project(at, x, classes=None), "or their number, not a NoneType"),
        (lambda at, x: Project(at, x, classes=["a", "b"], task=3), "not an object of type int"),
        (lambda at, x: Project(at, x, classes=["a", "b"], strategy=3), "not an object of type int"),
        (lambda at, x: Project(at, x, classes=["a", "b"], imagesize=8), "did you mean 'image_size"),
        (lambda at, x: Project(at, x, classes=["a", "b"]).add_classes("cd"), "names, not 'cd'"),
        (lambda at, x: Project(at, x, classes=["a", "b"]).add_classes([3]), r"names, not \[3\]"),
        (lambda at, x: Project(at, x, classes=["a", "b"]).tell([0], ["a"], by=3), "a name, not 3"),
        (lambda at, x: Project(at, x, classes=["a", "b"]).skip(None), "or ids, not None"),
    ],
)
def test_wrong_types_from_python_are_refused_and_no_text_is_taken_apart(
    call: Any, words: str, tmp_path: Path
) -> None:
    """A text in the place of a list of classes would be a class for each letter."""
    with pytest.raises(InputError, match=words):
        call(tmp_path / "p", np.eye(6))
