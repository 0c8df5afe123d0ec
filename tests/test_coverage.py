"""Strategies that cover the pool, against a greedy that is obviously right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import uwe
from uwe.cli import main
from uwe.embedding import normalised
from uwe.errors import InputError
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.strategies import Picks, Question, Radius, Wishes, covered, find_strategy, mix, wished
from uwe.tasks import classification, multilabel, regression
from uwe.testing import StrategyContract
from uwe.uncertainty import margin

LINE = torch.tensor([[0.0], [1.0], [2.0], [10.0], [11.0], [20.0]], dtype=torch.float64)
KERNELS = {
    "rbf": lambda apart, r: np.exp(-((apart / r) ** 2)),
    "tophat": lambda apart, r: (apart <= r).astype(float),
}


def asked(x: torch.Tensor, labelled: list[int] = [], **more: Any) -> Question:  # noqa: B006
    logits = more.pop("logits", torch.zeros(len(x), 2))
    pool = Pool.untouched(len(x)).ask(labelled, cycle=0).answer(labelled, [0] * len(labelled))
    return Question(Predictions(logits, x), pool, seed=1, **more)


def twin(
    x: np.ndarray, k: int, r: float, kernel: str, weights: np.ndarray, question: Question
) -> list[float]:
    """The gain of each pick of a greedy that sums every gain anew; ties are left open."""
    table = KERNELS[kernel](np.sqrt(((x[:, None] - x[None]) ** 2).sum(2)), r)
    cover = table[question.anchors].max(0, initial=0.0)
    gains = []
    for _ in range(k):
        gain = {c: weights @ np.maximum(table[c] - cover, 0) for c in question.candidates.tolist()}
        best = max(gain, key=lambda c: gain[c])
        gains.append(gain[best])
        cover = np.maximum(cover, table[best])
    return gains


def gains_of(picks: Picks, x: np.ndarray, r: float, kernel: str, weights: np.ndarray,
             question: Question) -> list[float]:  # fmt: skip
    """The gain of each given pick at its turn."""
    table = KERNELS[kernel](np.sqrt(((x[:, None] - x[None]) ** 2).sum(2)), r)
    cover = table[question.anchors].max(0, initial=0.0)
    gains = []
    for row in picks:
        gains.append(weights @ np.maximum(table[row] - cover, 0))
        cover = np.maximum(cover, table[row])
    return gains


def test_coverage_is_worked_by_hand() -> None:
    """Within 1 of row 1 are three rows, then two are about 10 and 11, then one is at 20."""
    made = covered("features", kernel="tophat", radius=1.0)
    assert list(made.query(asked(LINE), 3)) == [1, 3, 5]
    assert list(made.query(asked(LINE, [1]), 2)) == [3, 5]
    assert list(made.query(asked(LINE, [0]), 3)) == [3, 1, 5]  # 1, 2 and 5 each cover one more


def test_a_row_counts_its_own_coverage() -> None:
    """Alone at 20, a row of weight 5 outdoes three rows of weight 1: worked by hand."""
    weight = lambda _: torch.tensor([1.0, 1, 1, 1, 1, 5])  # noqa: E731
    made = covered("features", weight=weight, kernel="tophat", radius=1.0)
    assert list(made.query(asked(LINE), 3)) == [5, 1, 3]


def test_a_kernel_that_falls_is_worked_by_hand() -> None:
    """rbf at r = 1, q = exp(-1): about 1 it is 1 + 2q, about 0 it is 1 + q + q⁴."""
    made = covered("features", radius=1.0)
    assert list(made.query(asked(LINE), 3)) == [1, 3, 5]  # 10 and 11 tie, and the lower row wins
    # row 0 labelled: 2 gains (1 - q⁴) + (q - q), so that 10 with 1 + q comes first, then 20
    assert list(made.query(asked(LINE, [0]), 3)) == [3, 5, 2]


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**20),
    st.integers(2, 30),
    st.sampled_from(["rbf", "tophat"]),
    st.sampled_from([None, "margin"]),
    st.sampled_from([0.7, 1.0, 3.0]),
    st.booleans(),
)
def test_every_pick_has_the_gain_of_the_greedy(
    seed: int, n: int, kernel: str, weight: str | None, radius: float, restricted: bool
) -> None:
    """On grids with copies, with labels and few candidates: all rows are covered, few picked."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, (n, 2)).astype(np.float64)
    logits = torch.from_numpy(rng.integers(-9, 9, (n, 3)) / 4)
    labelled = rng.permutation(n)[: rng.integers(0, n)].tolist()
    question = asked(torch.from_numpy(x), labelled, logits=logits)
    if restricted:
        question = question.among(question.candidates[::2])
    k = int(rng.integers(1, len(question.candidates) + 1))
    picks = covered("features", weight=weight, kernel=kernel, radius=radius).query(question, k)
    weights = np.ones(n) if weight is None else margin(question.predictions).numpy()
    greedy = twin(x, k, radius, kernel, weights, question)
    found = gains_of(picks, x, radius, kernel, weights, question)
    assert found == pytest.approx(greedy, abs=1e-9)


