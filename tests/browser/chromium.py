"""Pages in a real browser that has opened the reader, and what they must never do."""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Dialog, Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""


@dataclass
class Watched:
    """A page, and what it did that no page may do: dialogs, requests elsewhere, violations of its policy, errors."""

    page: Page
    origin: str
    wrong: list[str] = field(default_factory=list[str])

    def open(self, path: str) -> Page:
        """Open an address of the reader."""
        self.page.goto(self.origin + path)
        return self.page

    def refuse(self, dialog: Dialog) -> None:
        """Note a dialog, and close it."""
        self.wrong.append(f"dialog {dialog.message}")
        dialog.dismiss()


@contextmanager
def chromium(url: str, **context: Any) -> Generator[Watched]:
    """A browser that has opened the reader's first address."""
    assert CHROMIUM, "no browser: install Debian's package chromium, or name one with CHROMIUM=/path/to/it"
    with sync_playwright() as playwright:
        # Root, as in containers and CI, gets no sandbox.
        sandbox = [] if os.getuid() else ["--no-sandbox"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        options: dict[str, Any] = {"viewport": {"width": 1280, "height": 960}, **context}
        page = browser.new_context(**options).new_page()
        page.set_default_timeout(60_000)
        watched = Watched(page, url.split("/?")[0])
        page.on("dialog", watched.refuse)
        page.on("pageerror", lambda error: watched.wrong.append(f"error {error}"))
        page.on("console", lambda said: watched.wrong.append(said.text) if "Content Security" in said.text else None)
        page.on("request", lambda sent: None if _is_ours(sent.url, watched) else watched.wrong.append(sent.url))
        page.goto(url)
        yield watched
        browser.close()


def _is_ours(url: str, watched: Watched) -> bool:
    return url.startswith((f"{watched.origin}/", "data:", "blob:"))
