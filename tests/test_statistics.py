"""Statistics against numbers worked by hand, SciPy, and simulated studies."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.isotonic import isotonic_regression
from sklearn.metrics import balanced_accuracy_score, f1_score

from uwe.errors import InputError
from uwe.statistics import (
    area,
    critical_difference,
    detectable_difference,
    groups,
    holm,
    mean_interval,
    measure,
    measured_coverage,
    paired_p,
    penalty_matrix,
    power,
    rank_blocks,
    reach,
    rising,
    seeds_needed,
)
from uwe.statistics.targets import _inverted

FloatArray = npt.NDArray[np.float64]
STUDIES = 1000


def test_area_by_hand() -> None:
    """Log budgets weigh each doubling alike, linear ones each label; both divide by the width."""
    accuracy = [40.0, 60.0, 80.0]
    assert area([10, 20, 80], accuracy) == pytest.approx((1 * 50 + 2 * 70) / 3)
    assert area([10, 20, 80], accuracy, scale="linear") == pytest.approx((10 * 50 + 60 * 70) / 70)


def test_area_of_a_flat_curve_is_its_accuracy_and_a_gap_spreads() -> None:
    """The area reads as a mean accuracy; a curve that is not there to its end has none."""
    flat, gap = area([3, 50, 700], [[71.0] * 3, [70.0, 71.0, np.nan]])
    assert flat == pytest.approx(71.0)
    assert np.isnan(gap)


@pytest.mark.parametrize(
    ("labels", "accuracy", "scale", "message"),
    [
        ([10], [50.0], "log", "two budgets or more"),
        ([10, 20], [50.0], "log", "2 budgets"),
        ([20, 10], [50.0, 60.0], "log", "must rise"),
        ([10, 20], [50.0, 60.0], "logarithm", "unknown scale"),
    ],
)
def test_area_refuses(labels: list[int], accuracy: list[float], scale: str, message: str) -> None:
    """An area that would mean nothing is refused with the reason."""
    with pytest.raises(InputError, match=message):
        area(labels, accuracy, scale=scale)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=12))
def test_rising_is_scikit_learns_isotonic_regression(values: list[float]) -> None:
    """The monotone curve is that of least squares."""
    np.testing.assert_allclose(rising(values), isotonic_regression(values), atol=1e-9)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_interval_is_scipys(n: int) -> None:
    """Mean and Student interval agree with SciPy."""
    values = np.random.default_rng(n).normal(70, 3, n)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    found = mean_interval([*values, np.nan], level=0.9)
    assert (found.mean, found.n) == (pytest.approx(values.mean()), n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.deviation == pytest.approx(values.std(ddof=1))


def test_interval_of_one_value_has_no_ends() -> None:
    """One seed has a mean and no interval."""
    found = mean_interval([3.0])
    assert found.mean == 3.0
    assert np.isnan([found.low, found.high, found.deviation]).all()
    with pytest.raises(InputError, match="between 0 and 1"):
        mean_interval([3.0], level=95)


@pytest.mark.parametrize("n", [3, 5, 10, 20])
def test_student_intervals_cover(n: int) -> None:
    """Student intervals of 90 % hold the true mean in 87 to 93 % of 4,000 simulated studies."""
    rng = np.random.default_rng(n)
    found = [mean_interval(rng.normal(5, 2, n), level=0.9) for _ in range(4000)]
    assert 0.87 <= np.mean([each.low <= 5 <= each.high for each in found]) <= 0.93


def test_paired_p_is_scipys_with_gaps() -> None:
    """Each column's p-value is SciPy's on the rows that are there."""
    d = np.random.default_rng(0).normal(0.5, 1, (8, 5))
    d[:3, 2] = np.nan
    expected = [stats.ttest_1samp(column[~np.isnan(column)], 0).pvalue for column in d.T]
    np.testing.assert_allclose(paired_p(d), expected)


def test_paired_p_of_few_or_equal_differences() -> None:
    """Two pairs are not tested; equal differences are certain, and no difference is none."""
    assert np.isnan(paired_p([1.0, 2.0]))
    assert np.isnan(paired_p([1.0, 2.0, np.nan]))
    assert paired_p([0.1 + 0.2, 0.3, 0.3]) == 0.0
    assert paired_p([0.0, 0.0, 0.0]) == 1.0


def test_holm_by_hand() -> None:
    """Sorted p-values times 4, 3, 2, 1, never falling, at most 1; what was not tested is not."""
    p = [[0.010, np.nan, 0.040], [0.030, 0.005, np.nan]]
    expected = [[0.030, np.nan, 0.060], [0.060, 0.020, np.nan]]
    np.testing.assert_allclose(holm(p), expected)
    np.testing.assert_allclose(holm([0.6, 0.7]), [1.0, 1.0])


def _null_studies(n: int, budgets: int, rng: np.random.Generator) -> FloatArray:
    """Eight equal strategies: noise of seeds shared by them, of budgets, and of single runs."""
    shared = rng.normal(0, 2, (1, n, budgets))
    return 70 + shared + rng.normal(0, 1, (8, n, 1)) + rng.normal(0, 1, (8, n, budgets))


def test_holm_raises_few_false_alarms() -> None:
    """Without a difference, Holm finds one among 28 pairs in at most 6.4 % of 1,000 studies."""
    rng = np.random.default_rng(1)
    first, second = np.triu_indices(8, k=1)
    alarms, plain = 0, 0
    for _ in range(STUDIES):
        areas = area([20, 40, 80, 160], _null_studies(5, 4, rng))
        p = paired_p((areas[first] - areas[second]).T)
        alarms += bool((holm(p) < 0.05).any())
        plain += bool((p < 0.05).any())
    assert alarms / STUDIES <= 0.064
    assert plain / STUDIES > 0.2  # what it protects from


def test_the_corrected_penalty_matrix_raises_few_false_alarms() -> None:
    """Without a difference, the corrected matrix is 0 in at least 93.6 % of 1,000 studies."""
    rng = np.random.default_rng(2)
    found = [penalty_matrix(_null_studies(5, 6, rng)).corrected.any() for _ in range(STUDIES)]
    assert np.mean(found) <= 0.064


def test_penalty_matrix_by_hand() -> None:
    """P[i, j] is the share of budgets at which i beats j: rows beat columns."""
    noise = np.array([0.0, 0.1, -0.1, 0.05])
    good = np.stack([80 + noise, 80 + noise, 80 + noise], axis=1)
    better_twice = np.stack([82 + noise[::-1], 82 + noise[::-1], 80 + noise], axis=1)
    found = penalty_matrix(np.stack([good, better_twice]))
    assert found.plain.tolist() == [[0.0, 0.0], [pytest.approx(2 / 3), 0.0]]
    assert found.beaten.tolist() == [pytest.approx(2 / 3), 0.0]
    assert found.tests == 3


def test_penalty_matrix_counts_tested_budgets_only() -> None:
    """A budget that two strategies do not share with three seeds is not counted against either."""
    runs = np.random.default_rng(3).normal(70, 1, (2, 4, 2))
    runs[0, :, 0] += 50
    runs[1, :2, 1] = np.nan
    found = penalty_matrix(runs)
    assert found.plain.tolist() == [[0.0, 1.0], [0.0, 0.0]]
    nothing = penalty_matrix(runs[:, :2])
    assert np.isnan(nothing.plain[0, 1])
    assert np.isnan(nothing.beaten).all()


def test_ranks_by_hand_and_by_scipy() -> None:
    """The highest value has rank 1, equals share, and Friedman's p is SciPy's."""
    values = [[90.0, 80.0, 80.0], [70.0, 75.0, 60.0], [5.0, 4.0, 3.0], [np.nan, 1.0, 2.0]]
    found = rank_blocks(values)
    assert found.mean.tolist() == pytest.approx([(1 + 2 + 1) / 3, (2.5 + 1 + 2) / 3, 8.5 / 3])
    assert found.blocks == 3
    assert found.p == pytest.approx(stats.friedmanchisquare(*np.array(values[:3]).T).pvalue)


def test_ranks_of_nothing_and_of_equals() -> None:
    """Without a whole block there are no ranks; equal curves are alike with p = 1."""
    assert rank_blocks([[np.nan, 1.0]]).blocks == 0
    assert rank_blocks([[1.0, 1.0], [2.0, 2.0]]).p == 1.0
    assert math.isnan(rank_blocks([[1.0, 2.0]]).p)


@pytest.mark.parametrize(("m", "q"), [(2, 1.960), (5, 2.728), (8, 3.031), (10, 3.164)])
def test_critical_difference_is_demsars_table(m: int, q: float) -> None:
    """The quantiles are those of Demšar (2006), table 5."""
    assert critical_difference(m, 12) == pytest.approx(q * math.sqrt(m * (m + 1) / 72), abs=1e-3)
    with pytest.raises(InputError, match="the least"):
        critical_difference(1, 12)


def test_groups_are_maximal() -> None:
    """A set within another one is not told twice; one strategy alone is no group."""
    assert groups([1.0, 1.2, 1.4, 5.0], 0.5) == [(0, 1, 2)]
    assert groups([1.0, 1.4, 1.8], 0.5) == [(0, 1), (1, 2)]
    assert groups([1.0, 2.0], 0.5) == []


@pytest.mark.parametrize("n", [2, 3, 10, 50])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 28])
def test_power_is_scipys_noncentral_t(n: int, alpha: float) -> None:
    """Power agrees with SciPy's noncentral t distribution."""
    for difference in (0.0, 0.3, 0.6, 1.0):
        shift, critical = difference * math.sqrt(n), stats.t.ppf(1 - alpha / 2, n - 1)
        expected = stats.nct.sf(critical, n - 1, shift) + stats.nct.cdf(-critical, n - 1, shift)
        assert power(difference, 1.0, n, alpha=alpha) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("n", [3, 5, 10, 20])
