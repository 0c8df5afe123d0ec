"""Wishes as people mistake them: one clear line, or what was meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import uwe
from uwe.cli import main
from uwe.cli.wish_flags import quota_parts
from uwe.errors import InputError
from uwe.strategies import Quota

X = np.random.default_rng(0).normal(size=(12, 3))
PROBS = np.random.default_rng(1).dirichlet(np.ones(3), 12)
CITIES = ("Paris, France", 'the "Hague"', "a:b")


@pytest.fixture
def pool(tmp_path: Path) -> str:
    lines = ["id,x_0,x_1,place,empty,score"]
    for row in range(12):
        city = CITIES[row % 3].replace('"', '""')
        lines.append(f'"r, {row}",{row},{row % 5},"{city}",,{row}')
    (tmp_path / "pool.csv").write_text("\n".join(lines))
    return str(tmp_path / "pool.csv")


def said(capsys: pytest.CaptureFixture[str], code: int, pool: str, *more: str) -> list[str]:
    """The lines of standard error."""
    capsys.readouterr()
    assert main(["select", pool, "--key", "features=x", "-k", "3", *more]) == code
    return capsys.readouterr().err.strip().splitlines()


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"where": 5}, "where must be a mask .n. or a list of row numbers, not of shape"),
        ({"like": 0}, "like must be a mask"),
        ({"unlike": np.ones((12, 1), dtype=bool)}, r"unlike must be a mask .* \(12, 1\)"),
        ({"weight": "score"}, "weight is the text 'score'"),
        ({"quota": np.ones((12, 2))}, r"must be \[n\], one for each row, not of shape \(12, 2\)"),
    ],
)
def test_arrays_of_another_shape_are_named(wishes: dict[str, Any], told: str) -> None:
    """A number, a name or a matrix in the place of an array is one line."""
    with pytest.raises(InputError, match=told):
        uwe.select(X, 2, probs=PROBS, **wishes)


def test_excluding_every_row_does_not_blame_the_labels() -> None:
    """With labels of a few rows, the error is about the excluded ones."""
    labels = [0, 1, *[None] * 10]
    with pytest.raises(InputError, match="only 0 of the 12 are unlabelled and not excluded"):
        uwe.select(X, 2, probs=PROBS, labels=labels, exclude=np.arange(12))


def test_a_group_without_a_value_anywhere_is_said() -> None:
    """The sentence names the column, also one with an odd name."""
    with pytest.raises(InputError, match="quota over my camera gives no pick"):
        uwe.select(X, 2, probs=PROBS, quota=Quota([None] * 12, name="my camera"))


def test_one_row_is_one_row() -> None:
    """Sentences about a single row are in the singular."""
    with pytest.raises(InputError, match="where leaves 0 of 12 unlabelled rows, and 1 is to be"):
        uwe.select(X, 1, where=[])
    with pytest.raises(InputError, match="but only 1 was found that is at least 100 apart"):
        uwe.select(X, 2, min_distance=100)
    picks = uwe.select(X, 2, weight=np.arange(12))
    assert "1 row weighs nothing and is not picked" in picks.notes


def test_too_many_examples_of_unlike_are_named() -> None:
    """The advice is about the wish that was given."""
    with pytest.raises(InputError, match="name fewer examples of unlike or ask for at most 1"):
        uwe.select(X, 2, unlike=np.arange(11))


def test_what_a_weight_did_is_said_by_the_part_that_picked() -> None:
    """Not by those that could have; and not at all where all rows are drawn uniformly."""
    coverage = "each row's part of the coverage is multiplied by its weight"
    drawn = "rows are drawn in proportion to their weights"
    weight = np.arange(12) + 1.0
    assert coverage in uwe.select(X, 2, weight=weight).notes
    mixed = uwe.strategies.mix({"maxherding": 0.5, "random": 0.5})
    assert {coverage, drawn} <= set(uwe.select(X, 2, strategy=mixed, weight=weight).notes)
    assert not {coverage, drawn} & set(uwe.select(X, 2, weight=weight, random_share=1).notes)


def test_weights_hold_after_a_pick_was_dropped() -> None:
    """A strategy that is asked again keeps its weights: 9 and 5 outweigh their neighbours."""
    x = np.arange(10.0)[:, None]
    weight = np.array([1, 1, 1, 1, 1, 8, 1, 1, 1, 9])
    probs = np.full((10, 2), 0.5)
    picks = uwe.select(x, 2, probs=probs, strategy="margin", weight=weight, min_distance=4)
    assert list(picks) == [9, 5]


def test_values_with_commas_stand_in_double_quotes(
    pool: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A share is named as it stands in the table, with commas, quotes and colons."""
    shares = 'place="Paris, France":1, "the ""Hague""":1,a:b:1'
    told = said(capsys, 0, pool, "--quota", shares)
    assert told == ['quota over place: Paris, France 1, a:b 1, the "Hague" 1']
    assert quota_parts('c="a, b":2,c:1')[1] == {"a, b": 2.0, "c": 1.0}
    assert quota_parts('c="a:2')[1] == {'"a': 2.0}
    for wrong in (
        "place=Paris, France:1",
        'place="a"1',
        'place="a":1,',
        'place="a":',
        'place="":1',
    ):
        assert "is no share" in said(capsys, 2, pool, "--quota", wrong)[-1]


