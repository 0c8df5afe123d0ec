"""Which strategies serve which tasks, and by what measure they pick."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from uwe.embedding import binary_gradient
from uwe.errors import InputError
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.strategies import Question, find_strategy, mix, prefilter, strategy_names, switch
from uwe.tasks import classification, multilabel, regression

N, C, D = 40, 3, 5
TASKS = {
    "classification": classification(C),
    "multilabel": multilabel(C),
    "regression": regression(),
}
MEASURES = {
    "classification": {"entropy", "bvsb", "least_confident", "margin"},
    "multilabel": {"entropy", "bvsb", "least_confident", "margin"},
    "regression": set(),
}
SERVED = {
    (name, task)
    for task, measures in MEASURES.items()
    for name in {"auto", "uwe", "random", "coreset", "bald", "maxherding", "uherding", "typiclust"}
    | measures
    | ({"badge"} if measures else set())
    | ({"probcover"} if task == "classification" else set())
} | {("bait", "classification"), ("bait", "regression")}


def predictions(task: str, *, passes: int = 5) -> Predictions:
    rng = torch.Generator().manual_seed(1)
    shape = (N,) if task == "regression" else (N, C)
    outputs = {
        "classification": {"logits": torch.randn(N, C, generator=rng)},
        "multilabel": {"binary_logits": torch.randn(N, C, generator=rng)},
        "regression": {
            "mean": torch.randn(N, generator=rng),
            "variance": torch.rand(N, generator=rng),
        },
    }[task]
    first = next(iter(outputs))
    return Predictions(
        outputs=outputs,
        features=torch.randn(N, D, generator=rng),
        passes={first: torch.randn(passes, *shape, generator=rng)},
    )


def question(task: str) -> Question:
    rows = np.arange(4)
    pool = Pool.untouched(N).ask(rows, cycle=0).answer(rows, rows % 2)
    return Question(predictions(task), pool, 3, task=TASKS[task])


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", strategy_names())
def test_a_strategy_serves_a_task_or_says_why_not(name: str, task: str) -> None:
    """The table above is the whole truth; a refusal names strategy, task and reason."""
    strategy = find_strategy(name)
    if (name, task) in SERVED:
        picks = strategy.query(question(task), 6)
        assert len(set(picks)) == 6
        return
    with pytest.raises(InputError) as refused:
        strategy.query(question(task), 6)
    assert f"strategy {name} does not serve {task}: " in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_reasons_of_a_refusal() -> None:
    """What the task lacks, or what its measures are."""
    with pytest.raises(InputError, match=r"no gradient embedding.*choose uwe, coreset or random"):
        find_strategy("badge").for_task(TASKS["regression"])
    with pytest.raises(InputError, match="regression has no measure 'bvsb'"):
        find_strategy("bvsb").for_task(TASKS["regression"])
    with pytest.raises(InputError, match="multilabel has no measure 'standard_deviation'"):
        find_strategy("uwe", uncertainty="standard_deviation").for_task(TASKS["multilabel"])


@pytest.mark.parametrize("task", TASKS)
def test_uwe_weighs_by_the_first_measure_of_the_task(task: str) -> None:
    """The measure beside the picks is the task's, and the same rows are picked by its name."""
    bound = find_strategy("uwe").for_task(TASKS[task])
    first = TASKS[task].default_measure
    assert (bound.measure_name, bound.options["uncertainty"]) == (first, first)
    said = predictions(task)
    assert torch.equal(bound.measure(said), TASKS[task].measures[first](said))
    named = find_strategy("uwe", uncertainty=first)
    asked = question(task)
    assert list(bound.query(asked, 9)) == list(named.query(asked, 9))
    weights = bound.measure(said)[asked.candidates]
    assert weights.max() > weights.min()


def test_combined_strategies_take_the_task_along() -> None:
    """Their parts are bound to the task, too, and what one part refuses all refuse."""
    asked = question("multilabel")
    for made in (mix({"badge": 0.5, "uwe": 0.5}), prefilter("entropy", 0.5, "badge"),
                 switch("coreset", 10, "entropy")):  # fmt: skip
        assert len(made.query(asked, 6)) == 6
    with pytest.raises(InputError, match="does not serve regression"):
        mix({"badge": 0.5, "uwe": 0.5}).query(question("regression"), 6)


def test_badge_of_labels_is_the_gradient_of_the_last_layer() -> None:
    """Of a small linear layer, at the labels that it predicts, computed by autograd."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(D, C, bias=False).double()
    x = torch.randn(7, D, dtype=torch.float64)
    logits = layer(x)
    expected = []
    for row in range(7):
        predicted = (logits[row] > 0).double().detach()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            layer(x[row]), predicted, reduction="sum"
        )
        (slope,) = torch.autograd.grad(loss, layer.weight)
        expected.append(slope.flatten())
    said = Predictions(outputs={"binary_logits": logits.detach()}, features=x)
    points = binary_gradient(said, np.arange(7))
    apart = torch.cdist(torch.stack(expected), torch.stack(expected)).square()
    left, right = (each.double() for each in (points.a, points.b))
    inner = (left @ left.T) * (right @ right.T)
    own = inner.diagonal()
    assert torch.allclose(own[:, None] + own - 2 * inner, apart, atol=1e-10)


def test_badge_picks_labels_by_their_gradients() -> None:
    """The picks are those of D² sampling on the multiplied-out gradients."""
    from uwe.points import Dense
    from uwe.selection import k_means_pp

    asked = question("multilabel")
    points = binary_gradient(asked.predictions, asked.candidates)
    wide = (points.a[:, :, None] * points.b[:, None, :]).flatten(1)[asked.candidates]
    at = k_means_pp(Dense(wide), 6, seed=3)
    assert list(find_strategy("badge").query(asked, 6)) == asked.candidates[at].tolist()


FORMER: dict[str, dict[str, object]] = {
    "uwe": {"uncertainty": "entropy", "selection": "k_center"},
    "bald": {"mc_passes": 5},
    **{name: {} for name in ("random", "entropy", "bvsb", "least_confident", "coreset", "badge")},
}
"""Options as the records of earlier versions have them."""


@pytest.mark.parametrize("name", FORMER)
def test_the_options_of_classification_are_those_of_former_records(name: str) -> None:
    """A run of an earlier version goes on: its record must not gain or lose an option."""
    bound = find_strategy(name).for_task(classification(3))
    assert bound.options == FORMER[name]
    assert (bound.name, bound.needs) == (name, find_strategy(name).needs)
