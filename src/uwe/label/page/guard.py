"""What every request passes through: host, origin, size, rate, and the headers of the answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from uwe.label.page.doors import Doors

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard", "Rates"]

_MOST_BYTES = 64 * 1024
_TOO_LARGE = (413, f"a request has more than {_MOST_BYTES // 1024} kB")
_HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Refuses requests that no page of ours sends, and adds the security headers.

    Args:
        app: what is guarded.
        doors: who may come in.
    """

    def __init__(self, app: ASGIApp, doors: Doors) -> None:
        self._app = app
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        from starlette.responses import JSONResponse

        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        refused = self._refused(scope["method"], headers)
        if refused is None:
            body = await _read(receive) if scope["method"] == "POST" else b""
            if body is not None:
                await self._app(scope, _given(body, receive), _with_headers(send))
                return
            refused = _TOO_LARGE
        status, message = refused
        answer = JSONResponse({"code": "refused", "message": message}, status)
        await answer(scope, receive, _with_headers(send))

    def _refused(self, method: str, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Status and message, if no page of ours sends such a request."""
        host = headers.get("host", "")
        if not self._doors.is_ours(host):
            return 421, "this server is not the host that the address names"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _MOST_BYTES:
            return _TOO_LARGE
        if method in ("GET", "HEAD"):
            return None
        if method != "POST":
            return 405, "only GET and POST are answered"
        if headers.get("origin", "") != f"http://{host}":
            return 403, "the request comes from another page"
        return None


async def _read(receive: Receive) -> bytes | None:
    """The body of a request; None where it is longer than it may be, or the browser has left."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += bytes(message.get("body", b""))
        if len(body) > _MOST_BYTES:
            return None
        if not message.get("more_body", False):
            return body


def _given(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was read, and then what comes."""
    left = [body]

    async def given() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return given


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message["headers"])
            known = {name.lower() for name, _ in given}
            more = {**_HEADERS, "cache-control": "no-store"}
            given += [
                (name.encode(), value.encode())
                for name, value in more.items()
                if name.encode() not in known
            ]
            message = {**message, "headers": given}
        await send(message)

    return sent


@dataclass
class Rates:
    """How many requests each person may send: a few hundred at once, then some a second.

    Attributes:
        burst: requests that may come at once.
        per_second: requests a second after that.
        clock: gives seconds.
    """

    burst: float = 400
    per_second: float = 60
    clock: Callable[[], float] = time.monotonic
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)

    def allows(self, name: str) -> bool:
        """Whether one more request is within the bound.

        >>> rates = Rates(2, 1, clock=lambda: 0.0)
        >>> [rates.allows("ann") for _ in range(3)], rates.allows("bo")
        ([True, True, False], True)
        """
        now = self.clock()
        left, then = self._left.get(name, (self.burst, now))
        left = min(self.burst, left + (now - then) * self.per_second)
        self._left[name] = (max(left - 1, 0.0) if left >= 1 else left, now)
        return left >= 1
