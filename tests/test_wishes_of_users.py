"""Wishes through the doors of users: `uwe.select`, `uwe.query`, `Project.ask`, tables of picks."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import uwe
from uwe.errors import InputError
from uwe.journal import Queried
from uwe.selecting.tables import pick_rows
from uwe.strategies import random

X = np.random.default_rng(0).normal(size=(60, 3))
PROBS = np.random.default_rng(1).dirichlet([1, 1, 1], 60)


def test_select_takes_each_wish_as_a_keyword() -> None:
    """Allowed rows, a distance, a quota, a weight, examples and a share, all at once."""
    groups = np.array(["north", "south"] * 30)
    picks = uwe.select(
        X, 6, probs=PROBS, labelled=[0, 1], where=np.arange(60) < 50, min_distance=0.3,
        quota=groups, weight=np.arange(60) % 7, like=[2], unlike=[3], random_share=1 / 3, seed=4,
    )  # fmt: skip
    assert (picks.rows < 50).all()
    assert (picks.rows % 7 > 0).all()
    assert picks.distance is not None
    assert (picks.distance >= 0.3).all()
    assert sorted(groups[picks.rows]) == ["north"] * 3 + ["south"] * 3
    assert picks.drawn is not None
    assert picks.drawn.sum() == 2
    assert "2 of 6 picks are drawn at random" in picks.notes


def test_select_with_other_shares_and_predicted_classes() -> None:
    """`uwe.Quota` says the shares; the predicted class may be the group."""
    predicted = PROBS.argmax(1)
    shares = uwe.Quota("predicted", {"0": 2, "2": 1})
    rows = uwe.select(None, 6, probs=PROBS, strategy="entropy", quota=shares).rows
    assert np.bincount(predicted[rows], minlength=3).tolist() == [4, 0, 2]
    even = uwe.select(None, 6, probs=PROBS, strategy="entropy", quota="predicted").rows
    assert np.bincount(predicted[even], minlength=3).tolist() == [2, 2, 2]


def test_what_pandas_hands_over_is_put_in_order() -> None:
    """A mask, labels of the index, weights and groups with the index of the frame."""
    names = [f"r{row}" for row in range(60)]
    frame = pd.DataFrame(X, index=names)
    mask = pd.Series(np.arange(60) < 30, index=names)
    plain = uwe.select(X, 5, probs=PROBS, where=np.arange(60) < 30, like=[4, 7])
    placed = uwe.select(frame, 5, probs=PROBS, where=mask[::-1], like=["r7", "r4"])
    assert placed.rows.tolist() == plain.rows.tolist()
    weight = pd.Series(np.arange(60), index=names)
    assert len(uwe.select(frame, 5, probs=PROBS, weight=weight, quota=weight % 2)) == 5
    with pytest.raises(InputError, match="have different indices"):
        uwe.select(frame, 5, probs=PROBS, weight=weight[::-1])


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"min_distance": 1.0}, "min_distance needs features, and there are none"),
        ({"like": [1]}, "like needs features, and there are none"),
        ({"min_distance": -1}, "min_distance must be a finite number of at least 0, not -1"),
        ({"min_distance": "far"}, "min_distance must be a finite number of at least 0, not 'far'"),
        ({"random_share": 1.5}, "random_share must be a number from 0 to 1, not 1.5"),
        ({"random_share": True}, "random_share must be a number from 0 to 1, not True"),
        ({"weight": [-1.0] * 60}, "weight: row 0 holds -1; give finite numbers of at least 0"),
        ({"weight": [np.nan] * 60}, "weight: row 0 holds nan"),
        ({"weight": np.ones((60, 2))}, "weight must be one number for each row"),
        ({"where": [0.5]}, "where must be a mask of booleans or row numbers, not floating"),
        ({"where": [3, 3]}, "where names row 3 twice"),
        ({"quota": uwe.Quota(["a"] * 59)}, "a group for 59 rows, but the pool has 60 rows"),
    ],
)
def test_a_wish_that_says_nothing_sensible_is_refused(wishes: dict[str, Any], told: str) -> None:
    """One line with the value, before anything is picked."""
    with pytest.raises(InputError, match=told) as error:
        uwe.select(None, 3, probs=PROBS, strategy="entropy", **wishes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ("even", "must be 'uniform', 'pool' or a share by group"),
        ({"a": -1}, "share of group 'a' must be a number of at least 0"),
        ({"a": 0}, "no share of the quota over group is above 0"),
        ({1: 1, "1": 2}, "'1' is named twice"),
        ({None: 1}, "is empty"),
    ],
)
def test_shares_of_a_quota_are_checked(shares: Any, told: str) -> None:
    """When the quota is made."""
    with pytest.raises(InputError, match=told):
        uwe.Quota(["a"], shares)


@pytest.mark.parametrize("groups", [3, {"a": 1}, {"a"}, "camera"])
def test_groups_that_are_no_list_are_refused(groups: Any) -> None:
    """A mapping of shares in the place of the groups, above all."""
    with pytest.raises(InputError, match="groups of a quota must be"):
        uwe.select(X, 3, probs=PROBS, quota=groups)


def test_a_group_that_is_mistyped_is_named() -> None:
    """With the group that may have been meant."""
    quota = uwe.Quota(["north", "south"] * 30, {"nort": 1})
    with pytest.raises(InputError, match="no row of the pool has; did you mean 'north'"):
        uwe.select(X, 3, probs=PROBS, quota=quota)


def test_auto_hands_weights_on() -> None:
    """Without labels it lets maxherding pick, whose coverage is weighted."""
    wishes: dict[str, Any] = {"weight": np.where(np.arange(60) >= 50, 50.0, 1.0)}
    picks = uwe.select(X, 4, probs=PROBS, strategy="auto", **wishes)
    covering = uwe.select(X, 4, probs=PROBS, strategy="maxherding", **wishes)
    assert picks.rows.tolist() == covering.rows.tolist()
    assert picks.rows.tolist() != uwe.select(X, 4, probs=PROBS, strategy="auto").rows.tolist()
    assert "each row's part of the coverage is multiplied by its weight" in picks.notes


def test_groups_of_regression_are_no_predicted_classes() -> None:
    """A number has no class that could be balanced."""
    with pytest.raises(InputError, match="quota needs predicted classes, and there are none"):
        uwe.select(X, 3, std=np.ones(60), quota="predicted")


def test_query_takes_wishes() -> None:
    """Features that only a wish needs are taken from the estimator's rows."""
    fitted = LogisticRegression().fit(X, X[:, 0] > 0)
    picks = uwe.query(
        fitted, X, 5, strategy="random", min_distance=1.5, where=range(40), quota="predicted",
        random_share=0.2,
    )  # fmt: skip
    assert (picks.rows < 40).all()
    assert picks.distance is not None
    assert (picks.distance >= 1.5).all()
    assert abs(2 * (X[picks.rows, 0] > 0).sum() - 5) <= 1


