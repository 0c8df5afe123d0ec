"""Data sets: a pool to label from, and rows to test on; one module a source."""

from uwe.data.catalogue import dataset_lines, dataset_names, load_dataset
from uwe.data.dataset import UNPREPARED, Dataset, ImageRows, Preparation, Split

__all__ = [
    "UNPREPARED",
    "Dataset",
    "ImageRows",
    "Preparation",
    "Split",
    "dataset_lines",
    "dataset_names",
    "load_dataset",
]
