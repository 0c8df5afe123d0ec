"""The colours of pages and charts, on light and on dark paper."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["COLOURS", "DARK", "LIGHT", "colour", "themes"]

COLOURS = 8

LIGHT: Mapping[str, str] = {
    "paper": "#fcfcfb", "ink": "#1d1f21", "soft": "#5b6066", "line": "#d9dbdd", "grid": "#e9eaeb",
    "accent": "#0b62a8", "note": "#fff6df", "cell": "#0b62a8",
    "c0": "#0b6fb8", "c1": "#c8500a", "c2": "#0a8a63", "c3": "#b8508f",
    "c4": "#a67800", "c5": "#4a3fb0", "c6": "#b3261e", "c7": "#5f7a12",
    "k8": "#3aa0c9", "k9": "#8a6a55", "base": "#5b6066",
}  # fmt: skip

DARK: Mapping[str, str] = {
    "paper": "#15171a", "ink": "#e8e9ea", "soft": "#a5abb1", "line": "#3a3f45", "grid": "#262a2e",
    "accent": "#7cbcf2", "note": "#35301c", "cell": "#4f9fe0",
    "c0": "#5fb0f0", "c1": "#f58a4b", "c2": "#3fc79a", "c3": "#e58fc3",
    "c4": "#e0b73c", "c5": "#a79dff", "c6": "#f2786f", "c7": "#b3cf5a",
    "k8": "#7fd3f2", "k9": "#c2a18b", "base": "#a5abb1",
}  # fmt: skip


def colour(at: int) -> str:
    """The class of the at-th colour.

    Where there are more series than colours, the next ones are dotted.

    >>> colour(1), colour(9)
    ('c1', 'c1 again')
    """
    dotted = " again" if at // COLOURS % 2 else ""
    return f"c{at % COLOURS}{dotted}"


def themes() -> str:
    """The colours as CSS variables: light ones, and dark ones where the reader prefers them."""
    return (
        f":root {{ {_variables(LIGHT)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}\n"
    )


def _variables(colours: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in colours.items())
