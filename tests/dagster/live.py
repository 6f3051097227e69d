"""A real `skype-assets dev` for tests: web server, daemon and code server, as a person starts them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

PATIENCE = 180.0
SKYPE_ASSETS_DEV = (sys.executable, "-m", "skype_assets.etl.command_line", "dev")

_LAUNCH = """
mutation($parameters: ExecutionParams!) { launchRun(executionParams: $parameters) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
_REEXECUTE = """
mutation($parameters: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $parameters) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
_ADD_PARTITION = """
mutation($repository: RepositorySelector!, $key: String!) { addDynamicPartition(
  repositorySelector: $repository, partitionsDefName: "skype_exports", partitionKey: $key) { __typename } }"""
_REPOSITORY = {"repositoryLocationName": "skype_assets", "repositoryName": "__repository__"}
_TERMINATE = """
mutation($run: String!) { terminateRun(runId: $run) { __typename ... on PythonError { message } } }"""
_RUN = """
query($run: ID!) { runOrError(runId: $run) { ... on Run {
  status stepStats { stepKey status } tags { key value } } } }"""


@dataclass(frozen=True)
class Dev:
    """A running one. Every method waits at most for ``PATIENCE`` seconds, and then says what the log ends with."""

    url: str
    log: Path
    process: psutil.Process

    def addresses(self) -> set[str]:
        """The addresses that its processes listen on."""
        family = [self.process, *self.process.children(recursive=True)]
        connections = [connection for member in family for connection in member.net_connections("inet")]
        return {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}

    def query(self, text: str, **variables: Any) -> dict[str, Any]:
        """Ask GraphQL."""
        body = json.dumps({"query": text, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    def launch(self, task_id: str) -> str:
        """Start `load_export` for an export; gives the run's id."""
        selector = {**_REPOSITORY, "jobName": "load_export"}
        tags = [{"key": "dagster/partition", "value": task_id}]
        parameters = {"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": tags}}
        return _run_id(self.query(_LAUNCH, parameters=parameters)["launchRun"])

    def add_partition(self, key: str) -> None:
        """What the UI does with what somebody types."""
        answer = self.query(_ADD_PARTITION, repository=_REPOSITORY, key=key)["addDynamicPartition"]
        assert answer["__typename"] == "AddDynamicPartitionSuccess", answer

    def reexecute_from_failure(self, run_id: str) -> str:
        """What the button of that name does."""
        parameters = {"parentRunId": run_id, "strategy": "FROM_FAILURE"}
        return _run_id(self.query(_REEXECUTE, parameters=parameters)["launchRunReexecution"])

    def terminate(self, run_id: str) -> None:
        """What the button of that name does."""
        assert self.query(_TERMINATE, run=run_id)["terminateRun"]["__typename"] == "TerminateRunSuccess"

    def run(self, run_id: str) -> dict[str, Any]:
        """Status, steps and tags of a run."""
        return self.query(_RUN, run=run_id)["runOrError"]

    def ended(self, run_id: str) -> dict[str, Any]:
        """The run, when it has ended."""
        return self.wait(lambda: _if(self.run(run_id), lambda run: run["status"] in ("SUCCESS", "FAILURE", "CANCELED")))

    def runs(self) -> list[str]:
        """Ids of all runs, the last one first."""
        found = self.query("{ runsOrError { ... on Runs { results { runId } } } }")
        return [run["runId"] for run in found["runsOrError"]["results"]]

    def wait(self, look: Callable[[], Any]) -> Any:
        """Whatever ``look`` finds, as soon as it finds something."""
        until = time.monotonic() + PATIENCE
        while not (found := look()):
            assert time.monotonic() < until, self.log.read_text()[-5_000:]
            time.sleep(0.25)
        return found


@contextmanager
def dev(
    folder: Path, environment: Mapping[str, str], command: Sequence[str | Path] = SKYPE_ASSETS_DEV
) -> Generator[Dev]:
    """`skype-assets dev`, or another command that serves the web UI, in a project folder, until the block ends."""
    port, log = _free_port(), folder / "dev.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # What runs in the background of a script ignores Ctrl-C, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    running = Dev(f"http://127.0.0.1:{port}", log, psutil.Process(process.pid))
    try:
        running.wait(lambda: process.poll() is not None or _answers(running.url))
        assert process.poll() is None, log.read_text()
        yield running
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C, and patience."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    _, alive = psutil.wait_procs(family, timeout=30)
    for left in alive:
        left.kill()
    assert [left.cmdline() for left in alive if left.is_running()] == []


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=5):
            return True
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _run_id(answer: dict[str, Any]) -> str:
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return answer["run"]["runId"]


def _if(found: Any, condition: Callable[[Any], bool]) -> Any:
    return found if condition(found) else None
