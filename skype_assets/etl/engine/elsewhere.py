"""Parts that are done on other machines, by workers of Dask: they share the store and the database, and nothing else.

To a worker travels what a part is: no file, and no credentials. Paths in the output folder travel as places in the
store, and the database as a mark for the worker's own. The worker does the part in a folder that is made for it: what
is read there comes from the store, what was written goes into the store, and the part's record comes back. Names in a
store hold epoch and content, and the ledger tells what is loaded: a part that is done twice is done once.

Nothing else imports ``distributed``, which is an extra.
"""

import importlib.util
import io
import logging
import pickle
import platform
import re
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.state import PartRecord
from skype_assets.etl.checkpoints.working_copy import WorkingCopy
from skype_assets.etl.database.session import Database
from skype_assets.etl.engine.workers import SYSTEM_MEMORY
from skype_assets.etl.errors import EtlError, ExecutorUnavailable, UsageError, WorkerLost
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.etl.postgres.url import reachable_url, server_of
from skype_assets.etl.version import PACKAGE

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as DaskFuture

P = ParamSpec("P")
T = TypeVar("T")

ADDRESS: Final = "SKYPE_EXECUTOR"
"""The variable that names a scheduler at every door."""
UNDER_WAY: Final = 64
"""So many parts are with a scheduler at a time: enough for as many workers."""
PATIENCE: Final = 60.0
"""Seconds in which there must be a scheduler, and a worker at it; else the run ends."""

_LOOK_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 3.0
_ADDRESS: Final = re.compile(r"(tcp|tls)://[^/@\s]+:[0-9]+")
_OWN_DATABASE: Final = "database"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Outcome:
    """What became of a part on a worker. An error is no error to Dask, which would log what the part was."""

    record: PartRecord | None
    error: Exception | None = None


class Elsewhere(Executor):
    """Does parts of a phase on the workers of a Dask scheduler; it connects when the first one is submitted.

    Args:
        address: of the scheduler; see ``check``.
        folder: the phase's folder, in a working copy.
    """

    def __init__(self, address: str, folder: Directory) -> None:
        self._address = address
        self._folder = folder.path
        self._output = folder.path.parent.parent
        copy = WorkingCopy.of(self._output)
        assert copy is not None, "check has seen it"
        self._store_url = copy.store.url
        self._client: Client | None = None
        self._under_way: dict[Future[Any], DaskFuture[bytes]] = {}
        self._ended = threading.Event()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a part done; what it raises on the worker is raised here.

        Errors are those of the part, and ``WorkerLost`` if it ended several workers, ``ExecutorUnavailable`` if there
        are none, ``UsageError`` if one is of another version or has no database.
        """
        client = self._connected()
        part = _packed(partial(fn, *args, **kwargs), self._output)
        place = self._folder.relative_to(self._output).as_posix()
        theirs = client.submit(do_part, part, place, self._store_url, made_by(), pure=False)
        ours: Future[T] = Future()
        self._under_way[ours] = theirs
        theirs.add_done_callback(partial(self._settle, ours))
        return ours

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let go of the scheduler, and of what is under way."""
        self._ended.set()
        if self._client is not None:
            self._under_way.clear()
            with suppress(OSError, TimeoutError):
                self._client.close(_LAST_SECONDS)

    def _connected(self) -> "Client":
        if self._client is None:
            from distributed import Client

            # It says of every connection that is lost what is said here, and where in its code.
            for name in ("distributed", "distributed.client"):
                logging.getLogger(name).setLevel(logging.CRITICAL)
            try:
                self._client = Client(self._address, timeout=PATIENCE, set_as_default=False, name="skype-assets")
            except (OSError, TimeoutError) as error:
                raise ExecutorUnavailable(
                    f"no scheduler of Dask answers at {self._address} ({type(error).__name__}); start it, and resume"
                ) from None
            except TypeError:
                raise UsageError(
                    f"{self._address} asks for a certificate, and none is named: set "
                    "DASK_DISTRIBUTED__COMM__TLS__CA_FILE, and CLIENT__CERT and CLIENT__KEY beside it"
                ) from None
            threading.Thread(target=self._watch, name="dask-workers", daemon=True).start()
        return self._client

    def _settle(self, ours: "Future[Any]", theirs: "DaskFuture[bytes]") -> None:
        """Give the outcome of a part to whoever waits for it."""
        from distributed import KilledWorker

        if self._under_way.pop(ours, None) is None:
            return
        try:
            outcome = cast(_Outcome, pickle.loads(theirs.result()))
        except KilledWorker as error:
            ours.set_exception(
                WorkerLost(
                    f"a part has ended every worker of {self._address} that was at it, {error.allowed_failures + 1} so "
                    f"far, the last {error.last_worker.address}: its log may say why. Resume, with more memory there"
                )
            )
        except BaseException as error:  # noqa: BLE001 - whatever it is: somebody waits
            ours.set_exception(self._explained(error, theirs.status))
        else:
            if outcome.error is not None:
                ours.set_exception(outcome.error)
            else:
                ours.set_result(outcome.record)

    def _explained(self, error: BaseException, status: str | None) -> EtlError:
        if status in ("cancelled", "lost"):
            return ExecutorUnavailable(f"the scheduler of Dask at {self._address} is gone; start it, and resume")
        return UsageError(
            f"a worker of {self._address} cannot do this program's parts ({type(error).__name__}: {error}); install "
            f"skype-assets {PACKAGE} there, with its extras dask and cloud, and resume"
        )

    def _watch(self) -> None:
        """End the waiting for workers that do not come."""
        last = time.monotonic()
        while not self._ended.wait(_LOOK_SECONDS):
            if self._has_workers():
                last = time.monotonic()
            elif time.monotonic() - last >= PATIENCE:
                lost = ExecutorUnavailable(
                    f"the scheduler of Dask at {self._address} had no worker for {PATIENCE:g} s; start some, and resume"
                )
                while self._under_way:
                    with suppress(KeyError):
                        ours, _ = self._under_way.popitem()
                        ours.set_exception(lost)

    def _has_workers(self) -> bool:
        client: Any = self._client
        try:
            seen = client.sync(client.scheduler.identity, n_workers=0, callback_timeout=_LAST_SECONDS)
        except Exception:  # noqa: BLE001 - a scheduler that cannot say so has none
            return False
        return seen["n_workers"] > 0


