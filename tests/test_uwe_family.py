"""The family of `uwe`: lengths, ranks, powers, temperatures and anchors, each worked by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import uwe
from uwe import Predictions
from uwe.cli import main
from uwe.embedding import normalised, weighted
from uwe.errors import InputError
from uwe.pool import Pool
from uwe.strategies import Question, find_strategy, shared_options, strategy_options, weighed_by
from uwe.strategies._compose import Given
from uwe.tasks import classification, regression
from uwe.testing import check_strategy

MEMBERS: list[dict[str, Any]] = [
    {"normalise": "unit", "uncertainty": "margin", "selection": "k_means_pp_anchored"},
    {"normalise": "standard", "weighting": "rank", "selection": "k_center_anchored"},
    {"normalise": "unit", "weighting": "rank", "power": 3, "temperature": 2.0},
    {"power": 0.0, "selection": "k_means_pp_anchored", "temperature": 0.1},
]


@pytest.mark.parametrize("options", MEMBERS)
def test_members_keep_the_contract(options: dict[str, Any]) -> None:
    """Every option is one more strategy, so each member answers like one."""
    check_strategy("uwe", **options)


def doubts(*values: float) -> Given:
    return Given(torch.tensor(values, dtype=torch.float64))


def embedded(x: list[list[float]], doubt: Given, **options: Any) -> np.ndarray[Any, Any]:
    """The points of all rows, multiplied out."""
    predictions = Predictions(features=torch.tensor(x))
    points: Any = weighted(doubt, **options)(predictions, np.arange(len(x)))
    return np.asarray(points.x)


def test_unit_rows_are_weighted_after_they_are_divided() -> None:
    """Rows (3, 4) and (0, 10) become (0.6, 0.8) and (0, 1); the weights are 1 and 0."""
    found = embedded([[3.0, 4.0], [0.0, 10.0]], doubts(2, 1), of=normalised("unit"))
    assert np.allclose(found, [[0.6, 0.8], [0.0, 0.0]])


def test_standard_columns_are_weighted_after_they_are_scaled() -> None:
    """Columns of mean 0 and deviation 1, then weights 1, 0 and 0.5."""
    x = [[0.0, 10.0], [2.0, 30.0], [1.0, 20.0]]
    found = embedded(x, doubts(5, 3, 4), of=normalised("standard"))
    assert np.allclose(found, [[-math.sqrt(1.5), -math.sqrt(1.5)], [0, 0], [0, 0]])


def test_a_rank_is_the_share_that_is_less_uncertain() -> None:
    """Of 1, 9, 2 and 2 none, three, one and one are less: weights 0, 1, 1/3 and 1/3."""
    found = embedded([[1.0]] * 4, doubts(1, 9, 2, 2), weighting="rank")
    assert np.allclose(found[:, 0], [0, 1, 1 / 3, 1 / 3])


def test_ranks_are_taken_among_the_candidates() -> None:
    """Candidates have 1, 2 and 3; a labelled row above all weighs 1, one below all weighs 0."""
    predictions = Predictions(features=torch.ones(5, 1))
    points: Any = weighted(doubts(1, 2, 3, 8, 0), weighting="rank")(predictions, np.arange(3))
    assert points.x[:, 0].tolist() == [0, 0.5, 1, 1, 0]


@pytest.mark.parametrize("weighting", ["scaled", "rank"])
def test_equal_uncertainties_weigh_one(weighting: str) -> None:
    """Where nothing is more uncertain than anything else, the rows stay as they are."""
    assert embedded([[2.0], [3.0]], doubts(4, 4), weighting=weighting)[:, 0].tolist() == [2, 3]


def test_a_power_is_taken_of_the_weight() -> None:
    """Weights 0, 0.5 and 1 become 0, 0.25 and 1 by power 2, and all 1 by power 0."""
    assert embedded([[1.0]] * 3, doubts(0, 1, 2), power=2)[:, 0].tolist() == [0, 0.25, 1]
    assert embedded([[1.0]] * 3, doubts(0, 1, 2), power=0)[:, 0].tolist() == [1, 1, 1]


def test_ranks_depend_on_the_order_of_the_uncertainties_alone() -> None:
    """Their logarithms give the same picks."""
    rng = np.random.default_rng(0)
    x, doubt = rng.normal(size=(60, 4)), rng.random(60)
    options = {"strategy": "uwe", "weighting": "rank", "selection": "k_means_pp"}
    one = uwe.select(x, 9, uncertainty=doubt, **options)
    other = uwe.select(x, 9, uncertainty=np.log(doubt), **options)
    assert list(one) == list(other)


def test_a_temperature_divides_the_logits() -> None:
    """Temperature 2 picks what the halved logits pick."""
    rng = np.random.default_rng(1)
    x, logits = rng.normal(size=(50, 3)), 9 * rng.normal(size=(50, 4))
    warm = uwe.select(x, 8, logits=logits, strategy="uwe", temperature=2.0)
    halved = uwe.select(x, 8, logits=logits / 2, strategy="uwe")
    assert list(warm) == list(halved)
    assert list(warm) != list(uwe.select(x, 8, logits=logits, strategy="uwe"))


def test_anchors_keep_d2_sampling_away_from_labelled_rows() -> None:
    """A row where a labelled one is has probability 0, so the other place is drawn, every time."""
    x = torch.tensor([[1.0], [1.0], [1.0], [-1.0]])
    predictions = Predictions(torch.zeros(4, 2), x)
    pool = Pool.untouched(4).ask(np.array([0]), cycle=0).answer(np.array([0]), np.array([1]))
    made = find_strategy("uwe", selection="k_means_pp_anchored")
    assert {made.query(Question(predictions, pool, seed), 1).rows[0] for seed in range(9)} == {3}


def test_coreset_compares_directions_where_rows_have_length_one() -> None:
    """From (1, 0) the row (9, 0) is farthest, and (0, 0.5) once lengths are one."""
    x = np.array([[1.0, 0.0], [9.0, 0.0], [0.0, 0.5]])
    options = {"labelled": [0], "strategy": "coreset"}
    assert uwe.select(x, 1, **options).rows.tolist() == [1]
    assert uwe.select(x, 1, normalise="unit", **options).rows.tolist() == [2]
    assert find_strategy("coreset").options == find_strategy("coreset", normalise="none").options
    assert find_strategy("coreset").options == {}


def test_a_temperature_without_logits_is_refused() -> None:
    """Numbers and uncertainties of one's own have no logits to divide."""
    with pytest.raises(InputError, match=r"uwe does not serve regression: temperature 2 divides"):
        find_strategy("uwe", temperature=2.0).for_task(regression())
    with pytest.raises(InputError, match="temperature 2 divides logits, and an uncertainty of you"):
        uwe.select(np.eye(3), 1, uncertainty=[1, 2, 3], strategy="uwe", temperature=2.0)
    with pytest.raises(InputError, match="leave temperature out"):
        weighed_by(find_strategy("uwe", temperature=2.0), doubts(1))


