"""Requests to a Label Studio: tokens, addresses, restarts, and servers that are something else."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from fake_label_studio import PERSONAL, RECORDED, TOKEN, FakeLabelStudio, running
from uwe.errors import InputError, RunError
from uwe.formats.label_studio.address import checked_address, token_of
from uwe.formats.label_studio.client import Client, Unreachable, Upload
from uwe.formats.label_studio.server import Server, connected


@pytest.fixture
def studio() -> FakeLabelStudio:
    return FakeLabelStudio()


@pytest.fixture
def address(studio: FakeLabelStudio) -> Iterator[str]:
    with running(studio) as url:
        yield url


def client(
    address: str,
    token: str = TOKEN,
    *,
    patience: float = 90,
    sleep: Callable[[float], None] = lambda seconds: None,
) -> Client:
    return Client(checked_address(address), token, patience=patience, sleep=sleep)


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_server_that_answers_is_known_by_its_version(address: str) -> None:
    """Version and token are looked at before anything else."""
    assert connected(client(address), patience=0).version == "1.23.2"


def test_a_restart_is_waited_for() -> None:
    """Connections are refused twice, and the third request is answered."""
    studio, port, waits = FakeLabelStudio(), free_port(), []
    with ExitStack() as stack:

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 2:
                stack.enter_context(running(studio, port))

        asked = client(f"http://127.0.0.1:{port}", sleep=sleep)
        assert asked.get("/api/current-user/whoami")["email"] == "ann@example.org"
    assert waits == [0.5, 1.0]
    assert studio.asked == [("GET", "/api/current-user/whoami")]


def test_a_server_that_stays_away_is_one_line() -> None:
    """After the patience the error says where it should be, and what to do."""
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match=rf"Label Studio at {url} does not answer \(.*refused.*"):
        client(url, patience=3).get("/api/version")


@pytest.mark.parametrize("trouble", [500, 502, 503, 504, 429, "before", "after"])
def test_a_question_is_asked_again(
    studio: FakeLabelStudio, address: str, trouble: int | str
) -> None:
    """What only reads may be asked again after any trouble of the server."""
    studio.troubles = [trouble, trouble]
    assert client(address).get("/api/users")[1]["email"] == "bo@example.org"
    assert len(studio.asked) == 3


@pytest.mark.parametrize("trouble", [500, 502, 504, "before", "after"])
def test_what_makes_something_is_not_asked_again(
    studio: FakeLabelStudio, address: str, trouble: int | str
) -> None:
    """The request may have been carried out, so that the caller has to look."""
    studio.troubles = [trouble]
    with pytest.raises(Unreachable):
        client(address).post("/api/projects/", {"title": "birds"})
    assert len(studio.asked) == 1


def test_a_wrong_token_is_one_line_that_does_not_show_it(address: str) -> None:
    """The variable is named, and the token is in no message."""
    with pytest.raises(InputError, match="does not take the token in LABEL_STUDIO_API_KEY") as told:
        connected(client(address, "another-secret"), patience=0)
    assert "secret" not in str(told.value)
    assert "secret" not in repr(client(address, "another-secret"))


def test_a_personal_token_is_exchanged_and_exchanged_again(
    studio: FakeLabelStudio, address: str
) -> None:
    """The short-lived token is asked for once, and again when it has run out."""
    asked = client(address, PERSONAL)
    asked.get("/api/users")
    asked.get("/api/users")
    assert [path for _, path in studio.asked].count("/api/token/refresh/") == 1
    studio.troubles = [401]
    asked.get("/api/users")
    assert [path for _, path in studio.asked].count("/api/token/refresh/") == 2
    assert set(studio.headers) == {"", "Bearer access.of.ann"}


def test_a_personal_token_that_is_refused_is_one_line(address: str) -> None:
    """As any other wrong token."""
    with pytest.raises(InputError, match="does not take the token"):
        client(address, "a.b.c").get("/api/users")


def test_no_redirect_is_followed(studio: FakeLabelStudio, address: str) -> None:
    """The token goes to no other address."""
    studio.troubles = [302]
    with pytest.raises(InputError, match="leads to another address"):
        client(address).get("/api/users")
    assert len(studio.asked) == 1


@pytest.mark.parametrize(
    ("version", "told"),
    [("1.9.2", "is Label Studio 1.9.2, and 1.10 or later is needed"), ("", "names no version")],
)
def test_an_old_server_or_another_one_is_refused(
    studio: FakeLabelStudio, address: str, version: str, told: str
) -> None:
    """One line says which version it is, or that it is none."""
    studio.version = version
    with pytest.raises(InputError, match=told):
        connected(client(address), patience=0)


def test_a_page_that_is_no_json_is_no_label_studio() -> None:
    """Any web server gives pages."""

    class Pages(FakeLabelStudio):
        def answer(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
            return 404, None

    with running(Pages()) as url, pytest.raises(InputError, match="is not a Label Studio"):
        connected(client(url), patience=0)


def test_what_the_server_refuses_is_said(studio: FakeLabelStudio, address: str) -> None:
    """The server's own reason stands in the line."""
    studio.answer = lambda *_: (400, RECORDED["bad task"]["json"])  # type: ignore[method-assign]
    with pytest.raises(RunError, match=r"refuses POST /api/projects/1/import \(HTTP 400\) .*key"):
        client(address).post("/api/projects/1/import", [])


