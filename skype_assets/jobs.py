"""The job: everything for one export."""

from collections.abc import Sequence

import dagster as dg

from skype_assets.instance.asset_job import AssetJob

EXECUTOR = dg.in_process_executor
"""Parts are worked on by processes already; a process per step would cost seconds and gain nothing."""


def load_export(assets: Sequence[dg.AssetKey], prefix: str = "") -> AssetJob:
    """The job of all assets, ``load_export``, with a prefix to its name."""
    return dg.define_asset_job(
        f"{prefix}load_export",
        selection=dg.AssetSelection.assets(*assets),
        description="Brings one export into the database; phases that are complete are not done again.",
        executor_def=EXECUTOR,
    )
