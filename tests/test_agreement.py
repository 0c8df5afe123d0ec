"""Agreement of annotators, conflicts, and labelling again: hand-worked values and limits."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwe.cli import main
from uwe.errors import InputError
from uwe.journal import Settled as SettledEvent
from uwe.label.agreement import Measure, agreement_of
from uwe.label.books import Books
from uwe.label.conflicts import proposed, rule_of, strife
from uwe.label.predicted import Model
from uwe.label.relabel import Known, Weights, cross_fitted, relabelling, support, weights_of
from uwe.label.settling import settle_by_rule
from uwe.project import Project
from uwe.tasks import Task, classification, multilabel, regression

BIRDS = ("crow", "rook", "jay")


def one(measures: list[Measure], name: str, about: str | None = None) -> Measure:
    [found] = [each for each in measures if each.name == name and about in (None, each.about)]
    return found


def table(*columns: str) -> dict[int, dict[str, int]]:
    """Answers by row: one text a person, a digit a row, a blank where there is no answer."""
    rows = zip(*columns, strict=True)
    return {
        row: {f"p{at}": int(cell) for at, cell in enumerate(cells) if cell != " "}
        for row, cells in enumerate(rows)
    }


def test_cohens_kappa_of_a_textbook() -> None:
    """50 items: 20 both yes, 15 both no, 5 and 10 differ: p_o = 0.7, p_e = 0.5, so 0.4."""
    first = "1" * 25 + "0" * 25
    second = "1" * 20 + "0" * 5 + "1" * 10 + "0" * 15
    measures = agreement_of(table(first, second), classification(2))
    assert one(measures, "Cohen's kappa").value == pytest.approx(0.4)
    assert one(measures, "Cohen's kappa").about == "p0 and p1"
    assert one(measures, "raw agreement").value == pytest.approx(0.7)


def test_fleiss_kappa_of_a_textbook() -> None:
    """Ten items, fourteen people, five classes (Fleiss 1971 as in Wikipedia): 0.210."""
    counts = [
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    ]  # fmt: skip
    answers = {
        row: {
            f"p{at}": value
            for at, value in enumerate(
                number for number, count in enumerate(of) for _ in range(count)
            )
        }
        for row, of in enumerate(counts)
    }
    found = one(agreement_of(answers, classification(5)), "Fleiss' kappa")
    assert found.value == pytest.approx(0.210, abs=0.0005)


def test_krippendorffs_alpha_of_a_textbook() -> None:
    """The example of Wikipedia with gaps: 0.691 for classes, 0.811 for numbers."""
    columns = ("     34121133 3", "1 213343       ", "  21344 21133 4")
    answers = table(*columns)
    found = one(agreement_of(answers, classification(5)), "Krippendorff's alpha")
    assert found.value == pytest.approx(0.691, abs=0.0005)
    numbers = {row: {by: float(v) for by, v in its.items()} for row, its in answers.items()}
    found = one(agreement_of(numbers, regression()), "Krippendorff's alpha")
    assert found.value == pytest.approx(0.811, abs=0.0005)


def test_raw_agreement_weighs_items_alike() -> None:
    """Three answers of which two are equal: a third of the pairs; with an equal pair: the mean."""
    measures = agreement_of(table("00", "00", "1 "), classification(2))
    assert one(measures, "raw agreement").value == pytest.approx((1 / 3 + 1) / 2)
    assert one(measures, "raw agreement").rows == 2
    fleiss = one(measures, "Fleiss' kappa")
    assert (fleiss.about, fleiss.rows) == ("items with 3 answers", 1)


def test_several_classes_have_an_alpha_each() -> None:
    """The sets of ann and bo are equal for one of two items; they differ about one class."""
    answers = {1: {"ann": [0, 1], "bo": [0, 1]}, 2: {"ann": [1], "bo": [1, 2]}}
    measures = agreement_of(answers, multilabel(["sea", "sun", "bird"]))
    assert one(measures, "raw agreement").value == 0.5
    assert one(measures, "Krippendorff's alpha", "sea").value == 1.0
    assert one(measures, "Krippendorff's alpha", "sun").value is None
    assert one(measures, "Krippendorff's alpha", "sun").reason == "all answers say the same of it"
    assert one(measures, "Krippendorff's alpha", "bird").value == pytest.approx(0.0)
    assert one(measures, "Cohen's kappa").value is None


def test_numbers_have_a_mean_difference() -> None:
    """|1 - 2| and |5 - 5|: 0.5."""
    answers = {1: {"ann": 1.0, "bo": 2.0}, 2: {"ann": 5.0, "bo": 5.0}}
    assert one(agreement_of(answers, regression()), "mean difference").value == 0.5


@pytest.mark.parametrize(
    ("task", "same"),
    [(classification(2), 1), (multilabel(["a", "b"]), [0]), (regression(), 1.5)],
)
def test_what_is_not_defined_has_a_reason(task: Task, same: Any) -> None:
    """Without a second answer nothing is defined, and without a difference no coefficient is."""
    for measure in agreement_of({1: {"ann": same}}, task):
        assert measure.value is None
        assert measure.reason
    for measure in agreement_of({1: {"ann": same, "bo": same}}, task):
        is_coefficient = "kappa" in measure.name or "alpha" in measure.name
        assert (measure.value is None) == bool(measure.reason) == is_coefficient


answers = st.dictionaries(
    st.integers(0, 20),
    st.dictionaries(st.sampled_from(["ann", "bo", "cleo"]), st.integers(0, 2), max_size=3),
    max_size=12,
)


@given(answers, st.permutations([0, 1, 2]))
def test_names_of_classes_do_not_matter(answers: Any, order: list[int]) -> None:
    """Renumbering the classes changes no measure, and each is at most 1."""
    renamed = {row: {by: order[v] for by, v in its.items()} for row, its in answers.items()}
    before, after = (agreement_of(each, classification(3)) for each in (answers, renamed))
    for one, other in zip(before, after, strict=True):
        assert (one.name, one.about, one.rows) == (other.name, other.about, other.rows)
        assert (one.value is None) == (other.value is None)
        if one.value is not None:
            assert one.value == pytest.approx(other.value)
            assert one.value <= 1 + 1e-9


def test_what_is_proposed() -> None:
    """Most people, then the model; of several classes the task's rule; of numbers the median."""
    task = classification(BIRDS)
    assert proposed([0, 1, 1], task).value == 1
    assert proposed([0, 1, 1], task, model=0).why == "2 of 3 people"
    assert proposed([0, 1], task, model=1).value == 1
    assert proposed([0, 1], task, model=2).value == 0
    assert proposed([[0], [0, 1]], multilabel(BIRDS)).value == [0, 1]
    assert proposed([1.0, 9.0, 2.0], regression()).value == 2.0
    assert strife([0, 1, 1]) == pytest.approx(1 / 3)
    assert strife([[0], [1]]) == 0.5


