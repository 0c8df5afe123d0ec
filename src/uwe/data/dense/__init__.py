"""Data sets whose labels are masks or boxes: files of them, and columns of tables.

Every format becomes `DenseRows`. The loaders decode them into the cache once.
"""

from __future__ import annotations

from uwe.data.dense.columns import load_dense_hub
from uwe.data.dense.folder import load_dense_folder

__all__ = ["load_dense_folder", "load_dense_hub"]
