"""The three assets: raw_export → transformed_tables → loaded_database.

Each asks the engine for its phase and says what came of it. What to do, what is done already and how to resume is the
engine's business (``skype_assets.etl.engine``); where things are is the resources' (``resources/``).
"""

from functools import partial

import dagster as dg

from resources.checkpoints import PHASES, Checkpoints
from resources.database import Database
from resources.exports import Exports
from resources.failures import as_failures
from skype_assets import metadata
from skype_assets.etl import engine
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.errors import UsageError
from skype_assets.etl.journal import Observer, Progress
from skype_assets.etl.phases.extract import Extract
from skype_assets.etl.phases.load import Load
from skype_assets.etl.phases.transform import Transform
from skype_assets.etl.task import ENDINGS, Task
from skype_assets.partitions import EXPORTS, task_id_of

_LOG_STEP_PERCENT = 5

_asset = partial(
    dg.asset,
    partitions_def=EXPORTS,
    group_name="skype",
    io_manager_key="parquet_io_manager",
    config_schema={},  # without it, Dagster takes any run configuration, and says nothing
)


@_asset(
    kinds={"parquet"},
    code_version=Extract.version,
    metadata=metadata.definition(Extract.schemas["messages"]),
)
def raw_export(
    context: dg.AssetExecutionContext, exports: Exports, checkpoints: Checkpoints
) -> dg.MaterializeResult[PhaseTables]:
    """The export, verbatim: each JSON object's exact bytes with its position and its SHA-256."""
    with as_failures(context.retry_number):
        task_id = task_id_of(context)
        source = exports.find(task_id)
        if source is None and checkpoints.open(task_id, Extract.asset) is None:
            raise UsageError(
                f"no export {task_id} in {exports.folder()}; put it there as {task_id}{ENDINGS[0]} "
                f"(or {', '.join(ENDINGS[1:])}, or a folder), or link it with `skype-assets add FILE`"
            )
        return _materialize(context, checkpoints.task(task_id, source))


@_asset(
    kinds={"parquet"},
    code_version=Transform.version,
    metadata=metadata.definition(Transform.schemas["messages"]),
)
def transformed_tables(
    context: dg.AssetExecutionContext, raw_export: PhaseTables, checkpoints: Checkpoints
) -> dg.MaterializeResult[PhaseTables]:
    """Typed tables: conversations, participants, messages and what hangs on them."""
    with as_failures(context.retry_number):
        return _materialize(context, checkpoints.task(task_id_of(context)))


@_asset(
    kinds={"postgres"},
    code_version=Load.version,
    metadata=metadata.definition(Transform.schemas["messages"]),
)
def loaded_database(
    context: dg.AssetExecutionContext, transformed_tables: PhaseTables, checkpoints: Checkpoints, database: Database
) -> dg.MaterializeResult[PhaseTables]:
    """The tables in PostgreSQL, schema ``skype``, and a record of what was loaded, part by part."""
    with as_failures(context.retry_number):
        return _materialize(context, checkpoints.task(task_id_of(context), database=database.url()))


ASSETS = [raw_export, transformed_tables, loaded_database]


def _materialize(context: dg.AssetExecutionContext, task: Task) -> dg.MaterializeResult[PhaseTables]:
    # The engine opens the phase before by itself: the upstream value is a parameter of the assets for the lineage,
    # and because the IO manager looks at the checkpoint before it hands it on.
    result = engine.run_phase(task, PHASES[context.asset_key.path[-1]], _observer(context))
    if result.from_checkpoint:
        context.log.info(f"{result.phase}: nothing to do, its checkpoint is complete")
    return dg.MaterializeResult(
        value=result.tables,
        metadata=metadata.of_result(result),
        data_version=dg.DataVersion(result.state.fingerprint),
    )


def _observer(context: dg.AssetExecutionContext) -> Observer:
    """Log progress, one line per part at most, and per twentieth of the work: each line is kept in the event log."""
    next_percent = 0

    def observe(progress: Progress) -> None:
        nonlocal next_percent
        percent = 100 * progress.done // progress.total if progress.total else 100
        if percent >= next_percent:
            next_percent = percent + _LOG_STEP_PERCENT
            context.log.info(
                f"{progress.phase}: {progress.done:,} of {progress.total:,} {progress.unit} ({percent} %), "
                f"{progress.parts} parts"
            )

    return observe
