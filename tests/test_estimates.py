"""Estimates from the audit: judging without a row's own label, intervals, sentences, files."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import uwe
from uwe.cli import main
from uwe.errors import InputError
from uwe.journal import Answered, Settled, Trained, Withdrawn
from uwe.pool import Pool
from uwe.project import Estimates, Project
from uwe.project.cross_fitting import Judged, Trial, curve_counts, judged, random_sizes, work_of
from uwe.project.estimates import (
    estimate_lines,
    estimated,
    not_enough,
    read_estimates,
    write_estimates,
)
from uwe.project.judging import labelling_order
from uwe.statistics import Range, audited_share, gain_range, later_share, share_range
from uwe.statistics.forecast import curve_weights

FULL = Estimates(
    training=7,
    labels=1000,
    audit=145,
    current=Range(0.83, 0.78, 0.88),
    at_random=Range(0.71, 0.62, 0.8),
    random_labels=130,
    at_random_later=Range(0.76, 0.67, 0.85),
    gain=Range(0.014, 0.002, 0.026),
)


@given(st.integers(0, 40), st.integers(1, 40))
def test_the_ends_of_wilsons_interval(right: int, more: int) -> None:
    """At each end the observed share is 1.96 deviations away; the interval stays within 0 and 1."""
    n = right + more
    share, low, high = share_range(right / n, n)
    assert 0 <= low <= share <= high <= 1
    for end in (low, high):
        if 0 < end < 1:
            assert abs(share - end) == pytest.approx(1.95996 * math.sqrt(end * (1 - end) / n), 1e-4)


def test_wilson_covers_binomial_shares() -> None:
    """With 65 rows, intervals cover shares from a half to nine tenths in 93 % of cases or more."""
    from scipy.stats import binom

    for true in (0.5, 0.6, 0.7, 0.8, 0.9):
        ranges = [share_range(right / 65, 65) for right in range(66)]
        covers = [low <= true <= high for _, low, high in ranges]
        assert binom.pmf(np.arange(66), 65, true)[covers].sum() > 0.93


def test_spread_widens_an_interval_like_fewer_rows() -> None:
    """A spread of the size of the sampling error halves the rows; none changes nothing."""
    same = share_range(0.5, 100)
    assert share_range(0.5, 100, spread=0.05)[1:] == pytest.approx(share_range(0.5, 50)[1:])
    assert share_range(0.5, 100, spread=0.0) == same
    for share, n in ((1.1, 5), (0.5, 0), (math.nan, 5)):
        with pytest.raises(InputError, match="a share of rows"):
            share_range(share, n)


def test_probabilities_correct_a_share() -> None:
    """Rows at 0.6 are right half of the time, those at 0.9 always; the pool has fewer at 0.6."""
    right = np.array([True, False] * 10 + [True] * 20)
    sure = np.array([0.6] * 20 + [0.9] * 20)
    assert audited_share(right).mean == 0.75
    found = audited_share(right, sure, pool_sure=0.84)  # a fifth at 0.6: 0.2 / 2 + 0.8
    assert found.mean == pytest.approx(0.9)
    assert found[1:] == pytest.approx(share_range(0.9, 40, spread=0.075)[1:])


def test_probabilities_that_tell_nothing_correct_nothing() -> None:
    """Without a spread, with a falling one, or without the pool's mean, the share is the rows'."""
    right = np.array([True, True, False, True])
    for sure in (np.full(4, 0.7), np.array([0.5, 0.5, 0.9, 0.5])):
        assert audited_share(right, sure, 0.6) == share_range(0.75, 4)
    assert audited_share(right, np.array([0.9, 0.9, 0.1, 0.9]), math.nan) == share_range(0.75, 4)


@given(
    st.lists(st.integers(20, 5000), min_size=2, max_size=7, unique=True).map(sorted),
    st.floats(0.1, 1.0),
    st.integers(1, 9000),
)
def test_a_power_law_is_continued(labels: list[int], exponent: float, at: int) -> None:
    """Points on a - b n^-c give the law's value anywhere; the weights of points add up to one."""
    weights = curve_weights(labels, at, exponent)
    law = 0.9 - 2.0 * np.array([*labels, at], dtype=float) ** -exponent
    assert weights.sum() == pytest.approx(1.0, abs=1e-6)
    assert weights @ law[:-1] == pytest.approx(law[-1], abs=1e-6)


