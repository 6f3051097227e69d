"""Where the time goes: a picture per phase, ``python -m benchmarks.profile docs/images``.

A timer interrupts the phase; the CPU seconds since the interrupt before, of this process and of the server, go to the
function of this project that is then at work, whatever it has called. So a long call into Arrow or to the server
counts in full, and a busy machine does not distort the picture.
"""

import argparse
import re
import signal
import tempfile
import time
from collections import defaultdict
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from html import escape
from pathlib import Path
from types import FrameType
from typing import Final

from benchmarks.rounds import PROJECT
from benchmarks.server import Server, server
from skype_assets.etl import engine
from skype_assets.etl.phases import PHASES
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Settings, Task

Profile = dict[str, list[float]]
"""By function: CPU seconds of the client and of the server."""

_INTERVAL: Final = 0.01
_LIBRARY: Final = str(PROJECT / "skype_assets" / "etl")
_INNER: Final = re.compile(r"\.<(locals|listcomp|genexpr|dictcomp|setcomp|lambda)>")
_CARRIERS: Final = ("database.session.", "checkpoints.parts._HashingSink")
"""What only hands on to the server or the disk: its time is its caller's."""
_BARS: Final = 14
_WIDTH, _NAMES, _ROW = 920, 330, 22
_CLIENT, _SERVER = "#3b6ea5", "#c58b3f"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--messages", type=int, default=100_000, help="of the export (default: %(default)s)")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="skype-bench-") as folder, server(Path(folder)) as used:
        export = Path(folder) / "export.tar"
        write_sample(export, messages=options.messages, oddities=False)
        database = used.fresh_database("profile")
        task = Task("bench", Path(folder) / "output", export, database, Settings(max_workers=1))
        for phase in PHASES:
            with profiled(used) as profile:
                engine.run_phase(task, phase)
            title = f"{phase}, {options.messages:,} messages, 1 process"
            (options.folder / f"profile-{phase}.svg").write_text(picture(title, profile), encoding="utf-8")


@contextmanager
def profiled(meter: Server) -> Generator[Profile]:
    """Profile a block; the profile is filled when it ends."""
    found: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    last = (time.process_time(), meter.cpu_seconds())

    def charge(_: int, frame: FrameType | None) -> None:
        nonlocal last
        client, on_server = time.process_time(), meter.cpu_seconds()
        used = found[_function(frame)]
        used[0] += client - last[0]
        used[1] += on_server - last[1]
        last = (time.process_time(), on_server)  # what it took to look is nobody's
        signal.setitimer(signal.ITIMER_REAL, _INTERVAL)

    before = signal.signal(signal.SIGALRM, charge)
    signal.setitimer(signal.ITIMER_REAL, _INTERVAL)
    try:
        yield found
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _function(frame: FrameType | None) -> str:
    """The innermost function of the library that is about something: its module and name."""
    while frame:
        if frame.f_code.co_filename.startswith(_LIBRARY):
            module = frame.f_globals["__name__"].removeprefix("skype_assets.etl.")
            function = f"{module}.{_INNER.sub('', frame.f_code.co_qualname)}"
            if not function.startswith(_CARRIERS):
                return function
        frame = frame.f_back
    return "elsewhere"


def picture(title: str, profile: Mapping[str, list[float]]) -> str:
    """The functions that use the most, as bars in an SVG."""
    total = sum(map(sum, profile.values()))
    ranked = sorted(profile.items(), key=lambda entry: -sum(entry[1]))
    bars = [*ranked[:_BARS], ("all others", [sum(used[side] for _, used in ranked[_BARS:]) for side in (0, 1)])]
    scale = (_WIDTH - _NAMES - 70) / max(sum(used) for _, used in bars)
    height = 60 + _ROW * len(bars)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" font-family="sans-serif" '
        'font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="10" y="22" font-weight="bold">{escape(title)}: {total:.1f} s of CPU</text>',
        f'<rect x="{_WIDTH - 190}" y="11" width="12" height="12" fill="{_CLIENT}"/>',
        f'<text x="{_WIDTH - 172}" y="22">this process</text>',
        f'<rect x="{_WIDTH - 80}" y="11" width="12" height="12" fill="{_SERVER}"/>',
        f'<text x="{_WIDTH - 62}" y="22">server</text>',
    ]
    for row, (name, (client, on_server)) in enumerate(bars):
        top = 40 + _ROW * row
        middle = _NAMES + client * scale
        lines += [
            f'<text x="{_NAMES - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{_NAMES}" y="{top + 3}" width="{client * scale:.1f}" height="{_ROW - 6}" fill="{_CLIENT}"/>',
            f'<rect x="{middle:.1f}" y="{top + 3}" width="{on_server * scale:.1f}" height="{_ROW - 6}" '
            f'fill="{_SERVER}"/>',
            f'<text x="{middle + on_server * scale + 6:.1f}" y="{top + 14}">'
            f"{100 * (client + on_server) / total:.1f} %</text>",
        ]
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    main()
