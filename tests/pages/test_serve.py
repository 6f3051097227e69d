"""How answers leave the server."""

import time
from contextlib import closing
from http.client import HTTPConnection

from tests.pages.reader import Reader


def test_no_answer_waits_until_its_beginning_was_confirmed(reader: Reader) -> None:
    """A kernel confirms after 40 ms what nobody answers; each answer that is sent in two pieces would take so long."""
    took: list[float] = []
    with closing(HTTPConnection("127.0.0.1", reader.port)) as kept:
        for _ in range(40):
            began = time.perf_counter()
            kept.request("GET", "/static/reader.css", headers=reader.cookie)
            answer = kept.getresponse()
            assert answer.status == 200
            assert answer.read()
            took.append(time.perf_counter() - began)
    assert sorted(took)[10] < 0.03