def test_all_rows_of_the_pool_are_covered_also_those_that_cannot_be_picked() -> None:
    """Rows 3 and 4 are no candidates, but whoever is near them is picked."""
    x = torch.tensor([[0.0], [1.0], [9.0], [10.0], [10.5]])
    question = asked(x).among(np.array([0, 1, 2]))
    assert list(covered("features", kernel="tophat", radius=1.5).query(question, 1)) == [2]


def test_rows_that_another_strategy_took_count_as_picked() -> None:
    """After row 3 was taken, its neighbour gains nothing."""
    question = asked(LINE).after(np.array([1, 3]))
    assert list(covered("features", kernel="tophat", radius=1.0).query(question, 1)) == [5]


def test_what_covers_nothing_more_is_drawn_by_the_seed() -> None:
    """Once all is covered the rest is drawn, not taken from the top of the pool."""
    x = torch.zeros(60, 2)
    made = covered("features", radius=1.0)
    rows = [list(made.query(Question(asked(x).predictions, Pool.untouched(60), s), 6))
            for s in (1, 1, 2)]  # fmt: skip
    assert rows[0] == rows[1] != rows[2]
    assert rows[0][0] == 0
    assert sorted(rows[0][1:]) != [1, 2, 3, 4, 5]


def test_maxherding_takes_rows_of_length_one_by_default() -> None:
    """Rows of one direction cover each other; as given, 9 is farther from row 3 than 1 is."""
    x = torch.tensor([[1.0, 0.0], [9.0, 0.0], [4.0, 0.0], [0.0, 1.0], [0.0, 1.1]])
    unit = find_strategy("maxherding", radius=0.5).query(asked(x), 2)
    assert list(unit) == [0, 3]
    plain = find_strategy("maxherding", radius=0.5, normalise="none").query(asked(x), 2)
    assert list(plain) == [3, 1]
    same = covered(normalised("unit"), radius=0.5).query(asked(x), 2)
    assert list(same) == list(unit)


def test_uherding_weighs_by_the_margin() -> None:
    """It is the composition with the measure margin; where nothing is uncertain, maxherding."""
    rng = torch.Generator().manual_seed(3)
    x, logits = torch.randn(50, 4, generator=rng), torch.randn(50, 3, generator=rng)
    question = asked(x, [4, 9], logits=logits)
    rows = list(find_strategy("uherding").query(question, 9))
    assert rows == list(covered(normalised("unit"), weight="margin").query(question, 9))
    assert rows != list(find_strategy("maxherding").query(question, 9))
    sure = asked(x, [4, 9], logits=torch.tensor([[1e4, 0.0, 0.0]]).expand(50, 3))
    certain = find_strategy("uherding").query(sure, 9)
    assert list(certain) == list(find_strategy("maxherding").query(sure, 9))


