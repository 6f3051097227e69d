"""An asset behind the three, off unless somebody wants it: the account of each loaded export, handed over as files."""

import os
from collections.abc import Sequence
from typing import Any, Final

import dagster as dg

from skype_assets.etl import places
from skype_assets.etl.database.registered import registered_as
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.handing import formats
from skype_assets.etl.handing.handover import hand_over
from skype_assets.etl.handing.selection import Wanted
from skype_assets.partitions import EXPORTS, task_id_of
from skype_assets.resources.checkpoints import Checkpoints
from skype_assets.resources.database import Database
from skype_assets.resources.failures import as_failures

FORMAT: Final = "SKYPE_HANDOVER"
"""Environment variable: the format; without it there is no such asset."""

NAME: Final = "handover"


def format_by_environment() -> str | None:
    """The format that ``SKYPE_HANDOVER`` names."""
    return os.environ.get(FORMAT) or None


def build_handover(
    format_name: str, loaded: dg.AssetKey, key_prefix: Sequence[str], group_name: str
) -> dg.AssetsDefinition:
    """The asset, behind ``loaded``.

    Raises:
        UsageError: there is no format of that name.
    """
    format_ = formats.chosen(format_name)

    @dg.asset(
        name=NAME,
        key_prefix=key_prefix or None,
        partitions_def=EXPORTS,
        group_name=group_name,
        deps=[loaded],
        kinds={format_.name},
        config_schema={},
        description=f"All messages of the export's account as {format_.name}, in a folder that is replaced at once.",
    )
    def handover(
        context: dg.AssetExecutionContext, skype_checkpoints: Checkpoints, skype_database: Database
    ) -> dg.MaterializeResult[Any]:
        with as_failures(context.retry_number):
            task_id = task_id_of(context)
            url = skype_database.url()
            with Session(url, read_only=True) as session:
                loaded_exports = registered_as(session, "task_id", task_id)
            if not loaded_exports:
                raise DatabaseError(f"the database has no export of task {task_id}; materialize {loaded} again")
            folder = places.find().handed_dir
            folder.mkdir(parents=True, exist_ok=True)
            output_dir = skype_checkpoints.task(task_id).output_dir
            handed = hand_over(
                lambda: url,
                format_,
                folder / task_id,
                Wanted(owner=loaded_exports[0].owner_id),
                output_dir,
                with_media=format_.has_media,
                progress=lambda done, total: None,
            )
        selection = handed.document["selection"]
        return dg.MaterializeResult(
            metadata={
                "folder": dg.MetadataValue.text(str(handed.folder)),
                "messages": selection["messages"],
                "selection_sha256": dg.MetadataValue.text(selection["sha256"]),
                "files_handed_over": handed.document["files"]["handed_over"],
                "files_not_handed_over": handed.document["files"]["not_handed_over"],
                **handed.document.get("figures", {}),
            },
            data_version=dg.DataVersion(selection["sha256"]),
        )

    return handover
