"""Selecting from a pool of one's own: arrays in, picks and the reasons for them out."""

from uwe.selecting.estimator import query
from uwe.selecting.picks import Selection, select

__all__ = ["Selection", "query", "select"]