def test_power_agrees_with_simulation(n: int) -> None:
    """At the detectable difference, 80 % of 4,000 simulated studies find it."""
    difference = detectable_difference(2.0, n)
    rng = np.random.default_rng(n)
    p = paired_p(rng.normal(difference, 2.0, (n, 4000)))
    assert np.mean(p < 0.05) == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("difference", [1.0, 0.5, 0.2])
def test_seeds_needed_are_the_fewest(difference: float) -> None:
    """One seed fewer has less than 80 % power."""
    n = seeds_needed(difference, 0.9)
    assert n is not None
    assert power(difference, 0.9, n) >= 0.8 > power(difference, 0.9, n - 1)


def test_power_refuses() -> None:
    """No deviation, no difference and one seed have no power; hopeless cases have no number."""
    for wrong in (lambda: power(1.0, 0.0, 5), lambda: power(1.0, 1.0, 1)):
        with pytest.raises(InputError, match="two seeds and a deviation"):
            wrong()
    with pytest.raises(InputError, match="above 0"):
        seeds_needed(0.0, 1.0)
    with pytest.raises(InputError, match="power must lie"):
        detectable_difference(1.0, 5, wanted=0.01)
    assert seeds_needed(1e-6, 1.0) is None


def test_reach_by_hand() -> None:
    """The ends are where the Student interval of the paired difference touches 0."""
    runs = np.array([[50.0, 60.0], [52.0, 62.0], [51.0, 61.0], [49.0, 59.0]])
    half = stats.t.ppf(0.95, 3) * np.std(runs[:, 0], ddof=1) / 2
    found = reach([100, 200], runs, 55.0, level=0.9)
    assert found.labels == pytest.approx(100 * 2**0.45)
    assert found.low == pytest.approx(100 * 2 ** (0.45 - half / 10))
    assert found.high == pytest.approx(100 * 2 ** (0.45 + half / 10))


