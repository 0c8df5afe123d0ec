"""The command ``uwe report``: what runs show, and what they cannot."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from cyclopts import Parameter
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from uwe._files import expanded
from uwe.cli.display import plain_console, wide_console
from uwe.cli.options import Number
from uwe.cli.outputs import check_made
from uwe.errors import InputError, UweError

if TYPE_CHECKING:
    from uwe.report import DataTable, Report
    from uwe.runs import Curve

__all__ = ["page_of", "print_report", "report_command", "report_of_run"]

_NARROW = 80

ReportFormat: TypeAlias = Literal["html", "md", "json"]


def report_command(
    *paths: Path,
    html: Path | None = None,
    output: Path | None = None,
    format: Annotated[list[ReportFormat] | None, Parameter(negative=())] = None,
    target: Number | None = None,
    scale: Literal["log", "linear"] = "log",
    level: Number = 0.95,
    data_dir: Path | None = None,
    force: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Compare strategies: statistics, tables and figures, as one page that works offline.

    Parameters
    ----------
    paths
        Results folders; or any CSV files with the columns n_labeled and te_accuracy (or
        te_micro_f1, te_rmse), named STRATEGY_s1.csv, or folders of such files.
    html
        Where the page goes; default: report.html in --output.
    output
        Folder of the reports; default: the first results folder.
    format
        html, md or json; may be given several times. Default: html.
    target
        Value of the headline metric for the labels to target, a share in percent; default:
        random's last.
    scale
        log or linear: the axis of labels, and the budgets under the areas.
    level
        Of the intervals.
    data_dir
        Folder of the data, for images and test labels; default: where the runs had it from.
    force
        Overwrite files that exist and are no reports of uwe.
    """
    if not paths:
        raise InputError("uwe report needs a results folder or CSV files")
    formats = format or ["html"]

    from uwe.report import build_report, write_report

    if data_dir is not None and not expanded(data_dir).is_dir():
        raise InputError(f"--data-dir is {data_dir}, and there is no such folder")
    written = _written(expanded(paths[0]), output, html, formats)
    for path in written:
        check_made(path, sources=paths, force=force)
    curves, bounds = _read([expanded(path) for path in paths])
    report = build_report(
        curves, bounds, scale=scale, level=level, target=target, data_dir=data_dir
    )
    for path in written:
        write_report(report, path)
    print_report(report)
    print("Written: " + ", ".join(map(str, written)))


def page_of(folder: Path) -> Path:
    """The page of a results folder."""
    return folder / "report.html"


def report_of_run(folder: Path, tables: Set[Path]) -> str:
    """Write the page of the studies that ``tables`` belong to, and say where it is.

    The runs are finished already, so an error is returned as text, not raised.
    """
    from uwe.report import build_report, write_report
    from uwe.runs import find_bounds, find_curves

    path = page_of(folder)
    try:
        check_made(path, sources=[folder], force=False)
        every = find_curves(folder)
        studies = {curve.study for curve in every if tables & set(curve.paths)}
        curves = [curve for curve in every if curve.study in studies]
        write_report(build_report(curves, find_bounds(folder)), path)
    except UweError as error:
        return f"No report was written: {error}"
    return f"What they show is in {path}."


def print_report(report: Report) -> None:
    """The table and the sentences that matter, in 80 columns."""
    console = wide_console()
    narrow = plain_console(width=min(console.width, _NARROW))
    for table in report.summary:
        narrow.print(_as_rich(table))
    for sentence in report.sentences:
        narrow.print(Text(f"- {sentence}"))
    for warning in report.warnings:
        narrow.print(Text(f"Note: {warning}"))


def _as_rich(table: DataTable) -> Table:
    shown = Table(
        title=table.title,
        title_justify="left",
        caption=table.note,
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=0,
        show_edge=False,
    )
    for at, column in enumerate(table.columns):
        shown.add_column(column.title, justify="left" if at == 0 else "right")
    for line in table.lines():
        shown.add_row(*line)
    return shown


def _read(paths: Sequence[Path]) -> tuple[list[Curve], list[Curve]]:
    """Curves and upper bounds of all folders and files."""
    from uwe.runs import find_bounds, find_curves, is_shown, read_others, tables_in

    curves: list[Curve] = []
    bounds: list[Curve] = []
    files: list[Path] = []
    for path in paths:
        if path.is_file() or not path.exists():
            files.append(path)
        elif not path.is_dir():
            raise InputError(f"{path} is no file and no folder; name results folders or CSV files")
        elif tables_in(path):
            curves += find_curves(path)
            bounds += find_bounds(path)
        else:
            files += list(filter(is_shown, sorted(_csv_below(path)))) or _nothing_in(path)
    curves += read_others(files) if files else []
    _check_distinct(curves)
    return curves, bounds


def _csv_below(folder: Path) -> list[Path]:
    return [*folder.rglob("*.csv"), *folder.rglob("*.csv.gz")]


def _nothing_in(folder: Path) -> list[Path]:
    raise InputError(f"{folder} holds no results and no CSV files; 'uwe run' writes results")


def _check_distinct(curves: Sequence[Curve]) -> None:
    """One strategy of a study may not come from two folders."""
    first: dict[tuple[object, str], Curve] = {}
    for curve in curves:
        earlier = first.setdefault((curve.study, curve.method), curve)
        if earlier is not curve:
            raise InputError(
                f"{curve.method} is in two of the folders ({earlier.paths[0]} and "
                f"{curve.paths[0]}); name the one folder that holds both"
            )


def _written(
    first: Path, output: Path | None, html: Path | None, formats: Sequence[str]
) -> list[Path]:
    folder = (first if first.is_dir() else first.parent) if output is None else expanded(output)
    named = {name: folder / f"report.{name}" for name in formats}
    if html is not None:
        if html.suffix != ".html":
            raise InputError(f"--html is {html}; a page's name ends in .html")
        named["html"] = expanded(html)
    return list(named.values())
