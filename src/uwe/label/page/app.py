"""The routes of the page: each asks the desk, and answers with HTML or JSON."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property, lru_cache, partial
from importlib import resources
from typing import TYPE_CHECKING, Any

from uwe._optional import optional
from uwe.errors import DataError, InputError, UweError
from uwe.label.page.card_json import as_json, shown_item
from uwe.label.page.doors import Doors
from uwe.label.page.guard import Guard, Rates
from uwe.label.page.guidelines import guidelines_html
from uwe.label.page.keys import RESERVED, class_keys
from uwe.label.page.options import PageOptions, written
from uwe.project.pictures import picture_in
from uwe.project.shapes import has_shapes
from uwe.report.charts.colours import themes

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from uwe.label.desk import Desk
    from uwe.project import Project

__all__ = ["make_app"]

_PURPOSE = "the page of uwe label"
_MOST_CARDS = 8
_MOST_ALIKE = 60
_MOST_WORDS = 2_000
_MOST_SMALL = 1_000  # small pictures in memory, some 20 kB each
_YEAR = 365 * 24 * 3600
_TAKEN: Mapping[str, frozenset[str]] = {"choices": frozenset("0")}  # none of the classes
_STATIC: Mapping[str, str] = {
    "label.css": "text/css; charset=utf-8",
    "label.js": "text/javascript; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
REASONS = ("I cannot tell", "it fits no class", "it cannot be seen or read", "it is a duplicate")
"""Reasons for a skip that the page offers."""


def make_app(desk: Desk, project: Project, doors: Doors, options: PageOptions) -> ASGIApp:
    """The page as an ASGI application.

    Args:
        desk: hands items out and keeps answers.
        project: that is labelled.
        doors: who may come in.
        options: what a person chose.

    Raises:
        InputError: starlette or jinja2 is not installed.
    """
    for module in ("starlette", "jinja2"):
        optional(module, _PURPOSE, extra="label")
    from starlette.applications import Starlette
    from starlette.routing import Route

    page = _Page(desk, project, doors, options)
    asked: Mapping[str, Callable[[str, Mapping[str, Any]], Any]] = {
        "/deal": page.deal,
        "/again": page.again,
        "/answer": page.answer,
        "/answers": page.answer_many,
        "/skip": page.skip,
        "/undo": page.undo,
        "/alike": page.alike,
        "/settle": page.settle,
    }
    seen: Mapping[str, Callable[[str, Request], Response]] = {
        "/": page.front,
        "/conflicts": page.conflicts,
        "/history": page.history,
        "/progress": page.progress,
        "/items/{row:int}": page.picture,
        "/items/{row:int}/small": page.small_picture,
        "/items/{row:int}/drawn": page.drawn_picture,
    }
    routes = [
        Route("/static/{name}", page.static, methods=["GET"]),
        *(Route(path, page.seen(work), methods=["GET"]) for path, work in seen.items()),
        *(Route(path, page.asked(work), methods=["POST"]) for path, work in asked.items()),
    ]
    return Guard(Starlette(routes=routes), doors)


class _Page:
    """The page of one project; every method that asks the desk runs in a thread."""

    def __init__(self, desk: Desk, project: Project, doors: Doors, options: PageOptions) -> None:
        self._desk = desk
        self._project = project
        self._doors = doors
        self._options = options
        self._rates = Rates()
        self._static = _read_static()
        self._small = lru_cache(_MOST_SMALL)(
            lambda row: picture_in(self._project.items.preview(row))
        )

    def seen(
        self, work: Callable[[str, Request], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        """A route that shows something to a known person."""
        from starlette.concurrency import run_in_threadpool

        async def answer(request: Request) -> Response:
            token = request.query_params.get("token")
            if token is not None and request.url.path == "/":
                return self._let_in(token)
            who, as_page = self._who(request), request.url.path in ("/", "/conflicts")
            if not isinstance(who, str):
                return self._turned_away(*who, as_page=as_page)
            try:
                return await run_in_threadpool(work, who, request)
            except UweError as error:
                return self._turned_away(500, str(error), as_page=as_page)

        return answer

    def asked(
        self, work: Callable[[str, Mapping[str, Any]], Any]
    ) -> Callable[[Request], Awaitable[Response]]:
        """A route that takes JSON of a known person and answers with JSON."""
        from starlette.concurrency import run_in_threadpool
        from starlette.responses import JSONResponse

        async def answer(request: Request) -> Response:
            who = self._who(request)
            if not isinstance(who, str):
                return self._turned_away(*who, as_page=False)
            try:
                given = _fields(await request.body(), request.headers.get("content-type", ""))
                return JSONResponse(await run_in_threadpool(work, who, given))
            except InputError as error:
                code = getattr(error, "code", None)
                told = {"code": code or "refused", "message": str(error)}
                return JSONResponse(told, 400 if code is None else 409)
            except UweError as error:
                return JSONResponse({"code": "trouble", "message": str(error)}, 500)

        return answer

    def _who(self, request: Request) -> str | tuple[int, str]:
        """The person whose token the cookie holds; status and message if there is none."""
        token = request.cookies.get(self._doors.cookie)
        name = None if token is None else self._doors.person(token)
        if not self._rates.allows(name or ""):
            return 429, "too many requests in a short time; wait a moment"
        if name is not None:
            return name
        if token is None:
            return 401, "open the address with a token that 'uwe label' printed for you"
        return 403, (
            "this browser's token belongs to another project or is no longer valid; open the "
            "address that 'uwe label' printed"
        )

    def _let_in(self, token: str) -> Response:
        """Keep the token in a cookie, and take it out of the address."""
        from starlette.responses import RedirectResponse

        if not self._rates.allows(""):
            return self._turned_away(429, "too many requests; wait a moment", as_page=True)
        if self._doors.person(token) is None:
            message = (
                "the token in this address belongs to another project or is no longer valid; open "
                "the address that 'uwe label' printed"
            )
            return self._turned_away(403, message, as_page=True)
        answer = RedirectResponse("/", 303)
        # lax, as a strict cookie is not sent to "/" after a click on the address in a web mail
        answer.set_cookie(self._doors.cookie, token, max_age=_YEAR, httponly=True, samesite="lax")
        return answer

    def _turned_away(self, status: int, message: str, *, as_page: bool) -> Response:
        from starlette.responses import JSONResponse

        if as_page:
            return self._html("refused.html", status, message=message)
        return JSONResponse({"code": "refused", "message": message}, status)

    @cached_property
    def _templates(self) -> Any:
        import jinja2

        made = jinja2.Environment(
            loader=jinja2.PackageLoader("uwe.label.page"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        nothing = "no object" if self._is_drawn else "none of them"
        made.filters["written"] = partial(written, nothing=nothing)
        return made

    def _html(self, template: str, status: int = 200, **values: Any) -> Response:
        from starlette.responses import HTMLResponse

        page = self._templates.get_template(template)
        versions = {name: tag for name, (_, _, tag) in self._static.items()}
        title = self._options.title
        return HTMLResponse(page.render(title=title, versions=versions, **values), status)

    def front(self, who: str, request: Request) -> Response:
        """The page itself; its script asks for the rest."""
        del request
        return self._html(
            "page.html",
            who=who,
            setup=self._setup(who),
            guidelines=guidelines_html(self._options.guidelines),
            reasons=REASONS,
            people=len(self._doors.tokens),
            widget=self._project.task.widget,
            unit=self._options.unit,
            bounds=self._options.bounds,
            is_drawn=self._is_drawn,
            folder=shlex.quote(str(self._project.files.folder)),
        )

    @property
    def _is_drawn(self) -> bool:
        return has_shapes(self._project.task)

    def _setup(self, who: str) -> dict[str, Any]:
        task = self._project.task
        names = [] if self._is_drawn else list(task.classes)  # nobody draws with a key
        keys = class_keys(names, RESERVED | _TAKEN.get(task.widget, frozenset()))
        return {
            "project": self._doors.project,
            "who": who,
            "widget": task.widget,
            "classes": [{"name": name, "keys": keys[at]} for at, name in enumerate(names)],
            "show": self._options.show,
            "bounds": self._options.bounds,
            "unit": self._options.unit,
            "kind": self._project.items.kind,
            "is_drawn": self._is_drawn,
            "has_guidelines": bool(self._options.guidelines.strip()),
        }

    def history(self, who: str, request: Request) -> Response:
        """The last answers of a person."""
        del request
        return self._html("history.html", past=self._desk.history(who))

    def progress(self, who: str, request: Request) -> Response:
        """How far the project is."""
        del request
        done = self._desk.progress(who)
        largest = max(done.by_class.values(), default=0)
        return self._html("progress.html", done=done, largest=max(largest, 1))

    def conflicts(self, who: str, request: Request) -> Response:
        """Rows on which people differ, for a person who decides."""
        del request
        found, items = self._desk.conflicts(who), self._project.items
        shown = [(each, shown_item(items, each.row, each.id)) for each in found]
        return self._html(
            "conflicts.html",
            who=who,
            shown=shown,
            setup=self._setup(who),
            classes=list(self._project.task.classes),
            widget=self._project.task.widget,
            people=len(self._doors.tokens),
        )

    def picture(self, who: str, request: Request) -> Response:
        """The image of a row, large."""
        del who
        return self._image(request, self._project.items.picture)

    def small_picture(self, who: str, request: Request) -> Response:
        """The image of a row, small."""
        del who
        return self._image(request, self._small)

    def drawn_picture(self, who: str, request: Request) -> Response:
        """The image of a row with the boxes or the mask of a model over it."""
        return self._image(request, partial(self._desk.drawn_picture, who), self._options.show)

    def _image(self, request: Request, give: Callable[[int], Any], kind: str = "") -> Response:
        from starlette.responses import PlainTextResponse, Response

        row = request.path_params["row"]
        if not 0 <= row < len(self._project.items):
            return PlainTextResponse(f"there is no item {row}", 404)
        tag = self._tag(row, kind + request.url.query)
        keeping = {"cache-control": "private, no-cache", "etag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=keeping)
        try:
            picture = give(row)
        except DataError as error:
            return PlainTextResponse(str(error), 422)
        if picture is None:
            return PlainTextResponse(f"item {row} is no image", 404)
        return Response(picture.body, media_type=picture.media, headers=keeping)

    def _tag(self, row: int, kind: str) -> str:
        """What tells an image from that of another project, which has the same address."""
        items, secret = self._project.items, self._desk.people.secret
        stamp = items.stamps.get(items.ids[row], ())
        return f'"{_digest(repr((secret, row, items.ids[row], list(stamp), kind)).encode())}"'

    async def static(self, request: Request) -> Response:
        """A file of the page."""
        from starlette.responses import PlainTextResponse, Response

        found = self._static.get(request.path_params["name"])
        if found is None:
            return PlainTextResponse("there is no such file", 404)
        body, media, tag = found
        keeping = {"cache-control": "private, max-age=3600", "etag": f'"{tag}"'}
        if request.headers.get("if-none-match") == f'"{tag}"':
            return Response(status_code=304, headers=keeping)
        return Response(body, headers={**keeping, "content-type": media})

    def deal(self, who: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Further cards, and why there are none."""
        n = _whole(given, "n", most=_MOST_CARDS)
        cards = self._desk.hand_out(who, n, holding=_texts(given, "holding"))
        return {"cards": self._shown(cards), "waits": None if cards else self._waits(who)}

    def _waits(self, who: str) -> dict[str, Any]:
        """What a person without a card waits for."""
        done = self._desk.progress(who)
        is_done = done.labelled + done.skipped >= done.rows
        return {
            "done": is_done,
            "training": done.training,
            "trouble": done.trouble,
            "open": done.open,
        }

    def again(self, who: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """An item that the person had before."""
        return {"card": self._shown([self._desk.again(who, _whole(given, "row"))])[0]}

    def answer(self, who: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """An answer; it is on the disk when the reply goes out."""
        label = self._options.checked(self._project.task, given.get("label"))
        return _saved(self._desk.answer(who, _text(given, "ticket"), label, **_facts(given)))

    def answer_many(self, who: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The same or other labels for several items, as one event."""
        labels = given.get("labels")
        if not isinstance(labels, dict) or not labels or len(labels) > _MOST_ALIKE:
            raise InputError(f"labels must name 1 to {_MOST_ALIKE} tickets")
        checked = {
            ticket: self._options.checked(self._project.task, label)
            for ticket, label in labels.items()
        }
        saved = self._desk.answer_many(who, checked, seconds=_seconds(given))
        return _saved(saved[-1])

    def skip(self, who: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """A skip with its reason."""
        reason = _text(given, "reason")
        return _saved(self._desk.skip(who, _text(given, "ticket"), reason, **_facts(given)))

    def undo(self, who: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Take the person's last act back; its item is given again."""
        once = _text(given, "once") if "once" in given else ""
        card = self._desk.undo(who, once=once)
        return {"card": None if card is None else self._shown([card])[0]}

    def alike(self, who: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Open items that look like the current one."""
        cards = self._desk.alike(who, _whole(given, "n", most=_MOST_ALIKE))
        return {"cards": self._shown(cards)}

    def settle(self, who: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The label of a row on which others differ."""
        label = self._options.checked(self._project.task, given.get("label"))
        return _saved(self._desk.settle(who, _whole(given, "row"), label))

    def _shown(self, cards: Sequence[Any]) -> list[dict[str, Any]]:
        hides = self._options.show == "never"
        return [as_json(card, self._project.items, hides_predictions=hides) for card in cards]


def _saved(saved: Any) -> dict[str, Any]:
    return {"event": saved.event, "at": saved.at, "is_new": saved.is_new}


def _fields(body: bytes, kind: str) -> Mapping[str, Any]:
    """The fields of a request.

    Raises:
        InputError: it is no object in JSON.
    """
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise InputError("a request must be application/json")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise InputError("a request must be JSON") from None
    if not isinstance(found, dict):
        raise InputError("a request must be an object of JSON")
    return found


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value or len(value) > _MOST_WORDS:
        raise InputError(f"{name} must be text of 1 to {_MOST_WORDS:,} letters")
    return value


def _texts(given: Mapping[str, Any], name: str) -> list[str]:
    value = given.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InputError(f"{name} must be a list of texts")
    return value


def _whole(given: Mapping[str, Any], name: str, *, most: int = 2**53) -> int:
    value = given.get(name)
    if type(value) is not int or not 0 <= value <= most:
        raise InputError(f"{name} must be a whole number of 0 to {most:,}, not {value!r:.40}")
    return value


def _seconds(given: Mapping[str, Any]) -> float | None:
    value = given.get("seconds")
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= _YEAR:
        raise InputError(f"seconds must be a number of at least 0, not {value!r:.40}")
    return round(float(value), 3)


def _facts(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the page knows about an answer beside the label."""
    note = given.get("note", "")
    if not isinstance(note, str) or len(note) > _MOST_WORDS:
        raise InputError(f"a note has at most {_MOST_WORDS:,} letters")
    return {
        "seconds": _seconds(given),
        "shown": given.get("shown", "no"),
        "note": note,
        "flagged": given.get("flagged") is True,
    }


def _read_static() -> dict[str, tuple[bytes, str, str]]:
    """The files of the page with their types and digests; nothing else is ever served."""
    folder = resources.files("uwe.label.page") / "static"
    found = {}
    for name, media in _STATIC.items():
        body = (folder / name).read_bytes()
        if name == "label.css":
            body = themes().encode() + body
        found[name] = (body, media, _digest(body))
    return found


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()
