"""The partitions: one per export, its key is the task id."""

from typing import Final

import dagster as dg

from skype_assets.etl.errors import UsageError
from skype_assets.etl.task import check_task_id

EXPORTS: Final = dg.DynamicPartitionsDefinition(name="skype_exports")
"""Every registered export. Keys are added by ``skype-assets add``, by a run of ``skype-assets`` and by the sensor."""


def task_id_of(context: dg.AssetExecutionContext) -> str:
    """The run's partition key, if it is a task id and registered: Dagster itself starts runs for any text.

    Raises:
        UsageError: it is not.
    """
    task_id = check_task_id(context.partition_key)
    if not context.instance.has_dynamic_partition(str(EXPORTS.name), task_id):
        raise UsageError(f"{task_id} is not a registered export; register one with `skype-assets add FILE`")
    return task_id
