"""The server that ``run_launcher`` forks runs from: ``python -m skype_assets.instance.run_worker``.

Reads one run per line from stdin, for each of which its worker answers with which process it is; ends with its input.
Nothing may be done here that starts threads or opens connections: a fork would have halves of them.
"""

import os
import signal
import sys
import traceback
from importlib import import_module
from typing import Final, NoReturn

import msgspec

# `dagster api execute_run`. Public is the command line alone: another Python, and its imports are what forking saves.
from dagster._cli.api import execute_run_command

LIBRARIES: Final = (
    "adbc_driver_postgresql.dbapi",
    "dagster_postgres",
    "loky",
    "pyarrow.compute",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "sqlalchemy.dialects.postgresql.psycopg2",
)
"""What takes a run's worker long to import. Not this project's modules: they may be edited while the server lives."""


def main() -> None:
    """Fork a worker for every line of stdin."""
    for library in LIBRARIES:
        import_module(library)
    # Ctrl-C reaches every process of a terminal. This one ends with its input; the runs are interrupted.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the workers: the system removes them
    for line in sys.stdin:
        if os.fork() == 0:
            _work(line)


def _work(arguments: str) -> NoReturn:
    """Be the worker of one run; what goes wrong is in the log and in the exit code."""
    code: object = 1  # as of any error
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # Here, as all of this project's modules: those of the server would be what they were when it began.
        from skype_assets.etl.processes import Process

        # By the worker itself, and before it does anything: whoever asked for it and is gone gets no run.
        print(msgspec.json.encode(Process.myself()).decode(), flush=True)
        # The server's input and output are no worker's business; what a run prints goes to the log.
        os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        # As `dagster api execute_run`, the command of all of Dagster's launchers.
        execute_run_command.main([arguments], standalone_mode=False)
        code = 0
    except SystemExit as ended:
        code = 0 if ended.code is None else ended.code
    except BaseException:  # noqa: BLE001 - whatever it is, the process ends with it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Not sys.exit: it would wait for the threads that a run left behind.
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    main()