def test_reach_pairs_the_target() -> None:
    """A target that rises and falls with the seed leaves no scatter; alone it would."""
    runs = np.array([[50.0, 60.0], [54.0, 64.0], [42.0, 52.0]])
    paired = reach([100, 200], runs, runs[:, 0] + 5)
    assert paired.low == pytest.approx(paired.high) == pytest.approx(100 * math.sqrt(2))
    fixed = reach([100, 200], runs, float(runs[:, 0].mean() + 5))
    assert (fixed.low, fixed.high) == (pytest.approx(100), math.inf)


@pytest.mark.parametrize("n", [3, 8, 9, 10, 20])
def test_runs_reach_what_they_end_at(n: int) -> None:
    """However its mean is rounded, a curve reaches the mean of its own last values, at the end."""
    for seed in range(200):
        runs = np.sort(np.random.default_rng(seed).normal(3.0, 2.0, size=(n, 4)), axis=1)
        found = reach([10, 20, 40, 80], runs, runs[:, -1].copy())
        assert found.labels == pytest.approx(80)


def test_reach_before_beyond_and_never() -> None:
    """Reached by the first budget, not reached, surely not reached, one run."""
    runs = np.array([[50.0, 60.0], [51.0, 61.0], [49.0, 59.0]])
    assert reach([10, 20], runs, 40.0) == (
        type(reach([10, 20], runs, 40.0))(10.0, 10.0, pytest.approx(10.0), 3)
    )
    assert reach([10, 20], runs, 90.0).labels is None
    assert reach([10, 20], runs, 90.0).low == math.inf
    near = reach([10, 20], runs, 60.5)
    assert near.labels is None
    assert 10 < near.low < 20
    assert near.high == math.inf
    assert math.isnan(reach([10, 20], runs[:1], 55.0).low)
    with pytest.raises(InputError, match="runs, budgets"):
        reach([10, 20], runs[0], 55.0)


CURVE = np.array([60.0, 68.0, 75.0, 80.0, 83.0])
BUDGETS = [20, 40, 80, 160, 320]


