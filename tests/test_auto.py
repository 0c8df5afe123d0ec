"""``auto``: which strategy picks for what is known, and why it says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import uwe
from uwe.cli import main
from uwe.errors import InputError
from uwe.journal import Queried
from uwe.points import as_points
from uwe.pool import Pool
from uwe.project import Project
from uwe.selecting.sheet import contact_sheet
from uwe.selecting.tables import pick_rows
from uwe.strategies import Question, find_strategy
from uwe.strategies.agreement import Agreement, agreement_of, labels_of, nearest_others
from uwe.testing import StrategyContract

RNG = np.random.default_rng(0)
CLASSES = RNG.integers(0, 4, 200)
APART = RNG.normal(size=(200, 8)) + 6 * np.eye(4)[CLASSES].repeat(2, axis=1)
MIXED = RNG.normal(size=(200, 8))
PROBS = RNG.dirichlet(np.ones(4), 200)


def some(known: int) -> list[int | None]:
    """The labels of the first rows."""
    return [int(number) if row < known else None for row, number in enumerate(CLASSES)]


class TestAuto(StrategyContract):
    """The contract of every strategy."""

    strategy = "auto"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"probs": PROBS, "labels": some(40)},
         "10 labels a class, 40 of 40 labelled rows agree with their nearest labelled neighbour: "
         "uherding"),
        ({"labels": some(40)},
         "no predictions, 10 labels a class, 40 of 40 labelled rows agree with their nearest "
         "labelled neighbour: maxherding"),
        ({"probs": PROBS, "labelled": range(6)},
         "1.5 labels a class, the labels are not known: maxherding"),
        ({"probs": PROBS, "labelled": range(128)},
         "32 labels a class, the labels are not known: uherding"),
        ({"probs": PROBS}, "0 labels a class, nothing is labelled: maxherding"),
        ({}, "no predictions, nothing is labelled: maxherding"),
        ({"std": np.ones(200)}, "regression: uherding"),
        ({"mean": np.ones(200)}, "regression, no variance: maxherding"),
        ({"mean": np.ones(200), "uncertainty": RNG.random(200)}, "regression: uherding"),
        ({"probs": PROBS, "task": "multilabel"}, "multilabel: uherding"),
    ],
)  # fmt: skip
def test_what_is_known_decides(given: dict[str, Any], reason: str) -> None:
    """The strategy that picks, and the reason, follow from what is given."""
    assert uwe.select(APART, 5, **given).reason == reason


def test_the_strategy_that_is_chosen_picks() -> None:
    """The picks are those of the strategy that the facts name, and its facts are kept."""
    for known in ({"probs": PROBS, "labels": some(40)}, {"labels": some(9)}):
        picks = uwe.select(APART, 7, **known)
        alone = uwe.select(APART, 7, strategy=picks.facts["chosen"], **known)
        assert picks.rows.tolist() == alone.rows.tolist()
        assert picks.facts["radius"] == alone.facts["radius"]
        assert picks.strategy == "auto"


def test_the_contact_sheet_says_which_strategy_picked() -> None:
    """The reason stands in the head of the page."""
    picks = uwe.select(APART, 2, probs=PROBS, labels=some(40))
    page = contact_sheet(pick_rows(picks, [str(row) for row in range(200)]), picks)
    assert f"Why: {picks.reason}. Uncertainty: margin." in page


def test_features_that_do_not_know_the_classes_are_noticed() -> None:
    """Rows are drawn where labelled rows agree with their neighbours as chance would have it."""
    picks = uwe.select(MIXED, 5, probs=PROBS, labels=some(60))
    assert picks.facts["chosen"] == "random"
    assert picks.reason.endswith("would by chance: random")
    assert uwe.select(MIXED, 5, probs=PROBS, labels=some(60), odds=1.0).facts["chosen"] != "random"


@pytest.mark.parametrize(
    ("known", "reason"),
    [(1, "a single label is known"), (12, "all 12 known labels are of one class")],
)
def test_labels_of_one_class_say_nothing_of_the_features(known: int, reason: str) -> None:
    """Neighbours that cannot differ are no evidence, so the weights are not trusted yet."""
    labels = [0 if row < known else None for row in range(200)]
    picks = uwe.select(APART, 5, probs=PROBS, labels=labels)
    assert picks.reason.endswith(f"a class, {reason}: maxherding")


def test_without_features_the_margin_ranks() -> None:
    """Probabilities alone are enough; nothing at all is refused."""
    picks = uwe.select(None, 5, probs=PROBS)
    assert picks.reason == "no features: margin"
    assert picks.rows.tolist() == uwe.select(None, 5, probs=PROBS, strategy="margin").rows.tolist()
    with pytest.raises(InputError, match="strategy auto needs features or predictions"):
        uwe.select(None, 3, labelled=np.zeros(9, bool))


def test_an_uncertainty_that_is_given_always_weighs() -> None:
    """Also with few labels: nothing that is given is ignored."""
    own = RNG.random(200)
    picks = uwe.select(APART, 6, uncertainty=own, labelled=[1, 2, 3])
    alone = uwe.select(APART, 6, uncertainty=own, labelled=[1, 2, 3], strategy="uherding")
    assert picks.rows.tolist() == alone.rows.tolist()
    assert picks.measure == "uncertainty"
    named = uwe.select(APART, 6, probs=PROBS, uncertainty="entropy", labelled=[1])
    assert (named.facts["chosen"], named.measure) == ("uherding", "entropy")


def test_an_option_of_its_own_moves_the_border() -> None:
    """``many`` labels a class make uncertainty weigh, also where neighbours disagree."""
    given = {"probs": PROBS, "labelled": range(8)}
    assert uwe.select(APART, 3, **given, many=2).facts["chosen"] == "uherding"
    assert uwe.select(APART, 3, **given, many=3).facts["chosen"] == "maxherding"
    for wrong in ({"many": 0}, {"many": 1.5}, {"odds": 0.5}, {"odds": "three"}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            find_strategy("auto", **wrong)


def test_the_share_of_agreeing_rows_by_hand() -> None:
    """On unit length: rows 0 and 1 are nearest to each other, 2 and 3 too; 4 agrees with nobody."""
    x = np.array([[1.0, 0.0], [5.0, 1.0], [0.0, 2.0], [1.0, 9.0], [-1.0, 0.0], [7.0, 7.0]])
    question = asked(x, {0: 0, 1: 0, 2: 1, 3: 2, 4: 1})
    found = agreement_of(question)
    assert (found.agreeing, found.judged) == (3, 5)
    assert found.chance == pytest.approx((2 * 1 + 2 * 1) / (5 * 4))
    assert found.share == 3 / 5


def test_rows_without_a_known_label_are_left_out() -> None:
    """A label None is not known, and of a mask alone nothing is."""
    x = np.eye(4)
    assert labels_of(asked(x, {0: 1, 2: None, 3: 0}))[0].tolist() == [0, 3]
    assert agreement_of(asked(x, {0: None})) == Agreement(0, 0, 0.0)
    pool = Pool.untouched(4).answer_unasked([1, 2], [0, 0])
    unknown = Question(predictions(x), pool, seed=1, has_labels=False)
    assert labels_of(unknown)[1] == []


def test_the_doubt_by_hand() -> None:
    """P(B <= 1) of three rows that agree with probability q = 2·(1/3) / (2/3 + 2·(1/3)) = 1/2."""
    assert Agreement(1, 3, 1 / 3).below(2.0) == pytest.approx(0.5)
    assert Agreement(0, 3, 1 / 3).below(2.0) == pytest.approx(1 / 8)
    assert Agreement(3, 3, 1.0).below(2.0) == 1.0  # one class alone tells nothing
    assert Agreement(0, 3, 0.0).below(2.0) == 1.0  # no class has two rows
    assert Agreement(0, 0, 0.0).below(2.0) == 1.0


@given(
    arrays.arrays(
        np.float32, st.tuples(st.integers(2, 30), st.integers(1, 4)), elements=st.integers(-2, 2)
    )
)
@settings(deadline=None, max_examples=60)
def test_the_nearest_other_row_is_exact(x: np.ndarray) -> None:
    """As the obvious way has it, on grids with ties and repeated rows; of equals, the lower."""
    apart = ((x[:, None].astype(float) - x) ** 2).sum(2)
    np.fill_diagonal(apart, np.inf)
    assert nearest_others(as_points(x)).tolist() == apart.argmin(1).tolist()


def test_near_ties_beyond_float32_are_told_apart() -> None:
    """A neighbour that is nearer by one part in 10^12 is nearer, also with a higher number."""
    x = np.array([[0.0], [-1.0 - 1e-12], [1.0], [50.0]])
    assert nearest_others(as_points(x)).tolist()[0] == 2
    assert nearest_others(as_points(x * np.array([-1.0]))).tolist()[0] == 2


def test_many_labelled_rows_are_compared_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a number some are drawn, always the same for a seed."""
    monkeypatch.setattr("uwe.strategies.agreement._MOST", 20)
    question = asked(APART, dict(enumerate(CLASSES.tolist())))
    found = agreement_of(question)
    assert found.judged == 20
    assert agreement_of(question) == found


