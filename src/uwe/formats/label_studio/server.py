"""What `uwe sync` asks of a Label Studio: its projects, tasks, predictions and people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uwe.errors import InputError, RunError
from uwe.formats.label_studio.client import Client, Missing, Upload

__all__ = ["TITLE_LETTERS", "Server", "StudioProject", "connected"]

TITLE_LETTERS = range(3, 51)
"""How many letters a title has."""

_OLDEST = (1, 10)
_A_PAGE = 100
_TRIES = 5
_BYTES_AT_ONCE = 16 * 1024 * 1024

_JSON = Mapping[str, Any]


@dataclass(frozen=True)
class StudioProject:
    """A project of Label Studio.

    Attributes:
        number: of the project.
        title: of the project.
        made: when it was made; no two projects are of one time, also after a server lost its data.
        labelling: its labelling configuration.
    """

    number: int
    title: str
    made: str
    labelling: str

    def __str__(self) -> str:
        return f"project {self.number} ({self.title!r}) of Label Studio"

    @property
    def source(self) -> str:
        """How answers name the project that they are from."""
        return f"Label Studio {self.number} {self.made}"


@dataclass(frozen=True)
class Server:
    """A Label Studio that answers.

    Attributes:
        client: sends requests.
        version: of the server.
    """

    client: Client
    version: str

    def numbered(self, number: int) -> StudioProject:
        """The project with a number.

        Raises:
            InputError: there is none.
        """
        try:
            return _project(self.client.get(f"/api/projects/{number}/"))
        except Missing as error:
            raise InputError(
                f"Label Studio at {self.client.address} has no project {number}; give the "
                "number in the address of its page, or its title"
            ) from error

    def titled(self, title: str) -> StudioProject | None:
        """The project with a title, or None.

        Raises:
            InputError: several have it.
        """
        found = [each for each in self._projects(title) if each.get("title") == title]
        if len(found) > 1:
            numbers = ", ".join(str(each.get("id")) for each in found)
            raise InputError(
                f"Label Studio has several projects called {title!r}: {numbers}; give the number "
                "with --ls-project"
            )
        return _project(found[0]) if found else None

    def _projects(self, title: str) -> Iterator[_JSON]:
        page, more = 1, True
        while more:
            answer = self.client.get("/api/projects/", title=title, page=page, page_size=_A_PAGE)
            yield from answer.get("results", ())
            more, page = answer.get("next") is not None, page + 1

    def make_project(self, title: str, labelling: str, model: str, answers: int) -> StudioProject:
        """Make a project whose tasks are given out in the order of their scores.

        Args:
            title: of the project.
            labelling: its labelling configuration.
            model: the version of the predictions that order tasks and are shown.
            answers: how many people annotate a task.
        """
        return _project(
            self.client.post(
                "/api/projects/",
                {
                    "title": title,
                    "label_config": labelling,
                    "sampling": "Uncertainty sampling",
                    "show_collab_predictions": True,
                    "model_version": model,
                    "maximum_annotations": answers,
                    "skip_queue": "IGNORE_SKIPPED",
                },
            )
        )

    def relabel(self, project: StudioProject, labelling: str) -> StudioProject:
        """Give a project another labelling configuration."""
        path = f"/api/projects/{project.number}/"
        return _project(self.client.patch(path, {"label_config": labelling}))

    def tasks(self, project: StudioProject) -> list[_JSON]:
        """Every task with its annotations, drafts and predictions.

        If tasks come or go between two pages, all pages are read again.

        Raises:
            RunError: tasks came and went all the time.
        """
        for _ in range(_TRIES):
            found, is_whole = self._listed(project)
            if is_whole:
                return found
        raise RunError(
            f"the tasks of {project} changed while they were read, {_TRIES} times over; try again"
        )

    def _listed(self, project: StudioProject) -> tuple[list[_JSON], bool]:
        found: dict[Any, _JSON] = {}
        totals: set[int] = set()
        page, total = 1, 1
        while len(found) < total:
            try:
                answer = self.client.get(
                    "/api/tasks", project=project.number, fields="all", page=page, page_size=_A_PAGE
                )
            except Missing:  # there are fewer pages than there were
                return [], False
            total = int(answer.get("total", 0))
            totals.add(total)
            there = answer.get("tasks", ())
            found |= {each["id"]: each for each in there}
            if not there:
                break
            page += 1
        return list(found.values()), totals == {len(found)}

    def people(self) -> dict[int, str]:
        """The addresses of users, by their numbers."""
        answer = self.client.get("/api/users")
        users = answer.get("results", ()) if isinstance(answer, Mapping) else answer
        named = {each["id"]: each.get("email") or each.get("username") for each in users}
        return {number: name for number, name in named.items() if name}

    def send(self, project: StudioProject, tasks: Sequence[_JSON]) -> None:
        """Add tasks in one request.

        Raises:
            Unreachable: the server did not answer; some of the tasks may be there.
        """
        self.client.post(f"/api/projects/{project.number}/import", tasks)

    def uploads(self, project: StudioProject) -> dict[str, str]:
        """Where uploaded files are, by the names that they were given."""
        path = f"/api/projects/{project.number}/file-uploads"
        found = [str(each["file"]) for each in self.client.get(path, all="true")]
        return {_given_name(place): f"/data/{place}" for place in found}

    def upload(self, project: StudioProject, files: Sequence[Upload]) -> None:
        """Upload files; no task is made of them."""
        path = f"/api/projects/{project.number}/import?commit_to_project=false"
        for some in _of_bounded_size(files):
            self.client.upload(path, some)

    def predict(self, task: int, prediction: _JSON) -> None:
        """Add a prediction to a task."""
        self.client.post("/api/predictions/", {"task": task, **prediction})

    def change_prediction(self, number: int, prediction: _JSON) -> None:
        """Change a prediction."""
        self.client.patch(f"/api/predictions/{number}/", prediction)

    def remove_prediction(self, number: int) -> None:
        """Remove a prediction."""
        self.client.delete(f"/api/predictions/{number}/")

    def is_begun(self, task: int) -> bool:
        """Whether somebody has begun a task; one that is gone is not."""
        try:
            found = self.client.get(f"/api/tasks/{task}/")
        except Missing:
            return False
        return bool(found.get("annotations") or found.get("drafts"))

    def remove_task(self, number: int) -> None:
        """Remove a task."""
        self.client.delete(f"/api/tasks/{number}/")


def connected(client: Client, *, patience: float) -> Server:
    """A server that answers, knows the token, and is of a version that can be used.

    Args:
        client: sends requests.
        patience: seconds in which the first request is tried again.

    Raises:
        Unreachable: it does not answer.
        InputError: it is no Label Studio, an old one, or does not take the token.
    """
    version = _version(client.with_patience(patience))
    client.get("/api/current-user/whoami")
    return Server(client, version)


def _version(client: Client) -> str:
    """The version of a server.

    Raises:
        InputError: it is no Label Studio, or too old.
    """
    try:
        answer = client.get("/api/version")
    except Missing as error:
        raise InputError(
            f"{client.address} is not a Label Studio: it has no /api/version; check --label-studio"
        ) from error
    package = answer.get("label-studio-os-package") if isinstance(answer, Mapping) else None
    version = package.get("version") if isinstance(package, Mapping) else None
    numbers = re.match(r"(\d+)\.(\d+)", str(version))
    if numbers is None:
        raise InputError(
            f"{client.address} is not a Label Studio: /api/version names no version; check "
            "--label-studio"
        )
    if (int(numbers[1]), int(numbers[2])) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise InputError(
            f"{client.address} is Label Studio {version}, and {oldest} or later is needed; "
            "update it"
        )
    return str(version)


def _project(answer: _JSON) -> StudioProject:
    return StudioProject(
        int(answer["id"]),
        str(answer.get("title", "")),
        str(answer.get("created_at", "")),
        str(answer.get("label_config", "")),
    )


def _given_name(place: str) -> str:
    """The name that a file was given: the server puts eight letters and a hyphen before it.

    >>> _given_name("upload/2/ec2294cd-uwe0f.png")
    'uwe0f.png'
    """
    return place.rpartition("/")[2].partition("-")[2]


def _of_bounded_size(files: Sequence[Upload]) -> Iterator[list[Upload]]:
    """The files in parts of at most 16 MB, or of one file."""
    part: list[Upload] = []
    size = 0
    for file in files:
        if part and size + len(file.content) > _BYTES_AT_ONCE:
            yield part
            part, size = [], 0
        part.append(file)
        size += len(file.content)
    if part:
        yield part
