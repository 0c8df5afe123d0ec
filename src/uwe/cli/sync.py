"""The command ``uwe sync``: a project and a Label Studio, again and again."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uwe._files import expanded
from uwe.cli.options import Count, Switch, Whole
from uwe.cli.project_words import told_line
from uwe.cli.speaking import shown
from uwe.errors import InputError, text_of
from uwe.formats.label_studio.address import checked_address, token_of
from uwe.project.files import ProjectFiles

if TYPE_CHECKING:
    from uwe.formats.label_studio import Round
    from uwe.formats.label_studio.server import Server, StudioProject
    from uwe.project import State

__all__ = ["sync_command"]

_EVERY = re.compile(r"([0-9]{1,6})\s*(s|m|h)")
_UNITS = {"s": 1, "m": 60, "h": 3600}
_SHORTEST = 5
_LONGEST = 24 * 3600
_FIRST_PATIENCE = 3.0
_SHOWN_PROBLEMS = 20


def sync_command(
    project: Path,
    *,
    label_studio: str,
    ls_project: str | None = None,
    k: Count = 50,
    ahead: Whole = 10,
    every: str | None = None,
    plain_http: Switch = False,
) -> None:
    """Label in Label Studio: send picks, take annotations, train, rank anew.

    Parameters
    ----------
    project
        Folder of the project.
    label_studio
        Address of the server, such as http://127.0.0.1:8080. The access token is read from the
        environment variable LABEL_STUDIO_API_KEY.
    ls_project
        Number or title of the project there; a title that no project has makes one. Default: the
        name of the folder.
    k
        How many rows a new batch has.
    ahead
        Pick a new batch when fewer rows than this are open.
    every
        Do it again and again, with such a pause between: 30s, 5m, 1h. Default: once.
    plain_http
        Take an http address of another machine, where the token can be read on the way.
    """
    from uwe.project.picking import require_count

    require_count(k)
    if ahead < 1:
        raise InputError(f"--ahead must be at least 1, not {ahead}")
    pause = None if every is None else seconds_of(every)
    address = checked_address(label_studio, plain=plain_http)
    ProjectFiles(expanded(project)).require()

    from uwe.formats.label_studio import Client, Unreachable, connected

    client = Client(address, token_of())
    server = connected(client, patience=_FIRST_PATIENCE if pause is None else client.patience)
    rounds = _Rounds(project, server, ls_project, k, ahead)
    while True:
        try:
            is_finished = rounds.next()
        except Unreachable as error:
            if pause is None:
                raise
            is_finished = False
            print(f"uwe: {text_of(error)}; next try in {every}", file=sys.stderr, flush=True)
        if pause is None:
            _refuse(rounds.problems)
        if is_finished:
            print("Every item is labelled or skipped.")
        if pause is None or is_finished:
            return
        rounds.wait(pause)


def _refuse(problems: Sequence[str]) -> None:
    """Say that annotations were not understood.

    Raises:
        InputError: there are any.
    """
    if problems:
        many = "1 annotation was" if len(problems) == 1 else f"{len(problems):,} annotations were"
        raise InputError(
            f"{many} not understood; correct them in Label Studio, and give the same command "
            "again; all others are recorded"
        )


def seconds_of(text: str) -> float:
    """A pause in seconds.

    Raises:
        InputError: it is no time, or not between 5 seconds and a day.

    >>> seconds_of("30s"), seconds_of("5m")
    (30.0, 300.0)
    """
    match = _EVERY.fullmatch(text.strip().lower())
    if match is None:
        raise InputError(f"--every takes a number and s, m or h, such as 5m, not {text!r}")
    seconds = int(match[1]) * _UNITS[match[2]]
    if not _SHORTEST <= seconds <= _LONGEST:
        raise InputError(f"--every must be between {_SHORTEST}s and 24h, not {text}")
    return float(seconds)


@dataclass
class _Rounds:
    """Rounds of one command; each opens the project anew, as others may have changed it."""

    project: Path
    server: Server
    wanted: str | None
    k: int
    ahead: int
    sleep: Callable[[float], None] = time.sleep
    done: int = 0
    standing: str = ""
    problems: Sequence[str] = ()

    def next(self) -> bool:
        """Do a round, and say what it did; whether every item is labelled or skipped."""
        try:
            round_, state, studio = shown(self._work)
        except KeyboardInterrupt as interrupt:
            raise self._stopped(interrupt) from None
        self.done += 1
        if self.done == 1:
            print(_place(self.server, studio))
        for line in _lines(round_, state):
            print(line, flush=True)
        self.problems = round_.told.problems
        for problem in self.problems[:_SHOWN_PROBLEMS]:
            print(problem, file=sys.stderr)
        self.standing = (
            f"after round {self.done}, {state.labelled:,} of {state.rows:,} rows labelled"
        )
        return round_.is_finished

    def wait(self, seconds: float) -> None:
        """Wait between two rounds."""
        try:
            self.sleep(seconds)
        except KeyboardInterrupt as interrupt:
            raise self._stopped(interrupt) from None

    def _work(self, display: Any) -> tuple[Round, State, StudioProject]:
        from uwe.formats.label_studio import Sync, studio_project
        from uwe.project import Project

        opened = Project.open(self.project, progress=display)
        studio = studio_project(self.server, opened, self.wanted)
        done = Sync(opened, self.server, studio, self.k, self.ahead).round()
        return done, opened.state(), studio

    def _stopped(self, interrupt: KeyboardInterrupt) -> KeyboardInterrupt:
        interrupt.args = (self.standing or "in round 1",)
        return interrupt


def _place(server: Server, studio: StudioProject) -> str:
    address = f"{server.client.address}/projects/{studio.number}/"
    return f"Label Studio {server.version}: project {studio.title!r}, {address}"


def _lines(done: Round, state: State) -> list[str]:
    """What a round did, in two sentences."""
    parts = [
        f"{_many(done.sent, 'task')} sent",
        *([f"{_many(done.renewed, 'prediction')} renewed"] if done.renewed else []),
        *([f"{_many(done.removed, 'task')} removed"] if done.removed else []),
        *([f"{_many(done.withdrawn, 'answer')} taken back"] if done.withdrawn else []),
    ]
    trained = f"Trained on {state.trained_on:,} labels; " if done.trained else ""
    return [told_line(done.told, state), f"{trained}{', '.join(parts)}."]


def _many(count: int, thing: str) -> str:
    """A number of things.

    >>> _many(1, "task"), _many(1200, "task")
    ('1 task', '1,200 tasks')
    """
    return f"{count:,} {thing}" + ("" if count == 1 else "s")
