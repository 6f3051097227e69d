"""A page of somebody else's in the browser of whoever has the web UI running: it changes nothing, and sees nothing."""

import http.server
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import FOREIGN
from tests.dagster.live import Dev, dev

ADD = """
mutation { addDynamicPartition(
  repositorySelector: { repositoryLocationName: "skype_assets", repositoryName: "__repository__" },
  partitionsDefName: "skype_exports", partitionKey: "%s") { __typename } }"""

# What a page can try, without and with what the browser calls a simple request; each says when it is over.
TRIES = {
    "image": "new Promise(over => { const i = new Image(); i.onload = i.onerror = over; i.src = get })",
    "script": """new Promise(over => { const s = document.createElement("script"); s.onload = s.onerror = over;
        s.src = get; document.head.append(s) })""",
    "fetch by GET": "fetch(get, { mode: 'no-cors', credentials: 'include' }).catch(() => 0)",
    "fetch of text": "fetch(url, { method: 'POST', mode: 'no-cors', body }).catch(() => 0)",
    "fetch of text with the query in the address": "fetch(get, { method: 'POST', mode: 'no-cors' }).catch(() => 0)",
    "fetch of JSON": """fetch(url, { method: 'POST', body, headers: { 'Content-Type': 'application/json' } })
        .catch(() => 0)""",
    "fetch of what is JSON too": """fetch(url, { method: 'POST', mode: 'no-cors', body,
        headers: { 'Content-Type': 'text/plain; application/json' } }).catch(() => 0)""",
    "beacon": "navigator.sendBeacon(get, body)",
    **{
        f"form of {kind}": f"""new Promise(over => {{ const f = document.createElement("iframe"); f.name = "f";
        const form = document.createElement("form"); form.method = "POST"; form.enctype = "{kind}"; form.target = "f";
        form.action = get; document.body.append(f, form); form.submit(); setTimeout(over, 1500) }})"""
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
    },
}


@pytest.fixture(scope="module")
def foreign_page() -> Generator[str]:
    with _served("<!doctype html><title>evil</title><body>") as port:
        yield f"http://{FOREIGN}:{port}/"


@contextmanager
def _served(text: str) -> Generator[int]:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - the name is the library's
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_a_foreign_page_changes_nothing_and_sees_nothing(project: Path, page: Page, foreign_page: str) -> None:
    with dev(project, {"SKYPE_INBOX": "off"}) as running:
        _the_own_page_may(page, running)
        before = _partitions(running)
        assert before == {"own"}
        for number, (name, try_it) in enumerate(TRIES.items()):
            page.goto(foreign_page)
            _try(page, running, try_it, f"evil-{number}")
            assert _partitions(running) == before, name
        _a_link_to_a_mutation(page, running, foreign_page)
        _a_name_that_leads_here(page, running)
        assert _partitions(running) == before
        page.goto(foreign_page)
        assert not _opens_a_websocket(page, running)
        _is_in_no_frame(page, running)


def _the_own_page_may(page: Page, running: Dev) -> None:
    page.goto(running.url)
    body = json.dumps({"query": ADD % "own"})
    asked = "body => fetch('/graphql', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } })"
    assert page.evaluate(f"{asked}.then(answer => answer.status)", body) == 200
    assert _opens_a_websocket(page, running)


def _try(page: Page, running: Dev, try_it: str, key: str) -> None:
    mutation = ADD % key
    values = {
        "url": f"{running.url}/graphql",
        "get": f"{running.url}/graphql?query={quote(mutation)}",
        "body": json.dumps({"query": mutation}),
    }
    page.evaluate(f"async ({{ url, get, body }}) => {{ await {try_it} }}", values)
    page.wait_for_timeout(300)


def _a_link_to_a_mutation(page: Page, running: Dev, foreign_page: str) -> None:
    page.goto(foreign_page)
    target = f"{running.url}/graphql?query={quote(ADD % 'evil-link')}"
    with page.expect_navigation():
        page.evaluate("target => { location.href = target }", target)
    assert "sent by POST" in page.inner_text("body")


def _a_name_that_leads_here(page: Page, running: Dev) -> None:
    """DNS rebinding: the foreign name is this machine's address by now, and the page is of one origin with the UI."""
    answer = page.goto(f"http://{FOREIGN}:{urlsplit(running.url).port}/")
    assert answer
    assert answer.status == 403
    asked = """body => fetch('/graphql', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } })
        .then(answer => answer.status)"""
    assert page.evaluate(asked, json.dumps({"query": ADD % "evil-name"})) == 403


def _opens_a_websocket(page: Page, running: Dev) -> bool:
    opens = """url => new Promise(over => { const socket = new WebSocket(url, "graphql-ws");
        socket.onopen = () => over(true); socket.onerror = () => over(false) })"""
    return page.evaluate(opens, f"{running.url.replace('http', 'ws')}/graphql")


def _is_in_no_frame(page: Page, running: Dev) -> None:
    page.evaluate(
        "url => { const f = document.createElement('iframe'); f.src = url; document.body.append(f) }", running.url
    )
    page.wait_for_timeout(3_000)
    assert page.frames[-1].url.startswith("chrome-error://")


def _partitions(running: Dev) -> set[str]:
    nodes = running.query("{ assetNodes { partitionKeys } }")["assetNodes"]
    return {key for node in nodes for key in node["partitionKeys"]}
