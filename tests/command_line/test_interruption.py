"""Interrupted runs: how they end, what ``status`` says of them, and that the next run goes on."""

import json
import re
import signal
import time
from pathlib import Path

import pytest

from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.directory import Directory
from tests.command_line.conftest import MESSAGES, Invoke, Start

RUN = ("--task-id", "mine", "--chunk-size", 60, "--max-workers", 1, "--no-report")


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_how_to_go_on_and_goes_on(
    start: Start, invoke: Invoke, database: str, workplace: Path, sample_tar: Path, stop: signal.Signals, code: int
) -> None:
    process = start("run", sample_tar, *RUN, "--reset")
    wait_for_parts(workplace / "output" / "mine" / "loaded_database", 4)
    running = json.loads(invoke("status", "mine", "--json").stdout)["mine"]
    process.send_signal(stop)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert out == ""
    assert err.splitlines()[-1] == "interrupted; resume with: skype-assets resume output/etl_checkpoint_mine.json"
    assert "Traceback" not in err

    assert [phase["status"] for phase in running.values()] == ["complete", "complete", "running"]
    interrupted = json.loads(invoke("status", "--json").stdout)["mine"]
    assert [phase["status"] for phase in interrupted.values()] == ["complete", "complete", "interrupted"]
    before = interrupted["load"]["percent"]
    assert 0 < before < 100

    resumed = invoke("run", sample_tar, *RUN)
    assert resumed.exit_code == 0
    begun = re.search(r"load: starts at (\d+) %", resumed.stderr)
    assert begun
    assert int(begun[1]) == before
    assert "transform: complete, from checkpoint" in resumed.stderr
    assert re.search(rf"^load .* {before} % from checkpoint$", resumed.stdout, re.MULTILINE)
    assert all(int(share) <= 100 for share in re.findall(r"(\d+) %", resumed.stderr))
    account = json.loads(invoke("run", sample_tar, *RUN, "--json").stdout)["conservation"]
    assert account["seen"] == MESSAGES


def wait_for_parts(phase: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state = states.read(Directory(phase))
        if state is not None and len(state.parts) >= count:
            assert state.status == "running"
            return
        time.sleep(0.01)
    raise AssertionError(f"no {count} parts in {phase}")
