"""A project's journal as a desk keeps up with it: read as it grows, written under the lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from uwe import journal
from uwe.errors import InputError, RunError
from uwe.journal import Event, Fitting, Follower
from uwe.label.board import Board
from uwe.project import Project
from uwe.project.locks import waited
from uwe.tasks import are_labels

__all__ = ["Books"]


class Books:
    """What the journal of a project says, kept up to date, and new events of it.

    Args:
        project: whose journal it is.
        wanted: how many people are asked about a row.

    Attributes:
        project: whose journal it is.
        board: what the journal says.

    Raises:
        RunError: the journal is missing or damaged.
    """

    def __init__(self, project: Project, wanted: Callable[[int], int]) -> None:
        self.project = project
        self._path = project.files.journal
        self._follower = Follower(self._path)
        self._fitting = Fitting(self._path)
        self.board = Board(
            len(project.ids), project.task, answers=project.settings.answers, wanted=wanted
        )
        if not self._path.is_file():
            raise RunError(
                f"{self._path} is missing, and with it the answers; restore it from a copy"
            )
        self.catch_up()

    def catch_up(self) -> None:
        """Take in what other processes appended, and classes that they added.

        Raises:
            InputError: the project is no longer there.
            RunError: the journal is damaged, or rows were taken in since the project was opened.
        """
        self.project.refresh()
        events = self._follower.look()
        if events:
            is_label = partial(are_labels, self.project.task.targets)
            self._fitting.require(events, len(self.project.ids), is_label=is_label)
            self.board.apply(events)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """No other process appends what people say, and all that they said is known.

        Raises:
            InputError: the project is no longer there.
            RunError: as `catch_up`.
        """
        self.project.files.require()
        with waited(self.project.files.tell_lock):
            self.catch_up()
            yield

    def write(self, *events: Event) -> list[Event]:
        """Append events in one write, wait until they are on the disk, and take them in.

        `telling` is held.

        Returns:
            The events with their ids and times.
        """
        if not events:
            raise InputError("there is nothing to write")
        written = journal.append(self._path, *events)
        self.catch_up()
        return written
