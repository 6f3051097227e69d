"""``python -m tests.faults.store_server PORT``: moto's S3 server, which does to requests what networks and machines do.

Whoever wants faults says which to ``/-/arm``, with the process that they are about; ``/-/told`` says what has happened.
One request is done at a time: else moto looks whether an object is there and writes it later, and two succeed. But none
is waited for: a process that was stopped may have opened a connection, and said nothing.
"""

import io
import json
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

Environment = dict[str, Any]
Answer = Callable[..., Any]

ANY = ("answer lost", "request lost", "answer cut", "500", "503", "slow", "409")
"""What may happen to any request; a process goes on. 409 is of those alone that create an object."""
ENDS = ("kill before", "kill after", "stop before", "stop after")
"""What happens to the process that has sent a request, before or after it is done."""


class Faults:
    """A WSGI application before moto's.

    Args:
        application: moto's.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._armed: dict[str, Any] = {}
        self._drawn = random.Random()
        self._calls: list[str] = []
        self._faults: list[str] = []

    def __call__(self, environment: Environment, answer: Answer) -> Iterable[bytes]:
        """Answer a request."""
        body = environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
        environment["wsgi.input"] = io.BytesIO(body)
        with self._lock:
            return self._answered(environment, answer)

    def _answered(self, environment: Environment, answer: Answer) -> Iterable[bytes]:
        path = environment["PATH_INFO"]
        if path.startswith("/-/"):
            return self._control(path, environment, answer)
        kind = _kind(environment)
        self._calls.append(kind)
        fault = self._fault(kind)
        if fault is None:
            return self._application(environment, answer)
        self._faults.append(f"{fault}, {kind}")
        return self._disturbed(fault, environment, answer)

    def _control(self, path: str, environment: Environment, answer: Answer) -> Iterable[bytes]:
        told: dict[str, Any] = {"calls": self._calls, "faults": self._faults}
        if path == "/-/arm":
            size = int(environment["CONTENT_LENGTH"])
            self._armed = json.loads(environment["wsgi.input"].read(size))
            self._drawn = random.Random(self._armed.get("seed", 0))
            self._calls, self._faults = [], []
        answer("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(told).encode()]

    def _fault(self, kind: str) -> str | None:
        armed = self._armed
        if (at := armed.get("at")) is not None:
            return armed["fault"] if len(self._calls) == at and _can(armed["fault"], kind) else None
        if self._drawn.random() < armed.get("share", 0.0):
            fault = self._drawn.choice(ANY)
            return fault if _can(fault, kind) else "answer lost"
        return None

    def _disturbed(self, fault: str, environment: Environment, answer: Answer) -> Iterable[bytes]:
        if fault in ("500", "503", "409"):
            answer(f"{fault} Fault", [("Content-Length", "0")])
            return [b""]
        if fault == "request lost":
            return self._cut(environment, answer, b"")
        if fault == "slow":
            time.sleep(0.2)
            return self._application(environment, answer)
        if fault.endswith("before"):
            self._end(fault)
        parts, head = [], list[Any]()
        with suppress(FileNotFoundError):
            parts = list(self._application(environment, lambda *arguments: head.extend(arguments)))
        if fault.endswith("after"):
            self._end(fault)
        if fault in ("answer lost", "kill after", "kill before"):
            return self._cut(environment, answer, b"")
        if fault == "answer cut":
            body = b"".join(parts)
            answer(head[0], [(name, value) for name, value in head[1] if name.lower() != "content-length"]
                   + [("Content-Length", str(len(body) + 1))])  # fmt: skip
            return self._cut(environment, None, body[: len(body) // 2])
        answer(*head[:2])
        return parts

    def _end(self, fault: str) -> None:
        number = signal.SIGKILL if fault.startswith("kill") else signal.SIGSTOP
        with suppress(ProcessLookupError):
            os.kill(self._armed["pid"], number)

    def _cut(self, environment: Environment, answer: Answer | None, data: bytes) -> Iterable[bytes]:
        """Let the connection end after some bytes of the answer."""
        if answer is not None:
            answer("200 OK", [("Content-Length", "1")])
        else:
            yield data
        connection: socket.socket = environment["werkzeug.socket"]
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        yield b""


def _kind(environment: Environment) -> str:
    """What a request asks for, for people."""
    method, path = environment["REQUEST_METHOD"], environment["PATH_INFO"]
    if method == "PUT":
        return "create" if "HTTP_IF_NONE_MATCH" in environment else "put"
    if method == "GET" and "list-type" in environment["QUERY_STRING"]:
        return "list"
    return method.lower() if path.count("/") > 1 else f"{method.lower()} bucket"


def _can(fault: str, kind: str) -> bool:
    return fault != "409" or kind == "create"


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


def _serve(port: int) -> None:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import run_simple

    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    run_simple("127.0.0.1", port, Faults(DomainDispatcherApplication(create_backend_app)), threaded=True)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
