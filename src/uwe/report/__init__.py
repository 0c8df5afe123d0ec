"""What results look like: reports, tables and pictures."""

from typing import TYPE_CHECKING

from uwe._lazy import lazily

if TYPE_CHECKING:
    from uwe.report.build import FORMATS, build_report, write_report
    from uwe.report.curves import plot_curves
    from uwe.report.document import DataTable, Report
    from uwe.report.own_files import is_own_file
    from uwe.report.summary import curve_lines, random_target, short_unit, summary_csv
    from uwe.report.units import Unit

__all__ = [
    "FORMATS",
    "DataTable",
    "Report",
    "Unit",
    "build_report",
    "curve_lines",
    "is_own_file",
    "plot_curves",
    "random_target",
    "short_unit",
    "summary_csv",
    "write_report",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "build": ["FORMATS", "build_report", "write_report"],
        "curves": ["plot_curves"],
        "document": ["DataTable", "Report"],
        "own_files": ["is_own_file"],
        "summary": ["curve_lines", "random_target", "short_unit", "summary_csv"],
        "units": ["Unit"],
    },
)
