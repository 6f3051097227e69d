"""Scripts at a running Dagster: what docs/ci.md says about launching, terminating and re-executing."""

import time
from pathlib import Path

from skype_assets.etl.database.session import Session
from skype_assets.etl.sample import write_sample
from skype_assets.registration import register
from tests.dagster.live import dev

MALFORMED = ["../x", "/etc", "..%2f", "a/b", "a" * 300]


def test_a_terminated_run_stops_within_seconds_and_goes_on_from_failure(workspace: Path, postgres_url: str) -> None:
    write_sample(workspace / "ann.tar", messages=60_000, seed=7)
    task_id = register(workspace / "ann.tar")
    with dev(workspace, {"SKYPE_INBOX": "off"}) as running:
        assert running.addresses() == {"127.0.0.1"}
        first = running.launch(task_id)
        running.wait(lambda: "transformed_tables" in {step["stepKey"] for step in running.run(first)["stepStats"]})
        asked = time.monotonic()
        running.terminate(first)
        assert running.ended(first)["status"] == "CANCELED"
        assert time.monotonic() - asked < 20

        again = running.reexecute_from_failure(first)
        assert running.ended(again)["status"] == "SUCCESS"
        assert [step["stepKey"] for step in running.run(again)["stepStats"]] == [
            "transformed_tables",
            "loaded_database",
        ]
    with Session(postgres_url) as session:
        seen, loaded, status = session.rows("SELECT messages_seen, messages_loaded, status FROM skype.exports")[0]
    assert (seen, status) == (60_000, "complete")
    assert loaded > 50_000


def test_a_partition_key_that_is_no_task_id_reaches_no_file_through_graphql(workspace: Path) -> None:
    with dev(workspace, {"SKYPE_INBOX": "off"}) as running:
        outside = sorted(workspace.parent.iterdir())
        runs = [running.launch(key) for key in MALFORMED]
        assert [running.ended(run)["status"] for run in runs] == ["FAILURE"] * len(MALFORMED)
        assert [running.run(run)["stepStats"][0]["stepKey"] for run in runs] == ["raw_export"] * len(MALFORMED)
        assert not (workspace / "output").exists()
        assert sorted(workspace.parent.iterdir()) == outside
