"""One round between a project and a Label Studio: take what people said, train, send picks.

Nothing is remembered beside the journal: what was sent is looked up in the server, by the id that a
task's data hold. So a round that is ended in the middle doubles and loses nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from uwe._locks import Busy
from uwe.errors import InputError
from uwe.formats.label_studio.annotations import answers_in
from uwe.formats.label_studio.client import Unreachable
from uwe.formats.label_studio.labelling import (
    Controls,
    configuration,
    controls_in,
    has_fewer_classes,
)
from uwe.formats.label_studio.pictures import picture_file
from uwe.formats.label_studio.scored_labels import MODEL, scored_labels
from uwe.formats.label_studio.sending import (
    Plan,
    asked_rows,
    content_of,
    planned,
    predictions_of,
    require_same_items,
    task_of,
)
from uwe.formats.label_studio.server import TITLE_LETTERS, Server, StudioProject
from uwe.formats.label_studio.taking import fresh, withdrawn
from uwe.project import Project, Told
from uwe.project.audit import asked_for_audit
from uwe.runs.lock import held

__all__ = ["Round", "Sync", "studio_project"]

log = logging.getLogger("uwe")

_DIGITS = re.compile("[0-9]{1,9}")
_TRIES = 3
_AT_ONCE = 25
"""Tasks that are sent in one request, so that few images are in memory."""

_JSON = Mapping[str, Any]


@dataclass(frozen=True)
class Round:
    """What one round did.

    Attributes:
        told: what became of the annotations.
        withdrawn: answers that were taken back, as their annotations were removed.
        trained: whether a model was trained.
        sent: tasks that were sent.
        renewed: predictions that were added or changed.
        removed: tasks that were removed.
        is_finished: whether every item is labelled or skipped.
    """

    told: Told = field(default_factory=Told)
    withdrawn: int = 0
    trained: bool = False
    sent: int = 0
    renewed: int = 0
    removed: int = 0
    is_finished: bool = False


def studio_project(server: Server, project: Project, wanted: str | None) -> StudioProject:
    """The project of Label Studio with a number or a title; it is made if no project has the title.

    A project that uwe made gets the classes that were added since.

    Args:
        server: that answers.
        project: of uwe.
        wanted: number or title; None: the name of the project's folder.

    Raises:
        InputError: there is no such project, or it asks for something else than the project needs.
    """
    task, kind = project.task, project.items.kind
    own = configuration(task, kind)
    name = _title(project.files.folder) if wanted is None else wanted.strip()
    if wanted is not None and _DIGITS.fullmatch(name):
        found: StudioProject | None = server.numbered(int(name))
    else:
        found = server.titled(_as_title(name))
    if found is None:
        found = server.make_project(name, own, MODEL, project.settings.answers)
    elif has_fewer_classes(found.labelling, task, kind):
        found = server.relabel(found, own)
    _ = controls_in(found.labelling, task, where=str(found))
    return found


def _title(folder: Path) -> str:
    """The name of a folder as a title."""
    name = folder.resolve().name[: TITLE_LETTERS[-1]].strip()
    return name if len(name) in TITLE_LETTERS else f"uwe {name}".strip()


def _as_title(text: str) -> str:
    """A text that can be a title.

    Raises:
        InputError: it is too short or too long.
    """
    if len(text) not in TITLE_LETTERS:
        raise InputError(
            f"--ls-project takes a number, or a title of {TITLE_LETTERS[0]} to {TITLE_LETTERS[-1]} "
            f"letters, not {text!r}"
        )
    return text


@dataclass(frozen=True)
class Sync:
    """Rounds between a project and a project of Label Studio.

    Attributes:
        project: of uwe.
        server: that answers.
        studio: the project of Label Studio.
        k: rows of a batch.
        ahead: a new batch is picked when fewer rows than this are open.
    """

    project: Project
    server: Server
    studio: StudioProject
    k: int = 50
    ahead: int = 10

    @cached_property
    def controls(self) -> Controls:
        """Where the labelling configuration has the item and its label."""
        return controls_in(self.studio.labelling, self.project.task, where=str(self.studio))

    def round(self) -> Round:
        """Take annotations, train, pick if few rows are open, and bring the tasks to the picks.

        Raises:
            Unreachable: the server does not answer; what was done stays done.
            InputError: the tasks are of another project.
            RunError: the server refuses a request, or another process is in such a round.
        """
        with held(self.project.files.sync_lock, f"the sync of {self.project.files.folder}"):
            return self._round()

    def _round(self) -> Round:
        tasks = self.server.tasks(self.studio)
        require_same_items(tasks, self.project.items, self.controls)
        told, taken_back = self._take(tasks)
        trained = self._train()
        self._pick()
        events = self.project.events()
        wanted = asked_rows(events, self.project.pool(events), self.project.ids)
        predictions = self._predictions(list(wanted.values()))
        plan, sent = self._sent(tasks, wanted, predictions)
        self._renew(plan)
        return Round(
            told,
            taken_back,
            trained,
            sent,
            len(plan.predict) + len(plan.change),
            len(plan.remove),
            is_finished=not wanted and not len(self.project.pool().unlabelled),
        )

    def _take(self, tasks: Sequence[_JSON]) -> tuple[Told, int]:
        """Record annotations, and take back those that were removed."""
        project, source = self.project, self.studio.source
        people = self.server.people()
        answers = answers_in(
            tasks, project.task, control=self.controls.label, people=people, source=source
        )
        told = project.take(fresh(answers, project.events()))
        gone = withdrawn(tasks, project.events(), project.ids, people=people, source=source)
        for by, rows in gone.items():
            project.withdraw(rows, by=by)
        return told, sum(map(len, gone.values()))

    def _train(self) -> bool:
        """Train if labels have changed; another process that trains is not waited for."""
        if not len(self.project.pool().labelled) or not self.project.settings.has_model:
            return False
        try:
            return self.project.train()
        except Busy:
            log.warning("another process is training; the last model decides")
            return False

    def _pick(self) -> None:
        """Pick a new batch if few rows are open, and any is left."""
        pool = self.project.pool()
        if len(pool.outstanding) < self.ahead and len(pool.unlabelled):
            self.project.batch(self.k, more=True)

    def _predictions(self, rows: Sequence[int]) -> dict[int, dict[str, Any]]:
        scored = scored_labels(self.project, rows)
        return predictions_of(scored, self.controls, asked_for_audit(self.project.events()))

    def _sent(
        self, tasks: Sequence[_JSON], wanted: Mapping[str, int], predictions: Mapping[int, _JSON]
    ) -> tuple[Plan, int]:
        """Send the rows that have no task; what is left to do, and how many rows were sent.

        Where the answer to a request is lost, the tasks that have arrived are looked up.
        """
        ids = self.project.ids
        plan = planned(tasks, wanted, ids, predictions)
        rows = plan.send
        for attempt in range(_TRIES):
            if not plan.send:
                break
            try:
                for some in _parts(plan.send):
                    self.server.send(self.studio, self._tasks(some, predictions))
            except Unreachable:
                if attempt == _TRIES - 1:
                    raise
            plan = planned(self.server.tasks(self.studio), wanted, ids, predictions)
        return plan, len(rows) - len(plan.send)

    def _tasks(self, rows: Sequence[int], predictions: Mapping[int, _JSON]) -> list[dict[str, Any]]:
        """Tasks for rows; images are uploaded first."""
        items = self.project.items
        contents = (
            self._pictures(rows)
            if items.kind == "images"
            else [content_of(items.preview(row)) for row in rows]
        )
        return [
            task_of(items.ids[row], content, self.controls, predictions.get(row))
            for row, content in zip(rows, contents, strict=True)
        ]

    def _pictures(self, rows: Sequence[int]) -> list[str]:
        """Where the images of rows are on the server; those that are there are not sent again."""
        files = [picture_file(self.project.items, row) for row in rows]
        there = self.server.uploads(self.studio)
        new = {file.name: file for file in files if file.name not in there}
        if new:
            self.server.upload(self.studio, list(new.values()))
            there = self.server.uploads(self.studio)
        return [there[file.name] for file in files]

    def _renew(self, plan: Plan) -> None:
        for number, prediction in plan.predict:
            self.server.predict(number, prediction)
        for number, prediction in plan.change:
            self.server.change_prediction(number, prediction)
        for number in plan.drop:
            self.server.remove_prediction(number)
        for number in plan.remove:
            if not self.server.is_begun(number):  # since the tasks were read
                self.server.remove_task(number)


def _parts(rows: Sequence[int]) -> Iterator[Sequence[int]]:
    return (rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE))