def test_a_table_of_picks_says_how_each_came_about() -> None:
    """The column is empty where nothing was to be drawn."""
    picks = uwe.select(X, 4, probs=PROBS, random_share=0.5)
    ids = [f"r{row}" for row in range(60)]
    assert [row["how"] for row in pick_rows(picks, ids)] == picks.how
    assert picks.how == ["strategy", "random", "strategy", "random"]
    assert picks.to_frame(ids)["how"].tolist() == picks.how
    plain = uwe.select(X, 4, probs=PROBS)
    assert [row["how"] for row in pick_rows(plain, ids)] == [None] * 4


@pytest.fixture
def project(tmp_path: Path) -> uwe.Project:
    return uwe.Project(
        tmp_path / "mine.uwe", X, "sklearn:logistic", classes=["left", "right"], audit=0
    )


def answer(project: uwe.Project, picks: uwe.Picks) -> None:
    project.tell(picks, ["right" if X[row, 0] > 0 else "left" for row in picks])


def test_a_project_without_a_model_keeps_to_wishes_that_need_none(project: uwe.Project) -> None:
    """Allowed rows, a quota over a column, a weight and a share; the draw is by weight."""
    groups = np.array(["a", "b"] * 30)
    wishes = uwe.Wishes(
        where=range(20), quota=uwe.Quota(groups), weight=np.arange(60), random_share=0.5
    )
    picks = project.ask(4, wishes=wishes)
    assert (picks.rows < 20).all()
    assert sorted(groups[picks.rows]) == ["a", "a", "b", "b"]
    [event] = [each for each in project.events() if isinstance(each, Queried)]
    assert picks.drawn is not None
    assert event.facts["drawn"] == picks.rows[picks.drawn].tolist()
    assert event.facts["wishes"]["random_share"] == 0.5


