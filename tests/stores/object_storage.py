"""Object storage for the tests: moto's server, a process reached over HTTP, and a proxy that loses what it says.

The proxy stands between the client and the server, and does to single requests what networks and servers do.
"""

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Literal

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "key-of-tests", "AWS_SECRET_ACCESS_KEY": "secret-of-tests"}

Fault = Literal["answer lost", "500", "503", "409", "refused", "condition ignored"]
Plan = Callable[[str, str], Fault | None]
"""What happens to a request, by its method and path."""

_SERVER = """
import sys
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False)
"""
"""One request at a time: with threads, moto looks whether an object is there and writes it later, and two succeed."""

_numbers = count(1)


@dataclass
class Storage:
    """A server: its port, and the environment in which a client finds it."""

    port: int

    @property
    def environment(self) -> dict[str, str]:
        """For a process that is to use it."""
        address = f"http://127.0.0.1:{self.port}"
        return {**CREDENTIALS, "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true"}

    def new_url(self) -> str:
        """The address of a folder in a bucket of its own."""
        bucket = f"bucket-{os.getpid()}-{next(_numbers)}"
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{bucket}", method="PUT")
        with urllib.request.urlopen(request):
            return f"s3://{bucket}/some/folder"


@contextmanager
def served() -> Generator[Storage]:
    """A server that runs for the block."""
    with listening(lambda port: [sys.executable, "-c", _SERVER, str(port)]) as port:
        yield Storage(port)


@contextmanager
def listening(command: Callable[[int], Sequence[str | Path]]) -> Generator[int]:
    """A program that serves, on a port that is free, for the block; the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(command(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 120
            while socket.socket().connect_ex(("127.0.0.1", port)):
                assert process.poll() is None, "the server has ended"
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.1)
            yield port
        finally:
            process.kill()


@dataclass
class Proxy(Storage):
    """A server in front of another one.

    Attributes:
        plan: what happens to the next requests; nothing at first.
        requests: method and path of those that came.
    """

    plan: Plan = lambda method, path: None  # noqa: E731 - a field
    requests: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


@contextmanager
def disturbed(storage: Storage) -> Generator[Proxy]:
    """A proxy in front of a server."""
    proxy = Proxy(0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            self._pass_on()

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            proxy.requests.append((self.command, self.path))
            fault = proxy.plan(self.command, self.path)
            if fault in ("500", "503", "409", "refused"):
                self._answer(403 if fault == "refused" else int(fault), {}, b"")
                return
            headers = {name: value for name, value in self.headers.items() if name.lower() != "content-length"}
            if fault == "condition ignored":
                headers = {name: value for name, value in headers.items() if name.lower() != "if-none-match"}
            upstream = http.client.HTTPConnection("127.0.0.1", storage.port)
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            data = answer.read()
            upstream.close()
            if fault == "answer lost":
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _OWN_HEADERS}
            self._answer(answer.status, kept, data)

        def _answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        proxy.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield proxy
        finally:
            server.shutdown()


_OWN_HEADERS = ("connection", "content-length", "transfer-encoding", "date", "server")


def once(fault: Fault, method: str, ending: str) -> Plan:
    """A fault that meets the first request of a method whose path, without what is asked, ends so."""
    left: list[Fault] = [fault]

    def plan(asked: str, path: str) -> Fault | None:
        met = asked == method and path.partition("?")[0].endswith(ending)
        return left.pop() if left and met else None

    return plan
