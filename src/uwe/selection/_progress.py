"""How the kernels say how far they are."""

from __future__ import annotations

from uwe._types import Progress, Stage

__all__ = ["tell"]


def tell(progress: Progress | None, done: int, total: int) -> None:
    """Report ``done`` of ``total`` picks, if anybody listens."""
    if progress is not None:
        progress(Stage("", 0, "select", done, total))
