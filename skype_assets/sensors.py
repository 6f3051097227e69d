"""The sensor: what lies in the folder of exports, or in their bucket, is registered and loaded, once per content."""

import os
from typing import Final

import dagster as dg
import msgspec

from skype_assets.etl.phases import EXTRACT
from skype_assets.etl.tasks import bucket
from skype_assets.etl.tasks.inbox import Arrival, Look, look
from skype_assets.instance.asset_job import AssetJob
from skype_assets.partitions import EXPORTS, OBJECT_TAG
from skype_assets.registration import link
from skype_assets.resources.exports import Exports

SWITCH: Final = "SKYPE_INBOX"
"""Environment variable that turns the sensor on unless somebody turned it off in the UI: ``on``."""
WAITING_RUNS: Final = 100
"""How many runs of the sensor may wait in Dagster's queue, which is read as a whole every second."""

_STATUS: Final = dg.DefaultSensorStatus.RUNNING if os.environ.get(SWITCH) == "on" else dg.DefaultSensorStatus.STOPPED
_TICK_SECONDS: Final = 15
_READING_SECONDS: Final = 10.0
_PAGE: Final = 200


def inbox(job: AssetJob, loaded: dg.AssetKey, prefix: str = "") -> dg.SensorDefinition:
    """The sensor, ``inbox`` with a prefix to its name: it starts the job, and asks which exports are loaded already."""

    @dg.sensor(
        name=f"{prefix}inbox",
        job=job,
        minimum_interval_seconds=_TICK_SECONDS,
        default_status=_STATUS,
        description="Loads every export in the folder of exports, once per content, when it has stopped growing.",
    )
    def sensor(context: dg.SensorEvaluationContext, skype_exports: Exports) -> dg.SensorResult:
        return _tick(context, skype_exports, job.name, loaded)

    return sensor


def _tick(context: dg.SensorEvaluationContext, exports: Exports, job: str, loaded: dg.AssetKey) -> dg.SensorResult:
    """Register what is new and request a run for what has none; what cannot be read is said once."""
    instance, folder = context.instance, exports.folder()
    registered = frozenset(instance.get_dynamic_partitions(str(EXPORTS.name)))
    seen = _seen(context.cursor)
    url = exports.url()
    found = (
        look(folder, seen.waiting, registered, _READING_SECONDS, seen.refused)
        if url is None
        else Look(tuple(bucket.arrivals(url, registered)), {}, (), {}, {})
    )
    for name in sorted(found.unreadable.keys() - seen.told):
        context.log.warning(f"{name} is left alone: {found.unreadable[name]}")
    requested = _without_run(found, instance, job, loaded)
    for arrival in requested:
        if arrival.path is not None:
            link(arrival.path, arrival.task_id)
        if len(arrival.names) > 1:
            context.log.info(f"one export, loaded once: {', '.join(arrival.names)}")
    new = [arrival.task_id for arrival in requested if arrival.task_id not in registered]
    gone = _without_trace(found, exports, instance, loaded, registered) if url is None else []
    changes = [EXPORTS.build_add_request(new)] if new else []
    return dg.SensorResult(
        run_requests=[_run_of(arrival) for arrival in requested],
        skip_reason=None if requested else dg.SkipReason(_nothing(found)),
        dynamic_partitions_requests=[*changes, *([EXPORTS.build_delete_request(gone)] if gone else [])],
        cursor=msgspec.json.encode(_Seen(dict(found.waiting), dict(found.refused), set(found.unreadable))).decode(),
    )


def _run_of(arrival: Arrival) -> dg.RunRequest:
    tags = {OBJECT_TAG: arrival.names[0]} if arrival.path is None else None
    return dg.RunRequest(run_key=arrival.sha256, partition_key=arrival.task_id, tags=tags)


class _Seen(msgspec.Struct):
    """The cursor: what may still be growing, what cannot be read (by identity), and of what that was said."""

    waiting: dict[str, str] = {}
    refused: dict[str, str] = {}
    told: set[str] = set()


def _seen(cursor: str | None) -> _Seen:
    try:
        return msgspec.json.decode(cursor or "{}", type=_Seen)
    except msgspec.ValidationError:  # of an earlier version, which only had what may still be growing
        return _Seen()


def _without_run(found: Look, instance: dg.DagsterInstance, job: str, loaded: dg.AssetKey) -> list[Arrival]:
    """The exports that are not loaded and that no run was started for, as many as the queue has room for."""
    queued = dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.QUEUED])
    room = WAITING_RUNS - instance.get_runs_count(queued)
    in_database = instance.get_materialized_partitions(loaded)
    candidates = [arrival for arrival in found.arrivals if arrival.task_id not in in_database]
    chosen: list[Arrival] = []
    for start in range(0, len(candidates), _PAGE):
        page = candidates[start : start + _PAGE]
        runs = instance.get_runs(dg.RunsFilter(tags={"dagster/partition": [arrival.task_id for arrival in page]}))
        tried = {run.tags["dagster/partition"] for run in runs}
        chosen += [arrival for arrival in page if arrival.task_id not in tried]
        if len(chosen) >= room:
            break
    return chosen[: max(0, room)]


def _without_trace(
    found: Look, exports: Exports, instance: dg.DagsterInstance, loaded: dg.AssetKey, registered: frozenset[str]
) -> list[str]:
    """Partitions of exports that were taken away again before anything was read of them; their links go, too.

    A file that was refused makes the assets red. Somebody who removes it, to put a better copy there, is done with it.
    """
    here = {arrival.task_id for arrival in found.arrivals}
    links = {name: link for name, link in exports.links_to_nothing().items() if name in registered - here}
    if not links or found.waiting:  # what waits may be the same export under another name
        return []
    read = instance.get_materialized_partitions(dg.AssetKey([*loaded.path[:-1], EXTRACT.asset]))
    gone = sorted(links.keys() - read)
    for task_id in gone:
        links[task_id].unlink()
    return gone


def _nothing(found: Look) -> str:
    """Why there is nothing to do, for the person who looks at the sensor."""
    reasons = [f"{len(found.arrivals)} exports, each loaded or tried"]
    if growing := len(found.waiting) - len(found.reading):
        reasons.append(f"{growing} may still be growing")
    if found.reading:
        reasons.append(f"{len(found.reading)} being read")
    if found.unreadable:
        reasons.append(f"{len(found.unreadable)} cannot be read")
    return "; ".join(reasons)
