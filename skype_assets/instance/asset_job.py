"""The type of a job that is made from a selection of assets."""

# What the public `dg.define_asset_job` returns and `dg.sensor` takes; Dagster exports no name for it. Whoever defines
# such a job or hands it on can only be typed by this one.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

__all__ = ["AssetJob"]
