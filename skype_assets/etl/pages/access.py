"""Who may read: a browser on this machine whose user knows the secret, and no page of another site through it.

The server answers on the loopback interface only. Against other web sites, which can make a browser send requests
there: the Host must be ours, with our port (DNS rebinding); requests that another site caused are refused; the secret
is in a cookie that other sites cannot send. Against what is in an archive: the pages' Content-Security-Policy lets
nothing run or load that does not come from the server itself.
"""

import hmac
import os
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skype_assets.etl.places import give_to_owner

TOKEN: Final = "token"
"""Parameter of the first address."""

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

BYTES_POLICY: Final = "default-src 'none'; sandbox; frame-ancestors 'none'"

_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}

_OURS: Final = ("same-origin", "none")
"""Sec-Fetch-Site of what our own pages ask for, and of what somebody typed or keeps as a bookmark."""

_YEAR: Final = 365 * 86_400


def token(folder: Path) -> str:
    """The secret of a place, 256 bits; made at the first time and kept, so that bookmarks last."""
    file = folder / ".reader-token"
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        found = file.read_text(encoding="ascii", errors="replace").strip()
        if len(found) >= 43 and not file.is_symlink() and file.stat().st_mode & 0o077 == 0:
            return found
        file.unlink()  # somebody else could read it, or it is none
        return token(folder)
    with os.fdopen(descriptor, "w") as stream:
        give_to_owner(stream.fileno(), folder)
        made = secrets.token_urlsafe(32)
        stream.write(made + "\n")
    return made


class Guard:
    """Lets through what may be answered, and puts the headers on every answer.

    Args:
        app: what answers.
        port: on which it is reached.
        token: the secret.
        refusal: makes the page that says why something is refused, from status and the name of a text.
    """

    def __init__(self, app: ASGIApp, port: int, token: str, refusal: "Refusal") -> None:
        self._app, self._token, self._refusal = app, token, refusal
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        self._cookie = f"skype_reader_{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("content-security-policy", PAGE_POLICY)
            await send(message)

        answer = self._refused(scope) or self._admitted(scope)
        await (answer or self._app)(scope, receive, guarded)

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if headers.getlist("host") not in [[host] for host in self._hosts]:
            return self._refusal(403, "error_403")
        if scope["method"] not in ("GET", "HEAD"):
            answer = self._refusal(405, "error_405")
            answer.headers["allow"] = "GET, HEAD"
            return answer
        if headers.get("sec-fetch-site", "none") not in _OURS:
            return self._refusal(403, "error_403")
        return None

    def _admitted(self, scope: Scope) -> Response | None:
        """None for whoever has the cookie; whoever has the token in the address gets it."""
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in query if name == TOKEN]
        if given and self._is_token(given[-1]):
            rest = urlencode([(name, value) for name, value in query if name != TOKEN])
            # Of a path that begins with two slashes a browser would make another host.
            path = "/" + scope["raw_path"].decode("latin-1").split("?")[0].lstrip("/\\")
            answer = RedirectResponse(f"{path}?{rest}" if rest else path, status_code=303)
            answer.set_cookie(self._cookie, self._token, max_age=_YEAR, path="/", httponly=True, samesite="strict")
            return answer
        if self._is_token(_cookies(Headers(scope=scope)).get(self._cookie, "")):
            return None
        return self._refusal(403, "error_403_token")

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode())


class Refusal:
    """Makes the page of a refusal: a text without anything in it that came with the request."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = words

    def __call__(self, status: int, name: str) -> Response:
        """The page of a status."""
        return Response(f"{self._words[name]}\n", status, media_type="text/plain")


def _cookies(headers: Headers) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}
