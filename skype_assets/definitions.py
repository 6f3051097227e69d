"""The code location: what Dagster loads (``workspace.yaml``). Everything in it is defined elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from skype_assets.assets import IO_MANAGER, build_assets
from skype_assets.etl.errors import UsageError
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.handover import build_handover, format_by_environment
from skype_assets.io_managers.parquet import ParquetCheckpointIOManager
from skype_assets.jobs import EXECUTOR, load_export
from skype_assets.partitions import asset_key, key_prefix_by_environment
from skype_assets.resources.checkpoints import Checkpoints
from skype_assets.resources.database import Database
from skype_assets.resources.exports import Exports
from skype_assets.sensors import inbox


def build_defs(
    *,
    key_prefix: str | Sequence[str] | None = None,
    group_name: str = "skype",
    resource_overrides: Mapping[str, Any] | None = None,
    executor: dg.ExecutorDefinition | None = None,
    handover: str | None = None,
) -> dg.Definitions:
    """The definitions, ready to be merged with those of another project (``docs/code-location.md``).

    Args:
        key_prefix: goes before the keys of the assets and, joined by ``_``, before the names of job and sensor; by
            default what ``SKYPE_KEY_PREFIX`` says, else nothing.
        group_name: group of the assets.
        resource_overrides: resources by key, instead of the project's own.
        executor: of runs that are not of the job ``load_export``; None leaves it to the other definitions.
        handover: format in which each export's account is handed over once it is loaded, by an asset ``handover``;
            by default what ``SKYPE_HANDOVER`` says, else there is none.

    Raises:
        UsageError: there is no resource of such a key, or no such format.
    """
    prefix = key_prefix_by_environment() if key_prefix is None else key_prefix
    prefix = [prefix] if isinstance(prefix, str) else list(prefix)
    name_prefix = "".join(f"{part}_" for part in prefix)
    keys = [asset_key(kind.facts.asset, prefix) for kind in PHASE_CLASSES.values()]
    assets = build_assets(prefix, group_name)
    if format_name := handover or format_by_environment():
        assets.append(build_handover(format_name, keys[-1], prefix, group_name))
    job = load_export([key for asset in assets for key in asset.keys], name_prefix)
    return dg.Definitions(
        assets=assets,
        jobs=[job],
        sensors=[inbox(job, keys[-1], name_prefix)],
        resources=_resources(resource_overrides or {}),
        executor=executor,
    )


def _resources(overrides: Mapping[str, Any]) -> dict[str, Any]:
    checkpoints = overrides.get("skype_checkpoints", Checkpoints())
    own = {
        "skype_exports": Exports(),
        "skype_checkpoints": checkpoints,
        "skype_database": Database(),
        IO_MANAGER: ParquetCheckpointIOManager(checkpoints=checkpoints),
    }
    if unknown := sorted(set(overrides) - set(own)):
        raise UsageError(f"there is no resource {', '.join(unknown)} to override; there are {', '.join(own)}")
    return {**own, **overrides}


defs = build_defs(executor=EXECUTOR)