def test_rules_decide_only_what_they_can() -> None:
    """Equal votes are left to people, and a rule of numbers is none of classes."""
    majority = rule_of("majority", multilabel(BIRDS))
    assert majority([[0], [0, 1], [0, 1]]) == [0, 1]
    assert majority([[0], [0, 1]]) is None
    assert rule_of("mean", regression())([1.0, 2.0]) == 1.5
    for name, task in (
        ("mean", classification(2)),
        ("majority", regression()),
        ("x", regression()),
    ):
        with pytest.raises(InputError):
            rule_of(name, task)


def test_the_support_of_a_label_by_hand() -> None:
    """Model 0.2 for the label at weight 0.5, ann agrees (0.8), bo does not (0.4), c = 2."""
    weights = Weights(0.5, {"ann": 0.8, "bo": 0.4})
    expected = (0.5 * 0.2 + 0.8 + 0.6 / 2) / (0.5 + 0.8 + 0.4 + 0.6)
    found = support(np.array([0.2, 0.8]), 0, [(0.8, 0), (0.4, 1)], weights)
    assert found == pytest.approx(expected)
    assert support(np.array([0.2, 0.8]), 0, [], Weights(0.0, {"ann": 0.0})) == 0.5


def test_the_weights_by_hand() -> None:
    """Half of the labels are 0; the model is right in 3 of 4, ann in 2 of 2, bo in 1 of 2."""
    labels = {1: 0, 2: 0, 3: 1, 4: 1}
    p = np.eye(2)[[0, 0, 1, 0]]
    answers = {1: {"ann": 0, "bo": 0}, 3: {"ann": 1, "bo": 0}, 4: {"cleo": 1}}
    weights = weights_of(answers, labels, p)
    assert weights.model == pytest.approx(0.5)
    assert weights.people == pytest.approx({"ann": 1.0, "bo": 0.0, "cleo": 0.5})


def test_a_fold_does_not_see_its_own_labels() -> None:
    """With labels that are noise, cross-fitted probabilities do not know them."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 30)), rng.integers(0, 2, 60)
    p = cross_fitted(x, y, 2, seed=1)
    assert p.shape == (60, 2)
    assert p.sum(1) == pytest.approx(np.ones(60))
    assert abs(float((p.argmax(1) == y).mean()) - 0.5) < 0.2
    few = cross_fitted(x[:3], np.array([0, 0, 1]), 3, seed=1)
    assert few.sum(1) == pytest.approx(np.ones(3))


def with_errors(folder: Path) -> tuple[Project, set[int]]:
    """A project of two clear groups with three wrong labels, and a model; the wrong rows."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 80)
    x = rng.normal(size=(80, 2)) * 0.3 + np.array([[-2.0, 0.0], [2.0, 0.0]])[y]
    project = Project(folder / "p.uwe", x, classes=("left", "right"))
    rows = project.ask(40).rows.tolist()
    wrong = set(rows[:3])
    told = [("left", "right")[y[row] ^ (row in wrong)] for row in rows]
    project.tell(rows, told, by="ann")
    project.train()
    return project, wrong


