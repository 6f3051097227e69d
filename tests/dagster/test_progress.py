from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from skype_assets.definitions import defs
from skype_assets.etl import engine
from skype_assets.etl.engine.journal import Progress
from skype_assets.etl.task import Settings, Task
from skype_assets.etl.tasks.pace import Pacer
from skype_assets.registration import register
from skype_assets.shown import progress
from skype_assets.shown.progress import MOST_EVENTS, Observations, sentence


class Step:
    """As much of a step's context as progress is told to."""

    asset_key = dg.AssetKey("loaded_database")
    partition_key = "ann-1"

    def __init__(self) -> None:
        self.told: list[dg.AssetObservation] = []

    def log_event(self, event: Any) -> None:
        self.told.append(event)


def _watch(words: list[Progress], seconds_between: float) -> list[dict[str, Any]]:
    step, now = Step(), [0.0]
    observations = Observations(step, lambda: now[0])  # pyright: ignore[reportArgumentType]
    for word in words:
        observations(word)
        now[0] += seconds_between
    return [{name: value.value for name, value in event.metadata.items()} for event in step.told]


def test_progress_has_parts_amounts_rate_and_remaining_time() -> None:
    told = _watch([Progress("load", 100 * n, 1_000, "messages", n, 10) for n in range(11)], seconds_between=10.0)
    assert told[0] == {
        "percent": 10,
        "parts_done": 1,
        "parts_total": 10,
        "messages_done": 100,
        "messages_total": 1_000,
        "messages_per_second": 10,
        "remaining_seconds": 90.0,
    }


def test_a_resumed_phase_says_first_what_was_done_before_and_never_goes_back() -> None:
    told = _watch([Progress("load", 100 * n, 1_000, "messages", n, 10) for n in range(4, 11)], seconds_between=10.0)
    assert told[0]["percent"] == 40
    assert "messages_per_second" not in told[0]
    percents = [figures["percent"] for figures in told]
    assert percents == sorted(percents)
    assert {figures["messages_per_second"] for figures in told[1:]} == {10}


def test_events_are_few_however_many_parts_there_are() -> None:
    told = _watch([Progress("load", n, 100_000, "messages", n, None) for n in range(100_000)], seconds_between=1.0)
    assert 20 < len(told) <= MOST_EVENTS


def test_a_step_that_is_soon_over_has_none() -> None:
    assert _watch([Progress("load", n, 10, "messages", n, 10) for n in range(11)], seconds_between=0.1) == []


def test_the_sentence_says_what_the_figures_say() -> None:
    pacer = Pacer(iter([0.0, 10.0]).__next__)
    pacer.pace("transform", 0, 1_000)
    word = Progress("transform", 250, 1_000, "messages", 1, 4)
    assert (
        sentence(word, pacer.pace("transform", 250, 1_000))
        == "transform: 25 %, 1 of 4 parts, 250 of 1,000 messages, 25/s, 30 s remaining"
    )


def test_what_follows_the_last_part_is_told_when_it_begins_in_place_of_a_rate() -> None:
    words = [Progress("load", 0, 1_500, "messages", 0, 1, 500), Progress("load", 1_000, 1_500, "messages", 1, 1, 500)]
    words += [Progress("load", 1_000, 1_500, "messages", 1, 1, 500, doing) for doing in ("indexes", "digests")]
    told = _watch(words, seconds_between=4.0)
    assert [figures["doing"] for figures in told] == ["indexes", "digests"]
    assert told[0]["percent"] == 66
    assert (told[0]["messages_done"], told[0]["messages_total"]) == (1_000, 1_000)
    assert "messages_per_second" not in told[0]
    pacer = Pacer(iter([0.0, 10.0]).__next__)
    pacer.pace("load", 0, 1_500)
    assert (
        sentence(words[-1], pacer.pace("load", 1_000, 1_500))
        == "load: 66 %, 1 of 1 parts, 1,000 of 1,000 messages, digests, 5 s remaining"
    )


def test_observations_are_at_the_asset_and_the_partition_while_it_is_made(
    workspace: Path, sample_tar: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "FIRST_SECONDS", 0.0)
    task_id = register(sample_tar, instance=instance)
    engine.run_phase(Task(task_id, Path("output"), sample_tar, settings=Settings(chunk_size=100)), "extract")
    job = defs.resolve_job_def("load_export")
    monkeypatch.setattr(progress.Observations.__init__, "__defaults__", (iter(range(0, 10_000, 100)).__next__,))
    assert job.execute_in_process(instance=instance, partition_key=task_id).success
    records = instance.fetch_observations(dg.AssetKey("transformed_tables"), limit=100).records
    told = [record.event_log_entry.asset_observation for record in reversed(records)]
    assert {event.partition for event in told if event} == {task_id}
    parts = [(event.metadata["parts_done"].value, event.metadata["parts_total"].value) for event in told if event]
    assert parts == sorted(parts)
    assert parts[-1] == (4, 4)
