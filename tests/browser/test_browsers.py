"""What the tests of pages rely on: what a page must not do is noticed, in each browser."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.browsers import watched

EVIL = """<!doctype html><title>evil</title>
<meta http-equiv="Content-Security-Policy" content="font-src 'none'">
<style>@font-face { font-family: f; src: url(http://127.0.0.1:40009/a.woff) } p { font-family: f }</style>
<p>x</p><script>alert(4)</script><script>throw new Error("five")</script>
<img src="http://127.0.0.1:40009/b.png" onerror="document.title = 'done'">"""


def test_what_no_page_may_do_is_noticed(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "evil.html").write_text(EVIL)
    with watched(browser, f"{tmp_path.as_uri()}/evil.html") as at:
        expect(at.page).to_have_title("done")
        noticed = "\n".join(at.wrong)
        at.wrong.clear()
    for wrong in ("font-src", "request http://127.0.0.1:40009/b.png", "dialog 4", "error five"):
        assert wrong in noticed, noticed
