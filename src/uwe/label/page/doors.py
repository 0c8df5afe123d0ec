"""Who may come in: hosts that the page answers to, and a secret for each person."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from uwe.errors import InputError
from uwe.label.annotators import whose_token

__all__ = ["Doors", "derived_tokens", "is_loopback"]

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_LEAST_LETTERS = 16


@dataclass(frozen=True)
class Doors:
    """Who may come in.

    Attributes:
        tokens: the secret of each person.
        host: the address that the server listens on.
        port: likewise.
        project: digest of the project's folder, for the name of the cookie.
    """

    tokens: Mapping[str, str]
    host: str
    port: int
    project: str

    @cached_property
    def cookie(self) -> str:
        """The cookie's name: cookies know no ports, so that it names port and project.

        >>> Doors({}, "127.0.0.1", 8765, "ab12").cookie
        'uwe-8765-ab12'
        """
        return f"uwe-{self.port}-{self.project}"

    def person(self, token: str) -> str | None:
        """Whose token this is, or None."""
        return whose_token(token, self.tokens)

    def is_ours(self, host: str) -> bool:
        """Whether a request's Host names this server.

        A page of another place can point its own name to this machine (DNS rebinding); its requests
        bring that name. Behind ``--host`` an address in numbers or this machine's name is ours.

        >>> doors = Doors({}, "127.0.0.1", 8765, "ab12")
        >>> doors.is_ours("127.0.0.1:8765"), doors.is_ours("evil.example:8765")
        (True, False)
        """
        name, port = _split(host.lower())
        if port != str(self.port):
            return False
        if name in (*_LOOPBACK_NAMES, self.host.lower()):
            return True
        return not is_loopback(self.host) and (_is_number(name) or name in self._names)

    @cached_property
    def _names(self) -> frozenset[str]:
        own = socket.gethostname().lower()
        return frozenset([own, f"{own}.local", socket.getfqdn().lower(), self.host.lower()])

    def address(self, name: str) -> str:
        """The address that a person opens."""
        shown = self.host
        if self.host in ("0.0.0.0", "::"):  # every address of this machine
            shown = socket.gethostname()
        elif ":" in self.host:
            shown = f"[{self.host}]"
        return f"http://{shown}:{self.port}/?token={self.tokens[name]}"


def derived_tokens(secret: str, names: list[str]) -> dict[str, str]:
    """The token of each person, from a secret that was chosen.

    A single person has the secret itself; of several, nobody can work out another's token.

    Raises:
        InputError: the secret is short, or needs quoting in an address.

    >>> derived_tokens("a-long-enough-secret", ["ann"])
    {'ann': 'a-long-enough-secret'}
    """
    if len(secret) < _LEAST_LETTERS or not _is_plain(secret):
        raise InputError(
            f"--token needs at least {_LEAST_LETTERS} letters, digits, - or _, such as "
            "$(openssl rand -hex 16); anyone who knows it can label"
        )
    if len(names) == 1:
        return {names[0]: secret}
    return {
        name: hmac.new(secret.encode(), name.encode(), hashlib.sha256).hexdigest()[:32]
        for name in names
    }


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine alone.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(host: str) -> tuple[str, str]:
    name, _, port = host.rpartition(":")
    return (name, port) if name and not host.endswith("]") else (host, "80")


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _is_plain(secret: str) -> bool:
    return secret.isascii() and secret.replace("-", "").replace("_", "").isalnum()
