"""The results folder: what lies where, the CSV of a run, and tables over runs."""

from uwe.runs.curves import Curve, Study, find_bounds, find_curves
from uwe.runs.cycles import COLUMNS, TIMING_COLUMNS, cycle_rows, write_cycles, write_query
from uwe.runs.names import (
    RunFiles,
    al_files,
    cycle0_beside,
    cycle0_files,
    file_name,
    files_of_table,
    initial_rows_file,
    supervised_files,
)
from uwe.runs.others import read_others
from uwe.runs.tables import read_acc_files, read_cycles

__all__ = [
    "COLUMNS",
    "TIMING_COLUMNS",
    "Curve",
    "RunFiles",
    "Study",
    "al_files",
    "cycle0_beside",
    "cycle0_files",
    "cycle_rows",
    "file_name",
    "files_of_table",
    "find_bounds",
    "find_curves",
    "initial_rows_file",
    "read_acc_files",
    "read_cycles",
    "read_others",
    "supervised_files",
    "write_cycles",
    "write_query",
]