def test_an_uncertainty_of_ones_own_keeps_the_other_options() -> None:
    """A member that is given as a value weighs by the owner's numbers in its own way."""
    rng = np.random.default_rng(2)
    x, doubt = rng.normal(size=(40, 3)), rng.random(40)
    member = uwe.strategies.uwe(power=4.0, normalise="unit", weighting="rank")
    by_value = uwe.select(x, 6, uncertainty=doubt, strategy=member)
    by_name = uwe.select(x, 6, uncertainty=doubt, strategy="uwe", power=4.0, normalise="unit",
                         weighting="rank")  # fmt: skip
    plain = uwe.select(x, 6, uncertainty=doubt, strategy="uwe")
    assert list(by_value) == list(by_name) != list(plain)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalise": "length"}, "unknown normalisation 'length'"),
        ({"weighting": "order"}, "unknown weighting 'order'"),
        ({"power": -1.0}, "must be a number of at least 0, not -1.0"),
        ({"power": math.nan}, "must be a number of at least 0, not nan"),
        ({"temperature": 0.0}, "a temperature must be a number above 0, not 0.0"),
        ({"selection": "k_means"}, "unknown selection 'k_means'"),
    ],
)
def test_options_are_checked_when_the_strategy_is_made(
    options: dict[str, Any], message: str
) -> None:
    """A wrong value is named before anything is computed."""
    with pytest.raises(InputError, match=message):
        uwe.strategies.uwe(**options)


def test_options_at_their_default_are_not_recorded() -> None:
    """A run of an earlier version goes on; what differs from the default is in the record."""
    plain = {"uncertainty": None, "selection": "k_center"}
    assert find_strategy("uwe").options == uwe.strategies.uwe().options == plain
    assert find_strategy("uwe", power=1.0, weighting="scaled").options == plain
    assert uwe.strategies.uwe(power=2.0).options == {**plain, "power": 2.0}
    assert find_strategy("uwe", power=2.0).for_task(classification(3)).options == {
        "uncertainty": "entropy", "selection": "k_center", "power": 2.0,
    }  # fmt: skip
    assert {"normalise", "weighting", "power", "temperature"} < set(strategy_options("uwe"))
    assert shared_options(["uwe"], {"power": 2.0}) == ([{"power": 2.0}], [])


def test_a_run_with_another_option_is_another_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same name with another normalisation is refused, with both values."""
    (tmp_path / "rows.csv").write_text(
        "a,b,label\n" + "".join(f"{row},{row % 7},{'xy'[row % 2]}\n" for row in range(60))
    )
    run = ["run", str(tmp_path / "rows.csv"), "--model", "sklearn:logistic", "--budgets", "9,12",
           "--results", str(tmp_path / "results")]  # fmt: skip
    assert main(run) == 0
    assert main([*run, "--normalise", "none"]) == 0
    capsys.readouterr()
    assert main([*run, "--normalise", "unit"]) == 2
    assert "option normalise is None there and 'unit' here" in capsys.readouterr().err


def test_normalise_is_a_flag_of_select(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A long row is picked as it is, and the row of another direction once lengths are one."""
    x = np.array([[1.0, 0.0], [9.0, 0.0], [0.0, 0.5]])
    np.savez(tmp_path / "pool.npz", features=x, logits=np.zeros((3, 2)), labelled=[0])
    picked = []
    for more in ([], ["--normalise", "unit"]):
        out = tmp_path / "picks.txt"
        assert main(["select", str(tmp_path / "pool.npz"), "-k", "1", "--strategy", "uwe",
                     "--selection", "k_center_anchored", "-o", str(out), "--force",
                     *more]) == 0  # fmt: skip
        picked.append(out.read_text().split())
    assert picked == [["1"], ["2"]]
    capsys.readouterr()


def test_numbers_of_numpy_are_numbers() -> None:
    """A power and a temperature that come out of an array are those of Python."""
    made = find_strategy("uwe", power=np.float32(0.5), temperature=np.int64(2))
    assert made.choose == find_strategy("uwe", power=0.5, temperature=2.0).choose
