"""Requests to a Label Studio over HTTP, with the standard library."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import (
    HTTPRedirectHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from uwe.errors import InputError, RunError, text_of
from uwe.formats.label_studio.address import VARIABLE, Address

__all__ = ["Client", "Missing", "Unreachable", "Upload"]

_SECONDS = 30.0
"""The longest wait for an answer to one request."""

_PATIENCE = 90.0
"""How long a request is tried again while the server does not answer; a restart takes 30 s."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
_MOST_BYTES = 256 * 1024 * 1024
_SHOWN = 300
_RETRIED = (429, 500, 502, 503, 504)
_SAFE = ("GET", "PATCH", "DELETE")
"""Methods that may be given twice: a request whose answer was lost changes nothing more."""


class Unreachable(RunError):
    """The server does not answer; a later try may succeed."""


class Missing(InputError):
    """The server answers that there is no such thing."""


@dataclass(frozen=True)
class Upload:
    """A file that is sent.

    Attributes:
        name: of the file.
        content: of the file.
    """

    name: str
    content: bytes


@dataclass(frozen=True)
class _Answer:
    status: int
    content: bytes
    kind: str
    pause: float | None = None


class _NoRedirects(HTTPRedirectHandler):
    """A token is not carried to another place."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none."""


class Client:
    """Requests to one Label Studio, in the name of the person whose token it has.

    The token goes to the address alone: redirects are not followed, and no proxy stands between
    two programs of one machine. A personal access token is exchanged for one that is short-lived.

    Args:
        address: of the server.
        token: of a person: a legacy token, or a personal access token.
        patience: seconds in which a request is tried again.
        sleep: waits.
    """

    def __init__(
        self,
        address: Address,
        token: str,
        *,
        patience: float = _PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.address = address
        self.patience = patience
        self._token = token
        self._sleep = sleep
        self._access: str | None = None
        self._opener = _opener(address)

    def __repr__(self) -> str:
        return f"Client({self.address.url!r})"

    def with_patience(self, seconds: float) -> Client:
        """The client with another patience, in seconds."""
        return Client(self.address, self._token, patience=seconds, sleep=self._sleep)

    def get(self, path: str, **query: Any) -> Any:
        """What the server has at a path.

        Raises:
            Unreachable: it does not answer.
            Missing: there is no such thing.
            InputError: it does not take the token, or is no Label Studio.
            RunError: it refuses the request.
        """
        return self._json("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: Any) -> Any:
        """What the server answers to new things; the errors are those of `get`.

        It is tried once, unless the server was not there at all: the answer to a request that was
        carried out may be lost.
        """
        return self._json("POST", path, json.dumps(body).encode(), "application/json")

    def patch(self, path: str, body: Any) -> Any:
        """What the server answers to a change; the errors are those of `get`."""
        return self._json("PATCH", path, json.dumps(body).encode(), "application/json")

    def delete(self, path: str) -> None:
        """Remove something; what is gone already is fine. The errors are those of `get`."""
        try:
            self._json("DELETE", path)
        except Missing:
            return

    def upload(self, path: str, files: Sequence[Upload]) -> Any:
        """What the server answers to files; the errors are those of `get`."""
        boundary = uuid.uuid4().hex
        parts = [_part(boundary, file) for file in files]
        body = b"".join([*parts, f"--{boundary}--\r\n".encode()])
        return self._json("POST", path, body, f"multipart/form-data; boundary={boundary}")

    def _json(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> Any:
        answer = self._answered(method, path, body, kind)
        if answer.status == 401 and self._is_personal:
            self._access = None  # it has run out
            answer = self._answered(method, path, body, kind)
        return self._understood(method, path, answer)

    def _answered(self, method: str, path: str, body: bytes | None, kind: str) -> _Answer:
        headers = {"Accept": "application/json", "Authorization": self._authorization()}
        return self._tried(method, path, body, headers | ({"Content-Type": kind} if kind else {}))

    @property
    def _is_personal(self) -> bool:
        """Whether the token is a personal access token, which is a JSON web token."""
        return self._token.count(".") == 2

    def _authorization(self) -> str:
        if not self._is_personal:
            return f"Token {self._token}"
        if self._access is None:
            body = json.dumps({"refresh": self._token}).encode()
            headers = {"Accept": "application/json", "Content-Type": "application/json"}
            path = "/api/token/refresh/"
            answer = self._understood("POST", path, self._tried("POST", path, body, headers))
            if not isinstance(answer, Mapping) or not isinstance(answer.get("access"), str):
                raise self._no_label_studio(path)
            self._access = answer["access"]
        return f"Bearer {self._access}"

    def _tried(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> _Answer:
        """The answer to a request, which is tried again while the server is away."""
        pause, waited = _FIRST_PAUSE, 0.0
        while True:
            problem, wish, was_away = "", None, False
            try:
                answer = self._once(method, path, body, headers)
            except (URLError, http.client.HTTPException, OSError) as error:
                problem, was_away = self._problem(error)
            else:
                if answer.status not in _RETRIED:
                    return answer
                problem, wish = f"it answers with HTTP {answer.status}", answer.pause
                was_away = answer.status in (429, 503)
            pause = max(pause, wish or 0.0)
            if waited + pause > self.patience or not (was_away or method in _SAFE):
                raise Unreachable(
                    f"Label Studio at {self.address} does not answer ({problem}); give the same "
                    "command again when it runs"
                )
            self._sleep(pause)
            waited, pause = waited + pause, min(2 * pause, _LONGEST_PAUSE)

    def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> _Answer:
        request = Request(self.address.url + path, data=body, headers=dict(headers), method=method)
        try:
            with self._opener.open(request, timeout=_SECONDS) as response:
                return _read(response.status, response)
        except HTTPError as error:
            with error:
                return _read(error.code, error)

    def _problem(self, error: Exception) -> tuple[str, bool]:
        """What went wrong, and whether the server got no request.

        Raises:
            InputError: trying again is of no use.
        """
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ssl.SSLError):
            raise InputError(
                f"{self.address} has no valid certificate: {text_of(reason)}"
            ) from error
        if isinstance(reason, socket.gaierror) and reason.errno == socket.EAI_NONAME:
            raise InputError(f"there is no host of {self.address}; check --label-studio") from error
        if isinstance(reason, TimeoutError):
            return f"no answer within {_SECONDS:.0f} s", False
        known = reason if isinstance(reason, Exception) else error
        return text_of(known, longest=_SHOWN), isinstance(reason, ConnectionRefusedError)

    def _understood(self, method: str, path: str, answer: _Answer) -> Any:
        """The content of an answer.

        Raises:
            Missing: there is no such thing.
            InputError: the token is not taken, or the server is no Label Studio.
            RunError: the server refuses the request.
        """
        if 300 <= answer.status < 400:
            raise InputError(
                f"{self.address}{path} leads to another address; give the address where Label "
                "Studio itself is with --label-studio"
            )
        content = self._parsed(path, answer)
        if answer.status == 401:
            raise InputError(
                f"Label Studio at {self.address} does not take the token in {VARIABLE}"
                f"{_detail(content)}; copy it again (Account & Settings)"
            )
        if answer.status == 404:
            raise Missing(f"Label Studio at {self.address} has no {path}{_detail(content)}")
        if answer.status == 403:
            raise InputError(
                f"Label Studio at {self.address} does not allow {method} {path} to the "
                f"owner of the token{_detail(content)}"
            )
        if answer.status >= 400:
            raise RunError(
                f"Label Studio at {self.address} refuses {method} {path} (HTTP {answer.status})"
                f"{_detail(content)}"
            )
        return content

    def _parsed(self, path: str, answer: _Answer) -> Any:
        if not answer.content and answer.status < 300:
            return None
        if "json" not in answer.kind:
            raise self._no_label_studio(path)
        try:
            return json.loads(answer.content)
        except (ValueError, RecursionError) as error:
            raise self._no_label_studio(path) from error

    def _no_label_studio(self, path: str) -> InputError:
        return InputError(
            f"{self.address} is not a Label Studio: {path} gives no JSON; check --label-studio"
        )


def _opener(address: Address) -> OpenerDirector:
    proxies = [ProxyHandler({})] if address.is_local else []
    return build_opener(_NoRedirects, *proxies)


def _read(status: int, response: Any) -> _Answer:
    content = response.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise RunError(f"an answer of Label Studio is longer than {_MOST_BYTES:,} bytes")
    kind = response.headers.get("Content-Type") or ""
    wish = response.headers.get("Retry-After") or ""
    return _Answer(status, content, kind, float(wish) if wish.isdecimal() else None)


def _part(boundary: str, file: Upload) -> bytes:
    name = file.name.replace("\\", "_").replace('"', "_")
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + file.content + b"\r\n"


def _detail(content: Any) -> str:
    """What the server says of an error, in brackets."""
    if not isinstance(content, Mapping):
        return ""
    errors = content.get("validation_errors") or content.get("detail") or ""
    told = errors if isinstance(errors, str) else json.dumps(errors, ensure_ascii=False)
    told = " ".join(told.split())
    return f" ({told[:_SHOWN]})" if told else ""
