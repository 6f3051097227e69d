"""The three assets: raw_export → transformed_tables → loaded_database.

Each asks the engine for its phase and says what came of it. What to do, what is done already and how to resume is the
engine's business (``skype_assets.etl.engine``); where things are is the resources' (``resources/``).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Final

import dagster as dg

from skype_assets import checks
from skype_assets.etl import engine, interruption
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.database.ddl import POSTGRES_TYPES
from skype_assets.etl.engine.journal import PhaseResult
from skype_assets.etl.errors import UsageError
from skype_assets.etl.phases import EXTRACT, LOAD, TRANSFORM, given_names
from skype_assets.etl.phases.extract import Extract
from skype_assets.etl.phases.load import Load
from skype_assets.etl.phases.transform import Transform
from skype_assets.etl.schema.tables import TABLES
from skype_assets.etl.task import ENDINGS, Task
from skype_assets.io_managers.parquet import recorded_version
from skype_assets.partitions import EXPORTS, OBJECT_TAG, asset_key, taken_back, task_id_of
from skype_assets.resources.checkpoints import PHASE_OF_ASSET, Checkpoints
from skype_assets.resources.database import Database
from skype_assets.resources.exports import Exports
from skype_assets.resources.failures import as_failures
from skype_assets.shown import metadata
from skype_assets.shown.progress import Observations
from skype_assets.shown.statistics import figures_of

IO_MANAGER: Final = "skype_io_manager"
"""Key of the IO manager. Like the names of the resources below it has the prefix that another project's have not."""


# These become the assets, in `build_assets`. They have no return annotations: with check results beside the value,
# Dagster wants a tuple or none.


def raw_export(context: dg.AssetExecutionContext, skype_exports: Exports, skype_checkpoints: Checkpoints):
    """The messages of an export, verbatim: each JSON object's exact bytes with position and SHA-256."""
    with as_failures(context.retry_number):
        task_id = task_id_of(context)
        with _export(context, task_id, skype_exports, skype_checkpoints) as source:
            task = skype_checkpoints.task(task_id, source)
            if source is None and skype_checkpoints.open(task_id, EXTRACT.asset) is None:
                raise UsageError(
                    f"no export {task_id} in {skype_exports.where()}; put it there as {task_id}{ENDINGS[0]} "
                    f"(or {', '.join(ENDINGS[1:])}, or a folder), or link it with `skype-assets add FILE`"
                    f"{'' if _is_known(context, task) else taken_back(context)}"
                )
            return _materialized(task, _run(context, task))


def transformed_tables(
    context: dg.AssetExecutionContext,
    raw_export: PhaseTables,
    skype_exports: Exports,
    skype_checkpoints: Checkpoints,
):
    """Typed tables: conversations, participants, messages and what hangs on them."""
    with as_failures(context.retry_number):
        task_id = task_id_of(context)
        # The export only serves to make raw parts again that turn out to be damaged.
        task = skype_checkpoints.task(task_id, skype_exports.find(task_id))
        if (names := skype_exports.names(task_id)) is not None:
            given_names.keep(task.folder, given_names.read(names))
        return _materialized(task, _run(context, task))


def loaded_database(
    context: dg.AssetExecutionContext,
    transformed_tables: PhaseTables,
    skype_checkpoints: Checkpoints,
    skype_database: Database,
):
    """The tables in PostgreSQL, in the schema skype, and a record of what was loaded, part by part."""
    with as_failures(context.retry_number):
        task = skype_checkpoints.task(task_id_of(context), database=skype_database.url())
        return _materialized(task, _run(context, task))


def build_assets(key_prefix: Sequence[str], group_name: str) -> list[dg.AssetsDefinition]:
    """The three assets, chained, under a key prefix and in a group."""
    asset = partial(
        dg.asset,
        key_prefix=key_prefix or None,
        partitions_def=EXPORTS,
        group_name=group_name,
        io_manager_key=IO_MANAGER,
        config_schema={},  # without it, Dagster takes any run configuration, and says nothing
    )
    before = dg.AssetIn(key_prefix=key_prefix or None)
    tables = {name: table.schema for name, table in TABLES.items()}
    return [
        asset(
            kinds={"parquet"},
            code_version=Extract.version,
            check_specs=checks.specs(asset_key(EXTRACT.asset, key_prefix)),
            metadata=metadata.definition(Extract.schemas),
        )(raw_export),
        asset(
            kinds={"parquet"},
            code_version=Transform.version,
            check_specs=checks.specs(asset_key(TRANSFORM.asset, key_prefix)),
            metadata=metadata.definition(
                {name: schema for name, schema in tables.items() if name in Transform.schemas}
            ),
            ins={EXTRACT.asset: before},
        )(transformed_tables),
        asset(
            kinds={"postgres"},
            code_version=Load.version,
            check_specs=checks.specs(asset_key(LOAD.asset, key_prefix)),
            metadata=metadata.definition(tables, POSTGRES_TYPES.__getitem__),
            ins={TRANSFORM.asset: before},
        )(loaded_database),
    ]


def _export(
    context: dg.AssetExecutionContext, task_id: str, exports: Exports, checkpoints: Checkpoints
) -> AbstractContextManager[Path | None]:
    """The export of a task; one that lies in a bucket is not got again once everything was taken from it."""
    if exports.url() is not None and checkpoints.open(task_id, EXTRACT.asset) is not None:
        return nullcontext(exports.find(task_id))
    return exports.at_hand(task_id, context.run.tags.get(OBJECT_TAG))


def _is_known(context: dg.AssetExecutionContext, task: Task) -> bool:
    """Whether anything was ever done for a task; its export may only be away for a while."""
    return task.folder.path.exists() or recorded_version(context.instance, context.asset_key, task.task_id) is not None


def _run(context: dg.AssetExecutionContext, task: Task) -> PhaseResult:
    # The engine opens the phase before by itself: the upstream value is a parameter of the assets for the lineage,
    # and because the IO manager looks at the checkpoint before it hands it on.
    # Dagster's handler raises wherever the program is; here it does so when the attempt has ended.
    with interruption.deferred(of_others=True):
        result = engine.run_phase(task, PHASE_OF_ASSET[context.asset_key.path[-1]], Observations(context))
    if result.from_checkpoint:
        context.log.info(f"{result.phase}: nothing to do, its checkpoint is complete")
    return result


def _materialized(task: Task, result: PhaseResult) -> dg.MaterializeResult[PhaseTables]:
    figures = figures_of(result)
    return dg.MaterializeResult(
        value=result.tables,
        metadata=metadata.of_result(result, figures),
        data_version=dg.DataVersion(result.state.fingerprint),
        check_results=list(checks.of_result(task, result, figures)),
    )
