"""What is promised of working copies, over object storage; there, answers are lost besides."""

import pytest

from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.checkpoints import task_log, working_copy
from skype_assets.etl.checkpoints.attempt import Attempt
from tests.checkpoints.machines import Machine, begun, ids_of, log_of, made_part
from tests.checkpoints.test_working_copy import *  # noqa: F403 - what is promised of both
from tests.stores.object_storage import CREDENTIALS, Proxy, once


def test_where_answers_are_lost_nothing_is_lost_or_doubled_and_no_secret_is_written(
    proxy: Proxy, machine: Machine, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the first of all writes of each kind."""
    plans = [once("answer lost", "PUT", ending) for ending in ("0.json", "1.json", "2.json", "3.json", ".parquet")]
    proxy.plan = lambda method, path: next((fault for plan in plans if (fault := plan(method, path))), None)
    monkeypatch.setattr(task_log, "LEASE_SECONDS", 60.0)
    first, second = machine("first"), machine("second")
    attempt = Attempt.take(first)
    checkpoint = begun(attempt, first)
    checkpoint.record(made_part(checkpoint, 0, [1]))
    checkpoint.complete(made_part(checkpoint, 1, [2]))
    attempt.release()
    assert [entry.kind for entry in log_of(first)] == ["take", *["commit"] * 4, "release"]
    working_copy.refresh(second.path.parent)
    assert ids_of(second) == [1, 2]
    store = stores.opened(store_url)
    written = [store.get(entry.name) for entry in store.entries("")]
    assert not any(secret.encode() in data for data in written for secret in CREDENTIALS.values())
