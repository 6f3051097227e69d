"""How cost grows: ``python -m benchmarks.large`` loads ever larger exports, from 100,000 messages to 10 GB.

With all sizes it takes an hour, and 100 GB of disk. Every export is loaded once; the exit code is 1 if memory or time
is more than it must be.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.children import Usage
from benchmarks.rounds import Bench, run_phase
from benchmarks.server import Server, server
from skype_assets.etl.phases import PHASES
from skype_assets.etl.sample import write_sample


@dataclass(frozen=True)
class Size:
    """An export: its messages, the number of its conversations if not as usual, and how many processes load it."""

    messages: int
    conversations: int | None = None
    workers: int = 2


SIZES: Final[Mapping[str, Size]] = {
    "0.1 M": Size(100_000),
    "1 M": Size(1_000_000),
    "6 M": Size(6_000_000),
    "6 M, 1 worker": Size(6_000_000, workers=1),
    "6 M in one conversation": Size(6_000_000, 1),
    "1 GB": Size(2_120_000),
    "10 GB": Size(21_200_000),
}

MEMORY_MB: Final = 400
MEMORY_GROWTH: Final = 1.1
"""Of the largest size compared with the million: an aim."""
TIME_GROWTH: Final = 12
"""Of 10 GB compared with 1 GB."""
SIDE_BY_SIDE: Final = 0.7
"""Wall time of 6 million messages with two workers, compared with one."""

Sizes = Mapping[str, Mapping[str, Usage]]
"""What the phases have used, by size."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large", description=__doc__)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES), help="which (default: all)")
    parser.add_argument("--folder", type=Path, help="for exports, checkpoints and database (default: temporary)")
    parser.add_argument("--json", type=Path, help="where the figures go")
    options = parser.parse_args()
    used: dict[str, dict[str, Usage]] = {}
    print(_row("export", *(f"{phase}, CPU s" for phase in PHASES), "wall s", "MB of a process", "MB of all"))
    print(_row(*["---"] * 7))
    with tempfile.TemporaryDirectory(prefix="skype-bench-", dir=options.folder) as folder, server(Path(folder)) as on:
        for name in options.sizes:
            used[name] = load(SIZES[name], Path(folder), on)
            print(_row(name, *_figures(used[name])), flush=True)
    if options.json:
        figures = {name: {phase: asdict(usage) for phase, usage in phases.items()} for name, phases in used.items()}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    missed = list(too_much(used))
    print("\n".join(f"MISSED: {what}" for what in missed) or "passed")
    for what in more_than_aimed_at(used):
        print(f"aim missed: {what}")
    return int(bool(missed))


def load(size: Size, folder: Path, on: Server) -> dict[str, Usage]:
    """Write an export, run the phases, remove everything."""
    export = folder / "export.tar"
    export.unlink(missing_ok=True)
    write_sample(export, messages=size.messages, conversations=size.conversations, oddities=False)
    on.fresh_database("large")
    bench = Bench(folder, on, export, export, export, folder / "output")
    used = {phase: run_phase(bench, phase, "large", size.workers) for phase in PHASES}
    shutil.rmtree(bench.output)
    return used


def too_much(used: Sizes) -> Iterator[str]:
    """What is more than it must be, as far as it was measured."""
    for name, phases in used.items():
        if _memory(phases) > MEMORY_MB:
            yield f"{name}: {_memory(phases):.0f} MB in one process; it must be {MEMORY_MB} at most"
    wall = {name: sum(usage.wall for usage in phases.values()) for name, phases in used.items()}
    for name, of, most in (("10 GB", "1 GB", TIME_GROWTH), ("6 M", "6 M, 1 worker", SIDE_BY_SIDE)):
        if {name, of} <= wall.keys() and wall[name] > most * wall[of]:
            yield f"{name} takes {wall[name] / wall[of]:.2f} times as long as {of}; it must be {most} at most"


def more_than_aimed_at(used: Sizes) -> Iterator[str]:
    """What grows more than it should, as far as it was measured."""
    most = max(map(_memory, used.values()))
    if "1 M" in used and most > MEMORY_GROWTH * _memory(used["1 M"]):
        yield f"memory grows from {_memory(used['1 M']):.0f} MB to {most:.0f} MB"


def _memory(phases: Mapping[str, Usage]) -> float:
    """The most that one process had in any phase, in MB."""
    return max(usage.memory_mb for usage in phases.values())


def _figures(phases: Mapping[str, Usage]) -> Sequence[str]:
    usages = list(phases.values())
    return [
        *(f"{usage.cpu:.1f}" for usage in usages),
        f"{sum(usage.wall for usage in usages):.1f}",
        f"{_memory(phases):.0f}",
        f"{max(usage.memory_sum_mb for usage in usages):.0f}",
    ]


def _row(*cells: Any) -> str:
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
