"""The quick campaign: a sample of every test, each in a process of its own; ``make faults`` does the rest."""

from collections.abc import Callable
from pathlib import Path

import pytest

from skype_assets.etl.crash_points import OF_RUNS
from tests.faults.sampled import Results, sampled

MOST_SECONDS = 400
PLANTED = 12

Campaign = Callable[[str], Results]


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    """Runs one test of the quick campaign."""

    def run(test: str) -> Results:
        return sampled("tests.faults", test, tmp_path, MOST_SECONDS)

    return run


def test_t1_a_run_that_was_killed_at_any_instant_ends_like_an_uninterrupted_one(campaign: Campaign) -> None:
    campaign("T1")


def test_t2_every_crash_point_is_reached_and_none_of_them_does_harm(campaign: Campaign) -> None:
    # Those of upgrades are reached with what an earlier release left: tests/upgrades/test_interrupted.py; those of
    # repairs where rows were altered: tests/engine/test_repairing.py.
    assert set(campaign("T2")["points"]) == set(OF_RUNS)


def test_t3_whatever_call_to_the_system_fails_a_save_leaves_the_old_or_the_new_state(campaign: Campaign) -> None:
    campaign("T3")


def test_t5_damaged_checkpoints_are_made_again_or_refused_and_never_loaded(campaign: Campaign) -> None:
    campaign("T5")


def test_t6_a_server_that_goes_away_leaves_whole_parts_and_doubles_nothing(campaign: Campaign) -> None:
    campaign("T6")


def test_t7_one_attempt_wins_and_the_one_that_wakes_up_changes_nothing(campaign: Campaign) -> None:
    campaign("T7")


def test_t8_a_full_disk_costs_nothing_but_time(campaign: Campaign) -> None:
    campaign("T8")


def test_t9_a_damaged_export_is_refused_or_accounted_for_to_the_last_object(campaign: Campaign) -> None:
    campaign("T9")


def test_t13_the_surroundings_do_not_show_in_the_database(campaign: Campaign) -> None:
    campaign("T13")


def test_t18_a_signal_ends_a_command_at_any_instant_and_does_no_harm(campaign: Campaign) -> None:
    campaign("T18")


def test_t19_in_whatever_surroundings_a_load_is_right_or_refused_by_name(campaign: Campaign) -> None:
    assert campaign("T19")["faults"] >= 12


def test_t19_a_database_that_was_restored_gets_what_it_lacks_or_is_refused(campaign: Campaign) -> None:
    campaign("T19 restores")


def test_t17_the_campaign_catches_every_planted_bug(campaign: Campaign) -> None:
    assert len(campaign("T17")["points"]) >= PLANTED
