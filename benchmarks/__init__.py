"""Measurements: what the documentation claims, and the commands that repeat it."""
