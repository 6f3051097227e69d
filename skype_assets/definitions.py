"""The code location: what Dagster loads (``workspace.yaml``). Everything in it is defined elsewhere."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from skype_assets.assets import ASSETS
from skype_assets.io_managers.parquet import ParquetCheckpointIOManager
from skype_assets.jobs import load_export
from skype_assets.resources.checkpoints import Checkpoints
from skype_assets.resources.database import Database
from skype_assets.resources.exports import Exports
from skype_assets.sensors import inbox


def build_defs(*, resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The definitions, with other resources where a test or another code location wants some."""
    checkpoints = Checkpoints()
    resources = {
        "exports": Exports(),
        "checkpoints": checkpoints,
        "database": Database(),
        "parquet_io_manager": ParquetCheckpointIOManager(checkpoints=checkpoints),
    }
    return dg.Definitions(
        assets=ASSETS,
        jobs=[load_export],
        sensors=[inbox],
        resources={**resources, **(resource_overrides or {})},
        # Parts are worked on by processes already; a process per step would cost seconds and gain nothing.
        executor=dg.in_process_executor,
    )


defs = build_defs()
