"""An upgrade that is killed at any instant is taken up again, and ends like one that was not."""

import os
from collections.abc import Callable
from random import Random

import pytest

from skype_assets.etl.crash_points import OF_RUNS, OF_UPGRADES
from tests.engine.database_content import Digests, digests
from tests.upgrades.conftest import RELEASES, Leaves

KILLS = int(os.environ.get("SKYPE_TEST_KILLS") or 6)
# Of the statements of an upgrade the first ones, some, and one that is late; of a merge every task's first.
HITS = {"upgrade statement done": (1, 2, 8, 14), "left-over rows removed": (1, 1, 1)}


@pytest.mark.parametrize("release", RELEASES)
def test_killed_at_every_point_of_an_upgrade_it_ends_the_same(
    release: str, left_by: Leaves, loaded_now: Callable[[str], Digests]
) -> None:
    left = left_by(release)
    for point in (*OF_UPGRADES[:3], "part merged", *OF_UPGRADES[3:], "load finished"):
        for hit in HITS.get(point, (1,)):
            assert left.run_and_be_killed_at(point, hit), f"{point} is not reached"
    left.run()
    assert digests(left.url) == loaded_now(release)


@pytest.mark.parametrize("release", RELEASES)
def test_killed_at_random_again_and_again_it_ends_the_same(
    release: str, left_by: Leaves, loaded_now: Callable[[str], Digests]
) -> None:
    rng, kills = Random(18), 0
    of_runs = [point for point in (*OF_RUNS, *OF_UPGRADES) if "unload" not in point]
    while kills < KILLS:
        left = left_by(release)
        while kills < KILLS and left.run_and_be_killed_at(rng.choice(of_runs), rng.randint(1, 12)):
            kills += 1
        left.run()
        assert digests(left.url) == loaded_now(release)