def test_removing_what_is_gone_is_fine(address: str) -> None:
    """A request whose answer was lost is given again."""
    client(address).delete("/api/tasks/7/")


def test_files_are_uploaded_under_their_names(studio: FakeLabelStudio, address: str) -> None:
    """The name finds the place that the server gave the file."""
    server = Server(client(address), "1.23.2")
    project = server.make_project("birds", "<View/>", "uwe", 1)
    server.upload(project, [Upload("uwe0a.png", b"one"), Upload('uwe"b.png', b"two")])
    places = server.uploads(project)
    assert sorted(places) == ["uwe0a.png", "uwe_b.png"]
    assert places["uwe0a.png"].startswith("/data/upload/1/")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("127.0.0.1:8080", "is not the address of a Label Studio"),
        ("ftp://localhost", "is not the address of a Label Studio"),
        ("http://", "is not the address of a Label Studio"),
        ("http://localhost:99999", "is not an address"),
        ("http://[::1", "is not an address"),
        ("http://local host", "is not the address of a Label Studio"),
        ("http://localhost/?x=1", "leave out what follows the path"),
        ("http://localhost:0", "port 0"),
        ("http://labels.example.org", "is not encrypted"),
        ("http://localhost.example.org", "is not encrypted"),
        ("http://10.0.0.7:8080", "is not encrypted"),
    ],
)
def test_an_address_that_does_not_fit_is_refused(text: str, told: str) -> None:
    """Before any request is sent."""
    with pytest.raises(InputError, match=told):
        checked_address(text)


def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    """The message holds neither the user nor the password."""
    with pytest.raises(InputError, match="leave the user and the password out") as told:
        checked_address("https://ann:secret@labels.example.org")
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "text", ["http://localhost:8080/", "http://127.0.0.1", "http://[::1]:8080", "https://a.org/ls"]
)
def test_addresses_that_fit(text: str) -> None:
    """This machine over http, any other over https, below a path too."""
    assert checked_address(text).url == text.rstrip("/")


def test_plain_http_is_taken_when_told() -> None:
    """In a network that a person trusts."""
    assert not checked_address("http://10.0.0.7:8080", plain=True).is_local


@pytest.mark.parametrize("token", ["", "  ", "two words", "ü", "line\nbreak"])
def test_a_token_is_of_printable_letters(token: str) -> None:
    """A missing or a broken one is refused before any request, and not shown."""
    with pytest.raises(InputError, match="LABEL_STUDIO_API_KEY") as told:
        token_of({"LABEL_STUDIO_API_KEY": token})
    assert not token.strip() or token not in str(told.value)
