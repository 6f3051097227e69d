"""The instance that Dagster's commands use in this folder."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from dagster import DagsterInstance

# The function by which `dagster asset materialize` gets its instance: .env, DAGSTER_HOME, and without that the
# dagster.yaml of the working directory. What is registered in any other could not be found by it. Public is
# `DagsterInstance.get()`, which insists on DAGSTER_HOME and does not read .env.
from dagster._cli.utils import get_possibly_temporary_instance_for_cli

from skype_assets.etl import places


@contextmanager
def configured_instance() -> Generator[DagsterInstance | None, None, None]:
    """The instance that Dagster's commands use here; None if it would be gone with the command."""
    places.find().require_dagster_home()
    with get_possibly_temporary_instance_for_cli("skype-assets") as instance:
        lasting = os.environ.get("DAGSTER_HOME") or Path("dagster.yaml").is_file()
        yield instance if lasting else None