def test_labels_that_the_model_contradicts_come_first(tmp_path: Path) -> None:
    """Wrong labels of clear items are the doubts, and are proposed before clear new items."""
    project, wrong = with_errors(tmp_path)
    books = Books(project, lambda _: 1)
    training = books.board.training
    assert training is not None
    model = Model(project.files, training, project.task, 80)
    found = relabelling(Known.of(books.board), model, project.task, k=10, seed=1)
    assert {each.row for each in found.doubts} == wrong
    assert {each.row for each in found.first if each.label is not None} == wrong
    assert "4 of 5 folds" in found.how
    with pytest.raises(InputError, match="one class an item"):
        relabelling(Known.of(books.board), model, regression(), k=10, seed=1)


def test_a_rule_settles_what_it_decides(tmp_path: Path) -> None:
    """One event holds the majorities; equal votes stay conflicts; a second time nothing is left."""
    x = np.random.default_rng(0).normal(size=(10, 2))
    project = Project(tmp_path / "p.uwe", x, classes=BIRDS)
    for by, birds in (("ann", ["crow", "crow"]), ("bo", ["rook", "rook"]), ("cleo", ["rook"])):
        project.tell(list(range(len(birds))), birds, by=by)
    books = Books(project, lambda _: 1)
    done = settle_by_rule(books, "majority")
    assert (done.settled, done.left) == ((0,), (1,))
    assert project.events()[-1] == SettledEvent((0,), (1,), "majority")
    assert settle_by_rule(books, "majority").settled == ()
    assert project.labels() == {"0": "rook", "1": "crow"}
    project.withdraw([0], by="cleo")
    assert project.labels()["0"] == "crow"


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a command that succeeds prints."""

    def printed(*arguments: Any) -> str:
        code = main([str(each) for each in arguments])
        captured = capsys.readouterr()
        assert code == 0, captured.err
        return captured.out

    return printed


def birds(folder: Path) -> Path:
    """A project of a table, in which ann and bo differ about one item of three."""
    lines = ["id,a,b", *(f"b{at},{at},{at % 3}" for at in range(12))]
    (folder / "birds.csv").write_text("\n".join(lines) + "\n")
    classes = ",".join(BIRDS)
    project, source = folder / "p.uwe", folder / "birds.csv"
    assert main(["init", str(project), str(source), "--classes", classes]) == 0
    for by, labels in (("ann", "crow rook jay"), ("bo", "crow rook rook")):
        rows = [f"b{at},{label}" for at, label in enumerate(labels.split())]
        (folder / "told.csv").write_text("\n".join(["id,label", *rows]) + "\n")
        assert main(["tell", str(project), str(folder / "told.csv"), "--by", by]) == 0
    return project


def test_the_command_prints_and_writes(tmp_path: Path, said: Callable[..., str]) -> None:
    """Measures, conflicts and proposals are printed, and the file holds the conflicts."""
    project, file = birds(tmp_path), tmp_path / "conflicts.csv"
    out = said("agreement", project, "-o", file)
    assert "66.7 %" in out
    assert "ann and bo" in out
    assert "1 item has answers that differ" in out
    assert "proposed once a model is trained" in out
    [row] = csv.DictReader(file.read_text().splitlines())
    assert row == {
        "id": "b2", "what": "conflict", "answers": "ann: jay; bo: rook", "proposal": "jay",
        "why": "1 of 2 people, as often as another answer",
    }  # fmt: skip
    assert said("next", project, "-k", 2)
    out = said("agreement", project, "--settle", "majority")
    assert "0 conflicts settled by majority, 1 left to people" in out
    assert "items that need a label most" in out


def test_what_the_command_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong rule, file or number is one line, and nothing is written."""
    project = birds(tmp_path)
    before = (project / "journal.jsonl").read_bytes()
    for wrong, line in (
        (["--settle", "majorty"], "did you mean 'majority'"),
        (["--settle", "mean"], "mean is no rule for classification"),
        (["-o", "conflicts.txt"], "must end in .csv"),
        (["-o", str(tmp_path / "birds.csv"), "--force"], "would be lost"),
        (["-k", "0"], "at least 1"),
    ):
        assert main(["agreement", str(project), *wrong]) == 2
        assert line in capsys.readouterr().err
    assert main(["agreement", str(tmp_path / "none.uwe")]) == 2
    assert (project / "journal.jsonl").read_bytes() == before
