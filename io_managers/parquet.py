"""The IO manager of the three assets: it hands on checkpoints, and believes none that it has not looked at.

The engine writes the checkpoints, part by part, while an asset runs. So there is nothing left to be written here, and
nothing is read either: what goes from asset to asset is a handle (``PhaseTables``) on Parquet parts, whose bytes are
compared with their checksums when somebody reads them.
"""

import dagster as dg

from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.store import is_url
from skype_assets.etl.checkpoints.working_copy import named
from skype_assets.etl.errors import CheckpointMismatch
from skype_assets.etl.task import check_task_id
from skype_assets.resources.checkpoints import Checkpoints
from skype_assets.resources.failures import as_failures

DATA_VERSION_TAG = "dagster/data_version"
"""Tag of a materialization that holds its data version: the fingerprint of the checkpoint."""


class ParquetCheckpointIOManager(dg.ConfigurableIOManager):
    """Checkpoints as the values of assets; partition key = task id.

    Not a ``UPathIOManager``: that one has a single file per asset and partition and writes it in place, so that a crash
    destroys the good one before it; it lets ``..`` in a partition key leave its folder; a process left over from a
    dead run overwrites what a later run has made; and it finds its input by name alone, so that a step can get other
    data than the lineage says. Here a handle is passed on only if it is the complete checkpoint of this very
    partition, and an input only if it is what Dagster recorded.

    Attributes:
        checkpoints: where the checkpoints are.
    """

    checkpoints: Checkpoints

    def handle_output(self, context: dg.OutputContext, obj: PhaseTables) -> None:
        """Make sure that the value is the complete checkpoint on disk, and say where that is.

        A run that was taken over meanwhile fails here, and logs no materialization.
        """
        asset = context.asset_key.path[-1]
        with as_failures():
            task_id = check_task_id(context.partition_key)
            on_disk = self._open(task_id, asset)
            if on_disk.folder != obj.folder or on_disk.state.fingerprint != obj.state.fingerprint:
                raise CheckpointMismatch(
                    f"task {task_id}: the asset gave checkpoint {obj.state.fingerprint[:12]} in {obj.folder}, but "
                    f"{on_disk.folder} holds {on_disk.state.fingerprint[:12]}; materialize {asset} again"
                )
        context.add_output_metadata(location(on_disk))

    def load_input(self, context: dg.InputContext) -> PhaseTables:
        """Open the checkpoint of the input's partition: complete, and the one that was materialized last."""
        asset = context.asset_key.path[-1]
        with as_failures():
            task_id = check_task_id(context.asset_partition_key)
            tables = self._open(task_id, asset)
            recorded = recorded_version(context.instance, context.asset_key, task_id)
            # Without a record the checkpoint was made by the library alone, and nothing contradicts it.
            if recorded not in (None, tables.state.fingerprint):
                raise CheckpointMismatch(
                    f"task {task_id}: the {asset} checkpoint is {tables.state.fingerprint[:12]}, but the one "
                    f"materialized last was {recorded[:12]}; materialize {asset} again: what is complete is not redone"
                )
        return tables

    def _open(self, task_id: str, asset: str) -> PhaseTables:
        tables = self.checkpoints.open(task_id, asset)
        if tables is None:
            raise CheckpointMismatch(f"task {task_id}: {asset} has no complete checkpoint; materialize it first")
        if tables.state.task_id != task_id:
            raise CheckpointMismatch(
                f"task {task_id}: the checkpoint in {tables.folder} is of task {tables.state.task_id}; "
                "put each task's checkpoints back into its own folder"
            )
        return tables


def location(tables: PhaseTables) -> dict[str, dg.MetadataValue]:
    """Metadata that says where a checkpoint is: if it is in a store, where it is there."""
    task = tables.folder.parent
    if is_url(where := named(task.parent)):
        return {"checkpoint": dg.MetadataValue.url(f"{where}/{task.name}/{tables.folder.name}")}
    return {"checkpoint": dg.MetadataValue.path(tables.folder)}


def recorded_version(instance: dg.DagsterInstance, asset_key: dg.AssetKey, task_id: str) -> str | None:
    """The data version of an asset's last materialization for a task; None if there was none."""
    wanted = dg.AssetRecordsFilter(asset_key=asset_key, asset_partitions=[task_id])
    for record in instance.fetch_materializations(wanted, limit=1).records:
        if record.asset_materialization is not None:
            return (record.asset_materialization.tags or {}).get(DATA_VERSION_TAG)
    return None
