"""The workers of ``celery_launcher``: ``celery -A skype_assets.instance.celery_worker worker``.

What they need to know is in the ``dagster.yaml`` of their ``DAGSTER_HOME``, which is the same on every machine.
"""

from celery import Celery
from dagster import DagsterInstance

# What a worker does for a run; `dagster_celery.app`, which has it, takes its broker from a file of its own.
from dagster_celery.tasks import create_execute_job_task

from skype_assets.etl.errors import UsageError
from skype_assets.instance.celery_launcher import AskingRunLauncher


def _app() -> Celery:
    with DagsterInstance.get() as instance:
        launcher = instance.run_launcher
        if not isinstance(launcher, AskingRunLauncher):
            raise UsageError(f"{instance.root_directory}/dagster.yaml launches runs with {type(launcher).__name__}")
        create_execute_job_task(launcher.celery)
        return launcher.celery


app = _app()
