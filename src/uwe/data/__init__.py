"""Data sets: a pool to label from, and rows to test on; one module a source."""

from uwe.data.catalogue import check_dataset, dataset_lines, dataset_names, load_dataset
from uwe.data.dataset import (
    IMAGENET,
    UNPREPARED,
    Dataset,
    ImageRows,
    Preparation,
    Split,
    row_count,
    rows_of,
)
from uwe.data.labelled_rows import load_labelled_rows
from uwe.data.request import Request

__all__ = [
    "IMAGENET",
    "UNPREPARED",
    "Dataset",
    "ImageRows",
    "Preparation",
    "Request",
    "Split",
    "check_dataset",
    "dataset_lines",
    "dataset_names",
    "load_dataset",
    "load_labelled_rows",
    "row_count",
    "rows_of",
]