def _labels_study(n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Runs about `CURVE` and targets about 77, with a part that a seed's run and target share."""
    shared = rng.normal(0, 1, (n, 1))
    runs = CURVE + shared + rng.normal(0, 1, (n, 5))
    return runs, 77 + shared[:, 0] + rng.normal(0, 1, n)


@pytest.mark.parametrize("n", [3, 5, 10, 20])
def test_labels_to_target_cover(n: int, record_property: pytest.RecordProperty) -> None:
    """Intervals of 90 % for labels to target hold the truth in 87 to 93 % of 1,500 studies."""
    rng = np.random.default_rng(n)
    truth = 80 * 2 ** (2 / 5)
    found = [reach(BUDGETS, *_labels_study(n, rng), level=0.9) for _ in range(1500)]
    coverage = float(np.mean([each.low <= truth <= each.high for each in found]))
    record_property("coverage", coverage)
    assert 0.87 <= coverage <= 0.93


def test_a_percentile_bootstrap_covers_less() -> None:
    """With five seeds, the usual bootstrap of 90 % covers clearly less: why it is not used."""
    rng = np.random.default_rng(5)
    truth, hits = 80 * 2 ** (2 / 5), 0
    for _ in range(400):
        runs, aims = _labels_study(5, rng)
        weights = rng.multinomial(5, np.full(5, 0.2), size=200) / 5
        gaps = np.maximum.accumulate(weights @ runs, axis=1) - (weights @ aims)[:, None]
        reached = [np.interp(0.0, row, np.log(BUDGETS)) for row in gaps]
        low, high = np.exp(np.quantile(reached, [0.05, 0.95]))
        hits += bool(low <= truth <= high)
    assert hits / 400 < 0.86


@pytest.mark.parametrize("n", [3, 10])
def test_measured_coverage_is_that_of_simulated_studies(n: int) -> None:
    """The figure printed in a report agrees with studies simulated and read one by one."""
    runs, aims = _labels_study(12, np.random.default_rng(4))
    found = measured_coverage(BUDGETS, runs, aims, n=n, level=0.9)
    assert found is not None
    assert 0.86 <= found <= 0.94
    assert measured_coverage(BUDGETS, runs, 99.0, n=n) is None


@given(st.integers(0, 10_000))
def test_reach_is_where_student_intervals_hold_0(seed: int) -> None:
    """Just inside the ends the paired interval holds 0, just outside it does not."""
    rng = np.random.default_rng(seed)
    d = np.cumsum(rng.normal(1, 1, (6, 4)), axis=1) - 2 + rng.normal(0, 0.3, (6, 1))
    x = np.log([10.0, 20.0, 40.0, 80.0])
    low, high = (math.log(end) for end in _inverted(x, d, 0.9))
    grid = np.linspace(x[0], x[-1], 400)
    at = np.stack([np.interp(grid, x, row) for row in d])
    p = stats.ttest_1samp(at, 0).pvalue
    holding = grid[p >= 0.1]
    if len(holding):
        step = grid[1] - grid[0]
        assert low <= holding[0] + 1e-9
        assert low >= holding[0] - step - 1e-9
        end = min(high, x[-1])
        assert holding[-1] - 1e-9 <= end <= holding[-1] + step + 1e-9


@pytest.mark.filterwarnings("ignore:y_pred contains classes")
def test_measures_are_scikit_learns() -> None:
    """Balanced accuracy and macro F1 agree with scikit-learn, with a class that has no rows."""
    rng = np.random.default_rng(6)
    y = rng.integers(0, 4, 200)
    logits = rng.normal(0, 1, (200, 5)) + 2 * np.eye(5)[y]
    found, predicted = measure(logits, y), logits.argmax(1)
    assert found.accuracy == pytest.approx(np.mean(predicted == y))
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(y, predicted))
    assert found.macro_f1 == pytest.approx(f1_score(y, predicted, average="macro"))
    assert np.isnan(found.recall[4])


def test_calibration_error_by_hand() -> None:
    """Two bins: three rows at 0.9 of which two are right, one at 0.6 that is right."""
    sure, unsure = math.log(9), math.log(1.5)
    found = measure([[sure, 0], [sure, 0], [sure, 0], [unsure, 0]], [0, 0, 1, 0])
    assert found.calibration_error == pytest.approx((3 * abs(2 / 3 - 0.9) + abs(1 - 0.6)) / 4)


@pytest.mark.parametrize(
    ("logits", "y", "message"),
    [
        ([[0.0, 1.0]], [0, 1], "shape"),
        ([[0.0, np.nan]], [0], "row 0"),
        ([[0.0, 1.0]], [2], "from 2 to 2"),
        (np.zeros((0, 2)), [], "shape"),
    ],
)
def test_measures_refuse(logits: object, y: object, message: str) -> None:
    """What cannot be measured is refused with both numbers."""
    with pytest.raises(InputError, match=message):
        measure(logits, y)  # type: ignore[arg-type]