def test_what_picks_say(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The reason stands in the repr, in a notebook's table, and in the last line of the command."""
    picks = uwe.select(APART, 5, probs=PROBS, labels=some(40))
    assert repr(picks).endswith("; " + picks.reason + ")")
    assert picks.reason in picks._repr_html_()
    assert picks.told.startswith(picks.reason + ", radius ")
    labels = np.array([-1 if of is None else of for of in some(40)])
    np.savez(tmp_path / "pool.npz", features=APART, probs=PROBS, labels=labels)
    assert (
        main(["select", str(tmp_path / "pool.npz"), "-k", "5", "-o", str(tmp_path / "p.csv")]) == 0
    )
    assert f"5 rows by auto ({picks.reason})." in capsys.readouterr().out


def test_a_project_begins_with_auto_and_records_why(tmp_path: Path) -> None:
    """The settings name auto, and the journal has the choice; what was recorded before stays."""
    project = Project(tmp_path / "p", APART, classes=["a", "b", "c", "d"])
    assert project.settings.strategy == "auto"
    project.tell(project.ask(12), ["abcd"[CLASSES[row]] for row in project.ask(12)])
    project.train()
    picks = project.ask(3)
    [*_, query] = [event for event in project.events() if isinstance(event, Queried)]
    assert json.loads(json.dumps(query.facts["choice"]))["chosen"] == picks.facts["chosen"]
    assert "labels a class" in query.facts["choice"]["reason"]
    Project(tmp_path / "q", APART, classes=["a", "b"], strategy="uwe",
            options={"selection": "k_means_pp"})  # fmt: skip
    again = Project(tmp_path / "q", APART, classes=["a", "b"])
    assert (again.settings.strategy, again.settings.options) == ("uwe", {"selection": "k_means_pp"})


def predictions(x: np.ndarray) -> uwe.Predictions:
    """Features alone."""
    import torch

    return uwe.Predictions(features=torch.from_numpy(x))


def asked(x: np.ndarray, labels: dict[int, Any]) -> Question:
    """A question about rows with labels."""
    pool = Pool.untouched(len(x)).answer_unasked(list(labels), list(labels.values()))
    return Question(predictions(x), pool, seed=1)
