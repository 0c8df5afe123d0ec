"""Long ends are short because nothing is computed twice; the values are those of the slow twins."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uwe.cli import main
from uwe.cli.studies import picture_name
from uwe.runs import Curve, Study, by_study, details_of
from uwe.statistics import detectable_difference, power, seeds_needed
from uwe.statistics.paired import student_quantile


def slow_power(shift: float, n: int, alpha: float) -> float:
    """The same quadrature, its nodes found at every call."""
    from scipy.special import gammaincinv, ndtr

    critical = float(student_quantile(1 - alpha, n - 1))
    nodes, weights = np.polynomial.legendre.leggauss(200)
    ratio = np.sqrt(gammaincinv((n - 1) / 2, (nodes + 1) / 2) * 2 / (n - 1))
    tails = ndtr(shift - critical * ratio) + ndtr(-shift - critical * ratio)
    return float((weights / 2) @ tails)


def slow_seeds(difference: float, deviation: float, wanted: float = 0.8) -> int | None:
    """By doubling and halving from two seeds on."""

    def enough(n: int) -> bool:
        return slow_power(abs(difference) / deviation * math.sqrt(n), n, 0.05) >= wanted

    high = 2
    while not enough(high):
        high *= 2
        if high > 1_000_000:
            return None
    low = max(high // 2, 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return high


def slow_detectable(deviation: float, n: int, alpha: float) -> float:
    low, high = 0.0, 1.0
    while slow_power(high, n, alpha) < 0.8:
        low, high = high, 2 * high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if slow_power(middle, n, alpha) >= 0.8 else (middle, high)
    return high * deviation / math.sqrt(n)


@pytest.mark.parametrize(
    ("difference", "deviation"),
    [(1.0, 1.0), (1.0, 0.01), (0.2, 3.7), (0.5, 11.0), (50.0, 1.0), (0.0125, 1.0)],
)
def test_seeds_needed_are_those_of_the_plain_search(difference: float, deviation: float) -> None:
    """The search from a good guess ends at the same number, from two seeds to tens of thousands."""
    assert seeds_needed(difference, deviation) == slow_seeds(difference, deviation)


def test_seeds_needed_end_where_they_did() -> None:
    """Beyond 2 to the 19th, the largest number that the doubling reached, there is None."""
    found = seeds_needed(1.0, 250.0)
    assert found is not None
    assert 490_000 < found < 2**19
    assert power(1.0, 250.0, found) >= 0.8 > power(1.0, 250.0, found - 1)
    assert power(1.0, 259.0, 2**19) < 0.8
    assert seeds_needed(1.0, 259.0) is None
    assert seeds_needed(1.0, 1e9) is None


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 40.0), st.floats(0.06, 0.99))
def test_the_found_number_is_the_smallest(ratio: float, wanted: float) -> None:
    """It is enough, and one seed fewer is not."""
    found = seeds_needed(1.0, ratio, wanted=wanted)
    assert found is not None
    assert power(1.0, ratio, found) >= wanted
    assert found == 2 or power(1.0, ratio, found - 1) < wanted


@pytest.mark.parametrize("n", [2, 3, 10, 137])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 1225])
def test_detectable_differences_are_the_same_to_the_bit(n: int, alpha: float) -> None:
    """What is kept between calls depends on n and the level alone."""
    for deviation in (0.3, 1.7):
        assert detectable_difference(deviation, n, alpha=alpha) == slow_detectable(
            deviation, n, alpha
        )


def a_study(name: str, **of: str) -> Study:
    return Study(name, "m", "1", "b", tuple(sorted(of.items())))


def slow_details(study: Study, others: list[Study]) -> str:
    """Every study against every other one."""
    same = [dict(other.settings) for other in others if other.name == study.name]
    mine = dict(study.settings)
    keys = sorted({key for other in same for key in other})
    told = [key for key in keys if any(other.get(key) != mine.get(key) for other in same)]
    sizes, fingerprint = ("pool size", "test size"), "data fingerprint"
    sized = [other for other in same if all(other.get(key) == mine.get(key) for key in sizes)]
    if fingerprint in told and len({other.get(fingerprint) for other in sized}) == 1:
        told.remove(fingerprint)
    without = {"task": "classification", "metric": "accuracy"}
    return ", ".join(f"{key} {mine.get(key, without.get(key, 'unknown'))}" for key in told)


SETTINGS = st.dictionaries(
    st.sampled_from(["rate", "pool size", "test size", "data fingerprint", "task"]),
    st.sampled_from(["1", "2"]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("xy"), SETTINGS), min_size=1, max_size=6))
def test_details_of_many_studies_are_those_of_each(
    named: list[tuple[str, dict[str, str]]],
) -> None:
    """One pass over all studies tells what a comparison of each with each tells."""
    studies = [a_study(name, **of) for name, of in named]
    told = details_of(studies)
    for study in studies:
        assert told[study] == slow_details(study, studies) == study.details(studies)


def test_curves_are_grouped_in_the_order_in_which_studies_come() -> None:
    """A study that comes again joins its curves."""
    labels, values = np.array([1, 2]), np.ones((1, 2))
    names = ["b", "a", "b", "c"]
    curves = [Curve(a_study(name), name + str(at), name, (1,), labels, values)
              for at, name in enumerate(names)]  # fmt: skip
    found = [[curve.method for curve in group] for group in by_study(curves)]
    assert found == [["b0", "b2"], ["a1"], ["c3"]]


def test_pictures_of_one_name_are_numbered() -> None:
    """The first has the plain name, the next the first number that is free."""
    study = a_study("d")
    first = picture_name(study, {"curves.csv"})
    second = picture_name(study, {"curves.csv", first})
    third = picture_name(study, {"curves.csv", first, second})
    assert (first, second, third) == (
        "curves_d_modm_ne1_bidb.svg",
        "curves_d_modm_ne1_bidb_2.svg",
        "curves_d_modm_ne1_bidb_3.svg",
    )


RUN = ["run", "digits", "--strategy", "random", "--budgets", "10,14", "--model", "small",
       "--epochs", "1", "--pool-size", "60", "--test-size", "30", "--device", "cpu"]  # fmt: skip


def test_the_report_is_announced_and_can_be_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line stands before the report is begun; with --no-report there is neither."""
    results = tmp_path / "r"
    assert main([*RUN, "--results", str(results), "--no-report"]) == 0
    out = capsys.readouterr().out
    assert "report" not in out.lower().replace(str(results).lower(), "")
    assert not (results / "report.html").exists()
    assert main([*RUN, "--results", str(results)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    page = results / "report.html"
    assert page.is_file()
    assert f"Writing the report {page} (--no-report leaves it out) ..." in out
    assert out.index("Writing the report") < out.index("What they show is in")


def test_tables_of_other_programs_in_any_encoding_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Costs and measures are read like the curves: no table that was read is refused later."""
    for seed in (1, 2, 3):
        text = f"n_labeled,te_rmse,te_mae\n10,{3 + seed / 9},1.5\n20,{2 + seed / 9},1.25\n"
        (tmp_path / f"margin_s{seed}.csv").write_bytes(text.encode())
    assert main(["report", str(tmp_path), "--output", str(tmp_path), "--format", "json"]) == 0
    capsys.readouterr()
    assert '"mae": 1.25' in (tmp_path / "report.json").read_text()
