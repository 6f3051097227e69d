"""A signal at any instant ends a command, with one line or none, and the exit code of its number."""

import random
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.command_line.signals import begin, has_ended_well, interrupted

INSTANTS = 60
FIRST_SECONDS = 0.6
AT_ONCE = 4

# A command whose child or server is ended by the signal as well, and that fails or is done by it before the signal has
# ended the command.
ENDS_BY_IT = """
import os, signal, sys, threading, time
from skype_assets.etl import interruption
interruption.listen()
import click
from skype_assets.etl.command_line.group import Commands
from skype_assets.etl.errors import DatabaseError

@click.group(cls=Commands)
def commands(): pass

@commands.command()
def start():
    is_gone = threading.Event()
    with interruption.at_the_end(lambda: (is_gone.set(), time.sleep(0.2))):
        os.kill(os.getpid(), signal.SIGTERM)
        is_gone.wait()
        if sys.argv[1] == "fails":
            raise DatabaseError("the server does not start")

try:
    commands(["start"])
finally:
    interruption.listen_no_more()
"""
CODES = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def test_whenever_a_command_is_interrupted_in_its_first_moments_it_says_no_more_than_a_line(
    workplace: Path, sample_tar: Path
) -> None:
    rng = random.Random(1)
    commands: list[Sequence[object]] = [("--help",), ("status",), ("run", sample_tar)]
    cases = [(rng.choice(commands), rng.choice(CODES), rng.uniform(0, FIRST_SECONDS)) for _ in range(INSTANTS)]

    def one(case: tuple[Sequence[object], signal.Signals, float]) -> str | None:
        command, number, seconds = case
        ended = interrupted(command, number, seconds, cwd=workplace)
        return None if has_ended_well(ended, number) else f"{case}: {ended}"

    with ThreadPoolExecutor(AT_ONCE) as threads:
        assert [wrong for wrong in threads.map(one, cases) if wrong] == []


@pytest.mark.parametrize("number", CODES)
def test_a_signal_that_a_command_was_started_to_ignore_is_ignored(number: signal.Signals, workplace: Path) -> None:
    command = begin(("sample", "ignored.tar"), cwd=workplace, ignored=number)
    command.send_signal(number)
    out, err = command.communicate(timeout=120)
    assert (command.returncode, "interrupted" in err) == (0, False), out + err
    assert (workplace / "ignored.tar").exists()


@pytest.mark.parametrize("how", ["fails", "is done"])
def test_what_fails_or_is_done_by_a_signal_ends_with_its_code(how: str) -> None:
    ended = subprocess.run([sys.executable, "-c", ENDS_BY_IT, how], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGTERM, "interrupted\n")


def test_what_a_command_has_begun_to_write_is_gone_when_it_is_interrupted(workplace: Path) -> None:
    command = begin(("sample", "half.tar", "--messages", 200_000), cwd=workplace)
    _wait_for(lambda: (workplace / "half.tar.partial").exists(), command)
    command.send_signal(signal.SIGHUP)
    _, err = command.communicate(timeout=60)
    assert (command.returncode, err.splitlines()[-1]) == (129, "interrupted")
    assert not list(workplace.glob("half*"))


@pytest.mark.parametrize("number", CODES)
def test_a_second_signal_ends_what_the_first_one_left_its_time(number: signal.Signals, tmp_path: Path) -> None:
    """An attempt that does not ask whether it was interrupted."""
    program = (
        "import sys, time\n"
        "from skype_assets.etl import interruption\n"
        "interruption.listen()\n"
        "interruption.PATIENCE = 60\n"
        "with interruption.gently():\n"
        "    print('begun', flush=True)\n"
        "    time.sleep(600)\n"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert command.stdout
    assert command.stdout.readline() == "begun\n"
    command.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        command.wait(1)
    command.send_signal(number)
    _, err = command.communicate(timeout=60)
    assert (command.returncode, err) == (130, "interrupted\n")


def _wait_for(holds: Callable[[], bool], command: "subprocess.Popen[str]") -> None:
    while not holds():
        assert command.poll() is None, command.communicate()
