"""The browsers that the system has, with a page at somebody's address, and what no page may ever do."""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Playwright, Request

PROGRAMS = {"chromium": ("chromium", "google-chrome"), "firefox": ("firefox-esr", "firefox")}
"""Browsers, and how their programs are called."""

LEFT = ("net::ERR_ABORTED", "NS_BINDING_ABORTED")
"""Why a request failed whose page was left meanwhile, as the browsers say it."""

REFUSED = "the server responded with a status of 4"
"""What Chromium says of the page that answers a wrong query, or that a quoted message is not there."""


@dataclass
class Watched:
    """A page, and what it did that no page may do: dialogs, requests elsewhere, violations of its policy, errors."""

    page: Page
    origin: str
    wrong: list[str] = field(default_factory=list[str])

    def open(self, path: str) -> Page:
        """Open an address of what is watched."""
        self.page.goto(self.origin + path)
        return self.page

    def refuse(self, dialog: Dialog) -> None:
        """Note a dialog, and close it."""
        self.wrong.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def note_error(self, said: ConsoleMessage) -> None:
        """Note an error that the page's console tells."""
        if said.type == "error" and REFUSED not in said.text:
            self.wrong.append(said.text)

    def note_request(self, sent: Request) -> None:
        """Note a request that leaves."""
        if not sent.url.startswith((f"{self.origin}/", "data:", "blob:")):
            self.wrong.append(f"request {sent.url}")

    def note_failure(self, sent: Request) -> None:
        """Note a request without an answer."""
        if sent.failure not in LEFT:
            self.wrong.append(f"failed {sent.url}: {sent.failure}")


def launch(playwright: Playwright, name: str, *arguments: str) -> Browser:
    """The system's Chromium or Firefox."""
    program = os.environ.get(name.upper()) or next(filter(None, map(shutil.which, PROGRAMS[name])), None)
    assert program, f"no {name}: install Debian's {PROGRAMS[name][0]}, or name one with {name.upper()}=/path/to/it"
    if name == "firefox":
        # What Playwright calls Firefox is one of its own making; by this name it takes Mozilla's.
        return playwright.firefox.launch(channel="moz-firefox", executable_path=program, args=[*arguments])
    # Root, as in containers and CI, gets no sandbox.
    sandbox = [] if os.getuid() else ["--no-sandbox"]
    return playwright.chromium.launch(executable_path=program, args=[*sandbox, *arguments])


@contextmanager
def watched(browser: Browser, first: str, **context: Any) -> Generator[Watched]:
    """A new window, which knows nothing of others, at a first address; nothing wrong may happen until it is closed."""
    options: dict[str, Any] = {"viewport": {"width": 1280, "height": 960}, **context}
    with browser.new_context(**options) as window:
        page = window.new_page()
        page.set_default_timeout(60_000)
        watched = Watched(page, first.rpartition("/")[0])
        page.on("dialog", watched.refuse)
        page.on("pageerror", lambda error: watched.wrong.append(f"error {error}"))
        page.on("console", watched.note_error)
        page.on("request", watched.note_request)
        page.on("requestfailed", watched.note_failure)
        page.goto(first)
        yield watched
        assert watched.wrong == [], watched.wrong
