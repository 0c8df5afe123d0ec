"""The program ``uwe``: its commands, of which ``demo``, ``results`` and ``list`` are here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.config import Dict
from rich.table import Table
from rich.text import Text

from uwe import __version__
from uwe._files import expanded, write_text
from uwe._unicode import unicode_text
from uwe.cli.agreement import agreement_command
from uwe.cli.config_file import named_files, read_options
from uwe.cli.display import wide_console
from uwe.cli.duplicates import duplicates_command
from uwe.cli.embed import embed_command
from uwe.cli.export import export_command
from uwe.cli.label import label_command
from uwe.cli.options import expand, parse_seeds
from uwe.cli.outputs import check_made
from uwe.cli.predict import predict_command
from uwe.cli.project import next_command, status_command, tell_command
from uwe.cli.project_init import init_command
from uwe.cli.report import report_command
from uwe.cli.run import known_options, repeated_options, run_and_show, run_command, switch_options
from uwe.cli.select import select_command
from uwe.cli.speaking import spoken
from uwe.cli.sync import sync_command
from uwe.data import dataset_lines
from uwe.embedder import backbone_lines
from uwe.errors import InputError, require_known
from uwe.experiment import BUDGETS, Experiment
from uwe.learners import describe_model, model_names
from uwe.strategies import describe_strategy, strategy_names
from uwe.tasks import describe_task, task_names
from uwe.tracking import describe_tracker, tracker_names

__all__ = ["main"]

app = App(
    name="uwe",
    help="Deep active learning: which samples to label next.",
    version=__version__,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

app.command(name="run")(run_command)
app.command(name="select")(select_command)
app.command(name="duplicates")(duplicates_command)
app.command(name="embed")(embed_command)
app.command(name="report")(report_command)
app.command(name="init")(init_command)
app.command(name="next")(next_command)
app.command(name="tell")(tell_command)
app.command(name="status")(status_command)
app.command(name="predict")(predict_command)
app.command(name="label")(label_command)
app.command(name="sync")(sync_command)
app.command(name="export")(export_command)
app.command(name="agreement")(agreement_command)

_DEMO_STRATEGIES = ("uwe", "badge", "coreset", "entropy", "random")


@app.command
def demo(*, folder: Path = Path("uwe-demo"), seeds: str = "1-3") -> None:
    """Run five strategies on scikit-learn's digits: no download, no GPU.

    Parameters
    ----------
    folder
        Folder of the results and of the picture.
    seeds
        One seed or several: 3, 1-3, 1,5.
    """
    template = Experiment(
        "digits",
        budgets=(20, 40, 80, 160),
        model="small",
        epochs=40,
        device="cpu",
        threads=1,
        results=folder / "results",
    )
    picture = expanded(folder) / "curves.svg"
    check_made(picture, sources=[], force=False)
    experiments = expand(template, _DEMO_STRATEGIES, parse_seeds(seeds), {})
    finished = run_and_show(experiments)

    from uwe.cli.studies import show
    from uwe.report import plot_curves
    from uwe.runs import find_curves

    curves = sorted(
        find_curves(template.run.results, only={result.table for result in finished}),
        key=lambda curve: _DEMO_STRATEGIES.index(curve.method),
    )
    plot_curves(curves, picture)
    show(curves)
    print(f"The learning curves are drawn in {picture}; the runs are in {template.run.results}.")


@app.command(name="results")
def results_command(
    folder: Path,
    *,
    output: Path | None = None,
    force: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Print the table of a results folder, and write it as CSV and as a picture.

    Parameters
    ----------
    folder
        A results folder.
    output
        Folder for curves.csv and the pictures. Default: the results folder.
    force
        Overwrite files that exist and are no tables or pictures of `uwe results`.
    """
    from uwe.cli.studies import picture_name, show
    from uwe.report import plot_curves, summary_csv
    from uwe.runs import bounds_of, by_study, find_bounds, find_curves

    folder = expanded(folder)
    curves, bounds = find_curves(folder), find_bounds(folder)
    target = folder if output is None else expanded(output)
    written = [target / "curves.csv"]
    studies = by_study(curves)
    taken = {"curves.csv"}
    for study in studies:
        taken.add(name := picture_name(study[0].study, taken))
        written.append(target / name)
    for path in written:
        check_made(path, sources=[folder], force=force)
    show(curves, bounds)
    write_text(written[0], unicode_text(summary_csv([*curves, *bounds])))
    for study, picture in zip(studies, written[1:], strict=True):
        plot_curves(study, picture, bounds=bounds_of(study, bounds))
    print("Written: " + ", ".join(map(str, written)))


@app.command(name="list")
def list_command(what: str) -> None:
    """List strategies, tasks, datasets, models and other names, a line each.

    Parameters
    ----------
    what
        strategies, tasks, datasets, models, backbones, formats, trackers or budgets.
    """
    require_known(what, _LISTS, "list")
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    for name, text in _LISTS[what]():
        table.add_row(name, Text(text))
    wide_console().print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    return spoken("uwe", lambda: _parse_and_run(tokens))


def _parse_and_run(tokens: list[str]) -> None:
    app.config = _config_of(tokens) if tokens[:1] == ["run"] else ()
    app(tokens, exit_on_error=False, print_error=False)


def _config_of(tokens: Sequence[str]) -> tuple[Dict, ...]:
    """The options of the configuration file that the tokens name, if any."""
    return tuple(
        Dict(
            {"run": read_options(path, known_options(), repeated_options(), switch_options())},
            source=str(path),
        )
        for path in named_files(tokens)
    )


def _lines(names: Sequence[str], describe: Callable[[str], str]) -> list[tuple[str, str]]:
    """A line each; a package that is broken does not hide the others."""
    found = []
    for name in names:
        try:
            found.append((name, describe(name)))
        except InputError as error:
            found.append((name, str(error)))
    return found


def _of_strategy(name: str) -> str:
    line, source = describe_strategy(name)
    return f"{line}\nSource: {source}"


def _budget_lines() -> list[tuple[str, str]]:
    return [(name, ", ".join(map(str, labels)) + " labels") for name, labels in BUDGETS.items()]


def _format_lines() -> list[tuple[str, str]]:
    from uwe.formats import FORMATS

    return [(each.name, each.about) for each in FORMATS.values()]


_ANY_ENCODER = "hf:NAME"
"""Stands for any encoder of the hub or of a local folder."""

_LISTS: dict[str, Callable[[], Sequence[tuple[str, str]]]] = {
    "strategies": lambda: _lines(strategy_names(), _of_strategy),
    "tasks": lambda: _lines(task_names(), describe_task),
    "datasets": lambda: list(dataset_lines().items()),
    "models": lambda: _lines([*model_names(), _ANY_ENCODER], describe_model),
    "backbones": backbone_lines,
    "formats": _format_lines,
    "trackers": lambda: _lines(tracker_names(), describe_tracker),
    "budgets": _budget_lines,
}
