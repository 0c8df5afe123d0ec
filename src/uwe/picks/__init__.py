"""Selecting from a pool of one's own: arrays in, picks and the reasons for them out."""

from uwe.picks.chosen import Selection, select
from uwe.picks.estimator import query

__all__ = ["Selection", "query", "select"]
