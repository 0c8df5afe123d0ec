"""Names are printed as they are: square brackets are no markup, and HTML is escaped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uwe.cli import main
from uwe.cli.display import Display, curve_tables, curve_title, plain_console, wide_console
from uwe.runs import Curve, Study
from uwe.tasks import classification

ODD = ["a[/x]b", "[bold]b", "[red", "c\\", "[link=http://x]y[/link]", ":tada:", "[/]"]


def a_curve(name: str, dataset: str = "d") -> Curve:
    values = np.array([[50.0, 60.0], [52.0, 61.0]])
    return Curve(
        Study(dataset, "m", "1", "10-20"), name, name, (1, 2), np.array([10, 20]), values,
        metric=classification().headline,
    )  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_tables_and_titles_show_names_as_they_are(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of strategies, data sets and settings."""
    curve = a_curve(name, dataset=name)
    wide_console().print(curve_title([curve], f"rate {name}"))
    wide_console().print(*curve_tables([curve]))
    out = capsys.readouterr().out
    assert out.count(name) == 3
    assert f"rate {name}" in out


@pytest.mark.parametrize("name", ODD)
def test_the_progress_shows_names_as_they_are(name: str) -> None:
    """A run's name in the bars, too."""
    display = Display()
    column = display._bars.columns[0]
    task = display._bars.add_task(name, total=1)
    shown = column.render(next(each for each in display._bars.tasks if each.id == task))
    assert str(shown) == name


def test_consoles_know_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither brackets nor names of pictures."""
    plain_console(width=40).print("[bold]:tada: [/x]")
    assert capsys.readouterr().out == "[bold]:tada: [/x]\n"


@pytest.mark.parametrize("name", ["a[/x]b", "<b>i</b>", 'q"&'])
def test_a_report_of_odd_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A folder may be called anything; the page escapes it, the terminal shows it."""
    folder = tmp_path / "runs"
    for seed in (1, 2, 3):
        its = folder / name.replace("/", "-") / f"seed{seed}.csv"
        its.parent.mkdir(parents=True, exist_ok=True)
        its.write_text(f"n_labeled,te_accuracy\n10,0.{50 + seed}\n20,0.{60 + seed}\n")
        (folder / f"random_s{seed}.csv").write_text("n_labeled,te_accuracy\n10,0.5\n20,0.55\n")
    assert main(["report", str(folder), "--output", str(tmp_path)]) == 0
    shown = name.replace("/", "-")
    assert shown in capsys.readouterr().out.replace("\n", "")
    page = (tmp_path / "report.html").read_text()
    if "<" in shown:
        assert shown not in page
        assert shown.replace("<", "&lt;").replace(">", "&gt;") in page
