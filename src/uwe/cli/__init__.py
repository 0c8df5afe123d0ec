"""The command line: parsing and printing only."""

from uwe.cli.main import main

__all__ = ["main"]
