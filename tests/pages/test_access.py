"""Who may read: a browser on this machine that knows the secret, at the right address, by itself."""

import re
import socket
import stat
from pathlib import Path

import pytest

from skype_assets.etl.pages import access
from tests.pages.reader import Reader

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def test_the_first_address_becomes_a_cookie_and_goes(reader: Reader) -> None:
    first = reader.request("GET", f"/search?q=a%20b&token={reader.token}", {})
    assert first.status == 303
    assert first.headers["location"] == "/search?q=a+b"
    cookie = first.headers["set-cookie"]
    assert cookie.startswith(f"skype_reader_{reader.port}={reader.token};")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert reader.get("/").status == 200


def test_the_secret_has_256_bits_is_kept_and_is_nobody_elses(tmp_path: Path) -> None:
    made = access.token(tmp_path / "place")
    file = tmp_path / "place" / ".reader-token"
    assert len(made) == 43
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert access.token(tmp_path / "place") == made
    file.chmod(0o644)
    assert access.token(tmp_path / "place") != made, "somebody else could have read it"
    assert access.token(tmp_path / "other") != made


def test_a_token_behind_a_link_of_somebody_else_is_not_believed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("x" * 43)
    elsewhere.chmod(0o600)
    (tmp_path / ".reader-token").symlink_to(elsewhere)
    assert access.token(tmp_path) != "x" * 43


def test_it_listens_on_this_machines_own_interface_only(reader: Reader) -> None:
    listening = [
        line.split()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and int(line.split()[1].rpartition(":")[2], 16) == reader.port
    ]
    assert listening == [f"{'0100007F'}:{reader.port:04X}"]
    with socket.socket(socket.AF_INET6) as six:
        assert six.connect_ex(("::1", reader.port)) != 0


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
def test_it_answers_to_its_names_with_its_port(reader: Reader, name: str) -> None:
    assert reader.get("/", Host=f"{name}:{reader.port}").status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost:80", "127.0.0.1.evil.example:{port}", "", "x"],
)
def test_another_host_or_port_is_refused(reader: Reader, host: str) -> None:
    answer = reader.get("/", Host=host.format(port=reader.port))
    assert answer.status in (400, 403)
    assert "Conversations" not in answer.text


@pytest.mark.parametrize("site", ["cross-site", "same-site", "x"])
def test_what_another_site_asks_for_is_refused(reader: Reader, site: str) -> None:
    assert reader.get("/", **{"Sec-Fetch-Site": site}).status == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_what_our_pages_or_bookmarks_ask_for_is_answered(reader: Reader, site: str) -> None:
    assert reader.get("/", **{"Sec-Fetch-Site": site}).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_nothing_but_reading_is_possible(reader: Reader, method: str) -> None:
    answer = reader.request(method, "/", reader.cookie)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_head_says_what_get_would_without_saying_it(reader: Reader) -> None:
    answer = reader.request("HEAD", "/", reader.cookie)
    assert (answer.status, answer.content) == (200, b"")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Cookie": "skype_reader=x"},
        {"Cookie": "skype_reader_{port}="},
        {"Cookie": "skype_reader_{port}=" + "x" * 43},
        {"Cookie": "skype_reader_{port}=\u00e4"},
        {"Cookie": ";;;=\x01"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/search?q=x", "/static/reader.js", "/c/0000000000000000/file/1/0", "/?token=x"])
def test_without_the_secret_nothing_is_shown(reader: Reader, headers: dict[str, str], path: str) -> None:
    given = {name: value.format(port=reader.port).encode("utf-8").decode("latin-1") for name, value in headers.items()}
    answer = reader.request("GET", path, given)
    assert answer.status in (400, 403)
    assert "Conversations" not in answer.text


@pytest.mark.parametrize("path", ["/", "/search?q=x", "/search?q=x:y", "/nothing", "/static/reader.css", "/stats"])
def test_every_answer_has_the_headers(reader: Reader, path: str) -> None:
    headers = reader.get(path).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_refusals_have_the_headers_too(reader: Reader) -> None:
    for answer in (reader.request("GET", "/", {}), reader.request("POST", "/", {}), reader.get("/", Host="x")):
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_redirect_leads_nowhere_else(reader: Reader) -> None:
    answer = reader.request("GET", f"//evil.example/%2e?token={reader.token}", {})
    assert answer.status == 303
    assert re.match(r"/[^/\\]", answer.headers["location"])


@pytest.mark.parametrize(
    "path",
    [
        "/static/../site.py",
        "/static/%2e%2e/site.py",
        "/static/..%2fsite.py",
        "/static/%2e%2e%2f%2e%2e%2ferrors.py",
        "/static//etc/passwd",
        "/c/../../etc/passwd",
        "/c/%00/",
        "/c/0000000000000000/m/%00",
        "/c/0000000000000000/m/~AA",
        "/c/0000000000000000/file/1/99999999999999999999",
        "/c/" + "0" * 10_000 + "/",
        "/p/" + "x" * 10_000,
        "/p/%F0%28%8C%28",
    ],
)
def test_addresses_that_are_none_of_ours_are_not_found(reader: Reader, path: str) -> None:
    answer = reader.get(path)
    assert answer.status == 404
    assert "import" not in answer.text
    assert "root:" not in answer.text


def test_an_address_without_end_is_refused_and_the_next_one_answered(reader: Reader) -> None:
    assert reader.get("/search?q=" + "x" * 60_000).status in (400, 404, 414, 431)
    assert reader.get("/").status == 200
