"""Deep active learning: which samples to label next.

The public names; everything else may change from one version to the next.
"""

from importlib.metadata import version as _version

from uwe.data import Dataset, Preparation, Split, load_dataset
from uwe.errors import DataError, InputError, RunError, UweError
from uwe.experiment import Experiment, Result, run, supervise
from uwe.predictions import Predictions
from uwe.results import read_acc_files
from uwe.strategies import Strategy, find_strategy

__version__ = _version("uwe")

__all__ = [
    "DataError",
    "Dataset",
    "Experiment",
    "InputError",
    "Predictions",
    "Preparation",
    "Result",
    "RunError",
    "Split",
    "Strategy",
    "UweError",
    "__version__",
    "find_strategy",
    "load_dataset",
    "read_acc_files",
    "run",
    "supervise",
]
