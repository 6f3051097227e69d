"""A sample of the campaign over a store that machines share; ``make faults-distributed`` does the rest."""

from pathlib import Path

import pytest

from tests.faults.sampled import sampled

MOST_SECONDS = 900


@pytest.mark.parametrize("test", ["D1", "D2", "D3", "D4"])
def test_whatever_happens_to_calls_and_machines_the_end_is_that_of_an_undisturbed_run(
    test: str, tmp_path: Path
) -> None:
    sampled("tests.faults.distributed", test, tmp_path, MOST_SECONDS)
