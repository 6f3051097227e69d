"""How exports and assets are called in Dagster: a partition per export, whose key is the task id; keys of assets."""

import os
from collections.abc import Sequence
from typing import Final

import dagster as dg

from skype_assets.etl.errors import UsageError
from skype_assets.etl.task import check_task_id

EXPORTS: Final = dg.DynamicPartitionsDefinition(name="skype_exports")
"""Every registered export. Keys are added by ``skype-assets add``, by a run of ``skype-assets`` and by the sensor."""


OBJECT_TAG: Final = "skype_assets/object"
"""Tag of a run: the name that its export has in the bucket of exports."""

KEY_PREFIX: Final = "SKYPE_KEY_PREFIX"
"""Environment variable: prefix of the assets' keys where they are part of another project, e.g. ``chats/skype``."""


def key_prefix_by_environment() -> list[str]:
    """The prefix that ``SKYPE_KEY_PREFIX`` names. It is read by the code location and by who reports to it."""
    return [part for part in os.environ.get(KEY_PREFIX, "").split("/") if part]


def asset_key(asset: str, prefix: Sequence[str] | None = None) -> dg.AssetKey:
    """The key of an asset; the prefix is by default that of the environment."""
    return dg.AssetKey([*(key_prefix_by_environment() if prefix is None else prefix), asset])


def task_id_of(context: dg.AssetExecutionContext) -> str:
    """The run's partition key, if it is a task id and registered: Dagster itself starts runs for any text.

    Raises:
        UsageError: it is not a task id, and its registration was removed; or it is not registered.
    """
    try:
        task_id = check_task_id(context.partition_key)
    except UsageError as error:
        raise UsageError(f"{error}{taken_back(context)}") from None
    if not context.instance.has_dynamic_partition(str(EXPORTS.name), task_id):
        raise UsageError(f"{task_id} is not a registered export; register one with `skype-assets add FILE`")
    return task_id


def taken_back(context: dg.AssetExecutionContext) -> str:
    """Remove the run's partition, which belongs to no export; gives the sentence that says so.

    The web UI lets people type any key. What fails would make the assets red for ever, as nothing can put it right.
    """
    context.instance.delete_dynamic_partition(str(EXPORTS.name), context.partition_key)
    return f". The partition {context.partition_key[:120]!r} was removed again: it belongs to no export"