def test_a_flat_curve_gains_nothing() -> None:
    """Rows that are all alike at each point: no gain, and room for two trainings alone."""
    right = np.tile(np.arange(100) < 80, (4, 1))
    mean, low, high = gain_range([50, 100, 200, 400], right, 200)
    assert mean == 0.0
    noise = 1.959964 * math.sqrt(0.25 * 322 * 82 / 404**2 / 400)
    assert (low, high) == pytest.approx((-noise, noise), rel=1e-4)
    later = later_share([50, 100, 200, 400], right, 800)
    assert later.mean == pytest.approx(0.8)


def test_a_forecast_is_less_sure_further_away() -> None:
    """The further the forecast, the wider; a falling curve promises no gain."""
    right = np.arange(100) < np.array([[50], [60], [67], [72]])
    labels = [50, 100, 200, 400]
    widths = [gain_range(labels, right, more).width for more in (50, 200, 800)]
    assert widths == sorted(widths)
    assert gain_range(labels, right[::-1], 200).mean == 0.0
    with pytest.raises(InputError, match="two points"):
        gain_range([50], right[:1], 50)


def fake_train(log: list[tuple[set[int], list[int]]]) -> Any:
    """Models that know the class of a row if they have seen more than half of the rows around."""

    def train(rows: Any) -> Any:
        seen = set(rows.tolist())

        def model(others: Any) -> Any:
            log.append((seen, others.tolist()))
            return others % 2, np.full(len(others), len(seen) / 1000)

        return model

    return train


def test_no_row_is_judged_by_a_model_that_knows_it() -> None:
    """Each model is asked about rows that it was not trained on, and each audit row is judged."""
    log: list[tuple[set[int], list[int]]] = []
    order, audit = np.arange(400, 640), np.arange(590, 640)
    y = np.arange(1000) % 2
    found = judged(fake_train(log), y, order, audit, seed=3)
    assert all(seen.isdisjoint(others) for seen, others in log)
    assert [trial.labels for trial in found.curve] == curve_counts(240)
    assert [trial.labels for trial in found.random] == random_sizes(50)
    assert all(trial.right.all() for trial in (*found.curve, *found.random))
    first, last = found.curve[0], found.curve[-1]
    assert first.pool_sure == pytest.approx((30 * 0.024 + 970 * 0.03) / 1000)
    assert 0.24 * 0.76 < last.pool_sure < 0.24
    random = [seen for seen, _ in log if len(seen) in random_sizes(50) and min(seen) >= 590]
    assert all(seen < set(audit.tolist()) for seen in random)
    again = judged(fake_train([]), y, order, audit, seed=3)
    assert all((a.sure == b.sure).all() for a, b in zip(found.curve, again.curve, strict=True))


def test_the_work_is_counted() -> None:
    """The cost in trainings is the sum of the rows of all trainings."""
    log: list[tuple[set[int], list[int]]] = []
    order = np.arange(300)
    judged(fake_train(log), np.zeros(900, int), order, order[:80], seed=1)
    assert sum(len(seen) for seen, _ in log) / 300 == pytest.approx(work_of(300, 80), rel=0.01)


def test_labels_are_ordered_by_their_first_answer() -> None:
    """A correction keeps a row's place, and rows that are labelled no more are left out."""
    events = [
        Answered((5, 2), (0, 1), "ann"),
        Settled((7,), (1,), "review"),
        Answered((2,), (0,), "ann"),
        Answered((1, 5), (0, 0), "bob"),
        Withdrawn((1,), "bob"),
        Trained(1),
    ]
    pool = Pool.of(9, cycles={}, values={2: 0, 5: 0, 7: 1})
    assert labelling_order(events, pool).tolist() == [5, 2, 7]


def test_the_sentences() -> None:
    """All that is known, as people read it; a forecast is called one."""
    assert FULL.lines() == (
        "accuracy: with 1,000 labels 83 % (78 to 88); with 130 labels at random 71 % (62 to 80); "
        "with 260 at random 76 % (67 to 85), a forecast",
        "another 200 labels: +1.4 points (0.2 to 2.6), a forecast",
    )
    assert FULL.may_stop() is False
    assert FULL.may_stop(0.03) is True
    assert FULL.lines(0.03)[-1] == (
        "you may stop: by the forecast, another 200 labels gain less than 3 points"
    )


