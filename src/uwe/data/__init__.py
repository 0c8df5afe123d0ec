"""Data sets: a pool to label from, and rows to test on; one module a source."""

from uwe.data.catalogue import check_dataset, dataset_lines, dataset_names, load_dataset
from uwe.data.dataset import Dataset
from uwe.data.labelled_rows import load_labelled_rows
from uwe.data.request import Request
from uwe.data.splits import IMAGENET, UNPREPARED, ImageRows, Preparation, Split, row_count, rows_of

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
