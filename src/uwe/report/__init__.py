"""What results look like: tables and pictures."""

from uwe.report.curves import plot_curves
from uwe.report.summary import curve_lines, random_target, summary_csv

__all__ = ["curve_lines", "plot_curves", "random_target", "summary_csv"]
