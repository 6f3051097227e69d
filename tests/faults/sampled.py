"""A test of a quick campaign, run as a command, for the tests that are part of every run."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

Results = dict[str, Any]


def sampled(module: str, test: str, folder: Path, most_seconds: float) -> Results:
    """What came of a test of a module's campaign, with its sample of faults; nothing was wrong."""
    found = folder / "results.json"
    done = subprocess.run(
        [sys.executable, "-m", module, "--quick", "--only", test, "--json", found],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=most_seconds,
        check=False,
    )
    assert found.exists(), done.stdout + done.stderr
    results: Results = json.loads(found.read_text())[test]
    assert results["wrong"] == []
    assert results["faults"] > 0
    return results
