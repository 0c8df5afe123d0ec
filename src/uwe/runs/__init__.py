"""The results folder: names, records and journals of runs, their tables, and curves over seeds."""

from uwe.runs.curves import bounds_of, by_study, find_bounds, find_curves
from uwe.runs.cycles import (
    TIMING_COLUMNS,
    columns_of,
    cycle_rows,
    label_cell,
    write_cycles,
    write_query,
)
from uwe.runs.metric import metric_of, task_of
from uwe.runs.names import (
    RunFiles,
    RunName,
    file_name,
    initial_rows_file,
    is_shown,
    tables_in,
)
from uwe.runs.others import read_others
from uwe.runs.record import Record, read_record
from uwe.runs.store import RunStore, find_runs, has_own_cycle0
from uwe.runs.study import Curve, Study, details_of
from uwe.runs.tables import read_acc_files, read_cycles

__all__ = [
    "TIMING_COLUMNS",
    "Curve",
    "Record",
    "RunFiles",
    "RunName",
    "RunStore",
    "Study",
    "bounds_of",
    "by_study",
    "columns_of",
    "cycle_rows",
    "details_of",
    "file_name",
    "find_bounds",
    "find_curves",
    "find_runs",
    "has_own_cycle0",
    "initial_rows_file",
    "is_shown",
    "label_cell",
    "metric_of",
    "read_acc_files",
    "read_cycles",
    "read_others",
    "read_record",
    "tables_in",
    "task_of",
    "write_cycles",
    "write_query",
]
