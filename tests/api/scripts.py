"""Scripts in processes of their own: as a user writes them, and as a kill finds them."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.api.conftest import CHUNK_SIZE, Place

ROOT = Path(__file__).parents[2]

KILLED = -9

# Ends its process by SIGKILL when so many parts of a phase are recorded; `stop` only stops it.
_ENDING = """
import os, signal, sys
from skype_assets import ETLPipeline

def end(signal_number):
    def observe(progress):
        if (progress.phase, progress.parts) == ({phase!r}, {parts}):
            os.kill(os.getpid(), signal_number)
    return observe

pipeline = ETLPipeline({config!r}, {output_dir!r}, task_id="t", chunk_size={chunk_size}, max_workers=1,
                       observer=end(signal.{signal}))
pipeline.run_pipeline({export!r})
"""


def start(script: str, folder: Path, **environment: str) -> "subprocess.Popen[str]":
    """Start a script in a folder."""
    folder.mkdir(exist_ok=True)
    file = folder / f"script_{len(list(folder.glob('script_*')))}.py"
    file.write_text(textwrap.dedent(script))
    return subprocess.Popen(
        [sys.executable, file],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(script: str, folder: Path, **environment: str) -> str:
    """Run a script that must end well; what it wrote to stdout."""
    process = start(script, folder, **environment)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def ending(place: Place, phase: str, parts: int, signal: str, config: object = None) -> str:
    """The script of a pipeline that gets a signal in a phase."""
    return _ENDING.format(
        phase=phase,
        parts=parts,
        config=config or place.url,
        output_dir=str(place.output_dir),
        export=str(place.export),
        chunk_size=CHUNK_SIZE,
        signal=signal,
    )


def kill_in(place: Place, phase: str, parts: int = 2, config: object = None) -> str:
    """Run a pipeline until SIGKILL finds it in a phase; what it wrote to stderr."""
    process = start(ending(place, phase, parts, "SIGKILL", config), place.output_dir.parent / "scripts")
    out, err = process.communicate(timeout=120)
    assert process.returncode == KILLED, (out, err)
    return err
