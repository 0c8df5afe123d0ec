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
        found: the labels that were found last, the least supported first; None before a search.
    """

    def __init__(self, find: Callable[[], Relabelling | None]) -> None:
        self.found: tuple[Doubt, ...] | None = None
        self._find = find
        self._is_working = False
        self._of: int | None = None

    def look(self, training: int) -> None:
        """Begin a search if none was made since a training; the caller's lock is held."""
        if self._is_working or self._of == training:
            return
        self._is_working, self._of = True, training
        threading.Thread(target=self._search, name="uwe-doubts", daemon=True).start()

    def _search(self) -> None:
        try:
            relabelling = self._find()
            self.found = () if relabelling is None else relabelling.doubts
        except UweError as error:
            self.found = ()
            log.info("no labels are proposed to be looked at again: %s", error)
        finally:
            self._is_working = False
