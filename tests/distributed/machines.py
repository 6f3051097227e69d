"""Machines for the tests: processes that share nothing with this one but what they reach over TCP.

Where the system allows it, each has a network namespace of its own, in which nothing of this one's is reached but some
ports, and in the place of the tests' folder an empty one in memory. Else it has its own folders, and that is all.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

PROJECT = Path(__file__).parents[2]
PATIENCE = 300.0

_numbers = count(1)
_ALONE = 'mkdir -p "$0"; mount -t tmpfs -o mode=0700 tmpfs "$0" && mkdir -p "$1" && cd "$1" && shift && exec "$@"'


@dataclass
class Machine:
    """A machine: processes are started on it, and it can be lost, with all of them, at once.

    Attributes:
        name: for people.
        address: its own; that of this machine where it has no network of its own.
        gateway: where it reaches this machine.
        home: its folder.
    """

    name: str
    address: str
    gateway: str
    home: Path
    _hidden: Path
    _prefix: tuple[str, ...]
    _relays: ExitStack
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def reach(self, url: str) -> str:
        """How a service of this machine is named there: over a relay, which is all that leads here."""
        parts = urlsplit(url)
        if self.gateway == "127.0.0.1":
            return url
        assert parts.hostname == "127.0.0.1", url
        assert parts.port, url
        port = self._relays.enter_context(relayed(self.gateway, parts.port))
        account, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{account}{at}{self.gateway}:{port}"))

    def start(self, module: str, *arguments: object, **environment: str) -> subprocess.Popen[bytes]:
        """Start a Python module there."""
        log = Path(f"{self._hidden}.{self.name}.log")
        command = [*self._prefix, sys.executable, "-m", module, *map(str, arguments)]
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        own = {"HOME": self.home, "SKYPE_HOME": self.home, "TMPDIR": self.home, "XDG_DATA_HOME": self.home}
        if not self._prefix:
            self.home.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=self.home if not self._prefix else "/",
                env={
                    **kept,
                    **{name: str(path) for name, path in own.items()},
                    "PYTHONPATH": str(PROJECT),
                    **environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def lose(self) -> None:
        """Kill all that runs there."""
        for process in self._started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._started.clear()

    def is_lost(self) -> bool:
        """Whether nothing runs there any more."""
        return all(process.poll() is not None for process in self._started)

    @property
    def log(self) -> str:
        """What its processes have said."""
        return Path(f"{self._hidden}.{self.name}.log").read_text(errors="replace")


@contextmanager
def machine(name: str, hidden: Path) -> Generator[Machine]:
    """A machine for the block.

    Args:
        name: its name.
        hidden: the folder of the tests, which it does not see.
    """
    home = hidden / name
    with ExitStack() as relays:
        if _can_be_apart():
            number = next(_numbers)
            network = f"st{os.getpid() % 10_000}-{number}"
            gateway, address = _connect(network, number, relays)
            prefix = ("ip", "netns", "exec", network, "unshare", "--mount", "sh", "-c", _ALONE, str(hidden), str(home))
        else:
            gateway = address = "127.0.0.1"
            prefix = ()
        made = Machine(name, address, gateway, home, hidden, prefix, relays)
        try:
            yield made
        finally:
            made.lose()


def _can_be_apart() -> bool:
    """Whether processes can be given networks and folders of their own here."""
    tools = all(shutil.which(tool) for tool in ("ip", "unshare"))
    if not tools or os.geteuid() != 0:
        return False
    name = f"st{os.getpid() % 10_000}-try"
    script = f"ip netns add {name} && ip link add {name} type veth peer name {name}p netns {name}"
    made = subprocess.run(["sh", "-c", script], capture_output=True, check=False).returncode == 0
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return made


def _connect(network: str, number: int, undone: ExitStack) -> tuple[str, str]:
    """Make a network that is joined to this one by a pair of addresses: ours and its own."""
    ours, theirs = (f"10.213.{number % 250}.{host}" for host in (1, 2))
    for command in (
        f"ip netns add {network}",
        f"ip link add {network} type veth peer name {network}p netns {network}",
        f"ip address add {ours}/30 dev {network}",
        f"ip link set {network} up",
        f"ip -n {network} address add {theirs}/30 dev {network}p",
        f"ip -n {network} link set {network}p up",
        f"ip -n {network} link set lo up",
    ):
        subprocess.run(command.split(), check=True)
        if command == f"ip netns add {network}":
            undone.callback(subprocess.run, ["ip", "netns", "del", network], check=False)
    return ours, theirs


@contextmanager
def relayed(address: str, port: int) -> Generator[int]:
    """A port of an address that leads to one of this machine's own; its number."""
    with socket.create_server((address, 0)) as door:
        threading.Thread(target=_accept, args=(door, port), daemon=True).start()
        yield door.getsockname()[1]


def _accept(door: socket.socket, port: int) -> None:
    with suppress(OSError):  # the door is closed
        while True:
            theirs, _ = door.accept()
            ours = socket.create_connection(("127.0.0.1", port))
            for pair in ((theirs, ours), (ours, theirs)):
                threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(look: Callable[[], object], what: Callable[[], str], patience: float = PATIENCE) -> float:
    """Wait until something is so; seconds that it took. ``what`` there is to say if it never is."""
    began = time.monotonic()
    while not look():
        assert time.monotonic() - began < patience, what()
        time.sleep(0.1)
    return time.monotonic() - began


def listens(port: int) -> bool:
    """Whether anybody answers at a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


Environment = Mapping[str, str]
