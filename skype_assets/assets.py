"""The three assets: raw_export → transformed_tables → loaded_database.

Each asks the engine for its phase and says what came of it. What to do, what is done already and how to resume is the
engine's business (``skype_assets.etl.engine``); where things are is the resources' (``resources/``).
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

import dagster as dg

from resources.checkpoints import PHASES, Checkpoints
from resources.database import Database
from resources.exports import Exports
from resources.failures import as_failures
from skype_assets import checks, metadata
from skype_assets.etl import engine
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.errors import UsageError
from skype_assets.etl.journal import PhaseResult
from skype_assets.etl.phases.extract import Extract
from skype_assets.etl.phases.load import Load
from skype_assets.etl.phases.transform import Transform
from skype_assets.etl.tables import MESSAGES
from skype_assets.etl.task import ENDINGS, Task
from skype_assets.partitions import EXPORTS, asset_key, task_id_of
from skype_assets.progress import Observations
from skype_assets.statistics import Statistics, statistics

IO_MANAGER: Final = "skype_io_manager"
"""Key of the IO manager. Like the names of the resources below it has the prefix that another project's have not."""

_MEANINGS = {column.name: column.meaning for column in MESSAGES.columns}


# These become the assets, in `build_assets`. They have no return annotations: with check results beside the value,
# Dagster wants a tuple or none.


def raw_export(context: dg.AssetExecutionContext, skype_exports: Exports, skype_checkpoints: Checkpoints):
    """The messages of an export, verbatim: each JSON object's exact bytes with position and SHA-256."""
    with as_failures(context.retry_number):
        task_id = task_id_of(context)
        source = skype_exports.find(task_id)
        if source is None and skype_checkpoints.open(task_id, Extract.asset) is None:
            raise UsageError(
                f"no export {task_id} in {skype_exports.folder()}; put it there as {task_id}{ENDINGS[0]} "
                f"(or {', '.join(ENDINGS[1:])}, or a folder), or link it with `skype-assets add FILE`"
            )
        result = _run(context, skype_checkpoints.task(task_id, source))
        return _materialized(result, checks.of_raw_export(result.tables))


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
        result = _run(context, task)
        figures = statistics(result.tables)
        return _materialized(result, checks.of_transformed_tables(task, result.tables, figures), figures)


def loaded_database(
    context: dg.AssetExecutionContext,
    transformed_tables: PhaseTables,
    skype_checkpoints: Checkpoints,
    skype_database: Database,
):
    """The tables in PostgreSQL, schema ``skype``, and a record of what was loaded, part by part."""
    with as_failures(context.retry_number):
        url = skype_database.url()
        task = skype_checkpoints.task(task_id_of(context), database=url)
        result = _run(context, task)
        found = checks.of_loaded_database(task, result.tables, url, loaded_before=result.from_checkpoint)
        return _materialized(result, found)


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
    return [
        asset(
            kinds={"parquet"},
            code_version=Extract.version,
            check_specs=checks.specs(asset_key(Extract.asset, key_prefix)),
            metadata=metadata.definition(Extract.schemas["messages"]),
        )(raw_export),
        asset(
            kinds={"parquet"},
            code_version=Transform.version,
            check_specs=checks.specs(asset_key(Transform.asset, key_prefix)),
            metadata=metadata.definition(Transform.schemas["messages"], _MEANINGS),
            ins={Extract.asset: before},
        )(transformed_tables),
        asset(
            kinds={"postgres"},
            code_version=Load.version,
            check_specs=checks.specs(asset_key(Load.asset, key_prefix)),
            metadata=metadata.definition(Transform.schemas["messages"], _MEANINGS),
            ins={Transform.asset: before},
        )(loaded_database),
    ]


def _run(context: dg.AssetExecutionContext, task: Task) -> PhaseResult:
    # The engine opens the phase before by itself: the upstream value is a parameter of the assets for the lineage,
    # and because the IO manager looks at the checkpoint before it hands it on.
    result = engine.run_phase(task, PHASES[context.asset_key.path[-1]], Observations(context))
    if result.from_checkpoint:
        context.log.info(f"{result.phase}: nothing to do, its checkpoint is complete")
    return result


def _materialized(
    result: PhaseResult, found: Iterable[dg.AssetCheckResult], figures: Statistics | None = None
) -> dg.MaterializeResult[PhaseTables]:
    return dg.MaterializeResult(
        value=result.tables,
        metadata=metadata.of_result(result, figures),
        data_version=dg.DataVersion(result.state.fingerprint),
        check_results=list(found),
    )
