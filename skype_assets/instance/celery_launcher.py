"""Dagster's runs on several machines: whole runs, done by workers of Celery, as ``dagster.yaml`` names it there.

Dagster's own launcher for it looks up how a run's task is, and that is "started" for ever if the machine that started
it is gone. Here the workers are asked what they are at: a run that none is at, because its worker is gone or has begun
anew, is given up. The daemon then runs it again (``run_retries``) wherever there is a worker, and in the store it is
decided who owns its task.

The workers are in ``celery_worker``.
"""

import logging
import os
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, Self

from dagster import DagsterRun, Field, StringSource

# What a run launcher answers, and what its class is built from: as in `run_launcher`.
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._serdes import ConfigurableClassData

# Dagster names it in its documentation of `dagster.yaml` alone; public is no launcher that runs whole runs in workers.
from dagster_celery.launcher import CeleryRunLauncher

from skype_assets.etl.errors import UsageError

BROKER: Final = "SKYPE_BROKER_URL"
"""The variable that names the Redis by which daemon and workers talk, such as ``rediss://:password@host:6379/0``."""
SILENCE: Final = 30.0
"""Seconds after which a run that no worker says it is at counts as lost."""

_ASK_SECONDS: Final = 3.0
_FRESH_SECONDS: Final = 5.0
_DAY: Final = 86_400
_SETTINGS: Final = {
    "broker_connection_retry_on_startup": True,
    "result_expires": 8 * _DAY,  # longer than any run: of one that is forgotten nobody knows who has it
    # A worker takes what it can begin at once. What it had only reserved would be lost with it.
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
}

logger = logging.getLogger(__name__)


class AskingRunLauncher(CeleryRunLauncher):
    """Launches runs as tasks of Celery, and asks the workers which ones they are at.

    Example, in ``dagster.yaml``::

        run_launcher:
          module: skype_assets.instance.celery_launcher
          class: AskingRunLauncher
          config: {}            # or broker: {env: ANOTHER_VARIABLE}
    """

    def __init__(self, broker: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__("dagster", broker, broker, config_source=_SETTINGS, inst_data=inst_data)
        self._lock = threading.Lock()
        self._asked = -_FRESH_SECONDS
        self._answers = frozenset[str]()
        self._missed: dict[str, float] = {}

    @classmethod
    def config_type(cls) -> dict[str, Field]:
        """`broker`; the environment fills in when it is absent."""
        return {"broker": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        """Build it.

        Raises:
            UsageError: no broker is named.
        """
        broker = config_value.get("broker") or os.environ.get(BROKER)
        if not broker:
            raise UsageError(f"runs on several machines need a Redis: set {BROKER} to its redis://host:6379/0")
        return cls(broker, inst_data)

    @property
    def supports_resume_run(self) -> bool:
        """A run is not resumed, but run again from where it failed: what is resumed are its checkpoints."""
        return False

    def terminate(self, run_id: str) -> bool:
        """Interrupt a run, wherever it is; what it has recorded stays. False if it has ended."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)  # else it would be run again when it has ended
        self.celery.control.revoke(run_id, terminate=True)
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether a worker is at a run; where the broker does not answer, nothing is held against it."""
        try:
            is_at_work = run.run_id in self._at_work()
            ended = self._ended(run)
        except Exception as error:  # noqa: BLE001 - the broker's, or of what lies before it
            logger.warning("the broker cannot be asked how runs are: %s", type(error).__name__)
            self._missed.clear()  # when it is back, workers need a moment to be so, too
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if is_at_work or ended is not None:
            self._missed.pop(run.run_id, None)
            return ended or CheckRunHealthResult(WorkerStatus.RUNNING)
        missed = time.monotonic() - self._missed.setdefault(run.run_id, time.monotonic())
        if missed < SILENCE:  # it may have begun since they were asked
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"for {missed:.0f} s no worker has said that it is at it")

    def _launch_celery_task_run(self, run: DagsterRun, task_signature: Any, routing_key: str) -> None:
        # Else a tag tells which task a run is, and a run that is run again has that of the one before it at first.
        super()._launch_celery_task_run(run, task_signature.set(task_id=run.run_id), routing_key)

    def _ended(self, run: DagsterRun) -> CheckRunHealthResult | None:
        state = self.celery.AsyncResult(run.run_id).state
        if state == "FAILURE":
            return CheckRunHealthResult(WorkerStatus.FAILED, "the process that was at it has died")
        return CheckRunHealthResult(WorkerStatus.SUCCESS) if state == "SUCCESS" else None

    def _at_work(self) -> frozenset[str]:
        """The runs that workers say they are at: they are asked once for all runs that are looked at."""
        with self._lock:
            if time.monotonic() - self._asked >= _FRESH_SECONDS:
                answers = self.celery.control.inspect(timeout=_ASK_SECONDS).active() or {}
                self._answers = frozenset(task["id"] for tasks in answers.values() for task in tasks)
                self._asked = time.monotonic()
            return self._answers