def check(address: str, output_dir: Path) -> None:
    """See whether parts of a task can be done by a scheduler's workers, as far as that is known without asking it.

    Args:
        address: of the scheduler, ``tcp://host:port``, or ``tls://host:port``, for which Dask's own settings name the
            certificates.
        output_dir: the task's output folder.

    Raises:
        UsageError: it is no address; or the folder is no working copy of a store; or Dask is not installed.
    """
    if not _ADDRESS.fullmatch(address):
        raise UsageError(f"{address} is no address of a scheduler of Dask; it is tcp://host:port, or tls://host:port")
    if WorkingCopy.of(output_dir) is None:
        raise UsageError(
            f"{address} cannot do parts: its workers do not see {output_dir}. Keep the checkpoints in a store that "
            "they reach: --output-dir s3://bucket/folder, or SKYPE_OUTPUT_URL"
        )
    if importlib.util.find_spec("distributed") is None:
        raise UsageError(f"{address}: workers of Dask need an extra: pip install 'skype-assets[dask]'")


def made_by() -> str:
    """The version of this program, and of what it makes of a part: a worker has to have the same."""
    return f"{PACKAGE} ({', '.join(f'{name} {phase.version}' for name, phase in PHASE_CLASSES.items())})"


def do_part(part: bytes, place: str, store_url: str, wanted: str) -> bytes:
    """Do a part on a worker.

    Args:
        part: as it travels.
        place: the folder of its phase, within the output folder.
        store_url: the store.
        wanted: ``made_by`` of whoever has it done.

    Returns:
        What became of it, pickled.
    """
    from distributed import get_worker

    worker = get_worker()
    try:
        outcome = _Outcome(_done(part, place, store_url, wanted, Path(worker.local_directory)))
    except Exception as error:  # noqa: BLE001 - it is raised where the run is
        error.add_note(f"on the worker {worker.address} of host {platform.node()}")
        outcome = _Outcome(None, error)
    try:
        return pickle.dumps(outcome)
    except Exception:  # noqa: BLE001 - of an error that cannot travel
        return pickle.dumps(_Outcome(None, EtlError(f"{type(outcome.error).__name__}: {outcome.error}")))


def _done(part: bytes, place: str, store_url: str, wanted: str, scratch: Path) -> PartRecord:
    if made_by() != wanted:
        raise UsageError(
            f"the worker on {platform.node()} has skype-assets {made_by()}, and the run {wanted}; install the same on "
            "both, and resume"
        )
    if server_of() is not None:
        raise UsageError(
            f"the worker on {platform.node()} has no database: set SKYPE_DATABASE_URL in its environment to that of "
            "the run, and resume"
        )
    with tempfile.TemporaryDirectory(prefix="part-", dir=scratch) as name, SYSTEM_MEMORY:
        output = Path(name)
        copy = WorkingCopy.made(output, store_url)
        Directory(output / place).make()
        record = _Unpickler(io.BytesIO(part), output).load()()
        copy.put(output / place, record.files.values())
        return record


class _Pickler(pickle.Pickler):
    """Pickles a part; what is another on a worker, by what it means."""

    def __init__(self, file: io.BytesIO, output: Path) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._output = output

    def persistent_id(self, obj: object) -> str | None:
        if isinstance(obj, Database):
            return _OWN_DATABASE
        if isinstance(obj, Path) and obj.is_relative_to(self._output):
            return f"/{obj.relative_to(self._output).as_posix()}"
        return None


class _Unpickler(pickle.Unpickler):
    """The counterpart of ``_Pickler`` on a worker."""

    def __init__(self, file: io.BytesIO, output: Path) -> None:
        super().__init__(file)
        self._output = output

    def persistent_load(self, pid: str) -> object:
        return Database(reachable_url()) if pid == _OWN_DATABASE else self._output / pid[1:]


def _packed(part: Callable[[], object], output: Path) -> bytes:
    packed = io.BytesIO()
    _Pickler(packed, output).dump(part)
    return packed.getvalue()
