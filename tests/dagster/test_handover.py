"""The asset that hands over: there only if somebody wants it, and then behind the three."""

import json
from pathlib import Path

import dagster as dg
import pytest

from skype_assets.definitions import build_defs
from skype_assets.etl.errors import UsageError
from skype_assets.registration import register

JOB = "load_export"


def keys(defs: dg.Definitions) -> list[str]:
    return sorted(spec.key.to_user_string() for spec in defs.resolve_all_asset_specs())


def test_it_is_off_unless_the_environment_or_the_caller_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    three = ["loaded_database", "raw_export", "transformed_tables"]
    assert keys(build_defs()) == three
    assert keys(build_defs(handover="text", key_prefix="chats")) == sorted(f"chats/{n}" for n in ("handover", *three))
    monkeypatch.setenv("SKYPE_HANDOVER", "rsmf")
    assert keys(build_defs()) == sorted(["handover", *three])
    with pytest.raises(UsageError, match="no format"):
        build_defs(handover="pdf")


def test_with_it_the_job_leaves_the_account_of_each_export_as_files(
    workspace: Path, sample_tar: Path, instance: dg.DagsterInstance
) -> None:
    task_id = register(sample_tar, instance=instance)
    job = build_defs(handover="rsmf").resolve_job_def(JOB)
    for _ in range(2):  # the second time what is there is replaced
        done = job.execute_in_process(partition_key=task_id, instance=instance)
        assert done.success
        (made,) = done.asset_materializations_for_node("handover")
        folder = workspace / "handed" / task_id
        document = json.loads((folder / "selection.json").read_text())
        assert made.metadata["messages"].value == document["selection"]["messages"] > 250
        assert made.metadata["events"].value == made.metadata["messages"].value
        assert list(folder.glob("*.rsmf"))