@pytest.mark.parametrize(
    ("task", "outputs", "measure"),
    [
        (classification(3), {"logits": torch.randn(40, 3)}, "margin"),
        (multilabel(3), {"binary_logits": torch.randn(40, 3)}, "margin"),
        (regression(), {"mean": torch.zeros(40), "variance": torch.rand(40)}, "standard_deviation"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_uherding_weighs_by_a_measure_of_the_task(task, outputs, measure) -> None:
    """The margin where there is one, otherwise the first measure; it stands beside the picks."""
    made = find_strategy("uherding").for_task(task)
    assert (made.measure_name, made.options["uncertainty"]) == (measure, measure)
    said = Predictions(outputs=outputs, features=torch.randn(40, 3))
    question = Question(said, Pool.untouched(40), 1, task=task)
    named = covered(normalised("unit"), weight=task.measures[measure], needs=made.needs)
    assert list(made.query(question, 5)) == list(named.query(question, 5))


def test_an_uncertainty_of_ones_own_weighs() -> None:
    """In select, by name and by value; a negative one is refused with its row."""
    x = np.random.default_rng(0).normal(size=(30, 3))
    own = np.arange(30.0) % 7
    by_name = uwe.select(x, 4, uncertainty=own, strategy="uherding")
    by_value = uwe.select(x, 4, uncertainty=own, strategy=uwe.strategies.uherding())
    assert by_name.rows.tolist() == by_value.rows.tolist()
    assert by_name.measure == "uncertainty"
    with pytest.raises(InputError, match="of row 0 is -1; a row's weight in a coverage"):
        uwe.select(x, 4, uncertainty=own - 1, strategy="uherding")


def test_weights_of_a_wish_count_in_the_coverage() -> None:
    """A row of weight 5 outdoes three of weight 1; they multiply the uncertainty of uherding."""
    weights = np.array([0.2, 0.2, 0.2, 0.2, 0.2, 1.0])
    wish = Wishes(weight=weights)
    plain = covered("features", kernel="tophat", radius=1.0)
    assert list(wished(plain, wish).query(asked(LINE), 2)) == [5, 1]
    logits = torch.tensor([[0.0, 9.0]] * 3 + [[0.0, 0.0]] * 2 + [[0.0, 1.0]])
    uneasy = find_strategy("uherding", radius=1.0, normalise="none")
    by_both = wished(uneasy, wish).query(asked(LINE, logits=logits), 1)
    assert list(uneasy.query(asked(LINE, logits=logits), 1)) == [3]
    assert list(by_both) == [5]


def test_a_temperature_divides_the_logits() -> None:
    """At T the picks are those of logits divided by T; numbers have none to divide."""
    rng = torch.Generator().manual_seed(3)
    x, logits = torch.randn(50, 4, generator=rng), 4 * torch.randn(50, 3, generator=rng)
    made = find_strategy("uherding", temperature=4.0)
    cold = find_strategy("uherding").query(asked(x, [1], logits=logits.double() / 4), 9)
    assert list(made.query(asked(x, [1], logits=logits), 9)) == list(cold)
    assert list(cold) != list(find_strategy("uherding").query(asked(x, [1], logits=logits), 9))
    numbers = Predictions(outputs={"mean": torch.zeros(50), "variance": torch.ones(50)}, features=x)
    with pytest.raises(InputError, match="divides logits, and its outputs are none"):
        made.query(Question(numbers, Pool.untouched(50), 1, task=regression()), 2)
    with pytest.raises(InputError, match="an uncertainty of your own has none; leave temperature"):
        uwe.select(x, 2, uncertainty=np.ones(50), strategy="uherding", temperature=2.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kernel": "gauss"}, "kernel of a coverage"),
        ({"radius": "nearest"}, "unknown rule for the radius"),
        ({"radius": -1}, "number above 0, not -1"),
        ({"temperature": 0}, "temperature must be a number above 0, not 0"),
        ({"temperature": "fitted"}, "did you mean 'fit'"),
        ({"weight": "marign"}, "did you mean 'margin'"),
    ],
)
def test_what_a_coverage_cannot_use_is_refused_when_it_is_made(options: dict, words: str) -> None:
    """Before a query, in one line."""
    with pytest.raises(InputError, match=words) as refused:
        covered("features", **options)
    assert "\n" not in str(refused.value)


def test_a_radius_may_be_found_by_a_function() -> None:
    """It sees points and question, and is said beside the picks."""
    made = covered("features", kernel="tophat", radius=lambda points, question: Radius(
        float(len(points)), f"rows, {len(question.candidates)} candidates"))  # fmt: skip
    facts = made.query(asked(LINE), 1).facts
    assert facts == {"radius": 6.0, "radius_rule": "rows, 6 candidates"}


def test_probcover_covers_within_the_radius_of_a_purity() -> None:
    """Two groups, and the radius just below the distance between them: worked by hand."""
    x = torch.tensor([[0.0], [1.0], [2.0], [9.0], [10.0], [11.0], [12.0]])
    made = find_strategy("probcover", normalise="none", clusters=2)
    picks = made.query(asked(x), 2)
    assert picks.facts == {"radius": 6.99999, "radius_rule": "purity 0.95 of 2 clusters"}
    assert list(picks) == [3, 0]
    near = find_strategy("probcover", normalise="none", radius=1.0).query(asked(x), 3)
    assert list(near) == [1, 4, 5]  # 5 and 6 each cover row 6


def test_probcover_takes_as_many_clusters_as_classes_or_says_that_it_cannot() -> None:
    """From the task or the logits; where neither tells, the option is named."""
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    made = find_strategy("probcover")
    five = made.query(asked(x, logits=torch.zeros(40, 5)), 2).facts["radius_rule"]
    assert five == "purity 0.95 of 5 clusters"
    of_task = Question(Predictions(features=x), Pool.untouched(40), 1, task=classification(4))
    assert made.query(of_task, 2).facts["radius_rule"] == "purity 0.95 of 4 clusters"
    alone = Question(Predictions(features=x), Pool.untouched(40), 1)
    with pytest.raises(InputError, match="give the option clusters, or radius"):
        made.query(alone, 2)
    assert len(find_strategy("probcover", clusters=3).query(alone, 2)) == 2
    with pytest.raises(InputError, match=r"does not serve regression: .* option clusters"):
        made.for_task(regression())
    with pytest.raises(InputError, match="at least 2 clusters, not 1"):
        find_strategy("probcover", clusters=1)


def test_the_facts_of_parts_stand_side_by_side() -> None:
    """What two parts settled differently stands under the part's name, too."""
    one, other = (find_strategy("maxherding", radius=r).named(f"r{r}") for r in (1.0, 2.0))
    facts = mix({one: 0.5, other: 0.5}).query(asked(LINE), 4).facts
    assert facts == {"radius": 1.0, "radius_rule": "as given", "r2.0_radius": 2.0}


COVERINGS = {
    "weights, tophat": covered("gradient", weight="entropy", kernel="tophat", radius=2.0),
    "standard": find_strategy("uherding", normalise="standard", temperature="fit"),
    "least distance": find_strategy("maxherding", normalise="none", radius_rule="nearest-min"),
    "probcover, few": find_strategy("probcover", clusters=3, purity=0.5, normalise="standard"),
}


class TestCoverings(StrategyContract):
    """What is asked of every strategy, with other options."""

    @pytest.fixture(autouse=True, params=list(COVERINGS))
    def _one(self, request: pytest.FixtureRequest) -> None:
        self.strategy = COVERINGS[request.param]


def test_the_command_says_the_radius(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``uwe select`` ends with what was settled, and takes the options."""
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "pool.npz",
        features=rng.normal(size=(50, 4)),
        probs=rng.dirichlet(np.ones(3), 50),
        labelled=np.arange(5),
    )
    command = ["select", str(tmp_path / "pool.npz"), "-k", "3", "-o", str(tmp_path / "p.csv")]
    assert main([*command, "--strategy", "uherding", "--option", "radius_rule=nearest-min"]) == 0
    said = capsys.readouterr().out
    assert "3 rows by uherding (radius " in said
    assert "radius rule nearest-min of 5 labelled rows). Written: " in said
    again = [*command, "--force", "--strategy", "maxherding", "--option", "radius=0.5"]
    assert main(again) == 0
    assert "3 rows by maxherding (radius 0.5, radius rule as given). " in capsys.readouterr().out
    assert main(["list", "strategies"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in ("maxherding", "uherding", "probcover", "typiclust"))


def test_a_run_records_the_radius_in_its_journal(tmp_path: Path) -> None:
    """``uwe run`` picks by coverage, and the event of each query says what was settled."""
    out = tmp_path / "results"
    command = ["run", "digits", "--strategy", "maxherding", "--model", "small", "--device", "cpu"]
    small = ["--budgets", "20,30", "--epochs", "1", "--pool-size", "100", "--test-size", "50"]
    assert main([*command, *small, "--results", str(out)]) == 0
    journals = out.rglob("*journal.jsonl")
    events = [json.loads(line) for path in journals for line in path.read_text().splitlines()]
    choices = [e["facts"]["choice"] for e in events if "choice" in e.get("facts", {})]
    assert len(choices) == 1
    assert choices[0]["radius_rule"] == "nearest-median of 20 labelled rows"


def test_a_project_records_the_radius_with_its_batch(tmp_path: Path) -> None:
    """The fact stands in the journal, in the types of JSON, once a model picks."""
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    project = uwe.Project(
        tmp_path / "p.uwe", x, "sklearn:logistic", classes=("low", "high"), strategy="uherding"
    )
    for _ in range(2):
        picks = project.ask(6)
        project.tell(picks, ["high" if x[row, 0] > 0 else "low" for row in picks], by="ann")
    asked_ = [e.facts.get("choice") for e in project.events() if hasattr(e, "cycle")]
    choice = next(each for each in asked_ if each)
    assert choice == dict(picks.facts)
    assert choice["radius_rule"] == "nearest-median of 6 labelled rows"