def test_an_id_with_a_comma_has_its_advice(pool: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Ids are separated by commas; those that hold one stand in a file."""
    assert (
        "ids with a comma, are given by --like @FILE" in said(capsys, 2, pool, "--like", "r, 3")[-1]
    )
    ids = Path(pool).parent / "ids.txt"
    ids.write_text("r, 3\n")
    assert said(capsys, 0, pool, "--like", f"@{ids}")[0].startswith("similarity to 1 example")


def test_a_column_without_a_value_is_of_no_kind(
    pool: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in Parquet and JSON lines: it meets no comparison, and is no weight."""
    told = said(capsys, 2, pool, "--where", "empty > 1")
    assert told[0] == "--where keeps 0 of 12 rows; 12 rows have no value in 'empty'"
    assert said(capsys, 0, pool, "--where", "empty is null")[0] == "--where keeps 12 of 12 rows"
    assert "column 'empty' holds no value" in said(capsys, 2, pool, "--weight", "empty")[-1]


def test_a_wish_that_no_model_can_meet_is_refused_before_the_training(tmp_path: Path) -> None:
    """No model is trained for a condition that leaves too few rows, or for a small group."""
    project = uwe.Project(str(tmp_path / "p"), X, "sklearn:logistic", classes=["a", "b"])
    project.tell([0, 1, 2, 3], ["a", "b", "a", "b"])
    small = Quota(["u"] * 11 + ["v"], {"u": 1, "v": 3})
    for wishes in (
        uwe.Wishes(where=[4, 5], min_distance=0.1),
        uwe.Wishes(weight=np.eye(12)[5], like=[0]),
        uwe.Wishes(quota=small),
    ):
        with pytest.raises(InputError, match=r"to be picked|of it may be picked"):
            project.ask(4, wishes=wishes)
    events = (tmp_path / "p" / "journal.jsonl").read_text().splitlines()
    assert not any(json.loads(line).get("event") == "trained" for line in events)
    assert (
        len(project.ask(2, wishes=uwe.Wishes(where=[4, 5], quota=Quota("predicted", "pool")))) == 2
    )


def test_a_weighted_strategy_keeps_away_from_drawn_rows() -> None:
    """Of rows on a line, equally uncertain, the pick is the end farther from the drawn row."""
    x, weight = np.arange(11.0)[:, None], np.where(np.arange(11) == 5, 0.5, 1.0)
    for seed in range(10):
        picks = uwe.select(
            x,
            2,
            probs=np.full((11, 2), 0.5),
            strategy="uwe",
            weight=weight,
            random_share=0.5,
            seed=seed,
        )
        (drawn,), (other,) = picks.rows[picks.drawn], picks.rows[~picks.drawn]
        assert abs(other - drawn) == max(drawn, 10 - drawn)


def test_wishes_are_not_ignored_while_a_batch_is_open(tmp_path: Path) -> None:
    """Its open rows were picked without them; and a mapping is no `Wishes`."""
    project = uwe.Project(str(tmp_path / "p"), X, "sklearn:logistic", classes=["a", "b"])
    first = project.ask(2)
    with pytest.raises(
        InputError, match=r"2 rows of earlier batches have no label yet; .* more=True"
    ):
        project.ask(2, wishes=uwe.Wishes(where=[1, 2]))
    assert list(project.ask(2, wishes=uwe.Wishes())) == list(first)
    further = np.setdiff1d(np.arange(12), first.rows)[:2]
    again = project.ask(2, more=True, wishes=uwe.Wishes(where=further))
    assert sorted(again) == further.tolist()
    wrong: Any = {"where": [1]}
    with pytest.raises(InputError, match=r"wishes must be uwe.Wishes\(...\), not .* dict"):
        project.ask(2, more=True, wishes=wrong)


def test_predicted_classes_have_the_names_of_the_estimator() -> None:
    """A quota over them is told, and asked for, by these names."""
    labels = np.array(["bee", "ant", "bee", "ant"])
    model = LogisticRegression().fit(X[:4], labels)
    predicted = model.predict(X)
    quota = Quota("predicted", {"bee": 2, "ant": 1})
    picks = uwe.query(model, X, 3, labelled=range(4), quota=quota)
    assert sorted(predicted[picks]) == ["ant", "bee", "bee"]
    assert "quota over class: ant 1, bee 2" in picks.notes
    numbers = LogisticRegression().fit(X[:4], [7, 3, 7, 3])
    picks = uwe.query(numbers, X, 2, labelled=range(4), quota=Quota("predicted", {7: 1}))
    assert (numbers.predict(X)[picks] == 7).all()


def test_an_estimator_of_negative_classes_is_told_from_a_row() -> None:
    """The number -1 is no label, so labels of such classes are names."""
    model = LogisticRegression().fit(X[:4], [-1, 1, -1, 1])
    with pytest.raises(InputError, match=r"labels: the estimator was fitted on class -1; .* names"):
        uwe.query(model, X, 2, labels=[-1, 1, -1, 1, *[None] * 8])
