"""How an asset check says which materialization it is about."""

import dagster as dg

# A parameter of the public `dg.AssetCheckEvaluation`, by which checks without a run are reported; Dagster exports no
# other way to make one.
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData


def about(materialization: dg.EventLogRecord) -> AssetCheckEvaluationTargetMaterializationData:
    """The target of a check, for a materialization that is in the event log."""
    return AssetCheckEvaluationTargetMaterializationData(
        storage_id=materialization.storage_id, run_id=materialization.run_id, timestamp=materialization.timestamp
    )
