"""A server that answers as Label Studio does: it keeps its own tasks, its answers are recorded.

Every answer is a recorded answer of a real server (`record_label_studio.py`) in which the fields
that a test is about are replaced, so that its other fields are those of the real server.
"""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["PERSONAL", "RECORDED", "TOKEN", "FakeLabelStudio", "running"]

RECORDED: Mapping[str, Any] = json.loads(
    (Path(__file__).parent / "label_studio_answers.json").read_text(encoding="utf-8")
)
"""Answers of a real Label Studio by what was asked."""

TOKEN = "0123456789abcdef"
PERSONAL = "refresh.of.ann"
_ACCESS = "access.of.ann"
_FILE = re.compile(rb'filename="([^"]+)"')


@dataclass
class FakeLabelStudio:
    """What the server keeps, and what it is to do wrong.

    Attributes:
        projects: by number.
        tasks: by number, in the form of a list of tasks.
        uploads: places of files.
        asked: method and path of every request.
        headers: the header Authorization of every request.
        troubles: what happens to the next requests: a status, ``before`` or ``after`` (the
            connection ends before or after the request is carried out), or a function.
        version: of the server.
    """

    projects: dict[int, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[int, dict[str, Any]] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    troubles: list[Any] = field(default_factory=list)
    version: str = "1.23.2"
    clock: int = 0
    number: int = 100

    def next_number(self) -> int:
        self.number += 1
        return self.number

    def now(self) -> str:
        self.clock += 1
        return f"2026-11-27T13:{self.clock // 60:02}:{self.clock % 60:02}.000000Z"

    def annotate(
        self, task: int, label: str | None, *, by: int = 1, seconds: float | None = 2.0,
        skip: bool = False,
    ) -> int:  # fmt: skip
        """What a person does on the page; the number of the annotation."""
        made = _recorded("annotation made")
        made |= {
            "id": self.next_number(), "task": task, "completed_by": by, "was_cancelled": skip,
            "lead_time": seconds, "created_at": self.now(), "result": _result(label),
        }  # fmt: skip
        made["updated_at"] = made["created_at"]
        self.tasks[task]["annotations"].append(made)
        return int(made["id"])

    def change(self, annotation: int, label: str) -> None:
        """A person corrects an annotation."""
        [found] = [
            each for task in self.tasks.values() for each in task["annotations"]
            if each["id"] == annotation
        ]  # fmt: skip
        found |= {"result": _result(label), "updated_at": self.now()}

    def remove(self, annotation: int) -> None:
        """A person removes an annotation."""
        for task in self.tasks.values():
            task["annotations"] = [each for each in task["annotations"] if each["id"] != annotation]

    def draft(self, task: int) -> None:
        """A person begins, and does not submit."""
        self.tasks[task]["drafts"].append(_recorded("draft") | {"task": task})

    def by_id(self, name: str) -> list[dict[str, Any]]:
        """The tasks of an item."""
        return [each for each in self.tasks.values() if each["data"].get("uwe_id") == name]

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        """Status and content of the answer to a request."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        for (verb, pattern), do in _ROUTES.items():
            match = re.fullmatch(pattern, parts.path)
            if verb == method and match:
                return do(self, query, body, *map(int, match.groups()))
        return 404, None


def _recorded(name: str) -> Any:
    return copy.deepcopy(RECORDED[name]["json"])


def _result(label: str | None) -> list[dict[str, Any]]:
    if label is None:
        return []
    [region] = _recorded("annotation made")["result"]
    return [region | {"value": {"choices": [label]}}]


_Do = Callable[..., tuple[int, Any]]


def _version(studio: FakeLabelStudio, query: Any, body: bytes) -> tuple[int, Any]:
    answer = _recorded("version")
    answer["label-studio-os-package"]["version"] = answer["release"] = studio.version
    return 200, answer


def _whoami(studio: FakeLabelStudio, query: Any, body: bytes) -> tuple[int, Any]:
    return 200, _recorded("whoami")


def _users(studio: FakeLabelStudio, query: Any, body: bytes) -> tuple[int, Any]:
    return 200, _recorded("users")


def _refresh(studio: FakeLabelStudio, query: Any, body: bytes) -> tuple[int, Any]:
    if json.loads(body).get("refresh") != PERSONAL:
        return 401, _recorded("token refused")
    return 200, _recorded("token refreshed") | {"access": _ACCESS}


def _list_projects(studio: FakeLabelStudio, query: Any, body: bytes) -> tuple[int, Any]:
    found = [
        each for each in studio.projects.values() if query["title"].lower() in each["title"].lower()
    ]
    return 200, _recorded("projects") | {"count": len(found), "results": found}


def _make_project(studio: FakeLabelStudio, query: Any, body: bytes) -> tuple[int, Any]:
    made = _recorded("project made") | json.loads(body)
    made |= {"id": len(studio.projects) + 1, "created_at": studio.now()}
    studio.projects[made["id"]] = made
    return 201, made


def _one_project(studio: FakeLabelStudio, query: Any, body: bytes, at: int) -> tuple[int, Any]:
    return (200, studio.projects[at]) if at in studio.projects else (404, _recorded("no project"))


def _change_project(studio: FakeLabelStudio, query: Any, body: bytes, at: int) -> tuple[int, Any]:
    studio.projects[at] |= json.loads(body)
    return 200, studio.projects[at]


def _import(studio: FakeLabelStudio, query: Any, body: bytes, at: int) -> tuple[int, Any]:
    if query.get("commit_to_project") == "false":
        names = [name.decode() for name in _FILE.findall(body)]
        studio.uploads += [f"upload/{at}/{studio.next_number():08}-{name}" for name in names]
        return 201, _recorded("uploaded") | {"file_upload_ids": list(range(len(names)))}
    given = json.loads(body)
    for each in given:
        number = studio.next_number()
        task = _recorded("tasks")["tasks"][4] | {"id": number, "project": at, "data": each["data"]}
        task |= {"annotations": [], "drafts": []}
        task["predictions"] = [
            _recorded("prediction changed") | wish | {"id": studio.next_number(), "task": number}
            for wish in each.get("predictions", ())
        ]
        studio.tasks[number] = task
    return 201, _recorded("imported") | {"task_count": len(given)}


def _uploads(studio: FakeLabelStudio, query: Any, body: bytes, at: int) -> tuple[int, Any]:
    [one] = _recorded("uploads")
    return 200, [one | {"file": place} for place in studio.uploads]


def _tasks(studio: FakeLabelStudio, query: Any, body: bytes) -> tuple[int, Any]:
    size, page = int(query["page_size"]), int(query["page"])
    every = [task for task in studio.tasks.values() if task["project"] == int(query["project"])]
    some = every[(page - 1) * size : page * size]
    if not some and page > 1:
        return 404, _recorded("page after the last")
    return 200, _recorded("tasks") | {"total": len(every), "tasks": some}


def _one_task(studio: FakeLabelStudio, query: Any, body: bytes, at: int) -> tuple[int, Any]:
    return (200, studio.tasks[at]) if at in studio.tasks else (404, _recorded("no project"))


def _remove_task(studio: FakeLabelStudio, query: Any, body: bytes, at: int) -> tuple[int, Any]:
    return (204, None) if studio.tasks.pop(at, None) else (404, _recorded("no project"))


def _predict(studio: FakeLabelStudio, query: Any, body: bytes) -> tuple[int, Any]:
    wish = json.loads(body)
    made = _recorded("prediction changed") | wish | {"id": studio.next_number()}
    studio.tasks[wish["task"]]["predictions"].append(made)
    return 201, made


def _change_prediction(
    studio: FakeLabelStudio, query: Any, body: bytes, at: int
) -> tuple[int, Any]:
    for task in studio.tasks.values():
        for each in task["predictions"]:
            if each["id"] == at:
                each |= json.loads(body)
                return 200, each
    return 404, _recorded("no project")


def _remove_prediction(
    studio: FakeLabelStudio, query: Any, body: bytes, at: int
) -> tuple[int, Any]:
    for task in studio.tasks.values():
        task["predictions"] = [each for each in task["predictions"] if each["id"] != at]
    return 204, None


_ROUTES: Mapping[tuple[str, str], _Do] = {
    ("GET", "/api/version"): _version,
    ("GET", "/api/current-user/whoami"): _whoami,
    ("GET", "/api/users"): _users,
    ("POST", "/api/token/refresh/"): _refresh,
    ("GET", "/api/projects/"): _list_projects,
    ("POST", "/api/projects/"): _make_project,
    ("GET", r"/api/projects/(\d+)/"): _one_project,
    ("PATCH", r"/api/projects/(\d+)/"): _change_project,
    ("POST", r"/api/projects/(\d+)/import"): _import,
    ("GET", r"/api/projects/(\d+)/file-uploads"): _uploads,
    ("GET", "/api/tasks"): _tasks,
    ("GET", r"/api/tasks/(\d+)/"): _one_task,
    ("DELETE", r"/api/tasks/(\d+)/"): _remove_task,
    ("POST", "/api/predictions/"): _predict,
    ("PATCH", r"/api/predictions/(\d+)/"): _change_prediction,
    ("DELETE", r"/api/predictions/(\d+)/"): _remove_prediction,
}
_OPEN = ("/api/version", "/api/token/refresh/")


class _Handler(BaseHTTPRequestHandler):
    studio: FakeLabelStudio

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        studio, token = self.studio, self.headers.get("Authorization", "")
        studio.asked.append((self.command, self.path))
        studio.headers.append(token)
        trouble = studio.troubles.pop(0) if studio.troubles else None
        if callable(trouble):
            trouble = trouble()
        if trouble == "before":
            return self._end()
        status, content = 401, _recorded("wrong token")
        if self.path in _OPEN or token in (f"Token {TOKEN}", f"Bearer {_ACCESS}"):
            status, content = studio.answer(self.command, self.path, body)
        if trouble == "after":
            return self._end()
        self._send(trouble if isinstance(trouble, int) else status, content)
        return None

    do_GET = do_POST = do_PATCH = do_DELETE = _do

    def _send(self, status: int, content: Any) -> None:
        text = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if 300 <= status < 400:
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _end(self) -> None:
        """End the connection without an answer."""
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def running(studio: FakeLabelStudio, port: int = 0) -> Iterator[str]:
    """The address of the server, which runs in a thread for the time of a ``with``."""
    handler = type("Handler", (_Handler,), {"studio": studio})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
