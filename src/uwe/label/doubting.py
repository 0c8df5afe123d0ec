"""Labels that the model contradicts, found in a thread, so that no request waits for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from uwe.errors import UweError
from uwe.label.relabel import Doubt, Relabelling

__all__ = ["Doubting"]

log = logging.getLogger("uwe")


class Doubting:
    """Finds the labels to look at again, once for each training, from the first question on.

    Args:
        find: finds them for what is known now; called in a thread.

    Attributes:
        is_working: whether a search is going on.
        trouble: why the last search failed, or None.
    """

    def __init__(self, find: Callable[[], Relabelling | None]) -> None:
        self.is_working = False
        self.trouble: str | None = None
        self._find = find
        self._of: int | None = None
        self._found: tuple[Doubt, ...] | None = None

    def found(self) -> tuple[Doubt, ...] | None:
        """The labels that were found last, the least supported first; None before a search."""
        return self._found

    def look(self, training: int) -> None:
        """Begin a search if none was made since a training; the caller's lock is held."""
        if self.is_working or self._of == training:
            return
        self.is_working, self._of = True, training
        threading.Thread(target=self._search, name="uwe-doubts", daemon=True).start()

    def _search(self) -> None:
        try:
            relabelling = self._find()
            self._found = () if relabelling is None else relabelling.doubts
            self.trouble = None
        except UweError as error:
            self._found, self.trouble = (), str(error)
            log.info("no labels are proposed to be looked at again: %s", error)
        finally:
            self.is_working = False
