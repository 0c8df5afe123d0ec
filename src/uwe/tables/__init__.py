"""Tables in files: CSV and the like, JSON lines, Parquet, Feather and Arrow, read in one way.

`open_table` opens any of them. `read_labels` and `read_ids` read what people hand back: labels of
items, and lists of items. `PICK_COLUMNS` is the schema of picks.
"""

from uwe.tables.ids import read_ids, read_labels_by_id
from uwe.tables.labels import LabelRow, LabelRows, read_labels, readable_labels
from uwe.tables.opening import (
    TABLE_SUFFIXES,
    encoding_of,
    is_table,
    open_shards,
    open_table,
    stem_of,
    tables_in,
)
from uwe.tables.picks import PICK_COLUMNS
from uwe.tables.row_ids import ID_NAMES, IdRows, as_ids, checked_ids, id_column, matched, shown_id
from uwe.tables.table import LABEL_NAMES, Table, blocks_of

__all__ = [
    "ID_NAMES",
    "LABEL_NAMES",
    "PICK_COLUMNS",
    "TABLE_SUFFIXES",
    "IdRows",
    "LabelRow",
    "LabelRows",
    "Table",
    "as_ids",
    "blocks_of",
    "checked_ids",
    "encoding_of",
    "id_column",
    "is_table",
    "matched",
    "open_shards",
    "open_table",
    "read_ids",
    "read_labels",
    "read_labels_by_id",
    "readable_labels",
    "shown_id",
    "stem_of",
    "tables_in",
]
