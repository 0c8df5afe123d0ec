"""What a user sees while it runs: one line a finished step, and bars that move."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from math import isfinite
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from uwe._types import Stage

if TYPE_CHECKING:
    from uwe.experiment import RunPlan
    from uwe.report import Unit
    from uwe.runs import Curve

__all__ = [
    "Display",
    "curve_tables",
    "curve_title",
    "plain_console",
    "plan_table",
    "wide_console",
]

_MEBIBYTE = 2**20
_WIDE = 160
_FEW = 6  # budgets that stay side by side in a narrow terminal, in cells of several lines
_FRAME = 3  # signs about a cell


class Display:
    """Live progress on standard error; call it with every `Stage`."""

    def __init__(self) -> None:
        self.console = wide_console(stderr=True)
        self.last: Stage | None = None
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
        )
        self._all = self._bars.add_task("trainings", total=None)
        self._bar_of: dict[str, TaskID] = {}
        self._handler = RichHandler(
            console=self.console, show_level=False, show_path=False, markup=False,
            log_time_format="%H:%M:%S", omit_repeated_times=False,
        )  # fmt: skip
        self._level = logging.NOTSET

    def __enter__(self) -> Display:
        log = logging.getLogger("uwe")
        self._level = log.level
        log.setLevel(logging.INFO)
        log.addHandler(self._handler)
        self._handler.addFilter(_worth_showing)
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()
        log = logging.getLogger("uwe")
        log.removeHandler(self._handler)
        log.setLevel(self._level)

    def expect(self, plans: Sequence[RunPlan]) -> None:
        """Say how many trainings are to come."""
        self._bars.update(self._all, total=sum(plan.trainings for plan in plans))

    def __call__(self, stage: Stage) -> None:
        """Show where the work stands."""
        self.last = stage
        if stage.name == "cycle":
            self._bars.advance(self._all)
            self._remove(stage.run)
            return
        if stage.run not in self._bar_of:
            self._bar_of[stage.run] = self._bars.add_task("", total=1)
        where = f"{stage.run}, cycle {stage.cycle}: {stage.name}" if stage.run else stage.name
        self._bars.update(
            self._bar_of[stage.run], description=where, completed=stage.done, total=stage.total
        )

    def _remove(self, run: str) -> None:
        """A run has a bar from the first stage of a cycle to its last."""
        if (bar := self._bar_of.pop(run, None)) is not None:
            self._bars.remove_task(bar)

    def standing(self) -> str:
        """Where the work was when it was last heard of."""
        if self.last is None or not self.last.run:
            return "before the first run"
        return f"in {self.last.run}, cycle {self.last.cycle}"


def wide_console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal; wide enough for our lines where there is none.

    It prints text as it is: `[/x]` in a name is no markup, and `:tada:` no picture.
    """
    console = plain_console(stderr=stderr)
    return console if console.is_terminal else plain_console(stderr=stderr, width=_WIDE)


def plain_console(*, stderr: bool = False, width: int | None = None) -> Console:
    """A console that prints text as it is, also in the cells and titles of tables."""
    return Console(stderr=stderr, width=width, markup=False, emoji=False)


def curve_title(curves: Sequence[Curve], details: str) -> str:
    """The title of a study's table; ``details`` tell it from others of its name."""
    from uwe.report import short_unit

    study = curves[0].study
    n = max(len(curve.seeds) for curve in curves)
    spread = "mean ± sample deviation over " if n > 1 else ""
    parts = [
        study.dataset,
        study.model,
        f"{study.epochs} epochs" if study.epochs else "",
        details,
        "no record" if any(curve.lacks_record for curve in curves) else "",
    ]
    named = ", ".join(part for part in parts if part)
    unit = short_unit(curves)
    told = f"test {unit.told}{unit.direction}"
    return f"{named}: {told}, {spread}n = {n} seed{'s' if n > 1 else ''}"


