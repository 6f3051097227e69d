"""Serving the pages at http://127.0.0.1, until Ctrl-C."""

import socket
from collections.abc import Callable
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from skype_assets.etl.errors import UsageError
from skype_assets.etl.pages.access import TOKEN, Guard, Refusal
from skype_assets.etl.pages.site import Site
from skype_assets.etl.pages.words import WORDS

HOST: Final = "127.0.0.1"
"""Nobody elsewhere reaches it."""


def listening(port: int) -> socket.socket:
    """A socket on this machine's own interface; port 0 is any that is free.

    Raises:
        UsageError: another program has the port.
    """
    listener = socket.socket()
    # Else the end of an answer waits, 40 ms as a rule, until the browser has confirmed its beginning.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"port {port} cannot be used ({error.strerror}): is the reader open already? Another: --port {port + 1}"
        ) from None
    return listener


def address(port: int, token: str) -> str:
    """The first address to open."""
    return f"http://{HOST}:{port}/?{TOKEN}={token}"


def guarded(site: Site, port: int, token: str) -> ASGIApp:
    """The site behind its guard."""
    return Guard(site.app(), port, token, Refusal(WORDS))


def serve(app: ASGIApp, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until a signal ends the process.

    Args:
        app: what answers.
        listener: where.
        ready: called when the first answer can be given.
    """
    config = uvicorn.Config(
        app,
        # Where there is uvloop, it would take signals for itself, and lose those that are not its own.
        loop="asyncio",
        lifespan="off",
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    _Server(config, ready).run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()
