"""What stands before Dagster's web server: whoever is let in is at this address, and comes from one of its own pages.

Dagster's server asks nobody who he is, and obeys a query that comes by GET, from any page, under any host name: a
picture on a web page could start runs and wipe assets. A browser says from which page a request comes, and pages cannot
keep it from that (https://fetch.spec.whatwg.org/#origin-header, https://www.w3.org/TR/fetch-metadata/). What is not a
browser - ``curl``, a script - has no page that could mislead it, and says nothing: it is let in.

Starlette's ``TrustedHostMiddleware`` is not enough: it does not look at the port, and another port is another's page.
"""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PORTS: Final = {"http": ":80", "https": ":443"}
_READING: Final = ("GET", "HEAD", "OPTIONS")
_POLICY_VIOLATION: Final = 1008
_HEADERS: Final = {
    "Content-Security-Policy": "frame-ancestors 'none'",  # beside Dagster's own: both hold
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Lets an application have what its own pages ask, and what no browser asks.

    Args:
        app: the application.
        origins: the addresses at which browsers reach it, such as ``http://127.0.0.1:3000``.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = {origin.lower().rstrip("/") for origin in origins}
        self._hosts = {_host(origin) for origin in self._origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refused = self._refused(scope)
        if refused is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": refused[1]})
        else:
            status, reason = refused
            await PlainTextResponse(f"{reason}\n", status)(scope, receive, _with_headers(send))

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """Why a request is refused, with the status of the answer."""
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return 403, f"this is {min(self._origins)}; under another name it answers if that is given with --origin"
        if any(origin.lower() not in self._origins for origin in origins) or not _is_own(scope, headers):
            return 403, "pages of other sites are not answered"
        if scope["type"] == "websocket":
            return None
        if scope["method"] not in _READING:
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            return None if kind == "application/json" else (415, "what changes something is sent as application/json")
        if scope["path"].rstrip("/") == "/graphql" and "query" in QueryParams(scope["query_string"]):
            return 405, "queries are sent by POST, as application/json"
        return None


def _is_own(scope: Scope, headers: Headers) -> bool:
    """Whether a request comes from a page of ours, from a person - the address bar -, or follows a link to a page."""
    site = headers.get("sec-fetch-site", "none")
    if site in ("same-origin", "none"):
        return True
    shown = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
    return scope["type"] == "http" and scope["method"] in _READING and shown == ("navigate", "document")


def _host(origin: str) -> str:
    """What a browser says as host when it is at an origin: without the port if that is the scheme's."""
    parts = urlsplit(origin)
    return parts.netloc.removesuffix(_PORTS.get(parts.scheme, ""))


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.append(name, value)
        await send(message)

    return sent
