"""The search of pages that lie in a folder, in Chromium: how long it loads, and how long a query takes."""

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

from benchmarks.figures import Figure, p95

_PROGRAMS: Final = ("chromium", "google-chrome")

# As somebody asks who types a query; the answer is there when it has its place on the page.
_ASK: Final = """
query => {
    const form = document.querySelector("main form.search");
    form.querySelector("input[type=search]").value = query;
    const began = performance.now();
    form.requestSubmit();
    document.body.getBoundingClientRect();
    return performance.now() - began;
}"""

_IS_ANSWERED: Final = "query => new URLSearchParams(location.search).get('q') === query"


def measured(folder: Path, queries: Mapping[str, Sequence[str]], rounds: int) -> Iterator[Figure]:
    """The figures of pages handed over into a folder; none without a Chromium, which is said.

    Args:
        folder: where the pages are.
        queries: by kind.
        rounds: how often each query is asked.
    """
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        print("search in the files: not measured, as there is no Chromium; CHROMIUM=/path/to/it names one")
        return
    # Root, as in containers and CI, gets no sandbox.
    arguments = [] if os.getuid() else ["--no-sandbox"]
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program, args=arguments) as browser,
    ):
        page = browser.new_page()
        page.set_default_timeout(120_000)
        began = time.perf_counter()
        page.goto((folder / "search.html").as_uri())
        page.locator("#found").wait_for(state="attached")
        loaded = time.perf_counter() - began
        yield Figure("search in the files: loading", loaded, "s", 3.0)

        def ask(query: str) -> float:
            took = float(page.evaluate(_ASK, query))
            if not page.evaluate(_IS_ANSWERED, query):
                sys.exit(f"the page in {folder} did not answer {query}")
            return took

        for name, some in queries.items():
            yield Figure(f"search in the files: {name}, p95", p95(ask, some, rounds), "ms", 100.0)
