"""A daemon of Dagster, and workers, that take a machine for lost after seconds, where others wait a minute."""

from skype_assets.etl.checkpoints import task_log
from skype_assets.instance import celery_launcher

task_log.LEASE_SECONDS = 10.0
celery_launcher.SILENCE = 15.0

if __name__ == "__main__":
    from dagster._daemon.cli import main

    main()
