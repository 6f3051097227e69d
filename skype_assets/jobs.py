"""The job: everything for one export."""

import dagster as dg

from skype_assets.assets import ASSETS

load_export = dg.define_asset_job(
    "load_export",
    selection=dg.AssetSelection.assets(*ASSETS),
    description="Brings one export into the database; phases that are complete are not done again.",
)
