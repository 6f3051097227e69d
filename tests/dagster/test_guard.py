"""Who is let in to the web UI, request by request. What a browser makes of it: tests/browser/test_foreign_pages.py."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from skype_assets.instance.guard import Guard

HERE = "http://127.0.0.1:3000"
TEAM = "https://skype.example.org"
JSON = {"content-type": "application/json"}
MUTATION = "/graphql?query=mutation{wipeAssets}"
LET_IN = 200

Headers = Mapping[str, str]


async def _let_in(scope: Scope, _receive: Receive, send: Send) -> None:
    """What stands behind the guard."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    own_policy = (b"content-security-policy", b"default-src 'self'")
    await send({"type": "http.response.start", "status": LET_IN, "headers": [own_policy]})
    await send({"type": "http.response.body", "body": b""})


def _first_answer(kind: str, method: str, path: str, headers: Headers) -> Message:
    """What the guard, or what is behind it, answers first."""
    answers: list[Message] = []
    path, _, query = path.partition("?")
    said = {"host": "127.0.0.1:3000", **headers}
    scope: dict[str, Any] = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in said.items()],
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        answers.append(message)

    asyncio.run(Guard(_let_in, [HERE, "http://localhost:3000", TEAM])(scope, receive, send))
    return answers[0]


def _ask(method: str, path: str, headers: Headers) -> int:
    return _first_answer("http", method, path, headers)["status"]


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {}),
        ("GET", "/runs/1", {"sec-fetch-site": "none"}),
        ("GET", "/graphql", {}),
        ("POST", "/graphql", JSON),
        ("POST", "/graphql", {**JSON, "origin": HERE, "sec-fetch-site": "same-origin"}),
        ("POST", "/graphql", {"content-type": "Application/JSON; charset=utf-8", "origin": HERE}),
        ("POST", "/graphql", {**JSON, "host": "localhost:3000", "origin": "http://localhost:3000"}),
        ("POST", "/graphql", {**JSON, "host": "skype.example.org", "origin": TEAM}),
        ("POST", "/graphql", {**JSON, "origin": TEAM}),
        ("GET", "/runs", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}),
    ],
    ids=str,
)
def test_pages_of_its_own_links_and_programs_are_let_in(method: str, path: str, headers: Headers) -> None:
    assert _ask(method, path, headers) == 200


@pytest.mark.parametrize(
    ("status", "method", "path", "headers"),
    [
        (403, "GET", "/", {"host": "evil.example:3000"}),
        (403, "GET", "/", {"host": "127.0.0.1"}),
        (403, "GET", "/", {"host": "127.0.0.1:3001"}),
        (403, "GET", "/", {"host": ""}),
        (403, "GET", "/", {"host": "127.0.0.1:3000, evil.example"}),
        (403, "GET", "/", {"host": "evil@127.0.0.1:3000"}),
        (403, "POST", "/graphql", {**JSON, "origin": "http://evil.example"}),
        (403, "POST", "/graphql", {**JSON, "origin": "http://127.0.0.1:8000"}),
        (403, "POST", "/graphql", {**JSON, "origin": "https://127.0.0.1:3000"}),
        (403, "POST", "/graphql", {**JSON, "origin": "null"}),
        (403, "POST", "/graphql", {**JSON, "sec-fetch-site": "same-site"}),
        (
            403,
            "GET",
            "/logs/x",
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        ),
        (403, "GET", "/", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}),
        (
            403,
            "POST",
            "/",
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
        ),
        (405, "GET", MUTATION, {}),
        (405, "GET", MUTATION, {"accept": "text/html"}),
        (405, "GET", "/graphql/?query={version}", {}),
        (405, "GET", "/graphql?a=b&query={version}", {"sec-fetch-site": "same-origin"}),
        (405, "GET", "/graphql?qu%65ry={version}", {}),
        (415, "POST", MUTATION, {}),
        (415, "POST", "/graphql", {"content-type": "text/plain"}),
        (415, "POST", "/graphql", {"content-type": "text/plain; application/json"}),
        (415, "POST", "/graphql", {"content-type": "application/graphql"}),
        (415, "POST", "/graphql", {"content-type": "application/x-www-form-urlencoded"}),
        (415, "POST", "/report_asset_materialization/a", {"content-type": "multipart/form-data"}),
        (415, "PUT", "/anything", {}),
    ],
    ids=str,
)
def test_everything_else_is_refused(status: int, method: str, path: str, headers: Headers) -> None:
    assert _ask(method, path, headers) == status


@pytest.mark.parametrize(
    ("headers", "is_let_in"),
    [
        ({}, True),
        ({"origin": HERE}, True),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"host": "evil.example:3000", "origin": "http://evil.example:3000"}, False),
        ({"origin": HERE, "sec-fetch-site": "cross-site", "sec-fetch-mode": "websocket"}, False),
    ],
    ids=str,
)
def test_a_websocket_is_opened_by_its_own_pages(headers: Headers, is_let_in: bool) -> None:
    answer = _first_answer("websocket", "GET", "/graphql", headers)
    assert answer["type"] == ("websocket.accept" if is_let_in else "websocket.close")


def test_no_page_may_have_it_in_a_frame_and_its_own_policy_stays() -> None:
    headers = _first_answer("http", "GET", "/", {})["headers"]
    assert [value for name, value in headers if name == b"content-security-policy"] == [
        b"default-src 'self'",
        b"frame-ancestors 'none'",
    ]
    assert {(b"x-frame-options", b"DENY"), (b"cross-origin-resource-policy", b"same-origin")} <= set(headers)
