"""Where a Label Studio is, and what opens it: its address, and the token of a person."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from uwe.errors import InputError

__all__ = ["VARIABLE", "Address", "checked_address", "token_of"]

VARIABLE = "LABEL_STUDIO_API_KEY"
"""The environment variable that holds the token."""

_SCHEMES = ("http", "https")


@dataclass(frozen=True)
class Address:
    """The address of a Label Studio.

    Attributes:
        url: without a slash at its end.
        is_local: whether it is on this machine, so that no other machine is asked.
    """

    url: str
    is_local: bool = field(default=False)

    def __str__(self) -> str:
        return self.url


def checked_address(text: str, *, plain: bool = False) -> Address:
    """The address of a Label Studio, from what a person gave.

    Args:
        text: such as ``http://127.0.0.1:8080``; a path is kept.
        plain: take ``http`` for another machine too, where anybody on the way reads the token.

    Raises:
        InputError: it is no such address, or the token would travel in plain text.

    >>> checked_address("http://localhost:8080/")
    Address(url='http://localhost:8080', is_local=True)
    """
    shown = _without_password(text)
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise InputError(f"{shown!r} is not an address: {error}") from error
    if parts.scheme not in _SCHEMES or not host or not _is_printable(text.strip()):
        raise InputError(
            f"{shown!r} is not the address of a Label Studio; give one such as "
            "http://127.0.0.1:8080"
        )
    if "@" in parts.netloc:
        raise InputError(
            f"leave the user and the password out of the address {shown}; the token comes from the "
            f"environment variable {VARIABLE}"
        )
    if parts.query or parts.fragment:
        raise InputError(f"{shown} has more than an address; leave out what follows the path")
    if port == 0:
        raise InputError(f"{shown} names port 0, on which nothing listens")
    is_local = _is_loopback(host)
    if parts.scheme == "http" and not is_local and not plain:
        raise InputError(
            f"{shown} is not encrypted, so that anybody on the way could read the token; give an "
            "https address, or --plain-http in a network that you trust"
        )
    return Address(
        urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", "")), is_local
    )


def token_of(environment: Mapping[str, str] = os.environ) -> str:
    """The token in the environment.

    Raises:
        InputError: there is none, or it is no token.
    """
    token = environment.get(VARIABLE, "").strip()
    if not token:
        raise InputError(
            f"the environment variable {VARIABLE} is not set; set it to your access token "
            "(Label Studio: Account & Settings)"
        )
    if not _is_printable(token):
        raise InputError(f"{VARIABLE} holds letters that no token has; copy the token again")
    return token


def _is_printable(text: str) -> bool:
    return text.isascii() and all("!" <= letter <= "~" for letter in text)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _without_password(text: str) -> str:
    """The address as a message may show it."""
    scheme, slashes, rest = text.strip().partition("://")
    place, slash, path = rest.partition("/")
    return scheme + slashes + place.rpartition("@")[2] + slash + path
