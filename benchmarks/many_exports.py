"""Many small exports through the inbox sensor: time per export, growth of the event log, response of the web UI.

    python -m benchmarks.many_exports --exports 1000 --folder many

Starts ``skype-assets dev`` in the folder, as a person would, and waits until every export is loaded. Both databases are
those of the environment (SKYPE_DATABASE_URL, DAGSTER_POSTGRES_URL); without these, the embedded server in the folder.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from skype_assets.etl.postgres.embedded import EmbeddedServer
from skype_assets.etl.sample import write_sample
from tests.dagster.live import Dev, dev

ROOT = Path(__file__).parents[1]

_PAGES = {
    "runs": """{ runsOrError(limit: 25) { ... on Runs {
        results { runId status startTime endTime tags { key value } } } } }""",
    "asset": """{ assetNodeOrError(assetKey: {path: ["loaded_database"]}) { ... on AssetNode {
        assetMaterializations(limit: 1) { timestamp metadataEntries { label } }
        partitionStats { numPartitions numMaterialized numFailed } } } }""",
    "partitions": """{ assetNodeOrError(assetKey: {path: ["loaded_database"]}) { ... on AssetNode {
        assetPartitionStatuses { ... on DefaultPartitionStatuses { materializedPartitions failedPartitions } } } } }""",
}


def main() -> None:
    """Run it and print what was measured, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exports", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=200, help="messages in each")
    parser.add_argument("--folder", type=Path, default=Path("many_exports"), help="must not exist")
    given = parser.parse_args()
    folder = given.folder.absolute()
    folder.mkdir(parents=True)
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(ROOT / name, folder)
    os.chdir(folder)
    Path("exports").mkdir()
    for number in range(given.exports):
        name, owner = f"exports/export_{number:05}.tar", f"8:live:person.{number:05}"
        write_sample(Path(name), messages=given.messages, seed=number, owner=owner)
    dagster, tables = _databases()
    with dev(folder, {"SKYPE_INBOX": "on", "PYTHONPATH": str(ROOT)}) as running:
        before, cpu = _size(dagster), _cpu()
        _wait(dagster, given.exports)
        used = _cpu() - cpu
        report = {
            "exports": given.exports,
            "messages_each": given.messages,
            **_runs(dagster),
            "busy_cpu_seconds_per_export": round(used / given.exports, 2),
            **_loaded(tables),
            "event_log_bytes_per_export": round((_size(dagster) - before) / given.exports),
            "ui_milliseconds": _response(running),
        }
    print(json.dumps(report, indent=2))


def _databases() -> tuple[str, str]:
    if "DAGSTER_POSTGRES_URL" in os.environ:
        return os.environ["DAGSTER_POSTGRES_URL"], os.environ["SKYPE_DATABASE_URL"]
    server = EmbeddedServer()
    server.start()
    return server.url("dagster"), server.url("skype")


def _wait(dagster: str, exports: int) -> None:
    last = (-1, 0.0)
    while True:
        done = _one(dagster, "SELECT count(*) FROM runs WHERE status IN ('SUCCESS', 'FAILURE', 'CANCELED')")
        if done != last[0]:
            last = (done, time.monotonic())
        if done >= exports:
            return
        if time.monotonic() - last[1] > 600:
            sys.exit(f"only {done} of {exports} are done, and nothing has happened for ten minutes")
        time.sleep(2)


def _runs(dagster: str) -> dict[str, object]:
    seconds = _one(dagster, "SELECT max(end_time) - min(start_time) FROM runs")
    count, distinct = (_one(dagster, f"SELECT count({what}) FROM runs") for what in ("*", "DISTINCT partition"))
    failed = _one(dagster, "SELECT count(*) FROM runs WHERE status <> 'SUCCESS'")
    return {
        "runs": count,
        "exports_run": distinct,
        "runs_failed": failed,
        "seconds_per_export": round(seconds / count, 2),
        "events_per_export": round(_one(dagster, "SELECT count(*) FROM event_logs") / count),
    }


def _loaded(tables: str) -> dict[str, object]:
    complete = "SELECT count(*) FROM skype.exports WHERE status = 'complete'"
    return {"exports_loaded": _one(tables, complete), "messages": _one(tables, "SELECT count(*) FROM skype.messages")}


def _response(running: Dev) -> dict[str, int]:
    """Median of what the web server takes to answer the questions of three pages."""
    found: dict[str, int] = {}
    for page, query in _PAGES.items():
        taken = []
        for _ in range(5):
            began = time.perf_counter()
            running.query(query)
            taken.append(time.perf_counter() - began)
        found[page] = round(1000 * statistics.median(taken))
    return found


def _size(url: str) -> int:
    return _one(url, "SELECT pg_total_relation_size('event_logs')")


def _cpu() -> float:
    """Seconds that the machine's processors were busy, whatever with."""
    times = psutil.cpu_times()
    return times.user + times.system


def _one(url: str, query: str) -> Any:
    with closing(psycopg2.connect(url.replace("+psycopg2", ""))) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        (value,) = cursor.fetchone() or (None,)
        return value


if __name__ == "__main__":
    main()
