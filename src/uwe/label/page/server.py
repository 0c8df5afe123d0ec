"""The server of the page: a socket of its own, and uvicorn until it is told to end."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uwe._optional import optional
from uwe.errors import InputError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

__all__ = ["Place", "serve"]

_BACKLOG = 128
_PATIENCE = 2  # seconds for requests that are under way when the server ends


@dataclass(frozen=True)
class Place:
    """A socket that is bound: nobody else can take the port any more.

    Attributes:
        socket: that listens.
        host: of it.
        port: of it.
    """

    socket: socket.socket
    host: str
    port: int

    @classmethod
    def taken(cls, host: str, port: int) -> Place:
        """Bind a port; 0 takes any that is free.

        Raises:
            InputError: the port is in use or may not be used, or the host is not of this machine.
        """
        if not 0 <= port <= 65_535:
            raise InputError(f"--port must be 0 to 65535, not {port}; 0 takes any free port")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((host, port))
            made.listen(_BACKLOG)
        except OSError as error:
            made.close()
            raise _refused(host, port, error) from error
        return cls(made, host, made.getsockname()[1])

    def close(self) -> None:
        """Let go of the port."""
        with suppress(OSError):
            self.socket.close()


def _refused(host: str, port: int, error: OSError) -> InputError:
    if error.errno == errno.EADDRINUSE:
        return InputError(
            f"port {port} is in use; end the program that uses it, or give --port {port + 1}, or "
            "--port 0 for any free port"
        )
    if error.errno == errno.EACCES:
        return InputError(f"port {port} needs an administrator; give --port 8765, say")
    return InputError(f"{host} is no address of this machine ({error.strerror}); leave --host out")


def serve(app: ASGIApp, place: Place, *, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM, which are raised again when all is closed.

    Args:
        app: that answers.
        place: where it listens.
        ready: called once, as soon as requests are answered.

    Raises:
        InputError: uvicorn is not installed.
    """
    uvicorn: Any = optional("uvicorn", "the page of uwe label", extra="label")
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_PATIENCE,
        ws="none",
    )
    server = uvicorn.Server(config)
    started = server.startup

    async def startup(sockets: Any = None) -> None:
        await started(sockets=sockets)
        ready()

    server.startup = startup
    server.run(sockets=[place.socket])