@pytest.mark.parametrize("wishes", [{"min_distance": 1.0}, {"like": [0]}, {"unlike": [0]}])
def test_a_project_without_a_model_refuses_wishes_that_need_features(
    project: uwe.Project, wishes: dict[str, Any]
) -> None:
    """One line, and nothing is given out."""
    with pytest.raises(InputError, match="needs features, and there are none: no model of the pro"):
        project.ask(3, wishes=uwe.Wishes(**wishes))
    assert project.state().outstanding == 0
    assert not list(project.files.picks(1).parent.glob("*"))


def test_the_first_rows_of_a_project_are_those_of_before(project: uwe.Project) -> None:
    """Without wishes, and with wishes that rule nothing out, the same rows are drawn."""
    rows = project.ask(5).rows.tolist()
    again = uwe.Project(
        project.files.folder.parent / "other.uwe",
        X,
        "sklearn:logistic",
        classes=["left", "right"],
        audit=0,
    )
    assert again.ask(5, wishes=uwe.Wishes(where=range(60))).rows.tolist() == rows


def test_a_project_with_a_model_keeps_to_every_wish(project: uwe.Project) -> None:
    """The distance holds from labelled rows and from rows that are given out."""
    answer(project, project.ask(6))
    known = project.pool().labelled
    open_ = project.ask(4, wishes=uwe.Wishes(min_distance=0.5))
    more = project.ask(4, more=True, wishes=uwe.Wishes(min_distance=0.5, random_share=0.25))
    every = np.concatenate([known, open_.rows, more.rows])
    for at in range(len(known), len(every)):
        assert np.linalg.norm(X[every[at]] - X[every[:at]], axis=1).min() >= 0.5
    again = project.ask(9)
    assert again.rows.tolist() == [*open_.rows.tolist(), *more.rows.tolist()]
    assert again.how is not None
    assert again.how[4:] == more.how


def test_a_project_says_how_its_picks_came_about(project: uwe.Project) -> None:
    """The table of a batch has the column, filled where rows were drawn."""
    batch = project.batch(4, wishes=uwe.Wishes(random_share=0.5))
    with batch.files[0].open(encoding="utf-8") as file:
        told = [row["how"] for row in csv.DictReader(file)]
    assert told == ["strategy", "random", "strategy", "random"]


def test_a_wished_strategy_is_a_strategy() -> None:
    """It is taken wherever a strategy is, also as a part of another one."""
    part = uwe.strategies.wished(random(), uwe.Wishes(where=range(10)))
    picks = uwe.select(X, 6, probs=PROBS, strategy=uwe.strategies.mix({"entropy": 0.5, part: 0.5}))
    assert (picks.rows[3:] < 10).all()


def test_an_uncertainty_of_ones_own_is_not_listed_among_options() -> None:
    """A pool of a million rows must not become a million options."""
    made = uwe.strategies.ranked(uwe.strategies.Given(np.zeros(10**6)))
    assert made.options["measure"] == {"kind": "given", "rows": 10**6}