def curve_tables(
    curves: Sequence[Curve], bounds: Sequence[Curve] = (), *, width: int = _WIDE
) -> list[Table]:
    """Values per budget, and the labels needed to reach what random reaches at the end.

    A line is a strategy. Where the budgets are too many for that, a line is a budget, and the
    strategies are in as many tables as they need.

    Args:
        curves: of a study.
        bounds: its upper bounds.
        width: of the console.
    """
    from uwe.report import curve_lines, random_target, short_unit

    target, unit = random_target(curves), short_unit(curves)
    labels = sorted({int(label) for curve in curves for label in curve.labels})
    titles = ["strategy", *(f"{label:,}" for label in labels)]
    if target is not None:
        titles.append(f"labels to\n{unit.value(target)}")
    lines = list(curve_lines(curves))
    if _width_of(zip(titles, *lines, strict=True)) <= width or len(labels) <= _FEW:
        tables = [_table_of(titles, lines)]
    else:
        names = ["labels", *titles[1:-1], titles[-1].replace("\n", " ")]
        tables = [
            _table_of([names[0], *(line[0] for line in its)], list(zip(*rows, strict=True)))
            for its in _fitting(names, lines, width)
            for rows in [[names[1:], *(line[1:] for line in its)]]
        ]
    below = [*_target_line(target, unit), *(_bound_line(bound, unit) for bound in bounds)]
    tables[-1].caption = "\n".join(below) or None
    tables[-1].caption_justify = "left"
    return tables


def _table_of(titles: Sequence[str], lines: Iterable[Sequence[str]]) -> Table:
    table = Table()
    for at, title in enumerate(titles):
        table.add_column(title, justify="right" if at else "left")
    for line in lines:
        table.add_row(*line)
    return table


def _width_of(columns: Iterable[Sequence[str]]) -> int:
    """Signs in a line of a table of these columns, its frame included."""
    parts = (max(len(part) for cell in its for part in cell.split("\n")) for its in columns)
    return 1 + sum(part + _FRAME for part in parts)


def _fitting(
    names: Sequence[str], lines: Sequence[Sequence[str]], width: int
) -> list[list[Sequence[str]]]:
    """The lines in groups that fit side by side, each of at least one."""
    groups: list[list[Sequence[str]]] = [[]]
    for line in lines:
        if groups[-1] and _width_of([names, *groups[-1], line]) > width:
            groups.append([])
        groups[-1].append(line)
    return groups


def plan_table(plans: Sequence[RunPlan]) -> Table:
    """What is still to be done, and what it takes."""
    table = Table(title="What is missing", title_justify="left")
    table.add_column("run")
    for column in ("cycles", "trainings", "rows of inference", "disk, MiB"):
        table.add_column(column, justify="right")
    for plan in plans:
        table.add_row(plan.name, *_costs([plan]))
    table.add_section()
    runs = sum(plan.trainings > 0 for plan in plans)
    table.add_row(f"{runs} runs in all", *_costs(plans))
    return table


def _target_line(target: float | None, unit: Unit) -> list[str]:
    told = f"random's last {unit.metric.label}"
    return [] if target is None else [f"{unit.value(target)} is {told}"]


def _bound_line(bound: Curve, unit: Unit) -> str:
    [mean], [std] = bound.mean, bound.std
    spread = f" ± {unit.number(std)}" if isfinite(std) else ""
    labels, n = int(bound.labels[0]), len(bound.seeds)
    return f"supervised on all {labels:,} labels: {unit.number(mean)}{spread} (n = {n})"


def _costs(plans: Sequence[RunPlan]) -> tuple[str, str, str, str]:
    return (
        f"{sum(plan.cycles for plan in plans):,}",
        f"{sum(plan.trainings for plan in plans):,}",
        f"{sum(plan.inference_rows for plan in plans):,}",
        f"{sum(plan.disk_bytes for plan in plans) / _MEBIBYTE:,.1f}",
    )


def _worth_showing(record: logging.LogRecord) -> bool:
    """On the screen a line a cycle is enough; the log file has every step."""
    return record.levelno > logging.INFO or hasattr(record, "screen")
