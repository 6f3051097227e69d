"""Dagster's web UI behind ``Guard``, with its daemon: ``python -m skype_assets.instance.web_ui``, `skype-assets dev`.

What `dagster dev` does, which starts a web server that cannot be given anything to stand before it: code servers, a
daemon that shares them, and the server. Public are Dagster's commands alone.
"""

import argparse
import os
import socket
import sys
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

# A signal is heard while Dagster is imported, which takes seconds.
from skype_assets.etl import interruption

if TYPE_CHECKING:
    import subprocess

    from dagster import DagsterInstance

HOST: Final = "127.0.0.1"
"""Whoever reaches the UI can start runs, and it asks nobody for a password: this machine only."""

_STATEMENT_TIMEOUT_MS, _POOL_RECYCLE_SECONDS, _POOL_OVERFLOW = 15_000, 3_600, 20
_POLL_RATE_MS: Final = 2_000
_LAST_SECONDS: Final = 1
_SYSTEM: Final = 74

_starts_nothing_more: Final = threading.Event()


def main() -> None:
    """Serve until a signal ends it."""
    interruption.listen()
    # Dagster goes on in its threads until this process has ended.
    sys.addaudithook(_refuse_to_start)
    arguments = _arguments()
    try:
        door = socket.create_server((HOST, arguments.port))
        # Else the end of an answer waits, 40 ms as a rule, until the browser has confirmed its beginning.
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        print(f"error: port {arguments.port} of {HOST}: {error.strerror}. Choose another with --port", file=sys.stderr)
        sys.exit(_SYSTEM)
    origins = [f"http://{name}:{arguments.port}" for name in (HOST, "localhost")] + arguments.origin
    try:
        with interruption.gently(), interruption.at_the_end(_end_what_was_started):
            _serve(door, origins, arguments)
    except BaseException:
        # A terminal gives its signals to all of its processes: what ends with an error because another has ended, too.
        time.sleep(interruption.LOOK)
        if not interruption.noted():
            raise
        _end_what_was_started()
        # Not sys.exit: it would wait for the threads that Dagster has left.
        os._exit(128 + interruption.noted())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m skype_assets.instance.web_ui", description=__doc__)
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--origin", action="append", default=[], help="a further address that browsers reach it at")
    parser.add_argument("--no-daemon", action="store_true", help="the daemon is a service of its own")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--workspace", type=Path)
    what.add_argument("--module")
    return parser.parse_args()


def _serve(door: socket.socket, origins: Sequence[str], arguments: argparse.Namespace) -> None:
    import uvicorn
    from dagster import DagsterInstance

    # What a workspace is, for a server: the web server's command makes it from its options, and nothing else does.
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import ModuleTarget, WorkspaceFileTarget
    from dagster_webserver.app import create_app_from_workspace_process_context

    # The web server says which version it is, and asks for it.
    from dagster_webserver.version import __version__

    from skype_assets.instance.guard import Guard

    workspace, module = arguments.workspace, arguments.module
    target = WorkspaceFileTarget([str(workspace)]) if workspace else ModuleTarget(module, None, None, None)
    with ExitStack() as stack:
        instance = stack.enter_context(DagsterInstance.get())
        file = stack.enter_context(_code_servers(instance, target))
        daemon = None if arguments.no_daemon else stack.enter_context(_daemon(file))
        instance.optimize_for_webserver(_STATEMENT_TIMEOUT_MS, _POOL_RECYCLE_SECONDS, _POOL_OVERFLOW)
        with WorkspaceProcessContext(instance, WorkspaceFileTarget([str(file)]), version=__version__) as context:
            app = create_app_from_workspace_process_context(context, "", _POLL_RATE_MS)
            config = uvicorn.Config(Guard(app, origins), log_level="warning", timeout_graceful_shutdown=_LAST_SECONDS)
            server = uvicorn.Server(config)
            # In a thread it leaves signals alone.
            thread = threading.Thread(target=server.run, args=([door],), name="web server", daemon=True)
            thread.start()
            print(f"the web UI: {origins[0]} (Ctrl-C ends it)", flush=True)
            try:
                while thread.is_alive() and (daemon is None or daemon.poll() is None):
                    interruption.sleep(interruption.LOOK)
                sys.exit(
                    f"error: {'the daemon' if thread.is_alive() else 'the web server'} has ended; see above for why"
                )
            finally:
                server.should_exit = True
                thread.join(_LAST_SECONDS)


@contextmanager
def _code_servers(instance: "DagsterInstance", target: object) -> Generator[Path]:
    """Servers of the code locations, for web server and daemon; their workspace file."""
    import yaml

    # What `dagster dev` has its code servers started and watched by. `dagster code-server start` is public, but a
    # workspace would have to be read, which is not, to know what to start.
    from dagster._cli.proxy_server_manager import ProxyServerManager

    with ProxyServerManager(instance, target, "WARNING") as servers, interruption.temporary_folder() as folder:  # pyright: ignore[reportArgumentType]
        file = folder / "workspace.yaml"
        file.write_text(yaml.dump({"load_from": servers.get_code_server_specs()}))
        yield file


@contextmanager
def _daemon(workspace: Path) -> "Generator[subprocess.Popen[bytes]]":
    import subprocess

    command = [sys.executable, "-m", "dagster._daemon", "run", "--workspace", str(workspace)]
    daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield daemon
    finally:
        daemon.terminate()
        with suppress(subprocess.TimeoutExpired):
            daemon.wait(_LAST_SECONDS)


def _end_what_was_started() -> None:
    """End code servers and daemon, whatever they are at; runs go on, and end by themselves if they were interrupted."""
    _starts_nothing_more.set()
    # What is stopped starts nothing that would be seen too late, and would outlive whoever has started it.
    stopped: set[psutil.Process] = set()
    while further := _started() - stopped:
        for process in further:
            with suppress(psutil.Error):
                process.suspend()
        stopped |= further
    for process in stopped:
        with suppress(psutil.Error):
            process.kill()


def _started() -> "set[psutil.Process]":
    started: set[psutil.Process] = set()
    stays: set[int] = set()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if process.ppid() in stays or "skype_assets.instance.run_worker" in process.cmdline():
                stays.add(process.pid)
            else:
                started.add(process)
    return started


def _refuse_to_start(event: str, _arguments: object) -> None:
    if event == "subprocess.Popen" and _starts_nothing_more.is_set():
        raise interruption.Interrupted


if __name__ == "__main__":
    main()
