"""The former place of `uwe.data.labelled_rows`, for scripts that import it from here."""

from uwe.data.labelled_rows import load_labelled_rows

__all__ = ["load_labelled_rows"]
