"""A sample of the campaign over a store that machines share; ``make faults-distributed`` does the rest."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

MOST_SECONDS = 900


@pytest.mark.parametrize("test", ["D1", "D2", "D3", "D4"])
def test_whatever_happens_to_calls_and_machines_the_end_is_that_of_an_undisturbed_run(
    test: str, tmp_path: Path
) -> None:
    found = tmp_path / "results.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.distributed", "--quick", "--only", test, "--json", found],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    assert found.exists(), done.stdout + done.stderr
    results = json.loads(found.read_text())[test]
    assert results["wrong"] == []
    assert results["faults"] > 0
