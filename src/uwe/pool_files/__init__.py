"""Pools as people keep them: arrays in files, found by name and left where they are.

`places` makes a pool of what a model says at the places of images: maps, or detected objects.
"""

from uwe.pool_files.detections import Detected, Detections, open_detections
from uwe.pool_files.maps import Maps, open_maps
from uwe.pool_files.place_pools import Places, places
from uwe.pool_files.pool_file import KEYS, PoolFile, open_pool

__all__ = [
    "KEYS",
    "Detected",
    "Detections",
    "Maps",
    "Places",
    "PoolFile",
    "open_detections",
    "open_maps",
    "open_pool",
    "places",
]
