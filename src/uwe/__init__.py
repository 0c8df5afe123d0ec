"""Deep active learning: which samples to label next.

The public names; everything else may change from one version to the next.
"""

from importlib.metadata import version as _version

from uwe.data import Dataset, Preparation, Split, load_dataset
from uwe.errors import DataError, InputError, RunError, UweError
from uwe.experiment import Experiment, Result, run, supervise
from uwe.points import Product
from uwe.predictions import Predictions
from uwe.results import read_acc_files
from uwe.selection import Plan, certify, k_center, k_means_pp, plan_selection
from uwe.strategies import Strategy, find_strategy

__version__ = _version("uwe")

__all__ = [
    "DataError",
    "Dataset",
    "Experiment",
    "InputError",
    "Plan",
    "Predictions",
    "Preparation",
    "Product",
    "Result",
    "RunError",
    "Split",
    "Strategy",
    "UweError",
    "__version__",
    "certify",
    "find_strategy",
    "k_center",
    "k_means_pp",
    "load_dataset",
    "plan_selection",
    "read_acc_files",
    "run",
    "supervise",
]