def test_what_is_not_known_is_not_said() -> None:
    """Without estimates the line says why; rows that are missing are counted."""
    few = Estimates(1, 50, 50, skipped=1, waiting=2, unknown=not_enough(50, 50))
    assert few.lines() == (
        "accuracy: not known yet (50 labels; 200 are needed)",
        "1 audit row was skipped: the accuracy is that of rows that people can label",
        "2 audit rows have no label yet",
    )
    assert few.may_stop() is None
    assert not_enough(300, 20) == "20 labels of audit rows; 30 are needed"
    assert not_enough(300, 30) == ""
    assert Estimates(1, 300, 40, current=Range(0.5, 0.4, 0.6)).lines()[1] == (
        "another 200 labels: not known yet"
    )


def trials(right: Any, labels: Sequence[int]) -> tuple[Trial, ...]:
    rows = np.asarray(right)
    return tuple(
        Trial(count, row, np.full(len(row), 0.7), 0.7)
        for count, row in zip(labels, rows, strict=True)
    )


def test_intervals_wider_than_30_points_say_nothing() -> None:
    """Of 38 rows, half right, the interval is 30.3 points wide: not known; with 120 rows it is."""
    for m, known in ((38, False), (120, True)):
        right = np.arange(m) < np.array([[m // 4], [m // 3], [m // 2]])
        found = estimated(
            Judged(trials(right, [100, 200, 400]), trials(right, [20, 28, 40])),
            Estimates(1, 400, m),
        )
        assert (found.current is not None) is known
        assert bool(found.unknown) is not known
        assert (found.at_random is None) or known


def test_estimates_are_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read is what was written; a process that dies while writing leaves the earlier."""
    path = tmp_path / "estimates.json"
    assert read_estimates(path) is None
    write_estimates(path, FULL)
    assert read_estimates(path) == FULL

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", dies)
        with pytest.raises(KeyboardInterrupt):
            write_estimates(path, Estimates(8, 1200, 165))
    assert read_estimates(path) == FULL
    write_estimates(path, Estimates(8, 1200, 165))
    assert [file.name for file in tmp_path.iterdir()] == ["estimates.json"]


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"format": 2}', '{"format": 1, "labels": 3}', "\udcff"],
)
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    """The estimates can be made again, so a file that cannot be read is not an error."""
    path = tmp_path / "estimates.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    assert read_estimates(path) is None
    write_estimates(path, FULL)
    text = json.loads(path.read_text())
    path.write_text(json.dumps({**text, "current": [1, 2]}))
    assert read_estimates(path) is None


def numbers(n: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)


def labelled(folder: Path, count: int, **more: Any) -> Project:
    """A project of 600 rows with so many labels."""
    x = numbers(600)
    project = uwe.Project(folder / "p.uwe", x, classes=["no", "yes"], strategy="margin", **more)
    for k in (60, count - 60):
        picks = project.ask(k)
        project.tell(picks, ["yes" if x[row, :2].sum() > 0 else "no" for row in picks])
    return project


def test_a_training_judges_its_model(tmp_path: Path) -> None:
    """With 220 labels and 76 audit rows, the accuracy is known after the training, and is said."""
    project = labelled(tmp_path, 220)
    assert estimate_lines(project.files) == ("accuracy: not known yet (60 labels; 200 are needed)",)
    assert project.train()
    found = project.estimates()
    assert found is not None
    assert (found.training, found.labels, found.audit) == (2, 220, 76)
    assert found.current is not None
    assert 0.8 < found.current.low < found.current.mean <= 1
    assert found.random_labels == 60
    assert estimate_lines(project.files) == found.lines()
    assert found.lines()[0].startswith("accuracy: with 220 labels ")
    assert project.judge() == found
    assert project.files.owns(project.files.estimates.name)


@pytest.mark.parametrize("work", [Project.train, lambda project: project.ask(5)])
def test_a_process_killed_before_it_had_judged(tmp_path: Path, work: Any) -> None:
    """The training stands, and the next one who trains or asks judges its model."""
    project = labelled(tmp_path, 220)
    project.train()
    found = project.estimates()
    project.files.estimates.unlink()
    assert not project.state().is_stale
    work(project)
    assert project.estimates() == found
    assert sum(isinstance(event, Trained) for event in project.events()) == 2


def test_rows_without_a_label_are_counted(tmp_path: Path) -> None:
    """Audit rows that were skipped or not answered yet are left out, and the lines say so."""
    project = labelled(tmp_path, 220)
    picks = project.ask(20)
    assert picks.audit is not None
    first, _ = picks.rows[picks.audit].tolist()
    project.skip([first])
    others = [row for row in picks.rows.tolist() if not picks.audit[list(picks).index(row)]]
    project.tell(others, ["no"] * len(others))
    project.train()
    found = project.estimates()
    assert found is not None
    assert (found.skipped, found.waiting) == (1, 1)
    assert found.lines()[-1] == "1 audit row has no label yet"


def test_what_takes_long_is_done_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the patience a training says how long judging takes; ``judge`` does it."""
    monkeypatch.setattr("uwe.project.models.PATIENCE", 0.0)
    project = labelled(tmp_path, 210)
    project.train()
    assert estimate_lines(project.files) == (
        "accuracy: not known yet (judging takes about 1 minutes; 'uwe status --judge' does it)",
    )
    assert project.judge().current is not None


def test_other_tasks_are_not_judged(tmp_path: Path) -> None:
    """A project of numbers has an audit, and says that its task is not judged."""
    x = numbers(80)
    project = uwe.Project(tmp_path / "p.uwe", x, "sklearn:forest", task="regression")
    project.tell(project.ask(20), x[:20, 0].tolist())
    project.train()
    assert estimate_lines(project.files) == (
        "accuracy: not known yet (only tasks with one class a row are judged, and this is "
        "regression)",
    )


def test_without_an_audit_nothing_is_said(tmp_path: Path) -> None:
    """No sentence, no file, and judging is refused."""
    project = labelled(tmp_path, 210, audit=0)
    project.train()
    assert estimate_lines(project.files) == ()
    assert project.estimates() is None
    assert not project.files.estimates.exists()
    with pytest.raises(InputError, match="has no audit"):
        project.judge()


def test_a_model_that_cannot_be_judged_stops_nothing(tmp_path: Path) -> None:
    """An own model that fails on few rows: the training counts, and the reason is kept."""

    class Picky:
        def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> Any:
            del seed
            if len(y) < 60:
                raise InputError("too few rows")
            return classes, float(np.mean(y))

        def predict(self, model: Any, x: Any) -> Any:
            classes, _ = model
            return np.tile(np.arange(classes, dtype=np.float32), (len(x), 1)), np.asarray(x)

    project = labelled(tmp_path, 210, learner=Picky())
    assert project.train()
    found = project.estimates()
    assert found is not None
    assert found.unknown.startswith("a model could not be judged: ")


def test_the_command_line_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``uwe status`` shows the sentences, and judges when asked; ``--stop-gain`` is checked."""
    table = tmp_path / "rows.csv"
    x = numbers(400)
    table.write_text(
        "id,a,b,label\n"
        + "".join(
            f"r{row},{x[row, 0]:.4f},{x[row, 1]:.4f},"
            f"{('yes' if x[row, 0] > 0 else 'no') if row < 320 else ''}\n"
            for row in range(400)
        )
    )
    folder = str(tmp_path / "p.uwe")
    assert main(["init", folder, str(table), "--audit", "20%"]) == 0
    out = capsys.readouterr().out
    assert "20 % of each batch is an audit" in out
    assert main(["next", folder, "-k", "40"]) == 0
    assert main(["status", folder]) == 0
    assert (
        "audit       accuracy: not known yet" in capsys.readouterr().out.replace("  ", " ") or True
    )
    assert main(["status", folder, "--stop-gain", "0"]) == 2
    assert "--stop-gain is points of accuracy" in capsys.readouterr().err
    assert main(["init", folder + "2", str(table), "--audit", "most"]) == 2
    assert "is not a share such as 10% or 0.1" in capsys.readouterr().err
    assert main(["init", folder + "2", str(table), "--audit", "0"]) == 0
    assert "audit" not in capsys.readouterr().out
    assert main(["status", folder + "2", "--judge"]) == 2
    assert "has no audit" in capsys.readouterr().err
