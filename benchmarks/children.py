"""A job in a process of its own: its CPU seconds and those of the server, its wall time, its anonymous memory.

A process of its own, because memory that one job has let go of would hide what the next one needs, and because what
is measured must not find modules imported or data cached that a user's process would not have.
"""

import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psutil

_SAMPLE_SECONDS = 0.02
_RSS_ANON = re.compile(rb"RssAnon:\s+(\d+) kB")


class Meter(Protocol):
    """Something whose CPU seconds belong to a job, though it is no child of the job's process: the server."""

    def cpu_seconds(self) -> float: ...


@dataclass(frozen=True)
class Usage:
    """What a job has used.

    Attributes:
        client_cpu: CPU seconds of its process and that process's children.
        server_cpu: CPU seconds of the PostgreSQL server meanwhile.
        wall: seconds that it took.
        memory_mb: the most anonymous memory (RssAnon) that one of its processes had at a time.
        memory_sum_mb: the most that all of its processes had together.
    """

    client_cpu: float
    server_cpu: float
    wall: float
    memory_mb: float = 0
    memory_sum_mb: float = 0

    @property
    def cpu(self) -> float:
        """CPU seconds of client and server."""
        return self.client_cpu + self.server_cpu

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.client_cpu + other.client_cpu,
            self.server_cpu + other.server_cpu,
            self.wall + other.wall,
            max(self.memory_mb, other.memory_mb),
            max(self.memory_sum_mb, other.memory_sum_mb),
        )


def run_job(name: str, meter: Meter, **arguments: Any) -> Usage:
    """Run a module of ``benchmarks.jobs``; counted is what it prepares, without imports and preparation."""
    command = [sys.executable, "-m", "benchmarks.child", name, json.dumps(arguments, default=str)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin
        assert child.stdout
        if child.stdout.readline() != "ready\n":
            raise RuntimeError(f"benchmark {name} could not be prepared; its error is above")
        server_cpu = meter.cpu_seconds()
        child.stdin.write("go\n")
        child.stdin.close()
        most, most_together = _watch(child)
        server_cpu = meter.cpu_seconds() - server_cpu
        output = child.stdout.read()
    if child.returncode:
        raise RuntimeError(f"benchmark {name} failed with exit code {child.returncode}; its error is above")
    counted = json.loads(output.splitlines()[-1])
    return Usage(counted["cpu"], server_cpu, counted["wall"], most / 2**20, most_together / 2**20)


def run_command(command: Sequence[str], meter: Meter, **options: Any) -> Usage:
    """Run a command as a user does: counted is everything, from its start to its end."""
    cpu, server_cpu, began = _cpu_of_children(), meter.cpu_seconds(), time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **options) as child:
        most, most_together = _watch(child)
    wall = time.monotonic() - began
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} failed with exit code {child.returncode}")
    used = _cpu_of_children() - cpu
    return Usage(used, meter.cpu_seconds() - server_cpu, wall, most / 2**20, most_together / 2**20)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _watch(child: "subprocess.Popen[Any]") -> tuple[int, int]:
    """Wait for the end; the most anonymous memory of one process of the family, and of all together."""
    most = most_together = 0
    root = psutil.Process(child.pid)
    while True:
        try:
            sizes = [_anonymous(process.pid) for process in (root, *root.children(recursive=True))]
        except psutil.Error:
            sizes = []
        most, most_together = max(most, *sizes, 0), max(most_together, sum(sizes))
        try:
            child.wait(_SAMPLE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return most, most_together


def _anonymous(pid: int) -> int:
    """RssAnon in bytes: what a process has that is no page of a file; 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return 0
    found = _RSS_ANON.search(status)
    return int(found[1]) * 1024 if found else 0
