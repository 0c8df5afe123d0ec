"""Pools as people keep them: arrays in files, found by name and left where they are."""

from uwe.pool_files.pool_file import KEYS, PoolFile, open_pool

__all__ = ["KEYS", "PoolFile", "open_pool"]
